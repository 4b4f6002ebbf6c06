"""Tries all cells of one column at once, and gathers what client, ledger and provider know."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import openai

from tests.e2e.matrix.caller import Caller
from tests.e2e.matrix.capabilities import ROWS, Capability
from tests.e2e.matrix.columns import Column
from tests.support.books import Books, Customer
from tests.support.processes import Gateway, Simulator
from tests.support.waiting import eventually
from tokensmith_server.billing.store import RequestRecord

CALLS_AT_ONCE = 8
# What looking at an answer raises that is not as it should be.
_WRONG = (AssertionError, AttributeError, LookupError, TypeError, ValueError)
GRANTED_MICROCREDITS = 100_000_000_000


@dataclass(frozen=True)
class Cell:
    """One capability of one column, whole or streamed."""

    capability: Capability
    column: Column
    stream: bool

    def __str__(self) -> str:
        mode = "streamed" if self.stream else "whole"
        return f"{self.column.name}: {self.capability.name}, {mode}"

    @property
    def marker(self) -> str:
        """Names the cell in its prompts; no word that a tool's name could match."""
        return f"(m{ROWS.index(self.capability)}{'s' if self.stream else 'w'})"


@dataclass
class Outcome:
    """A cell after its try: the refusal that ended it, or what was wrong, if anything."""

    cell: Cell
    caller: Caller
    refusal: openai.BadRequestError | None
    wrong: str


@dataclass
class Evidence:
    """What the ledger and the provider know of a column's calls."""

    customer: Customer
    records: Mapping[str, RequestRecord]
    journal: Sequence[Mapping[str, Any]]
    price: Mapping[str, int]

    def upstream(self, cell: Cell) -> list[Mapping[str, Any]]:
        """The requests of a cell that reached the provider."""
        return [entry for entry in self.journal if cell.marker in str(entry["body"])]


def try_column(
    column: Column, gateway: Gateway, simulator: Simulator
) -> tuple[list[Outcome], Evidence]:
    """Try every cell of a column as one customer; every hold has ended when this returns."""
    books = Books(gateway.database_url)
    customer = books.customer(GRANTED_MICROCREDITS)
    simulator.reset()
    cells = [Cell(row, column, stream) for row in ROWS for stream in (False, True)]

    async def try_all() -> tuple[list[Outcome], Mapping[str, int]]:
        room = asyncio.Semaphore(CALLS_AT_ONCE)
        async with openai.AsyncOpenAI(
            base_url=gateway.base_url, api_key=customer.key, max_retries=0
        ) as client:
            model = await client.models.retrieve(column.model)
            outcomes = await asyncio.gather(*(try_cell(client, cell, room) for cell in cells))
        return outcomes, (model.model_extra or {})["pricing"]

    outcomes, price = asyncio.run(try_all())
    eventually(lambda: not books.balance(customer).held_microcredits, "every hold ends", pause=0.05)
    records = {record.request_id: record for record in books.requests(customer)}
    return outcomes, Evidence(customer, records, simulator.calls(""), price)


async def try_cell(client: openai.AsyncOpenAI, cell: Cell, room: asyncio.Semaphore) -> Outcome:
    """Try one cell."""
    caller = Caller(client, cell.column.model, cell.marker, cell.stream)
    refusal, wrong = None, ""
    async with room:
        try:
            await cell.capability.attempt(caller)
        except openai.BadRequestError as error:
            refusal = error
        except (openai.APIError, *_WRONG) as error:
            wrong = f"{type(error).__name__}: {error}"
    return Outcome(cell, caller, refusal, wrong)
