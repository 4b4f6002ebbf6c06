"""Every refusal of the loader, by the rule that it keeps."""

import pytest

from tokensmith_server.billing.rates import ImageRate, SecondRate, TokenRate
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.loader import CatalogError, Source, build_catalog

TEXT = """
[[models]]
id = "m"
kind = "text"
context_tokens = 1_000
rate = { input = 1, output = 2 }
routes = [{ provider = "openai", model = "up" }]
"""

IMAGE = """
[[models]]
id = "m"
kind = "image"
rate = { image = 1 }
routes = [{ provider = "openai", model = "up" }]
image = { n_max = 1 }
"""

VIDEO = """
[[models]]
id = "m"
kind = "video"
rate = { default_seconds = 5, tiers = [{ second = 1 }] }
routes = [{ provider = "fal", model = "up" }]
video = { seconds = [5, 10] }
"""

MOTION = """
[[models]]
id = "m"
kind = "motion_control"
rate = { default_seconds = 5, tiers = [{ second = 1 }] }
routes = [{ provider = "fal", model = "up" }]

[models.video]
seconds_source = "input_video"
max_input_seconds = 9
motion_control_path = "/v1/a/motioncontrol"
"""


def build(*texts: str) -> Catalog:
    return build_catalog(Source(f"{index}.toml", text) for index, text in enumerate(texts))


def problems_of(*texts: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        build(*texts)
    assert "\n".join(caught.value.problems) in str(caught.value)
    return list(caught.value.problems)


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize("text", [TEXT, IMAGE, VIDEO, MOTION])
def test_the_smallest_model_of_each_kind_is_accepted(text: str) -> None:
    assert list(build(text)) == ["m"]


@pytest.mark.parametrize(
    ("text", "old", "new", "problem"),
    [
        (TEXT, 'kind = "text"', "", "kind: is missing"),
        (TEXT, '"text"', '"audio"', "kind: must be one of text, image, video, motion_control"),
        (TEXT, 'id = "m"', "", "id: must be a non-empty string"),
        (TEXT, 'id = "m"', 'id = "a//b"', "id: must be letters"),
        (TEXT, 'id = "m"', 'id = "a/../b"', "id: must be letters"),
        (TEXT, 'id = "m"', 'id = "a b"', "id: must be letters"),
        (TEXT, "context_tokens = 1_000", "", "context_tokens: is missing"),
        (TEXT, "1_000", "0", "context_tokens: must be a whole number from 1"),
        (TEXT, "1_000", "true", "context_tokens: must be a whole number from 1"),
        (TEXT, "1_000", "1e3", "context_tokens: must be a whole number from 1"),
        (TEXT, "1_000", '"1000"', "context_tokens: must be a whole number from 1"),
        (TEXT, "1_000", "1_000\nfamily = 'x'", "family: must be one of gpt"),
        (TEXT, "1_000", "1_000\nname = ''", "name: must be a non-empty string"),
        (TEXT, "1_000", "1_000\nmax_output_tokens = 0", "max_output_tokens: must be a whole"),
        (TEXT, "1_000", "1_000\ncontext_token = 1", "context_token: unknown key; did you mean"),
        (TEXT, "1_000", "1_000\nimage = {}", "image: unknown key"),
        (TEXT, "1_000", "1_000\nprofile = 'x'", "profile: unknown profile x"),
        (TEXT, "1_000", "1_000\ncapabilities = 1", "capabilities: must be a table"),
        (TEXT, "1_000", "1_000\ncapabilities = { tool = true }", "capabilities.tool: unknown key"),
        (TEXT, "1_000", "1_000\ncapabilities = { tools = 1 }", "tools: must be true or false"),
        (TEXT, "1_000", "1_000\ncapabilities = { stop = 'x' }", "stop: must be one of yes, no"),
        (TEXT, "1_000", "1_000\ncapabilities = { n_max = 129 }", "n_max: must be a whole number"),
        (TEXT, "1_000", "1_000\ncapabilities = { logprobs = 'yes' }", "go together"),
        (TEXT, "1_000", "1_000\ncapabilities = { top_logprobs_max = 5 }", "go together"),
        (
            TEXT,
            "1_000",
            "1_000\ncapabilities = { reasoning_efforts = ['low', 'extreme'] }",
            "reasoning_efforts: must hold each at most once, and only: none, minimal",
        ),
        (
            TEXT,
            "1_000",
            "1_000\ncapabilities = { reasoning_efforts = 'low' }",
            "reasoning_efforts: must be a list",
        ),
        (
            TEXT,
            "1_000",
            "1_000\ncapabilities = { default_reasoning_effort = 'low' }",
            "default_reasoning_effort is not among reasoning_efforts",
        ),
        (
            TEXT,
            "1_000",
            "1_000\ncapabilities = { thinking = 'adaptive' }",
            "thinking adaptive and thinking_levels go together",
        ),
        (
            TEXT,
            "1_000",
            "1_000\ncapabilities = { thinking = 'budget', thinking_levels = ['low'] }",
            "thinking adaptive and thinking_levels go together",
        ),
        (
            TEXT,
            "1_000",
            "1_000\ncapabilities = { signed_tool_calls = 'yes' }",
            "signed_tool_calls: must be true or false",
        ),
        (IMAGE, "image = { n_max = 1 }", "", "image: is missing"),
        (IMAGE, "n_max = 1", "", "image.n_max: is missing"),
        (IMAGE, "n_max = 1", "n_max = 1, size = 1", "image.size: unknown key"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused(
    text: str, old: str, new: str, problem: str
) -> None:
    found = problems_of(changed(text, old, new))
    assert len(found) == 1
    assert problem in found[0]
    assert found[0].startswith("0.toml: models[")


@pytest.mark.parametrize(
    ("text", "old", "new", "problem"),
    [
        (TEXT, "rate = { input = 1, output = 2 }", "", "rate: is missing"),
        (TEXT, "rate = { input = 1, output = 2 }", "rate = 5", "rate: must be a table"),
        (TEXT, "input = 1, ", "", "rate.input: is missing"),
        (TEXT, ", output = 2", "", "rate.output: is missing"),
        (TEXT, "input = 1", "input = 0", "rate.input: must be a positive number"),
        (TEXT, "input = 1", "input = -1", "rate.input: must be a positive number"),
        (TEXT, "input = 1", "input = inf", "rate.input: must be a positive number"),
        (TEXT, "input = 1", "input = nan", "rate.input: must be a positive number"),
        (TEXT, "input = 1", "input = true", "rate.input: must be a number"),
        (TEXT, "input = 1", 'input = "1"', "rate.input: must be a number"),
        (TEXT, "input = 1", "input = 0.5", "rate.input: is not exact"),
        (TEXT, "input = 1", "input = 1e-99999999", "rate.input: has too many decimals"),
        (TEXT, "input = 1", "input = 1e99999999", "rate.input: is too high"),
        (TEXT, "input = 1", "input = 1_000_000_001", "rate.input: is too high"),
        (TEXT, "input = 1", "input = 1, cached_input = -1", "cached_input: must be a positive"),
        (TEXT, "input = 1", "input = 1, inptu = 1", "rate.inptu: unknown key; did you mean input"),
        (IMAGE, "image = 1 ", "", "rate.image: is missing"),
        (IMAGE, "image = 1 ", "image = 0.0000001", "rate.image: is not exact"),
        (IMAGE, "image = 1 ", "image = 1_000_001", "rate.image: is too high"),
        (IMAGE, "image = 1 ", "image = 1, tokens = { input = 1 }", "tokens.output: is missing"),
        (VIDEO, "second = 1 ", "", "tiers[0].second: is missing"),
        (VIDEO, "default_seconds = 5,", "", "rate.default_seconds: is missing"),
        (VIDEO, "default_seconds = 5", "default_seconds = 6", "is not among the seconds on offer"),
        (VIDEO, "[{ second = 1 }]", "[]", "tiers: must hold at least one table"),
        (VIDEO, "[{ second = 1 }]", "[{ second = 1, fps = 1 }]", "tiers[0].fps: unknown key"),
        (VIDEO, "{ second = 1 }", "{ second = 1 }, { second = 2 }", "tier 1 never applies"),
        (VIDEO, "second = 1 ", "second = 1, generate_audio = false", "no tier prices any second"),
    ],
)
def test_a_billable_class_needs_an_exact_positive_price(
    text: str, old: str, new: str, problem: str
) -> None:
    assert any(problem in found for found in problems_of(changed(text, old, new)))


def test_every_resolution_needs_a_tier() -> None:
    text = changed(VIDEO, "seconds = [5, 10]", 'seconds = [5], resolutions = ["720p", "4k"]')
    text = changed(text, "second = 1", 'second = 1, resolution = "720p"')
    assert problems_of(text) == ['0.toml: models["m"].rate.tiers: no tier prices resolution 4k']


def test_audio_and_voice_each_need_a_tier() -> None:
    text = changed(VIDEO, "5, 10]", "5], generate_audio = true, voice_control = true")
    text = changed(text, "second = 1", "second = 1, generate_audio = true, voice_control = false")
    assert problems_of(text) == [
        '0.toml: models["m"].rate.tiers: no tier prices with audio, with voice control',
        '0.toml: models["m"].rate.tiers: no tier prices without audio',
    ]


def test_a_tier_behind_one_that_always_applies_is_refused() -> None:
    text = changed(VIDEO, "5, 10]", "5], generate_audio = true")
    text = changed(text, "{ second = 1 }", "{ second = 2 }, { second = 1, generate_audio = false }")
    assert problems_of(text) == ['0.toml: models["m"].rate.tiers: tier 1 never applies']


@pytest.mark.parametrize(
    ("text", "old", "new", "problem"),
    [
        (VIDEO, "video = { seconds = [5, 10] }", "", "video: is missing"),
        (VIDEO, "seconds = [5, 10]", "", "seconds: is missing"),
        (VIDEO, "[5, 10]", "[5, 5]", "seconds: holds a value twice"),
        (VIDEO, "[5, 10]", "[5, 0]", "seconds: must hold whole numbers"),
        (VIDEO, "[5, 10]", "[5], max_input_seconds = 3", "belongs to seconds_source input_video"),
        (VIDEO, "[5, 10]", '[5], resolutions = ["HD"]', 'HD must look like "720p"'),
        (VIDEO, "[5, 10]", "[5], voice_control = true", "voice_control: needs generate_audio"),
        (VIDEO, "[5, 10]", "[5], seconds_at = { 4k = [5] }", "4k is not among the resolutions"),
        (VIDEO, "[5, 10]", '[5], resolutions = ["4k"], seconds_at = { 4k = [6] }', "some of the"),
        (VIDEO, "[5, 10]", '[5], motion_control_path = "/v1/a/motioncontrol"', "belongs to kind"),
        (MOTION, '"input_video"', '"request"\nseconds = [5]', "must be input_video"),
        (MOTION, "max_input_seconds = 9", "", "max_input_seconds: is missing"),
        (MOTION, 'motion_control_path = "/v1/a/motioncontrol"', "", "path: is missing"),
        (MOTION, "/v1/a/motioncontrol", "/v1/../motioncontrol", "must look like"),
        (MOTION, "= 9", "= 9\nseconds = [5]", "belongs to seconds_source request"),
    ],
)
def test_a_contradictory_video_is_refused(text: str, old: str, new: str, problem: str) -> None:
    assert any(problem in found for found in problems_of(changed(text, old, new)))


@pytest.mark.parametrize(
    ("routes", "problem"),
    [
        ("[]", "routes: must hold at least one table"),
        ('["openai"]', "routes: must hold at least one table"),
        ('[{ provider = "opnai", model = "x" }]', "unknown provider opnai; known: openai, anthr"),
        ('[{ provider = "fal", model = "x" }]', "fal does not serve kind text"),
        ('[{ provider = "openai" }]', "routes[0].model: is missing"),
        ('[{ provider = "openai", model = "x", share = 1 }]', "share: unknown key"),
        ('[{ provider = "openai", model = "x", weight = 1 }]', "[0].weight: needs an order"),
        ('[{ provider = "openai", model = "x", order = 0 }]', "[0].order: must be a whole number"),
        (
            '[{ provider = "openai", model = "x", order = 1, weight = 1_001 }]',
            "[0].weight: must be a whole number from 1 to 1000",
        ),
        (
            '[{ provider = "openai", model = "x", order = 1 }, { provider = "xai", model = "x" }]',
            "[1].order: is missing",
        ),
        (
            '[{ provider = "xai", model = "x", order = 1 },'
            ' { provider = "xai", model = "x", order = 2 }]',
            "[1]: is listed twice",
        ),
        ('[{provider="xai", model="x"}, {provider="xai", model="x"}]', "[1]: is listed twice"),
    ],
)
def test_a_route_that_no_provider_serves_is_refused(routes: str, problem: str) -> None:
    text = changed(TEXT, '[{ provider = "openai", model = "up" }]', routes)
    found = problems_of(text)
    assert len(found) == 1
    assert problem in found[0]


@pytest.mark.parametrize(
    ("lifecycle", "problem"),
    [
        ('{ status = "gone" }', "status: must be one of available, deprecated, retired"),
        ('{ status = "retired" }', "shutdown_on: is missing for a retired model"),
        ('{ status = "deprecated" }', "shutdown_on: is missing for a deprecated model"),
        ("{ shutdown_on = 2027-01-01 }", "belongs to a deprecated or retired model"),
        ('{ status = "retired", shutdown_on = "soon" }', "must be a date"),
        ('{ status = "retired", shutdown_on = "2027-02-30" }', "must be a date"),
        ('{ status = "retired", shutdown_on = "20270203" }', "must be a date"),
        ('{ status = "retired", shutdown_on = 2027-01-01T00:00:00Z }', "must be a date"),
        ('{ note = "" }', "note: must be a non-empty string"),
        ("{ retired = true }", "retired: unknown key"),
    ],
)
def test_a_lifecycle_without_a_proper_date_is_refused(lifecycle: str, problem: str) -> None:
    found = problems_of(TEXT + f"lifecycle = {lifecycle}\n")
    assert len(found) == 1
    assert problem in found[0]


def test_a_date_may_be_an_iso_string() -> None:
    model = build(TEXT + 'lifecycle = { status = "retired", shutdown_on = "2027-02-03" }')["m"]
    assert str(model.lifecycle.shutdown_on) == "2027-02-03"


def test_two_models_with_one_id_are_refused_in_one_file_and_across_files() -> None:
    assert problems_of(TEXT + TEXT) == ['0.toml: models["m"]: is listed twice']
    assert problems_of(TEXT, IMAGE) == ['1.toml: models["m"]: is listed in another file too']


def test_two_models_at_one_motion_control_path_are_refused() -> None:
    found = problems_of(MOTION + changed(MOTION, '"m"', '"n"'))
    assert found == ["n: motion_control_path is that of m too"]


def test_an_unknown_top_level_key_is_refused() -> None:
    assert problems_of("model = 1\n" + TEXT) == ["0.toml: model: unknown key; did you mean models?"]


def test_the_price_list_itself_can_not_define_providers() -> None:
    assert "0.toml: providers: unknown key" in problems_of(TEXT + "[providers.x]\n")[0]


def test_a_profile_is_read_strictly_and_defined_once() -> None:
    profile = "[profiles.p]\ntols = true\n"
    assert "profiles.p.tols: unknown key; did you mean tools?" in problems_of(profile + TEXT)[0]
    profile = "[profiles.p]\ntools = true\n"
    assert problems_of(profile + TEXT, profile) == ["1.toml: profiles.p: is defined already"]


def test_text_that_is_no_toml_is_refused_with_its_place() -> None:
    found = problems_of("[[models]", "x = ")
    assert [problem.partition(": is not TOML")[0] for problem in found] == ["0.toml", "1.toml"]
    assert "is not TOML" in problems_of("x = " + "9" * 5_000)[0]


def test_all_problems_are_reported_at_once() -> None:
    text = changed(changed(TEXT, "input = 1", "input = 0"), '"openai"', '"nobody"')
    found = problems_of("colour = 'blue'\n" + text, changed(IMAGE, '"m"', '"n"') + "size = 1\n")
    assert [problem.split(": ")[1] for problem in found] == [
        "colour",
        'models["m"].rate.input',
        'models["m"].routes[0].provider',
        'models["n"].size',
    ]


def test_decimal_credits_become_exact_micro_credits() -> None:
    image = build(changed(IMAGE, "image = 1 ", "image = 0.000_001 "))["m"]
    assert image.rate == ImageRate(1)
    video = build(changed(VIDEO, "second = 1 ", "second = 33.333333 "))["m"]
    assert isinstance(video.rate, SecondRate)
    assert video.rate.tiers[0].second_microcredits == 33_333_333
    text = build(changed(TEXT, "input = 1,", "input = 60.0, cached_input = 0,"))["m"]
    assert text.rate == TokenRate(60, 2, 0)


def test_an_image_model_may_have_a_token_price_besides() -> None:
    text = changed(IMAGE, "image = 1 ", "image = 1, tokens = { input = 3, output = 4 }")
    assert build(text)["m"].rate == ImageRate(1_000_000, TokenRate(3, 4))


def test_an_alias_names_one_model_and_looks_like_an_id() -> None:
    aliased = changed(TEXT, 'id = "m"', 'id = "m"\naliases = ["a", "b"]')
    other = changed(IMAGE, '"m"', '"n"')
    assert build(aliased)["m"].aliases == ("a", "b")
    taken = changed(other, 'id = "n"', 'id = "n"\naliases = ["b"]')
    assert problems_of(aliased, taken) == ["n: alias b names m already"]
    an_id = changed(other, 'id = "n"', 'id = "n"\naliases = ["m"]')
    assert problems_of(TEXT, an_id) == ["n: alias m names m already"]
    assert problems_of(changed(aliased, '"a"', '"m"')) == ["m: alias m names m already"]
    assert "letters, digits" in problems_of(changed(aliased, '"a"', '"a b"'))[0]
    assert "twice" in problems_of(changed(aliased, '"a"', '"b"'))[0]
