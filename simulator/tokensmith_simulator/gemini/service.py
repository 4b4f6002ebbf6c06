"""The routes of the Gemini API."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from tokensmith_simulator.answering.answer import Answer
from tokensmith_simulator.answering.course import answer_call, answer_json
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Pace
from tokensmith_simulator.gemini.call import GeminiCall, count_gemini_tokens, read_gemini_call
from tokensmith_simulator.gemini.render import render_response
from tokensmith_simulator.gemini.vendor import Gemini
from tokensmith_simulator.serving import Exchange, Reply, serve
from tokensmith_simulator.simulator import Simulator

_METHODS: Final = ("generateContent", "streamGenerateContent", "countTokens")
_PAGE_SIZE: Final = 50


def gemini_routes(simulator: Simulator) -> list[web.RouteDef]:
    """Return Gemini's routes; whatever else is under its prefix is refused as 404."""

    async def run(request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        array = method == "streamGenerateContent" and request.query.get("alt") != "sse"
        service = _Service(Gemini(array=array))
        handler = service.count if method == "countTokens" else service.generate
        return await serve(request, simulator, service.vendor, handler)

    async def models(request: web.Request) -> web.StreamResponse:
        service = _Service(Gemini())
        return await serve(request, simulator, service.vendor, service.models)

    async def unknown(request: web.Request) -> web.StreamResponse:
        service = _Service(Gemini())
        return await serve(request, simulator, service.vendor, service.unknown)

    prefix = Gemini.prefix
    return [
        web.post(f"{prefix}/models/{{model_id:[^/:]+}}:{{method:{'|'.join(_METHODS)}}}", run),
        web.get(f"{prefix}/models", models),
        web.get(prefix + "/models/{model_id:[^/:]+}", models),
        web.route("*", "/gemini/{path:.*}", unknown),
    ]


class _Service:
    """One handler for each thing that is served."""

    def __init__(self, vendor: Gemini) -> None:
        self.vendor = vendor

    async def generate(self, exchange: Exchange) -> web.StreamResponse:
        query = exchange.request.query
        model_id = exchange.request.match_info["model_id"]
        stream = exchange.request.match_info["method"] == "streamGenerateContent"
        key, body = await self._read(exchange, model_id, stream=stream)
        call = read_gemini_call(body, model_id, stream=stream, sse=query.get("alt") == "sse")
        return await answer_call(exchange, self.vendor, call, key, self._render)

    async def count(self, exchange: Exchange) -> web.StreamResponse:
        model_id = exchange.request.match_info["model_id"]
        key, body = await self._read(exchange, model_id, stream=False)
        prompt = count_gemini_tokens(body, model_id)
        details = [{"modality": "TEXT", "tokenCount": prompt.text}]
        if prompt.image:
            details.append({"modality": "IMAGE", "tokenCount": prompt.image})
        counted = {"totalTokens": prompt.total, "promptTokensDetails": details}
        return await answer_json(exchange, self.vendor, key, lambda: counted, model=model_id)

    async def models(self, exchange: Exchange) -> web.StreamResponse:
        key = self._enter(exchange)
        query = exchange.request.query
        model_id = exchange.request.match_info.get("model_id")
        asked = query.get("pageSize", "")
        size = int(asked) if asked.isdecimal() and int(asked) else _PAGE_SIZE

        def find() -> Any:
            if model_id is not None:
                return self.vendor.model_body(model_id)
            return self.vendor.models_body(size, query.get("pageToken", ""))

        return await answer_json(exchange, self.vendor, key, find)

    async def unknown(self, exchange: Exchange) -> web.StreamResponse:
        raise RefusalError("Requested entity was not found.", status=404)

    def _enter(self, exchange: Exchange) -> str:
        request = exchange.request
        exchange.entry.key_sent = exchange.entry.key_sent or "key" in request.query
        return self.vendor.check_key(request.headers, request.query, exchange.simulator.config)

    async def _read(self, exchange: Exchange, model_id: str, *, stream: bool) -> tuple[str, Any]:
        raw = await exchange.read_body()
        key = self._enter(exchange)
        try:
            body = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RefusalError(f"Invalid JSON payload received. {error}") from None
        exchange.note_call(raw, model=model_id, stream=stream)
        return key, body

    def _render(self, call: GeminiCall, answer: Answer, pace: Pace, request_id: str) -> Reply:
        return render_response(call, answer, pace, self.vendor.response_headers(request_id))
