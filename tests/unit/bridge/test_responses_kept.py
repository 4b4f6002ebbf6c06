"""Whole responses, what is kept of them, and conversations made of what was kept."""

from typing import Any

import msgspec
import pytest

from tests.integration.bridge import answers
from tests.support.response_shapes import check_item_list, check_response
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1 import response_service_pb2 as kept
from tokensmith.v1.usage_pb2 import Charge, TokenUsage
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.responses_conversation import messages_of
from tokensmith_bridge.openai.responses_items import (
    Item,
    ItemReference,
    MessageItem,
    item_from_json,
)
from tokensmith_bridge.openai.responses_kept import (
    conversation_of,
    input_items_page,
    referred_responses,
    response_to_keep,
    with_references,
)
from tokensmith_bridge.openai.responses_reading import input_items, response_request_from_json
from tokensmith_bridge.openai.responses_response import (
    ResponseShell,
    response_id_of_item,
    response_to_json,
    usage_to_json,
)

ANSWERED: list[dict[str, Any]] = [
    {"role": "user", "content": "Weather?"},
    {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
    {"type": "reasoning", "id": "rs_9_0", "summary": [{"type": "summary_text", "text": "Hm."}],
     "content": [{"type": "reasoning_text", "text": "Hm."}], "encrypted_content": "x"},
    {"role": "assistant", "content": "Looking."},
    {"role": "assistant", "id": "msg_9_1", "status": "completed", "type": "message",
     "content": [{"type": "output_text", "text": "x", "annotations": []},
                 {"type": "refusal", "refusal": "No."}]},
    {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "call_1",
     "output": [{"type": "input_text", "text": "sunny"}]},
    {"type": "custom_tool_call", "call_id": "call_2", "name": "c", "input": "ls"},
    {"type": "custom_tool_call_output", "call_id": "call_2", "output": "a"},
    {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,A"},
                                 {"type": "input_file", "file_data": "A", "filename": "a.pdf"}]},
]  # fmt: skip


def keep(
    response_id: str = "resp_1",
    *,
    asked: Any = "Hi",
    answer: chat.CreateChatCompletionResponse | None = None,
    status: str = "completed",
    **fields: Any,
) -> kept.StoredResponse:
    request = response_request_from_json(
        msgspec.json.encode({"model": "m", "input": asked} | fields)
    )
    shell = ResponseShell(
        request,
        completion_id=response_id.replace("resp_", "chatcmpl-"),
        created_seconds=answers.CREATED,
        model="m",
    )
    body = response_to_json(shell, answer or answers.completion("m"), now_seconds=1)
    return response_to_keep(
        request,
        input_items(request),
        response_id=shell.response_id,
        status=status,
        response_json=body,
    )


def test_whole_answer_is_a_response_of_openais_type() -> None:
    answer = answers.completion(
        content="Hello.",
        refusal="No.",
        reasoning_content="Hm.",
        tool_calls=[
            chat.ChatToolCall(
                id="call_1", kind=chat.CHAT_TOOL_KIND_FUNCTION, name="f", arguments="{}"
            ),
            chat.ChatToolCall(
                id="call_2", kind=chat.CHAT_TOOL_KIND_CUSTOM, name="c", arguments="ls"
            ),
        ],
        annotations=[chat.ChatAnnotation(end_index=1, title="t", url="https://e.example")],
        finish_reason=chat.FINISH_REASON_TOOL_CALLS,
    )
    stored = keep(answer=answer)
    response = check_response(stored.response_json)
    assert [item.type for item in response.output] == [
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
    ]
    assert [item.id for item in response.output] == ["rs_1_0", "msg_1_1", "fc_1_2", "ctc_1_3"]
    assert (response.status, response.completed_at) == ("completed", 1)
    assert response.output_text == "Hello."


def test_signed_thinking_of_a_whole_answer_comes_back_from_what_was_kept() -> None:
    signed = chat.ChatSignedThinking(model="claude", text="Hm.", signature="abc")
    for shown in ({"reasoning_content": "Hm."}, {}):
        stored = keep(answer=answers.completion(content="Yes.", signed_thinking=[signed], **shown))
        check_response(stored.response_json)
        message = messages_of(conversation_of([stored]))[0][-1]
        assert list(message.signed_thinking) == [signed]
        assert message.reasoning_content == shown.get("reasoning_content", "")


def test_what_was_asked_is_shown_again() -> None:
    stored = keep(
        instructions="Be kind.",
        metadata={"a": "b"},
        max_output_tokens=5,
        parallel_tool_calls=False,
        previous_response_id="resp_0",
        reasoning={"effort": "low", "generate_summary": "concise"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
        tools=[{"type": "function", "name": "f", "parameters": {}, "strict": True},
               {"type": "custom", "name": "c", "format": {"type": "text"}}],
        tool_choice={"type": "function", "name": "f"},
        temperature=0.5,
        truncation="disabled",
        service_tier="flex",
        user="u",
    )  # fmt: skip
    response = check_response(stored.response_json)
    assert (response.instructions, response.metadata) == ("Be kind.", {"a": "b"})
    assert (response.max_output_tokens, response.parallel_tool_calls) == (5, False)
    assert (response.previous_response_id, stored.previous_id) == ("resp_0", "resp_0")
    assert response.reasoning
    assert (response.reasoning.effort, response.reasoning.summary) == ("low", "concise")
    assert response.text
    assert response.text.format
    assert response.text.format.type == "json_schema"
    assert [tool.type for tool in response.tools] == ["function", "custom"]
    assert (response.temperature, response.service_tier, response.user) == (0.5, "flex", "u")


@pytest.mark.parametrize(
    ("finish_reason", "why"),
    [
        (chat.FINISH_REASON_LENGTH, "max_output_tokens"),
        (chat.FINISH_REASON_CONTENT_FILTER, "content_filter"),
    ],
)
def test_whole_answer_that_ended_early_is_incomplete(
    finish_reason: chat.FinishReason, why: str
) -> None:
    answer = answers.completion(content="Hel", finish_reason=finish_reason)
    response = check_response(keep(answer=answer).response_json)
    assert response.status == "incomplete"
    assert response.incomplete_details
    assert response.incomplete_details.reason == why


def test_tier_that_openai_does_not_know_is_not_shown() -> None:
    answer = answers.completion()
    answer.completion.service_tier = "on_demand"
    assert check_response(keep(answer=answer).response_json).service_tier is None
    answer.completion.service_tier = "priority"
    assert check_response(keep(answer=answer).response_json).service_tier == "priority"


def test_usage_has_its_details_and_its_price() -> None:
    usage = TokenUsage(
        input_tokens=9, output_tokens=12, cached_input_tokens=3, reasoning_tokens=4, estimated=True
    )
    rendered = usage_to_json(usage, Charge(charged_microcredits=1_500_000))
    assert msgspec.json.encode(rendered) == (
        b'{"input_tokens":9,"input_tokens_details":{"cached_tokens":3,"cache_write_tokens":0},'
        b'"output_tokens":12,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":21,'
        b'"cost":1.5,"estimated":true}'
    )


def test_input_is_kept_as_items_of_openais_types_with_ids() -> None:
    stored = keep(asked=ANSWERED)
    page = check_item_list(input_items_page(stored, {"order": "asc", "limit": "100"}))
    assert [item.type for item in page.data] == [item.get("type", "message") for item in ANSWERED]
    assert [item.id for item in page.data] == [
        "msgin_1_0", "msgin_1_1", "rs_9_0", "msgin_1_3", "msg_9_1", "fcin_1_5", "fco_1_6",
        "ctcin_1_7", "ctco_1_8", "msgin_1_9",
    ]  # fmt: skip
    assert (page.first_id, page.last_id, page.has_more) == ("msgin_1_0", "msgin_1_9", False)


def test_kept_input_makes_the_same_messages_again() -> None:
    stored = keep(asked=ANSWERED)
    first = messages_of(conversation_of([stored]))[0]
    again = keep(asked=msgspec.json.decode(stored.input_items_json))
    assert messages_of(conversation_of([again]))[0] == first
    assert len(first) == 9


def test_conversation_is_input_and_output_of_each_response_in_order() -> None:
    first = keep("resp_1", asked="One", answer=answers.completion(content="1"))
    second = keep(
        "resp_2", asked="Two", answer=answers.completion(content="2"), previous_response_id="resp_1"
    )
    messages, places = messages_of(conversation_of([second, first]))
    assert [message.content.text for message in messages] == ["One", "1", "Two", "2"]
    assert set(places) == {"previous_response_id"}


def test_failed_response_is_not_gone_on_from() -> None:
    with pytest.raises(Refusal) as refused:
        conversation_of([keep(status="failed")])
    assert refused.value.param == "previous_response_id"


def test_references_are_replaced_by_what_they_stand_for() -> None:
    stored = keep(answer=answers.completion(content="Hello."))
    items: list[Item] = [
        ItemReference(id="msgin_1_0"),
        ItemReference(id="msg_1_0"),
        MessageItem(role="user", content="Go on."),
    ]
    assert referred_responses(items) == ["resp_1"]
    replaced = with_references(items, {"resp_1": stored})
    asked, said, own = replaced
    assert isinstance(asked, MessageItem)
    assert asked.role == "user"
    assert isinstance(said, MessageItem)
    assert said.role == "assistant"
    assert own is items[2]
    with pytest.raises(Refusal) as refused:
        with_references([items[2], ItemReference(id="msg_1_7")], {"resp_1": stored})
    assert refused.value.param == "input[1].id"


@pytest.mark.parametrize(
    ("item", "response"),
    [
        ("msg_0190abcdef_0", "resp_0190abcdef"),
        ("fc_1_12", "resp_1"),
        ("msg_1", None),
        ("msg__1", None),
        ("call_x y_1", None),
    ],
)
def test_item_ids_tell_their_response(item: str, response: str | None) -> None:
    assert response_id_of_item(item) == response


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({}, ["msgin_1_3", "msgin_1_2", "msgin_1_1", "msgin_1_0"], False),
        ({"order": "asc", "limit": "2"}, ["msgin_1_0", "msgin_1_1"], True),
        ({"order": "asc", "after": "msgin_1_1"}, ["msgin_1_2", "msgin_1_3"], False),
        ({"after": "msgin_1_0"}, [], False),
    ],
)
def test_pages_of_input_items(query: dict[str, str], ids: list[str], more: bool) -> None:
    stored = keep(asked=[{"role": "user", "content": str(number)} for number in range(4)])
    page = check_item_list(input_items_page(stored, query))
    assert ([item.id for item in page.data], page.has_more) == (ids, more)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"order": "up"},
        {"after": "msg_9_9"},
        {"foo": "1"},
        {"before": "msgin_1_0"},
        {"include": "web_search_call.results"},
    ],
)
def test_page_that_cannot_be_is_refused_by_its_field(query: dict[str, str]) -> None:
    with pytest.raises(Refusal) as refused:
        input_items_page(keep(), query)
    assert [refused.value.param] == list(query)


def test_every_item_of_an_answer_is_taken_back() -> None:
    answer = answers.completion(
        content="x", reasoning_content="y",
        tool_calls=[chat.ChatToolCall(id="c", kind=chat.CHAT_TOOL_KIND_CUSTOM, name="c")],
    )  # fmt: skip
    output = msgspec.json.decode(keep(answer=answer).response_json)["output"]
    for item in output:
        item_from_json(msgspec.json.encode(item), "input[0]")


@pytest.mark.parametrize(
    "document", [b"{not json", b"{}", b'{"output":1}', b'{"output":[1]}', b'{"output":[{}]}',
                 b'{"output":[{"id":"msg_1","role":"\xff"}]}', b'{"output":[{"id":7}]}'],
)  # fmt: skip
def test_what_is_no_response_is_refused_and_never_a_fault_of_ours(document: bytes) -> None:
    alien = keep()
    alien.response_json = document
    with pytest.raises(Refusal):
        conversation_of([alien])
    with pytest.raises(Refusal):
        with_references([ItemReference(id="msg_1_0")], {"resp_1": alien})


@pytest.mark.parametrize("document", [b"[", b"{}", b"[1]", b'[{"id":7}]', b'[{"id":"\xff"}]'])
def test_input_items_that_can_not_be_read_are_refused(document: bytes) -> None:
    alien = keep()
    alien.input_items_json = document
    with pytest.raises(Refusal):
        input_items_page(alien, {})
