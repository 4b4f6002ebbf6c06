"""Proto to domain and back at the edge of billing's lists, and the tokens of their pages."""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith_server.billing.convert import (
    HOLD_STATES,
    KINDS,
    OUTCOMES,
    time_to_proto,
)
from tokensmith_server.billing.keys import KEY_PREFIX
from tokensmith_server.billing.listing import EntryFilter, EntryRecord, Page, RequestFilter
from tokensmith_server.billing.store import ApiKey
from tokensmith_server.errors import InvalidField
from tokensmith_server.ids import may_be_id, may_be_name

Word = TypeVar("Word")

PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 200

_TOKEN_LENGTH_MAX: Final = 64
# The year 9999; times are microseconds in a signed 64-bit integer.
_SECONDS_MAX: Final = 253_402_300_799
_ENTRY_KINDS: Final = {
    billing_pb.Entry.KIND_GRANT: "grant",
    billing_pb.Entry.KIND_HOLD: "hold",
    billing_pb.Entry.KIND_SETTLE: "settle",
    billing_pb.Entry.KIND_VOID: "void",
    billing_pb.Entry.KIND_EXPIRE: "expire",
}
_ENTRY_KINDS_BACK: Final = {word: number for number, word in _ENTRY_KINDS.items()}
_HOLD_STATES_BACK: Final = {number: state for state, number in HOLD_STATES.items()}
_OUTCOMES_BACK: Final = {number: outcome for outcome, number in OUTCOMES.items()}
_KINDS_BACK: Final = {number: kind for kind, number in KINDS.items()}


def page_size_of(request: Any) -> int:
    """How many items a page has.

    Raises:
        InvalidField: the size is negative.
    """
    if request.page_size < 0:
        raise InvalidField(
            "page_size", "A page has a positive size.", allowed=f"1 to {PAGE_SIZE_MAX}"
        )
    return min(request.page_size or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)


def page_token(name: str, page: Page[Any]) -> str:
    """The token of the page after this one, of the list ``name``; empty when there is none."""
    if page.next_before is None:
        return ""
    return base64.urlsafe_b64encode(f"{name}:{page.next_before}".encode()).decode().rstrip("=")


def before_of(name: str, token: str) -> int | None:
    """Where a token says to go on.

    Raises:
        InvalidField: it is no token of the list ``name``.
    """
    if not token:
        return None
    try:
        padded = token[:_TOKEN_LENGTH_MAX] + "=" * (-len(token) % 4)
        said, _, number = base64.urlsafe_b64decode(padded.encode("ascii")).decode().partition(":")
    except (UnicodeError, binascii.Error):
        said = number = ""
    # Few digits: no work for whoever sends thousands, and no number beyond the databases'.
    if said != name or not (number.isascii() and number.isdigit() and len(number) < 19):
        raise InvalidField("page_token", "This is not a page token of this list.")
    return int(number)


def request_filter(
    request: billing_pb.ListRequestsRequest, model_id: Callable[[str], str]
) -> RequestFilter:
    """Which calls a list is to have.

    Calls by an alias are recorded under the id that ``model_id`` knows; under the name itself are
    those from when it was an id.

    Raises:
        InvalidField: a filter is no such thing, by its name.
    """
    if request.model and not may_be_name(request.model):
        raise InvalidField("model", "No model can have this id.")
    if request.key_id and not may_be_id(request.key_id):
        raise InvalidField("key_id", "No key can have this id.")
    return RequestFilter(
        models=frozenset({request.model, model_id(request.model)} if request.model else ()),
        kind=_one_of("kind", request.kind, _KINDS_BACK),
        api_key_id=request.key_id or None,
        outcome=_one_of("outcome", request.outcome, _OUTCOMES_BACK),
        state=_one_of("state", request.state, _HOLD_STATES_BACK),
        start_time=_time(request, "start_time"),
        end_time=_time(request, "end_time"),
    )


def hold_filter(request: billing_pb.ListHoldsRequest) -> RequestFilter:
    """Which holds a list is to have. Raises likewise."""
    return RequestFilter(state=_one_of("state", request.state, _HOLD_STATES_BACK))


def entry_filter(request: billing_pb.ListEntriesRequest) -> EntryFilter:
    """Which entries a list is to have. Raises likewise."""
    return EntryFilter(
        kind=_one_of("kind", request.kind, _ENTRY_KINDS),
        start_time=_time(request, "start_time"),
        end_time=_time(request, "end_time"),
    )


def _one_of(name: str, number: int, words: Mapping[Any, Word]) -> Word | None:
    """What an enum's value stands for; 0 is every enum's for anything."""
    if number == 0:
        return None
    word = words.get(number)
    if word is None:
        raise InvalidField(name, f"There is no such {name}.")
    return word


def _time(request: Any, name: str) -> float | None:
    if not request.HasField(name):
        return None
    moment: Timestamp = getattr(request, name)
    if not (abs(moment.seconds) <= _SECONDS_MAX and 0 <= moment.nanos < 1_000_000_000):
        raise InvalidField(name, "This is no time that a call can have.")
    return moment.seconds + moment.nanos / 1_000_000_000


def entry_to_proto(record: EntryRecord) -> billing_pb.Entry:
    """One ledger line; its description is a grant's reason or a call's model."""
    entry = record.entry
    return billing_pb.Entry(
        id=f"entry_{entry.entry_id.removeprefix('entry_')}",
        kind=_ENTRY_KINDS_BACK.get(entry.kind, billing_pb.Entry.KIND_UNSPECIFIED),
        hold_id=entry.hold_id or "",
        log_request_id=record.request_id or "",
        available_delta_microcredits=entry.available_delta_microcredits,
        held_delta_microcredits=entry.held_delta_microcredits,
        charged_delta_microcredits=entry.charged_delta_microcredits,
        granted_delta_microcredits=entry.granted_delta_microcredits,
        create_time=time_to_proto(entry.created_time),
        description=entry.description or record.model or "",
    )


def key_to_proto(key: ApiKey) -> billing_pb.Key:
    """A key without its secret."""
    message = billing_pb.Key(
        id=key.key_id,
        display_name=key.name,
        hint=f"{KEY_PREFIX}...{key.hint}",
        create_time=time_to_proto(key.created_time),
    )
    for name, moment in (
        ("expire_time", key.expires_time),
        ("revoke_time", key.revoked_time),
        ("last_use_time", key.last_used_time),
    ):
        if moment is not None:
            getattr(message, name).CopyFrom(time_to_proto(moment))
    return message
