"""Kept responses: what is kept of one, conversations made of them, and lists of their items."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

import msgspec
from msgspec import Raw

from tokensmith.v1 import response_service_pb2 as kept
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.responses_conversation import PlacedItem
from tokensmith_bridge.openai.responses_items import (
    Item,
    ItemReference,
    item_from_json,
    item_to_json,
)
from tokensmith_bridge.openai.responses_response import item_id, response_id_of_item
from tokensmith_bridge.openai.responses_schema import Includable, ResponseRequest

_PREVIOUS: Final = "previous_response_id"
_STATES: Final = {
    "completed": kept.RESPONSE_STATE_COMPLETED,
    "incomplete": kept.RESPONSE_STATE_INCOMPLETE,
    "failed": kept.RESPONSE_STATE_FAILED,
}
_PREFIXES: Final = {
    "message": "msgin",
    "reasoning": "rsin",
    "function_call": "fcin",
    "custom_tool_call": "ctcin",
    "function_call_output": "fco",
    "custom_tool_call_output": "ctco",
}
_PARAMETERS: Final = ("limit", "order", "after", "include")
_INCLUDE: Final = ("include", "include[]")
"""As a list is written in a query: OpenAI's SDKs write the second."""
_PAGE_DEFAULT: Final = 20
_PAGE_MAX: Final = 100
_COUNT: Final = re.compile(r"[0-9]{1,3}", re.ASCII)


class _Output(msgspec.Struct):
    """The one field of a kept response that a conversation needs."""

    output: list[Raw]


class _Id(msgspec.Struct):
    """The one field of an item that finds it."""

    id: str = ""


_output_decoder: Final = msgspec.json.Decoder(_Output)
_items_decoder: Final = msgspec.json.Decoder(list[Raw])
_id_decoder: Final = msgspec.json.Decoder(_Id)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def response_to_keep(
    request: ResponseRequest,
    items: Sequence[Item],
    *,
    response_id: str,
    status: str,
    response_json: bytes,
) -> kept.StoredResponse:
    """What is kept of a response; ``items`` are those of its own input, in their order."""
    rendered = []
    for index, item in enumerate(items):
        fields = item_to_json(item, "")
        if not fields["id"]:
            fields["id"] = item_id(_PREFIXES[fields["type"]], response_id, index)
        rendered.append(fields)
    return kept.StoredResponse(
        id=response_id,
        previous_id=request.previous_response_id or "",
        model=request.model,
        state=_STATES[status],
        response_json=response_json,
        input_items_json=msgspec.json.encode(rendered),
    )


def conversation_of(newest_first: Sequence[kept.StoredResponse]) -> list[PlacedItem]:
    """The items of a conversation in their order: of each response its input, then its output.

    Raises:
        Refusal: the newest one failed, so that there is nothing to go on from, or one of them is
            nothing that was kept by this API.
    """
    if newest_first and newest_first[0].state == kept.RESPONSE_STATE_FAILED:
        raise Refusal(
            "INVALID_ARGUMENT",
            f"Response '{newest_first[0].id}' failed. Go on from the one before it.",
            param=_PREVIOUS,
        )
    return [
        PlacedItem(_kept_item(raw, response), _PREVIOUS)
        for response in reversed(newest_first)
        for raw in _raw_items(response)
    ]


def _kept_item(raw: Raw, response: kept.StoredResponse) -> Item:
    """One item of a response; references were replaced before it was kept."""
    try:
        item = item_from_json(raw, _PREVIOUS)
    except _UNREADABLE:
        raise _unreadable(response) from None
    if isinstance(item, ItemReference):
        raise _unreadable(response)
    return item


def _raw_items(response: kept.StoredResponse) -> list[Raw]:
    """Its input's items, then its output's.

    Raises:
        Refusal: there are none to be read: the document came from elsewhere.
    """
    try:
        output = _output_decoder.decode(response.response_json).output
    except _UNREADABLE:
        raise _unreadable(response) from None
    return [*_input_items(response), *output]


def _input_items(response: kept.StoredResponse) -> list[Raw]:
    try:
        return _items_decoder.decode(response.input_items_json)
    except _UNREADABLE:
        raise _unreadable(response) from None


def _unreadable(response: kept.StoredResponse) -> Refusal:
    return Refusal(
        "INVALID_ARGUMENT", f"What is kept as response '{response.id}' is not a response."
    )


def _item_id(raw: Raw, response: kept.StoredResponse) -> str:
    try:
        return _id_decoder.decode(raw).id
    except _UNREADABLE:
        raise _unreadable(response) from None


def referred_responses(items: Iterable[Item]) -> list[str]:
    """The responses that items of the input refer to, each once."""
    found = (response_id_of_item(item.id) for item in items if isinstance(item, ItemReference))
    return list(dict.fromkeys(response_id for response_id in found if response_id is not None))


def with_references(
    items: Sequence[Item], responses: Mapping[str, kept.StoredResponse]
) -> list[Item]:
    """The items, each reference replaced by what it stands for.

    Raises:
        Refusal: the item is not part of a response that is kept.
    """
    by_id = {
        _item_id(raw, response): raw
        for response in responses.values()
        for raw in _raw_items(response)
    }
    found: list[Item] = []
    for index, item in enumerate(items):
        if not isinstance(item, ItemReference):
            found.append(item)
            continue
        raw = by_id.get(item.id)
        if raw is None:
            raise Refusal(
                "INVALID_ARGUMENT",
                f"Item with id '{item.id[:80]}' not found: it is not part of a response that is "
                "kept. Send the item itself.",
                param=f"input[{index}].id",
            )
        found.append(item_from_json(raw, f"input[{index}]"))
    return found


def input_items_page(response: kept.StoredResponse, query: Mapping[str, str]) -> bytes:
    """A page of what a response was asked with, as OpenAI lists it.

    Args:
        response: the response.
        query: ``limit`` (1 to 100, 20), ``order`` (asc, or desc by default), ``after``, an
            item's id, and ``include``, whose parts are there in any case.

    Raises:
        Refusal: one of them can't be, is given twice or is not known, or there are no items to be
            read.
    """
    _check_names(query)
    items = _input_items(response)
    if _order(query) == "desc":
        items.reverse()
    ids = [_item_id(raw, response) for raw in items]
    begin = 0
    if "after" in query:
        if query["after"] not in ids:
            raise Refusal(
                "INVALID_ARGUMENT", "'after' is not an item of this response.", param="after"
            )
        begin = ids.index(query["after"]) + 1
    end = begin + _limit(query)
    page = ids[begin:end]
    body: dict[str, Any] = {
        "object": "list",
        "data": items[begin:end],
        "first_id": page[0] if page else "",
        "last_id": page[-1] if page else "",
        "has_more": end < len(items),
    }
    return msgspec.json.encode(body)


def _check_names(query: Mapping[str, str]) -> None:
    seen: set[str] = set()
    for name, value in query.items():
        if name in _INCLUDE:
            if value not in get_args(Includable):
                known = ", ".join(f"'{each}'" for each in get_args(Includable))
                message = f"Invalid value for 'include'. Supported values are: {known}."
                raise Refusal("UNSUPPORTED_PARAMETER", message, param="include")
        elif name not in _PARAMETERS:
            known = ", ".join(f"'{each}'" for each in _PARAMETERS)
            message = f"Unknown parameter: '{name[:100]}'. Known are {known}."
            raise Refusal("UNKNOWN_PARAMETER", message, param=name[:100])
        elif name in seen:
            raise Refusal("INVALID_ARGUMENT", f"'{name}' is given more than once.", param=name)
        seen.add(name)


def _order(query: Mapping[str, str]) -> str:
    order = query.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise Refusal("INVALID_ARGUMENT", "'order' must be 'asc' or 'desc'.", param="order")
    return order


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(_PAGE_DEFAULT))
    limit = int(text) if _COUNT.fullmatch(text) else 0
    if not 1 <= limit <= _PAGE_MAX:
        raise Refusal("INVALID_ARGUMENT", f"'limit' must be 1 to {_PAGE_MAX}.", param="limit")
    return limit


def deletion_to_json(response_id: str) -> bytes:
    """What is said of a response that was deleted."""
    return msgspec.json.encode({"id": response_id, "object": "response", "deleted": True})
