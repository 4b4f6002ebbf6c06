"""Every fault of a provider in every dialect, whole and streamed: tried, and told in a table."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tests.faults.asking import Asked
from tests.faults.upstream_cases import (
    CASES,
    DIALECTS,
    KEY_VARIABLE,
    Case,
    Dialect,
    Endpoint,
    Seen,
    overlay,
)
from tests.support.books import Books
from tests.support.processes import Gateway, Simulator, running_gateway
from tests.support.waiting import eventually
from tokensmith_server.billing.commands import HoldState
from tokensmith_server.billing.store import RequestRecord

Table = dict[Case, Seen]

ENDED_WITHIN_SECONDS = 30.0
INTRODUCTION = f"""\
# What a provider's faults come to

`make faults` prints this page, from a run: {len(CASES)} cases, each with a gateway process, an
official client and the simulator, on SQLite and on PostgreSQL, which agree in all of them.
`tests/faults/test_upstream_faults.py` fails when the product does anything else, and writes the
page with `TOKENSMITH_WRITE_DOCS=1`. The idle limit was two seconds here, the first-byte limit the
client's own patience.

- **Dialect**: the wire protocol of the provider that fails; *all* where OpenAI's, Anthropic's and
  Gemini's come to the same.
- **Client sees**: the SDK's exception with status and code, or the answer. "text, then" means that
  part of the answer came before it.
- **Tries**: calls that reached the provider. The gateway tries a route twice where that is safe.
- **Charge**: the *list price* of the usage reported, a *low estimate* of what was delivered, or
  nothing.
- **With the SDK's retries**: the same with `max_retries` left at its default, and how many requests
  the SDK sent.

## Through the OpenAI client's chat completions

| Fault | Call | Dialect | Client sees | Tries | Charge | Outcome | With the SDK's retries |
|---|---|---|---|---|---|---|---|
"""
ELSEWHERE = """
## Through the Responses API, and Anthropic's client

The same calls behind, in the words of the other two endpoints; without the SDKs' retries.

| Fault | Endpoint | Call | Dialect | Client sees | Tries | Charge | Outcome |
|---|---|---|---|---|---|---|---|
"""
CONCLUSION = """
The audit after all of them: clean, and no hold is open, on SQLite and on PostgreSQL.
"""


class EnginesDiffer(Exception):
    """A case came to one thing on one engine and to another on the other."""


def run(simulator: Simulator, engines: Mapping[str, dict[str, str]], folder: Path) -> Table:
    """Try every case on each engine, given its variables; they run side by side.

    Raises:
        EnginesDiffer: the engines do not agree.
        AssertionError: an audit is not clean, or a hold stays open.
    """
    catalog = folder / "overlay.toml"
    catalog.write_text(overlay(simulator.origin), encoding="utf-8")

    def try_engine(engine: str) -> Table:
        variables = engines[engine] | {
            "TOKENSMITH_SIMULATOR_URL": simulator.origin,
            "TOKENSMITH_CATALOG": str(catalog),
            "TOKENSMITH_IDLE_SECONDS": "2",
            KEY_VARIABLE: "sk-simulated",
        }
        with running_gateway(folder / engine, **variables) as gateway:
            return try_all(gateway)

    with ThreadPoolExecutor(len(engines)) as threads:
        first, *others = threads.map(try_engine, engines)
    for other in others:
        differing = [case for case in CASES if first[case] != other[case]]
        if differing:
            told = (f"{case.name}: {first[case]}, {other[case]}" for case in differing)
            raise EnginesDiffer("\n".join(told))
    return first


def try_all(gateway: Gateway) -> Table:
    """Try the cases of each endpoint at once; each has a model, by which the ledger knows it."""
    books = Books(gateway.database_url)
    customer = books.customer(100_000_000_000)

    async def ask_all() -> dict[Case, tuple[str, int]]:
        told: dict[Case, tuple[str, int]] = {}
        for endpoint in Endpoint:
            cases = (case for case in CASES if case.endpoint is endpoint)
            asked = [Asked(case, gateway, customer) for case in cases]
            seen = await asyncio.gather(*(one.ask() for one in asked))
            for one, text in zip(asked, seen, strict=True):
                told[one.case] = text, one.requests
        return told

    told = asyncio.run(ask_all())
    eventually(
        lambda: books.audit().open_holds == 0,
        "every hold ends",
        seconds=ENDED_WITHIN_SECONDS,
        pause=0.2,
    )
    books.assert_clean()
    records: defaultdict[str, list[RequestRecord]] = defaultdict(list)
    for record in books.requests(customer):
        assert record.state is not HoldState.HELD
        records[record.model].append(record)
    return {case: _seen(*told[case], records[case.name]) for case in CASES}


def _seen(client: str, requests: int, records: Sequence[RequestRecord]) -> Seen:
    return Seen(
        client=client,
        requests=requests,
        upstream_calls=sum(len(record.attempts) for record in records),
        charge=charge_of(records),
        outcome=outcome_of(records),
    )


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


def render(seen: Table) -> str:
    """The document of what was seen: dialects that came to the same share a line."""
    chats, others = _Lines(), _Lines()
    for case, plain in seen.items():
        call = "stream" if case.stream else "whole"
        cells = (plain.client, str(plain.upstream_calls), plain.charge, plain.outcome)
        if case.endpoint is not Endpoint.CHAT:
            others.add((case.fault.name, f"`{case.endpoint}`", call), case.dialect, cells)
        elif not case.sdk_retries:
            again = _again(plain, seen[replace(case, sdk_retries=True)])
            chats.add((case.fault.name, call), case.dialect, (*cells, again))
    return INTRODUCTION + chats.rows() + ELSEWHERE + others.rows() + CONCLUSION


class _Lines:
    """Lines of a table, by what comes before the dialect and what comes after it."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, ...], dict[tuple[str, ...], list[Dialect]]] = {}

    def add(self, call: tuple[str, ...], dialect: Dialect, cells: tuple[str, ...]) -> None:
        """Say what one case came to."""
        self._lines.setdefault(call, {}).setdefault(cells, []).append(dialect)

    def rows(self) -> str:
        """The lines as text."""
        return "".join(
            f"| {' | '.join((*call, _names(dialects), *cells))} |\n"
            for call, ways in self._lines.items()
            for cells, dialects in ways.items()
        )


def _names(dialects: Sequence[Dialect]) -> str:
    if len(dialects) == len(DIALECTS):
        return "all"
    return ", ".join(dialect.title for dialect in dialects)


def _again(plain: Seen, retried: Seen) -> str:
    """The last column: what changes when the SDK retries."""
    if retried == plain:
        return "the same"
    client = "the same" if retried.client == plain.client else retried.client
    charge = "" if retried.charge == plain.charge else f"; {retried.charge}"
    return f"{retried.requests} requests, then {client}{charge}"
