"""What every response store does: kept until its time is over, and for its owner alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.contract.responses.engines import ENGINES
from tests.support.responses import stored_response
from tokensmith_server.responses.store import ResponseLink, ResponseState, ResponseStore

NOW = 1_000.0
MINE, THEIRS = "account-1", "account-2"


@pytest.fixture(params=list(ENGINES))
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Sequence[ResponseStore]]:
    async with ENGINES[request.param]() as stores:
        yield stores


@pytest.fixture
def store(stores: Sequence[ResponseStore]) -> ResponseStore:
    return stores[0]


async def chain(store: ResponseStore, *ids: str, account_id: str = MINE) -> None:
    """Responses that went on from each other, the oldest first."""
    previous: str | None = None
    for response_id in ids:
        await store.save_response(stored_response(response_id, account_id, previous_id=previous))
        previous = response_id


async def test_saved_response_is_found_whole_by_every_process(
    stores: Sequence[ResponseStore],
) -> None:
    response = stored_response(
        previous_id="resp_0",
        state=ResponseState.INCOMPLETE,
        response_json=b'{"output":"\xc3\xa9\x00"}',
        input_items_json=b"[1]",
    )
    assert await stores[0].save_response(response) == response.expires_time
    for store in stores:
        assert await store.find_response(MINE, "resp_1", NOW) == response


async def test_unknown_response_is_not_found(store: ResponseStore) -> None:
    assert await store.find_response(MINE, "resp_1", NOW) is None
    assert await store.list_links(MINE, "resp_1", NOW, limit=9) == []
    assert not await store.delete_response(MINE, "resp_1", NOW)


async def test_another_account_neither_finds_deletes_nor_continues_a_response(
    store: ResponseStore,
) -> None:
    await chain(store, "resp_1", "resp_2")
    assert await store.find_response(THEIRS, "resp_1", NOW) is None
    assert await store.list_links(THEIRS, "resp_2", NOW, limit=9) == []
    assert not await store.delete_response(THEIRS, "resp_1", NOW)
    assert await store.find_response(MINE, "resp_1", NOW) is not None


async def test_two_accounts_may_have_the_same_id(store: ResponseStore) -> None:
    mine = stored_response(response_json=b'"mine"')
    theirs = stored_response(account_id=THEIRS, response_json=b'"theirs"')
    await store.save_response(mine)
    await store.save_response(theirs)
    assert await store.delete_response(THEIRS, "resp_1", NOW)
    assert await store.find_response(MINE, "resp_1", NOW) == mine


async def test_links_of_another_account_are_not_followed(store: ResponseStore) -> None:
    await chain(store, "resp_1", account_id=THEIRS)
    await store.save_response(stored_response("resp_2", previous_id="resp_1"))
    links = await store.list_links(MINE, "resp_2", NOW, limit=9)
    assert [link.response_id for link in links] == ["resp_2"]


async def test_saving_again_replaces_all_but_the_times(store: ResponseStore) -> None:
    first = stored_response(state=ResponseState.FAILED)
    await store.save_response(first)
    later = stored_response(now=NOW + 50.0, response_json=b'{"output":[1]}', model="other")
    assert await store.save_response(later) == first.expires_time
    found = await store.find_response(MINE, "resp_1", NOW)
    assert found is not None
    assert (found.model, found.state) == ("other", ResponseState.COMPLETED)
    assert found.response_json == b'{"output":[1]}'
    assert (found.created_time, found.expires_time) == (first.created_time, first.expires_time)
    assert found.size_bytes == later.size_bytes


async def test_response_is_gone_at_its_last_moment(store: ResponseStore) -> None:
    await store.save_response(stored_response(kept_seconds=60.0))
    assert await store.find_response(MINE, "resp_1", NOW + 59.9) is not None
    assert await store.find_response(MINE, "resp_1", NOW + 60.0) is None
    assert await store.list_links(MINE, "resp_1", NOW + 60.0, limit=9) == []
    assert not await store.delete_response(MINE, "resp_1", NOW + 60.0)


async def test_deleted_response_is_gone_and_its_successors_stay(store: ResponseStore) -> None:
    await chain(store, "resp_1", "resp_2")
    assert await store.delete_response(MINE, "resp_1", NOW)
    assert await store.find_response(MINE, "resp_1", NOW) is None
    assert not await store.delete_response(MINE, "resp_1", NOW)
    (link,) = await store.list_links(MINE, "resp_2", NOW, limit=9)
    assert link.previous_id == "resp_1"


async def test_deleted_response_can_not_be_saved_again_until_its_time_is_over(
    store: ResponseStore,
) -> None:
    await store.save_response(stored_response(kept_seconds=60.0))
    assert await store.delete_response(MINE, "resp_1", NOW)
    assert await store.save_response(stored_response()) is None
    assert await store.find_response(MINE, "resp_1", NOW) is None
    assert await store.list_links(MINE, "resp_1", NOW, limit=9) == []
    assert await store.save_response(stored_response(account_id=THEIRS)) is not None
    assert await store.forget_responses(NOW + 60.0, limit=9) == 1
    assert await store.save_response(stored_response()) is not None


async def test_account_that_called_nothing_has_no_call(store: ResponseStore) -> None:
    assert not await store.has_call(MINE, "hold_1")


async def test_links_go_from_the_newest_to_the_oldest(store: ResponseStore) -> None:
    ids = [f"resp_{number}" for number in range(5)]
    await chain(store, *ids)
    links = await store.list_links(MINE, "resp_4", NOW, limit=9)
    assert [link.response_id for link in links] == ids[::-1]
    assert links[-1] == ResponseLink("resp_0", None, stored_response().size_bytes)
    assert [link.previous_id for link in links[:-1]] == ids[-2::-1]


async def test_no_more_links_than_the_limit_even_in_a_circle(store: ResponseStore) -> None:
    await store.save_response(stored_response("resp_1", previous_id="resp_2"))
    await store.save_response(stored_response("resp_2", previous_id="resp_1"))
    links = await store.list_links(MINE, "resp_1", NOW, limit=5)
    assert [link.response_id for link in links] == ["resp_1", "resp_2"] * 2 + ["resp_1"]


async def test_expired_responses_are_forgotten_some_at_a_time(store: ResponseStore) -> None:
    for number in range(3):
        account = (MINE, THEIRS)[number % 2]
        await store.save_response(stored_response(f"resp_{number}", account, kept_seconds=60.0))
    await store.save_response(stored_response("resp_9", kept_seconds=61.0))
    assert await store.forget_responses(NOW + 59.0, limit=9) == 0
    assert await store.forget_responses(NOW + 60.0, limit=2) == 2
    assert await store.forget_responses(NOW + 60.0, limit=2) == 1
    assert await store.forget_responses(NOW + 60.0, limit=2) == 0
    assert await store.find_response(MINE, "resp_9", NOW + 60.0) is not None


async def test_the_same_response_saved_at_once_is_kept_once(
    stores: Sequence[ResponseStore],
) -> None:
    response = stored_response()
    await asyncio.gather(
        *(stores[number % len(stores)].save_response(response) for number in range(10))
    )
    assert await stores[0].find_response(MINE, "resp_1", NOW) == response


async def test_a_response_of_several_megabytes_comes_back_as_it_was(store: ResponseStore) -> None:
    response = stored_response(response_json=bytes(range(256)) * 12_000)
    await store.save_response(response)
    assert await store.find_response(MINE, "resp_1", NOW) == response
