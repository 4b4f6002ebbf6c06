"""From ``usageMetadata`` to our algebra of tokens. Pure.

Gemini counts thoughts beside the candidates' tokens, and has a total: prompt, tool use, candidates
and thoughts. The total decides; where it says that the candidates included the thoughts already,
they are not added again. Numbers that are zero are left out of its JSON, so an absent count of
candidates is zero; absent details stay absent. Cached tokens are part of the prompt's.

A block that breaks the algebra is not billed as it stands: the reading then has no usage but a
``problem``, which the adapter logs.
"""

from typing import Final

import msgspec

from tokensmith_server.billing.errors import UsageInvalid
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.answers import NOTHING_REPORTED, UsageReading

COUNT_LIMIT: Final = 2**31 - 1
"""No call comes near this many tokens: a count above it is a defect of the provider."""


class _ModalityCount(msgspec.Struct, rename="camel"):
    modality: str = ""
    token_count: int = 0


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[_ModalityCount] | None = None


_decode = msgspec.json.Decoder(_Usage).decode


def read_usage(block: bytes | msgspec.Raw) -> UsageReading:
    """Read a usage block; empty bytes, ``null`` and an empty object are no block."""
    raw = bytes(block)
    if raw in (b"", b"null", b"{}"):
        return NOTHING_REPORTED
    try:
        wire = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return UsageReading(problem=f"unreadable: {error}")
    try:
        return UsageReading(usage=_to_usage(wire))
    except UsageInvalid as error:
        return UsageReading(problem=str(error))


def _to_usage(wire: _Usage) -> TokenUsage:
    if wire.prompt_token_count is None:
        raise UsageInvalid("promptTokenCount is missing")
    input_tokens = wire.prompt_token_count + (wire.tool_use_prompt_token_count or 0)
    output_tokens = _output_tokens(wire, input_tokens)
    if input_tokens == 0 == output_tokens:
        raise UsageInvalid("every count is zero")
    if max(input_tokens, output_tokens) > COUNT_LIMIT:
        raise UsageInvalid(f"{max(input_tokens, output_tokens)} tokens are not one call's")
    return TokenUsage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_tokens=wire.cached_content_token_count,
        reasoning_tokens=wire.thoughts_token_count,
        input_audio_tokens=_of_modality(wire, "AUDIO"),
        input_image_tokens=_of_modality(wire, "IMAGE"),
    )


def _output_tokens(wire: _Usage, input_tokens: int) -> int:
    """Count thoughts once, and hold the total against its parts."""
    candidates = wire.candidates_token_count or 0
    thoughts = wire.thoughts_token_count or 0
    if min(candidates, thoughts) < 0:
        raise UsageInvalid(f"{candidates} candidates and {thoughts} thoughts tokens")
    if wire.total_token_count is None:
        return candidates + thoughts
    output = wire.total_token_count - input_tokens
    if output == candidates + thoughts or (output == candidates and thoughts <= candidates):
        return output
    raise UsageInvalid(
        f"totalTokenCount is {wire.total_token_count}, with {input_tokens} prompt,"
        f" {candidates} candidates and {thoughts} thoughts tokens"
    )


def _of_modality(wire: _Usage, modality: str) -> int | None:
    """Count the prompt's tokens of one kind, where the prompt is broken down by kinds."""
    if wire.prompt_tokens_details is None:
        return None
    counts = [d.token_count for d in wire.prompt_tokens_details if d.modality == modality]
    return sum(counts) if counts else None
