"""What one may ask of the request log and the entries, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tokensmith_server.billing.commands import HoldState, Outcome
from tokensmith_server.billing.store import Entry, RequestRecord

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which calls are wanted: all that have what is set here. Times are when a call was made.

    ``models`` are names of one and the same: a call is wanted that was recorded under any of them.
    """

    models: frozenset[str] = frozenset()
    kind: str | None = None
    api_key_id: str | None = None
    outcome: Outcome | None = None
    state: HoldState | None = None
    start_time: float | None = None
    """The first moment that counts."""
    end_time: float | None = None
    """The first moment that no longer counts."""

    def takes(self, record: RequestRecord) -> bool:
        """Whether a call is wanted."""
        return (
            (not self.models or record.model in self.models)
            and self.kind in {None, record.kind}
            and self.api_key_id in {None, record.api_key_id}
            and self.outcome in {None, record.outcome}
            and self.state in {None, record.state}
            and _within(record.created_time, self.start_time, self.end_time)
        )


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are wanted, likewise. ``kind`` is one of ``ledger.EntryKind``."""

    kind: str | None = None
    start_time: float | None = None
    end_time: float | None = None

    def takes(self, entry: Entry) -> bool:
        """Whether an entry is wanted."""
        return self.kind in {None, entry.kind} and _within(
            entry.created_time, self.start_time, self.end_time
        )


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """An entry, and the call that it is about; a grant is about none."""

    entry: Entry
    request_id: str | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of what was asked for, newest first; perhaps none of it, where little is wanted of much.

    ``next_before`` is where the next page begins: what to ask for ``before``. ``None``: this is
    the last one. It means something to the same account of the same store alone.
    """

    items: Sequence[Item]
    next_before: int | None


class LogStore(Protocol):
    """The request log and the entries in pages, always within one account.

    Both are in the order of the account's ledger. A page looks at a bounded number of rows, so
    that it takes a bounded time however much there is.
    """

    async def page_requests(
        self, account_id: str, wanted: RequestFilter, *, limit: int, before: int | None = None
    ) -> Page[RequestRecord]:
        """At most ``limit`` of the wanted calls, with their attempts.

        Raises:
            LedgerUnavailable: the database does not answer.
        """
        ...

    async def page_entries(
        self, account_id: str, wanted: EntryFilter, *, limit: int, before: int | None = None
    ) -> Page[EntryRecord]:
        """At most ``limit`` of the wanted entries. Raises likewise."""
        ...


def _within(moment: float, start_time: float | None, end_time: float | None) -> bool:
    return (start_time is None or moment >= start_time) and (end_time is None or moment < end_time)
