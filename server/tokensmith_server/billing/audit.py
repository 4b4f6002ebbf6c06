"""The auditor: the ledger's invariants over every row, as a pure function.

A store hands over its rows as plain facts, streams of them, read in one snapshot; the auditor
recomputes each account from its entries and each hold from its ends. It trusts nothing that the
ledger wrote down as a sum. Of the ten invariants of the product it checks, from the ledger's side:

- **I1** Per account, available + held + charged = granted; each column is the sum of its entries;
  held is the sum of open holds, charged that of settled ones, granted that of grants; every entry
  only moves credits or grants them; no entry is missing from the account's count.
- **I2** No column is below zero.
- **I3** Every hold has one opening entry and one end, or is open and within its window.
- **I4** A settled hold's charge plus its shortfall is the price of its usage at the rate it was
  placed with (at most that price where we estimated the usage), and only a charge that used the
  hold up has a shortfall.
- **I5** What was blocked, empty, failed or unknown, voided or expired, cost nothing.
- **I6** Every hold has attempts, numbered from one; none is left open when its hold has ended.
  Those whose outcome nobody knows are counted: that is the reconciliation list.
- **I8** A claim stands for a hold of its account with its fingerprint, a hold has at most one, and
  only settled holds have stored results.
- **I9** No hold was ended twice.
- **I10** The hold's row (the request log, the receipt) says what its entries say.

**I7** (an id that a client saw stays retrievable) is not visible here; the contract suite has it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tokensmith_server.billing.audit_join import Follower
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.billing.ledger import EntryKind
from tokensmith_server.billing.store import AuditReport, Violation
from tokensmith_server.billing.usage import TokenUsage

SWEEP_GRACE_SECONDS: Final = 30.0
"""How long after its window a hold may still be open: the sweeper comes round within it (L1)."""

VIOLATIONS_MAX: Final = 1_000
"""A broken ledger is reported this far; one cause breaks many rows alike."""

FREE_OUTCOMES: Final = frozenset({Outcome.BLOCKED, Outcome.EMPTY, Outcome.FAILED, Outcome.UNKNOWN})
"""Outcomes that cost the customer nothing."""

_END_KINDS: Final = {
    HoldState.SETTLED: EntryKind.SETTLE,
    HoldState.VOIDED: EntryKind.VOID,
    HoldState.EXPIRED: EntryKind.EXPIRE,
}


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account's columns. ``entry_count`` is the store's own count, where it keeps one."""

    account_id: str
    available_microcredits: int
    held_microcredits: int
    charged_microcredits: int
    granted_microcredits: int
    entry_count: int | None = None


@dataclass(frozen=True, slots=True)
class HoldFacts:
    """A hold's row."""

    hold_id: str
    account_id: str
    kind: str
    state: HoldState
    amount_microcredits: int
    charged_microcredits: int
    shortfall_microcredits: int
    outcome: Outcome | None
    usage: TokenUsage | None
    usage_estimated: bool
    rate_json: str
    fingerprint: bytes | None
    idempotency_key: str | None
    expires_time: float
    resolved_time: float | None


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """An entry's row; ``hold_id`` is empty for a grant."""

    hold_id: str
    account_id: str
    kind: str
    available_delta_microcredits: int
    held_delta_microcredits: int
    charged_delta_microcredits: int
    granted_delta_microcredits: int


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """An attempt's row."""

    hold_id: str
    number: int
    state: AttemptState


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """An idempotency key in use."""

    hold_id: str
    account_id: str
    idempotency_key: str
    fingerprint: bytes | None


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """A stored first answer."""

    hold_id: str


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """A grant's row."""

    account_id: str
    amount_microcredits: int


@dataclass(frozen=True, slots=True)
class AuditRows:
    """Every row of the ledger, from one snapshot.

    Holds, their entries (``hold_entries``), attempts (then by number), claims and results come
    sorted by ``hold_id`` in code point order (PostgreSQL: ``COLLATE "C"``), so that the auditor's
    memory does not grow with the ledger. They are read in turns, each once.
    """

    accounts: Iterable[AccountFacts]
    holds: Iterable[HoldFacts]
    hold_entries: Iterable[EntryFacts]
    grant_entries: Iterable[EntryFacts]
    attempts: Iterable[AttemptFacts]
    claims: Iterable[ClaimFacts]
    results: Iterable[ResultFacts]
    grants: Iterable[GrantFacts]


Price = Callable[[HoldFacts], int | None]
"""The price of a hold's usage at its ``rate_json``; ``None`` where there is none to compute."""


def audit(
    rows: AuditRows,
    now: float,
    *,
    price: Price | None = None,
    grace_seconds: float = SWEEP_GRACE_SECONDS,
) -> AuditReport:
    """Check every invariant against every row.

    Without ``price`` the first half of I4 is left out.

    Raises:
        ValueError: rows that must be sorted are not.
    """
    auditor = _Auditor(now=now, price=price, grace_seconds=grace_seconds)
    auditor.read_holds(rows)
    auditor.read_grants(rows)
    auditor.read_accounts(rows)
    return AuditReport(
        accounts=auditor.accounts,
        holds=auditor.holds,
        entries=auditor.entries,
        attempts=auditor.attempts,
        open_holds=auditor.open_holds,
        violations=tuple(auditor.violations),
        unknown_attempts=auditor.unknown_attempts,
    )


@dataclass(slots=True)
class _Sums:
    """What an account's columns must be, recomputed."""

    available: int = 0
    held: int = 0
    charged: int = 0
    granted: int = 0
    entries: int = 0
    open_amounts: int = 0
    hold_charges: int = 0
    grant_amounts: int = 0
    grants: int = 0
    grant_entries: int = 0


@dataclass(slots=True)
class _Auditor:
    now: float
    price: Price | None
    grace_seconds: float
    accounts: int = 0
    holds: int = 0
    entries: int = 0
    attempts: int = 0
    open_holds: int = 0
    unknown_attempts: int = 0
    violations: list[Violation] = field(default_factory=list)
    sums: defaultdict[str, _Sums] = field(default_factory=lambda: defaultdict(_Sums))

    def report(self, invariant: str, subject: str, detail: str) -> None:
        if len(self.violations) < VIOLATIONS_MAX:
            self.violations.append(Violation(invariant, subject, detail))

    def read_holds(self, rows: AuditRows) -> None:
        entries = Follower("entry", rows.hold_entries)
        attempts = Follower("attempt", rows.attempts)
        claims = Follower("claim", rows.claims)
        results = Follower("result", rows.results)
        holds = Follower("hold", rows.holds)
        for hold in holds:
            self.holds += 1
            self.check_state(hold)
            self.check_price(hold)
            self.check_entries(hold, entries.take(hold.hold_id))
            self.check_attempts(hold, attempts.take(hold.hold_id))
            self.check_claims(hold, claims.take(hold.hold_id))
            self.check_results(hold, results.take(hold.hold_id))
        for invariant, orphans in (
            ("I3", entries.orphans()),
            ("I6", attempts.orphans()),
            ("I8", claims.orphans()),
            ("I8", results.orphans()),
        ):
            for noun, hold_id in orphans:
                self.report(invariant, hold_id, f"{noun} of a hold that does not exist")

    def check_state(self, hold: HoldFacts) -> None:
        sums = self.sums[hold.account_id]
        sums.hold_charges += hold.charged_microcredits
        ended = hold.state is not HoldState.HELD
        if ended != (hold.resolved_time is not None) or ended != (hold.outcome is not None):
            self.report("I3", hold.hold_id, f"{hold.state} with {hold.outcome} as outcome")
        if not ended:
            self.open_holds += 1
            sums.open_amounts += hold.amount_microcredits
            overdue_seconds = self.now - hold.expires_time
            if overdue_seconds > self.grace_seconds:
                self.report("I3", hold.hold_id, f"open {overdue_seconds:.0f} s past its window")

    def check_price(self, hold: HoldFacts) -> None:
        total = hold.charged_microcredits + hold.shortfall_microcredits
        free = hold.state is not HoldState.SETTLED or hold.outcome in FREE_OUTCOMES
        if free and total != 0:
            self.report("I5", hold.hold_id, f"{hold.state} as {hold.outcome} yet cost {total}")
        if min(hold.amount_microcredits, hold.charged_microcredits) < 0:
            self.report("I4", hold.hold_id, "an amount below zero")
        short = hold.shortfall_microcredits
        if short < 0 or (short > 0 and hold.charged_microcredits < hold.amount_microcredits):
            self.report("I4", hold.hold_id, f"a shortfall of {short} on a hold not used up")
        price = None if free or self.price is None else self.price(hold)
        if price is None:
            return
        if total > price or (total < price and not hold.usage_estimated):
            self.report("I4", hold.hold_id, f"cost {total}, its usage is worth {price}")

    def check_entries(self, hold: HoldFacts, entries: Sequence[EntryFacts]) -> None:
        opened = [entry for entry in entries if entry.kind == EntryKind.HOLD]
        ends = [entry for entry in entries if entry.kind != EntryKind.HOLD]
        for entry in entries:
            self.add_entry(entry)
            if entry.account_id != hold.account_id:
                self.report("I1", hold.hold_id, f"entry in account {entry.account_id}")
        if len(opened) != 1:
            self.report("I3", hold.hold_id, f"opened by {len(opened)} entries")
        if len(ends) > 1:
            self.report("I9", hold.hold_id, f"ended by {len(ends)} entries")
        if (hold.state is HoldState.HELD) != (not ends):
            self.report("I3", hold.hold_id, f"{hold.state}, with {len(ends)} ending entries")
        amount, charged = hold.amount_microcredits, hold.charged_microcredits
        for entry in opened:
            self.check_deltas(entry, (-amount, amount, 0))
        for entry in ends:
            if entry.kind != _END_KINDS.get(hold.state):
                self.report("I10", hold.hold_id, f"{hold.state} by a {entry.kind} entry")
            self.check_deltas(entry, (amount - charged, -amount, charged))

    def check_deltas(self, entry: EntryFacts, expected: tuple[int, int, int]) -> None:
        found = (
            entry.available_delta_microcredits,
            entry.held_delta_microcredits,
            entry.charged_delta_microcredits,
        )
        if found != expected:
            self.report(
                "I10", entry.hold_id, f"its row makes {expected} of its {entry.kind}, not {found}"
            )

    def add_entry(self, entry: EntryFacts) -> None:
        self.entries += 1
        sums = self.sums[entry.account_id]
        sums.entries += 1
        sums.available += entry.available_delta_microcredits
        sums.held += entry.held_delta_microcredits
        sums.charged += entry.charged_delta_microcredits
        sums.granted += entry.granted_delta_microcredits
        moved = (
            entry.available_delta_microcredits
            + entry.held_delta_microcredits
            + entry.charged_delta_microcredits
        )
        if moved != entry.granted_delta_microcredits:
            self.report("I1", entry.hold_id or entry.account_id, f"{entry.kind} makes {moved}")

    def check_attempts(self, hold: HoldFacts, attempts: Sequence[AttemptFacts]) -> None:
        self.attempts += len(attempts)
        if not attempts:
            self.report("I6", hold.hold_id, "no attempt")
        numbers = [attempt.number for attempt in attempts]
        if numbers != list(range(1, len(numbers) + 1)):
            self.report("I6", hold.hold_id, f"attempts numbered {numbers}")
        # While the hold is open its last attempt may be under way; every other one is closed.
        closed = attempts if hold.state is not HoldState.HELD else attempts[:-1]
        for attempt in closed:
            if attempt.state is AttemptState.DISPATCHED:
                self.report("I6", hold.hold_id, f"attempt {attempt.number} was never closed")
        self.unknown_attempts += sum(attempt.state is AttemptState.UNKNOWN for attempt in attempts)

    def check_claims(self, hold: HoldFacts, claims: Sequence[ClaimFacts]) -> None:
        if len(claims) > 1:
            self.report("I8", hold.hold_id, f"stands for {len(claims)} idempotency keys")
        for claim in claims:
            if (claim.account_id, claim.idempotency_key, claim.fingerprint) != (
                hold.account_id,
                hold.idempotency_key,
                hold.fingerprint,
            ):
                self.report("I8", hold.hold_id, "its idempotency key is of another request")

    def check_results(self, hold: HoldFacts, results: Sequence[ResultFacts]) -> None:
        if len(results) > 1 or (results and hold.state is not HoldState.SETTLED):
            self.report("I8", hold.hold_id, f"{hold.state} with {len(results)} stored results")

    def read_grants(self, rows: AuditRows) -> None:
        for grant in rows.grants:
            sums = self.sums[grant.account_id]
            sums.grants += 1
            sums.grant_amounts += grant.amount_microcredits
        for entry in rows.grant_entries:
            self.add_entry(entry)
            self.sums[entry.account_id].grant_entries += 1
            if entry.kind != EntryKind.GRANT:
                self.report("I3", entry.account_id, f"{entry.kind} entry without a hold")

    def read_accounts(self, rows: AuditRows) -> None:
        for account in rows.accounts:
            self.accounts += 1
            self.check_account(account, self.sums.pop(account.account_id, _Sums()))
        for account_id in self.sums:
            self.report("I1", account_id, "rows of an account that does not exist")

    def check_account(self, account: AccountFacts, sums: _Sums) -> None:
        available, held = account.available_microcredits, account.held_microcredits
        charged, granted = account.charged_microcredits, account.granted_microcredits
        for name, column, recomputed in (
            ("granted", granted, available + held + charged),
            ("available", available, sums.available),
            ("held", held, sums.held),
            ("charged", charged, sums.charged),
            ("granted", granted, sums.granted),
            ("held", held, sums.open_amounts),
            ("charged", charged, sums.hold_charges),
            ("granted", granted, sums.grant_amounts),
            ("grant count", sums.grants, sums.grant_entries),
        ):
            if column != recomputed:
                self.report("I1", account.account_id, f"{name} is {column}, rows say {recomputed}")
        if account.entry_count is not None and account.entry_count != sums.entries:
            self.report(
                "I1", account.account_id, f"{sums.entries} entries of {account.entry_count}"
            )
        if min(available, held, charged, granted) < 0:
            self.report("I2", account.account_id, "a column is below zero")
