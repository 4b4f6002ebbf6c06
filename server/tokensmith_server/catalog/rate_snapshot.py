"""A rate as text and back, so that a hold keeps the price that it was placed at.

The text is canonical: equal rates have equal texts, on every machine. Snapshots are read for as
long as holds are kept, so a field may be added here but none renamed or removed; fields that a
newer release wrote are ignored.
"""

from typing import assert_never

import msgspec

from tokensmith_server.billing.rates import ImageRate, Rate, SecondRate, SecondTier, TokenRate


class _Tokens(msgspec.Struct, frozen=True, tag="token", tag_field="type"):
    input: int
    output: int
    cached_input: int | None = None


class _Image(msgspec.Struct, frozen=True, tag="image", tag_field="type"):
    image: int
    tokens: _Tokens | None = None


class _Tier(msgspec.Struct, frozen=True):
    second: int
    resolution: str | None = None
    generate_audio: bool | None = None
    voice_control: bool | None = None


class _Seconds(msgspec.Struct, frozen=True, tag="second", tag_field="type"):
    tiers: tuple[_Tier, ...]
    default_seconds: int


_Snapshot = _Tokens | _Image | _Seconds
_decoder: msgspec.json.Decoder[_Snapshot] = msgspec.json.Decoder(_Snapshot)
_encoder = msgspec.json.Encoder(order="sorted")


def rate_to_json(rate: Rate) -> str:
    """The canonical text of a rate, in integer micro-credits."""
    return _encoder.encode(_to_snapshot(rate)).decode()


def rate_from_json(text: str) -> Rate:
    """The rate that ``rate_to_json`` wrote.

    Raises:
        ValueError: The text is no rate.
    """
    try:
        return _from_snapshot(_decoder.decode(text))
    except msgspec.DecodeError as error:
        raise ValueError(f"not a rate: {error}") from error


def _to_snapshot(rate: Rate) -> _Snapshot:
    match rate:
        case TokenRate():
            return _tokens(rate)
        case ImageRate(image, token_rate):
            return _Image(image, _tokens(token_rate) if token_rate else None)
        case SecondRate(tiers, default_seconds):
            return _Seconds(
                tuple(
                    _Tier(
                        tier.second_microcredits,
                        tier.resolution,
                        tier.generate_audio,
                        tier.voice_control,
                    )
                    for tier in tiers
                ),
                default_seconds,
            )
    assert_never(rate)


def _tokens(rate: TokenRate) -> _Tokens:
    return _Tokens(
        rate.input_microcredits, rate.output_microcredits, rate.cached_input_microcredits
    )


def _from_snapshot(snapshot: _Snapshot) -> Rate:
    match snapshot:
        case _Tokens():
            return _token_rate(snapshot)
        case _Image():
            tokens = snapshot.tokens
            return ImageRate(snapshot.image, _token_rate(tokens) if tokens else None)
        case _Seconds():
            tiers = tuple(
                SecondTier(tier.second, tier.resolution, tier.generate_audio, tier.voice_control)
                for tier in snapshot.tiers
            )
            return SecondRate(tiers, snapshot.default_seconds)
    assert_never(snapshot)


def _token_rate(tokens: _Tokens) -> TokenRate:
    return TokenRate(tokens.input, tokens.output, tokens.cached_input)
