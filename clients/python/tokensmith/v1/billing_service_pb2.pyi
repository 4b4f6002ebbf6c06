import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tokensmith.v1 import chat_service_pb2 as _chat_service_pb2
from tokensmith.v1 import image_service_pb2 as _image_service_pb2
from tokensmith.v1 import model_service_pb2 as _model_service_pb2
from tokensmith.v1 import usage_pb2 as _usage_pb2
from tokensmith.v1 import video_service_pb2 as _video_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PriceUnit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRICE_UNIT_UNSPECIFIED: _ClassVar[PriceUnit]
    PRICE_UNIT_INPUT_TOKEN: _ClassVar[PriceUnit]
    PRICE_UNIT_CACHED_INPUT_TOKEN: _ClassVar[PriceUnit]
    PRICE_UNIT_OUTPUT_TOKEN: _ClassVar[PriceUnit]
    PRICE_UNIT_IMAGE: _ClassVar[PriceUnit]
    PRICE_UNIT_SECOND: _ClassVar[PriceUnit]

class UsageGroup(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_GROUP_UNSPECIFIED: _ClassVar[UsageGroup]
    USAGE_GROUP_MODEL: _ClassVar[UsageGroup]
    USAGE_GROUP_KEY: _ClassVar[UsageGroup]
    USAGE_GROUP_DAY: _ClassVar[UsageGroup]
    USAGE_GROUP_KIND: _ClassVar[UsageGroup]
PRICE_UNIT_UNSPECIFIED: PriceUnit
PRICE_UNIT_INPUT_TOKEN: PriceUnit
PRICE_UNIT_CACHED_INPUT_TOKEN: PriceUnit
PRICE_UNIT_OUTPUT_TOKEN: PriceUnit
PRICE_UNIT_IMAGE: PriceUnit
PRICE_UNIT_SECOND: PriceUnit
USAGE_GROUP_UNSPECIFIED: UsageGroup
USAGE_GROUP_MODEL: UsageGroup
USAGE_GROUP_KEY: UsageGroup
USAGE_GROUP_DAY: UsageGroup
USAGE_GROUP_KIND: UsageGroup

class Balance(_message.Message):
    __slots__ = ("available_microcredits", "held_microcredits", "granted_microcredits", "charged_microcredits")
    AVAILABLE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    GRANTED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CHARGED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    available_microcredits: int
    held_microcredits: int
    granted_microcredits: int
    charged_microcredits: int
    def __init__(self, available_microcredits: _Optional[int] = ..., held_microcredits: _Optional[int] = ..., granted_microcredits: _Optional[int] = ..., charged_microcredits: _Optional[int] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("id", "log_request_id", "state", "model", "held_microcredits", "charged_microcredits", "shortfall_microcredits", "catalog_version", "create_time", "expire_time", "resolve_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Hold.State]
        STATE_HELD: _ClassVar[Hold.State]
        STATE_SETTLED: _ClassVar[Hold.State]
        STATE_VOIDED: _ClassVar[Hold.State]
        STATE_EXPIRED: _ClassVar[Hold.State]
    STATE_UNSPECIFIED: Hold.State
    STATE_HELD: Hold.State
    STATE_SETTLED: Hold.State
    STATE_VOIDED: Hold.State
    STATE_EXPIRED: Hold.State
    ID_FIELD_NUMBER: _ClassVar[int]
    LOG_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CHARGED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    SHORTFALL_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    RESOLVE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    log_request_id: str
    state: Hold.State
    model: str
    held_microcredits: int
    charged_microcredits: int
    shortfall_microcredits: int
    catalog_version: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    resolve_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., log_request_id: _Optional[str] = ..., state: _Optional[_Union[Hold.State, str]] = ..., model: _Optional[str] = ..., held_microcredits: _Optional[int] = ..., charged_microcredits: _Optional[int] = ..., shortfall_microcredits: _Optional[int] = ..., catalog_version: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolve_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("id", "kind", "hold_id", "log_request_id", "available_delta_microcredits", "held_delta_microcredits", "charged_delta_microcredits", "granted_delta_microcredits", "create_time", "description")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Entry.Kind]
        KIND_GRANT: _ClassVar[Entry.Kind]
        KIND_HOLD: _ClassVar[Entry.Kind]
        KIND_SETTLE: _ClassVar[Entry.Kind]
        KIND_VOID: _ClassVar[Entry.Kind]
        KIND_EXPIRE: _ClassVar[Entry.Kind]
    KIND_UNSPECIFIED: Entry.Kind
    KIND_GRANT: Entry.Kind
    KIND_HOLD: Entry.Kind
    KIND_SETTLE: Entry.Kind
    KIND_VOID: Entry.Kind
    KIND_EXPIRE: Entry.Kind
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    LOG_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_DELTA_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_DELTA_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CHARGED_DELTA_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    GRANTED_DELTA_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: Entry.Kind
    hold_id: str
    log_request_id: str
    available_delta_microcredits: int
    held_delta_microcredits: int
    charged_delta_microcredits: int
    granted_delta_microcredits: int
    create_time: _timestamp_pb2.Timestamp
    description: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[Entry.Kind, str]] = ..., hold_id: _Optional[str] = ..., log_request_id: _Optional[str] = ..., available_delta_microcredits: _Optional[int] = ..., held_delta_microcredits: _Optional[int] = ..., charged_delta_microcredits: _Optional[int] = ..., granted_delta_microcredits: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., description: _Optional[str] = ...) -> None: ...

class Attempt(_message.Message):
    __slots__ = ("number", "provider", "upstream_model", "state", "start_time", "end_time", "http_status", "error", "upstream_request_id", "returned_model", "first_byte_latency")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Attempt.State]
        STATE_DISPATCHED: _ClassVar[Attempt.State]
        STATE_ANSWERED: _ClassVar[Attempt.State]
        STATE_FAILED: _ClassVar[Attempt.State]
        STATE_UNKNOWN: _ClassVar[Attempt.State]
    STATE_UNSPECIFIED: Attempt.State
    STATE_DISPATCHED: Attempt.State
    STATE_ANSWERED: Attempt.State
    STATE_FAILED: Attempt.State
    STATE_UNKNOWN: Attempt.State
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_MODEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETURNED_MODEL_FIELD_NUMBER: _ClassVar[int]
    FIRST_BYTE_LATENCY_FIELD_NUMBER: _ClassVar[int]
    number: int
    provider: str
    upstream_model: str
    state: Attempt.State
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    http_status: int
    error: str
    upstream_request_id: str
    returned_model: str
    first_byte_latency: _duration_pb2.Duration
    def __init__(self, number: _Optional[int] = ..., provider: _Optional[str] = ..., upstream_model: _Optional[str] = ..., state: _Optional[_Union[Attempt.State, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., http_status: _Optional[int] = ..., error: _Optional[str] = ..., upstream_request_id: _Optional[str] = ..., returned_model: _Optional[str] = ..., first_byte_latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RequestRecord(_message.Message):
    __slots__ = ("id", "client_request_id", "key_id", "kind", "model", "stream", "hold", "outcome", "error_reason", "usage", "image_count", "video_seconds", "finish_reason", "attempts", "price_lines", "create_time", "end_time", "video_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_REASON_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    VIDEO_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FINISH_REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PRICE_LINES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    VIDEO_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    client_request_id: str
    key_id: str
    kind: _model_service_pb2.ModelKind
    model: str
    stream: bool
    hold: Hold
    outcome: _usage_pb2.Outcome
    error_reason: str
    usage: _usage_pb2.TokenUsage
    image_count: int
    video_seconds: float
    finish_reason: _chat_service_pb2.FinishReason
    attempts: _containers.RepeatedCompositeFieldContainer[Attempt]
    price_lines: _containers.RepeatedCompositeFieldContainer[PriceLine]
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    video_id: str
    def __init__(self, id: _Optional[str] = ..., client_request_id: _Optional[str] = ..., key_id: _Optional[str] = ..., kind: _Optional[_Union[_model_service_pb2.ModelKind, str]] = ..., model: _Optional[str] = ..., stream: bool = ..., hold: _Optional[_Union[Hold, _Mapping]] = ..., outcome: _Optional[_Union[_usage_pb2.Outcome, str]] = ..., error_reason: _Optional[str] = ..., usage: _Optional[_Union[_usage_pb2.TokenUsage, _Mapping]] = ..., image_count: _Optional[int] = ..., video_seconds: _Optional[float] = ..., finish_reason: _Optional[_Union[_chat_service_pb2.FinishReason, str]] = ..., attempts: _Optional[_Iterable[_Union[Attempt, _Mapping]]] = ..., price_lines: _Optional[_Iterable[_Union[PriceLine, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., video_id: _Optional[str] = ...) -> None: ...

class PriceLine(_message.Message):
    __slots__ = ("unit", "quantity", "unit_microcredits", "amount_microcredits", "description")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    unit: PriceUnit
    quantity: int
    unit_microcredits: int
    amount_microcredits: int
    description: str
    def __init__(self, unit: _Optional[_Union[PriceUnit, str]] = ..., quantity: _Optional[int] = ..., unit_microcredits: _Optional[int] = ..., amount_microcredits: _Optional[int] = ..., description: _Optional[str] = ...) -> None: ...

class UsageRow(_message.Message):
    __slots__ = ("model", "key_id", "day", "kind", "request_count", "free_request_count", "charged_microcredits", "input_tokens", "cached_input_tokens", "output_tokens", "image_count", "video_seconds")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    FREE_REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHARGED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    VIDEO_SECONDS_FIELD_NUMBER: _ClassVar[int]
    model: str
    key_id: str
    day: str
    kind: _model_service_pb2.ModelKind
    request_count: int
    free_request_count: int
    charged_microcredits: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    image_count: int
    video_seconds: float
    def __init__(self, model: _Optional[str] = ..., key_id: _Optional[str] = ..., day: _Optional[str] = ..., kind: _Optional[_Union[_model_service_pb2.ModelKind, str]] = ..., request_count: _Optional[int] = ..., free_request_count: _Optional[int] = ..., charged_microcredits: _Optional[int] = ..., input_tokens: _Optional[int] = ..., cached_input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., image_count: _Optional[int] = ..., video_seconds: _Optional[float] = ...) -> None: ...

class Key(_message.Message):
    __slots__ = ("id", "display_name", "hint", "create_time", "expire_time", "revoke_time", "last_use_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVOKE_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_USE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    display_name: str
    hint: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    revoke_time: _timestamp_pb2.Timestamp
    last_use_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., display_name: _Optional[str] = ..., hint: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoke_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_use_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Pack(_message.Message):
    __slots__ = ("id", "display_name", "granted_microcredits", "price_minor_units", "currency_code")
    ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    GRANTED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PRICE_MINOR_UNITS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    id: str
    display_name: str
    granted_microcredits: int
    price_minor_units: int
    currency_code: str
    def __init__(self, id: _Optional[str] = ..., display_name: _Optional[str] = ..., granted_microcredits: _Optional[int] = ..., price_minor_units: _Optional[int] = ..., currency_code: _Optional[str] = ...) -> None: ...

class Checkout(_message.Message):
    __slots__ = ("id", "pack_id", "state", "url", "granted_microcredits", "price_minor_units", "currency_code", "create_time", "expire_time", "end_time", "entry_id")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Checkout.State]
        STATE_OPEN: _ClassVar[Checkout.State]
        STATE_PAID: _ClassVar[Checkout.State]
        STATE_FAILED: _ClassVar[Checkout.State]
        STATE_EXPIRED: _ClassVar[Checkout.State]
    STATE_UNSPECIFIED: Checkout.State
    STATE_OPEN: Checkout.State
    STATE_PAID: Checkout.State
    STATE_FAILED: Checkout.State
    STATE_EXPIRED: Checkout.State
    ID_FIELD_NUMBER: _ClassVar[int]
    PACK_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    GRANTED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PRICE_MINOR_UNITS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    pack_id: str
    state: Checkout.State
    url: str
    granted_microcredits: int
    price_minor_units: int
    currency_code: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    entry_id: str
    def __init__(self, id: _Optional[str] = ..., pack_id: _Optional[str] = ..., state: _Optional[_Union[Checkout.State, str]] = ..., url: _Optional[str] = ..., granted_microcredits: _Optional[int] = ..., price_minor_units: _Optional[int] = ..., currency_code: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., entry_id: _Optional[str] = ...) -> None: ...

class Statement(_message.Message):
    __slots__ = ("id", "number", "start_time", "end_time", "opening_microcredits", "granted_microcredits", "charged_microcredits", "closing_microcredits", "closed")
    ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    OPENING_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    GRANTED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CHARGED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CLOSING_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    id: str
    number: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    opening_microcredits: int
    granted_microcredits: int
    charged_microcredits: int
    closing_microcredits: int
    closed: bool
    def __init__(self, id: _Optional[str] = ..., number: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., opening_microcredits: _Optional[int] = ..., granted_microcredits: _Optional[int] = ..., charged_microcredits: _Optional[int] = ..., closing_microcredits: _Optional[int] = ..., closed: bool = ...) -> None: ...

class StatementLine(_message.Message):
    __slots__ = ("model", "kind", "catalog_version", "request_count", "charged_microcredits", "price_lines")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHARGED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    PRICE_LINES_FIELD_NUMBER: _ClassVar[int]
    model: str
    kind: _model_service_pb2.ModelKind
    catalog_version: str
    request_count: int
    charged_microcredits: int
    price_lines: _containers.RepeatedCompositeFieldContainer[PriceLine]
    def __init__(self, model: _Optional[str] = ..., kind: _Optional[_Union[_model_service_pb2.ModelKind, str]] = ..., catalog_version: _Optional[str] = ..., request_count: _Optional[int] = ..., charged_microcredits: _Optional[int] = ..., price_lines: _Optional[_Iterable[_Union[PriceLine, _Mapping]]] = ...) -> None: ...

class GetBalanceRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetBalanceResponse(_message.Message):
    __slots__ = ("balance",)
    BALANCE_FIELD_NUMBER: _ClassVar[int]
    balance: Balance
    def __init__(self, balance: _Optional[_Union[Balance, _Mapping]] = ...) -> None: ...

class ListHoldsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "state")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    state: Hold.State
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., state: _Optional[_Union[Hold.State, str]] = ...) -> None: ...

class ListHoldsResponse(_message.Message):
    __slots__ = ("holds", "next_page_token")
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    next_page_token: str
    def __init__(self, holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListEntriesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "kind", "start_time", "end_time")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    kind: Entry.Kind
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., kind: _Optional[_Union[Entry.Kind, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListEntriesResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetRequestRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: RequestRecord
    def __init__(self, request: _Optional[_Union[RequestRecord, _Mapping]] = ...) -> None: ...

class ListRequestsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "model", "kind", "key_id", "outcome", "state", "start_time", "end_time")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    model: str
    kind: _model_service_pb2.ModelKind
    key_id: str
    outcome: _usage_pb2.Outcome
    state: Hold.State
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., model: _Optional[str] = ..., kind: _Optional[_Union[_model_service_pb2.ModelKind, str]] = ..., key_id: _Optional[str] = ..., outcome: _Optional[_Union[_usage_pb2.Outcome, str]] = ..., state: _Optional[_Union[Hold.State, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListRequestsResponse(_message.Message):
    __slots__ = ("requests", "next_page_token")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[RequestRecord]
    next_page_token: str
    def __init__(self, requests: _Optional[_Iterable[_Union[RequestRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetUsageRequest(_message.Message):
    __slots__ = ("group_by", "start_time", "end_time", "model", "key_id", "kind", "page_size", "page_token")
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    group_by: _containers.RepeatedScalarFieldContainer[UsageGroup]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    model: str
    key_id: str
    kind: _model_service_pb2.ModelKind
    page_size: int
    page_token: str
    def __init__(self, group_by: _Optional[_Iterable[_Union[UsageGroup, str]]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., model: _Optional[str] = ..., key_id: _Optional[str] = ..., kind: _Optional[_Union[_model_service_pb2.ModelKind, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetUsageResponse(_message.Message):
    __slots__ = ("rows", "next_page_token", "total")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[UsageRow]
    next_page_token: str
    total: UsageRow
    def __init__(self, rows: _Optional[_Iterable[_Union[UsageRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total: _Optional[_Union[UsageRow, _Mapping]] = ...) -> None: ...

class EstimateRequest(_message.Message):
    __slots__ = ("chat", "image", "image_edit", "video", "motion_control")
    CHAT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_EDIT_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    MOTION_CONTROL_FIELD_NUMBER: _ClassVar[int]
    chat: _chat_service_pb2.ChatCompletionParams
    image: _image_service_pb2.ImageParams
    image_edit: _image_service_pb2.ImageEditParams
    video: _video_service_pb2.VideoParams
    motion_control: _video_service_pb2.MotionControlParams
    def __init__(self, chat: _Optional[_Union[_chat_service_pb2.ChatCompletionParams, _Mapping]] = ..., image: _Optional[_Union[_image_service_pb2.ImageParams, _Mapping]] = ..., image_edit: _Optional[_Union[_image_service_pb2.ImageEditParams, _Mapping]] = ..., video: _Optional[_Union[_video_service_pb2.VideoParams, _Mapping]] = ..., motion_control: _Optional[_Union[_video_service_pb2.MotionControlParams, _Mapping]] = ...) -> None: ...

class EstimateResponse(_message.Message):
    __slots__ = ("held_microcredits", "likely_microcredits", "held_lines", "catalog_version", "available_microcredits", "affordable", "max_output_tokens", "input_tokens", "required_microcredits")
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    LIKELY_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    HELD_LINES_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    AFFORDABLE_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    held_microcredits: int
    likely_microcredits: int
    held_lines: _containers.RepeatedCompositeFieldContainer[PriceLine]
    catalog_version: str
    available_microcredits: int
    affordable: bool
    max_output_tokens: int
    input_tokens: int
    required_microcredits: int
    def __init__(self, held_microcredits: _Optional[int] = ..., likely_microcredits: _Optional[int] = ..., held_lines: _Optional[_Iterable[_Union[PriceLine, _Mapping]]] = ..., catalog_version: _Optional[str] = ..., available_microcredits: _Optional[int] = ..., affordable: bool = ..., max_output_tokens: _Optional[int] = ..., input_tokens: _Optional[int] = ..., required_microcredits: _Optional[int] = ...) -> None: ...

class CreateKeyRequest(_message.Message):
    __slots__ = ("display_name", "expire_time", "request_id")
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    expire_time: _timestamp_pb2.Timestamp
    request_id: str
    def __init__(self, display_name: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateKeyResponse(_message.Message):
    __slots__ = ("key", "secret")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    key: Key
    secret: str
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ..., secret: _Optional[str] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("keys", "next_page_token")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[Key]
    next_page_token: str
    def __init__(self, keys: _Optional[_Iterable[_Union[Key, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevokeKeyRequest(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    def __init__(self, key_id: _Optional[str] = ...) -> None: ...

class RevokeKeyResponse(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: Key
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ...) -> None: ...

class GetCurrentKeyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCurrentKeyResponse(_message.Message):
    __slots__ = ("key", "account_id", "account_display_name")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    key: Key
    account_id: str
    account_display_name: str
    def __init__(self, key: _Optional[_Union[Key, _Mapping]] = ..., account_id: _Optional[str] = ..., account_display_name: _Optional[str] = ...) -> None: ...

class ListPacksRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPacksResponse(_message.Message):
    __slots__ = ("packs", "next_page_token")
    PACKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    packs: _containers.RepeatedCompositeFieldContainer[Pack]
    next_page_token: str
    def __init__(self, packs: _Optional[_Iterable[_Union[Pack, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateCheckoutRequest(_message.Message):
    __slots__ = ("pack_id", "success_url", "cancel_url", "request_id")
    PACK_ID_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_URL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_URL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    pack_id: str
    success_url: str
    cancel_url: str
    request_id: str
    def __init__(self, pack_id: _Optional[str] = ..., success_url: _Optional[str] = ..., cancel_url: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateCheckoutResponse(_message.Message):
    __slots__ = ("checkout",)
    CHECKOUT_FIELD_NUMBER: _ClassVar[int]
    checkout: Checkout
    def __init__(self, checkout: _Optional[_Union[Checkout, _Mapping]] = ...) -> None: ...

class GetCheckoutRequest(_message.Message):
    __slots__ = ("checkout_id",)
    CHECKOUT_ID_FIELD_NUMBER: _ClassVar[int]
    checkout_id: str
    def __init__(self, checkout_id: _Optional[str] = ...) -> None: ...

class GetCheckoutResponse(_message.Message):
    __slots__ = ("checkout",)
    CHECKOUT_FIELD_NUMBER: _ClassVar[int]
    checkout: Checkout
    def __init__(self, checkout: _Optional[_Union[Checkout, _Mapping]] = ...) -> None: ...

class ListStatementsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStatementsResponse(_message.Message):
    __slots__ = ("statements", "next_page_token")
    STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    statements: _containers.RepeatedCompositeFieldContainer[Statement]
    next_page_token: str
    def __init__(self, statements: _Optional[_Iterable[_Union[Statement, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetStatementRequest(_message.Message):
    __slots__ = ("statement_id",)
    STATEMENT_ID_FIELD_NUMBER: _ClassVar[int]
    statement_id: str
    def __init__(self, statement_id: _Optional[str] = ...) -> None: ...

class GetStatementResponse(_message.Message):
    __slots__ = ("statement", "lines")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    statement: Statement
    lines: _containers.RepeatedCompositeFieldContainer[StatementLine]
    def __init__(self, statement: _Optional[_Union[Statement, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[StatementLine, _Mapping]]] = ...) -> None: ...
