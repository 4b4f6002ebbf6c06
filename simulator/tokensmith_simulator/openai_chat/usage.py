"""Usage as the vendors of the dialect word it, wrong where a fault asks for that."""

from __future__ import annotations

from typing import Any

from tokensmith_simulator.answering.answer import HUGE_TOKENS
from tokensmith_simulator.faults import FaultKind


def distort_usage(usage: dict[str, Any], fault: FaultKind | None) -> dict[str, Any] | None:
    """Return a vendor's usage object, wrong in the way that a fault asks for.

    None means that the answer carries no usage at all.
    """
    if fault is FaultKind.MISSING_USAGE:
        return None
    if fault is FaultKind.NEGATIVE_USAGE:
        return usage | {"prompt_tokens": -7, "completion_tokens": -11, "total_tokens": -18}
    if fault is FaultKind.HUGE_USAGE:
        total = usage["prompt_tokens"] + HUGE_TOKENS
        return usage | {"completion_tokens": HUGE_TOKENS, "total_tokens": total}
    if fault is FaultKind.INCONSISTENT_USAGE:
        return usage | {"total_tokens": max(0, usage["prompt_tokens"] - 1)}
    return usage
