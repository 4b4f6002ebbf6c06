"""What the server is told of a request, so that it knows a repeat."""

import pytest
from aiohttp.test_utils import make_mocked_request

from tokensmith_bridge.digest import request_digest

KEYED = {"Idempotency-Key": "k"}


def digest(body: bytes, path: str = "/v1/responses", headers: dict[str, str] = KEYED) -> bytes:
    return request_digest(make_mocked_request("POST", path, headers=headers), body)


@pytest.mark.parametrize("name", ["Idempotency-Key", "x-stainless-retry-count"])
def test_only_who_may_repeat_a_request_has_it_hashed(name: str) -> None:
    assert digest(b"{}", headers={}) == b""
    assert len(digest(b"{}", headers={name: "0"})) == 32


@pytest.mark.parametrize(
    "same",
    [
        b'{"model":"m","input":{"b":1,"a":[2]}}',
        b' { "input" : {"a": [2], "b": 1},\n"model": "\\u006d" }',
        b'{"model":"m","input":{"b":1,"a":[2]},"stream":true}',
        b'{"model":"m","stream":false,"stream_options":{},"input":{"b":1,"a":[2]}}',
    ],
)
def test_spacing_order_and_streaming_make_no_other_request(same: bytes) -> None:
    assert digest(same) == digest(b'{"input":{"a":[2],"b":1},"model":"m"}')


@pytest.mark.parametrize(
    "other",
    [
        b'{"model":"m","metadata":{"v":"1"}}',
        b'{"model":"m","metadata":{"v":"2"}}',
        b'{"model":"m","store":false}',
        b'{"model":"m","previous_response_id":"resp_1"}',
        b'{"model":"m","input":{"stream":true}}',
    ],
)
def test_every_other_field_makes_another_request(other: bytes) -> None:
    assert digest(other) != digest(b'{"model":"m"}')


def test_another_endpoint_makes_another_request() -> None:
    assert digest(b"{}", "/v1/messages") != digest(b"{}", "/v1/responses")


def test_body_with_a_number_that_no_computer_has_is_hashed_as_it_is() -> None:
    body = b'{"tools":[{"parameters":{"maximum":1e999}}]}'
    assert digest(body) == digest(body)
    assert digest(body) != digest(body.replace(b"999", b"998"))
