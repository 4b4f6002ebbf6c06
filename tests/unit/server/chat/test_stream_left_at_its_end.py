"""A listener that leaves once it has all of the text: the count alone is missing, and comes."""

import asyncio

from tests.support.chat import ChatRig, params
from tests.support.fake_provider import Script, batch, ending
from tests.support.turns import eventually, turns
from tests.unit.server.chat.test_stream_ends import expected_charge
from tokensmith_server.billing.commands import HoldState, Outcome
from tokensmith_server.billing.usage import TokenUsage

REASONED = TokenUsage(input_tokens=10, output_tokens=5_000, reasoning_tokens=4_900)


async def test_listener_that_leaves_at_the_end_of_the_text_pays_the_price_of_it(
    rig: ChatRig,
) -> None:
    """Many break out of their loop at the finish reason; the count comes right after it."""
    gate, (finish, usage) = asyncio.Event(), ending(usage=REASONED)
    rig.provider.queue(Script([batch("x" * 50), finish, gate, usage]))
    messages = rig.service.stream(rig.request())
    await anext(messages)
    await anext(messages)
    await messages.aclose()
    gate.set()
    await rig.idle()
    record = await rig.record()
    assert (record.state, record.outcome) == (HoldState.SETTLED, Outcome.DELIVERED)
    assert (record.usage, record.usage_estimated) == (REASONED, False)


async def test_listener_that_leaves_before_every_choice_has_ended_stops_the_others(
    rig: ChatRig,
) -> None:
    finish, _ = ending()
    rig.provider.queue(Script([batch("x" * 50), finish, asyncio.Event()]))
    messages = rig.service.stream(rig.request(params(choice_count=2)))
    await anext(messages)
    await anext(messages)
    await messages.aclose()
    await rig.idle()
    assert (await rig.record()).outcome is Outcome.ABANDONED


async def test_listener_that_never_took_the_end_of_the_text_stops_it(rig: ChatRig) -> None:
    finish, _ = ending()
    rig.provider.queue(Script([batch("x" * 50), finish, asyncio.Event()]))
    messages = rig.service.stream(rig.request())
    await anext(messages)
    await eventually(lambda: rig.provider.streams[0].given == 2)
    await turns()
    await messages.aclose()
    await rig.idle()
    assert (await rig.record()).charged_microcredits == expected_charge(1)
