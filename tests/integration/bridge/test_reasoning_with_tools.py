"""Models that call functions only while they do not reason, asked for both at once."""

from typing import Any

import pytest

from tests.integration.bridge.conftest import RunningBridge

FUNCTION = {"type": "function", "name": "f", "parameters": {}}
GROUP = {"type": "namespace", "name": "g", "description": "", "tools": [FUNCTION]}
CUSTOM = {"type": "custom", "name": "c"}


async def asked(bridge: RunningBridge, *, also: bool, **fields: Any) -> tuple[str, Any]:
    """The effort that the server was asked for, and the one that the response names.

    ``also`` is whether the model reasons while it calls tools.
    """
    can = bridge.server.models[0].text
    can.reasoning_efforts[:] = ["none", "high"]
    can.tools_with_reasoning = also
    body = {"model": "gpt-5.4", "input": "Hi", "reasoning": {"effort": "high"}} | fields
    async with bridge.http() as http:
        response = (await http.post("/v1/responses", json=body)).json()
    (created,) = [one for one in bridge.server.received if one.method == "CreateChatCompletion"]
    return created.request.params.reasoning_effort, response["reasoning"]["effort"]


@pytest.mark.parametrize("tool", [FUNCTION, GROUP])
async def test_functions_go_before_reasoning_where_a_model_has_not_both(
    bridge: RunningBridge, tool: dict[str, Any]
) -> None:
    assert await asked(bridge, also=False, tools=[tool]) == ("none", "none")


@pytest.mark.parametrize(
    ("also", "fields"),
    [(True, {"tools": [FUNCTION]}), (False, {"tools": [CUSTOM]}), (False, {})],
)
async def test_effort_is_what_was_asked_for_wherever_it_can_be(
    bridge: RunningBridge, also: bool, fields: dict[str, Any]
) -> None:
    assert await asked(bridge, also=also, **fields) == ("high", "high")


async def test_estimate_prices_what_the_call_would_ask_for(bridge: RunningBridge) -> None:
    bridge.server.models[0].text.reasoning_efforts[:] = ["none", "high"]
    bridge.server.models[0].text.tools_with_reasoning = False
    body = {"model": "gpt-5.4", "input": "Hi", "reasoning": {"effort": "high"}}
    async with bridge.http() as http:
        await http.post("/v1/estimate", json=body | {"tools": [FUNCTION]})
    (estimate,) = [one for one in bridge.server.received if one.method == "Estimate"]
    assert estimate.request.chat.reasoning_effort == "none"
