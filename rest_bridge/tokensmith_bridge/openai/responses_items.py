"""The items of a Responses conversation, typed: what came in, and what went out before.

Each item is decoded by its ``type``, which a message may leave out. Everything that an answer of
ours has is taken back, and what OpenAI's own answers have beside it where nothing depends on it.
``internal_chat_message_metadata_passthrough`` is what Codex says of an item to OpenAI itself.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Raw

from tokensmith_bridge.openai.bodies import refusal_from_validation
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.message_schema import Object, PromptCacheBreakpoint

ItemStatus = Literal["in_progress", "completed", "incomplete"]


# Content parts.


class InputText(Object, tag_field="type", tag="input_text"):
    """Text for the model."""

    text: str
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class InputImage(Object, tag_field="type", tag="input_image"):
    """An image: an http(s) address or a data URL."""

    image_url: str | None = None
    file_id: str | None = None
    detail: Literal["auto", "low", "high", "original"] | None = None
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class InputFile(Object, tag_field="type", tag="input_file"):
    """A document: its bytes as base64 or a data URL. Addresses and ids are refused by name."""

    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None
    detail: Literal["auto", "low", "high"] | None = None
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class OutputText(Object, tag_field="type", tag="output_text"):
    """Text that a model wrote; the fields after it come back with an answer."""

    text: str
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None
    parsed: Any = None


class OutputRefusal(Object, tag_field="type", tag="refusal"):
    """Text in which a model refused."""

    refusal: str


class SummaryText(Object, tag_field="type", tag="summary_text"):
    """A summary of reasoning."""

    text: str


class ReasoningText(Object, tag_field="type", tag="reasoning_text"):
    """Reasoning as the model wrote it."""

    text: str


InputPart = InputText | InputImage | InputFile
MessagePart = InputText | InputImage | InputFile | OutputText | OutputRefusal
_Parts = Annotated[list[MessagePart], Meta(max_length=2048)]
ToolOutput = str | Annotated[list[InputPart], Meta(max_length=2048)]


# Items.


class MessageItem(Object):
    """What somebody said."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | _Parts
    type: Literal["message"] | None = None
    id: str | None = None
    status: ItemStatus | None = None
    phase: Literal["commentary", "final_answer"] | None = None
    created_by: Any = None
    internal_chat_message_metadata_passthrough: Any = None


class FunctionCallItem(Object, tag_field="type", tag="function_call"):
    """A function that a model called. ``arguments`` is JSON text, as the model wrote it."""

    call_id: str
    name: str
    arguments: str
    namespace: str | None = None
    id: str | None = None
    status: ItemStatus | None = None
    caller: Any = None
    created_by: Any = None
    internal_chat_message_metadata_passthrough: Any = None
    parsed_arguments: Any = None


class FunctionCallOutputItem(Object, tag_field="type", tag="function_call_output"):
    """What a function returned."""

    call_id: str
    output: ToolOutput
    id: str | None = None
    status: ItemStatus | None = None
    name: str | None = None
    namespace: str | None = None
    caller: Any = None
    created_by: Any = None
    internal_chat_message_metadata_passthrough: Any = None


class CustomToolCallItem(Object, tag_field="type", tag="custom_tool_call"):
    """A custom tool that a model called."""

    call_id: str
    name: str
    input: str
    namespace: str | None = None
    id: str | None = None
    status: ItemStatus | None = None
    caller: Any = None
    created_by: Any = None
    internal_chat_message_metadata_passthrough: Any = None


class CustomToolCallOutputItem(Object, tag_field="type", tag="custom_tool_call_output"):
    """What a custom tool returned."""

    call_id: str
    output: ToolOutput
    id: str | None = None
    status: ItemStatus | None = None
    caller: Any = None
    created_by: Any = None
    internal_chat_message_metadata_passthrough: Any = None


class ReasoningItem(Object, tag_field="type", tag="reasoning"):
    """Reasoning of an earlier answer; it goes back to models that take it back."""

    summary: list[SummaryText]
    id: str | None = None
    content: list[ReasoningText] | None = None
    encrypted_content: str | None = None
    status: ItemStatus | None = None
    created_by: Any = None
    internal_chat_message_metadata_passthrough: Any = None


class ItemReference(Object):
    """Stands for an item of a kept response."""

    id: str
    type: Literal["item_reference"] | None = None


Item = (
    MessageItem
    | FunctionCallItem
    | FunctionCallOutputItem
    | CustomToolCallItem
    | CustomToolCallOutputItem
    | ReasoningItem
    | ItemReference
)

_TYPES: Final[Mapping[str, type[Item]]] = {
    "message": MessageItem,
    "function_call": FunctionCallItem,
    "function_call_output": FunctionCallOutputItem,
    "custom_tool_call": CustomToolCallItem,
    "custom_tool_call_output": CustomToolCallOutputItem,
    "reasoning": ReasoningItem,
    "item_reference": ItemReference,
}
_DECODERS: Final = {kind: msgspec.json.Decoder(kind) for kind in _TYPES.values()}
# For explaining what is wrong with an item by its path in the body.
_AS_INPUT: Final = {
    kind: msgspec.defstruct("Input", [("input", list[kind])])  # type: ignore[valid-type]
    for kind in _TYPES.values()
}


class _Head(msgspec.Struct):
    """What tells an item's type."""

    type: str | None = None
    role: Any = None


_head_decoder: Final = msgspec.json.Decoder(_Head)


def item_from_json(text: Raw | bytes, where: str) -> Item:
    """Decode one item; ``where`` is its place, as "input[3]".

    Raises:
        Refusal: it is of a type that is not served, or is not what this module describes.
    """
    kind: type[Item] | None = None
    try:
        kind = _type_of(_head_decoder.decode(text), where)
        return _DECODERS[kind].decode(text)
    except msgspec.ValidationError as error:
        place = f"`$.{where}"
        problem = str(error)
        located = problem.replace("`$", place, 1) if "`$" in problem else f"{problem} - at {place}`"
        raise refusal_from_validation(located, _AS_INPUT[kind or MessageItem]) from None


def _type_of(head: _Head, where: str) -> type[Item]:
    if head.type is None:
        return MessageItem if head.role is not None else ItemReference
    kind = _TYPES.get(head.type)
    if kind is None:
        raise Refusal(
            "INVALID_ARGUMENT",
            f"Invalid value for '{where}.type': {head.type[:100]!r}. Items of hosted tools are not "
            f"taken here. Supported values are: {', '.join(map(repr, _TYPES))}.",
            param=f"{where}.type",
        )
    return kind


def item_to_json(item: Item, made_id: str) -> dict[str, Any]:
    """An item of the input as it is kept and listed; without an id of its own it gets ``made_id``.

    An item that stands for another has been replaced before.
    """
    rendered: dict[str, Any] = {"id": getattr(item, "id", None) or made_id}
    match item:
        case MessageItem():
            rendered |= {"type": "message", "role": item.role, "status": item.status or "completed"}
            rendered["content"] = _content_to_json(item)
        case ReasoningItem():
            rendered["type"] = "reasoning"
            rendered["summary"] = item.summary
            if item.content is not None:
                rendered["content"] = item.content
            if item.encrypted_content is not None:
                rendered["encrypted_content"] = item.encrypted_content
        case FunctionCallItem():
            rendered |= {"type": "function_call", "call_id": item.call_id, "name": item.name}
            rendered |= {"arguments": item.arguments, "status": item.status or "completed"}
        case CustomToolCallItem():
            rendered |= {"type": "custom_tool_call", "call_id": item.call_id, "name": item.name}
            rendered |= {"input": item.input, "status": item.status or "completed"}
        case FunctionCallOutputItem() | CustomToolCallOutputItem():
            custom = isinstance(item, CustomToolCallOutputItem)
            rendered["type"] = "custom_tool_call_output" if custom else "function_call_output"
            rendered |= {"call_id": item.call_id, "status": item.status or "completed"}
            output = item.output
            rendered["output"] = output if isinstance(output, str) else _parts_to_json(output)
    namespace = getattr(item, "namespace", None)
    if namespace is not None:
        rendered["namespace"] = namespace
    return rendered


def _content_to_json(item: MessageItem) -> list[dict[str, Any]]:
    if not isinstance(item.content, str):
        return _parts_to_json(item.content)
    if item.role == "assistant":
        return [{"type": "output_text", "text": item.content, "annotations": [], "logprobs": []}]
    return [{"type": "input_text", "text": item.content}]


def _parts_to_json(parts: list[Any]) -> list[dict[str, Any]]:
    return [_part_to_json(part) for part in parts]


def _part_to_json(part: MessagePart) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: value for name, value in msgspec.to_builtins(part).items() if value is not None
    }
    fields.pop("parsed", None)
    if isinstance(part, InputImage):
        fields.setdefault("detail", "auto")
    if isinstance(part, OutputText):
        fields.setdefault("annotations", [])
        fields.setdefault("logprobs", [])
    return fields
