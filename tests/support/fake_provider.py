"""A chat provider that does what a script says. Nothing of it leaves the process.

Queue one step for each call that is to come; without one, calls are answered ``ANSWER``.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.model import ModelSpec, Route
from tokensmith_server.providers.base import (
    NOTHING_RECALLED,
    ChatBatch,
    ChatCall,
    ChatResult,
    ErrorKind,
    Phase,
    ProviderError,
    RecalledInput,
    UpstreamFacts,
)

USAGE = TokenUsage(input_tokens=10, output_tokens=5)
FACTS = UpstreamFacts(200, "upstream-1", "returned-model")


def failure(
    kind: ErrorKind = ErrorKind.OVERLOADED, phase: Phase = Phase.ANSWERED, **facts: object
) -> ProviderError:
    """An upstream failure with the facts that the test is about."""
    return ProviderError(kind, f"It failed: {kind}.", phase=phase, **facts)  # type: ignore[arg-type]


@dataclass
class Answer:
    """A whole answer, once ``gate`` is open."""

    text: str = "Hello"
    usage: TokenUsage | None = USAGE
    finish_reason: chat_pb.FinishReason = chat_pb.FINISH_REASON_STOP
    gate: asyncio.Event | None = None
    completion: chat_pb.ChatCompletion | None = None

    def result(self) -> ChatResult:
        completion = chat_pb.ChatCompletion()
        if self.completion is not None:
            completion.CopyFrom(self.completion)
        else:
            choice = completion.choices.add(finish_reason=self.finish_reason)
            choice.message.SetInParent()
            if self.text:
                choice.message.content = self.text
        return ChatResult(completion, self.usage, FACTS)


@dataclass
class Script:
    """A stream: batches in order, events to wait for, and perhaps an error to end with."""

    steps: Sequence["ChatBatch | asyncio.Event | BaseException"]


Step = Answer | Script | BaseException


def piece(text: str, **fields: object) -> chat_pb.ChatCompletionDelta:
    """A part of a text."""
    delta = chat_pb.ChatCompletionDelta(**fields)  # type: ignore[arg-type]
    if text:
        delta.content_pieces.append(text)
    return delta


def batch(*texts: str, **fields: object) -> ChatBatch:
    """Parts that were ready together."""
    return ChatBatch([piece(text) for text in texts], **fields)  # type: ignore[arg-type]


def ending(
    reason: chat_pb.FinishReason = chat_pb.FINISH_REASON_STOP, usage: TokenUsage | None = USAGE
) -> list[ChatBatch]:
    """The last chunks of a stream: a finish reason, then usage alone."""
    return [
        ChatBatch([chat_pb.ChatCompletionDelta(finish_reason=reason)]),
        ChatBatch([], usage=usage, service_tier="default"),
    ]


def story(*texts: str, usage: TokenUsage | None = USAGE) -> Script:
    """A stream that ends well."""
    return Script([*(batch(text) for text in texts), *ending(usage=usage)])


@dataclass
class FakeStream:
    """An open stream of a script."""

    steps: deque["ChatBatch | asyncio.Event | BaseException"]
    facts: UpstreamFacts = FACTS
    closed: int = 0
    given: int = 0
    failing_close: bool = False

    def __aiter__(self) -> AsyncIterator[ChatBatch]:
        return self

    async def __anext__(self) -> ChatBatch:
        while self.steps:
            step = self.steps[0]
            if isinstance(step, asyncio.Event):
                await step.wait()
                self.steps.popleft()
                continue
            await asyncio.sleep(0)
            self.steps.popleft()
            if isinstance(step, BaseException):
                raise step
            self.given += 1
            return step
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed += 1
        if self.failing_close:
            raise OSError("the socket was gone already")


@dataclass
class FakeChatProvider:
    """See ``ChatProvider``. ``calls`` has what was asked, ``streams`` what was opened."""

    name: str = "openai"
    steps: deque[Step] = field(default_factory=deque)
    calls: list[ChatCall] = field(default_factory=list)
    streams: list[FakeStream] = field(default_factory=list)
    refusal: ProviderError | None = None
    recalls: RecalledInput = NOTHING_RECALLED
    failing_close: bool = False
    running: int = 0
    cancelled: int = 0

    def queue(self, *steps: Step) -> None:
        self.steps.extend(steps)

    def check_chat(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
        if self.refusal is not None:
            raise self.refusal

    def recalled_input(
        self, params: chat_pb.ChatCompletionParams, model: ModelSpec, route: Route, scope: str
    ) -> RecalledInput:
        return self.recalls

    async def complete_chat(self, call: ChatCall) -> ChatResult:
        step = self._begin(call)
        self.running += 1
        try:
            await asyncio.sleep(0)
            if isinstance(step, BaseException):
                raise step
            assert isinstance(step, Answer), "a stream was scripted for a whole answer"
            if step.gate is not None:
                await step.gate.wait()
            return step.result()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def stream_chat(self, call: ChatCall) -> FakeStream:
        step = self._begin(call)
        await asyncio.sleep(0)
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, Answer):
            step = story(step.text, usage=step.usage)
        stream = FakeStream(deque(step.steps), failing_close=self.failing_close)
        # Like an adapter: it returns once the first batch is there, or fails without a stream.
        try:
            while stream.steps and isinstance(event := stream.steps[0], asyncio.Event):
                await event.wait()
                stream.steps.popleft()
            if stream.steps and isinstance(error := stream.steps[0], BaseException):
                raise error
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.streams.append(stream)
        return stream

    async def close(self) -> None:
        return None

    def _begin(self, call: ChatCall) -> Step:
        self.calls.append(call)
        return self.steps.popleft() if self.steps else Answer()
