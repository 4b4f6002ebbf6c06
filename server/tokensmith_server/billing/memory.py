"""The ledger in dictionaries: for tests, and held to the same contract suite as the databases.

It decides with the same pure functions, so what it adds is only what a database adds: rows,
uniqueness, and that each command takes effect as one. Every method yields to the event loop once
before it acts, as a database would, and never in the middle.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from tokensmith_server.billing import ledger
from tokensmith_server.billing.audit import SWEEP_GRACE_SECONDS, Price, audit
from tokensmith_server.billing.commands import (
    Balance,
    ExpireHold,
    GrantCredits,
    GrantReceipt,
    HoldPlaced,
    HoldState,
    MarkDelivered,
    NextAttempt,
    Outcome,
    PlaceHold,
    Resolution,
    SettleHold,
    StoredResult,
    VoidHold,
)
from tokensmith_server.billing.errors import (
    AccountExists,
    AccountNotFound,
    HoldAlreadyResolved,
    KeyNotFound,
    LedgerUnavailable,
    RequestIdReused,
    RequestNotFound,
)
from tokensmith_server.billing.idempotency import (
    CLAIM_KEPT_SECONDS,
    RETRY_JOIN_SECONDS,
    EarlierRequest,
    answer_keyed,
    answer_retry,
    check_same_grant,
    joins_earlier,
)
from tokensmith_server.billing.ledger import EntryKind
from tokensmith_server.billing.listing import EntryFilter, EntryRecord, Page, RequestFilter
from tokensmith_server.billing.memory_rows import Claim, HoldRow, Rows
from tokensmith_server.billing.store import (
    Account,
    ApiKey,
    AuditReport,
    Caller,
    Entry,
    OpenHold,
    RequestRecord,
)

Item = TypeVar("Item")


class MemoryLedgerStore:
    """Every store of the ledger over dictionaries.

    ``price`` is what the audit recomputes charges with. Setting ``available`` to false makes
    every method raise ``LedgerUnavailable``, as a lost database does.
    """

    def __init__(self, price: Price | None = None) -> None:
        self.available = True
        self._price = price
        self._rows = Rows()

    async def _begin(self) -> Rows:
        await asyncio.sleep(0)
        if not self.available:
            raise LedgerUnavailable("the ledger is switched off")
        return self._rows

    # Ledger

    async def place_hold(self, command: PlaceHold) -> HoldPlaced | StoredResult:
        """See ``LedgerStore``."""
        rows = await self._begin()
        account = rows.account(command.account_id)
        if (stored := _earlier_answer(rows, command)) is not None:
            return stored
        if (command.account_id, command.request_id) in rows.hold_ids_by_request:
            raise RequestIdReused(command.request_id)
        account, hold, units, entry = ledger.place(account, command)
        rows.insert_hold(HoldRow(hold=hold, command=command), account, entry)
        if command.idempotency_key is not None:
            rows.claims[command.account_id, command.idempotency_key] = Claim(
                hold.hold_id, command.fingerprint, command.created_time
            )
        return HoldPlaced(hold.hold_id, hold.amount_microcredits, units, account.balance)

    async def settle_hold(self, command: SettleHold) -> Resolution:
        """See ``LedgerStore``."""
        rows = await self._begin()
        row = rows.hold(command.hold_id, command.account_id)
        account = rows.account(command.account_id)
        if row.hold.state is not HoldState.HELD:
            return ledger.repeat_resolution(
                account, row.hold, HoldState.SETTLED, command.charge_microcredits
            )
        account, hold, entry, resolution = ledger.settle(
            account, row.hold, command.charge_microcredits
        )
        row = replace(
            row,
            usage=command.usage,
            usage_estimated=command.usage_estimated,
            finish_reason=command.finish_reason,
            payload=command.result,
            payload_expires_time=command.result_expires_time,
        ).ended(hold, command.outcome, command.resolved_time, command.attempt)
        rows.update_hold(row, account, entry, command.resolved_time)
        return resolution

    async def void_hold(self, command: VoidHold) -> Resolution:
        """See ``LedgerStore``."""
        rows = await self._begin()
        row = rows.hold(command.hold_id, command.account_id)
        account = rows.account(command.account_id)
        if row.hold.state is not HoldState.HELD:
            return ledger.repeat_resolution(account, row.hold, HoldState.VOIDED)
        account, hold, entry, resolution = ledger.void(account, row.hold)
        row = replace(row, error_reason=command.error_reason).ended(
            hold, command.outcome, command.resolved_time, command.attempt
        )
        rows.update_hold(row, account, entry, command.resolved_time)
        return resolution

    async def expire_hold(self, command: ExpireHold) -> Resolution:
        """See ``LedgerStore``."""
        rows = await self._begin()
        row = rows.hold(command.hold_id, command.account_id)
        account = rows.account(command.account_id)
        if row.hold.state is not HoldState.HELD:
            return ledger.repeat_resolution(account, row.hold, HoldState.EXPIRED)
        account, hold, entry, resolution = ledger.expire(account, row.hold)
        row = row.ended(hold, Outcome.UNKNOWN, command.resolved_time, None)
        rows.update_hold(row, account, entry, command.resolved_time)
        return resolution

    async def next_attempt(self, command: NextAttempt) -> None:
        """See ``LedgerStore``."""
        rows = await self._begin()
        row = rows.hold(command.hold_id, None)
        if row.hold.state is not HoldState.HELD:
            raise HoldAlreadyResolved(command.hold_id, row.hold.state)
        rows.holds[command.hold_id] = row.closed(command.closed).opened(command.opened)

    def mark_delivered(self, command: MarkDelivered) -> None:
        """See ``LedgerStore``; here it takes effect at once."""
        row = self._rows.holds.get(command.hold_id)
        if row is not None and row.command.idempotency_key is None:
            self._rows.holds[command.hold_id] = replace(row, payload=None)

    async def grant_credits(self, command: GrantCredits) -> GrantReceipt:
        """See ``LedgerStore``."""
        rows = await self._begin()
        account = rows.account(command.account_id)
        if (earlier := rows.grants.get(command.grant_id)) is not None:
            check_same_grant(earlier.account_id, earlier.amount_microcredits, command)
            return GrantReceipt(account.balance, repeated=True)
        account, entry = ledger.grant(account, command.amount_microcredits)
        rows.grants[command.grant_id] = command
        rows.write(account, entry, command.created_time, command.reason)
        return GrantReceipt(account.balance, repeated=False)

    # Accounts and keys

    async def create_account(self, account_id: str, name: str, created_time: float) -> Account:
        """See ``AccountStore``."""
        rows = await self._begin()
        if account_id in rows.accounts or any(row.name == name for row in rows.accounts.values()):
            raise AccountExists(name)
        return rows.insert_account(account_id, name, created_time)

    async def list_accounts(self) -> Sequence[Account]:
        """See ``AccountStore``."""
        rows = await self._begin()
        return sorted(rows.accounts.values(), key=lambda account: account.name)

    async def get_account(self, id_or_name: str) -> Account:
        """See ``AccountStore``. An id goes before another account's name."""
        rows = await self._begin()
        if id_or_name in rows.accounts:
            return rows.accounts[id_or_name]
        for account in rows.accounts.values():
            if account.name == id_or_name:
                return account
        raise AccountNotFound(id_or_name)

    async def create_key(self, key: ApiKey, key_hash: bytes) -> None:
        """See ``AccountStore``."""
        rows = await self._begin()
        rows.account(key.account_id)
        rows.keys[key.key_id] = key
        rows.key_ids_by_hash[key_hash] = key.key_id

    async def list_keys(self, account_id: str) -> Sequence[ApiKey]:
        """See ``AccountStore``."""
        rows = await self._begin()
        keys = (key for key in rows.keys.values() if key.account_id == account_id)
        return sorted(keys, key=lambda key: (key.created_time, key.key_id), reverse=True)

    async def get_key(self, account_id: str, key_id: str) -> ApiKey:
        """See ``AccountStore``."""
        rows = await self._begin()
        key = rows.keys.get(key_id)
        if key is None or key.account_id != account_id:
            raise KeyNotFound(key_id)
        return key

    async def revoke_key(self, account_id: str, key_id: str, revoked_time: float) -> ApiKey:
        """See ``AccountStore``."""
        key = await self.get_key(account_id, key_id)
        rows = self._rows
        if key.revoked_time is None:
            key = rows.keys[key_id] = replace(key, revoked_time=revoked_time)
        return key

    async def find_caller(self, key_hash: bytes, now: float) -> Caller | None:
        """See ``AccountStore``."""
        rows = await self._begin()
        key = rows.keys.get(rows.key_ids_by_hash.get(key_hash, ""))
        if key is None or key.revoked_time is not None:
            return None
        if key.expires_time is not None and key.expires_time <= now:
            return None
        rows.keys[key.key_id] = replace(key, last_used_time=now)
        return Caller(key.account_id, rows.accounts[key.account_id].name, key.key_id)

    # Request log

    async def get_balance(self, account_id: str) -> Balance:
        """See ``RequestStore``."""
        rows = await self._begin()
        return rows.account(account_id).balance

    async def get_request(self, account_id: str, request_id: str) -> RequestRecord:
        """See ``RequestStore``."""
        rows = await self._begin()
        hold_id = rows.hold_ids_by_request.get((account_id, request_id))
        if hold_id is None:
            raise RequestNotFound(request_id)
        return rows.holds[hold_id].record()

    async def find_earlier(self, account_id: str, idempotency_key: str) -> EarlierRequest | None:
        """See ``RequestStore``."""
        rows = await self._begin()
        claim = rows.claims.get((account_id, idempotency_key))
        return rows.holds[claim.hold_id].earlier() if claim else None

    async def list_requests(
        self, account_id: str | None, *, limit: int, before: str | None = None
    ) -> Sequence[RequestRecord]:
        """See ``RequestStore``."""
        rows = await self._begin()
        return [row.record() for row in rows.newest_holds(account_id, before)][:limit]

    async def list_entries(
        self, account_id: str, *, limit: int, before: str | None = None
    ) -> Sequence[Entry]:
        """See ``RequestStore``."""
        rows = await self._begin()
        entries = reversed(rows.entries)
        mine = (entry for entry in entries if entry.account_id == account_id)
        return [entry for entry in mine if before is None or entry.entry_id < before][:limit]

    async def list_open_holds(
        self, account_id: str, *, limit: int, before: str | None = None
    ) -> Sequence[RequestRecord]:
        """See ``RequestStore``."""
        rows = await self._begin()
        holds = rows.newest_holds(account_id, before)
        return [row.record() for row in holds if row.hold.state is HoldState.HELD][:limit]

    async def page_requests(
        self, account_id: str, wanted: RequestFilter, *, limit: int, before: int | None = None
    ) -> Page[RequestRecord]:
        """See ``LogStore``."""
        rows = await self._begin()
        found = [
            (number, record)
            for number, entry in rows.newest_entries(account_id, before)
            if entry.kind == EntryKind.HOLD
            and wanted.takes(record := rows.holds[entry.hold_id or ""].record())
        ]
        return _page(found, limit)

    async def page_entries(
        self, account_id: str, wanted: EntryFilter, *, limit: int, before: int | None = None
    ) -> Page[EntryRecord]:
        """See ``LogStore``."""
        rows = await self._begin()
        found = [
            (number, rows.entry_record(entry))
            for number, entry in rows.newest_entries(account_id, before)
            if wanted.takes(entry)
        ]
        return _page(found, limit)

    # Sweeper

    async def beat(self, owner: str) -> None:
        """See ``SweepStore``."""
        rows = await self._begin()
        rows.beats[owner] = rows.beats.get(owner, 0) + 1

    async def retire(self, owner: str) -> None:
        """See ``SweepStore``."""
        rows = await self._begin()
        rows.beats.pop(owner, None)

    async def list_hold_owners(self) -> Mapping[str, int | None]:
        """See ``SweepStore``."""
        rows = await self._begin()
        return {row.command.owner: rows.beats.get(row.command.owner) for row in rows.open_holds()}

    async def list_unowned_holds(
        self, gone: Mapping[str, int | None], *, limit: int
    ) -> Sequence[OpenHold]:
        """See ``SweepStore``."""
        rows = await self._begin()
        found = [
            row.open_hold()
            for row in rows.open_holds()
            if (owner := row.command.owner) in gone
            and (owner not in rows.beats or rows.beats[owner] == gone[owner])
        ]
        return found[:limit]

    async def list_overdue_holds(self, owner: str, now: float) -> Sequence[OpenHold]:
        """See ``SweepStore``."""
        rows = await self._begin()
        return [
            row.open_hold()
            for row in rows.open_holds()
            if row.command.owner == owner and row.command.expires_time <= now
        ]

    async def forget_results(self, now: float) -> int:
        """See ``SweepStore``. A key goes ``CLAIM_KEPT_SECONDS`` after its newest hold was made."""
        rows = await self._begin()
        forgotten = 0
        for row in list(rows.holds.values()):
            expires_time = row.payload_expires_time
            if row.payload is not None and expires_time is not None and expires_time <= now:
                rows.holds[row.hold.hold_id] = replace(row, payload=None)
                forgotten += 1
        for key, claim in list(rows.claims.items()):
            is_open = rows.holds[claim.hold_id].hold.state is HoldState.HELD
            if not is_open and claim.created_time + CLAIM_KEPT_SECONDS <= now:
                del rows.claims[key]
                forgotten += 1
        return forgotten

    async def audit(self, *, now: float) -> AuditReport:
        """See ``SweepStore``."""
        rows = await self._begin()
        return audit(rows.facts(), now, price=self._price, grace_seconds=SWEEP_GRACE_SECONDS)


def _page(found: Sequence[tuple[int, Item]], limit: int) -> Page[Item]:
    """The first of what was found, numbered, and where the rest begins."""
    page = found[:limit]
    return Page([item for _, item in page], page[-1][0] if len(found) > limit else None)


def _earlier_answer(rows: Rows, command: PlaceHold) -> StoredResult | None:
    if command.idempotency_key is not None:
        claim = rows.claims.get((command.account_id, command.idempotency_key))
        if claim is None:
            return None
        return answer_keyed(rows.holds[claim.hold_id].earlier(), command.fingerprint)
    if joins_earlier(command):
        return answer_retry(_candidates(rows, command))
    return None


def _candidates(rows: Rows, command: PlaceHold) -> list[EarlierRequest]:
    oldest_time = command.created_time - RETRY_JOIN_SECONDS
    return [
        row.earlier()
        for row in rows.newest_holds(command.account_id, None)
        if row.command.api_key_id == command.api_key_id
        and row.command.idempotency_key is None
        and row.command.fingerprint == command.fingerprint
        and row.command.created_time >= oldest_time
    ]
