"""Gemini's errors say who must act, and none of what is the operator's."""

from typing import Any

import msgspec
import pytest

from tokensmith_server.providers.base import ErrorKind, Phase
from tokensmith_server.providers.gemini.errors import error_from_body, read_error_facts
from tokensmith_server.providers.redaction import Redactor

RPC = "type.googleapis.com/google.rpc."
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more "
    "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)


def body(code: int, status: str, message: str = "m", *details: dict[str, Any]) -> bytes:
    error = {"code": code, "message": message, "status": status, "details": list(details)}
    return msgspec.json.encode({"error": error})


def info(reason: str) -> dict[str, Any]:
    return {"@type": RPC + "ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def retry(delay: Any) -> dict[str, Any]:
    return {"@type": RPC + "RetryInfo", "retryDelay": delay}


def quota(*ids: str) -> dict[str, Any]:
    return {"@type": RPC + "QuotaFailure", "violations": [{"quotaId": one} for one in ids]}


KINDS = [
    (400, body(400, "INVALID_ARGUMENT", "Invalid value at 'x'"), ErrorKind.INVALID_REQUEST),
    (400, body(400, "OUT_OF_RANGE"), ErrorKind.INVALID_REQUEST),
    (400, body(400, "INVALID_ARGUMENT", "m", info("API_KEY_INVALID")), ErrorKind.OPERATOR_AUTH),
    (400, body(400, "INVALID_ARGUMENT", "API key not valid. Please pass"), ErrorKind.OPERATOR_AUTH),
    (400, body(400, "INVALID_ARGUMENT", "API key expired. Renew it."), ErrorKind.OPERATOR_AUTH),
    (
        400,
        body(400, "INVALID_ARGUMENT", "The text was: API key not valid"),
        ErrorKind.INVALID_REQUEST,
    ),
    (
        400,
        body(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200293) exceeds the maximum number of tokens allowed (1048).",
        ),
        ErrorKind.CONTEXT_LENGTH,
    ),
    (
        400,
        body(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        ErrorKind.OPERATOR_AUTH,
    ),
    (
        400,
        body(400, "FAILED_PRECONDITION", "Please enable billing on project x"),
        ErrorKind.OPERATOR_CREDIT,
    ),
    (401, body(401, "UNAUTHENTICATED"), ErrorKind.OPERATOR_AUTH),
    (403, body(403, "PERMISSION_DENIED"), ErrorKind.OPERATOR_AUTH),
    (403, body(403, "PERMISSION_DENIED", "m", info("BILLING_DISABLED")), ErrorKind.OPERATOR_CREDIT),
    (403, body(403, "PERMISSION_DENIED", "m", info("SERVICE_DISABLED")), ErrorKind.OPERATOR_AUTH),
    (404, body(404, "NOT_FOUND"), ErrorKind.MODEL_UNAVAILABLE),
    (413, body(413, "INVALID_ARGUMENT"), ErrorKind.INVALID_REQUEST),
    (429, body(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted"), ErrorKind.RATE_LIMITED),
    (429, body(429, "RESOURCE_EXHAUSTED", QUOTA, retry("34s")), ErrorKind.RATE_LIMITED),
    (
        429,
        body(429, "RESOURCE_EXHAUSTED", QUOTA + "\nPlease retry in 38.863719904s."),
        ErrorKind.RATE_LIMITED,
    ),
    (429, body(429, "RESOURCE_EXHAUSTED", QUOTA), ErrorKind.OPERATOR_CREDIT),
    (
        429,
        body(
            429,
            "RESOURCE_EXHAUSTED",
            QUOTA,
            quota(
                "GenerateRequestsPerMinutePerProjectPerModel", "GenerateRequestsPerDayPerProject"
            ),
            retry("34s"),
        ),
        ErrorKind.OPERATOR_CREDIT,
    ),
    (
        429,
        body(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
        ErrorKind.OPERATOR_CREDIT,
    ),
    (
        429,
        body(429, "RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap."),
        ErrorKind.OPERATOR_CREDIT,
    ),
    (499, body(499, "CANCELLED"), ErrorKind.OVERLOADED),
    (500, body(500, "INTERNAL"), ErrorKind.OVERLOADED),
    (501, body(501, "UNIMPLEMENTED"), ErrorKind.MODEL_UNAVAILABLE),
    (503, body(503, "UNAVAILABLE"), ErrorKind.OVERLOADED),
    (504, body(504, "DEADLINE_EXCEEDED"), ErrorKind.TIMEOUT),
    (200, body(503, "UNAVAILABLE"), ErrorKind.OVERLOADED),
    (200, body(429, "RESOURCE_EXHAUSTED"), ErrorKind.RATE_LIMITED),
    (200, b'{"error":{"message":"odd"}}', ErrorKind.UNKNOWN),
    (502, b"<html>bad gateway</html>", ErrorKind.OVERLOADED),
    (429, b"", ErrorKind.RATE_LIMITED),
    (401, b"no", ErrorKind.OPERATOR_AUTH),
    (400, b'{"error":"text"}', ErrorKind.INVALID_REQUEST),
    (302, b"", ErrorKind.MALFORMED_RESPONSE),
    (418, b"[]", ErrorKind.INVALID_REQUEST),
]


@pytest.mark.parametrize(("status", "sent", "kind"), KINDS)
def test_an_error_is_of_its_kind_alone_or_in_a_list(
    status: int, sent: bytes, kind: ErrorKind
) -> None:
    for wire in (sent, b"[" + sent + b"\n]\n") if sent.startswith(b"{") else (sent,):
        error = error_from_body(status, wire)
        assert (error.kind, error.phase, error.http_status) == (kind, Phase.ANSWERED, status)


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("34s", 34.0), ("34.074824224s", 34.074824224), ("0s", 0.0), ("-3s", None), (5, None),
     ("999999s", None), ("soon", None)],
)  # fmt: skip
def test_retry_info_says_how_long_to_wait(delay: Any, seconds: float | None) -> None:
    sent = body(429, "RESOURCE_EXHAUSTED", "m", retry(delay))
    assert error_from_body(429, sent).retry_after_seconds == seconds


def test_the_body_goes_before_the_header_and_the_header_before_nothing() -> None:
    told = body(429, "RESOURCE_EXHAUSTED", "m", retry("34s"))
    assert error_from_body(429, told, retry_after_seconds=1.0).retry_after_seconds == 34.0
    silent = body(429, "RESOURCE_EXHAUSTED")
    assert error_from_body(429, silent, retry_after_seconds=1.0).retry_after_seconds == 1.0


@pytest.mark.parametrize(
    ("status", "ran"),
    [(400, False), (403, False), (429, False), (500, True), (503, False), (504, True), (499, True)],
)
def test_only_what_may_have_begun_may_have_run(status: int, ran: bool) -> None:
    assert error_from_body(status, b"").may_have_run is ran


def test_the_operators_affairs_are_not_repeated() -> None:
    for status, name in (
        (403, "PERMISSION_DENIED"),
        (429, "RESOURCE_EXHAUSTED"),
        (404, "NOT_FOUND"),
    ):
        sent = body(status, name, "project 123456 of jane@example.com, models/x")
        error = error_from_body(status, sent)
        assert "123456" not in error.message + str(error)
        assert "models/x" not in error.message


def test_a_refusal_of_the_request_repeats_its_reason_without_secrets() -> None:
    key = "AIzaSyB-1234567890abcdefghijklmnopqrs"
    sent = body(400, "INVALID_ARGUMENT", f"Unknown name 'x' at https://a.example/?key={key} {key}")
    error = error_from_body(400, sent, redact=Redactor([key]))
    assert error.message.startswith("Unknown name 'x'")
    assert "AIza" not in error.message
    assert error.code == "INVALID_ARGUMENT"
    assert error.param is None


@pytest.mark.parametrize("wire", [b"", b"\xff", b"[]", b"[1]", b"3", b"[" * 5000, b'{"error":[]}'])
def test_what_is_no_error_object_says_nothing(wire: bytes) -> None:
    assert read_error_facts(wire).message == ""


def test_details_of_odd_shapes_are_skipped() -> None:
    odd: list[Any] = [
        3,
        {},
        [3],
        [{"@type": 3}],
        [{"@type": RPC + "QuotaFailure", "violations": 3}],
    ]
    for details in odd:
        sent = msgspec.json.encode({"error": {"message": "m", "status": 3, "details": details}})
        assert read_error_facts(sent).message == "m"
