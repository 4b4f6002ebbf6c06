"""Who may send a large body, and how much of them this process holds at a time.

A body that fits into a connection's own buffer costs next to nothing and is always read. A larger
one is read for somebody whose key the server knows, and while there is room for it.
"""

import asyncio
import functools
import hashlib
import time
from typing import Final

from tokensmith_bridge.backend import Backend
from tokensmith_bridge.call import Metadata
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.openai.errors import Refusal

LARGE_BYTES: Final = 64 * 1024
"""From here on a body is large: what aiohttp buffers of one anyway."""

KNOWN_SECONDS: Final = 4.0
"""How long a key is not asked for again. The call itself has it checked in any case."""

_KEYS_REMEMBERED: Final = 10_000
_RETRY_AFTER_MS: Final = 1_000


class LargeBodies:
    """The large bodies of one process."""

    def __init__(self, backend: Backend, settings: BridgeSettings) -> None:
        self._backend = backend
        self._bytes_max = settings.large_bodies_bytes_max
        self._key_check_seconds = settings.key_check_seconds
        self._held_bytes = 0
        # By the hash of what authorizes: until when its owner counts as known.
        self._known: dict[bytes, float] = {}

    @property
    def held_bytes(self) -> int:
        """How much there is now, of requests that have no answer yet."""
        return self._held_bytes

    async def admit(self, metadata: Metadata) -> None:
        """Let in whoever has a key.

        Raises:
            Refusal: the server does not take the key, or no calls at all. A server that does not
                say in time refuses nothing here.
        """
        authorization = hashlib.sha256(dict(metadata)["authorization"].encode()).digest()
        now = time.monotonic()
        if self._known.get(authorization, 0.0) > now:
            return
        try:
            await self._backend.require_key(metadata, seconds=self._key_check_seconds)
        except Refusal as refusal:
            if refusal.reason == "DEADLINE_EXCEEDED":
                return
            raise
        self._known.pop(authorization, None)
        self._known[authorization] = now + KNOWN_SECONDS
        if len(self._known) > _KEYS_REMEMBERED:
            del self._known[next(iter(self._known))]

    def hold(self, byte_count: int) -> None:
        """Make room for so many bytes, until the request at hand has its answer.

        One body that is alone always finds room.

        Raises:
            Refusal: there is none.
        """
        if self._held_bytes and self._held_bytes + byte_count > self._bytes_max:
            raise Refusal(
                "SERVER_OVERLOADED",
                "This server is holding as much of large requests as it can. Try again in a "
                f"moment; requests of up to {LARGE_BYTES} bytes are taken meanwhile.",
                retry_after_ms=_RETRY_AFTER_MS,
            )
        self._held_bytes += byte_count
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a handler runs in a task
        # The server keeps the request for as long as it may have to send it upstream once more.
        task.add_done_callback(functools.partial(self._release, byte_count))

    def _release(self, byte_count: int, _: "asyncio.Task[object]") -> None:
        self._held_bytes -= byte_count
