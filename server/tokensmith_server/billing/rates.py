"""What one unit of each billable thing costs, in integer micro-credits.

A micro-credit is one millionth of a credit, so a list price in "credits per 1M tokens" is the
same number in micro-credits per token: text prices are exact and nothing rounds.
"""

from dataclasses import dataclass

MICROCREDITS_PER_CREDIT = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenRate:
    """Price of text, in micro-credits per token.

    ``cached_input_microcredits`` prices prompt tokens that the provider served from its cache;
    ``None`` means that they cost what other input tokens cost. Zero is a price, not an absence.
    """

    input_microcredits: int
    output_microcredits: int
    cached_input_microcredits: int | None = None


@dataclass(frozen=True, slots=True)
class ImageRate:
    """Price of one generated image, in micro-credits.

    ``token_rate``, where set, is the price of the provider's image tokens: a call then costs the
    larger of ``image_microcredits * n`` and the token price ("100+" in the price list).
    """

    image_microcredits: int
    token_rate: TokenRate | None = None


@dataclass(frozen=True, slots=True)
class SecondTier:
    """Price of one second of video under the conditions that are not ``None``.

    ``resolution`` is a lower-case tier name ("720p", "1080p", "4k").
    """

    second_microcredits: int
    resolution: str | None = None
    generate_audio: bool | None = None
    voice_control: bool | None = None


@dataclass(frozen=True, slots=True)
class SecondRate:
    """Price of video by the second: the first tier whose conditions all hold applies."""

    tiers: tuple[SecondTier, ...]
    default_seconds: int


Rate = TokenRate | ImageRate | SecondRate
