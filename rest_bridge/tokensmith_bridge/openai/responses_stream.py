"""From the contract's stream to the events of a response.

All events of one message are one bytes object, so that they leave in one write; each piece of text
is an event of its own, put between ready-made parts. The events are OpenAI's, named and numbered;
there is no ``[DONE]``, since the last event says by its type how the response ended.
"""

import functools
from collections.abc import Callable

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.responses_events import (
    EventWriter,
    OpenCall,
    OpenMessage,
    OpenReasoning,
)
from tokensmith_bridge.openai.responses_response import (
    ResponseShell,
    error_to_json,
    status_of,
    usage_to_json,
)


class ResponseStreamEncoder:
    """Renders one stream.

    ``end`` or ``fail`` make the response object that it ends with, which may then be kept before
    ``encode`` or ``encode_error`` send it.
    """

    def __init__(self, shell: ResponseShell) -> None:
        self._shell = shell
        self._events = EventWriter()
        # Ended items by their place in the output.
        self._done: dict[int, bytes] = {}
        self._speaking: OpenReasoning | OpenMessage | None = None
        self._speaking_index = 0
        # Open calls by the index that the contract gives them, with their place in the output.
        self._calls: dict[int, tuple[int, OpenCall]] = {}
        self._count = 0
        self._finish_reason = 0
        self._last_kind = ""
        self._render_last: Callable[[], bytes] = bytes
        begun = b'"response":' + shell.render("in_progress", b"[]") + b"}"
        self._events.add_encoded("response.created", begun)
        self._events.add_encoded("response.in_progress", begun)

    @property
    def status(self) -> str:
        """How the response has ended; empty while it goes on."""
        return self._last_kind

    def encode(self, message: chat.StreamChatCompletionResponse) -> bytes:
        """All events of one message; after ``end``, those of the last one."""
        if not self._last_kind:
            self._add_deltas(message)
        else:
            self._add_last()
        return self._events.take()

    def end(self, message: chat.StreamChatCompletionResponse, *, now_seconds: int) -> bytes:
        """Take in the last message; the response object as it ends."""
        self._add_deltas(message)
        reason = self._finish_reason
        self._close_all(status_of(reason))
        self._last_kind = status_of(reason)
        self._render_last = functools.partial(
            self._shell.render_end,
            self._output(),
            reason,
            usage=usage_to_json(message.usage, message.charge),
            now_seconds=now_seconds,
            service_tier=message.service_tier,
        )
        return self._render_last()

    def fail(self, refusal: Refusal, request_id: str) -> bytes:
        """End as failed; the response object, with what there was until then."""
        self._close_all("incomplete")
        self._last_kind = "failed"
        self._render_last = functools.partial(
            self._shell.render,
            "failed",
            self._output(),
            error=error_to_json(refusal, request_id),
        )
        self._events.add(
            "error",
            {"code": refusal.row.code, "message": refusal.message, "param": refusal.param},
        )
        return self._render_last()

    def encode_error(self, refusal: Refusal, request_id: str) -> bytes:
        """The events that end a stream which failed."""
        if self._last_kind != "failed":
            self.fail(refusal, request_id)
        self._add_last()
        return self._events.take()

    def _add_last(self) -> None:
        response = b'"response":' + self._render_last() + b"}"
        self._events.add_encoded(f"response.{self._last_kind}", response)

    def _output(self) -> bytes:
        return b"[" + b",".join(self._done[index] for index in sorted(self._done)) + b"]"

    def _add_deltas(self, message: chat.StreamChatCompletionResponse) -> None:
        for delta in message.deltas:
            # There is one choice: nobody can ask for more here.
            self._add_delta(delta)

    def _add_delta(self, delta: chat.ChatCompletionDelta) -> None:
        if delta.reasoning_content:
            self._reasoning().add(delta.reasoning_content)
        if delta.signed_thinking:
            self._reasoning().add_signed(delta.signed_thinking)
        if delta.HasField("logprobs"):
            self._message().add_text_with_logprobs(delta.content_pieces, delta.logprobs.content)
        elif delta.content_pieces:
            self._message().add_text(delta.content_pieces)
        for annotation in delta.annotations:
            self._message().add_annotation(annotation)
        if delta.refusal:
            self._message().add_refusal(delta.refusal)
        for call in delta.tool_calls:
            self._add_call(call)
        if delta.finish_reason:
            self._finish_reason = delta.finish_reason
            self._close_all(status_of(delta.finish_reason))

    def _reasoning(self) -> OpenReasoning:
        if not isinstance(self._speaking, OpenReasoning):
            index = self._next()
            self._speaking = OpenReasoning(self._events, self._shell, index)
            self._speaking_index = index
        return self._speaking

    def _message(self) -> OpenMessage:
        if not isinstance(self._speaking, OpenMessage):
            index = self._next()
            self._speaking = OpenMessage(self._events, self._shell, index)
            self._speaking_index = index
        return self._speaking

    def _add_call(self, call: chat.ChatToolCallDelta) -> None:
        """A part of a tool call. Parts of several calls may alternate, so all stay open."""
        known = self._calls.get(call.index)
        if known is None:
            index = self._next()
            known = self._calls[call.index] = (
                index,
                OpenCall(self._events, self._shell, index, call),
            )
        if call.arguments:
            known[1].add(call.arguments)

    def _next(self) -> int:
        """The place of a new item; what was being said before has ended."""
        self._end_speaking("completed")
        index = self._count
        self._count += 1
        return index

    def _end_speaking(self, status: str) -> None:
        if self._speaking is not None:
            self._done[self._speaking_index] = self._speaking.close(status)
            self._speaking = None

    def _close_all(self, status: str) -> None:
        if not self._count and status != "incomplete":
            self._message()
        self._end_speaking(status)
        for index, call in self._calls.values():
            self._done[index] = call.close(status)
        self._calls.clear()
