"""From the contract's chat answer to OpenAI's response object. Rendering never fails.

Ids are made of the completion's own id, which a replayed answer has too: so a repeated request gets
the same response, and an item's id tells which response it is part of.
"""

import re
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1 import usage_pb2
from tokensmith_bridge.openai.errors import Refusal, credits_number
from tokensmith_bridge.openai.responses_namespaces import ToolNames
from tokensmith_bridge.openai.responses_schema import ResponseRequest
from tokensmith_bridge.openai.responses_seals import sealed_content

_encode: Final = msgspec.json.Encoder().encode

_COMPLETION_PREFIX: Final = "chatcmpl-"
_ITEM_ID: Final = re.compile(r"[a-z]+_([A-Za-z0-9-]{1,59})_\d+")
_TIERS: Final = frozenset({"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"})

# Errors of OpenAI's closed list that a response may have failed with; all others are the first.
_ERROR_CODES: Final = {
    "UPSTREAM_RATE_LIMITED": "rate_limit_exceeded",
    "RATE_LIMIT_EXCEEDED": "rate_limit_exceeded",
    "CONTENT_REFUSED": "invalid_prompt",
}

INCOMPLETE_REASONS: Final[dict[int, str]] = {
    chat.FINISH_REASON_LENGTH: "max_output_tokens",
    chat.FINISH_REASON_CONTENT_FILTER: "content_filter",
}


def response_id_of(completion_id: str) -> str:
    """The response's id: the completion's own, under another prefix."""
    return f"resp_{completion_id.removeprefix(_COMPLETION_PREFIX)}"


def item_id(prefix: str, response_id: str, index: int) -> str:
    """The id of the response's ``index``-th item."""
    return f"{prefix}_{response_id.removeprefix('resp_')}_{index}"


def response_id_of_item(item: str) -> str | None:
    """The response that an item's id is part of; ``None`` where it is none of ours."""
    match = _ITEM_ID.fullmatch(item)
    return f"resp_{match[1]}" if match is not None else None


class ResponseShell:
    """What a response object says of its request, written once for all of its states.

    Args:
        request: what was asked.
        completion_id: the chat's id of the answer.
        created_seconds: when the answer was begun, since the epoch.
        model: the model as it was asked for.
    """

    def __init__(
        self, request: ResponseRequest, *, completion_id: str, created_seconds: int, model: str
    ) -> None:
        self.response_id = response_id_of(completion_id)
        self.stored = request.store is not False
        self.tool_names = ToolNames(request.tools or ())
        self.as_summary = bool(
            request.reasoning and (request.reasoning.summary or request.reasoning.generate_summary)
        )
        self._created_seconds = created_seconds
        self._asked_tier = request.service_tier
        self._echo = b"," + _encode(_echo_of(request, model))[1:-1]

    def item_id(self, prefix: str, index: int) -> str:
        """The id of the ``index``-th item of the output."""
        return item_id(prefix, self.response_id, index)

    def render(
        self,
        status: str,
        output: bytes,
        *,
        usage: dict[str, Any] | None = None,
        error: dict[str, Any] | None = None,
        incomplete_reason: str | None = None,
        completed_seconds: int | None = None,
        service_tier: str = "",
    ) -> bytes:
        """The response object in one of its states; ``output`` is a JSON array."""
        head = {
            "id": self.response_id,
            "object": "response",
            "created_at": self._created_seconds,
            "status": status,
            "background": False,
            "completed_at": completed_seconds,
            "error": error,
            "incomplete_details": {"reason": incomplete_reason} if incomplete_reason else None,
            "service_tier": service_tier if service_tier in _TIERS else self._asked_tier,
            "store": self.stored,
            "usage": usage,
        }
        return _encode(head)[:-1] + self._echo + b',"output":' + output + b"}"

    def render_end(
        self,
        output: bytes,
        finish_reason: int,
        *,
        usage: dict[str, Any],
        now_seconds: int,
        service_tier: str,
    ) -> bytes:
        """The response object of an answer that has ended, completed or not."""
        reason = INCOMPLETE_REASONS.get(finish_reason)
        return self.render(
            status_of(finish_reason),
            output,
            usage=usage,
            incomplete_reason=reason,
            completed_seconds=None if reason else now_seconds,
            service_tier=service_tier,
        )


def _echo_of(request: ResponseRequest, model: str) -> dict[str, Any]:
    text, reasoning = request.text, request.reasoning
    shape: dict[str, Any] = {"format": (text and text.format) or {"type": "text"}}
    if text and text.verbosity:
        shape["verbosity"] = text.verbosity
    return {
        "model": model,
        "instructions": request.instructions,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "metadata": request.metadata or {},
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": request.previous_response_id,
        "prompt_cache_key": request.prompt_cache_key,
        "prompt_cache_retention": request.prompt_cache_retention,
        "reasoning": {
            "effort": reasoning.effort if reasoning else None,
            "summary": (reasoning.summary or reasoning.generate_summary) if reasoning else None,
        },
        "safety_identifier": request.safety_identifier,
        "temperature": request.temperature,
        "text": shape,
        "tool_choice": request.tool_choice or "auto",
        "tools": request.tools or [],
        "top_logprobs": request.top_logprobs or 0,
        "top_p": request.top_p,
        "truncation": request.truncation or "disabled",
        "user": request.user,
    }


def response_to_json(
    shell: ResponseShell, response: chat.CreateChatCompletionResponse, *, now_seconds: int
) -> bytes:
    """Render a whole answer, its price in ``usage.cost``."""
    completion = response.completion
    choice = completion.choices[0] if completion.choices else chat.ChatChoice()
    return shell.render_end(
        _encode(_output_to_json(shell, choice)),
        choice.finish_reason,
        usage=usage_to_json(completion.usage, response.charge),
        now_seconds=now_seconds,
        service_tier=completion.service_tier,
    )


def _output_to_json(shell: ResponseShell, choice: chat.ChatChoice) -> list[dict[str, Any]]:
    answer = choice.message
    status = status_of(choice.finish_reason)
    output: list[dict[str, Any]] = []
    if answer.reasoning_content or answer.signed_thinking:
        text = answer.reasoning_content or None
        sealed = sealed_content(answer.signed_thinking)
        output.append(reasoning_item(shell, 0, text, sealed=sealed))
    content: list[dict[str, Any]] = []
    if answer.content or not (answer.HasField("refusal") or answer.tool_calls):
        annotations = [annotation_to_json(item) for item in answer.annotations]
        logprobs = [logprob_to_json(token) for token in choice.logprobs.content]
        content.append(text_part(answer.content, annotations, logprobs))
    if answer.HasField("refusal"):
        content.append(refusal_part(answer.refusal))
    if content:
        output.append(message_item(shell.item_id("msg", len(output)), content, status))
    for call in answer.tool_calls:
        output.append(call_item(shell, len(output), call, call.arguments, status))
    return output


# Items and parts.


def status_of(finish_reason: int) -> str:
    """The status of an answer that ended so, and of its items."""
    return "incomplete" if finish_reason in INCOMPLETE_REASONS else "completed"


def message_item(message_id: str, content: list[dict[str, Any]], status: str) -> dict[str, Any]:
    """What the model said."""
    return {
        "id": message_id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def text_part(
    text: str, annotations: list[dict[str, Any]], logprobs: list[dict[str, Any]]
) -> dict[str, Any]:
    """Text of the model."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": annotations,
        "logprobs": logprobs,
    }


def refusal_part(text: str) -> dict[str, Any]:
    """Text in which the model refused."""
    return {"type": "refusal", "refusal": text}


def reasoning_item(
    shell: ResponseShell, index: int, text: str | None, *, sealed: str | None = None
) -> dict[str, Any]:
    """Reasoning: what the model shows of it, if anything, and what the provider signed of it."""
    part = {"type": "summary_text" if shell.as_summary else "reasoning_text", "text": text}
    parts = [part] if text is not None else []
    rendered: dict[str, Any] = {"id": shell.item_id("rs", index), "type": "reasoning"}
    rendered["summary"] = parts if shell.as_summary else []
    if not shell.as_summary:
        rendered["content"] = parts
    if sealed is not None:
        rendered["encrypted_content"] = sealed
    return rendered


def call_item(
    shell: ResponseShell,
    index: int,
    call: chat.ChatToolCall | chat.ChatToolCallDelta,
    arguments: str,
    status: str,
) -> dict[str, Any]:
    """A tool call. Its ``call_id`` is the chat's own: providers' signatures travel in it."""
    custom = call.kind == chat.CHAT_TOOL_KIND_CUSTOM
    return {
        "id": shell.item_id("ctc" if custom else "fc", index),
        "type": "custom_tool_call" if custom else "function_call",
        "status": status,
        "call_id": call.id,
        **shell.tool_names.own_fields(call.name),
        ("input" if custom else "arguments"): arguments,
    }


def annotation_to_json(annotation: chat.ChatAnnotation) -> dict[str, Any]:
    """A cited source."""
    return {
        "type": "url_citation",
        "start_index": annotation.start_index,
        "end_index": annotation.end_index,
        "title": annotation.title,
        "url": annotation.url,
    }


def logprob_to_json(token: chat.ChatTokenLogprob) -> dict[str, Any]:
    """A token and how likely it was, with the likeliest ones in its place."""
    return {
        **_token_to_json(token),
        "top_logprobs": [_token_to_json(top) for top in token.top_logprobs],
    }


def _token_to_json(token: chat.ChatTokenLogprob | chat.ChatTopLogprob) -> dict[str, Any]:
    known = token.token_bytes if token.HasField("token_bytes") else token.token.encode()
    return {"token": token.token, "logprob": token.logprob, "bytes": list(known)}


def usage_to_json(usage: usage_pb2.TokenUsage, charge: usage_pb2.Charge) -> dict[str, Any]:
    """Token counts as OpenAI's responses have them, and ``cost`` in credits.

    The details are counts there, never left out: what the provider did not report is zero.
    """
    rendered: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "cost": credits_number(charge.charged_microcredits),
    }
    if usage.estimated:
        rendered["estimated"] = True
    return rendered


def input_tokens_to_json(input_tokens: int) -> bytes:
    """The body of a count."""
    return _encode({"object": "response.input_tokens", "input_tokens": input_tokens})


def error_to_json(refusal: Refusal, request_id: str) -> dict[str, Any]:
    """Why a response failed: OpenAI's code for it, ours beside it, and what was charged."""
    error: dict[str, Any] = {
        "code": _ERROR_CODES.get(refusal.reason, "server_error"),
        "message": refusal.message,
        "type": refusal.row.type,
        "reason": refusal.row.code,
        "request_id": request_id,
    }
    if refusal.money.charge_is_known:
        error["charged"] = credits_number(refusal.money.charged_microcredits)
    return error
