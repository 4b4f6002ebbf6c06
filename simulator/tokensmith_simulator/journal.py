"""What the simulator was asked and what it did: the provider's side of every test.

Entries are kept in a ring, bounded by number and by bytes. Keys are never kept.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SHOWN_HEADERS: Final = (
    "accept",
    "content-type",
    "content-length",
    "user-agent",
    "x-request-id",
    "x-client-request-id",
    "idempotency-key",
    "traceparent",
    "anthropic-version",
    "anthropic-beta",
    "x-goog-api-client",
)
_KEY_HEADERS: Final = frozenset({"authorization", "x-api-key", "x-goog-api-key"})


class JournalEntry(msgspec.Struct, kw_only=True):
    """One request. `outcome` is `running` until the simulator is done with it.

    Outcomes: `answered`, `refused` (an error status), `cut` (a fault ended it), `client_gone`
    (the caller hung up before the end), `stopped` (the simulator stopped first), `crashed` (a
    defect of the simulator).
    """

    id: int
    request_id: str
    provider: str
    method: str
    path: str
    started_time: float
    header_names: list[str]
    headers: dict[str, str]
    key_sent: bool
    model: str | None = None
    stream: bool = False
    body: msgspec.Raw = msgspec.Raw(b"null")
    fault: str | None = None
    status: int | None = None
    error: str | None = None
    planned_chunks: int = 0
    sent_chunks: int = 0
    sent: list[bytes] = []
    """The answer's body or its frames; only the first `sent_chunks` of a stream left."""
    usage: dict[str, Any] | None = None
    """The usage in the answer as it was sent, distorted or missing by a fault."""
    billed_usage: dict[str, int] | None = None
    """What this provider would charge its customer: the truth, up to where the answer got."""
    client_hung_up: bool = False
    outcome: str = "running"
    duration_ms: float | None = None

    @property
    def done(self) -> bool:
        """Whether the simulator is through with the request."""
        return self.outcome != "running"

    @property
    def size_bytes(self) -> int:
        """Bytes that keeping this entry costs, roughly."""
        return 1024 + len(bytes(self.body)) + sum(map(len, self.sent))

    def body_json(self) -> Any:
        """Return the request's body decoded."""
        return msgspec.json.decode(self.body)

    def sent_text(self) -> str:
        """Return what left the simulator, as text."""
        frames = self.sent[: self.sent_chunks] if self.stream else self.sent
        return b"".join(frames).decode("utf-8", "replace")


class Journal:
    """A bounded ring of entries that can be waited on."""

    def __init__(self, *, capacity: int, limit_bytes: int) -> None:
        self._entries: deque[JournalEntry] = deque()
        self._capacity = capacity
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._sizes: dict[int, int] = {}
        self._ids = itertools.count(1)
        self._changed = asyncio.Event()

    def open(
        self, *, provider: str, method: str, path: str, headers: Mapping[str, str]
    ) -> JournalEntry:
        """Begin the entry of a request that just arrived."""
        number = next(self._ids)
        names = {name.lower(): value for name, value in headers.items()}
        entry = JournalEntry(
            id=number,
            request_id=f"req_sim_{number:08d}",
            provider=provider,
            method=method,
            path=path,
            started_time=time.time(),
            header_names=sorted(names),
            headers={name: names[name] for name in _SHOWN_HEADERS if name in names},
            key_sent=not _KEY_HEADERS.isdisjoint(names),
        )
        self._entries.append(entry)
        self.resized(entry)
        return entry

    def resized(self, entry: JournalEntry) -> None:
        """Take note that an entry grew or changed, and let the oldest go if there is need."""
        before = self._sizes.get(entry.id, 0)
        self._sizes[entry.id] = entry.size_bytes
        self._bytes += self._sizes[entry.id] - before
        while len(self._entries) > self._capacity or (
            self._bytes > self._limit_bytes and len(self._entries) > 1
        ):
            dropped = self._entries.popleft()
            self._bytes -= self._sizes.pop(dropped.id, 0)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def close(self, entry: JournalEntry, outcome: str) -> None:
        """End an entry, once; later outcomes are ignored."""
        if entry.done:
            return
        entry.outcome = outcome
        entry.duration_ms = round((time.time() - entry.started_time) * 1000, 3)
        if entry.id in self._sizes:
            self.resized(entry)

    def entries(self, *, provider: str | None = None) -> list[JournalEntry]:
        """List the kept entries, oldest first."""
        return [entry for entry in self._entries if provider in (None, entry.provider)]

    def clear(self) -> None:
        """Forget every entry."""
        self._entries.clear()
        self._sizes.clear()
        self._bytes = 0

    async def wait_until(
        self, condition: Callable[[list[JournalEntry]], bool], *, timeout_seconds: float = 10.0
    ) -> list[JournalEntry]:
        """Wait until the entries meet a condition and return them.

        Raises:
            TimeoutError: They do not in time.
        """
        async with asyncio.timeout(timeout_seconds):
            while not condition(self.entries()):
                await self._changed.wait()
        return self.entries()


def entry_to_json(entry: JournalEntry) -> dict[str, Any]:
    """Render an entry for the control API, the answer as text."""
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "sent"}
    return fields | {"sent": entry.sent_text()}
