"""OpenAI: chat completions as api.openai.com answers them.

On the wire: a role chunk first, `obfuscation` in every delta chunk unless it is turned off,
`usage: null` on every chunk but the last when usage was asked for and no `usage` otherwise,
reasoning tokens inside `completion_tokens`, a dated snapshot as the answering model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tokensmith_simulator.answering.answer import (
    Answer,
    Choice,
    ToolCall,
    grouped,
)
from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import REFUSING_KINDS, Fault, FaultKind, Pace
from tokensmith_simulator.keys import bearer_key
from tokensmith_simulator.models import ModelSpec, find_model, models_of
from tokensmith_simulator.openai_chat.call import ChatCall
from tokensmith_simulator.openai_chat.fault_words import in_band_error, worded_fault
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
from tokensmith_simulator.openai_chat.logprobs import logprobs_of
from tokensmith_simulator.openai_chat.usage import distort_usage
from tokensmith_simulator.openai_faults import OPENAI_FAULTS
from tokensmith_simulator.openai_validation import read_openai_call
from tokensmith_simulator.serving import Frame, Reply
from tokensmith_simulator.tokens import count_tokens

_FINISH: Final = {
    "end": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
_PADDING: Final = "aZ3kQ9xLw2Tn8RvB5mYc7HsD1fGj6PeU4oI0"
_PADDED_LENGTH: Final = 16


class OpenAI:
    """The vendor OpenAI, at `/openai/v1`."""

    name = "openai"
    prefix = "/openai/v1"
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
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
                status=401,
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
            raise RefusalError(
                f"Unsupported content type: '{content_type}'. This API method only accepts "
                "'application/json' requests, but you specified the header 'Content-Type: "
                f"{content_type}'. Please try again with a supported content type.",
                status=415,
                code="unsupported_content_type",
            )
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            raise RefusalError(
                "We could not parse the JSON body of your request. (HINT: This likely means you "
                "aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, "
                "but what was sent was not valid JSON.)"
            ) from None

    def read_call(self, body: Any) -> ChatCall:
        """Check a body as strictly as OpenAI."""
        return read_openai_call(body)

    def fault_error(self, fault: Fault, model: str, key: str) -> RefusalError:
        """Return what a refusing fault looks like at OpenAI."""
        return worded_fault(OPENAI_FAULTS, fault, model=model, key=key)

    def error_body(self, error: RefusalError, request_id: str) -> bytes:
        """Render OpenAI's error envelope: all four keys, always."""
        return msgspec.json.encode(
            {
                "error": {
                    "message": error.message,
                    "type": error.kind,
                    "param": error.param,
                    "code": error.code,
                }
            }
        )

    def error_frame(self, error: RefusalError, request_id: str) -> bytes:
        """Render an error as a chunk of a stream that has begun."""
        return error_frame(self.error_body(error, request_id))

    def in_band_error(self, fault: Fault) -> RefusalError:
        """Return the error that comes under status 200."""
        return in_band_error(fault)

    def response_headers(self, request_id: str) -> dict[str, str]:
        """Return OpenAI's headers, with limits in its own form."""
        return {
            "x-request-id": request_id,
            "openai-organization": "org-simulator",
            "openai-processing-ms": "1",
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": "10000",
            "x-ratelimit-limit-tokens": "2000000",
            "x-ratelimit-remaining-requests": "9999",
            "x-ratelimit-remaining-tokens": "1999000",
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-reset-tokens": "30ms",
        }

    def models_body(self) -> Any:
        """Render the list of models."""
        return {"object": "list", "data": [_model_to_json(model) for model in models_of("openai")]}

    def model_body(self, model_id: str) -> Any:
        """Render one model.

        Raises:
            RefusalError: 404, for an unknown one.
        """
        model = find_model("openai", model_id)
        if model is None:
            raise RefusalError(
                f"The model '{model_id}' does not exist",
                status=404,
                param="model",
                code="model_not_found",
            )
        return _model_to_json(model)

    def render(self, call: ChatCall, answer: Answer, pace: Pace, request_id: str) -> Reply:
        """Render an answer, as one body or as chunks."""
        usage = distort_usage(_usage(answer), answer.fault_kind)
        headers = self.response_headers(request_id)
        if call.stream:
            frames = list(_Chunks(call, answer, usage, pace).frames())
            return reply_of(call, answer, frames, usage if call.include_usage else None, headers)
        body = {
            "id": f"chatcmpl-{answer.id}",
            "object": "chat.completion",
            "created": answer.created,
            "model": call.model.answered_id,
            "choices": [_choice_to_json(call, choice) for choice in answer.choices],
            **({"usage": usage} if usage is not None else {}),
            "service_tier": call.service_tier,
            "system_fingerprint": None,
        }
        return reply_of(call, answer, [body_frame(body)], usage, headers)


def _model_to_json(model: ModelSpec) -> dict[str, Any]:
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owner,
        "shutdown_date": None,
    }


def _usage(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    completion = usage.output + usage.reasoning
    return {
        "prompt_tokens": usage.prompt.total,
        "completion_tokens": completion,
        "total_tokens": usage.prompt.total + completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _finish_of(call: ChatCall, choice: Choice) -> str:
    if choice.finish == "tool_calls" and call.legacy_functions:
        return "function_call"
    return _FINISH[choice.finish]


def _choice_to_json(call: ChatCall, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if choice.tool_calls else choice.text,
        "refusal": None,
        "annotations": [],
    }
    if choice.tool_calls and call.legacy_functions:
        message["function_call"] = tool_call_to_json(choice.tool_calls[0])["function"]
    elif choice.tool_calls:
        message["tool_calls"] = [tool_call_to_json(tool) for tool in choice.tool_calls]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": logprobs_of(call, choice.text) if choice.pieces else None,
        "finish_reason": _finish_of(call, choice),
    }


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
            "id": f"chatcmpl-{answer.id}",
            "object": "chat.completion.chunk",
            "created": answer.created,
            "model": call.model.answered_id,
            "service_tier": call.service_tier,
            "system_fingerprint": None,
        }

    def frames(self) -> Iterator[Frame]:
        yield from interleave([list(self._choice(choice)) for choice in self._answer.choices])
        if self._call.include_usage and self._usage is not None:
            chunk = {**self._base, "choices": [], "usage": self._usage, **self._padding("")}
            yield event(chunk, closing=True)
        yield DONE

    def _choice(self, choice: Choice) -> Iterator[Frame]:
        content = None if choice.tool_calls else ""
        opening = {"role": "assistant", "content": content, "refusal": None}
        yield self._delta(choice, opening, "", tokens=len(choice.reasoning))
        for text, tokens in grouped(choice.pieces, self._size):
            logprobs = logprobs_of(self._call, text)
            yield self._delta(choice, {"content": text}, text, tokens=tokens, logprobs=logprobs)
        for index, tool in enumerate(choice.tool_calls):
            yield from self._tool(choice, index, tool)
        finish = _finish_of(self._call, choice)
        yield self._delta(choice, {}, "", finish=finish)

    def _tool(self, choice: Choice, index: int, tool: ToolCall) -> Iterator[Frame]:
        first = tool_call_to_json(tool, text="")
        yield self._delta(choice, self._wrap(index, first), "", tokens=count_tokens(tool.name))
        for text, tokens in grouped(tool.pieces, self._size):
            piece = self._wrap(index, tool_piece_to_json(tool, text))
            yield self._delta(choice, piece, text, tokens=tokens)

    def _wrap(self, index: int, fragment: dict[str, Any]) -> dict[str, Any]:
        if self._call.legacy_functions:
            return {"function_call": fragment["function"]}
        return {"tool_calls": [{"index": index, **fragment}]}

    def _delta(
        self,
        choice: Choice,
        delta: dict[str, Any],
        text: str,
        *,
        tokens: int = 0,
        logprobs: dict[str, Any] | None = None,
        finish: str | None = None,
    ) -> Frame:
        entry = {
            "index": choice.index,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": finish,
        }
        chunk = {**self._base, "choices": [entry]}
        if self._call.include_usage:
            chunk["usage"] = None
        return event(chunk | self._padding(text), tokens=tokens, closing=finish is not None)

    def _padding(self, text: str) -> dict[str, str]:
        """Fill chunks up to alike sizes, so that sizes tell an eavesdropper nothing."""
        if not self._call.obfuscate:
            return {}
        missing = max(2, _PADDED_LENGTH - len(text))
        start = len(text) * 7 % (len(_PADDING) - _PADDED_LENGTH)
        return {"obfuscation": _PADDING[start : start + missing]}
