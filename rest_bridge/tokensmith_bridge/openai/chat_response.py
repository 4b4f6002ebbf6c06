"""From the contract's chat answer to OpenAI's JSON. Rendering never fails."""

import base64
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1 import usage_pb2
from tokensmith_bridge.openai.errors import credits_number

_encode: Final = msgspec.json.Encoder().encode

FINISH_REASONS: Final[dict[int, str]] = {
    chat.FINISH_REASON_STOP: "stop",
    chat.FINISH_REASON_LENGTH: "length",
    chat.FINISH_REASON_TOOL_CALLS: "tool_calls",
    chat.FINISH_REASON_CONTENT_FILTER: "content_filter",
    chat.FINISH_REASON_FUNCTION_CALL: "function_call",
}

_INPUT_DETAILS: Final = {
    "cached_input_tokens": "cached_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "input_audio_tokens": "audio_tokens",
    "input_image_tokens": "image_tokens",
}
_OUTPUT_DETAILS: Final = {
    "reasoning_tokens": "reasoning_tokens",
    "output_audio_tokens": "audio_tokens",
    "output_image_tokens": "image_tokens",
    "accepted_prediction_tokens": "accepted_prediction_tokens",
    "rejected_prediction_tokens": "rejected_prediction_tokens",
}


def chat_completion_to_json(response: chat.CreateChatCompletionResponse) -> bytes:
    """Render a whole answer, its price in ``usage.cost``."""
    completion = response.completion
    body: dict[str, Any] = {
        "id": completion.id,
        "object": "chat.completion",
        "created": completion.create_time.seconds,
        "model": completion.model,
        "choices": [_choice_to_json(choice) for choice in completion.choices],
        "usage": usage_to_json(completion.usage, response.charge),
        "system_fingerprint": completion.system_fingerprint or None,
    }
    if completion.service_tier:
        body["service_tier"] = completion.service_tier
    if completion.moderation_json:
        body["moderation"] = msgspec.Raw(completion.moderation_json.encode())
    return _encode(body)


def usage_to_json(usage: usage_pb2.TokenUsage, charge: usage_pb2.Charge) -> dict[str, Any]:
    """Token counts as OpenAI names them, and ``cost`` in credits.

    Details that the provider did not report are left out, since unknown is not zero.
    """
    input_details: dict[str, int] = {}
    output_details: dict[str, int] = {}
    # One walk over what is set costs half of asking for each detail.
    for field, value in usage.ListFields():
        name = field.name
        if name in _INPUT_DETAILS:
            input_details[_INPUT_DETAILS[name]] = value
        elif name in _OUTPUT_DETAILS:
            output_details[_OUTPUT_DETAILS[name]] = value
    input_tokens, output_tokens = usage.input_tokens, usage.output_tokens
    rendered: dict[str, Any] = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "cost": credits_number(charge.charged_microcredits),
    }
    if input_details:
        rendered["prompt_tokens_details"] = input_details
    if output_details:
        rendered["completion_tokens_details"] = output_details
    if usage.estimated:
        rendered["estimated"] = True
    return rendered


def _choice_to_json(choice: chat.ChatChoice) -> dict[str, Any]:
    return {
        "index": choice.index,
        "message": _message_to_json(choice.message),
        "logprobs": logprobs_to_json(choice.logprobs) if choice.HasField("logprobs") else None,
        "finish_reason": FINISH_REASONS.get(choice.finish_reason),
    }


def _message_to_json(message: chat.ChatAnswer) -> dict[str, Any]:
    # Nearly every answer is text alone; one look at what is set costs less than asking for each.
    fields = message.ListFields()
    if len(fields) == 1 and fields[0][0].name == "content":
        return {"role": "assistant", "content": fields[0][1], "refusal": None, "annotations": []}
    rendered: dict[str, Any] = {
        "role": "assistant",
        "content": message.content if message.HasField("content") else None,
        "refusal": message.refusal if message.HasField("refusal") else None,
        "annotations": [],
    }
    if message.annotations:
        rendered["annotations"] = [annotation_to_json(item) for item in message.annotations]
    if message.HasField("reasoning_content"):
        rendered["reasoning_content"] = message.reasoning_content
    if message.tool_calls:
        rendered["tool_calls"] = [_tool_call_to_json(call) for call in message.tool_calls]
    if message.HasField("function_call"):
        rendered["function_call"] = {
            "name": message.function_call.name,
            "arguments": message.function_call.arguments,
        }
    if message.HasField("audio"):
        rendered["audio"] = {
            "id": message.audio.id,
            "data": base64.b64encode(message.audio.data).decode(),
            "expires_at": message.audio.expire_time.seconds,
            "transcript": message.audio.transcript,
        }
    return rendered


def _tool_call_to_json(call: chat.ChatToolCall) -> dict[str, Any]:
    if call.kind == chat.CHAT_TOOL_KIND_CUSTOM:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom}
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def annotation_to_json(annotation: chat.ChatAnnotation) -> dict[str, Any]:
    """A cited source."""
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": annotation.start_index,
            "end_index": annotation.end_index,
            "title": annotation.title,
            "url": annotation.url,
        },
    }


def logprobs_to_json(logprobs: chat.ChatLogprobs) -> dict[str, Any]:
    """Log probabilities; ``null`` where there are none of text or of refusal."""
    return {
        "content": [_token_to_json(token) for token in logprobs.content] or None,
        "refusal": [_token_to_json(token) for token in logprobs.refusal] or None,
    }


def _token_to_json(token: chat.ChatTokenLogprob) -> dict[str, Any]:
    return {
        "token": token.token,
        "logprob": token.logprob,
        "bytes": list(token.token_bytes) if token.HasField("token_bytes") else None,
        "top_logprobs": [
            {
                "token": top.token,
                "logprob": top.logprob,
                "bytes": list(top.token_bytes) if top.HasField("token_bytes") else None,
            }
            for top in token.top_logprobs
        ],
    }
