import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from tokensmith.v1 import media_service_pb2 as _media_service_pb2
from tokensmith.v1 import usage_pb2 as _usage_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CharacterOrientation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHARACTER_ORIENTATION_UNSPECIFIED: _ClassVar[CharacterOrientation]
    CHARACTER_ORIENTATION_IMAGE: _ClassVar[CharacterOrientation]
    CHARACTER_ORIENTATION_VIDEO: _ClassVar[CharacterOrientation]
CHARACTER_ORIENTATION_UNSPECIFIED: CharacterOrientation
CHARACTER_ORIENTATION_IMAGE: CharacterOrientation
CHARACTER_ORIENTATION_VIDEO: CharacterOrientation

class Video(_message.Message):
    __slots__ = ("id", "state", "progress_percent", "sequence_number", "model", "prompt", "seconds", "size", "resolution", "generate_audio", "create_time", "end_time", "expire_time", "error", "charge", "video_media_id", "thumbnail_media_id", "spritesheet_media_id", "delivered_seconds", "queue_position", "cancel_requested", "log_request_id", "metadata")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Video.State]
        STATE_QUEUED: _ClassVar[Video.State]
        STATE_RUNNING: _ClassVar[Video.State]
        STATE_SUCCEEDED: _ClassVar[Video.State]
        STATE_FAILED: _ClassVar[Video.State]
        STATE_CANCELLED: _ClassVar[Video.State]
        STATE_EXPIRED: _ClassVar[Video.State]
    STATE_UNSPECIFIED: Video.State
    STATE_QUEUED: Video.State
    STATE_RUNNING: Video.State
    STATE_SUCCEEDED: Video.State
    STATE_FAILED: Video.State
    STATE_CANCELLED: Video.State
    STATE_EXPIRED: Video.State
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_PERCENT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    GENERATE_AUDIO_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CHARGE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    SPRITESHEET_MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_POSITION_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    LOG_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    id: str
    state: Video.State
    progress_percent: int
    sequence_number: int
    model: str
    prompt: str
    seconds: int
    size: str
    resolution: str
    generate_audio: bool
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    error: _status_pb2.Status
    charge: _usage_pb2.Charge
    video_media_id: str
    thumbnail_media_id: str
    spritesheet_media_id: str
    delivered_seconds: float
    queue_position: int
    cancel_requested: bool
    log_request_id: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, id: _Optional[str] = ..., state: _Optional[_Union[Video.State, str]] = ..., progress_percent: _Optional[int] = ..., sequence_number: _Optional[int] = ..., model: _Optional[str] = ..., prompt: _Optional[str] = ..., seconds: _Optional[int] = ..., size: _Optional[str] = ..., resolution: _Optional[str] = ..., generate_audio: bool = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., charge: _Optional[_Union[_usage_pb2.Charge, _Mapping]] = ..., video_media_id: _Optional[str] = ..., thumbnail_media_id: _Optional[str] = ..., spritesheet_media_id: _Optional[str] = ..., delivered_seconds: _Optional[float] = ..., queue_position: _Optional[int] = ..., cancel_requested: bool = ..., log_request_id: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class VideoParams(_message.Message):
    __slots__ = ("model", "prompt", "seconds", "size", "resolution", "aspect_ratio", "generate_audio", "voice_ids", "negative_prompt", "seed", "guidance_scale", "first_frame", "last_frame", "reference_images", "source_video", "reference_videos", "elements", "keep_audio", "frames_per_second", "step_count", "output_format", "output_quality", "person_generation", "metadata", "safety_identifier")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    ASPECT_RATIO_FIELD_NUMBER: _ClassVar[int]
    GENERATE_AUDIO_FIELD_NUMBER: _ClassVar[int]
    VOICE_IDS_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_SCALE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_FIELD_NUMBER: _ClassVar[int]
    LAST_FRAME_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_IMAGES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_VIDEO_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_VIDEOS_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    KEEP_AUDIO_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    STEP_COUNT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_QUALITY_FIELD_NUMBER: _ClassVar[int]
    PERSON_GENERATION_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SAFETY_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    model: str
    prompt: str
    seconds: int
    size: str
    resolution: str
    aspect_ratio: str
    generate_audio: bool
    voice_ids: _containers.RepeatedScalarFieldContainer[str]
    negative_prompt: str
    seed: int
    guidance_scale: float
    first_frame: _media_service_pb2.MediaReference
    last_frame: _media_service_pb2.MediaReference
    reference_images: _containers.RepeatedCompositeFieldContainer[_media_service_pb2.MediaReference]
    source_video: _media_service_pb2.MediaReference
    reference_videos: _containers.RepeatedCompositeFieldContainer[_media_service_pb2.MediaReference]
    elements: _containers.RepeatedCompositeFieldContainer[VideoElement]
    keep_audio: bool
    frames_per_second: int
    step_count: int
    output_format: str
    output_quality: int
    person_generation: str
    metadata: _containers.ScalarMap[str, str]
    safety_identifier: str
    def __init__(self, model: _Optional[str] = ..., prompt: _Optional[str] = ..., seconds: _Optional[int] = ..., size: _Optional[str] = ..., resolution: _Optional[str] = ..., aspect_ratio: _Optional[str] = ..., generate_audio: bool = ..., voice_ids: _Optional[_Iterable[str]] = ..., negative_prompt: _Optional[str] = ..., seed: _Optional[int] = ..., guidance_scale: _Optional[float] = ..., first_frame: _Optional[_Union[_media_service_pb2.MediaReference, _Mapping]] = ..., last_frame: _Optional[_Union[_media_service_pb2.MediaReference, _Mapping]] = ..., reference_images: _Optional[_Iterable[_Union[_media_service_pb2.MediaReference, _Mapping]]] = ..., source_video: _Optional[_Union[_media_service_pb2.MediaReference, _Mapping]] = ..., reference_videos: _Optional[_Iterable[_Union[_media_service_pb2.MediaReference, _Mapping]]] = ..., elements: _Optional[_Iterable[_Union[VideoElement, _Mapping]]] = ..., keep_audio: bool = ..., frames_per_second: _Optional[int] = ..., step_count: _Optional[int] = ..., output_format: _Optional[str] = ..., output_quality: _Optional[int] = ..., person_generation: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., safety_identifier: _Optional[str] = ...) -> None: ...

class VideoElement(_message.Message):
    __slots__ = ("frontal_image", "reference_images")
    FRONTAL_IMAGE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_IMAGES_FIELD_NUMBER: _ClassVar[int]
    frontal_image: _media_service_pb2.MediaReference
    reference_images: _containers.RepeatedCompositeFieldContainer[_media_service_pb2.MediaReference]
    def __init__(self, frontal_image: _Optional[_Union[_media_service_pb2.MediaReference, _Mapping]] = ..., reference_images: _Optional[_Iterable[_Union[_media_service_pb2.MediaReference, _Mapping]]] = ...) -> None: ...

class MotionControlParams(_message.Message):
    __slots__ = ("model", "motion_video", "character_image", "character_orientation", "prompt", "keep_original_sound", "elements", "metadata", "safety_identifier")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MOTION_VIDEO_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_IMAGE_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_ORIENTATION_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    KEEP_ORIGINAL_SOUND_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SAFETY_IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    model: str
    motion_video: _media_service_pb2.MediaReference
    character_image: _media_service_pb2.MediaReference
    character_orientation: CharacterOrientation
    prompt: str
    keep_original_sound: bool
    elements: _containers.RepeatedCompositeFieldContainer[VideoElement]
    metadata: _containers.ScalarMap[str, str]
    safety_identifier: str
    def __init__(self, model: _Optional[str] = ..., motion_video: _Optional[_Union[_media_service_pb2.MediaReference, _Mapping]] = ..., character_image: _Optional[_Union[_media_service_pb2.MediaReference, _Mapping]] = ..., character_orientation: _Optional[_Union[CharacterOrientation, str]] = ..., prompt: _Optional[str] = ..., keep_original_sound: bool = ..., elements: _Optional[_Iterable[_Union[VideoElement, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., safety_identifier: _Optional[str] = ...) -> None: ...

class CreateVideoRequest(_message.Message):
    __slots__ = ("params", "request_id")
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    params: VideoParams
    request_id: str
    def __init__(self, params: _Optional[_Union[VideoParams, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateVideoResponse(_message.Message):
    __slots__ = ("video",)
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    video: Video
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ...) -> None: ...

class CreateMotionControlRequest(_message.Message):
    __slots__ = ("params", "request_id")
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    params: MotionControlParams
    request_id: str
    def __init__(self, params: _Optional[_Union[MotionControlParams, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateMotionControlResponse(_message.Message):
    __slots__ = ("video",)
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    video: Video
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ...) -> None: ...

class GetVideoRequest(_message.Message):
    __slots__ = ("video_id",)
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    def __init__(self, video_id: _Optional[str] = ...) -> None: ...

class GetVideoResponse(_message.Message):
    __slots__ = ("video",)
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    video: Video
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ...) -> None: ...

class ListVideosRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "ascending", "state")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ASCENDING_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    ascending: bool
    state: Video.State
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., ascending: bool = ..., state: _Optional[_Union[Video.State, str]] = ...) -> None: ...

class ListVideosResponse(_message.Message):
    __slots__ = ("videos", "next_page_token")
    VIDEOS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    videos: _containers.RepeatedCompositeFieldContainer[Video]
    next_page_token: str
    def __init__(self, videos: _Optional[_Iterable[_Union[Video, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteVideoRequest(_message.Message):
    __slots__ = ("video_id",)
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    def __init__(self, video_id: _Optional[str] = ...) -> None: ...

class DeleteVideoResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CancelVideoRequest(_message.Message):
    __slots__ = ("video_id",)
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    def __init__(self, video_id: _Optional[str] = ...) -> None: ...

class CancelVideoResponse(_message.Message):
    __slots__ = ("video",)
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    video: Video
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ...) -> None: ...

class WatchVideoRequest(_message.Message):
    __slots__ = ("video_id", "after_sequence_number")
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    video_id: str
    after_sequence_number: int
    def __init__(self, video_id: _Optional[str] = ..., after_sequence_number: _Optional[int] = ...) -> None: ...

class WatchVideoResponse(_message.Message):
    __slots__ = ("video",)
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    video: Video
    def __init__(self, video: _Optional[_Union[Video, _Mapping]] = ...) -> None: ...
