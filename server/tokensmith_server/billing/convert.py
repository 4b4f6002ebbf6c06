"""Domain to proto at the edge of billing. Rendering only; nothing here can fail."""

from collections.abc import Iterable
from dataclasses import fields

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import model_service_pb2 as model_pb
from tokensmith.v1 import usage_pb2
from tokensmith_server.billing.commands import AttemptState, Balance, HoldState, Outcome
from tokensmith_server.billing.estimation import Estimate
from tokensmith_server.billing.pricing import PriceLine
from tokensmith_server.billing.store import AttemptRecord, RequestRecord
from tokensmith_server.billing.usage import TokenUsage

OUTCOMES = {
    Outcome.DELIVERED: usage_pb2.OUTCOME_DELIVERED,
    Outcome.TRUNCATED: usage_pb2.OUTCOME_TRUNCATED,
    Outcome.ABANDONED: usage_pb2.OUTCOME_ABANDONED,
    Outcome.BLOCKED: usage_pb2.OUTCOME_BLOCKED,
    Outcome.EMPTY: usage_pb2.OUTCOME_EMPTY,
    Outcome.FAILED: usage_pb2.OUTCOME_FAILED,
    Outcome.UNKNOWN: usage_pb2.OUTCOME_UNKNOWN,
}
HOLD_STATES = {
    HoldState.HELD: billing_pb.Hold.STATE_HELD,
    HoldState.SETTLED: billing_pb.Hold.STATE_SETTLED,
    HoldState.VOIDED: billing_pb.Hold.STATE_VOIDED,
    HoldState.EXPIRED: billing_pb.Hold.STATE_EXPIRED,
}
_ATTEMPT_STATES = {
    AttemptState.DISPATCHED: billing_pb.Attempt.STATE_DISPATCHED,
    AttemptState.ANSWERED: billing_pb.Attempt.STATE_ANSWERED,
    AttemptState.FAILED: billing_pb.Attempt.STATE_FAILED,
    AttemptState.UNKNOWN: billing_pb.Attempt.STATE_UNKNOWN,
}
_FINISH_REASONS = {
    "stop": chat_pb.FINISH_REASON_STOP,
    "length": chat_pb.FINISH_REASON_LENGTH,
    "tool_calls": chat_pb.FINISH_REASON_TOOL_CALLS,
    "content_filter": chat_pb.FINISH_REASON_CONTENT_FILTER,
    "function_call": chat_pb.FINISH_REASON_FUNCTION_CALL,
}
# What holds are for, in the ledger's words.
KINDS = {
    "chat": model_pb.MODEL_KIND_TEXT,
    "image": model_pb.MODEL_KIND_IMAGE,
    "video": model_pb.MODEL_KIND_VIDEO,
    "motion_control": model_pb.MODEL_KIND_MOTION_CONTROL,
}

_USAGE_DETAILS = tuple(
    field.name
    for field in fields(TokenUsage)
    if field.name not in {"input_tokens", "output_tokens"}
)


def balance_to_proto(balance: Balance) -> billing_pb.Balance:
    """An account's money."""
    return billing_pb.Balance(
        available_microcredits=balance.available_microcredits,
        held_microcredits=balance.held_microcredits,
        granted_microcredits=balance.granted_microcredits,
        charged_microcredits=balance.charged_microcredits,
    )


def usage_to_proto(usage: TokenUsage, *, estimated: bool) -> usage_pb2.TokenUsage:
    """Tokens of a call; details that the provider did not give stay unset."""
    message = usage_pb2.TokenUsage(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, estimated=estimated
    )
    for name in _USAGE_DETAILS:
        count = getattr(usage, name)
        if count is not None:
            setattr(message, name, count)
    return message


def request_to_proto(
    record: RequestRecord, lines: Iterable[PriceLine] = ()
) -> billing_pb.RequestRecord:
    """One line of the request log, with how its charge came about."""
    message = billing_pb.RequestRecord(
        id=record.request_id,
        key_id=record.api_key_id,
        kind=KINDS.get(record.kind, model_pb.MODEL_KIND_UNSPECIFIED),
        model=record.model,
        stream=record.stream,
        hold=hold_to_proto(record),
        outcome=OUTCOMES[record.outcome] if record.outcome else usage_pb2.OUTCOME_UNSPECIFIED,
        error_reason=record.error_reason or "",
        client_request_id=record.idempotency_key or "",
        price_lines=[line_to_proto(line) for line in lines],
        attempts=[attempt_to_proto(attempt) for attempt in record.attempts],
        create_time=time_to_proto(record.created_time),
    )
    if record.usage is not None:
        message.usage.CopyFrom(usage_to_proto(record.usage, estimated=record.usage_estimated))
    if record.finish_reason:
        message.finish_reason = _FINISH_REASONS.get(
            record.finish_reason, chat_pb.FINISH_REASON_UNSPECIFIED
        )
    if record.resolved_time is not None:
        message.end_time.CopyFrom(time_to_proto(record.resolved_time))
    return message


_UNITS = {
    "input_token": billing_pb.PRICE_UNIT_INPUT_TOKEN,
    "cached_input_token": billing_pb.PRICE_UNIT_CACHED_INPUT_TOKEN,
    "output_token": billing_pb.PRICE_UNIT_OUTPUT_TOKEN,
    "image": billing_pb.PRICE_UNIT_IMAGE,
    "second": billing_pb.PRICE_UNIT_SECOND,
}


def line_to_proto(line: PriceLine) -> billing_pb.PriceLine:
    """One row of a price."""
    return billing_pb.PriceLine(
        unit=_UNITS[line.unit],
        quantity=line.quantity,
        unit_microcredits=line.unit_microcredits,
        amount_microcredits=line.amount_microcredits,
        description=line.description,
    )


def estimate_to_proto(estimated: Estimate, catalog_version: str) -> billing_pb.EstimateResponse:
    """A price before the call, without what only a chat has."""
    return billing_pb.EstimateResponse(
        held_microcredits=estimated.held_microcredits,
        likely_microcredits=estimated.likely_microcredits,
        required_microcredits=estimated.required_microcredits,
        held_lines=[line_to_proto(line) for line in estimated.lines],
        catalog_version=catalog_version,
        available_microcredits=estimated.available_microcredits,
        affordable=estimated.affordable,
    )


def hold_to_proto(record: RequestRecord) -> billing_pb.Hold:
    """A call's money."""
    hold = billing_pb.Hold(
        id=record.hold_id,
        log_request_id=record.request_id,
        state=HOLD_STATES[record.state],
        model=record.model,
        held_microcredits=record.held_microcredits,
        shortfall_microcredits=record.shortfall_microcredits,
        catalog_version=record.catalog_version,
        create_time=time_to_proto(record.created_time),
        expire_time=time_to_proto(record.expires_time),
    )
    if record.state is not HoldState.HELD:
        hold.charged_microcredits = record.charged_microcredits
    if record.resolved_time is not None:
        hold.resolve_time.CopyFrom(time_to_proto(record.resolved_time))
    return hold


# Between the operator and a provider: no business of a customer's.
_OPERATORS_OWN = frozenset({"operator_auth", "operator_credit"})


def attempt_to_proto(attempt: AttemptRecord, *, whole: bool = False) -> billing_pb.Attempt:
    """One try. Only the ``whole`` one, for the operator, names the operator's own trouble."""
    hidden = not whole and attempt.error in _OPERATORS_OWN
    message = billing_pb.Attempt(
        number=attempt.number,
        provider=attempt.provider,
        upstream_model=attempt.upstream_model,
        state=_ATTEMPT_STATES[attempt.state],
        start_time=time_to_proto(attempt.started_time),
        error="unavailable" if hidden else attempt.error or "",
        upstream_request_id=attempt.upstream_request_id or "",
        returned_model=attempt.returned_model or "",
    )
    if attempt.ended_time is not None:
        message.end_time.CopyFrom(time_to_proto(attempt.ended_time))
    if attempt.http_status is not None and not hidden:
        message.http_status = attempt.http_status
    if attempt.first_byte_seconds is not None:
        latency = Duration()
        latency.FromMicroseconds(round(attempt.first_byte_seconds * 1_000_000))
        message.first_byte_latency.CopyFrom(latency)
    return message


def time_to_proto(seconds: float) -> Timestamp:
    """Seconds since the epoch, to the microsecond."""
    timestamp = Timestamp()
    timestamp.FromMicroseconds(round(seconds * 1_000_000))
    return timestamp
