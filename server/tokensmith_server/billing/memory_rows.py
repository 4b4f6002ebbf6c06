"""The rows of the in-memory ledger, and how they change together."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tokensmith_server.billing.audit import (
    AccountFacts,
    AttemptFacts,
    AuditRows,
    ClaimFacts,
    EntryFacts,
    GrantFacts,
    HoldFacts,
    ResultFacts,
)
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    AttemptState,
    Balance,
    GrantCredits,
    HoldState,
    NewAttempt,
    Outcome,
    PlaceHold,
)
from tokensmith_server.billing.errors import AccountNotFound, HoldNotFound
from tokensmith_server.billing.idempotency import EarlierRequest
from tokensmith_server.billing.ledger import AccountState, EntryDraft, Hold
from tokensmith_server.billing.listing import EntryRecord
from tokensmith_server.billing.store import (
    Account,
    ApiKey,
    AttemptRecord,
    Entry,
    OpenHold,
    RequestRecord,
)
from tokensmith_server.billing.usage import TokenUsage


@dataclass(frozen=True, slots=True)
class Claim:
    """An idempotency key in use, and the newest hold that it stands for."""

    hold_id: str
    fingerprint: bytes | None
    created_time: float


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold with everything that the request log says of it."""

    hold: Hold
    command: PlaceHold
    attempts: tuple[AttemptRecord, ...] = ()
    outcome: Outcome | None = None
    error_reason: str | None = None
    usage: TokenUsage | None = None
    usage_estimated: bool = False
    finish_reason: str | None = None
    resolved_time: float | None = None
    payload: bytes | None = None
    payload_expires_time: float | None = None

    def opened(self, attempt: NewAttempt) -> "HoldRow":
        """With one more try."""
        record = AttemptRecord(
            number=attempt.number,
            provider=attempt.provider,
            upstream_model=attempt.upstream_model,
            state=AttemptState.DISPATCHED,
            started_time=attempt.started_time,
            ended_time=None,
            http_status=None,
            error=None,
            upstream_request_id=None,
            returned_model=None,
            first_byte_seconds=None,
            credential=attempt.credential,
        )
        return replace(self, attempts=(*self.attempts, record))

    def closed(self, outcome: AttemptOutcome) -> "HoldRow":
        """With the end of the try that the outcome numbers."""
        return replace(
            self,
            attempts=tuple(
                _close(record, outcome) if record.number == outcome.number else record
                for record in self.attempts
            ),
        )

    def ended(
        self, hold: Hold, outcome: Outcome, resolved_time: float, attempt: AttemptOutcome | None
    ) -> "HoldRow":
        """With the hold's end. A try that nobody closed becomes unknown, for reconciliation."""
        row = self if attempt is None else self.closed(attempt)
        for record in row.attempts:
            if record.state is AttemptState.DISPATCHED:
                row = row.closed(AttemptOutcome(record.number, AttemptState.UNKNOWN, resolved_time))
        return replace(row, hold=hold, outcome=outcome, resolved_time=resolved_time)

    def earlier(self) -> EarlierRequest:
        """As a retry sees it."""
        return EarlierRequest(
            hold_id=self.hold.hold_id,
            request_id=self.command.request_id,
            state=self.hold.state,
            fingerprint=self.command.fingerprint,
            amount_microcredits=self.hold.amount_microcredits,
            charged_microcredits=self.hold.charged_microcredits,
            payload=self.payload,
        )

    def open_hold(self) -> OpenHold:
        """As the sweeper sees it."""
        return OpenHold(
            hold_id=self.hold.hold_id,
            account_id=self.hold.account_id,
            request_id=self.command.request_id,
            owner=self.command.owner,
            created_time=self.command.created_time,
            expires_time=self.command.expires_time,
            attempt_state=self.attempts[-1].state if self.attempts else None,
        )

    def record(self) -> RequestRecord:
        """As the request log shows it."""
        command = self.command
        return RequestRecord(
            request_id=command.request_id,
            hold_id=command.hold_id,
            account_id=command.account_id,
            api_key_id=command.api_key_id,
            kind=command.kind,
            model=command.model,
            catalog_version=command.catalog_version,
            rate_json=command.rate_json,
            idempotency_key=command.idempotency_key,
            stream=command.stream,
            state=self.hold.state,
            outcome=self.outcome,
            error_reason=self.error_reason,
            held_microcredits=self.hold.amount_microcredits,
            charged_microcredits=self.hold.charged_microcredits,
            shortfall_microcredits=self.hold.shortfall_microcredits,
            usage=self.usage,
            usage_estimated=self.usage_estimated,
            finish_reason=self.finish_reason,
            created_time=command.created_time,
            expires_time=command.expires_time,
            resolved_time=self.resolved_time,
            attempts=self.attempts,
        )

    def facts(self) -> HoldFacts:
        """As the auditor sees it."""
        return HoldFacts(
            hold_id=self.hold.hold_id,
            account_id=self.hold.account_id,
            kind=self.command.kind,
            state=self.hold.state,
            amount_microcredits=self.hold.amount_microcredits,
            charged_microcredits=self.hold.charged_microcredits,
            shortfall_microcredits=self.hold.shortfall_microcredits,
            outcome=self.outcome,
            usage=self.usage,
            usage_estimated=self.usage_estimated,
            rate_json=self.command.rate_json,
            fingerprint=self.command.fingerprint,
            idempotency_key=self.command.idempotency_key,
            expires_time=self.command.expires_time,
            resolved_time=self.resolved_time,
        )


def _close(record: AttemptRecord, outcome: AttemptOutcome) -> AttemptRecord:
    return replace(
        record,
        state=outcome.state,
        ended_time=outcome.ended_time,
        http_status=outcome.http_status,
        error=outcome.error,
        upstream_request_id=outcome.upstream_request_id,
        returned_model=outcome.returned_model,
        first_byte_seconds=outcome.first_byte_seconds,
        house_cost_microcredits=outcome.house_cost_microcredits,
    )


@dataclass(slots=True)
class Rows:
    """Every table."""

    accounts: dict[str, Account] = field(default_factory=dict)
    keys: dict[str, ApiKey] = field(default_factory=dict)
    key_ids_by_hash: dict[bytes, str] = field(default_factory=dict)
    holds: dict[str, HoldRow] = field(default_factory=dict)
    hold_ids_by_request: dict[tuple[str, str], str] = field(default_factory=dict)
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    grants: dict[str, GrantCredits] = field(default_factory=dict)
    beats: dict[str, int] = field(default_factory=dict)

    def account(self, account_id: str) -> AccountState:
        """The account's money; raises ``AccountNotFound``."""
        account = self.accounts.get(account_id)
        if account is None:
            raise AccountNotFound(account_id)
        balance = account.balance
        return AccountState(
            account_id,
            balance.available_microcredits,
            balance.held_microcredits,
            balance.charged_microcredits,
            balance.granted_microcredits,
        )

    def hold(self, hold_id: str, account_id: str | None) -> HoldRow:
        """A hold, of this account if one is given; raises ``HoldNotFound``."""
        row = self.holds.get(hold_id)
        if row is None or account_id not in {None, row.hold.account_id}:
            raise HoldNotFound(hold_id)
        return row

    def insert_account(self, account_id: str, name: str, created_time: float) -> Account:
        """Add an account without money."""
        account = Account(account_id, name, created_time, Balance(0, 0, 0, 0))
        self.accounts[account_id] = account
        return account

    def insert_hold(self, row: HoldRow, account: AccountState, entry: EntryDraft) -> None:
        """Add a hold with its first try, and its entry."""
        command = row.command
        self.holds[command.hold_id] = row.opened(command.attempt)
        self.hold_ids_by_request[command.account_id, command.request_id] = command.hold_id
        self.write(account, entry, command.created_time, None)

    def update_hold(
        self, row: HoldRow, account: AccountState, entry: EntryDraft, time: float
    ) -> None:
        """Keep a hold's end, and its entry."""
        self.holds[row.hold.hold_id] = row
        self.write(account, entry, time, None)

    def write(
        self, account: AccountState, entry: EntryDraft, time: float, description: str | None
    ) -> None:
        """Keep an account's new balance together with the line that explains it."""
        row = self.accounts[account.account_id]
        self.accounts[account.account_id] = replace(row, balance=account.balance)
        self.entries.append(
            Entry(
                entry_id=f"entry_{len(self.entries):012d}",
                account_id=account.account_id,
                kind=entry.kind,
                hold_id=entry.hold_id,
                available_delta_microcredits=entry.available_delta_microcredits,
                held_delta_microcredits=entry.held_delta_microcredits,
                charged_delta_microcredits=entry.charged_delta_microcredits,
                granted_delta_microcredits=entry.granted_delta_microcredits,
                created_time=time,
                description=description,
            )
        )

    def newest_holds(self, account_id: str | None, before: str | None) -> Iterator[HoldRow]:
        """Holds by id, backwards, of one account or of all."""
        for hold_id in sorted(self.holds, reverse=True):
            row = self.holds[hold_id]
            if account_id in {None, row.hold.account_id} and (before is None or hold_id < before):
                yield row

    def open_holds(self) -> Iterator[HoldRow]:
        """What is held, oldest first."""
        for hold_id in sorted(self.holds):
            if (row := self.holds[hold_id]).hold.state is HoldState.HELD:
                yield row

    def newest_entries(self, account_id: str, before: int | None) -> Iterator[tuple[int, Entry]]:
        """An account's entries backwards, each with its number among all."""
        for number in reversed(range(len(self.entries))):
            entry = self.entries[number]
            if entry.account_id == account_id and (before is None or number < before):
                yield number, entry

    def entry_record(self, entry: Entry) -> EntryRecord:
        """An entry with the call that it is about."""
        if entry.hold_id is None:
            return EntryRecord(entry, None, None)
        command = self.holds[entry.hold_id].command
        return EntryRecord(entry, command.request_id, command.model)

    def facts(self) -> AuditRows:
        """Every row as the auditor wants it."""
        holds = [self.holds[hold_id] for hold_id in sorted(self.holds)]
        claims = sorted(self.claims.items(), key=lambda item: item[1].hold_id)
        entries = sorted(map(_entry_facts, self.entries), key=lambda entry: entry.hold_id)
        return AuditRows(
            accounts=[_account_facts(account) for account in self.accounts.values()],
            holds=[row.facts() for row in holds],
            hold_entries=[entry for entry in entries if entry.hold_id],
            grant_entries=[entry for entry in entries if not entry.hold_id],
            attempts=[
                AttemptFacts(row.hold.hold_id, attempt.number, attempt.state)
                for row in holds
                for attempt in row.attempts
            ],
            claims=[
                ClaimFacts(claim.hold_id, account_id, key, claim.fingerprint)
                for (account_id, key), claim in claims
            ],
            results=[ResultFacts(row.hold.hold_id) for row in holds if row.payload is not None],
            grants=[
                GrantFacts(grant.account_id, grant.amount_microcredits)
                for grant in self.grants.values()
            ],
        )


def _account_facts(account: Account) -> AccountFacts:
    balance = account.balance
    return AccountFacts(
        account.account_id,
        balance.available_microcredits,
        balance.held_microcredits,
        balance.charged_microcredits,
        balance.granted_microcredits,
    )


def _entry_facts(entry: Entry) -> EntryFacts:
    return EntryFacts(
        entry.hold_id or "",
        entry.account_id,
        entry.kind,
        entry.available_delta_microcredits,
        entry.held_delta_microcredits,
        entry.charged_delta_microcredits,
        entry.granted_delta_microcredits,
    )
