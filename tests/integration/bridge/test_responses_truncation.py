"""``truncation: "auto"``: the oldest turns are left out of what is too long for the model."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge
from tests.integration.bridge.fake_server import fail
from tests.support.response_shapes import check_events, check_response
from tokensmith.v1 import chat_service_pb2 as chat

TURNS: list[dict[str, Any]] = [
    {"role": role, "content": f"{role} {number}".ljust(100, ".")}
    for number in range(10)
    for role in ("user", "assistant")
]
ASKED: list[dict[str, Any]] = [*TURNS, {"role": "user", "content": "And now?"}]
PATHS = ("/v1/responses", "/v1/responses/input_tokens", "/v1/estimate")


def limit_context(bridge: RunningBridge, text_bytes: int, *, counts: bool = True) -> None:
    """Refuse longer chats, by a token a byte, or as a provider does: without a count."""
    admit = bridge.server.admit

    async def refuse_long(method: str, request: Any, context: Any) -> None:
        await admit(method, request, context)
        if "Chat" not in method and method != "Estimate":
            return
        size = text_size(request)
        if size > text_bytes:
            counted = {"input_tokens": str(size)} if counts else {}
            await fail(
                context,
                grpc.StatusCode.INVALID_ARGUMENT,
                "CONTEXT_LENGTH_EXCEEDED",
                f"The model's context holds {text_bytes} tokens.",
                facts={"context_tokens": str(text_bytes)} | counted,
            )

    bridge.server.admit = refuse_long  # type: ignore[method-assign]


def params_of(request: Any) -> chat.ChatCompletionParams:
    params: chat.ChatCompletionParams = getattr(request, "chat", None) or request.params
    return params


def text_size(request: Any) -> int:
    return sum(len(message.content.text) for message in params_of(request).messages)


def texts_asked(bridge: RunningBridge) -> list[list[str]]:
    """The texts of each chat that the server got, or was to price."""
    return [
        [message.content.text.rstrip(".") for message in params_of(received.request).messages]
        for received in bridge.server.received
        if "Chat" in received.method or received.method == "Estimate"
    ]


async def post(bridge: RunningBridge, path: str = PATHS[0], **fields: Any) -> httpx.Response:
    body = {"model": "gpt-5.4", "input": ASKED, "truncation": "auto", "store": False} | fields
    async with bridge.http() as http:
        return await http.post(path, json=body, headers={"Idempotency-Key": "once"})


@pytest.mark.parametrize("path", PATHS)
async def test_oldest_turns_are_left_out_until_the_rest_fits(
    bridge: RunningBridge, path: str
) -> None:
    limit_context(bridge, 1_000)
    answer = await post(bridge, path, instructions="Be kind.")
    assert answer.status_code == 200, answer.text
    whole, cut = texts_asked(bridge)
    assert len(whole) == 22
    assert cut == ["Be kind", *whole[-7:]]
    assert cut[1] == "user 7"


@pytest.mark.parametrize("stream", [False, True])
async def test_answer_says_auto_and_what_it_cost_once(bridge: RunningBridge, stream: bool) -> None:
    limit_context(bridge, 1_000)
    answer = await post(bridge, stream=stream)
    if stream:
        response = check_events(answer.content)[-1].response
    else:
        response = check_response(answer.content)
        assert answer.headers["x-credits-charged"] == "0.123456"
    assert (response.truncation, response.output_text) == ("auto", "Hello there.")
    assert response.usage
    assert response.usage.model_extra == {"cost": 0.123456}
    assert answer.headers["x-credits-held"] == "2"


async def test_every_part_is_asked_for_by_the_same_key_and_digest(bridge: RunningBridge) -> None:
    limit_context(bridge, 1_000)
    await post(bridge)
    first, second = (
        (call.request.request_id, call.request.request_digest) for call in bridge.server.received
    )
    assert first == second == ("once", first[1])
    assert first[1]


@pytest.mark.parametrize("stream", [False, True])
async def test_provider_that_says_no_count_is_asked_for_less_and_less(
    bridge: RunningBridge, stream: bool
) -> None:
    limit_context(bridge, 700, counts=False)
    assert (await post(bridge, stream=stream)).status_code == 200
    assert [len(texts) for texts in texts_asked(bridge)] == [21, 15, 11, 7]


async def test_last_try_is_the_newest_turn_alone(bridge: RunningBridge) -> None:
    limit_context(bridge, 8, counts=False)
    turns = [*(TURNS * 10), ASKED[-1]]
    assert (await post(bridge, input=turns)).status_code == 200
    counts = [len(texts) for texts in texts_asked(bridge)]
    assert counts == sorted(counts, reverse=True)
    assert (len(counts), counts[0], counts[-1]) == (7, 201, 1)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("truncation", ["disabled", None])
async def test_nothing_is_left_out_unasked(
    bridge: RunningBridge, path: str, truncation: str | None
) -> None:
    limit_context(bridge, 1_000)
    answer = await post(bridge, path, truncation=truncation)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert len(texts_asked(bridge)) == 1


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
async def test_newest_turn_that_is_too_long_is_refused(
    bridge: RunningBridge, path: str, stream: bool
) -> None:
    limit_context(bridge, 1_000)
    huge = {"role": "user", "content": "x" * 1_001}
    for turns, tries in (([huge], 1), ([*TURNS, huge], 2)):
        bridge.server.received.clear()
        answer = await post(bridge, path, input=turns, stream=stream)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["code"] == "context_length_exceeded"
        assert error["message"] == "The model's context holds 1000 tokens."
        assert answer.headers["x-should-retry"] == "false"
        assert len(texts_asked(bridge)) == tries


async def test_earlier_responses_are_left_out_too_and_all_of_the_input_is_kept(
    bridge: RunningBridge,
) -> None:
    await post(bridge, input=TURNS[:-1], store=True)
    limit_context(bridge, 300)
    bridge.server.received.clear()
    answer = await post(bridge, previous_response_id="resp_1", input="And now?", store=True)
    assert answer.status_code == 200
    assert texts_asked(bridge)[-1] == ["user 9", "Hello there", "And now?"]
    assert [call.method for call in bridge.server.received] == [
        "StreamConversation", "CreateChatCompletion", "CreateChatCompletion", "SaveResponse"
    ]  # fmt: skip


async def test_other_refusals_are_not_asked_again(bridge: RunningBridge) -> None:
    async def refuse(_request: Any, context: Any) -> Any:
        await fail(context, grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_CREDITS", "No.")

    bridge.server.complete = refuse
    assert (await post(bridge)).status_code == 402
    assert len(texts_asked(bridge)) == 1


async def test_refusal_names_the_item_of_what_was_asked_last(bridge: RunningBridge) -> None:
    async def refuse(_request: Any, context: Any) -> Any:
        facts = {"param": "messages[0].content"}
        message = "`messages[0].content` can't be."
        await fail(
            context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT", message, facts=facts
        )

    limit_context(bridge, 1_000)
    bridge.server.complete = refuse
    error = (await post(bridge)).json()["error"]
    assert error["param"] == "input[14].content"
    assert error["message"] == "`input[14].content` can't be."


async def test_stream_that_breaks_off_later_is_not_begun_again(bridge: RunningBridge) -> None:
    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        yield answers.first_message(request.params.model)
        await fail(context, grpc.StatusCode.INVALID_ARGUMENT, "CONTEXT_LENGTH_EXCEEDED", "Long.")

    bridge.server.stream = stream
    answer = await post(bridge, stream=True)
    assert check_events(answer.content)[-1].type == "response.failed"
    assert len(texts_asked(bridge)) == 1
