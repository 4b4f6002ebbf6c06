"""The course of one chat request, the same for every vendor of the dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from aiohttp import web

from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.directives import read_directives
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import REFUSING_KINDS, Fault, Pace
from tokensmith_simulator.openai_chat.answer import Answer, plan_answer
from tokensmith_simulator.openai_chat.call import ChatCall, last_user_text
from tokensmith_simulator.serving import (
    ErrorShape,
    Exchange,
    Reply,
    before_first_byte,
    refuse,
    send_stream,
    send_whole,
    serve,
    whole_answer,
)
from tokensmith_simulator.simulator import Simulator


class ChatVendor(ErrorShape, Protocol):
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

    def fault_error(self, fault: Fault, model: str, key: str) -> RefusalError:
        """Return the refusal that a fault of a refusing kind looks like at this vendor."""
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
    call = _with_directives(vendor.read_call(body), exchange.simulator.config)
    fault = exchange.strike(call.model.id, stream=call.stream, asked=call.directives.fault)
    if fault and fault.kind in REFUSING_KINDS:
        raise vendor.fault_error(fault, call.model.id, key)
    exchange.pace = call.directives.pace or exchange.pace
    answer = plan_answer(call, fault)
    reply = vendor.render(call, answer, exchange.pace, exchange.entry.request_id)
    ended = await before_first_byte(exchange)
    if ended is not None:
        return ended
    return await (send_stream if call.stream else send_whole)(exchange, reply)


def _with_directives(call: ChatCall, config: SimulatorConfig) -> ChatCall:
    if not config.directives_enabled:
        return call
    directives = read_directives(last_user_text(call.messages))
    return msgspec.structs.replace(call, directives=directives)


async def _models(exchange: Exchange, vendor: ChatVendor) -> web.StreamResponse:
    key = vendor.check_key(exchange.request.headers, exchange.simulator.config)
    fault = exchange.strike("", stream=False, asked=None)
    if fault and fault.kind in REFUSING_KINDS:
        raise vendor.fault_error(fault, "", key)
    model_id = exchange.request.match_info.get("model_id")
    found = vendor.models_body() if model_id is None else vendor.model_body(model_id)
    ended = await before_first_byte(exchange)
    if ended is not None:
        return ended
    headers = vendor.response_headers(exchange.entry.request_id)
    return whole_answer(exchange, msgspec.json.encode(found), 200, headers)


async def _unknown(exchange: Exchange) -> web.StreamResponse:
    request = exchange.request
    return refuse(
        exchange,
        RefusalError(f"Invalid URL ({request.method} {request.path})", status=404),
    )
