"""``python -m tests.soak``: clients of every sort, failing providers, and kill -9, for minutes.

In the end every hold must have ended, the audit must be clean, and what the clients, the providers
and the ledger wrote down must agree. Exit code 1 if it does not.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random

from tests.soak.clients import Client
from tests.soak.verdict import Evidence, summary, violations
from tests.soak.waiting import stopped
from tests.soak.world import World, defects
from tests.support import postgres
from tests.support.books import Books, Customer
from tests.support.processes import running_simulator_process
from tests.support.waiting import eventually

CLIENTS = 24
RICH, POOR = 10**12, 3_000_000
CALM_SECONDS = 3.0
ENDED_WITHIN_SECONDS = 30.0
SHOWN_MAX = 10


def main() -> int:
    """Soak each engine in turn; how many of them failed."""
    options = _parser().parse_args()
    engines = (options.engine,) if options.engine else ("sqlite", "postgres")
    sys.stdout.write(f"seed {options.seed}\n")
    sys.stdout.flush()
    return sum(_soak(engine, options.seconds, options.seed) for engine in engines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgres"), help="default: both")
    parser.add_argument("--seconds", type=float, default=180.0, help="for each engine")
    parser.add_argument("--seed", type=int, default=Random().randrange(2**32))
    return parser


def _soak(engine: str, seconds: float, seed: int) -> bool:
    """Soak one engine; whether anything was wrong."""
    dice = Random(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tokensmith-soak-")))
        simulator = stack.enter_context(running_simulator_process())
        database: dict[str, str] = {}
        if engine == "postgres":
            database["TOKENSMITH_DATABASE_URL"] = stack.enter_context(postgres.fresh_database())
        workers = 2 if database else 1
        world = World(simulator, folder, database, workers, dice)
        stack.enter_context(world.running())
        books = Books(world.gateway.database_url)
        customers = [books.customer(RICH) for _ in range(4)] + [books.customer(POOR)]
        clients = [Client(world.base_url, customers, Random(dice.random())) for _ in range(CLIENTS)]
        asyncio.run(_run(world, clients, seconds))
        return _judge(engine, world, books, customers, clients)


async def _run(world: World, clients: Sequence[Client], seconds: float) -> None:
    chaos, calls, journal = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(client.run(calls)) for client in clients]
        group.create_task(world.read_journal(journal))
        trouble = [
            group.create_task(world.kill_now_and_then(chaos)),
            group.create_task(world.make_trouble(chaos)),
        ]
        await stopped(chaos, seconds)
        chaos.set()
        await asyncio.wait(trouble)
        await stopped(calls, CALM_SECONDS)
        calls.set()
        await world.let_go(running)
        journal.set()


def _judge(
    engine: str,
    world: World,
    books: Books,
    customers: Sequence[Customer],
    clients: Sequence[Client],
) -> bool:
    began = time.monotonic()
    eventually(
        lambda: books.audit().open_holds == 0,
        "every hold ends",
        seconds=ENDED_WITHIN_SECONDS,
        pause=0.2,
    )
    waited_seconds = time.monotonic() - began
    evidence = Evidence(
        wishes=[wish for client in clients for wish in client.wishes],
        records=[record for one in customers for record in books.requests(one)],
        upstream=world.upstream,
    )
    report = books.audit()
    wrong = [str(violation) for violation in report.violations]
    wrong += [*violations(evidence), *defects(world.gateway.printed())]
    audited = "clean" if report.clean else "NOT CLEAN"
    lines = (
        f"{engine}: {world.kills} kills",
        summary(evidence),
        f"audit: {audited}, every hold had ended after {waited_seconds:.1f} s",
        f"violations: {len(wrong)}",
        *(f"  {line}" for line in wrong[:SHOWN_MAX]),
    )
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    sys.stdout.flush()
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
