"""What can be asked of the ledger, and what it answers. Values only; amounts in micro-credits.

Ids are made by the caller before anything is sent, so that an ambiguous commit can be looked up.
Times are seconds since the epoch (float), taken from the caller's clock.
"""

from enum import StrEnum

from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.billing.value import value


class HoldState(StrEnum):
    """The life of a hold: held, then exactly one of the others, for ever."""

    HELD = "held"
    SETTLED = "settled"
    VOIDED = "voided"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """What the customer got, which decides what may be charged."""

    DELIVERED = "delivered"  # complete; charged by usage
    TRUNCATED = "truncated"  # the upstream broke off; charged for what was delivered
    ABANDONED = "abandoned"  # the client left a stream; charged for what was delivered
    BLOCKED = "blocked"  # refused by policy; free
    EMPTY = "empty"  # an answer without content; free
    FAILED = "failed"  # no answer; free
    UNKNOWN = "unknown"  # the process died or the upstream never said; free


class AttemptState(StrEnum):
    """The life of one try at an upstream. ``DISPATCHED`` is durable before a byte is sent."""

    DISPATCHED = "dispatched"
    ANSWERED = "answered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@value
class NewAttempt:
    """A try that is about to be sent. ``number`` counts from 1 within the hold.

    ``credential`` is the name of the operator's key that it is sent with, never the key.
    """

    number: int
    provider: str
    upstream_model: str
    started_time: float
    credential: str | None = None


@value
class AttemptOutcome:
    """How a try ended. ``error`` is an ErrorKind value, never upstream text.

    ``house_cost_microcredits`` is the most that a try which brought no answer may have cost the
    house, at the price list's rates; ``None`` for one that was answered, which costs its usage.
    """

    number: int
    state: AttemptState
    ended_time: float
    http_status: int | None = None
    error: str | None = None
    upstream_request_id: str | None = None
    returned_model: str | None = None
    first_byte_seconds: float | None = None
    house_cost_microcredits: int | None = None


@value
class PlaceHold:
    """Reserve credits for one call, together with its first attempt and its idempotency claim.

    The amount is ``fixed + unit * units``: the ledger grants ``units_wanted`` or, when the
    balance does not cover them, as many as it does cover, but never fewer than
    ``units_minimum``. For text the unit is an output token; a fixed price has zero units.
    """

    hold_id: str
    account_id: str
    api_key_id: str
    request_id: str
    kind: str
    model: str
    catalog_version: str
    rate_json: str
    fixed_microcredits: int
    unit_microcredits: int
    units_wanted: int
    units_minimum: int
    created_time: float
    expires_time: float
    owner: str
    attempt: NewAttempt
    stream: bool = False
    # SHA-256 over the caller's request; tells a repeat from another request.
    fingerprint: bytes | None = None
    idempotency_key: str | None = None
    # From the x-stainless-retry-count header; zero or more means that the client retries by itself.
    retry_count: int | None = None


@value
class Balance:
    """An account's money. ``available + held + charged == granted`` at every commit."""

    available_microcredits: int
    held_microcredits: int
    charged_microcredits: int
    granted_microcredits: int


@value
class HoldPlaced:
    """The hold is durable. ``units`` is what was granted, the cap to send upstream."""

    hold_id: str
    amount_microcredits: int
    units: int
    balance: Balance


@value
class StoredResult:
    """The first answer of a call, kept so that a retry gets it instead of buying again.

    ``payload`` is a serialized ``tokensmith.v1.CreateChatCompletionResponse`` (or the kind's
    own unary response); ``None`` when it was too large or could not be kept.
    """

    hold_id: str
    request_id: str
    payload: bytes | None
    charged_microcredits: int
    held_microcredits: int


@value
class SettleHold:
    """End a hold by charging ``charge_microcredits``; the rest goes back in the same statement.

    What exceeds the hold is taken from the available balance, never below zero; what cannot be
    taken is recorded as a shortfall on the house.
    """

    hold_id: str
    account_id: str
    charge_microcredits: int
    outcome: Outcome
    resolved_time: float
    usage: TokenUsage | None = None
    # The usage was measured by us because the provider did not report it.
    usage_estimated: bool = False
    finish_reason: str | None = None
    attempt: AttemptOutcome | None = None
    # Serialized unary response, kept for replay; see StoredResult.
    result: bytes | None = None
    result_expires_time: float | None = None


@value
class VoidHold:
    """End a hold without a charge. ``error_reason`` is an ErrorReason name for the request log."""

    hold_id: str
    account_id: str
    outcome: Outcome
    resolved_time: float
    error_reason: str | None = None
    attempt: AttemptOutcome | None = None


@value
class ExpireHold:
    """End a hold that nobody resolved in its window; free for the customer."""

    hold_id: str
    account_id: str
    resolved_time: float


@value
class NextAttempt:
    """Close one try and make the next one durable before it is sent."""

    hold_id: str
    closed: AttemptOutcome
    opened: NewAttempt


@value
class MarkDelivered:
    """The client has the answer: a keyless stored result may go. Rides along, never waited for."""

    hold_id: str


@value
class GrantCredits:
    """Add credits. ``grant_id`` names the event, so that a repeat changes nothing."""

    grant_id: str
    account_id: str
    amount_microcredits: int
    reason: str
    created_time: float


@value
class Resolution:
    """How a hold ended. ``released`` went back to the balance; ``shortfall`` is the house's."""

    hold_id: str
    state: HoldState
    held_microcredits: int
    charged_microcredits: int
    released_microcredits: int
    shortfall_microcredits: int
    balance: Balance


@value
class GrantReceipt:
    """A grant is durable. ``repeated`` says that this id had been granted before."""

    balance: Balance
    repeated: bool
