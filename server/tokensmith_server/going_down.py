"""Going down in order: notice, the calls' grace, the cut, and the last words to those who listen.

    signal           notice over          a moment before          the grace's end
      |  listening, not ready  |  no new connections   |  calls are cut   |
      |  calls under way go on; new ones are refused   |  settle, tell    |  listeners end

What goes on by itself ends sooner: a process without calls that nobody watches is gone at once.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

import grpc.aio
import structlog

from tokensmith_server.app import ServerApp

TELLING_SECONDS: Final = 1.0
"""How long listeners may take to send the last words of calls that have ended."""

# Of the grace, for settling and telling; it takes milliseconds, on a busy machine more.
_CUT_SHARE: Final = 0.1
_CUT_SECONDS_MAX: Final = 1.0
# The grace that a stopping gRPC server is given first; a second stop shortens it.
_LONG_SECONDS: Final = 86_400.0

_log = structlog.get_logger(__name__)


class Listener(Protocol):
    """Where calls come in."""

    def refuse_new_calls(self) -> None:
        """Answer new calls with a refusal from now on. Goes on listening."""

    def close(self) -> None:
        """Listen no more; calls under way go on. May be called again."""

    async def idle(self) -> None:
        """Wait until no call is under way."""

    async def stop(self) -> None:
        """Send what is left to be sent, in moments, and cut off the rest."""


class GRPCListener:
    """The gRPC server of an app. The app itself refuses calls, and knows when none is left."""

    def __init__(self, server: grpc.aio.Server, port: int) -> None:
        self.port = port
        self._server = server
        self._closing: asyncio.Task[None] | None = None

    def refuse_new_calls(self) -> None:
        """See ``Listener``: the app's layers do."""

    def close(self) -> None:
        """Stop listening, and tell clients to open connections elsewhere."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._server.stop(_LONG_SECONDS))

    async def idle(self) -> None:
        """See ``Listener``: the app's own calls are these."""

    async def stop(self) -> None:
        """Let answers that are on their way leave; health's watchers are cut off."""
        self.close()
        await self._server.stop(TELLING_SECONDS)
        if self._closing is not None:
            await self._closing


async def go_down(app: ServerApp, listeners: Sequence[Listener], at_once: asyncio.Event) -> None:
    """End the app's calls and its listeners; ``at_once`` cuts the grace short.

    Calls get the app's ``drain_seconds``. A moment before their end, what is still under way is
    cut: streams are charged for what was delivered and told so, whole answers are free and told to
    be tried again.
    """
    _log.info("server.draining", calls=len(app.supervisor))
    await app.refuse_new_calls()
    for listener in listeners:
        listener.refuse_new_calls()
    grace_seconds = app.settings.drain_seconds
    notice = asyncio.create_task(_give_notice(app.settings.notice_seconds, listeners))
    ended = asyncio.create_task(_ended(app, listeners, notice))
    hurry = asyncio.create_task(at_once.wait())
    cut_seconds = min(grace_seconds * _CUT_SHARE, _CUT_SECONDS_MAX)
    await asyncio.wait(
        (ended, hurry),
        timeout=grace_seconds - cut_seconds,
        return_when=asyncio.FIRST_COMPLETED,
    )
    for waiting in (notice, ended, hurry):
        waiting.cancel()
    await app.cut_calls()
    # What is no call has had its time; what was told to a call is on its way.
    await asyncio.gather(*(listener.stop() for listener in listeners))


async def _give_notice(seconds: float, listeners: Sequence[Listener]) -> None:
    """Go on listening for so long, so that balancers hear that calls are taken no more."""
    await asyncio.sleep(seconds)
    for listener in listeners:
        listener.close()


async def _ended(
    app: ServerApp, listeners: Sequence[Listener], notice: "asyncio.Task[None]"
) -> None:
    """Wait until nothing is under way, and, where somebody watches, notice was given."""
    await app.calls_ended()
    for listener in listeners:
        await listener.idle()
    if app.health.is_watched():
        await notice
