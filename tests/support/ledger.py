"""A ledger under test: a store, or several on one database, with a clock, ids and short ways in.

Every engine is reached through this, so that a test says what it is about and no more.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tests.support.clock import FakeClock
from tests.support.ids import SequentialIds
from tokensmith_server.billing.audit import HoldFacts
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    AttemptState,
    Balance,
    ExpireHold,
    GrantCredits,
    HoldPlaced,
    MarkDelivered,
    NewAttempt,
    Outcome,
    PlaceHold,
    Resolution,
    SettleHold,
    StoredResult,
    VoidHold,
)
from tokensmith_server.billing.listing import LogStore
from tokensmith_server.billing.pricing import charge
from tokensmith_server.billing.rates import TokenRate
from tokensmith_server.billing.store import AccountStore, LedgerStore, RequestStore, SweepStore
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.rate_snapshot import rate_from_json, rate_to_json

# One micro-credit a token, so that a charge of n is a usage of n tokens.
UNIT_RATE = TokenRate(input_microcredits=1, output_microcredits=1)
UNIT_RATE_JSON = rate_to_json(UNIT_RATE)
WINDOW_SECONDS = 600.0
RESULT_KEPT_SECONDS = 3_600.0
# Before the day of any run: what is old by a test's clock is so by the database's too.
START_TIME = 1_700_000_000.0


class LedgerStores(LedgerStore, AccountStore, RequestStore, LogStore, SweepStore, Protocol):
    """What one process sees of the ledger."""


def price_of(hold: HoldFacts) -> int | None:
    """The auditor's price: what the hold's own rate makes of its usage."""
    rate = rate_from_json(hold.rate_json)
    if isinstance(rate, TokenRate) and hold.usage is not None:
        return charge(rate, hold.usage)
    return None


@dataclass
class LedgerUnderTest:
    """``stores`` has one member for each process that shares the database; tests act on the first
    and race over all. ``reopen``, where the engine can, drops every store as a crash would and
    opens new ones on the same database.
    """

    stores: Sequence[LedgerStores]
    clock: FakeClock = field(default_factory=lambda: FakeClock(START_TIME))
    ids: SequentialIds = field(default_factory=SequentialIds)
    reopen: Callable[[], Awaitable[Sequence[LedgerStores]]] | None = None

    @property
    def store(self) -> LedgerStores:
        return self.stores[0]

    def store_for(self, number: int) -> LedgerStores:
        """Deal the stores out in turn, for racing calls."""
        return self.stores[number % len(self.stores)]

    async def restart(self) -> None:
        """Crash and come back; nothing at all on an engine that forgets everything with it."""
        if self.reopen is not None:
            self.stores = await self.reopen()

    async def open_account(self, microcredits: int = 0) -> str:
        """An account with this much to spend; its id."""
        account_id = self.ids.new("account_")
        await self.store.create_account(account_id, f"name of {account_id}", self.clock.now())
        if microcredits:
            await self.grant(account_id, microcredits)
        return account_id

    async def grant(self, account_id: str, microcredits: int) -> None:
        await self.store.grant_credits(
            GrantCredits(
                grant_id=self.ids.new("grant_"),
                account_id=account_id,
                amount_microcredits=microcredits,
                reason="for the test",
                created_time=self.clock.now(),
            )
        )

    def command(self, account_id: str, amount: int = 100, **changes: Any) -> PlaceHold:
        """A hold of a fixed amount, unless the changes say otherwise."""
        now = self.clock.now()
        command = PlaceHold(
            hold_id=self.ids.new("hold_"),
            account_id=account_id,
            api_key_id="key_of_" + account_id,
            request_id=self.ids.new("request_"),
            kind="chat",
            model="some/model",
            catalog_version="v1",
            rate_json=UNIT_RATE_JSON,
            fixed_microcredits=amount,
            unit_microcredits=0,
            units_wanted=0,
            units_minimum=0,
            created_time=now,
            expires_time=now + WINDOW_SECONDS,
            owner="process-1",
            attempt=NewAttempt(1, "openai", "model", now),
            fingerprint=b"the same question",
        )
        return replace(command, **changes)

    async def hold(self, account_id: str, amount: int = 100, **changes: Any) -> HoldPlaced:
        """Place a hold that must succeed as a new one."""
        placed = await self.store.place_hold(self.command(account_id, amount, **changes))
        assert isinstance(placed, HoldPlaced)
        return placed

    async def repeat(self, account_id: str, **changes: Any) -> HoldPlaced | StoredResult:
        """Place a hold that may turn out to repeat an earlier request."""
        return await self.store.place_hold(self.command(account_id, **changes))

    def settlement(
        self, account_id: str, hold_id: str, charge: int = 40, **changes: Any
    ) -> SettleHold:
        """A delivered answer at this price, with the usage that makes it so."""
        command = SettleHold(
            hold_id=hold_id,
            account_id=account_id,
            charge_microcredits=charge,
            outcome=Outcome.DELIVERED,
            resolved_time=self.clock.now(),
            usage=TokenUsage(input_tokens=charge, output_tokens=0),
            finish_reason="stop",
            attempt=self.answered(),
        )
        return replace(command, **changes)

    async def settle(
        self, account_id: str, hold_id: str, charge: int = 40, **changes: Any
    ) -> Resolution:
        return await self.store.settle_hold(self.settlement(account_id, hold_id, charge, **changes))

    async def settle_with_result(
        self, account_id: str, hold_id: str, payload: bytes = b"the answer"
    ) -> Resolution:
        """Settle and keep the answer for retries."""
        return await self.settle(
            account_id,
            hold_id,
            result=payload,
            result_expires_time=self.clock.now() + RESULT_KEPT_SECONDS,
        )

    async def void(
        self, account_id: str, hold_id: str, outcome: Outcome = Outcome.FAILED, **changes: Any
    ) -> Resolution:
        command = VoidHold(
            hold_id=hold_id,
            account_id=account_id,
            outcome=outcome,
            resolved_time=self.clock.now(),
            error_reason="UPSTREAM_FAILED",
            attempt=AttemptOutcome(
                1, AttemptState.FAILED, self.clock.now(), http_status=500, error="server_error"
            ),
        )
        return await self.store.void_hold(replace(command, **changes))

    async def expire(self, account_id: str, hold_id: str) -> Resolution:
        return await self.store.expire_hold(
            ExpireHold(hold_id=hold_id, account_id=account_id, resolved_time=self.clock.now())
        )

    async def deliver(self, account_id: str, hold_id: str) -> None:
        """Mark delivered, and see to it that the mark has been written."""
        self.store.mark_delivered(MarkDelivered(hold_id))
        await self.grant(account_id, 1)

    async def balance(self, account_id: str) -> Balance:
        return await self.store.get_balance(account_id)

    async def available(self, account_id: str) -> int:
        return (await self.balance(account_id)).available_microcredits

    def answered(self, number: int = 1) -> AttemptOutcome:
        return AttemptOutcome(number, AttemptState.ANSWERED, self.clock.now(), http_status=200)

    async def assert_clean(self) -> None:
        """Every invariant holds, and one process sees what another wrote."""
        for store in self.stores:
            report = await store.audit(now=self.clock.now())
            assert report.violations == ()
