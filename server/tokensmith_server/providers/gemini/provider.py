"""The adapter for Gemini: fetch what must be fetched, build, send, parse.

Log lines hold names, statuses and ids, and never Google's words, since those may repeat a prompt.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import aiohttp
import structlog
from yarl import URL

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatCall,
    ChatResult,
    ErrorKind,
    Phase,
    ProviderError,
    ProviderSettings,
    UpstreamFacts,
)
from tokensmith_server.providers.capabilities import check_capabilities, refuse
from tokensmith_server.providers.gemini.check import check_gemini, check_image_type
from tokensmith_server.providers.gemini.contents import image_urls
from tokensmith_server.providers.gemini.errors import (
    error_from_body,
    malformed,
    read_error_facts,
)
from tokensmith_server.providers.gemini.request import build_chat_request
from tokensmith_server.providers.gemini.response import parse_chat_response
from tokensmith_server.providers.gemini.stream import ChatStreamParser
from tokensmith_server.providers.http import (
    HTTPSender,
    OpenAnswer,
    parse_base_url,
    retry_after_seconds,
)
from tokensmith_server.providers.media_fetch import MediaFetcher
from tokensmith_server.providers.media_types import InlineMedia, MediaRefused
from tokensmith_server.providers.redaction import Redactor, request_id_or_none
from tokensmith_server.providers.sse import SSEDecoder, SSELimitExceeded

NAME: Final = "gemini"
BASE_URL: Final = "https://generativelanguage.googleapis.com"

_API_VERSION: Final = "v1beta"
_NO_MEDIA: Final[Mapping[str, InlineMedia]] = {}
_TOTAL_SECONDS_MIN: Final = 0.001

_log = structlog.get_logger(__name__)


def create(
    settings: ProviderSettings, session: aiohttp.ClientSession, name: str = NAME
) -> "GeminiProvider":
    """Create the adapter; a host of the overlay file has a ``name`` of its own.

    The base URL is the host's root; one that already ends with an API version is taken as it is.

    Raises:
        ValueError: the base URL or the key cannot be used; neither is repeated.
    """
    root = parse_base_url(settings.base_url or BASE_URL)
    versioned = root.path.rstrip("/").endswith(("/v1beta", "/v1", "/v1alpha"))
    return GeminiProvider(
        root if versioned else root / _API_VERSION, settings, session, MediaFetcher(), name
    )


class GeminiProvider:
    """Chat with Gemini models. One instance serves the whole process."""

    def __init__(
        self,
        base_url: URL,
        settings: ProviderSettings,
        session: aiohttp.ClientSession,
        fetcher: MediaFetcher,
        name: str = NAME,
    ) -> None:
        """Fix address and credentials. ``base_url`` is what ``/models/…`` is put behind.

        Raises:
            ValueError: the API key has characters that no header can hold.
        """
        self.name = name
        self._models = base_url / "models"
        key = (settings.api_key or "").strip()
        self._redact = Redactor([key])
        headers = {"Content-Type": "application/json"}
        if key:
            # Never the query's ``key``: addresses end up in logs.
            headers["x-goog-api-key"] = key
        self._sender = HTTPSender(session, headers)
        self._fetcher = fetcher

    def check_chat(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
        """Refuse what the model or Gemini's wire format cannot do.

        Raises:
            ProviderError: kind INVALID_REQUEST with ``param`` and ``allowed``.
        """
        check_capabilities(params, model)
        check_gemini(params, model, self._fetcher.policy)

    async def complete_chat(self, call: ChatCall) -> ChatResult:
        """Make a call that is answered whole.

        Raises:
            ProviderError: any kind.
        """
        answer = await self._send(call, "generateContent")
        try:
            parsed = parse_chat_response(await answer.read_all(), redact=self._redact)
        except ProviderError as error:
            error.upstream_request_id = answer.request_id
            self._log_failure(error, call)
            raise
        finally:
            answer.close()
        request_id = answer.request_id or request_id_or_none(parsed.response_id)
        self.log_usage_problem(parsed.usage.problem, call, request_id)
        facts = UpstreamFacts(answer.status, request_id, parsed.returned_model)
        return ChatResult(parsed.completion, parsed.usage.usage, facts)

    async def stream_chat(self, call: ChatCall) -> "GeminiChatStream":
        """Make a call that is answered in parts, and wait for the first one.

        Raises:
            ProviderError: any kind; phase is not STREAMING.
        """
        answer = await self._send(call, "streamGenerateContent", alt="sse")
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

    async def _send(self, call: ChatCall, method: str, **query: str) -> OpenAnswer:
        """Send a call and return the answer if its status is 200."""
        text = call.model.text
        if text is None:
            refuse(f"`{call.model.id}` is not a chat model.", "model")
        started_at = asyncio.get_running_loop().time()
        media = await self._media(call)
        body = build_chat_request(
            call.params,
            text.capabilities,
            output_cap_tokens=call.output_cap_tokens,
            media=media,
        )
        spent_seconds = asyncio.get_running_loop().time() - started_at
        left_seconds = max(call.timeouts.total_seconds - spent_seconds, _TOTAL_SECONDS_MIN)
        timeouts = replace(call.timeouts, total_seconds=left_seconds) if media else call.timeouts
        url = (self._models / f"{call.route.upstream_id}:{method}").with_query(query)
        try:
            answer = await self._sender.post(url, body, timeouts)
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
        )
        refusal.upstream_request_id = answer.request_id
        self._log_failure(refusal, call)
        raise refusal

    async def _media(self, call: ChatCall) -> Mapping[str, InlineMedia]:
        """Fetch the images that the messages name by address.

        Raises:
            ProviderError: one can't be had: the client's to mend, and nothing was sent.
        """
        places = list(image_urls(call.params.messages))
        if not places:
            return _NO_MEDIA
        fetched = await self._fetcher.fetch_images(
            (url for _, url in places), seconds=call.timeouts.total_seconds
        )
        media: dict[str, InlineMedia] = {}
        for param, url in places:
            try:
                media[url] = _usable(fetched[url])
            except MediaRefused as refusal:
                error = ProviderError(
                    ErrorKind.INVALID_REQUEST,
                    refusal.reason,
                    phase=Phase.CONNECT,
                    param=param,
                    code="invalid_image_url",
                )
                self._log_failure(error, call)
                raise error from None
        return media

    async def _open_stream(self, call: ChatCall, answer: OpenAnswer) -> "GeminiChatStream":
        if answer.content_type != "text/event-stream":
            raise await self._no_stream(answer)
        stream = GeminiChatStream(self, call, answer, self._redact)
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

    def log_usage_problem(
        self, problem: str | None, call: ChatCall, upstream_request_id: str | None
    ) -> None:
        """Log why a reported usage is not billed by, if one is not."""
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
        self.log_usage_problem(parser.usage_problem, call, answer.request_id or parser.response_id)


def _usable(image: InlineMedia | MediaRefused) -> InlineMedia:
    if isinstance(image, MediaRefused):
        raise image
    check_image_type(image)
    return image


class GeminiChatStream:
    """An open stream; iterate it, and close it if it is not iterated to its end."""

    def __init__(
        self, provider: GeminiProvider, call: ChatCall, answer: OpenAnswer, redact: Redactor
    ) -> None:
        self.facts = UpstreamFacts(answer.status, answer.request_id)
        self._provider = provider
        self._call = call
        self._answer = answer
        self._decoder = SSEDecoder()
        self._parser = ChatStreamParser(choice_count=call.params.choice_count or 1, redact=redact)
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
        self.facts = UpstreamFacts(
            self._answer.status,
            self._request_id,
            (self._first.returned_model if self._first else "") or None,
        )

    @property
    def _request_id(self) -> str | None:
        return self._answer.request_id or request_id_or_none(self._parser.response_id)

    def __aiter__(self) -> "GeminiChatStream":
        return self

    async def __anext__(self) -> ChatBatch:
        batch, self._first = self._first, None
        batch = batch or await self._next_batch()
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
        parser = self._parser
        try:
            data = await self._answer.read_some()
            if not data:
                return parser.finish(self._decoder.flush())
            events = self._decoder.feed(data)
        except ProviderError as error:
            return parser.interrupt(error)
        except SSELimitExceeded:
            return parser.interrupt(malformed("The provider sent a frame that is too large."))
        return parser.feed(events.payloads) if events.payloads else None

    def _end(self) -> None:
        self._ended = True
        if self._parser.failure is None:
            self._answer.finish()
        else:
            self._answer.close()
        self._provider.log_stream_end(self._parser, self._call, self._answer)
