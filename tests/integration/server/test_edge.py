"""The edge on both channels: who may call what, what is built, what a defect looks like."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.integration.server.rig import KEY, ServerRig, failure_of, open_server
from tests.support.fake_provider import Answer
from tests.support.turns import eventually
from tokensmith.v1 import (
    admin_service_pb2,
    billing_service_pb2,
    chat_service_pb2,
    image_service_pb2,
    media_service_pb2,
    model_service_pb2,
    response_service_pb2,
    video_service_pb2,
)
from tokensmith_server.app import SERVICES
from tokensmith_server.rpc.decoding import MESSAGE_BYTES_MAX
from tokensmith_server.rpc.interceptors import LoadLayer
from tokensmith_server.rpc.layer import (
    KEYLESS_PREFIXES,
    OPERATOR_PREFIX,
    PUBLIC_PREFIXES,
    UNKNOWN_METHOD,
)

FILES = (
    admin_service_pb2,
    billing_service_pb2,
    chat_service_pb2,
    image_service_pb2,
    media_service_pb2,
    model_service_pb2,
    response_service_pb2,
    video_service_pb2,
)
METHODS = {
    f"/{service.full_name}/{method.name}": method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
BUILT = {
    "/tokensmith.v1.ChatService/CreateChatCompletion",
    "/tokensmith.v1.ChatService/StreamChatCompletion",
    "/tokensmith.v1.BillingService/GetBalance",
    "/tokensmith.v1.BillingService/GetRequest",
    "/tokensmith.v1.BillingService/ListRequests",
    "/tokensmith.v1.BillingService/ListHolds",
    "/tokensmith.v1.BillingService/ListEntries",
    "/tokensmith.v1.BillingService/GetCurrentKey",
    "/tokensmith.v1.BillingService/Estimate",
    "/tokensmith.v1.ModelService/ListModels",
    "/tokensmith.v1.ModelService/GetModel",
    *(path for path in METHODS if "AdminService" in path or "ResponseService" in path),
}


def begin(rig: ServerRig, path: str, *metadata: tuple[str, str]) -> Any:
    """Call any method of the contract with an empty request."""
    method = METHODS[path]
    kind = "stream" if method.client_streaming else "unary"
    kind += "_stream" if method.server_streaming else "_unary"
    request: Any = method.input_type._concrete_class()
    call = getattr(rig.channel, kind)(
        path,
        request_serializer=type(request).SerializeToString,
        response_deserializer=method.output_type._concrete_class.FromString,
    )
    return call(iter([request]) if method.client_streaming else request, metadata=metadata)


def test_services_are_those_of_the_contract() -> None:
    assert set(SERVICES) == {path.split("/")[1] for path in METHODS}
    assert set(METHODS) >= BUILT


@pytest.mark.parametrize("path", METHODS)
async def test_every_method_needs_a_key(rig: ServerRig, path: str) -> None:
    told = await failure_of(begin(rig, path))
    assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_API_KEY")
    assert told.trailing["x-charged-microcredits"] == "0"
    assert "x-balance-microcredits" not in told.trailing


@pytest.mark.parametrize("path", sorted(set(METHODS) - BUILT))
async def test_method_that_is_not_built_says_so(rig: ServerRig, path: str) -> None:
    told = await failure_of(begin(rig, path, KEY))
    assert (told.code, told.reason) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNIMPLEMENTED")
    assert told.facts["method"] == path


@pytest.mark.parametrize("authorization", ["", "Bearer x", f"Bearer pk_live_{'A' * 43}"])
async def test_wrong_key_is_refused(rig: ServerRig, authorization: str) -> None:
    call = begin(rig, "/tokensmith.v1.BillingService/GetBalance", ("authorization", authorization))
    assert (await failure_of(call)).reason == "INVALID_API_KEY"


async def test_health_needs_no_key(rig: ServerRig) -> None:
    stub: Any = health_pb2_grpc.HealthStub(rig.channel)
    for service in ("", *SERVICES):
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_can_be_watched(rig: ServerRig) -> None:
    stub: Any = health_pb2_grpc.HealthStub(rig.channel)
    call = stub.Watch(health_pb2.HealthCheckRequest())
    assert (await call.read()).status == health_pb2.HealthCheckResponse.SERVING
    await rig.health.set_serving(False)
    assert (await call.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert "x-request-id" in dict(await call.initial_metadata())
    call.cancel()


async def test_reflection_needs_no_key() -> None:
    async with open_server("network") as rig:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(rig.channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        async for answer in stub.ServerReflectionInfo(iter([asked])):
            listed = {service.name for service in answer.list_services_response.service}
            assert listed >= set(SERVICES)


def test_only_health_and_reflection_are_public() -> None:
    assert PUBLIC_PREFIXES == ("/grpc.health.v1.", "/grpc.reflection.")
    assert set(KEYLESS_PREFIXES) - set(PUBLIC_PREFIXES) == {OPERATOR_PREFIX, UNKNOWN_METHOD}
    assert not UNKNOWN_METHOD.startswith("/"), "the name of no method"


@pytest.mark.parametrize("path", ["/tokensmith.v1.ChatService/Nothing", "/a.B/C"])
@pytest.mark.parametrize("kind_of_call", ["unary_unary", "unary_stream", "stream_stream"])
async def test_unknown_method_says_so_to_anybody_and_names_no_metric(
    rig: ServerRig, logged: list[Any], path: str, kind_of_call: str
) -> None:
    begin_call = getattr(rig.channel, kind_of_call)(path)
    # No message on a stream: grpc.aio breaks off a call whose answer overtakes what it sends.
    call = begin_call(iter(()) if kind_of_call == "stream_stream" else b"x")
    told = await failure_of(call)
    assert (told.code, told.reason) == (grpc.StatusCode.UNIMPLEMENTED, "METHOD_UNIMPLEMENTED")
    assert told.facts["method"] == path
    # The client may hear of it before the server has written its line.
    await eventually(lambda: any(line["event"] == "rpc" for line in logged))
    assert [line["method"] for line in logged if line["event"] == "rpc"] == [UNKNOWN_METHOD]


GET_BALANCE = "/tokensmith.v1.BillingService/GetBalance"
STREAM_CHAT = "/tokensmith.v1.ChatService/StreamChatCompletion"
UPLOAD = "/tokensmith.v1.MediaService/UploadMedia"


def send_bytes(rig: ServerRig, path: str, raw: bytes, *metadata: tuple[str, str]) -> Any:
    """Call a method of the contract with what need not be a message."""
    if METHODS[path].client_streaming:
        return rig.channel.stream_unary(path)(iter([raw]), metadata=metadata)
    if METHODS[path].server_streaming:
        return rig.channel.unary_stream(path)(raw, metadata=metadata)
    return rig.channel.unary_unary(path)(raw, metadata=metadata)


@pytest.mark.parametrize("path", [GET_BALANCE, STREAM_CHAT])
async def test_bytes_that_are_no_message_are_refused_with_a_reason_and_no_traceback(
    path: str, logged: list[Any]
) -> None:
    async with open_server("network") as rig:
        # First as a caller that is new, then as one that is known.
        for _ in range(2):
            told = await failure_of(send_bytes(rig, path, b"\xff\xff\xff", KEY))
            assert told.code is grpc.StatusCode.INVALID_ARGUMENT
            assert told.reason == "INVALID_ARGUMENT"
            assert "Error" not in told.message
    assert {line["event"] for line in logged} == {"rpc"}


@pytest.mark.parametrize("path", [GET_BALANCE, STREAM_CHAT, UPLOAD])
async def test_nothing_is_decoded_for_somebody_without_a_key(path: str) -> None:
    async with open_server("network") as rig:
        for _ in range(2):
            told = await failure_of(send_bytes(rig, path, b"\xff\xff\xff"))
            assert told.code is grpc.StatusCode.UNAUTHENTICATED


async def test_request_that_never_ends_is_refused_before_it_is_read() -> None:
    async with open_server("network") as rig:

        async def endless() -> AsyncIterator[bytes]:
            # Half of a request: for the wire, one message and no end is a request under way.
            await asyncio.Event().wait()
            yield b""

        call = rig.channel.stream_unary(GET_BALANCE)(endless())
        told = await failure_of(call)
        assert told.reason == "INVALID_API_KEY"


async def test_request_without_a_message_is_refused() -> None:
    async with open_server("network") as rig:
        told = await failure_of(rig.channel.stream_unary(GET_BALANCE)(iter([]), metadata=(KEY,)))
        assert told.reason == "INVALID_ARGUMENT"


async def test_message_that_is_too_large_says_how_large_it_may_be() -> None:
    async with open_server("network") as rig:
        raw = bytes(MESSAGE_BYTES_MAX + 1)
        told = await failure_of(send_bytes(rig, GET_BALANCE, raw, KEY))
        assert (told.code, told.reason) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "PAYLOAD_TOO_LARGE",
        )
        assert told.facts["limit_bytes"] == str(MESSAGE_BYTES_MAX)


async def limits_of(call: Any) -> dict[str, str]:
    """What a call's head says of the key's limits."""
    head = dict(await call.initial_metadata())
    return {key: value for key, value in head.items() if key.startswith("x-ratelimit-")}


async def test_every_call_of_a_key_says_what_is_left_and_takes_nothing_by_that(
    rig: ServerRig,
) -> None:
    for path in (GET_BALANCE, "/tokensmith.v1.ModelService/ListModels"):
        for _ in range(2):
            call = begin(rig, path, KEY)
            await call
            limits = await limits_of(call)
            assert len(limits) == 6
            limit = limits["x-ratelimit-limit-requests"]
            assert limits["x-ratelimit-remaining-requests"] == limit


async def test_refused_call_says_what_is_left_too(rig: ServerRig) -> None:
    call = rig.complete(params=chat_service_pb2.ChatCompletionParams(model="no such model"))
    assert (await failure_of(call)).reason == "MODEL_NOT_FOUND"
    assert len(await limits_of(call)) == 6


async def test_calls_beyond_the_bound_are_shed_at_once(kind: str) -> None:
    async with open_server(kind, calls_max=2) as rig:
        gate = asyncio.Event()
        rig.chat.provider.queue(Answer(gate=gate), Answer(gate=gate))
        running = [asyncio.ensure_future(rig.complete()) for _ in range(2)]
        await eventually(lambda: rig.chat.provider.running == 2)
        told = await failure_of(rig.complete())
        assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVER_OVERLOADED")
        assert told.retry_seconds == 1.0
        stub: Any = health_pb2_grpc.HealthStub(rig.channel)
        await stub.Check(health_pb2.HealthCheckRequest())
        gate.set()
        await asyncio.gather(*running)
        await rig.complete()


async def test_place_of_a_call_that_failed_or_left_is_free_again(kind: str) -> None:
    async with open_server(kind, calls_max=1) as rig:
        for _ in range(3):
            rig.chat.provider.queue(ZeroDivisionError())
            assert (await failure_of(rig.complete())).reason == "INTERNAL"
        gate = asyncio.Event()
        rig.chat.provider.queue(Answer(gate=gate))
        call = rig.complete()
        running = asyncio.ensure_future(call)
        await eventually(lambda: rig.chat.provider.running)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        gate.set()
        await rig.chat.idle()
        await rig.complete()


async def test_server_that_goes_down_refuses_new_calls(rig: ServerRig) -> None:
    rig.layers.get(LoadLayer).closing = True
    told = await failure_of(rig.complete())
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")


@pytest.mark.parametrize("error", [ZeroDivisionError("sk-secret words"), KeyError("words")])
async def test_defect_is_internal_with_a_fixed_text(rig: ServerRig, error: Exception) -> None:
    rig.chat.provider.queue(error)
    told = await failure_of(rig.complete())
    assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "words" not in str(told)


async def test_cancellation_that_leaks_from_inside_is_internal_and_no_hang(
    rig: ServerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def leaking(_: object) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(rig.chat.service, "complete", leaking)
    assert (await failure_of(rig.complete())).reason == "INTERNAL"


async def test_unknown_method_is_unimplemented(rig: ServerRig) -> None:
    call = rig.channel.unary_unary("/tokensmith.v1.ChatService/Nothing")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"", metadata=(KEY,))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_ledger_that_is_away_is_said_so(rig: ServerRig) -> None:
    rig.chat.store.available = False
    told = await failure_of(rig.complete())
    rig.chat.store.available = True
    assert (told.code, told.reason) == (grpc.StatusCode.UNAVAILABLE, "LEDGER_UNAVAILABLE")
    assert told.retry_seconds == 1.0


async def test_revoked_key_is_refused_within_five_seconds(rig: ServerRig) -> None:
    await rig.complete()
    await rig.chat.store.revoke_key("account-1", "key-1", rig.chat.clock.now())
    rig.chat.clock.advance(5.0)
    assert (await failure_of(rig.complete())).reason == "INVALID_API_KEY"
