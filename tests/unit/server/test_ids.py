"""What an id, and what somebody else's name for something, may be."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.ids import ID_LENGTH_MAX, NAME_LENGTH_MAX, RandomIds, may_be_id, may_be_name


@pytest.mark.parametrize("prefix", ["req_", "hold_", "acct_", "key_", "grant_", "chatcmpl-"])
def test_ids_of_our_own_may_be_ids_and_names(prefix: str) -> None:
    made = RandomIds().new(prefix)
    assert may_be_id(made)
    assert may_be_name(made)


@pytest.mark.parametrize("text", ["a", "A-1_b", "-a", "9" * ID_LENGTH_MAX])
def test_letters_digits_hyphens_and_underscores_may_be_an_id(text: str) -> None:
    assert may_be_id(text)


@pytest.mark.parametrize(
    "text", ["", "-", "--__", "a b", "a.b", "a/b", "a\0", "a\n", "é", "٣", "a\udcff", "9" * 129]
)
def test_all_else_may_be_no_id(text: str) -> None:
    assert not may_be_id(text)


@pytest.mark.parametrize("text", ["order 7/2", "~", "welcome:acct_1", "x" * NAME_LENGTH_MAX])
def test_short_printable_ascii_may_be_a_name(text: str) -> None:
    assert may_be_name(text)


@pytest.mark.parametrize("text", ["", "a\0", "a\nb", "\x7f", "é", "\ud800", "x" * 256])
def test_all_else_may_be_no_name(text: str) -> None:
    assert not may_be_name(text)


@given(st.text(st.characters()))
def test_what_may_be_either_has_no_character_that_ends_or_cuts_anything(text: str) -> None:
    if may_be_id(text) or may_be_name(text):
        assert text.encode("ascii").decode() == text
        assert not any(unicodedata.category(character).startswith("C") for character in text)
        assert text.splitlines() == [text]
