"""The body of ``POST /v1/chat/completions`` for one model, as JSON Schema. Pure.

Field names and general bounds are those that the REST bridge reads; what a model takes of them is
the catalog's word, and what its vendors have a place for is ``parameter_vendors.py``'s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tokensmith_server.catalog.message_parameters import message_definitions, messages_of
from tokensmith_server.catalog.model import (
    Capabilities,
    ModelSpec,
    ReasoningEffort,
    Support,
    TextSpec,
)
from tokensmith_server.catalog.parameter_terms import (
    Json,
    array,
    boolean,
    choice,
    either,
    integer,
    mapping,
    metadata_pairs,
    model_name,
    number,
    only,
    record,
    text,
)
from tokensmith_server.catalog.parameter_vendors import Vendor
from tokensmith_server.catalog.text_rules import text_rules
from tokensmith_server.catalog.tool_parameters import (
    function_call_term,
    functions_term,
    tool_choice_term,
    tools_term,
)

CHOICES_MAX: Final = 128
LOGIT_BIAS_MAX: Final = 1_024
STOPS_MAX: Final = 4
TOP_LOGPROBS_MAX: Final = 20

_NO_CHOICE: Final = "The model offers no choice here: this changes nothing."
_WITHOUT_REASONING: Final = ' Only with `reasoning_effort` "none".'


@dataclass(frozen=True, slots=True)
class _Facts:
    text: TextSpec
    vendor: Vendor

    @property
    def can(self) -> Capabilities:
        return self.text.capabilities

    @property
    def may_not_reason(self) -> bool:
        """Whether a call can be without reasoning, by its default or when asked to."""
        none = ReasoningEffort.NONE
        return self.can.default_reasoning_effort is none or none in self.can.reasoning_efforts

    def offers(self, field: str, support: Support = Support.YES) -> bool:
        """Whether a vendor has the field, and the model takes it in some call."""
        return field in self.vendor.fields and self.takes(support)

    def takes(self, support: Support) -> bool:
        """Whether the model takes a setting in some call."""
        if support is Support.WITHOUT_REASONING:
            return self.may_not_reason
        return support is Support.YES


def text_parameters(model: ModelSpec, vendor: Vendor) -> Json:
    """The properties of a chat body, the required ones, and the rules between them."""
    if model.text is None:
        raise ValueError(f"{model.id} is not a chat model")
    facts = _Facts(model.text, vendor)
    properties = {
        "model": model_name(model.id, model.aliases),
        "messages": messages_of(facts.can, vendor),
    }
    for name, make in _SETTINGS.items():
        term = make(facts)
        if term is not None:
            properties[name] = term
    return {
        "properties": properties,
        "required": ["model", "messages"],
        **text_rules(facts.can, vendor, properties),
        "$defs": message_definitions(facts.can, vendor),
    }


def _always(term: Json) -> Callable[[_Facts], Json]:
    return lambda _: term


def _limit(facts: _Facts) -> Json:
    return integer(
        1,
        facts.text.output_ceiling_tokens,
        "Most tokens to write. The default is lowered to what the balance affords.",
        default=facts.text.default_output_tokens,
    )


def _former_limit(facts: _Facts) -> Json:
    description = "Former name of `max_completion_tokens`."
    return integer(1, facts.text.output_ceiling_tokens, description, deprecated=True)


def _effort(facts: _Facts) -> Json | None:
    efforts = [effort.value for effort in facts.can.reasoning_efforts]
    if not efforts:
        return None
    default = facts.can.default_reasoning_effort
    said = {"default": default.value} if default else {}
    return choice(efforts, "How much to think before answering; thoughts are billed.", **said)


def _verbosity(facts: _Facts) -> Json | None:
    support = facts.can.verbosity
    if not facts.offers("verbosity", support):
        return None
    return _limited(support, choice(("low", "medium", "high"), "How much to say."))


def _limited(support: Support, term: Json) -> Json:
    if support is not Support.WITHOUT_REASONING:
        return term
    return term | {"description": term["description"] + _WITHOUT_REASONING}


def _sampling(name: str, description: str) -> Callable[[_Facts], Json | None]:
    """``temperature`` or ``top_p``, which every vendor has."""

    def make(facts: _Facts) -> Json | None:
        support: Support = getattr(facts.can, name)
        neutral = facts.vendor.neutral_sampling
        if not facts.takes(support):
            return None if neutral is None else only(neutral, _NO_CHOICE)
        most = facts.vendor.temperature_max if name == "temperature" else 1
        return _limited(support, number(description, minimum=0, maximum=most))

    return make


def _penalty(name: str, description: str) -> Callable[[_Facts], Json]:
    def make(facts: _Facts) -> Json:
        if not facts.offers(name, facts.can.penalties):
            return only(0, _NO_CHOICE)
        term = number(description, minimum=-2, maximum=2, default=0)
        return _limited(facts.can.penalties, term)

    return make


def _logit_bias(facts: _Facts) -> Json | None:
    if not facts.offers("logit_bias", facts.can.logit_bias):
        return None
    term = mapping(
        integer(-100, 100),
        "Makes tokens, named by their ids, likelier or less so.",
        maxProperties=LOGIT_BIAS_MAX,
        propertyNames={"pattern": "^[0-9]{1,10}$"},
    )
    return _limited(facts.can.logit_bias, term)


def _logprobs(facts: _Facts) -> Json:
    if not facts.offers("logprobs", facts.can.logprobs):
        return only(False, _NO_CHOICE)
    term = boolean("Whether to tell how likely each token was.", default=False)
    return _limited(facts.can.logprobs, term)


def _top_logprobs(facts: _Facts) -> Json | None:
    if not facts.offers("top_logprobs", facts.can.logprobs):
        return None
    most = min(facts.can.top_logprobs_max, TOP_LOGPROBS_MAX)
    term = integer(0, most, "Likeliest tokens to tell at each place. Needs `logprobs`.")
    return _limited(facts.can.logprobs, term)


def _n(facts: _Facts) -> Json:
    most = min(facts.can.n_max, CHOICES_MAX) if facts.offers("n") else 1
    return integer(1, most, "Answers to make; each is billed.", default=1)


def _seed(facts: _Facts) -> Json | None:
    if not facts.offers("seed", facts.can.seed):
        return None
    half = 2 ** (facts.vendor.seed_bits - 1)
    term = integer(-half, half - 1, "For repeatable answers, as far as the provider can.")
    return _limited(facts.can.seed, term)


def _stop(facts: _Facts) -> Json | None:
    support = facts.can.stop
    if not facts.takes(support):
        return None
    shapes = [text(), array(text(), maxItems=STOPS_MAX)]
    return _limited(support, either(shapes, f"Up to {STOPS_MAX} texts to stop before."))


def _parallel_tool_calls(facts: _Facts) -> Json:
    if not facts.can.parallel_tool_calls or not facts.offers("parallel_tool_calls"):
        return only(True, _NO_CHOICE)
    return boolean("Whether one answer may call several tools.", default=True)


def _response_format(facts: _Facts) -> Json:
    shapes = [record({"type": {"const": "text"}}, description="Any text.")]
    if facts.can.json_object:
        shapes.append(record({"type": {"const": "json_object"}}, description="A JSON object."))
    if facts.can.json_schema:
        schema = {"schema": mapping(True, "A JSON Schema.")}
        needed, spare = (schema, {}) if facts.vendor.schema_required else ({}, schema)
        name = text(pattern="^[A-Za-z0-9_-]{1,64}$")
        described = record(
            {"name": name, **needed}, {**spare, "description": text(), "strict": boolean()}
        )
        shape = {"type": {"const": "json_schema"}, "json_schema": described}
        shapes.append(record(shape, description="JSON that follows a schema."))
    return either(shapes, "Shape of the answer.", default={"type": "text"})


def _modalities(facts: _Facts) -> Json:
    if not facts.offers("modalities"):
        return only(["text"], _NO_CHOICE)
    kinds = ("text", "audio") if facts.can.audio_output else ("text",)
    return array(
        choice(kinds), "What the answer is made of.", minItems=1, maxItems=2, default=["text"]
    )


def _audio(facts: _Facts) -> Json | None:
    if not facts.can.audio_output or not facts.offers("audio"):
        return None
    formats = choice(("wav", "aac", "mp3", "flac", "opus", "pcm16"))
    voice = either([text(), record({"id": text()})])
    return record({"format": formats, "voice": voice}, description="How to speak an answer.")


def _service_tier(facts: _Facts) -> Json:
    return choice(facts.vendor.service_tiers, "The provider's lane for the call.", default="auto")


def _store(facts: _Facts) -> Json:
    if not facts.offers("store"):
        return only(False, "The provider stores nothing.")
    return boolean("Whether the provider keeps the answer.", default=False)


def _cache_options(facts: _Facts) -> Json | None:
    if not facts.offers("prompt_cache_options"):
        return None
    options = {"mode": choice(("implicit", "explicit")), "ttl": choice(("30m",))}
    return record({}, options, "How the provider's cache of prompts is used.")


def _moderation(facts: _Facts) -> Json | None:
    if not facts.offers("moderation"):
        return None
    side = record({"mode": choice(("score", "block"))})
    policy = record({}, {"input": side, "output": side})
    return record({"model": text()}, {"policy": policy}, "Moderation of what is said.")


_STREAM_OPTIONS: Final = record(
    {},
    {
        "include_usage": boolean("Whether the last chunk has the usage and the price."),
        "include_obfuscation": boolean("Without effect."),
    },
    "How to stream. Needs `stream`.",
)
_Make = Callable[[_Facts], Json | None]

_SETTINGS: Final[Mapping[str, _Make]] = {
    "stream": _always(boolean("Whether to send the answer as it is written.", default=False)),
    "stream_options": _always(_STREAM_OPTIONS),
    "max_completion_tokens": _limit,
    "max_tokens": _former_limit,
    "reasoning_effort": _effort,
    "verbosity": _verbosity,
    "temperature": _sampling("temperature", "How freely to choose words."),
    "top_p": _sampling("top_p", "The share of likeliest tokens to choose from."),
    "frequency_penalty": _penalty("frequency_penalty", "Against saying the same words again."),
    "presence_penalty": _penalty("presence_penalty", "Against staying with the same topics."),
    "logit_bias": _logit_bias,
    "logprobs": _logprobs,
    "top_logprobs": _top_logprobs,
    "n": _n,
    "seed": _seed,
    "stop": _stop,
    "tools": lambda facts: tools_term(facts.can, facts.vendor),
    "tool_choice": lambda facts: tool_choice_term(facts.can, facts.vendor),
    "parallel_tool_calls": _parallel_tool_calls,
    "functions": lambda facts: functions_term(facts.can, facts.vendor),
    "function_call": lambda facts: function_call_term(facts.can, facts.vendor),
    "response_format": _response_format,
    "modalities": _modalities,
    "audio": _audio,
    "service_tier": _service_tier,
    "store": _store,
    "metadata": _always(metadata_pairs("Labels of your own.")),
    "safety_identifier": _always(text("Stable id of your end user.", maxLength=128)),
    "prompt_cache_key": _always(text("Calls with one key share the provider's cache better.")),
    "prompt_cache_options": _cache_options,
    "prompt_cache_retention": _always(
        choice(("in_memory", "24h"), "How long the provider's cache keeps a prompt.")
    ),
    "user": _always(text("Former name of `safety_identifier`.", deprecated=True)),
    "moderation": _moderation,
}
