"""PostgreSQL goes away, drops connections, or freezes, with calls under way.

Whatever happens: a call is served and paid, or refused with a word that a retry helps; nothing goes
upstream without a durable hold; and the gateway heals without a restart.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.books import Books, Customer
from tests.support.postgres import PostgresServer
from tests.support.processes import SHORT_WINDOWS, Gateway, Simulator, running_gateway
from tests.support.waiting import eventually

MODEL = "gpt-5.4-nano"
CALLERS = 8
HEALED_WITHIN_SECONDS = 10.0
REFUSED_WITHIN_SECONDS = 20.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A cluster of our own, since it is going to be maltreated."""
    server = PostgresServer()
    try:
        server.create()
        yield server
    finally:
        server.destroy()


@pytest.fixture(scope="module")
def gateway(
    postgres: PostgresServer, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One gateway for all of it: healing without a restart is part of what is tested."""
    with running_gateway(
        tmp_path_factory.mktemp("trouble") / "data",
        TOKENSMITH_DATABASE_URL=postgres.url,
        TOKENSMITH_SIMULATOR_URL=simulator.origin,
        **SHORT_WINDOWS,
    ) as gateway:
        yield gateway


@dataclass
class Traffic:
    """Callers that call again and again until told to stop, and what they got."""

    gateway: Gateway
    customer: Customer
    statuses: Counter[int] = field(default_factory=Counter)
    not_retryable: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator["Traffic"]:
        with ThreadPoolExecutor(CALLERS) as threads:
            callers = [threads.submit(self._call_on) for _ in range(CALLERS)]
            try:
                yield self
            finally:
                self._stop.set()
            for caller in callers:
                caller.result()

    def served(self) -> int:
        return self.statuses[200]

    def _call_on(self) -> None:
        with httpx.Client(timeout=60.0) as client:
            while not self._stop.is_set():
                answer = ask(client, self.gateway, self.customer)
                with self._lock:
                    self.statuses[answer.status_code] += 1
                    if answer.status_code != 200 and answer.headers["x-should-retry"] != "true":
                        self.not_retryable.append(answer.text)


def ask(client: httpx.Client, gateway: Gateway, customer: Customer) -> httpx.Response:
    return client.post(
        f"{gateway.base_url}/chat/completions",
        json={
            "model": MODEL,
            "messages": [{"role": "user", "content": f"Say hello. {customer.name}"}],
            "max_completion_tokens": 50,
        },
        headers={"Authorization": f"Bearer {customer.key}"},
    )


def assert_books_agree(gateway: Gateway, simulator: Simulator, customer: Customer) -> None:
    """No hold is left, the audit is clean, and the provider was asked once for each hold."""
    books = Books(gateway.database_url)
    eventually(lambda: books.audit().open_holds == 0, "every hold ends", pause=0.1)
    books.assert_clean()
    records = books.requests(customer)
    asked = Counter(
        attempt.upstream_request_id for record in records for attempt in record.attempts
    )
    asked.pop(None, None)
    assert all(count == 1 for count in asked.values())
    calls = simulator.calls(customer.name)
    assert len(calls) <= sum(len(record.attempts) for record in records), "a call without a hold"


@pytest.mark.parametrize("trouble", ["crash", "terminate"])
def test_calls_go_on_after_the_database_was_lost_under_traffic(
    postgres: PostgresServer, gateway: Gateway, simulator: Simulator, trouble: str
) -> None:
    customer = Books(gateway.database_url).customer(10_000_000_000)
    traffic = Traffic(gateway, customer)
    with traffic.running():
        eventually(lambda: traffic.served() >= 20, "traffic flows")
        if trouble == "crash":
            postgres.crash()
            answered = traffic.statuses.total()
            eventually(
                lambda: traffic.statuses.total() >= answered + CALLERS,
                "calls are answered while it is away",
                seconds=REFUSED_WITHIN_SECONDS,
            )
            postgres.start()
        else:
            terminate_backends(postgres)
        served = traffic.served()
        eventually(
            lambda: traffic.served() >= served + 20,
            "calls are served again",
            seconds=HEALED_WITHIN_SECONDS,
        )
    assert set(traffic.statuses) <= {200, 503}
    assert not traffic.not_retryable
    assert_books_agree(gateway, simulator, customer)


def terminate_backends(postgres: PostgresServer) -> None:
    """Cut every connection of the gateway's."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        cut = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name LIKE 'tokensmith%'"
        ).fetchone()
    assert cut is not None
    assert cut[0] > 0


def test_frozen_database_refuses_calls_and_leaves_health_and_books_alone(
    postgres: PostgresServer, gateway: Gateway, simulator: Simulator
) -> None:
    books = Books(gateway.database_url)
    customer = books.customer()
    with httpx.Client(timeout=60.0) as client:
        assert ask(client, gateway, customer).status_code == 200
        served = len(simulator.calls(customer.name))

        postgres.pause()
        try:
            root = gateway.base_url.removesuffix("/v1")
            with ThreadPoolExecutor(1) as thread:
                asked = thread.submit(ask, client, gateway, customer)
                # The event loop is not held up by the database.
                alive = httpx.get(f"{root}/healthz", timeout=2.0)
                answer = asked.result(timeout=REFUSED_WITHIN_SECONDS)
        finally:
            postgres.resume()

        assert alive.status_code == 200
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "ledger_unavailable"
        assert answer.headers["x-should-retry"] == "true"
        assert len(simulator.calls(customer.name)) == served, "nothing upstream without a hold"
        eventually(
            lambda: ask(client, gateway, customer).status_code == 200,
            "calls are served again",
            seconds=HEALED_WITHIN_SECONDS,
            pause=0.1,
        )
    assert_books_agree(gateway, simulator, customer)


def test_readiness_follows_the_database_without_a_call_or_a_restart(
    postgres: PostgresServer, gateway: Gateway
) -> None:
    root = gateway.base_url.removesuffix("/v1")
    channel = grpc.insecure_channel(gateway.where.grpc)
    with channel, httpx.Client(base_url=root, timeout=10.0) as client:
        health: Any = health_pb2_grpc.HealthStub(channel)

        def told() -> tuple[int, int]:
            grpc_says = health.Check(health_pb2.HealthCheckRequest(), timeout=10.0)
            return client.get("/readyz").status_code, grpc_says.status

        serving = health_pb2.HealthCheckResponse.SERVING
        not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
        eventually(lambda: told() == (200, serving), "calls are taken", pause=0.1)
        postgres.crash()
        try:
            eventually(
                lambda: told() == (503, not_serving),
                "a balancer is told",
                seconds=REFUSED_WITHIN_SECONDS,
                pause=0.1,
            )
            assert client.get("/healthz").status_code == 200
        finally:
            postgres.start()
        eventually(
            lambda: told() == (200, serving),
            "calls are taken again",
            seconds=HEALED_WITHIN_SECONDS,
            pause=0.1,
        )
