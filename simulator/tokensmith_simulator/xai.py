"""xAI: chat completions as api.x.ai answers them.

On the wire: flat errors (`code` and a string `error`), a wrong key is 400, a tool call whole in
one delta, `logprobs` and `finish_reason` absent until they say something, usage in a chunk of its
own, and reasoning tokens beside `completion_tokens`, not inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tokensmith_simulator.answering.answer import Answer, Choice, grouped
from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import REFUSING_KINDS, Fault, FaultKind, Pace
from tokensmith_simulator.keys import bearer_key
from tokensmith_simulator.models import ModelSpec, find_model, models_of
from tokensmith_simulator.openai_chat.call import ChatCall
from tokensmith_simulator.openai_chat.fault_words import FaultWords, in_band_error, worded_fault
from tokensmith_simulator.openai_chat.frames import (
    BROKEN_FRAME,
    DONE,
    body_frame,
    error_frame,
    event,
    interleave,
    reply_of,
    tool_call_to_json,
)
from tokensmith_simulator.openai_chat.logprobs import logprobs_of
from tokensmith_simulator.openai_chat.usage import distort_usage
from tokensmith_simulator.serving import Frame, Reply
from tokensmith_simulator.tokens import count_tokens
from tokensmith_simulator.xai_validation import read_xai_call

_FINISH: Final = {
    "end": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
_FINGERPRINT: Final = "fp_5f1mu1a70r"
_CODES: Final = {
    200: "The service is currently unavailable",
    400: "Client specified an invalid argument",
    401: "Unauthenticated",
    403: "The caller does not have permission to execute the specified operation",
    404: "Some requested entity was not found",
    422: "invalid-argument",
    429: "Some resource has been exhausted",
    500: "Internal error",
    503: "The service is currently unavailable",
    504: "The operation timed out",
}
_WRONG_KEY: Final = (
    "Incorrect API key provided: {key}. You can obtain an API key from https://console.x.ai."
)
_FAULTS: Final[FaultWords] = {
    FaultKind.RATE_LIMIT: {
        "status": 429,
        "message": "Too many requests for team 5imu1a70-0000 and model {model}. Your team's rate "
        "limit is: Requests per Minute 60. Please see https://console.x.ai for your limits.",
    },
    FaultKind.INSUFFICIENT_QUOTA: {
        "status": 429,
        "message": "Your team 5imu1a70-0000 has either used all available credits or reached its "
        "monthly spending limit. To continue making API requests, please purchase more credits or "
        "raise your spending limit.",
    },
    FaultKind.PAYMENT_REQUIRED: {
        "status": 402,
        "message": "Your team 5imu1a70-0000 has used all available credits.",
    },
    FaultKind.SERVER_ERROR: {"status": 500, "message": "Internal error. Please try again."},
    FaultKind.OVERLOADED: {
        "status": 503,
        "message": "Service temporarily unavailable. The model is at capacity and currently "
        "cannot serve this request. Please try again later.",
    },
    FaultKind.TIMEOUT: {"status": 504, "message": "Upstream request timeout"},
    FaultKind.INVALID_KEY: {"status": 400, "message": _WRONG_KEY},
    FaultKind.FORBIDDEN: {
        "status": 403,
        "message": "The API key {key} or its team is not allowed to use the model {model}.",
    },
    FaultKind.MODERATION_BLOCK: {
        "status": 403,
        "message": "Content violates usage guidelines. Team: 5imu1a70-0000, Model: {model}, "
        "Failed check: SAFETY_CHECK_TYPE_BIO",
    },
}


class XAI:
    """The vendor xAI, at `/xai/v1`."""

    name = "xai"
    prefix = "/xai/v1"
    broken_frame = BROKEN_FRAME
    refusing_kinds = REFUSING_KINDS

    def check_key(self, headers: Mapping[str, str], config: SimulatorConfig) -> str:
        """Return the caller's key.

        Raises:
            RefusalError: 401 for a missing Authorization header, 400 for a wrong key.
        """
        key = bearer_key(headers)
        if not key:
            raise RefusalError(
                "No credentials were presented. Set the Authorization header to 'Bearer <key>'.",
                status=401,
            )
        if not config.accepts_key(key):
            raise self.fault_error(Fault(kind=FaultKind.INVALID_KEY), "", key)
        return key

    def parse_body(self, raw: bytes, content_type: str) -> Any:
        """Decode a JSON body.

        Raises:
            RefusalError: 415 for an empty body or another content type, 400 for bad JSON.
        """
        if not raw or content_type != "application/json":
            raise RefusalError("Expected request with `Content-Type: application/json`", status=415)
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RefusalError(f"Failed to parse the request body as JSON: {error}") from None

    def read_call(self, body: Any) -> ChatCall:
        """Check a body as strictly as xAI."""
        return read_xai_call(body)

    def fault_error(self, fault: Fault, model: str, key: str) -> RefusalError:
        """Return what a refusing fault looks like at xAI."""
        return worded_fault(_FAULTS, fault, model=model, key=key)

    def error_body(self, error: RefusalError, request_id: str) -> bytes:
        """Render xAI's flat error: a code in words, and the text as a plain string."""
        code = _CODES.get(error.status, "Unknown error")
        return msgspec.json.encode({"code": code, "error": error.message})

    def error_frame(self, error: RefusalError, request_id: str) -> bytes:
        """Render an error as a chunk of a stream that has begun."""
        return error_frame(self.error_body(error, request_id))

    def in_band_error(self, fault: Fault) -> RefusalError:
        """Return the error that comes under status 200."""
        return in_band_error(fault)

    def response_headers(self, request_id: str) -> dict[str, str]:
        """Return xAI's headers."""
        return {"x-request-id": request_id}

    def models_body(self) -> Any:
        """Render the list of models."""
        return {"object": "list", "data": [_model_to_json(model) for model in models_of("xai")]}

    def model_body(self, model_id: str) -> Any:
        """Render one model.

        Raises:
            RefusalError: 404, for an unknown one.
        """
        model = find_model("xai", model_id)
        if model is None:
            raise RefusalError(f"The model {model_id} does not exist.", status=404)
        return _model_to_json(model)

    def render(self, call: ChatCall, answer: Answer, pace: Pace, request_id: str) -> Reply:
        """Render an answer, as one body or as chunks."""
        usage = distort_usage(_usage(call.model, answer), answer.fault_kind)
        headers = self.response_headers(request_id)
        if call.stream:
            frames = list(_frames(call, answer, usage, pace))
            return reply_of(call, answer, frames, usage if call.include_usage else None, headers)
        body = {
            "id": answer.id,
            "object": "chat.completion",
            "created": answer.created,
            "model": call.model.answered_id,
            "choices": [_choice_to_json(call, choice) for choice in answer.choices],
            **({"usage": usage} if usage is not None else {}),
            "system_fingerprint": _FINGERPRINT,
        }
        return reply_of(call, answer, [body_frame(body)], usage, headers)


def _model_to_json(model: ModelSpec) -> dict[str, Any]:
    return {
        "id": model.id,
        "created": model.created,
        "object": "model",
        "owned_by": model.owner,
    }


def _usage(model: ModelSpec, answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    prompt = usage.prompt
    output = usage.output + usage.reasoning
    return {
        "prompt_tokens": prompt.total,
        "completion_tokens": usage.output,
        "total_tokens": prompt.total + output,
        "prompt_tokens_details": {
            "text_tokens": prompt.text,
            "audio_tokens": 0,
            "image_tokens": prompt.image,
            "cached_tokens": usage.cached,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
        "cost_in_usd_ticks": prompt.total * model.ticks[0] + output * model.ticks[1],
    }


def _choice_to_json(call: ChatCall, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None}
    if choice.tool_calls:
        message["tool_calls"] = [tool_call_to_json(tool) for tool in choice.tool_calls]
    rendered = {"index": choice.index, "message": message, "finish_reason": _FINISH[choice.finish]}
    logprobs = logprobs_of(call, choice.text) if choice.pieces else None
    return rendered if logprobs is None else {**rendered, "logprobs": logprobs}


def _frames(
    call: ChatCall, answer: Answer, usage: dict[str, Any] | None, pace: Pace
) -> Iterator[Frame]:
    base = {
        "id": answer.id,
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": call.model.answered_id,
    }
    yield from interleave(
        [
            list(_choice_frames(call, base, choice, pace.tokens_per_chunk))
            for choice in answer.choices
        ]
    )
    if call.include_usage and usage is not None:
        yield event(
            {**base, "choices": [], "usage": usage, "system_fingerprint": _FINGERPRINT},
            closing=True,
        )
    yield DONE


def _choice_frames(
    call: ChatCall, base: Mapping[str, Any], choice: Choice, size: int
) -> Iterator[Frame]:
    # The hidden reasoning is done, and billed, when the first chunk leaves.
    deltas = list(_deltas(choice, size)) or [({"content": ""}, 0)]
    for at, (delta, tokens) in enumerate(deltas):
        if at == 0:
            delta, tokens = {"role": "assistant", **delta}, tokens + len(choice.reasoning)  # noqa: PLW2901
        entry: dict[str, Any] = {"index": choice.index, "delta": delta}
        logprobs = logprobs_of(call, delta["content"]) if delta.get("content") else None
        if logprobs is not None:
            entry["logprobs"] = logprobs
        yield _chunk(base, entry, tokens=tokens)
    finish = {"index": choice.index, "delta": {}, "finish_reason": _FINISH[choice.finish]}
    yield _chunk(base, finish, closing=True)


def _deltas(choice: Choice, size: int) -> Iterator[tuple[dict[str, Any], int]]:
    for text, tokens in grouped(choice.pieces, size):
        yield {"content": text}, tokens
    for index, tool in enumerate(choice.tool_calls):
        tokens = count_tokens(tool.name) + len(tool.pieces)
        yield {"tool_calls": [{"index": index, **tool_call_to_json(tool)}]}, tokens


def _chunk(
    base: Mapping[str, Any], choice: dict[str, Any], *, tokens: int = 0, closing: bool = False
) -> Frame:
    chunk = {**base, "choices": [choice], "system_fingerprint": _FINGERPRINT}
    return event(chunk, tokens=tokens, closing=closing)
