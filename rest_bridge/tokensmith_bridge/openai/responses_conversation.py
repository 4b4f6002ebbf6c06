"""From the items of a Responses conversation to the contract's chat messages.

A chat has one message for each turn of the model: its reasoning, its text and its tool calls are
items of their own here, and are put together again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.responses_items import (
    CustomToolCallItem,
    CustomToolCallOutputItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputFile,
    InputImage,
    InputText,
    Item,
    ItemReference,
    MessageItem,
    MessagePart,
    OutputRefusal,
    OutputText,
    ReasoningItem,
)
from tokensmith_bridge.openai.responses_namespaces import chat_name
from tokensmith_bridge.openai.responses_seals import signed_thinking_of
from tokensmith_bridge.tool_results import label, result_text

RETURNED: Final = ".output"
"""The place in an item of what a tool returned that is no text."""

_ROLES: Final = {
    "user": chat.CHAT_ROLE_USER,
    "assistant": chat.CHAT_ROLE_ASSISTANT,
    "system": chat.CHAT_ROLE_SYSTEM,
    "developer": chat.CHAT_ROLE_DEVELOPER,
}


_Output = FunctionCallOutputItem | CustomToolCallOutputItem


@dataclass(frozen=True, slots=True)
class PlacedItem:
    """An item, and where it came from: "input[3]", or "previous_response_id"."""

    item: Item
    where: str


def messages_of(items: Iterable[PlacedItem]) -> tuple[list[chat.ChatMessage], list[str]]:
    """The conversation's messages, and for each of them the place of its first item.

    Raises:
        Refusal: a part of an item can't be said in a chat, or a tool's call and output are not
            both there.
    """
    placed = list(items)
    _check_calls(placed)
    conversation = _Conversation()
    for one in placed:
        conversation.add(one)
    conversation.show_returned()
    return conversation.messages, conversation.places


class _Conversation:
    """Messages so far. ``_turn`` is the model's message as long as its turn may go on."""

    def __init__(self) -> None:
        self.messages: list[chat.ChatMessage] = []
        self.places: list[str] = []
        self._turn: chat.ChatMessage | None = None
        self._reasoning: list[str] = []
        self._signed: list[chat.ChatSignedThinking] = []
        # What tools returned that is no text, and where the first of it is.
        self._returned: list[chat.ChatContentPart] = []
        self._returned_at = ""

    def add(self, placed: PlacedItem) -> None:
        """Append one item."""
        item, where = placed.item, placed.where
        if not isinstance(item, _Output):
            self.show_returned()
        match item:
            case MessageItem(role="assistant"):
                self._add_answer(item, where)
            case MessageItem():
                self._end_turn()
                message = self._begin(chat.ChatMessage(role=_ROLES[item.role]), where)
                _fill_content(message.content, item, where)
            case FunctionCallItem():
                self._turn_at(where).tool_calls.add(
                    id=item.call_id,
                    kind=chat.CHAT_TOOL_KIND_FUNCTION,
                    name=chat_name(item.name, item.namespace),
                    arguments=item.arguments,
                )
            case CustomToolCallItem():
                self._turn_at(where).tool_calls.add(
                    id=item.call_id,
                    kind=chat.CHAT_TOOL_KIND_CUSTOM,
                    name=chat_name(item.name, item.namespace),
                    arguments=item.input,
                )
            case FunctionCallOutputItem() | CustomToolCallOutputItem():
                self._add_output(item, where)
            case ReasoningItem():
                texts = item.content or item.summary
                self._reasoning += [part.text for part in texts if part.text]
                self._signed += signed_thinking_of(item.encrypted_content)
            case ItemReference():
                raise Refusal(
                    "INVALID_ARGUMENT",
                    f"Item '{item.id[:64]}' is not part of a response that is kept.",
                    param=f"{where}.id",
                )

    def show_returned(self) -> None:
        """Let what tools returned that is no text follow their results."""
        if not self._returned:
            return
        place = self._returned_at + RETURNED if "[" in self._returned_at else self._returned_at
        message = self._begin(chat.ChatMessage(role=chat.CHAT_ROLE_USER), place)
        message.content.parts.parts.extend(self._returned)
        self._returned.clear()

    def _add_output(self, item: _Output, where: str) -> None:
        self._end_turn()
        message = chat.ChatMessage(role=chat.CHAT_ROLE_TOOL, tool_call_id=item.call_id)
        content = self._begin(message, where).content
        if isinstance(item.output, str):
            content.text = item.output
            return
        texts: list[chat.ChatContentPart] = []
        others: list[chat.ChatContentPart] = []
        for number, part in enumerate(item.output):
            added = chat.ChatContentPart()
            _fill_part(added, part, f"{where}.output[{number}]")
            (texts if isinstance(part, InputText) else others).append(added)
        if not others:
            if texts:
                content.parts.parts.extend(texts)
            else:
                content.text = ""
            return
        content.text = result_text("\n".join(part.text for part in texts), item.call_id)
        self._returned_at = self._returned_at if self._returned else where
        self._returned += [label(item.call_id), *others]

    def _begin(self, message: chat.ChatMessage, where: str) -> chat.ChatMessage:
        self.messages.append(message)
        self.places.append(where)
        return message

    def _end_turn(self) -> None:
        self._turn = None
        # Reasoning that led to nothing goes back to nobody.
        self._reasoning.clear()
        self._signed.clear()

    def _turn_at(self, where: str) -> chat.ChatMessage:
        """The message of the model's turn, with the reasoning that came before this item."""
        if self._turn is None:
            self._turn = self._begin(chat.ChatMessage(role=chat.CHAT_ROLE_ASSISTANT), where)
        if self._reasoning:
            earlier = [self._turn.reasoning_content] if self._turn.reasoning_content else []
            self._turn.reasoning_content = "\n\n".join([*earlier, *self._reasoning])
            self._reasoning.clear()
        self._turn.signed_thinking.extend(self._signed)
        self._signed.clear()
        return self._turn

    def _add_answer(self, item: MessageItem, where: str) -> None:
        if self._turn is not None and self._turn.HasField("content"):
            self._turn = None
        message = self._turn_at(where)
        _fill_content(message.content, item, where)


def _fill_content(content: chat.ChatContent, item: MessageItem, where: str) -> None:
    if isinstance(item.content, str):
        content.text = item.content
        return
    parts = item.content
    if not parts or _is_plain(parts, item.role):
        # Plain text needs no parts, and every provider takes it.
        content.text = "".join(part.text for part in parts if hasattr(part, "text"))
        return
    model_spoke = item.role == "assistant"
    for number, part in enumerate(parts):
        place = f"{where}.content[{number}]"
        if model_spoke is not isinstance(part, OutputText | OutputRefusal):
            allowed = (
                "output_text, refusal" if model_spoke else "input_text, input_image, input_file"
            )
            raise Refusal(
                "INVALID_ARGUMENT",
                f"Invalid value for '{place}.type': a message of the role '{item.role}' has parts "
                f"of the types {allowed}.",
                param=f"{place}.type",
            )
        _fill_part(content.parts.parts.add(), part, place)


def _is_plain(parts: Sequence[MessagePart], role: str) -> bool:
    """Whether it is one text of the kind that the role has, and nothing beside it."""
    if len(parts) != 1:
        return False
    (part,) = parts
    if role == "assistant":
        return isinstance(part, OutputText)
    return isinstance(part, InputText) and part.prompt_cache_breakpoint is None


def _fill_part(added: chat.ChatContentPart, part: MessagePart, where: str) -> None:
    match part:
        case InputText() | OutputText():
            added.text = part.text
        case InputImage():
            _fill_image(added.image, part, where)
        case InputFile():
            _fill_file(added.file, part, where)
        case OutputRefusal():
            added.refusal = part.refusal
    mark = getattr(part, "prompt_cache_breakpoint", None)
    if mark is not None:
        added.prompt_cache_breakpoint.mode = mark.mode
        if mark.ttl is not None:
            added.prompt_cache_breakpoint.ttl = mark.ttl


def _fill_image(added: chat.ChatImage, part: InputImage, where: str) -> None:
    if part.file_id is not None:
        raise _no_uploads(f"{where}.file_id", "image_url")
    if part.image_url is None:
        raise Refusal(
            "INVALID_ARGUMENT", f"'{where}' needs 'image_url'.", param=f"{where}.image_url"
        )
    added.url = part.image_url
    if part.detail is not None:
        added.detail = part.detail


def _fill_file(added: chat.ChatFile, part: InputFile, where: str) -> None:
    for name in ("file_id", "file_url"):
        if getattr(part, name) is not None:
            raise _no_uploads(f"{where}.{name}", "file_data")
    if part.file_data is None:
        raise Refusal(
            "INVALID_ARGUMENT", f"'{where}' needs 'file_data'.", param=f"{where}.file_data"
        )
    added.file_data = part.file_data
    if part.filename is not None:
        added.filename = part.filename


def _no_uploads(param: str, instead: str) -> Refusal:
    return Refusal(
        "UNSUPPORTED_PARAMETER",
        f"'{param}' is not served here: send the thing itself in '{instead}'.",
        param=param,
    )


def _check_calls(placed: Sequence[PlacedItem]) -> None:
    """Refuse calls without outputs and outputs without calls, as OpenAI does, in its words."""
    open_calls: dict[str, str] = {}
    known: set[str] = set()
    for one in placed:
        item = one.item
        if isinstance(item, FunctionCallItem | CustomToolCallItem):
            known.add(item.call_id)
            open_calls[item.call_id] = one.where
        elif isinstance(item, _Output):
            if item.call_id not in known:
                raise _unpaired("call found for function call output with call_id", item.call_id)
            open_calls.pop(item.call_id, None)
    for call_id in open_calls:
        raise _unpaired("output found for function call", call_id)


def _unpaired(what: str, call_id: str) -> Refusal:
    return Refusal("INVALID_ARGUMENT", f"No tool {what} {call_id[:100]}.", param="input")
