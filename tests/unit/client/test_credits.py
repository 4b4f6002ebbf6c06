import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith import format_credits, parse_credits


@pytest.mark.parametrize(
    ("microcredits", "text"),
    [
        (0, "0"),
        (1, "0.000001"),
        (10, "0.00001"),
        (100_000, "0.1"),
        (1_000_000, "1"),
        (1_500_000, "1.5"),
        (10_000_000, "10"),
        (-1, "-0.000001"),
        (-2_500_000, "-2.5"),
        (2**63 - 1, "9223372036854.775807"),
    ],
)
def test_format_is_exact_and_short(microcredits: int, text: str) -> None:
    assert format_credits(microcredits) == text


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_parse_reads_what_format_writes(microcredits: int) -> None:
    assert parse_credits(format_credits(microcredits)) == microcredits


@pytest.mark.parametrize(
    "text",
    ["", ".", "1.", ".5", "1e3", "+1", " 1", "1\n", "1.0000001", "1,5", "0x1", "١", "9" * 14],
)
def test_parse_refuses_what_is_no_plain_decimal(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        parse_credits(text)
