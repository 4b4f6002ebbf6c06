"""The routes of Anthropic's Messages API."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from tokensmith_simulator.answering.answer import Answer
from tokensmith_simulator.answering.course import answer_call, answer_json
from tokensmith_simulator.anthropic.call import (
    MessagesCall,
    count_input_tokens,
    read_messages_call,
)
from tokensmith_simulator.anthropic.render import render_message
from tokensmith_simulator.anthropic.vendor import Anthropic
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Pace
from tokensmith_simulator.serving import Exchange, Handler, Reply, serve
from tokensmith_simulator.simulator import Simulator

_BODY_LIMIT_BYTES: Final = 32 * 1024 * 1024


def anthropic_routes(simulator: Simulator) -> list[web.RouteDef]:
    """Return Anthropic's routes; whatever else is under its prefix is refused as 404."""
    service = _Service(Anthropic())

    def route(handler: Handler) -> Any:
        async def run(request: web.Request) -> web.StreamResponse:
            return await serve(request, simulator, service.vendor, handler)

        return run

    prefix = service.vendor.prefix
    return [
        web.post(f"{prefix}/messages", route(service.create)),
        web.post(f"{prefix}/messages/count_tokens", route(service.count)),
        web.get(f"{prefix}/models", route(service.models)),
        web.get(f"{prefix}/models/{{model_id}}", route(service.models)),
        web.route("*", "/anthropic/{path:.*}", route(service.unknown)),
    ]


class _Service:
    """One handler for each thing that is served."""

    def __init__(self, vendor: Anthropic) -> None:
        self.vendor = vendor

    async def create(self, exchange: Exchange) -> web.StreamResponse:
        key, version, body = await self._read(exchange)
        call = read_messages_call(body, version)
        return await answer_call(exchange, self.vendor, call, key, self._render)

    async def count(self, exchange: Exchange) -> web.StreamResponse:
        key, version, body = await self._read(exchange)
        counted = {"input_tokens": count_input_tokens(body, version)}
        return await answer_json(exchange, self.vendor, key, lambda: counted, model=body["model"])

    async def models(self, exchange: Exchange) -> web.StreamResponse:
        key = self._enter(exchange)[0]
        model_id = exchange.request.match_info.get("model_id")

        def find() -> Any:
            one = model_id is not None
            return self.vendor.model_body(model_id or "") if one else self.vendor.models_body()

        return await answer_json(exchange, self.vendor, key, find)

    async def unknown(self, exchange: Exchange) -> web.StreamResponse:
        raise RefusalError("Not Found", status=404)

    def _enter(self, exchange: Exchange) -> tuple[str, str]:
        headers = exchange.request.headers
        key = self.vendor.check_key(headers, exchange.simulator.config)
        return key, self.vendor.check_version(headers)

    async def _read(self, exchange: Exchange) -> tuple[str, str, Any]:
        raw = await exchange.read_body()
        key, version = self._enter(exchange)
        if len(raw) > _BODY_LIMIT_BYTES:
            raise RefusalError("Request exceeds the maximum size", status=413)
        try:
            body = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RefusalError(f"The request body is not valid JSON: {error}") from None
        if isinstance(body, dict):
            stream = body.get("stream") is True
            exchange.note_call(raw, model=str(body.get("model")), stream=stream)
        return key, version, body

    def _render(self, call: MessagesCall, answer: Answer, pace: Pace, request_id: str) -> Reply:
        return render_message(call, answer, pace, self.vendor.response_headers(request_id))
