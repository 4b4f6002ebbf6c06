import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

import tokensmith
from tokensmith import TokensmithError, error_from_rpc
from tokensmith.errors import DETAILS_KEY, DOMAIN, REASONS
from tokensmith.v1.error_reason_pb2 import ErrorReason

NAMES = [ErrorReason.Name(value) for value in ErrorReason.values() if value]


def rpc_error(
    code: grpc.StatusCode, *trailing: tuple[str, str | bytes], details: str = "details"
) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details)


def rich_error(
    reason: str,
    code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE,
    *,
    domain: str = DOMAIN,
    retry_after_ms: int | None = None,
    **metadata: str,
) -> grpc.aio.AioRpcError:
    status = status_pb2.Status(code=code.value[0], message="message")
    info = error_details_pb2.ErrorInfo(domain=domain, reason=reason, metadata=metadata)
    status.details.add().Pack(info)
    if retry_after_ms is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(retry_after_ms)
        status.details.add().Pack(retry)
    return rpc_error(code, (DETAILS_KEY, status.SerializeToString()))


@pytest.mark.parametrize("name", NAMES)
def test_every_reason_has_a_class_and_keeps_its_name(name: str) -> None:
    row = REASONS[ErrorReason.Value(name)]
    reason = name.removeprefix("ERROR_REASON_")

    error = error_from_rpc(rich_error(reason, row.code, request_id="req_1"))

    assert type(error) is row.error
    assert error.reason == reason
    assert error.code is row.code
    assert error.retryable is row.retryable
    assert error.request_id == "req_1"


def test_no_reason_is_listed_that_the_contract_lacks() -> None:
    assert set(REASONS) == set(ErrorReason.values()) - {0}


def test_every_class_that_is_used_is_exported() -> None:
    used = {row.error.__name__ for row in REASONS.values()}
    assert used <= set(tokensmith.__all__)


def test_retryable_reasons_did_nothing_or_join_the_first_call() -> None:
    retryable = {
        ErrorReason.Name(reason).removeprefix("ERROR_REASON_")
        for reason, row in REASONS.items()
        if row.retryable
    }
    assert retryable == {
        "RATE_LIMIT_EXCEEDED",
        "SERVER_OVERLOADED",
        "LEDGER_UNAVAILABLE",
        "SHUTTING_DOWN",
        "UPSTREAM_UNAVAILABLE",
        "UPSTREAM_RATE_LIMITED",
        "UPSTREAM_INVALID_RESPONSE",
        "IDEMPOTENCY_IN_PROGRESS",
    }


def test_facts_of_the_metadata_are_typed() -> None:
    credits_error = error_from_rpc(
        rich_error(
            "INSUFFICIENT_CREDITS",
            grpc.StatusCode.FAILED_PRECONDITION,
            required_microcredits="5000000",
            available_microcredits="120",
        )
    )
    assert isinstance(credits_error, tokensmith.InsufficientCreditsError)
    assert credits_error.required_microcredits == 5_000_000
    assert credits_error.available_microcredits == 120

    near = error_from_rpc(rich_error("MODEL_NOT_FOUND", near_matches="gpt-5.4,gpt-5.4-mini"))
    assert isinstance(near, tokensmith.NotFoundError)
    assert near.near_matches == ("gpt-5.4", "gpt-5.4-mini")

    field = error_from_rpc(rich_error("INVALID_ARGUMENT", param="n", allowed="1 to 128"))
    assert isinstance(field, tokensmith.InvalidRequestError)
    assert (field.param, field.allowed) == ("n", "1 to 128")

    broken = error_from_rpc(rich_error("STREAM_INTERRUPTED", charged_microcredits="3200"))
    assert broken.charged_microcredits == 3200


def test_missing_and_odd_facts_are_none() -> None:
    error = error_from_rpc(rich_error("INSUFFICIENT_CREDITS", required_microcredits="a lot"))
    assert isinstance(error, tokensmith.InsufficientCreditsError)
    assert error.required_microcredits is None
    assert error.available_microcredits is None
    assert error.charged_microcredits is None
    assert error.request_id is None


def test_retry_info_is_read() -> None:
    error = error_from_rpc(rich_error("RATE_LIMIT_EXCEEDED", retry_after_ms=350))
    assert error.retry_after_seconds == 0.35


def test_connection_error_without_details_is_retryable_by_its_code() -> None:
    error = error_from_rpc(rpc_error(grpc.StatusCode.UNAVAILABLE, details="connection refused"))
    assert type(error) is tokensmith.UnavailableError
    assert error.retryable
    assert error.reason == ""
    assert "connection refused" in str(error)
    assert "UNAVAILABLE" in str(error)


def test_message_that_grpc_does_not_carry_is_to_be_made_smaller_and_not_repeated() -> None:
    error = error_from_rpc(
        rpc_error(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            details="SERVER: Received message larger than max (9 vs. 8)",
        )
    )
    assert isinstance(error, tokensmith.InvalidRequestError)
    assert not error.retryable


@pytest.mark.parametrize("code", list(grpc.StatusCode))
def test_every_code_without_details_makes_an_error(code: grpc.StatusCode) -> None:
    error = error_from_rpc(rpc_error(code))
    assert isinstance(error, TokensmithError)
    assert error.code is code
    assert error.retryable is (code is grpc.StatusCode.UNAVAILABLE)


def test_reason_of_a_newer_server_is_told_by_its_code_and_not_repeated() -> None:
    error = error_from_rpc(rich_error("MOON_TOO_FAR", grpc.StatusCode.UNAVAILABLE))
    assert type(error) is tokensmith.UnavailableError
    assert error.reason == "MOON_TOO_FAR"
    assert not error.retryable


def test_error_info_of_another_domain_is_not_ours() -> None:
    error = error_from_rpc(
        rich_error("INSUFFICIENT_CREDITS", grpc.StatusCode.UNAVAILABLE, domain="proxy.example")
    )
    assert type(error) is tokensmith.UnavailableError
    assert error.reason == ""


def test_garbled_details_fall_back_to_the_code() -> None:
    error = error_from_rpc(rpc_error(grpc.StatusCode.NOT_FOUND, (DETAILS_KEY, b"\xff\xff")))
    assert type(error) is tokensmith.NotFoundError
