"""Addresses that a process listens on: how they are written, and whether they can be had."""

import errno
import re
import socket
from typing import Any, Final

# A host is a name or an IPv4 address, none (every address of this machine), or IPv6 in brackets.
_LISTEN: Final = re.compile(r"([^\s:/@\[\]]*|\[[^\s/@\[\]]+\]):([0-9]{1,5})")
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class CannotListen(OSError):
    """An address can't be had; names the setting's variable.

    Attributes:
        taken: Whether another process has it.
    """

    def __init__(self, listen: str, variable: str, error: OSError) -> None:
        super().__init__(f"cannot listen on {listen} ({variable}): {error.strerror}")
        self.taken = error.errno == errno.EADDRINUSE


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of "host:port"; an IPv6 host stands in brackets, and is returned without.

    Raises:
        ValueError: it is not of that form.
    """
    match = _LISTEN.fullmatch(listen)
    if match is None or int(match[2]) > 65_535:
        raise ValueError(
            "must be host:port with a port up to 65535, like 127.0.0.1:8080 or [::1]:8080"
        )
    return match[1].strip("[]"), int(match[2])


def require_free(listen: str, variable: str, *, share_port: bool) -> None:
    """Make sure that an address can be listened on, by doing so for a moment.

    gRPC says no more than that it can't, and its C core writes lines of its own before.

    Args:
        listen: "host:port".
        variable: The setting's, for the message.
        share_port: Whether processes that share their ports may have it already.

    Raises:
        CannotListen: it is taken, or not one of this machine's.
    """
    troubles: list[OSError] = []
    found = _resolve(listen, variable)
    for family, address in found:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if share_port:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                probe.bind(address)
        except OSError as error:
            troubles.append(error)
    # A name may have addresses that this machine has not: "localhost" where there is no IPv6.
    grave = [error for error in troubles if error.errno not in _NOT_HERE]
    if grave or len(troubles) == len(found):
        raise CannotListen(listen, variable, (grave or troubles)[0])


def _resolve(listen: str, variable: str) -> list[tuple[int, Any]]:
    host, port = split_listen(listen)
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise CannotListen(listen, variable, error) from error
    return [(family, address) for family, _, _, _, address in found]
