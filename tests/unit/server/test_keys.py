"""The form of API keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.billing.keys import (
    format_api_key,
    hash_api_key,
    key_hint,
    looks_like_api_key,
)


@given(st.binary(min_size=32, max_size=32))
def test_every_32_bytes_make_a_key(random_bytes: bytes) -> None:
    secret = format_api_key(random_bytes)
    assert looks_like_api_key(secret)
    assert len(secret) == len("pk_live_") + 43
    assert len(hash_api_key(secret)) == 32
    assert key_hint(secret) == secret[-4:]


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_different_bytes_make_different_keys(one: bytes, other: bytes) -> None:
    if one != other:
        assert hash_api_key(format_api_key(one)) != hash_api_key(format_api_key(other))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_key_is_made_from_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        format_api_key(bytes(length))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pk_live_",
        "sk-" + "A" * 43,
        "pk_live_" + "A" * 42,
        "pk_live_" + "A" * 42 + "é",
        "pk_live_" + "A" * 44,
        " pk_live_" + "A" * 43,
        "pk_live_" + "A" * 43 + "\n",
    ],
)
def test_what_is_no_key(text: str) -> None:
    assert not looks_like_api_key(text)
