"""From refusals to Anthropic's error objects: status, type, wording. Rendering; nothing here fails.

Reasons, and whether to retry, are those of the one table (``openai/errors.py``). Where Anthropic
has a status of its own for the case it is used, since its clients know what to do then.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from tokensmith_bridge.openai.errors import Refusal, error_message, money_of_error

_OVERLOADED_STATUS: Final = 529
_OVERLOADED: Final = frozenset({"SERVER_OVERLOADED", "UPSTREAM_UNAVAILABLE"})
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    _OVERLOADED_STATUS: "overloaded_error",
}

# How the contract's settings are called in a Messages request.
_NAMES: Final = {
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "reasoning_effort": "thinking",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "response_format": "output_config.format",
    "safety_identifier": "metadata.user_id",
}
_MESSAGE: Final = re.compile(r"^messages\[(\d+)\]")
_NAMED: Final = re.compile(r"`([a-z_]+)`")
_HEAD: Final = re.compile(r"^[a-z_]+")
_TOOL: Final = re.compile(r"^tools\[(\d+)\](?:\.function(?=\.))?")


def anthropic_status(refusal: Refusal) -> int:
    """The HTTP status of a refusal."""
    return _OVERLOADED_STATUS if refusal.reason in _OVERLOADED else refusal.row.status


def anthropic_error_body(refusal: Refusal, request_id: str, *, in_stream: bool = False) -> bytes:
    """The JSON of an error, our facts beside Anthropic's two fields."""
    status = anthropic_status(refusal)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    error: dict[str, Any] = {"type": kind, "message": _message(refusal)}
    if refusal.facts.get("error_code"):
        error["details"] = {"error_code": refusal.facts["error_code"]}
    error["param"] = refusal.param
    error["code"] = refusal.row.code
    error |= money_of_error(refusal, in_stream=in_stream)
    return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})


def _message(refusal: Refusal) -> str:
    """The refusal's sentence, after the field that it is about unless that is named in it."""
    message = error_message(refusal)
    param = refusal.param
    return f"{param}: {message}" if param and param not in message else message


class Origins(NamedTuple):
    """The paths in the request that each of the params' messages and tools came from."""

    messages: Sequence[str]
    tools: Sequence[str]


def in_anthropics_terms(refusal: Refusal, origins: Origins) -> Refusal:
    """Name fields as the caller did, who sent no params of the contract."""
    if refusal.param:
        refusal.param = _param(refusal.param, origins)
    refusal.message = _NAMED.sub(
        lambda match: f"`{_NAMES.get(match[1], match[1])}`", refusal.message
    )
    return refusal


def _param(param: str, origins: Origins) -> str:
    match = _MESSAGE.match(param)
    if match is not None:
        # What is below a message differs in both shapes; the message itself is where to look.
        index = int(match[1])
        return origins.messages[index] if index < len(origins.messages) else "messages"
    if param.startswith("response_format"):
        return _NAMES["response_format"]
    tool = _TOOL.match(param)
    if tool is not None:
        index = int(tool[1])
        if index >= len(origins.tools):
            return "tools"
        return origins.tools[index] + param[tool.end() :].replace(".parameters", ".input_schema")
    return _HEAD.sub(lambda head: _NAMES.get(head[0], head[0]), param, count=1)
