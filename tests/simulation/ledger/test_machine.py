"""The real ledger agrees with the naive one, whatever is asked of them."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.ledger.engines import ENGINES
from tests.simulation.ledger.machine import LedgerMachine

# A database costs a schema for each run; the memory costs nothing.
RUNS = {"memory": 60}
RUNS_OF_A_DATABASE = 8


@pytest.mark.parametrize("name", ENGINES)
def test_ledger_agrees_with_the_naive_one(name: str) -> None:
    run_state_machine_as_test(
        lambda: LedgerMachine(ENGINES[name]),  # type: ignore[arg-type]  # it takes a factory
        settings=settings(
            max_examples=RUNS.get(name, RUNS_OF_A_DATABASE),
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
