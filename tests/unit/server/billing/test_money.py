"""Credits as text, and the one rounding."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.billing.money import ceil_seconds, format_credits, parse_credits

amounts = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize(
    ("text", "microcredits"),
    [
        ("0", 0),
        ("12", 12_000_000),
        ("0.25", 250_000),
        ("0.000001", 1),
        ("1.500000", 1_500_000),
        ("007", 7_000_000),
        ("9223372036854.775807", 2**63 - 1),
        (12, 12_000_000),
        (0, 0),
    ],
)
def test_parse_reads_credits_exactly(text: str | int, microcredits: int) -> None:
    assert parse_credits(text) == microcredits


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "-1",
        "+1",
        "1e3",
        "1,000",
        ".5",
        "5.",
        "1.0000001",
        "0x10",
        "nan",
        "١٢",
        "1_000",
        "9223372036854.775808",
        "99999999999999",
        -1,
    ],
)
def test_parse_refuses_what_is_no_plain_amount(text: str | int) -> None:
    with pytest.raises(ValueError, match="credits"):
        parse_credits(text)


@pytest.mark.parametrize("value", [1.0, 0.1, True, None, Decimal(1), b"1"])
def test_parse_refuses_types_that_are_not_exact_text_or_whole(value: object) -> None:
    with pytest.raises(TypeError):
        parse_credits(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("microcredits", "text"),
    [
        (0, "0"),
        (1, "0.000001"),
        (10, "0.00001"),
        (250_000, "0.25"),
        (1_000_000, "1"),
        (10_000_000, "10"),
        (1_500_000, "1.5"),
        (-1_500_000, "-1.5"),
        (-1, "-0.000001"),
        (2**63 - 1, "9223372036854.775807"),
    ],
)
def test_format_is_decimal_without_exponent_or_idle_zeros(microcredits: int, text: str) -> None:
    assert format_credits(microcredits) == text


@given(amounts)
def test_parse_reads_back_what_format_wrote(microcredits: int) -> None:
    assert parse_credits(format_credits(microcredits)) == microcredits


@given(amounts)
def test_format_has_at_most_six_places_and_no_idle_zero(microcredits: int) -> None:
    whole, _, places = format_credits(microcredits).partition(".")
    assert whole.isdecimal()
    assert len(places) <= 6
    assert not places.endswith("0")


@pytest.mark.parametrize(
    ("duration", "step_seconds", "billed"),
    [
        (0, 1, 0),
        (5, 1, 5),
        (Fraction(24_024, 24_000), 1, 2),
        (Decimal("4.000001"), 1, 5),
        (Decimal("4.0"), 1, 4),
        (Fraction(1, 10**9), 1, 1),
        (6, 5, 10),
        (10, 5, 10),
    ],
)
def test_seconds_round_up_to_the_billing_step(
    duration: Fraction | Decimal | int, step_seconds: int, billed: int
) -> None:
    assert ceil_seconds(duration, step_seconds) == billed


@given(st.fractions(0, 100_000), st.integers(1, 60))
def test_rounding_up_is_less_than_a_step_and_never_down(duration: Fraction, step: int) -> None:
    billed = ceil_seconds(duration, step)
    assert duration <= billed < duration + step
    assert billed % step == 0


def test_seconds_in_float_are_refused() -> None:
    with pytest.raises(TypeError):
        ceil_seconds(4.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("duration", [-1, Decimal("NaN"), Decimal("Infinity"), Fraction(-1, 2)])
def test_seconds_that_are_no_length_are_refused(duration: Fraction | Decimal | int) -> None:
    with pytest.raises(ValueError, match="length"):
        ceil_seconds(duration)
