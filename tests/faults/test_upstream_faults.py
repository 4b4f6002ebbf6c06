"""Every fault of a provider, whole and streamed, on both engines: what it costs and looks like.

The outcome is `docs/faults.md`, which this test writes when `TOKENSMITH_WRITE_DOCS` is set and
holds the product to when it is not.
"""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai

from tests.faults.conftest import NewDatabase
from tests.faults.upstream_cases import CASES, Case, Seen, overlay
from tests.support.books import Books, Customer
from tests.support.processes import Gateway, Simulator, running_gateway
from tests.support.waiting import eventually
from tokensmith_server.billing.commands import HoldState
from tokensmith_server.billing.store import RequestRecord

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
ENGINES = ("sqlite", "postgres")

INTRODUCTION = """\
# What a provider's faults come to

Written by `TOKENSMITH_WRITE_DOCS=1 make test` (`tests/faults/test_upstream_faults.py`), which else
fails when the product does anything else. Each line was tried with a gateway process, the official
OpenAI client and the simulator, on SQLite and on PostgreSQL, which agree in all of them; and each
ended with a clean audit and no open hold. The idle limit was two seconds here, the first-byte limit
the client's own patience.

- **Client sees**: the SDK's exception with status and code, or the answer. "text, then" means that
  part of the answer came before it.
- **Tries**: calls that reached the provider. The gateway tries a route twice where that is safe.
- **Charge**: the *list price* of the usage reported, a *low estimate* of what was delivered, or
  nothing.
- **With the SDK's retries**: the same with `max_retries` left at its default, and how many requests
  the SDK sent.

| Fault | Call | Client sees | Tries | Charge | Outcome | With the SDK's retries |
|---|---|---|---|---|---|---|
"""


class Asked:
    """One case being tried: counts what the SDK sends."""

    def __init__(self, case: Case, gateway: Gateway, customer: Customer) -> None:
        self.case = case
        self.requests = 0
        self._gateway = gateway
        self._customer = customer

    async def ask(self) -> str:
        """Make the call; what its client sees."""
        text = ""
        try:
            async with self._client() as client:
                answer: Any = await client.chat.completions.create(
                    model=self.case.name,
                    messages=[{"role": "user", "content": self.case.prompt}],
                    max_completion_tokens=400,
                    stream=self.case.stream,
                )
                if not self.case.stream:
                    return _answer(
                        answer.choices[0].message.content, answer.choices[0].finish_reason
                    )
                finish = None
                async for chunk in answer:
                    text += chunk.choices[0].delta.content or ""
                    finish = chunk.choices[0].finish_reason or finish
                return _answer(text, finish)
        except openai.APIError as error:
            return ("text, then " if text else "") + _exception(error)

    def _client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url=self._gateway.base_url,
            api_key=self._customer.key,
            max_retries=openai.DEFAULT_MAX_RETRIES if self.case.sdk_retries else 0,
            timeout=self.case.fault.client_seconds,
            http_client=openai.DefaultAsyncHttpxClient(event_hooks={"request": [self._count]}),
        )

    async def _count(self, _request: object) -> None:
        self.requests += 1


def _answer(text: str | None, finish: str | None) -> str:
    return f"answer, `{finish}`" if text else f"empty answer, `{finish}`"


def _exception(error: openai.APIError) -> str:
    if isinstance(error, openai.APITimeoutError) or error.code == "deadline_exceeded":
        # The server's clock for the client's patience began a moment later, or ran out before.
        return "`APITimeoutError`, or 504 `deadline_exceeded` just before"
    words = [f"`{type(error).__name__}`"]
    if isinstance(error, openai.APIStatusError):
        words.append(str(error.status_code))
    if error.code:
        words.append(f"`{error.code}`")
    return " ".join(words)


def charge_of(records: Sequence[RequestRecord]) -> str:
    """How the calls that one case made were charged."""
    charged = [record for record in records if record.charged_microcredits]
    if not charged:
        return "nothing"
    kinds = {"low estimate" if record.usage_estimated else "list price" for record in charged}
    return " and ".join(sorted(kinds)) + (f" × {len(charged)}" if len(charged) > 1 else "")


def outcome_of(records: Sequence[RequestRecord]) -> str:
    """The outcomes of the calls that one case made, each named once, in order of time."""
    names = [str(record.outcome or record.state) for record in reversed(records)]
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))


def try_all(gateway: Gateway) -> dict[Case, Seen]:
    """Try every case at once, each with a customer of its own."""
    books = Books(gateway.database_url)
    customers = {case: books.customer() for case in CASES}

    async def ask_all() -> dict[Case, tuple[str, int]]:
        asked = [Asked(case, gateway, customers[case]) for case in CASES]
        seen = await asyncio.gather(*(one.ask() for one in asked))
        return {one.case: (text, one.requests) for one, text in zip(asked, seen, strict=True)}

    told = asyncio.run(ask_all())

    def all_ended() -> bool:
        return books.audit().open_holds == 0

    eventually(all_ended, "every hold ends", pause=0.2)
    books.assert_clean()
    seen = {}
    for case in CASES:
        records = books.requests(customers[case])
        assert all(record.state is not HoldState.HELD for record in records)
        seen[case] = Seen(
            client=told[case][0],
            requests=told[case][1],
            upstream_calls=sum(len(record.attempts) for record in records),
            charge=charge_of(records),
            outcome=outcome_of(records),
        )
    return seen


def _again(plain: Seen, retried: Seen | None) -> str:
    """The last column: what changes when the SDK retries."""
    if retried is None:
        return "waits for the minute that the route is left alone"
    if retried == plain:
        return "the same"
    client = "the same" if retried.client == plain.client else retried.client
    charge = "" if retried.charge == plain.charge else f"; {retried.charge}"
    return f"{retried.requests} requests, then {client}{charge}"


def table(seen: dict[Case, Seen]) -> str:
    """The document of what was seen."""
    lines = []
    for case, plain in seen.items():
        if case.sdk_retries:
            continue
        cells = (
            case.fault.name,
            "stream" if case.stream else "whole",
            plain.client,
            str(plain.upstream_calls),
            plain.charge,
            plain.outcome,
            _again(plain, seen.get(replace(case, sdk_retries=True))),
        )
        lines.append(f"| {' | '.join(cells)} |\n")
    return INTRODUCTION + "".join(lines)


def test_faults_cost_and_look_as_documented(
    new_database: NewDatabase, simulator: Simulator, tmp_path: Path
) -> None:
    catalog = tmp_path / "overlay.toml"
    catalog.write_text(overlay(simulator.origin), encoding="utf-8")

    def run(engine: str, variables: dict[str, str]) -> dict[Case, Seen]:
        more = {
            "TOKENSMITH_CATALOG": str(catalog),
            "TOKENSMITH_IDLE_SECONDS": "2",
            "FAULTY_PROVIDER_KEY": "sk-simulated",
        }
        with running_gateway(tmp_path / engine, **(variables | more)) as gateway:
            return try_all(gateway)

    prepared = {engine: new_database(engine) for engine in ENGINES}
    with ThreadPoolExecutor(len(ENGINES)) as threads:
        sqlite, postgres = threads.map(run, prepared.keys(), prepared.values())

    assert sqlite == postgres, "the engines differ"
    document = table(sqlite)
    if os.environ.get("TOKENSMITH_WRITE_DOCS"):
        DOCUMENT.write_text(document, encoding="utf-8")
    assert document.splitlines() == DOCUMENT.read_text(encoding="utf-8").splitlines()
