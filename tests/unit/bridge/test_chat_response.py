import base64

import msgspec
from openai.types.chat import ChatCompletion

from tests.integration.bridge import answers
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1.usage_pb2 import Charge, TokenUsage
from tokensmith_bridge.openai.chat_response import chat_completion_to_json, usage_to_json

MODERATION = {
    side: {"type": "error", "code": "unavailable", "message": "No."} for side in ("input", "output")
}


def test_an_answer_is_openais_byte_for_byte() -> None:
    response = answers.completion()
    response.completion.service_tier = "default"
    assert chat_completion_to_json(response) == (
        b'{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"gpt-5.4",'
        b'"choices":[{"index":0,"message":{"role":"assistant","content":"Hello there.",'
        b'"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21,"cost":0.123456,'
        b'"prompt_tokens_details":{"cached_tokens":0},'
        b'"completion_tokens_details":{"reasoning_tokens":4}},'
        b'"system_fingerprint":null,"service_tier":"default"}'
    )


def test_everything_that_an_answer_may_have_is_understood_by_the_sdk() -> None:
    response = answers.completion()
    completion = response.completion
    completion.moderation_json = msgspec.json.encode(MODERATION).decode()
    message = completion.choices[0].message
    message.refusal = "No."
    message.reasoning_content = "Hm."
    message.tool_calls.add(id="c1", kind=chat.CHAT_TOOL_KIND_FUNCTION, name="f", arguments="{}")
    message.tool_calls.add(id="c2", kind=chat.CHAT_TOOL_KIND_CUSTOM, name="g", arguments="x")
    message.function_call.name = "f"
    message.function_call.arguments = "{}"
    message.audio.id = "a"
    message.audio.data = b"\x00\x01"
    message.audio.expire_time.seconds = 5
    message.audio.transcript = "hi"
    message.annotations.add(start_index=1, end_index=2, title="t", url="https://a")
    token = completion.choices[0].logprobs.content.add(token="é", logprob=-0.5)
    token.token_bytes = "é".encode()
    token.top_logprobs.add(token="e", logprob=-1)
    rendered = msgspec.json.decode(chat_completion_to_json(response))
    parsed = ChatCompletion.model_validate(rendered, strict=True)
    choice = parsed.choices[0]
    assert choice.message.tool_calls is not None
    assert [call.type for call in choice.message.tool_calls] == ["function", "custom"]
    assert choice.message.audio is not None
    assert base64.b64decode(choice.message.audio.data) == b"\x00\x01"
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert choice.logprobs.content[0].bytes == [0xC3, 0xA9]
    assert choice.logprobs.content[0].top_logprobs[0].bytes is None
    assert choice.message.annotations is not None
    assert choice.message.annotations[0].url_citation.url == "https://a"
    assert rendered["choices"][0]["message"]["reasoning_content"] == "Hm."
    assert rendered["moderation"] == MODERATION


def test_counts_that_the_provider_did_not_give_are_left_out() -> None:
    usage = usage_to_json(TokenUsage(input_tokens=1, output_tokens=2, estimated=True), Charge())
    assert set(usage) == {"prompt_tokens", "completion_tokens", "total_tokens", "cost", "estimated"}


def test_every_count_has_a_place() -> None:
    usage = TokenUsage()
    names = [field.name for field in TokenUsage.DESCRIPTOR.fields if field.name != "estimated"]
    for number, name in enumerate(names, 1):
        setattr(usage, name, number)
    rendered = usage_to_json(usage, Charge())
    details = [
        *rendered["prompt_tokens_details"].values(),
        *rendered["completion_tokens_details"].values(),
    ]
    shown = [rendered["prompt_tokens"], rendered["completion_tokens"], *details]
    assert sorted(shown) == list(range(1, len(names) + 1))
