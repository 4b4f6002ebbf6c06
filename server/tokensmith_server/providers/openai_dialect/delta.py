"""From one frame's part of a choice to a delta, and what must be remembered in between. Pure."""

from typing import Final

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.openai_dialect import wire
from tokensmith_server.providers.openai_dialect.parts import (
    PartInvalid,
    annotations_of,
    arguments_of,
    expire_time_of,
    finish_reason_of,
    kind_of,
    logprobs_of,
    name_and_arguments,
    reasoning_of,
    sound_of,
)
from tokensmith_server.providers.openai_dialect.profile import DialectProfile

_TOOL_CALLS_MAX: Final = 1024


class ChoiceState:
    """What has to be remembered of one choice between frames."""

    __slots__ = ("finished", "tool_ids", "tool_names")

    def __init__(self) -> None:
        self.finished = False
        self.tool_ids: list[str] = []
        """One for each tool call begun, by index; empty where the host gave none."""
        self.tool_names: list[str] = []

    def finish_of(
        self, finish: chat_pb.FinishReason, profile: DialectProfile
    ) -> chat_pb.FinishReason:
        """Correct a finish reason that forgets the tool calls, where the host is known for it."""
        if profile.lenient_end and self.tool_ids and finish == chat_pb.FINISH_REASON_STOP:
            return chat_pb.FINISH_REASON_TOOL_CALLS
        return finish


def is_text(choice: wire.ChunkChoice, delta: wire.Message) -> bool:
    """Whether a frame is one piece of text and nothing else."""
    return bool(delta.content) and not (
        choice.finish_reason
        or choice.logprobs is not None
        or delta.tool_calls
        or delta.refusal
        or delta.reasoning_content
        or delta.reasoning
        or delta.function_call
        or delta.audio
        or delta.annotations
    )


def fill_delta(
    part: chat_pb.ChatCompletionDelta,
    choice: wire.ChunkChoice,
    state: ChoiceState,
    profile: DialectProfile,
) -> None:
    """Write what a frame says of a choice into ``part``.

    Raises:
        PartInvalid: something in it has no sensible shape.
        ValueError: a number is out of range.
    """
    delta = choice.delta or wire.Message()
    if delta.content:
        part.content_pieces.append(delta.content)
    if delta.refusal:
        part.refusal = delta.refusal
    if reasoning := reasoning_of(delta):
        part.reasoning_content = reasoning
    for place, call in enumerate(delta.tool_calls or ()):
        _add_tool_call(part, call, place, state)
    if delta.function_call is not None:
        part.function_call.name = delta.function_call.name or ""
        part.function_call.arguments = arguments_of(delta.function_call)
    if delta.audio is not None:
        part.audio.CopyFrom(_audio_delta(delta.audio))
    if delta.annotations:
        part.annotations.extend(annotations_of(delta.annotations))
    logprobs = logprobs_of(choice.logprobs, delta.content or "")
    if logprobs is not None:
        part.logprobs.CopyFrom(logprobs)
    finish = finish_reason_of(choice.finish_reason)
    if finish:
        part.finish_reason = state.finish_of(finish, profile)
        state.finished = True


def _add_tool_call(
    part: chat_pb.ChatCompletionDelta, call: wire.ToolCall, place: int, state: ChoiceState
) -> None:
    """Add a part of a tool call: a fragment, or a whole call (xAI).

    Some hosts repeat id, kind and name with every fragment, and clients would join them.
    """
    name, arguments = name_and_arguments(call)
    ids, names = state.tool_ids, state.tool_names
    index = _tool_index(call, place, ids)
    names.extend([""] * (len(ids) - len(names)))
    begun = bool(names[index])
    call_id = "" if ids[index] else call.id or ""
    ids[index] += call_id
    if name == names[index]:
        name = ""
    names[index] += name
    part.tool_calls.add(
        index=index,
        id=call_id,
        kind=chat_pb.CHAT_TOOL_KIND_UNSPECIFIED if begun else kind_of(call),
        name=name,
        arguments=arguments,
    )


def _tool_index(call: wire.ToolCall, place: int, ids: list[str]) -> int:
    """Return the call's index; hosts that leave it out are told apart by ids, else by place."""
    if call.index is not None:
        index = int(call.index)
    elif call.id in ids:
        index = ids.index(call.id or "")
    else:
        index = len(ids) if call.id else max(place, len(ids) - 1)
    if not 0 <= index < _TOOL_CALLS_MAX:
        raise PartInvalid(f"tool call {index}")
    ids.extend([""] * (index + 1 - len(ids)))
    return index


def _audio_delta(audio: wire.Audio) -> chat_pb.ChatAudioDelta:
    return chat_pb.ChatAudioDelta(
        id=audio.id or "",
        data=sound_of(audio),
        transcript=audio.transcript or "",
        expire_time=expire_time_of(audio),
    )
