"""Fault points: read from one variable, each at its passing, nothing without it."""

import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from tokensmith_server.config import ServerSettings
from tokensmith_server.faults import (
    VARIABLE,
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


@pytest.mark.parametrize(
    "text", ["after_hold", "=kill", "x=explode", "x=kill@0", "x=kill@00", "x=kill@two", "x=kill@²"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write name=kill, name=raise or name=hang"):
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


def test_text_that_cannot_be_read_is_left_to_the_settings_to_refuse() -> None:
    program = "import tokensmith_server.faults as f; f.fault_point('anywhere')"
    environment = os.environ | {VARIABLE: "junk"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    with pytest.raises(ValidationError, match="fault_points"):
        ServerSettings.model_validate({"fault_points": "junk"})
