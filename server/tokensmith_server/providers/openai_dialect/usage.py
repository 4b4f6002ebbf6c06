"""From a vendor's usage block to our algebra of tokens. Pure.

A block that breaks the algebra is not billed as it stands: the reading then has no usage but a
``problem``, which the adapter logs. A count that is absent stays absent.
"""

from typing import Final

import msgspec

from tokensmith_server.billing.errors import UsageInvalid
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.answers import NOTHING_REPORTED, UsageReading
from tokensmith_server.providers.openai_dialect.profile import DialectProfile, ReasoningCount

COUNT_LIMIT: Final = 2**31 - 1
"""No call comes near this many tokens: a count above it is a defect of the provider."""


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    # Together has it here for models without reasoning.
    cached_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


_NO_PROMPT_DETAILS: Final = _PromptDetails()
_NO_COMPLETION_DETAILS: Final = _CompletionDetails()

_decode = msgspec.json.Decoder(_Usage).decode


def read_usage(block: bytes | msgspec.Raw, profile: DialectProfile) -> UsageReading:
    """Read a usage block; empty bytes and ``null`` are no block."""
    raw = bytes(block)
    if not raw or raw == b"null":
        return NOTHING_REPORTED
    try:
        wire = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return UsageReading(problem=f"unreadable: {error}")
    try:
        return UsageReading(usage=_to_usage(wire, profile))
    except UsageInvalid as error:
        return UsageReading(problem=str(error))


def _to_usage(wire: _Usage, profile: DialectProfile) -> TokenUsage:
    prompt_details = wire.prompt_tokens_details or _NO_PROMPT_DETAILS
    completion_details = wire.completion_tokens_details or _NO_COMPLETION_DETAILS
    cached = prompt_details.cached_tokens
    if cached is None:
        cached = wire.cached_tokens
    if wire.prompt_tokens is None or wire.completion_tokens is None:
        raise UsageInvalid("prompt_tokens or completion_tokens is missing")
    if wire.prompt_tokens == 0 == wire.completion_tokens:
        raise UsageInvalid("every count is zero")
    beside = cached is not None and cached > wire.prompt_tokens and profile.cached_may_be_beside
    input_tokens = wire.prompt_tokens + ((cached or 0) if beside else 0)
    output_tokens = _output_tokens(
        wire, input_tokens, completion_details.reasoning_tokens or 0, profile
    )
    _check_size(input_tokens, output_tokens)
    return TokenUsage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=cached,
        cache_write_tokens=prompt_details.cache_write_tokens,
        reasoning_tokens=completion_details.reasoning_tokens,
        input_audio_tokens=prompt_details.audio_tokens,
        output_audio_tokens=completion_details.audio_tokens,
        input_image_tokens=prompt_details.image_tokens,
        accepted_prediction_tokens=completion_details.accepted_prediction_tokens,
        rejected_prediction_tokens=completion_details.rejected_prediction_tokens,
    )


def _output_tokens(wire: _Usage, input_tokens: int, reasoning: int, profile: DialectProfile) -> int:
    """Count reasoning once, and hold the total against its parts.

    Cached tokens that are counted beside the prompt can be in the total or not.
    """
    completion, prompt, total = (
        wire.completion_tokens or 0,
        wire.prompt_tokens or 0,
        wire.total_tokens,
    )
    inside = profile.reasoning_count is ReasoningCount.INSIDE
    if total is None:
        return completion if inside or reasoning <= completion else completion + reasoning
    for output in (total - prompt, total - input_tokens):
        if output == completion or (output == completion + reasoning and not inside):
            return output
    raise UsageInvalid(
        f"total_tokens is {total}, with {prompt} prompt, {completion} completion"
        f" and {reasoning} reasoning tokens"
    )


def _check_size(input_tokens: int, output_tokens: int) -> None:
    if max(input_tokens, output_tokens) > COUNT_LIMIT:
        raise UsageInvalid(f"{max(input_tokens, output_tokens)} tokens are not one call's")
