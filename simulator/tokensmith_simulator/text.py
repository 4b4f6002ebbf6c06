"""Deterministic prose: its length follows the request, and it names what was asked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensmith_simulator.dice import Dice

_DEFAULT_WORDS = {"low": 25, "medium": 55, "high": 110}
_NUMBER_NAMES = {
    name: number
    for number, name in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1
    )
}
_UNIT_WORDS = {"word": 1, "sentence": 14, "line": 10, "bullet": 12, "point": 12, "paragraph": 70}
_LENGTH = re.compile(
    rf"\b(\d{{1,6}}|{'|'.join(_NUMBER_NAMES)}|single|a)[\s-]+(?:short |bullet )?"
    rf"({'|'.join(_UNIT_WORDS)})s?\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_][\w'’-]*")
_DULL = frozenset(
    _WORD.findall(
        """a about all also and any are ask asked at be been but by can could did do does explain
        for from get give had has have hello help hey how if in into is it its just like
        make may me more most my not of on one or our out please reply say sentence
        sentences should so some tell than that the their them then there these they
        this to up us use using very want was we were what when where which who why will
        with word words would write you your"""
    )
)
_OPENINGS = (
    "You asked: “{echo}”.",
    "On “{echo}”:",
    "Here is an answer to “{echo}”.",
    "Your question was “{echo}”.",
)
_SENTENCES = (
    "The first thing to know about {topic} is that small details decide the result.",
    "In practice, {topic} works best when each step is checked before the next one begins.",
    "Most people meet {topic} through an example, and a good example is short.",
    "There are two common views of {topic}, and both are right in their own place.",
    "A careful reader will ask where {topic} comes from and what it costs.",
    "If you compare {topic} with {other}, the difference shows in everyday use.",
    "It helps to write down what you expect from {topic} and then to measure it.",
    "Nothing about {topic} is hard once the terms are clear.",
    "The history of {topic} is longer than it looks, and it is worth a glance.",
    "For a first attempt, keep {topic} simple and leave {other} for later.",
    "Experts disagree on {other}, yet they agree that {topic} matters.",
    "When {topic} goes wrong, the cause is usually near {other}.",
    "A rule of thumb: spend a third of your time on {topic} and the rest on checking it.",
    "Once {topic} is in place, {other} follows with little effort.",
    "Seen from a distance, {topic} is a way of keeping promises about {other}.",
    "To sum up, start with {topic}, look closely, and change one thing at a time.",
)


def wanted_words(prompt: str, verbosity: str | None = None) -> int:
    """Return how many words a prompt asks for, such as `in 200 words` or `two sentences`."""
    match = _LENGTH.search(prompt)
    if match is None or (
        match[1].lower() == "a" and match[2].lower() not in {"sentence", "paragraph"}
    ):
        return _DEFAULT_WORDS[verbosity or "medium"]
    number, unit = match[1].lower(), match[2].lower()
    count = int(number) if number.isdecimal() else _NUMBER_NAMES.get(number, 1)
    return max(1, count * _UNIT_WORDS[unit])


def topics_of(prompt: str) -> list[str]:
    """Return the words that a prompt is about, in its order, never none."""
    words = (match[0] for match in _WORD.finditer(prompt[:2000]))
    topics = [word for word in words if len(word) > 2 and word.lower() not in _DULL]
    return list(dict.fromkeys(topics))[:12] or ["the subject"]


def proper_nouns(prompt: str) -> list[str]:
    """Return capitalised names inside a prompt's sentences, such as `Paris` or `New York`."""
    found = re.findall(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w'’]+(?:[ -][A-Z][\w'’]+)*", prompt[:2000])
    return [name for name in dict.fromkeys(found) if name.lower() not in _DULL and name != "JSON"]


def compose(
    prompt: str, words: int, dice: Dice, *, opening: str | None = None, most: int | None = None
) -> str:
    """Write prose of exactly so many words that names the prompt's subject.

    Args:
        prompt: What was asked.
        words: Length; at least one word is written.
        dice: Decides which sentences; the same dice write the same prose.
        opening: First sentence; None: one that quotes the prompt.
        most: Stop after about so many words, since the rest will be cut off anyway.
    """
    written: list[str] = []
    for sentence in _sentences(prompt, dice, opening, short=words < 20):
        written.extend(sentence.split())
        if len(written) >= min(words, most or words):
            break
    cut = " ".join(written[: max(1, words)])
    return cut[:1].upper() + cut[1:].rstrip(",.:;") + "." if cut[-1:] not in ".”" else cut


def _sentences(prompt: str, dice: Dice, opening: str | None, *, short: bool) -> Iterator[str]:
    topics = topics_of(prompt)
    if opening is not None:
        yield opening
    elif short:
        yield " ".join(topics[:4])
    else:
        echo = " ".join(prompt.split()[:12]).replace("“", "'").replace("”", "'")
        yield dice.pick(_OPENINGS).format(echo=echo.rstrip(".?! ")) if echo else "Here you are."
    start, turn = dice.below(len(_SENTENCES)), 0
    while True:
        template = _SENTENCES[(start + turn * 7) % len(_SENTENCES)]
        topic = topics[turn % len(topics)]
        others = [other for other in topics if other != topic] or ["everything around it"]
        yield template.format(topic=topic, other=dice.pick(others))
        turn += 1
