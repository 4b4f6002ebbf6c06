"""Ids that count, so that a failure names the same thing in every run."""

from collections import defaultdict


class SequentialIds:
    """Makes ``hold_00000001``, ``hold_00000002`` and so on, counted apart for each prefix.

    Like the product's ids, those of one prefix sort in the order in which they were made. The
    salt keeps tests apart that share a database.
    """

    def __init__(self, salt: str = "") -> None:
        self._salt = salt
        self._counts: defaultdict[str, int] = defaultdict(int)

    def new(self, prefix: str) -> str:
        self._counts[prefix] += 1
        return f"{prefix}{self._salt}{self._counts[prefix]:08d}"
