"""Write a string that a regular expression matches.

Covers what schemas use: literals, classes, groups, repeats, alternatives and anchors. Looking
around and back references are not covered.
"""

from __future__ import annotations

import re
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokensmith_simulator.dice import Dice

_PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]
_TEXT_LIMIT = 100_000
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CATEGORIES = {
    codes.CATEGORY_DIGIT: "0123456789",
    codes.CATEGORY_WORD: _LETTERS,
    codes.CATEGORY_SPACE: " ",
    codes.CATEGORY_NOT_DIGIT: _LETTERS,
    codes.CATEGORY_NOT_WORD: "-",
    codes.CATEGORY_NOT_SPACE: _LETTERS,
}


class PatternError(ValueError):
    """The pattern is invalid, or uses something that this sampler does not cover."""


def sample_pattern(pattern: str, dice: Dice, *, least: int = 0, most: int | None = None) -> str:
    """Return a string that `re.search(pattern, ...)` accepts, of a length within the bounds.

    Raises:
        PatternError: No such string was found.
    """
    try:
        compiled = re.compile(pattern)
        parsed = parser.parse(pattern)
    except re.error as error:
        raise PatternError(f"{pattern!r} is not a valid regex") from error
    for extra in range(64):
        text = _sequence(parsed, dice, extra % 32)
        if len(text) < least and not pattern.endswith("$"):
            text += _LETTERS[0] * (least - len(text))
        if len(text) >= least and (most is None or len(text) <= most) and compiled.search(text):
            return text
    raise PatternError(f"no string for {pattern!r} within the length bounds")


def _sequence(parsed: Any, dice: Dice, extra: int) -> str:
    return "".join(_item(code, argument, dice, extra) for code, argument in parsed)


def _item(code: Any, argument: Any, dice: Dice, extra: int) -> str:
    if code in {codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN, codes.AT}:
        return _one_letter(code, argument, dice)
    if code is codes.SUBPATTERN:
        return _sequence(argument[-1], dice, extra)
    if code is codes.BRANCH:
        return _sequence(dice.pick(argument[1]), dice, extra)
    if code in {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}:
        low, high, body = argument
        return _repeat(body, min(high, low + extra), dice, extra)
    raise PatternError(f"the pattern uses {code}, which is not covered")


def _repeat(body: Any, times: int, dice: Dice, extra: int) -> str:
    text = ""
    for _ in range(times):
        text += _sequence(body, dice, extra)
        if len(text) > _TEXT_LIMIT:
            raise PatternError("the pattern asks for more than this model writes")
        if not text:
            break
    return text


def _one_letter(code: Any, argument: Any, dice: Dice) -> str:
    if code is codes.LITERAL:
        return chr(argument)
    if code is codes.AT:
        return ""
    if code is codes.ANY:
        return dice.pick(_LETTERS)
    if code is codes.NOT_LITERAL:
        return next(letter for letter in _LETTERS if ord(letter) != argument)
    return _class(argument, dice)


def _class(members: Any, dice: Dice) -> str:
    if members[0][0] is codes.NEGATE:
        refused = {letter for letter in _PRINTABLE if _in_class(letter, members[1:])}
        return dice.pick([letter for letter in _PRINTABLE if letter not in refused] or ["é"])
    code, argument = dice.pick(members)
    if code is codes.RANGE:
        low, high = argument
        return chr(low + dice.below(high - low + 1))
    if code is codes.CATEGORY:
        return dice.pick(_CATEGORIES[argument])
    return chr(argument)


def _in_class(letter: str, members: Any) -> bool:
    for code, argument in members:
        if code is codes.LITERAL and ord(letter) == argument:
            return True
        if code is codes.RANGE and argument[0] <= ord(letter) <= argument[1]:
            return True
        if code is codes.CATEGORY and _in_category(letter, argument):
            return True
    return False


def _in_category(letter: str, category: Any) -> bool:
    tests = {
        codes.CATEGORY_DIGIT: letter.isdigit(),
        codes.CATEGORY_NOT_DIGIT: not letter.isdigit(),
        codes.CATEGORY_SPACE: letter.isspace(),
        codes.CATEGORY_NOT_SPACE: not letter.isspace(),
        codes.CATEGORY_WORD: letter.isalnum() or letter == "_",
        codes.CATEGORY_NOT_WORD: not (letter.isalnum() or letter == "_"),
    }
    return tests[category]
