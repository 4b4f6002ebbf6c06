"""Behind the fake server's methods: the script, the records, who may call, what was answered."""

import difflib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from tokensmith.errors import DETAILS_KEY, DOMAIN, REASONS
from tokensmith.testing.ledger import FakeLedger
from tokensmith.testing.script import VIDEO_JOB, Answer, Failure, FailureRaised, RecordedCall
from tokensmith.v1 import error_reason_pb2
from tokensmith.v1 import model_service_pb2 as model_pb

Context = grpc.aio.ServicerContext

_Response = TypeVar("_Response", bound=Message)


class Desk:
    """What all servicers of one fake server share."""

    def __init__(
        self, *, api_key: str, models: Iterable[model_pb.Model], balance_microcredits: int
    ) -> None:
        self.api_key = api_key
        self.models = {model.id: model for model in models}
        self.ledger = FakeLedger(balance_microcredits)
        self.calls: list[RecordedCall] = []
        self.answers: deque[Answer] = deque()
        self.failures: list[Failure] = []
        self._results: dict[tuple[str, str], tuple[bytes, Any]] = {}
        self._running: set[tuple[str, str]] = set()

    def find_model(self, model_id: str, kind: model_pb.ModelKind) -> model_pb.Model:
        """A model of one kind.

        Raises:
            FailureRaised: MODEL_NOT_FOUND with near matches, or MODEL_KIND_MISMATCH.
        """
        model = self.models.get(model_id)
        if model is None:
            near = difflib.get_close_matches(model_id, self.models)
            raise FailureRaised(
                Failure(
                    error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND,
                    message=f"There is no model {model_id}.",
                    metadata={"model": model_id, "near_matches": ",".join(near)},
                )
            )
        if kind not in {model_pb.MODEL_KIND_UNSPECIFIED, model.kind}:
            name = model_pb.ModelKind.Name(model.kind).removeprefix("MODEL_KIND_").lower()
            raise FailureRaised(
                Failure(
                    error_reason_pb2.ERROR_REASON_MODEL_KIND_MISMATCH,
                    message=f"{model_id} is not a model for this call.",
                    metadata={"param": "model", "model": model_id, "kind": name},
                )
            )
        return model

    def take_failure(self, method: str) -> Failure | None:
        """The failure that a call of this method shall begin with, if any; once."""
        return self._take(method, partial=False)

    def take_partial_failure(self, method: str) -> Failure | None:
        """The failure that a stream of this method shall end with, if any; once."""
        return self._take(method, partial=True)

    def _take(self, method: str, *, partial: bool) -> Failure | None:
        for index, failure in enumerate(self.failures):
            meant = failure.method == method or (failure.method is None and method != VIDEO_JOB)
            if meant and (failure.after_pieces is not None) is partial:
                return self.failures.pop(index)
        return None

    async def serve(
        self,
        method: str,
        request: Message,
        context: "Context[Any, Any]",
        answer: Callable[[str], Awaitable[_Response]],
    ) -> _Response:
        """Serve a unary call: record it, check its key, fail as told, or ``answer(request id)``."""
        call = self.admit(method, request, context)
        try:
            self.check(call)
            return await answer(call.request_id)
        except FailureRaised as raised:
            await abort(context, raised.failure, call.request_id)

    def admit(self, method: str, request: Message, context: "Context[Any, Any]") -> RecordedCall:
        """Record a call."""
        metadata: Mapping[str, str | bytes] = dict(context.invocation_metadata() or ())
        call = RecordedCall(method, request, metadata, f"req_{len(self.calls) + 1}")
        self.calls.append(call)
        return call

    def check(self, call: RecordedCall) -> None:
        """Check a call's key and fail it if told to.

        Raises:
            FailureRaised: INVALID_API_KEY, or a failure of the script without ``after_pieces``.
        """
        if call.metadata.get("authorization") != f"Bearer {self.api_key}":
            raise FailureRaised(
                Failure(error_reason_pb2.ERROR_REASON_INVALID_API_KEY, message="Unknown API key.")
            )
        failure = self.take_failure(call.method)
        if failure is not None:
            raise FailureRaised(failure)

    async def once(
        self, scope: str, request_id: str, params: Message, make: Callable[[], Awaitable[_Response]]
    ) -> tuple[_Response, bool]:
        """Make a result once per request id; whether it is a replay comes with it.

        Raises:
            FailureRaised: IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, or from ``make``.
        """
        if not request_id:
            return await make(), False
        key = (scope, request_id)
        fingerprint = params.SerializeToString(deterministic=True)
        if key in self._running:
            reason = error_reason_pb2.ERROR_REASON_IDEMPOTENCY_IN_PROGRESS
            raise FailureRaised(Failure(reason, retry_after_seconds=1.0))
        if key in self._results:
            first, result = self._results[key]
            if first != fingerprint:
                raise FailureRaised(Failure(error_reason_pb2.ERROR_REASON_IDEMPOTENCY_KEY_REUSED))
            return result, True
        self._running.add(key)
        try:
            made = await make()
        finally:
            self._running.discard(key)
        self._results[key] = (fingerprint, made)
        return made, False


def status_of(failure: Failure, request_id: str) -> status_pb2.Status:
    """The status of the real server: one ErrorInfo, and RetryInfo when waiting helps."""
    info = error_details_pb2.ErrorInfo(domain=DOMAIN, reason=failure.reason_name)
    info.metadata.update({"charged_microcredits": "0", **failure.metadata})
    info.metadata["request_id"] = request_id
    status = status_pb2.Status(code=failure.code, message=failure.message)
    status.details.add().Pack(info)
    if failure.retry_after_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(failure.retry_after_seconds * 1e9))
        status.details.add().Pack(retry)
    return status


async def abort(context: "Context[Any, Any]", failure: Failure, request_id: str) -> NoReturn:
    """End a call with a failure."""
    details = status_of(failure, request_id).SerializeToString()
    await context.abort(
        REASONS[failure.reason].code,
        failure.message,
        ((DETAILS_KEY, details), ("x-request-id", request_id)),
    )
