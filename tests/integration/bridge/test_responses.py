"""Responses over HTTP, in front of a server whose every answer a test decides."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import openai
import pytest
from structlog.testing import capture_logs

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge, StartBridge
from tests.integration.bridge.fake_server import fail
from tests.support.response_shapes import check_events, check_response
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1 import response_service_pb2 as kept

BODY: dict[str, Any] = {"model": "gpt-5.4", "input": "Say hello."}


async def post(bridge: RunningBridge, headers: Any = None, **fields: Any) -> httpx.Response:
    async with bridge.http() as http:
        return await http.post("/v1/responses", json=BODY | fields, headers=headers)


def methods(bridge: RunningBridge) -> list[str]:
    return [received.method for received in bridge.server.received]


async def test_whole_response_has_its_money_in_body_and_headers(bridge: RunningBridge) -> None:
    answer = await post(bridge)
    response = check_response(answer.content)
    assert (response.id, response.output_text) == ("resp_1", "Hello there.")
    assert response.usage
    assert response.usage.model_extra == {"cost": 0.123456}
    assert answer.headers["x-credits-held"] == "2"
    assert answer.headers["x-credits-charged"] == "0.123456"
    assert answer.headers["x-credits-balance"] == "4.876544"
    assert answer.headers["x-ratelimit-remaining-requests"] == "29999"
    assert methods(bridge) == ["CreateChatCompletion", "SaveResponse"]
    stored = bridge.server.kept["resp_1"]
    assert stored.response_json == answer.content
    assert (stored.state, stored.model) == (kept.RESPONSE_STATE_COMPLETED, "gpt-5.4")


async def test_chat_gets_key_request_id_idempotency_and_retry_count(bridge: RunningBridge) -> None:
    headers = {
        "Idempotency-Key": "once",
        "x-stainless-retry-count": "2",
        "x-stainless-timeout": "30",
    }
    answer = await post(bridge, headers)
    created, saved = bridge.server.received
    assert created.request.request_id == "once"
    assert created.metadata["x-stainless-retry-count"] == "2"
    assert created.metadata["x-request-id"] == answer.headers["x-request-id"]
    assert saved.metadata["x-request-id"] == answer.headers["x-request-id"]
    assert created.seconds_remaining
    assert created.seconds_remaining <= 30
    assert saved.seconds_remaining
    assert saved.seconds_remaining <= 3


async def test_response_is_kept_before_the_last_event_leaves(bridge: RunningBridge) -> None:
    may_save = asyncio.Event()
    saving = asyncio.Event()

    async def before_save(_context: Any) -> None:
        saving.set()
        await may_save.wait()

    bridge.server.before_save = before_save
    async with (
        bridge.http() as http,
        http.stream("POST", "/v1/responses", json=BODY | {"stream": True}) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        frames = b""
        async for data in answer.aiter_raw():
            frames += data
            if b"response.output_item.done" in frames and not may_save.is_set():
                await saving.wait()
                assert b"response.completed" not in frames
                assert bridge.server.kept == {}
                may_save.set()
    final = check_events(frames)[-1].response
    assert final.model_extra["store"] is True
    assert check_response(bridge.server.kept["resp_1"].response_json) == final


async def _refuse(context: Any) -> None:
    await fail(context, grpc.StatusCode.UNAVAILABLE, "LEDGER_UNAVAILABLE", "Away.")


async def _hang(_context: Any) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("before_save", [_refuse, _hang])
@pytest.mark.parametrize("stream", [False, True])
async def test_response_that_cannot_be_kept_is_answered_and_says_so(
    start_bridge: StartBridge, before_save: Any, stream: bool
) -> None:
    bridge = await start_bridge(response_save_seconds=0.05)
    bridge.server.before_save = before_save
    with capture_logs() as logs:
        answer = await post(bridge, stream=stream)
    if stream:
        response = check_events(answer.content)[-1].response
    else:
        response = check_response(answer.content)
    assert (response.status, response.output_text) == ("completed", "Hello there.")
    assert response.model_extra["store"] is False
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [
        "response not kept"
    ]


async def test_too_large_response_is_answered_and_not_sent_to_be_kept(
    bridge: RunningBridge,
) -> None:
    image = "data:image/png;base64," + "A" * 4_000_000
    content = [{"type": "input_image", "image_url": image, "detail": "low"}]
    with capture_logs() as logs:
        answer = await post(bridge, input=[{"role": "user", "content": content}])
    assert check_response(answer.content).model_extra == {"store": False}
    assert methods(bridge) == ["GetBalance", "CreateChatCompletion"], "a look at the key, first"
    assert {line.get("reason") for line in logs} >= {"PAYLOAD_TOO_LARGE"}


async def test_nothing_is_kept_that_was_not_to_be(bridge: RunningBridge) -> None:
    for stream in (False, True):
        await post(bridge, store=False, stream=stream)
    assert methods(bridge) == ["CreateChatCompletion", "StreamChatCompletion"]


async def test_conversation_is_read_and_sent_whole(bridge: RunningBridge) -> None:
    await post(bridge, instructions="Be kind.")
    await post(bridge, input="Go on.", previous_response_id="resp_1")
    asked = bridge.server.received[-2].request.params
    assert [message.content.text for message in asked.messages] == [
        "Say hello.",
        "Hello there.",
        "Go on.",
    ]
    assert methods(bridge)[2:] == ["StreamConversation", "CreateChatCompletion", "SaveResponse"]


async def test_gap_in_a_conversation_is_told(bridge: RunningBridge) -> None:
    await post(bridge, previous_response_id=None)
    bridge.server.kept["resp_1"].previous_id = "resp_0"
    answer = await post(bridge, previous_response_id="resp_1")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "previous_response_not_found")
    assert "'resp_0', from earlier in the conversation" in error["message"]
    assert error["param"] == "previous_response_id"


async def test_too_long_conversation_is_refused_by_the_field_that_asks_for_it(
    bridge: RunningBridge,
) -> None:
    async def stream_conversation(context: Any) -> None:
        await fail(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_ARGUMENT",
            "The conversation has more than 256 responses.",
            facts={"param": "response_id"},
        )

    admit = bridge.server.admit

    async def refusing(method: str, request: Any, context: Any) -> None:
        await admit(method, request, context)
        if method == "StreamConversation":
            await stream_conversation(context)

    bridge.server.admit = refusing  # type: ignore[method-assign]
    answer = await post(bridge, previous_response_id="resp_1")
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "previous_response_id")
    assert "256" in error["message"]


async def test_failure_in_mid_stream_is_an_error_a_failed_response_and_kept(
    bridge: RunningBridge,
) -> None:
    async def stream(
        request: Any, context: Any
    ) -> AsyncIterator[chat.StreamChatCompletionResponse]:
        yield answers.first_message(request.params.model)
        yield answers.pieces(["Hel"])
        await fail(
            context,
            grpc.StatusCode.UNAVAILABLE,
            "STREAM_INTERRUPTED",
            "The provider broke off; `max_completion_tokens` has nothing to do with it.",
            facts={"charged_microcredits": "3200"},
            trailing=(("x-charged-microcredits", "3200"),),
        )

    bridge.server.stream = stream
    answer = await post(bridge, stream=True)
    events = check_events(answer.content)
    assert [event.type for event in events[-2:]] == ["error", "response.failed"]
    final = events[-1].response
    assert (final.status, final.output_text) == ("failed", "Hel")
    assert final.error.model_extra["charged"] == 0.0032
    assert bridge.server.kept["resp_1"].state == kept.RESPONSE_STATE_FAILED


async def test_failure_before_the_stream_has_a_status_and_the_own_fields_name(
    bridge: RunningBridge,
) -> None:
    async def stream(_request: Any, context: Any) -> AsyncIterator[Any]:
        await fail(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            "UNSUPPORTED_PARAMETER",
            "`reasoning_effort` can't be that.",
            facts={"param": "reasoning_effort", "model": "gpt-5.4"},
        )
        yield None

    bridge.server.stream = stream
    answer = await post(bridge, stream=True, reasoning={"effort": "max"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == "reasoning.effort"
    assert error["message"] == "`reasoning.effort` can't be that."
    assert methods(bridge) == ["StreamChatCompletion"]


async def test_kept_response_is_shown_listed_and_deleted(bridge: RunningBridge) -> None:
    made = await post(bridge)
    async with bridge.http() as http:
        shown = await http.get("/v1/responses/resp_1")
        assert shown.content == made.content
        listed = await http.get("/v1/responses/resp_1/input_items?order=asc")
        assert listed.json()["data"][0]["content"][0]["text"] == "Say hello."
        bad = await http.get("/v1/responses/resp_1/input_items?limit=0")
        assert (bad.status_code, bad.json()["error"]["param"]) == (400, "limit")
        streamed = await http.get("/v1/responses/resp_1?stream=true")
        assert (streamed.status_code, streamed.json()["error"]["param"]) == (400, "stream")
        cancelled = await http.post("/v1/responses/resp_1/cancel")
        assert cancelled.status_code == 400
        assert "Cannot cancel a synchronous response" in cancelled.json()["error"]["message"]
        deleted = await http.delete("/v1/responses/resp_1")
        assert deleted.json() == {"id": "resp_1", "object": "response", "deleted": True}
        for method, path in (
            ("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items"),
        ):  # fmt: skip
            gone = await http.request(method, f"/v1/responses/resp_1{path}")
            assert (gone.status_code, gone.json()["error"]["code"]) == (404, "response_not_found")
            assert gone.headers["x-should-retry"] == "false"


async def test_wrong_key_is_told_before_anything_is_read(bridge: RunningBridge) -> None:
    async with bridge.http(key="pk_live_bad") as http:
        for answer in (
            await http.post("/v1/responses", json=BODY),
            await http.post("/v1/responses", json=BODY | {"previous_response_id": "resp_1"}),
            await http.post("/v1/responses", json=BODY | {"tools": [{"type": "web_search"}]}),
            await http.get("/v1/responses/resp_1"),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_sdk_accumulates_a_stream_of_tool_calls(bridge: RunningBridge) -> None:
    async def stream(
        request: Any, _context: Any
    ) -> AsyncIterator[chat.StreamChatCompletionResponse]:
        yield answers.first_message(request.params.model)
        message = chat.StreamChatCompletionResponse()
        delta = message.deltas.add()
        delta.tool_calls.add(
            index=0, id="call_1", kind=chat.CHAT_TOOL_KIND_FUNCTION, name="get_weather"
        )
        delta.tool_calls.add(index=0, arguments='{"city":')
        delta.tool_calls.add(index=0, arguments='"Bern"}')
        yield message
        for message in answers.last_messages(chat.FINISH_REASON_TOOL_CALLS):
            yield message

    bridge.server.stream = stream
    tool: Any = {"type": "function", "name": "get_weather", "parameters": {}, "strict": False}
    async with (
        bridge.openai() as client,
        client.responses.stream(model="gpt-5.4", input="Weather?", tools=[tool]) as events,
    ):
        final = await events.get_final_response()
    (call,) = final.output
    assert call.type == "function_call"
    assert (call.call_id, call.arguments) == ("call_1", '{"city":"Bern"}')


async def test_silent_stream_is_kept_alive_by_comments(start_bridge: StartBridge) -> None:
    bridge = await start_bridge(heartbeat_seconds=0.01)
    beaten = asyncio.Event()

    async def stream(
        request: Any, _context: Any
    ) -> AsyncIterator[chat.StreamChatCompletionResponse]:
        yield answers.first_message(request.params.model)
        await beaten.wait()
        for message in answers.last_messages():
            yield message

    bridge.server.stream = stream
    frames = b""
    async with (
        bridge.http() as http,
        http.stream("POST", "/v1/responses", json=BODY | {"stream": True}) as answer,
    ):
        async for data in answer.aiter_raw():
            frames += data
            if b": ping\n\n" in frames:
                beaten.set()
    assert check_events(frames)[-1].type == "response.completed"


async def test_replayed_answer_is_marked_and_the_same_response(bridge: RunningBridge) -> None:
    async def complete(request: Any, _context: Any) -> chat.CreateChatCompletionResponse:
        response = answers.completion(request.params.model)
        response.charge.replayed = True
        return response

    first = await post(bridge)
    bridge.server.complete = complete
    again = await post(bridge)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    assert list(bridge.server.kept) == ["resp_1"]


async def test_sdk_raises_what_is_refused(bridge: RunningBridge) -> None:
    async with bridge.openai() as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.responses.create(
                model="gpt-5.4", input="Hi", tools=[{"type": "web_search"}]
            )
    assert refused.value.code == "unsupported_parameter"
    assert methods(bridge) == ["GetBalance"]


async def test_query_of_a_list_of_items_is_openais_and_nothing_else(bridge: RunningBridge) -> None:
    await post(bridge)
    async with bridge.openai() as client:
        listed = await client.responses.input_items.list(
            "resp_1",
            include=["message.input_image.image_url", "reasoning.encrypted_content"],
            limit=1,
            order="asc",
        )
    assert [item.id for item in listed.data] == ["msgin_1_0"]
    async with bridge.http() as http:
        for query, param in (
            ("foo=1", "foo"),
            ("before=x", "before"),
            ("limit=1&limit=2", "limit"),
            ("include[]=web_search_call.results", "include"),
        ):
            bad = await http.get(f"/v1/responses/resp_1/input_items?{query}")
            assert (bad.status_code, bad.json()["error"]["param"]) == (400, param)
