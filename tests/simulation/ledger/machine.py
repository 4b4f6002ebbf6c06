"""Random commands to a real ledger and to the naive one, compared after each.

Any engine of the contract suite can run here: a machine opens a ledger of its own, on a loop of
its own, and closes it at the end.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.contract.ledger.engines import Engine
from tests.simulation.ledger.naive import NaiveHold, NaiveLedger
from tests.support.ledger import WINDOW_SECONDS, LedgerUnderTest
from tokensmith_server.billing.commands import (
    Balance,
    ExpireHold,
    GrantCredits,
    GrantReceipt,
    HoldPlaced,
    HoldState,
    Outcome,
    PlaceHold,
    Resolution,
    StoredResult,
    VoidHold,
)
from tokensmith_server.billing.errors import (
    GrantIdReused,
    HoldAlreadyResolved,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    InsufficientCredits,
)

AnswerT = TypeVar("AnswerT")

ACCOUNT_COUNT = 2

accounts = st.integers(0, ACCOUNT_COUNT - 1)
picks = st.integers(0, 1_000)
amounts = st.integers(0, 400)
keys = st.sampled_from(["key-1", "key-2"])
fingerprints = st.sampled_from([b"question", b"another question"])


class LedgerMachine(RuleBasedStateMachine):
    """One ledger under random commands."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.context: AbstractAsyncContextManager[LedgerUnderTest] = engine()
        self.ledger = self.run(self.context.__aenter__())
        self.naive = NaiveLedger()
        self.accounts: list[str] = []

    def run(self, call: Coroutine[Any, Any, AnswerT]) -> AnswerT:
        return self.runner.run(call)

    @initialize()
    def open_accounts(self) -> None:
        self.accounts = [self.run(self.ledger.open_account()) for _ in range(ACCOUNT_COUNT)]

    # Commands one by one

    @rule(account=accounts, amount=st.integers(1, 2_000), grant=st.integers(0, 30))
    def grant(self, account: int, amount: int, grant: int) -> None:
        grant_id, account_id = f"grant_{grant}", self.accounts[account]
        repeated = grant_id in self.naive.grants
        first = self.naive.grants.setdefault(grant_id, (account_id, amount))
        if first != (account_id, amount):
            # Another grant under an id that is taken; then the one that has it, once more.
            refused = self.answer(self.grant_command(grant_id, account_id, amount))
            assert isinstance(refused, GrantIdReused)
            assert (refused.account_id, refused.amount_microcredits) == first
        receipt = self.answer(self.grant_command(grant_id, *first))
        assert isinstance(receipt, GrantReceipt)
        assert receipt.repeated is repeated
        assert receipt.balance == self.expected_balance(first[0])

    def grant_command(
        self, grant_id: str, account_id: str, amount: int
    ) -> Coroutine[Any, Any, GrantReceipt]:
        now = self.ledger.clock.now()
        command = GrantCredits(grant_id, account_id, amount, "simulated", now)
        return self.ledger.store.grant_credits(command)

    @rule(
        account=accounts,
        fixed=amounts,
        unit=st.integers(0, 3),
        minimum=st.integers(0, 50),
        above=st.integers(0, 100),
    )
    def place(self, account: int, fixed: int, unit: int, minimum: int, above: int) -> None:
        account_id = self.accounts[account]
        wanted = minimum + above
        command = self.ledger.command(
            account_id,
            fixed,
            unit_microcredits=unit,
            units_wanted=wanted,
            units_minimum=minimum,
        )
        units = self.naive.units(account_id, fixed, unit, wanted, minimum)
        answer = self.answer(self.ledger.store.place_hold(command))
        if units < 0:
            assert isinstance(answer, InsufficientCredits)
            assert answer.required_microcredits == fixed + unit * minimum
            assert answer.available_microcredits == self.naive.available(account_id)
            return
        self.naive.holds[command.hold_id] = NaiveHold(account_id, fixed + unit * units)
        assert isinstance(answer, HoldPlaced)
        assert (answer.units, answer.amount_microcredits) == (units, fixed + unit * units)
        assert answer.balance == self.expected_balance(account_id)

    @rule(account=accounts, amount=amounts, key=keys, fingerprint=fingerprints)
    def place_keyed(self, account: int, amount: int, key: str, fingerprint: bytes) -> None:
        account_id = self.accounts[account]
        command = self.ledger.command(
            account_id, amount, idempotency_key=key, fingerprint=fingerprint
        )
        verdict = self.naive.keyed(account_id, key, fingerprint)
        fits = amount <= self.naive.available(account_id)
        answer = self.answer(self.ledger.store.place_hold(command))
        if verdict == "reused":
            assert isinstance(answer, IdempotencyKeyReused)
        elif verdict == "running":
            assert isinstance(answer, IdempotencyInProgress)
        elif verdict == "settled":
            first_id = self.naive.keys[account_id, key][0]
            first = self.naive.holds[first_id]
            assert isinstance(answer, StoredResult)
            assert (answer.hold_id, answer.payload) == (first_id, first.answer)
            assert answer.charged_microcredits == first.charged
        elif fits:
            assert isinstance(answer, HoldPlaced)
            self.naive.holds[command.hold_id] = NaiveHold(account_id, amount)
            self.naive.keys[account_id, key] = command.hold_id, fingerprint
        else:
            assert isinstance(answer, InsufficientCredits)

    @precondition(lambda self: self.naive.holds)
    @rule(pick=picks, price=st.integers(0, 600), keep=st.booleans())
    def settle(self, pick: int, price: int, *, keep: bool) -> None:
        hold_id, hold = self.pick(pick)
        was_held = hold.state == "held"
        payload = f"answer of {hold_id}".encode() if keep else None
        command = self.ledger.settlement(
            hold.account_id, hold_id, price, result=payload, result_expires_time=2e9
        )
        answer = self.answer(self.ledger.store.settle_hold(command))
        self.check_end(answer, hold_id, "settled", price)
        if was_held:
            hold.answer = payload

    @precondition(lambda self: self.naive.holds)
    @rule(pick=picks)
    def void(self, pick: int) -> None:
        hold_id, hold = self.pick(pick)
        answer = self.answer(self.ledger.store.void_hold(self.void_command(hold_id, hold)))
        self.check_end(answer, hold_id, "voided", 0)

    @precondition(lambda self: self.naive.holds)
    @rule(pick=picks)
    def expire(self, pick: int) -> None:
        hold_id, hold = self.pick(pick)
        answer = self.answer(self.ledger.store.expire_hold(self.expire_command(hold_id, hold)))
        self.check_end(answer, hold_id, "expired", 0)

    # Commands at once

    @rule(account=accounts, amount=st.integers(1, 400), count=st.integers(2, 12))
    def place_at_once(self, account: int, amount: int, count: int) -> None:
        account_id = self.accounts[account]
        affordable = min(count, self.naive.available(account_id) // amount)
        commands = [self.ledger.command(account_id, amount) for _ in range(count)]
        answers = self.run(self.race(commands))
        for command, answer in zip(commands, answers, strict=True):
            if isinstance(answer, HoldPlaced):
                self.naive.holds[command.hold_id] = NaiveHold(account_id, amount)
            else:
                assert isinstance(answer, InsufficientCredits)
        assert sum(isinstance(answer, HoldPlaced) for answer in answers) == affordable

    @precondition(lambda self: any(hold.state == "held" for hold in self.naive.holds.values()))
    @rule(pick=picks, price=st.integers(1, 600))
    def end_at_once(self, pick: int, price: int) -> None:
        held = [one for one in self.naive.holds.items() if one[1].state == "held"]
        hold_id, hold = held[pick % len(held)]
        answers = self.run(self.race_to_end(hold_id, hold, price))
        won = [answer for answer in answers if isinstance(answer, Resolution)]
        assert len(won) == 1
        assert sum(isinstance(answer, HoldAlreadyResolved) for answer in answers) == 2
        state = won[0].state
        assert self.naive.end(hold_id, state, price if state is HoldState.SETTLED else 0)
        assert won[0].charged_microcredits == hold.charged

    # Time, crashes and the sweeper

    @rule()
    def crash(self) -> None:
        self.run(self.ledger.restart())

    @rule(seconds=st.sampled_from([1.0, 30.0, WINDOW_SECONDS]))
    def sweep_after(self, seconds: float) -> None:
        """Time passes and the sweeper comes round: nothing stays held."""
        now = self.ledger.clock.advance(seconds)
        gone = self.run(self.ledger.store.list_hold_owners())
        unowned = self.run(self.ledger.store.list_unowned_holds(gone, limit=10_000))
        held = {hold_id for hold_id, hold in self.naive.holds.items() if hold.state == "held"}
        assert {hold.hold_id for hold in unowned} == held
        for hold in unowned:
            if hold.expires_time <= now:
                self.expire_one(hold.hold_id)

    # What must be so after every step

    @invariant()
    def balances_agree(self) -> None:
        for account_id in self.accounts:
            balance = self.run(self.ledger.balance(account_id))
            assert balance == self.expected_balance(account_id)

    def teardown(self) -> None:
        try:
            self.run(self.check_request_log())
            if any(hold.state == "held" for hold in self.naive.holds.values()):
                self.sweep_after(WINDOW_SECONDS)
            self.run(self.ledger.assert_clean())
        finally:
            self.run(self.context.__aexit__(None, None, None))
            self.runner.close()

    async def check_request_log(self) -> None:
        for account_id in self.accounts:
            records = await self.ledger.store.list_requests(account_id, limit=10_000)
            found = {one.hold_id: (one.state, one.charged_microcredits) for one in records}
            assert found == {
                hold_id: (hold.state, hold.charged)
                for hold_id, hold in self.naive.holds.items()
                if hold.account_id == account_id
            }

    # Ways in

    def answer(self, call: Coroutine[Any, Any, object]) -> object:
        """The answer or the refusal."""

        async def settled() -> list[object]:
            return list(await asyncio.gather(call, return_exceptions=True))

        return self.run(settled())[0]

    def pick(self, number: int) -> tuple[str, NaiveHold]:
        holds = list(self.naive.holds.items())
        return holds[number % len(holds)]

    def expected_balance(self, account_id: str) -> Balance:
        return Balance(
            self.naive.available(account_id),
            self.naive.held(account_id),
            self.naive.charged(account_id),
            self.naive.granted(account_id),
        )

    def check_end(self, answer: object, hold_id: str, state: str, price: int) -> None:
        if not self.naive.end(hold_id, state, price):
            assert isinstance(answer, HoldAlreadyResolved)
            assert answer.state == self.naive.holds[hold_id].state
            return
        hold = self.naive.holds[hold_id]
        assert isinstance(answer, Resolution)
        assert answer.charged_microcredits == hold.charged
        assert answer.shortfall_microcredits == hold.price - hold.charged
        assert answer.balance == self.expected_balance(hold.account_id)

    def expire_one(self, hold_id: str) -> None:
        hold = self.naive.holds[hold_id]
        answer = self.answer(self.ledger.store.expire_hold(self.expire_command(hold_id, hold)))
        self.check_end(answer, hold_id, "expired", 0)

    def void_command(self, hold_id: str, hold: NaiveHold) -> VoidHold:
        return VoidHold(hold_id, hold.account_id, Outcome.FAILED, self.ledger.clock.now())

    def expire_command(self, hold_id: str, hold: NaiveHold) -> ExpireHold:
        return ExpireHold(hold_id, hold.account_id, self.ledger.clock.now())

    async def race(self, commands: list[PlaceHold]) -> list[object]:
        calls = [
            self.ledger.store_for(number).place_hold(command)
            for number, command in enumerate(commands)
        ]
        return list(await asyncio.gather(*calls, return_exceptions=True))

    async def race_to_end(self, hold_id: str, hold: NaiveHold, price: int) -> list[object]:
        settlement = self.ledger.settlement(hold.account_id, hold_id, price)
        return list(
            await asyncio.gather(
                self.ledger.store_for(0).settle_hold(settlement),
                self.ledger.store_for(1).void_hold(self.void_command(hold_id, hold)),
                self.ledger.store_for(2).expire_hold(self.expire_command(hold_id, hold)),
                return_exceptions=True,
            )
        )
