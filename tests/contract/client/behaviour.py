"""What a client may rely on, whatever serves it: run against the fake server and the real one.

A subclass gives the fixture ``served``. Only what both can do belongs here; what is scripted is
tested where the script is.
"""

from dataclasses import dataclass

import pytest

import tokensmith
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import usage_pb2


@dataclass
class Served:
    """A server with a funded account. ``text_model`` must be on sale and answer."""

    client: tokensmith.Client
    wrong_key_client: tokensmith.Client
    text_model: str


def user_params(model: str, text: str = "Say hello.") -> chat_pb.ChatCompletionParams:
    content = chat_pb.ChatContent(text=text)
    message = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=content)
    return chat_pb.ChatCompletionParams(model=model, messages=[message], max_output_tokens=200)


class ClientBehaviour:
    """The suite."""

    async def test_chat_is_held_settled_and_on_the_receipt(self, served: Served) -> None:
        before = await served.client.get_balance()

        response = await served.client.create_chat_completion(user_params(served.text_model))

        after = await served.client.get_balance()
        charge = response.charge
        assert response.completion.choices[0].message.content
        assert response.completion.usage.output_tokens > 0
        assert 0 < charge.charged_microcredits <= charge.held_microcredits
        assert charge.outcome == usage_pb2.OUTCOME_DELIVERED
        assert charge.balance_microcredits == after.available_microcredits
        assert (
            before.available_microcredits - after.available_microcredits
            == charge.charged_microcredits
        )
        assert after.held_microcredits == 0
        receipt = await anext(aiter(served.client.list_requests()))
        assert receipt.hold.id == charge.hold_id
        assert receipt.hold.charged_microcredits == charge.charged_microcredits
        assert receipt.hold.state == billing_pb.Hold.STATE_SETTLED
        assert await served.client.get_request(receipt.id) == receipt

    async def test_balance_adds_up(self, served: Served) -> None:
        await served.client.create_chat_completion(user_params(served.text_model))
        balance = await served.client.get_balance()
        assert balance.granted_microcredits == (
            balance.available_microcredits
            + balance.held_microcredits
            + balance.charged_microcredits
        )

    async def test_stream_begins_with_the_hold_and_ends_with_the_charge(
        self, served: Served
    ) -> None:
        stream = served.client.stream_chat_completion(user_params(served.text_model))
        messages = [message async for message in stream]

        first, last = messages[0], messages[-1]
        assert first.start.id
        assert first.charge.held_microcredits > 0
        assert not first.charge.HasField("charged_microcredits")
        assert last.charge.charged_microcredits > 0
        assert last.usage.output_tokens > 0
        assert all(not message.HasField("start") for message in messages[1:])
        assert all(not message.HasField("usage") for message in messages[:-1])
        assert _text(messages)
        assert _finish_reasons(messages) == [chat_pb.FINISH_REASON_STOP]

    async def test_same_request_id_gets_the_first_answer_and_is_charged_once(
        self, served: Served
    ) -> None:
        params = user_params(served.text_model)
        request_id = tokensmith.new_request_id()
        first = await served.client.create_chat_completion(params, request_id=request_id)
        balance = await served.client.get_balance()

        again = await served.client.create_chat_completion(params, request_id=request_id)

        assert again.completion == first.completion
        assert again.charge.replayed
        assert not first.charge.replayed
        assert await served.client.get_balance() == balance

    async def test_finished_call_is_replayed_as_a_stream(self, served: Served) -> None:
        params = user_params(served.text_model)
        request_id = tokensmith.new_request_id()
        first = await served.client.create_chat_completion(params, request_id=request_id)

        stream = served.client.stream_chat_completion(params, request_id=request_id)
        messages = [message async for message in stream]

        assert _text(messages) == first.completion.choices[0].message.content
        assert messages[-1].charge.replayed

    async def test_request_id_of_another_request_is_refused(self, served: Served) -> None:
        request_id = tokensmith.new_request_id()
        params = user_params(served.text_model)
        await served.client.create_chat_completion(params, request_id=request_id)
        with pytest.raises(tokensmith.IdempotencyError) as caught:
            await served.client.create_chat_completion(
                user_params(served.text_model, "Something else."), request_id=request_id
            )
        assert caught.value.reason == "IDEMPOTENCY_KEY_REUSED"
        assert caught.value.charged_microcredits == 0

    async def test_unknown_model_names_near_matches(self, served: Served) -> None:
        misspelt = served.text_model[:-1]
        with pytest.raises(tokensmith.NotFoundError) as caught:
            await served.client.create_chat_completion(user_params(misspelt))
        assert caught.value.reason == "MODEL_NOT_FOUND"
        assert served.text_model in caught.value.near_matches
        with pytest.raises(tokensmith.NotFoundError):
            await served.client.get_model(misspelt)

    async def test_wrong_key_is_told_and_learns_nothing(self, served: Served) -> None:
        with pytest.raises(tokensmith.AuthenticationError) as caught:
            await served.wrong_key_client.get_balance()
        assert caught.value.reason == "INVALID_API_KEY"
        assert caught.value.request_id

    async def test_empty_conversation_names_the_field(self, served: Served) -> None:
        with pytest.raises(tokensmith.InvalidRequestError) as caught:
            await served.client.create_chat_completion(
                chat_pb.ChatCompletionParams(model=served.text_model)
            )
        assert caught.value.param == "messages"

    async def test_call_beyond_the_balance_says_what_is_missing(self, served: Served) -> None:
        available = (await served.client.get_balance()).available_microcredits
        text = "word " * 250_000
        params = user_params(served.text_model, text)
        estimate = await served.client.estimate(billing_pb.EstimateRequest(chat=params))
        if estimate.affordable:
            pytest.skip("this account is too rich to be refused a call of its model")
        with pytest.raises(tokensmith.InsufficientCreditsError) as caught:
            await served.client.create_chat_completion(params)
        assert caught.value.available_microcredits == available
        assert caught.value.required_microcredits is not None
        assert caught.value.required_microcredits > available

    async def test_estimate_is_what_the_call_is_held_at(self, served: Served) -> None:
        params = user_params(served.text_model)
        estimate = await served.client.estimate(billing_pb.EstimateRequest(chat=params))
        response = await served.client.create_chat_completion(params)
        assert response.charge.held_microcredits == estimate.held_microcredits
        assert response.charge.catalog_version == estimate.catalog_version

    async def test_models_are_listed_with_their_prices(self, served: Served) -> None:
        listed = await served.client.list_models()
        model = await served.client.get_model(served.text_model)
        assert listed.catalog_version
        assert model.id in {each.id for each in listed.models}
        assert model.token_rate.output_microcredits > 0

    async def test_unknown_receipt_is_not_found(self, served: Served) -> None:
        with pytest.raises(tokensmith.NotFoundError) as caught:
            await served.client.get_request("req_of_nobody")
        assert caught.value.resource == "req_of_nobody"


def _text(messages: list[chat_pb.StreamChatCompletionResponse]) -> str:
    pieces = (
        piece for message in messages for delta in message.deltas for piece in delta.content_pieces
    )
    return "".join(pieces)


def _finish_reasons(messages: list[chat_pb.StreamChatCompletionResponse]) -> list[int]:
    return [
        delta.finish_reason
        for message in messages
        for delta in message.deltas
        if delta.finish_reason
    ]
