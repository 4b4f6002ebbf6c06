"""Who gets an earlier answer instead of a new call or grant. Pure: the stores look the rows up.

Two ways lead to an earlier request of the same account. A client that sends an **idempotency
key** names it. A client that sends none but retries by itself (the OpenAI SDKs: they count their
tries in ``x-stainless-retry-count``) is recognized by its API key and the request's fingerprint,
and only where the earlier answer is known not to have arrived. A first try never joins anything:
people repeat prompts on purpose.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tokensmith_server.billing.commands import GrantCredits, HoldState, PlaceHold, StoredResult
from tokensmith_server.billing.errors import (
    GrantIdReused,
    IdempotencyInProgress,
    IdempotencyKeyReused,
)

RETRY_JOIN_SECONDS: Final = 900
"""How old the request may be that a keyless retry joins."""

CLAIM_KEPT_SECONDS: Final = 86_400
"""How long an idempotency key is remembered, counted from its newest hold, unless that is open."""


@dataclass(frozen=True, slots=True)
class EarlierRequest:
    """The hold that an idempotency key stands for, or that a retry may repeat.

    ``payload`` is its stored answer, ``None`` where there is none (any more).
    """

    hold_id: str
    request_id: str
    state: HoldState
    fingerprint: bytes | None
    amount_microcredits: int
    charged_microcredits: int
    payload: bytes | None


def answer_keyed(earlier: EarlierRequest, fingerprint: bytes | None) -> StoredResult | None:
    """The answer to a request of this fingerprint whose idempotency key was used before.

    ``None`` means that the first try produced nothing: the key passes to the new hold. That is so
    too where a settled call cost nothing and no answer of it was kept, as with an empty one. One
    that was charged, and whose answer was not kept, is answered without a payload: it is never
    run again.

    Raises:
        IdempotencyKeyReused: the key belongs to another request, however that ended.
        IdempotencyInProgress: the first try still runs.
    """
    if earlier.fingerprint != fingerprint:
        raise IdempotencyKeyReused(earlier.request_id)
    if earlier.state is HoldState.HELD:
        raise IdempotencyInProgress(earlier.request_id)
    if earlier.state is not HoldState.SETTLED:
        return None
    if earlier.payload is None and not earlier.charged_microcredits:
        return None
    return _replay(earlier)


def joins_earlier(command: PlaceHold) -> bool:
    """Whether the command is a client's own retry without a key, so may repeat an earlier call."""
    return (
        command.idempotency_key is None
        and command.fingerprint is not None
        and (command.retry_count or 0) >= 1
    )


def answer_retry(newest_first: Iterable[EarlierRequest]) -> StoredResult | None:
    """The answer to a command for which ``joins_earlier`` is true.

    Candidates are keyless holds of the same account, API key and fingerprint, created at most
    ``RETRY_JOIN_SECONDS`` before. The newest that is running or whose stored answer was not
    delivered (delivery deletes it) is the one repeated; ``None`` when there is no such call.

    Raises:
        IdempotencyInProgress: the call that this repeats still runs.
    """
    for earlier in newest_first:
        if earlier.state is HoldState.HELD:
            raise IdempotencyInProgress(earlier.request_id)
        if earlier.state is HoldState.SETTLED and earlier.payload is not None:
            return _replay(earlier)
    return None


def check_same_grant(account_id: str, amount_microcredits: int, command: GrantCredits) -> None:
    """Check that a command repeats the grant that has its id, which these two are of.

    Its reason and its time may differ: a script that runs again can't know those of the first run.

    Raises:
        GrantIdReused: it is another grant.
    """
    if (account_id, amount_microcredits) != (command.account_id, command.amount_microcredits):
        raise GrantIdReused(
            command.grant_id, account_id=account_id, amount_microcredits=amount_microcredits
        )


def _replay(earlier: EarlierRequest) -> StoredResult:
    return StoredResult(
        hold_id=earlier.hold_id,
        request_id=earlier.request_id,
        payload=earlier.payload,
        charged_microcredits=earlier.charged_microcredits,
        held_microcredits=earlier.amount_microcredits,
    )
