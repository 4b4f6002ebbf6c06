"""Real gateways whose clocks differ or jump: a call that runs meanwhile is charged as ever.

A process's clock is turned by a file that its Python reads the time through, since a machine's own
clock is not for a test to set.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import httpx
import msgspec
import pytest

from tests.faults.conftest import NewDatabase
from tests.support.books import Books, Customer
from tests.support.processes import Gateway, Simulator, running_gateway
from tests.support.waiting import PATIENCE_SECONDS, eventually
from tokensmith_server.billing.commands import HoldState, Outcome

MODELS = {"sqlite": "gpt-5.4-nano", "postgres": "gpt-5.4-mini"}
HOUR_SECONDS = 3_600.0
BEATS = 15
WINDOWS = {
    "TOKENSMITH_RECONCILE_SECONDS": "1",
    "TOKENSMITH_OWNER_SILENT_SECONDS": "10",
    "TOKENSMITH_SWEEP_SECONDS": "0.2",
}
# Python imports it at its start.
SITE = """
import os
import pathlib
import time

real, ahead = time.time, pathlib.Path(os.environ["AHEAD_SECONDS_FILE"])
time.time = lambda: real() + float(ahead.read_text() or 0)
"""


@dataclass
class Clock:
    """The wall clock of one gateway's processes."""

    folder: Path

    def set_ahead(self, seconds: float) -> None:
        """Put it ahead of the machine's, or behind."""
        whole = self.folder / "new"
        whole.write_text(str(seconds), encoding="ascii")
        whole.rename(self.folder / "ahead")

    @property
    def variables(self) -> dict[str, str]:
        return {
            "PYTHONPATH": str(self.folder),
            "AHEAD_SECONDS_FILE": str(self.folder / "ahead"),
        }


def new_clock(folder: Path, ahead_seconds: float = 0.0) -> Clock:
    folder.mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(SITE, encoding="ascii")
    clock = Clock(folder)
    clock.set_ahead(ahead_seconds)
    return clock


@contextmanager
def half_streamed(gateway: Gateway, customer: Customer, model: str) -> Iterator[Iterator[str]]:
    """A stream that stalls at the provider after its first text; its further lines."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": f"Write 30 words. {customer.name}"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = {"Authorization": f"Bearer {customer.key}"}
    with httpx.stream(
        "POST", f"{gateway.base_url}/chat/completions", json=body, headers=headers, timeout=60.0
    ) as response:
        assert response.status_code == 200, response.read()
        lines = response.iter_lines()
        next(line for line in lines if '"content":' in line)
        yield lines


def wait_for_beats(books: Books) -> None:
    """Wait until whoever owns the open hold has beaten often, and so swept; so did all others."""
    seen: set[int | None] = set()

    def often() -> bool:
        seen.update(books.beats().values())
        return len(seen) > BEATS

    eventually(often, "the gateways beat", pause=0.1)


def assert_charged_as_told(books: Books, customer: Customer, lines: Iterator[str]) -> None:
    costs = [
        msgspec.json.decode(line.removeprefix("data: "))["usage"]["cost"]
        for line in lines
        if '"cost":' in line
    ]
    (record,) = books.requests(customer)
    assert (record.state, record.outcome) == (HoldState.SETTLED, Outcome.DELIVERED)
    assert record.charged_microcredits > 0
    assert costs[-1] * 1_000_000 == pytest.approx(record.charged_microcredits)
    books.assert_clean()


def test_gateway_whose_clock_is_an_hour_ahead_leaves_the_calls_of_another_alone(
    new_database: NewDatabase, simulator: Simulator, tmp_path: Path
) -> None:
    variables = new_database("postgres") | WINDOWS
    clock = new_clock(tmp_path / "clock", HOUR_SECONDS)
    model = MODELS["postgres"]
    with (
        running_gateway(tmp_path / "one", **variables) as gateway,
        running_gateway(tmp_path / "two", **variables, **clock.variables) as ahead,
    ):
        books = Books(gateway.database_url)
        customer = books.customer()
        simulator.inject("stall_mid_stream", model=model, after_chunks=3)
        with half_streamed(gateway, customer, model) as lines:
            wait_for_beats(books)
            simulator.release()
            assert_charged_as_told(books, customer, lines)
        assert "sweeper.resolved" not in gateway.printed() + ahead.printed()


@pytest.mark.parametrize("jump_seconds", [HOUR_SECONDS, -HOUR_SECONDS], ids=["ahead", "back"])
def test_clock_that_jumps_in_mid_stream_costs_nobody_anything(
    new_database: NewDatabase, simulator: Simulator, tmp_path: Path, jump_seconds: float
) -> None:
    def jump_on(engine: str, variables: dict[str, str]) -> None:
        clock, model = new_clock(tmp_path / f"{engine}-clock"), MODELS[engine]
        with running_gateway(tmp_path / engine, **variables, **clock.variables) as gateway:
            books = Books(gateway.database_url)
            customer = books.customer()
            simulator.inject("stall_mid_stream", model=model, after_chunks=3)
            with half_streamed(gateway, customer, model) as lines:
                clock.set_ahead(jump_seconds)
                wait_for_beats(books)
                # What is released is released for both.
                both.wait(PATIENCE_SECONDS)
                simulator.release()
                assert_charged_as_told(books, customer, lines)
            assert "sweeper.resolved" not in gateway.printed()

    both = Barrier(len(MODELS))
    each = {engine: new_database(engine) | WINDOWS for engine in MODELS}
    with ThreadPoolExecutor(len(each)) as threads:
        for done in [threads.submit(jump_on, *one) for one in each.items()]:
            done.result()
