"""What is not built: 501, and what there is instead."""

from collections.abc import Awaitable, Callable
from typing import NoReturn

from aiohttp import web

from tokensmith_bridge.openai.errors import Refusal


def refuse_unbuilt(text: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler that says so."""

    async def refuse(_: web.Request) -> NoReturn:
        raise Refusal("METHOD_UNIMPLEMENTED", text)

    return refuse
