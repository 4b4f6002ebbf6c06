"""What the bridge's conversions cost: ``python -m benchmarks.bridge_conversion``.

Best of several rounds, in microseconds on one core. Targets: a unary request and its answer 15 µs,
100 plain pieces 40 µs.
"""

import timeit
from collections.abc import Callable

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.bodies import chat_request_from_json
from tokensmith_bridge.openai.chat_request import fill_params
from tokensmith_bridge.openai.chat_response import chat_completion_to_json
from tokensmith_bridge.openai.chat_stream import ChatStreamEncoder

_ROUNDS = 15
_CALLS = 4000


def _request_body() -> bytes:
    return msgspec.json.encode(
        {
            "model": "gpt-5.4",
            "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": "Please write a short poem about the sea at night."},
            ],
            "temperature": 0.5,
            "max_tokens": 256,
        }
    )


def _response() -> chat.CreateChatCompletionResponse:
    response = chat.CreateChatCompletionResponse()
    completion = response.completion
    completion.id = "chatcmpl-0123456789"
    completion.create_time.seconds = 1_790_000_000
    completion.model = "gpt-5.4"
    answer = completion.choices.add(finish_reason=chat.FINISH_REASON_STOP)
    answer.message.content = "The sea is dark and wide. " * 10
    completion.usage.input_tokens = 30
    completion.usage.output_tokens = 99
    completion.usage.cached_input_tokens = 0
    completion.usage.reasoning_tokens = 0
    response.charge.charged_microcredits = 123_456
    return response


def _stream(pieces: list[str]) -> tuple[ChatStreamEncoder, chat.StreamChatCompletionResponse]:
    message = chat.StreamChatCompletionResponse()
    message.start.id = "chatcmpl-0123456789"
    message.start.model = "gpt-5.4"
    message.deltas.add(content_pieces=pieces)
    encoder = ChatStreamEncoder(message.start, include_usage=True)
    encoder.encode(message)
    return encoder, message


def _measure(name: str, call: Callable[[], object], target_microseconds: float | None) -> float:
    best = min(timeit.repeat(call, number=_CALLS, repeat=_ROUNDS)) / _CALLS * 1e6
    target = "" if target_microseconds is None else f"   target {target_microseconds:5.1f}"
    print(f"{name:44} {best:8.2f} µs{target}")
    return best


def main() -> None:
    body = _request_body()
    response = _response()

    def convert_request() -> None:
        message = chat.CreateChatCompletionRequest()
        fill_params(message.params, chat_request_from_json(body))

    def unary() -> None:
        convert_request()
        chat_completion_to_json(response)

    _measure(f"request, {len(body)} bytes", convert_request, None)
    _measure("answer", lambda: chat_completion_to_json(response), None)
    _measure("request and answer", unary, 15)
    plain, plain_message = _stream([f"word{number} " for number in range(100)])
    _measure("100 plain pieces in one message", lambda: plain.encode(plain_message), 40)
    odd, odd_message = _stream(["\x7f"] + [f"word{number} " for number in range(99)])
    _measure("100 pieces, one with the separator in it", lambda: odd.encode(odd_message), None)
    one, one_message = _stream(["word "])
    _measure("1 piece in one message", lambda: one.encode(one_message), None)


if __name__ == "__main__":
    main()
