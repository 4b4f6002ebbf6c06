"""Ends holds: charges or releases them, and does not give up while the ledger is away."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from tokensmith.v1 import usage_pb2
from tokensmith_server import metrics
from tokensmith_server.billing.commands import (
    AttemptOutcome,
    HoldPlaced,
    Outcome,
    Resolution,
    SettleHold,
    VoidHold,
)
from tokensmith_server.billing.convert import OUTCOMES
from tokensmith_server.billing.errors import HoldAlreadyResolved, LedgerUnavailable
from tokensmith_server.billing.store import LedgerStore
from tokensmith_server.clock import Clock
from tokensmith_server.faults import fault_point
from tokensmith_server.supervisor import Supervisor

_log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 0.1
_PAUSE_SECONDS_MAX = 2.0


@dataclass(slots=True)
class Settler:
    """Resolves the holds of one kind of call. Shared by all calls of the process."""

    kind: str
    ledger: LedgerStore
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]
    supervisor: Supervisor

    async def settle(self, command: SettleHold, *, until_monotonic: float) -> Resolution | None:
        """Charge; ``None`` when the hold had expired before, so that the answer is free.

        Tries until ``until_monotonic``, the end of the hold's window.

        Raises:
            LedgerUnavailable: the ledger stayed away; the hold is left to the sweeper.
        """
        fault_point("before_settle")
        resolution = await self._resolve(
            lambda: self.ledger.settle_hold(command), command, until_monotonic
        )
        fault_point("after_settle")
        if resolution is None:
            metrics.LATE_RESULTS.inc()
            return None
        charged = metrics.with_labels(metrics.CHARGED, self.kind)
        charged.inc(resolution.charged_microcredits)
        if resolution.shortfall_microcredits:
            metrics.SHORTFALL.inc(resolution.shortfall_microcredits)
            _log.warning(
                "hold.shortfall",
                hold=command.hold_id,
                shortfall_microcredits=resolution.shortfall_microcredits,
            )
        return resolution

    async def void(self, command: VoidHold, *, until_monotonic: float) -> Resolution | None:
        """Release everything; like ``settle`` otherwise."""
        return await self._resolve(lambda: self.ledger.void_hold(command), command, until_monotonic)

    async def void_quietly(
        self,
        hold_id: str,
        account_id: str,
        *,
        outcome: Outcome,
        reason: str,
        attempt: AttemptOutcome,
        until_monotonic: float,
    ) -> Resolution | None:
        """Void on the way out of a failure, which must not be hidden or kept by the ledger's own.

        When the ledger is away, the caller goes on with ``None`` and the voiding is tried again in
        the background, until ``until_monotonic``.
        """
        command = VoidHold(
            hold_id=hold_id,
            account_id=account_id,
            outcome=outcome,
            resolved_time=self.clock.now(),
            error_reason=reason,
            attempt=attempt,
        )
        try:
            return await self.void(command, until_monotonic=self.clock.monotonic())
        except LedgerUnavailable:
            self.supervisor.spawn(self._void_later(command, until_monotonic))
            return None

    async def _void_later(self, command: VoidHold, until_monotonic: float) -> None:
        self.supervisor.take_on(command.hold_id)
        try:
            await self.void(command, until_monotonic=until_monotonic)
        except LedgerUnavailable:
            _log.exception("hold.left_to_the_sweeper", hold=command.hold_id)

    async def _resolve(
        self,
        send: Callable[[], Awaitable[Resolution]],
        command: SettleHold | VoidHold,
        until_monotonic: float,
    ) -> Resolution | None:
        pause_seconds = _PAUSE_SECONDS
        while True:
            try:
                resolution = await send()
            except HoldAlreadyResolved as error:
                _log.error("hold.too_late", hold=command.hold_id, state=error.state)
                return None
            except LedgerUnavailable:
                if self.clock.monotonic() + pause_seconds >= until_monotonic:
                    raise
                await self.sleep(pause_seconds)
                pause_seconds = min(pause_seconds * 2, _PAUSE_SECONDS_MAX)
            else:
                metrics.with_labels(metrics.RESOLVED, self.kind, command.outcome.value).inc()
                return resolution


def charge_message(
    placed: HoldPlaced,
    resolution: Resolution | None,
    *,
    catalog_version: str,
    outcome: Outcome | None = None,
) -> usage_pb2.Charge:
    """The money of a call for the wire; ``resolution=None`` with an outcome means free."""
    charge = usage_pb2.Charge(
        hold_id=placed.hold_id,
        held_microcredits=placed.amount_microcredits,
        balance_microcredits=placed.balance.available_microcredits,
        catalog_version=catalog_version,
    )
    if outcome is not None:
        charge.outcome = OUTCOMES[outcome]
        charge.charged_microcredits = resolution.charged_microcredits if resolution else 0
    if resolution is not None:
        charge.balance_microcredits = resolution.balance.available_microcredits
    return charge
