"""Resolves what no living process owns, and forgets what its time has passed for.

A hold whose process died is void once the reconcile window is over: nobody can prove that its
answer reached the client. A hold past its own window expires, whoever owns it. Both are free for
the customer; what they may have cost the house stays visible in the attempt.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tokensmith_server import metrics
from tokensmith_server.billing.commands import ExpireHold, Outcome, VoidHold
from tokensmith_server.billing.errors import HoldAlreadyResolved, LedgerUnavailable
from tokensmith_server.billing.store import LedgerStore, OpenHold, SweepStore
from tokensmith_server.clock import Clock
from tokensmith_server.responses.store import ResponseStore

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SweepPolicy:
    """How often to look, and when a silent process counts as gone, in seconds."""

    interval_seconds: float = 2.0
    owner_silent_seconds: float = 15.0
    # How long an orphaned hold stays, so that an answer under way can still be looked into.
    reconcile_seconds: float = 20.0
    batch_holds: int = 500
    # Kept responses are large: a round deletes so many, and the next one goes on.
    batch_responses: int = 200


class Sweeper:
    """One per process; several may sweep the same database, since a hold ends once."""

    def __init__(
        self,
        *,
        ledger: LedgerStore,
        store: SweepStore,
        responses: ResponseStore,
        clock: Clock,
        owner: str,
        policy: SweepPolicy | None = None,
        swept: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._responses = responses
        self._clock = clock
        self._owner = owner
        self._policy = policy or SweepPolicy()
        # Called after each round; tests wait on it instead of sleeping.
        self._swept = swept

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until ``stop`` is set; a round that fails is tried again as the next one."""
        while not stop.is_set():
            try:
                await self.sweep()
            except LedgerUnavailable:
                _log.warning("sweeper.ledger_away", exc_info=True)
            except Exception:
                # A sweeper that has died would leave every later orphan held for ever.
                _log.exception("sweeper.defect")
            self._swept()
            try:
                async with asyncio.timeout(self._policy.interval_seconds):
                    await stop.wait()
            except TimeoutError:
                continue

    async def sweep(self) -> int:
        """One round; how many holds it resolved.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        now = self._clock.now()
        await self._store.beat(self._owner, now)
        resolved = 0
        while ended := await self._sweep_batch(now):
            resolved += ended
            if ended < self._policy.batch_holds:
                break
        await self._store.forget_results(now)
        await self._responses.forget_responses(now, limit=self._policy.batch_responses)
        return resolved

    async def _sweep_batch(self, now: float) -> int:
        """Look at the oldest holds that nobody owns, all at once: they share their commits."""
        holds = await self._store.list_unowned_holds(
            now=now,
            owner_silent_seconds=self._policy.owner_silent_seconds,
            limit=self._policy.batch_holds,
        )
        ended = await asyncio.gather(
            *(self._resolve(hold, now) for hold in holds), return_exceptions=True
        )
        for outcome in ended:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(outcome is True for outcome in ended)

    async def _resolve(self, hold: OpenHold, now: float) -> bool:
        """End one hold if it is time; whether it was ended here."""
        try:
            if now >= hold.expires_time:
                await self._ledger.expire_hold(ExpireHold(hold.hold_id, hold.account_id, now))
                how = "expired"
            elif not hold.owner_alive and now >= hold.created_time + self._policy.reconcile_seconds:
                await self._ledger.void_hold(self._void(hold, now))
                how = "voided"
            else:
                return False
        except HoldAlreadyResolved:
            return False
        except LedgerUnavailable:
            raise
        except Exception:
            # One hold that cannot be ended must not keep the others.
            _log.exception("sweeper.hold_stuck", hold=hold.hold_id)
            return False
        metrics.SWEPT.labels(how).inc()
        _log.warning("sweeper.resolved", hold=hold.hold_id, request=hold.request_id, how=how)
        return True

    def _void(self, hold: OpenHold, now: float) -> VoidHold:
        # The store marks the try that was under way as unknown.
        return VoidHold(
            hold_id=hold.hold_id,
            account_id=hold.account_id,
            outcome=Outcome.UNKNOWN,
            resolved_time=now,
            error_reason="RESULT_UNKNOWN",
        )
