"""Row to domain and back: the only module of the cold path that sees both."""

from collections.abc import Sequence

from tokensmith_server.billing.audit import (
    AccountFacts,
    AttemptFacts,
    ClaimFacts,
    EntryFacts,
    GrantFacts,
    HoldFacts,
    ResultFacts,
)
from tokensmith_server.billing.commands import AttemptState, Balance, HoldState, Outcome
from tokensmith_server.billing.idempotency import EarlierRequest
from tokensmith_server.billing.store import (
    Account,
    ApiKey,
    AttemptRecord,
    Entry,
    OpenHold,
    RequestRecord,
)
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.responses.store import ResponseState, StoredResponse
from tokensmith_server.storage.tables import (
    AccountRow,
    ApiKeyRow,
    AttemptRow,
    EntryRow,
    GrantRow,
    HoldRow,
    IdempotencyClaimRow,
    ResponseRow,
    StoredResultRow,
)
from tokensmith_server.storage.times import microseconds, seconds


def balance_from_row(row: AccountRow) -> Balance:
    """An account's money."""
    return Balance(
        available_microcredits=row.available_microcredits,
        held_microcredits=row.held_microcredits,
        charged_microcredits=row.charged_microcredits,
        granted_microcredits=row.granted_microcredits,
    )


def account_from_row(row: AccountRow) -> Account:
    """An account with its money."""
    return Account(
        account_id=row.account_id,
        name=row.name,
        created_time=seconds(row.created_time_microseconds),
        balance=balance_from_row(row),
    )


def key_from_row(row: ApiKeyRow) -> ApiKey:
    """A key without its hash."""
    return ApiKey(
        key_id=row.key_id,
        account_id=row.account_id,
        name=row.name,
        hint=row.hint,
        created_time=seconds(row.created_time_microseconds),
        expires_time=_optional_seconds(row.expires_time_microseconds),
        revoked_time=_optional_seconds(row.revoked_time_microseconds),
        last_used_time=_optional_seconds(row.last_used_time_microseconds),
    )


def key_to_row(key: ApiKey, key_hash: bytes) -> ApiKeyRow:
    """A key with the hash that finds it."""
    return ApiKeyRow(
        key_id=key.key_id,
        account_id=key.account_id,
        key_hash=key_hash,
        name=key.name,
        hint=key.hint,
        created_time_microseconds=microseconds(key.created_time),
        expires_time_microseconds=_optional_microseconds(key.expires_time),
        revoked_time_microseconds=_optional_microseconds(key.revoked_time),
        last_used_time_microseconds=_optional_microseconds(key.last_used_time),
    )


def usage_from_row(row: HoldRow) -> TokenUsage | None:
    """A call's tokens; ``None`` when nothing was measured."""
    if row.input_tokens is None or row.output_tokens is None:
        return None
    return TokenUsage(
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cached_input_tokens=row.cached_input_tokens,
        cache_write_tokens=row.cache_write_tokens,
        reasoning_tokens=row.reasoning_tokens,
        input_audio_tokens=row.input_audio_tokens,
        output_audio_tokens=row.output_audio_tokens,
        input_image_tokens=row.input_image_tokens,
        accepted_prediction_tokens=row.accepted_prediction_tokens,
        rejected_prediction_tokens=row.rejected_prediction_tokens,
    )


def attempt_from_row(row: AttemptRow) -> AttemptRecord:
    """One try of a call."""
    return AttemptRecord(
        number=row.number,
        provider=row.provider,
        upstream_model=row.upstream_model,
        state=AttemptState(row.state),
        started_time=seconds(row.started_time_microseconds),
        ended_time=_optional_seconds(row.ended_time_microseconds),
        http_status=row.http_status,
        error=row.error,
        upstream_request_id=row.upstream_request_id,
        returned_model=row.returned_model,
        first_byte_seconds=_optional_seconds(row.first_byte_microseconds),
        credential=row.credential,
        house_cost_microcredits=row.house_cost_microcredits,
    )


def request_from_rows(row: HoldRow, attempts: Sequence[AttemptRow]) -> RequestRecord:
    """One line of the request log; the attempts in their order."""
    return RequestRecord(
        request_id=row.request_id,
        hold_id=row.hold_id,
        account_id=row.account_id,
        api_key_id=row.api_key_id,
        kind=row.kind,
        model=row.model,
        catalog_version=row.catalog_version,
        rate_json=row.rate_json,
        idempotency_key=row.idempotency_key,
        stream=bool(row.stream),
        state=HoldState(row.state),
        outcome=None if row.outcome is None else Outcome(row.outcome),
        error_reason=row.error_reason,
        held_microcredits=row.amount_microcredits,
        charged_microcredits=row.charged_microcredits,
        shortfall_microcredits=row.shortfall_microcredits,
        usage=usage_from_row(row),
        usage_estimated=bool(row.usage_estimated),
        finish_reason=row.finish_reason,
        created_time=seconds(row.created_time_microseconds),
        expires_time=seconds(row.expires_time_microseconds),
        resolved_time=_optional_seconds(row.resolved_time_microseconds),
        attempts=tuple(attempt_from_row(attempt) for attempt in attempts),
    )


def entry_id_of(account_id: str, sequence: int) -> str:
    """An entry's outside name: its account and its number there."""
    return f"{account_id}.{sequence:012d}"


def sequence_of(entry_id: str) -> int | None:
    """The number in an entry's outside name; ``None`` when it is not one."""
    number = entry_id.rpartition(".")[2]
    return int(number) if number.isascii() and number.isdigit() else None


def entry_from_row(row: EntryRow) -> Entry:
    """One ledger line."""
    return Entry(
        entry_id=entry_id_of(row.account_id, row.sequence),
        account_id=row.account_id,
        kind=row.kind,
        hold_id=row.hold_id,
        available_delta_microcredits=row.available_delta_microcredits,
        held_delta_microcredits=row.held_delta_microcredits,
        charged_delta_microcredits=row.charged_delta_microcredits,
        granted_delta_microcredits=row.granted_delta_microcredits,
        created_time=seconds(row.created_time_microseconds),
        description=row.description,
    )


def open_hold_from_row(row: HoldRow, attempt_state: str | None) -> OpenHold:
    """An open hold as the sweeper sees it; the state is its last attempt's."""
    return OpenHold(
        hold_id=row.hold_id,
        account_id=row.account_id,
        request_id=row.request_id,
        owner=row.owner,
        created_time=seconds(row.created_time_microseconds),
        expires_time=seconds(row.expires_time_microseconds),
        attempt_state=None if attempt_state is None else AttemptState(attempt_state),
    )


def account_facts_from_row(row: AccountRow) -> AccountFacts:
    """An account as the auditor sees it."""
    return AccountFacts(
        account_id=row.account_id,
        available_microcredits=row.available_microcredits,
        held_microcredits=row.held_microcredits,
        charged_microcredits=row.charged_microcredits,
        granted_microcredits=row.granted_microcredits,
        entry_count=row.last_sequence,
    )


def earlier_from_rows(row: HoldRow, payload: bytes | None) -> EarlierRequest:
    """A hold as a repeat of its request sees it; ``payload`` is its answer, if that is kept."""
    return EarlierRequest(
        hold_id=row.hold_id,
        request_id=row.request_id,
        state=HoldState(row.state),
        fingerprint=row.fingerprint,
        amount_microcredits=row.amount_microcredits,
        charged_microcredits=row.charged_microcredits,
        payload=payload,
    )


def hold_facts_from_row(row: HoldRow) -> HoldFacts:
    """A hold as the auditor sees it."""
    return HoldFacts(
        hold_id=row.hold_id,
        account_id=row.account_id,
        kind=row.kind,
        state=HoldState(row.state),
        amount_microcredits=row.amount_microcredits,
        charged_microcredits=row.charged_microcredits,
        shortfall_microcredits=row.shortfall_microcredits,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        usage=usage_from_row(row),
        usage_estimated=bool(row.usage_estimated),
        rate_json=row.rate_json,
        fingerprint=row.fingerprint,
        idempotency_key=row.idempotency_key,
        expires_time=seconds(row.expires_time_microseconds),
        resolved_time=_optional_seconds(row.resolved_time_microseconds),
    )


def entry_facts_from_row(row: EntryRow) -> EntryFacts:
    """An entry as the auditor sees it."""
    return EntryFacts(
        hold_id=row.hold_id or "",
        account_id=row.account_id,
        kind=row.kind,
        available_delta_microcredits=row.available_delta_microcredits,
        held_delta_microcredits=row.held_delta_microcredits,
        charged_delta_microcredits=row.charged_delta_microcredits,
        granted_delta_microcredits=row.granted_delta_microcredits,
    )


def attempt_facts_from_row(row: AttemptRow) -> AttemptFacts:
    """An attempt as the auditor sees it."""
    return AttemptFacts(row.hold_id, row.number, AttemptState(row.state))


def claim_facts_from_row(row: IdempotencyClaimRow) -> ClaimFacts:
    """An idempotency key as the auditor sees it."""
    return ClaimFacts(row.hold_id, row.account_id, row.idempotency_key, row.fingerprint)


def result_facts_from_row(row: StoredResultRow) -> ResultFacts:
    """A stored answer as the auditor sees it."""
    return ResultFacts(row.hold_id)


def grant_facts_from_row(row: GrantRow) -> GrantFacts:
    """A grant as the auditor sees it."""
    return GrantFacts(row.account_id, row.amount_microcredits)


def _optional_seconds(value: int | None) -> float | None:
    return None if value is None else seconds(value)


def _optional_microseconds(value: float | None) -> int | None:
    return None if value is None else microseconds(value)


def response_from_row(row: ResponseRow) -> StoredResponse:
    """A kept response."""
    return StoredResponse(
        account_id=row.account_id,
        response_id=row.response_id,
        previous_id=row.previous_id,
        model=row.model,
        state=ResponseState(row.state),
        response_json=row.response_json,
        input_items_json=row.input_items_json,
        created_time=seconds(row.created_time_microseconds),
        expires_time=seconds(row.expires_time_microseconds),
    )


def response_values(response: StoredResponse) -> dict[str, object]:
    """The columns of a kept response's row."""
    return {
        "account_id": response.account_id,
        "response_id": response.response_id,
        "previous_id": response.previous_id,
        "model": response.model,
        "state": response.state.value,
        "size_bytes": response.size_bytes,
        "created_time_microseconds": microseconds(response.created_time),
        "expires_time_microseconds": microseconds(response.expires_time),
        "response_json": response.response_json,
        "input_items_json": response.input_items_json,
    }
