"""The pieces that whole answers and streams share: calls, logprobs, finish reasons. Pure."""

import secrets
from typing import Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.gemini import wire
from tokensmith_server.providers.tool_call_ids import with_signature

_LENGTH: Final = frozenset({"MAX_TOKENS", "CONTINUATION"})
_FILTERED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "ESCALATION",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
BLOCKED_LATE: Final = "PROHIBITED_CONTENT"
"""Which reason stands for a prompt that is found to be blocked when its answer has begun."""

_CALL_ID_BYTES: Final = 12


class PartInvalid(ValueError):
    """A part of an answer has a shape that nothing can be made of."""


def new_call_id() -> str:
    """Make an id for a call that came without one."""
    return "call_" + secrets.token_hex(_CALL_ID_BYTES)


def finish_of(reason: str, *, calls: bool) -> chat_pb.FinishReason:
    """Translate a finish reason. Gemini has none of its own for calls: it says STOP.

    Of reasons that are neither a proper end, nor a limit, nor a filter (a malformed call, a
    malfunction, one that we do not know), only what was said is left: a stop.
    """
    if reason in _FILTERED:
        return chat_pb.FINISH_REASON_CONTENT_FILTER
    if reason in _LENGTH:
        return chat_pb.FINISH_REASON_LENGTH
    return chat_pb.FINISH_REASON_TOOL_CALLS if calls else chat_pb.FINISH_REASON_STOP


def is_failure(reason: str) -> bool:
    """Whether an answer that ended so and says nothing is no answer.

    These are MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL, OTHER and their kind.
    """
    return reason != "STOP" and reason not in _LENGTH and reason not in _FILTERED


def arguments_of(call: wire.FunctionCall) -> str:
    """Return a call's arguments as JSON text on one line; an absent object is an empty one.

    Raises:
        PartInvalid: they are no JSON object.
    """
    raw = bytes(call.args)
    if raw in (b"", b"null"):
        return "{}"
    if not raw.startswith(b"{"):
        raise PartInvalid("args are not an object")
    return msgspec.json.format(raw, indent=-1).decode()


def call_id_of(part: wire.Part, call: wire.FunctionCall, new_id: str) -> str:
    """Return the id of a call, which carries its signature."""
    return with_signature(call.id or new_id, part.thought_signature)


def logprobs_of(result: wire.LogprobsResult | None) -> chat_pb.ChatLogprobs | None:
    """Translate log probabilities; ``None`` for none."""
    if result is None or not result.chosen_candidates:
        return None
    logprobs = chat_pb.ChatLogprobs()
    tops = result.top_candidates or []
    for place, chosen in enumerate(result.chosen_candidates):
        entry = logprobs.content.add(
            token=chosen.token, logprob=chosen.log_probability, token_bytes=chosen.token.encode()
        )
        for top in (tops[place].candidates or ()) if place < len(tops) else ():
            entry.top_logprobs.add(
                token=top.token, logprob=top.log_probability, token_bytes=top.token.encode()
            )
    return logprobs
