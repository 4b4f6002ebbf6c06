"""Real processes on one database: racing, and killed at the ledger's fault points."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager

import pytest

from tests.support import postgres, sqlite
from tests.support.ledger import LedgerUnderTest, price_of
from tokensmith_server.billing.commands import Balance
from tokensmith_server.clock import SystemClock
from tokensmith_server.faults import VARIABLE
from tokensmith_server.storage.storage import open_storage

Database = Callable[[], AbstractContextManager[str]]

ENGINES = pytest.mark.parametrize(
    "database", [sqlite.fresh_database, postgres.fresh_database], ids=["sqlite", "postgres"]
)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with postgres.fresh_database() as url:
        yield url


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[LedgerUnderTest]:
    async with open_storage(
        url, owner="test", clock=SystemClock(), server=False, price=price_of
    ) as store:
        yield LedgerUnderTest([store])


async def start(url: str, *arguments: object, faults: str = "") -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.storage.worker", url, *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, VARIABLE: faults},
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def race(workers: Sequence[asyncio.subprocess.Process]) -> list[tuple[int, int]]:
    """Start them together; how many holds each placed, and how many it was refused."""
    outputs = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    assert [worker.returncode for worker in workers] == [0] * len(workers)
    counts = [tuple(map(int, output.split())) for output, _ in outputs]
    return [(placed, refused) for placed, refused in counts]


async def test_300_calls_of_two_processes_on_a_balance_worth_one_serve_one(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as ledger:
        account_id = await ledger.open_account(100)
        workers = [await start(postgres_url, name, account_id, 150, 100) for name in ("a", "b")]
        counts = await race(workers)
        assert sum(placed for placed, _ in counts) == 1
        assert sum(refused for _, refused in counts) == 299
        assert await ledger.balance(account_id) == Balance(0, 100, 0, 100)
        await ledger.assert_clean()


async def test_300_calls_of_one_process_on_a_balance_worth_one_serve_one() -> None:
    with sqlite.fresh_database() as url:
        async with opened(url) as ledger:
            account_id = await ledger.open_account(100)
            assert await race([await start(url, "a", account_id, 300, 100)]) == [(1, 299)]
            assert await ledger.balance(account_id) == Balance(0, 100, 0, 100)
            await ledger.assert_clean()


@ENGINES
async def test_two_processes_spend_an_account_to_the_last_credit(database: Database) -> None:
    with database() as url:
        async with opened(url) as ledger:
            # Each call holds 10 and costs 1, so the last ones wait for others to settle: what is
            # served depends on the timing, what is charged never exceeds what was there.
            account_id = await ledger.open_account(200)
            workers = [
                await start(url, name, account_id, 150, 10, "--settle") for name in ("a", "b")
            ]
            counts = await race(workers)
            balance = await ledger.balance(account_id)
            assert balance.held_microcredits == 0
            assert balance.charged_microcredits == sum(placed for placed, _ in counts)
            assert balance.charged_microcredits >= 20
            await ledger.assert_clean()


@ENGINES
@pytest.mark.parametrize(
    ("faults", "held"),
    [
        ("ledger.before_commit=kill", 0),
        ("ledger.after_commit=kill", 10),
        # The hold is placed in the first transaction, and settled in the second.
        ("ledger.before_commit=kill@2", 10),
        ("ledger.after_commit=kill@2", 0),
    ],
)
async def test_killed_process_leaves_whole_transactions(
    database: Database, faults: str, held: int
) -> None:
    with database() as url:
        async with opened(url) as ledger:
            account_id = await ledger.open_account(100)
            worker = await start(url, "a", account_id, 1, 10, "--settle", faults=faults)
            await worker.communicate(b"go\n")
            assert worker.returncode == -signal.SIGKILL
            assert (await ledger.balance(account_id)).held_microcredits == held
            await ledger.assert_clean()
            for record in await ledger.store.list_open_holds(account_id, limit=10):
                await ledger.void(account_id, record.hold_id)
            await ledger.assert_clean()
