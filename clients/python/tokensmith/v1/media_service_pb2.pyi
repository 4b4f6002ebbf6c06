import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MediaPurpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_PURPOSE_UNSPECIFIED: _ClassVar[MediaPurpose]
    MEDIA_PURPOSE_IMAGE_INPUT: _ClassVar[MediaPurpose]
    MEDIA_PURPOSE_VIDEO_INPUT: _ClassVar[MediaPurpose]
    MEDIA_PURPOSE_AUDIO_INPUT: _ClassVar[MediaPurpose]
    MEDIA_PURPOSE_CHAT_INPUT: _ClassVar[MediaPurpose]
    MEDIA_PURPOSE_IMAGE_RESULT: _ClassVar[MediaPurpose]
    MEDIA_PURPOSE_VIDEO_RESULT: _ClassVar[MediaPurpose]
    MEDIA_PURPOSE_THUMBNAIL: _ClassVar[MediaPurpose]
MEDIA_PURPOSE_UNSPECIFIED: MediaPurpose
MEDIA_PURPOSE_IMAGE_INPUT: MediaPurpose
MEDIA_PURPOSE_VIDEO_INPUT: MediaPurpose
MEDIA_PURPOSE_AUDIO_INPUT: MediaPurpose
MEDIA_PURPOSE_CHAT_INPUT: MediaPurpose
MEDIA_PURPOSE_IMAGE_RESULT: MediaPurpose
MEDIA_PURPOSE_VIDEO_RESULT: MediaPurpose
MEDIA_PURPOSE_THUMBNAIL: MediaPurpose

class Media(_message.Message):
    __slots__ = ("id", "content_type", "size_bytes", "sha256", "purpose", "filename", "create_time", "expire_time", "width_pixels", "height_pixels", "duration", "source_request_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PIXELS_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PIXELS_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    content_type: str
    size_bytes: int
    sha256: bytes
    purpose: MediaPurpose
    filename: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    width_pixels: int
    height_pixels: int
    duration: _duration_pb2.Duration
    source_request_id: str
    def __init__(self, id: _Optional[str] = ..., content_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., purpose: _Optional[_Union[MediaPurpose, str]] = ..., filename: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., width_pixels: _Optional[int] = ..., height_pixels: _Optional[int] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., source_request_id: _Optional[str] = ...) -> None: ...

class MediaReference(_message.Message):
    __slots__ = ("media_id", "url", "inline")
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    media_id: str
    url: str
    inline: InlineMedia
    def __init__(self, media_id: _Optional[str] = ..., url: _Optional[str] = ..., inline: _Optional[_Union[InlineMedia, _Mapping]] = ...) -> None: ...

class InlineMedia(_message.Message):
    __slots__ = ("data", "content_type")
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    content_type: str
    def __init__(self, data: _Optional[bytes] = ..., content_type: _Optional[str] = ...) -> None: ...

class UploadMediaRequest(_message.Message):
    __slots__ = ("metadata", "chunk")
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    metadata: UploadMediaMetadata
    chunk: bytes
    def __init__(self, metadata: _Optional[_Union[UploadMediaMetadata, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class UploadMediaMetadata(_message.Message):
    __slots__ = ("content_type", "size_bytes", "sha256", "purpose", "filename", "ttl", "request_id")
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    content_type: str
    size_bytes: int
    sha256: bytes
    purpose: MediaPurpose
    filename: str
    ttl: _duration_pb2.Duration
    request_id: str
    def __init__(self, content_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., purpose: _Optional[_Union[MediaPurpose, str]] = ..., filename: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UploadMediaResponse(_message.Message):
    __slots__ = ("media",)
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    media: Media
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ...) -> None: ...

class DownloadMediaRequest(_message.Message):
    __slots__ = ("media_id", "offset_bytes")
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    media_id: str
    offset_bytes: int
    def __init__(self, media_id: _Optional[str] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class DownloadMediaResponse(_message.Message):
    __slots__ = ("media", "chunk", "offset_bytes")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    media: Media
    chunk: bytes
    offset_bytes: int
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ..., chunk: _Optional[bytes] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class GetMediaRequest(_message.Message):
    __slots__ = ("media_id",)
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    media_id: str
    def __init__(self, media_id: _Optional[str] = ...) -> None: ...

class GetMediaResponse(_message.Message):
    __slots__ = ("media",)
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    media: Media
    def __init__(self, media: _Optional[_Union[Media, _Mapping]] = ...) -> None: ...

class ListMediaRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "purpose")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    purpose: MediaPurpose
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., purpose: _Optional[_Union[MediaPurpose, str]] = ...) -> None: ...

class ListMediaResponse(_message.Message):
    __slots__ = ("media", "next_page_token")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    media: _containers.RepeatedCompositeFieldContainer[Media]
    next_page_token: str
    def __init__(self, media: _Optional[_Iterable[_Union[Media, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteMediaRequest(_message.Message):
    __slots__ = ("media_id",)
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    media_id: str
    def __init__(self, media_id: _Optional[str] = ...) -> None: ...

class DeleteMediaResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreateMediaLinkRequest(_message.Message):
    __slots__ = ("media_id", "ttl", "attachment")
    MEDIA_ID_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    media_id: str
    ttl: _duration_pb2.Duration
    attachment: bool
    def __init__(self, media_id: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., attachment: bool = ...) -> None: ...

class CreateMediaLinkResponse(_message.Message):
    __slots__ = ("url", "expire_time")
    URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    url: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, url: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
