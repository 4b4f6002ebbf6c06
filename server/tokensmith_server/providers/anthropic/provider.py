"""The adapter for Anthropic's Messages API."""

from typing import Final

import aiohttp
import structlog

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities, ModelSpec, Route
from tokensmith_server.providers.anthropic.check import check_anthropic, without_defaults
from tokensmith_server.providers.anthropic.errors import error_from_body, read_error_facts
from tokensmith_server.providers.anthropic.frames import FrameReader
from tokensmith_server.providers.anthropic.memory import ThinkingMemory
from tokensmith_server.providers.anthropic.profile import API_VERSION, BASE_URL, NAME
from tokensmith_server.providers.anthropic.recall import Recaller, recalled_input
from tokensmith_server.providers.anthropic.request import build_request, wants_json_object
from tokensmith_server.providers.anthropic.response import ParsedAnswer, parse_answer
from tokensmith_server.providers.anthropic.stream import MessagesStreamParser
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatCall,
    ProviderError,
    ProviderSettings,
    RecalledInput,
)
from tokensmith_server.providers.capabilities import check_capabilities
from tokensmith_server.providers.http import HTTPSender, parse_base_url
from tokensmith_server.providers.http_chat import HTTPChatProvider, StreamReader, UpstreamRequest
from tokensmith_server.providers.redaction import Redactor

_log = structlog.get_logger(__name__)
_NO_CAPABILITIES: Final = Capabilities()


def create(
    settings: ProviderSettings,
    session: aiohttp.ClientSession,
    name: str = NAME,
    *,
    memory: ThinkingMemory | None = None,
) -> "AnthropicProvider":
    """Create the adapter; a host of the overlay file has a ``name`` of its own.

    Adapters for several keys of one host share a ``memory``.

    Raises:
        ValueError: the base URL or the key cannot be used; neither is repeated.
    """
    return AnthropicProvider(settings, session, name, memory or ThinkingMemory())


class AnthropicProvider(HTTPChatProvider[ParsedAnswer, MessagesStreamParser]):
    """Chat with Claude. One instance serves the whole process."""

    def __init__(
        self,
        settings: ProviderSettings,
        session: aiohttp.ClientSession,
        name: str,
        memory: ThinkingMemory,
    ) -> None:
        """Fix address and credentials.

        Raises:
            ValueError: the base URL or the key cannot be used; neither is repeated.
        """
        key = (settings.api_key or "").strip()
        headers = {"Content-Type": "application/json", "anthropic-version": API_VERSION}
        if key:
            headers["x-api-key"] = key
        super().__init__(name, HTTPSender(session, headers), Redactor([key]))
        self._endpoint = parse_base_url(settings.base_url or BASE_URL) / "v1" / "messages"
        self._memory = memory

    def check_chat(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
        """Refuse what the model or the Messages API cannot do.

        Raises:
            ProviderError: kind INVALID_REQUEST with ``param`` and ``allowed``.
        """
        asked = without_defaults(params)
        check_capabilities(asked, model)
        check_anthropic(asked, model)

    def recalled_input(
        self, params: chat_pb.ChatCompletionParams, model: ModelSpec, route: Route, scope: str
    ) -> RecalledInput:
        """What of earlier thinking comes back with the tool calls that it led to."""
        return recalled_input(
            params,
            model.text.capabilities if model.text else _NO_CAPABILITIES,
            upstream_model=route.upstream_id,
            memory=self._memory,
            scope=scope,
        )

    async def _build(self, call: ChatCall, *, stream: bool) -> UpstreamRequest:
        request = build_request(
            call.params,
            call.model.text.capabilities if call.model.text else _NO_CAPABILITIES,
            upstream_model=call.route.upstream_id,
            output_cap_tokens=call.output_cap_tokens,
            stream=stream,
            recall=Recaller(
                self._memory, call.scope, call.route.upstream_id, call.recalled_bytes_maximum
            ),
        )
        if request.thinking_dropped:
            _log.info("upstream_thinking_dropped", upstream_model=call.route.upstream_id)
        return UpstreamRequest(self._endpoint, request.body, call.timeouts)

    def _parse(self, body: bytes, call: ChatCall) -> ParsedAnswer:
        return parse_answer(
            body,
            upstream_model=call.route.upstream_id,
            json_object=wants_json_object(call.params),
            redact=self._redact,
        )

    def _new_reader(self, call: ChatCall) -> StreamReader[MessagesStreamParser]:
        parser = MessagesStreamParser(
            upstream_model=call.route.upstream_id,
            json_object=wants_json_object(call.params),
            redact=self._redact,
        )
        frames = FrameReader()

        def take(data: bytes) -> ChatBatch | None:
            payloads = frames.feed(data)
            return parser.feed(payloads) if payloads else None

        return StreamReader(parser, take, frames.flush)

    def _error(
        self, status: int, body: bytes, *, retry_after_seconds: float | None = None
    ) -> ProviderError:
        return error_from_body(
            status, body, redact=self._redact, retry_after_seconds=retry_after_seconds
        )

    def _says_error(self, body: bytes) -> bool:
        return bool(read_error_facts(body).message)

    def _remember(self, call: ChatCall, answer: ParsedAnswer | MessagesStreamParser) -> None:
        if isinstance(answer, ParsedAnswer):
            blocks, usage = answer.blocks, answer.usage.usage
        elif answer.turn.thinks:
            blocks, usage = answer.turn.blocks(), answer.usage
        else:
            return
        thinking_tokens = (usage.reasoning_tokens or 0) if usage is not None else 0
        self._memory.remember(
            call.scope,
            call.route.upstream_id,
            blocks,
            # The cap bounds thinking too; a count above it is a mistake that no hold is to pay for.
            thinking_tokens=min(thinking_tokens, call.output_cap_tokens),
        )
