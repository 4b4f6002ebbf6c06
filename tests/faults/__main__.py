"""``python -m tests.faults``: try every fault in every dialect, and print the table.

It is `docs/faults.md`, made anew. Takes about half a minute.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.faults.upstream_table import render, run
from tests.support import postgres
from tests.support.processes import running_simulator_process


def main() -> None:
    """Start everything, try, print, and stop everything."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tokensmith-faults-")))
        simulator = stack.enter_context(running_simulator_process())
        url = stack.enter_context(postgres.fresh_database())
        engines = {"sqlite": {}, "postgres": {"TOKENSMITH_DATABASE_URL": url}}
        sys.stdout.write(render(run(simulator, engines, folder)))


if __name__ == "__main__":
    main()
