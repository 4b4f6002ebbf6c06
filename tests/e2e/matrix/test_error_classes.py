"""Each class of error at each provider: the client is told the same, and pays for nothing more."""

import asyncio
from dataclasses import dataclass
from typing import Any

import openai

from tests.e2e.matrix.error_classes import CASES, Case
from tests.support.books import Books
from tests.support.processes import Gateway, Simulator
from tests.support.told import answer_words, error_words
from tests.support.waiting import eventually
from tokensmith_server.billing.commands import Outcome
from tokensmith_server.billing.store import RequestRecord


@dataclass
class Told:
    """What a client was told, and by which request."""

    words: str
    request_id: str = ""


async def ask(client: openai.AsyncOpenAI, case: Case) -> Told:
    """Make a case's call, read to its end."""
    text, request_id = "", ""
    create: Any = client.chat.completions.with_raw_response.create
    try:
        raw = await create(
            model=case.name,
            messages=[{"role": "user", "content": case.prompt}],
            max_completion_tokens=1_100,
            stream=case.stream,
        )
        request_id = raw.headers["x-request-id"]
        answer = raw.parse()
        if not case.stream:
            choice = answer.choices[0]
            return Told(answer_words(choice.message.content, choice.finish_reason), request_id)
        async for chunk in answer:
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        request_id = getattr(error, "request_id", None) or request_id
        return Told(("text, then " if text else "") + error_words(error), request_id)
    return Told(answer_words(text, None), request_id)


def problem_of(case: Case, told: Told, record: RequestRecord | None, sent: bool) -> str:
    """What is wrong with a case; empty when nothing is."""
    if told.words != case.wanted:
        return f"{case.name}: {told.words}, not {case.wanted}"
    if not case.error.held:
        return f"{case.name}: held or sent" if record or sent else ""
    if record is None or sent is not case.error.journaled:
        return f"{case.name}: no record, or wrongly {'' if sent else 'not '}in the journal"
    if case.wanted.startswith("text"):
        # By an estimate, or by the usage that a provider repeats in every chunk.
        charged = 0 < record.charged_microcredits < record.held_microcredits
        right = record.outcome is Outcome.TRUNCATED and charged
    else:
        right = record.outcome is Outcome.FAILED and record.charged_microcredits == 0
    return "" if right else f"{case.name}: {record.outcome}, {record.charged_microcredits}"


def test_every_class_of_error_is_told_alike_by_every_provider(
    matrix_gateway: Gateway, simulator: Simulator
) -> None:
    books = Books(matrix_gateway.database_url)
    customer = books.customer(100_000_000_000)
    simulator.reset()

    async def ask_all() -> list[Told]:
        async with openai.AsyncOpenAI(
            base_url=matrix_gateway.base_url, api_key=customer.key, max_retries=0
        ) as client:
            return await asyncio.gather(*(ask(client, case) for case in CASES))

    told = asyncio.run(ask_all())
    eventually(lambda: not books.balance(customer).held_microcredits, "every hold ends", pause=0.05)
    records = {record.request_id: record for record in books.requests(customer)}
    journal = [str(entry["body"]) for entry in simulator.calls("")]
    problems = []
    for case, one in zip(CASES, told, strict=True):
        sent = any(case.name in body for body in journal)
        problems.append(problem_of(case, one, records.get(one.request_id), sent))
    assert not any(problems), "\n" + "\n".join(filter(None, problems))
    books.assert_clean()
