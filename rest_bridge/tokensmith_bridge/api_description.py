"""The API as OpenAPI 3.1, made from the types that requests are checked with."""

import re
from typing import Any, Final

import msgspec

from tokensmith_bridge.api_operations import OPERATIONS, Operation, PricedBody
from tokensmith_bridge.openai.media_schema import (
    ImageEditRequest,
    ImageRequest,
    MotionControlRequest,
    VideoRequest,
)

Json = dict[str, Any]

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_PREFIX: Final = "#/components/schemas/"
# Bodies that have a price, but no endpoint yet.
_PRICED: Final = (ImageRequest, ImageEditRequest, VideoRequest, MotionControlRequest)

_CREDITS: Final[Json] = {"schema": {"type": "string"}, "description": "credits, exactly"}
_HEADERS: Final[Json] = {
    "x-request-id": {"schema": {"type": "string"}, "description": "names the call in the log"},
    "x-credits-held": _CREDITS,
    "x-credits-charged": _CREDITS,
    "x-credits-balance": _CREDITS,
}
_ERROR: Final[Json] = {
    "type": "object",
    "required": ["error", "request_id"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        },
        "request_id": {"type": "string"},
    },
}


def describe_api() -> Json:
    """The description as a JSON object."""
    bodies = [one.body for one in OPERATIONS.values() if one.body not in {None, PricedBody}]
    references, components = msgspec.json.schema_components(
        [*bodies, *_PRICED], ref_template=f"{_PREFIX}{{name}}"
    )
    by_body = dict(zip(bodies, references, strict=False))
    described: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "TokenSmith",
            "version": "1",
            "description": "Every model through one key, paid from one prepaid balance. OpenAI's "
            "and Anthropic's clients work unchanged. Amounts are in credits.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": _paths(by_body),
        "components": {
            "schemas": {**components, "Error": _ERROR, "EstimateRequest": _priced_body()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }
    tidied: Json = _tidied(described)
    return tidied


def _paths(references: dict[Any, Json]) -> Json:
    paths: Json = {}
    for (method, path), operation in OPERATIONS.items():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, operation, references)
    return paths


def _operation(method: str, path: str, operation: Operation, references: dict[Any, Json]) -> Json:
    words = re.findall(r"[a-z_]+", path.removeprefix("/v1"))
    described: Json = {
        "operationId": "_".join([method.lower(), *words]),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": {"200": _answer(operation), "default": _failure()},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(path)
    ]
    parameters += [
        {"name": name, "in": "query", "schema": schema} for name, schema in operation.query.items()
    ]
    if operation.repeatable:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "makes a repeat return the first answer, at no second charge",
            }
        )
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        schema = references.get(operation.body, {"$ref": f"{_PREFIX}EstimateRequest"})
        content = {"application/json": {"schema": schema}}
        described["requestBody"] = {"required": True, "content": content}
    if not operation.needs_key:
        described["security"] = []
    return described


def _answer(operation: Operation) -> Json:
    schema: Json = {"type": "string"} if operation.media_type == "text/html" else {"type": "object"}
    content: Json = {operation.media_type: {"schema": schema}}
    if operation.streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    return {"description": "What was asked for.", "headers": _HEADERS, "content": content}


def _failure() -> Json:
    return {
        "description": "Why not, and what it cost.",
        "headers": _HEADERS,
        "content": {"application/json": {"schema": {"$ref": f"{_PREFIX}Error"}}},
    }


def _priced_body() -> Json:
    return {
        "type": "object",
        "description": "The body that the call itself would have, of chat completions, responses, "
        "messages, images, image edits, videos or motion control.",
        "properties": {
            "endpoint": {
                "type": "string",
                "description": "Whose body it is. Unset: what body and model say.",
            },
            "model": {"type": "string"},
        },
        "required": ["model"],
    }


def _tidied(value: Any) -> Any:
    """The same for readers elsewhere: names without our packages, patterns as ECMAScript's."""
    match value:
        case dict():
            return {_short(key): _tidied(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_tidied(inner) for inner in value]
        case str():
            return _short(value).replace("``", "`").replace("\\Z", "$")
    return value


def _short(text: str) -> str:
    return text.replace("tokensmith_bridge.", "")
