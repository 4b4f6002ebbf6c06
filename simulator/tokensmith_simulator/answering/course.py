"""The course of a request that is answered by a model, the same in every dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from tokensmith_simulator.answering.answer import Answer, plan_answer
from tokensmith_simulator.answering.call import Call
from tokensmith_simulator.directives import read_directives
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Fault, FaultKind, Pace
from tokensmith_simulator.serving import (
    ErrorShape,
    Exchange,
    Reply,
    before_first_byte,
    send_stream,
    send_whole,
    whole_answer,
)

C = TypeVar("C", bound=Call)


class Vendor(ErrorShape, Protocol):
    """What every vendor brings, whatever its dialect.

    Attributes:
        refusing_kinds: The kinds of faults that are an error answer here; the others show in the
            answer.
    """

    refusing_kinds: frozenset[FaultKind]

    def fault_error(self, fault: Fault, model: str, key: str) -> RefusalError:
        """Return the refusal that a fault of a refusing kind looks like at this vendor."""
        ...


async def answer_call(
    exchange: Exchange,
    vendor: Vendor,
    call: C,
    key: str,
    render: Callable[[C, Answer, Pace, str], Reply],
) -> web.StreamResponse:
    """Answer a checked call, whole or as a stream, unless a fault comes in between.

    Raises:
        RefusalError: A fault says so, or a directive or a schema cannot be followed.
    """
    if exchange.simulator.config.directives_enabled:
        call = msgspec.structs.replace(call, directives=read_directives(call.talk.user_text))
    fault = exchange.strike(call.model.id, stream=call.stream, asked=call.directives.fault)
    if fault and fault.kind in vendor.refusing_kinds:
        raise vendor.fault_error(fault, call.model.id, key)
    exchange.pace = call.directives.pace or exchange.pace
    answer = plan_answer(call, fault)
    reply = render(call, answer, exchange.pace, exchange.entry.request_id)
    ended = await before_first_byte(exchange)
    if ended is not None:
        return ended
    return await (send_stream if call.stream else send_whole)(exchange, reply)


async def answer_json(
    exchange: Exchange, vendor: Vendor, key: str, find: Callable[[], Any], *, model: str = ""
) -> web.StreamResponse:
    """Answer with a JSON object that no model writes, unless a fault comes in between.

    Raises:
        RefusalError: A fault says so, or there is nothing to find.
    """
    fault = exchange.strike(model, stream=False, asked=None)
    if fault and fault.kind in vendor.refusing_kinds:
        raise vendor.fault_error(fault, model, key)
    found = find()
    ended = await before_first_byte(exchange)
    if ended is not None:
        return ended
    headers = vendor.response_headers(exchange.entry.request_id)
    return whole_answer(exchange, msgspec.json.encode(found), 200, headers)
