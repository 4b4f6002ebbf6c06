"""The adapter for any vendor of the dialect.

What a vendor adds is its name, address and ``DialectProfile``; see ``providers/openai.py``.
"""

from collections.abc import Mapping
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
from tokensmith_server.providers.capabilities import check_capabilities
from tokensmith_server.providers.http import HTTPSender
from tokensmith_server.providers.http_chat import HTTPChatProvider, StreamReader, UpstreamRequest
from tokensmith_server.providers.media_address import PUBLIC_HTTPS
from tokensmith_server.providers.media_fetch import MediaFetcher
from tokensmith_server.providers.media_types import InlineMedia
from tokensmith_server.providers.named_images import fetch_named_images
from tokensmith_server.providers.openai_dialect.check import check_dialect
from tokensmith_server.providers.openai_dialect.errors import error_from_body, read_error_facts
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
from tokensmith_server.providers.openai_dialect.request import build_chat_request
from tokensmith_server.providers.openai_dialect.response import ParsedChat, parse_chat_response
from tokensmith_server.providers.openai_dialect.stream import ChatStreamParser
from tokensmith_server.providers.redaction import Redactor
from tokensmith_server.providers.sse import SSEDecoder

_NO_MEDIA: Final[Mapping[str, InlineMedia]] = {}


class OpenAIDialectProvider(HTTPChatProvider[ParsedChat, ChatStreamParser]):
    """Chat with one vendor that speaks the dialect. One instance serves the whole process."""

    def __init__(
        self,
        name: str,
        profile: DialectProfile,
        *,
        base_url: URL,
        settings: ProviderSettings,
        session: aiohttp.ClientSession,
        fetcher: MediaFetcher | None = None,
    ) -> None:
        """Fix address and credentials. ``base_url`` is what ``/chat/completions`` is put behind.

        ``fetcher`` is for a profile whose vendor is not to fetch images.

        Raises:
            ValueError: the API key has characters that no header can hold.
        """
        key = (settings.api_key or "").strip()
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        super().__init__(name, HTTPSender(session, headers), Redactor([key]))
        self._profile = profile
        self._endpoint = base_url / "chat" / "completions"
        self._fetcher = None if profile.fetches_images else fetcher or MediaFetcher()

    def check_chat(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
        """Refuse what the model or this vendor's wire format cannot do.

        Raises:
            ProviderError: kind INVALID_REQUEST with ``param`` and ``allowed``.
        """
        check_capabilities(params, model)
        policy = PUBLIC_HTTPS if self._fetcher is None else self._fetcher.policy
        check_dialect(params, model, self._profile, policy)

    async def _build(self, call: ChatCall, *, stream: bool) -> UpstreamRequest:
        media, timeouts = _NO_MEDIA, call.timeouts
        if self._fetcher is not None:
            media, timeouts = await fetch_named_images(self._fetcher, call)
        body = build_chat_request(
            call.params,
            self._profile,
            upstream_model=call.route.upstream_id,
            output_cap_tokens=call.output_cap_tokens,
            stream=stream,
            media=media,
        )
        return UpstreamRequest(self._endpoint, body, timeouts)

    def _parse(self, body: bytes, call: ChatCall) -> ParsedChat:
        return parse_chat_response(body, self._profile, redact=self._redact)

    def _new_reader(self, call: ChatCall) -> StreamReader[ChatStreamParser]:
        choice_count = call.params.choice_count or 1
        parser = ChatStreamParser(self._profile, choice_count=choice_count, redact=self._redact)
        decoder = SSEDecoder()

        def take(data: bytes) -> ChatBatch | None:
            events = decoder.feed(data)
            return parser.feed(events.payloads, events.names) if events.payloads else None

        return StreamReader(parser, take, decoder.flush)

    def _error(
        self, status: int, body: bytes, *, retry_after_seconds: float | None = None
    ) -> ProviderError:
        return error_from_body(
            status,
            body,
            self._profile,
            redact=self._redact,
            retry_after_seconds=retry_after_seconds,
        )

    def _says_error(self, body: bytes) -> bool:
        return bool(read_error_facts(body).message)
