"""What the Gemini API refuses, and in which words; and what its streams look like on the wire."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.simulator.test_gemini_sdk import FLASH, PARAMETERS, PRO
from tests.simulator.wire import KEY, PNG, GeminiCaller
from tokensmith_simulator.testing import RunningSimulator


def said(role: str, *parts: Any) -> Any:
    return {"role": role, "parts": list(parts)}


def text(words: str) -> Any:
    return {"text": words}


def tool(**fields: Any) -> Any:
    return [{"functionDeclarations": [{"name": "get_weather"} | fields]}]


def generation(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


def thinking(**fields: Any) -> dict[str, Any]:
    return generation(thinkingConfig=fields)


def calling(**fields: Any) -> dict[str, Any]:
    return {"toolConfig": {"functionCallingConfig": fields}}


def own(**schema: Any) -> dict[str, Any]:
    return generation(responseMimeType="application/json", responseSchema=schema)


CHAT: dict[str, Any] = {"model": FLASH, "contents": [said("user", text("Describe tea"))]}
WEATHER = tool(parametersJsonSchema=PARAMETERS)
CALLED: Any = {"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}}}
ANSWERED: Any = {"functionResponse": {"name": "get_weather", "response": {"output": "rain"}}}

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("unknown field", {"foo": 1}, 'Unknown name "foo": Cannot find field.'),
    (
        "unknown field inside",
        {"contents": [said("user", text("x") | {"detail": "low"})]},
        "Unknown name \"detail\" at 'contents[0].parts[0]': Cannot find field.",
    ),
    (
        "wrong type",
        {"contents": [said("user", text(5))]},  # type: ignore[arg-type]
        "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5",
    ),
    (
        "two kinds in a part",
        {"contents": [said("user", text("x") | CALLED)]},
        "(oneof), oneof field 'data' is already set. Cannot set 'functionCall'",
    ),
    (
        "arguments as text",
        {"contents": [said("model", {"functionCall": {"args": "{}"}})]},
        "Struct",
    ),
    ("no contents", {"contents": []}, "contents is not specified"),
    ("no parts", {"contents": [said("user")]}, "contents.parts must not be empty"),
    ("empty text", {"contents": [said("user", text(""))]}, "must have one initialized field"),
    ("role of OpenAI", {"contents": [said("assistant", text("x"))]}, "Please use a valid role"),
    (
        "role of functions",
        {"contents": [said("function", ANSWERED)]},
        "Please use a valid role: user, model.",
    ),
    ("no base64", {"contents": [said("user", {"inlineData": {"data": "*"}})]}, "Base64 decoding"),
    (
        "animated picture",
        {"contents": [said("user", {"inlineData": {"mimeType": "image/gif", "data": PNG}})]},
        "Unsupported MIME type: image/gif",
    ),
    (
        "another picture",
        {"contents": [said("user", {"inlineData": {"mimeType": "image/jpeg", "data": PNG}})]},
        "Unable to process input image",
    ),
    # Settings
    ("hot", generation(temperature=2.1), "temperature must be in the range [0.0, 2.0]"),
    ("many candidates", generation(candidateCount=2), "Multiple candidates is not enabled"),
    ("penalty", generation(presencePenalty=0.5), f"Penalty is not enabled for models/{FLASH}"),
    ("logprobs", generation(responseLogprobs=True), "Logprobs is not enabled for models/"),
    ("pictures", generation(responseModalities=["IMAGE"]), "does not support the requested"),
    ("no output", generation(maxOutputTokens=0), "max_output_tokens must be positive"),
    ("too long", generation(maxOutputTokens=65_537), "from 1 (inclusive) to 65537 (exclusive)"),
    ("many stops", generation(stopSequences=list("abcdef")), "must have at most 5 elements"),
    ("empty stop", generation(stopSequences=[""]), "stop sequences must not be empty"),
    (
        "OpenAI's field",
        generation(maxTokens=5),
        "Unknown name \"maxTokens\" at 'generation_config'",
    ),
    (
        "level and budget",
        thinking(thinkingLevel="LOW", thinkingBudget=128),
        "You can only set only one of thinking budget and thinking level.",
    ),
    ("high above high", thinking(thinkingLevel="xhigh"), "Thinking level XHIGH is not supported"),
    (
        "minimal on pro",
        {"model": PRO, **thinking(thinkingLevel="minimal")},
        "Thinking level MINIMAL is not supported for this model",
    ),
    ("no level", thinking(thinkingLevel="none"), "Invalid value at 'generation_config.thinking"),
    ("no thinking", thinking(thinkingBudget=0), "Budget 0 is invalid"),
    (
        "little thinking",
        {"model": PRO, **thinking(thinkingBudget=100)},
        "Please choose a value between 128 and 32768",
    ),
    ("schema without JSON", generation(responseJsonSchema={"type": "object"}), "must be `applicat"),
    ("format", generation(responseMimeType="image/png"), "allowed mimetypes are"),
    (
        "both schemas",
        generation(responseMimeType="application/json", responseJsonSchema={}, responseSchema={}),
        "Only one of response_schema and response_json_schema",
    ),
    (
        "keyword that is no field",
        own(type="OBJECT", properties={"a": {"type": "STRING"}}, additionalProperties=False),
        "Unknown name \"additionalProperties\" at 'generation_config.response_schema'",
    ),
    (
        "keyword deep inside",
        own(type="OBJECT", properties={"a": {"type": "STRING", "const": "x"}}),
        "at 'generation_config.response_schema.properties[0].value': Cannot find field.",
    ),
    ("list of types", own(type=["STRING", "NULL"]), "Invalid value at 'generation_config.response"),
    ("empty object", own(type="OBJECT"), "should be non-empty for OBJECT type"),
    ("list of what", own(type="ARRAY"), "response_schema.items: missing field"),
    (
        "required and unknown",
        own(type="OBJECT", properties={"a": {"type": "STRING"}}, required=["b"]),
        "required[0]: property is not defined",
    ),
    (
        "broken reference",
        generation(
            responseMimeType="application/json",
            responseJsonSchema={"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}},
        ),
        "reference to undefined schema",
    ),
    # Tools
    ("name", {"tools": tool(name="1st")}, "Invalid function name. Must start with a letter"),
    (
        "both parameters",
        {"tools": tool(parameters={"type": "OBJECT"}, parametersJsonSchema={})},
        "only one of parameters and parameters_json_schema",
    ),
    (
        "keyword in parameters",
        {"tools": tool(parameters=PARAMETERS)},
        "Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters'",
    ),
    ("twice", {"tools": WEATHER + WEATHER}, "Duplicate function declaration found: get_weather"),
    ("mode without tools", calling(mode="ANY"), "set without function_declarations"),
    (
        "names in the wrong mode",
        {"tools": WEATHER, **calling(mode="AUTO", allowedFunctionNames=["get_weather"])},
        "only when the function calling mode is ANY",
    ),
    (
        "unknown name",
        {"tools": WEATHER, **calling(mode="ANY", allowedFunctionNames=["x"])},
        "x is not in the function declarations",
    ),
    (
        "unknown harm",
        {"safetySettings": [{"category": "HARM", "threshold": "OFF"}]},
        "Invalid value at 'safety_settings[0].category'",
    ),
]


@pytest.mark.parametrize(
    ("changes", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_refused_with_googles_words(
    gemini_api: GeminiCaller, changes: dict[str, Any], words: str
) -> None:
    answered = await gemini_api.chat(**(CHAT | changes))
    assert answered.status == 400
    error = answered.body["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert words in error["message"]


async def test_every_unknown_name_is_told_at_once(gemini_api: GeminiCaller) -> None:
    error = (await gemini_api.chat(**CHAT, foo=1, bar=2)).body["error"]
    assert error["message"].count("Cannot find field.") == 2
    (details,) = error["details"]
    assert details["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert len(details["fieldViolations"]) == 2


async def test_proto_json_takes_other_spellings(gemini_api: GeminiCaller) -> None:
    answered = await gemini_api.chat(
        model=FLASH,
        contents=[{"parts": [{"text": "Hi", "thought": None}]}],
        system_instruction={"parts": [text("Be brief")]},
        generation_config={
            "max_output_tokens": "300",
            "thinking_config": {"thinking_level": "low"},
        },
    )
    assert answered.status == 200


async def test_stream_without_sse_is_an_array(
    simulator: RunningSimulator, gemini_api: GeminiCaller
) -> None:
    path = f"/v1beta/models/{FLASH}:streamGenerateContent"
    answered = await gemini_api.post(path, contents=CHAT["contents"])
    assert answered.headers["content-type"].startswith("application/json")
    assert answered.body[-1]["candidates"][0]["finishReason"] == "STOP"
    refused = await gemini_api.post(path, contents=[])
    assert refused.body[0]["error"]["status"] == "INVALID_ARGUMENT"
    simulator.inject("error_mid_stream", after_chunks=1)
    broken = await gemini_api.post(path, contents=CHAT["contents"])
    assert broken.body[-1]["error"]["code"] == 503


async def test_keys(gemini_api: GeminiCaller, simulator: RunningSimulator) -> None:
    path = f"/v1beta/models/{FLASH}:generateContent"
    send: dict[str, Any] = {"json": {"contents": CHAT["contents"]}, "key": ""}
    none = await gemini_api.send("POST", path, **send)
    assert (none.status, none.body["error"]["status"]) == (403, "PERMISSION_DENIED")
    bearer = await gemini_api.send("POST", path, **(send | {"key": KEY}))
    assert (bearer.status, bearer.body["error"]["status"]) == (401, "UNAUTHENTICATED")
    wrong = await gemini_api.post(path, key="wrong", contents=[])
    assert wrong.body["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    query = await gemini_api.send("POST", f"{path}?key={KEY}", **send)
    assert query.status == 200
    entry = simulator.journal.entries()[-1]
    assert entry.key_sent
    assert KEY not in msgspec.json.encode([entry.path, entry.headers]).decode()


async def test_count_tokens_takes_contents_or_a_request(gemini_api: GeminiCaller) -> None:
    path = f"/v1beta/models/{FLASH}:countTokens"
    short = await gemini_api.post(path, contents=CHAT["contents"])
    request = {
        "model": f"models/{FLASH}",
        "contents": CHAT["contents"],
        "systemInstruction": {"parts": [text("Be brief")]},
        "tools": WEATHER,
    }
    long = await gemini_api.post(path, generateContentRequest=request)
    assert 0 < short.body["totalTokens"] < long.body["totalTokens"]
    both = await gemini_api.post(path, contents=CHAT["contents"], generateContentRequest=request)
    assert both.status == 400
    other = await gemini_api.post(path, contents=CHAT["contents"], systemInstruction={})
    assert 'Unknown name "systemInstruction"' in other.body["error"]["message"]


async def test_unknown_paths_are_404(gemini_api: GeminiCaller) -> None:
    for path in (f"/v1beta/models/{FLASH}:embedContent", "/v1beta/files", "/v2/models"):
        answered = await gemini_api.post(path)
        assert answered.body["error"]["status"] == "NOT_FOUND"
