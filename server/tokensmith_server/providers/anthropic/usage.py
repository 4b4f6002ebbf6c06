"""From Anthropic's usage blocks to our algebra of tokens. Pure.

``input_tokens`` leaves out what came from or went to the prompt cache, so the whole input is the
sum of three counts. ``output_tokens`` has the thinking in it. A stream reports twice: the input
when it begins, and at its end a cumulative output with, or without, the input again; later counts
overwrite, and the output at the beginning is that of an answer which has hardly begun. A block that
breaks the algebra is not billed as it stands: the reading then has no usage but a ``problem``,
which the adapter logs.
"""

from typing import Final

import msgspec

from tokensmith_server.billing.errors import UsageInvalid
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.answers import UsageReading

COUNT_LIMIT: Final = 2**31 - 1
"""No call comes near this many tokens: a count above it is a defect of the provider."""


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None
    service_tier: str | None = None


_TIERS: Final = {"standard": "default", "priority": "priority"}
_decode = msgspec.json.Decoder(_Usage).decode


class UsageCounter:
    """Takes the usage blocks of one answer in their order."""

    __slots__ = ("_counts", "_problem", "_told")

    def __init__(self) -> None:
        self._counts = _Usage()
        self._problem: str | None = None
        self._told = False

    def take(self, block: bytes | msgspec.Raw) -> None:
        """Take a block: counts that it has replace those known. No block at all changes nothing."""
        raw = bytes(block)
        if not raw or raw == b"null":
            return
        self._told = True
        try:
            wire = _decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._problem = f"unreadable: {error}"
            return
        self._problem = None
        for name in _Usage.__struct_fields__:
            value = getattr(wire, name)
            if value is not None:
                setattr(self._counts, name, value)

    def begin(self, block: bytes | msgspec.Raw) -> TokenUsage | None:
        """Take the block that a stream begins with: its output is only what had come by then.

        Returns what it says of the input, which is whole already; ``None`` if that makes no sense.
        """
        self.take(block)
        self._counts.output_tokens = 0
        self._counts.output_tokens_details = None
        usage = self.reading().usage
        self._counts.output_tokens = None
        return usage

    def reading(self) -> UsageReading:
        """Return what has been said so far."""
        if not self._told:
            return UsageReading()
        tier = _TIERS.get(self._counts.service_tier or "", "")
        if self._problem is not None:
            return UsageReading(problem=self._problem, service_tier=tier)
        try:
            return UsageReading(usage=_to_usage(self._counts), service_tier=tier)
        except UsageInvalid as error:
            return UsageReading(problem=str(error), service_tier=tier)


def read_usage(block: bytes | msgspec.Raw) -> UsageReading:
    """Read the usage of a whole answer; empty bytes and ``null`` are no usage."""
    counter = UsageCounter()
    counter.take(block)
    return counter.reading()


def _to_usage(counts: _Usage) -> TokenUsage:
    plain, output = counts.input_tokens, counts.output_tokens
    read, written = counts.cache_read_input_tokens, counts.cache_creation_input_tokens
    if plain is None or output is None:
        raise UsageInvalid("input_tokens or output_tokens is missing")
    # Checked apart, since a negative count could hide in the sum.
    if min(plain, read or 0, written or 0) < 0:
        raise UsageInvalid("a count is negative")
    total = plain + (read or 0) + (written or 0)
    if max(total, output) > COUNT_LIMIT:
        raise UsageInvalid(f"{max(total, output)} tokens are not one call's")
    if total == 0 == output:
        raise UsageInvalid("every count is zero")
    details = counts.output_tokens_details
    return TokenUsage(
        input_tokens=total,
        output_tokens=output,
        cached_input_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=details.thinking_tokens if details is not None else None,
    )
