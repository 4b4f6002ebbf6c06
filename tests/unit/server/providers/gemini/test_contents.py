"""Messages become turns in the order that Gemini insists on."""

import base64
from typing import Any

import pytest

from tests.unit.server.providers.chats import parts_of, said
from tests.unit.server.providers.gemini.wires import SIGNATURE
from tests.unit.server.providers.test_media_types import PDF, PNG, encoded
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.gemini.contents import (
    SKIP_SIGNATURE,
    build_conversation,
)
from tokensmith_server.providers.media_types import InlineMedia
from tokensmith_server.providers.tool_call_ids import with_signature

SYSTEM, DEVELOPER = chat_pb.CHAT_ROLE_SYSTEM, chat_pb.CHAT_ROLE_DEVELOPER
USER, ASSISTANT = chat_pb.CHAT_ROLE_USER, chat_pb.CHAT_ROLE_ASSISTANT
Part = chat_pb.ChatContentPart


def calls(*made: tuple[str, str, str], text: str | None = None) -> chat_pb.ChatMessage:
    content = None if text is None else chat_pb.ChatContent(text=text)
    return chat_pb.ChatMessage(
        role=ASSISTANT,
        content=content,
        tool_calls=[chat_pb.ChatToolCall(id=i, name=n, arguments=a) for i, n, a in made],
    )


def result(call_id: str, text: str) -> chat_pb.ChatMessage:
    message = said(text, chat_pb.CHAT_ROLE_TOOL)
    message.tool_call_id = call_id
    return message


def contents(
    *messages: chat_pb.ChatMessage, signed: bool = False, **media: InlineMedia
) -> list[dict[str, Any]]:
    return build_conversation(messages, media=media, signed_tool_calls=signed).contents


def texts(conversation: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    return [(one["role"], [part["text"] for part in one["parts"]]) for one in conversation]


def test_instructions_are_gathered_wherever_they_stand() -> None:
    messages = [said("a", SYSTEM), said("hi"), said("b", DEVELOPER), said("ho")]
    messages.append(
        chat_pb.ChatMessage(role=SYSTEM, content=parts_of(Part(text="c"), Part(text="")))
    )
    built = build_conversation(messages, media={}, signed_tool_calls=False)
    assert built.system_parts == [{"text": "a"}, {"text": "b"}, {"text": "c"}]
    assert texts(built.contents) == [("user", ["hi", "ho"])]


def test_messages_of_one_role_are_one_content() -> None:
    messages = [said("a"), said("b"), said("c", ASSISTANT), said("d", ASSISTANT), said("e")]
    assert texts(contents(*messages)) == [
        ("user", ["a", "b"]),
        ("model", ["c", "d"]),
        ("user", ["e"]),
    ]


def test_empty_messages_vanish_and_their_neighbours_merge() -> None:
    messages = [said("a"), said("", ASSISTANT), said("b"), said("", USER), said("c", ASSISTANT)]
    assert texts(contents(*messages)) == [("user", ["a", "b"]), ("model", ["c"])]


def test_a_speakers_name_stands_before_what_is_said() -> None:
    named = said("hi")
    named.name = "ann"
    assert texts(contents(named)) == [("user", ["ann:", "hi"])]
    named.role = ASSISTANT
    assert texts(contents(named)) == [("model", ["hi"])]


def test_a_refusal_is_text() -> None:
    refusal = chat_pb.ChatMessage(role=ASSISTANT, refusal="no")
    part = chat_pb.ChatMessage(role=ASSISTANT, content=parts_of(Part(refusal="never")))
    assert texts(contents(said("a"), refusal, part)) == [
        ("user", ["a"]),
        ("model", ["no", "never"]),
    ]


def test_results_are_in_the_calls_order_and_have_their_names() -> None:
    built = contents(
        said("go"),
        calls(("1", "f", '{"x":1}'), ("2", "f", "{}"), ("3", "g", ""), text="Wait."),
        result("3", "plain"),
        result("1", '{"deep": [1.5]}'),
        result("2", "[1]"),
        said("and?"),
    )
    model, user = built[1], built[2]
    assert model["parts"] == [
        {"text": "Wait."},
        {"functionCall": {"id": "1", "name": "f", "args": {"x": 1}}},
        {"functionCall": {"id": "2", "name": "f", "args": {}}},
        {"functionCall": {"id": "3", "name": "g", "args": {}}},
    ]
    assert user["parts"] == [
        {"functionResponse": {"id": "1", "name": "f", "response": {"deep": [1.5]}}},
        {"functionResponse": {"id": "2", "name": "f", "response": {"output": "[1]"}}},
        {"functionResponse": {"id": "3", "name": "g", "response": {"output": "plain"}}},
        {"text": "and?"},
    ]


def test_steps_in_a_row_alternate() -> None:
    built = contents(
        said("go"),
        calls(("1", "f", "{}")),
        result("1", "a"),
        calls(("2", "g", "{}")),
        result("2", ""),
    )
    assert [one["role"] for one in built] == ["user", "model", "user", "model", "user"]
    assert built[4]["parts"][0]["functionResponse"]["response"] == {"output": ""}


def test_one_id_may_serve_in_several_turns() -> None:
    built = contents(
        said("go"),
        calls(("1", "f", "{}")),
        result("1", "a"),
        calls(("1", "g", "{}")),
        result("1", "b"),
    )
    responses = [one["parts"][0]["functionResponse"] for one in (built[2], built[4])]
    assert [(r["name"], r["response"]) for r in responses] == [
        ("f", {"output": "a"}),
        ("g", {"output": "b"}),
    ]


def test_signatures_come_back_from_the_ids() -> None:
    one, two = with_signature("a", SIGNATURE), "b"
    built = contents(
        said("go"), calls((one, "f", "{}"), (two, "g", "{}")), result(two, "2"), result(one, "1"),
        signed=True,
    )  # fmt: skip
    first, second = built[1]["parts"]
    assert first == {
        "functionCall": {"id": "a", "name": "f", "args": {}},
        "thoughtSignature": SIGNATURE,
    }
    assert "thoughtSignature" not in second
    assert [p["functionResponse"]["id"] for p in built[2]["parts"]] == ["a", "b"]


@pytest.mark.parametrize("call_id", ["call_1", with_signature("a", SIGNATURE)[:-3]])
def test_first_calls_without_a_signature_say_so_where_one_is_needed(call_id: str) -> None:
    messages = [said("go"), calls((call_id, "f", "{}"), ("2", "g", "{}"))]
    messages += [result(call_id, "1"), result("2", "2")]
    first, second = contents(*messages, signed=True)[1]["parts"]
    assert first["thoughtSignature"] == SKIP_SIGNATURE
    assert "thoughtSignature" not in second
    assert "thoughtSignature" not in contents(*messages)[1]["parts"][0]


def test_the_word_for_none_is_base64_as_the_field_wants_it() -> None:
    assert len(base64.urlsafe_b64decode(SKIP_SIGNATURE)) == 24


@pytest.mark.parametrize("arguments", ["{broken", "[1]", '"text"', "3"])
def test_arguments_that_are_no_object_are_wrapped(arguments: str) -> None:
    [_, model, _] = contents(said("go"), calls(("1", "f", arguments)), result("1", "x"))
    assert model["parts"][0]["functionCall"]["args"] == {"arguments": arguments}


def test_images_sounds_and_documents_are_inline() -> None:
    url = "https://example.com/a.png"
    message = chat_pb.ChatMessage(
        role=USER,
        content=parts_of(
            Part(text="see"),
            Part(image=chat_pb.ChatImage(url=f"data:image/jpeg;base64,{encoded(PNG)}")),
            Part(image=chat_pb.ChatImage(url=url, detail="high")),
            Part(input_audio=chat_pb.ChatInputAudio(data=b"\x00\x01", format="mp3")),
            Part(file=chat_pb.ChatFile(file_data=encoded(PDF), filename="a.pdf")),
        ),
    )
    built = build_conversation(
        [message], media={url: InlineMedia("image/webp", "QUJD")}, signed_tool_calls=False
    )
    parts = [part.get("inlineData", part.get("text")) for part in built.contents[0]["parts"]]
    assert parts == [
        "see",
        {"mimeType": "image/png", "data": encoded(PNG)},
        {"mimeType": "image/webp", "data": "QUJD"},
        {"mimeType": "audio/mpeg", "data": "AAE="},
        {"mimeType": "application/pdf", "data": encoded(PDF)},
    ]
