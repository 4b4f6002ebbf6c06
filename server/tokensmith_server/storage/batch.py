"""Deciding a batch of commands, in order, against rows that were locked for it. Pure.

The money rules are ``billing.ledger``'s; here are the rules around them: idempotency, the
request log, attempts, stored results. A command that is refused leaves no trace in the writes.
"""

from collections.abc import Sequence
from typing import Final

from tokensmith_server.billing import ledger
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    AttemptState,
    ExpireHold,
    GrantCredits,
    GrantReceipt,
    HoldPlaced,
    HoldState,
    MarkDelivered,
    NewAttempt,
    NextAttempt,
    Outcome,
    PlaceHold,
    Resolution,
    SettleHold,
    StoredResult,
    VoidHold,
)
from tokensmith_server.billing.errors import (
    AccountNotFound,
    HoldAlreadyResolved,
    HoldNotFound,
    RequestIdReused,
)
from tokensmith_server.billing.idempotency import (
    RETRY_JOIN_SECONDS,
    EarlierRequest,
    answer_keyed,
    answer_retry,
    check_same_grant,
    joins_earlier,
)
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.storage.snapshot import (
    AccountSnapshot,
    Command,
    HoldSnapshot,
    Row,
    Snapshot,
    Writes,
)
from tokensmith_server.storage.times import microseconds

Answer = HoldPlaced | StoredResult | Resolution | GrantReceipt | None

_NO_USAGE: Final[Row] = (None,) * 10

# An enum's member is dear to find on its class, and its value by ``value``: both are functions of
# the enum module. ``_value_`` is the same attribute as it is stored.
_HELD: Final = HoldState.HELD
_DISPATCHED: Final = AttemptState.DISPATCHED.value


def decide(commands: Sequence[Command], snapshot: Snapshot) -> tuple[list[object], Writes]:
    """Each command's answer, or the exception that refuses it, and what to write.

    Exceptions other than refusals are defects; they too fail their command alone.
    """
    batch = _Batch(snapshot)
    answers: list[object] = []
    for command in commands:
        try:
            answers.append(batch.apply(command))
        except Exception as refusal:
            answers.append(refusal)
    return answers, batch.writes


class _Batch:
    """The state of the batch: rows as they are after the commands so far."""

    __slots__ = ("snapshot", "writes")

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.writes = Writes()

    def apply(self, command: Command) -> Answer:
        """Carry one command out; a refusal is raised before anything is noted."""
        match command:
            case PlaceHold():
                return self._place(command)
            case SettleHold():
                return self._settle(command)
            case VoidHold() | ExpireHold():
                return self._release(command)
            case GrantCredits():
                return self._grant(command)
            case NextAttempt():
                self._next_attempt(command)
            case MarkDelivered():
                self._deliver(command.hold_id)
        return None

    def _place(self, command: PlaceHold) -> HoldPlaced | StoredResult:
        account = self._account(command.account_id)
        earlier = self._earlier_answer(command)
        if earlier is not None:
            return earlier
        request = (command.account_id, command.request_id)
        if request in self.snapshot.request_ids or command.hold_id in self.snapshot.holds:
            raise RequestIdReused(command.request_id)
        state, hold, units, entry = ledger.place(account.state, command)
        created = microseconds(command.created_time)
        keyed = command.idempotency_key is not None
        self.writes.holds.append(
            (
                command.hold_id,
                command.account_id,
                command.api_key_id,
                command.request_id,
                command.kind,
                command.model,
                command.catalog_version,
                command.rate_json,
                int(command.stream),
                command.owner,
                created,
                microseconds(command.expires_time),
                hold.amount_microcredits,
                units,
                command.fingerprint,
                command.idempotency_key,
            )
        )
        self._enter(account, state, entry, "open", created)
        self._open_attempt(command.hold_id, command.attempt)
        self.snapshot.holds[command.hold_id] = HoldSnapshot(
            hold, command.request_id, command.api_key_id, keyed, command.fingerprint, created
        )
        self.snapshot.request_ids.add(request)
        if command.fingerprint is not None and not keyed:
            same = self.snapshot.similar.setdefault((command.api_key_id, command.fingerprint), [])
            same.append(command.hold_id)
        if command.idempotency_key is not None:
            claim = (command.account_id, command.idempotency_key)
            self.snapshot.claims[claim] = command.hold_id
            self.writes.claims[claim] = (*claim, command.hold_id, command.fingerprint, created)
        return HoldPlaced(command.hold_id, hold.amount_microcredits, units, state.balance)

    def _earlier_answer(self, command: PlaceHold) -> StoredResult | None:
        if command.idempotency_key is not None:
            hold_id = self.snapshot.claims.get((command.account_id, command.idempotency_key))
            if hold_id is None:
                return None
            return answer_keyed(self._earlier(hold_id), command.fingerprint)
        if command.fingerprint is not None and joins_earlier(command):
            oldest = microseconds(command.created_time - RETRY_JOIN_SECONDS)
            same = self.snapshot.similar.get((command.api_key_id, command.fingerprint), ())
            return answer_retry(
                self._earlier(hold_id)
                for hold_id in sorted(same, reverse=True)
                if self.snapshot.holds[hold_id].created_time_microseconds >= oldest
            )
        return None

    def _earlier(self, hold_id: str) -> EarlierRequest:
        earlier = self.snapshot.holds[hold_id]
        return EarlierRequest(
            hold_id=hold_id,
            request_id=earlier.request_id,
            state=earlier.hold.state,
            fingerprint=earlier.fingerprint,
            amount_microcredits=earlier.hold.amount_microcredits,
            charged_microcredits=earlier.hold.charged_microcredits,
            payload=self.snapshot.results.get(hold_id),
        )

    def _settle(self, command: SettleHold) -> Resolution:
        account, held = self._account_and_hold(command)
        if held.hold.state is not _HELD:
            return ledger.repeat_resolution(
                account.state, held.hold, HoldState.SETTLED, command.charge_microcredits
            )
        state, hold, entry, resolution = ledger.settle(
            account.state, held.hold, command.charge_microcredits
        )
        resolved = microseconds(command.resolved_time)
        self.writes.ends.append(
            (
                hold.hold_id,
                hold.state._value_,
                hold.charged_microcredits,
                hold.shortfall_microcredits,
                resolved,
                command.outcome._value_,
                command.finish_reason,
                int(command.usage_estimated),
                *_usage_columns(command.usage),
                None,
            )
        )
        held.hold = hold
        self._enter(account, state, entry, "end", resolved)
        self._end_attempts(hold.hold_id, command.attempt, resolved)
        if command.result is not None:
            self._keep_result(held, command.result, command.result_expires_time)
        return resolution

    def _release(self, command: VoidHold | ExpireHold) -> Resolution:
        account, held = self._account_and_hold(command)
        if isinstance(command, VoidHold):
            end, release = HoldState.VOIDED, ledger.void
            outcome, error_reason = command.outcome, command.error_reason
            attempt = command.attempt
        else:
            end, release = HoldState.EXPIRED, ledger.expire
            outcome, error_reason, attempt = Outcome.UNKNOWN, None, None
        if held.hold.state is not _HELD:
            return ledger.repeat_resolution(account.state, held.hold, end)
        state, hold, entry, resolution = release(account.state, held.hold)
        resolved = microseconds(command.resolved_time)
        self.writes.ends.append(
            (
                *(hold.hold_id, end.value, 0, 0, resolved),
                *(outcome.value, None, 0, *_NO_USAGE, error_reason),
            )
        )
        held.hold = hold
        self._enter(account, state, entry, "end", resolved)
        self._end_attempts(hold.hold_id, attempt, resolved)
        return resolution

    def _end_attempts(self, hold_id: str, attempt: AttemptOutcome | None, resolved: int) -> None:
        """Close the attempt of which there is word; others that are open become unknown."""
        if attempt is not None:
            self._close_attempt(hold_id, attempt)
        if attempt is None or attempt.number > 1:
            closed = 0 if attempt is None else attempt.number
            self.writes.abandoned.append((hold_id, closed, resolved))

    def _keep_result(self, first: HoldSnapshot, payload: bytes, expires_time: float | None) -> None:
        hold_id = first.hold.hold_id
        self.snapshot.results[hold_id] = payload
        self.writes.results.append(
            (
                hold_id,
                first.api_key_id,
                first.fingerprint,
                int(first.keyed),
                payload,
                None if expires_time is None else microseconds(expires_time),
            )
        )

    def _next_attempt(self, command: NextAttempt) -> None:
        held = self.snapshot.holds.get(command.hold_id)
        if held is None:
            raise HoldNotFound(command.hold_id)
        if held.hold.state is not _HELD:
            raise HoldAlreadyResolved(command.hold_id, held.hold.state)
        self._close_attempt(command.hold_id, command.closed)
        self._open_attempt(command.hold_id, command.opened)

    def _deliver(self, hold_id: str) -> None:
        held = self.snapshot.holds.get(hold_id)
        if held is None or not held.keyed:
            self.snapshot.results.pop(hold_id, None)
        self.writes.delivered.append(hold_id)

    def _grant(self, command: GrantCredits) -> GrantReceipt:
        account = self._account(command.account_id)
        earlier = self.snapshot.grants.get(command.grant_id)
        if earlier is not None:
            check_same_grant(*earlier, command)
            return GrantReceipt(account.state.balance, repeated=True)
        state, entry = ledger.grant(account.state, command.amount_microcredits)
        created = microseconds(command.created_time)
        self.snapshot.grants[command.grant_id] = (command.account_id, command.amount_microcredits)
        self.writes.grants.append(
            (
                command.grant_id,
                command.account_id,
                command.amount_microcredits,
                command.reason,
                created,
            )
        )
        self._enter(account, state, entry, None, created, description=command.reason)
        return GrantReceipt(state.balance, repeated=False)

    def _account(self, account_id: str) -> AccountSnapshot:
        account = self.snapshot.accounts.get(account_id)
        if account is None:
            raise AccountNotFound(account_id)
        return account

    def _account_and_hold(
        self, command: SettleHold | VoidHold | ExpireHold
    ) -> tuple[AccountSnapshot, HoldSnapshot]:
        held = self.snapshot.holds.get(command.hold_id)
        if held is None or held.hold.account_id != command.account_id:
            raise HoldNotFound(command.hold_id)
        return self._account(command.account_id), held

    def _enter(
        self,
        account: AccountSnapshot,
        state: ledger.AccountState,
        entry: ledger.EntryDraft,
        phase: str | None,
        created: int,
        *,
        description: str | None = None,
    ) -> None:
        account.state = state
        account.last_sequence += 1
        self.writes.accounts[state.account_id] = account
        self.writes.entries.append(
            (
                state.account_id,
                account.last_sequence,
                entry.kind._value_,
                entry.hold_id,
                phase,
                entry.available_delta_microcredits,
                entry.held_delta_microcredits,
                entry.charged_delta_microcredits,
                entry.granted_delta_microcredits,
                created,
                description,
            )
        )

    def _open_attempt(self, hold_id: str, attempt: NewAttempt) -> None:
        self.writes.attempts.append(
            (
                hold_id,
                attempt.number,
                attempt.provider,
                attempt.upstream_model,
                _DISPATCHED,
                microseconds(attempt.started_time),
                attempt.credential,
            )
        )

    def _close_attempt(self, hold_id: str, attempt: AttemptOutcome) -> None:
        first_byte = attempt.first_byte_seconds
        self.writes.attempt_ends.append(
            (
                hold_id,
                attempt.number,
                attempt.state._value_,
                microseconds(attempt.ended_time),
                attempt.http_status,
                None if first_byte is None else microseconds(first_byte),
                attempt.upstream_request_id,
                attempt.returned_model,
                attempt.error,
                attempt.house_cost_microcredits,
            )
        )


def _usage_columns(usage: TokenUsage | None) -> Row:
    if usage is None:
        return _NO_USAGE
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.reasoning_tokens,
        usage.cache_write_tokens,
        usage.input_audio_tokens,
        usage.output_audio_tokens,
        usage.input_image_tokens,
        usage.accepted_prediction_tokens,
        usage.rejected_prediction_tokens,
    )
