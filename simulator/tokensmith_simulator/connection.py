"""What a socket can do to its peer: pause, break off, or never answer."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web


class StoppedError(Exception):
    """The simulator is stopping; the connection ends without an answer."""


async def pause(milliseconds: int) -> None:
    """Wait; nothing happens for zero."""
    if milliseconds:
        await asyncio.sleep(milliseconds / 1000)


def reset(request: web.BaseRequest) -> None:
    """Break the connection off with a TCP RST.

    Bytes already handed to the kernel arrive; anything still buffered here is lost.
    """
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # Lingering for zero seconds makes closing send RST instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def hang_up(request: web.BaseRequest) -> None:
    """Close the connection in the middle of an answer, with a FIN."""
    if request.transport is not None:
        request.transport.close()
