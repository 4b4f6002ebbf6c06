"""Kept responses, to the official OpenAI client: going on, listing, deleting, whose they are."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import openai
import pytest

from tests.e2e.conftest import HELLO, MODEL
from tests.support.books import Books, Customer
from tests.support.processes import Gateway
from tests.support.response_shapes import check_item_list
from tokensmith.v1 import response_service_pb2 as response_pb
from tokensmith.v1 import response_service_pb2_grpc as response_grpc


async def test_conversation_goes_on_and_is_paid_again(responder: openai.AsyncOpenAI) -> None:
    first = await responder.responses.create(
        model=MODEL, input="My name is Ada.", instructions="Be brief. " * 100
    )
    second = await responder.responses.create(
        model=MODEL, input="What is my name?", previous_response_id=first.id
    )
    third = await responder.responses.create(
        model="claude-haiku-4-5", input="And now?", previous_response_id=second.id
    )
    assert first.usage
    assert second.usage
    assert third.usage
    alone = await responder.responses.create(model=MODEL, input="What is my name?")
    assert alone.usage
    # The history is read again; the instructions of then are not.
    assert alone.usage.input_tokens < second.usage.input_tokens < first.usage.input_tokens
    items = await responder.responses.input_items.list(second.id)
    assert [item.type for item in items.data] == ["message"]


async def test_input_items_are_paged(responder: openai.AsyncOpenAI) -> None:
    turns: Any = [
        {"role": ("user", "assistant")[number % 2], "content": f"turn {number}"}
        for number in range(5)
    ]
    made = await responder.responses.create(model=MODEL, input=turns)
    raw = await responder.responses.input_items.with_raw_response.list(
        made.id, limit=2, order="asc"
    )
    page = check_item_list(raw.content)
    assert page.has_more
    assert len(page.data) == 2
    listed: list[Any] = [
        item async for item in responder.responses.input_items.list(made.id, limit=2)
    ]
    assert [item.content[0].text for item in listed] == [
        f"turn {number}" for number in reversed(range(5))
    ]


async def test_deleted_and_unkept_responses_are_gone(responder: openai.AsyncOpenAI) -> None:
    made = await responder.responses.create(model=MODEL, input=HELLO)
    await responder.responses.delete(made.id)
    unkept = await responder.responses.create(model=MODEL, input=HELLO, store=False)
    for response_id in (made.id, unkept.id, "resp_1"):
        with pytest.raises(openai.NotFoundError):
            await responder.responses.retrieve(response_id)
        with pytest.raises(openai.NotFoundError):
            await responder.responses.delete(response_id)
        with pytest.raises(openai.BadRequestError) as refused:
            await responder.responses.create(
                model=MODEL, input=HELLO, previous_response_id=response_id
            )
        assert refused.value.code == "previous_response_not_found"
        assert refused.value.param == "previous_response_id"


async def test_another_account_gets_not_found(
    responder: openai.AsyncOpenAI, gateway: Gateway, books: Books
) -> None:
    made = await responder.responses.create(model=MODEL, input=HELLO)
    stranger = books.customer()
    async with openai.AsyncOpenAI(
        base_url=gateway.base_url, api_key=stranger.key, max_retries=0
    ) as theirs:
        for call in (
            theirs.responses.retrieve(made.id),
            theirs.responses.delete(made.id),
            theirs.responses.cancel(made.id),
            theirs.responses.input_items.list(made.id),
        ):
            with pytest.raises(openai.NotFoundError):
                await call
        with pytest.raises(openai.BadRequestError) as refused:
            await theirs.responses.create(model=MODEL, input="Go on.", previous_response_id=made.id)
        assert refused.value.code == "previous_response_not_found"
    assert books.requests(stranger) == []
    assert (await responder.responses.retrieve(made.id)).id == made.id


async def test_cancel_is_for_the_background_alone(responder: openai.AsyncOpenAI) -> None:
    made = await responder.responses.create(model=MODEL, input=HELLO)
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        await responder.responses.cancel(made.id)


async def test_same_idempotency_key_gets_the_same_response(
    responder: openai.AsyncOpenAI, books: Books, customer: Customer
) -> None:
    headers = {"Idempotency-Key": "once"}
    first, second = [
        await responder.responses.create(model=MODEL, input=HELLO, extra_headers=headers)
        for _ in range(2)
    ]
    assert first.id == second.id
    assert first.output == second.output
    assert len(books.requests(customer)) == 1
    assert (await responder.responses.retrieve(first.id)).output == first.output


async def test_idempotency_key_is_of_one_request_and_not_of_its_chat(
    responder: openai.AsyncOpenAI, books: Books, customer: Customer
) -> None:
    headers = {"Idempotency-Key": "one request"}
    asked: dict[str, Any] = {"model": MODEL, "input": HELLO}
    await responder.responses.create(**asked, metadata={"v": "1"}, extra_headers=headers)
    for other in (asked | {"metadata": {"v": "2"}}, asked | {"store": False}, asked):
        with pytest.raises(openai.BadRequestError) as refused:
            await responder.responses.create(**other, extra_headers=headers)
        assert refused.value.code == "idempotency_key_reused"
    with pytest.raises(openai.BadRequestError) as refused:
        await responder.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": HELLO}], extra_headers=headers
        )
    assert refused.value.code == "idempotency_key_reused"
    assert len(books.requests(customer)) == 1


async def test_replay_does_not_bring_back_what_was_deleted(responder: openai.AsyncOpenAI) -> None:
    headers = {"Idempotency-Key": "once, and deleted"}
    first = await responder.responses.create(model=MODEL, input=HELLO, extra_headers=headers)
    assert first.model_dump()["store"] is True
    await responder.responses.delete(first.id)
    again = await responder.responses.create(model=MODEL, input=HELLO, extra_headers=headers)
    assert (again.id, again.output) == (first.id, first.output)
    assert again.model_dump()["store"] is False
    with pytest.raises(openai.NotFoundError):
        await responder.responses.retrieve(first.id)


@pytest.mark.parametrize("streamed", [False, True])
async def test_repeat_is_answered_though_what_it_went_on_from_was_deleted(
    responder: openai.AsyncOpenAI, books: Books, customer: Customer, streamed: bool
) -> None:
    first = await responder.responses.create(model=MODEL, input=HELLO)
    asked: dict[str, Any] = {"model": MODEL, "input": "Go on.", "previous_response_id": first.id}
    headers = {"Idempotency-Key": f"goes on {streamed}"}
    second = await responder.responses.create(**asked, extra_headers=headers)
    await responder.responses.delete(first.id)
    if streamed:
        events = await responder.responses.create(**asked, extra_headers=headers, stream=True)
        *_, last = [event async for event in events]
        again = last.response
    else:
        again = await responder.responses.create(**asked, extra_headers=headers)
    assert (again.id, again.output_text) == (second.id, second.output_text)
    assert (await responder.responses.retrieve(second.id)).output == second.output
    for refused_headers in ({"Idempotency-Key": f"new {streamed}"}, {}):
        with pytest.raises(openai.BadRequestError) as refused:
            await responder.responses.create(**asked, extra_headers=refused_headers)
        assert refused.value.code == "previous_response_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        await responder.responses.create(**asked | {"input": "Else."}, extra_headers=headers)
    assert refused.value.code == "idempotency_key_reused"
    assert len(books.requests(customer)) == 2


async def test_empty_answer_of_a_key_is_asked_for_anew(
    responder: openai.AsyncOpenAI, books: Books, customer: Customer
) -> None:
    headers = {"Idempotency-Key": "empty"}
    ids = {
        (
            await responder.responses.create(
                model=MODEL, input="[[sim:fault=empty_content]]", extra_headers=headers
            )
        ).id
        for _ in range(2)
    }
    assert len(ids) == 2
    assert [record.charged_microcredits for record in books.requests(customer)] == [0, 0]


async def test_only_a_call_of_the_account_has_a_response_to_keep(
    gateway: Gateway, responder: openai.AsyncOpenAI, books: Books
) -> None:
    theirs = await responder.responses.create(model=MODEL, input=HELLO, store=False)
    stranger = books.customer(granted_microcredits=0)
    async with grpc.aio.insecure_channel(gateway.where.grpc) as channel:
        for response_id in (theirs.id, "resp_1"):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await response_grpc.ResponseServiceStub(channel).SaveResponse(
                    response_pb.SaveResponseRequest(
                        response=response_pb.StoredResponse(
                            id=response_id,
                            model=MODEL,
                            state=response_pb.RESPONSE_STATE_COMPLETED,
                            response_json=b"{}",
                            input_items_json=b"[]",
                        )
                    ),
                    metadata=(("authorization", f"Bearer {stranger.key}"),),
                )
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "no call" in (refused.value.details() or "")


async def test_many_at_once_are_kept_apart(responder: openai.AsyncOpenAI) -> None:
    made = await asyncio.gather(
        *(responder.responses.create(model=MODEL, input=f"Say {number}.") for number in range(10))
    )
    assert len({response.id for response in made}) == 10
    for response in made:
        assert (await responder.responses.retrieve(response.id)).output == response.output
