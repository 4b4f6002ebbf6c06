"""The simulator's own API, `/_control/...`: faults, pace, release, journal."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from tokensmith_simulator.faults import Fault, FaultBoard, Pace, QueuedFault
from tokensmith_simulator.journal import entry_to_json
from tokensmith_simulator.simulator import Simulator

_FAULTS = msgspec.json.Decoder(Fault | list[Fault])
_PACE = msgspec.json.Decoder(Pace)


def control_routes(simulator: Simulator) -> list[web.RouteDef]:
    """Return the routes that steer and watch this simulator."""
    board, journal = simulator.faults, simulator.journal

    async def add_faults(request: web.Request) -> web.Response:
        decoded = _decode(_FAULTS, await request.read())
        added = decoded if isinstance(decoded, list) else [decoded]
        return _json({"ids": [board.add(fault) for fault in added]})

    async def list_faults(request: web.Request) -> web.Response:
        return _json([_queued_to_json(queued) for queued in board.queued()])

    async def clear_faults(request: web.Request) -> web.Response:
        board.clear()
        return web.Response(status=204)

    async def release(request: web.Request) -> web.Response:
        board.release()
        return web.Response(status=204)

    async def read_journal(request: web.Request) -> web.Response:
        entries = journal.entries(provider=request.query.get("provider"))
        limit = request.query.get("limit", "")
        newest = entries[-int(limit) :] if limit.isdecimal() and int(limit) else entries
        return _json({"entries": [entry_to_json(entry) for entry in newest]})

    async def clear_journal(request: web.Request) -> web.Response:
        journal.clear()
        return web.Response(status=204)

    return [
        web.post("/_control/faults", add_faults),
        web.get("/_control/faults", list_faults),
        web.delete("/_control/faults", clear_faults),
        web.post("/_control/release", release),
        *_pace_routes(board),
        web.get("/_control/journal", read_journal),
        web.delete("/_control/journal", clear_journal),
    ]


def _pace_routes(board: FaultBoard) -> list[web.RouteDef]:
    async def set_pace(request: web.Request) -> web.Response:
        board.pace = _decode(_PACE, await request.read())
        return _json(board.pace)

    async def get_pace(request: web.Request) -> web.Response:
        return _json(board.pace)

    async def reset_pace(request: web.Request) -> web.Response:
        board.pace = Pace()
        return web.Response(status=204)

    return [
        web.post("/_control/pace", set_pace),
        web.get("/_control/pace", get_pace),
        web.delete("/_control/pace", reset_pace),
    ]


def _queued_to_json(queued: QueuedFault) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(queued.fault)
    fields.update(id=queued.id, skip=queued.skip_left, count=queued.count_left)
    return fields


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
