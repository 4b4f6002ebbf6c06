"""A signature travels in a tool call's id and comes back, or counts as none."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.providers.tool_call_ids import (
    SIGNATURE_BYTES_MAX,
    plain_id,
    signature_of,
    with_signature,
)

SIGNATURE = base64.b64encode(bytes(range(256))).decode()


@given(raw=st.binary(min_size=1, max_size=2000), call_id=st.from_regex(r"\A[ast_-]{1,40}\Z"))
def test_any_signature_comes_back_whole(raw: bytes, call_id: str) -> None:
    signature = base64.b64encode(raw).decode()
    carrying = with_signature(call_id, signature)
    if carrying == call_id:
        assert "__ts" in call_id
        return
    assert (plain_id(carrying), signature_of(carrying)) == (call_id, signature)


def test_an_id_that_carries_has_only_characters_that_every_provider_takes() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]+", with_signature("call_1", SIGNATURE))


def test_url_safe_and_unpadded_signatures_come_back_as_the_same_bytes() -> None:
    raw = b"\xfb\xef\xbe\xff"
    url_safe = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    carried = signature_of(with_signature("a", url_safe))
    assert carried is not None
    assert base64.b64decode(carried) == raw


@pytest.mark.parametrize(
    "call_id", ["call_1", "toolu_01", "a", "", "__ts_", "a__ts_x", "x__ts_" * 3]
)
def test_ids_without_a_signature_carry_none(call_id: str) -> None:
    assert signature_of(call_id) is None


def test_a_cut_or_changed_signature_counts_as_none() -> None:
    carrying = with_signature("call_1", SIGNATURE)
    assert all(signature_of(carrying[:end]) is None for end in range(len(carrying)))
    assert signature_of(carrying.replace("AAEC", "AAED")) is None
    assert plain_id(carrying[:64]) == "call_1"


def test_what_is_too_long_or_no_base64_is_not_carried() -> None:
    at_limit = base64.b64encode(bytes(SIGNATURE_BYTES_MAX)).decode()
    assert signature_of(with_signature("a", at_limit)) == at_limit
    beyond = base64.b64encode(bytes(SIGNATURE_BYTES_MAX + 1)).decode()
    for signature in (beyond, "not base64!", "", None):
        assert with_signature("a", signature) == "a"


def test_an_id_that_could_not_be_told_from_its_load_carries_none() -> None:
    for call_id in ("a__ts_b", "a__ts", "with space", "ü", "x" * 200):
        assert with_signature(call_id, SIGNATURE) == call_id
