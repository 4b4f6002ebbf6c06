"""Going down: streams under way end well, and nothing is left open, whatever the signal."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.conftest import NewDatabase
from tests.support.books import Books, Customer
from tests.support.processes import (
    SHORT_WINDOWS,
    Gateway,
    Simulator,
    descendants,
    is_running,
    running_gateway,
)
from tests.support.waiting import eventually

MODEL = "gpt-5.4-nano"
STREAMS = 20


def stream(gateway: Gateway, customer: Customer, directive: str) -> list[str]:
    """The data frames of one streamed call, to its end."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": f"Write 60 words. {customer.name} {directive}"}],
        "max_completion_tokens": 300,
        "stream": True,
    }
    headers = {"Authorization": f"Bearer {customer.key}"}
    url = f"{gateway.base_url}/chat/completions"
    with httpx.stream("POST", url, json=body, headers=headers, timeout=60.0) as answer:
        assert answer.status_code == 200
        return [line.removeprefix("data: ") for line in answer.iter_lines() if line]


@contextmanager
def streams(
    gateway: Gateway, simulator: Simulator, customer: Customer, directive: str, count: int
) -> Iterator[list["Future[list[str]]"]]:
    """So many streams under way: every one of them is at the provider."""
    with ThreadPoolExecutor(count) as threads:
        running = [threads.submit(stream, gateway, customer, directive) for _ in range(count)]
        eventually(
            lambda: len(simulator.calls(customer.name)) == count, "all streams are under way"
        )
        yield running


@pytest.mark.parametrize(("engine", "signals"), [("sqlite", 2), ("postgres", 1)])
def test_sigterm_lets_streams_end_and_exits_with_zero(
    *,
    new_database: NewDatabase,
    simulator: Simulator,
    data_dir: Path,
    engine: str,
    signals: int,
) -> None:
    with running_gateway(data_dir, **new_database(engine)) as gateway:
        books = Books(gateway.database_url)
        customer = books.customer()
        with streams(gateway, simulator, customer, "[[sim:pace=15]]", STREAMS) as running:
            for _ in range(signals):
                gateway.terminate()
            frames = [one.result() for one in running]
        assert gateway.wait() == 0
    assert all(one[-1] == "[DONE]" for one in frames)
    assert books.assert_clean().open_holds == 0
    records = books.requests(customer)
    assert len(records) == STREAMS
    assert {str(record.outcome) for record in records} == {"delivered"}


def test_killed_worker_is_started_again_and_calls_go_on(
    new_database: NewDatabase, simulator: Simulator, data_dir: Path
) -> None:
    variables = new_database("postgres") | dict(SHORT_WINDOWS)
    with running_gateway(data_dir, "--workers", "2", **variables) as gateway:
        books = Books(gateway.database_url)
        customer = books.customer()
        before = descendants(gateway.pid)
        assert len(before) == 2
        victim = min(before)

        os.kill(victim, signal.SIGKILL)

        def replaced() -> bool:
            now = {pid for pid in descendants(gateway.pid) if is_running(pid)}
            return len(now) == 2 and victim not in now

        eventually(replaced, "another worker is started")
        eventually(lambda: gateway.printed().count('"worker.started"') == 3, "it serves")
        for _ in range(4):
            assert stream(gateway, customer, "")[-1] == "[DONE]"
        workers = descendants(gateway.pid)
        assert gateway.stop() == 0
        assert not any(map(is_running, workers))
    books.assert_clean()


def test_killed_parent_leaves_no_worker_behind(new_database: NewDatabase, data_dir: Path) -> None:
    variables = new_database("postgres")
    del variables["TOKENSMITH_SIMULATOR_URL"]
    with running_gateway(data_dir, "--workers", "2", **variables) as gateway:
        children = descendants(gateway.pid)
        assert len(children) == 3, "two workers and their simulator"
        gateway.kill()
    eventually(lambda: not any(map(is_running, children)), "the workers and the simulator end")


def test_workers_that_keep_dying_end_the_gateway_with_a_failure(
    new_database: NewDatabase, data_dir: Path
) -> None:
    variables = new_database("postgres") | {
        "TOKENSMITH_RESTARTS_PER_MINUTE": "0",
        "TOKENSMITH_FAULT_POINTS": "after_hold=kill",
    }
    with running_gateway(data_dir, "--workers", "2", **variables) as gateway:
        customer = Books(gateway.database_url).customer()
        with pytest.raises(httpx.TransportError):
            stream(gateway, customer, "")
        assert gateway.wait() == 1
        assert "tokensmith: workers ended 1 times within a minute" in gateway.printed()
        assert "Traceback" not in gateway.printed()
