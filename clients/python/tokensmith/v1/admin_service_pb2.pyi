import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from tokensmith.v1 import billing_service_pb2 as _billing_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RouteHealth(_message.Message):
    __slots__ = ("breaker", "reason", "wait", "failures_in_row_count", "try_count", "failure_count", "error_rate", "first_byte_latency")
    class BreakerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BREAKER_STATE_UNSPECIFIED: _ClassVar[RouteHealth.BreakerState]
        BREAKER_STATE_CLOSED: _ClassVar[RouteHealth.BreakerState]
        BREAKER_STATE_OPEN: _ClassVar[RouteHealth.BreakerState]
        BREAKER_STATE_HALF_OPEN: _ClassVar[RouteHealth.BreakerState]
    BREAKER_STATE_UNSPECIFIED: RouteHealth.BreakerState
    BREAKER_STATE_CLOSED: RouteHealth.BreakerState
    BREAKER_STATE_OPEN: RouteHealth.BreakerState
    BREAKER_STATE_HALF_OPEN: RouteHealth.BreakerState
    BREAKER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    FAILURES_IN_ROW_COUNT_FIELD_NUMBER: _ClassVar[int]
    TRY_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATE_FIELD_NUMBER: _ClassVar[int]
    FIRST_BYTE_LATENCY_FIELD_NUMBER: _ClassVar[int]
    breaker: RouteHealth.BreakerState
    reason: str
    wait: _duration_pb2.Duration
    failures_in_row_count: int
    try_count: int
    failure_count: int
    error_rate: float
    first_byte_latency: _duration_pb2.Duration
    def __init__(self, breaker: _Optional[_Union[RouteHealth.BreakerState, str]] = ..., reason: _Optional[str] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., failures_in_row_count: _Optional[int] = ..., try_count: _Optional[int] = ..., failure_count: _Optional[int] = ..., error_rate: _Optional[float] = ..., first_byte_latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Lane(_message.Message):
    __slots__ = ("credential", "health", "credential_health", "in_flight_count", "wait")
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_HEALTH_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_COUNT_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    credential: str
    health: RouteHealth
    credential_health: RouteHealth
    in_flight_count: int
    wait: _duration_pb2.Duration
    def __init__(self, credential: _Optional[str] = ..., health: _Optional[_Union[RouteHealth, _Mapping]] = ..., credential_health: _Optional[_Union[RouteHealth, _Mapping]] = ..., in_flight_count: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class RouteUse(_message.Message):
    __slots__ = ("model", "group_number", "weight")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    GROUP_NUMBER_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    model: str
    group_number: int
    weight: int
    def __init__(self, model: _Optional[str] = ..., group_number: _Optional[int] = ..., weight: _Optional[int] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("name", "provider", "upstream_model", "uses", "health", "lanes", "wait", "retries_left")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_MODEL_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    LANES_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    RETRIES_LEFT_FIELD_NUMBER: _ClassVar[int]
    name: str
    provider: str
    upstream_model: str
    uses: _containers.RepeatedCompositeFieldContainer[RouteUse]
    health: RouteHealth
    lanes: _containers.RepeatedCompositeFieldContainer[Lane]
    wait: _duration_pb2.Duration
    retries_left: float
    def __init__(self, name: _Optional[str] = ..., provider: _Optional[str] = ..., upstream_model: _Optional[str] = ..., uses: _Optional[_Iterable[_Union[RouteUse, _Mapping]]] = ..., health: _Optional[_Union[RouteHealth, _Mapping]] = ..., lanes: _Optional[_Iterable[_Union[Lane, _Mapping]]] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., retries_left: _Optional[float] = ...) -> None: ...

class ListRoutesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRoutesResponse(_message.Message):
    __slots__ = ("routes", "next_page_token", "process")
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    next_page_token: str
    process: str
    def __init__(self, routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., process: _Optional[str] = ...) -> None: ...

class InspectRequestRequest(_message.Message):
    __slots__ = ("account_id", "id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    id: str
    def __init__(self, account_id: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class InspectRequestResponse(_message.Message):
    __slots__ = ("request", "attempts")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    request: _billing_service_pb2.RequestRecord
    attempts: _containers.RepeatedCompositeFieldContainer[InspectedAttempt]
    def __init__(self, request: _Optional[_Union[_billing_service_pb2.RequestRecord, _Mapping]] = ..., attempts: _Optional[_Iterable[_Union[InspectedAttempt, _Mapping]]] = ...) -> None: ...

class InspectedAttempt(_message.Message):
    __slots__ = ("attempt", "credential", "house_cost_microcredits", "cost_basis")
    class CostBasis(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        COST_BASIS_UNSPECIFIED: _ClassVar[InspectedAttempt.CostBasis]
        COST_BASIS_USAGE: _ClassVar[InspectedAttempt.CostBasis]
        COST_BASIS_BOUND: _ClassVar[InspectedAttempt.CostBasis]
        COST_BASIS_NONE: _ClassVar[InspectedAttempt.CostBasis]
    COST_BASIS_UNSPECIFIED: InspectedAttempt.CostBasis
    COST_BASIS_USAGE: InspectedAttempt.CostBasis
    COST_BASIS_BOUND: InspectedAttempt.CostBasis
    COST_BASIS_NONE: InspectedAttempt.CostBasis
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    HOUSE_COST_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    COST_BASIS_FIELD_NUMBER: _ClassVar[int]
    attempt: _billing_service_pb2.Attempt
    credential: str
    house_cost_microcredits: int
    cost_basis: InspectedAttempt.CostBasis
    def __init__(self, attempt: _Optional[_Union[_billing_service_pb2.Attempt, _Mapping]] = ..., credential: _Optional[str] = ..., house_cost_microcredits: _Optional[int] = ..., cost_basis: _Optional[_Union[InspectedAttempt.CostBasis, str]] = ...) -> None: ...
