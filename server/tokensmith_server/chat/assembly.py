"""From the parts of a streamed answer to the whole one, and back: for answers that are kept."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tokensmith.v1 import chat_service_pb2 as chat_pb


@dataclass(slots=True)
class _Call:
    """A tool call so far."""

    call: chat_pb.ChatToolCall = field(default_factory=chat_pb.ChatToolCall)
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Choice:
    """A choice so far. Texts grow as lists: appending to a message's own text copies it."""

    choice: chat_pb.ChatChoice
    content: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    # By the index that the provider gave, which may be any number.
    calls: dict[int, _Call] = field(default_factory=dict)
    function_arguments: list[str] = field(default_factory=list)
    sound: list[bytes] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)

    def whole(self) -> chat_pb.ChatChoice:
        """The choice with everything put together."""
        message = self.choice.message
        if self.content:
            message.content = "".join(self.content)
        if self.refusal:
            message.refusal = "".join(self.refusal)
        if self.reasoning:
            message.reasoning_content = "".join(self.reasoning)
        for index in sorted(self.calls):
            part = self.calls[index]
            part.call.arguments = "".join(part.arguments)
            message.tool_calls.append(part.call)
        if message.HasField("function_call"):
            message.function_call.arguments = "".join(self.function_arguments)
        if message.HasField("audio"):
            message.audio.data = b"".join(self.sound)
            message.audio.transcript = "".join(self.transcript)
        return self.choice


class Assembly:
    """Puts deltas together, choice by choice. Ask for the result once."""

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}

    def add(self, deltas: Iterable[chat_pb.ChatCompletionDelta]) -> None:
        """Take in the next parts."""
        for delta in deltas:
            index = delta.choice_index
            choice = self._choices.get(index)
            if choice is None:
                choice = _Choice(chat_pb.ChatChoice(index=index, message=chat_pb.ChatAnswer()))
                self._choices[index] = choice
            _add_to(choice, delta)

    def choices(self) -> list[chat_pb.ChatChoice]:
        """The whole choices in order."""
        return [self._choices[index].whole() for index in sorted(self._choices)]


def _add_to(choice: _Choice, delta: chat_pb.ChatCompletionDelta) -> None:
    if delta.signed_thinking:
        _add_signed_thinking(choice, delta)
    choice.content.extend(delta.content_pieces)
    if delta.refusal:
        choice.refusal.append(delta.refusal)
    if delta.reasoning_content:
        choice.reasoning.append(delta.reasoning_content)
    for part in delta.tool_calls:
        known = choice.calls.setdefault(part.index, _Call())
        known.call.id = known.call.id or part.id
        known.call.kind = known.call.kind or part.kind
        known.call.name = known.call.name or part.name
        known.arguments.append(part.arguments)
    message = choice.choice.message
    if delta.HasField("function_call"):
        message.function_call.SetInParent()
        message.function_call.name = message.function_call.name or delta.function_call.name
        choice.function_arguments.append(delta.function_call.arguments)
    if delta.HasField("audio"):
        _add_audio(choice, delta.audio)
    if delta.HasField("logprobs"):
        choice.choice.logprobs.MergeFrom(delta.logprobs)
    message.annotations.extend(delta.annotations)
    if delta.finish_reason:
        choice.choice.finish_reason = delta.finish_reason
    if delta.HasField("stop_sequence"):
        choice.choice.stop_sequence = delta.stop_sequence


def _add_signed_thinking(choice: _Choice, delta: chat_pb.ChatCompletionDelta) -> None:
    """Keep blocks of thinking with their places, which in a stream only their order tells."""
    text_before, tool_calls_before = len("".join(choice.content)), len(choice.calls)
    for part in delta.signed_thinking:
        block = choice.choice.message.signed_thinking.add()
        block.CopyFrom(part)
        block.text_before = part.text_before or text_before
        block.tool_calls_before = part.tool_calls_before or tool_calls_before


def _add_audio(choice: _Choice, part: chat_pb.ChatAudioDelta) -> None:
    audio = choice.choice.message.audio
    audio.SetInParent()
    audio.id = audio.id or part.id
    choice.sound.append(part.data)
    choice.transcript.append(part.transcript)
    if part.HasField("expire_time"):
        audio.expire_time.CopyFrom(part.expire_time)


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
        signed_thinking=message.signed_thinking,
        finish_reason=choice.finish_reason,
    )
    if choice.HasField("stop_sequence"):
        delta.stop_sequence = choice.stop_sequence
    if message.HasField("content"):
        delta.content_pieces.append(message.content)
    for index, call in enumerate(message.tool_calls):
        delta.tool_calls.add(
            index=index, id=call.id, kind=call.kind, name=call.name, arguments=call.arguments
        )
    if message.HasField("function_call"):
        delta.function_call.CopyFrom(message.function_call)
    if message.HasField("audio"):
        audio = message.audio
        delta.audio.SetInParent()
        delta.audio.id, delta.audio.data = audio.id, audio.data
        delta.audio.transcript = audio.transcript
        if audio.HasField("expire_time"):
            delta.audio.expire_time.CopyFrom(audio.expire_time)
    if choice.HasField("logprobs"):
        delta.logprobs.CopyFrom(choice.logprobs)
    return delta
