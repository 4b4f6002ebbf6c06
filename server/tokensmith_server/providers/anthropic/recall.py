"""What an adapter adds to a conversation from its memory, and how much that is before it is sent.

Recalled thinking is input that the caller never sent and is charged for, so it is counted before
the hold (``recalled_input``), and a call recalls no more than was counted for it (``Recaller``):
the memory may have learnt more in between.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities
from tokensmith_server.providers.anthropic.conversation import build_conversation
from tokensmith_server.providers.anthropic.memory import ThinkingMemory
from tokensmith_server.providers.anthropic.thinking import effort_of, thinking_settings
from tokensmith_server.providers.base import NOTHING_RECALLED, RecalledInput

Json = dict[str, Any]
Params = chat_pb.ChatCompletionParams

_ANY_CAP_TOKENS: Final = 2**31 - 1


class Recaller:
    """Finds earlier thinking for one request, by the tool calls that it led to.

    ``scope`` is whose thinking may come back, ``model`` the upstream id. Without ``limit_bytes``
    all of it does. One that would pass the limit stays away.
    """

    def __init__(
        self, memory: ThinkingMemory, scope: str, model: str, limit_bytes: int | None = None
    ) -> None:
        self._memory = memory
        self._scope = scope
        self._model = model
        self._limit_bytes = limit_bytes
        self.byte_count = 0
        self.token_count = 0
        self.turn_token_count = 0
        """Tokens since the user's newest message: what no model leaves out."""

    def __call__(self, calls: Sequence[Json]) -> list[Json] | None:
        """Return the blocks of the answer that made exactly these calls (``tool_use`` blocks)."""
        found = self._memory.recall(self._scope, self._model, calls)
        if found is None:
            return None
        byte_count = self.byte_count + found.thinking_bytes
        if self._limit_bytes is not None and byte_count > self._limit_bytes:
            return None
        self.byte_count = byte_count
        self.token_count += found.thinking_tokens
        self.turn_token_count += found.thinking_tokens
        return found.blocks

    def calling(self, messages: Iterable[chat_pb.ChatMessage]) -> Iterator[chat_pb.ChatMessage]:
        """The messages that call tools; on the way, notices where the user's newest one stands."""
        for message in messages:
            if message.tool_calls:
                yield message
            elif message.role == chat_pb.CHAT_ROLE_USER:
                self.turn_token_count = 0


def recalled_input(
    params: Params,
    capabilities: Capabilities,
    *,
    upstream_model: str,
    memory: ThinkingMemory,
    scope: str,
) -> RecalledInput:
    """What ``build_request`` adds to these params at most. The caller has checked them.

    Exact but for a cap that the balance lowers, and for a model that thinks by budget and can't go
    on: neither may think then, and nothing comes back.
    """
    if not any(message.tool_calls for message in params.messages):
        return NOTHING_RECALLED
    cap = params.max_output_tokens if params.HasField("max_output_tokens") else _ANY_CAP_TOKENS
    if not thinking_settings(effort_of(params, capabilities), capabilities, cap).thinking:
        return NOTHING_RECALLED
    recall = Recaller(memory, scope, upstream_model)
    # Ids are made unique among the calls alone, so what is left out here changes none of them.
    build_conversation(recall.calling(params.messages), recall, thinker=upstream_model)
    return RecalledInput(recall.byte_count, recall.token_count, recall.turn_token_count)
