"""Whether a cell ended as the table says: the client's side, the ledger's and the provider's."""

from collections.abc import Iterator
from typing import Any

from tests.e2e.matrix.caller import Answer
from tests.e2e.matrix.positions import Kind, Position, position
from tests.e2e.matrix.trial import Evidence, Outcome
from tokensmith_server.billing.commands import HoldState
from tokensmith_server.billing.commands import Outcome as CallOutcome
from tokensmith_server.billing.store import RequestRecord


def problem_of(outcome: Outcome, evidence: Evidence) -> str:
    """What is wrong with a cell; empty when nothing is."""
    wanted = position(outcome.cell.capability.name, outcome.cell.column.name)
    try:
        _judge(outcome, wanted, evidence)
    except AssertionError as error:
        return f"{outcome.cell}: wanted {wanted.kind.name} {wanted.param}: {error}"
    return ""


def request_ids(outcome: Outcome) -> Iterator[str]:
    """The calls of a cell that the ledger may know of."""
    yield from (answer.request_id for answer in outcome.caller.answers)
    yield from outcome.caller.free
    wanted = position(outcome.cell.capability.name, outcome.cell.column.name)
    if wanted.kind is Kind.FETCHED and outcome.refusal is not None:
        yield outcome.refusal.request_id or ""


def _judge(outcome: Outcome, wanted: Position, evidence: Evidence) -> None:
    assert not outcome.wrong, outcome.wrong
    caller = outcome.caller
    upstream = evidence.upstream(outcome.cell)
    if wanted.kind in (Kind.REFUSED, Kind.FETCHED):
        _judge_refusal(outcome, wanted, evidence)
        assert not upstream, "it reached the provider"
        return
    assert outcome.refusal is None, f"refused: {outcome.refusal}"
    assert bool(caller.free) is (wanted.kind is Kind.FREE), f"free calls: {caller.free}"
    assert len(upstream) == len(caller.answers) + len(caller.free), f"{len(upstream)} upstream"
    for request_id in caller.free:
        _judge_free(evidence.records[request_id])
    for answer in caller.answers:
        _judge_charge(answer, outcome.cell.stream, evidence)
    if caller.answers:
        _judge_count(caller.answers, upstream)
    found = [leaf for entry in upstream for leaf in _leaves(entry["body"])]
    missing = [value for value in caller.expected_upstream if value not in found]
    assert not missing, f"the provider never got {missing}"


def _judge_refusal(outcome: Outcome, wanted: Position, evidence: Evidence) -> None:
    error = outcome.refusal
    assert error is not None, "served"
    assert error.param == wanted.param, f"names {error.param}: {error}"
    assert not outcome.caller.answers, "a part of it was served"
    assert error.response.headers["x-should-retry"] == "false"
    record = evidence.records.get(error.request_id or "")
    if wanted.kind is Kind.REFUSED:
        assert record is None, "something was held"
    else:
        assert record is not None
        assert record.charged_microcredits == 0


def _judge_free(record: RequestRecord) -> None:
    assert record.outcome is CallOutcome.BLOCKED, record.outcome
    assert record.charged_microcredits == 0


def _judge_charge(answer: Answer, stream: bool, evidence: Evidence) -> None:
    record = evidence.records.get(answer.request_id)
    assert record is not None, "the ledger does not know the call"
    assert (record.state, record.outcome) == (HoldState.SETTLED, CallOutcome.DELIVERED)
    assert record.stream is stream
    assert record.finish_reason == answer.finish, record.finish_reason
    assert not record.usage_estimated
    usage = answer.completion.usage
    assert usage is not None, "no usage"
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    price = (
        usage.prompt_tokens * evidence.price["input"]
        + usage.completion_tokens * evidence.price["output"]
    )
    assert record.charged_microcredits == price > 0, f"{record.charged_microcredits} for {price}"
    assert record.held_microcredits >= price
    assert round((usage.model_extra or {})["cost"] * 1_000_000) == price
    if stream:
        assert answer.chunks > 1, "not streamed"
    else:
        assert round(float(answer.charged or 0) * 1_000_000) == price


def _judge_count(answers: list[Answer], upstream: list[Any]) -> None:
    """Hold the usage that was charged to what the provider would bill, reasoning included."""
    usages = [answer.completion.usage for answer in answers]
    counted = (
        sum(usage.prompt_tokens for usage in usages if usage),
        sum(usage.completion_tokens for usage in usages if usage),
    )
    billed = (
        sum(entry["billed_usage"]["prompt_tokens"] for entry in upstream),
        sum(entry["billed_usage"]["output_tokens"] for entry in upstream),
    )
    assert counted == billed, f"{counted} charged, {billed} billed"


def _leaves(value: Any) -> Iterator[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value
