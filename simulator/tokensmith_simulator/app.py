"""The simulator as an aiohttp application: every provider under its prefix, one listen address.

A further dialect joins with one entry in `_vendor_routes`: a function from the simulator to its
routes, which send through `serving` and so get faults, pace and journal without more ado.
"""

from __future__ import annotations

from aiohttp import web

from tokensmith_simulator.anthropic.service import anthropic_routes
from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.control import control_routes
from tokensmith_simulator.gemini.service import gemini_routes
from tokensmith_simulator.openai import OpenAI
from tokensmith_simulator.openai_chat.service import chat_routes
from tokensmith_simulator.simulator import SIMULATOR, Simulator
from tokensmith_simulator.together import Together
from tokensmith_simulator.xai import XAI


def build_app(config: SimulatorConfig | None = None) -> web.Application:
    """Build the application; its state is under the key `SIMULATOR`.

    Run it with `handler_cancellation=True` (as `server.start_simulator` does), or a caller that
    hangs up is noticed only at the next write.
    """
    config = config or SimulatorConfig()
    simulator = Simulator(config)
    app = web.Application(client_max_size=config.request_limit_bytes)
    app[SIMULATOR] = simulator
    app.router.add_get("/healthz", _health)
    if config.control_enabled:
        app.add_routes(control_routes(simulator))
    app.add_routes(_vendor_routes(simulator))
    app.on_shutdown.append(_stop)
    return app


def _vendor_routes(simulator: Simulator) -> list[web.RouteDef]:
    return [
        *chat_routes(OpenAI(), simulator),
        *chat_routes(XAI(), simulator),
        *chat_routes(Together(), simulator),
        *anthropic_routes(simulator),
        *gemini_routes(simulator),
    ]


async def _health(request: web.Request) -> web.Response:
    return web.Response(body=b'{"status":"ok"}', content_type="application/json")


async def _stop(app: web.Application) -> None:
    app[SIMULATOR].faults.close()
