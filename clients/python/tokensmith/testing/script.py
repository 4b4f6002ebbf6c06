"""What a fake server is told to do, and what it tells about the calls it got."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import Message

from tokensmith.errors import REASONS
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import usage_pb2
from tokensmith.v1.error_reason_pb2 import ErrorReason

VIDEO_JOB = "VideoJob"
"""In place of a method's name: the work on a video, after CreateVideo has answered."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function call that an answer asks for; ``arguments`` is JSON text."""

    name: str
    arguments: str
    id: str = "call_1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a chat call answers. ``usage`` unset: words are counted as tokens."""

    text: str = "Hello!"
    tool_calls: tuple[ToolCall, ...] = ()
    usage: usage_pb2.TokenUsage | None = None

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text as it is streamed: word by word, nothing lost."""
        words = self.text.split(" ")
        spaced = [*(f"{word} " for word in words[:-1]), words[-1]]
        return tuple(filter(None, spaced))

    @property
    def finish_reason(self) -> chat_pb.FinishReason:
        """Why it ends."""
        if self.tool_calls:
            return chat_pb.FINISH_REASON_TOOL_CALLS
        return chat_pb.FINISH_REASON_STOP


@dataclass(frozen=True, slots=True)
class Failure:
    """How a call fails, with the status that the contract gives to ``reason``.

    ``method`` is the name of an RPC ("GetBalance") or ``VIDEO_JOB``; unset, any RPC. With
    ``after_pieces`` a streamed answer is delivered that far first, and charged.
    """

    reason: ErrorReason
    method: str | None = None
    message: str = "The test asked for this failure."
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_after_seconds: float | None = None
    after_pieces: int | None = None

    @property
    def reason_name(self) -> str:
        """The reason as ErrorInfo carries it."""
        return ErrorReason.Name(self.reason).removeprefix("ERROR_REASON_")

    @property
    def code(self) -> int:
        """The status code as a number."""
        number: int = REASONS[self.reason].code.value[0]
        return number


class FailureRaised(Exception):
    """A call of the fake server ends with this failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason_name)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call that the fake server got, whatever came of it."""

    method: str
    request: Message
    metadata: Mapping[str, str | bytes]
    request_id: str
    """The server's id of the call, as in errors and receipts."""
