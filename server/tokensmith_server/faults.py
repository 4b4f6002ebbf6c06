"""Named points at which a test can make this process fail.

``TOKENSMITH_FAULT_POINTS="after_hold=kill,before_settle=raise@2"`` reads: kill this process the
first time it passes ``after_hold``, raise at the second passing of ``before_settle``. Actions:
``kill`` (SIGKILL, no clean-up), ``raise`` (``FaultInjected``), ``hang`` (block the thread for
good). Without the variable a point costs one call of an empty function; with one that can't be
read too, since the settings refuse to start with it.
"""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

VARIABLE = "TOKENSMITH_FAULT_POINTS"


class FaultInjected(Exception):
    """Raised at a point whose action is ``raise``; the text is the point's name."""


class FaultAction(StrEnum):
    """What happens at a point."""

    KILL = "kill"
    RAISE = "raise"
    HANG = "hang"


_ACTIONS = frozenset(action.value for action in FaultAction)


@dataclass(frozen=True, slots=True)
class Fault:
    """One scheduled failure: at the ``passing``-th time (from 1) that the point is reached."""

    point: str
    action: FaultAction
    passing: int


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Read ``name=action[@passing]``, comma separated; an empty text is no faults.

    Raises:
        ValueError: for anything else.
    """
    faults: list[Fault] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        point, equals, what = item.partition("=")
        action, at, passing = what.partition("@")
        counted = not at or (passing.isascii() and passing.isdigit() and int(passing) > 0)
        if not equals or not point or action not in _ACTIONS or not counted:
            raise ValueError(
                f"cannot read {item!r}: write name=kill, name=raise or name=hang, with @2 for the"
                " second time, parted by commas"
            )
        faults.append(Fault(point, FaultAction(action), int(passing or 1)))
    return tuple(faults)


def build_fault_point(faults: tuple[Fault, ...]) -> Callable[[str], None]:
    """The function to call at each point. Safe to call from several threads."""
    if not faults:
        return _pass
    counts: dict[str, int] = {}
    lock = threading.Lock()

    def reach(name: str) -> None:
        with lock:
            counts[name] = passing = counts.get(name, 0) + 1
        for fault in faults:
            if fault.point == name and fault.passing == passing:
                _fail(fault)

    return reach


def _pass(_name: str) -> None:
    return None


def _fail(fault: Fault) -> None:
    match fault.action:
        case FaultAction.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case FaultAction.RAISE:
            raise FaultInjected(fault.point)
        case FaultAction.HANG:
            threading.Event().wait()


def _faults_of_the_environment() -> tuple[Fault, ...]:
    try:
        return parse_faults(os.environ.get(VARIABLE, ""))
    except ValueError:
        return ()


fault_point: Callable[[str], None] = build_fault_point(_faults_of_the_environment())
"""Call with the point's name; see the module's text for what may happen."""
