"""What is known of a route's upstream model, and who tells it."""

from pathlib import Path

import pytest

from tests.unit.server.catalog.test_overlay import overlaid, problems_of
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.catalog.model import Capabilities, ModelSpec, Route, TextSpec, Thinking

HOSTS = """
[providers.local]
base_url = "http://127.0.0.1:11434/v1"
[providers.claude-eu]
base_url = "https://claude.eu.example"
dialect = "anthropic"
"""


def stand_in(route: str, model: str = "gpt-5.4-mini") -> str:
    """A listed model with this route besides its own."""
    return f"""{HOSTS}
[[models]]
id = "{model}"
routes = [{{ provider = "openai", model = "gpt-5.4-mini" }}, {{ {route} }}]
"""


GPT_OSS = 'provider = "together", model = "openai/gpt-oss-120b"'


def text_of(model: ModelSpec) -> TextSpec:
    assert model.text is not None
    return model.text


def text_on(catalog: Catalog, provider: str, model: str = "gpt-5.4-mini") -> TextSpec:
    spec = catalog[model]
    (route,) = (route for route in spec.routes if route.provider == provider)
    on = spec.on(route)
    assert on.id == spec.id
    assert on.rate == spec.rate
    return text_of(on)


def test_a_listed_model_of_one_route_is_what_its_own_entry_says() -> None:
    for model in load_catalog().values():
        assert model.on_routes == {}
        assert model.on(model.routes[0]) is model


def test_a_route_takes_what_the_price_list_says_of_its_upstream_model(tmp_path: Path) -> None:
    catalog = overlaid(tmp_path, stand_in(GPT_OSS))
    assert text_on(catalog, "together") == text_of(catalog["openai/gpt-oss-120b"])
    assert text_on(catalog, "openai") is catalog["gpt-5.4-mini"].text


def test_the_preferred_route_of_a_listed_model_is_judged_like_any_other(tmp_path: Path) -> None:
    catalog = overlaid(tmp_path, f'[[models]]\nid = "gpt-5.4-mini"\nroutes = [{{ {GPT_OSS} }}]\n')
    assert text_on(catalog, "together") == text_of(catalog["openai/gpt-oss-120b"])


def test_what_the_overlay_says_of_a_listed_model_counts_on_all_routes_to_it(
    tmp_path: Path,
) -> None:
    more = '[[models]]\nid = "openai/gpt-oss-120b"\ncapabilities = { tools = true }\n'
    assert text_on(overlaid(tmp_path, stand_in(GPT_OSS) + more), "together").capabilities.tools


def test_a_model_that_is_not_sold_is_known_all_the_same(tmp_path: Path) -> None:
    more = '[[models]]\nid = "openai/gpt-oss-120b"\ndisabled = true\n'
    catalog = overlaid(tmp_path, stand_in(GPT_OSS) + more)
    assert text_on(catalog, "together") == text_of(load_catalog()["openai/gpt-oss-120b"])


def test_a_host_that_speaks_as_a_vendor_has_the_vendors_models(tmp_path: Path) -> None:
    route = 'provider = "claude-eu", model = "claude-haiku-4-5"'
    on = text_on(overlaid(tmp_path, stand_in(route)), "claude-eu")
    assert on.capabilities.thinking is Thinking.BUDGET


def test_an_added_models_entry_is_known_to_other_routes(tmp_path: Path) -> None:
    more = """
    [[models]]
    id = "local/qwen3"
    kind = "text"
    context_tokens = 32_768
    rate = { input = 10, output = 20 }
    routes = [{ provider = "local", model = "qwen3:8b" }]
    capabilities = { tools = false }
    """
    route = 'provider = "local", model = "qwen3:8b"'
    catalog = overlaid(tmp_path, stand_in(route) + more)
    assert text_on(catalog, "local") == text_of(catalog["local/qwen3"])
    assert catalog["local/qwen3"].on_routes == {}


def test_where_nothing_is_known_the_model_itself_counts(tmp_path: Path) -> None:
    catalog = overlaid(tmp_path, stand_in('provider = "local", model = "whatever"'))
    assert text_on(catalog, "local") is catalog["gpt-5.4-mini"].text


def test_a_route_may_say_what_its_upstream_model_takes(tmp_path: Path) -> None:
    says = "capabilities = { tools = true }, context_tokens = 64_000, max_output_tokens = 8_000"
    catalog = overlaid(tmp_path, stand_in(f"{GPT_OSS}, {says}"))
    known, on = text_of(catalog["openai/gpt-oss-120b"]), text_on(catalog, "together")
    assert (on.context_tokens, on.max_output_tokens) == (64_000, 8_000)
    assert on.capabilities.tools
    assert on.capabilities.reasoning_efforts == known.capabilities.reasoning_efforts
    profiled = overlaid(tmp_path, stand_in(f'{GPT_OSS}, profile = "together"'))
    assert (
        text_on(profiled, "together").capabilities
        == text_of(profiled["deepseek-ai/DeepSeek-V3.1"]).capabilities
    )


ADDED = f"""
[[models]]
id = "cheap"
kind = "text"
context_tokens = 100_000
rate = {{ input = 10, output = 20 }}
routes = [{{ {GPT_OSS} }}]
"""


def test_an_added_model_says_itself_what_its_preferred_route_takes(tmp_path: Path) -> None:
    catalog = overlaid(tmp_path, f"{ADDED}capabilities = {{ image_input = true }}\n")
    assert catalog["cheap"].on_routes == {}
    silent = overlaid(tmp_path, ADDED)
    on = text_on(silent, "together", "cheap")
    assert on.capabilities == text_of(silent["openai/gpt-oss-120b"]).capabilities
    assert on.capabilities != Capabilities()
    assert on.context_tokens == 100_000


def test_limits_on_routes_are_part_of_the_version(tmp_path: Path) -> None:
    versions = {
        overlaid(tmp_path, stand_in(f"{GPT_OSS}{says}")).version
        for says in ("", ", max_output_tokens = 8_000", ", max_output_tokens = 9_000")
    }
    assert len(versions) == 3


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        (f'{GPT_OSS}, profile = "gpt"', "unknown profile gpt;"),
        (f"{GPT_OSS}, capabilities = {{ tool = true }}", "tool: unknown key"),
        (f"{GPT_OSS}, max_output_tokens = 0", "must be a whole number"),
        (f'{GPT_OSS}, family = "open"', "unknown key"),
        ('provider = "openai", model = "gpt-image-2"', "of kind image"),
        ('provider = "openai", model = "sora-2"', "of kind video"),
    ],
)
def test_a_route_that_can_serve_nothing_or_says_nonsense_is_refused(
    tmp_path: Path, route: str, problem: str
) -> None:
    (told,) = problems_of(tmp_path, stand_in(route))
    assert 'models["gpt-5.4-mini"].routes[1]' in told
    assert problem in told


def test_routes_of_other_kinds_say_nothing_of_capabilities(tmp_path: Path) -> None:
    route = '{ provider = "openai", model = "gpt-image-2", context_tokens = 1_000 }'
    (told,) = problems_of(tmp_path, f'[[models]]\nid = "gpt-image-2"\nroutes = [{route}]\n')
    assert "unknown key" in told


def test_problems_of_routes_are_told_with_those_of_other_models(tmp_path: Path) -> None:
    other = '[[models]]\nid = "gpt-5.4"\ncontext_tokens = 0\n'
    assert len(problems_of(tmp_path, stand_in(f"{GPT_OSS}, max_output_tokens = 0") + other)) == 2


def test_a_model_on_an_unknown_route_is_itself() -> None:
    model = load_catalog()["gpt-5.4"]
    assert model.on(Route("nobody", "knows")) is model
