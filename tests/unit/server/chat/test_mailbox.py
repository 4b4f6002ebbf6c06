"""The bounded hand-over between the relay and the listener."""

import asyncio

import pytest

from tests.support.turns import turns
from tokensmith_server.chat.mailbox import Mailbox, ReaderTooSlow


def box(capacity: int = 2, seconds: float = 1_000.0) -> Mailbox[int]:
    return Mailbox(capacity, seconds)


async def test_messages_come_in_order_and_then_the_end() -> None:
    mailbox = box(9)
    for number in range(5):
        await mailbox.put(number)
    mailbox.close()
    assert [number async for number in mailbox] == [0, 1, 2, 3, 4]


async def test_error_comes_after_what_was_there_before() -> None:
    mailbox = box()
    await mailbox.put(1)
    mailbox.close(ZeroDivisionError())
    messages = aiter(mailbox)
    assert await anext(messages) == 1
    with pytest.raises(ZeroDivisionError):
        await anext(messages)


async def test_only_the_first_closing_counts() -> None:
    mailbox = box()
    mailbox.close()
    mailbox.close(ZeroDivisionError())
    assert [number async for number in mailbox] == []


async def test_listener_waits_for_what_comes_later() -> None:
    mailbox = box()
    waiting = asyncio.ensure_future(anext(aiter(mailbox)))
    await turns(3)
    assert not waiting.done()
    await mailbox.put(7)
    assert await waiting == 7


async def test_listener_that_waits_hears_of_the_end() -> None:
    mailbox = box()
    waiting = asyncio.ensure_future(anext(aiter(mailbox)))
    await turns(3)
    mailbox.close(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await waiting


async def test_full_mailbox_makes_the_sender_wait_for_room() -> None:
    mailbox = box(2)
    await mailbox.put(1)
    await mailbox.put(2)
    putting = asyncio.ensure_future(mailbox.put(3))
    await turns(3)
    assert not putting.done()
    messages = aiter(mailbox)
    assert await anext(messages) == 1
    await putting
    assert [await anext(messages), await anext(messages)] == [2, 3]


async def test_room_is_never_oversold() -> None:
    mailbox = box(1)
    messages = aiter(mailbox)
    for number in range(20):
        await mailbox.put(number)
        assert len(mailbox._messages) == 1
        assert await anext(messages) == number


async def test_listener_that_takes_nothing_for_too_long_is_given_up() -> None:
    mailbox = box(1, 0.001)
    await mailbox.put(1)
    with pytest.raises(ReaderTooSlow):
        await mailbox.put(2)
    mailbox.close(ReaderTooSlow())
    messages = aiter(mailbox)
    assert await anext(messages) == 1
    with pytest.raises(ReaderTooSlow):
        await anext(messages)


async def test_last_message_finds_a_place_in_a_full_mailbox() -> None:
    mailbox = box(1)
    await mailbox.put(1)
    mailbox.put_last(2)
    mailbox.close()
    assert [number async for number in mailbox] == [1, 2]


async def test_leaving_hands_back_what_was_not_taken_and_drops_the_rest() -> None:
    mailbox = box(9)
    for number in range(3):
        await mailbox.put(number)
    assert await anext(aiter(mailbox)) == 0
    assert mailbox.leave() == [1, 2]
    await mailbox.put(9)
    mailbox.put_last(10)
    assert mailbox.leave() == []


async def test_leaving_lets_a_waiting_sender_go() -> None:
    mailbox = box(1)
    await mailbox.put(1)
    putting = asyncio.ensure_future(mailbox.put(2))
    await turns(3)
    assert mailbox.leave() == [1]
    await putting
    assert mailbox.leave() == []


async def test_sender_that_is_cancelled_while_it_waits_leaves_nothing() -> None:
    mailbox = box(1)
    await mailbox.put(1)
    putting = asyncio.ensure_future(mailbox.put(2))
    await turns(3)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert mailbox.leave() == [1]


async def test_listener_that_is_cancelled_while_it_waits_can_be_followed_by_another() -> None:
    mailbox = box()
    waiting = asyncio.ensure_future(anext(aiter(mailbox)))
    await turns(3)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await mailbox.put(1)
    assert await anext(aiter(mailbox)) == 1
