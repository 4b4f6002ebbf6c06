"""Together: chat completions as api.together.ai answers them.

On the wire: `eos` as a finish reason, the role in every delta, `token_id`, usage on the last
finish chunk whether it was asked for or not, log probabilities as parallel lists (one number per
chunk), visible reasoning in `reasoning`, and the request's id beside the error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tokensmith_simulator.answering.answer import (
    Answer,
    Choice,
    grouped,
)
from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.dice import Dice
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import REFUSING_KINDS, Fault, FaultKind, Pace
from tokensmith_simulator.keys import bearer_key
from tokensmith_simulator.models import ModelSpec, models_of
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
    tool_piece_to_json,
)
from tokensmith_simulator.openai_chat.logprobs import alternatives_of, logprob_of
from tokensmith_simulator.openai_chat.usage import distort_usage
from tokensmith_simulator.serving import Frame, Reply
from tokensmith_simulator.together_validation import read_together_call
from tokensmith_simulator.tokens import count_tokens

_FINISH: Final = {
    "end": "eos",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "stop",  # Together's enum has no content_filter.
}
_FAULTS: Final[FaultWords] = {
    FaultKind.RATE_LIMIT: {
        "status": 429,
        "kind": "dynamic_request_limited",
        "message": "You have reached the rate limit specific to this model {model}. The maximum "
        "rate limit for this model is 60 queries per minute. Please try again later.",
    },
    FaultKind.INSUFFICIENT_QUOTA: {
        "status": 402,
        "kind": "credit_limit",
        "message": "Credit limit exceeded, please add credits to your account.",
    },
    FaultKind.PAYMENT_REQUIRED: {
        "status": 402,
        "kind": "credit_limit",
        "message": "Credit limit exceeded, please add credits to your account.",
    },
    FaultKind.SERVER_ERROR: {
        "status": 500,
        "kind": "server_error",
        "message": "Internal server error",
    },
    FaultKind.OVERLOADED: {
        "status": 503,
        "kind": "service_unavailable",
        "message": "The server is overloaded or not ready yet.",
    },
    FaultKind.TIMEOUT: {"status": 504, "kind": "timeout", "message": "Request timed out"},
    FaultKind.INVALID_KEY: {
        "status": 401,
        "code": "invalid_api_key",
        "message": "Invalid API key provided: {key}. You can find your API key at "
        "https://api.together.ai/settings/api-keys.",
    },
    FaultKind.FORBIDDEN: {
        "status": 403,
        "message": "The API key {key} may not use the model {model}.",
    },
    FaultKind.MODERATION_BLOCK: {
        "status": 400,
        "code": "content_policy_violation",
        "message": "The input was flagged by the safety model.",
    },
}


class Together:
    """The vendor Together, at `/together/v1`."""

    name = "together"
    prefix = "/together/v1"
    broken_frame = BROKEN_FRAME
    refusing_kinds = REFUSING_KINDS

    def check_key(self, headers: Mapping[str, str], config: SimulatorConfig) -> str:
        """Return the caller's key.

        Raises:
            RefusalError: 401, for a key that is missing or wrong.
        """
        key = bearer_key(headers)
        if not key:
            raise RefusalError(
                "Missing API key. Set the Authorization header to 'Bearer <key>'.",
                status=401,
                code="missing_api_key",
            )
        if not config.accepts_key(key):
            raise self.fault_error(Fault(kind=FaultKind.INVALID_KEY), "", key)
        return key

    def parse_body(self, raw: bytes, content_type: str) -> Any:
        """Decode a JSON body.

        Raises:
            RefusalError: It is not JSON, or not sent as JSON.
        """
        if content_type != "application/json":
            raise RefusalError("Content-Type must be application/json", status=415)
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RefusalError(f"Invalid JSON: {error}") from None

    def read_call(self, body: Any) -> ChatCall:
        """Check a body as strictly as Together's specification."""
        return read_together_call(body)

    def fault_error(self, fault: Fault, model: str, key: str) -> RefusalError:
        """Return what a refusing fault looks like at Together."""
        return worded_fault(_FAULTS, fault, model=model, key=key)

    def error_body(self, error: RefusalError, request_id: str) -> bytes:
        """Render Together's error: OpenAI's object with the request's id beside it."""
        return msgspec.json.encode(
            {
                "id": request_id,
                "error": {
                    "message": error.message,
                    "type": error.kind,
                    "param": error.param,
                    "code": error.code,
                },
            }
        )

    def error_frame(self, error: RefusalError, request_id: str) -> bytes:
        """Render an error as a chunk of a stream that has begun."""
        return error_frame(self.error_body(error, request_id))

    def in_band_error(self, fault: Fault) -> RefusalError:
        """Return the error that comes under status 200."""
        return in_band_error(fault)

    def response_headers(self, request_id: str) -> dict[str, str]:
        """Return Together's headers, with limits in its own form."""
        return {
            "x-request-id": request_id,
            "x-together-traceid": request_id,
            "x-ratelimit-limit": "60",
            "x-ratelimit-remaining": "59",
            "x-ratelimit-reset": "1",
            "x-tokenlimit-limit": "100000",
            "x-tokenlimit-remaining": "99000",
        }

    def models_body(self) -> Any:
        """Render the list of models: a bare array."""
        return [_model_to_json(model) for model in models_of("together")]

    def model_body(self, model_id: str) -> Any:
        """Refuse: Together has no route for one model.

        Raises:
            RefusalError: Always, 404.
        """
        raise RefusalError(f"Invalid URL (GET /v1/models/{model_id})", status=404)

    def render(self, call: ChatCall, answer: Answer, pace: Pace, request_id: str) -> Reply:
        """Render an answer, as one body or as chunks."""
        usage = distort_usage(_usage(call.model, answer), answer.fault_kind)
        headers = self.response_headers(request_id)
        if call.stream:
            frames = list(_Chunks(call, answer, usage, pace).frames())
            return reply_of(call, answer, frames, usage, headers)
        body = {
            "id": f"o{answer.id}",
            "object": "chat.completion",
            "created": answer.created,
            "model": call.model.answered_id,
            "prompt": [],
            "choices": [_choice_to_json(call, choice) for choice in answer.choices],
            **({"usage": usage} if usage is not None else {}),
        }
        return reply_of(call, answer, [body_frame(body)], usage, headers)


def _model_to_json(model: ModelSpec) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "type": "chat",
        "running": False,
        "display_name": model.id.rpartition("/")[2],
        "organization": model.owner,
        "link": f"https://huggingface.co/{model.id}",
        "license": "",
        "context_length": model.context_tokens,
        "pricing": {"hourly": 0, "input": 0, "output": 0, "base": 0, "finetune": 0},
    }


def _usage(model: ModelSpec, answer: Answer) -> dict[str, Any]:
    """Count usage; cached tokens are flat for plain models and nested for reasoning ones."""
    usage = answer.usage
    completion = usage.output + usage.reasoning
    counted: dict[str, Any] = {
        "prompt_tokens": usage.prompt.total,
        "completion_tokens": completion,
        "total_tokens": usage.prompt.total + completion,
    }
    if model.reasoning == "never":
        return counted | {"cached_tokens": usage.cached}
    return counted | {
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _token_id(token: str) -> int:
    return Dice("token", token).below(128_000)


def _seed_of(choice: Choice, call: ChatCall) -> int:
    return Dice("seed", call.seed, str(choice.index)).below(1 << 31)


def _choice_to_json(call: ChatCall, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if choice.tool_calls else choice.text,
        "tool_calls": [
            {**tool_call_to_json(tool), "index": index}
            for index, tool in enumerate(choice.tool_calls)
        ],
    }
    if choice.reasoning:
        message["reasoning"] = "".join(choice.reasoning)
    return {
        "index": choice.index,
        "finish_reason": _FINISH[choice.finish],
        "seed": _seed_of(choice, call),
        "logprobs": _logprobs(call.top_logprobs, choice.pieces),
        "message": message,
    }


def _logprobs(top: int | None, tokens: Sequence[str]) -> dict[str, Any] | None:
    if top is None:
        return None
    listed: dict[str, Any] = {
        "token_ids": [_token_id(token) for token in tokens],
        "tokens": list(tokens),
        "token_logprobs": [logprob_of(token) for token in tokens],
    }
    listed["top_logprobs"] = [dict(alternatives_of(token, top)) for token in tokens]
    return listed


class _Chunks:
    """The chunks of one streamed answer."""

    def __init__(
        self, call: ChatCall, answer: Answer, usage: dict[str, Any] | None, pace: Pace
    ) -> None:
        self._call = call
        self._answer = answer
        self._usage = usage
        self._size = pace.tokens_per_chunk
        self._base = {
            "id": f"o{answer.id}",
            "object": "chat.completion.chunk",
            "created": answer.created,
            "model": call.model.answered_id,
        }

    def frames(self) -> Iterator[Frame]:
        yield from interleave([list(self._choice(choice)) for choice in self._answer.choices])
        last = self._answer.choices[-1]
        for choice in self._answer.choices:
            yield self._finish(choice, self._usage if choice is last else None)
        yield DONE

    def _choice(self, choice: Choice) -> Iterator[Frame]:
        for text, tokens in grouped(choice.reasoning, self._size):
            yield self._delta(choice, {"content": "", "reasoning": text}, text, tokens)
        for text, tokens in grouped(choice.pieces, self._size):
            yield self._delta(choice, {"content": text}, text, tokens)
        for index, tool in enumerate(choice.tool_calls):
            first = {"index": index, **tool_call_to_json(tool, text="")}
            tokens = count_tokens(tool.name)
            yield self._delta(choice, {"content": "", "tool_calls": [first]}, tool.name, tokens)
            for text, tokens in grouped(tool.pieces, self._size):
                piece = {"index": index, **tool_piece_to_json(tool, text)}
                yield self._delta(choice, {"content": "", "tool_calls": [piece]}, text, tokens)

    def _delta(self, choice: Choice, delta: dict[str, Any], text: str, tokens: int) -> Frame:
        entry = {
            "index": choice.index,
            "text": delta["content"],
            "logprobs": logprob_of(text) if self._call.top_logprobs is not None else None,
            "finish_reason": None,
            "seed": None,
            "delta": {"token_id": _token_id(text), "role": "assistant", **delta},
        }
        return event({**self._base, "choices": [entry], "usage": None}, tokens=tokens)

    def _finish(self, choice: Choice, usage: dict[str, Any] | None) -> Frame:
        entry = {
            "index": choice.index,
            "text": "",
            "logprobs": None,
            "finish_reason": _FINISH[choice.finish],
            "seed": _seed_of(choice, self._call),
            "delta": {"token_id": 2, "role": "assistant", "content": ""},
        }
        return event({**self._base, "choices": [entry], "usage": usage}, closing=True)
