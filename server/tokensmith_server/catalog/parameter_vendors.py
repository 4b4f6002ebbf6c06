"""What each vendor's chat API has a place for, as far as a caller can tell. Data.

The catalog's capabilities say what a model can do, and the adapters refuse what their vendor has no
way to say; these are the adapters' refusals as facts, for parameter schemas. A test holds each to
what its adapter does with every field.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

from tokensmith_server.catalog.model import Dialect, ExtraProvider, ModelSpec

_SHARED: Final = frozenset(
    {
        "custom_tools",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "n",
        "presence_penalty",
        "seed",
        "top_logprobs",
    }
)


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor's API, or what several have together.

    ``fields`` are REST names of settings that not every vendor has. ``neutral_sampling`` is the
    ``temperature`` and ``top_p`` that every model takes there, since it is never sent.
    """

    fields: frozenset[str]
    service_tiers: tuple[str, ...] = ("auto", "default")
    temperature_max: int = 2
    neutral_sampling: int | None = None
    seed_bits: int = 64
    allowed_tools: bool = True
    """Whether ``tool_choice`` can narrow the tools down to some."""
    cache_breakpoints: bool = False
    schema_required: bool = False
    """Whether a ``json_schema`` response format must bring its schema."""
    thinking_budget_min: int = 0
    """Tokens that thinking by budget needs within the output limit; it excludes a forced call."""
    any_function_name: bool = True
    """Whether a function's name may also begin with a digit or a dash."""


COMPATIBLE: Final = Vendor(_SHARED | {"parallel_tool_calls"}, allowed_tools=False)
"""A host of OpenAI's dialect that the overlay file adds."""

VENDORS: Final[Mapping[str, Vendor]] = {
    "openai": Vendor(
        _SHARED
        | {
            "audio",
            "functions",
            "modalities",
            "moderation",
            "parallel_tool_calls",
            "prompt_cache_options",
            "store",
            "verbosity",
        },
        service_tiers=("auto", "default", "flex"),
        cache_breakpoints=True,
    ),
    "xai": Vendor(_SHARED | {"parallel_tool_calls"}, allowed_tools=False),
    "together": Vendor(_SHARED, allowed_tools=False),
    "anthropic": Vendor(
        frozenset({"parallel_tool_calls"}),
        temperature_max=1,
        neutral_sampling=1,
        schema_required=True,
        thinking_budget_min=1_024,
    ),
    "gemini": Vendor(
        _SHARED - {"custom_tools", "logit_bias"}, seed_bits=32, any_function_name=False
    ),
}


def vendor_of(model: ModelSpec, hosts: Mapping[str, ExtraProvider]) -> Vendor:
    """What the vendors of a chat model's routes can do: a call goes to one that takes it.

    ``hosts`` are the providers that the overlay file adds.
    """
    return reduce(_together, _vendors(model, hosts))


def _vendors(model: ModelSpec, hosts: Mapping[str, ExtraProvider]) -> Iterable[Vendor]:
    for route in model.routes:
        host = hosts.get(route.provider)
        if host is not None and host.dialect is Dialect.OPENAI:
            yield COMPATIBLE
        else:
            yield VENDORS[route.provider if host is None else host.dialect.value]


def _together(one: Vendor, other: Vendor) -> Vendor:
    sampling = one.neutral_sampling
    return Vendor(
        fields=one.fields | other.fields,
        service_tiers=tuple(dict.fromkeys((*one.service_tiers, *other.service_tiers))),
        temperature_max=max(one.temperature_max, other.temperature_max),
        neutral_sampling=other.neutral_sampling if sampling is None else sampling,
        seed_bits=max(one.seed_bits, other.seed_bits),
        allowed_tools=one.allowed_tools or other.allowed_tools,
        cache_breakpoints=one.cache_breakpoints or other.cache_breakpoints,
        schema_required=one.schema_required and other.schema_required,
        thinking_budget_min=min(one.thinking_budget_min, other.thinking_budget_min),
        any_function_name=one.any_function_name or other.any_function_name,
    )
