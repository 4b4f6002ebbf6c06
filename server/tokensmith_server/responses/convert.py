"""Between the contract's stored responses and the domain's."""

from typing import Final

from tokensmith.v1 import response_service_pb2 as response_pb
from tokensmith_server.billing.convert import time_to_proto
from tokensmith_server.errors import InvalidField
from tokensmith_server.responses.store import ResponseState, StoredResponse

_STATES: Final = {
    response_pb.RESPONSE_STATE_COMPLETED: ResponseState.COMPLETED,
    response_pb.RESPONSE_STATE_INCOMPLETE: ResponseState.INCOMPLETE,
    response_pb.RESPONSE_STATE_FAILED: ResponseState.FAILED,
}
_STATES_TO_PROTO: Final = {state: number for number, state in _STATES.items()}


def response_from_proto(account_id: str, message: response_pb.StoredResponse) -> StoredResponse:
    """What shall be kept, without its times.

    Raises:
        InvalidField: the state is missing or unknown.
    """
    state = _STATES.get(message.state)
    if state is None:
        raise InvalidField("response.state", "The response's state is missing or unknown.")
    return StoredResponse(
        account_id=account_id,
        response_id=message.id,
        previous_id=message.previous_id or None,
        model=message.model,
        state=state,
        response_json=message.response_json,
        input_items_json=message.input_items_json,
        created_time=0.0,
        expires_time=0.0,
    )


def response_to_proto(response: StoredResponse) -> response_pb.StoredResponse:
    """What is kept."""
    return response_pb.StoredResponse(
        id=response.response_id,
        previous_id=response.previous_id or "",
        model=response.model,
        state=_STATES_TO_PROTO[response.state],
        response_json=response.response_json,
        input_items_json=response.input_items_json,
        create_time=time_to_proto(response.created_time),
        expire_time=time_to_proto(response.expires_time),
    )
