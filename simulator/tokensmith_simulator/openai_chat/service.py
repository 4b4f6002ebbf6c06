"""The course of one chat request, the same for every vendor of the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from tokensmith_simulator.answering.answer import Answer
from tokensmith_simulator.answering.course import Vendor, answer_call, answer_json
from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Pace
from tokensmith_simulator.openai_chat.call import ChatCall
from tokensmith_simulator.serving import Exchange, Reply, refuse, serve
from tokensmith_simulator.simulator import Simulator


class ChatVendor(Vendor, Protocol):
    """What one vendor of the dialect does in its own way."""

    prefix: str
    """Where its API lives under the simulator's root, such as `/openai/v1`."""

    def check_key(self, headers: Mapping[str, str], config: SimulatorConfig) -> str:
        """Return the caller's API key, or refuse it as this vendor does."""
        ...

    def parse_body(self, raw: bytes, content_type: str) -> Any:
        """Decode a request body, or refuse what is not JSON."""
        ...

    def read_call(self, body: Any) -> ChatCall:
        """Check a body as strictly as the vendor and return what it asks for."""
        ...

    def render(self, call: ChatCall, answer: Answer, pace: Pace, request_id: str) -> Reply:
        """Render an answer as frames (`call.stream`) or as one body."""
        ...

    def models_body(self) -> Any:
        """Return the JSON of the list of models."""
        ...

    def model_body(self, model_id: str) -> Any:
        """Return the JSON of one model, or refuse an unknown id."""
        ...


def chat_routes(vendor: ChatVendor, simulator: Simulator) -> list[web.RouteDef]:
    """Return the routes of one vendor; whatever else is under its prefix is refused as 404."""

    async def chat(request: web.Request) -> web.StreamResponse:
        return await serve(request, simulator, vendor, lambda it: _complete(it, vendor))

    async def models(request: web.Request) -> web.StreamResponse:
        return await serve(request, simulator, vendor, lambda it: _models(it, vendor))

    async def unknown(request: web.Request) -> web.StreamResponse:
        return await serve(request, simulator, vendor, _unknown)

    return [
        web.post(f"{vendor.prefix}/chat/completions", chat),
        web.get(f"{vendor.prefix}/models", models),
        web.get(f"{vendor.prefix}/models/{{model_id:.+}}", models),
        web.route("*", f"/{vendor.name}/{{path:.*}}", unknown),
    ]


async def _complete(exchange: Exchange, vendor: ChatVendor) -> web.StreamResponse:
    request = exchange.request
    raw = await exchange.read_body()
    key = vendor.check_key(request.headers, exchange.simulator.config)
    body = vendor.parse_body(raw, request.content_type)
    if isinstance(body, dict):
        stream = body.get("stream") is True
        exchange.note_call(raw, model=str(body.get("model")), stream=stream)
    return await answer_call(exchange, vendor, vendor.read_call(body), key, vendor.render)


async def _models(exchange: Exchange, vendor: ChatVendor) -> web.StreamResponse:
    key = vendor.check_key(exchange.request.headers, exchange.simulator.config)
    model_id = exchange.request.match_info.get("model_id")

    def find() -> Any:
        return vendor.models_body() if model_id is None else vendor.model_body(model_id)

    return await answer_json(exchange, vendor, key, find)


async def _unknown(exchange: Exchange) -> web.StreamResponse:
    request = exchange.request
    return refuse(
        exchange,
        RefusalError(f"Invalid URL ({request.method} {request.path})", status=404),
    )
