"""What a balance makes of a price is what the ledger would make of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.billing.commands import NewAttempt, PlaceHold
from tokensmith_server.billing.errors import InsufficientCredits
from tokensmith_server.billing.estimation import PricedCall, estimate
from tokensmith_server.billing.ledger import AccountState, place
from tokensmith_server.billing.pricing import (
    HoldTerms,
    PriceLine,
    TextFacts,
    hold_lines,
    hold_terms,
    image_hold_terms,
)
from tokensmith_server.billing.rates import ImageRate, TokenRate

amounts = st.integers(0, 10**6)


@st.composite
def priced_calls(draw: st.DrawFn) -> PricedCall:
    """Any call: something fixed, and any number of units of which some can be spared."""
    wanted = draw(st.integers(0, 10**5))
    per_unit, rate = draw(st.integers(1, 8)), draw(amounts)
    tokens, input_rate, always = draw(amounts), draw(amounts), draw(st.integers(0, 10**4))
    terms = HoldTerms(
        fixed_microcredits=tokens * input_rate + always * rate,
        unit_microcredits=per_unit * rate,
        units_wanted=wanted,
        units_minimum=draw(st.integers(0, wanted)),
        input_token_estimate=tokens,
    )
    input_line = PriceLine("input_token", tokens, input_rate)
    always_line = PriceLine("output_token", always, rate)
    unit_line = PriceLine("output_token", per_unit, rate)
    return PricedCall(terms, (input_line, always_line), unit_line, exact=draw(st.booleans()))


def placed(terms: HoldTerms, available_microcredits: int) -> tuple[int, int] | None:
    """Units and amount of the hold that the ledger places, if it places one."""
    command = PlaceHold(
        hold_id="hold_1",
        account_id="a",
        api_key_id="k",
        request_id="r",
        kind="chat",
        model="m",
        catalog_version="v",
        rate_json="{}",
        fixed_microcredits=terms.fixed_microcredits,
        unit_microcredits=terms.unit_microcredits,
        units_wanted=terms.units_wanted,
        units_minimum=terms.units_minimum,
        created_time=0.0,
        expires_time=1.0,
        owner="o",
        attempt=NewAttempt(1, "p", "u", 0.0),
        stream=False,
        fingerprint=None,
        idempotency_key=None,
        retry_count=None,
    )
    account = AccountState("a", available_microcredits, 0, 0, available_microcredits)
    try:
        _, hold, units, _ = place(account, command)
    except InsufficientCredits:
        return None
    return units, hold.amount_microcredits


@given(priced_calls(), st.integers(0, 10**14))
def test_estimate_is_the_hold_that_the_ledger_places(priced: PricedCall, available: int) -> None:
    estimated = estimate(priced, available)
    held = placed(priced.terms, available)
    assert estimated.affordable is (held is not None)
    if held is not None:
        assert (estimated.units, estimated.held_microcredits) == held
        assert estimated.held_microcredits <= available
    else:
        assert estimated.held_microcredits == estimated.required_microcredits > available


@given(priced_calls(), st.integers(0, 10**14))
def test_lines_add_up_to_what_is_held_and_none_is_empty(priced: PricedCall, available: int) -> None:
    estimated = estimate(priced, available)
    amounts = [line.amount_microcredits for line in estimated.lines]
    assert sum(amounts) == estimated.held_microcredits
    assert all(line.quantity for line in estimated.lines)


@given(priced_calls(), st.integers(0, 10**14))
def test_likely_is_all_of_the_input_and_half_of_the_output(
    priced: PricedCall, available: int
) -> None:
    estimated = estimate(priced, available)
    if priced.exact:
        assert estimated.likely_microcredits == estimated.held_microcredits
    else:
        read = priced.fixed_lines[0].amount_microcredits
        rest = estimated.held_microcredits - read
        # Each line is halved by itself.
        assert 0 <= read + rest // 2 - estimated.likely_microcredits <= 1


@pytest.mark.parametrize(
    ("rate", "bounds", "per_unit"),
    [
        (TokenRate(5, 30), True, 2),
        (TokenRate(5, 30), False, 4),
        (TokenRate(5, 0), True, 2),
        (TokenRate(0, 0), True, 2),
        (TokenRate(5, 30, cached_input_microcredits=9), True, 2),
    ],
)
def test_lines_of_text_say_what_the_terms_come_from(
    rate: TokenRate, bounds: bool, per_unit: int
) -> None:
    facts = TextFacts(family="gpt", text_bytes=90, message_count=1, choices=2)
    terms = hold_terms(
        rate,
        facts,
        requested_output_tokens=None,
        default_output_tokens=4_000,
        model_max_output=None,
        context_tokens=100_000,
        output_cap_bounds_reasoning=bounds,
    )
    fixed_lines, unit_line = hold_lines(rate, facts, terms)
    assert sum(line.amount_microcredits for line in fixed_lines) == terms.fixed_microcredits
    assert [line.quantity for line in fixed_lines[1:]] == ([] if bounds else [2 * 2_048])
    assert unit_line.amount_microcredits == terms.unit_microcredits
    assert unit_line.quantity == per_unit
    assert bool(unit_line.description) is not bounds


def test_image_cannot_be_spared() -> None:
    terms = image_hold_terms(ImageRate(60_000_000), 4)
    assert (terms.floor_microcredits, terms.ceiling_microcredits) == (240_000_000, 240_000_000)
