"""SIGKILL at the points of a call's life that money depends on, and what a restart makes of it.

Each case starts a gateway that will die at one point, makes a call that gets that far, restarts on
the same database and looks at the books, at the provider's journal, and at what a retry gets. Both
engines go through it side by side, since most of the time is two processes starting.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import pytest

from tests.faults.conftest import NewDatabase
from tests.support.books import Books, Customer
from tests.support.processes import (
    SHORT_WINDOWS,
    Gateway,
    Simulator,
    running_gateway,
    start_gateway,
)
from tests.support.waiting import eventually
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.billing.store import RequestRecord

# One for each engine, so that a fault that waits at the provider strikes the right call.
MODELS = {"sqlite": "gpt-5.4-nano", "postgres": "gpt-5.4-mini"}
# An orphan is found once its owner has been silent, and ended after the window: a second each.
RECOVERED_WITHIN_SECONDS = 15.0


@dataclass(frozen=True)
class Death:
    """Where a gateway dies, and what is to be found afterwards.

    ``faults`` is its TOKENSMITH_FAULT_POINTS; without them the provider hangs and the test kills.
    """

    point: str
    upstream_calls: int
    charged: bool
    faults: str
    directive: str = ""


DEATHS = (
    Death("after_hold", upstream_calls=0, charged=False, faults="after_hold=kill"),
    Death("after_dispatch", upstream_calls=1, charged=False, faults=""),
    Death("before_settle", upstream_calls=1, charged=False, faults="before_settle=kill"),
    Death("after_settle", upstream_calls=1, charged=True, faults="after_settle=kill"),
)
MID_STREAM = Death(
    "mid_stream",
    upstream_calls=1,
    charged=False,
    faults="mid_stream=kill@4",
    directive="[[sim:pace=10]]",
)


@dataclass
class Case:
    """One engine's part of a test."""

    engine: str
    data_dir: Path
    variables: dict[str, str]
    simulator: Simulator

    @property
    def model(self) -> str:
        return MODELS[self.engine]

    @contextmanager
    def dying(self, faults: str) -> Iterator[Gateway]:
        """A gateway that dies while the block runs; its death is waited for."""
        faulty = self.variables | {"TOKENSMITH_FAULT_POINTS": faults}
        gateway = start_gateway(self.data_dir, **faulty)
        try:
            gateway.wait_ready()
            yield gateway
            gateway.wait()
        finally:
            if gateway.process.poll() is None:
                gateway.kill()

    def send(
        self, gateway: Gateway, customer: Customer, directive: str, *, stream: bool, retry: int = 0
    ) -> httpx.Response:
        """The one call of a case, the same every time."""
        prompt = f"Write 30 words. {customer.name} {directive}"
        return httpx.post(
            f"{gateway.base_url}/chat/completions",
            json={
                "model": self.model,
                "messages": [{"role": "user", "content": prompt}],
                "max_completion_tokens": 300,
                "stream": stream,
            },
            headers={
                "Authorization": f"Bearer {customer.key}",
                "Idempotency-Key": "order-4711",
                "x-stainless-retry-count": str(retry),
            },
            timeout=30.0,
        )

    def send_until_death(
        self, gateway: Gateway, customer: Customer, death: Death, *, stream: bool
    ) -> None:
        """Make the call during which the gateway dies; the client sees its connection break."""
        if not death.faults:
            self.simulator.inject("hang", model=self.model)
        with ThreadPoolExecutor(1) as thread:
            sent = thread.submit(self.send, gateway, customer, death.directive, stream=stream)
            if not death.faults:
                self.simulator.wait_for_call(customer.name)
                gateway.kill()
            with pytest.raises(httpx.TransportError):
                sent.result()

    def die_and_retry(self, death: Death, *, stream: bool) -> None:
        """The whole case."""
        with self.dying(death.faults) as gateway:
            books = Books(gateway.database_url)
            customer = books.customer()
            self.send_until_death(gateway, customer, death, stream=stream)
        with running_gateway(self.data_dir, **self.variables) as gateway:
            assert_recovered(books, customer, death)
            assert len(self.simulator.calls(customer.name)) == death.upstream_calls

            answer = self.send(gateway, customer, death.directive, stream=stream, retry=1)

            assert answer.status_code == 200, answer.text
            assert ("Idempotent-Replayed" in answer.headers) is death.charged
            assert len(self.simulator.calls(customer.name)) == (
                death.upstream_calls + (not death.charged)
            )
            records = books.requests(customer)
            assert [record.charged_microcredits > 0 for record in records] == (
                [True] if death.charged else [True, False]
            )
            charged = books.balance(customer).charged_microcredits
            assert charged == records[0].charged_microcredits
            books.assert_clean()


def assert_recovered(books: Books, customer: Customer, death: Death) -> None:
    """The hold ends by itself, in one way, and the whole ledger adds up."""

    def ended() -> RequestRecord | None:
        (record,) = books.requests(customer)
        return None if record.state is HoldState.HELD else record

    record = eventually(
        ended, "the orphaned hold ends", seconds=RECOVERED_WITHIN_SECONDS, pause=0.1
    )
    assert record is not None
    balance = books.balance(customer)
    assert balance.held_microcredits == 0
    if death.charged:
        assert (record.state, record.outcome) == (HoldState.SETTLED, Outcome.DELIVERED)
        assert balance.charged_microcredits == record.charged_microcredits > 0
    else:
        assert (record.state, record.outcome) == (HoldState.VOIDED, Outcome.UNKNOWN)
        assert record.attempts[-1].state is AttemptState.UNKNOWN
        assert balance.available_microcredits == customer.granted_microcredits
    assert books.assert_clean().open_holds == 0


EachEngine = Callable[[Callable[[Case], None]], None]


@pytest.fixture
def on_each_engine(new_database: NewDatabase, simulator: Simulator, tmp_path: Path) -> EachEngine:
    """Run a case on both engines at once; the first failure is the test's."""
    cases = [
        Case(engine, tmp_path / engine, new_database(engine) | dict(SHORT_WINDOWS), simulator)
        for engine in MODELS
    ]

    def run(work: Callable[[Case], None]) -> None:
        with ThreadPoolExecutor(len(cases)) as threads:
            running = {case.engine: threads.submit(work, case) for case in cases}
        for engine, done in running.items():
            error = done.exception()
            if error is not None:
                error.add_note(f"on {engine}")
                raise error

    return run


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("death", DEATHS, ids=lambda death: death.point)
def test_call_of_a_killed_gateway_is_charged_once_or_not_at_all(
    on_each_engine: EachEngine, death: Death, stream: bool
) -> None:
    on_each_engine(lambda case: case.die_and_retry(death, stream=stream))


def test_stream_that_a_kill_cuts_is_free(on_each_engine: EachEngine) -> None:
    on_each_engine(lambda case: case.die_and_retry(MID_STREAM, stream=True))


def test_unmodified_sdk_gets_its_answer_through_a_kill_and_pays_once(
    on_each_engine: EachEngine,
) -> None:
    """Killed between settlement and answer; the SDK's own retries outlast crash and restart."""
    on_each_engine(ask_through_a_kill)


def ask_through_a_kill(case: Case) -> None:
    with case.dying("after_settle=kill") as gateway:
        books = Books(gateway.database_url)
        customer = books.customer()
        # The SDK retries at the address that it knows.
        again = case.variables | {"TOKENSMITH_REST_LISTEN": gateway.where.rest}
        with (
            openai.OpenAI(base_url=gateway.base_url, api_key=customer.key, max_retries=8) as client,
            ThreadPoolExecutor(1) as thread,
        ):
            asked = thread.submit(
                lambda: client.chat.completions.create(
                    model=case.model,
                    messages=[{"role": "user", "content": f"Hello {customer.name}"}],
                )
            )
            gateway.wait()
            with running_gateway(case.data_dir, **again):
                answer = asked.result(timeout=60)
    assert answer.choices[0].message.content
    assert len(case.simulator.calls(customer.name)) == 1
    (record,) = books.requests(customer)
    assert record.charged_microcredits == books.balance(customer).charged_microcredits > 0
    books.assert_clean()
