"""Going down in every shape: who listens is told, what was delivered is charged, all is settled."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest

from tests.faults.calls import (
    HANGING,
    MODEL,
    SLOW,
    Calls,
    Told,
    calls_to,
    grpc_stream,
    grpc_whole,
    rest_stream,
    rest_whole,
)
from tests.faults.conftest import NewDatabase
from tests.support.books import Books
from tests.support.installations import (
    Installation,
    ended,
    running_apart,
    running_installation,
    running_on_a_terminal,
)
from tests.support.processes import Simulator, descendants
from tests.support.waiting import eventually
from tokensmith.errors import StreamInterruptedError, UnavailableError
from tokensmith_server.billing.store import RequestRecord

NEVER_SECONDS = "3600"
# More than signals may be apart that count as one.
SAME_STOP_SECONDS = 0.5

SHAPES = ("all in one", "workers", "apart")


@contextmanager
def running(
    shape: str, new_database: NewDatabase, data_dir: Path, **variables: str
) -> Iterator[Installation]:
    engine = "sqlite" if shape == "all in one" else "postgres"
    given = new_database(engine) | variables
    if shape == "apart":
        with running_apart(data_dir, given) as installation:
            yield installation
    else:
        arguments = ("--workers", "2") if shape == "workers" else ()
        with running_installation(data_dir, arguments, given) as installation:
            yield installation


def begin_all(calls: Calls) -> None:
    """One call of each kind: streams that are long, and answers that never come."""
    calls.begin("rest-stream", rest_stream, SLOW)
    calls.begin("grpc-stream", grpc_stream, SLOW)
    calls.begin("rest-whole", rest_whole, HANGING)
    calls.begin("grpc-whole", grpc_whole, HANGING)


def assert_told(calls: Calls, records: list[RequestRecord]) -> None:
    """Streams are told of a cut that is charged, whole answers to be asked for again."""
    by_state = {"settled": [], "voided": []}  # type: dict[str, list[RequestRecord]]
    for record in records:
        by_state[str(record.state)].append(record)
    assert {str(record.outcome) for record in by_state["settled"]} == {"truncated"}
    assert {record.error_reason for record in by_state["voided"]} == {"SHUTTING_DOWN"}
    charges = sorted(record.charged_microcredits for record in by_state["settled"])
    assert all(charge > 0 for charge in charges)

    stream = calls.outcome("rest-stream")
    assert stream.pieces
    assert not isinstance(stream.error, openai.APIConnectionError)
    assert stream.error.code == "stream_interrupted"
    assert "what was delivered is charged" in stream.error.message
    by_grpc = calls.outcome("grpc-stream")
    assert by_grpc.pieces
    assert isinstance(by_grpc.error, StreamInterruptedError)
    told = [
        round(stream.error.body["charged"] * 1_000_000),
        int(by_grpc.error.metadata["charged_microcredits"]),
    ]
    assert sorted(told) == charges

    whole = calls.outcome("rest-whole").error
    assert isinstance(whole, openai.InternalServerError)
    assert (whole.status_code, whole.code) == (503, "shutting_down")
    assert whole.response.headers["x-should-retry"] == "true"
    assert whole.response.headers["x-credits-charged"] == "0"
    by_grpc = calls.outcome("grpc-whole")
    assert isinstance(by_grpc.error, UnavailableError)
    assert by_grpc.error.reason == "SHUTTING_DOWN"
    assert by_grpc.error.metadata["charged_microcredits"] == "0"


def ended_when_asked_again(process: "subprocess.Popen[bytes]", number: signal.Signals) -> int:
    """Ask a process that was asked before, with patience enough not to be taken for the same one.

    Returns its exit code.
    """
    patient_until = time.monotonic() + SAME_STOP_SECONDS
    eventually(lambda: time.monotonic() > patient_until, "patience has ended")
    process.send_signal(number)
    return ended(process)


def assert_quiet(installation: Installation) -> None:
    """Nothing went wrong on the way."""
    printed = installation.printed()
    assert "Traceback" not in printed
    assert '"level":"error"' not in printed


@pytest.mark.parametrize("shape", SHAPES)
def test_calls_longer_than_the_grace_are_cut_settled_and_told(
    new_database: NewDatabase, simulator: Simulator, data_dir: Path, shape: str
) -> None:
    with running(shape, new_database, data_dir, TOKENSMITH_DRAIN_SECONDS="3") as installation:
        books = Books(installation.database_url)
        customer = books.customer()
        with calls_to(installation, simulator, customer) as calls:
            begin_all(calls)
            began = time.monotonic()
            installation.server.send_signal(signal.SIGTERM)
            assert ended(installation.server) == 0
            assert time.monotonic() - began > 2, "calls under way had their grace"
            assert_told(calls, list(books.requests(customer)))
        assert_quiet(installation)
    assert books.assert_clean().open_holds == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_second_signal_ends_at_once_and_all_is_settled_and_told_all_the_same(
    new_database: NewDatabase, simulator: Simulator, data_dir: Path, shape: str
) -> None:
    variables = {
        "TOKENSMITH_DRAIN_SECONDS": NEVER_SECONDS,
        "TOKENSMITH_NOTICE_SECONDS": NEVER_SECONDS,
    }
    with running(shape, new_database, data_dir, **variables) as installation:
        books = Books(installation.database_url)
        customer = books.customer()
        with calls_to(installation, simulator, customer) as calls:
            begin_all(calls)
            installation.server.send_signal(signal.SIGTERM)
            assert ended_when_asked_again(installation.server, signal.SIGTERM) == 0
            assert_told(calls, list(books.requests(customer)))
        assert_quiet(installation)
    assert books.assert_clean().open_holds == 0


@pytest.mark.parametrize(
    ("shape", "number"),
    [
        ("all in one", signal.SIGTERM),
        ("all in one", signal.SIGINT),
        ("workers", signal.SIGHUP),
        ("apart", signal.SIGINT),
    ],
)
def test_it_refuses_what_is_new_and_says_so_while_calls_end(
    *,
    new_database: NewDatabase,
    simulator: Simulator,
    data_dir: Path,
    shape: str,
    number: signal.Signals,
) -> None:
    variables = {"TOKENSMITH_NOTICE_SECONDS": NEVER_SECONDS}
    with running(shape, new_database, data_dir, **variables) as installation:
        books = Books(installation.database_url)
        customer = books.customer()
        with (
            httpx.Client(timeout=20.0) as kept_alive,
            calls_to(installation, simulator, customer) as calls,
        ):
            calls.begin("whole", rest_whole, HANGING)
            assert kept_alive.get(installation.ready_url).status_code == 200
            going = {installation.server, installation.bridge}
            for process in going:
                process.send_signal(number)

            def refused() -> bool:
                """A connection that was there, or is new; of a worker that has calls, or none."""
                return all(
                    answer.status_code == 503
                    for answer in (
                        kept_alive.get(installation.ready_url),
                        httpx.get(installation.ready_url, timeout=20.0),
                    )
                )

            eventually(refused, "it takes no more calls")
            with calls.openai() as client, pytest.raises(openai.InternalServerError) as caught:
                client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": "Hi"}]
                )
            headers = caught.value.response.headers
            assert (caught.value.status_code, caught.value.code) == (503, "shutting_down")
            assert headers["x-should-retry"] == "true"
            assert headers["connection"] == "close"
            assert calls.is_under_way("whole")
            simulator.release()
            assert calls.outcome("whole") == Told(pieces=1)
            for process in going:
                # Somebody has asked whether it is ready, so that it gives notice for ever.
                assert ended_when_asked_again(process, number) == 0
        assert_quiet(installation)
    (record,) = books.requests(customer)
    assert str(record.outcome) == "delivered"
    assert books.assert_clean().open_holds == 0


def test_bridge_alone_tells_its_clients_and_leaves_the_calls_to_the_server(
    new_database: NewDatabase, simulator: Simulator, data_dir: Path
) -> None:
    with running("apart", new_database, data_dir, TOKENSMITH_DRAIN_SECONDS="1") as installation:
        books = Books(installation.database_url)
        customer = books.customer()
        with calls_to(installation, simulator, customer) as calls:
            calls.begin("stream", rest_stream, SLOW)
            calls.begin("whole", rest_whole, HANGING)
            installation.bridge.send_signal(signal.SIGTERM)
            assert ended(installation.bridge) == 0
            stream = calls.outcome("stream")
            assert stream.pieces
            assert not isinstance(stream.error, openai.APIConnectionError)
            assert stream.error.code == "stream_interrupted"
            whole = calls.outcome("whole").error
            assert (whole.status_code, whole.code) == (503, "shutting_down")
            assert whole.response.headers["x-should-retry"] == "true"
        # The server goes on: a retry through another bridge gets the whole answer.
        simulator.release()
        eventually(
            lambda: all(str(one.state) == "settled" for one in books.requests(customer)),
            "the server settles",
        )
        assert all(one.charged_microcredits > 0 for one in books.requests(customer))
        installation.server.send_signal(signal.SIGTERM)
        assert ended(installation.server) == 0
        assert_quiet(installation)
    assert books.assert_clean().open_holds == 0


def test_server_that_is_killed_under_a_bridge_is_no_reason_to_try_a_stream_again(
    new_database: NewDatabase, simulator: Simulator, data_dir: Path
) -> None:
    with running("apart", new_database, data_dir) as installation:
        customer = Books(installation.database_url).customer()
        with calls_to(installation, simulator, customer) as calls:
            calls.begin("stream", rest_stream, SLOW)
            installation.server.kill()
            stream = calls.outcome("stream")
        assert stream.error.code == "stream_interrupted"
        assert "/v1/requests" in stream.error.message


def test_service_manager_that_tells_every_worker_too_does_not_hurry_them(
    new_database: NewDatabase, simulator: Simulator, data_dir: Path
) -> None:
    with running("workers", new_database, data_dir) as installation:
        books = Books(installation.database_url)
        customer = books.customer()
        with calls_to(installation, simulator, customer) as calls:
            calls.begin("whole", rest_whole, HANGING)
            workers = descendants(installation.server.pid)
            assert len(workers) == 2
            for pid in (*workers, installation.server.pid):
                subprocess.run(["kill", "-TERM", str(pid)], check=True)
            eventually(lambda: installation.printed().count("draining") == 2, "both drain")
            assert calls.is_under_way("whole")
            simulator.release()
            assert calls.outcome("whole") == Told(pieces=1)
            assert ended(installation.server) == 0
        assert_quiet(installation)


def test_closed_terminal_lets_calls_end_and_leaves_nothing_behind(
    new_database: NewDatabase, simulator: Simulator, data_dir: Path
) -> None:
    variables = new_database("sqlite")
    with running_on_a_terminal(data_dir, variables) as (installation, close_terminal):
        books = Books(installation.database_url)
        customer = books.customer()
        with calls_to(installation, simulator, customer) as calls:
            calls.begin("whole", rest_whole, HANGING)
            close_terminal()
            eventually(lambda: is_refused_by(installation), "it takes no more calls")
            simulator.release()
            assert calls.outcome("whole") == Told(pieces=1)
            assert ended(installation.server) == 0
    assert not (data_dir / "gateway.json").exists()
    assert books.assert_clean().open_holds == 0


def is_refused_by(installation: Installation) -> bool:
    return httpx.get(installation.ready_url, timeout=20.0).status_code == 503
