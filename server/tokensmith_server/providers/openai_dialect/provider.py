"""The adapter for any vendor of the dialect: build, send, parse.

What a vendor adds is its name, address and ``DialectProfile``; see ``providers/openai.py``. Log
lines hold names, statuses and ids, and never a vendor's words, since those may repeat a prompt.
"""

import aiohttp
import structlog
from yarl import URL

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatCall,
    ChatResult,
    Phase,
    ProviderError,
    ProviderSettings,
    UpstreamFacts,
)
from tokensmith_server.providers.capabilities import check_capabilities
from tokensmith_server.providers.http import HTTPSender, OpenAnswer, retry_after_seconds
from tokensmith_server.providers.openai_dialect.check import check_dialect
from tokensmith_server.providers.openai_dialect.errors import (
    error_from_body,
    malformed,
    read_error_facts,
)
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
from tokensmith_server.providers.openai_dialect.request import build_chat_request
from tokensmith_server.providers.openai_dialect.response import parse_chat_response
from tokensmith_server.providers.openai_dialect.stream import ChatStreamParser
from tokensmith_server.providers.redaction import Redactor
from tokensmith_server.providers.sse import SSEDecoder, SSELimitExceeded

_log = structlog.get_logger(__name__)


class OpenAIDialectProvider:
    """Chat with one vendor that speaks the dialect. One instance serves the whole process."""

    def __init__(
        self,
        name: str,
        profile: DialectProfile,
        *,
        base_url: URL,
        settings: ProviderSettings,
        session: aiohttp.ClientSession,
    ) -> None:
        """Fix address and credentials. ``base_url`` is what ``/chat/completions`` is put behind.

        Raises:
            ValueError: the API key has characters that no header can hold.
        """
        self.name = name
        self._profile = profile
        self._endpoint = base_url / "chat" / "completions"
        key = (settings.api_key or "").strip()
        self._redact = Redactor([key])
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._sender = HTTPSender(session, headers)

    def check_chat(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
        """Refuse what the model or this vendor's wire format cannot do.

        Raises:
            ProviderError: kind INVALID_REQUEST with ``param`` and ``allowed``.
        """
        check_capabilities(params, model)
        check_dialect(params, model, self._profile)

    async def complete_chat(self, call: ChatCall) -> ChatResult:
        """Make a call that is answered whole.

        Raises:
            ProviderError: any kind.
        """
        answer = await self._send(call, stream=False)
        try:
            body = await answer.read_all()
            parsed = parse_chat_response(body, self._profile, redact=self._redact)
        except ProviderError as error:
            error.upstream_request_id = answer.request_id
            self._log_failure(error, call)
            raise
        finally:
            answer.close()
        self._log_usage_problem(parsed.usage.problem, call, answer.request_id)
        facts = UpstreamFacts(answer.status, answer.request_id, parsed.returned_model)
        return ChatResult(parsed.completion, parsed.usage.usage, facts)

    async def stream_chat(self, call: ChatCall) -> "OpenAIChatStream":
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

    def new_parser(self, call: ChatCall) -> ChatStreamParser:
        """Make the parser for one stream of this vendor."""
        choice_count = call.params.choice_count or 1
        return ChatStreamParser(self._profile, choice_count=choice_count, redact=self._redact)

    async def _send(self, call: ChatCall, *, stream: bool) -> OpenAnswer:
        """Send a call and return the answer if its status is 200."""
        body = build_chat_request(
            call.params,
            self._profile,
            upstream_model=call.route.upstream_id,
            output_cap_tokens=call.output_cap_tokens,
            stream=stream,
        )
        try:
            answer = await self._sender.post(self._endpoint, body, call.timeouts)
        except ProviderError as error:
            self._log_failure(error, call)
            raise
        if answer.status == 200:
            return answer
        refusal = error_from_body(
            answer.status,
            await answer.read_error_body(),
            self._profile,
            redact=self._redact,
            retry_after_seconds=retry_after_seconds(answer.headers),
            upstream_request_id=answer.request_id,
        )
        self._log_failure(refusal, call)
        raise refusal

    async def _open_stream(self, call: ChatCall, answer: OpenAnswer) -> "OpenAIChatStream":
        if answer.content_type != "text/event-stream":
            raise await self._no_stream(answer)
        stream = OpenAIChatStream(self, call, answer)
        await stream.open()
        return stream

    async def _no_stream(self, answer: OpenAnswer) -> ProviderError:
        """Make the error of a 200 that is no stream: xAI says so with a JSON error."""
        body = await answer.read_error_body()
        if read_error_facts(body).message:
            return error_from_body(200, body, self._profile, redact=self._redact)
        return malformed("The provider's answer is not a stream.")

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

    def log_stream_end(self, parser: ChatStreamParser, call: ChatCall, answer: OpenAnswer) -> None:
        """Log what went wrong with a stream, if anything did, and is not raised by its opening."""
        if parser.failure is not None and parser.failure.phase is Phase.STREAMING:
            self._log_failure(parser.failure, call)
        self._log_usage_problem(parser.usage_problem, call, answer.request_id)


class OpenAIChatStream:
    """An open stream; iterate it, and close it if it is not iterated to its end."""

    def __init__(self, provider: OpenAIDialectProvider, call: ChatCall, answer: OpenAnswer) -> None:
        self.facts = UpstreamFacts(answer.status, answer.request_id)
        self._provider = provider
        self._call = call
        self._answer = answer
        self._decoder = SSEDecoder()
        self._parser = provider.new_parser(call)
        self._first: ChatBatch | None = None
        self._ended = False

    async def open(self) -> None:
        """Wait for the first batch.

        Raises:
            ProviderError: the stream failed before there was one.
        """
        self._first = await self._next_batch()
        if self._first is None and self._parser.failure is not None:
            raise self._parser.failure
        if self._first is not None and self._first.returned_model:
            self.facts = UpstreamFacts(
                self._answer.status, self._answer.request_id, self._first.returned_model
            )

    def __aiter__(self) -> "OpenAIChatStream":
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
            failure.upstream_request_id = self._answer.request_id
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
        parser = self._parser
        try:
            data = await self._answer.read_some()
            if not data:
                return parser.finish(self._decoder.flush())
            events = self._decoder.feed(data)
        except ProviderError as error:
            parser.interrupt(error)
            return None
        except SSELimitExceeded:
            parser.interrupt(malformed("The provider sent a frame that is too large."))
            return None
        return parser.feed(events.payloads, events.names) if events.payloads else None

    def _end(self) -> None:
        self._ended = True
        if self._parser.failure is None:
            self._answer.finish()
        else:
            self._answer.close()
        self._provider.log_stream_end(self._parser, self._call, self._answer)
