"""From the query of a list to the contract's request. Parameters that we don't know are refused.

Pages are asked for as in OpenAI's usage API: ``limit``, and ``page`` with the last answer's
``next_page``. Times are seconds since the epoch.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith.v1 import model_service_pb2 as model
from tokensmith.v1 import usage_pb2
from tokensmith_bridge.openai.errors import Refusal

LIMIT_MAX: Final = 200

_DIGITS: Final = re.compile(r"[0-9]{1,10}", re.ASCII)

Request = TypeVar("Request")
Query = Iterable[tuple[str, str]]
Setter = Callable[[Any, str, str], None]


def _set_limit(request: Any, name: str, value: str) -> None:
    limit = int(value) if _DIGITS.fullmatch(value) else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise _invalid(name, f"'{name}' must be a number from 1 to {LIMIT_MAX}.")
    request.page_size = limit


def _set_page(request: Any, _: str, value: str) -> None:
    request.page_token = value


def _set_text(request: Any, name: str, value: str) -> None:
    setattr(request, name, value)


def _set_time(request: Any, name: str, value: str) -> None:
    if _DIGITS.fullmatch(value) is None:
        raise _invalid(name, f"'{name}' must be a time in whole seconds since 1970.")
    getattr(request, name).seconds = int(value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query: how it is put into a request, and its JSON Schema."""

    put: Setter
    schema: Mapping[str, Any]


def _words(enum: Any, prefix: str) -> Parameter:
    """An enum, whose values are written in lower case without their prefix."""
    numbers: Mapping[str, int] = {
        name.removeprefix(prefix).lower(): number for name, number in enum.items() if number
    }

    def put(request: Any, name: str, value: str) -> None:
        if value not in numbers:
            words = ", ".join(f"'{word}'" for word in numbers)
            raise _invalid(name, f"Invalid '{name}'. Supported values are: {words}.")
        setattr(request, name, numbers[value])

    return Parameter(put, {"enum": list(numbers)})


_TEXT: Final = Parameter(_set_text, {"type": "string"})
_TIME: Final = Parameter(_set_time, {"type": "integer", "minimum": 0})
_PAGING: Final = {
    "limit": Parameter(_set_limit, {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX}),
    "page": Parameter(_set_page, {"type": "string"}),
}
_TIMES: Final = {"start_time": _TIME, "end_time": _TIME}
_HOLD_STATE: Final = _words(billing.Hold.State, "STATE_")

REQUEST_PARAMETERS: Final[dict[str, Parameter]] = {
    **_PAGING,
    "model": _TEXT,
    "kind": _words(model.ModelKind, "MODEL_KIND_"),
    "key_id": _TEXT,
    "outcome": _words(usage_pb2.Outcome, "OUTCOME_"),
    "state": _HOLD_STATE,
    **_TIMES,
}
HOLD_PARAMETERS: Final[dict[str, Parameter]] = {**_PAGING, "state": _HOLD_STATE}
ENTRY_PARAMETERS: Final[dict[str, Parameter]] = {
    **_PAGING,
    "kind": _words(billing.Entry.Kind, "KIND_"),
    **_TIMES,
}


def requests_query(query: Query) -> billing.ListRequestsRequest:
    """The query of ``GET /v1/requests``.

    Raises:
        Refusal: a parameter is unknown, given twice, or says nothing it could say.
    """
    return _read(billing.ListRequestsRequest(), query, REQUEST_PARAMETERS)


def holds_query(query: Query) -> billing.ListHoldsRequest:
    """The query of ``GET /v1/billing/holds``. Raises likewise."""
    return _read(billing.ListHoldsRequest(), query, HOLD_PARAMETERS)


def entries_query(query: Query) -> billing.ListEntriesRequest:
    """The query of ``GET /v1/billing/entries``. Raises likewise."""
    return _read(billing.ListEntriesRequest(), query, ENTRY_PARAMETERS)


def _read(request: Request, query: Query, parameters: Mapping[str, Parameter]) -> Request:
    seen: set[str] = set()
    for name, value in query:
        parameter = parameters.get(name)
        if parameter is None:
            known = ", ".join(f"'{each}'" for each in parameters)
            message = f"Unknown parameter: '{name[:100]}'. Known are {known}."
            raise Refusal("UNKNOWN_PARAMETER", message, param=name[:100])
        if name in seen:
            raise _invalid(name, f"'{name}' is given more than once.")
        seen.add(name)
        parameter.put(request, name, value)
    return request


def _invalid(param: str, message: str) -> Refusal:
    return Refusal("INVALID_ARGUMENT", message, param=param)
