"""The messages of the Gemini API (SDK 3.4, `types.py` and its converters for this API)."""

from __future__ import annotations

from typing import Any, Final

from tokensmith_simulator.gemini.proto import (
    Reader,
    Report,
    anything,
    boolean,
    data,
    decimal,
    enum,
    integer,
    mapped,
    message,
    repeated,
    struct,
    text,
)

_HARMS: Final = tuple(
    f"HARM_CATEGORY_{name}"
    for name in (
        "HARASSMENT",
        "HATE_SPEECH",
        "SEXUALLY_EXPLICIT",
        "DANGEROUS_CONTENT",
        "CIVIC_INTEGRITY",
    )
)
_BLOB: Final = message("Blob", {"mimeType": text, "data": data})
_FILE: Final = message("FileData", {"mimeType": text, "fileUri": text})
_FUNCTION_CALL: Final = message("FunctionCall", {"id": text, "name": text, "args": struct})
_FUNCTION_RESPONSE: Final = message(
    "FunctionResponse",
    {
        "id": text,
        "name": text,
        "response": struct,
        "willContinue": boolean,
        "scheduling": enum("FunctionResponse.Scheduling", "SILENT", "WHEN_IDLE", "INTERRUPT"),
        "parts": repeated(message("FunctionResponsePart", {"inlineData": _BLOB})),
    },
)
PART_DATA: Final = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
)
PART: Final = message(
    "Part",
    {
        "text": text,
        "inlineData": _BLOB,
        "fileData": _FILE,
        "functionCall": _FUNCTION_CALL,
        "functionResponse": _FUNCTION_RESPONSE,
        "executableCode": struct,
        "codeExecutionResult": struct,
        "thought": boolean,
        "thoughtSignature": data,
        "videoMetadata": struct,
        "mediaResolution": struct,
        "partMetadata": struct,
    },
    oneof=PART_DATA,
)
CONTENT: Final = message("Content", {"role": text, "parts": repeated(PART)})

_TYPE: Final = enum("Type", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")


def _nested(value: Any, path: str, report: Report) -> Any:
    return SCHEMA(value, path, report)


SCHEMA: Final[Reader] = message(
    "Schema",
    {
        "type": _TYPE,
        "format": text,
        "title": text,
        "description": text,
        "nullable": boolean,
        "enum": repeated(text),
        "items": _nested,
        "minItems": integer,
        "maxItems": integer,
        "properties": mapped(_nested),
        "required": repeated(text),
        "minProperties": integer,
        "maxProperties": integer,
        "minimum": decimal,
        "maximum": decimal,
        "minLength": integer,
        "maxLength": integer,
        "pattern": text,
        "example": anything,
        "anyOf": repeated(_nested),
        "propertyOrdering": repeated(text),
        "default": anything,
    },
)
_FUNCTION: Final = message(
    "FunctionDeclaration",
    {
        "name": text,
        "description": text,
        "parameters": SCHEMA,
        "parametersJsonSchema": anything,
        "response": SCHEMA,
        "responseJsonSchema": anything,
        "behavior": enum("FunctionDeclaration.Behavior", "BLOCKING", "NON_BLOCKING"),
    },
)
HOSTED_TOOLS: Final = (
    "codeExecution",
    "computerUse",
    "fileSearch",
    "googleMaps",
    "googleSearch",
    "googleSearchRetrieval",
    "urlContext",
)
_TOOL: Final = message(
    "Tool", {"functionDeclarations": repeated(_FUNCTION), **dict.fromkeys(HOSTED_TOOLS, struct)}
)
_TOOL_CONFIG: Final = message(
    "ToolConfig",
    {
        "functionCallingConfig": message(
            "FunctionCallingConfig",
            {
                "mode": enum("FunctionCallingConfig.Mode", "AUTO", "ANY", "NONE", "VALIDATED"),
                "allowedFunctionNames": repeated(text),
            },
        ),
        "retrievalConfig": struct,
        "includeServerSideToolInvocations": boolean,
    },
)
_THINKING: Final = message(
    "ThinkingConfig",
    {
        "includeThoughts": boolean,
        "thinkingBudget": integer,
        "thinkingLevel": enum(
            "GenerationConfig.ThinkingConfig.ThinkingLevel",
            "MINIMAL",
            "LOW",
            "MEDIUM",
            "HIGH",
            "XHIGH",
        ),
    },
)
_GENERATION_CONFIG: Final = message(
    "GenerationConfig",
    {
        "temperature": decimal,
        "topP": decimal,
        "topK": decimal,
        "candidateCount": integer,
        "maxOutputTokens": integer,
        "stopSequences": repeated(text),
        "seed": integer,
        "presencePenalty": decimal,
        "frequencyPenalty": decimal,
        "responseLogprobs": boolean,
        "logprobs": integer,
        "responseMimeType": text,
        "responseSchema": SCHEMA,
        "responseJsonSchema": anything,
        "responseModalities": repeated(enum("GenerationConfig.Modality", "TEXT", "IMAGE", "AUDIO")),
        "mediaResolution": enum(
            "GenerationConfig.MediaResolution",
            "MEDIA_RESOLUTION_UNSPECIFIED",
            "MEDIA_RESOLUTION_LOW",
            "MEDIA_RESOLUTION_MEDIUM",
            "MEDIA_RESOLUTION_HIGH",
        ),
        "thinkingConfig": _THINKING,
        "enableEnhancedCivicAnswers": boolean,
        "speechConfig": struct,
        "imageConfig": struct,
    },
)
_SAFETY: Final = message(
    "SafetySetting",
    {
        "category": enum("HarmCategory", *_HARMS),
        "threshold": enum(
            "SafetySetting.HarmBlockThreshold",
            "BLOCK_LOW_AND_ABOVE",
            "BLOCK_MEDIUM_AND_ABOVE",
            "BLOCK_ONLY_HIGH",
            "BLOCK_NONE",
            "OFF",
        ),
    },
)
GENERATE: Final = message(
    "GenerateContentRequest",
    {
        "model": text,
        "contents": repeated(CONTENT),
        "systemInstruction": CONTENT,
        "tools": repeated(_TOOL),
        "toolConfig": _TOOL_CONFIG,
        "safetySettings": repeated(_SAFETY),
        "generationConfig": _GENERATION_CONFIG,
        "cachedContent": text,
        "serviceTier": enum("ServiceTier", "UNSPECIFIED", "FLEX", "STANDARD", "PRIORITY"),
        "store": boolean,
    },
)
COUNT: Final = message(
    "CountTokensRequest",
    {"model": text, "contents": repeated(CONTENT), "generateContentRequest": GENERATE},
)
