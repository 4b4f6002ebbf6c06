"""Which known ids a misspelt one may have meant."""

import difflib
from collections.abc import Iterable
from typing import Final

_NEAR_ENOUGH: Final = 0.6
_SHORTEST_PREFIX: Final = 3
_LONGEST: Final = 200
"""Ids beyond this length have no near match: comparing costs time that a caller could abuse."""


def near_matches(wanted: str, known: Iterable[str], limit: int) -> tuple[str, ...]:
    """The likeliest of the known ids, the best first; equal ones stay in their order.

    The same id in other letter case beats the same last segment ("gpt-oss-120b"), which beats an
    id that goes on where the wanted one ends ("gpt-5"), which beats mere resemblance.
    """
    if len(wanted) > _LONGEST:
        return ()
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted.lower())
    ranked = sorted(
        (-score, index, candidate)
        for index, candidate in enumerate(known)
        if (score := _nearness(matcher, wanted.lower(), candidate.lower())) >= _NEAR_ENOUGH
    )
    return tuple(candidate for _, _, candidate in ranked[:limit])


def same_but_for_case(wanted: str, candidate: str) -> bool:
    """Whether two ids differ in letter case at most."""
    return wanted.lower() == candidate.lower()


def _nearness(matcher: difflib.SequenceMatcher[str], wanted: str, candidate: str) -> float:
    if candidate == wanted:
        return 3.0
    wanted_name, candidate_name = wanted.rpartition("/")[2], candidate.rpartition("/")[2]
    matcher.set_seq1(candidate)
    if wanted_name == candidate_name:
        return 2.0 + matcher.ratio()
    if len(wanted) >= _SHORTEST_PREFIX and (
        candidate.startswith(wanted) or candidate_name.startswith(wanted)
    ):
        return 1.0 + matcher.ratio()
    if matcher.quick_ratio() < _NEAR_ENOUGH:
        return 0.0
    return matcher.ratio()
