"""What a handler holds of its call: `grpc.aio.ServicerContext` without a wire."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio

from tokensmith_gateway.inprocess.metadata import (
    InvalidMetadataError,
    MetadataPairs,
    Metadatum,
    check_metadata,
)
from tokensmith_gateway.inprocess.rpc import Rpc

PEER = "inprocess:"

_CODES_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


class InProcessServicerContext(Rpc, grpc.aio.ServicerContext[Any, Any]):
    """The servicer context of an in-process call.

    Behaves as grpc.aio's own, with one difference in its favour: `cancelled()` and `done()` keep
    the promise of their documentation and turn true when the client cancels or the deadline
    passes, where grpc.aio 1.85 goes on answering False.
    """

    async def read(self) -> Any:
        """Returns the next request, or `grpc.aio.EOF` after the last one or a cancellation.

        Raises:
            grpc.aio.UsageError: If the status was sent already.
            grpc.aio.AbortError: If the call was aborted.
        """
        self.raise_for_termination()
        requests = self.requests
        if requests is None:
            request, self.request = self.request, grpc.aio.EOF
            return request
        if not requests.items:
            await requests.wait_for_message()
        return requests.take() if requests.items else grpc.aio.EOF

    async def write(self, message: Any) -> None:
        """Sends one response; suspends while the client lags a window of messages behind.

        Raises:
            grpc.aio.UsageError: If the status was sent already.
            grpc.aio.AbortError: If the call was aborted.
            grpc.aio.InternalError: If the client is gone, or another write is under way.
        """
        self.raise_for_termination()
        responses = self.responses
        if responses is not None and len(responses.items) >= responses.window:
            await responses.wait_for_room()
        if self.final_code is not None:
            raise grpc.aio.InternalError("The call is over: the message has no receiver")
        self.send_response(message)

    async def send_initial_metadata(self, initial_metadata: Iterable[Metadatum]) -> None:
        """Sends the initial metadata ahead of the first response.

        Raises:
            grpc.aio.UsageError: If initial metadata or a response was sent already.
            grpc.aio.InternalError: If the metadata is illegal; the client gets INTERNAL.
        """
        self.raise_for_termination()
        if self.final_code is not None:
            return
        if self.initial is not None:
            raise grpc.aio.UsageError("Send initial metadata failed: already sent")
        try:
            pairs = check_metadata(initial_metadata)
        except (InvalidMetadataError, TypeError) as error:
            self.chosen_trailing = ()
            self.send_status(grpc.StatusCode.INTERNAL, "Invalid metadata")
            raise grpc.aio.InternalError(str(error)) from error
        self.send_initial_metadata_once(pairs)

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: Iterable[Metadatum] = (),
    ) -> NoReturn:
        """Ends the call with a status other than OK; the client sees it at once.

        Raises:
            grpc.aio.AbortError: Always; the handler must let it pass.
            grpc.aio.UsageError: If the status was sent already.
            ValueError: If `code` is OK.
        """
        if self.abort_error is not None:
            raise grpc.aio.UsageError("Abort already called!")
        if self.status_sent:
            raise grpc.aio.UsageError("RPC already finished.")
        if code is grpc.StatusCode.OK:
            raise ValueError("abort needs a status other than OK")
        self.abort_error = grpc.aio.AbortError("Locally aborted.")
        trailing = tuple(trailing_metadata)
        if trailing:
            self.chosen_trailing = trailing
        if details:
            self.chosen_details = details
        self.set_code(code)
        self.send_status(self.chosen_code or grpc.StatusCode.UNKNOWN, self.chosen_details)
        raise self.abort_error

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """Ends the call with a rich status, as `grpc_status.rpc_status.to_status` makes it.

        Raises:
            grpc.aio.AbortError: Always; the handler must let it pass.
        """
        await self.abort(status.code, status.details, status.trailing_metadata or ())

    def raise_for_termination(self) -> None:
        """Halts a handler that goes on after its call has ended."""
        if self.abort_error is not None:
            raise self.abort_error
        if self.status_sent:
            raise grpc.aio.UsageError("RPC already finished.")

    def set_trailing_metadata(self, trailing_metadata: Iterable[Metadatum]) -> None:
        """Chooses the metadata that will go with the status."""
        self.chosen_trailing = tuple(trailing_metadata)

    def trailing_metadata(self) -> MetadataPairs:  # type: ignore[override]
        """The trailing metadata chosen so far."""
        return tuple(self.chosen_trailing)

    def invocation_metadata(self) -> MetadataPairs:  # type: ignore[override]
        """The client's metadata, as a tuple of pairs."""
        return self.metadata

    def set_code(self, code: grpc.StatusCode | int) -> None:
        """Chooses the status that the call ends with when the handler returns or raises."""
        self.chosen_code = code if isinstance(code, grpc.StatusCode) else _CODES_BY_NUMBER[code]

    def code(self) -> grpc.StatusCode | None:  # type: ignore[override]
        """The status chosen so far, None if none was."""
        return self.chosen_code

    def set_details(self, details: str) -> None:
        """Chooses the text that goes with the status."""
        self.chosen_details = details

    def details(self) -> str:
        """The text chosen so far."""
        return self.chosen_details

    def set_compression(self, compression: grpc.Compression) -> None:
        """Has no effect: nothing is encoded."""

    def disable_next_message_compression(self) -> None:
        """Has no effect: nothing is encoded."""

    def peer(self) -> str:
        """Always `inprocess:`."""
        return PEER

    def peer_identities(self) -> Iterable[bytes] | None:
        """Always None: the caller is this very process."""
        return None

    def peer_identity_key(self) -> str | None:
        """Always None."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Always empty: there is no transport security to describe."""
        return {}

    def time_remaining(self) -> float | None:  # type: ignore[override]
        """Seconds until the client's deadline, never negative; None if it set none."""
        return self.seconds_remaining()

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Calls `callback(context)` when the handler's task ends, however it ends."""
        if self.server_callbacks is None:
            self.server_callbacks = []
        self.server_callbacks.append(functools.partial(callback, self))

    def cancelled(self) -> bool:
        """Whether the client, the deadline or the server's stop ended the call."""
        return self.chosen_code is grpc.StatusCode.CANCELLED or (
            self.final_code is not None and not self.status_sent
        )

    def done(self) -> bool:
        """Whether the status was sent, or can no longer be."""
        return self.status_sent or self.final_code is not None
