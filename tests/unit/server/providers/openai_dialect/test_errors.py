"""Upstream errors become kinds by who must act, and tell nothing about the operator."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.providers import openai, together, xai
from tokensmith_server.providers.base import ErrorKind, Phase
from tokensmith_server.providers.openai_dialect.errors import error_from_body
from tokensmith_server.providers.openai_dialect.profile import DialectProfile


def nested(message: str, **fields: object) -> bytes:
    return msgspec.json.encode(
        {"error": {"message": message, "type": None, "param": None, "code": None, **fields}}
    )


def flat(message: str, code: str = "Client specified an invalid argument") -> bytes:
    return msgspec.json.encode({"code": code, "error": message})


K = ErrorKind
OPENAI, XAI, TOGETHER = openai.PROFILE, xai.PROFILE, together.PROFILE

CASES: list[tuple[DialectProfile, int, bytes, ErrorKind]] = [
    (OPENAI, 400, nested("Bad temperature.", code="invalid_value"), K.INVALID_REQUEST),
    (OPENAI, 400, nested("Too long.", code="context_length_exceeded"), K.CONTEXT_LENGTH),
    (OPENAI, 400, nested("Flagged.", code="moderation_blocked"), K.CONTENT_REFUSED),
    (OPENAI, 400, nested("Flagged.", code="content_policy_violation"), K.CONTENT_REFUSED),
    (OPENAI, 400, nested("Flagged.", code="invalid_prompt"), K.CONTENT_REFUSED),
    (OPENAI, 401, nested("Incorrect API key provided: sk-x."), K.OPERATOR_AUTH),
    (OPENAI, 402, nested("Pay."), K.OPERATOR_CREDIT),
    (OPENAI, 403, nested("Country not supported"), K.OPERATOR_AUTH),
    (OPENAI, 404, nested("No such model.", code="model_not_found"), K.MODEL_UNAVAILABLE),
    (OPENAI, 404, b"", K.MODEL_UNAVAILABLE),
    (OPENAI, 409, nested("Conflict"), K.OVERLOADED),
    (OPENAI, 422, nested("Unprocessable"), K.INVALID_REQUEST),
    (OPENAI, 429, nested("Slow down.", code="rate_limit_exceeded"), K.RATE_LIMITED),
    (OPENAI, 429, nested("Quota.", type="insufficient_quota"), K.OPERATOR_CREDIT),
    (OPENAI, 429, nested("Out.", code="credit_balance_exhausted"), K.OPERATOR_CREDIT),
    (OPENAI, 500, nested("Sorry.", type="server_error"), K.OVERLOADED),
    (OPENAI, 502, b"<html><body>Bad gateway</body></html>", K.OVERLOADED),
    (OPENAI, 503, nested("Overloaded.", code="server_is_overloaded"), K.OVERLOADED),
    (OPENAI, 504, b"upstream timed out", K.TIMEOUT),
    (OPENAI, 529, nested("Overloaded."), K.OVERLOADED),
    (OPENAI, 302, b"", K.MALFORMED_RESPONSE),
    (OPENAI, 500, nested("Odd.", code="invalid_api_key"), K.OVERLOADED),
    (
        OPENAI,
        400,
        nested(
            "Your organization must be verified to stream this model. Please go to: x",
            code="unsupported_value",
            param="stream",
        ),
        K.MODEL_UNAVAILABLE,
    ),
    (
        OPENAI,
        403,
        nested("Your organization must be verified to use the model `m`."),
        K.MODEL_UNAVAILABLE,
    ),
    (XAI, 400, flat("Incorrect API key provided: xa***yz."), K.OPERATOR_AUTH),
    (XAI, 400, flat("Argument not supported: logit_bias"), K.INVALID_REQUEST),
    (XAI, 400, flat("This model's maximum prompt length is 10 but ..."), K.CONTEXT_LENGTH),
    (XAI, 400, flat("Rejected.", "imagine:content-moderated"), K.CONTENT_REFUSED),
    (XAI, 403, flat("Content violates usage guidelines. Team: t"), K.CONTENT_REFUSED),
    (XAI, 403, flat("Your team is blocked."), K.OPERATOR_AUTH),
    (XAI, 422, flat("invalid type: string", "invalid-argument"), K.INVALID_REQUEST),
    (XAI, 429, flat("Too many requests for team t and model m."), K.RATE_LIMITED),
    (
        XAI,
        429,
        flat("Your team t has either used all available credits or reached its limit."),
        K.OPERATOR_CREDIT,
    ),
    (XAI, 200, flat("Try later.", "The service is currently unavailable"), K.OVERLOADED),
    (XAI, 200, flat("Odd field."), K.INVALID_REQUEST),
    (XAI, 200, flat("What?", "something new"), K.UNKNOWN),
    (TOGETHER, 403, nested("prompt + max_tokens is too much"), K.CONTEXT_LENGTH),
    (TOGETHER, 403, nested("The API key k may not use the model m."), K.OPERATOR_AUTH),
    (TOGETHER, 402, nested("Credit limit exceeded", type="credit_limit"), K.OPERATOR_CREDIT),
    (TOGETHER, 400, nested("Non-serverless.", code="model_not_available"), K.MODEL_UNAVAILABLE),
    (TOGETHER, 429, nested("Slow", error_type="dynamic_request_limited"), K.RATE_LIMITED),
    (OPENAI, 200, nested("Slow.", code=429), K.RATE_LIMITED),
    (OPENAI, 200, nested("Sorry.", type="server_error"), K.OVERLOADED),
    (OPENAI, 200, nested("Bad.", type="invalid_request_error"), K.INVALID_REQUEST),
    (OPENAI, 400, b'{"detail":"Not like this"}', K.INVALID_REQUEST),
    (
        OPENAI,
        400,
        b'[{"error":{"message":"x","code":"context_length_exceeded"}}]',
        K.CONTEXT_LENGTH,
    ),
    (OPENAI, 400, b"\xff\xfe", K.INVALID_REQUEST),
]


@pytest.mark.parametrize(("profile", "status", "body", "kind"), CASES)
def test_error_is_classified(
    profile: DialectProfile, status: int, body: bytes, kind: ErrorKind
) -> None:
    error = error_from_body(status, body, profile)
    assert error.kind is kind
    assert (error.phase, error.http_status) == (Phase.ANSWERED, status)


@pytest.mark.parametrize(
    ("status", "ran"),
    [
        *[(status, False) for status in (302, 400, 401, 404, 429, 503, 529)],
        *[(status, True) for status in (408, 500, 502, 504)],
    ],
)
def test_only_failures_in_the_middle_of_work_may_have_run(status: int, *, ran: bool) -> None:
    assert error_from_body(status, b"{}", OPENAI).may_have_run is ran


def test_clients_mistake_is_explained_in_the_vendors_words_redacted() -> None:
    body = nested(
        "Invalid 'temperature' (org-abc123, see https://platform.openai.com/x).",
        code="invalid_value",
        param="temperature",
    )
    error = error_from_body(400, body, OPENAI, retry_after_seconds=3.0, upstream_request_id="r1")
    assert error.message == "Invalid 'temperature' ([redacted], see [redacted]"
    assert (error.param, error.code) == ("temperature", "invalid_value")
    assert (error.retry_after_seconds, error.upstream_request_id) == (3.0, "r1")


@pytest.mark.parametrize("status", [200, 401, 402, 403, 404, 429, 500, 503])
@given(text=st.text(min_size=30, max_size=60))
def test_operators_trouble_is_never_told_in_the_vendors_words(status: int, text: str) -> None:
    error = error_from_body(status, nested(text), OPENAI)
    assert text not in error.message
    assert error.message


def test_clients_words_in_a_vendors_text_do_not_blame_the_operator() -> None:
    text = "Invalid 'tools[0].name': 'Incorrect API key, spending limit, insufficient_quota'"
    for profile in (OPENAI, XAI, TOGETHER):
        assert error_from_body(400, nested(text), profile).kind is K.INVALID_REQUEST


@given(status=st.sampled_from([200, 302, 400, 403, 429, 500]), body=st.binary(max_size=200))
def test_any_body_makes_an_error(status: int, body: bytes) -> None:
    assert error_from_body(status, body, XAI).message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "code", "type", "param"]), inner)
    ),
    max_leaves=10,
)


@given(status=st.sampled_from([200, 400, 403, 429, 500]), value=JSON)
def test_any_json_makes_an_error(status: int, value: object) -> None:
    assert error_from_body(status, msgspec.json.encode(value), XAI).message
