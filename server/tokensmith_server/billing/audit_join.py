"""Joining streams that are sorted by hold, without holding more than one hold's rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar


class OfHold(Protocol):
    """A row that belongs to a hold."""

    @property
    def hold_id(self) -> str:
        """The hold's id, by which the stream is sorted."""
        ...


RowT = TypeVar("RowT", bound=OfHold)


class Follower(Generic[RowT]):
    """Walks a stream sorted by ``hold_id`` beside the stream of holds.

    Iterating and taking raise ``ValueError`` where the stream is not sorted.
    """

    def __init__(self, noun: str, rows: Iterable[RowT]) -> None:
        self._noun = noun
        self._rows = iter(rows)
        self._orphans: list[tuple[str, str]] = []
        self._last_id = ""
        self._next = self._advance()

    def __iter__(self) -> Iterator[RowT]:
        while (row := self._next) is not None:
            self._next = self._advance()
            yield row

    def take(self, hold_id: str) -> Sequence[RowT]:
        """The rows of this hold; rows of holds passed over become orphans."""
        taken = []
        while (row := self._next) is not None and row.hold_id <= hold_id:
            if row.hold_id == hold_id:
                taken.append(row)
            else:
                self._orphans.append((self._noun, row.hold_id))
            self._next = self._advance()
        return taken

    def orphans(self) -> Sequence[tuple[str, str]]:
        """Noun and hold id of each row that no hold took; ends the walk."""
        self._orphans.extend((self._noun, row.hold_id) for row in self)
        return self._orphans

    def _advance(self) -> RowT | None:
        row = next(self._rows, None)
        if row is not None:
            if row.hold_id < self._last_id:
                raise ValueError(f"{self._noun} rows are not sorted: {row.hold_id}")
            self._last_id = row.hold_id
        return row
