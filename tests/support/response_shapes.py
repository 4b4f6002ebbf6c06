"""Holds response objects and events to the types of OpenAI's SDK, strictly.

The SDK itself takes nearly everything; here each field must be of its declared type, each required
one must be there, and each event and item must be of a type that the SDK knows.
"""

from collections.abc import Sequence
from typing import Any, Final

from openai.types import responses as types
from openai.types.responses.response_item_list import ResponseItemList
from openai.types.responses.response_stream_event import ResponseStreamEvent
from pydantic import TypeAdapter

_RESPONSE: Final = TypeAdapter(types.Response)
_EVENT: Final[TypeAdapter[Any]] = TypeAdapter(ResponseStreamEvent)
_ITEMS: Final = TypeAdapter(ResponseItemList)
_DELTAS: Final = {
    "response.output_text": "text",
    "response.refusal": "refusal",
    "response.reasoning_text": "text",
    "response.reasoning_summary_text": "text",
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
}
ENDS: Final = ("response.completed", "response.incomplete", "response.failed")


def check_response(body: bytes | dict[str, Any]) -> types.Response:
    """A response object, typed."""
    if isinstance(body, bytes):
        return _RESPONSE.validate_json(body, strict=True)
    return _RESPONSE.validate_python(body)


def check_item_list(body: bytes) -> ResponseItemList:
    """A page of input items, typed."""
    return _ITEMS.validate_json(body, strict=True)


def check_events(frames: bytes) -> list[Any]:
    """The events of a whole stream, typed, after looking at their order."""
    events = []
    for frame in frames.decode().split("\n\n")[:-1]:
        if frame.startswith(":"):
            continue
        name, _, data = frame.partition("\n")
        event = _EVENT.validate_json(data.removeprefix("data: "), strict=True)
        assert name == f"event: {event.type}"
        events.append(event)
    check_order(events)
    return events


def check_order(events: Sequence[Any]) -> None:
    """Numbers without gaps; each thing begun, continued and ended in turn; and one end."""
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert [event.type for event in events if event.type in ENDS] == [events[-1].type]
    opened: dict[int, Any] = {}
    ended: dict[int, Any] = {}
    texts: dict[tuple[str, int, int], str] = {}
    for event in events:
        index = getattr(event, "output_index", None)
        if event.type == "response.output_item.added":
            assert index == len(opened)
            opened[index] = event.item
        elif event.type == "response.output_item.done":
            assert index is not None
            assert event.item.id == opened[index].id
            ended[index] = event.item
        elif index is not None:
            assert index in opened
            assert index not in ended
            assert event.item_id == opened[index].id
            _check_text(event, texts)
    assert set(opened) == set(ended)
    final = events[-1].response
    assert [item.to_dict() for item in final.output] == [
        ended[index].to_dict() for index in sorted(ended)
    ]
    assert final.id == events[0].response.id


def _check_text(event: Any, texts: dict[tuple[str, int, int], str]) -> None:
    """What a "done" says is what its deltas said."""
    family, _, what = event.type.rpartition(".")
    part = getattr(event, "content_index", getattr(event, "summary_index", 0))
    key = family, event.output_index, part
    if what == "delta":
        texts[key] = texts.get(key, "") + event.delta
    elif what == "done" and family in _DELTAS:
        assert getattr(event, _DELTAS[family]) == texts.get(key, "")
