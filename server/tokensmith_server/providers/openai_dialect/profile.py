"""How one vendor departs from OpenAI's chat completions, as data.

A parameter of a request meets one of four fates, and ``check.py`` decides it before any money is
held, so that nothing is dropped in silence:

========================  =======================================================================
Sent                      it is in ``fields`` and the model's capabilities allow it
Not sent, same outcome    it asks for what happens anyway (``capabilities.is_neutral``), or it is
                          ``store: false`` or ``service_tier: auto|default`` at a vendor without
                          the setting
Not sent, no effect       it is in ``WITHOUT_EFFECT``: hints for a provider's abuse detection,
                          cache or dashboard, which change nothing about the answer
Refused by name           everything else
========================  =======================================================================

Field by field (``caps`` means that the catalog's capabilities decide):

=======================  ============  ============  ============  ====================
Parameter                OpenAI        xAI           Together      Compatible hosts
=======================  ============  ============  ============  ====================
temperature, top_p       caps          caps          caps          caps
penalties, stop, seed    caps          caps          caps          caps
logit_bias, n            caps          caps          caps          caps
logprobs, top_logprobs   caps          caps          caps (count)  caps
tools, tool_choice       caps          caps          caps          caps
  of ``allowed_tools``   sent          refused       refused       refused
parallel_tool_calls      caps          caps          refused       caps
functions (deprecated)   sent          refused       refused       refused
response_format          caps          caps          caps          caps
reasoning_effort         caps          caps          caps          caps
verbosity                caps          refused       refused       refused
modalities, audio        caps          refused       refused       refused
service_tier             not priority  default       auto/default  auto/default
store                    sent          false only    false only    false only
metadata                 sent          no effect     no effect     no effect
safety_identifier        sent          no effect     no effect     no effect
user                     sent          sent          no effect     no effect
prompt_cache_key         sent          sent          no effect     no effect
prompt_cache_retention   sent          no effect     no effect     no effect
prompt_cache_options     sent          refused       refused       refused
cache breakpoints        sent          refused       refused       refused
image by address         sent          sent          sent          fetched by us
moderation               sent          refused       refused       refused
prediction               refused       refused       refused       refused
web_search_options       refused       refused       refused       refused
=======================  ============  ============  ============  ====================

``prediction`` excludes the token cap that every call carries; web search and the dearer service
tiers cost more than the price list charges. Of messages: the role developer is spelt system where
a vendor does not know it, an assistant's refusal becomes its text, its reasoning is sent only
where the vendor takes it back, and a ``file_id`` is refused, since it would name a file of the
operator's account.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tokensmith_server.providers.base import ErrorKind

CORE_FIELDS: Final = frozenset(
    {
        "choice_count",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop_sequences",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
    }
)
"""Fields of ``ChatCompletionParams`` that every vendor of the dialect has a place for."""

WITHOUT_EFFECT: Final = frozenset(
    {"metadata", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "user"}
)
"""Hints that are taken and not sent where the vendor has no place for them."""

NEVER_SENT: Final = frozenset({"prediction", "web_search_options"})
"""Fields that no vendor gets, for the reasons above."""


class ReasoningCount(StrEnum):
    """Where a vendor's usage has the reasoning tokens."""

    INSIDE = "inside"
    """Part of ``completion_tokens``; the total is prompt plus completion."""
    BY_TOTAL = "by_total"
    """Beside it or inside it: the total tells. xAI counts beside, resellers of it both ways."""


@dataclass(frozen=True, slots=True)
class DialectProfile:
    """One vendor's quirks. The defaults are OpenAI's own ways where those are harmless."""

    fields: frozenset[str] = CORE_FIELDS
    """Names of ``ChatCompletionParams`` fields that may go upstream."""
    service_tiers: tuple[str, ...] = ()
    token_cap_field: str = "max_tokens"  # noqa: S105 - a field name
    stream_options: bool = True
    """Whether usage on streams must be, and can be, asked for."""

    developer_role: bool = False
    refusals: bool = False
    """Whether assistant messages may have refusals."""
    reasoning_message_field: str | None = None
    """The assistant message's field for earlier reasoning, where the vendor takes it back."""
    cache_breakpoints: bool = False
    allowed_tools: bool = False
    logprobs_as_count: bool = False
    """Together: ``logprobs`` is the number of alternatives, and there is no ``top_logprobs``."""

    reasoning_count: ReasoningCount = ReasoningCount.INSIDE
    cached_may_be_beside: bool = False
    """Whether cached tokens that exceed the prompt were counted beside it."""
    fetches_images: bool = True
    """Whether addresses of images are sent. A host in the operator's own network must not go to
    strangers' addresses there, and many can't fetch: then we do, and send what is there."""
    lenient_end: bool = False
    """Whether ``[DONE]`` ends choices that had no finish reason, and tool calls make a ``stop``
    a ``tool_calls``."""
    forbidden_kind: ErrorKind = ErrorKind.OPERATOR_AUTH
    """What a 403 means when its text does not say."""
    auth_messages: tuple[str, ...] = ()
    """How a 400 begins (in lower case) that is about the operator's key."""
