import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODEL_KIND_UNSPECIFIED: _ClassVar[ModelKind]
    MODEL_KIND_TEXT: _ClassVar[ModelKind]
    MODEL_KIND_IMAGE: _ClassVar[ModelKind]
    MODEL_KIND_VIDEO: _ClassVar[ModelKind]
    MODEL_KIND_MOTION_CONTROL: _ClassVar[ModelKind]
MODEL_KIND_UNSPECIFIED: ModelKind
MODEL_KIND_TEXT: ModelKind
MODEL_KIND_IMAGE: ModelKind
MODEL_KIND_VIDEO: ModelKind
MODEL_KIND_MOTION_CONTROL: ModelKind

class Model(_message.Message):
    __slots__ = ("id", "kind", "display_name", "provider", "owned_by", "create_time", "token_rate", "image_rate", "second_rate", "lifecycle", "text", "image", "video", "endpoint", "context_tokens", "max_output_tokens", "parameter_schema_json", "aliases")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    OWNED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TOKEN_RATE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_RATE_FIELD_NUMBER: _ClassVar[int]
    SECOND_RATE_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PARAMETER_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: ModelKind
    display_name: str
    provider: str
    owned_by: str
    create_time: _timestamp_pb2.Timestamp
    token_rate: TokenRate
    image_rate: ImageRate
    second_rate: SecondRate
    lifecycle: ModelLifecycle
    text: TextCapabilities
    image: ImageCapabilities
    video: VideoCapabilities
    endpoint: str
    context_tokens: int
    max_output_tokens: int
    parameter_schema_json: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[ModelKind, str]] = ..., display_name: _Optional[str] = ..., provider: _Optional[str] = ..., owned_by: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., token_rate: _Optional[_Union[TokenRate, _Mapping]] = ..., image_rate: _Optional[_Union[ImageRate, _Mapping]] = ..., second_rate: _Optional[_Union[SecondRate, _Mapping]] = ..., lifecycle: _Optional[_Union[ModelLifecycle, _Mapping]] = ..., text: _Optional[_Union[TextCapabilities, _Mapping]] = ..., image: _Optional[_Union[ImageCapabilities, _Mapping]] = ..., video: _Optional[_Union[VideoCapabilities, _Mapping]] = ..., endpoint: _Optional[str] = ..., context_tokens: _Optional[int] = ..., max_output_tokens: _Optional[int] = ..., parameter_schema_json: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ...) -> None: ...

class TokenRate(_message.Message):
    __slots__ = ("input_microcredits", "output_microcredits", "cached_input_microcredits")
    INPUT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CACHED_INPUT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    input_microcredits: int
    output_microcredits: int
    cached_input_microcredits: int
    def __init__(self, input_microcredits: _Optional[int] = ..., output_microcredits: _Optional[int] = ..., cached_input_microcredits: _Optional[int] = ...) -> None: ...

class ImageRate(_message.Message):
    __slots__ = ("image_microcredits", "token_rate")
    IMAGE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_RATE_FIELD_NUMBER: _ClassVar[int]
    image_microcredits: int
    token_rate: TokenRate
    def __init__(self, image_microcredits: _Optional[int] = ..., token_rate: _Optional[_Union[TokenRate, _Mapping]] = ...) -> None: ...

class SecondRate(_message.Message):
    __slots__ = ("tiers", "default_seconds")
    TIERS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    tiers: _containers.RepeatedCompositeFieldContainer[SecondTier]
    default_seconds: int
    def __init__(self, tiers: _Optional[_Iterable[_Union[SecondTier, _Mapping]]] = ..., default_seconds: _Optional[int] = ...) -> None: ...

class SecondTier(_message.Message):
    __slots__ = ("second_microcredits", "resolution", "generate_audio", "voice_control")
    SECOND_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    GENERATE_AUDIO_FIELD_NUMBER: _ClassVar[int]
    VOICE_CONTROL_FIELD_NUMBER: _ClassVar[int]
    second_microcredits: int
    resolution: str
    generate_audio: bool
    voice_control: bool
    def __init__(self, second_microcredits: _Optional[int] = ..., resolution: _Optional[str] = ..., generate_audio: bool = ..., voice_control: bool = ...) -> None: ...

class ModelLifecycle(_message.Message):
    __slots__ = ("status", "shutdown_date", "replacement", "note", "confirmed")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[ModelLifecycle.Status]
        STATUS_AVAILABLE: _ClassVar[ModelLifecycle.Status]
        STATUS_DEPRECATED: _ClassVar[ModelLifecycle.Status]
        STATUS_RETIRED: _ClassVar[ModelLifecycle.Status]
    STATUS_UNSPECIFIED: ModelLifecycle.Status
    STATUS_AVAILABLE: ModelLifecycle.Status
    STATUS_DEPRECATED: ModelLifecycle.Status
    STATUS_RETIRED: ModelLifecycle.Status
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_DATE_FIELD_NUMBER: _ClassVar[int]
    REPLACEMENT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    status: ModelLifecycle.Status
    shutdown_date: str
    replacement: str
    note: str
    confirmed: bool
    def __init__(self, status: _Optional[_Union[ModelLifecycle.Status, str]] = ..., shutdown_date: _Optional[str] = ..., replacement: _Optional[str] = ..., note: _Optional[str] = ..., confirmed: bool = ...) -> None: ...

class TextCapabilities(_message.Message):
    __slots__ = ("default_output_tokens", "image_input", "audio_input", "file_input", "audio_output", "tools", "parallel_tool_calls", "custom_tools", "json_object", "json_schema", "reasoning_efforts", "default_reasoning_effort", "max_choice_count", "logprobs", "restricted_fields", "tools_with_reasoning")
    DEFAULT_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_INPUT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_INPUT_FIELD_NUMBER: _ClassVar[int]
    FILE_INPUT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_TOOLS_FIELD_NUMBER: _ClassVar[int]
    JSON_OBJECT_FIELD_NUMBER: _ClassVar[int]
    JSON_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    REASONING_EFFORTS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_REASONING_EFFORT_FIELD_NUMBER: _ClassVar[int]
    MAX_CHOICE_COUNT_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    TOOLS_WITH_REASONING_FIELD_NUMBER: _ClassVar[int]
    default_output_tokens: int
    image_input: bool
    audio_input: bool
    file_input: bool
    audio_output: bool
    tools: bool
    parallel_tool_calls: bool
    custom_tools: bool
    json_object: bool
    json_schema: bool
    reasoning_efforts: _containers.RepeatedScalarFieldContainer[str]
    default_reasoning_effort: str
    max_choice_count: int
    logprobs: bool
    restricted_fields: _containers.RepeatedScalarFieldContainer[str]
    tools_with_reasoning: bool
    def __init__(self, default_output_tokens: _Optional[int] = ..., image_input: bool = ..., audio_input: bool = ..., file_input: bool = ..., audio_output: bool = ..., tools: bool = ..., parallel_tool_calls: bool = ..., custom_tools: bool = ..., json_object: bool = ..., json_schema: bool = ..., reasoning_efforts: _Optional[_Iterable[str]] = ..., default_reasoning_effort: _Optional[str] = ..., max_choice_count: _Optional[int] = ..., logprobs: bool = ..., restricted_fields: _Optional[_Iterable[str]] = ..., tools_with_reasoning: bool = ...) -> None: ...

class ImageCapabilities(_message.Message):
    __slots__ = ("max_image_count", "image_input", "partial_images", "responses", "price_is_minimum")
    MAX_IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_INPUT_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_IMAGES_FIELD_NUMBER: _ClassVar[int]
    RESPONSES_FIELD_NUMBER: _ClassVar[int]
    PRICE_IS_MINIMUM_FIELD_NUMBER: _ClassVar[int]
    max_image_count: int
    image_input: bool
    partial_images: bool
    responses: bool
    price_is_minimum: bool
    def __init__(self, max_image_count: _Optional[int] = ..., image_input: bool = ..., partial_images: bool = ..., responses: bool = ..., price_is_minimum: bool = ...) -> None: ...

class VideoCapabilities(_message.Message):
    __slots__ = ("seconds_source", "allowed_seconds", "resolutions", "generate_audio", "voice_control", "max_input_seconds", "max_input_seconds_image_orientation")
    class SecondsSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SECONDS_SOURCE_UNSPECIFIED: _ClassVar[VideoCapabilities.SecondsSource]
        SECONDS_SOURCE_REQUEST: _ClassVar[VideoCapabilities.SecondsSource]
        SECONDS_SOURCE_INPUT_VIDEO: _ClassVar[VideoCapabilities.SecondsSource]
    SECONDS_SOURCE_UNSPECIFIED: VideoCapabilities.SecondsSource
    SECONDS_SOURCE_REQUEST: VideoCapabilities.SecondsSource
    SECONDS_SOURCE_INPUT_VIDEO: VideoCapabilities.SecondsSource
    SECONDS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RESOLUTIONS_FIELD_NUMBER: _ClassVar[int]
    GENERATE_AUDIO_FIELD_NUMBER: _ClassVar[int]
    VOICE_CONTROL_FIELD_NUMBER: _ClassVar[int]
    MAX_INPUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_INPUT_SECONDS_IMAGE_ORIENTATION_FIELD_NUMBER: _ClassVar[int]
    seconds_source: VideoCapabilities.SecondsSource
    allowed_seconds: _containers.RepeatedScalarFieldContainer[int]
    resolutions: _containers.RepeatedCompositeFieldContainer[ResolutionOption]
    generate_audio: bool
    voice_control: bool
    max_input_seconds: int
    max_input_seconds_image_orientation: int
    def __init__(self, seconds_source: _Optional[_Union[VideoCapabilities.SecondsSource, str]] = ..., allowed_seconds: _Optional[_Iterable[int]] = ..., resolutions: _Optional[_Iterable[_Union[ResolutionOption, _Mapping]]] = ..., generate_audio: bool = ..., voice_control: bool = ..., max_input_seconds: _Optional[int] = ..., max_input_seconds_image_orientation: _Optional[int] = ...) -> None: ...

class ResolutionOption(_message.Message):
    __slots__ = ("resolution", "allowed_seconds")
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    resolution: str
    allowed_seconds: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, resolution: _Optional[str] = ..., allowed_seconds: _Optional[_Iterable[int]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "kind")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    kind: ModelKind
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., kind: _Optional[_Union[ModelKind, str]] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token", "catalog_version")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    next_page_token: str
    catalog_version: str
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., catalog_version: _Optional[str] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("model_id",)
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    def __init__(self, model_id: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model", "catalog_version")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    model: Model
    catalog_version: str
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ..., catalog_version: _Optional[str] = ...) -> None: ...
