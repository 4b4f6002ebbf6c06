"""Whole answers come out in our schema, whatever the vendor's habits."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.model import ProviderQuirks
from tokensmith_server.providers import openai, openai_compatible, together, xai
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
from tokensmith_server.providers.openai_dialect.response import ParsedChat, parse_chat_response

COMPATIBLE = openai_compatible.profile_of(ProviderQuirks())
USAGE = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}


def parse(
    message: dict[str, Any],
    profile: DialectProfile = openai.PROFILE,
    *,
    finish_reason: str | None = "stop",
    logprobs: Any = None,
    **top: Any,
) -> ParsedChat:
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "finish_reason": finish_reason,
        "logprobs": logprobs,
    }
    body = {"id": "x", "object": "chat.completion", "choices": [choice], "usage": USAGE, **top}
    return parse_chat_response(msgspec.json.encode(body), profile)


def choice_of(parsed: ParsedChat) -> chat_pb.ChatChoice:
    return parsed.completion.choices[0]


def test_answer_has_our_fields_and_none_of_the_vendors_identity() -> None:
    parsed = parse(
        {"content": "hi", "refusal": None, "annotations": []},
        model="gpt-5.4-mini-2026-03-17",
        service_tier="default",
        system_fingerprint="fp",
        moderation={"input": {"flagged": False}},
        secret_new_field={"cost": 1},
    )
    assert parsed.completion == chat_pb.ChatCompletion(
        choices=[
            chat_pb.ChatChoice(
                message=chat_pb.ChatAnswer(content="hi"),
                finish_reason=chat_pb.FINISH_REASON_STOP,
            )
        ],
        service_tier="default",
        system_fingerprint="fp",
        moderation_json='{"input":{"flagged":false}}',
    )
    assert parsed.usage.usage == TokenUsage(9, 12)
    assert parsed.returned_model == "gpt-5.4-mini-2026-03-17"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", chat_pb.FINISH_REASON_STOP),
        ("eos", chat_pb.FINISH_REASON_STOP),
        ("length", chat_pb.FINISH_REASON_LENGTH),
        ("tool_calls", chat_pb.FINISH_REASON_TOOL_CALLS),
        ("content_filter", chat_pb.FINISH_REASON_CONTENT_FILTER),
        ("function_call", chat_pb.FINISH_REASON_FUNCTION_CALL),
        ("something_new", chat_pb.FINISH_REASON_STOP),
        (None, chat_pb.FINISH_REASON_STOP),
    ],
)
def test_finish_reasons(reason: str | None, finish: chat_pb.FinishReason) -> None:
    assert choice_of(parse({"content": "x"}, finish_reason=reason)).finish_reason == finish


def test_tool_calls_have_no_content_even_where_the_vendor_says_it_is_empty() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "free"}},
        {"id": "c3", "function": {"name": "h", "arguments": {"a": 1}}, "index": 2.0},
    ]
    message = choice_of(parse({"content": "", "tool_calls": calls}, xai.PROFILE)).message
    assert not message.HasField("content")
    function, custom = chat_pb.CHAT_TOOL_KIND_FUNCTION, chat_pb.CHAT_TOOL_KIND_CUSTOM
    assert list(message.tool_calls) == [
        chat_pb.ChatToolCall(id="c1", kind=function, name="f", arguments='{"a":1}'),
        chat_pb.ChatToolCall(id="c2", kind=custom, name="g", arguments="free"),
        chat_pb.ChatToolCall(id="c3", kind=function, name="h", arguments='{"a":1}'),
    ]


def test_stop_with_tool_calls_is_corrected_only_for_lenient_hosts() -> None:
    message = {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}
    lenient = choice_of(parse(message, COMPATIBLE))
    assert lenient.finish_reason == chat_pb.FINISH_REASON_TOOL_CALLS
    # OpenAI itself says "stop" when a named function was forced.
    assert choice_of(parse(message)).finish_reason == chat_pb.FINISH_REASON_STOP


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_under_either_name(field: str) -> None:
    message = choice_of(parse({"content": "x", field: "hm"}, together.PROFILE)).message
    assert (message.content, message.reasoning_content) == ("x", "hm")


def test_empty_text_and_no_text_are_kept_apart() -> None:
    assert choice_of(parse({"content": ""})).message.HasField("content")
    refused = choice_of(parse({"content": None, "refusal": "no"})).message
    assert not refused.HasField("content")
    assert refused.refusal == "no"


def test_annotations_audio_and_legacy_calls() -> None:
    citation: dict[str, Any] = {
        "start_index": 1,
        "end_index": 2,
        "title": "t",
        "url": "https://e.org",
    }
    message = choice_of(
        parse(
            {
                "annotations": [{"type": "url_citation", "url_citation": citation}, {"type": "x"}],
                "audio": {"id": "a", "data": "AP8=", "expires_at": 7, "transcript": "said"},
                "function_call": {"name": "f", "arguments": "{}"},
            }
        )
    ).message
    assert list(message.annotations) == [chat_pb.ChatAnnotation(**citation)]
    assert (message.audio.id, message.audio.data) == ("a", b"\x00\xff")
    assert message.audio.expire_time.seconds == 7
    assert message.audio.transcript == "said"
    assert message.function_call == chat_pb.ChatFunctionCall(name="f", arguments="{}")


def test_logprobs_of_openai() -> None:
    top = {"token": "é", "logprob": -0.5, "bytes": [195, 169]}
    logprobs = {"content": [{**top, "top_logprobs": [top]}], "refusal": None}
    parsed = choice_of(parse({"content": "é"}, logprobs=logprobs)).logprobs
    assert parsed.content[0].token_bytes == "é".encode()
    assert parsed.content[0].top_logprobs[0].logprob == -0.5


def test_logprobs_of_together() -> None:
    logprobs = {
        "token_ids": [1, 2],
        "tokens": ["a", "b"],
        "token_logprobs": [-0.1, None],
        "top_logprobs": [{"a": -0.1, "c": -2.0}, None],
    }
    parsed = choice_of(parse({"content": "ab"}, together.PROFILE, logprobs=logprobs)).logprobs
    assert [(item.token, item.logprob) for item in parsed.content] == [("a", -0.1), ("b", 0.0)]
    assert [item.token for item in parsed.content[0].top_logprobs] == ["a", "c"]
    assert not parsed.content[0].HasField("token_bytes")


def test_broken_usage_costs_the_usage_and_not_the_answer() -> None:
    parsed = parse({"content": "hi"}, usage={"prompt_tokens": "many"})
    assert choice_of(parsed).message.content == "hi"
    assert parsed.usage.usage is None
    assert parsed.usage.problem


def test_missing_usage_is_none() -> None:
    parsed = parse({"content": "hi"}, usage=None)
    assert (parsed.usage.usage, parsed.usage.problem) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Welcome</body></html>",
        b'{"choices":[{"index":0,"mess',
        b"[]",
        b"null",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":null}',
        b'{"choices":[{"index":0}]}',
        b'{"choices":[{"message":{"content":7}}]}',
        b'{"choices":[{"index":99999999999,"message":{"content":"x"}}]}',
        b'{"choices":[{"message":{"audio":{"data":"not base64!"}}}]}',
        b'{"choices":[{"message":{"content":"x"},"logprobs":{"content":7}}]}',
        b'{"choices":[{"message":{"content":"\xff"}}]}',
        b"[" * 100_000,
    ],
)
def test_200_that_makes_no_sense_is_malformed(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        parse_chat_response(body, openai.PROFILE)
    assert caught.value.kind is ErrorKind.MALFORMED_RESPONSE
    assert (caught.value.phase, caught.value.may_have_run) == (Phase.ANSWERED, True)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":{"message":"x","type":"server_error"}}', ErrorKind.OVERLOADED),
        (
            b'{"code":"The service is currently unavailable","error":"Try again later"}',
            ErrorKind.OVERLOADED,
        ),
        (b'{"object":"error","message":"no","code":400}', ErrorKind.INVALID_REQUEST),
    ],
)
def test_200_that_is_an_error_is_that_error(body: bytes, kind: ErrorKind) -> None:
    with pytest.raises(ProviderError) as caught:
        parse_chat_response(body, xai.PROFILE)
    assert caught.value.kind is kind


@given(body=st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_an_upstream_error(body: bytes) -> None:
    with contextlib.suppress(ProviderError):
        parse_chat_response(body, openai.PROFILE)
