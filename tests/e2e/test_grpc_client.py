"""An internal service: the generated client against the gateway's gRPC port."""

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import openai
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import tokensmith
from tests.contract.client.behaviour import ClientBehaviour, Served, user_params
from tests.support.books import Books, Customer
from tests.support.processes import Gateway, Simulator
from tests.support.waiting import eventually
from tokensmith.v1 import image_service_pb2 as image_pb

MODEL = "gpt-5.4-nano"


class TestClientOnGateway(ClientBehaviour):
    @pytest.fixture
    async def served(self, gateway: Gateway, books: Books) -> AsyncIterator[Served]:
        # Enough for every call of the suite but the one that is meant to be refused.
        customer = books.customer(granted_microcredits=150_000_000)
        async with (
            tokensmith.Client(gateway.where.grpc, api_key=customer.key) as client,
            tokensmith.Client(gateway.where.grpc, api_key="pk_live_" + "x" * 43) as wrong,
        ):
            yield Served(client=client, wrong_key_client=wrong, text_model=MODEL)
        books.assert_clean()


async def test_one_call_is_the_same_over_grpc_and_rest(
    gateway: Gateway, customer: Customer, books: Books
) -> None:
    async with tokensmith.Client(gateway.where.grpc, api_key=customer.key) as client:
        by_grpc = await client.create_chat_completion(user_params(MODEL))
    async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=customer.key) as sdk:
        by_rest = await sdk.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Say hello."}],
            max_completion_tokens=200,
        )
    assert by_grpc.completion.choices[0].message.content == by_rest.choices[0].message.content
    first, second = books.requests(customer)
    assert first.charged_microcredits == second.charged_microcredits
    assert first.held_microcredits == second.held_microcredits


async def test_stream_closed_early_is_finished_and_can_be_had_again(
    gateway: Gateway, customer: Customer, books: Books, simulator: Simulator
) -> None:
    params = user_params(MODEL, f"Write 60 words. {customer.name} [[sim:pace=5]]")
    request_id = tokensmith.new_request_id()
    async with tokensmith.Client(gateway.where.grpc, api_key=customer.key) as client:
        stream = client.stream_chat_completion(params, request_id=request_id)
        first = await anext(aiter(stream))
        assert first.start.id
        await stream.aclose()
        eventually(lambda: books.balance(customer).held_microcredits == 0, "the stream is settled")
        (record,) = books.requests(customer)
        assert record.outcome == "delivered"

        again = client.stream_chat_completion(params, request_id=request_id)
        messages = [message async for message in again]

    assert messages[-1].charge.replayed
    assert messages[-1].charge.charged_microcredits == record.charged_microcredits
    assert books.balance(customer).charged_microcredits == record.charged_microcredits
    assert len(simulator.calls(customer.name)) == 1


async def test_health_and_reflection_answer_without_a_key(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.where.grpc) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        health = await stub.Check(health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING


async def test_services_not_built_yet_say_so(gateway: Gateway, customer: Customer) -> None:
    async with tokensmith.Client(gateway.where.grpc, api_key=customer.key) as client:
        with pytest.raises(tokensmith.TokensmithError) as caught:
            await client.generate_image(image_pb.ImageParams(model="gpt-image-2", prompt="A dot"))
    assert caught.value.code is grpc.StatusCode.UNIMPLEMENTED
