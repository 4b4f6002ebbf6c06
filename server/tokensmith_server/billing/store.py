"""What the services need from whatever keeps the ledger. Implemented under ``storage``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tokensmith_server.billing.commands import (
    AttemptState,
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
from tokensmith_server.billing.idempotency import EarlierRequest
from tokensmith_server.billing.usage import TokenUsage


class LedgerStore(Protocol):
    """The commands of the ledger. Each returns once its effect is durable.

    Waiting commands of one process share a transaction; an idle one never waits for company.
    Every method raises ``LedgerUnavailable`` when the database does not answer, and ``DataRefused``
    when it takes no such value.
    """

    async def place_hold(self, command: PlaceHold) -> HoldPlaced | StoredResult:
        """Reserve credits, or hand out the first answer of the request this one repeats.

        Raises:
            InsufficientCredits: the balance does not cover ``units_minimum``.
            IdempotencyKeyReused: the key belongs to another request.
            IdempotencyInProgress: the first request still runs.
            RequestIdReused: the account has another call with this request id.
            AccountNotFound: the account does not exist.
        """
        ...

    async def settle_hold(self, command: SettleHold) -> Resolution:
        """Charge and release.

        A repeat of the same settlement returns the first resolution.

        Raises:
            HoldAlreadyResolved: the hold was voided or expired before.
            HoldNotFound: there is no such hold.
        """
        ...

    async def void_hold(self, command: VoidHold) -> Resolution:
        """Release everything and free the idempotency key, since nothing was produced.

        Raises:
            HoldAlreadyResolved: the hold was settled or expired before.
            HoldNotFound: there is no such hold.
        """
        ...

    async def expire_hold(self, command: ExpireHold) -> Resolution:
        """Release a hold whose window has passed. Raises like ``void_hold``."""
        ...

    async def next_attempt(self, command: NextAttempt) -> None:
        """Make the next try durable before it is sent."""
        ...

    def mark_delivered(self, command: MarkDelivered) -> None:
        """Note delivery with the next transaction that happens anyway; returns at once."""
        ...

    async def grant_credits(self, command: GrantCredits) -> GrantReceipt:
        """Add credits once per ``grant_id``; the same grant again says ``repeated``.

        Raises:
            GrantIdReused: the id names another grant: of another account or amount.
            AmountOutOfRange: the amount is not positive, or more than the account can keep.
            AccountNotFound: the account does not exist.
        """
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """A customer with a balance. ``name`` is unique and chosen by the operator."""

    account_id: str
    name: str
    created_time: float
    balance: Balance


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key: never the key. ``hint`` is its last four characters."""

    key_id: str
    account_id: str
    name: str
    hint: str
    created_time: float
    expires_time: float | None
    revoked_time: float | None
    last_used_time: float | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the outcome of authentication."""

    account_id: str
    account_name: str
    key_id: str


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try at an upstream, as the request log shows it."""

    number: int
    provider: str
    upstream_model: str
    state: AttemptState
    started_time: float
    ended_time: float | None
    http_status: int | None
    error: str | None
    upstream_request_id: str | None
    returned_model: str | None
    first_byte_seconds: float | None
    credential: str | None = None
    house_cost_microcredits: int | None = None


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One call as the customer's request log shows it; the hold is its money."""

    request_id: str
    hold_id: str
    account_id: str
    api_key_id: str
    kind: str
    model: str
    catalog_version: str
    rate_json: str
    idempotency_key: str | None
    stream: bool
    state: HoldState
    outcome: Outcome | None
    error_reason: str | None
    held_microcredits: int
    charged_microcredits: int
    shortfall_microcredits: int
    usage: TokenUsage | None
    usage_estimated: bool
    finish_reason: str | None
    created_time: float
    expires_time: float
    resolved_time: float | None
    attempts: tuple[AttemptRecord, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One immutable ledger line. The deltas of an account's entries sum to its balance."""

    entry_id: str
    account_id: str
    kind: str  # grant, hold, settle, void, expire
    hold_id: str | None
    available_delta_microcredits: int
    held_delta_microcredits: int
    charged_delta_microcredits: int
    granted_delta_microcredits: int
    created_time: float
    description: str | None


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A hold that is still held, as the sweeper sees it."""

    hold_id: str
    account_id: str
    request_id: str
    owner: str
    created_time: float
    expires_time: float
    attempt_state: AttemptState | None


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant: its number in the docs (I1..I10), the subject and what was found."""

    invariant: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the auditor looked at and what it found.

    ``unknown_attempts`` is the length of the reconciliation list: tries of which nobody knows
    whether the provider did the work. They are no violation.
    """

    accounts: int
    holds: int
    entries: int
    attempts: int
    open_holds: int
    violations: tuple[Violation, ...]
    unknown_attempts: int = 0

    @property
    def clean(self) -> bool:
        """No violations."""
        return not self.violations


class AccountStore(Protocol):
    """Accounts and API keys; everything by owner."""

    async def create_account(self, account_id: str, name: str, created_time: float) -> Account:
        """Create an account with a zero balance.

        Raises:
            AccountExists: the name is taken.
        """
        ...

    async def list_accounts(self) -> Sequence[Account]:
        """Every account, by name."""
        ...

    async def get_account(self, id_or_name: str) -> Account:
        """One account.

        Raises:
            AccountNotFound: there is none.
        """
        ...

    async def create_key(self, key: ApiKey, key_hash: bytes) -> None:
        """Keep a new key by its hash."""
        ...

    async def list_keys(self, account_id: str) -> Sequence[ApiKey]:
        """The account's keys, newest first, revoked ones included."""
        ...

    async def get_key(self, account_id: str, key_id: str) -> ApiKey:
        """One key of the account.

        Raises:
            KeyNotFound: the account has no such key.
        """
        ...

    async def revoke_key(self, account_id: str, key_id: str, revoked_time: float) -> ApiKey:
        """Revoke; a repeat keeps the first time.

        Raises:
            KeyNotFound: the account has no such key.
        """
        ...

    async def find_caller(self, key_hash: bytes, now: float) -> Caller | None:
        """Who owns the live key with this hash; ``None`` for unknown, revoked or expired."""
        ...


class RequestStore(Protocol):
    """The request log and the entries, always within one account."""

    async def get_balance(self, account_id: str) -> Balance:
        """The account's money now.

        Raises:
            AccountNotFound: there is no such account.
        """
        ...

    async def get_request(self, account_id: str, request_id: str) -> RequestRecord:
        """One call with its attempts.

        Raises:
            RequestNotFound: the account has no such request.
        """
        ...

    async def find_earlier(self, account_id: str, idempotency_key: str) -> EarlierRequest | None:
        """The request that the account's idempotency key stands for, if it is in use."""
        ...

    async def list_requests(
        self, account_id: str | None, *, limit: int, before: str | None = None
    ) -> Sequence[RequestRecord]:
        """Newest first, after the hold id ``before``; without an account, the operator's view."""
        ...

    async def list_entries(
        self, account_id: str, *, limit: int, before: str | None = None
    ) -> Sequence[Entry]:
        """Newest first, after the entry id ``before``."""
        ...

    async def list_open_holds(
        self, account_id: str, *, limit: int, before: str | None = None
    ) -> Sequence[RequestRecord]:
        """Holds not yet resolved, newest first."""
        ...


class SweepStore(Protocol):
    """What the sweeper needs: who lives, what is left over, and what may be forgotten."""

    async def beat(self, owner: str) -> None:
        """Say that the process ``owner`` is alive: its beat moves on, whatever any clock says."""
        ...

    async def retire(self, owner: str) -> None:
        """Say that the process ``owner`` has ended in good order."""
        ...

    async def list_hold_owners(self) -> Mapping[str, int | None]:
        """Who has open holds, each with its last beat; ``None``: retired, or never heard of."""
        ...

    async def list_unowned_holds(
        self, gone: Mapping[str, int | None], *, limit: int
    ) -> Sequence[OpenHold]:
        """Open holds of those who are ``gone``, unless they beat since; oldest first."""
        ...

    async def list_overdue_holds(self, owner: str, now: float) -> Sequence[OpenHold]:
        """Open holds of one process whose window has passed by its own clock; oldest first."""
        ...

    async def forget_results(self, now: float) -> int:
        """Delete stored results and idempotency keys whose time has passed; how many.

        Where the database has a clock of its own, the time must have passed by that one too.
        """
        ...

    async def audit(self, *, now: float) -> AuditReport:
        """Check every invariant against every row."""
        ...
