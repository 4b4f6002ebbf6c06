"""Many calls at once on a balance that is worth exactly one of them."""

import asyncio
from collections import Counter
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

import aiohttp
import pytest

from tests.faults.conftest import NewDatabase
from tests.support.books import Books
from tests.support.processes import Gateway, Simulator, running_gateway

CALLS = 300
MODEL = "gpt-5.4-nano"


def body(marker: str) -> dict[str, object]:
    """A call whose hold is the same whatever the balance: its output is bounded by itself."""
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": f"Say hello. {marker}"}],
        "max_completion_tokens": 50,
    }


async def post(
    session: aiohttp.ClientSession, url: str, key: str, marker: str
) -> aiohttp.ClientResponse:
    async with session.post(
        f"{url}/chat/completions", json=body(marker), headers={"Authorization": f"Bearer {key}"}
    ) as response:
        await response.read()
        return response


async def race(gateways: list[Gateway], key: str, marker: str) -> Counter[int]:
    """Send all calls at once, over a connection each; how many got which status."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        urls = cycle(gateway.base_url for gateway in gateways)
        answers = await asyncio.gather(
            *(post(session, next(urls), key, marker) for _ in range(CALLS))
        )
    return Counter(answer.status for answer in answers)


async def hold_microcredits(gateway: Gateway, books: Books) -> int:
    """What one such call is held at, as a rich customer's headers say."""
    rich = books.customer()
    async with aiohttp.ClientSession() as session:
        answer = await post(session, gateway.base_url, rich.key, "m" * len(rich.name))
    assert answer.status == 200
    return round(float(answer.headers["x-credits-held"]) * 1_000_000)


@pytest.mark.parametrize(
    ("engine", "gateways", "workers"),
    [
        ("sqlite", 1, 1),
        ("postgres", 1, 1),
        ("postgres", 1, 2),
        ("postgres", 2, 1),
    ],
    ids=["sqlite", "postgres", "postgres-two-workers", "postgres-two-gateways"],
)
async def test_one_is_served_and_all_others_get_402(
    *,
    new_database: NewDatabase,
    simulator: Simulator,
    tmp_path: Path,
    engine: str,
    gateways: int,
    workers: int,
) -> None:
    variables = new_database(engine)
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                running_gateway(tmp_path / f"data{number}", "--workers", str(workers), **variables)
            )
            for number in range(gateways)
        ]
        books = Books(running[0].database_url)
        worth_one = await hold_microcredits(running[0], books)
        poor = books.customer(granted_microcredits=worth_one)
        # The marker's length is what the hold depends on.
        assert len(poor.name) == len(books.customer(0).name)

        statuses = await race(running, poor.key, poor.name)

        assert statuses == {200: 1, 402: CALLS - 1}
        balance = books.balance(poor)
        assert 0 <= balance.available_microcredits < worth_one
        assert balance.held_microcredits == 0
        assert len(simulator.calls(poor.name)) == 1, "nothing goes upstream without a hold"
        assert len(books.requests(poor)) == 1
        books.assert_clean()
