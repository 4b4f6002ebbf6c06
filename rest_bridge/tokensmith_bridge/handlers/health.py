"""``GET /healthz`` and ``GET /readyz``, which need no key."""

from typing import Final

from aiohttp import web

from tokensmith_bridge.backend import Backend
from tokensmith_bridge.call import CALL
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.openai.errors import BridgeReason
from tokensmith_bridge.replies import json_reply
from tokensmith_bridge.server_errors import ServerRefusal
from tokensmith_bridge.under_way import UNDER_WAY

_ALIVE: Final = b'{"status":"ok"}'
_READY: Final = b'{"status":"ready"}'


class HealthHandlers:
    """What a supervisor and a balancer ask."""

    def __init__(self, backend: Backend, settings: BridgeSettings) -> None:
        self._backend = backend
        self._seconds = settings.ready_check_seconds

    async def alive(self, request: web.Request) -> web.StreamResponse:
        """The process answers."""
        return json_reply(request[CALL], _ALIVE)

    async def ready(self, request: web.Request) -> web.StreamResponse:
        """The server behind takes calls."""
        request.app[UNDER_WAY].note_readiness_asked()
        if not await self._backend.is_ready(seconds=self._seconds):
            raise ServerRefusal(BridgeReason.SERVER_UNREACHABLE, "The server takes no calls now.")
        return json_reply(request[CALL], _READY)
