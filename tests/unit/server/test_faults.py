"""Fault points: read from one variable, each at its passing, nothing without it."""

import pytest

from tokensmith_server.faults import (
    Fault,
    FaultAction,
    FaultInjected,
    build_fault_point,
    parse_faults,
)


def test_faults_are_read_with_and_without_a_passing() -> None:
    assert parse_faults("after_hold=kill, before_settle=raise@2") == (
        Fault("after_hold", FaultAction.KILL, 1),
        Fault("before_settle", FaultAction.RAISE, 2),
    )


def test_empty_text_is_no_faults() -> None:
    assert parse_faults("") == ()


@pytest.mark.parametrize("text", ["after_hold", "=kill", "x=explode", "x=kill@0", "x=kill@two"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_faults(text)


def test_point_fails_at_its_passing_alone() -> None:
    reach = build_fault_point(parse_faults("here=raise@2"))
    reach("here")
    reach("there")
    with pytest.raises(FaultInjected, match="here"):
        reach("here")
    reach("here")


def test_without_faults_a_point_does_nothing() -> None:
    build_fault_point(())("anywhere")
