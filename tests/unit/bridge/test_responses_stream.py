"""Streams as the events of a response: each held to the types of OpenAI's SDK, in their order."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.integration.bridge import answers
from tests.support.response_shapes import check_events
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.errors import MoneyFacts, Refusal
from tokensmith_bridge.openai.responses_conversation import PlacedItem, messages_of
from tokensmith_bridge.openai.responses_items import MessageItem, item_from_json
from tokensmith_bridge.openai.responses_response import ResponseShell
from tokensmith_bridge.openai.responses_schema import ReasoningConfig, ResponseRequest
from tokensmith_bridge.openai.responses_seals import signed_thinking_of
from tokensmith_bridge.openai.responses_stream import ResponseStreamEncoder

NOW = 1_790_000_009


def encoder(**request: Any) -> ResponseStreamEncoder:
    return ResponseStreamEncoder(
        ResponseShell(
            ResponseRequest(model="gpt-5.4", input="Hi", **request),
            completion_id="chatcmpl-1",
            created_seconds=answers.CREATED,
            model="gpt-5.4",
        )
    )


def message(*deltas: dict[str, Any]) -> chat.StreamChatCompletionResponse:
    return chat.StreamChatCompletionResponse(
        deltas=[chat.ChatCompletionDelta(**delta) for delta in deltas]
    )


def call(index: int, arguments: str = "", **first: Any) -> dict[str, Any]:
    delta = chat.ChatToolCallDelta(index=index, arguments=arguments, **first)
    return {"tool_calls": [delta]}


def streamed(
    *deltas: dict[str, Any],
    finish_reason: chat.FinishReason = chat.FINISH_REASON_STOP,
    **request: Any,
) -> list[Any]:
    """The events of a whole stream, checked."""
    stream = encoder(**request)
    frames = stream.encode(answers.first_message())
    frames += b"".join(stream.encode(message(delta)) for delta in deltas)
    finish, last = answers.last_messages(finish_reason)
    frames += stream.encode(finish)
    document = stream.end(last, now_seconds=NOW)
    frames += stream.encode(last)
    assert document in frames
    return check_events(frames)


def kinds(events: list[Any]) -> list[str]:
    return [event.type.removeprefix("response.") for event in events]


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
@example(["a\x7fb", "c"])
@example(["\\u007f", "c"])
@example(["\\", "\\", "\\\\u007f\\"])
@example(['"', "\n\n", "\r\n", "\u2028", ""])
@example(["event: x", "data: y"])
def test_every_piece_is_an_event_of_its_own(pieces: list[str]) -> None:
    events = streamed({"content_pieces": pieces})
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == pieces
    assert events[-1].response.output_text == "".join(pieces)


def test_text_is_told_in_openais_order() -> None:
    events = streamed({"content_pieces": ["Hello", " there"]}, {"content_pieces": ["."]})
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        *["output_text.delta"] * 3,
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    final = events[-1].response
    assert (final.id, final.status, final.completed_at) == ("resp_1", "completed", NOW)
    assert final.output[0].id == "msg_1_0"
    assert final.usage.model_extra["cost"] == 0.123456
    assert events[0].response.usage is None


def test_first_event_is_exactly_as_expected() -> None:
    stream = encoder(store=False)
    frames = stream.encode(answers.first_message()).decode()
    created, progress, rest = frames.split("\n\n")
    assert rest == ""
    head = (
        'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{'
    )
    assert created.startswith(head)
    assert progress.startswith("event: response.in_progress\n")
    response = msgspec.json.decode(created.partition("data: ")[2])["response"]
    assert (response["status"], response["store"], response["output"]) == ("in_progress", False, [])


@pytest.mark.parametrize(
    ("reasoning", "family"),
    [
        (None, "reasoning_text"),
        (ReasoningConfig(summary="auto"), "reasoning_summary_text"),
        (ReasoningConfig(generate_summary="concise"), "reasoning_summary_text"),
    ],
)
def test_reasoning_comes_before_the_text_in_the_form_asked_for(
    reasoning: ReasoningConfig | None, family: str
) -> None:
    events = streamed(
        {"reasoning_content": "Let me"},
        {"reasoning_content": " see."},
        {"content_pieces": ["Yes."]},
        reasoning=reasoning,
    )
    first, second = events[-1].response.output
    assert (first.type, second.type) == ("reasoning", "message")
    shown = first.content if family == "reasoning_text" else first.summary
    assert [part.text for part in shown] == ["Let me see."]
    assert kinds(events).count(f"{family}.delta") == 2


def test_signed_thinking_travels_in_its_reasoning_item_and_back() -> None:
    signed = chat.ChatSignedThinking(model="claude", text="Hm.", signature="abc")
    hidden = chat.ChatSignedThinking(model="claude", redacted_data="xyz", text_before=4)
    events = streamed(
        {"reasoning_content": "Hm."},
        {"signed_thinking": [signed], "content_pieces": ["Yes."]},
        {"signed_thinking": [hidden]},
    )
    first, _, second = events[-1].response.output
    assert kinds(events).count("reasoning_text.done") == 1
    assert second.content == []
    items = [item_from_json(item.to_json().encode(), "input[0]") for item in (first, second)]
    answer = MessageItem(role="assistant", content="Yes.")
    placed = [PlacedItem(item, "input[0]") for item in (*items, answer)]
    (message,) = messages_of(placed)[0]
    assert list(message.signed_thinking) == [signed, hidden]
    assert (message.reasoning_content, message.content.text) == ("Hm.", "Yes.")


@pytest.mark.parametrize("carried", [None, "", "gAAAAABm", "ts1.!", "ts1.////"])
def test_what_was_sealed_elsewhere_carries_nothing(carried: str | None) -> None:
    assert list(signed_thinking_of(carried)) == []


def test_tool_calls_keep_their_ids_whole_even_where_their_parts_alternate() -> None:
    long_id = "call_1~gemini~" + "s" * 5_000
    function, custom = chat.CHAT_TOOL_KIND_FUNCTION, chat.CHAT_TOOL_KIND_CUSTOM
    events = streamed(
        {"content_pieces": ["Looking."]},
        call(0, id=long_id, kind=function, name="get_weather"),
        call(1, id="call_2", kind=custom, name="shell"),
        call(0, '{"city":'),
        call(1, "ls"),
        call(0, '"Bern"}'),
        call(1, " -l"),
        finish_reason=chat.FINISH_REASON_TOOL_CALLS,
    )
    text, first, second = events[-1].response.output
    assert text.content[0].text == "Looking."
    assert (first.call_id, first.name, first.arguments) == (
        long_id, "get_weather", '{"city":"Bern"}',
    )  # fmt: skip
    assert (second.type, second.call_id, second.input) == ("custom_tool_call", "call_2", "ls -l")
    assert (first.id, second.id) == ("fc_1_1", "ctc_1_2")
    assert events[-1].type == "response.completed"


def test_call_without_arguments_is_begun_and_ended() -> None:
    events = streamed(call(0, id="call_1", kind=chat.CHAT_TOOL_KIND_FUNCTION, name="now"))
    assert kinds(events)[2:-1] == [
        "output_item.added",
        "function_call_arguments.done",
        "output_item.done",
    ]


def test_refusal_is_a_part_of_its_own() -> None:
    events = streamed({"content_pieces": ["Well."]}, {"refusal": "I can"}, {"refusal": "'t."})
    (item,) = events[-1].response.output
    assert [part.type for part in item.content] == ["output_text", "refusal"]
    assert item.content[1].refusal == "I can't."
    assert kinds(events).count("refusal.delta") == 2
    assert kinds(events).count("content_part.done") == 2


def test_log_probabilities_and_citations_come_with_their_text() -> None:
    logprobs = chat.ChatLogprobs()
    token = logprobs.content.add(token="Hé", logprob=-0.5)
    token.top_logprobs.add(token="Hé", logprob=-0.5, token_bytes=b"H\xc3\xa9")
    citation = chat.ChatAnnotation(start_index=0, end_index=2, title="t", url="https://e.example")
    events = streamed({"content_pieces": ["Hé"], "logprobs": logprobs}, {"annotations": [citation]})
    part = events[-1].response.output[0].content[0]
    assert part.logprobs[0].bytes == list("Hé".encode())
    assert part.logprobs[0].top_logprobs[0].logprob == -0.5
    assert part.annotations[0].url == "https://e.example"
    assert "output_text.annotation.added" in kinds(events)


@pytest.mark.parametrize(
    ("finish_reason", "why"),
    [
        (chat.FINISH_REASON_LENGTH, "max_output_tokens"),
        (chat.FINISH_REASON_CONTENT_FILTER, "content_filter"),
    ],
)
def test_answer_that_ends_early_is_incomplete(finish_reason: chat.FinishReason, why: str) -> None:
    events = streamed({"content_pieces": ["Hello"]}, finish_reason=finish_reason)
    final = events[-1].response
    assert events[-1].type == "response.incomplete"
    assert (final.status, final.incomplete_details.reason) == ("incomplete", why)
    assert final.output[0].status == "incomplete"
    assert final.completed_at is None
    assert final.usage is not None


def test_answer_without_anything_has_an_empty_message() -> None:
    events = streamed()
    assert events[-1].response.output[0].content[0].text == ""


def test_broken_stream_ends_as_failed_with_what_there_was() -> None:
    stream = encoder()
    frames = stream.encode(answers.first_message())
    frames += stream.encode(answers.pieces(["Hel", "lo"]))
    frames += stream.encode(message(call(0, "{", id="call_1", name="f")))
    refusal = Refusal(
        "STREAM_INTERRUPTED", "It broke off.", money=MoneyFacts(charged_microcredits=3200)
    )
    document = stream.fail(refusal, "req_1")
    frames += stream.encode_error(refusal, "req_1")
    events = check_events(frames)
    error, final = events[-2], events[-1].response
    assert (error.type, error.code, error.message) == (
        "error", "stream_interrupted", "It broke off.",
    )  # fmt: skip
    assert (final.status, final.error.code) == ("failed", "server_error")
    assert final.error.model_extra == {
        "reason": "stream_interrupted",
        "charged": 0.0032,
        "request_id": "req_1",
    }
    assert [item.status for item in final.output] == ["completed", "incomplete"]
    assert document in frames


def test_failure_before_any_text_and_without_being_asked_first() -> None:
    stream = encoder()
    frames = stream.encode(answers.first_message())
    frames += stream.encode_error(Refusal("UPSTREAM_RATE_LIMITED", "Slow down."), "req_1")
    final = check_events(frames)[-1].response
    assert (final.error.code, final.output) == ("rate_limit_exceeded", [])


def test_response_that_was_not_kept_says_so() -> None:
    shell = ResponseShell(
        ResponseRequest(model="m", input="Hi"), completion_id="chatcmpl-1", created_seconds=1,
        model="m",
    )  # fmt: skip
    stream = ResponseStreamEncoder(shell)
    stream.encode(answers.first_message())
    *_, last = answers.last_messages()
    assert b'"store":true' in stream.end(last, now_seconds=NOW)
    shell.stored = False
    assert b'"store":false' in stream.encode(last)
