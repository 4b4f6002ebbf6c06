"""The fake server's chat: priced, held, answered from the script, settled, replayed."""
# ruff: noqa: N802 - methods are named as in the contract

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokensmith.testing.desk import Context, Desk, abort
from tokensmith.testing.ledger import output_allowance
from tokensmith.testing.script import Answer, Failure, FailureRaised
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import chat_service_pb2_grpc, error_reason_pb2, model_service_pb2, usage_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

_ChatResponse = chat_pb.CreateChatCompletionResponse
_StreamResponse = chat_pb.StreamChatCompletionResponse


class FakeChat(chat_service_pb2_grpc.ChatServiceServicer):
    """Both chat methods. One request id means the same call in both."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def CreateChatCompletion(
        self, request: chat_pb.CreateChatCompletionRequest, context: "Context[Any, Any]"
    ) -> _ChatResponse:
        """Answer as the script says."""

        async def answer(request_id: str) -> _ChatResponse:
            return await self._complete(request.params, request.request_id, request_id)

        return await self._desk.serve("CreateChatCompletion", request, context, answer)

    async def StreamChatCompletion(
        self, request: chat_pb.StreamChatCompletionRequest, context: "Context[Any, Any]"
    ) -> AsyncIterator[_StreamResponse]:
        """Answer as the script says, word by word."""
        call = self._desk.admit("StreamChatCompletion", request, context)
        try:
            self._desk.check(call)
            failure = self._desk.take_partial_failure(call.method)
            if failure is not None:
                async for message in self._break_off(request.params, call.request_id, failure):
                    yield message
            whole = await self._complete(request.params, request.request_id, call.request_id)
            for message in _stream_messages(whole):
                yield message
        except FailureRaised as raised:
            await abort(context, raised.failure, call.request_id)

    async def _complete(
        self, params: chat_pb.ChatCompletionParams, client_request_id: str, request_id: str
    ) -> _ChatResponse:
        async def make() -> _ChatResponse:
            return self._answer(params, client_request_id, request_id)

        made, replayed = await self._desk.once("chat", client_request_id, params, make)
        if not replayed:
            return made
        replay = _ChatResponse()
        replay.CopyFrom(made)
        replay.charge.replayed = True
        return replay

    def _answer(
        self, params: chat_pb.ChatCompletionParams, client_request_id: str, request_id: str
    ) -> _ChatResponse:
        model, record = self._hold(params, request_id)
        record.client_request_id = client_request_id
        answer = self._desk.answers.popleft() if self._desk.answers else Answer()
        usage = answer.usage or _count_usage(params, answer.text)
        self._settle(record, model, usage, usage_pb2.OUTCOME_DELIVERED)
        completion = _completion(params, answer, usage, request_id)
        return _ChatResponse(completion=completion, charge=self._desk.ledger.charge(record))

    async def _break_off(
        self, params: chat_pb.ChatCompletionParams, request_id: str, failure: Failure
    ) -> AsyncIterator[_StreamResponse]:
        model, record = self._hold(params, request_id)
        answer = self._desk.answers.popleft() if self._desk.answers else Answer()
        delivered = answer.pieces[: failure.after_pieces]
        completion = _completion(params, answer, usage_pb2.TokenUsage(), request_id)
        yield _StreamResponse(
            start=_start(completion),
            charge=self._desk.ledger.charge(record),
            deltas=_deltas(delivered),
        )
        usage = _count_usage(params, "".join(delivered))
        self._settle(record, model, usage, usage_pb2.OUTCOME_TRUNCATED)
        record.error_reason = failure.reason_name
        charged = {"charged_microcredits": str(record.hold.charged_microcredits)}
        raise FailureRaised(replace(failure, metadata={**charged, **failure.metadata}))

    def _hold(
        self, params: chat_pb.ChatCompletionParams, request_id: str
    ) -> tuple[model_service_pb2.Model, billing_pb.RequestRecord]:
        model, price = price_chat(self._desk, params)
        return model, self._desk.ledger.place_hold(request_id, model, price.held_microcredits)

    def _settle(
        self,
        record: billing_pb.RequestRecord,
        model: model_service_pb2.Model,
        usage: usage_pb2.TokenUsage,
        outcome: usage_pb2.Outcome,
    ) -> None:
        rate = model.token_rate
        charged = (
            usage.input_tokens * rate.input_microcredits
            + usage.output_tokens * rate.output_microcredits
        )
        record.usage.CopyFrom(usage)
        self._desk.ledger.settle(record, charged, outcome)


def price_chat(
    desk: Desk, params: chat_pb.ChatCompletionParams
) -> tuple[model_service_pb2.Model, billing_pb.EstimateResponse]:
    """What a chat would hold now.

    Raises:
        FailureRaised: MODEL_NOT_FOUND, MODEL_KIND_MISMATCH or INVALID_ARGUMENT.
    """
    model = desk.find_model(params.model, model_service_pb2.MODEL_KIND_TEXT)
    if not params.messages:
        raise FailureRaised(
            Failure(
                error_reason_pb2.ERROR_REASON_INVALID_ARGUMENT,
                message="There are no messages.",
                metadata={"param": "messages", "allowed": "at least one"},
            )
        )
    rate = model.token_rate
    input_tokens = params.ByteSize() // 3 + 1
    fixed = input_tokens * rate.input_microcredits
    wanted = params.max_output_tokens or model.text.default_output_tokens or 16_384
    available = desk.ledger.balance.available_microcredits
    allowance = output_allowance(
        wanted,
        fixed_microcredits=fixed,
        token_microcredits=rate.output_microcredits,
        available=available,
    )
    held = fixed + allowance * rate.output_microcredits
    return model, billing_pb.EstimateResponse(
        held_microcredits=held,
        likely_microcredits=fixed + allowance * rate.output_microcredits // 2,
        required_microcredits=held,
        available_microcredits=available,
        affordable=held <= available,
        max_output_tokens=allowance,
        input_tokens=input_tokens,
    )


def _count_usage(params: chat_pb.ChatCompletionParams, text: str) -> usage_pb2.TokenUsage:
    words = 0
    for message in params.messages:
        parts = message.content.parts.parts
        words += len(message.content.text.split()) + sum(len(part.text.split()) for part in parts)
    return usage_pb2.TokenUsage(input_tokens=max(1, words), output_tokens=len(text.split()))


def _completion(
    params: chat_pb.ChatCompletionParams,
    answer: Answer,
    usage: usage_pb2.TokenUsage,
    request_id: str,
) -> chat_pb.ChatCompletion:
    message = chat_pb.ChatAnswer(
        content=answer.text or None,
        tool_calls=(
            chat_pb.ChatToolCall(
                id=call.id,
                kind=chat_pb.CHAT_TOOL_KIND_FUNCTION,
                name=call.name,
                arguments=call.arguments,
            )
            for call in answer.tool_calls
        ),
    )
    completion = chat_pb.ChatCompletion(
        id=request_id.replace("req_", "chatcmpl-"), model=params.model, usage=usage
    )
    completion.create_time.GetCurrentTime()
    completion.choices.add(index=0, message=message, finish_reason=answer.finish_reason)
    return completion


def _stream_messages(whole: _ChatResponse) -> "Iterable[_StreamResponse]":
    completion, choice = whole.completion, whole.completion.choices[0]
    held = usage_pb2.Charge()
    held.CopyFrom(whole.charge)
    held.ClearField("charged_microcredits")
    held.ClearField("outcome")
    yield _StreamResponse(start=_start(completion), charge=held)
    for piece in Answer(choice.message.content).pieces:
        yield _StreamResponse(deltas=_deltas((piece,)))
    last = chat_pb.ChatCompletionDelta(
        finish_reason=choice.finish_reason,
        tool_calls=(
            chat_pb.ChatToolCallDelta(
                index=index, id=call.id, kind=call.kind, name=call.name, arguments=call.arguments
            )
            for index, call in enumerate(choice.message.tool_calls)
        ),
    )
    yield _StreamResponse(deltas=[last], usage=completion.usage, charge=whole.charge)


def _start(completion: chat_pb.ChatCompletion) -> chat_pb.ChatCompletionStart:
    return chat_pb.ChatCompletionStart(
        id=completion.id, create_time=completion.create_time, model=completion.model
    )


def _deltas(pieces: tuple[str, ...]) -> list[chat_pb.ChatCompletionDelta]:
    return [chat_pb.ChatCompletionDelta(content_pieces=pieces)] if pieces else []
