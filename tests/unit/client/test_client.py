"""The client on the wire: key, deadlines, request ids, repeats, broken streams."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import grpc
import pytest

import tokensmith
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import (
    billing_service_pb2_grpc,
    chat_service_pb2_grpc,
    media_service_pb2_grpc,
    video_service_pb2_grpc,
)
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import media_service_pb2 as media_pb
from tokensmith.v1 import video_service_pb2 as video_pb

Context = grpc.aio.ServicerContext


class Server(
    chat_service_pb2_grpc.ChatServiceServicer,
    billing_service_pb2_grpc.BillingServiceServicer,
    media_service_pb2_grpc.MediaServiceServicer,
    video_service_pb2_grpc.VideoServiceServicer,
):
    """Breaks as often as it is told, and remembers what it saw."""

    def __init__(self) -> None:
        self.unavailable_calls = 0
        self.break_after: list[int] = []
        self.requests: list[Any] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.deadlines: list[float | None] = []
        self.hold_open = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def _see(self, request: Any, context: "Context[Any, Any]") -> None:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata() or ()))
        self.deadlines.append(context.time_remaining())
        if self.unavailable_calls:
            self.unavailable_calls -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    async def CreateChatCompletion(  # noqa: N802
        self, request: chat_pb.CreateChatCompletionRequest, context: "Context[Any, Any]"
    ) -> chat_pb.CreateChatCompletionResponse:
        await self._see(request, context)
        return chat_pb.CreateChatCompletionResponse()

    async def StreamChatCompletion(  # noqa: N802
        self, request: chat_pb.StreamChatCompletionRequest, context: "Context[Any, Any]"
    ) -> AsyncIterator[chat_pb.StreamChatCompletionResponse]:
        await self._see(request, context)
        try:
            yield chat_pb.StreamChatCompletionResponse(start=chat_pb.ChatCompletionStart(id="c"))
            if self.break_after:
                self.break_after.pop()
                await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
            await self.hold_open.wait()
        except (asyncio.CancelledError, GeneratorExit):
            # The latter when the call ends before its first message is known to be sent.
            self.cancelled.set()
            raise

    async def GetBalance(  # noqa: N802
        self, request: billing_pb.GetBalanceRequest, context: "Context[Any, Any]"
    ) -> billing_pb.GetBalanceResponse:
        await self._see(request, context)
        return billing_pb.GetBalanceResponse()

    async def DownloadMedia(  # noqa: N802
        self, request: media_pb.DownloadMediaRequest, context: "Context[Any, Any]"
    ) -> AsyncIterator[media_pb.DownloadMediaResponse]:
        await self._see(request, context)
        for place, byte in enumerate(b"abcdef"[request.offset_bytes :]):
            if self.break_after and place == self.break_after[0]:
                self.break_after.pop(0)
                await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
            yield media_pb.DownloadMediaResponse(chunk=bytes([byte]))

    async def WatchVideo(  # noqa: N802
        self, request: video_pb.WatchVideoRequest, context: "Context[Any, Any]"
    ) -> AsyncIterator[video_pb.WatchVideoResponse]:
        await self._see(request, context)
        for number in range(request.after_sequence_number + 1, 4):
            yield video_pb.WatchVideoResponse(video=video_pb.Video(sequence_number=number))
            if self.break_after and number == self.break_after[0]:
                self.break_after.pop(0)
                await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async def UploadMedia(  # noqa: N802
        self,
        request_iterator: AsyncIterator[media_pb.UploadMediaRequest],
        context: "Context[Any, Any]",
    ) -> media_pb.UploadMediaResponse:
        messages = [message async for message in request_iterator]
        await self._see(messages, context)
        return media_pb.UploadMediaResponse()


class Sleeps:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[str]:
    grpc_server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    chat_service_pb2_grpc.add_ChatServiceServicer_to_server(server, grpc_server)
    billing_service_pb2_grpc.add_BillingServiceServicer_to_server(server, grpc_server)
    media_service_pb2_grpc.add_MediaServiceServicer_to_server(server, grpc_server)
    video_service_pb2_grpc.add_VideoServiceServicer_to_server(server, grpc_server)
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    await grpc_server.start()
    yield f"127.0.0.1:{port}"
    await grpc_server.stop(None)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
async def client(server: Server, sleeps: Sleeps) -> AsyncIterator[tokensmith.Client]:
    policy = tokensmith.RetryPolicy(sleep=sleeps.sleep, random=lambda: 1.0)
    async with (
        serving(server) as target,
        tokensmith.Client(target, "pk_live_x", retry_policy=policy) as client,
    ):
        yield client


PARAMS = chat_pb.ChatCompletionParams(model="m")


async def test_every_call_carries_the_key_and_a_deadline(
    client: tokensmith.Client, server: Server
) -> None:
    await client.create_chat_completion(PARAMS)
    await client.get_balance()
    await client.create_chat_completion(PARAMS, timeout_seconds=5)
    assert {seen["authorization"] for seen in server.metadata} == {"Bearer pk_live_x"}
    assert all("tokensmith-python" in str(seen["user-agent"]) for seen in server.metadata)
    charged, read, own = server.deadlines
    assert charged is not None
    assert read is not None
    assert own is not None
    # What travels is the time left, rounded up.
    assert 500 < charged < 610
    assert 20 < read < 31
    assert own < 6


async def test_charged_calls_get_an_id_of_their_own(
    client: tokensmith.Client, server: Server
) -> None:
    await client.create_chat_completion(PARAMS)
    await client.create_chat_completion(PARAMS)
    await client.create_chat_completion(PARAMS, request_id="mine")
    first, second, third = (request.request_id for request in server.requests)
    assert first
    assert first != second
    assert third == "mine"


async def test_generic_call_leaves_the_callers_request_alone(
    client: tokensmith.Client, server: Server
) -> None:
    request = chat_pb.CreateChatCompletionRequest(params=PARAMS)
    await client.call(client.stubs.chat.CreateChatCompletion, request)
    assert request.request_id == ""
    assert server.requests[0].request_id


async def test_broken_connection_is_repeated_with_the_same_id(
    client: tokensmith.Client, server: Server, sleeps: Sleeps
) -> None:
    server.unavailable_calls = 2
    await client.create_chat_completion(PARAMS)
    assert len({request.request_id for request in server.requests}) == 1
    assert len(server.requests) == 3
    assert sleeps.seconds == [0.5, 1.0]


async def test_retries_are_given_up(client: tokensmith.Client, server: Server) -> None:
    server.unavailable_calls = 3
    with pytest.raises(tokensmith.UnavailableError, match="not now"):
        await client.get_balance()
    assert server.unavailable_calls == 0


async def test_nobody_listening_is_unavailable(sleeps: Sleeps) -> None:
    async with serving(Server()) as target:
        pass
    policy = tokensmith.RetryPolicy(sleep=sleeps.sleep)
    async with tokensmith.Client(target, "pk_live_x", retry_policy=policy) as client:
        with pytest.raises(tokensmith.UnavailableError) as caught:
            await client.get_balance()
    assert caught.value.reason == ""
    assert len(sleeps.seconds) == 2


async def test_stream_is_repeated_before_its_first_message(
    client: tokensmith.Client, server: Server
) -> None:
    server.unavailable_calls = 1
    server.hold_open.set()
    messages = [message async for message in client.stream_chat_completion(PARAMS)]
    assert len(messages) == 1
    assert len({request.request_id for request in server.requests}) == 1
    assert len(server.requests) == 2


async def test_stream_is_never_repeated_after_its_first_message(
    client: tokensmith.Client, server: Server
) -> None:
    server.break_after = [1]
    stream = client.stream_chat_completion(PARAMS)
    assert (await anext(stream)).start.id
    with pytest.raises(tokensmith.StreamInterruptedError) as caught:
        await anext(stream)
    assert len(server.requests) == 1
    assert not caught.value.retryable
    assert caught.value.charged_microcredits is None


async def test_closing_a_stream_cancels_it_at_the_server(
    client: tokensmith.Client, server: Server
) -> None:
    async with aclosing(client.stream_chat_completion(PARAMS)) as stream:
        await anext(stream)
    async with asyncio.timeout(10):
        await server.cancelled.wait()


async def test_cancelling_the_caller_cancels_the_call(
    client: tokensmith.Client, server: Server
) -> None:
    stream = client.stream_chat_completion(PARAMS)
    await anext(stream)
    task = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        await server.cancelled.wait()


async def test_passed_deadline_is_typed(client: tokensmith.Client, server: Server) -> None:
    stream = client.stream_chat_completion(PARAMS, timeout_seconds=0.05)
    with pytest.raises(tokensmith.DeadlineError):
        async for _ in stream:
            pass


async def test_broken_download_goes_on_where_it_stopped(
    client: tokensmith.Client, server: Server
) -> None:
    server.break_after = [2, 3, 0]
    data = b"".join([chunk async for chunk in client.download_media("media_1")])
    assert data == b"abcdef"
    assert [request.offset_bytes for request in server.requests] == [0, 2, 5, 5]


async def test_broken_watch_goes_on_after_the_last_state(
    client: tokensmith.Client, server: Server
) -> None:
    server.break_after = [1, 2]
    numbers = [video.sequence_number async for video in client.watch_video("video_1")]
    assert numbers == [1, 2, 3]
    assert [request.after_sequence_number for request in server.requests] == [0, 1, 2]


async def test_upload_is_chunked_announced_and_repeated(
    client: tokensmith.Client, server: Server
) -> None:
    server.unavailable_calls = 1
    data = bytes(600 * 1024)
    await client.upload_media(
        data, content_type="image/png", purpose=media_pb.MEDIA_PURPOSE_IMAGE_INPUT
    )
    first, second = server.requests
    assert first == second
    assert first[0].metadata.size_bytes == len(data)
    assert len(first[0].metadata.sha256) == 32
    assert first[0].metadata.request_id
    assert [len(message.chunk) for message in first[1:]] == [256 * 1024, 256 * 1024, 88 * 1024]


async def test_given_channel_is_left_open(server: Server) -> None:
    async with serving(server) as target, grpc.aio.insecure_channel(target) as channel:
        async with tokensmith.Client("unused", "pk_live_x", channel=channel) as client:
            await client.get_balance()
        await billing_service_pb2_grpc.BillingServiceStub(channel).GetBalance(
            billing_pb.GetBalanceRequest(), timeout=10
        )
    assert len(server.requests) == 2


async def test_key_is_not_shown(client: tokensmith.Client) -> None:
    assert "pk_live_x" not in repr(client)
