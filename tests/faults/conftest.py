"""Faults are tried on gateways of their own; the simulator that watches them outlives them all."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.processes import Simulator, running_simulator_process

NewDatabase = Callable[[str], dict[str, str]]


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with running_simulator_process() as simulator:
        yield simulator


@pytest.fixture
def new_database(simulator: Simulator) -> Iterator[NewDatabase]:
    """The variables of a gateway on a fresh database of an engine, ``sqlite`` or ``postgres``."""
    with ExitStack() as stack:

        def make(engine: str) -> dict[str, str]:
            variables = {"TOKENSMITH_SIMULATOR_URL": simulator.origin}
            if engine == "postgres":
                url = stack.enter_context(postgres.fresh_database())
                variables["TOKENSMITH_DATABASE_URL"] = url
            return variables

        yield make


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"
