"""Every fault of a provider, in every dialect, whole and streamed, on both engines.

The outcome is `docs/faults.md`, which this test writes when `TOKENSMITH_WRITE_DOCS` is set and
holds the product to when it is not.
"""

import os
from pathlib import Path

from tests.faults.conftest import NewDatabase
from tests.faults.upstream_cases import FAULTS
from tests.faults.upstream_table import render, run
from tests.support.processes import Simulator
from tokensmith_simulator.faults import STATUS_ALIASES, FaultKind

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"


def test_every_fault_that_the_simulator_knows_is_in_the_table() -> None:
    tried = {STATUS_ALIASES.get(fault.kind, fault.kind) for fault in FAULTS if fault.kind}
    assert tried == set(FaultKind)


def test_faults_cost_and_look_as_documented(
    new_database: NewDatabase, simulator: Simulator, tmp_path: Path
) -> None:
    engines = {engine: new_database(engine) for engine in ("sqlite", "postgres")}
    document = render(run(simulator, engines, tmp_path))
    if os.environ.get("TOKENSMITH_WRITE_DOCS"):
        DOCUMENT.write_text(document, encoding="utf-8")
    assert document.splitlines() == DOCUMENT.read_text(encoding="utf-8").splitlines()
