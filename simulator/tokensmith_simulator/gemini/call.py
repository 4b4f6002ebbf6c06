"""From the body of a Gemini request to the call that its answer is planned with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tokensmith_simulator.answering.call import Call, Talk, Tool, ToolMode
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.gemini.conversation import (
    check_contents,
    check_parts,
    check_signatures,
    parts_of,
    user_texts,
)
from tokensmith_simulator.gemini.media import check_files, count_file
from tokensmith_simulator.gemini.models import RULES, GeminiRules, find_gemini
from tokensmith_simulator.gemini.proto import read_message
from tokensmith_simulator.gemini.schema import own_to_json_schema, supported_part
from tokensmith_simulator.gemini.settings import check_settings, declarations_of
from tokensmith_simulator.gemini.shapes import COUNT, GENERATE
from tokensmith_simulator.models import ModelSpec
from tokensmith_simulator.tokens import PromptCount, count_json_tokens, count_tokens

Body = Mapping[str, Any]

_MODES: Final[dict[str, ToolMode]] = {
    "AUTO": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}
_LEVEL_TOKENS: Final = {"MINIMAL": 0, "LOW": 48, "MEDIUM": 128, "HIGH": 256}
_BUDGET_TOKENS: Final = 256
_PER_REQUEST: Final = 2
_PER_CONTENT: Final = 2
_PER_TOOL: Final = 8


class GeminiCall(Call, frozen=True, kw_only=True):
    """A call of `generateContent`.

    Attributes:
        include_thoughts: Whether a summary of the thinking is in the answer.
        sse: Whether a stream is server-sent events; without, it is one JSON array.
    """

    include_thoughts: bool = False
    sse: bool = True


def read_gemini_call(raw_body: Any, model_id: str, *, stream: bool, sse: bool) -> GeminiCall:
    """Check a request as Google does and return what it asks for.

    Raises:
        RefusalError: Google would refuse it; the first reason found.
    """
    body = read_message(GENERATE, raw_body)
    model = find_gemini(model_id, "streamGenerateContent" if stream else "generateContent")
    prompt = _check_prompt(body, model)
    config = body.get("generationConfig", {})
    thinking = config.get("thinkingConfig", {})
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    tools = _tools_of(body, calling.get("allowedFunctionNames", ()))
    return GeminiCall(
        model=model,
        talk=_talk_of(body["contents"]),
        prompt=prompt,
        stream=stream,
        output_limit=config.get("maxOutputTokens"),
        stops=tuple(config.get("stopSequences", ())),
        tools=tools,
        tool_mode=_MODES[calling.get("mode", "AUTO")] if tools else "none",
        schema=_schema_of(config),
        reasoning_tokens=_thinking_tokens(thinking, RULES[model.id]),
        seed=msgspec.json.encode([_texts(body["contents"]), config.get("seed")]).decode(),
        include_thoughts=thinking.get("includeThoughts", False),
        sse=sse,
    )


def count_gemini_tokens(raw_body: Any, model_id: str) -> PromptCount:
    """Check a request to `countTokens` and count it.

    Raises:
        RefusalError: Google would refuse it; the first reason found.
    """
    body = read_message(COUNT, raw_body)
    model = find_gemini(model_id, "countTokens")
    inner = body.get("generateContentRequest")
    if inner is not None and "contents" in body:
        raise RefusalError("Only one of contents and generate_content_request can be set.")
    if inner is not None and inner.get("model") != f"models/{model_id}":
        raise RefusalError(
            "* CountTokensRequest.generate_content_request.model: unexpected model name format\n"
        )
    return _check_prompt(inner if inner is not None else body, model)


def _check_prompt(body: Body, model: ModelSpec) -> PromptCount:
    contents = body.get("contents", ())
    check_contents(contents)
    instruction = body.get("systemInstruction")
    if instruction is not None:
        check_parts(instruction, "system_instruction")
        if len(parts_of(instruction, "text")) < len(instruction["parts"]):
            raise RefusalError("System instruction may only contain text.")
    check_settings(body, model, RULES[model.id])
    check_files(contents)
    check_signatures(contents)
    prompt = _count(body)
    if prompt.total > model.context_tokens:
        raise RefusalError(
            f"The input token count ({prompt.total}) exceeds the maximum number of tokens allowed "
            f"({model.context_tokens})."
        )
    return prompt


def _texts(contents: Sequence[Body]) -> list[Any]:
    """Return the conversation without its signatures, as a seed."""
    return [
        [{key: part[key] for key in part if key != "thoughtSignature"} for part in content["parts"]]
        for content in contents
    ]


def _tools_of(body: Body, allowed: Sequence[str]) -> tuple[Tool, ...]:
    return tuple(
        Tool(one["name"], "function", one.get("description", ""), _parameters_of(one))
        for one in declarations_of(body)
        if not allowed or one["name"] in allowed
    )


def _parameters_of(declared: Body) -> Mapping[str, Any]:
    if "parametersJsonSchema" in declared:
        schema: dict[str, Any] = supported_part(declared["parametersJsonSchema"])
        return schema
    if "parameters" in declared:
        return own_to_json_schema(declared["parameters"])
    return {"type": "object", "properties": {}}


def _schema_of(config: Body) -> Mapping[str, Any] | None:
    if config.get("responseMimeType") != "application/json":
        return None
    if "responseSchema" in config:
        return own_to_json_schema(config["responseSchema"])
    schema: dict[str, Any] = supported_part(config.get("responseJsonSchema", {}))
    return schema


def _thinking_tokens(thinking: Body, rules: GeminiRules) -> int:
    budget = thinking.get("thinkingBudget")
    if budget is not None:
        return _BUDGET_TOKENS if budget == -1 else min(int(budget), _BUDGET_TOKENS)
    return _LEVEL_TOKENS[thinking.get("thinkingLevel", rules.levels[-1])]


def _talk_of(contents: Sequence[Body]) -> Talk:
    said = list(user_texts(contents))
    newest = contents[-1]
    responses = parts_of(newest, "functionResponse")
    result = None
    if responses:
        response = responses[-1].get("response", {})
        told = response.get("output", response.get("result", response))
        text = told if isinstance(told, str) else msgspec.json.encode(told).decode()
        result = (responses[-1]["name"], text)
    by_user = newest.get("role", "user") == "user" and bool(parts_of(newest, "text"))
    return Talk(user_text=said[-1] if said else "", by_user=by_user, tool_result=result)


def _count(body: Body) -> PromptCount:
    config = body.get("generationConfig", {})
    contents = body.get("contents", ())
    text = _PER_REQUEST + _PER_CONTENT * len(contents)
    image = 0
    for content in [*contents, body.get("systemInstruction", {})]:
        for part in content.get("parts", ()):
            counted = _count_part(part, config.get("mediaResolution"))
            text += counted.text
            image += counted.image
    for declared in declarations_of(body):
        words = count_tokens(declared["name"]) + count_tokens(declared.get("description", ""))
        schema = declared.get("parametersJsonSchema", declared.get("parameters"))
        text += _PER_TOOL + words + (count_json_tokens(schema) if schema else 0)
    schema = config.get("responseJsonSchema", config.get("responseSchema"))
    return PromptCount(text + (count_json_tokens(schema) if schema else 0), image)


def _count_part(part: Body, resolution: str | None) -> PromptCount:
    if "inlineData" in part or "fileData" in part:
        return count_file(part, resolution)
    text = count_tokens(part.get("text", ""))
    for kind, payload in (("functionCall", "args"), ("functionResponse", "response")):
        if kind in part:
            text += count_tokens(part[kind]["name"]) + count_json_tokens(part[kind].get(payload))
    return PromptCount(text, 0)
