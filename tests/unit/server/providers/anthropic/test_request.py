"""Requests have Anthropic's order and shapes, and lose nothing of the conversation."""

import hashlib
from typing import Any

import pytest

from tests.unit.server.providers.anthropic.chats import (
    ADAPTIVE,
    ASSISTANT,
    BUDGET,
    SYSTEM,
    UP,
    body_of,
    called,
    result,
)
from tests.unit.server.providers.chats import function_tool, parts_of, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.anthropic.request import JSON_INSTRUCTION
from tokensmith_server.providers.tool_call_ids import with_signature

PDF = "JVBERi0xLjQK"


def turns_of(*messages: chat_pb.ChatMessage, **fields: Any) -> list[tuple[str, list[Any]]]:
    body = body_of(list(messages), **fields)
    return [(turn["role"], turn["content"]) for turn in body["messages"]]


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def use(call_id: str, name: str = "f", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def res(call_id: str, content: Any = "sunny") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def test_smallest_request() -> None:
    assert body_of(cap=77) == {
        "model": UP,
        "max_tokens": 77,
        "messages": [{"role": "user", "content": [text("Hello there!")]}],
    }
    assert body_of(stream=True)["stream"] is True


def test_the_cap_is_what_was_held_for() -> None:
    assert body_of(max_output_tokens=9_000, cap=5_000)["max_tokens"] == 5_000


def test_system_texts_are_joined_wherever_they_stand() -> None:
    parts = chat_pb.ChatMessage(
        role=SYSTEM,
        content=parts_of(chat_pb.ChatContentPart(text="B"), chat_pb.ChatContentPart(text=" ")),
    )
    messages = [said("A", SYSTEM), said("hi"), parts, said("C", chat_pb.CHAT_ROLE_DEVELOPER)]
    body = body_of(messages)
    assert body["system"] == "A\n\nB\n\nC"
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_turns_alternate() -> None:
    assert turns_of(
        said("a"), said("b"), said("c", ASSISTANT), said("d", ASSISTANT), said("e")
    ) == [
        ("user", [text("a"), text("b")]),
        ("assistant", [text("c"), text("d")]),
        ("user", [text("e")]),
    ]


def test_results_come_first_and_together() -> None:
    turns = turns_of(
        said("go"),
        called(("a", "f", '{"x": 1}'), ("b", "g", ""), text="On it."),
        result("b", "2"),
        said("wait"),
        result("a", "1"),
        said("now sum them"),
    )
    assert turns[1:] == [
        ("assistant", [text("On it."), use("a", "f", x=1), use("b", "g")]),
        ("user", [res("b", "2"), res("a", "1"), text("wait"), text("now sum them")]),
    ]


def test_result_without_text_has_no_content_and_parts_stay_parts() -> None:
    parts = chat_pb.ChatMessage(
        role=chat_pb.CHAT_ROLE_TOOL,
        tool_call_id="b",
        content=parts_of(chat_pb.ChatContentPart(text="1"), chat_pb.ChatContentPart(text="2")),
    )
    turns = turns_of(said("go"), called(("a", "f", ""), ("b", "f", "")), result("a", ""), parts)
    assert turns[2][1] == [
        {"type": "tool_result", "tool_use_id": "a"},
        res("b", [text("1"), text("2")]),
    ]


def test_ids_of_other_providers_are_spelt_anew_and_made_unique() -> None:
    turns = turns_of(
        said("go"),
        called(("call:1", "f", ""), ("call|1", "f", "")),
        result("call|1", "B"),
        result("call:1", "A"),
        called(("call:1", "f", "")),
        result("call:1", "C"),
    )
    assert [block["id"] for block in turns[1][1]] == ["call_1", "call_1_2"]
    assert turns[2][1] == [res("call_1_2", "B"), res("call_1", "A")]
    assert turns[3][1][0]["id"] == "call_1_3"
    assert turns[4][1] == [res("call_1_3", "C")]


def test_another_providers_signature_stays_out_of_the_id() -> None:
    signed = with_signature("g1", "c2lnbmF0dXJl")
    turns = turns_of(said("go"), called((signed, "f", "")), result(signed))
    assert (turns[1][1], turns[2][1]) == ([use("g1")], [res("g1")])


def test_conversation_begins_with_the_user() -> None:
    assert turns_of(said("Welcome!", ASSISTANT), said("hi"))[0] == ("user", [text(".")])
    assert turns_of(said("only this", SYSTEM)) == [("user", [text(".")])]


def test_texts_without_ink_are_left_out() -> None:
    assert turns_of(said("a"), said(" \n"), said("", ASSISTANT), said("")) == [
        ("user", [text("a")]),
        ("assistant", [text(".")]),
        ("user", [text(".")]),
    ]


def test_last_words_of_the_assistant_are_continued_without_white_space() -> None:
    turns = turns_of(said("a"), said("So \n", ASSISTANT), capabilities=BUDGET)
    assert turns[-1] == ("assistant", [text("So")])
    turns = turns_of(said("a"), said(" ", ASSISTANT), capabilities=BUDGET)
    assert turns == [("user", [text("a")])]


def test_refusals_names_and_reasoning() -> None:
    refused = chat_pb.ChatMessage(role=ASSISTANT, refusal="No.", reasoning_content="hm", name="bot")
    named = said("hi")
    named.name = "ann"
    picture = chat_pb.ChatMessage(
        role=chat_pb.CHAT_ROLE_USER,
        name="bob",
        content=parts_of(chat_pb.ChatContentPart(image=chat_pb.ChatImage(url="https://h/a"))),
    )
    turns = turns_of(named, refused, picture)
    assert turns[0][1] == [text("ann: hi")]
    assert turns[1] == ("assistant", [text("No.")])
    assert turns[2][1][0] == text("bob:")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"image": chat_pb.ChatImage(url="https://h/a.png", detail="low")},
            {"type": "image", "source": {"type": "url", "url": "https://h/a.png"}},
        ),
        (
            {"image": chat_pb.ChatImage(url="data:image/JPG;base64,QUJD")},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/jpeg", "data": "QUJD"},
            },
        ),
        (
            {
                "file": chat_pb.ChatFile(
                    file_data=f"data:application/pdf;base64,{PDF}", filename="a"
                )
            },
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "a",
            },
        ),
        (
            {"file": chat_pb.ChatFile(file_data=PDF)},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            },
        ),
        (
            {"file": chat_pb.ChatFile(file_data="data:text/plain;charset=utf-8;base64,w6Q=")},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "ä"},
            },
        ),
    ],
)
def test_images_and_documents(part: dict[str, Any], expected: dict[str, Any]) -> None:
    content = parts_of(chat_pb.ChatContentPart(text="See:"), chat_pb.ChatContentPart(**part))
    message = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=content)
    assert turns_of(message) == [("user", [text("See:"), expected])]


def choice(**fields: Any) -> chat_pb.ChatToolChoice:
    return chat_pb.ChatToolChoice(**fields)


def allowed(mode: str) -> chat_pb.ChatToolChoice:
    tools = [chat_pb.ChatToolReference(name="g")]
    return choice(allowed_tools=chat_pb.ChatAllowedTools(mode=mode, tools=tools))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"tool_choice": choice(mode="auto")}, {"type": "auto"}),
        ({"tool_choice": choice(mode="none")}, {"type": "none"}),
        ({"tool_choice": choice(mode="required")}, {"type": "any"}),
        ({"tool_choice": choice(function_name="g")}, {"type": "tool", "name": "g"}),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        (
            {"tool_choice": choice(function_name="g"), "parallel_tool_calls": False},
            {"type": "tool", "name": "g", "disable_parallel_tool_use": True},
        ),
        ({"tool_choice": choice(mode="none"), "parallel_tool_calls": False}, {"type": "none"}),
    ],
)
def test_tool_choice(fields: dict[str, Any], expected: dict[str, Any] | None) -> None:
    body = body_of(tools=[function_tool("f"), function_tool("g")], **fields)
    assert body.get("tool_choice") == expected
    assert [tool["name"] for tool in body["tools"]] == ["f", "g"]


@pytest.mark.parametrize(("mode", "kind"), [("auto", "auto"), ("required", "any")])
def test_tools_that_are_not_allowed_are_left_out(mode: str, kind: str) -> None:
    tools = [function_tool("f"), function_tool("g")]
    body = body_of(tools=tools, tool_choice=allowed(mode))
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": kind}


def test_tools_are_declared_with_an_object_schema() -> None:
    schema = '{"properties":{"a":{"type":"integer","minimum":1}}}'
    strict = '{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}'
    body = body_of(
        tools=[
            function_tool("f", description="finds", parameters_json=schema),
            function_tool("g"),
            function_tool("h", parameters_json=strict, strict=True),
            function_tool("i", strict=True),
            function_tool("j", strict=False),
        ]
    )
    empty = {"type": "object", "properties": {}, "additionalProperties": False}
    assert body["tools"] == [
        {
            "name": "f",
            "description": "finds",
            "input_schema": {
                "type": "object",
                "properties": {"a": {"type": "integer", "minimum": 1}},
            },
        },
        {"name": "g", "input_schema": {"type": "object"}},
        {
            "name": "h",
            "strict": True,
            "input_schema": {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        },
        {"name": "i", "strict": True, "input_schema": empty},
        {"name": "j", "input_schema": {"type": "object"}},
    ]


def test_tools_of_the_past_are_declared_and_not_called() -> None:
    messages = [said("go"), called(("a", "f", ""), ("b", "f", "")), result("a"), result("b")]
    body = body_of(messages, parallel_tool_calls=False)
    assert body["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]
    assert body["tool_choice"] == {"type": "none"}


@pytest.mark.parametrize(
    ("effort", "level"),
    [("minimal", "low"), ("low", "low"), ("medium", "low"), ("xhigh", "high"), ("max", "max")],
)
def test_effort_is_the_nearest_level_below(effort: str, level: str) -> None:
    body = body_of(reasoning_effort=effort)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": level}


@pytest.mark.parametrize(
    ("effort", "cap", "budget"),
    [
        ("minimal", 9_000, 1_024),
        ("medium", 9_000, 2_048),
        ("high", 9_000, 4_096),
        ("xhigh", 64_000, 8_192),
        ("xhigh", 9_000, 4_500),
        ("high", 1_500, 1_024),
        ("high", 1_025, 1_024),
    ],
)
def test_effort_as_a_budget_leaves_room_for_the_answer(effort: str, cap: int, budget: int) -> None:
    body = body_of(capabilities=BUDGET, reasoning_effort=effort, cap=cap)
    assert body["thinking"] == {
        "type": "enabled",
        "budget_tokens": budget,
        "display": "summarized",
    }
    assert budget < cap
    assert "output_config" not in body


def test_no_thinking_where_none_is_asked_for_or_none_fits() -> None:
    asked: list[dict[str, Any]] = [{}, {"reasoning_effort": "none"}]
    for fields in asked:
        for capabilities in (ADAPTIVE, BUDGET):
            body = body_of(capabilities=capabilities, **fields)
            assert not body.keys() & {"thinking", "output_config"}
    # What the balance affords may leave no room; the client asked for no such limit.
    assert "thinking" not in body_of(capabilities=BUDGET, reasoning_effort="high", cap=1_024)


def test_sampling_and_stop() -> None:
    body = body_of(temperature=0.5, stop_sequences=["END"])
    assert (body["temperature"], body["stop_sequences"]) == (0.5, ["END"])
    assert body_of(top_p=0.25)["top_p"] == 0.25


def test_json_object_is_an_instruction() -> None:
    wanted = chat_pb.ChatResponseFormat(json_object=chat_pb.ChatJsonObjectFormat())
    assert body_of(response_format=wanted)["system"] == JSON_INSTRUCTION
    body = body_of([said("A", SYSTEM), said("hi")], response_format=wanted)
    assert body["system"] == f"A\n\n{JSON_INSTRUCTION}"
    assert "output_config" not in body


def test_json_schema_is_a_format() -> None:
    schema = chat_pb.ChatJsonSchemaFormat(
        name="s", description="What.", schema_json='{"properties":{"a":{"type":"string"}}}'
    )
    wanted = chat_pb.ChatResponseFormat(json_schema=schema)
    body = body_of(response_format=wanted, reasoning_effort="high")
    assert body["output_config"] == {
        "effort": "high",
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "additionalProperties": False,
                "description": "What.",
            },
        },
    }


def test_users_are_told_apart_without_being_named() -> None:
    body = body_of(user="ann@example.org", safety_identifier="u-1")
    assert body["metadata"] == {"user_id": hashlib.sha256(b"u-1").hexdigest()}
    assert "ann" not in str(body_of(user="ann@example.org"))


def test_service_tier() -> None:
    assert body_of(service_tier="auto")["service_tier"] == "auto"
    assert body_of(service_tier="default")["service_tier"] == "standard_only"


def test_deep_arguments_do_not_break_the_encoder() -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    turns = turns_of(said("go"), called(("a", "f", deep)), result("a"))
    assert str(turns[1][1][0]["input"]).count("{") == 400
