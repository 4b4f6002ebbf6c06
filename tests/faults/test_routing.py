"""Routes, keys and budgets against a provider that fails: who serves, and what is charged."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.support.books import Books, Customer
from tests.support.processes import Gateway, Simulator, running_gateway
from tokensmith_server.billing.commands import AttemptState
from tokensmith_server.billing.store import RequestRecord

# Upstream ids by which the simulator tells apart whose calls it is to strike.
FIRST, SECOND = "gpt-5.4-nano", "gpt-5.4-mini"
# For each test a model, and hosts, of its own: no test opens another one's breakers.
WEIGHTED = "weighted"
FAILING = "failing"
POOL = "pool"
REFUSED = "refused"
LIMITED = "limited"
STORM = "storm"
STOOD = "stood"
PLACES = {
    WEIGHTED: (f"{WEIGHTED}-a", f"{WEIGHTED}-b"),
    FAILING: (f"{FAILING}-a", f"{FAILING}-b"),
    POOL: (POOL,),
    REFUSED: (REFUSED,),
    LIMITED: (LIMITED,),
    STORM: (STORM,),
    STOOD: (STOOD,),
}
# Another model, which takes neither tools nor images.
STAND_IN = '{ provider = "together", model = "openai/gpt-oss-120b" }'
SPLIT = "order = 1, weight = 3", "order = 1, weight = 1"


def overlay(origin: str) -> str:
    """A model for each test, on hosts that are all the simulator, each with two keys."""
    text = ""
    for model, hosts in PLACES.items():
        routes = []
        for place, host in enumerate(hosts):
            text += f"""
[providers.{host}]
base_url = "{origin}/openai/v1"
api_key_env = "TWO_KEYS"
quirks = {{ token_cap_field = "max_completion_tokens" }}
"""
            shares = f", {SPLIT[place]}" if model == WEIGHTED else ""
            routes.append(f'{{ provider = "{host}", model = "{(FIRST, SECOND)[place]}"{shares} }}')
        capabilities = ""
        if model == STOOD:
            routes.append(STAND_IN)
            capabilities = 'profile = "gpt-5-4"'
        text += f"""
[[models]]
id = "{model}"
kind = "text"
context_tokens = 400_000
family = "gpt"
rate = {{ input = 400, output = 2_500 }}
routes = [{", ".join(routes)}]
{capabilities}
"""
    return text


@dataclass
class Place:
    """A gateway with the simulator behind it, and one customer."""

    gateway: Gateway
    simulator: Simulator
    books: Books
    customer: Customer

    async def ask(self, model: str, count: int = 1, **fields: Any) -> Sequence[httpx.Response]:
        """Make so many calls at once, with these fields besides the usual."""
        headers = {"authorization": f"Bearer {self.customer.key}"}
        body = {
            "model": model,
            "messages": [{"role": "user", "content": "Write 5 words."}],
            "max_completion_tokens": 100,
            **fields,
        }
        async with httpx.AsyncClient(
            base_url=self.gateway.base_url, headers=headers, timeout=60.0, trust_env=False
        ) as client:
            calls = (client.post("/chat/completions", json=body) for _ in range(count))
            return await asyncio.gather(*calls)

    async def receipt(self, request_id: str) -> Sequence[dict[str, Any]]:
        """The attempts of a call as its customer sees them."""
        headers = {"authorization": f"Bearer {self.customer.key}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
            answer = await client.get(f"{self.gateway.base_url}/requests/{request_id}")
            attempts: Sequence[dict[str, Any]] = answer.json()["attempts"]
            return attempts

    def records(self) -> Sequence[RequestRecord]:
        """The customer's calls, oldest first, once the books are in order."""
        self.books.assert_clean()
        return list(reversed(self.books.requests(self.customer)))

    def assert_charged_once(self) -> None:
        """Each call that was answered is charged for its answer, and nothing else is."""
        records = self.records()
        assert self.books.balance(self.customer).charged_microcredits == sum(
            record.charged_microcredits for record in records
        )
        for record in records:
            answered = [a for a in record.attempts if a.state is AttemptState.ANSWERED]
            assert len(answered) <= 1
            assert bool(record.charged_microcredits) == bool(answered)
            if record.usage is not None:
                usage = record.usage
                assert record.charged_microcredits == (
                    usage.input_tokens * 400 + usage.output_tokens * 2_500
                )


@pytest.fixture(scope="module")
def gateway(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("routing")
    catalog = folder / "overlay.toml"
    catalog.write_text(overlay(simulator.origin), encoding="utf-8")
    with running_gateway(
        folder / "data",
        TOKENSMITH_SIMULATOR_URL=simulator.origin,
        TOKENSMITH_CATALOG=str(catalog),
        TWO_KEYS="sk-simulated-one, sk-simulated-two",
    ) as gateway:
        yield gateway


@pytest.fixture
def place(gateway: Gateway, simulator: Simulator) -> Iterator[Place]:
    simulator.reset()
    books = Books(gateway.database_url)
    place = Place(gateway, simulator, books, books.customer(10_000_000_000))
    yield place
    simulator.reset()
    place.assert_charged_once()


async def test_routes_of_one_order_share_calls_by_weight(place: Place) -> None:
    for _ in range(10):
        answers = await place.ask(WEIGHTED, 20)
        assert {answer.status_code for answer in answers} == {200}
    served = Counter(record.attempts[0].upstream_model for record in place.records())
    # 150 are to be expected; five standard deviations are 31.
    assert 119 <= served[FIRST] <= 181
    assert served[FIRST] + served[SECOND] == 200
    keys = Counter(record.attempts[0].credential for record in place.records())
    assert set(keys) == {f"{WEIGHTED}-{host}#{number}" for host in "ab" for number in (1, 2)}


async def test_route_that_fails_is_left_and_nobody_notices(place: Place) -> None:
    place.simulator.inject("overloaded", model=FIRST, count=None)
    for _ in range(10):
        (answer,) = await place.ask(FAILING)
        assert answer.status_code == 200
    tried = Counter(a.upstream_model for record in place.records() for a in record.attempts)
    # Two tries a call until five in a row have failed.
    assert tried == {FIRST: 5, SECOND: 10}
    costs = {a.house_cost_microcredits for r in place.records() for a in r.attempts}
    assert costs == {0, None}


@pytest.mark.parametrize("stream", [False, True])
async def test_other_key_serves_when_one_is_out_of_credit(place: Place, stream: bool) -> None:
    if not stream:
        place.simulator.inject("payment_required", model=FIRST)
    client = openai.AsyncOpenAI(base_url=place.gateway.base_url, api_key=place.customer.key)
    async with client:
        answer: Any = await client.chat.completions.create(
            model=POOL, messages=[{"role": "user", "content": "Write 5 words."}], stream=stream
        )
        if stream:
            assert [chunk async for chunk in answer]
    (record,) = place.records()
    if not stream:
        first, second = record.attempts
        assert (first.error, first.http_status) == ("operator_credit", 402)
        assert {first.credential, second.credential} == {f"{POOL}#1", f"{POOL}#2"}
        shown = await place.receipt(record.request_id)
        assert [one["error"] for one in shown] == ["unavailable", None]
        assert [one["http_status"] for one in shown] == [None, 200]
        doctor = place.gateway.cli("doctor")
        assert doctor.returncode == 1
        assert f"without credit at their provider: {first.credential}" in doctor.stdout
        assert "sk-simulated" not in doctor.stdout + place.gateway.printed()
        assert '"upstream.operator_trouble"' in place.gateway.printed()
        return
    # The key that is out stays out: one try is enough.
    assert len(record.attempts) == 1


IMAGE = {"url": "data:image/png;base64,iVBORw0KGgo="}
BEYOND_THE_STAND_IN: list[dict[str, Any]] = [
    {"tools": [{"type": "function", "function": {"name": "f"}}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": IMAGE}]}]},
    {"reasoning_effort": "none"},
]


async def test_outage_stays_one_where_another_model_cannot_stand_in(place: Place) -> None:
    place.simulator.inject("server_error", model=FIRST, count=None)
    # Until five in a row have failed, and while the route is left alone.
    for _ in range(3):
        for fields in BEYOND_THE_STAND_IN:
            (answer,) = await place.ask(STOOD, **fields)
            assert answer.status_code == 503
            assert answer.headers["x-should-retry"] == "true"
    (answer,) = await place.ask(STOOD, max_completion_tokens=127_000)
    assert answer.status_code == 200
    (record,) = [record for record in place.records() if record.usage is not None]
    assert record.attempts[-1].upstream_model == "openai/gpt-oss-120b"


async def test_refused_keys_are_an_outage_that_no_sdk_waits_for(place: Place) -> None:
    place.simulator.inject("invalid_key", model=FIRST, count=2)
    began = time.monotonic()
    client = openai.AsyncOpenAI(base_url=place.gateway.base_url, api_key=place.customer.key)
    async with client:
        with pytest.raises(openai.InternalServerError) as caught:
            await client.chat.completions.create(
                model=REFUSED, messages=[{"role": "user", "content": "Hi"}]
            )
    assert time.monotonic() - began < 15.0
    assert (caught.value.status_code, caught.value.code) == (503, "upstream_unavailable")
    headers = caught.value.response.headers
    assert headers["x-should-retry"] == "false"
    assert 40 <= int(headers["retry-after"]) <= 60
    assert "key" not in str(caught.value.message)
    assert len(place.records()) == 1
    (answer,) = await place.ask(REFUSED)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "false")


async def test_retry_after_cools_one_key_while_the_other_serves(place: Place) -> None:
    place.simulator.inject("rate_limit", model=FIRST, retry_after_seconds=100)
    for _ in range(4):
        (answer,) = await place.ask(LIMITED)
        assert answer.status_code == 200
    keys = [[a.credential for a in record.attempts] for record in place.records()]
    limited, other = keys[0]
    assert keys == [[limited, other], [other], [other], [other]]
    place.simulator.inject("rate_limit", model=FIRST, retry_after_seconds=1)
    (answer,) = await place.ask(LIMITED)
    assert answer.status_code == 200
    waited = place.records()[-1].attempts
    assert [a.credential for a in waited] == [other, other]
    assert waited[1].started_time - waited[0].started_time >= 1.0


async def test_outage_is_not_multiplied_by_retries(place: Place) -> None:
    place.simulator.inject("server_error", model=FIRST, count=None)
    answers = await place.ask(STORM, 60)
    assert {answer.status_code for answer in answers} == {503}
    tries = sum(len(record.attempts) for record in place.records())
    assert tries <= 60 + 10 + 2


async def test_operator_sees_what_runs_and_a_stranger_does_not(place: Place) -> None:
    told = place.gateway.cli("doctor", "--json").stdout
    assert '"routes"' in told
    token = (place.gateway.data_dir / "admin.token").read_text(encoding="ascii").strip()
    assert token not in told + place.gateway.printed()
    wrong = place.gateway.cli("doctor", TOKENSMITH_ADMIN_TOKEN="adm_of-somebody-else")
    assert wrong.returncode == 1
    assert "does not take the operator's token" in wrong.stdout
