"""From the parts of a streamed answer to the whole one, and back: for answers that are kept."""

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import usage_pb2


class Assembly:
    """Puts deltas together, choice by choice."""

    def __init__(self) -> None:
        self._choices: dict[int, chat_pb.ChatChoice] = {}
        self._texts: dict[int, list[str]] = {}

    def add(self, deltas: Iterable[chat_pb.ChatCompletionDelta]) -> None:
        """Take in the next parts."""
        for delta in deltas:
            index = delta.choice_index
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = chat_pb.ChatChoice(index=index)
                self._texts[index] = []
            self._texts[index].extend(delta.content_pieces)
            _add_to(choice, delta)

    def result(
        self,
        *,
        completion_id: str,
        model: str,
        created_seconds: int,
        usage: usage_pb2.TokenUsage,
    ) -> bytes:
        """The whole answer as a serialized CreateChatCompletionResponse, without its charge."""
        for index, choice in self._choices.items():
            if self._texts[index]:
                choice.message.content = "".join(self._texts[index])
        return chat_pb.CreateChatCompletionResponse(
            completion=chat_pb.ChatCompletion(
                id=completion_id,
                model=model,
                create_time=Timestamp(seconds=created_seconds),
                choices=[self._choices[index] for index in sorted(self._choices)],
                usage=usage,
            )
        ).SerializeToString()


def _add_to(choice: chat_pb.ChatChoice, delta: chat_pb.ChatCompletionDelta) -> None:
    message = choice.message
    if delta.refusal:
        message.refusal += delta.refusal
    if delta.reasoning_content:
        message.reasoning_content += delta.reasoning_content
    for part in delta.tool_calls:
        while len(message.tool_calls) <= part.index:
            message.tool_calls.add()
        call = message.tool_calls[part.index]
        call.id = call.id or part.id
        call.kind = call.kind or part.kind
        call.name = call.name or part.name
        call.arguments += part.arguments
    if delta.HasField("function_call"):
        message.function_call.name = message.function_call.name or delta.function_call.name
        message.function_call.arguments += delta.function_call.arguments
    if delta.HasField("audio"):
        message.audio.id = message.audio.id or delta.audio.id
        message.audio.data += delta.audio.data
        message.audio.transcript += delta.audio.transcript
        if delta.audio.HasField("expire_time"):
            message.audio.expire_time.CopyFrom(delta.audio.expire_time)
    if delta.HasField("logprobs"):
        choice.logprobs.MergeFrom(delta.logprobs)
    message.annotations.extend(delta.annotations)
    if delta.finish_reason:
        choice.finish_reason = delta.finish_reason


def deltas_of(completion: chat_pb.ChatCompletion) -> list[chat_pb.ChatCompletionDelta]:
    """A whole answer as the parts of a stream: one for each choice."""
    return [_delta_of(choice) for choice in completion.choices]


def _delta_of(choice: chat_pb.ChatChoice) -> chat_pb.ChatCompletionDelta:
    message = choice.message
    delta = chat_pb.ChatCompletionDelta(
        choice_index=choice.index,
        role=chat_pb.CHAT_ROLE_ASSISTANT,
        refusal=message.refusal,
        reasoning_content=message.reasoning_content,
        annotations=message.annotations,
        finish_reason=choice.finish_reason,
    )
    if message.content:
        delta.content_pieces.append(message.content)
    for index, call in enumerate(message.tool_calls):
        delta.tool_calls.add(
            index=index, id=call.id, kind=call.kind, name=call.name, arguments=call.arguments
        )
    if message.HasField("function_call"):
        delta.function_call.CopyFrom(message.function_call)
    if message.HasField("audio"):
        delta.audio.id = message.audio.id
        delta.audio.data = message.audio.data
        delta.audio.transcript = message.audio.transcript
        delta.audio.expire_time.CopyFrom(message.audio.expire_time)
    if choice.HasField("logprobs"):
        delta.logprobs.CopyFrom(choice.logprobs)
    return delta
