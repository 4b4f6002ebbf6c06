"""The adapter for Gemini, which also fetches what Google would not."""

from typing import Final

import aiohttp
from yarl import URL

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatCall,
    ProviderError,
    ProviderSettings,
)
from tokensmith_server.providers.capabilities import check_capabilities, refuse
from tokensmith_server.providers.gemini.check import check_gemini, check_image_type
from tokensmith_server.providers.gemini.errors import error_from_body, read_error_facts
from tokensmith_server.providers.gemini.request import build_chat_request
from tokensmith_server.providers.gemini.response import ParsedChat, parse_chat_response
from tokensmith_server.providers.gemini.stream import ChatStreamParser
from tokensmith_server.providers.http import HTTPSender, parse_base_url
from tokensmith_server.providers.http_chat import HTTPChatProvider, StreamReader, UpstreamRequest
from tokensmith_server.providers.media_fetch import MediaFetcher
from tokensmith_server.providers.named_images import fetch_named_images
from tokensmith_server.providers.redaction import Redactor, request_id_or_none
from tokensmith_server.providers.sse import SSEDecoder

NAME: Final = "gemini"
BASE_URL: Final = "https://generativelanguage.googleapis.com"

_API_VERSION: Final = "v1beta"


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


class GeminiProvider(HTTPChatProvider[ParsedChat, ChatStreamParser]):
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
        key = (settings.api_key or "").strip()
        headers = {"Content-Type": "application/json"}
        if key:
            # Never the query's ``key``: addresses end up in logs.
            headers["x-goog-api-key"] = key
        super().__init__(name, HTTPSender(session, headers), Redactor([key]))
        self._models = base_url / "models"
        self._fetcher = fetcher

    def check_chat(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
        """Refuse what the model or Gemini's wire format cannot do.

        Raises:
            ProviderError: kind INVALID_REQUEST with ``param`` and ``allowed``.
        """
        check_capabilities(params, model)
        check_gemini(params, model, self._fetcher.policy)

    async def _build(self, call: ChatCall, *, stream: bool) -> UpstreamRequest:
        text = call.model.text
        if text is None:
            refuse(f"`{call.model.id}` is not a chat model.", "model")
        media, timeouts = await fetch_named_images(self._fetcher, call, check=check_image_type)
        body = build_chat_request(
            call.params,
            text.capabilities,
            output_cap_tokens=call.output_cap_tokens,
            media=media,
        )
        return UpstreamRequest(self._url(call.route.upstream_id, stream=stream), body, timeouts)

    def _url(self, model: str, *, stream: bool) -> URL:
        if stream:
            return (self._models / f"{model}:streamGenerateContent").with_query(alt="sse")
        return self._models / f"{model}:generateContent"

    def _parse(self, body: bytes, call: ChatCall) -> ParsedChat:
        return parse_chat_response(body, redact=self._redact)

    def _new_reader(self, call: ChatCall) -> StreamReader[ChatStreamParser]:
        choice_count = call.params.choice_count or 1
        parser = ChatStreamParser(choice_count=choice_count, redact=self._redact)
        decoder = SSEDecoder()

        def take(data: bytes) -> ChatBatch | None:
            events = decoder.feed(data)
            return parser.feed(events.payloads) if events.payloads else None

        return StreamReader(parser, take, decoder.flush)

    def _error(
        self, status: int, body: bytes, *, retry_after_seconds: float | None = None
    ) -> ProviderError:
        return error_from_body(
            status, body, redact=self._redact, retry_after_seconds=retry_after_seconds
        )

    def _says_error(self, body: bytes) -> bool:
        return bool(read_error_facts(body).message)

    def id_within(self, answer: ParsedChat | ChatStreamParser) -> str | None:
        """Google names an exchange in the body alone."""
        return request_id_or_none(answer.response_id)
