"""What an operator's overlay file may do to the price list, and what it may not."""

from pathlib import Path

import pytest

from tokensmith_server.billing.rates import TokenRate
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.loader import CatalogError, load_catalog
from tokensmith_server.catalog.model import (
    Dialect,
    ExtraProvider,
    Family,
    LifecycleStatus,
    ProviderQuirks,
    Route,
    Support,
    TokenCapField,
)

LOCAL_MODEL = """
[[models]]
id = "local/qwen3"
kind = "text"
context_tokens = 32_768
rate = { input = 10, output = 20 }
routes = [{ provider = "local", model = "qwen3:8b" }]
"""


def overlaid(folder: Path, text: str) -> Catalog:
    path = folder / "overlay.toml"
    path.write_text(text, "utf-8")
    return load_catalog(path)


def problems_of(folder: Path, text: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        overlaid(folder, text)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_an_empty_overlay_changes_nothing(tmp_path: Path) -> None:
    plain = load_catalog()
    assert dict(overlaid(tmp_path, "# nothing\n")) == dict(plain)
    assert overlaid(tmp_path, "").version == plain.version


def test_a_host_and_its_model_are_added_without_code(tmp_path: Path) -> None:
    catalog = overlaid(
        tmp_path,
        """
        [providers.local]
        base_url = "http://127.0.0.1:11434/v1/"
        api_key_env = "LOCAL_KEY"
        dialect = "openai"
        quirks = { token_cap_field = "max_completion_tokens", stream_options = false }
        """
        + LOCAL_MODEL,
    )
    assert catalog.providers["local"] == ExtraProvider(
        name="local",
        base_url="http://127.0.0.1:11434/v1",
        api_key_env="LOCAL_KEY",
        dialect=Dialect.OPENAI,
        quirks=ProviderQuirks(
            token_cap_field=TokenCapField.MAX_COMPLETION_TOKENS, stream_options=False
        ),
    )
    model = catalog["local/qwen3"]
    assert list(catalog)[-1] == "local/qwen3"
    assert len(catalog) == 54
    assert model.name == "local/qwen3"
    assert [route.name for route in model.routes] == ["local/qwen3:8b"]
    assert model.rate == TokenRate(10, 20)
    assert model.text is not None
    assert model.text.family is Family.OPEN


def test_a_host_needs_no_more_than_its_address(tmp_path: Path) -> None:
    catalog = overlaid(tmp_path, '[providers.local]\nbase_url = "https://h.example/v1"\n')
    assert catalog.providers["local"] == ExtraProvider("local", "https://h.example/v1")


def test_a_host_may_speak_as_another_vendor_does(tmp_path: Path) -> None:
    for dialect in Dialect:
        catalog = overlaid(
            tmp_path, f'[providers.eu]\nbase_url = "https://eu.example"\ndialect = "{dialect}"\n'
        )
        assert catalog.providers["eu"].dialect is dialect
    text = '[providers.eu]\nbase_url = "https://e"\ndialect = "gemini"\nquirks = {}\n'
    (problem,) = problems_of(tmp_path, text)
    assert problem.endswith("quirks: are for hosts of the dialect openai")


def test_rate_lifecycle_and_routes_of_a_listed_model_are_replaced(tmp_path: Path) -> None:
    plain = load_catalog()["gpt-5.4"]
    catalog = overlaid(
        tmp_path,
        """
        [providers.local]
        base_url = "http://127.0.0.1:1/v1"

        [[models]]
        id = "gpt-5.4"
        rate = { input = 1, output = 2 }
        lifecycle = { status = "retired", shutdown_on = 2026-11-01 }
        routes = [{ provider = "local", model = "x" }, { provider = "openai", model = "gpt-5.4" }]
        """,
    )
    model = catalog["gpt-5.4"]
    assert model.rate == TokenRate(1, 2)
    assert model.lifecycle.status is LifecycleStatus.RETIRED
    assert [route.provider for route in model.routes] == ["local", "openai"]
    assert model.text == plain.text
    assert list(catalog) == list(load_catalog())


def test_a_replaced_rate_keeps_nothing_of_the_old_one(tmp_path: Path) -> None:
    assert problems_of(tmp_path, '[[models]]\nid = "gpt-5.4"\nrate = { input = 1 }\n') == [
        'overlay.toml: models["gpt-5.4"].rate.output: is missing'
    ]


def test_capabilities_of_a_listed_model_add_up(tmp_path: Path) -> None:
    catalog = overlaid(
        tmp_path,
        """
        [[models]]
        id = "claude-opus-4-7"
        capabilities = { n_max = 2 }
        """,
    )
    text = catalog["claude-opus-4-7"].text
    assert text is not None
    assert text.capabilities.n_max == 2
    assert text.capabilities.temperature is Support.NO
    assert text.capabilities.parallel_tool_calls


def test_a_disabled_model_is_not_sold(tmp_path: Path) -> None:
    catalog = overlaid(tmp_path, '[[models]]\nid = "sora-2"\ndisabled = true\n')
    assert catalog.find("sora-2") is None
    assert len(catalog) == 52


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('id = "sora-2"\ndisabled = false', "disabled: can only be true"),
        ('id = "sora-2"\ndisabled = true\nname = "x"', "takes no other keys"),
        ('id = "sora-3"\ndisabled = true', "is not in the price list, so it can't be disabled"),
        (
            'id = "GPT-5.4"\nrate = { input = 1, output = 2 }',
            "is not in the price list (did you mean",
        ),
        ('id = "gpt-5.4"\nkind = "image"', "kind: of a listed model can't be changed"),
        ('id = "gpt-5.4"\nrtae = 1', "rtae: unknown key; did you mean rate?"),
        ("name = 'x'", "id: must be a non-empty string"),
    ],
)
def test_an_entry_that_fits_no_model_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    found = problems_of(tmp_path, f"[[models]]\n{text}\n")
    assert any(problem in line for line in found)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[providers.openai]\nbase_url = 'http://h/v1'", "providers.openai: is built in"),
        ("[providers.Local]\nbase_url = 'http://h/v1'", "the name must be a-z"),
        ("[providers.local]", "base_url: is missing"),
        ("[providers.local]\nbase_url = 'h/v1'", "base_url: must be an http(s) URL"),
        ("[providers.local]\nbase_url = 'file:///etc'", "base_url: must be an http(s) URL"),
        ("[providers.local]\nbase_url = 'http://h:99999/v1'", "base_url: must be an http(s) URL"),
        ("[providers.local]\nbase_url = 'http://h/v1?key=1'", "base_url: must be an http(s) URL"),
        ("[providers.local]\nbase_url = 'http://h'\ndialect = 'grpc'", "must be one of openai"),
        ("[providers.local]\nbase_url = 'http://h'\nquirks = { a = 1 }", "a: unknown key"),
        ("[providers]\nlocal = 1", "providers.local: must be a table"),
        ("providers = 1", "providers: must be a table"),
    ],
)
def test_an_unusable_host_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    found = problems_of(tmp_path, text)
    assert any(problem in line for line in found)
    assert len(found) == 1


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "sk-secret"',
        'api_key_env = "sk-secret"',
        'base_url = "http://user:sk-secret@h/v1"',
    ],
)
def test_a_secret_in_the_overlay_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    address = "" if line.startswith("base_url") else 'base_url = "http://h/v1"\n'
    found = problems_of(tmp_path, f"[providers.local]\n{address}{line}\n")
    assert len(found) == 1
    assert "secret" not in found[0]


def test_an_added_host_serves_text_alone(tmp_path: Path) -> None:
    found = problems_of(
        tmp_path,
        """
        [providers.local]
        base_url = "http://h/v1"
        [[models]]
        id = "i"
        kind = "image"
        rate = { image = 1 }
        image = { n_max = 1 }
        routes = [{ provider = "local", model = "i" }]
        """,
    )
    assert found == [
        'overlay.toml: models["i"].routes[0].provider: local does not serve kind image'
    ]


def test_a_route_to_a_host_that_nobody_defined_is_refused(tmp_path: Path) -> None:
    assert "unknown provider local" in problems_of(tmp_path, LOCAL_MODEL)[0]


def test_a_file_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="can't be read"):
        load_catalog(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogError, match="can't be read"):
        load_catalog(tmp_path / "binary.toml")


def test_a_profile_of_the_price_list_serves_an_added_model(tmp_path: Path) -> None:
    text = LOCAL_MODEL.replace('"local"', '"openai"') + 'profile = "gpt-5-4"\n'
    spec = overlaid(tmp_path, text)["local/qwen3"].text
    assert spec is not None
    assert spec.capabilities.image_input


def test_routes_may_share_calls_by_order_and_weight(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.toml"
    overlay.write_text(
        """
[[models]]
id = "gpt-5.4"
routes = [
  { provider = "together", model = "later", order = 2 },
  { provider = "openai", model = "most", order = 1, weight = 3 },
  { provider = "xai", model = "rest", order = 1 },
]
""",
        "utf-8",
    )
    catalog = load_catalog(overlay)
    assert catalog["gpt-5.4"].routes == (
        Route("openai", "most", order=1, weight=3),
        Route("xai", "rest", order=1, weight=1),
        Route("together", "later", order=2, weight=1),
    )
    assert catalog["gpt-5.4"].provider == "openai"
    assert catalog.version != load_catalog().version
