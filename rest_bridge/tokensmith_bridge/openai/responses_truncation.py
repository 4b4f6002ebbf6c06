"""Leaves the oldest turns out of a conversation that is too long for its model. Pure.

OpenAI's ``truncation: "auto"``: "the model will truncate the response to fit the context window by
dropping items from the beginning of the conversation". A turn begins with a message of the user.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tokensmith_bridge.openai.responses_conversation import PlacedItem
from tokensmith_bridge.openai.responses_items import (
    CustomToolCallItem,
    CustomToolCallOutputItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputFile,
    InputImage,
    Item,
    MessageItem,
    MessagePart,
    OutputRefusal,
    ReasoningItem,
)

_KEPT_SHARE: Final = 0.75
"""The server refuses by the fewest tokens that a text can be, a provider by its own count: nearer
to what just fails, the provider would refuse it again."""

_ATTACHMENT_BYTES: Final = 6_000
"""What an image or a document weighs beside texts: about 1,500 tokens, however many bytes."""


def share_that_may_fit(facts: Mapping[str, str]) -> float:
    """How much of a conversation to try, by what its refusal for its length says.

    ``facts`` are those of CONTEXT_LENGTH_EXCEEDED. A provider's refusal has no count of tokens.
    """
    context, counted = (facts.get(name, "") for name in ("context_tokens", "input_tokens"))
    if not (context.isdecimal() and counted.isdecimal()):
        return _KEPT_SHARE
    return _KEPT_SHARE * min(1.0, int(context) / max(1, int(counted)))


def without_oldest_turns(items: Sequence[PlacedItem], share: float) -> list[PlacedItem]:
    """As many of the newest turns as weigh no more than ``share`` of the conversation.

    At least the oldest turn is left out, and never the newest. Messages of the system and of
    developers stay, and a tool's output with its call. Where nothing can be left out, all of it is
    returned.
    """
    weights = [_weight(placed.item) for placed in items]
    allowed = share * sum(weights)
    begin = 0
    left = sum(weights)
    for start in _turn_starts(items):
        if left <= allowed and begin:
            break
        dropped = range(begin, start)
        left -= sum(weights[index] for index in dropped if not _instructs(items[index].item))
        begin = start
    return [
        placed for index, placed in enumerate(items) if index >= begin or _instructs(placed.item)
    ]


def _turn_starts(items: Sequence[PlacedItem]) -> Iterator[int]:
    """Where a later turn begins than the first, and no call before it is answered after it."""
    answered = {
        placed.item.call_id: index
        for index, placed in enumerate(items)
        if isinstance(placed.item, FunctionCallOutputItem | CustomToolCallOutputItem)
    }
    together_until = 0
    begun = False
    for index, placed in enumerate(items):
        item = placed.item
        if isinstance(item, FunctionCallItem | CustomToolCallItem):
            together_until = max(together_until, answered.get(item.call_id, index))
        asks = isinstance(item, MessageItem) and item.role == "user"
        if begun and asks and index > together_until:
            yield index
        begun = begun or not _instructs(item)


def _instructs(item: Item) -> bool:
    return isinstance(item, MessageItem) and item.role in ("system", "developer")


def _weight(item: Item) -> int:
    """About how long the model takes an item for, in bytes of text."""
    match item:
        case MessageItem():
            return _content_weight(item.content)
        case FunctionCallOutputItem() | CustomToolCallOutputItem():
            return _content_weight(item.output)
        case FunctionCallItem():
            return len(item.arguments.encode())
        case CustomToolCallItem():
            return len(item.input.encode())
        case ReasoningItem():
            return sum(len(part.text.encode()) for part in item.content or item.summary)
    return 0


def _content_weight(content: str | Sequence[MessagePart]) -> int:
    if isinstance(content, str):
        return len(content.encode())
    return sum(map(_part_weight, content))


def _part_weight(part: MessagePart) -> int:
    match part:
        case InputImage() | InputFile():
            return _ATTACHMENT_BYTES
        case OutputRefusal():
            return len(part.refusal.encode())
    return len(part.text.encode())
