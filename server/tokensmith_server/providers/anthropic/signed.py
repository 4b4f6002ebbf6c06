"""Signed thinking on its way through our contract: out of an answer, and back into its place. Pure.

A client that keeps the blocks of thinking brings them back itself, over restarts and other workers;
``memory.py`` is for those that know nothing of them. A signature holds for one model, and for
blocks that come back unchanged and in their order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.anthropic import wire

Json = dict[str, Any]
Signed = chat_pb.ChatSignedThinking


def signed_thinking_of(content: Iterable[wire.Block], model: str) -> list[Signed]:
    """The thinking in an answer's blocks with its places. ``model`` is the upstream id."""
    found: list[Signed] = []
    text_before = tool_calls_before = 0
    for block in content:
        if block.type == "text":
            text_before += len(block.text or "")
        elif block.type == "tool_use":
            tool_calls_before += 1
        elif is_signed(block.signature, block.data):
            found.append(
                Signed(
                    model=model,
                    text=block.thinking or "",
                    signature=block.signature or "",
                    redacted_data=block.data or "",
                    text_before=text_before,
                    tool_calls_before=tool_calls_before,
                )
            )
    return found


def signed_thinking_from_block(block: Json, model: str) -> Signed | None:
    """A finished block as one part of a stream; ``None`` if there is nothing to send back."""
    signature, data = block.get("signature"), block.get("data")
    if not is_signed(signature, data):
        return None
    return Signed(
        model=model,
        text=block.get("thinking", ""),
        signature=signature or "",
        redacted_data=data or "",
    )


def is_signed(signature: str | None, redacted_data: str | None) -> bool:
    """Whether the API would take a block of thinking back."""
    return bool(signature or redacted_data)


def interleave(
    texts: Sequence[str],
    calls: Sequence[Json],
    thinking: Iterable[Signed],
    text_blocks: Callable[[str], list[Json]],
) -> list[Json]:
    """An assistant's turn with its thinking in its places; ``text_blocks`` renders a text."""
    waiting = deque(thinking)
    blocks: list[Json] = []
    done = 0
    for text in texts:
        rest = text
        while waiting and _is_within(waiting[0], done + len(rest)):
            cut = max(0, waiting[0].text_before - done)
            blocks += text_blocks(rest[:cut])
            blocks.append(_to_block(waiting.popleft()))
            rest = rest[cut:]
            done += cut
        blocks += text_blocks(rest)
        done += len(rest)
    for number, call in enumerate(calls):
        while waiting and waiting[0].tool_calls_before <= number:
            blocks.append(_to_block(waiting.popleft()))
        blocks.append(call)
    blocks += [_to_block(block) for block in waiting]
    return blocks


def _is_within(thinking: Signed, text_end: int) -> bool:
    return thinking.tool_calls_before == 0 and thinking.text_before < text_end


def _to_block(thinking: Signed) -> Json:
    if thinking.redacted_data:
        return {"type": "redacted_thinking", "data": thinking.redacted_data}
    return {"type": "thinking", "thinking": thinking.text, "signature": thinking.signature}
