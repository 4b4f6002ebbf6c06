"""What of a chat decides its price before it is sent, and what of an answer after it broke off."""

from collections.abc import Iterable

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.pricing import TextFacts
from tokensmith_server.providers.base import NOTHING_RECALLED, RecalledInput

_BASE64_RATIO = (3, 4)


def text_facts(
    params: chat_pb.ChatCompletionParams, family: str, recalled: RecalledInput = NOTHING_RECALLED
) -> TextFacts:
    """The facts that the input estimate needs. ``recalled`` comes with the params unseen.

    Sizes of plain messages are those of their protobuf form, a few bytes above their text: the
    estimate is a high one, and this is the cheapest exact bound.
    """
    text_bytes = audio_bytes = file_bytes = 0
    image_details: list[str] = []
    for message in params.messages:
        if message.content.WhichOneof("kind") != "parts":
            text_bytes += message.ByteSize()
            continue
        text_bytes += _beside_content(message)
        for part in message.content.parts.parts:
            match part.WhichOneof("kind"):
                case "image":
                    image_details.append(part.image.detail)
                case "input_audio":
                    audio_bytes += len(part.input_audio.data)
                case "file":
                    file_bytes += _decoded_size(part.file.file_data)
                    text_bytes += len(part.file.filename.encode())
                case _:
                    text_bytes += part.ByteSize()
    if params.HasField("prediction"):
        text_bytes += params.prediction.ByteSize()
    tools = len(params.tools) + len(params.functions) or _called_count(params)
    return TextFacts(
        family=family,
        text_bytes=text_bytes,
        message_count=len(params.messages),
        tool_bytes=_tool_bytes(params) if tools or params.HasField("response_format") else 0,
        tool_count=tools,
        image_details=tuple(image_details),
        audio_bytes=audio_bytes,
        file_bytes=file_bytes,
        choices=params.choice_count or 1,
        recalled_bytes=recalled.byte_count,
        recalled_tokens=recalled.token_count,
    )


def _beside_content(message: chat_pb.ChatMessage) -> int:
    """Bytes of what a message has besides its content: all of it is read by some model."""
    texts = (message.name, message.tool_call_id, message.refusal, message.reasoning_content)
    return (
        sum(len(text.encode()) for text in texts)
        + message.function_call.ByteSize()
        + sum(call.ByteSize() for call in message.tool_calls)
        + sum(block.ByteSize() for block in message.signed_thinking)
    )


def _called_count(params: chat_pb.ChatCompletionParams) -> int:
    """Tools that were called before: some providers want them declared, and count that."""
    return len({call.name for message in params.messages for call in message.tool_calls})


def _tool_bytes(params: chat_pb.ChatCompletionParams) -> int:
    tools = sum(tool.ByteSize() for tool in params.tools)
    functions = sum(function.ByteSize() for function in params.functions)
    return tools + functions + params.response_format.ByteSize()


def _decoded_size(base64_text: str) -> int:
    numerator, denominator = _BASE64_RATIO
    return len(base64_text) * numerator // denominator


def delivered_bytes(deltas: Iterable[chat_pb.ChatCompletionDelta]) -> int:
    """UTF-8 bytes of everything in the deltas that a provider counts as output."""
    total = 0
    for delta in deltas:
        if delta.content_pieces:
            # A slice reads the repeated field in one call.
            total += len("".join(delta.content_pieces[:]).encode())
        if delta.tool_calls:
            total += sum(
                len(call.name.encode()) + len(call.arguments.encode()) for call in delta.tool_calls
            )
        total += len(delta.refusal.encode()) + len(delta.reasoning_content.encode())
        if delta.HasField("function_call"):
            total += len(delta.function_call.name.encode())
            total += len(delta.function_call.arguments.encode())
        if delta.HasField("audio"):
            total += len(delta.audio.transcript.encode())
    return total


def answer_bytes(completion: chat_pb.ChatCompletion) -> int:
    """The same of a whole answer."""
    total = 0
    for choice in completion.choices:
        message = choice.message
        total += len(message.content.encode()) + len(message.refusal.encode())
        total += len(message.reasoning_content.encode()) + len(message.audio.data)
        total += sum(len(call.name) + len(call.arguments.encode()) for call in message.tool_calls)
        if message.HasField("function_call"):
            total += len(message.function_call.name) + len(message.function_call.arguments.encode())
    return total


def has_worth(completion: chat_pb.ChatCompletion) -> bool:
    """Whether any answer has something in it to read or to act on, be it reasoning alone."""
    return any(
        choice.message.content
        or choice.message.reasoning_content
        or choice.message.refusal
        or choice.message.tool_calls
        or choice.message.HasField("function_call")
        or choice.message.HasField("audio")
        for choice in completion.choices
    )


def has_worth_in(deltas: Iterable[chat_pb.ChatCompletionDelta]) -> bool:
    """Whether a part of a streamed answer has something of it besides reasoning."""
    return any(
        any(delta.content_pieces)
        or delta.refusal
        or delta.tool_calls
        or delta.HasField("function_call")
        or delta.HasField("audio")
        for delta in deltas
    )
