"""Signed thinking in the contract: out of an answer with its places, and back into them."""

from typing import Any

import msgspec
import pytest

from tests.unit.server.providers.anthropic.chats import ADAPTIVE, BUDGET, UP, body_of, result
from tests.unit.server.providers.chats import function_tool, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.anthropic.memory import ThinkingMemory
from tokensmith_server.providers.anthropic.response import parse_answer

THINKING: dict[str, Any] = {"type": "thinking", "thinking": "hm", "signature": "S1"}
LATER: dict[str, Any] = {"type": "thinking", "thinking": "so", "signature": "S2"}
HIDDEN: dict[str, Any] = {"type": "redacted_thinking", "data": "D"}
TEXT: dict[str, Any] = {"type": "text", "text": "On it. "}
MORE: dict[str, Any] = {"type": "text", "text": "Now."}
CALL: dict[str, Any] = {"type": "tool_use", "id": "t1", "name": "look_up", "input": {}}
SECOND: dict[str, Any] = {"type": "tool_use", "id": "t2", "name": "look_up", "input": {}}


def answer_of(*blocks: dict[str, Any], model: str = UP) -> chat_pb.ChatAnswer:
    body = {"type": "message", "content": blocks, "stop_reason": "end_turn", "model": "claude-up-1"}
    parsed = parse_answer(msgspec.json.encode(body), upstream_model=model)
    return parsed.completion.choices[0].message


def message_of(answer: chat_pb.ChatAnswer) -> chat_pb.ChatMessage:
    """The answer as a client that keeps everything sends it back."""
    return chat_pb.ChatMessage(
        role=chat_pb.CHAT_ROLE_ASSISTANT,
        content=chat_pb.ChatContent(text=answer.content),
        tool_calls=answer.tool_calls,
        signed_thinking=answer.signed_thinking,
    )


def sent(message: chat_pb.ChatMessage, **fields: Any) -> Any:
    fields = {"reasoning_effort": "high", "tools": [function_tool()], **fields}
    results = [result(call.id) for call in message.tool_calls] or [said("go on")]
    body = body_of([said("go"), message, *results], memory=ThinkingMemory(), **fields)
    return body["messages"][1]["content"]


@pytest.mark.parametrize(
    "blocks",
    [
        [THINKING, TEXT, CALL],
        [THINKING, HIDDEN, TEXT],
        [TEXT, THINKING, MORE, CALL],
        [THINKING, CALL, LATER, SECOND],
        [THINKING, TEXT, LATER, CALL, SECOND],
        [HIDDEN, CALL],
    ],
    ids=lambda blocks: "-".join(block["type"] for block in blocks),
)
def test_blocks_come_back_in_their_places(blocks: list[dict[str, Any]]) -> None:
    assert sent(message_of(answer_of(*blocks))) == blocks


@pytest.mark.parametrize(
    ("blocks", "back"),
    [
        ([THINKING, TEXT, LATER], [THINKING, TEXT]),
        ([THINKING, HIDDEN], [{"type": "text", "text": "."}]),
    ],
    ids=["after the text", "alone"],
)
def test_no_turn_ends_with_thinking_since_the_api_takes_none(
    blocks: list[dict[str, Any]], back: list[dict[str, Any]]
) -> None:
    assert sent(message_of(answer_of(*blocks))) == back


def test_another_models_thinking_stays_out() -> None:
    answer = answer_of(THINKING, TEXT, CALL, model="another")
    assert sent(message_of(answer)) == [TEXT, CALL]


def test_thinking_stays_out_while_the_model_does_not_think() -> None:
    assert sent(message_of(answer_of(THINKING, TEXT, CALL)), reasoning_effort="none") == [
        TEXT,
        CALL,
    ]


@pytest.mark.parametrize("capabilities", [ADAPTIVE, BUDGET], ids=["adaptive", "budget"])
def test_a_turn_that_brings_its_thinking_goes_on_thinking(capabilities: Any) -> None:
    message = message_of(answer_of(THINKING, CALL))
    body = body_of(
        [said("go"), message, result("t1")],
        memory=ThinkingMemory(),
        capabilities=capabilities,
        reasoning_effort="high",
        tools=[function_tool()],
        cap=4_000,
    )
    assert "thinking" in body
    assert body["messages"][1]["content"] == [THINKING, CALL]


def test_thinking_without_a_signature_is_not_kept() -> None:
    answer = answer_of({"type": "thinking", "thinking": "x", "signature": ""}, TEXT)
    assert not answer.signed_thinking
    assert answer.reasoning_content == "x"


def test_stop_sequence_is_named() -> None:
    body = b'{"type":"message","content":[],"stop_reason":"stop_sequence","stop_sequence":"END"}'
    choice = parse_answer(body).completion.choices[0]
    assert choice.stop_sequence == "END"
    assert choice.finish_reason == chat_pb.FINISH_REASON_STOP
