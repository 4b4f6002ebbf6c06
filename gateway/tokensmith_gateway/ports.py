"""Addresses of processes that share ports: a port 0 becomes one port for all of them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tokensmith_server.listen_address import CannotListen, split_listen


@contextmanager
def shared_address(listen: str, variable: str) -> Iterator[str]:
    """``host:port`` with a real port, kept from strangers while the block runs.

    The socket that keeps it is bound but never listens, so the kernel gives it no connection.

    Raises:
        ValueError: it is not ``host:port``.
        CannotListen: the address is taken or not ours; names the setting's ``variable``.
    """
    host, port = split_listen(listen)
    with ExitStack() as kept:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            keeper = kept.enter_context(socket.socket(family, kind, protocol))
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            keeper.bind(address)
        except OSError as error:
            raise CannotListen(listen, variable, error) from error
        yield f"{listen.rpartition(':')[0]}:{keeper.getsockname()[1]}"
