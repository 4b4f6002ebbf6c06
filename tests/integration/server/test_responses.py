"""Kept responses over gRPC: saved, found, continued and deleted by their owner."""

from typing import Any

import grpc
import pytest

from tests.integration.server.rig import KEY, KINDS, ServerRig, failure_of, open_server
from tokensmith.v1 import response_service_pb2 as response_pb
from tokensmith_server.rate_limits import RatePolicy
from tokensmith_server.rpc.interceptors import LoadLayer


def response(response_id: str = "resp_1", **changes: Any) -> response_pb.StoredResponse:
    fields: dict[str, Any] = {
        "id": response_id,
        "model": "gpt-5.4",
        "state": response_pb.RESPONSE_STATE_COMPLETED,
        "response_json": b"{}",
        "input_items_json": b"[]",
    }
    return response_pb.StoredResponse(**(fields | changes))


async def save(rig: ServerRig, *saved: response_pb.StoredResponse) -> Any:
    for one in saved:
        request = response_pb.SaveResponseRequest(response=one)
        answer = await rig.responses.SaveResponse(request, metadata=(KEY,))
    return answer


@pytest.mark.parametrize("kind", KINDS)
async def test_a_response_is_kept_until_it_is_deleted(kind: str) -> None:
    async with open_server(kind) as rig:
        saved = await save(rig, response(previous_id="resp_0"))
        request = response_pb.GetResponseRequest(response_id="resp_1")
        found = (await rig.responses.GetResponse(request, metadata=(KEY,))).response
        assert (found.id, found.previous_id, found.model) == ("resp_1", "resp_0", "gpt-5.4")
        assert (found.response_json, found.input_items_json) == (b"{}", b"[]")
        assert found.expire_time == saved.expire_time
        assert found.expire_time.seconds - found.create_time.seconds == 30 * 86_400
        delete = response_pb.DeleteResponseRequest(response_id="resp_1")
        await rig.responses.DeleteResponse(delete, metadata=(KEY,))
        for call in (
            rig.responses.DeleteResponse(delete, metadata=(KEY,)),
            rig.responses.GetResponse(request, metadata=(KEY,)),
            save(rig, response()),
        ):
            told = await failure_of(call)
            assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "RESPONSE_NOT_FOUND")
            assert told.facts["resource"] == "resp_1"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_conversation_is_streamed_newest_first(kind: str) -> None:
    async with open_server(kind) as rig:
        await save(rig, response("resp_1"), response("resp_2", previous_id="resp_1"))
        request = response_pb.StreamConversationRequest(response_id="resp_2")
        stream = rig.responses.StreamConversation(request, metadata=(KEY,))
        assert [message.response.id async for message in stream] == ["resp_2", "resp_1"]


async def test_a_conversation_with_a_gap_is_refused() -> None:
    async with open_server("inprocess") as rig:
        await save(rig, response("resp_2", previous_id="resp_1"))
        request = response_pb.StreamConversationRequest(response_id="resp_2")
        stream = rig.responses.StreamConversation(request, metadata=(KEY,))
        told = await failure_of(anext(aiter(stream)))
        assert (told.reason, told.facts["resource"]) == ("RESPONSE_NOT_FOUND", "resp_1")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_response_that_ends_while_the_server_goes_down_is_kept(kind: str) -> None:
    async with open_server(kind) as rig:
        rig.layers.get(LoadLayer).closing = True
        await save(rig, response("resp_1"))
        request = response_pb.GetResponseRequest(response_id="resp_1")
        told = await failure_of(rig.responses.GetResponse(request, metadata=(KEY,)))
        assert told.reason == "SHUTTING_DOWN"


async def test_keys_that_have_used_up_their_requests_may_still_keep_and_read() -> None:
    async with open_server("inprocess", rates=RatePolicy(1, 1_000_000)) as rig:
        await rig.complete()
        assert (await failure_of(rig.complete())).reason == "RATE_LIMIT_EXCEEDED"
        await save(rig, response())
        request = response_pb.GetResponseRequest(response_id="resp_1")
        assert (await rig.responses.GetResponse(request, metadata=(KEY,))).response.id == "resp_1"


async def test_every_method_needs_a_key() -> None:
    async with open_server("inprocess") as rig:
        for call in (
            rig.responses.SaveResponse(response_pb.SaveResponseRequest(response=response())),
            rig.responses.GetResponse(response_pb.GetResponseRequest(response_id="resp_1")),
            rig.responses.DeleteResponse(response_pb.DeleteResponseRequest(response_id="resp_1")),
            anext(
                aiter(
                    rig.responses.StreamConversation(
                        response_pb.StreamConversationRequest(response_id="resp_1")
                    )
                )
            ),
        ):
            assert (await failure_of(call)).reason == "INVALID_API_KEY"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"id": "1"}, "response.id"),
        ({"state": 0}, "response.state"),
        ({"state": 99}, "response.state"),
        ({"model": ""}, "response.model"),
        ({"response_json": b""}, "response.response_json"),
        ({"response_json": b"{not json"}, "response.response_json"),
        ({"input_items_json": b"{}"}, "response.input_items_json"),
    ],
)
async def test_malformed_response_is_refused_by_its_field(
    changes: dict[str, Any], param: str
) -> None:
    async with open_server("inprocess") as rig:
        told = await failure_of(save(rig, response(**changes)))
        assert (told.reason, told.facts["param"]) == ("INVALID_ARGUMENT", param)


async def test_too_large_response_says_how_large_it_may_be() -> None:
    async with open_server("inprocess") as rig:
        told = await failure_of(save(rig, response(response_json=b"x" * 3_932_160)))
        assert (told.reason, told.facts["limit_bytes"]) == ("PAYLOAD_TOO_LARGE", "3932160")
