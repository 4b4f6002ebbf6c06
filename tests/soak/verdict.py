"""What must hold of what clients saw, what the providers did, and what the ledger says. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.soak.clients import Try, Wish
from tokensmith_server.billing.commands import HoldState, Outcome
from tokensmith_server.billing.store import RequestRecord

# With less patience a deadline may end in the moment of the settlement.
HASTE_SECONDS = 0.5
REFUSALS = frozenset({400, 401, 402, 404})


@dataclass(frozen=True)
class Upstream:
    """A call as the provider saw it. ``marker`` is that of the wish."""

    request_id: str
    provider: str
    marker: str
    status: int | None


@dataclass(frozen=True)
class Evidence:
    """Everything that three parties wrote down of one run."""

    wishes: Sequence[Wish]
    records: Sequence[RequestRecord]
    upstream: Mapping[str, Upstream]

    def of_key(self) -> Mapping[str, list[RequestRecord]]:
        """The holds of each idempotency key."""
        found: defaultdict[str, list[RequestRecord]] = defaultdict(list)
        for record in self.records:
            if record.idempotency_key is not None:
                found[record.idempotency_key].append(record)
        return found

    def charged_of_marker(self) -> Mapping[str, list[RequestRecord]]:
        """The charged holds of each wish, as far as the provider's journal knows them."""
        found: defaultdict[str, list[RequestRecord]] = defaultdict(list)
        for record in self.records:
            seen = self.upstream.get(record.attempts[-1].upstream_request_id or "")
            if seen is not None and record.charged_microcredits:
                found[seen.marker].append(record)
        return found


def violations(evidence: Evidence) -> Iterator[str]:
    """What was broken, a line each."""
    yield from _of_tries(evidence)
    yield from _of_keys(evidence)
    yield from _of_counted_retries(evidence)
    yield from _of_holds(evidence)
    attempts = sum(len(record.attempts) for record in evidence.records)
    if len(evidence.upstream) > attempts:
        yield f"{len(evidence.upstream)} calls went upstream, for {attempts} attempts"


def _of_tries(evidence: Evidence) -> Iterator[str]:
    records = {record.request_id: record for record in evidence.records}
    for wish in evidence.wishes:
        for one in (*wish.tries, *wish.repeats):
            if one.status == 500:
                yield f"an internal error: {one}"
            if wish.spoiled and one.status == 200:
                yield f"a request with a bad {wish.spoiled} was served: {one}"
            if one.status in REFUSALS - {402} and not wish.spoiled and not _blocked(one):
                yield f"a good request was refused: {wish.body} {one}"
            record = records.get(one.request_id)
            if record is not None and not one.replayed:
                yield from _of_call(wish, one, record)


def _blocked(one: Try) -> bool:
    return one.code == "content_policy_violation"


def _of_call(wish: Wish, one: Try, record: RequestRecord) -> Iterator[str]:
    """A call that both a client and the ledger know."""
    told = None if one.answer.cost is None else round(one.answer.cost * 1_000_000)
    if one.answered and record.state is not HoldState.SETTLED:
        yield f"answered, and not settled: {one} {record}"
    if one.answered and told != record.charged_microcredits:
        yield f"told {told} and charged {record.charged_microcredits}: {one}"
    if one.answered and record.outcome is Outcome.DELIVERED and not record.charged_microcredits:
        yield f"delivered for nothing: {record}"
    # A client that left may still be paid for; so may one whose patience ended with the answer.
    if one.status >= 400 and record.charged_microcredits:
        repeatable = wish.key is not None or wish.counts
        late = one.code == "deadline_exceeded"
        if not late or not (repeatable or one.patience_seconds < HASTE_SECONDS):
            yield f"told of an error, and charged: {one} {record}"
    if one.answer.broken and not one.answer.text and record.charged_microcredits:
        yield f"saw nothing, and charged: {one} {record}"


def _of_keys(evidence: Evidence) -> Iterator[str]:
    holds = evidence.of_key()
    for wish in evidence.wishes:
        if wish.key is None:
            continue
        # An empty answer is free and is not kept: the next call with the key is a new one.
        answers = [one for one in (*wish.tries, *wish.repeats) if one.answered and one.answer.text]
        if len({(one.answer.id, one.answer.text) for one in answers}) > 1:
            yield f"one key, several answers: {answers}"
        settled = [
            one
            for one in holds.get(wish.key, ())
            if one.state is HoldState.SETTLED and one.outcome is not Outcome.EMPTY
        ]
        if len(settled) > 1:
            yield f"one key, several settlements: {settled}"
        for repeat in wish.repeats:
            if repeat in answers[1:] and not repeat.replayed:
                yield f"a repeat was run again: {repeat}"


def _of_counted_retries(evidence: Evidence) -> Iterator[str]:
    """A whole answer that an SDK asks for again is bought once, unless it left for the client."""
    charged = evidence.charged_of_marker()
    for wish in evidence.wishes:
        if wish.key is not None or not wish.counts or wish.stream:
            continue
        holds = charged.get(wish.marker, ())
        # Whoever hangs up in the moment of the answer may have had it, for all we know.
        hung_up = sum(one.left or one.lost for one in wish.tries)
        if len(holds) > 1 + hung_up:
            yield f"a counted retry was charged again: {wish.tries} {holds}"


def _of_holds(evidence: Evidence) -> Iterator[str]:
    for record in evidence.records:
        if record.state is HoldState.HELD:
            yield f"still held: {record}"
        if not record.charged_microcredits:
            continue
        last = record.attempts[-1]
        seen = evidence.upstream.get(last.upstream_request_id or "")
        # Gemini names its answers in their bodies, and who leaves early hears of no name.
        nameless = last.provider == "gemini" or record.outcome is Outcome.ABANDONED
        if seen is None and not nameless:
            yield f"charged for what no provider did: {record}"
        if seen is not None and seen.status != 200:
            yield f"charged for a provider's error {seen.status}: {record}"


def summary(evidence: Evidence) -> str:
    """What the run consisted of, for people."""
    tries = [one for wish in evidence.wishes for one in (*wish.tries, *wish.repeats)]
    statuses = Counter(one.status or "no answer" for one in tries)
    outcomes = Counter(str(record.outcome) for record in evidence.records)
    return "\n".join(
        (
            f"{len(evidence.wishes)} wishes, {len(tries)} requests, "
            f"{len(evidence.records)} holds, {len(evidence.upstream)} calls upstream",
            "answers: " + _counts(statuses),
            "outcomes: " + _counts(outcomes),
            f"replays: {sum(one.replayed for one in tries)}, "
            f"hung up: {sum(one.left for one in tries)}, lost: {sum(one.lost for one in tries)}",
        )
    )


def _counts(counted: Counter[object] | Counter[str] | Counter[int | str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.most_common())
