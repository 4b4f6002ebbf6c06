"""What goes over HTTP beside the happy path: heads, errors, money, health."""

import asyncio
import re
from typing import Any

import grpc
import msgspec
import pytest
import structlog
from prometheus_client import REGISTRY, generate_latest

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge, StartBridge
from tests.integration.bridge.fake_server import KEY, fail
from tests.integration.bridge.refusals import error_of
from tests.support.turns import eventually
from tokensmith_bridge.replies import _COPIED

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "gpt-5.4", "messages": [{"role": "user", "content": "Hi"}]}


async def test_the_key_may_come_as_x_api_key(bridge: RunningBridge) -> None:
    async with bridge.http(key=None) as http:
        response = await http.post(CHAT, json=BODY, headers={"x-api-key": KEY})
    assert response.status_code == 200
    assert bridge.server.last().metadata["authorization"] == f"Bearer {KEY}"


async def test_no_key_is_refused_without_asking_the_server(bridge: RunningBridge) -> None:
    async with bridge.http(key=None) as http:
        response = await http.post(CHAT, content=b"not json")
    assert response.status_code == 401
    assert error_of(response)["code"] == "invalid_api_key"
    assert bridge.server.received == []


@pytest.mark.parametrize("value", ["Bearer pk_live_gööd", "Bearer " + "k" * 600, "Bearer a\tb"])
async def test_a_key_that_can_not_be_one_goes_nowhere(bridge: RunningBridge, value: str) -> None:
    async with bridge.http(key=None) as http:
        response = await http.post(CHAT, json=BODY, headers={b"Authorization": value.encode()})
    assert response.status_code == 401
    assert bridge.server.received == []


async def test_a_wrong_key_is_told_before_a_wrong_body(bridge: RunningBridge) -> None:
    async with bridge.http(key="pk_live_bad") as http:
        response = await http.post(CHAT, content=b"not json")
    assert response.status_code == 401
    assert [call.method for call in bridge.server.received] == ["GetBalance"]


async def test_a_wrong_body_is_told_even_when_the_key_can_not_be_checked(
    bridge: RunningBridge,
) -> None:
    await bridge.grpc_server.stop(None)
    async with bridge.http() as http:
        response = await http.post(CHAT, content=b"not json")
    assert response.status_code == 400
    assert error_of(response)["code"] == "invalid_json"
    assert "x-credits-balance" not in response.headers


async def test_request_ids_go_to_the_server_and_come_back(bridge: RunningBridge) -> None:
    async with bridge.http() as http:
        first = await http.post(CHAT, json=BODY, headers={"X-Client-Request-Id": "mine-1"})
        second = await http.post(CHAT, json=BODY)
    ids = [response.headers["x-request-id"] for response in (first, second)]
    assert ids == [call.metadata["x-request-id"] for call in bridge.server.received]
    assert all(re.fullmatch(r"req_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}", i) for i in ids)
    assert ids[0] != ids[1]
    assert first.headers["X-Client-Request-Id"] == "mine-1"
    assert "X-Client-Request-Id" not in second.headers


async def test_only_sane_hints_go_on_to_the_server(bridge: RunningBridge) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    sane = {"traceparent": trace, "x-stainless-retry-count": "2", "x-stainless-timeout": "30"}
    mad = {"traceparent": "x", "x-stainless-retry-count": "-1", "x-stainless-timeout": "inf"}
    async with bridge.http() as http:
        await http.post(CHAT, json=BODY, headers=sane)
        await http.post(CHAT, json=BODY, headers=mad | {"x-evil": "1"})
    first, second = bridge.server.received
    assert first.metadata["traceparent"] == trace
    assert first.metadata["x-stainless-retry-count"] == "2"
    assert first.seconds_remaining is not None
    assert 20 < first.seconds_remaining < 32
    assert not {"traceparent", "x-stainless-retry-count", "x-evil"} & set(second.metadata)
    assert second.seconds_remaining is not None
    assert 590 < second.seconds_remaining < 602


async def test_a_stream_has_longer_than_its_client_waits_for_a_piece(
    bridge: RunningBridge,
) -> None:
    async with bridge.http() as http:
        await http.post(
            CHAT, json=BODY | {"stream": True}, headers={"x-stainless-read-timeout": "5"}
        )
    remaining = bridge.server.last().seconds_remaining
    assert remaining is not None
    assert remaining > 590


async def test_an_idempotency_key_becomes_the_request_id_of_the_contract(
    bridge: RunningBridge,
) -> None:
    async with bridge.http() as http:
        await http.post(CHAT, json=BODY, headers={"Idempotency-Key": "order-7"})
        assert bridge.server.last().request.request_id == "order-7"
        for bad in (b"k" * 256, b"\xc3\xa4"):
            response = await http.post(CHAT, json=BODY, headers={b"Idempotency-Key": bad})
            assert response.status_code == 400
            assert error_of(response)["param"] == "Idempotency-Key"


async def test_server_is_told_what_was_asked_only_where_it_may_be_asked_again(
    bridge: RunningBridge,
) -> None:
    async with bridge.http() as http:
        await http.post(CHAT, json=BODY)
        assert bridge.server.last().request.request_digest == b""
        await http.post(CHAT, json=BODY, headers={"x-stainless-retry-count": "0"})
        told = bridge.server.last().request.request_digest
        assert len(told) == 32
        await http.post(CHAT, json=BODY | {"stream": True}, headers={"Idempotency-Key": "k"})
        assert bridge.server.last().request.request_digest == told


async def test_a_replay_is_marked(bridge: RunningBridge) -> None:
    async def complete(_request: Any, _context: Any) -> Any:
        response = answers.completion()
        response.charge.replayed = True
        return response

    bridge.server.complete = complete
    async with bridge.http() as http:
        response = await http.post(CHAT, json=BODY)
    assert response.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[]", "invalid_type"),
        (b'"x"', "invalid_type"),
        (b'{"model":NaN}', "invalid_json"),
        (b'{"model":"\xff"}', "invalid_json"),
        (b'\xef\xbb\xbf{"model":"a"}', "invalid_json"),
        (b'{"model":"\\ud800"}', "invalid_json"),
        (b"[" * 100_000, "invalid_type"),
        (b'{"model":"a","metadata":' + b'{"a":' * 100_000, "invalid_type"),
        (
            b'{"model":"a","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function",'
            b'"function":{"name":"f","parameters":' + b'{"a":' * 100_000,
            "invalid_json",
        ),
        (
            b'{"model":"a","n":1,"n":2,"messages":[{"role":"user","content":"x"}]}',
            "invalid_json",
        ),
    ],
)
async def test_hostile_json_is_a_bad_request(bridge: RunningBridge, body: bytes, code: str) -> None:
    async with bridge.http() as http:
        response = await http.post(CHAT, content=body)
    assert response.status_code == 400
    assert error_of(response)["code"] == code
    assert response.headers["x-credits-charged"] == "0"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "application/vnd.api+json"}, 200),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json", "Content-Encoding": "identity"}, 200),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
    ],
)
async def test_only_plain_json_is_taken(
    bridge: RunningBridge, headers: dict[str, str], status: int
) -> None:
    async with bridge.http() as http:
        response = await http.post(CHAT, content=msgspec.json.encode(BODY), headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/chat/completions", "Did you mean /v1/chat/completions?"),
        ("/v1/v1/chat/completions", "Did you mean /v1/chat/completions?"),
        ("/v1/chat/completions/", "Did you mean /v1/chat/completions?"),
        ("/v1//models", "Did you mean /v1/models?"),
        ("/V1/Models", "Did you mean /v1/models?"),
        ("/v1/chat/completion", "Did you mean /v1/chat/completions?"),
        ("/v1/healthz", "Did you mean /healthz?"),
        ("/", ""),
        ("/.env", ""),
    ],
)
async def test_an_unknown_path_is_answered_in_our_shape(
    bridge: RunningBridge, path: str, hint: str
) -> None:
    async with bridge.http(key=None) as http:
        response = await http.post(path, json=BODY)
    assert response.status_code == 404
    error = error_of(response)
    assert error["code"] == "unknown_url"
    assert error["message"].endswith(hint)
    assert ("Did you mean" in error["message"]) == bool(hint)


async def test_another_method_is_told_which_ones_there_are(bridge: RunningBridge) -> None:
    async with bridge.http() as http:
        response = await http.get(CHAT)
        options = await http.options(CHAT)
        head = await http.head("/v1/models")
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert error_of(response)["code"] == "method_not_allowed"
    assert options.status_code == 405
    assert not [name for name in options.headers if name.startswith("access-control")]
    assert head.status_code == 200
    assert head.content == b""


async def test_a_client_that_tries_websockets_is_sent_to_http(bridge: RunningBridge) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    async with bridge.http() as http:
        response = await http.get("/v1/responses", headers=upgrade)
    assert response.status_code == 426
    assert error_of(response)["code"] == "websockets_not_served"


async def test_a_server_that_is_away_is_a_503_that_may_be_retried(bridge: RunningBridge) -> None:
    await bridge.grpc_server.stop(None)
    async with bridge.http() as http:
        response = await http.post(CHAT, json=BODY)
    assert response.status_code == 503
    assert error_of(response)["code"] == "server_unreachable"
    assert response.headers["x-should-retry"] == "true"
    assert "127.0.0.1" not in response.text


async def test_retry_headers_say_when(bridge: RunningBridge) -> None:
    async def complete(_request: Any, context: Any) -> Any:
        await fail(
            context,
            grpc.StatusCode.UNAVAILABLE,
            "SERVER_OVERLOADED",
            "Too much to do.",
            retry_after_ms=1500,
        )

    bridge.server.complete = complete
    async with bridge.http() as http:
        response = await http.post(CHAT, json=BODY)
    assert response.status_code == 503
    assert response.headers["retry-after-ms"] == "1500"
    assert response.headers["retry-after"] == "2"


async def test_a_servers_defect_shows_no_internals(bridge: RunningBridge) -> None:
    async def complete(_request: Any, _context: Any) -> Any:
        raise RuntimeError("secret_table does not exist")

    bridge.server.complete = complete
    async with bridge.http() as http:
        response = await http.post(CHAT, json=BODY)
    assert response.status_code == 500
    assert error_of(response)["code"] == "internal_error"
    assert "secret_table" not in response.text


async def test_a_bridges_defect_shows_no_internals(
    bridge: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The one way in: a table that every answer reads.
    monkeypatch.setitem(_COPIED, "x-request-id", object())
    async with bridge.http() as http:
        response = await http.post(CHAT, json=BODY)
    assert response.status_code == 500
    error = error_of(response)
    assert error["code"] == "internal_error"
    assert response.headers["x-request-id"] in error["message"]


async def test_a_body_of_many_megabytes_gets_through(bridge: RunningBridge) -> None:
    text = "x" * (6 * 1024 * 1024)
    body = BODY | {"messages": [{"role": "user", "content": text}]}
    async with bridge.http() as http:
        response = await http.post(CHAT, json=body)
    assert response.status_code == 200
    assert len(bridge.server.last().request.params.messages[0].content.text) == len(text)


async def test_a_broken_stream_ends_without_done(bridge: RunningBridge) -> None:
    async def stream(_request: Any, _context: Any) -> Any:
        yield answers.first_message()
        yield answers.pieces(["Hel"])

    bridge.server.stream = stream
    async with bridge.http() as http:
        response = await http.post(CHAT, json=BODY | {"stream": True})
    assert response.status_code == 200
    frames = response.text.split("\n\n")
    assert frames.pop() == ""
    last = msgspec.json.decode(frames[-1].removeprefix("data: "))
    assert last["error"]["code"] == "stream_interrupted"
    assert last["request_id"] == response.headers["x-request-id"]
    assert "[DONE]" not in response.text


async def test_a_stream_is_data_lines_only(bridge: RunningBridge) -> None:
    async with bridge.http() as http:
        response = await http.post(CHAT, json=BODY | {"stream": True})
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "content-encoding" not in response.headers
    frames = response.text.split("\n\n")
    assert frames.pop() == ""
    assert all(frame.startswith("data: ") and "\n" not in frame for frame in frames)
    assert frames[-1] == "data: [DONE]"


async def test_a_silent_stream_gets_heartbeats(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(heartbeat_seconds=0.01)
    go_on = asyncio.Event()

    async def stream(_request: Any, _context: Any) -> Any:
        yield answers.first_message()
        await go_on.wait()
        for message in answers.last_messages():
            yield message

    bridge.server.stream = stream
    text = ""
    async with (
        bridge.http() as http,
        http.stream("POST", CHAT, json=BODY | {"stream": True}) as response,
    ):
        async for piece in response.aiter_text():
            text += piece
            if text.count(": ping\n\n") >= 2:
                go_on.set()
    assert text.endswith("data: [DONE]\n\n")


async def test_metrics_count_by_route_and_status(bridge: RunningBridge) -> None:
    async with bridge.http() as http:
        await http.get("/v1/models/grok")
        await http.get("/nowhere-at-all")
    text = generate_latest().decode()
    assert 'requests_total{route="/v1/models/{model_id}",status="200"}' in text
    assert 'requests_total{route="unknown",status="404"}' in text
    assert "nowhere-at-all" not in text


async def test_metrics_tell_how_many_requests_are_being_served(bridge: RunningBridge) -> None:
    def running() -> float | None:
        return REGISTRY.get_sample_value("tokensmith_bridge_requests_running")

    seen: list[float | None] = []

    async def stream(_request: Any, _context: Any) -> Any:
        seen.append(running())
        for message in answers.last_messages():
            yield message

    bridge.server.stream = stream
    await eventually(lambda: running() == 0.0)
    async with bridge.http() as http:
        await http.post(CHAT, json=BODY | {"stream": True})
    assert seen == [1.0]
    # The client has its answer a little before its request is over.
    await eventually(lambda: running() == 0.0)


async def test_the_access_log_has_no_contents_and_no_keys(bridge: RunningBridge) -> None:
    with structlog.testing.capture_logs() as lines:
        async with bridge.http() as http:
            await http.post(CHAT, json=BODY | {"user": "canary"})
            await http.post(CHAT, json=BODY | {"canary": 1})
    entries = [line for line in lines if line["event"] == "request"]
    assert [entry["status"] for entry in entries] == [200, 400]
    assert entries[0]["charged_microcredits"] == answers.CHARGED
    assert entries[0]["model"] == "gpt-5.4"
    assert entries[1]["reason"] == "UNKNOWN_PARAMETER"
    assert KEY not in str(lines)
    assert "canary" not in str(lines)
    assert BODY["messages"][0]["content"] not in str(lines)
