"""The Messages API through the official Anthropic client and over bare HTTP, on a fake server."""

import asyncio
from typing import Any

import anthropic
import grpc
import httpx
import pytest

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge, StartBridge
from tests.integration.bridge.fake_server import KEY, fail
from tests.support.anthropic_shapes import frames_of, judged_events, judged_message
from tokensmith.v1 import billing_service_pb2 as billing

MESSAGES = "/v1/messages"
BODY: dict[str, Any] = {
    "model": "gpt-5.4",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
}
FREE = (("x-held-microcredits", "0"), ("x-charged-microcredits", "0"))


def claude(bridge: RunningBridge, **options: Any) -> anthropic.AsyncAnthropic:
    defaults: dict[str, Any] = {"api_key": KEY, "max_retries": 0}
    return anthropic.AsyncAnthropic(base_url=bridge.url, **(defaults | options))


def methods(bridge: RunningBridge) -> list[str]:
    return [call.method for call in bridge.server.received]


def error_of(response: httpx.Response) -> dict[str, Any]:
    """The error, after checking the shape that every one of them has."""
    body = response.json()
    assert set(body) == {"type", "error", "request_id"}
    assert body["type"] == "error"
    assert body["request_id"] == response.headers["request-id"] == response.headers["x-request-id"]
    assert response.headers["x-should-retry"] in {"true", "false"}
    error: dict[str, Any] = body["error"]
    return error


async def test_a_message_is_typed_and_priced(bridge: RunningBridge) -> None:
    async with bridge.http() as http:
        answer = await http.post(MESSAGES, json=BODY)
    message = judged_message(answer.content)
    assert message.content[0].type == "text"
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    assert answer.headers["x-credits-charged"] == "0.123456"
    assert answer.headers["x-ratelimit-remaining-requests"] == "29999"


@pytest.mark.parametrize("query", ["", "?beta=true"])
async def test_a_stream_is_anthropics_events(bridge: RunningBridge, query: str) -> None:
    async with bridge.http() as http:
        answer = await http.post(MESSAGES + query, json=BODY | {"stream": True})
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    events = judged_events(answer.content)
    texts = [e.delta.text for e in events if e.type == "content_block_delta"]  # type: ignore[union-attr]
    assert texts == ["Hello", " there", "."]


async def test_the_key_comes_in_either_header(bridge: RunningBridge) -> None:
    async with bridge.http(key=None) as http:
        by_key = await http.post(MESSAGES, json=BODY, headers={"x-api-key": KEY})
        by_token = await http.post(MESSAGES, json=BODY, headers={"Authorization": f"Bearer {KEY}"})
        by_none = await http.post(MESSAGES, json=BODY)
    assert (by_key.status_code, by_token.status_code) == (200, 200)
    assert error_of(by_none)["type"] == "authentication_error"


async def test_versions_and_betas_of_any_day_are_taken(bridge: RunningBridge) -> None:
    headers = {"anthropic-version": "2031-01-01", "anthropic-beta": "a-2030-01-01,b,,c"}
    async with bridge.http() as http:
        assert (await http.post(MESSAGES, json=BODY, headers=headers)).status_code == 200


async def test_a_model_is_looked_up_once(bridge: RunningBridge) -> None:
    async with claude(bridge) as client:
        for _ in range(3):
            await client.messages.create(**BODY)
    assert methods(bridge).count("GetModel") == 1
    assert methods(bridge).count("CreateChatCompletion") == 3


async def test_an_idempotency_key_becomes_the_request_id_of_the_contract(
    bridge: RunningBridge,
) -> None:
    async with bridge.http() as http:
        await http.post(MESSAGES, json=BODY, headers={"Idempotency-Key": "once"})
    assert bridge.server.last().request.request_id == "once"


async def test_a_count_is_the_estimates(bridge: RunningBridge) -> None:
    bridge.server.estimate = billing.EstimateResponse(input_tokens=77)
    async with claude(bridge) as client:
        counted = await client.messages.count_tokens(
            model="gpt-5.4", messages=[{"role": "user", "content": "hi"}], system="s"
        )
    assert counted.input_tokens == 77
    assert bridge.server.last().method == "Estimate"
    assert len(bridge.server.last().request.chat.messages) == 2


async def test_models_come_in_the_callers_shape(bridge: RunningBridge) -> None:
    async with claude(bridge) as client:
        found = [item.id async for item in client.models.list(limit=2)]
        one = await client.models.retrieve("Qwen/Qwen3")
    assert found == ["gpt-5.4", "Qwen/Qwen3", "grok"]
    assert one.type == "model"
    async with bridge.http() as http:
        assert (await http.get("/v1/models")).json()["object"] == "list"
        versioned = await http.get("/v1/models/nope", headers={"anthropic-version": "2023-06-01"})
    assert error_of(versioned)["type"] == "not_found_error"


@pytest.mark.parametrize(
    ("code", "reason", "kind", "status", "named", "retry"),
    [
        ("UNAUTHENTICATED", "INVALID_API_KEY", "AuthenticationError", 401, "authentication", False),
        ("PERMISSION_DENIED", "PERMISSION_DENIED", "PermissionDeniedError", 403, "perm", False),
        ("FAILED_PRECONDITION", "INSUFFICIENT_CREDITS", "PaymentRequiredError", 402, "bill", False),
        ("NOT_FOUND", "MODEL_NOT_FOUND", "NotFoundError", 404, "not_found", False),
        ("NOT_FOUND", "MODEL_RETIRED", "NotFoundError", 404, "not_found", False),
        ("ABORTED", "IDEMPOTENCY_IN_PROGRESS", "ConflictError", 409, "conflict", True),
        ("INVALID_ARGUMENT", "CONTENT_REFUSED", "BadRequestError", 400, "invalid_req", False),
        ("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", "RateLimitError", 429, "rate_limit", True),
        ("UNAVAILABLE", "UPSTREAM_RATE_LIMITED", "RateLimitError", 429, "rate_limit", True),
        ("UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "OverloadedError", 529, "overloaded", True),
        ("RESOURCE_EXHAUSTED", "SERVER_OVERLOADED", "OverloadedError", 529, "overloaded", True),
        ("UNAVAILABLE", "SHUTTING_DOWN", "ServiceUnavailableError", 503, "api_error", True),
        ("INTERNAL", "INTERNAL", "InternalServerError", 500, "api_error", False),
        ("INTERNAL", "UPSTREAM_INVALID_RESPONSE", "InternalServerError", 502, "api_error", True),
        ("DEADLINE_EXCEEDED", "UPSTREAM_TIMEOUT", "GatewayTimeoutError", 504, "timeout", False),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_every_refusal_is_the_class_that_clients_catch(
    bridge: RunningBridge,
    *,
    code: str,
    reason: str,
    kind: str,
    status: int,
    named: str,
    retry: bool,
    streamed: bool,
) -> None:
    async def refuse(_request: Any, context: Any) -> Any:
        await fail(
            context,
            grpc.StatusCode[code],
            reason,
            "Because.",
            trailing=FREE,
            retry_after_ms=1500 if retry else None,
        )

    async def refuse_stream(request: Any, context: Any) -> Any:
        await refuse(request, context)
        yield None

    bridge.server.complete, bridge.server.stream = refuse, refuse_stream
    async with claude(bridge) as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client.messages.create(**BODY, stream=streamed)
    error = caught.value
    assert type(error).__name__ == kind
    assert error.status_code == status
    assert (error.type or "").startswith(named)
    assert error.request_id == error.response.headers["x-request-id"]
    assert error.response.headers["x-should-retry"] == str(retry).lower()
    assert error.response.headers.get("retry-after") == ("2" if retry else None)
    assert error.response.headers["x-credits-charged"] == "0"


async def test_a_field_that_the_server_refuses_is_named_as_it_was_sent(
    bridge: RunningBridge,
) -> None:
    async def refuse(_request: Any, context: Any) -> Any:
        await fail(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_ARGUMENT",
            "An image needs an address.",
            facts={"param": "messages[1].content[0].image_url.url"},
        )

    bridge.server.complete = refuse
    async with bridge.http() as http:
        answer = await http.post(MESSAGES, json=BODY | {"system": "s"})
    assert error_of(answer)["message"] == "messages[0]: An image needs an address."


async def test_a_stream_that_fails_midway_raises_with_the_message(bridge: RunningBridge) -> None:
    async def stream(_request: Any, context: Any) -> Any:
        yield answers.first_message()
        yield answers.pieces(["Hel"])
        await fail(
            context,
            grpc.StatusCode.UNAVAILABLE,
            "STREAM_INTERRUPTED",
            "The provider broke off.",
            trailing=(("x-charged-microcredits", "5"),),
        )

    bridge.server.stream = stream
    async with claude(bridge) as client, client.messages.stream(**BODY) as told:
        with pytest.raises(anthropic.APIStatusError, match="broke off") as caught:
            await told.until_done()
    assert caught.value.type == "api_error"
    async with bridge.http() as http:
        answer = await http.post(MESSAGES, json=BODY | {"stream": True})
    names = [name for name, _ in frames_of(answer.content)]
    assert names[-1] == "error"
    assert "message_stop" not in names


async def test_a_stream_that_just_ends_is_a_failure(bridge: RunningBridge) -> None:
    async def stream(_request: Any, _context: Any) -> Any:
        yield answers.first_message()

    bridge.server.stream = stream
    async with bridge.http() as http:
        answer = await http.post(MESSAGES, json=BODY | {"stream": True})
    assert frames_of(answer.content)[-1][0] == "error"


async def test_a_silent_stream_gets_pings(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(heartbeat_seconds=0.01)
    go_on = asyncio.Event()

    async def stream(_request: Any, _context: Any) -> Any:
        yield answers.first_message()
        await go_on.wait()
        for message in answers.last_messages():
            yield message

    bridge.server.stream = stream
    data = b""
    async with (
        bridge.http() as http,
        http.stream("POST", MESSAGES, json=BODY | {"stream": True}) as response,
    ):
        async for piece in response.aiter_bytes():
            data += piece
            if data.count(b"event: ping\n") >= 3:
                go_on.set()
    judged_events(data)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"),
        (b"[]", "object"),
        (b'{"model":"m","max_tokens":1,"messages":[]}', "messages"),
        (b'{"model":"gpt-5.4","max_tokens":1,"max_tokens":2,"messages":[]}', "messages"),
        (b'{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}', "model"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}]}', "max_tokens"),
        (b'{"model":"m","max_tokens":1,"messages":[{"role":"robot","content":"x"}]}', "robot"),
    ],
)
async def test_a_malformed_body_is_a_named_400(
    bridge: RunningBridge, body: bytes, named: str
) -> None:
    async with bridge.http() as http:
        answer = await http.post(
            MESSAGES, content=body, headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["type"] == "invalid_request_error"
    assert named in error["message"]


async def test_a_wrong_key_is_told_before_a_wrong_body(bridge: RunningBridge) -> None:
    async with bridge.http(key="pk_live_other") as http:
        answer = await http.post(MESSAGES, json={})
    assert error_of(answer)["type"] == "authentication_error"


async def test_an_oversize_body_is_too_large(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(body_bytes_max=200)
    async with claude(bridge) as client:
        with pytest.raises(anthropic.ContentTooLargeError):
            await client.messages.create(**BODY | {"system": "x" * 300})


async def test_a_server_that_is_away_may_be_tried_again(bridge: RunningBridge) -> None:
    await bridge.grpc_server.stop(None)
    async with bridge.http() as http:
        answer = await http.post(MESSAGES, json=BODY)
    assert answer.status_code == 503
    assert error_of(answer)["type"] == "api_error"
    assert answer.headers["x-should-retry"] == "true"


async def test_a_retry_is_made_as_it_is_told(bridge: RunningBridge) -> None:
    tries = 0

    async def complete(request: Any, context: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            await fail(
                context,
                grpc.StatusCode.UNAVAILABLE,
                "UPSTREAM_UNAVAILABLE",
                "Busy.",
                retry_after_ms=1,
            )
        return await answers.complete(request, context)

    bridge.server.complete = complete
    async with claude(bridge, max_retries=2) as client:
        assert (await client.messages.create(**BODY)).content
    assert tries == 2
    assert bridge.server.last().metadata["x-stainless-retry-count"] == "1"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_another_method_is_told_in_the_same_shape(bridge: RunningBridge, method: str) -> None:
    async with bridge.http() as http:
        answer = await http.request(method, MESSAGES)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert error_of(answer)["type"] == "invalid_request_error"
