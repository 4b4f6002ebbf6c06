import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tokensmith.v1 import usage_pb2 as _usage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChatRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHAT_ROLE_UNSPECIFIED: _ClassVar[ChatRole]
    CHAT_ROLE_DEVELOPER: _ClassVar[ChatRole]
    CHAT_ROLE_SYSTEM: _ClassVar[ChatRole]
    CHAT_ROLE_USER: _ClassVar[ChatRole]
    CHAT_ROLE_ASSISTANT: _ClassVar[ChatRole]
    CHAT_ROLE_TOOL: _ClassVar[ChatRole]
    CHAT_ROLE_FUNCTION: _ClassVar[ChatRole]

class ChatToolKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHAT_TOOL_KIND_UNSPECIFIED: _ClassVar[ChatToolKind]
    CHAT_TOOL_KIND_FUNCTION: _ClassVar[ChatToolKind]
    CHAT_TOOL_KIND_CUSTOM: _ClassVar[ChatToolKind]

class FinishReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FINISH_REASON_UNSPECIFIED: _ClassVar[FinishReason]
    FINISH_REASON_STOP: _ClassVar[FinishReason]
    FINISH_REASON_LENGTH: _ClassVar[FinishReason]
    FINISH_REASON_TOOL_CALLS: _ClassVar[FinishReason]
    FINISH_REASON_CONTENT_FILTER: _ClassVar[FinishReason]
    FINISH_REASON_FUNCTION_CALL: _ClassVar[FinishReason]
CHAT_ROLE_UNSPECIFIED: ChatRole
CHAT_ROLE_DEVELOPER: ChatRole
CHAT_ROLE_SYSTEM: ChatRole
CHAT_ROLE_USER: ChatRole
CHAT_ROLE_ASSISTANT: ChatRole
CHAT_ROLE_TOOL: ChatRole
CHAT_ROLE_FUNCTION: ChatRole
CHAT_TOOL_KIND_UNSPECIFIED: ChatToolKind
CHAT_TOOL_KIND_FUNCTION: ChatToolKind
CHAT_TOOL_KIND_CUSTOM: ChatToolKind
FINISH_REASON_UNSPECIFIED: FinishReason
FINISH_REASON_STOP: FinishReason
FINISH_REASON_LENGTH: FinishReason
FINISH_REASON_TOOL_CALLS: FinishReason
FINISH_REASON_CONTENT_FILTER: FinishReason
FINISH_REASON_FUNCTION_CALL: FinishReason

class CreateChatCompletionRequest(_message.Message):
    __slots__ = ("params", "request_id", "request_digest", "repeat_only")
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    REPEAT_ONLY_FIELD_NUMBER: _ClassVar[int]
    params: ChatCompletionParams
    request_id: str
    request_digest: bytes
    repeat_only: bool
    def __init__(self, params: _Optional[_Union[ChatCompletionParams, _Mapping]] = ..., request_id: _Optional[str] = ..., request_digest: _Optional[bytes] = ..., repeat_only: bool = ...) -> None: ...

class CreateChatCompletionResponse(_message.Message):
    __slots__ = ("completion", "charge")
    COMPLETION_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    completion: ChatCompletion
    charge: _usage_pb2.Charge
    def __init__(self, completion: _Optional[_Union[ChatCompletion, _Mapping]] = ..., charge: _Optional[_Union[_usage_pb2.Charge, _Mapping]] = ...) -> None: ...

class StreamChatCompletionRequest(_message.Message):
    __slots__ = ("params", "request_id", "request_digest", "repeat_only")
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    REPEAT_ONLY_FIELD_NUMBER: _ClassVar[int]
    params: ChatCompletionParams
    request_id: str
    request_digest: bytes
    repeat_only: bool
    def __init__(self, params: _Optional[_Union[ChatCompletionParams, _Mapping]] = ..., request_id: _Optional[str] = ..., request_digest: _Optional[bytes] = ..., repeat_only: bool = ...) -> None: ...

class StreamChatCompletionResponse(_message.Message):
    __slots__ = ("start", "deltas", "usage", "charge", "service_tier", "moderation_json")
    START_FIELD_NUMBER: _ClassVar[int]
    DELTAS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_TIER_FIELD_NUMBER: _ClassVar[int]
    MODERATION_JSON_FIELD_NUMBER: _ClassVar[int]
    start: ChatCompletionStart
    deltas: _containers.RepeatedCompositeFieldContainer[ChatCompletionDelta]
    usage: _usage_pb2.TokenUsage
    charge: _usage_pb2.Charge
    service_tier: str
    moderation_json: str
    def __init__(self, start: _Optional[_Union[ChatCompletionStart, _Mapping]] = ..., deltas: _Optional[_Iterable[_Union[ChatCompletionDelta, _Mapping]]] = ..., usage: _Optional[_Union[_usage_pb2.TokenUsage, _Mapping]] = ..., charge: _Optional[_Union[_usage_pb2.Charge, _Mapping]] = ..., service_tier: _Optional[str] = ..., moderation_json: _Optional[str] = ...) -> None: ...

class ChatCompletionStart(_message.Message):
    __slots__ = ("id", "create_time", "model", "system_fingerprint")
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    id: str
    create_time: _timestamp_pb2.Timestamp
    model: str
    system_fingerprint: str
    def __init__(self, id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., model: _Optional[str] = ..., system_fingerprint: _Optional[str] = ...) -> None: ...

class ChatCompletionDelta(_message.Message):
    __slots__ = ("choice_index", "role", "content_pieces", "refusal", "reasoning_content", "tool_calls", "function_call", "audio", "logprobs", "finish_reason", "annotations", "signed_thinking", "stop_sequence")
    CHOICE_INDEX_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_PIECES_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    REASONING_CONTENT_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CALL_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    SIGNED_THINKING_FIELD_NUMBER: _ClassVar[int]
    STOP_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    choice_index: int
    role: ChatRole
    content_pieces: _containers.RepeatedScalarFieldContainer[str]
    refusal: str
    reasoning_content: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[ChatToolCallDelta]
    function_call: ChatFunctionCall
    audio: ChatAudioDelta
    logprobs: ChatLogprobs
    finish_reason: FinishReason
    annotations: _containers.RepeatedCompositeFieldContainer[ChatAnnotation]
    signed_thinking: _containers.RepeatedCompositeFieldContainer[ChatSignedThinking]
    stop_sequence: str
    def __init__(self, choice_index: _Optional[int] = ..., role: _Optional[_Union[ChatRole, str]] = ..., content_pieces: _Optional[_Iterable[str]] = ..., refusal: _Optional[str] = ..., reasoning_content: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[ChatToolCallDelta, _Mapping]]] = ..., function_call: _Optional[_Union[ChatFunctionCall, _Mapping]] = ..., audio: _Optional[_Union[ChatAudioDelta, _Mapping]] = ..., logprobs: _Optional[_Union[ChatLogprobs, _Mapping]] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., annotations: _Optional[_Iterable[_Union[ChatAnnotation, _Mapping]]] = ..., signed_thinking: _Optional[_Iterable[_Union[ChatSignedThinking, _Mapping]]] = ..., stop_sequence: _Optional[str] = ...) -> None: ...

class ChatToolCallDelta(_message.Message):
    __slots__ = ("index", "id", "kind", "name", "arguments")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    index: int
    id: str
    kind: ChatToolKind
    name: str
    arguments: str
    def __init__(self, index: _Optional[int] = ..., id: _Optional[str] = ..., kind: _Optional[_Union[ChatToolKind, str]] = ..., name: _Optional[str] = ..., arguments: _Optional[str] = ...) -> None: ...

class ChatCompletion(_message.Message):
    __slots__ = ("id", "create_time", "model", "choices", "usage", "service_tier", "system_fingerprint", "moderation_json")
    ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_TIER_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    MODERATION_JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    create_time: _timestamp_pb2.Timestamp
    model: str
    choices: _containers.RepeatedCompositeFieldContainer[ChatChoice]
    usage: _usage_pb2.TokenUsage
    service_tier: str
    system_fingerprint: str
    moderation_json: str
    def __init__(self, id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., model: _Optional[str] = ..., choices: _Optional[_Iterable[_Union[ChatChoice, _Mapping]]] = ..., usage: _Optional[_Union[_usage_pb2.TokenUsage, _Mapping]] = ..., service_tier: _Optional[str] = ..., system_fingerprint: _Optional[str] = ..., moderation_json: _Optional[str] = ...) -> None: ...

class ChatChoice(_message.Message):
    __slots__ = ("index", "message", "finish_reason", "logprobs", "stop_sequence")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    STOP_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    index: int
    message: ChatAnswer
    finish_reason: FinishReason
    logprobs: ChatLogprobs
    stop_sequence: str
    def __init__(self, index: _Optional[int] = ..., message: _Optional[_Union[ChatAnswer, _Mapping]] = ..., finish_reason: _Optional[_Union[FinishReason, str]] = ..., logprobs: _Optional[_Union[ChatLogprobs, _Mapping]] = ..., stop_sequence: _Optional[str] = ...) -> None: ...

class ChatAnswer(_message.Message):
    __slots__ = ("content", "refusal", "reasoning_content", "tool_calls", "function_call", "audio", "annotations", "signed_thinking")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    REASONING_CONTENT_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CALL_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    SIGNED_THINKING_FIELD_NUMBER: _ClassVar[int]
    content: str
    refusal: str
    reasoning_content: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[ChatToolCall]
    function_call: ChatFunctionCall
    audio: ChatAudioAnswer
    annotations: _containers.RepeatedCompositeFieldContainer[ChatAnnotation]
    signed_thinking: _containers.RepeatedCompositeFieldContainer[ChatSignedThinking]
    def __init__(self, content: _Optional[str] = ..., refusal: _Optional[str] = ..., reasoning_content: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[ChatToolCall, _Mapping]]] = ..., function_call: _Optional[_Union[ChatFunctionCall, _Mapping]] = ..., audio: _Optional[_Union[ChatAudioAnswer, _Mapping]] = ..., annotations: _Optional[_Iterable[_Union[ChatAnnotation, _Mapping]]] = ..., signed_thinking: _Optional[_Iterable[_Union[ChatSignedThinking, _Mapping]]] = ...) -> None: ...

class ChatSignedThinking(_message.Message):
    __slots__ = ("model", "text", "signature", "redacted_data", "text_before", "tool_calls_before")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    REDACTED_DATA_FIELD_NUMBER: _ClassVar[int]
    TEXT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    model: str
    text: str
    signature: str
    redacted_data: str
    text_before: int
    tool_calls_before: int
    def __init__(self, model: _Optional[str] = ..., text: _Optional[str] = ..., signature: _Optional[str] = ..., redacted_data: _Optional[str] = ..., text_before: _Optional[int] = ..., tool_calls_before: _Optional[int] = ...) -> None: ...

class ChatAnnotation(_message.Message):
    __slots__ = ("start_index", "end_index", "title", "url")
    START_INDEX_FIELD_NUMBER: _ClassVar[int]
    END_INDEX_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    start_index: int
    end_index: int
    title: str
    url: str
    def __init__(self, start_index: _Optional[int] = ..., end_index: _Optional[int] = ..., title: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class ChatAudioAnswer(_message.Message):
    __slots__ = ("id", "data", "expire_time", "transcript")
    ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    id: str
    data: bytes
    expire_time: _timestamp_pb2.Timestamp
    transcript: str
    def __init__(self, id: _Optional[str] = ..., data: _Optional[bytes] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., transcript: _Optional[str] = ...) -> None: ...

class ChatAudioDelta(_message.Message):
    __slots__ = ("id", "data", "transcript", "expire_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    data: bytes
    transcript: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., data: _Optional[bytes] = ..., transcript: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ChatLogprobs(_message.Message):
    __slots__ = ("content", "refusal")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    content: _containers.RepeatedCompositeFieldContainer[ChatTokenLogprob]
    refusal: _containers.RepeatedCompositeFieldContainer[ChatTokenLogprob]
    def __init__(self, content: _Optional[_Iterable[_Union[ChatTokenLogprob, _Mapping]]] = ..., refusal: _Optional[_Iterable[_Union[ChatTokenLogprob, _Mapping]]] = ...) -> None: ...

class ChatTokenLogprob(_message.Message):
    __slots__ = ("token", "logprob", "token_bytes", "top_logprobs")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_FIELD_NUMBER: _ClassVar[int]
    TOKEN_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOP_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    token: str
    logprob: float
    token_bytes: bytes
    top_logprobs: _containers.RepeatedCompositeFieldContainer[ChatTopLogprob]
    def __init__(self, token: _Optional[str] = ..., logprob: _Optional[float] = ..., token_bytes: _Optional[bytes] = ..., top_logprobs: _Optional[_Iterable[_Union[ChatTopLogprob, _Mapping]]] = ...) -> None: ...

class ChatTopLogprob(_message.Message):
    __slots__ = ("token", "logprob", "token_bytes")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_FIELD_NUMBER: _ClassVar[int]
    TOKEN_BYTES_FIELD_NUMBER: _ClassVar[int]
    token: str
    logprob: float
    token_bytes: bytes
    def __init__(self, token: _Optional[str] = ..., logprob: _Optional[float] = ..., token_bytes: _Optional[bytes] = ...) -> None: ...

class ChatCompletionParams(_message.Message):
    __slots__ = ("model", "messages", "max_output_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs", "choice_count", "seed", "stop_sequences", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_choice", "response_format", "reasoning_effort", "verbosity", "modalities", "audio", "prediction", "service_tier", "store", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "user", "web_search_options", "moderation")
    class LogitBiasEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_PENALTY_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_PENALTY_FIELD_NUMBER: _ClassVar[int]
    LOGIT_BIAS_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    TOP_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    CHOICE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    STOP_SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CHOICE_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CHOICE_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    REASONING_EFFORT_FIELD_NUMBER: _ClassVar[int]
    VERBOSITY_FIELD_NUMBER: _ClassVar[int]
    MODALITIES_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_TIER_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SAFETY_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    PROMPT_CACHE_KEY_FIELD_NUMBER: _ClassVar[int]
    PROMPT_CACHE_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_CACHE_RETENTION_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    WEB_SEARCH_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    MODERATION_FIELD_NUMBER: _ClassVar[int]
    model: str
    messages: _containers.RepeatedCompositeFieldContainer[ChatMessage]
    max_output_tokens: int
    temperature: float
    top_p: float
    frequency_penalty: float
    presence_penalty: float
    logit_bias: _containers.ScalarMap[str, int]
    logprobs: bool
    top_logprobs: int
    choice_count: int
    seed: int
    stop_sequences: _containers.RepeatedScalarFieldContainer[str]
    tools: _containers.RepeatedCompositeFieldContainer[ChatTool]
    tool_choice: ChatToolChoice
    parallel_tool_calls: bool
    functions: _containers.RepeatedCompositeFieldContainer[ChatFunction]
    function_choice: ChatFunctionChoice
    response_format: ChatResponseFormat
    reasoning_effort: str
    verbosity: str
    modalities: _containers.RepeatedScalarFieldContainer[str]
    audio: ChatAudioParams
    prediction: ChatContent
    service_tier: str
    store: bool
    metadata: _containers.ScalarMap[str, str]
    safety_identifier: str
    prompt_cache_key: str
    prompt_cache_options: ChatPromptCacheOptions
    prompt_cache_retention: str
    user: str
    web_search_options: ChatWebSearchOptions
    moderation: ChatModerationParams
    def __init__(self, model: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[ChatMessage, _Mapping]]] = ..., max_output_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., frequency_penalty: _Optional[float] = ..., presence_penalty: _Optional[float] = ..., logit_bias: _Optional[_Mapping[str, int]] = ..., logprobs: bool = ..., top_logprobs: _Optional[int] = ..., choice_count: _Optional[int] = ..., seed: _Optional[int] = ..., stop_sequences: _Optional[_Iterable[str]] = ..., tools: _Optional[_Iterable[_Union[ChatTool, _Mapping]]] = ..., tool_choice: _Optional[_Union[ChatToolChoice, _Mapping]] = ..., parallel_tool_calls: bool = ..., functions: _Optional[_Iterable[_Union[ChatFunction, _Mapping]]] = ..., function_choice: _Optional[_Union[ChatFunctionChoice, _Mapping]] = ..., response_format: _Optional[_Union[ChatResponseFormat, _Mapping]] = ..., reasoning_effort: _Optional[str] = ..., verbosity: _Optional[str] = ..., modalities: _Optional[_Iterable[str]] = ..., audio: _Optional[_Union[ChatAudioParams, _Mapping]] = ..., prediction: _Optional[_Union[ChatContent, _Mapping]] = ..., service_tier: _Optional[str] = ..., store: bool = ..., metadata: _Optional[_Mapping[str, str]] = ..., safety_identifier: _Optional[str] = ..., prompt_cache_key: _Optional[str] = ..., prompt_cache_options: _Optional[_Union[ChatPromptCacheOptions, _Mapping]] = ..., prompt_cache_retention: _Optional[str] = ..., user: _Optional[str] = ..., web_search_options: _Optional[_Union[ChatWebSearchOptions, _Mapping]] = ..., moderation: _Optional[_Union[ChatModerationParams, _Mapping]] = ...) -> None: ...

class ChatMessage(_message.Message):
    __slots__ = ("role", "content", "name", "tool_call_id", "tool_calls", "function_call", "refusal", "audio_id", "reasoning_content", "signed_thinking")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_CALL_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    AUDIO_ID_FIELD_NUMBER: _ClassVar[int]
    REASONING_CONTENT_FIELD_NUMBER: _ClassVar[int]
    SIGNED_THINKING_FIELD_NUMBER: _ClassVar[int]
    role: ChatRole
    content: ChatContent
    name: str
    tool_call_id: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[ChatToolCall]
    function_call: ChatFunctionCall
    refusal: str
    audio_id: str
    reasoning_content: str
    signed_thinking: _containers.RepeatedCompositeFieldContainer[ChatSignedThinking]
    def __init__(self, role: _Optional[_Union[ChatRole, str]] = ..., content: _Optional[_Union[ChatContent, _Mapping]] = ..., name: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[ChatToolCall, _Mapping]]] = ..., function_call: _Optional[_Union[ChatFunctionCall, _Mapping]] = ..., refusal: _Optional[str] = ..., audio_id: _Optional[str] = ..., reasoning_content: _Optional[str] = ..., signed_thinking: _Optional[_Iterable[_Union[ChatSignedThinking, _Mapping]]] = ...) -> None: ...

class ChatContent(_message.Message):
    __slots__ = ("text", "parts")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    text: str
    parts: ChatContentParts
    def __init__(self, text: _Optional[str] = ..., parts: _Optional[_Union[ChatContentParts, _Mapping]] = ...) -> None: ...

class ChatContentParts(_message.Message):
    __slots__ = ("parts",)
    PARTS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[ChatContentPart]
    def __init__(self, parts: _Optional[_Iterable[_Union[ChatContentPart, _Mapping]]] = ...) -> None: ...

class ChatContentPart(_message.Message):
    __slots__ = ("text", "refusal", "image", "input_audio", "file", "prompt_cache_breakpoint")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    INPUT_AUDIO_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_CACHE_BREAKPOINT_FIELD_NUMBER: _ClassVar[int]
    text: str
    refusal: str
    image: ChatImage
    input_audio: ChatInputAudio
    file: ChatFile
    prompt_cache_breakpoint: ChatPromptCacheBreakpoint
    def __init__(self, text: _Optional[str] = ..., refusal: _Optional[str] = ..., image: _Optional[_Union[ChatImage, _Mapping]] = ..., input_audio: _Optional[_Union[ChatInputAudio, _Mapping]] = ..., file: _Optional[_Union[ChatFile, _Mapping]] = ..., prompt_cache_breakpoint: _Optional[_Union[ChatPromptCacheBreakpoint, _Mapping]] = ...) -> None: ...

class ChatImage(_message.Message):
    __slots__ = ("url", "detail")
    URL_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    url: str
    detail: str
    def __init__(self, url: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class ChatInputAudio(_message.Message):
    __slots__ = ("data", "format")
    DATA_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    format: str
    def __init__(self, data: _Optional[bytes] = ..., format: _Optional[str] = ...) -> None: ...

class ChatFile(_message.Message):
    __slots__ = ("file_id", "file_data", "filename")
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_DATA_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    file_id: str
    file_data: str
    filename: str
    def __init__(self, file_id: _Optional[str] = ..., file_data: _Optional[str] = ..., filename: _Optional[str] = ...) -> None: ...

class ChatPromptCacheBreakpoint(_message.Message):
    __slots__ = ("mode", "ttl")
    MODE_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    mode: str
    ttl: str
    def __init__(self, mode: _Optional[str] = ..., ttl: _Optional[str] = ...) -> None: ...

class ChatToolCall(_message.Message):
    __slots__ = ("id", "kind", "name", "arguments")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: ChatToolKind
    name: str
    arguments: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[ChatToolKind, str]] = ..., name: _Optional[str] = ..., arguments: _Optional[str] = ...) -> None: ...

class ChatFunctionCall(_message.Message):
    __slots__ = ("name", "arguments")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    arguments: str
    def __init__(self, name: _Optional[str] = ..., arguments: _Optional[str] = ...) -> None: ...

class ChatTool(_message.Message):
    __slots__ = ("function", "custom")
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELD_NUMBER: _ClassVar[int]
    function: ChatFunction
    custom: ChatCustomTool
    def __init__(self, function: _Optional[_Union[ChatFunction, _Mapping]] = ..., custom: _Optional[_Union[ChatCustomTool, _Mapping]] = ...) -> None: ...

class ChatFunction(_message.Message):
    __slots__ = ("name", "description", "parameters_json", "strict")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    parameters_json: str
    strict: bool
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., parameters_json: _Optional[str] = ..., strict: bool = ...) -> None: ...

class ChatCustomTool(_message.Message):
    __slots__ = ("name", "description", "grammar")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    GRAMMAR_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    grammar: ChatGrammar
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., grammar: _Optional[_Union[ChatGrammar, _Mapping]] = ...) -> None: ...

class ChatGrammar(_message.Message):
    __slots__ = ("definition", "syntax")
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    SYNTAX_FIELD_NUMBER: _ClassVar[int]
    definition: str
    syntax: str
    def __init__(self, definition: _Optional[str] = ..., syntax: _Optional[str] = ...) -> None: ...

class ChatToolChoice(_message.Message):
    __slots__ = ("mode", "function_name", "custom_name", "allowed_tools")
    MODE_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_NAME_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_NAME_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_TOOLS_FIELD_NUMBER: _ClassVar[int]
    mode: str
    function_name: str
    custom_name: str
    allowed_tools: ChatAllowedTools
    def __init__(self, mode: _Optional[str] = ..., function_name: _Optional[str] = ..., custom_name: _Optional[str] = ..., allowed_tools: _Optional[_Union[ChatAllowedTools, _Mapping]] = ...) -> None: ...

class ChatAllowedTools(_message.Message):
    __slots__ = ("mode", "tools")
    MODE_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    mode: str
    tools: _containers.RepeatedCompositeFieldContainer[ChatToolReference]
    def __init__(self, mode: _Optional[str] = ..., tools: _Optional[_Iterable[_Union[ChatToolReference, _Mapping]]] = ...) -> None: ...

class ChatToolReference(_message.Message):
    __slots__ = ("kind", "name")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    kind: ChatToolKind
    name: str
    def __init__(self, kind: _Optional[_Union[ChatToolKind, str]] = ..., name: _Optional[str] = ...) -> None: ...

class ChatFunctionChoice(_message.Message):
    __slots__ = ("mode", "name")
    MODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    mode: str
    name: str
    def __init__(self, mode: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ChatResponseFormat(_message.Message):
    __slots__ = ("text", "json_object", "json_schema")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    JSON_OBJECT_FIELD_NUMBER: _ClassVar[int]
    JSON_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    text: ChatTextFormat
    json_object: ChatJsonObjectFormat
    json_schema: ChatJsonSchemaFormat
    def __init__(self, text: _Optional[_Union[ChatTextFormat, _Mapping]] = ..., json_object: _Optional[_Union[ChatJsonObjectFormat, _Mapping]] = ..., json_schema: _Optional[_Union[ChatJsonSchemaFormat, _Mapping]] = ...) -> None: ...

class ChatTextFormat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChatJsonObjectFormat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChatJsonSchemaFormat(_message.Message):
    __slots__ = ("name", "description", "schema_json", "strict")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    schema_json: str
    strict: bool
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., schema_json: _Optional[str] = ..., strict: bool = ...) -> None: ...

class ChatAudioParams(_message.Message):
    __slots__ = ("format", "voice_name", "voice_id")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    VOICE_NAME_FIELD_NUMBER: _ClassVar[int]
    VOICE_ID_FIELD_NUMBER: _ClassVar[int]
    format: str
    voice_name: str
    voice_id: str
    def __init__(self, format: _Optional[str] = ..., voice_name: _Optional[str] = ..., voice_id: _Optional[str] = ...) -> None: ...

class ChatPromptCacheOptions(_message.Message):
    __slots__ = ("mode", "ttl")
    MODE_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    mode: str
    ttl: str
    def __init__(self, mode: _Optional[str] = ..., ttl: _Optional[str] = ...) -> None: ...

class ChatWebSearchOptions(_message.Message):
    __slots__ = ("search_context_size", "user_location")
    SEARCH_CONTEXT_SIZE_FIELD_NUMBER: _ClassVar[int]
    USER_LOCATION_FIELD_NUMBER: _ClassVar[int]
    search_context_size: str
    user_location: ChatUserLocation
    def __init__(self, search_context_size: _Optional[str] = ..., user_location: _Optional[_Union[ChatUserLocation, _Mapping]] = ...) -> None: ...

class ChatUserLocation(_message.Message):
    __slots__ = ("city", "country", "region", "timezone")
    CITY_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    city: str
    country: str
    region: str
    timezone: str
    def __init__(self, city: _Optional[str] = ..., country: _Optional[str] = ..., region: _Optional[str] = ..., timezone: _Optional[str] = ...) -> None: ...

class ChatModerationParams(_message.Message):
    __slots__ = ("model", "input_mode", "output_mode")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    INPUT_MODE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MODE_FIELD_NUMBER: _ClassVar[int]
    model: str
    input_mode: str
    output_mode: str
    def __init__(self, model: _Optional[str] = ..., input_mode: _Optional[str] = ..., output_mode: _Optional[str] = ...) -> None: ...
