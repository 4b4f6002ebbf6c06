import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tokensmith.v1 import media_service_pb2 as _media_service_pb2
from tokensmith.v1 import usage_pb2 as _usage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImageParams(_message.Message):
    __slots__ = ("model", "prompt", "image_count", "size", "quality", "background", "output_format", "output_compression_percent", "moderation", "seed", "negative_prompt", "aspect_ratio", "resolution", "step_count", "guidance_scale", "inline_data", "safety_identifier", "user")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_COMPRESSION_PERCENT_FIELD_NUMBER: _ClassVar[int]
    MODERATION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    ASPECT_RATIO_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    INLINE_DATA_FIELD_NUMBER: _ClassVar[int]
    SAFETY_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    model: str
    prompt: str
    image_count: int
    size: str
    quality: str
    background: str
    output_format: str
    output_compression_percent: int
    moderation: str
    seed: int
    negative_prompt: str
    aspect_ratio: str
    resolution: str
    step_count: int
    guidance_scale: float
    inline_data: bool
    safety_identifier: str
    user: str
    def __init__(self, model: _Optional[str] = ..., prompt: _Optional[str] = ..., image_count: _Optional[int] = ..., size: _Optional[str] = ..., quality: _Optional[str] = ..., background: _Optional[str] = ..., output_format: _Optional[str] = ..., output_compression_percent: _Optional[int] = ..., moderation: _Optional[str] = ..., seed: _Optional[int] = ..., negative_prompt: _Optional[str] = ..., aspect_ratio: _Optional[str] = ..., resolution: _Optional[str] = ..., step_count: _Optional[int] = ..., guidance_scale: _Optional[float] = ..., inline_data: bool = ..., safety_identifier: _Optional[str] = ..., user: _Optional[str] = ...) -> None: ...

class ImageEditParams(_message.Message):
    __slots__ = ("image", "input_images", "mask", "input_fidelity")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    INPUT_IMAGES_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIDELITY_FIELD_NUMBER: _ClassVar[int]
    image: ImageParams
    input_images: _containers.RepeatedCompositeFieldContainer[_media_service_pb2.MediaReference]
    mask: _media_service_pb2.MediaReference
    input_fidelity: str
    def __init__(self, image: _Optional[_Union[ImageParams, _Mapping]] = ..., input_images: _Optional[_Iterable[_Union[_media_service_pb2.MediaReference, _Mapping]]] = ..., mask: _Optional[_Union[_media_service_pb2.MediaReference, _Mapping]] = ..., input_fidelity: _Optional[str] = ...) -> None: ...

class ImageResult(_message.Message):
    __slots__ = ("media_id", "url", "url_expire_time", "data", "content_type", "size_bytes", "width_pixels", "height_pixels", "revised_prompt")
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    URL_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PIXELS_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PIXELS_FIELD_NUMBER: _ClassVar[int]
    REVISED_PROMPT_FIELD_NUMBER: _ClassVar[int]
    media_id: str
    url: str
    url_expire_time: _timestamp_pb2.Timestamp
    data: bytes
    content_type: str
    size_bytes: int
    width_pixels: int
    height_pixels: int
    revised_prompt: str
    def __init__(self, media_id: _Optional[str] = ..., url: _Optional[str] = ..., url_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., data: _Optional[bytes] = ..., content_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., width_pixels: _Optional[int] = ..., height_pixels: _Optional[int] = ..., revised_prompt: _Optional[str] = ...) -> None: ...

class ImageSet(_message.Message):
    __slots__ = ("create_time", "model", "images", "usage", "size", "quality", "background", "output_format")
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    create_time: _timestamp_pb2.Timestamp
    model: str
    images: _containers.RepeatedCompositeFieldContainer[ImageResult]
    usage: _usage_pb2.TokenUsage
    size: str
    quality: str
    background: str
    output_format: str
    def __init__(self, create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., model: _Optional[str] = ..., images: _Optional[_Iterable[_Union[ImageResult, _Mapping]]] = ..., usage: _Optional[_Union[_usage_pb2.TokenUsage, _Mapping]] = ..., size: _Optional[str] = ..., quality: _Optional[str] = ..., background: _Optional[str] = ..., output_format: _Optional[str] = ...) -> None: ...

class PartialImage(_message.Message):
    __slots__ = ("image_index", "partial_index", "data", "content_type")
    IMAGE_INDEX_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_INDEX_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    image_index: int
    partial_index: int
    data: bytes
    content_type: str
    def __init__(self, image_index: _Optional[int] = ..., partial_index: _Optional[int] = ..., data: _Optional[bytes] = ..., content_type: _Optional[str] = ...) -> None: ...

class GenerateImageRequest(_message.Message):
    __slots__ = ("params", "request_id")
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    params: ImageParams
    request_id: str
    def __init__(self, params: _Optional[_Union[ImageParams, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GenerateImageResponse(_message.Message):
    __slots__ = ("result", "charge")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    result: ImageSet
    charge: _usage_pb2.Charge
    def __init__(self, result: _Optional[_Union[ImageSet, _Mapping]] = ..., charge: _Optional[_Union[_usage_pb2.Charge, _Mapping]] = ...) -> None: ...

class StreamImageGenerationRequest(_message.Message):
    __slots__ = ("params", "partial_image_count", "request_id")
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    params: ImageParams
    partial_image_count: int
    request_id: str
    def __init__(self, params: _Optional[_Union[ImageParams, _Mapping]] = ..., partial_image_count: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class StreamImageGenerationResponse(_message.Message):
    __slots__ = ("partial_images", "result", "charge")
    PARTIAL_IMAGES_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    partial_images: _containers.RepeatedCompositeFieldContainer[PartialImage]
    result: ImageSet
    charge: _usage_pb2.Charge
    def __init__(self, partial_images: _Optional[_Iterable[_Union[PartialImage, _Mapping]]] = ..., result: _Optional[_Union[ImageSet, _Mapping]] = ..., charge: _Optional[_Union[_usage_pb2.Charge, _Mapping]] = ...) -> None: ...

class EditImageRequest(_message.Message):
    __slots__ = ("params", "request_id")
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    params: ImageEditParams
    request_id: str
    def __init__(self, params: _Optional[_Union[ImageEditParams, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class EditImageResponse(_message.Message):
    __slots__ = ("result", "charge")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    result: ImageSet
    charge: _usage_pb2.Charge
    def __init__(self, result: _Optional[_Union[ImageSet, _Mapping]] = ..., charge: _Optional[_Union[_usage_pb2.Charge, _Mapping]] = ...) -> None: ...

class StreamImageEditRequest(_message.Message):
    __slots__ = ("params", "partial_image_count", "request_id")
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    params: ImageEditParams
    partial_image_count: int
    request_id: str
    def __init__(self, params: _Optional[_Union[ImageEditParams, _Mapping]] = ..., partial_image_count: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class StreamImageEditResponse(_message.Message):
    __slots__ = ("partial_images", "result", "charge")
    PARTIAL_IMAGES_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    partial_images: _containers.RepeatedCompositeFieldContainer[PartialImage]
    result: ImageSet
    charge: _usage_pb2.Charge
    def __init__(self, partial_images: _Optional[_Iterable[_Union[PartialImage, _Mapping]]] = ..., result: _Optional[_Union[ImageSet, _Mapping]] = ..., charge: _Optional[_Union[_usage_pb2.Charge, _Mapping]] = ...) -> None: ...
