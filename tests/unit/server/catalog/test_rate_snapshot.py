"""The text that a hold keeps its price in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.billing.rates import ImageRate, Rate, SecondRate, SecondTier, TokenRate
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.catalog.rate_snapshot import rate_from_json, rate_to_json

amounts = st.integers(min_value=0, max_value=2**63 - 1)
token_rates = st.builds(TokenRate, amounts, amounts, st.none() | amounts)
rates: st.SearchStrategy[Rate] = st.one_of(
    token_rates,
    st.builds(ImageRate, amounts, st.none() | token_rates),
    st.builds(
        SecondRate,
        st.lists(
            st.builds(
                SecondTier,
                amounts,
                st.none() | st.text(),
                st.none() | st.booleans(),
                st.none() | st.booleans(),
            )
        ).map(tuple),
        st.integers(min_value=1, max_value=3_600),
    ),
)


@given(rates)
def test_every_rate_comes_back_as_it_was(rate: Rate) -> None:
    assert rate_from_json(rate_to_json(rate)) == rate


def test_every_rate_of_the_price_list_comes_back_as_it_was() -> None:
    for model in load_catalog().values():
        assert rate_from_json(rate_to_json(model.rate)) == model.rate


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (
            TokenRate(5_000, 30_000),
            '{"cached_input":null,"input":5000,"output":30000,"type":"token"}',
        ),
        (ImageRate(36_000_000), '{"image":36000000,"tokens":null,"type":"image"}'),
        (
            SecondRate((SecondTier(140_000_000, None, False), SecondTier(280_000_000)), 5),
            '{"default_seconds":5,"tiers":['
            '{"generate_audio":false,"resolution":null,"second":140000000,"voice_control":null},'
            '{"generate_audio":null,"resolution":null,"second":280000000,"voice_control":null}],'
            '"type":"second"}',
        ),
    ],
)
def test_stored_snapshots_stay_readable(rate: Rate, text: str) -> None:
    # The literal texts are in databases: they may be added to, never changed.
    assert rate_to_json(rate) == text
    assert rate_from_json(text) == rate


def test_fields_of_a_newer_release_are_ignored() -> None:
    assert rate_from_json('{"type":"token","input":1,"output":2,"batch":3}') == TokenRate(1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"type":"token","input":1}',
        '{"type":"token","input":1.5,"output":2}',
        '{"type":"token","input":"1","output":2}',
        '{"type":"minute","input":1,"output":2}',
    ],
)
def test_a_text_that_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        rate_from_json(text)
