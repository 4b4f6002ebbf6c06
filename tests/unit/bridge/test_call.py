import uuid

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from tokensmith_bridge.call import call_metadata, deadline_seconds, new_request_id
from tokensmith_bridge.config import BridgeSettings, split_listen
from tokensmith_bridge.openai.errors import Refusal


def headers(**values: str) -> "CIMultiDictProxy[str]":
    return CIMultiDictProxy(
        CIMultiDict({name.replace("_", "-"): value for name, value in values.items()})
    )


def test_request_ids_are_uuids_of_version_7() -> None:
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    parsed = [uuid.UUID(made.removeprefix("req_")) for made in ids]
    assert {one.version for one in parsed} == {7}
    assert {one.variant for one in parsed} == {uuid.RFC_4122}


@pytest.mark.parametrize(
    ("said", "stream", "expected"),
    [
        ({}, False, 600),
        ({"x_stainless_timeout": "600"}, False, 598),
        ({"x_stainless_timeout": "50"}, False, 49),
        ({"x_stainless_timeout": "30"}, False, 29.4),
        ({"x_stainless_read_timeout": "12.5"}, False, 12.25),
        ({"x_stainless_timeout": "5"}, False, 4.75),
        ({"x_stainless_timeout": "0.4"}, False, 0.2),
        ({"x_stainless_timeout": "0"}, False, 600),
        ({"x_stainless_timeout": "-5"}, False, 600),
        ({"x_stainless_timeout": "nan"}, False, 600),
        ({"x_stainless_timeout": "1e9"}, False, 600),
        ({"x_stainless_timeout": "999999"}, False, 3600),
        ({"x_stainless_read_timeout": "30"}, True, 600),
        ({"x_stainless_read_timeout": "900"}, True, 900),
    ],
)
def test_the_deadline_is_the_clients_with_time_to_tell_it_where_that_is_sane(
    said: dict[str, str], stream: bool, expected: float
) -> None:
    settings = BridgeSettings(default_deadline_seconds=600, deadline_seconds_max=3600)
    assert deadline_seconds(headers(**said), settings, stream=stream) == expected


def test_the_authorization_header_wins_over_x_api_key() -> None:
    metadata = dict(call_metadata(headers(authorization="Bearer a", x_api_key="b"), "req_1"))
    assert metadata == {"authorization": "Bearer a", "x-request-id": "req_1"}


@pytest.mark.parametrize("given", [{}, {"authorization": ""}, {"x_api_key": ""}])
def test_no_key_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(Refusal) as raised:
        call_metadata(headers(**given), "req_1")
    assert raised.value.reason == "INVALID_API_KEY"


@pytest.mark.parametrize(
    ("listen", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), (":8080", ("", 8080))],
)
def test_an_address_is_host_and_port(listen: str, expected: tuple[str, int]) -> None:
    assert split_listen(listen) == expected


@pytest.mark.parametrize("listen", ["8080", "a:b", "a:70000", "a:"])
def test_what_is_no_address_is_refused_at_start(listen: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        BridgeSettings(rest_listen=listen)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENSMITH_REST_LISTEN", "0.0.0.0:9000")
    monkeypatch.setenv("TOKENSMITH_BODY_BYTES_MAX", "5")
    settings = BridgeSettings()
    assert (settings.rest_listen, settings.body_bytes_max) == ("0.0.0.0:9000", 5)
