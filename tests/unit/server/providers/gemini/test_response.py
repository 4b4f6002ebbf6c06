"""A whole answer becomes ours, or an error that says why not."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.server.providers.gemini.wires import (
    SIGNATURE,
    answer,
    call,
    candidate,
    text,
    thought,
)
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError
from tokensmith_server.providers.gemini.response import ParsedChat, parse_chat_response
from tokensmith_server.providers.tool_call_ids import plain_id, signature_of

STOP = chat_pb.FINISH_REASON_STOP
FILTERED = chat_pb.FINISH_REASON_CONTENT_FILTER


def parse(body: bytes) -> ParsedChat:
    return parse_chat_response(body, new_id=lambda: "call_new")


def first(body: bytes) -> chat_pb.ChatChoice:
    return parse(body).completion.choices[0]


def failure(body: bytes) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        parse(body)
    assert caught.value.phase is Phase.ANSWERED
    return caught.value


def test_texts_and_thoughts_are_joined_apart() -> None:
    parts = [thought("hm "), text("Hel"), thought("so"), text("lo", thoughtSignature=SIGNATURE)]
    parsed = parse(answer(candidate(*parts, finish="STOP")))
    choice = parsed.completion.choices[0]
    assert (choice.message.content, choice.message.reasoning_content) == ("Hello", "hm so")
    assert choice.finish_reason == STOP
    assert parsed.usage.usage == TokenUsage(9, 42, reasoning_tokens=30)
    assert (parsed.returned_model, parsed.response_id) == ("gemini-3-flash-preview", "resp-1")


def test_calls_carry_their_signature_in_their_id() -> None:
    parts = [
        call("f", {"x": 1}, id="fc-1", signature=SIGNATURE),
        call("g", {}, id="fc-2"),
        call("h"),
    ]
    choice = first(answer(candidate(*parts, finish="STOP")))
    assert choice.finish_reason == chat_pb.FINISH_REASON_TOOL_CALLS
    assert not choice.message.HasField("content")
    one, two, three = choice.message.tool_calls
    assert (plain_id(one.id), signature_of(one.id)) == ("fc-1", SIGNATURE)
    assert (two.id, three.id) == ("fc-2", "call_new")
    assert [c.arguments for c in (one, two, three)] == ['{"x":1}', "{}", "{}"]
    assert one.kind == chat_pb.CHAT_TOOL_KIND_FUNCTION


def test_arguments_keep_their_numbers_and_lose_their_line_breaks() -> None:
    body = b"""{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {
      "big": 12345678901234567890123, "float": 1.10, "text": "a\\n b"
    }}}]}, "finishReason": "STOP"}]}"""
    [made] = first(body).message.tool_calls
    assert made.arguments == '{"big":12345678901234567890123,"float":1.10,"text":"a\\n b"}'


def test_text_beside_a_call_is_kept() -> None:
    choice = first(answer(candidate(text("Let me see."), call("f"), finish="STOP")))
    assert choice.message.content == "Let me see."
    assert choice.finish_reason == chat_pb.FINISH_REASON_TOOL_CALLS


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", STOP),
        ("MAX_TOKENS", chat_pb.FINISH_REASON_LENGTH),
        ("CONTINUATION", chat_pb.FINISH_REASON_LENGTH),
        *[
            (reason, FILTERED)
            for reason in ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT",
                           "SPII", "MODEL_ARMOR", "ESCALATION")
        ],
        ("MALFORMED_FUNCTION_CALL", STOP),
        ("OTHER", STOP),
        ("SOMETHING_NEW", STOP),
        (None, STOP),
    ],
)  # fmt: skip
def test_finish_reasons(reason: str | None, finish: int) -> None:
    assert first(answer(candidate(text("a"), finish=reason))).finish_reason == finish


@pytest.mark.parametrize("reason", ["SAFETY", "MAX_TOKENS", "STOP"])
def test_an_empty_answer_with_a_proper_reason_is_an_answer(reason: str) -> None:
    choice = first(answer(candidate(finish=reason)))
    assert choice.message.content == ""


@pytest.mark.parametrize(
    "reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER", "NEW", None]
)
def test_an_empty_answer_without_one_is_none(reason: str | None) -> None:
    error = failure(answer(candidate(thought("hm"), finish=reason)))
    assert error.kind is ErrorKind.MALFORMED_RESPONSE
    assert error.may_have_run
    assert error.usage == TokenUsage(9, 42, reasoning_tokens=30)


def test_an_account_that_google_has_shut_is_the_operators_trouble() -> None:
    error = failure(answer(candidate(finish="PUP_LIMITED_DISABLED")))
    assert error.kind is ErrorKind.OPERATOR_AUTH


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "NEW"])
def test_a_blocked_prompt_is_refused_content(reason: str) -> None:
    body = {"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 9}}
    error = failure(msgspec.json.encode(body))
    assert (error.kind, error.code) == (ErrorKind.CONTENT_REFUSED, reason)
    assert not error.may_have_run


def test_feedback_without_a_reason_blocks_nothing() -> None:
    body = answer(candidate(text("a"), finish="STOP"), promptFeedback={"safetyRatings": []})
    assert first(body).message.content == "a"


def test_logprobs_have_their_alternatives() -> None:
    result = {
        "chosenCandidates": [
            {"token": "é", "tokenId": 3, "logProbability": -0.5},
            {"token": "b", "logProbability": -0.25},
        ],
        "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}]}, {}],
    }
    choice = first(answer(candidate(text("éb"), finish="STOP", logprobsResult=result)))
    one, two = choice.logprobs.content
    assert (one.token, one.logprob, one.token_bytes) == ("é", -0.5, "é".encode())
    assert [top.token for top in one.top_logprobs] == ["é"]
    assert not two.top_logprobs


def test_several_candidates_are_several_choices() -> None:
    candidates = [candidate(text(f"c{i}"), finish="STOP") | {"index": i} for i in (0, 1)]
    choices = parse(answer(*candidates)).completion.choices
    assert [(c.index, c.message.content) for c in choices] == [(0, "c0"), (1, "c1")]


def test_parts_of_unknown_kinds_are_left_behind() -> None:
    parts = [{"executableCode": {"code": "x"}}, {"inlineData": {"data": "AA"}}, text("a")]
    assert first(answer(candidate(*parts, finish="STOP"))).message.content == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{",
        b"<html>",
        b"\xff\xfe",
        b"{}",
        b'{"candidates":[]}',
        b'{"candidates":3}',
        answer(candidate({"functionCall": {"name": "f", "args": [1]}}, finish="STOP")),
        answer(candidate({"functionCall": {"name": "f", "args": "x"}}, finish="STOP")),
        answer(candidate(text("a"), finish="STOP") | {"index": 2**40}),
    ],
)
def test_what_makes_no_sense_is_malformed(body: bytes) -> None:
    assert failure(body).kind is ErrorKind.MALFORMED_RESPONSE


@pytest.mark.parametrize("wrap", [b"%s", b"[%s]"])
def test_an_error_with_status_200_is_an_error(wrap: bytes) -> None:
    body = b'{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}'
    assert failure(wrap % body).kind is ErrorKind.OVERLOADED


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["candidates", "content", "parts", "text", "functionCall", "args", "name", "index",
             "finishReason", "usageMetadata", "promptFeedback", "blockReason", "error",
             "promptTokenCount", "logprobsResult", "chosenCandidates"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(body=Json)
def test_no_body_makes_anything_but_an_answer_or_a_provider_error(body: Any) -> None:
    with suppress(ProviderError):
        parse(msgspec.json.encode(body))
