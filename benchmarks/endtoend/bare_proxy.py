"""What everything is compared with: the least that an aiohttp reverse proxy can do.

Any path goes to the upstream with the proxy's own key, over one shared session; whole answers come
back whole, streams piece by piece. It checks nothing, counts nothing, logs nothing and charges
nobody. Loop and collector are set as the gateway sets them.

Run as ``python -m benchmarks.endtoend.bare_proxy UPSTREAM_ORIGIN``; it takes any free port.
"""

import asyncio
import gc
import sys
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

_HEADERS = {"Authorization": "Bearer sk-upstream", "Content-Type": "application/json"}


class BareProxy:
    """The one handler."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """Pass the request on and the answer back."""
        body = await request.read()
        async with self._session.post(
            self._origin + request.path, data=body, headers=_HEADERS
        ) as answer:
            if answer.content_type != "text/event-stream":
                return web.Response(
                    body=await answer.read(),
                    status=answer.status,
                    content_type=answer.content_type,
                )
            response = web.StreamResponse(
                status=answer.status, headers={"Content-Type": answer.headers["Content-Type"]}
            )
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


async def _serve(origin: str) -> None:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )
    app: Any = web.Application()
    app.router.add_post("/{path:.*}", BareProxy(session, origin).forward)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
