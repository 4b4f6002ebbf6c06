"""From a Responses request's bytes to typed objects; what is not served is refused by its name."""

import re
from typing import Any, Final

import msgspec

from tokensmith_bridge.openai.bodies import decode_body_in_parts
from tokensmith_bridge.openai.errors import BridgeReason, Refusal
from tokensmith_bridge.openai.responses_items import Item, MessageItem, item_from_json
from tokensmith_bridge.openai.responses_schema import ResponseRequest

_decoder: Final = msgspec.json.Decoder(ResponseRequest)

# Fields of OpenAI's that there is nothing behind here, and what to do instead.
_NOT_SERVED: Final = {
    "conversation": "Go on from an earlier response with 'previous_response_id'.",
    "context_management": "Conversations are not compacted here.",
    "prompt": "Prompt templates are kept at OpenAI; send 'instructions' and 'input'.",
    "moderation": "Use the chat completions endpoint for it.",
    "access_programs": "Leave it out.",
    "image": "Leave it out.",
}

# Fields of the chat endpoint, and where they have moved to.
_MOVED: Final = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
    "reasoning_effort": "reasoning.effort",
    "functions": "tools",
    "function_call": "tool_choice",
    "logprobs": "include",
}

_TOOL_TYPE: Final = re.compile(r"^(?:tools\[\d+\]|tool_choice)(?:\.tools\[\d+\])?\.type$")
_GOT: Final = re.compile(r"^Invalid value for '[^']+': '([^']*)'")

_BACKGROUND: Final = (
    "'background' is not served here: the answer comes with the call, whole or streamed."
)


def response_request_from_json(body: bytes) -> ResponseRequest:
    """Decode the body of ``POST /v1/responses``, apart from the items of its input.

    Raises:
        Refusal: it is not JSON, names a field twice, is not what ``responses_schema`` describes, or
            asks for something that is not served.
    """
    try:
        request = decode_body_in_parts(_decoder, body)
    except Refusal as refusal:
        raise _told_better(refusal) from None
    _check_served(request)
    return request


def input_items(request: ResponseRequest) -> list[Item]:
    """The items of the request's own input; a text is one message of the user.

    Raises:
        Refusal: an item is malformed, or of a type that is not served.
    """
    if request.input is None:
        if request.previous_response_id is None:
            raise Refusal(
                BridgeReason.MISSING_PARAMETER,
                "Missing required parameter: 'input'.",
                param="input",
            )
        return []
    if isinstance(request.input, str):
        return [MessageItem(role="user", content=request.input)]
    return [item_from_json(raw, f"input[{index}]") for index, raw in enumerate(request.input)]


def _told_better(refusal: Refusal) -> Refusal:
    """Name a hosted tool as what it is, and say where a chat request's field has moved to."""
    param = refusal.param or ""
    if refusal.reason == "INVALID_ARGUMENT" and _TOOL_TYPE.match(param):
        got = _GOT.match(refusal.message)
        named = f" '{got[1]}'" if got else ""
        return _unsupported(
            param,
            f"The hosted tool{named} is not served here. Tools of the types 'function', 'custom' "
            "and 'namespace' are, which you run yourself.",
        )
    if refusal.reason == "UNKNOWN_PARAMETER" and param in _MOVED:
        return _unsupported(
            param,
            f"Unsupported parameter: '{param}'. In the Responses API it is '{_MOVED[param]}'.",
        )
    if refusal.reason == "INVALID_ARGUMENT" and param.startswith("include["):
        return _unsupported(param, refusal.message)
    return refusal


def _check_served(request: ResponseRequest) -> None:
    for name, instead in _NOT_SERVED.items():
        value: Any = getattr(request, name)
        if value is not None:
            raise _unsupported(name, f"'{name}' is not served here. {instead}")
    if request.background:
        raise _unsupported("background", _BACKGROUND)
    if request.stream_options is not None and not request.stream:
        raise Refusal(
            "INVALID_ARGUMENT",
            "'stream_options' is only allowed when 'stream' is true.",
            param="stream_options",
        )


def _unsupported(param: str, message: str) -> Refusal:
    return Refusal("UNSUPPORTED_PARAMETER", message, param=param)
