"""Addresses to listen on: how they are written, and who has one already."""

import socket
from collections.abc import Callable

import pytest

from tokensmith_bridge import config as bridge_config
from tokensmith_server.listen_address import CannotListen, require_free, split_listen

# The bridge and the server share no code, and read the same settings.
READERS = (split_listen, bridge_config.split_listen)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("listen", "parts"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("localhost:0", ("localhost", 0)),
        (":8080", ("", 8080)),
        ("[::1]:8080", ("::1", 8080)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
    ],
)
def test_host_and_port(read: Callable[[str], object], listen: str, parts: tuple[str, int]) -> None:
    assert read(listen) == parts


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "listen",
    ["", "nonsense", "8080", "h:", "h:x", "h:65536", "h:-1", "::1:80", "http://h:80", "h :80"],
)
def test_others_are_refused(read: Callable[[str], object], listen: str) -> None:
    with pytest.raises(ValueError, match="must be host:port"):
        read(listen)


def test_free_address_is_free_and_stays_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        listen = f"127.0.0.1:{once.getsockname()[1]}"
    require_free(listen, "X_LISTEN", share_port=False)
    require_free(listen, "X_LISTEN", share_port=False)
    require_free("localhost:0", "X_LISTEN", share_port=False)


def test_taken_address_is_told_with_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotListen, match=rf"{listen} \(X_LISTEN\): Address already") as told:
            require_free(listen, "X_LISTEN", share_port=False)
    assert told.value.taken


def test_shared_address_is_free_for_those_who_share_it() -> None:
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        ours.bind(("127.0.0.1", 0))
        ours.listen()
        listen = f"127.0.0.1:{ours.getsockname()[1]}"
        require_free(listen, "X_LISTEN", share_port=True)
        with pytest.raises(CannotListen):
            require_free(listen, "X_LISTEN", share_port=False)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_address_of_another_machine_is_none_of_ours(host: str) -> None:
    with pytest.raises(CannotListen, match=host) as told:
        require_free(f"{host}:80", "X_LISTEN", share_port=False)
    assert not told.value.taken
