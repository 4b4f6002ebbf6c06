"""Reading prices: from credits as the price list writes them to a rate in micro-credits."""

import itertools
from typing import Final

from tokensmith_server.billing.rates import (
    MICROCREDITS_PER_CREDIT,
    ImageRate,
    Rate,
    SecondRate,
    SecondTier,
    TokenRate,
)
from tokensmith_server.catalog.model import Kind, VideoSpec
from tokensmith_server.catalog.reader import Table

# Times the largest quantity of one request (2M tokens of 128 choices; 3,600 seconds) these stay
# below 2**63, the integers of both databases.
_MAX_TOKEN_MICROCREDITS: Final = 10**9
_MAX_UNIT_MICROCREDITS: Final = 10**12
_MAX_SECONDS: Final = 3_600


def read_rate(table: Table, kind: Kind, video: VideoSpec | None) -> Rate:
    """The rate of a model of this kind; a billable class without a price is noted.

    Args:
        table: The ``rate`` table.
        kind: Decides which billable classes there are.
        video: What a video or motion-control model offers, ``None`` where that was unreadable:
            every choice needs a tier, and every tier a choice that it prices.
    """
    match kind:
        case Kind.TEXT:
            rate: Rate = _read_token_rate(table)
        case Kind.IMAGE:
            rate = _read_image_rate(table)
        case Kind.VIDEO | Kind.MOTION_CONTROL:
            rate = _read_second_rate(table, video)
    table.close()
    return rate


def _read_token_rate(table: Table) -> TokenRate:
    cached = None
    if table.has("cached_input"):
        cached = _token_price(table, "cached_input", zero=True)
    return TokenRate(
        input_microcredits=_token_price(table, "input"),
        output_microcredits=_token_price(table, "output"),
        cached_input_microcredits=cached,
    )


def _read_image_rate(table: Table) -> ImageRate:
    tokens = table.table("tokens")
    token_rate = None
    if tokens is not None:
        token_rate = _read_token_rate(tokens)
        tokens.close()
    return ImageRate(image_microcredits=_unit_price(table, "image"), token_rate=token_rate)


def _read_second_rate(table: Table, video: VideoSpec | None) -> SecondRate:
    problems_before = len(table.problems)
    tiers = tuple(_read_tier(tier) for tier in table.tables("tiers"))
    rate = SecondRate(
        tiers=tiers, default_seconds=table.integer("default_seconds", maximum=_MAX_SECONDS)
    )
    if video is not None and len(table.problems) == problems_before:
        _check_tiers(table, rate, video)
    return rate


def _read_tier(table: Table) -> SecondTier:
    tier = SecondTier(
        second_microcredits=_unit_price(table, "second"),
        resolution=table.optional_text("resolution"),
        generate_audio=_optional_flag(table, "generate_audio"),
        voice_control=_optional_flag(table, "voice_control"),
    )
    table.close()
    return tier


def _check_tiers(table: Table, rate: SecondRate, video: VideoSpec) -> None:
    applied: set[int] = set()
    for choice in _choices(video):
        index = next(
            (index for index, tier in enumerate(rate.tiers) if _applies(tier, *choice)), None
        )
        if index is None:
            table.note("tiers", f"no tier prices {_describe(*choice)}")
        else:
            applied.add(index)
    for index in range(len(rate.tiers)):
        if index not in applied:
            table.note("tiers", f"tier {index} never applies")


def _choices(video: VideoSpec) -> list[tuple[str | None, bool | None, bool | None]]:
    resolutions: tuple[str | None, ...] = video.resolutions or (None,)
    audio = (True, False) if video.generate_audio else (None,)
    voice = (True, False) if video.voice_control else (None,)
    return [
        (resolution, with_audio, with_voice)
        for resolution, with_audio, with_voice in itertools.product(resolutions, audio, voice)
        if not (with_voice and with_audio is False)  # A voice needs audio.
    ]


def _applies(
    tier: SecondTier, resolution: str | None, with_audio: bool | None, with_voice: bool | None
) -> bool:
    return (
        tier.resolution in (None, resolution)
        and tier.generate_audio in (None, with_audio)
        and tier.voice_control in (None, with_voice)
    )


def _describe(resolution: str | None, with_audio: bool | None, with_voice: bool | None) -> str:
    facts = [f"resolution {resolution}"] if resolution else []
    if with_audio is not None:
        facts.append("with audio" if with_audio else "without audio")
    if with_voice:
        facts.append("with voice control")
    return ", ".join(facts) or "any second"


def _token_price(table: Table, key: str, *, zero: bool = False) -> int:
    return table.microcredits(key, per_credit=1, maximum=_MAX_TOKEN_MICROCREDITS, zero=zero)


def _unit_price(table: Table, key: str) -> int:
    return table.microcredits(
        key, per_credit=MICROCREDITS_PER_CREDIT, maximum=_MAX_UNIT_MICROCREDITS
    )


def _optional_flag(table: Table, key: str) -> bool | None:
    return table.flag(key, default=False) if table.has(key) else None
