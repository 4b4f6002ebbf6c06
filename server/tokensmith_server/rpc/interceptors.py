"""What every RPC passes on its way in and out, outermost first.

request id → log → metrics → errors → load shedding → authentication → limits → deadline. Each layer
says which others must be around it, and ``build_layers`` asserts the order. The outer ones are in
``observation.py`` and ``error_layer.py``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tokensmith_server.clock import Clock
from tokensmith_server.errors import DeadlineExceeded, Overloaded, ShuttingDown
from tokensmith_server.ids import Ids
from tokensmith_server.rpc.auth import Authenticator
from tokensmith_server.rpc.call import RPCCall, current_call
from tokensmith_server.rpc.error_layer import BalanceReader, ErrorLayer
from tokensmith_server.rpc.layer import (
    KEYLESS_PREFIXES,
    OPERATOR_PREFIX,
    Behaviour,
    Context,
    Layer,
    LayerStack,
)
from tokensmith_server.rpc.observation import LogLayer, MetricsLayer, RequestIdLayer
from tokensmith_server.rpc.operator import OperatorGate

# Taken by a process that goes down: they belong to calls that were under way before.
_LAST_WORDS = frozenset({"/tokensmith.v1.ResponseService/SaveResponse"})


class LoadLayer(Layer):
    """Refuses at once what this process cannot take, instead of letting it queue."""

    inside_of = (ErrorLayer,)

    def __init__(self, calls_max: int) -> None:
        self._calls_max = calls_max
        self._running = 0
        self._empty = asyncio.Event()
        self.closing = False

    @property
    def running(self) -> int:
        """How many calls have a place now."""
        return self._running

    def enter(self, call: RPCCall) -> None:
        """Take a place for as long as the call runs. What needs no key, as health, takes none."""
        if call.method.startswith(KEYLESS_PREFIXES):
            return
        if self.closing and call.method not in _LAST_WORDS:
            raise ShuttingDown
        if self._running >= self._calls_max:
            raise Overloaded
        self._running += 1

    def leave(self, call: RPCCall) -> None:
        """Give the place back."""
        if call.method.startswith(KEYLESS_PREFIXES):
            return
        self._running -= 1
        if self.closing and not self._running:
            self._empty.set()

    async def idle(self) -> None:
        """Wait until no call has a place. To be asked once ``closing`` is set."""
        while self._running:
            self._empty.clear()
            await self._empty.wait()


class AuthLayer(Layer):
    """Finds out who calls. Everything that is not public needs a key, or the operator's token."""

    inside_of = (ErrorLayer, LoadLayer)

    def __init__(self, authenticator: Authenticator, operator: OperatorGate) -> None:
        self._authenticator = authenticator
        self._operator = operator

    def remembers(self, authorization: str | None) -> bool:
        """Whether a caller with this authorization was let in a moment ago."""
        return self._authenticator.remembers(authorization)

    def enter(self, call: RPCCall) -> Awaitable[None] | None:
        """Let in whoever has what the method asks for."""
        if not call.method.startswith(KEYLESS_PREFIXES):
            return self._authenticate(call)
        if call.method.startswith(OPERATOR_PREFIX):
            self._operator.check(call.text("authorization"))
        return None

    async def _authenticate(self, call: RPCCall) -> None:
        call.caller = await self._authenticator.authenticate(call.text("authorization"))


class LimitsLayer(Layer):
    """Says what is left of the key's limits, where the call itself has not: it took nothing."""

    inside_of = (AuthLayer,)

    def __init__(self, look: Callable[[str], tuple[tuple[str, str], ...]]) -> None:
        self._look = look

    def leave(self, call: RPCCall) -> None:
        """Add the headers, unless they are there or the head has gone out."""
        # The first header is the request's id.
        if len(call.initial_metadata) == 1 and not call.initial_metadata_sent and call.caller:
            call.initial_metadata.extend(self._look(call.caller.key_id))


class DeadlineLayer(Layer):
    """Gives a unary call without a deadline the default one, and tells the service of it.

    Streams are bounded by their service, which must settle them.
    """

    inside_of = (AuthLayer, LimitsLayer)

    def __init__(self, default_seconds: float) -> None:
        self._default_seconds = default_seconds

    def wrap_unary(self, inner: Behaviour) -> Behaviour:
        """Answer in time, or refuse."""

        async def bounded(request: Any, context: Context) -> Any:
            if context.time_remaining() is not None:
                return await inner(request, context)
            current_call().time_limit_seconds = self._default_seconds
            try:
                async with asyncio.timeout(self._default_seconds):
                    return await inner(request, context)
            except TimeoutError as error:
                raise DeadlineExceeded("The call took too long.") from error

        return bounded


def assert_order(layers: tuple[Layer, ...]) -> None:
    """Check that every layer stands inside of those it names.

    Raises:
        AssertionError: the order is wrong; names both layers.
    """
    seen: list[type[Layer]] = []
    for layer in layers:
        for outer in layer.inside_of:
            if outer not in seen:
                raise AssertionError(f"{type(layer).__name__} must be inside of {outer.__name__}")
        seen.append(type(layer))


def build_layers(
    *,
    clock: Clock,
    ids: Ids,
    authenticator: Authenticator,
    calls_max: int,
    default_deadline_seconds: float,
    read_balance: BalanceReader | None = None,
    suspect_ledger: Callable[[], None] = lambda: None,
    operator: OperatorGate | None = None,
    look_at_limits: Callable[[str], tuple[tuple[str, str], ...]] = lambda _: (),
) -> LayerStack:
    """The layers of one process.

    ``read_balance`` is asked when a call failed before its money was known,
    ``suspect_ledger`` is told when one failed for want of the ledger, ``look_at_limits`` says what
    is left to a key. Without an ``operator``
    nobody is let in as one.
    """
    layers: tuple[Layer, ...] = (
        RequestIdLayer(ids, clock),
        LogLayer(clock),
        MetricsLayer(clock),
        ErrorLayer(read_balance, suspect_ledger),
        LoadLayer(calls_max),
        AuthLayer(authenticator, operator or OperatorGate(None)),
        LimitsLayer(look_at_limits),
        DeadlineLayer(default_deadline_seconds),
    )
    assert_order(layers)
    return LayerStack(layers)
