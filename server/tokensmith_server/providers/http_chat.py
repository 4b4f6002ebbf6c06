"""Chat over HTTP, answered whole or as server-sent events: what the adapters of all dialects share.

A dialect says how a request is built, an answer parsed and an error read; sending, opening a
stream, reading it, and what is logged are here. Log lines hold names, statuses and ids, and never a
vendor's words, since those may repeat a prompt.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import structlog
from yarl import URL

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.value import value
from tokensmith_server.catalog.model import ModelSpec, Route
from tokensmith_server.providers.answers import UsageReading, malformed
from tokensmith_server.providers.base import (
    NOTHING_RECALLED,
    ChatBatch,
    ChatCall,
    ChatResult,
    Phase,
    ProviderError,
    RecalledInput,
    Timeouts,
    UpstreamFacts,
)
from tokensmith_server.providers.http import (
    HTTPSender,
    OpenAnswer,
    should_retry,
)
from tokensmith_server.providers.rate_limit_headers import wait_seconds
from tokensmith_server.providers.redaction import Redactor, model_or_none
from tokensmith_server.providers.sse import SSELimitExceeded

_log = structlog.get_logger(__name__)


class ParsedChat(Protocol):
    """A whole answer as a dialect's parser returns it."""

    @property
    def completion(self) -> chat_pb.ChatCompletion:
        """The answer; id, model, time and usage are set by whoever asked."""
        ...

    @property
    def usage(self) -> UsageReading:
        """What it used."""
        ...

    @property
    def returned_model(self) -> str | None:
        """Which model the vendor says has answered."""
        ...


class StreamParser(Protocol):
    """A dialect's parser of one stream.

    After each call look at ``failure`` first (deliver the batch, then raise it), then at ``done``.
    """

    done: bool
    failure: ProviderError | None
    usage_problem: str | None

    def finish(self, incomplete: bytes | None = None) -> ChatBatch | None:
        """End a stream whose bytes have ended, perhaps with an ``incomplete`` event."""
        ...

    def interrupt(self, error: ProviderError) -> ChatBatch | None:
        """End a stream that broke off."""
        ...


P = TypeVar("P", bound=ParsedChat)
S = TypeVar("S", bound=StreamParser)


@value
class UpstreamRequest:
    """What to send and where; ``timeouts`` are what is left of the call's."""

    url: URL
    body: bytes
    timeouts: Timeouts


@value
class StreamReader(Generic[S]):
    """A stream's parser with what feeds it.

    ``take`` decodes and parses the bytes of one read; ``flush`` returns an event that lacked its
    end.
    """

    parser: S
    take: Callable[[bytes], ChatBatch | None]
    flush: Callable[[], bytes | None]


class HTTPChatProvider(ABC, Generic[P, S]):
    """Chat with one vendor. One instance serves the whole process."""

    def __init__(self, name: str, sender: HTTPSender, redact: Redactor) -> None:
        self.name = name
        self._sender = sender
        self._redact = redact

    @abstractmethod
    def check_chat(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
        """Refuse what the model or the vendor's wire format cannot do.

        Raises:
            ProviderError: kind INVALID_REQUEST with ``param`` and ``allowed``.
        """

    def recalled_input(
        self, params: chat_pb.ChatCompletionParams, model: ModelSpec, route: Route, scope: str
    ) -> RecalledInput:
        """What is added to a prompt from earlier answers: nothing, where nothing is remembered."""
        return NOTHING_RECALLED

    @abstractmethod
    async def _build(self, call: ChatCall, *, stream: bool) -> UpstreamRequest:
        """Build the request, fetching first what must be part of it.

        Raises:
            ProviderError: it can't be built; nothing was sent.
        """

    @abstractmethod
    def _parse(self, body: bytes, call: ChatCall) -> P:
        """Parse the body of a 200.

        Raises:
            ProviderError: it is an error after all, or makes no sense.
        """

    @abstractmethod
    def _new_reader(self, call: ChatCall) -> StreamReader[S]:
        """Make what reads one stream."""

    @abstractmethod
    def _error(
        self, status: int, body: bytes, *, retry_after_seconds: float | None = None
    ) -> ProviderError:
        """Make the error of an answer that is no success."""

    @abstractmethod
    def _says_error(self, body: bytes) -> bool:
        """Whether a body is an error in the dialect, whatever its status."""

    def id_within(self, answer: P | S) -> str | None:
        """The vendor's id of an answer or stream, where its body has one and no header does."""
        return None

    def _remember(self, call: ChatCall, answer: P | S) -> None:
        """Keep what of an answer, or of a stream that ended well, must come back later."""

    async def complete_chat(self, call: ChatCall) -> ChatResult:
        """Make a call that is answered whole.

        Raises:
            ProviderError: any kind.
        """
        answer = await self._send(call, stream=False)
        try:
            parsed = self._parse(await answer.read_all(), call)
        except ProviderError as error:
            error.upstream_request_id = answer.request_id
            self._log_failure(error, call)
            raise
        finally:
            answer.close()
        request_id = answer.request_id or self.id_within(parsed)
        self._log_usage_problem(parsed.usage.problem, call, request_id)
        self._remember(call, parsed)
        facts = UpstreamFacts(answer.status, request_id, model_or_none(parsed.returned_model))
        return ChatResult(parsed.completion, parsed.usage.usage, facts)

    async def stream_chat(self, call: ChatCall) -> "HTTPChatStream[P, S]":
        """Make a call that is answered in parts, and wait for the first one.

        Raises:
            ProviderError: any kind; phase is not STREAMING.
        """
        answer = await self._send(call, stream=True)
        try:
            stream = await self._open_stream(call, answer)
        except BaseException as error:
            answer.close()
            if isinstance(error, ProviderError):
                error.upstream_request_id = answer.request_id
                self._log_failure(error, call)
            raise
        return stream

    async def close(self) -> None:
        """Do nothing: the session belongs to whoever made it."""

    async def _send(self, call: ChatCall, *, stream: bool) -> OpenAnswer:
        """Send a call and return the answer if its status is 200."""
        try:
            request = await self._build(call, stream=stream)
            answer = await self._sender.post(request.url, request.body, request.timeouts)
        except ProviderError as error:
            self._log_failure(error, call)
            raise
        if answer.status == 200:
            return answer
        refusal = self._error(
            answer.status,
            await answer.read_error_body(),
            retry_after_seconds=wait_seconds(answer.status, answer.headers),
        )
        refusal.upstream_request_id = answer.request_id
        refusal.should_retry = should_retry(answer.headers)
        self._log_failure(refusal, call)
        raise refusal

    async def _open_stream(self, call: ChatCall, answer: OpenAnswer) -> "HTTPChatStream[P, S]":
        if answer.content_type != "text/event-stream":
            raise await self._no_stream(answer)
        stream = HTTPChatStream(self, call, answer, self._new_reader(call))
        await stream.open()
        return stream

    async def _no_stream(self, answer: OpenAnswer) -> ProviderError:
        """Make the error of a 200 that is no stream; some vendors say with one what went wrong."""
        body = await answer.read_error_body()
        if self._says_error(body):
            return self._error(200, body)
        return malformed("The provider's answer is not a stream.")

    def stream_ended(self, parser: S, call: ChatCall, request_id: str | None) -> None:
        """Remember what must come back of a stream, and log what went wrong with it.

        A failure that the stream's opening raises is logged there.
        """
        if parser.failure is None:
            self._remember(call, parser)
        elif parser.failure.phase is Phase.STREAMING:
            self._log_failure(parser.failure, call)
        self._log_usage_problem(parser.usage_problem, call, request_id)

    def _log_failure(self, error: ProviderError, call: ChatCall) -> None:
        _log.warning(
            "upstream_call_failed",
            provider=self.name,
            upstream_model=call.route.upstream_id,
            kind=error.kind.value,
            phase=error.phase.value,
            http_status=error.http_status,
            code=error.code,
            upstream_request_id=error.upstream_request_id,
        )

    def _log_usage_problem(
        self, problem: str | None, call: ChatCall, upstream_request_id: str | None
    ) -> None:
        if problem is not None:
            _log.warning(
                "upstream_usage_unusable",
                provider=self.name,
                upstream_model=call.route.upstream_id,
                problem=problem,
                upstream_request_id=upstream_request_id,
            )


class HTTPChatStream(Generic[P, S]):
    """An open stream; iterate it, and close it if it is not iterated to its end."""

    def __init__(
        self,
        provider: HTTPChatProvider[P, S],
        call: ChatCall,
        answer: OpenAnswer,
        reader: StreamReader[S],
    ) -> None:
        self.facts = UpstreamFacts(answer.status, answer.request_id)
        self._provider = provider
        self._call = call
        self._answer = answer
        self._reader = reader
        self._parser = reader.parser
        self._first: ChatBatch | None = None
        self._ended = False

    async def open(self) -> None:
        """Wait for the first batch.

        Raises:
            ProviderError: the stream failed before there was one.
        """
        first = self._first = await self._next_batch()
        if first is None and self._parser.failure is not None:
            raise self._parser.failure
        returned_model = model_or_none(first.returned_model) if first is not None else None
        self.facts = UpstreamFacts(self._answer.status, self._request_id, returned_model)

    @property
    def _request_id(self) -> str | None:
        return self._answer.request_id or self._provider.id_within(self._parser)

    def __aiter__(self) -> "HTTPChatStream[P, S]":
        return self

    async def __anext__(self) -> ChatBatch:
        batch = self._first
        if batch is not None:
            self._first = None
            return batch
        batch = await self._next_batch()
        if batch is not None:
            return batch
        failure = self._parser.failure
        if failure is not None:
            failure.upstream_request_id = self._request_id
            raise failure
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Stop and release the connection; safe to call twice."""
        self._ended = True
        self._answer.close()

    async def _next_batch(self) -> ChatBatch | None:
        """Return what the next reads hold; ``None`` once the stream has ended, well or badly."""
        while not self._ended:
            batch = await self._read()
            if self._parser.done or self._parser.failure is not None:
                self._end()
            if batch is not None:
                self._answer.mark_streaming()
                return batch
        return None

    async def _read(self) -> ChatBatch | None:
        reader = self._reader
        try:
            data = await self._answer.read_some()
            if not data:
                return self._parser.finish(reader.flush())
            return reader.take(data)
        except ProviderError as error:
            return self._parser.interrupt(error)
        except SSELimitExceeded:
            return self._parser.interrupt(
                malformed("The provider sent an event that is too large.")
            )

    def _end(self) -> None:
        self._ended = True
        if self._parser.failure is None:
            self._answer.finish()
        else:
            self._answer.close()
        self._provider.stream_ended(self._parser, self._call, self._request_id)
