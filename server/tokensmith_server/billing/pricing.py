"""What a call costs, and what to hold for it before that is known. Integers; nothing rounds.

The one place that multiplies a rate: the receipt, the log and the ledger carry its output.
"""
# ruff: noqa: S101

from dataclasses import replace
from typing import Final

from tokensmith_server.billing.errors import TierUnknown
from tokensmith_server.billing.estimates import (
    TextFacts,
    estimate_input_tokens,
    estimate_low_input_tokens,
    estimate_low_tokens,
)
from tokensmith_server.billing.rates import ImageRate, SecondRate, SecondTier, TokenRate
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.billing.value import value

__all__ = [
    "OUTPUT_FLOOR_TOKENS",
    "UNBOUNDED_REASONING_FACTOR",
    "UNBOUNDED_REASONING_TOKENS",
    "HoldTerms",
    "PriceLine",
    "TextFacts",
    "charge",
    "charge_images",
    "charge_seconds",
    "estimate_input_tokens",
    "estimate_low_input_tokens",
    "estimate_low_tokens",
    "hold_lines",
    "hold_terms",
    "image_hold_terms",
    "low_charge",
    "price_lines",
    "second_hold_terms",
    "usage_is_plausible",
]

OUTPUT_FLOOR_TOKENS: Final = 1_024
"""A short balance lowers the output allowance so far and no further; below it the call is
refused, since an answer that stops in mid-sentence is no use to anybody."""

UNBOUNDED_REASONING_FACTOR: Final = 2
UNBOUNDED_REASONING_TOKENS: Final = 2_048
"""Where the cap bounds the visible output alone (xAI), reasoning comes on top of it: the hold
covers as much again, and so many tokens more in each choice, since a short answer may be thought
about for long. What exceeds even that is settled from the available balance."""


@value
class HoldTerms:
    """The figures that ``PlaceHold`` takes.

    Of text, a unit is a token of output allowance: it costs as much as one token in each choice
    does, and the granted units are the cap to send upstream. Images and seconds of video are
    units too, of which none can be spared.
    """

    fixed_microcredits: int
    unit_microcredits: int
    units_wanted: int
    units_minimum: int
    input_token_estimate: int

    @property
    def ceiling_microcredits(self) -> int:
        """The amount that is held when the balance covers it."""
        return self.fixed_microcredits + self.unit_microcredits * self.units_wanted

    @property
    def floor_microcredits(self) -> int:
        """The least that the balance must cover."""
        return self.fixed_microcredits + self.unit_microcredits * self.units_minimum


def charge(rate: TokenRate, usage: TokenUsage) -> int:
    """The exact price of a text call.

    Cached input is priced apart where the rate says so and the provider counted it, else like
    other input. Cache writes are input, reasoning is output: both are in the totals already.
    """
    cached_tokens = 0
    cached_microcredits = 0
    if rate.cached_input_microcredits is not None:
        cached_tokens = usage.cached_input_tokens or 0
        cached_microcredits = cached_tokens * rate.cached_input_microcredits
    fresh_tokens = usage.input_tokens - cached_tokens
    assert fresh_tokens >= 0, usage
    return (
        fresh_tokens * rate.input_microcredits
        + cached_microcredits
        + usage.output_tokens * rate.output_microcredits
    )


@value
class PriceLine:
    """One row of how a charge, or a hold, comes about: so many units at so much.

    ``description`` says for people under which conditions the price holds.
    """

    unit: str  # input_token, cached_input_token, output_token, image, second
    quantity: int
    unit_microcredits: int
    description: str = ""

    @property
    def amount_microcredits(self) -> int:
        """Quantity times price."""
        return self.quantity * self.unit_microcredits


def price_lines(rate: TokenRate, usage: TokenUsage) -> tuple[PriceLine, ...]:
    """The rows of ``charge``; their amounts sum to it. Classes without tokens have no row."""
    cached_tokens = 0
    if rate.cached_input_microcredits is not None:
        cached_tokens = usage.cached_input_tokens or 0
    lines = (
        PriceLine("input_token", usage.input_tokens - cached_tokens, rate.input_microcredits),
        PriceLine("cached_input_token", cached_tokens, rate.cached_input_microcredits or 0),
        PriceLine("output_token", usage.output_tokens, rate.output_microcredits),
    )
    return tuple(line for line in lines if line.quantity)


def charge_images(rate: ImageRate, image_count: int, usage: TokenUsage | None = None) -> int:
    """The price of so many delivered images: by the piece, or by tokens where that is more.

    No image, no charge, whatever the provider counted.
    """
    assert image_count >= 0, image_count
    if image_count == 0:
        return 0
    by_piece = rate.image_microcredits * image_count
    if rate.token_rate is None or usage is None:
        return by_piece
    return max(by_piece, charge(rate.token_rate, usage))


def charge_seconds(
    rate: SecondRate,
    seconds: int,
    *,
    resolution: str | None = None,
    generate_audio: bool | None = None,
    voice_control: bool | None = None,
) -> int:
    """The price of so many whole seconds of video (see ``money.ceil_seconds``).

    Raises:
        TierUnknown: the price list has no row for these conditions.
    """
    assert seconds >= 0, seconds
    for tier in rate.tiers:
        if _tier_applies(tier, resolution, generate_audio, voice_control):
            return tier.second_microcredits * seconds
    raise TierUnknown(resolution, generate_audio, voice_control)


def hold_terms(
    rate: TokenRate,
    facts: TextFacts,
    *,
    requested_output_tokens: int | None,
    default_output_tokens: int,
    model_max_output: int | None,
    context_tokens: int,
    output_cap_bounds_reasoning: bool = True,
) -> HoldTerms:
    """What to hold for a chat request: its input, estimated high, and its output allowance.

    The allowance is the client's limit, else the default, and never more than the model can
    give. It counts once for each choice. The floor is ``OUTPUT_FLOOR_TOKENS``, or the allowance
    itself where that is lower.
    """
    assert facts.choices >= 1, facts
    assert requested_output_tokens is None or requested_output_tokens >= 1
    allowance = requested_output_tokens or default_output_tokens
    allowance = min(allowance, model_max_output or context_tokens, context_tokens)
    assert allowance >= 1, allowance

    unit_microcredits = rate.output_microcredits * facts.choices
    input_tokens = estimate_input_tokens(facts)
    fixed_microcredits = input_tokens * _dearest_input_microcredits(rate)
    if not output_cap_bounds_reasoning:
        fixed_microcredits += unit_microcredits * UNBOUNDED_REASONING_TOKENS
        unit_microcredits *= UNBOUNDED_REASONING_FACTOR
    return HoldTerms(
        fixed_microcredits=fixed_microcredits,
        unit_microcredits=unit_microcredits,
        units_wanted=allowance,
        units_minimum=min(allowance, OUTPUT_FLOOR_TOKENS),
        input_token_estimate=input_tokens,
    )


def hold_lines(
    rate: TokenRate, facts: TextFacts, terms: HoldTerms
) -> tuple[tuple[PriceLine, ...], PriceLine]:
    """How ``hold_terms`` come about: the rows of the fixed part, and that of a single unit."""
    output = rate.output_microcredits
    tokens_per_unit = terms.unit_microcredits // output if output else facts.choices
    read = PriceLine("input_token", terms.input_token_estimate, _dearest_input_microcredits(rate))
    if tokens_per_unit == facts.choices:
        return (read,), PriceLine("output_token", tokens_per_unit, output)
    why = "with room for reasoning, which the output limit does not bound"
    reasoning_tokens = UNBOUNDED_REASONING_TOKENS * facts.choices
    return (
        (read, PriceLine("output_token", reasoning_tokens, output, "reasoning of short answers")),
        PriceLine("output_token", tokens_per_unit, output, why),
    )


def _dearest_input_microcredits(rate: TokenRate) -> int:
    # A cached token costs more than a fresh one in no sane list; a hold need not rely on that.
    return max(rate.input_microcredits, rate.cached_input_microcredits or 0)


def image_hold_terms(rate: ImageRate, image_count: int) -> HoldTerms:
    """What to hold for so many images. Tokens, where the rate has them, are settled from usage."""
    assert image_count >= 1, image_count
    return HoldTerms(
        fixed_microcredits=0,
        unit_microcredits=rate.image_microcredits,
        units_wanted=image_count,
        units_minimum=image_count,
        input_token_estimate=0,
    )


def second_hold_terms(
    rate: SecondRate,
    seconds: int,
    *,
    resolution: str | None = None,
    generate_audio: bool | None = None,
    voice_control: bool | None = None,
) -> HoldTerms:
    """What to hold for so many whole seconds of video.

    Raises:
        TierUnknown: the price list has no row for these conditions.
    """
    assert seconds >= 1, seconds
    unit_microcredits = charge_seconds(
        rate,
        1,
        resolution=resolution,
        generate_audio=generate_audio,
        voice_control=voice_control,
    )
    return HoldTerms(
        fixed_microcredits=0,
        unit_microcredits=unit_microcredits,
        units_wanted=seconds,
        units_minimum=seconds,
        input_token_estimate=0,
    )


def low_charge(
    rate: TokenRate,
    *,
    facts: TextFacts,
    input_usage: TokenUsage | None = None,
    output_bytes: int,
    held_microcredits: int,
) -> tuple[TokenUsage, int]:
    """Usage and price of a stream that broke off before the provider said its usage.

    The input is what the provider said of it at the beginning, if it did (``input_usage``), else
    what was sent, counted low; the output is what reached the client, counted low. Never more than
    the hold. Nothing delivered is nothing charged.
    """
    assert held_microcredits >= 0, held_microcredits
    if output_bytes == 0:
        return TokenUsage(0, 0), 0
    read = input_usage or TokenUsage(estimate_low_input_tokens(facts), 0)
    usage = replace(read, output_tokens=estimate_low_tokens(output_bytes))
    return usage, min(charge(rate, usage), held_microcredits)


def usage_is_plausible(
    usage: TokenUsage, *, input_token_estimate: int, output_tokens_maximum: int
) -> bool:
    """Whether a provider's count can be true: input near the estimate, output near the cap.

    ``output_tokens_maximum`` is the cap times the choices, or the model's own maximum times the
    choices where the cap does not bound reasoning. Both sides get a factor of four, for text that
    no estimate foresees; beyond it the count is an upstream's mistake, which must not empty an
    account. Such a call is settled by ``low_charge``.
    """
    return (
        usage.input_tokens <= 4 * input_token_estimate
        and usage.output_tokens <= 4 * output_tokens_maximum
    )


def _tier_applies(
    tier: SecondTier,
    resolution: str | None,
    generate_audio: bool | None,
    voice_control: bool | None,
) -> bool:
    return (
        tier.resolution in {None, resolution}
        and tier.generate_audio in {None, generate_audio}
        and tier.voice_control in {None, voice_control}
    )
