"""A gateway's books seen from outside: accounts to test with, and what the ledger says of them.

Reads and writes the database as the command line does, beside the running gateway, without the
second that starting a command costs.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from tokensmith_gateway.cli.accounts import create_key
from tokensmith_server.app import price_of
from tokensmith_server.billing.commands import Balance, GrantCredits
from tokensmith_server.billing.store import AuditReport, RequestRecord
from tokensmith_server.clock import SystemClock
from tokensmith_server.storage.storage import SQLStore, open_storage

T = TypeVar("T")


@dataclass(frozen=True)
class Customer:
    """An account with one key and what it was granted, in micro-credits."""

    account_id: str
    name: str
    key: str
    key_id: str
    granted_microcredits: int


class Books:
    """The ledger of one database."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url

    def customer(self, granted_microcredits: int = 1_000_000_000) -> Customer:
        """A new account with this balance and a key."""
        name = f"customer-{uuid.uuid4().hex[:12]}"

        async def work(store: SQLStore) -> Customer:
            now = time.time()
            account = await store.create_account(f"acct_{uuid.uuid4().hex}", name, now)
            if granted_microcredits:
                await store.grant_credits(
                    GrantCredits(
                        grant_id=f"test:{account.account_id}",
                        account_id=account.account_id,
                        amount_microcredits=granted_microcredits,
                        reason="test",
                        created_time=now,
                    )
                )
            key, secret = await create_key(store, account, "test")
            return Customer(account.account_id, name, secret, key.key_id, granted_microcredits)

        return self._run(work)

    def balance(self, customer: Customer) -> Balance:
        """The account's columns."""
        return self._run(lambda store: store.get_balance(customer.account_id))

    def requests(self, customer: Customer) -> Sequence[RequestRecord]:
        """Its calls, newest first."""
        return self._run(lambda store: store.list_requests(customer.account_id, limit=100_000))

    def beats(self) -> Mapping[str, int | None]:
        """The last beat of each process that has open holds, by the process's name."""
        return self._run(lambda store: store.list_hold_owners())

    def audit(self) -> AuditReport:
        """Check every invariant against every row, as of now."""
        return self._run(lambda store: store.audit(now=time.time()))

    def assert_clean(self) -> AuditReport:
        """The audit finds nothing."""
        report = self.audit()
        assert report.clean, report.violations
        return report

    def _run(self, work: Callable[[SQLStore], Awaitable[T]]) -> T:
        async def run() -> T:
            async with open_storage(
                self._database_url,
                owner="test",
                clock=SystemClock(),
                server=False,
                price=price_of,
            ) as store:
                return await work(store)

        # A thread of its own, since the caller's may have a running loop.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, run()).result()
