"""Whether calls are taken, as health tells it: asked of the ledger, never of the calls.

A call that the ledger did not answer is a suspicion, which one look at the ledger confirms or
dispels. Until it answers again the process is looked at every second. A call that succeeds costs
nothing here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

import structlog

from tokensmith_server.billing.commands import Outcome, VoidHold
from tokensmith_server.billing.errors import HoldNotFound, LedgerUnavailable
from tokensmith_server.billing.store import AccountStore, LedgerStore, SweepStore
from tokensmith_server.clock import Clock

LOOK_SECONDS: Final = 5.0
"""How often the ledger is looked at though nothing is suspected: there may be no calls."""

AGAIN_SECONDS: Final = 1.0
"""How long after one look the next may be."""

PATIENCE_SECONDS: Final = 5.0
"""How long a look may take; a ledger that is slower takes no calls worth the name."""

WELL_COUNT: Final = 2
"""Looks in a row that must go well before calls are said to be taken again."""

# No key has this hash, and no hold this id.
_NOBODYS_KEY_HASH: Final = bytes(32)
_NO_HOLD: Final = "readiness"

_log = structlog.get_logger(__name__)

Look = Callable[[], Awaitable[None]]
"""Raises LedgerUnavailable where a call would be refused."""


class CallStore(LedgerStore, AccountStore, SweepStore, Protocol):
    """What a call needs of the storage."""


def look_at(store: CallStore, *, owner: str, clock: Clock) -> Look:
    """A look at everything that a call needs: finding callers, the ledger's rows, and a write."""

    async def look() -> None:
        now = clock.now()
        await store.find_caller(_NOBODYS_KEY_HASH, now)
        nothing = VoidHold(
            hold_id=_NO_HOLD, account_id=_NO_HOLD, outcome=Outcome.FAILED, resolved_time=now
        )
        with suppress(HoldNotFound):
            await store.void_hold(nothing)
        await store.beat(owner)

    return look


class Readiness:
    """Follows whether the ledger answers, and tells of changes. One serves the process.

    Args:
        look: see ``Look``.
        tell: hears ``False`` when calls are refused, and ``True`` when they are taken again.
        look_seconds, again_seconds, patience_seconds: see the constants of these names.
    """

    def __init__(
        self,
        look: Look,
        tell: Callable[[bool], Awaitable[None]],
        *,
        look_seconds: float = LOOK_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._look = look
        self._tell = tell
        self._look_seconds = look_seconds
        self._again_seconds = again_seconds
        self._patience_seconds = patience_seconds
        self._suspicion = asyncio.Event()

    def suspect(self) -> None:
        """Have the ledger looked at soon: it did not answer a call."""
        self._suspicion.set()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look, and tell, for as long as the block runs."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_seconds):
                    await self._suspicion.wait()
            self._suspicion.clear()
            if not await self._answers():
                await self._tell(False)
                _log.error("readiness.lost")
                await self._recovery()
                await self._tell(True)
                _log.warning("readiness.regained")
            await asyncio.sleep(self._again_seconds)

    async def _recovery(self) -> None:
        well_count = 0
        while well_count < WELL_COUNT:
            await asyncio.sleep(self._again_seconds)
            well_count = well_count + 1 if await self._answers() else 0
        # What was suspected until now is answered.
        self._suspicion.clear()

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._look()
        except (LedgerUnavailable, TimeoutError):
            return False
        except Exception:
            # A watch that has died would say for ever what it said last.
            _log.exception("readiness.defect")
            return False
        return True
