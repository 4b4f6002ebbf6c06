"""The adapter for Anthropic: build, send, parse.

Log lines hold names, statuses and ids, and never the vendor's words, since those may repeat a
prompt.
"""

from typing import Final

import aiohttp
import structlog

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities, ModelSpec
from tokensmith_server.providers.anthropic.check import check_anthropic, without_defaults
from tokensmith_server.providers.anthropic.errors import (
    error_from_body,
    malformed,
    read_error_facts,
)
from tokensmith_server.providers.anthropic.frames import FrameReader
from tokensmith_server.providers.anthropic.memory import ThinkingMemory
from tokensmith_server.providers.anthropic.profile import API_VERSION, BASE_URL, NAME
from tokensmith_server.providers.anthropic.request import build_request, wants_json_object
from tokensmith_server.providers.anthropic.response import parse_answer
from tokensmith_server.providers.anthropic.stream import MessagesStreamParser
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
from tokensmith_server.providers.http import (
    HTTPSender,
    OpenAnswer,
    parse_base_url,
    retry_after_seconds,
)
from tokensmith_server.providers.redaction import Redactor
from tokensmith_server.providers.sse import SSELimitExceeded

_log = structlog.get_logger(__name__)
_NO_CAPABILITIES: Final = Capabilities()


def create(
    settings: ProviderSettings, session: aiohttp.ClientSession, name: str = NAME
) -> "AnthropicProvider":
    """Create the adapter; a host of the overlay file has a ``name`` of its own.

    Raises:
        ValueError: the base URL or the key cannot be used; neither is repeated.
    """
    return AnthropicProvider(settings, session, name)


class AnthropicProvider:
    """Chat with Claude. One instance serves the whole process."""

    def __init__(
        self, settings: ProviderSettings, session: aiohttp.ClientSession, name: str
    ) -> None:
        """Fix address and credentials.

        Raises:
            ValueError: the base URL or the key cannot be used; neither is repeated.
        """
        self.name = name
        self._endpoint = parse_base_url(settings.base_url or BASE_URL) / "v1" / "messages"
        key = (settings.api_key or "").strip()
        self._redact = Redactor([key])
        headers = {"Content-Type": "application/json", "anthropic-version": API_VERSION}
        if key:
            headers["x-api-key"] = key
        self._sender = HTTPSender(session, headers)
        self._memory = ThinkingMemory()

    def check_chat(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
        """Refuse what the model or the Messages API cannot do.

        Raises:
            ProviderError: kind INVALID_REQUEST with ``param`` and ``allowed``.
        """
        asked = without_defaults(params)
        check_capabilities(asked, model)
        check_anthropic(asked, model)

    async def complete_chat(self, call: ChatCall) -> ChatResult:
        """Make a call that is answered whole.

        Raises:
            ProviderError: any kind.
        """
        answer = await self._send(call, stream=False)
        try:
            body = await answer.read_all()
            parsed = parse_answer(
                body,
                upstream_model=call.route.upstream_id,
                json_object=wants_json_object(call.params),
                redact=self._redact,
            )
        except ProviderError as error:
            error.upstream_request_id = answer.request_id
            self._log_failure(error, call)
            raise
        finally:
            answer.close()
        self._log_usage_problem(parsed.usage.problem, call, answer.request_id)
        self._memory.remember(call.route.upstream_id, parsed.blocks)
        facts = UpstreamFacts(answer.status, answer.request_id, parsed.returned_model)
        return ChatResult(parsed.completion, parsed.usage.usage, facts)

    async def stream_chat(self, call: ChatCall) -> "AnthropicChatStream":
        """Make a call that is answered in parts, and wait for the first content.

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

    def new_parser(self, call: ChatCall) -> MessagesStreamParser:
        """Make the parser for one stream."""
        return MessagesStreamParser(
            upstream_model=call.route.upstream_id,
            json_object=wants_json_object(call.params),
            redact=self._redact,
        )

    async def _send(self, call: ChatCall, *, stream: bool) -> OpenAnswer:
        """Send a call and return the answer if its status is 200."""
        request = build_request(
            call.params,
            call.model.text.capabilities if call.model.text else _NO_CAPABILITIES,
            upstream_model=call.route.upstream_id,
            output_cap_tokens=call.output_cap_tokens,
            stream=stream,
            memory=self._memory,
        )
        if request.thinking_dropped:
            _log.info("upstream_thinking_dropped", upstream_model=call.route.upstream_id)
        try:
            answer = await self._sender.post(self._endpoint, request.body, call.timeouts)
        except ProviderError as error:
            self._log_failure(error, call)
            raise
        if answer.status == 200:
            return answer
        refusal = error_from_body(
            answer.status,
            await answer.read_error_body(),
            redact=self._redact,
            retry_after_seconds=retry_after_seconds(answer.headers),
            upstream_request_id=answer.request_id,
        )
        self._log_failure(refusal, call)
        raise refusal

    async def _open_stream(self, call: ChatCall, answer: OpenAnswer) -> "AnthropicChatStream":
        if answer.content_type != "text/event-stream":
            raise await self._no_stream(answer)
        stream = AnthropicChatStream(self, call, answer)
        await stream.open()
        return stream

    async def _no_stream(self, answer: OpenAnswer) -> ProviderError:
        """Make the error of a 200 that is no stream."""
        body = await answer.read_error_body()
        if read_error_facts(body).message:
            return error_from_body(200, body, redact=self._redact)
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

    def end_stream(self, parser: MessagesStreamParser, call: ChatCall, answer: OpenAnswer) -> None:
        """Remember what must come back of a stream, and log what went wrong with it.

        A failure that the stream's opening raises is logged there.
        """
        if parser.failure is None and parser.turn.thinks:
            self._memory.remember(call.route.upstream_id, parser.turn.blocks())
        elif parser.failure is not None and parser.failure.phase is Phase.STREAMING:
            self._log_failure(parser.failure, call)
        self._log_usage_problem(parser.usage_problem, call, answer.request_id)


class AnthropicChatStream:
    """An open stream; iterate it, and close it if it is not iterated to its end."""

    def __init__(self, provider: AnthropicProvider, call: ChatCall, answer: OpenAnswer) -> None:
        self.facts = UpstreamFacts(answer.status, answer.request_id)
        self._provider = provider
        self._call = call
        self._answer = answer
        self._frames = FrameReader()
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

    def __aiter__(self) -> "AnthropicChatStream":
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
                return parser.finish(self._frames.flush())
            payloads = self._frames.feed(data)
        except ProviderError as error:
            parser.interrupt(error)
            return None
        except SSELimitExceeded:
            parser.interrupt(malformed("The provider sent an event that is too large."))
            return None
        return parser.feed(payloads) if payloads else None

    def _end(self) -> None:
        self._ended = True
        if self._parser.failure is None:
            self._answer.finish()
        else:
            self._answer.close()
        self._provider.end_stream(self._parser, self._call, self._answer)
