"""The rules of keeping responses: whose, how long, how large, how far back."""

from typing import Any

import pytest

from tests.support.clock import FakeClock
from tests.support.responses import KEPT_SECONDS, stored_response
from tokensmith_server.errors import InvalidField
from tokensmith_server.responses import service as rules
from tokensmith_server.responses.errors import ResponseNotFound, ResponseTooLarge
from tokensmith_server.responses.memory import MemoryResponseStore
from tokensmith_server.responses.service import ResponseService

MINE = "account-1"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(clock: FakeClock) -> ResponseService:
    return ResponseService(MemoryResponseStore(lambda *_: True), clock, kept_seconds=KEPT_SECONDS)


def document(size_bytes: int) -> bytes:
    """A JSON object of this size."""
    return b'{"output":[],"text":"' + b"x" * (size_bytes - 23) + b'"}'


async def conversation(service: ResponseService, response_id: str) -> list[str]:
    return [found.response_id async for found in service.conversation(MINE, response_id)]


async def test_times_are_the_servers_own(service: ResponseService, clock: FakeClock) -> None:
    saved = await service.save(stored_response(now=5.0))
    assert saved == clock.now() + KEPT_SECONDS
    found = await service.get(MINE, "resp_1")
    assert (found.created_time, found.expires_time) == (clock.now(), saved)
    clock.advance(KEPT_SECONDS)
    with pytest.raises(ResponseNotFound):
        await service.get(MINE, "resp_1")


async def test_another_account_gets_not_found(service: ResponseService) -> None:
    await service.save(stored_response())
    with pytest.raises(ResponseNotFound):
        await service.get("account-2", "resp_1")
    with pytest.raises(ResponseNotFound):
        await service.delete("account-2", "resp_1")
    await service.delete(MINE, "resp_1")
    with pytest.raises(ResponseNotFound):
        await service.delete(MINE, "resp_1")


@pytest.mark.parametrize(
    "changes",
    [
        {"response_id": "1"},
        {"response_id": "resp_"},
        {"response_id": "resp_" + "x" * 60},
        {"response_id": "resp_a/b"},
        {"previous_id": "chatcmpl-1"},
        {"model": ""},
        {"model": "m" * 257},
        {"response_json": b""},
        {"response_json": b"{not json"},
        {"response_json": b"[]"},
        {"response_json": b'{"output":"\xff"}'},
        {"response_json": b'{"output":' + b"[" * 5_000 + b"]" * 5_000 + b"}"},
        {"input_items_json": b""},
        {"input_items_json": b"{}"},
        {"input_items_json": b"[1]"},
        {"input_items_json": b"[{}"},
    ],
)
async def test_malformed_response_is_refused(
    service: ResponseService, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidField):
        await service.save(stored_response(**changes))


async def test_only_a_call_of_the_account_has_a_response_to_keep(clock: FakeClock) -> None:
    calls = {(MINE, "hold_1")}
    store = MemoryResponseStore(lambda *call: call in calls)
    service = ResponseService(store, clock, kept_seconds=KEPT_SECONDS)
    await service.save(stored_response("resp_1"))
    for of_no_call in (stored_response("resp_2"), stored_response("resp_1", "account-2")):
        with pytest.raises(InvalidField, match="no call") as refused:
            await service.save(of_no_call)
        assert refused.value.param == "response.id"
    assert store.count == 1


async def test_deleted_response_is_never_kept_again(service: ResponseService) -> None:
    await service.save(stored_response())
    await service.delete(MINE, "resp_1")
    with pytest.raises(ResponseNotFound):
        await service.save(stored_response())
    with pytest.raises(ResponseNotFound):
        await service.get(MINE, "resp_1")


async def test_too_large_response_is_refused_whole(service: ResponseService) -> None:
    await service.save(stored_response(response_json=document(rules.DOCUMENT_BYTES_MAX - 2)))
    too_large = document(rules.DOCUMENT_BYTES_MAX - 1)
    with pytest.raises(ResponseTooLarge) as refused:
        await service.save(stored_response("resp_2", response_json=too_large))
    assert refused.value.limit_bytes == rules.DOCUMENT_BYTES_MAX
    with pytest.raises(ResponseNotFound):
        await service.get(MINE, "resp_2")


async def test_conversation_comes_newest_first(service: ResponseService) -> None:
    await service.save(stored_response("resp_1"))
    await service.save(stored_response("resp_2", previous_id="resp_1"))
    await service.save(stored_response("resp_3", previous_id="resp_2"))
    assert await conversation(service, "resp_3") == ["resp_3", "resp_2", "resp_1"]


async def test_conversation_with_a_gap_names_what_is_missing(service: ResponseService) -> None:
    await service.save(stored_response("resp_1"))
    await service.save(stored_response("resp_2", previous_id="resp_1"))
    await service.delete(MINE, "resp_1")
    with pytest.raises(ResponseNotFound) as refused:
        await conversation(service, "resp_2")
    assert refused.value.response_id == "resp_1"
    with pytest.raises(ResponseNotFound):
        await conversation(service, "resp_9")


async def test_conversation_of_too_many_responses_is_refused(service: ResponseService) -> None:
    previous = None
    for number in range(rules.CONVERSATION_RESPONSES_MAX + 1):
        await service.save(stored_response(f"resp_{number}", previous_id=previous))
        previous = f"resp_{number}"
    last = rules.CONVERSATION_RESPONSES_MAX
    assert len(await conversation(service, f"resp_{last - 1}")) == last
    with pytest.raises(InvalidField, match="more than 256 responses"):
        await conversation(service, f"resp_{last}")


async def test_conversation_of_too_many_bytes_is_refused(service: ResponseService) -> None:
    large = document(rules.DOCUMENT_BYTES_MAX - 2)
    previous = None
    for number in range(6):
        await service.save(
            stored_response(f"resp_{number}", previous_id=previous, response_json=large)
        )
        previous = f"resp_{number}"
    assert len(await conversation(service, "resp_4")) == 5
    with pytest.raises(InvalidField, match="bytes"):
        await conversation(service, "resp_5")
