"""Anthropic's messages become the contract's, each block in some way."""

from typing import Any

import pytest

from tests.unit.bridge.anthropic.requests import origins_of, params_of, refusal_of
from tokensmith.v1 import chat_service_pb2 as chat

USER, ASSISTANT, TOOL = chat.CHAT_ROLE_USER, chat.CHAT_ROLE_ASSISTANT, chat.CHAT_ROLE_TOOL
SYSTEM = chat.CHAT_ROLE_SYSTEM
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def messages_of(*messages: Any, **fields: Any) -> list[chat.ChatMessage]:
    shaped = [
        {"role": "assistant" if place % 2 else "user", "content": content}
        for place, content in enumerate(messages)
    ]
    return list(params_of(messages=shaped, **fields).messages)


def part_texts(message: chat.ChatMessage) -> list[str]:
    return [part.text for part in message.content.parts.parts]


def test_strings_are_plain_text() -> None:
    messages = messages_of("a", "b", "c")
    assert [(m.role, m.content.text) for m in messages] == [
        (USER, "a"),
        (ASSISTANT, "b"),
        (USER, "c"),
    ]


@pytest.mark.parametrize(
    "system", ["Be brief.", [text("Be brief.", cache_control={"type": "ephemeral", "ttl": "1h"})]]
)
def test_system_comes_first(system: Any) -> None:
    first = messages_of("a", system=system)[0]
    assert (first.role, first.content.text) == (SYSTEM, "Be brief.")


def test_system_blocks_are_paragraphs_and_empty_ones_are_none() -> None:
    assert messages_of("a", system=[text("x"), text(""), text("y")])[0].content.text == "x\n\ny"
    assert [m.role for m in messages_of("a", system="")] == [USER]


def test_system_in_mid_conversation_stays_where_it_is() -> None:
    told = [{"role": "user", "content": "a"}, {"role": "system", "content": [text("s")]}]
    assert [m.role for m in params_of(messages=told).messages] == [USER, SYSTEM]


def test_one_text_block_is_plain_and_more_are_parts() -> None:
    one, many = messages_of([text("a")], "b", [text("c", citations=None), text("d")])[::2]
    assert one.content.text == "a"
    assert part_texts(many) == ["c", "d"]


def test_images_are_data_urls_or_addresses() -> None:
    address = {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}
    (message,) = messages_of([IMAGE, address])
    assert [part.image.url for part in message.content.parts.parts] == [
        "data:image/png;base64,QQ==",
        "https://a/b.png",
    ]


def test_documents() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "QQ=="}
    plain = {"type": "text", "media_type": "text/plain", "data": "The text."}
    (message,) = messages_of(
        [
            {"type": "document", "source": pdf, "context": "A letter."},
            {"type": "document", "source": plain, "title": "T"},
            {"type": "document", "source": {"type": "content", "content": [text("x"), IMAGE]}},
            {"type": "search_result", "source": "s", "title": "t", "content": [text("found")]},
        ]
    )
    parts = message.content.parts.parts
    assert parts[0].text == "A letter."
    assert parts[1].file.file_data == "data:application/pdf;base64,QQ=="
    assert parts[1].file.filename == "document.pdf"
    assert parts[2].text == "<document>\ntitle: T\nThe text.\n</document>"
    assert [part.WhichOneof("kind") for part in parts[3:5]] == ["text", "image"]
    assert parts[5].text == "<search_result>\nsource: s\ntitle: t\nfound\n</search_result>"


def test_tools_that_were_called_and_what_they_returned() -> None:
    calls = [
        {"type": "tool_use", "id": "a__ts_1", "name": "f", "input": {"x": [1, 2.50]}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {}, "caller": {"type": "direct"}},
    ]
    results = [
        text("So?"),
        {"type": "tool_result", "tool_use_id": "a__ts_1", "content": "sunny"},
        {"type": "tool_result", "tool_use_id": "b", "content": [text("x"), text("y")]},
    ]
    _, said, first, second, rest = messages_of("go", [text("On it."), *calls], results)
    assert said.content.text == "On it."
    assert [(c.id, c.name, c.arguments) for c in said.tool_calls] == [
        ("a__ts_1", "f", '{"x":[1,2.5]}'),
        ("b", "g", "{}"),
    ]
    assert [(m.role, m.tool_call_id, m.content.text) for m in (first, second)] == [
        (TOOL, "a__ts_1", "sunny"),
        (TOOL, "b", "x\ny"),
    ]
    assert (rest.role, rest.content.text) == (USER, "So?")


def test_a_failure_says_so_and_nothing_is_an_empty_text() -> None:
    results = [
        {"type": "tool_result", "tool_use_id": "a", "content": "no file", "is_error": True},
        {"type": "tool_result", "tool_use_id": "b"},
    ]
    calls = [{"type": "tool_use", "id": i, "name": "f", "input": {}} for i in "ab"]
    _, said, first, second = messages_of("go", calls, results)
    assert said.content.WhichOneof("kind") is None
    assert first.content.text == "Error: no file"
    assert second.content.WhichOneof("kind") == "text"


def test_images_that_a_tool_returned_follow_all_results() -> None:
    results = [
        {"type": "tool_result", "tool_use_id": "a", "content": [text("Here:"), IMAGE]},
        {"type": "tool_result", "tool_use_id": "b", "content": "ok"},
        text("And?"),
    ]
    calls = [{"type": "tool_use", "id": i, "name": "f", "input": {}} for i in "ab"]
    messages = messages_of("go", calls, results)
    assert [m.role for m in messages] == [USER, ASSISTANT, TOOL, TOOL, USER]
    assert messages[2].content.text.startswith("Here:\n")
    kinds = [part.WhichOneof("kind") for part in messages[4].content.parts.parts]
    assert kinds == ["text", "image", "text"]
    assert "a" in part_texts(messages[4])[0]


def test_a_found_tool_is_named() -> None:
    result = {
        "type": "tool_result",
        "tool_use_id": "a",
        "content": [{"type": "tool_reference", "tool_name": "mcp__x"}],
    }
    call = {"type": "tool_use", "id": "a", "name": "search", "input": {}}
    assert messages_of("go", [call], [result])[2].content.text == "The tool mcp__x is available."


def test_thinking_that_was_signed_here_keeps_its_place() -> None:
    said = [
        {"type": "thinking", "thinking": "hm", "signature": "claude:v1:SEAL="},
        text("On "),
        {"type": "redacted_thinking", "data": "claude:v1:DATA"},
        text("it."),
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        {"type": "thinking", "thinking": "so", "signature": "claude:v1:S2"},
    ]
    message = messages_of("go", said)[1]
    assert list(message.signed_thinking) == [
        chat.ChatSignedThinking(model="claude:v1", text="hm", signature="SEAL="),
        chat.ChatSignedThinking(model="claude:v1", redacted_data="DATA", text_before=3),
        chat.ChatSignedThinking(
            model="claude:v1", text="so", signature="S2", text_before=6, tool_calls_before=1
        ),
    ]
    assert not message.HasField("reasoning_content")


@pytest.mark.parametrize("signature", ["", "ErUBCkYICBgCIkA", ":x", "m:"])
def test_other_thinking_is_reasoning_and_no_failure(signature: str) -> None:
    said = [{"type": "thinking", "thinking": "hm", "signature": signature}]
    message = messages_of("go", said)[1]
    assert message.reasoning_content == "hm"
    assert not message.signed_thinking
    assert message.content.WhichOneof("kind") == "text"


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "source.type"),
        ({"type": "document", "source": {"type": "url", "url": "https://a"}}, "source.type"),
        ({"type": "document", "source": {"type": "file", "file_id": "f"}}, "source.type"),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                "citations": {"enabled": True},
            },
            "citations",
        ),
    ],
)
def test_what_cannot_be_carried_is_named(block: dict[str, Any], param: str) -> None:
    refusal = refusal_of(messages=[{"role": "user", "content": [text("a"), block]}])
    assert refusal.param == f"messages[0].content[1].{param}"


@pytest.mark.parametrize("value", ["x", [1], None, 3])
def test_the_input_of_a_call_is_an_object(value: Any) -> None:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": value}
    refusal = refusal_of(messages=[{"role": "assistant", "content": [call]}])
    assert refusal.param == "messages[0].content[0].input"


def test_blocks_of_tools_that_run_elsewhere_are_refused_by_name() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    refusal = refusal_of(messages=[{"role": "assistant", "content": [block]}])
    assert "server_tool_use" in refusal.message


def test_where_each_message_came_from() -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
    told = [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}],
        },
        {"role": "user", "content": [text("x"), result]},
    ]
    assert origins_of(messages=told, system="s").messages == [
        "system",
        "messages[0]",
        "messages[1]",
        "messages[2].content[1]",
        "messages[2]",
    ]
