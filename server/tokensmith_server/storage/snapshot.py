"""What a batch of commands needs from the database, what it found there, what it will write.

Rows here are plain tuples in the column orders given, since thousands of them a second are made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tokensmith_server.billing.commands import (
    ExpireHold,
    GrantCredits,
    MarkDelivered,
    NextAttempt,
    PlaceHold,
    SettleHold,
    VoidHold,
)
from tokensmith_server.billing.idempotency import joins_earlier
from tokensmith_server.billing.ledger import AccountState, Hold

Command = (
    PlaceHold | SettleHold | VoidHold | ExpireHold | NextAttempt | MarkDelivered | GrantCredits
)

Row = tuple[Any, ...]


class Columns:
    """The columns of a kind of row, of which the last ones are null in most batches.

    A null costs as much to hand over as a value does, so those are left out of a batch in which no
    row has any of them. They must be columns that are null before such a row is written.
    """

    __slots__ = ("_rest", "_usual", "names")

    def __init__(self, *usual: str, seldom: tuple[str, ...] = ()) -> None:
        self.names = usual + seldom
        self._usual = usual
        self._rest = (None,) * len(seldom)

    def used_by(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """All names, or those before the ones that are null in each of the rows."""
        usual_count, rest = len(self._usual), self._rest
        for row in rows:
            if row[usual_count:] != rest:
                return self.names
        return self._usual


HOLD_COLUMNS = Columns(
    "hold_id",
    "account_id",
    "api_key_id",
    "request_id",
    "kind",
    "model",
    "catalog_version",
    "rate_json",
    "stream",
    "owner",
    "created_time_microseconds",
    "expires_time_microseconds",
    "amount_microcredits",
    "units",
    seldom=("fingerprint", "idempotency_key"),
)
"""A new hold; its state is ``held`` and nothing is charged."""

END_COLUMNS = Columns(
    "hold_id",
    "state",
    "charged_microcredits",
    "shortfall_microcredits",
    "resolved_time_microseconds",
    "outcome",
    "finish_reason",
    "usage_estimated",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    seldom=(
        "cache_write_tokens",
        "input_audio_tokens",
        "output_audio_tokens",
        "input_image_tokens",
        "accepted_prediction_tokens",
        "rejected_prediction_tokens",
        "error_reason",
    ),
)
"""How a hold ended; found by its first column."""

ATTEMPT_COLUMNS = Columns(
    "hold_id",
    "number",
    "provider",
    "upstream_model",
    "state",
    "started_time_microseconds",
    "credential",
)

ATTEMPT_END_COLUMNS = Columns(
    "hold_id",
    "number",
    "state",
    "ended_time_microseconds",
    "http_status",
    "first_byte_microseconds",
    "upstream_request_id",
    "returned_model",
    seldom=("error", "house_cost_microcredits"),
)
"""How an attempt ended; found by its first two columns."""

ABANDONED_COLUMNS = Columns("hold_id", "number", "ended_time_microseconds")
"""Holds that ended without word of an attempt: what is open becomes ``unknown``, except the
attempt of this number, of which there was word (zero for none).
"""

ENTRY_COLUMNS = Columns(
    "account_id",
    "sequence",
    "kind",
    "hold_id",
    "phase",
    "available_delta_microcredits",
    "held_delta_microcredits",
    "charged_delta_microcredits",
    "granted_delta_microcredits",
    "created_time_microseconds",
    seldom=("description",),
)

CLAIM_COLUMNS = Columns(
    "account_id",
    "idempotency_key",
    "hold_id",
    "fingerprint",
    "created_time_microseconds",
)

RESULT_COLUMNS = Columns(
    "hold_id",
    "api_key_id",
    "fingerprint",
    "keyed",
    "payload",
    "expires_time_microseconds",
)

GRANT_COLUMNS = Columns(
    "grant_id",
    "account_id",
    "amount_microcredits",
    "reason",
    "created_time_microseconds",
)

DELIVERED_COLUMNS = Columns("hold_id")
"""Keyless results that their callers have."""

ACCOUNT_COLUMNS = Columns(
    "account_id",
    "available_microcredits",
    "held_microcredits",
    "charged_microcredits",
    "granted_microcredits",
    "last_sequence",
)
"""An account as it is after the batch; found by its first column."""


@dataclass(slots=True)
class AccountSnapshot:
    """An account as the batch moves it on."""

    state: AccountState
    last_sequence: int


@dataclass(slots=True)
class HoldSnapshot:
    """A hold with what idempotency needs to know of it."""

    hold: Hold
    request_id: str
    api_key_id: str
    keyed: bool
    fingerprint: bytes | None
    created_time_microseconds: int


@dataclass(slots=True)
class Needs:
    """The rows that a batch must see before it can decide."""

    account_ids: set[str] = field(default_factory=set)
    # Ends; their account is known.
    hold_ids: set[str] = field(default_factory=set)
    # Next attempts; their account is found through the hold.
    attempt_hold_ids: set[str] = field(default_factory=set)
    # (account_id, idempotency_key)
    claims: set[tuple[str, str]] = field(default_factory=set)
    # (account_id, api_key_id, fingerprint) of retries without a key.
    retries: set[tuple[str, str, bytes]] = field(default_factory=set)
    # (account_id, request_id)
    request_ids: set[tuple[str, str]] = field(default_factory=set)
    grant_ids: set[str] = field(default_factory=set)

    @property
    def plain(self) -> bool:
        """Whether accounts and holds by id are all that is needed, beside unused request ids."""
        return not (self.attempt_hold_ids or self.claims or self.retries or self.grant_ids)


@dataclass(slots=True)
class Snapshot:
    """What the database said, moved on by each command of the batch in turn.

    ``assumed`` says that the rows were neither read nor locked for this batch: a refusal that
    rests on them may be wrong, while a batch that is written on a wrong assumption fails whole.
    """

    accounts: dict[str, AccountSnapshot] = field(default_factory=dict)
    holds: dict[str, HoldSnapshot] = field(default_factory=dict)
    # (account_id, idempotency_key) -> hold_id, which is among the holds
    claims: dict[tuple[str, str], str] = field(default_factory=dict)
    # (api_key_id, fingerprint) -> ids of keyless holds, among the holds, that a retry may join
    similar: dict[tuple[str, bytes], list[str]] = field(default_factory=dict)
    # (account_id, request_id) pairs that are taken
    request_ids: set[tuple[str, str]] = field(default_factory=set)
    # hold_id -> stored answer
    results: dict[str, bytes] = field(default_factory=dict)
    # grant_id -> account_id, amount
    grants: dict[str, tuple[str, int]] = field(default_factory=dict)
    assumed: bool = False


@dataclass(slots=True)
class Writes:
    """Everything a batch writes, in the column orders above."""

    accounts: dict[str, AccountSnapshot] = field(default_factory=dict)
    holds: list[Row] = field(default_factory=list)
    ends: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    attempt_ends: list[Row] = field(default_factory=list)
    abandoned: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    claims: dict[tuple[str, str], Row] = field(default_factory=dict)
    results: list[Row] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    grants: list[Row] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(
            self.entries or self.attempts or self.attempt_ends or self.delivered or self.claims
        )

    @property
    def account_rows(self) -> list[Row]:
        """The accounts in id order, which is the order of locking."""
        return [
            (
                account_id,
                account.state.available_microcredits,
                account.state.held_microcredits,
                account.state.charged_microcredits,
                account.state.granted_microcredits,
                account.last_sequence,
            )
            for account_id, account in sorted(self.accounts.items())
        ]


def needs_of(commands: Iterable[Command]) -> Needs:
    """What these commands must see."""
    needs = Needs()
    for command in commands:
        match command:
            case SettleHold() | VoidHold() | ExpireHold():
                needs.account_ids.add(command.account_id)
                needs.hold_ids.add(command.hold_id)
            case PlaceHold():
                needs.account_ids.add(command.account_id)
                needs.request_ids.add((command.account_id, command.request_id))
                if command.idempotency_key is not None:
                    needs.claims.add((command.account_id, command.idempotency_key))
                elif command.fingerprint is not None and joins_earlier(command):
                    needs.retries.add((command.account_id, command.api_key_id, command.fingerprint))
            case NextAttempt():
                needs.attempt_hold_ids.add(command.hold_id)
            case GrantCredits():
                needs.account_ids.add(command.account_id)
                needs.grant_ids.add(command.grant_id)
            case MarkDelivered():
                pass
    return needs
