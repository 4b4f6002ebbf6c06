"""How many calls a second the ledger holds and settles, durably, and what one costs.

    python -m benchmarks.ledger [--seconds 1.5] [--engines sqlite,postgres] [--results]

A caller places a hold, settles it, and starts again; a pair is one of each. Callers run on one
event loop against one group-commit writer. Printed for each cell: pairs a second, the median and
99th percentile of a hold in milliseconds, and CPU milliseconds a pair (this process + PostgreSQL).
After each cell the ledger is audited. ``--results`` keeps and then forgets each answer too, as a
unary call does.
"""

import argparse
import asyncio
import gc
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import uuid_utils
import uvloop

from tests.support import postgres, sqlite
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    AttemptState,
    GrantCredits,
    HoldPlaced,
    MarkDelivered,
    NewAttempt,
    Outcome,
    PlaceHold,
    SettleHold,
)
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.clock import SystemClock
from tokensmith_server.storage.storage import SQLStore, open_storage

CALLERS = (1, 32, 128)
ACCOUNTS = (1, 1_000)
GRANTED_MICROCREDITS = 10**15
RESULT = b"an answer of a usual length. " * 30

ENGINES: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "sqlite": sqlite.fresh_database,
    "postgres": postgres.fresh_database,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement."""

    pairs_per_second: float
    hold_p50_milliseconds: float
    hold_p99_milliseconds: float
    own_cpu_milliseconds: float
    database_cpu_milliseconds: float


class Callers:
    """Closed-loop callers over some accounts."""

    def __init__(self, store: SQLStore, accounts: list[str], *, results: bool) -> None:
        self._store = store
        self._accounts = accounts
        self._results = results
        self.pairs = 0
        self.latencies: list[float] = []

    async def run(self, callers: int, seconds: float) -> None:
        """Run this many callers for this long."""
        deadline = time.perf_counter() + seconds
        await asyncio.gather(*(self._call(number, deadline) for number in range(callers)))

    async def _call(self, number: int, deadline: float) -> None:
        turn = number
        while (started := time.perf_counter()) < deadline:
            account_id = self._accounts[turn % len(self._accounts)]
            turn += 7
            hold = _hold(account_id)
            placed = await self._store.place_hold(hold)
            self.latencies.append(time.perf_counter() - started)
            assert isinstance(placed, HoldPlaced)
            await self._store.settle_hold(_settlement(hold, self._results))
            if self._results:
                self._store.mark_delivered(MarkDelivered(hold.hold_id))
            self.pairs += 1


def _hold(account_id: str) -> PlaceHold:
    now = time.time()
    return PlaceHold(
        hold_id="hold_" + uuid_utils.uuid7().hex,
        account_id=account_id,
        api_key_id="key_0199aabbccdd7eeff00112233445566",
        request_id="req_" + uuid_utils.uuid7().hex,
        kind="chat",
        model="openai/gpt-5.2-mini",
        catalog_version="9f86d081884c7d65",
        rate_json='{"token":{"input":500,"output":4000,"cached_input":50}}',
        fixed_microcredits=12_345,
        unit_microcredits=4_000,
        units_wanted=1_024,
        units_minimum=256,
        created_time=now,
        expires_time=now + 600,
        owner="process_0199aabbccdd",
        attempt=NewAttempt(1, "openai", "gpt-5.2-mini", now),
        fingerprint=b"0123456789abcdef" * 2,
    )


def _settlement(hold: PlaceHold, results: bool) -> SettleHold:
    now = time.time()
    return SettleHold(
        hold_id=hold.hold_id,
        account_id=hold.account_id,
        charge_microcredits=54_321,
        outcome=Outcome.DELIVERED,
        resolved_time=now,
        usage=TokenUsage(40, 30, cached_input_tokens=0, reasoning_tokens=0),
        finish_reason="stop",
        attempt=AttemptOutcome(
            1, AttemptState.ANSWERED, now, 200, None, "req_upstream", "gpt-5.2-mini", 0.25
        ),
        result=RESULT if results else None,
        result_expires_time=now + 900 if results else None,
    )


async def _measure(
    store: SQLStore,
    server_pid: int | None,
    callers: int,
    accounts: list[str],
    args: argparse.Namespace,
) -> Cell:
    await Callers(store, accounts, results=args.results).run(callers, 0.2)
    run = Callers(store, accounts, results=args.results)
    gc.collect()
    gc.freeze()
    own, database, started = _own_cpu(), _tree_cpu(server_pid), time.perf_counter()
    await run.run(callers, args.seconds)
    elapsed = time.perf_counter() - started
    own, database = _own_cpu() - own, _tree_cpu(server_pid) - database
    gc.unfreeze()
    latencies = sorted(run.latencies)
    return Cell(
        run.pairs / elapsed,
        statistics.median(latencies) * 1000,
        latencies[int(len(latencies) * 0.99)] * 1000,
        own / run.pairs * 1000,
        database / run.pairs * 1000,
    )


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _tree_cpu(pid: int | None) -> float:
    """CPU seconds of a process and its children, from /proc; zero where there is none."""
    if pid is None:
        return 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    return sum(_ticks(process) for process in _tree(pid)) / ticks


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _tree(int(child))


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # utime and stime of it, and of the children it has waited for.
    return sum(map(int, fields[11:15]))


def _server_pid(url: str) -> int | None:
    """The postmaster of a PostgreSQL on this machine."""
    if not url.startswith("postgres"):
        return None
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    pid_file = Path(row[0] if row else "") / "postmaster.pid"
    return int(pid_file.read_text().split()[0]) if pid_file.is_file() else None


async def _run_engine(engine: str, args: argparse.Namespace) -> None:
    for account_count in ACCOUNTS:
        with ENGINES[engine]() as url:
            async with open_storage(
                url, owner="benchmark", clock=SystemClock(), server=True
            ) as store:
                accounts = [f"account_{number:06d}" for number in range(account_count)]
                for account_id in accounts:
                    await store.create_account(account_id, account_id, time.time())
                    await store.grant_credits(
                        GrantCredits(account_id, account_id, GRANTED_MICROCREDITS, "", time.time())
                    )
                for callers in CALLERS:
                    cell = await _measure(store, _server_pid(url), callers, accounts, args)
                    print(
                        f"{engine:9} {account_count:5} accounts {callers:4} callers:"
                        f" {cell.pairs_per_second:8,.0f} pairs/s ·"
                        f" {cell.hold_p50_milliseconds:6.2f}/{cell.hold_p99_milliseconds:.2f} ms ·"
                        f" {cell.own_cpu_milliseconds:.3f}+{cell.database_cpu_milliseconds:.3f}"
                        " CPU ms a pair",
                        flush=True,
                    )
                report = await store.audit(now=time.time())
                assert report.clean, report.violations[:5]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--engines", default="sqlite,postgres")
    parser.add_argument("--results", action="store_true")
    args = parser.parse_args()
    for engine in args.engines.split(","):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run_engine(engine, args))


if __name__ == "__main__":
    main()
