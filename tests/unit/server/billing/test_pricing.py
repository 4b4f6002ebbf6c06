"""What a call costs and what is held for it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.billing.errors import TierUnknown
from tokensmith_server.billing.estimates import FAMILIES, UNKNOWN_FAMILY
from tokensmith_server.billing.pricing import (
    OUTPUT_FLOOR_TOKENS,
    HoldTerms,
    TextFacts,
    charge,
    charge_images,
    charge_seconds,
    estimate_input_tokens,
    estimate_low_input_tokens,
    estimate_low_tokens,
    hold_terms,
    price_lines,
)
from tokensmith_server.billing.rates import ImageRate, SecondRate, SecondTier, TokenRate
from tokensmith_server.billing.usage import MAX_TOKENS, TokenUsage

GPT = TokenRate(input_microcredits=5_000, output_microcredits=30_000)
CACHING = replace(GPT, cached_input_microcredits=500)

tokens = st.integers(0, MAX_TOKENS)
prices = st.integers(0, 1_000_000)
rates = st.builds(TokenRate, prices, prices, st.none() | prices)
family_names = st.sampled_from([*FAMILIES, "a family of tomorrow"])
facts_of_requests = st.builds(
    TextFacts,
    family=family_names,
    text_bytes=st.integers(0, 10_000_000),
    message_count=st.integers(1, 1_000),
    tool_bytes=st.integers(0, 100_000),
    tool_count=st.integers(0, 128),
    image_details=st.lists(st.sampled_from(["", "low", "high", "auto", "original"])).map(tuple),
    audio_bytes=st.integers(0, 10_000_000),
    file_bytes=st.integers(0, 10_000_000),
    choices=st.integers(1, 8),
)


@st.composite
def usages(draw: st.DrawFn) -> TokenUsage:
    input_tokens, output_tokens = draw(tokens), draw(tokens)
    return TokenUsage(
        input_tokens,
        output_tokens,
        cached_input_tokens=draw(st.none() | st.integers(0, input_tokens)),
        reasoning_tokens=draw(st.none() | st.integers(0, output_tokens)),
    )


def terms(
    facts: TextFacts, rate: TokenRate = GPT, requested: int | None = None, **changes: bool
) -> HoldTerms:
    return hold_terms(
        rate,
        facts,
        requested_output_tokens=requested,
        default_output_tokens=16_384,
        model_max_output=128_000,
        context_tokens=270_000,
        **changes,
    )


SHORT = TextFacts(family="gpt", text_bytes=300, message_count=1)


def test_text_costs_tokens_times_rate() -> None:
    assert charge(GPT, TokenUsage(9, 12)) == 9 * 5_000 + 12 * 30_000


def test_cached_input_is_priced_apart_where_the_rate_says_so() -> None:
    usage = TokenUsage(100, 0, cached_input_tokens=60)
    assert charge(CACHING, usage) == 40 * 5_000 + 60 * 500
    assert charge(GPT, usage) == 100 * 5_000


def test_cached_input_at_zero_is_free_and_not_unpriced() -> None:
    usage = TokenUsage(100, 0, cached_input_tokens=60)
    assert charge(replace(GPT, cached_input_microcredits=0), usage) == 40 * 5_000


def test_absent_cache_count_is_no_cached_input() -> None:
    assert charge(CACHING, TokenUsage(100, 0)) == 100 * 5_000


def test_reasoning_is_in_the_output_and_not_charged_twice() -> None:
    assert charge(GPT, TokenUsage(0, 100, reasoning_tokens=90)) == 100 * 30_000


def test_cache_writes_are_input() -> None:
    assert charge(GPT, TokenUsage(100, 0, cache_write_tokens=80)) == 100 * 5_000


@given(rates, usages())
def test_charge_is_a_whole_amount_that_is_never_negative(
    rate: TokenRate, usage: TokenUsage
) -> None:
    price = charge(rate, usage)
    assert type(price) is int
    assert 0 <= price < 2**63


@given(rates, usages(), tokens, tokens)
def test_more_tokens_never_cost_less(
    rate: TokenRate, usage: TokenUsage, more_input: int, more_output: int
) -> None:
    more = replace(
        usage,
        input_tokens=min(MAX_TOKENS, usage.input_tokens + more_input),
        output_tokens=min(MAX_TOKENS, usage.output_tokens + more_output),
    )
    assert charge(rate, more) >= charge(rate, usage)


@given(usages())
def test_cheaper_cache_never_costs_more_than_no_cache_price(usage: TokenUsage) -> None:
    assert charge(CACHING, usage) <= charge(GPT, usage)


def test_images_cost_by_the_piece() -> None:
    assert charge_images(ImageRate(68_000_000), 3) == 204_000_000


def test_images_cost_by_tokens_where_that_is_more() -> None:
    rate = ImageRate(100_000_000, TokenRate(10_000, 60_000))
    assert charge_images(rate, 1, TokenUsage(50, 196)) == 100_000_000
    assert charge_images(rate, 1, TokenUsage(50, 6_240)) == 50 * 10_000 + 6_240 * 60_000
    assert charge_images(rate, 1) == 100_000_000


def test_no_image_is_no_charge_whatever_was_counted() -> None:
    rate = ImageRate(100_000_000, TokenRate(10_000, 60_000))
    assert charge_images(rate, 0, TokenUsage(50, 6_240)) == 0


VEO = SecondRate(
    (
        SecondTier(100_000_000, resolution="720p"),
        SecondTier(160_000_000, resolution="1080p"),
    ),
    default_seconds=8,
)
KLING = SecondRate(
    (
        SecondTier(336_000_000, voice_control=True),
        SecondTier(140_000_000, generate_audio=False),
        SecondTier(280_000_000),
    ),
    default_seconds=5,
)


def test_video_costs_seconds_times_its_tier() -> None:
    assert charge_seconds(VEO, 8, resolution="720p") == 800_000_000
    assert charge_seconds(VEO, 8, resolution="1080p") == 1_280_000_000


@pytest.mark.parametrize("resolution", ["4k", None, "1080P"])
def test_tier_that_is_not_in_the_list_is_refused(resolution: str | None) -> None:
    with pytest.raises(TierUnknown) as refusal:
        charge_seconds(VEO, 8, resolution=resolution)
    assert refusal.value.resolution == resolution


@pytest.mark.parametrize(
    ("audio", "voice", "second_microcredits"),
    [
        (None, None, 280_000_000),
        (True, None, 280_000_000),
        (False, None, 140_000_000),
        (True, True, 336_000_000),
        (True, False, 280_000_000),
    ],
)
def test_first_tier_whose_conditions_hold_applies(
    *, audio: bool | None, voice: bool | None, second_microcredits: int
) -> None:
    price = charge_seconds(KLING, 5, generate_audio=audio, voice_control=voice)
    assert price == 5 * second_microcredits


def test_estimate_counts_a_token_for_three_bytes_and_the_frame() -> None:
    assert estimate_input_tokens(SHORT) == 100 + 16 + 12


def test_estimate_rounds_up() -> None:
    assert estimate_input_tokens(replace(SHORT, text_bytes=301)) == 101 + 16 + 12


def test_estimate_counts_tools_once_and_each() -> None:
    facts = replace(SHORT, tool_bytes=300, tool_count=2)
    assert estimate_input_tokens(facts) == estimate_input_tokens(SHORT) + 100 + 32 + 2 * 16


@pytest.mark.parametrize(
    ("family", "detail", "image_tokens"),
    [
        ("gpt", "low", 700),
        ("gpt", "high", 6_150),
        ("gpt", "auto", 6_150),
        ("gpt", "", 6_150),
        ("gpt", "original", 10_000),
        ("claude", "low", 1_640),
        ("claude_dense", "", 5_120),
        ("grok", "high", 1_792),
        ("gemini", "high", 2_304),
        ("open", "low", 16_384),
    ],
)
def test_estimate_bounds_each_image_by_family_and_detail(
    family: str, detail: str, image_tokens: int
) -> None:
    facts = TextFacts(family=family, text_bytes=0, message_count=0)
    with_two = replace(facts, image_details=(detail, detail))
    assert estimate_input_tokens(with_two) - estimate_input_tokens(facts) == 2 * image_tokens


# Counts that people measured and published, against the estimate for the same bytes.
@pytest.mark.parametrize(
    ("family", "text_bytes", "counted_tokens"),
    [
        ("claude", 5_000, 1_399),  # a CLAUDE.md
        ("claude", 2_853, 910),  # a git log
        ("claude_dense", 5_000, 2_021),  # the same, from Opus 4.7 on
        ("claude_dense", 2_853, 1_223),
        ("claude_dense", 157, 115),  # "hi" and fifty times " hi", the worst prose found
    ],
)
def test_estimate_covers_published_counts(
    family: str, text_bytes: int, counted_tokens: int
) -> None:
    facts = TextFacts(family=family, text_bytes=text_bytes, message_count=2)
    assert estimate_input_tokens(facts) >= counted_tokens


@given(facts_of_requests)
def test_unknown_family_is_estimated_no_lower_than_any_other(facts: TextFacts) -> None:
    unknown = replace(facts, family="a family of tomorrow")
    assert estimate_input_tokens(unknown) >= estimate_input_tokens(facts)


def test_every_bound_of_the_unknown_family_is_the_worst() -> None:
    for bounds in FAMILIES.values():
        assert UNKNOWN_FAMILY.dozen_bytes_tokens >= bounds.dozen_bytes_tokens
        assert UNKNOWN_FAMILY.image_default_tokens >= max(
            bounds.image_default_tokens, *bounds.image_tokens.values(), 0
        )


@given(facts_of_requests, st.integers(0, 10_000))
def test_estimate_grows_with_the_request(facts: TextFacts, more: int) -> None:
    low = estimate_input_tokens(facts)
    assert estimate_input_tokens(replace(facts, text_bytes=facts.text_bytes + more)) >= low
    assert estimate_input_tokens(replace(facts, file_bytes=facts.file_bytes + more)) >= low
    assert estimate_input_tokens(replace(facts, audio_bytes=facts.audio_bytes + more)) >= low
    assert estimate_input_tokens(replace(facts, message_count=facts.message_count + more)) >= low


@given(facts_of_requests)
def test_low_estimate_stays_below_the_high_one(facts: TextFacts) -> None:
    assert estimate_low_tokens(facts.text_bytes) <= estimate_low_input_tokens(facts)
    assert estimate_low_input_tokens(facts) <= estimate_input_tokens(facts)


def test_hold_is_input_estimate_and_default_allowance() -> None:
    assert terms(SHORT) == HoldTerms(
        fixed_microcredits=128 * 5_000,
        unit_microcredits=30_000,
        units_wanted=16_384,
        units_minimum=1_024,
        input_token_estimate=128,
    )


def test_client_limit_is_the_allowance() -> None:
    assert terms(SHORT, requested=5_000).units_wanted == 5_000
    assert terms(SHORT, requested=5_000).units_minimum == OUTPUT_FLOOR_TOKENS


def test_client_limit_under_the_floor_is_the_floor() -> None:
    low = terms(SHORT, requested=16)
    assert (low.units_wanted, low.units_minimum) == (16, 16)


def test_allowance_is_no_more_than_the_model_can_give() -> None:
    assert terms(SHORT, requested=1_000_000).units_wanted == 128_000


def test_allowance_is_no_more_than_the_context_where_the_maximum_is_unknown() -> None:
    unknown = hold_terms(
        GPT,
        SHORT,
        requested_output_tokens=None,
        default_output_tokens=16_384,
        model_max_output=None,
        context_tokens=8_000,
    )
    assert unknown.units_wanted == 8_000


def test_allowance_counts_once_for_each_choice() -> None:
    assert terms(replace(SHORT, choices=3)).unit_microcredits == 90_000


def test_cap_that_does_not_bound_reasoning_is_held_twice_and_sent_once() -> None:
    grok = terms(SHORT, requested=5_000, output_cap_bounds_reasoning=False)
    assert grok.unit_microcredits == 60_000
    assert grok.units_wanted == 5_000


def test_short_answer_may_be_thought_about_for_long_where_the_cap_does_not_bound_that() -> None:
    capped = terms(replace(SHORT, choices=3), requested=1)
    grok = terms(replace(SHORT, choices=3), requested=1, output_cap_bounds_reasoning=False)
    assert grok.fixed_microcredits == capped.fixed_microcredits + 3 * 2_048 * 30_000
    assert charge(GPT, TokenUsage(10, 3 * (2_048 + 2))) <= grok.ceiling_microcredits


@given(
    rate=rates,
    facts=facts_of_requests,
    requested=st.none() | st.integers(1, 200_000),
    bounds_reasoning=st.booleans(),
    input_share=st.floats(0, 1),
    cached_share=st.floats(0, 1),
    output_share=st.floats(0, 1),
)
def test_ceiling_covers_every_usage_within_estimate_and_cap(
    *,
    rate: TokenRate,
    facts: TextFacts,
    requested: int | None,
    bounds_reasoning: bool,
    input_share: float,
    cached_share: float,
    output_share: float,
) -> None:
    held = terms(facts, rate, requested, output_cap_bounds_reasoning=bounds_reasoning)
    input_tokens = int(held.input_token_estimate * input_share)
    usage = TokenUsage(
        min(MAX_TOKENS, input_tokens),
        int(held.units_wanted * facts.choices * output_share),
        cached_input_tokens=int(min(MAX_TOKENS, input_tokens) * cached_share),
    )
    assert charge(rate, usage) <= held.ceiling_microcredits
    assert 0 < held.units_minimum <= held.units_wanted


@given(rates, st.data())
def test_price_lines_sum_to_the_charge(rate: TokenRate, data: st.DataObject) -> None:
    input_tokens = data.draw(tokens)
    cached = data.draw(st.none() | st.integers(0, input_tokens))
    usage = TokenUsage(input_tokens, data.draw(tokens), cached_input_tokens=cached)
    lines = price_lines(rate, usage)
    assert sum(line.amount_microcredits for line in lines) == charge(rate, usage)
    assert all(line.quantity > 0 for line in lines)
