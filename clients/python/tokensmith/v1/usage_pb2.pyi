from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_DELIVERED: _ClassVar[Outcome]
    OUTCOME_TRUNCATED: _ClassVar[Outcome]
    OUTCOME_ABANDONED: _ClassVar[Outcome]
    OUTCOME_BLOCKED: _ClassVar[Outcome]
    OUTCOME_EMPTY: _ClassVar[Outcome]
    OUTCOME_FAILED: _ClassVar[Outcome]
    OUTCOME_UNKNOWN: _ClassVar[Outcome]
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_DELIVERED: Outcome
OUTCOME_TRUNCATED: Outcome
OUTCOME_ABANDONED: Outcome
OUTCOME_BLOCKED: Outcome
OUTCOME_EMPTY: Outcome
OUTCOME_FAILED: Outcome
OUTCOME_UNKNOWN: Outcome

class TokenUsage(_message.Message):
    __slots__ = ("input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "input_image_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens", "estimated", "output_image_tokens")
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHED_INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CACHE_WRITE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    INPUT_AUDIO_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_AUDIO_TOKENS_FIELD_NUMBER: _ClassVar[int]
    INPUT_IMAGE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_PREDICTION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_PREDICTION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_IMAGE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    input_audio_tokens: int
    output_audio_tokens: int
    input_image_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int
    estimated: bool
    output_image_tokens: int
    def __init__(self, input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., cached_input_tokens: _Optional[int] = ..., cache_write_tokens: _Optional[int] = ..., reasoning_tokens: _Optional[int] = ..., input_audio_tokens: _Optional[int] = ..., output_audio_tokens: _Optional[int] = ..., input_image_tokens: _Optional[int] = ..., accepted_prediction_tokens: _Optional[int] = ..., rejected_prediction_tokens: _Optional[int] = ..., estimated: bool = ..., output_image_tokens: _Optional[int] = ...) -> None: ...

class Charge(_message.Message):
    __slots__ = ("hold_id", "held_microcredits", "charged_microcredits", "balance_microcredits", "catalog_version", "outcome", "replayed")
    HOLD_ID_FIELD_NUMBER: _ClassVar[int]
    HELD_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CHARGED_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MICROCREDITS_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    hold_id: str
    held_microcredits: int
    charged_microcredits: int
    balance_microcredits: int
    catalog_version: str
    outcome: Outcome
    replayed: bool
    def __init__(self, hold_id: _Optional[str] = ..., held_microcredits: _Optional[int] = ..., charged_microcredits: _Optional[int] = ..., balance_microcredits: _Optional[int] = ..., catalog_version: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., replayed: bool = ...) -> None: ...
