"""What is known of the RPC at hand, from interceptor to servicer."""

from contextvars import ContextVar
from dataclasses import dataclass, field

import grpc.aio

from tokensmith_server.billing.store import Caller

Metadata = tuple[tuple[str, str | bytes], ...]


@dataclass(slots=True)
class RPCCall:
    """One RPC. Interceptors fill it in; servicers read it and add what answers should carry."""

    method: str
    metadata: dict[str, str | bytes]
    request_id: str = ""
    # A monotonic clock's reading.
    started_at: float = 0.0
    # How many layers have let it in.
    layers_entered: int = 0
    caller: Caller | None = None
    # The default deadline, for a call whose client set none.
    time_limit_seconds: float | None = None
    # Response headers for the first message or the unary answer.
    initial_metadata: list[tuple[str, str]] = field(default_factory=list)
    initial_metadata_sent: bool = False
    # Money facts for the log and, when the call fails, for the trailing metadata.
    held_microcredits: int = 0
    charged_microcredits: int = 0
    balance_microcredits: int | None = None
    # Facts for the access log.
    model: str = ""
    reason: str = ""
    # The status that the call is ended with.
    code: str = "UNKNOWN"

    def text(self, key: str) -> str | None:
        """One value of the invocation metadata."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def rename(self, request_id: str) -> None:
        """Take another id, where the one offered was used before; its header is the first."""
        if request_id != self.request_id:
            self.request_id = request_id
            if self.initial_metadata and not self.initial_metadata_sent:
                self.initial_metadata[0] = ("x-request-id", request_id)

    async def send_initial_metadata(
        self, context: "grpc.aio.ServicerContext[object, object]"
    ) -> None:
        """Send the response headers once."""
        if not self.initial_metadata_sent:
            self.initial_metadata_sent = True
            await context.send_initial_metadata(tuple(self.initial_metadata))


_current: ContextVar[RPCCall] = ContextVar("rpc_call")


def begin_call(call: RPCCall) -> None:
    """Make ``call`` the one at hand in this context."""
    _current.set(call)


def current_call() -> RPCCall:
    """The RPC at hand.

    Raises:
        LookupError: outside of an RPC, or before the first interceptor.
    """
    return _current.get()


def current_caller() -> Caller:
    """Who makes the RPC at hand; authentication has run."""
    caller = current_call().caller
    if caller is None:
        raise LookupError("the call was not authenticated")
    return caller
