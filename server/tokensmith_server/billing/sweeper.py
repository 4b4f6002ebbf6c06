"""Resolves what no living process owns, and forgets what its time has passed for.

A hold whose process is gone is void once the reconcile window is over: nobody can prove that its
answer reached the client. A process's own hold expires when its window has passed and no task of
the process works on it any more. Both are free for the customer; what they may have cost the house
stays visible in the attempt.

No clock decides over a call that runs: others are gone when they stop beating (``silence``), and
what runs here is known. A jump of a clock can only end what nobody works on sooner or later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

import structlog

from tokensmith_server import metrics
from tokensmith_server.billing.commands import ExpireHold, Outcome, VoidHold
from tokensmith_server.billing.errors import HoldAlreadyResolved, LedgerUnavailable
from tokensmith_server.billing.silence import SilenceWatch
from tokensmith_server.billing.store import LedgerStore, OpenHold, SweepStore
from tokensmith_server.clock import Clock
from tokensmith_server.responses.store import ResponseStore

_log = structlog.get_logger(__name__)

# Between two looks at the others' beats no more than so many intervals count as silence: a round
# may take longer than planned, but whoever was stopped for an hour has not listened for an hour.
_INTERVALS_COUNTED = 2.0


@dataclass(frozen=True, slots=True)
class SweepPolicy:
    """How often to beat and look, and when a silent process counts as gone, in seconds."""

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
        running: Callable[[], Collection[str]] = tuple,
        policy: SweepPolicy | None = None,
        swept: Callable[[], None] = lambda: None,
    ) -> None:
        """``running`` tells the ids of the holds that this process's tasks work on."""
        self._ledger = ledger
        self._store = store
        self._responses = responses
        self._clock = clock
        self._owner = owner
        self._running = running
        self._policy = policy or SweepPolicy()
        self._watch = SilenceWatch(self._policy.interval_seconds * _INTERVALS_COUNTED)
        # Called after each round; tests wait on it instead of sleeping.
        self._swept = swept

    async def run(self, stop: asyncio.Event) -> None:
        """Beat and sweep until ``stop`` is set; what fails is tried again in the next round.

        The two go on beside each other: a round of sweeping may take long, and a process that did
        not beat meanwhile would count as gone.
        """

        async def sweep() -> None:
            try:
                await self.sweep()
            finally:
                self._swept()

        await asyncio.gather(self._repeat(self.beat, stop), self._repeat(sweep, stop))

    async def _repeat(self, work: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await work()
            except LedgerUnavailable:
                _log.warning("sweeper.ledger_away", exc_info=True)
            except Exception:
                # A sweeper that has died would leave every later orphan held for ever.
                _log.exception("sweeper.defect")
            try:
                async with asyncio.timeout(self._policy.interval_seconds):
                    await stop.wait()
            except TimeoutError:
                continue

    async def beat(self) -> None:
        """Say that this process is alive.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        await self._store.beat(self._owner)

    async def sweep(self) -> int:
        """One round; how many holds it resolved.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        self._watch.look(await self._store.list_hold_owners(), self._clock.monotonic())
        resolved = await self._sweep_own() + await self._sweep_gone()
        now = self._clock.now()
        await self._store.forget_results(now)
        await self._responses.forget_responses(now, limit=self._policy.batch_responses)
        return resolved

    async def _sweep_own(self) -> int:
        """Expire what this process placed, could not end in its window, and works on no more.

        What still runs is left alone whatever the clock says: its task ends it.
        """
        overdue = await self._store.list_overdue_holds(self._owner, self._clock.now())
        if not overdue:
            return 0
        running = self._running()
        left = [hold for hold in overdue if hold.hold_id not in running]
        return await self._end(left[: self._policy.batch_holds])

    async def _sweep_gone(self) -> int:
        """Look at the oldest holds of those who are gone, batch after batch."""
        gone = self._watch.gone(self._policy.owner_silent_seconds)
        gone.pop(self._owner, None)
        resolved = 0
        while gone:
            holds = await self._store.list_unowned_holds(gone, limit=self._policy.batch_holds)
            ended = await self._end([hold for hold in holds if self._is_old(hold)])
            resolved += ended
            if ended < self._policy.batch_holds:
                break
        return resolved

    def _is_old(self, hold: OpenHold) -> bool:
        """Whether the reconcile window is over: a hold is at least as old as its owner's silence.

        Its age by the clock is that of two hosts, and may be anything; early or late, the hold is
        nobody's, and late is bounded by the silence.
        """
        age_seconds = max(
            self._clock.now() - hold.created_time, self._watch.silent_seconds(hold.owner)
        )
        return age_seconds >= self._policy.reconcile_seconds

    async def _end(self, holds: Sequence[OpenHold]) -> int:
        """End holds all at once, so that they share their commits; how many were ended here."""
        ended = await asyncio.gather(
            *(self._resolve(hold) for hold in holds), return_exceptions=True
        )
        for outcome in ended:
            if isinstance(outcome, BaseException):
                raise outcome
        return sum(outcome is True for outcome in ended)

    async def _resolve(self, hold: OpenHold) -> bool:
        """End one hold; whether it was ended here. Past its window it expires, else it is void."""
        now = self._clock.now()
        try:
            if now >= hold.expires_time:
                await self._ledger.expire_hold(ExpireHold(hold.hold_id, hold.account_id, now))
                how = "expired"
            else:
                await self._ledger.void_hold(self._void(hold, now))
                how = "voided"
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
