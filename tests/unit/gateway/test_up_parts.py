"""The parts of ``tokensmith up``: shared ports, whereabouts, children, the demo account."""

import asyncio
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from tests.support import sqlite
from tokensmith_gateway.banner import banner
from tokensmith_gateway.children import ChildFailed, start_child
from tokensmith_gateway.demo import DEMO_ACCOUNT, demo_key_path, ensure_demo
from tokensmith_gateway.ports import shared_address
from tokensmith_gateway.whereabouts import (
    Whereabouts,
    announced,
    read_whereabouts,
    whereabouts_path,
)
from tokensmith_server.clock import SystemClock
from tokensmith_server.config import ServerSettings
from tokensmith_server.listen_address import CannotListen
from tokensmith_server.storage.storage import open_storage

HERE = Whereabouts(
    pid=7, rest="127.0.0.1:1", grpc="127.0.0.1:2", public_url="http://x", simulator=None
)


def test_shared_address_gets_one_port_that_workers_can_listen_on() -> None:
    with shared_address("127.0.0.1:0", "X_LISTEN") as address:
        port = int(address.removeprefix("127.0.0.1:"))
        assert port > 0
        for _ in range(2):
            worker = socket.socket()
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind(("127.0.0.1", port))
            worker.close()


def test_shared_address_that_is_taken_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(CannotListen, match=rf"{address} \(X_LISTEN\): .* in use"),
            shared_address(address, "X_LISTEN"),
        ):
            pass


def test_whereabouts_are_there_while_it_serves(tmp_path: Path) -> None:
    with announced(tmp_path / "data") as announcement:
        assert read_whereabouts(tmp_path / "data") is None
        announcement.publish(HERE)
        assert read_whereabouts(tmp_path / "data") == HERE
    assert not whereabouts_path(tmp_path / "data").exists()


def test_whereabouts_of_another_gateway_are_left_alone(tmp_path: Path) -> None:
    with announced(tmp_path) as ours, announced(tmp_path) as theirs:
        ours.publish(HERE)
        other = Whereabouts(pid=8, rest="a", grpc="b", public_url="c", simulator="d")
        theirs.publish(other)
        ours.withdraw()
        assert read_whereabouts(tmp_path) == other


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}'])
def test_whereabouts_that_make_no_sense_are_none(tmp_path: Path, content: bytes) -> None:
    whereabouts_path(tmp_path).write_bytes(content)
    assert read_whereabouts(tmp_path) is None


async def test_child_that_ends_before_it_is_ready_is_told() -> None:
    with pytest.raises(ChildFailed, match=r"the helper did not start \(exit code 2\)"):
        await start_child("helper", "tokensmith_simulator", ("--listen", "nowhere"))


async def test_child_is_asked_to_stop_and_waited_for() -> None:
    child = await start_child("simulator", "tokensmith_simulator", ("--listen", "127.0.0.1:0"))
    assert child.ready["origin"].startswith("http://127.0.0.1:")
    await child.stop()
    assert await child.wait() == 0
    await child.stop()


async def test_child_that_does_not_listen_to_being_asked_is_killed() -> None:
    child = await start_child("simulator", "tokensmith_simulator", ("--listen", "127.0.0.1:0"))
    os.kill(child.pid, signal.SIGSTOP)
    await child.stop(grace_seconds=0.05)
    assert await child.wait() == -9


async def test_child_ends_when_its_parents_end_of_the_pipe_does() -> None:
    child = await start_child(
        "simulator",
        "tokensmith_simulator",
        ("--listen", "127.0.0.1:0", "--until-stdin-closes"),
    )
    child._process._transport.get_pipe_transport(0).close()  # type: ignore[attr-defined]
    assert await asyncio.wait_for(child.wait(), 10) == 0


async def test_demo_account_is_made_once_and_its_key_kept(tmp_path: Path) -> None:
    with sqlite.fresh_database() as url:
        async with open_storage(url, owner="test", clock=SystemClock(), server=False) as store:
            first = await ensure_demo(store, tmp_path / "new", credits_granted=5)
            again = await ensure_demo(store, tmp_path / "new", credits_granted=5)
            (account,) = await store.list_accounts()
    assert first is not None
    assert first == again
    assert account.name == DEMO_ACCOUNT
    assert account.balance.available_microcredits == 5_000_000
    assert stat.S_IMODE(demo_key_path(tmp_path / "new").stat().st_mode) == 0o600


async def test_lost_demo_key_is_not_made_up_again(tmp_path: Path) -> None:
    with sqlite.fresh_database() as url:
        async with open_storage(url, owner="test", clock=SystemClock(), server=False) as store:
            await ensure_demo(store, tmp_path, credits_granted=5)
            demo_key_path(tmp_path).unlink()
            assert await ensure_demo(store, tmp_path, credits_granted=5) is None
    text = banner("http://x", "y", None, ServerSettings(data_dir=tmp_path))
    assert "tokensmith keys create --account demo" in text
