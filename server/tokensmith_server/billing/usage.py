"""Measured facts about a call: tokens. Never money."""

from tokensmith_server.billing.errors import UsageInvalid
from tokensmith_server.billing.value import value

MAX_TOKENS = 1_000_000_000
"""No call has more; a larger count is a provider's mistake, and would not fit a price."""


@value
class TokenUsage:
    """Tokens of one call, in one algebra for every provider.

    ``cached_input_tokens`` and ``cache_write_tokens`` are parts of ``input_tokens`` without a token
    in common; ``reasoning_tokens`` are part of ``output_tokens``, whichever way the provider
    counts. ``None`` means that the provider did not say, which is not zero.
    """

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    rejected_prediction_tokens: int | None = None

    def __post_init__(self) -> None:
        """Refuse counts that cannot be: negative, beyond all size, or parts above their whole.

        Raises:
            UsageInvalid: with the offending field's name.
        """
        _check_whole("input_tokens", self.input_tokens)
        _check_whole("output_tokens", self.output_tokens)
        _check_part("cached_input_tokens", self.cached_input_tokens, self.input_tokens)
        fresh = self.input_tokens - (self.cached_input_tokens or 0)
        _check_part("cache_write_tokens", self.cache_write_tokens, fresh)
        _check_part("input_audio_tokens", self.input_audio_tokens, self.input_tokens)
        _check_part("input_image_tokens", self.input_image_tokens, self.input_tokens)
        _check_part("reasoning_tokens", self.reasoning_tokens, self.output_tokens)
        _check_part("output_audio_tokens", self.output_audio_tokens, self.output_tokens)

    @property
    def total_tokens(self) -> int:
        """Input plus output."""
        return self.input_tokens + self.output_tokens


def _check_whole(name: str, count: int) -> None:
    if not 0 <= count <= MAX_TOKENS:
        raise UsageInvalid(f"{name} is {count}, outside 0..{MAX_TOKENS}")


def _check_part(name: str, count: int | None, whole: int) -> None:
    if count is not None and not 0 <= count <= whole:
        raise UsageInvalid(f"{name} is {count}, outside 0..{whole}")
