"""Errors say who must act, and repeat only what the client can act on."""

import msgspec
import pytest

from tokensmith_server.providers.anthropic.errors import error_from_body
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError
from tokensmith_server.providers.redaction import Redactor

K = ErrorKind


def error(status: int, kind: str, message: str = "words") -> ProviderError:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return error_from_body(status, msgspec.json.encode(body))


@pytest.mark.parametrize(
    ("status", "kind", "expected", "may_have_run"),
    [
        (400, "invalid_request_error", K.INVALID_REQUEST, False),
        (401, "authentication_error", K.OPERATOR_AUTH, False),
        (402, "billing_error", K.OPERATOR_CREDIT, False),
        (403, "permission_error", K.OPERATOR_AUTH, False),
        (404, "not_found_error", K.MODEL_UNAVAILABLE, False),
        (409, "conflict_error", K.OVERLOADED, False),
        (413, "request_too_large", K.INVALID_REQUEST, False),
        (429, "rate_limit_error", K.RATE_LIMITED, False),
        (500, "api_error", K.OVERLOADED, True),
        (504, "timeout_error", K.TIMEOUT, True),
        (529, "overloaded_error", K.OVERLOADED, False),
        (302, "", K.MALFORMED_RESPONSE, False),
        (418, "", K.INVALID_REQUEST, False),
        # In a stream, or in the body of a 200.
        (200, "invalid_request_error", K.INVALID_REQUEST, False),
        (200, "authentication_error", K.OPERATOR_AUTH, True),
        (200, "billing_error", K.OPERATOR_CREDIT, True),
        (200, "permission_error", K.OPERATOR_AUTH, True),
        (200, "not_found_error", K.MODEL_UNAVAILABLE, True),
        (200, "rate_limit_error", K.RATE_LIMITED, False),
        (200, "api_error", K.OVERLOADED, True),
        (200, "timeout_error", K.TIMEOUT, True),
        (200, "overloaded_error", K.OVERLOADED, True),
        (200, "new_error", K.UNKNOWN, True),
    ],
)
def test_kinds(status: int, kind: str, expected: ErrorKind, may_have_run: bool) -> None:
    made = error(status, kind)
    assert made.kind is expected
    assert made.may_have_run is may_have_run
    assert made.phase is Phase.ANSWERED
    assert made.http_status == status


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (400, "prompt is too long: 210000 tokens > 200000 maximum", K.CONTEXT_LENGTH),
        (
            400,
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            K.CONTEXT_LENGTH,
        ),
        (
            400,
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & "
            "Billing to upgrade or purchase credits.",
            K.OPERATOR_CREDIT,
        ),
        (400, "You have reached your specified API usage limits.", K.OPERATOR_CREDIT),
        (429, "This workspace has reached its spend limit.", K.OPERATOR_CREDIT),
        (400, "This organization has been disabled.", K.OPERATOR_AUTH),
        (400, "Output blocked by content filtering policy", K.CONTENT_REFUSED),
        # What a client wrote must not decide.
        (400, "messages.0.content: credit balance is too low", K.INVALID_REQUEST),
        (400, "tools.0.custom.name: prompt is too long", K.INVALID_REQUEST),
        (400, "tools.0: This organization has been disabled.", K.INVALID_REQUEST),
    ],
)
def test_texts_decide_where_statuses_do_not(status: int, message: str, expected: ErrorKind) -> None:
    made = error(status, "rate_limit_error" if status == 429 else "invalid_request_error", message)
    assert made.kind is expected


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("max_tokens: 200000 > 64000, which is the maximum", "max_completion_tokens"),
        ("messages.1.content.0.image.source: bad", "messages"),
        ("output_config.format.schema: bad", "response_format"),
        ("tools.0.custom.input_schema: bad", "tools"),
        ("unknown_thing: bad", None),
        ("`temperature` is deprecated", None),
    ],
)
def test_clients_mistakes_name_openais_field(message: str, param: str | None) -> None:
    made = error(400, "invalid_request_error", message)
    assert made.param == param
    assert made.message == message


def test_words_about_the_operator_are_not_repeated() -> None:
    words = "This request would exceed your organization's rate limit (org: 0000)"
    for status, kind in (
        (401, "authentication_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
    ):
        assert "organization" not in error(status, kind, words).message


def test_secrets_in_a_clients_mistake_are_removed() -> None:
    body = b'{"error":{"type":"invalid_request_error","message":"bad x-api-key sk-ant-SECRETKEY1"}}'
    made = error_from_body(400, body, redact=Redactor(["sk-ant-SECRETKEY1"]))
    assert "SECRET" not in made.message


@pytest.mark.parametrize("body", [b"", b"<html>413</html>", b"[]", b"5", b'{"error":"x"}', b"\xff"])
def test_bodies_of_the_edge_are_judged_by_their_status(body: bytes) -> None:
    assert error_from_body(413, body).message == "The request is larger than the provider takes."
    assert error_from_body(502, body).kind is K.OVERLOADED
    assert error_from_body(403, body).kind is K.OPERATOR_AUTH


def test_facts_of_the_answer_are_kept() -> None:
    made = error_from_body(429, b"", retry_after_seconds=3.0, upstream_request_id="req_1")
    assert (made.retry_after_seconds, made.upstream_request_id) == (3.0, "req_1")
