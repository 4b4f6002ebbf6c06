"""From the contract's answer to Anthropic's message. Rendering; nothing here can fail."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1 import usage_pb2
from tokensmith_bridge.anthropic import schema
from tokensmith_bridge.anthropic.signature import signature_of
from tokensmith_bridge.openai.errors import credits_number

Json = dict[str, Any]

_encode: Final = msgspec.json.Encoder().encode

_STOP_REASONS: Final[dict[int, str]] = {
    chat.FINISH_REASON_STOP: "end_turn",
    chat.FINISH_REASON_LENGTH: "max_tokens",
    chat.FINISH_REASON_TOOL_CALLS: "tool_use",
    chat.FINISH_REASON_CONTENT_FILTER: "refusal",
    chat.FINISH_REASON_FUNCTION_CALL: "tool_use",
}
_TIERS: Final = {"default": "standard", "priority": "priority"}


@dataclass(frozen=True, slots=True)
class AnswerShown:
    """What of an answer a request wants to see.

    Attributes:
        blocks: blocks of thinking.
        text: the text in them.
        one_call: of several tool calls the first alone. Not every model can be told to make one.
    """

    blocks: bool = True
    text: bool = True
    one_call: bool = False


def answer_shown(asked: schema.Input) -> AnswerShown:
    """No thinking if it is disabled; blocks without text where the text is to be omitted."""
    one_call = bool(getattr(asked.tool_choice, "disable_parallel_tool_use", False))
    match asked.thinking:
        case schema.DisabledThinking():
            return AnswerShown(blocks=False, text=False, one_call=one_call)
        case schema.EnabledThinking(display="omitted") | schema.AdaptiveThinking(display="omitted"):
            return AnswerShown(text=False, one_call=one_call)
        case _:
            return AnswerShown(one_call=one_call)


def message_id(completion_id: str) -> str:
    """An answer's id in Anthropic's form."""
    return f"msg_{completion_id.removeprefix('chatcmpl-')}"


def message_to_json(response: chat.CreateChatCompletionResponse, shown: AnswerShown) -> bytes:
    """Render a whole answer, its price in ``usage.cost``."""
    completion = response.completion
    choice = completion.choices[0] if completion.choices else chat.ChatChoice()
    return _encode(
        {
            "id": message_id(completion.id),
            "type": "message",
            "role": "assistant",
            "model": completion.model,
            "content": content_blocks(choice.message, choice.finish_reason, shown),
            **ending(choice.finish_reason, choice.message.refusal, _stop_sequence(choice)),
            "usage": usage_to_json(completion.usage, response.charge, completion.service_tier),
        }
    )


def token_count_to_json(input_tokens: int) -> bytes:
    """The body of a count."""
    return _encode({"input_tokens": input_tokens})


def _stop_sequence(choice: chat.ChatChoice) -> str | None:
    return choice.stop_sequence if choice.HasField("stop_sequence") else None


def ending(finish_reason: int, refusal: str, stop_sequence: str | None) -> Json:
    """Why an answer ended. ``stop_sequence`` is known only where the provider says which."""
    reason = _STOP_REASONS.get(finish_reason, "end_turn")
    if refusal:
        reason = "refusal"
    elif stop_sequence is not None:
        reason = "stop_sequence"
    details = (
        {"type": "refusal", "category": None, "explanation": refusal or None}
        if reason == "refusal"
        else None
    )
    return {"stop_reason": reason, "stop_sequence": stop_sequence, "stop_details": details}


def usage_to_json(
    usage: usage_pb2.TokenUsage, charge: usage_pb2.Charge, service_tier: str = ""
) -> Json:
    """Token counts as Anthropic has them, where cached input is no part of ``input_tokens``.

    ``cost`` is in credits. Without counts of a cache there was none, as far as anybody knows.
    """
    read, written = usage.cached_input_tokens, usage.cache_write_tokens
    rendered: Json = {
        "input_tokens": max(0, usage.input_tokens - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_tokens,
        "service_tier": _TIERS.get(service_tier, "standard"),
        "cost": credits_number(charge.charged_microcredits),
    }
    if usage.HasField("reasoning_tokens"):
        rendered["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.estimated:
        rendered["estimated"] = True
    return rendered


def content_blocks(answer: chat.ChatAnswer, finish_reason: int, shown: AnswerShown) -> list[Json]:
    """An answer as blocks, signed thinking in its places.

    Reasoning that no provider signed is one block before the rest, with an empty signature.
    """
    blocks: list[Json] = []
    signed = list(answer.signed_thinking) if shown.blocks else []
    if answer.reasoning_content and not answer.signed_thinking and shown.blocks:
        blocks.append(thinking_block(answer.reasoning_content, "", shown))
    text = answer.content
    if not text and finish_reason != chat.FINISH_REASON_CONTENT_FILTER:
        # What the model itself said in place of an answer; a filter's words are no part of it.
        text = answer.refusal
    done = 0
    for place in [block for block in signed if not block.tool_calls_before]:
        cut = min(max(place.text_before, done), len(text))
        blocks += _text(text[done:cut])
        blocks.append(_signed_block(place, shown))
        done = cut
    blocks += _text(text[done:])
    calls = answer.tool_calls[:1] if shown.one_call else answer.tool_calls
    later = [block for block in signed if block.tool_calls_before]
    for number, call in enumerate(calls):
        blocks += [_signed_block(s, shown) for s in later if s.tool_calls_before == number]
        blocks.append(tool_use_block(call))
    count = len(calls)
    blocks += [_signed_block(s, shown) for s in later if s.tool_calls_before >= count]
    return blocks


def thinking_block(text: str, signature: str, shown: AnswerShown) -> Json:
    """A block of thinking, its text only if it is to be shown."""
    return {"type": "thinking", "thinking": text if shown.text else "", "signature": signature}


def _signed_block(thinking: chat.ChatSignedThinking, shown: AnswerShown) -> Json:
    if thinking.redacted_data:
        return {"type": "redacted_thinking", "data": signature_of(thinking)}
    signature = signature_of(thinking, with_text=not shown.text)
    return thinking_block(thinking.text, signature, shown)


def _text(text: str) -> list[Json]:
    return [{"type": "text", "text": text}] if text else []


def tool_use_block(call: chat.ChatToolCall) -> Json:
    """A tool that the model wants called."""
    return {
        "type": "tool_use",
        "id": call.id,
        "name": call.name,
        "input": parsed_input(call.arguments),
    }


def parsed_input(arguments: str) -> msgspec.Raw:
    """Arguments as the JSON object that clients expect.

    Where a model wrote none, or was cut off in it, there is what an object can hold of them.
    """
    raw = arguments.strip()
    if not raw:
        return msgspec.Raw(b"{}")
    return msgspec.Raw(raw.encode() if _is_object(raw) else _encode({"unparsed": arguments}))


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, RecursionError):
        return False
