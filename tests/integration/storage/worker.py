# ruff: noqa: T201
"""A process of its own with a ledger: what the tests run several of, or kill.

    python -m tests.integration.storage.worker URL NAME ACCOUNT HOLDS AMOUNT [--settle]

It waits for a line on its standard input, so that several begin together, then places the holds
at once and prints how many were placed and how many refused, as ``PLACED REFUSED``. With
``--settle`` it settles each for 1 micro-credit after placing it.
"""

import asyncio
import sys

from tests.support.ledger import LedgerUnderTest, price_of
from tokensmith_server.billing.commands import HoldPlaced
from tokensmith_server.billing.errors import InsufficientCredits
from tokensmith_server.clock import SystemClock
from tokensmith_server.storage.storage import open_storage


async def work(
    url: str, name: str, account_id: str, count: int, amount: int, *, settle: bool
) -> None:
    async with open_storage(
        url, owner=name, clock=SystemClock(), server=False, price=price_of
    ) as store:
        ledger = LedgerUnderTest([store])
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

        async def call(number: int) -> None:
            command = ledger.command(
                account_id,
                amount,
                hold_id=f"hold_{name}_{number:05d}",
                request_id=f"request_{name}_{number:05d}",
                owner=name,
            )
            placed = await store.place_hold(command)
            assert isinstance(placed, HoldPlaced)
            if settle:
                await ledger.settle(account_id, command.hold_id, 1)

        answers = await asyncio.gather(*map(call, range(count)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, InsufficientCredits)]
        others = [answer for answer in answers if answer is not None and answer not in refused]
        assert not others, others[:3]
        print(count - len(refused), len(refused), flush=True)


if __name__ == "__main__":
    url, name, account_id, count, amount, *flags = sys.argv[1:]
    asyncio.run(work(url, name, account_id, int(count), int(amount), settle="--settle" in flags))
