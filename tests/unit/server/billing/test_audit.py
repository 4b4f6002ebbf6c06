"""The auditor finds each kind of damage, and names the invariant that it breaks."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace

import pytest

from tests.support.ledger import UNIT_RATE_JSON, LedgerUnderTest, price_of
from tokensmith_server.billing.audit import (
    VIOLATIONS_MAX,
    AccountFacts,
    AttemptFacts,
    AuditRows,
    ClaimFacts,
    EntryFacts,
    GrantFacts,
    HoldFacts,
    ResultFacts,
    audit,
)
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.billing.memory import MemoryLedgerStore
from tokensmith_server.billing.usage import TokenUsage

NOW = 1_000.0


def hold_facts(hold_id: str, state: HoldState, charged: int) -> HoldFacts:
    ended = state is not HoldState.HELD
    return HoldFacts(
        hold_id=hold_id,
        account_id="a",
        kind="chat",
        state=state,
        amount_microcredits=100,
        charged_microcredits=charged,
        shortfall_microcredits=0,
        outcome=(Outcome.DELIVERED if charged else Outcome.FAILED) if ended else None,
        usage=TokenUsage(charged, 0) if charged else None,
        usage_estimated=False,
        rate_json=UNIT_RATE_JSON,
        fingerprint=b"f",
        idempotency_key="key" if charged else None,
        expires_time=1_500.0,
        resolved_time=900.0 if ended else None,
    )


@dataclass
class Ledger:
    """A sound ledger of one account: a settled hold h1, a voided h2 and an open h3."""

    accounts: list[AccountFacts] = field(
        default_factory=lambda: [AccountFacts("a", 860, 100, 40, 1_000, entry_count=6)]
    )
    holds: list[HoldFacts] = field(
        default_factory=lambda: [
            hold_facts("h1", HoldState.SETTLED, 40),
            hold_facts("h2", HoldState.VOIDED, 0),
            hold_facts("h3", HoldState.HELD, 0),
        ]
    )
    hold_entries: list[EntryFacts] = field(
        default_factory=lambda: [
            EntryFacts("h1", "a", "hold", -100, 100, 0, 0),
            EntryFacts("h1", "a", "settle", 60, -100, 40, 0),
            EntryFacts("h2", "a", "hold", -100, 100, 0, 0),
            EntryFacts("h2", "a", "void", 100, -100, 0, 0),
            EntryFacts("h3", "a", "hold", -100, 100, 0, 0),
        ]
    )
    grant_entries: list[EntryFacts] = field(
        default_factory=lambda: [EntryFacts("", "a", "grant", 1_000, 0, 0, 1_000)]
    )
    attempts: list[AttemptFacts] = field(
        default_factory=lambda: [
            AttemptFacts("h1", 1, AttemptState.FAILED),
            AttemptFacts("h1", 2, AttemptState.ANSWERED),
            AttemptFacts("h2", 1, AttemptState.UNKNOWN),
            AttemptFacts("h3", 1, AttemptState.DISPATCHED),
        ]
    )
    claims: list[ClaimFacts] = field(default_factory=lambda: [ClaimFacts("h1", "a", "key", b"f")])
    results: list[ResultFacts] = field(default_factory=lambda: [ResultFacts("h1")])
    grants: list[GrantFacts] = field(default_factory=lambda: [GrantFacts("a", 1_000)])

    def rows(self) -> AuditRows:
        """As one-way streams: the auditor reads each row once."""
        return AuditRows(**{one.name: iter(getattr(self, one.name)) for one in fields(self)})

    def found(self, now: float = NOW) -> set[tuple[str, str]]:
        report = audit(self.rows(), now, price=price_of)
        return {(violation.invariant, violation.subject) for violation in report.violations}

    def change_hold(self, index: int, **changes: object) -> None:
        self.holds[index] = replace(self.holds[index], **changes)  # type: ignore[arg-type]

    def change_account(self, **changes: int) -> None:
        self.accounts[0] = replace(self.accounts[0], **changes)  # type: ignore[arg-type]


def test_sound_ledger_is_clean_and_counted() -> None:
    report = audit(Ledger().rows(), NOW, price=price_of)
    assert report.violations == ()
    assert report.clean
    assert (report.accounts, report.holds, report.entries) == (1, 3, 6)
    assert (report.attempts, report.open_holds, report.unknown_attempts) == (4, 1, 1)


def test_empty_ledger_is_clean() -> None:
    assert audit(AuditRows((), (), (), (), (), (), (), ()), NOW).clean


Damage = Callable[[Ledger], object]

DAMAGES: dict[str, tuple[Damage, set[tuple[str, str]]]] = {
    "balance minted": (lambda one: one.change_account(available_microcredits=861), {("I1", "a")}),
    "balance and grant minted": (
        lambda one: one.change_account(available_microcredits=861, granted_microcredits=1_001),
        {("I1", "a")},
    ),
    "held drifted into available": (
        lambda one: one.change_account(available_microcredits=960, held_microcredits=0),
        {("I1", "a")},
    ),
    "balance below zero": (
        lambda one: one.change_account(available_microcredits=-1),
        {("I1", "a"), ("I2", "a")},
    ),
    "account gone": (lambda one: one.accounts.clear(), {("I1", "a")}),
    "grant without its entry": (lambda one: one.grant_entries.clear(), {("I1", "a")}),
    "entry without its grant": (lambda one: one.grants.clear(), {("I1", "a")}),
    "entry lost": (lambda one: one.change_account(entry_count=7), {("I1", "a")}),
    "hold entry among the grants": (
        lambda one: one.grant_entries.append(EntryFacts("", "a", "hold", 0, 0, 0, 0)),
        {("I3", "a"), ("I1", "a")},
    ),
    "entry that makes credits": (
        lambda one: one.hold_entries.__setitem__(
            1, EntryFacts("h1", "a", "settle", 61, -100, 40, 0)
        ),
        {("I1", "h1"), ("I10", "h1"), ("I1", "a")},
    ),
    "entry in another account": (
        lambda one: one.hold_entries.__setitem__(4, EntryFacts("h3", "b", "hold", -100, 100, 0, 0)),
        {("I1", "h3"), ("I1", "a"), ("I1", "b")},
    ),
    "hold without its opening": (
        lambda one: one.hold_entries.pop(4),
        {("I3", "h3"), ("I1", "a")},
    ),
    "hold ended without an entry": (
        lambda one: one.hold_entries.pop(3),
        {("I3", "h2"), ("I1", "a")},
    ),
    "hold ended twice": (
        lambda one: one.hold_entries.insert(4, EntryFacts("h2", "a", "expire", 100, -100, 0, 0)),
        {("I9", "h2"), ("I10", "h2"), ("I1", "a")},
    ),
    "open hold with an end": (
        lambda one: one.change_hold(1, state=HoldState.HELD, outcome=None, resolved_time=None),
        {("I3", "h2"), ("I10", "h2"), ("I1", "a")},
    ),
    "ended otherwise than its entry says": (
        lambda one: one.change_hold(1, state=HoldState.EXPIRED),
        {("I10", "h2")},
    ),
    "entry of no hold": (
        lambda one: one.hold_entries.append(EntryFacts("h9", "a", "hold", -1, 1, 0, 0)),
        {("I3", "h9")},
    ),
    "hold gone": (
        lambda one: one.holds.pop(0),
        {("I3", "h1"), ("I6", "h1"), ("I8", "h1"), ("I1", "a")},
    ),
    "ended without an outcome": (lambda one: one.change_hold(1, outcome=None), {("I3", "h2")}),
    "ended without a time": (lambda one: one.change_hold(1, resolved_time=None), {("I3", "h2")}),
    "open too long": (lambda one: one.change_hold(2, expires_time=969.0), {("I3", "h3")}),
    "charge above its usage": (
        lambda one: one.change_hold(0, usage=TokenUsage(39, 0)),
        {("I4", "h1")},
    ),
    "charge below its usage": (
        lambda one: one.change_hold(0, usage=TokenUsage(41, 0)),
        {("I4", "h1")},
    ),
    "estimate charged above its usage": (
        lambda one: one.change_hold(0, usage=TokenUsage(39, 0), usage_estimated=True),
        {("I4", "h1")},
    ),
    "shortfall on a hold not used up": (
        lambda one: one.change_hold(0, shortfall_microcredits=1, usage=TokenUsage(41, 0)),
        {("I4", "h1")},
    ),
    "receipt differs from its entry": (
        lambda one: one.change_hold(0, charged_microcredits=41, usage=TokenUsage(41, 0)),
        {("I10", "h1"), ("I1", "a")},
    ),
    "amount differs from its entry": (
        lambda one: one.change_hold(2, amount_microcredits=99),
        {("I10", "h3"), ("I1", "a")},
    ),
    "blocked yet charged": (
        lambda one: one.change_hold(0, outcome=Outcome.BLOCKED),
        {("I5", "h1")},
    ),
    "empty yet charged": (lambda one: one.change_hold(0, outcome=Outcome.EMPTY), {("I5", "h1")}),
    "failed yet charged": (lambda one: one.change_hold(0, outcome=Outcome.FAILED), {("I5", "h1")}),
    "unknown yet charged": (
        lambda one: one.change_hold(0, outcome=Outcome.UNKNOWN),
        {("I5", "h1")},
    ),
    "no attempt": (lambda one: one.attempts.pop(3), {("I6", "h3")}),
    "attempt missing in between": (lambda one: one.attempts.pop(0), {("I6", "h1")}),
    "attempt left open by its hold's end": (
        lambda one: one.attempts.__setitem__(2, AttemptFacts("h2", 1, AttemptState.DISPATCHED)),
        {("I6", "h2")},
    ),
    "attempt left open by the next": (
        lambda one: one.attempts.append(AttemptFacts("h3", 2, AttemptState.DISPATCHED)),
        {("I6", "h3")},
    ),
    "two keys for one hold": (
        lambda one: one.claims.append(ClaimFacts("h1", "a", "other", b"f")),
        {("I8", "h1")},
    ),
    "key of another request": (
        lambda one: one.claims.__setitem__(0, ClaimFacts("h1", "a", "key", b"g")),
        {("I8", "h1")},
    ),
    "key of another account": (
        lambda one: one.claims.__setitem__(0, ClaimFacts("h1", "b", "key", b"f")),
        {("I8", "h1")},
    ),
    "result of a void": (lambda one: one.results.append(ResultFacts("h2")), {("I8", "h2")}),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_named(name: str) -> None:
    damage, expected = DAMAGES[name]
    ledger = Ledger()
    damage(ledger)
    assert ledger.found() == expected


def test_estimated_usage_may_be_charged_below_its_price() -> None:
    ledger = Ledger()
    ledger.change_hold(0, usage=TokenUsage(99, 0), usage_estimated=True)
    assert ledger.found() == set()


def test_hold_is_given_half_a_minute_past_its_window() -> None:
    ledger = Ledger()
    assert ledger.found(now=1_530.0) == set()
    assert ledger.found(now=1_530.5) == {("I3", "h3")}


def test_without_a_price_the_usage_is_not_judged() -> None:
    ledger = Ledger()
    ledger.change_hold(0, usage=TokenUsage(39, 0))
    assert audit(ledger.rows(), NOW).clean


@pytest.mark.parametrize("stream", ["holds", "hold_entries", "attempts"])
def test_rows_out_of_order_are_refused(stream: str) -> None:
    ledger = Ledger()
    getattr(ledger, stream).reverse()
    with pytest.raises(ValueError, match="not sorted"):
        ledger.found()


def test_broken_ledger_is_reported_so_far_and_no_further() -> None:
    entries = [EntryFacts(f"h{i:05d}", "a", "hold", 0, 0, 0, 0) for i in range(VIOLATIONS_MAX + 5)]
    report = audit(AuditRows((), (), entries, (), (), (), (), ()), NOW)
    assert len(report.violations) == VIOLATIONS_MAX


async def test_store_is_audited_with_its_price() -> None:
    ledger = LedgerUnderTest([MemoryLedgerStore(price=price_of)])
    account_id = await ledger.open_account(1_000)
    hold_id = (await ledger.hold(account_id)).hold_id
    await ledger.settle(account_id, hold_id, 41, usage=TokenUsage(40, 0))
    report = await ledger.store.audit(now=ledger.clock.now())
    assert [(one.invariant, one.subject) for one in report.violations] == [("I4", hold_id)]
