"""``GET /metrics`` of this process, on an address of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tokensmith_bridge.config import cannot_listen, split_listen


def build_metrics_app() -> web.Application:
    """The one endpoint."""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", show)
    return app


@asynccontextmanager
async def serve_metrics(listen: str) -> AsyncIterator[None]:
    """Serve at ``host:port`` while the block runs; an empty address serves nothing.

    Raises:
        OSError: the address can't be had.
    """
    if not listen:
        yield
        return
    runner = web.AppRunner(build_metrics_app(), access_log=None)
    await runner.setup()
    try:
        host, port = split_listen(listen)
        try:
            await web.TCPSite(runner, host, port, reuse_port=True).start()
        except OSError as error:
            raise cannot_listen(listen, "TOKENSMITH_METRICS_LISTEN", error) from error
        yield
    finally:
        await runner.cleanup()
