"""The verdict of a soak finds what it is there to find, and nothing in a run that was well."""

from dataclasses import replace
from random import Random

import pytest

from tests.soak.clients import Try, Wish, make_wish
from tests.soak.dialects import Answer
from tests.soak.verdict import Evidence, Upstream, violations
from tests.support.books import Customer
from tokensmith_server.billing.commands import AttemptState, HoldState, Outcome
from tokensmith_server.billing.store import AttemptRecord, RequestRecord
from tokensmith_server.billing.usage import TokenUsage

CUSTOMER = Customer("acct_1", "customer", "pk_live_1", "key_1", 1_000)
ATTEMPT = AttemptRecord(
    1, "openai", "gpt", AttemptState.ANSWERED, 0.0, 1.0, 200, None, "up-1", "gpt", 0.1
)
CHARGED = RequestRecord(
    request_id="req_1",
    hold_id="hold_1",
    account_id="acct_1",
    api_key_id="key_1",
    kind="chat",
    model="gpt-5.4-nano",
    catalog_version="cat_1",
    rate_json="{}",
    idempotency_key="key-soak",
    stream=False,
    state=HoldState.SETTLED,
    outcome=Outcome.DELIVERED,
    error_reason=None,
    held_microcredits=100,
    charged_microcredits=50,
    shortfall_microcredits=0,
    usage=TokenUsage(1, 1),
    usage_estimated=False,
    finish_reason="stop",
    created_time=0.0,
    expires_time=9.0,
    resolved_time=1.0,
    attempts=(ATTEMPT,),
)


def told(request_id: str = "req_1", **facts: object) -> Try:
    answer = Answer(id="a", text="Tea.", cost=0.00005, complete=True)
    made = Try(20.0, status=200, request_id=request_id, answer=answer)
    return replace(made, **facts)  # type: ignore[arg-type]


def wish(*tries: Try, key: str | None = "key-soak", **facts: object) -> Wish:
    made = replace(make_wish(Random(1), [CUSTOMER]), key=key, spoiled="", stream=False, counts=True)
    return replace(made, tries=list(tries), **facts)  # type: ignore[arg-type]


def found(*wishes: Wish, records: tuple[RequestRecord, ...] = (CHARGED,)) -> list[str]:
    upstream = {
        "up-1": Upstream("up-1", "openai", wishes[0].marker, 200),
        "up-2": Upstream("up-2", "openai", wishes[0].marker, 200),
        "up-3": Upstream("up-3", "openai", wishes[0].marker, 503),
    }
    used = {attempt.upstream_request_id for record in records for attempt in record.attempts}
    seen = {name: one for name, one in upstream.items() if name in used}
    return list(violations(Evidence(wishes, records, seen)))


def again(**facts: object) -> RequestRecord:
    """A second hold, for a call of its own."""
    second = replace(ATTEMPT, upstream_request_id="up-2")
    other = replace(CHARGED, request_id="req_2", hold_id="hold_2", attempts=(second,))
    return replace(other, **facts)  # type: ignore[arg-type]


def test_run_that_went_well_has_no_violations() -> None:
    assert found(wish(told())) == []
    repeated = wish(told(), repeats=[told("req_9", replayed=True)])
    assert found(repeated) == []


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (replace(CHARGED, state=HoldState.HELD, charged_microcredits=0), "still held"),
        (replace(CHARGED, charged_microcredits=60), "told 50 and charged 60"),
        (replace(CHARGED, charged_microcredits=0), "delivered for nothing"),
        (replace(CHARGED, state=HoldState.VOIDED), "answered, and not settled"),
        (replace(CHARGED, attempts=(replace(ATTEMPT, upstream_request_id="up-3"),)), "error 503"),
        (replace(CHARGED, attempts=(replace(ATTEMPT, upstream_request_id="?"),)), "no provider"),
    ],
)
def test_what_the_ledger_says_is_held_to_what_others_saw(record: RequestRecord, words: str) -> None:
    assert any(words in line for line in found(wish(told()), records=(record,)))


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (told(status=500, answer=Answer()), "internal error"),
        (told(status=503, answer=Answer()), "told of an error, and charged"),
        (told(status=400, code="unknown_parameter", answer=Answer()), "a good request was refused"),
        (told(answer=Answer(broken="cut")), "saw nothing, and charged"),
    ],
)
def test_what_a_client_was_told_is_held_to_the_ledger(one: Try, words: str) -> None:
    assert any(words in line for line in found(wish(one)))


def test_one_key_is_answered_and_settled_once() -> None:
    other = told("req_9", replayed=True, answer=Answer("b", "Tea.", 0.00005, complete=True))
    assert any("several answers" in line for line in found(wish(told(), repeats=[other])))
    assert any("several settlements" in line for line in found(wish(), records=(CHARGED, again())))
    assert any("run again" in line for line in found(wish(told(), repeats=[told("req_9")])))


def test_empty_answer_leaves_its_key_to_the_next_call() -> None:
    empty = told("req_9", answer=Answer("b", "", 0, complete=True))
    lines = found(wish(empty, repeats=[told()]))
    assert not any("several answers" in line or "run again" in line for line in lines)


def test_counted_retry_is_bought_once_unless_its_client_hung_up() -> None:
    first = replace(CHARGED, idempotency_key=None)
    records = (first, again(idempotency_key=None))
    bought_twice = wish(told(status=503, request_id="req_8"), told("req_2"), key=None)
    assert any("charged again" in line for line in found(bought_twice, records=records))
    hung_up = wish(told(status=0, request_id="", left=True), told("req_2"), key=None)
    assert found(hung_up, records=records) == []
