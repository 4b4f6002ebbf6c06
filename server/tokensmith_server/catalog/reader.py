"""Reading one TOML table strictly: every problem is noted by its path, and reading goes on.

A value that is missing or wrong is noted and replaced by a stand-in, so that one pass finds all
problems. The caller must not use what it built while problems were noted.
"""

import difflib
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

_Choice = TypeVar("_Choice", bound=StrEnum)

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_DECIMALS = 12
_MAX_CREDITS = 10**12


class Table:
    """One table of a document, with its place and the problem list that it shares.

    Keys that were never asked for are unknown; ``close`` notes them.
    """

    __slots__ = ("_asked", "data", "place", "problems")

    def __init__(self, data: Mapping[str, Any], place: str, problems: list[str]) -> None:
        self.data = data
        self._asked: list[str] = []
        self.place = place
        self.problems = problems

    def note(self, key: str | None, text: str) -> None:
        """Note a problem at a key of this table, or at the table itself."""
        self.problems.append(f"{self.at(key) if key else self.place}: {text}")

    def at(self, key: str) -> str:
        """The place of a key of this table."""
        named = key if re.fullmatch(r"[A-Za-z_]+", key) else f'["{key}"]'
        joint = "." if named == key and not self.place.endswith(" ") else ""
        return f"{self.place}{joint}{named}"

    def has(self, key: str) -> bool:
        """Whether the key is there; asking makes it known."""
        self._asked.append(key)
        return key in self.data

    def text(self, key: str, default: str | None = None) -> str:
        """A non-empty string without surrounding blanks; required unless there is a default."""
        value = self._take(key, default)
        if value is None:
            return ""
        if not isinstance(value, str) or not value or value.strip() != value:
            self.note(key, "must be a non-empty string")
            return ""
        return value

    def optional_text(self, key: str) -> str | None:
        """A non-empty string, or ``None`` where the key is absent."""
        return self.text(key) if self.has(key) else None

    def flag(self, key: str, default: bool) -> bool:
        """A boolean."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            self.note(key, "must be true or false")
            return default
        return value

    def integer(self, key: str, *, maximum: int, default: int | None = None) -> int:
        """A whole number from 1 (or 0 where that is the default) to ``maximum``."""
        value = self._take(key, default)
        if value is None:
            return 1
        minimum = 0 if default == 0 else 1
        if not _is_integer(value) or not minimum <= value <= maximum:
            self.note(key, f"must be a whole number from {minimum} to {maximum}")
            return 1
        return int(value)

    def optional_integer(self, key: str, *, maximum: int) -> int | None:
        """A positive whole number, or ``None`` where the key is absent."""
        return self.integer(key, maximum=maximum) if self.has(key) else None

    def integers(self, key: str, *, maximum: int) -> tuple[int, ...]:
        """Distinct positive whole numbers; none where the key is absent."""
        values = self._list(key)
        if not all(_is_integer(value) and 1 <= value <= maximum for value in values):
            self.note(key, f"must hold whole numbers from 1 to {maximum}")
            return ()
        return self._distinct(key, tuple(int(value) for value in values))

    def texts(self, key: str) -> tuple[str, ...]:
        """Distinct non-empty strings; none where the key is absent."""
        values = self._list(key)
        if not all(isinstance(value, str) and value for value in values):
            self.note(key, "must hold non-empty strings")
            return ()
        return self._distinct(key, tuple(str(value) for value in values))

    def choice(self, key: str, kind: type[_Choice], default: _Choice | None = None) -> _Choice:
        """One member of an enum; required unless there is a default."""
        value = self._take(key, default)
        if value is None:
            return next(iter(kind))
        try:
            return kind(value)
        except ValueError:
            self.note(key, f"must be one of {', '.join(kind)}")
            return next(iter(kind))

    def choices(
        self, key: str, kind: type[_Choice], default: tuple[_Choice, ...]
    ) -> tuple[_Choice, ...]:
        """Distinct members of an enum, in its order."""
        if not self.has(key):
            return default
        values = self._list(key)
        known = tuple(member for member in kind if member in values)
        if len(known) != len(values):
            self.note(key, f"must hold each at most once, and only: {', '.join(kind)}")
        return known

    def day(self, key: str) -> date | None:
        """A calendar day, as a TOML date or an ISO string; ``None`` where the key is absent."""
        if not self.has(key):
            return None
        value = self.data[key]
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and _ISO_DATE.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        self.note(key, "must be a date like 2026-12-31")
        return None

    def microcredits(self, key: str, *, per_credit: int, maximum: int, zero: bool = False) -> int:
        """A price in credits, turned into whole micro-credits without rounding.

        Args:
            key: Where the price stands; it is required.
            per_credit: Micro-credits per unit of the written price: 1 for credits per 1M tokens
                (the result is then per token), 1,000,000 for credits per image or second.
            maximum: The highest result, so that a product with a quantity fits 63 bits.
            zero: Whether zero is a price here.
        """
        value = self._take(key, None)
        if value is None:
            return 1
        if not _is_integer(value) and not isinstance(value, Decimal):
            self.note(key, "must be a number of credits")
            return 1
        price = Decimal(value)
        problem = _price_problem(price, zero=zero)
        if problem is None:
            exact = Fraction(price) * per_credit
            if exact > maximum:
                problem = "is too high"
            elif exact.denominator != 1:
                problem = "is not exact in whole micro-credits per unit"
            else:
                return int(exact)
        self.note(key, problem)
        return 1

    def table(self, key: str) -> "Table | None":
        """A table below this one; ``None`` where the key is absent or holds something else."""
        if not self.has(key):
            return None
        value = self.data[key]
        if not isinstance(value, dict):
            self.note(key, "must be a table")
            return None
        return Table(value, self.at(key), self.problems)

    def required_table(self, key: str) -> "Table | None":
        """A table below this one; its absence is a problem."""
        if key not in self.data:
            self._asked.append(key)
            self.note(key, "is missing")
            return None
        return self.table(key)

    def tables(self, key: str) -> tuple["Table", ...]:
        """A list of tables below this one; required and not empty."""
        values = self._list(key)
        if not values or not all(isinstance(value, dict) for value in values):
            self.note(key, "must hold at least one table")
            return ()
        place = self.at(key)
        return tuple(
            Table(value, f"{place}[{index}]", self.problems) for index, value in enumerate(values)
        )

    def keys(self) -> tuple[str, ...]:
        """The keys that are there, as listed."""
        return tuple(self.data)

    def close(self) -> None:
        """Note every key that nobody asked for, with the known key that it resembles."""
        for key in self.data:
            if key not in self._asked:
                near = difflib.get_close_matches(key, self._asked, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self.note(key, f"unknown key{hint}")

    def _take(self, key: str, default: object) -> Any:
        if not self.has(key):
            if default is None:
                self.note(key, "is missing")
            return default
        return self.data[key]

    def _list(self, key: str) -> list[Any]:
        if not self.has(key):
            return []
        value = self.data[key]
        if not isinstance(value, list):
            self.note(key, "must be a list")
            return []
        return value

    def _distinct(self, key: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) != len(values):
            self.note(key, "holds a value twice")
        return values


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _price_problem(price: Decimal, *, zero: bool) -> str | None:
    """What keeps a price from being turned into a fraction, which must stay a small one."""
    if not price.is_finite() or price < 0 or (price == 0 and not zero):
        return "must be a positive number of credits"
    if price > _MAX_CREDITS:
        return "is too high"
    if int(price.as_tuple().exponent) < -_MAX_DECIMALS:
        return "has too many decimals to be exact in micro-credits"
    return None
