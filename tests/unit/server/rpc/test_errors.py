"""The one error table: every reason has a row, and every row keeps its promises."""

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from tokensmith.v1.error_reason_pb2 import ErrorReason
from tokensmith_server import errors as call
from tokensmith_server.billing import errors as billing
from tokensmith_server.responses import errors as responses
from tokensmith_server.rpc.errors import is_expected, reason_name, wire_error

R = ErrorReason
S = grpc.StatusCode

# One error for each reason that this server can send.
SENT: dict[ErrorReason, Exception] = {
    R.ERROR_REASON_INVALID_ARGUMENT: call.InvalidField("n", "`n` must be less.", allowed="1"),
    R.ERROR_REASON_UNSUPPORTED_PARAMETER: call.UnsupportedField("seed", "No.", model="m"),
    R.ERROR_REASON_MODEL_NOT_FOUND: call.ModelNotFound("gpt", ("gpt-5.4", "gpt-5.4-mini")),
    R.ERROR_REASON_MODEL_RETIRED: call.ModelRetired("m", retired_on="2026-01-01", replacement="n"),
    R.ERROR_REASON_MODEL_KIND_MISMATCH: call.ModelKindMismatch("m", kind="text", endpoint="/v1/t"),
    R.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED: call.ContextLengthExceeded(
        context_tokens=10, input_tokens=12
    ),
    R.ERROR_REASON_INVALID_API_KEY: call.InvalidAPIKey("No key."),
    R.ERROR_REASON_INSUFFICIENT_CREDITS: billing.InsufficientCredits(
        required_microcredits=5_000_000, available_microcredits=120
    ),
    R.ERROR_REASON_RATE_LIMIT_EXCEEDED: call.RateLimited("requests", 0.35),
    R.ERROR_REASON_SERVER_OVERLOADED: call.Overloaded(),
    R.ERROR_REASON_LEDGER_UNAVAILABLE: billing.LedgerUnavailable("the database is away"),
    R.ERROR_REASON_SHUTTING_DOWN: call.ShuttingDown(),
    R.ERROR_REASON_CONTENT_REFUSED: call.ContentRefused("No.", provider="openai"),
    R.ERROR_REASON_UPSTREAM_REJECTED: call.UpstreamRejected("No.", provider="xai", param="tools"),
    R.ERROR_REASON_UPSTREAM_UNAVAILABLE: call.UpstreamUnavailable("x", retry_after_seconds=2.0),
    R.ERROR_REASON_UPSTREAM_RATE_LIMITED: call.UpstreamRateLimited("x", retry_after_seconds=2.0),
    R.ERROR_REASON_UPSTREAM_TIMEOUT: call.UpstreamTimeout("Too late.", phase="sent"),
    R.ERROR_REASON_UPSTREAM_INVALID_RESPONSE: call.UpstreamInvalidResponse("Nonsense."),
    R.ERROR_REASON_STREAM_INTERRUPTED: call.StreamInterrupted("Cut.", charged_microcredits=3200),
    R.ERROR_REASON_IDEMPOTENCY_KEY_REUSED: billing.IdempotencyKeyReused("req_1"),
    R.ERROR_REASON_IDEMPOTENCY_IN_PROGRESS: billing.IdempotencyInProgress("req_1"),
    R.ERROR_REASON_RESULT_NOT_REPLAYABLE: call.ResultNotReplayable("req_1"),
    R.ERROR_REASON_REQUEST_NOT_FOUND: billing.RequestNotFound("req_1"),
    R.ERROR_REASON_KEY_NOT_FOUND: billing.KeyNotFound("key_1"),
    R.ERROR_REASON_RESPONSE_NOT_FOUND: responses.ResponseNotFound("resp_1"),
    R.ERROR_REASON_PAYLOAD_TOO_LARGE: responses.ResponseTooLarge(3_932_160),
    R.ERROR_REASON_DEADLINE_EXCEEDED: call.DeadlineExceeded("Too late."),
    R.ERROR_REASON_METHOD_UNIMPLEMENTED: call.MethodUnimplemented("/a/B"),
    R.ERROR_REASON_INTERNAL: ZeroDivisionError("secret"),
}
# Others that go out under a reason of these.
ALSO_SENT: dict[Exception, ErrorReason] = {
    call.RequestUndecodable(): R.ERROR_REASON_INVALID_ARGUMENT,
    call.RequestTooLarge(25_165_824): R.ERROR_REASON_PAYLOAD_TOO_LARGE,
}
# Reasons of the contract that this server has no occasion for.
NOT_SENT = {
    R.ERROR_REASON_UNSPECIFIED: "never",
    R.ERROR_REASON_UNKNOWN_PARAMETER: "the bridge's: protobuf keeps what it does not know",
    R.ERROR_REASON_PERMISSION_DENIED: "with keys of limited rights",
    R.ERROR_REASON_RESULT_UNKNOWN: "in the request log alone: the sweeper's",
    R.ERROR_REASON_VIDEO_NOT_FOUND: "with videos",
    R.ERROR_REASON_VIDEO_NOT_READY: "with videos",
    R.ERROR_REASON_MEDIA_NOT_FOUND: "with media",
    R.ERROR_REASON_MEDIA_TYPE_UNSUPPORTED: "with media",
    R.ERROR_REASON_MEDIA_DIGEST_MISMATCH: "with media",
    R.ERROR_REASON_MEDIA_QUOTA_EXCEEDED: "with media",
    R.ERROR_REASON_PACK_NOT_FOUND: "with payments",
    R.ERROR_REASON_CHECKOUT_NOT_FOUND: "with payments",
    R.ERROR_REASON_STATEMENT_NOT_FOUND: "with payments",
    R.ERROR_REASON_CANCELLED: "whoever cancelled is not listening",
}
CODES = {
    R.ERROR_REASON_INVALID_ARGUMENT: S.INVALID_ARGUMENT,
    R.ERROR_REASON_UNSUPPORTED_PARAMETER: S.INVALID_ARGUMENT,
    R.ERROR_REASON_MODEL_NOT_FOUND: S.NOT_FOUND,
    R.ERROR_REASON_MODEL_RETIRED: S.NOT_FOUND,
    R.ERROR_REASON_MODEL_KIND_MISMATCH: S.INVALID_ARGUMENT,
    R.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED: S.INVALID_ARGUMENT,
    R.ERROR_REASON_INVALID_API_KEY: S.UNAUTHENTICATED,
    R.ERROR_REASON_INSUFFICIENT_CREDITS: S.FAILED_PRECONDITION,
    R.ERROR_REASON_RATE_LIMIT_EXCEEDED: S.RESOURCE_EXHAUSTED,
    R.ERROR_REASON_SERVER_OVERLOADED: S.UNAVAILABLE,
    R.ERROR_REASON_LEDGER_UNAVAILABLE: S.UNAVAILABLE,
    R.ERROR_REASON_SHUTTING_DOWN: S.UNAVAILABLE,
    R.ERROR_REASON_CONTENT_REFUSED: S.FAILED_PRECONDITION,
    R.ERROR_REASON_UPSTREAM_REJECTED: S.INVALID_ARGUMENT,
    R.ERROR_REASON_UPSTREAM_UNAVAILABLE: S.UNAVAILABLE,
    R.ERROR_REASON_UPSTREAM_RATE_LIMITED: S.RESOURCE_EXHAUSTED,
    R.ERROR_REASON_UPSTREAM_TIMEOUT: S.DEADLINE_EXCEEDED,
    R.ERROR_REASON_UPSTREAM_INVALID_RESPONSE: S.UNAVAILABLE,
    R.ERROR_REASON_STREAM_INTERRUPTED: S.UNAVAILABLE,
    R.ERROR_REASON_IDEMPOTENCY_KEY_REUSED: S.INVALID_ARGUMENT,
    R.ERROR_REASON_IDEMPOTENCY_IN_PROGRESS: S.ABORTED,
    R.ERROR_REASON_RESULT_NOT_REPLAYABLE: S.ABORTED,
    R.ERROR_REASON_REQUEST_NOT_FOUND: S.NOT_FOUND,
    R.ERROR_REASON_KEY_NOT_FOUND: S.NOT_FOUND,
    R.ERROR_REASON_RESPONSE_NOT_FOUND: S.NOT_FOUND,
    R.ERROR_REASON_PAYLOAD_TOO_LARGE: S.INVALID_ARGUMENT,
    R.ERROR_REASON_DEADLINE_EXCEEDED: S.DEADLINE_EXCEEDED,
    R.ERROR_REASON_METHOD_UNIMPLEMENTED: S.UNIMPLEMENTED,
    R.ERROR_REASON_INTERNAL: S.INTERNAL,
}
# With RetryInfo, says the contract.
WITH_RETRY = {
    R.ERROR_REASON_RATE_LIMIT_EXCEEDED: 350,
    R.ERROR_REASON_SERVER_OVERLOADED: 1000,
    R.ERROR_REASON_LEDGER_UNAVAILABLE: 1000,
    R.ERROR_REASON_SHUTTING_DOWN: 1000,
    R.ERROR_REASON_UPSTREAM_UNAVAILABLE: 2000,
    R.ERROR_REASON_UPSTREAM_RATE_LIMITED: 2000,
    R.ERROR_REASON_IDEMPOTENCY_IN_PROGRESS: 1000,
}
FACTS: dict[ErrorReason, dict[str, str]] = {
    R.ERROR_REASON_INVALID_ARGUMENT: {"param": "n", "allowed": "1"},
    R.ERROR_REASON_UNSUPPORTED_PARAMETER: {"param": "seed", "model": "m"},
    R.ERROR_REASON_MODEL_NOT_FOUND: {"model": "gpt", "near_matches": "gpt-5.4,gpt-5.4-mini"},
    R.ERROR_REASON_MODEL_RETIRED: {"model": "m", "retired_date": "2026-01-01", "replacement": "n"},
    R.ERROR_REASON_MODEL_KIND_MISMATCH: {"model": "m", "kind": "text", "use": "/v1/t"},
    R.ERROR_REASON_CONTEXT_LENGTH_EXCEEDED: {"context_tokens": "10", "input_tokens": "12"},
    R.ERROR_REASON_INSUFFICIENT_CREDITS: {
        "required_microcredits": "5000000",
        "available_microcredits": "120",
    },
    R.ERROR_REASON_RATE_LIMIT_EXCEEDED: {"limit": "requests", "retry_after_ms": "350"},
    R.ERROR_REASON_CONTENT_REFUSED: {"provider": "openai"},
    R.ERROR_REASON_UPSTREAM_REJECTED: {"provider": "xai", "param": "tools"},
    R.ERROR_REASON_UPSTREAM_TIMEOUT: {"phase": "sent"},
    R.ERROR_REASON_STREAM_INTERRUPTED: {"charged_microcredits": "3200"},
    R.ERROR_REASON_IDEMPOTENCY_KEY_REUSED: {"first_request_id": "req_1"},
    R.ERROR_REASON_IDEMPOTENCY_IN_PROGRESS: {"first_request_id": "req_1"},
    R.ERROR_REASON_RESULT_NOT_REPLAYABLE: {"first_request_id": "req_1"},
    R.ERROR_REASON_REQUEST_NOT_FOUND: {"resource": "req_1"},
    R.ERROR_REASON_KEY_NOT_FOUND: {"resource": "key_1"},
    R.ERROR_REASON_RESPONSE_NOT_FOUND: {"resource": "resp_1"},
    R.ERROR_REASON_PAYLOAD_TOO_LARGE: {"limit_bytes": "3932160"},
    R.ERROR_REASON_METHOD_UNIMPLEMENTED: {"method": "/a/B"},
}


def test_every_reason_is_either_sent_or_has_a_cause_not_to_be() -> None:
    assert set(SENT) | set(NOT_SENT) == set(ErrorReason.values())
    assert not set(SENT) & set(NOT_SENT)
    assert set(CODES) == set(SENT)


@pytest.mark.parametrize("reason", SENT)
def test_reason_has_its_status_facts_and_retry_time(reason: ErrorReason) -> None:
    wire = wire_error(SENT[reason])
    assert (wire.reason, wire.code) == (reason_name(reason), CODES[reason])
    assert wire.metadata.items() >= FACTS.get(reason, {}).items()
    status = status_pb2.Status.FromString(wire.details())
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason, info.domain) == (
        CODES[reason].value[0],
        reason_name(reason),
        "tokensmith",
    )
    if reason in WITH_RETRY:
        assert status.details[1].Unpack(retry)
        assert retry.retry_delay.ToMilliseconds() == WITH_RETRY[reason]
    else:
        assert len(status.details) == 1


def test_every_error_of_a_call_has_a_row() -> None:
    def concrete(base: type[Exception]) -> set[type[Exception]]:
        return {base}.union(*(concrete(child) for child in base.__subclasses__()))

    made: dict[type[Exception], Any] = {
        type(error): error for error in (*SENT.values(), *ALSO_SENT)
    }
    without = {error.__name__ for error in concrete(call.CallError) if error not in made}
    assert without == {"CallError", "UpstreamFailed"}


@pytest.mark.parametrize("error", ALSO_SENT, ids=lambda error: type(error).__name__)
def test_errors_that_share_a_reason_share_its_code(error: Exception) -> None:
    reason = ALSO_SENT[error]
    wire = wire_error(error)
    assert (wire.reason, wire.code) == (reason_name(reason), CODES[reason])


def test_nobody_is_sent_to_an_endpoint_that_is_not_built() -> None:
    wire = wire_error(call.ModelKindMismatch("m", kind="image", endpoint="/v1/i"))
    assert "use" not in wire.metadata
    assert "makes images. This server has no such calls yet" in wire.message
    assert "/v1/estimate takes the body of /v1/i" in wire.message


def test_context_error_says_what_the_request_has_where_it_is_known() -> None:
    known = call.ContextLengthExceeded(context_tokens=10, input_tokens=12)
    assert str(known) == "The model's context holds 10 tokens, and this request has at least 12."
    unknown = call.ContextLengthExceeded(context_tokens=10, input_tokens=None)
    assert str(unknown) == "The model's context holds 10 tokens."


def test_defects_have_a_fixed_text() -> None:
    wire = wire_error(ZeroDivisionError("sk-secret"))
    assert "secret" not in wire.message
    assert not is_expected(ZeroDivisionError())


def test_text_of_an_empty_account_says_what_is_needed_and_what_is_there() -> None:
    text = wire_error(SENT[R.ERROR_REASON_INSUFFICIENT_CREDITS]).message
    assert "5 credits" in text
    assert "0.00012 are available" in text


def test_text_of_an_unknown_model_names_the_likely_ones() -> None:
    assert "`gpt-5.4-mini`" in wire_error(SENT[R.ERROR_REASON_MODEL_NOT_FOUND]).message
    assert "ListModels" in wire_error(call.ModelNotFound("x", ())).message
