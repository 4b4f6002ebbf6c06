"""What comes with a request from earlier answers is input like what was sent with it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.billing.estimates import FAMILIES, TextFacts, estimate_input_tokens

SHORT = TextFacts(family="gpt", text_bytes=300, message_count=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_recalled_input_counts_like_text(family: str) -> None:
    short = replace(SHORT, family=family)
    recalled = estimate_input_tokens(replace(short, recalled_bytes=1_200, recalled_tokens=99))
    assert recalled == estimate_input_tokens(replace(short, text_bytes=1_500))


def test_recalled_input_is_never_less_than_the_provider_counted() -> None:
    summarised = replace(SHORT, recalled_bytes=300, recalled_tokens=5_000)
    assert estimate_input_tokens(summarised) == estimate_input_tokens(SHORT) + 5_000


@given(st.integers(0, 1_000_000), st.integers(0, 1_000_000), st.integers(0, 10_000))
def test_estimate_grows_with_what_is_recalled(byte_count: int, tokens: int, more: int) -> None:
    facts = replace(SHORT, recalled_bytes=byte_count, recalled_tokens=tokens)
    low = estimate_input_tokens(facts)
    assert low >= estimate_input_tokens(SHORT)
    assert estimate_input_tokens(replace(facts, recalled_bytes=byte_count + more)) >= low
    assert estimate_input_tokens(replace(facts, recalled_tokens=tokens + more)) >= low
