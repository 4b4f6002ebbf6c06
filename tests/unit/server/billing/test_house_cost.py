"""What a try cost the house: by usage, at most, nothing, or not known."""

from dataclasses import replace
from typing import Any

import pytest

from tokensmith_server.billing.commands import AttemptState, HoldState
from tokensmith_server.billing.house_cost import CostBasis, HouseCost, house_cost
from tokensmith_server.billing.rates import TokenRate
from tokensmith_server.billing.store import AttemptRecord, RequestRecord
from tokensmith_server.billing.usage import TokenUsage

RATE = TokenRate(2, 10)
ATTEMPT = AttemptRecord(
    number=1,
    provider="openai",
    upstream_model="m",
    state=AttemptState.FAILED,
    started_time=0.0,
    ended_time=1.0,
    http_status=None,
    error=None,
    upstream_request_id=None,
    returned_model=None,
    first_byte_seconds=None,
)
RECORD = RequestRecord(
    request_id="req_1",
    hold_id="hold_1",
    account_id="acct_1",
    api_key_id="key_1",
    kind="chat",
    model="m",
    catalog_version="cat_1",
    rate_json="",
    idempotency_key=None,
    stream=False,
    state=HoldState.SETTLED,
    outcome=None,
    error_reason=None,
    held_microcredits=500,
    charged_microcredits=0,
    shortfall_microcredits=0,
    usage=TokenUsage(10, 3),
    usage_estimated=False,
    finish_reason=None,
    created_time=0.0,
    expires_time=9.0,
    resolved_time=1.0,
    attempts=(),
)


@pytest.mark.parametrize(
    ("record", "attempt", "cost"),
    [
        ({}, {"state": AttemptState.ANSWERED}, HouseCost(50, CostBasis.USAGE)),
        (
            {"usage_estimated": True},
            {"state": AttemptState.ANSWERED},
            HouseCost(500, CostBasis.BOUND),
        ),
        ({"usage": None}, {"state": AttemptState.ANSWERED}, HouseCost(500, CostBasis.BOUND)),
        ({}, {"house_cost_microcredits": 0}, HouseCost(0, CostBasis.NONE)),
        ({}, {"house_cost_microcredits": 70}, HouseCost(70, CostBasis.BOUND)),
        ({}, {"state": AttemptState.UNKNOWN}, HouseCost(500, CostBasis.BOUND)),
        (
            {},
            {"state": AttemptState.UNKNOWN, "house_cost_microcredits": 0},
            HouseCost(0, CostBasis.NONE),
        ),
        ({}, {}, HouseCost(None, CostBasis.NOT_KNOWN)),
        ({}, {"state": AttemptState.DISPATCHED}, HouseCost(None, CostBasis.NOT_KNOWN)),
    ],
)
def test_cost_of_a_try(record: dict[str, Any], attempt: dict[str, Any], cost: HouseCost) -> None:
    assert house_cost(replace(RECORD, **record), replace(ATTEMPT, **attempt), RATE) == cost
