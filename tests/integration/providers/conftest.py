"""A simulator and the real adapters pointed at it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.unit.server.providers.chats import params as chat_params
from tests.unit.server.providers.chats import said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatCall,
    ChatProvider,
    ChatResult,
    ProviderSettings,
    Timeouts,
)
from tokensmith_server.providers.http import create_session
from tokensmith_server.providers.registry import create_chat_providers
from tokensmith_simulator.testing import RunningSimulator, running_simulator

KEYS = {
    "openai": "sk-Qw9zRt5yUi1oPa7sDf",
    "xai": "xai-Lk8jHg3fDs6aMn2bVc",
    "together": "tgp_Zx4cVb7nMq1wEr5tYu",
}
MODELS = {
    "openai": "gpt-5.4-mini",
    "xai": "grok-4.20-0309-reasoning",
    "together": "zai-org/GLM-5",
}


@dataclass
class Streamed:
    """A stream read to its end."""

    batches: list[ChatBatch]

    @property
    def text(self) -> str:
        return "".join(p for b in self.batches for d in b.deltas for p in d.content_pieces)

    @property
    def usage(self) -> TokenUsage | None:
        reported = [batch.usage for batch in self.batches if batch.usage is not None]
        return reported[-1] if reported else None

    @property
    def finish_reason(self) -> int:
        return max(delta.finish_reason for batch in self.batches for delta in batch.deltas)


class Upstream:
    """One simulator, and an adapter for each vendor on it."""

    def __init__(self, simulator: RunningSimulator, providers: Mapping[str, ChatProvider]) -> None:
        self.simulator = simulator
        self.providers = providers
        self.catalog = load_catalog()

    def call(
        self,
        provider: str,
        prompt: str = "Say hello.",
        *,
        model_id: str | None = None,
        timeouts: Timeouts | None = None,
        cap: int = 400,
        **fields: Any,
    ) -> ChatCall:
        model = self.catalog.find(model_id or MODELS[provider])
        assert model is not None
        fields = {"model": model.id, "messages": [said(prompt)], **fields}
        return ChatCall(chat_params(**fields), model, model.routes[0], cap, timeouts or Timeouts())

    def _admitted(self, provider: str, call: ChatCall) -> ChatCall:
        """The call as the chat service would send it: checked, with what was held for."""
        adapter = self.providers[provider]
        adapter.check_chat(call.params, call.model)
        recalled = adapter.recalled_input(call.params, call.model, call.route, call.scope)
        return replace(call, recalled_bytes_maximum=recalled.byte_count)

    async def complete(self, provider: str, *args: Any, **fields: Any) -> ChatResult:
        call = self._admitted(provider, self.call(provider, *args, **fields))
        return await self.providers[provider].complete_chat(call)

    async def stream(self, provider: str, *args: Any, **fields: Any) -> Streamed:
        call = self._admitted(provider, self.call(provider, *args, **fields))
        opened = await self.providers[provider].stream_chat(call)
        try:
            return Streamed([batch async for batch in opened])
        finally:
            await opened.aclose()

    def sent_body(self) -> Any:
        """The newest request's body as the simulator got it."""
        return self.simulator.journal.entries()[-1].body_json()


def text_of(result: ChatResult) -> str:
    return result.completion.choices[0].message.content


def finish_of(result: ChatResult) -> chat_pb.FinishReason:
    return result.completion.choices[0].finish_reason


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with running_simulator() as simulator, create_session() as session:
        urls = {
            "openai": simulator.openai_base_url,
            "xai": simulator.xai_base_url,
            "together": simulator.together_base_url,
        }
        settings = {name: ProviderSettings(KEYS[name], url) for name, url in urls.items()}
        yield Upstream(simulator, create_chat_providers(session, settings))
        simulator.release()
