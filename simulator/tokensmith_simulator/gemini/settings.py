"""What the settings of a request may be, for the model that is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.gemini.models import GeminiRules
from tokensmith_simulator.gemini.schema import json_schema_problem, own_schema_problem
from tokensmith_simulator.gemini.shapes import HOSTED_TOOLS
from tokensmith_simulator.models import ModelSpec

Body = Mapping[str, Any]

_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_STOP_LIMIT: Final = 5
_BUDGET_LIMIT: Final = 32_768


def declarations_of(body: Body) -> list[Body]:
    """Return every function that a request declares."""
    return [one for tool in body.get("tools", ()) for one in tool.get("functionDeclarations", ())]


def check_settings(body: Body, model: ModelSpec, rules: GeminiRules) -> None:
    """Check what goes beyond the shape of single fields.

    Raises:
        RefusalError: The first setting that does not go with the rest, or with the model.
    """
    config = body.get("generationConfig", {})
    _check_sampling(config)
    _check_enabled(config, model)
    _check_limits(config, model)
    _check_thinking(config.get("thinkingConfig", {}), rules)
    _check_format(config)
    _check_functions(body)
    _check_function_calling(body)
    _check_safety(body.get("safetySettings", ()))
    if "cachedContent" in body:
        raise RefusalError("CachedContent not found (or permission denied)", status=403)


def _refuse(path: str, problem: str) -> None:
    raise RefusalError(f"* GenerateContentRequest.{path}: {problem}\n", param=path)


def _check_sampling(config: Body) -> None:
    for name, field, high in (("temperature", "temperature", 2.0), ("topP", "top_p", 1.0)):
        value = config.get(name, 0.0)
        if not 0.0 <= value <= high:
            _refuse(f"generation_config.{field}", f"{field} must be in the range [0.0, {high}].")
    if config.get("topK", 1) <= 0:
        _refuse("generation_config.top_k", "top_k must be positive.")


def _check_enabled(config: Body, model: ModelSpec) -> None:
    if config.get("candidateCount", 1) != 1:
        raise RefusalError("Multiple candidates is not enabled for this model")
    if config.get("presencePenalty") or config.get("frequencyPenalty"):
        raise RefusalError(f"Penalty is not enabled for models/{model.id}")
    if config.get("responseLogprobs") or config.get("logprobs"):
        raise RefusalError(f"Logprobs is not enabled for models/{model.id}")
    if set(config.get("responseModalities", ())) - {"TEXT"}:
        raise RefusalError(
            "Model does not support the requested response modalities: "
            f"{', '.join(config['responseModalities']).lower()}"
        )


def _check_limits(config: Body, model: ModelSpec) -> None:
    limit = config.get("maxOutputTokens")
    if limit is not None and limit < 1:
        _refuse("generation_config.max_output_tokens", "max_output_tokens must be positive.")
    if limit is not None and limit > model.output_limit_tokens:
        _refuse(
            "generation_config.max_output_tokens",
            f"the value {limit} is out of range: it must be from 1 (inclusive) to "
            f"{model.output_limit_tokens + 1} (exclusive).",
        )
    stops = config.get("stopSequences", ())
    if len(stops) > _STOP_LIMIT:
        _refuse("generation_config.stop_sequences", f"must have at most {_STOP_LIMIT} elements.")
    if not all(stops):
        _refuse("generation_config.stop_sequences", "stop sequences must not be empty.")


def _check_thinking(thinking: Body, rules: GeminiRules) -> None:
    level, budget = thinking.get("thinkingLevel"), thinking.get("thinkingBudget")
    if level is not None and budget is not None:
        raise RefusalError("You can only set only one of thinking budget and thinking level.")
    if level is not None and level not in rules.levels:
        raise RefusalError(
            f"Thinking level {level} is not supported for this model. Please retry with other "
            "thinking level."
        )
    if budget == 0:
        raise RefusalError("Budget 0 is invalid. This model only works in thinking mode.")
    if budget not in (None, -1) and not rules.least_budget <= budget <= _BUDGET_LIMIT:
        raise RefusalError(
            f"The thinking budget {budget} is invalid. Please choose a value between "
            f"{rules.least_budget} and {_BUDGET_LIMIT}."
        )


def _check_format(config: Body) -> None:
    kind = config.get("responseMimeType", "text/plain")
    own, schema = config.get("responseSchema"), config.get("responseJsonSchema")
    if kind not in {"text/plain", "application/json"}:
        _refuse(
            "generation_config.response_mime_type",
            "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, "
            "`application/yaml` and `text/x.enum`.",
        )
    if own is not None and schema is not None:
        raise RefusalError("Only one of response_schema and response_json_schema can be set.")
    if (own is not None or schema is not None) and kind != "application/json":
        _refuse(
            "generation_config.response_mime_type",
            "must be `application/json` when a response schema is set.",
        )
    if own is not None:
        problem = own_schema_problem(own, "generation_config.response_schema")
        if problem:
            raise RefusalError(problem)
    problem = json_schema_problem(schema) if schema is not None else None
    if problem:
        _refuse("generation_config.response_json_schema", problem)


def _check_functions(body: Body) -> None:
    for index, tool in enumerate(body.get("tools", ())):
        for hosted in HOSTED_TOOLS:
            if hosted in tool:
                _refuse(f"tools[{index}]", f"{hosted} is not enabled for this API key.")
        for at, declared in enumerate(tool.get("functionDeclarations", ())):
            _check_function(declared, f"tools[{index}].function_declarations[{at}]")
    names = [declared.get("name") for declared in declarations_of(body)]
    twice = [name for at, name in enumerate(names) if name in names[:at]]
    if twice:
        raise RefusalError(f"Duplicate function declaration found: {twice[0]}")


def _check_function(declared: Body, where: str) -> None:
    if not _NAME.fullmatch(declared.get("name", "")):
        _refuse(
            f"{where}.name",
            "Invalid function name. Must start with a letter or an underscore. Must be "
            "alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), "
            "with a maximum length of 64.",
        )
    own, schema = declared.get("parameters"), declared.get("parametersJsonSchema")
    if own is not None and schema is not None:
        _refuse(where, "only one of parameters and parameters_json_schema can be set.")
    problem = own_schema_problem(own, f"{where}.parameters") if own is not None else None
    if problem:
        raise RefusalError(problem)
    problem = json_schema_problem(schema) if schema is not None else None
    if problem is None and schema is not None and str(schema.get("type")).lower() != "object":
        problem = "the parameters of a function must be an object"
    if problem:
        _refuse(f"{where}.parameters_json_schema", problem)


def _check_function_calling(body: Body) -> None:
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    names = {declared["name"] for declared in declarations_of(body)}
    mode = calling.get("mode", "AUTO")
    if mode in {"ANY", "VALIDATED"} and not names:
        raise RefusalError("Function calling config is set without function_declarations.")
    allowed = calling.get("allowedFunctionNames", ())
    if allowed and mode not in {"ANY", "VALIDATED"}:
        raise RefusalError(
            "allowed_function_names should be set only when the function calling mode is ANY."
        )
    for name in allowed:
        if name not in names:
            raise RefusalError(
                f"The allowed function name {name} is not in the function declarations."
            )


def _check_safety(settings: Sequence[Body]) -> None:
    seen: set[str] = set()
    for index, setting in enumerate(settings):
        category = setting.get("category")
        if category is None or "threshold" not in setting:
            _refuse(f"safety_settings[{index}]", "category and threshold must be specified.")
        if category in seen:
            _refuse("safety_settings", f"duplicate safety setting for {category}.")
        seen.add(str(category))
