"""The state of one call, shared by its two ends: the client's call object and the handler.

Two moments are told apart, as on a network: the server has *sent* its status, and the client has
*received* it. They differ while the client has messages left to read, and when the client ends
the call itself (cancellation, deadline).
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

import grpc
import grpc.aio
import structlog

from tokensmith_gateway.inprocess.metadata import (
    InvalidMetadataError,
    MetadataPairs,
    Metadatum,
    check_metadata,
)
from tokensmith_gateway.inprocess.pipe import MessagePipe

DEADLINE_DETAILS: Final = "Deadline Exceeded"

_logger = structlog.get_logger(__name__)


class Rpc:
    """One call in flight. Everything here runs on the one event loop of the server.

    Rarely used state lives in class attributes until it is set: this object is created for
    every request.
    """

    # What the server has decided so far.
    chosen_code: grpc.StatusCode | None = None
    chosen_details: str = ""
    chosen_trailing: Iterable[Metadatum] = ()
    abort_error: Exception | None = None
    status_sent: bool = False
    # The handler's task, and whether it took its first step.
    task: "asyncio.Task[None] | None" = None
    handler_started: bool = False
    handler_ended: bool = False
    server_callbacks: "list[Callable[[], object]] | None" = None
    # What the client has received. `final_code` is None until the call is over for the client.
    response: Any = None
    final_code: grpc.StatusCode | None = None
    final_details: str = ""
    final_trailing: MetadataPairs = ()
    initial: MetadataPairs | None = None
    locally_cancelled: bool = False
    # Who waits for what.
    response_waiter: "asyncio.Future[None] | None" = None
    status_waiters: "list[asyncio.Future[None]] | None" = None
    initial_waiters: "list[asyncio.Future[None]] | None" = None
    client_callbacks: "list[Callable[[], object]] | None" = None
    # Streams; None where that side sends a single message.
    requests: MessagePipe[Any] | None = None
    responses: MessagePipe[Any] | None = None
    streams_responses: bool = False
    deadline: float | None = None
    timer: asyncio.TimerHandle | None = None
    _unread_status: tuple[grpc.StatusCode, str, MetadataPairs] | None = None

    def __init__(  # noqa: PLR0917 - created for every request, and keywords cost time.
        self,
        loop: asyncio.AbstractEventLoop,
        method: str,
        request: Any,
        metadata: MetadataPairs,
        window: int,
        peers: "set[Rpc]",
    ) -> None:
        self.loop = loop
        self.method = method
        self.request = request
        self.metadata = metadata
        self.window = window
        self.peers = peers  # The channel's open calls; this one leaves when the client is done.

    # The client's half.

    def set_deadline(self, timeout_seconds: float) -> None:
        """Arms the one timer of this call."""
        self.deadline = self.loop.time() + timeout_seconds
        self.timer = self.loop.call_later(timeout_seconds, self._expire)

    def seconds_remaining(self) -> float | None:
        """The time left before the deadline, never negative; None without a deadline."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - self.loop.time())

    def cancel_locally(self, details: str) -> bool:
        """Ends the call at the client's wish; False if it was over already."""
        if self.final_code is not None:
            return False
        self.locally_cancelled = True
        self.terminate(grpc.StatusCode.CANCELLED, details)
        return True

    def terminate(self, code: grpc.StatusCode, details: str) -> None:
        """Ends the call over the handler's head: unread messages are lost, the handler cancelled.

        A handler that has already sent its status is left alone to finish, as in grpc.aio.
        """
        if self.final_code is not None:
            return
        if self.responses is not None:
            self.responses.discard()
        self._receive_status(code, details, ())
        if (
            self.task is not None
            and self.handler_started
            and not self.handler_ended
            and not self.status_sent
        ):
            self.task.cancel()

    def take_response(self) -> Any:
        """Removes the oldest unread message; the status is received with the last one."""
        responses = self.responses
        assert responses is not None  # noqa: S101
        message = responses.take()
        if self._unread_status is not None and not responses.items:
            unread = self._unread_status
            self._unread_status = None
            self._receive_status(*unread)
        return message

    def _expire(self) -> None:
        self.timer = None
        self.terminate(grpc.StatusCode.DEADLINE_EXCEEDED, DEADLINE_DETAILS)

    # The server's half.

    def send_initial_metadata_once(self, metadata: MetadataPairs = ()) -> None:
        """Makes the initial metadata visible to the client, unless some already is."""
        if self.initial is None:
            self.initial = metadata
            _wake(self.initial_waiters)
            self.initial_waiters = None

    def send_response(self, message: Any) -> None:
        """Hands a message to the client; the caller has waited for room."""
        if self.initial is None:
            self.send_initial_metadata_once()
        if self.responses is None:
            self.responses = MessagePipe(self.window)
        self.responses.put(message)

    def send_status(self, code: grpc.StatusCode, details: str) -> None:
        """Sends the final status with the trailing metadata chosen so far.

        The client receives it after the messages sent before it. Illegal trailing metadata
        becomes INTERNAL "Invalid metadata", which is what grpc's core makes of it.
        """
        self.status_sent = True
        if self.final_code is not None:
            return
        if code is grpc.StatusCode.OK and self.response is None and not self.streams_responses:
            code, details = self._adopt_streamed_response()
        trailing: MetadataPairs = ()
        if self.chosen_trailing:
            try:
                trailing = check_metadata(self.chosen_trailing)
            except (InvalidMetadataError, TypeError):
                code, details = grpc.StatusCode.INTERNAL, "Invalid metadata"
        responses = self.responses
        if responses is not None and self.streams_responses and responses.items:
            responses.closed = True
            self._unread_status = (code, details, trailing)
            if self.requests is not None:
                self.requests.discard()
            return
        self._receive_status(code, details, trailing)

    def _adopt_streamed_response(self) -> tuple[grpc.StatusCode, str]:
        """Serves a single-response client from a streaming handler, if it sent one message."""
        responses = self.responses
        if responses is None or not responses.items:
            return grpc.StatusCode.INTERNAL, "The handler sent no response"
        self.response = responses.items[0]
        return grpc.StatusCode.OK, ""

    def handler_is_done(self) -> None:
        """Runs the callbacks that the handler registered; called once its task is ending."""
        self.handler_ended = True
        callbacks = self.server_callbacks
        if callbacks is not None:
            self.server_callbacks = None
            self._run_callbacks(callbacks)

    # The end, for the client.

    def _receive_status(self, code: grpc.StatusCode, details: str, trailing: MetadataPairs) -> None:
        self.final_code = code
        self.final_details = details
        self.final_trailing = trailing
        self.peers.discard(self)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.initial is None:
            self.initial = ()
        if self.initial_waiters is not None:
            _wake(self.initial_waiters)
            self.initial_waiters = None
        waiter = self.response_waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        if self.responses is not None:
            self.responses.close()
        if self.requests is not None:
            self.requests.discard()
        if self.status_waiters is not None:
            _wake(self.status_waiters)
            self.status_waiters = None
        if self.client_callbacks is not None:
            callbacks = self.client_callbacks
            self.client_callbacks = None
            self._run_callbacks(callbacks)

    def _run_callbacks(self, callbacks: "list[Callable[[], object]]") -> None:
        for callback in callbacks:
            try:
                callback()
            except Exception:
                _logger.exception("rpc_done_callback_failed", method=self.method)


def _wake(waiters: "list[asyncio.Future[None]] | None") -> None:
    for waiter in waiters or ():
        if not waiter.done():
            waiter.set_result(None)
