"""What keeping responses needs from a database, and what is kept. Everything by owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class ResponseState(StrEnum):
    """How a response stands."""

    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response as it is kept. Times are seconds since the epoch; the documents are opaque."""

    account_id: str
    response_id: str
    previous_id: str | None
    model: str
    state: ResponseState
    response_json: bytes
    input_items_json: bytes
    created_time: float
    expires_time: float

    @property
    def size_bytes(self) -> int:
        """Length of both documents."""
        return len(self.response_json) + len(self.input_items_json)

    @property
    def deleted(self) -> bool:
        """Whether only its id is left."""
        return self.size_bytes == 0


@dataclass(frozen=True, slots=True)
class ResponseLink:
    """A response's place in its conversation, without its documents."""

    response_id: str
    previous_id: str | None
    size_bytes: int


class ResponseStore(Protocol):
    """Responses by account and id. What has expired by ``now`` is as if it weren't there."""

    async def has_call(self, account_id: str, hold_id: str) -> bool:
        """Whether the account has made the call that this hold was placed for, however it ended.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        ...

    async def save_response(self, response: StoredResponse) -> float | None:
        """Keep a response, durably; when it expires, or ``None`` if it was deleted before.

        An id that the account has already keeps its times, and gets all else anew.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        ...

    async def find_response(
        self, account_id: str, response_id: str, now: float
    ) -> StoredResponse | None:
        """One response of this account."""
        ...

    async def delete_response(self, account_id: str, response_id: str, now: float) -> bool:
        """Delete one response of this account; whether there was one.

        Its id stays, without documents, until its time is over: it can't be saved again.
        """
        ...

    async def list_links(
        self, account_id: str, response_id: str, now: float, *, limit: int
    ) -> Sequence[ResponseLink]:
        """The response and those that it went on from, newest first, as far as they are there."""
        ...

    async def forget_responses(self, now: float, *, limit: int) -> int:
        """Delete up to ``limit`` responses of any account that have expired; how many."""
        ...
