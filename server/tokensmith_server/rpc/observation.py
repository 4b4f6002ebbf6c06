"""The outer layers, which see every call: its id, its line in the log, its count in the metrics."""

import structlog

from tokensmith_server import metrics
from tokensmith_server.clock import Clock
from tokensmith_server.ids import Ids, may_be_id
from tokensmith_server.rpc.call import RPCCall
from tokensmith_server.rpc.layer import PUBLIC_PREFIXES, Layer

_log = structlog.get_logger("tokensmith.rpc")


class RequestIdLayer(Layer):
    """Gives each call its id, which goes back with the response headers, and its beginning."""

    def __init__(self, ids: Ids, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock

    def enter(self, call: RPCCall) -> None:
        """Take the id that the client offers, if it can be one."""
        call.started_at = self._clock.monotonic()
        offered = call.text("x-request-id")
        if offered is None or not may_be_id(offered):
            offered = self._ids.new("req_")
        call.request_id = offered
        call.initial_metadata.append(("x-request-id", offered))


class LogLayer(Layer):
    """One line per call: who, what, how it ended, how long it took, what it cost. No contents."""

    inside_of = (RequestIdLayer,)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log = _log.bind()

    def leave(self, call: RPCCall) -> None:
        """Write the line."""
        if call.method.startswith(PUBLIC_PREFIXES):
            return
        caller = call.caller
        self._log.info(
            "rpc",
            method=call.method,
            code=call.code,
            request_id=call.request_id,
            account=caller.account_id if caller else None,
            key=caller.key_id if caller else None,
            model=call.model or None,
            reason=call.reason or None,
            charged_microcredits=call.charged_microcredits,
            seconds=round(self._clock.monotonic() - call.started_at, 6),
        )


class MetricsLayer(Layer):
    """Counts and times every call; outside of authentication, so that refusals count too."""

    inside_of = (RequestIdLayer,)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def enter(self, call: RPCCall) -> None:
        """Count one more that runs."""
        metrics.RPCS_RUNNING.inc()

    def leave(self, call: RPCCall) -> None:
        """Count how it ended."""
        metrics.RPCS_RUNNING.dec()
        metrics.with_labels(metrics.RPCS, call.method, call.code).inc()
        seconds = self._clock.monotonic() - call.started_at
        metrics.with_labels(metrics.RPC_SECONDS, call.method).observe(seconds)
