"""What the fake server says unless a test says otherwise."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1 import model_service_pb2 as model
from tokensmith.v1.usage_pb2 import OUTCOME_DELIVERED, Charge, TokenUsage

CREATED = 1_790_000_000
HELD = 2_000_000
CHARGED = 123_456
BALANCE = 4_876_544

CHARGE = Charge(
    hold_id="hold_1",
    held_microcredits=HELD,
    charged_microcredits=CHARGED,
    balance_microcredits=BALANCE,
    catalog_version="v1",
    outcome=OUTCOME_DELIVERED,
)
USAGE = TokenUsage(input_tokens=9, output_tokens=12, cached_input_tokens=0, reasoning_tokens=4)


def completion(model_id: str = "gpt-5.4", **answer: Any) -> chat.CreateChatCompletionResponse:
    """A whole answer with one choice."""
    response = chat.CreateChatCompletionResponse(charge=CHARGE)
    response.completion.id = "chatcmpl-1"
    response.completion.model = model_id
    response.completion.create_time.seconds = CREATED
    response.completion.usage.CopyFrom(USAGE)
    finish_reason = answer.pop("finish_reason", chat.FINISH_REASON_STOP)
    message = chat.ChatAnswer(**(answer or {"content": "Hello there."}))
    response.completion.choices.add(message=message, finish_reason=finish_reason)
    return response


async def complete(request: Any, _context: Any) -> chat.CreateChatCompletionResponse:
    return completion(request.params.model)


def first_message(model_id: str = "gpt-5.4") -> chat.StreamChatCompletionResponse:
    """Begins a stream: the start, what is held, and the role."""
    message = chat.StreamChatCompletionResponse()
    message.start.id = "chatcmpl-1"
    message.start.model = model_id
    message.start.create_time.seconds = CREATED
    message.charge.held_microcredits = HELD
    message.charge.balance_microcredits = BALANCE - HELD
    message.deltas.add(role=chat.CHAT_ROLE_ASSISTANT)
    return message


def pieces(texts: Iterable[str]) -> chat.StreamChatCompletionResponse:
    """Text in the middle of a stream."""
    message = chat.StreamChatCompletionResponse()
    message.deltas.add(content_pieces=texts)
    return message


def last_messages(
    finish_reason: chat.FinishReason = chat.FINISH_REASON_STOP,
) -> list[chat.StreamChatCompletionResponse]:
    """Ends a stream: why, and then usage and charge."""
    finish = chat.StreamChatCompletionResponse()
    finish.deltas.add(finish_reason=finish_reason)
    return [finish, chat.StreamChatCompletionResponse(usage=USAGE, charge=CHARGE)]


async def stream(request: Any, _context: Any) -> AsyncIterator[chat.StreamChatCompletionResponse]:
    yield first_message(request.params.model)
    yield pieces(["Hello", " there"])
    yield pieces(["."])
    for message in last_messages():
        yield message


def text_model(model_id: str) -> model.Model:
    """An entry of the catalog."""
    found = model.Model(
        id=model_id,
        kind=model.MODEL_KIND_TEXT,
        display_name=model_id,
        provider="openai",
        owned_by="openai",
        endpoint="/v1/chat/completions",
        context_tokens=400_000,
        parameter_schema_json='{"type":"object"}',
    )
    found.create_time.seconds = CREATED
    found.token_rate.input_microcredits = 2500
    found.token_rate.output_microcredits = 20_000
    found.lifecycle.status = model.ModelLifecycle.STATUS_DEPRECATED
    found.lifecycle.shutdown_date = "2027-04-01"
    found.text.tools = True
    return found
