"""Whole answers as Anthropic's messages, judged by its own types."""

from typing import Any

import msgspec
import pytest

from tests.integration.bridge import answers
from tests.support.anthropic_shapes import judged_message
from tests.unit.bridge.anthropic.requests import request_body
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1.usage_pb2 import Charge, TokenUsage
from tokensmith_bridge.anthropic.request import messages_request_from_json
from tokensmith_bridge.anthropic.response import (
    AnswerShown,
    answer_shown,
    message_to_json,
    token_count_to_json,
    usage_to_json,
)

EVERYTHING = AnswerShown()
CALL = chat.ChatToolCall(
    id="toolu_1", kind=chat.CHAT_TOOL_KIND_FUNCTION, name="f", arguments='{"a": 1.50}'
)
SIGNED = chat.ChatSignedThinking(model="claude", text="hm", signature="S1")


def blocks_of(shown: AnswerShown = EVERYTHING, **answer: Any) -> list[dict[str, Any]]:
    body = message_to_json(answers.completion(**answer), shown)
    judged_message(body)
    content: list[dict[str, Any]] = msgspec.json.decode(body)["content"]
    return content


def test_a_plain_answer_whole() -> None:
    body = message_to_json(answers.completion(), EVERYTHING)
    judged_message(body)
    assert msgspec.json.decode(body) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "gpt-5.4",
        "content": [{"type": "text", "text": "Hello there."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 9,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 12,
            "output_tokens_details": {"thinking_tokens": 4},
            "service_tier": "standard",
            "cost": 0.123456,
        },
    }


def test_cached_input_is_no_part_of_the_input() -> None:
    usage = TokenUsage(
        input_tokens=100, cached_input_tokens=60, cache_write_tokens=30, output_tokens=5
    )
    rendered = usage_to_json(usage, Charge(), "priority")
    assert rendered["input_tokens"] == 10
    assert rendered["cache_read_input_tokens"] == 60
    assert rendered["cache_creation_input_tokens"] == 30
    assert rendered["service_tier"] == "priority"
    assert "output_tokens_details" not in rendered
    assert usage_to_json(TokenUsage(estimated=True), Charge())["estimated"] is True


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (chat.FINISH_REASON_STOP, "end_turn"),
        (chat.FINISH_REASON_LENGTH, "max_tokens"),
        (chat.FINISH_REASON_TOOL_CALLS, "tool_use"),
        (chat.FINISH_REASON_CONTENT_FILTER, "refusal"),
        (chat.FINISH_REASON_UNSPECIFIED, "end_turn"),
        (99, "end_turn"),
    ],
)
def test_why_it_ended(finish: Any, reason: str) -> None:
    response = answers.completion(content="x", finish_reason=finish)
    assert judged_message(message_to_json(response, EVERYTHING)).stop_reason == reason


def test_a_stop_sequence_that_the_provider_named() -> None:
    response = answers.completion(content="x")
    response.completion.choices[0].stop_sequence = "END"
    message = judged_message(message_to_json(response, EVERYTHING))
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")


def test_a_models_own_refusal_is_its_text_and_a_filters_is_not() -> None:
    own = answers.completion(refusal="I won't.")
    message = judged_message(message_to_json(own, EVERYTHING))
    assert message.stop_reason == "refusal"
    assert message.stop_details is not None
    assert message.stop_details.explanation == "I won't."
    assert [block.type for block in message.content] == ["text"]
    filtered = answers.completion(
        refusal="Blocked.", content="So", finish_reason=chat.FINISH_REASON_CONTENT_FILTER
    )
    message = judged_message(message_to_json(filtered, EVERYTHING))
    assert message.stop_reason == "refusal"
    assert [block.type for block in message.content] == ["text"]
    assert blocks_of(refusal="Blocked.", finish_reason=chat.FINISH_REASON_CONTENT_FILTER) == []


def test_reasoning_that_nobody_signed_has_an_empty_signature() -> None:
    blocks = blocks_of(content="Yes.", reasoning_content="hm", tool_calls=[CALL])
    assert blocks[0] == {"type": "thinking", "thinking": "hm", "signature": ""}
    assert [block["type"] for block in blocks[1:]] == ["text", "tool_use"]
    assert blocks[2]["input"] == {"a": 1.5}


def test_signed_thinking_stands_in_its_places() -> None:
    hidden = chat.ChatSignedThinking(model="claude", redacted_data="D", text_before=3)
    later = chat.ChatSignedThinking(
        model="claude", text="so", signature="S2", text_before=6, tool_calls_before=1
    )
    blocks = blocks_of(
        content="On it.",
        reasoning_content="hm\n\nso",
        tool_calls=[CALL, CALL],
        signed_thinking=[SIGNED, hidden, later],
    )
    assert [block["type"] for block in blocks] == [
        "thinking",
        "text",
        "redacted_thinking",
        "text",
        "tool_use",
        "thinking",
        "tool_use",
    ]
    assert blocks[0] == {"type": "thinking", "thinking": "hm", "signature": "claude:S1"}
    assert blocks[2]["data"] == "claude:D"
    assert (blocks[1]["text"], blocks[3]["text"]) == ("On ", "it.")


@pytest.mark.parametrize("place", [-5, 0, 3, 400])
def test_a_place_beyond_the_text_is_no_failure(place: int) -> None:
    odd = chat.ChatSignedThinking(model="m", signature="S", text_before=place, tool_calls_before=0)
    blocks = blocks_of(content="abc", signed_thinking=[odd, SIGNED])
    assert "".join(block.get("text", "") for block in blocks) == "abc"
    assert sum(block["type"] == "thinking" for block in blocks) == 2


@pytest.mark.parametrize(
    ("thinking", "shown"),
    [
        (None, AnswerShown()),
        ({"type": "adaptive"}, AnswerShown()),
        ({"type": "adaptive", "display": "omitted"}, AnswerShown(text=False)),
        ({"type": "adaptive", "display": "updates", "block_binding": {}}, AnswerShown()),
        ({"type": "between_tools"}, AnswerShown()),
        ({"type": "disabled"}, AnswerShown(blocks=False, text=False)),
    ],
)
def test_what_of_thinking_is_shown(thinking: Any, shown: AnswerShown) -> None:
    asked = messages_request_from_json(request_body(thinking=thinking))
    assert answer_shown(asked) == shown


def test_disabled_thinking_shows_none_of_it() -> None:
    nothing = AnswerShown(blocks=False, text=False)
    answer: dict[str, Any] = {"content": "Yes.", "reasoning_content": "hm"}
    assert [block["type"] for block in blocks_of(nothing, **answer)] == ["text"]
    signed = blocks_of(nothing, **answer, signed_thinking=[SIGNED])
    assert [block["type"] for block in signed] == ["text"]


def test_omitted_thinking_travels_in_its_signature() -> None:
    (block, _) = blocks_of(
        AnswerShown(text=False), content="Yes.", reasoning_content="hm", signed_thinking=[SIGNED]
    )
    assert block["thinking"] == ""
    assert block["signature"] == "claude:S1.aG0="


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [("", {}), (" ", {}), ('{"a":', {"unparsed": '{"a":'}), ("[1]", {"unparsed": "[1]"})],
)
def test_broken_arguments_are_an_object_still(arguments: str, shown: Any) -> None:
    call = chat.ChatToolCall(id="c", name="f", arguments=arguments)
    assert blocks_of(tool_calls=[call])[0]["input"] == shown


def test_a_count() -> None:
    assert token_count_to_json(42) == b'{"input_tokens":42}'
