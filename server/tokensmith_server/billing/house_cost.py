"""What a try cost the house, or may have cost it: at the rates that the call was priced by.

The customer pays for the one try that answered; what others cost is the house's. What providers
bill us is not known here, so that costs are at the price list's rates.
"""

from enum import StrEnum

from tokensmith_server.billing.commands import AttemptState
from tokensmith_server.billing.pricing import charge
from tokensmith_server.billing.rates import Rate, TokenRate
from tokensmith_server.billing.store import AttemptRecord, RequestRecord
from tokensmith_server.billing.value import value


class CostBasis(StrEnum):
    """How sure a cost is."""

    NOT_KNOWN = "not_known"
    USAGE = "usage"  # what the provider reported
    BOUND = "bound"  # the most that it can be
    NONE = "none"  # the provider did no work


@value
class HouseCost:
    """A cost; ``None`` with ``NOT_KNOWN`` alone."""

    microcredits: int | None
    basis: CostBasis


_NOT_KNOWN = HouseCost(None, CostBasis.NOT_KNOWN)


def house_cost(record: RequestRecord, attempt: AttemptRecord, rate: Rate) -> HouseCost:
    """What one of a call's tries cost: by usage where it answered, else by what its row says.

    A try that nobody closed is bounded by what was held, since its provider got that as its cap.
    """
    bound = HouseCost(record.held_microcredits, CostBasis.BOUND)
    if attempt.state is AttemptState.ANSWERED:
        usage = None if record.usage_estimated else record.usage
        if usage is None or not isinstance(rate, TokenRate):
            return bound
        return HouseCost(charge(rate, usage), CostBasis.USAGE)
    if attempt.house_cost_microcredits is not None:
        basis = CostBasis.BOUND if attempt.house_cost_microcredits else CostBasis.NONE
        return HouseCost(attempt.house_cost_microcredits, basis)
    return bound if attempt.state is AttemptState.UNKNOWN else _NOT_KNOWN
