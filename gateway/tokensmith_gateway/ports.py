"""Addresses of processes that share ports: a port 0 becomes one port for all of them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tokensmith_bridge.config import split_listen


@contextmanager
def shared_address(listen: str) -> Iterator[str]:
    """``host:port`` with a real port, kept from strangers while the block runs.

    The socket that keeps it is bound but never listens, so the kernel gives it no connection.

    Raises:
        ValueError: it is not ``host:port``.
        OSError: the address is taken or not ours.
    """
    host, port = split_listen(listen)
    family, kind, protocol, _, address = socket.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        keeper.bind(address)
        yield f"{listen.rpartition(':')[0]}:{keeper.getsockname()[1]}"
