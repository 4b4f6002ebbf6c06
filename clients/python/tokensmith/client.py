"""A small typed asyncio client: deadlines, safe retries, typed errors.

The generated stubs do the transport; this adds what every caller would otherwise write again. It
covers the everyday calls, and ``Client.call`` and ``Client.stream`` give the same care to any other
method of the stubs.
"""

import hashlib
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from types import TracebackType
from typing import Final, Self, TypeVar

import grpc
from google.protobuf.message import Message

from tokensmith.channels import Stubs, open_channel
from tokensmith.errors import StreamInterruptedError, TokensmithError, error_from_rpc
from tokensmith.retries import Attempts, RetryPolicy
from tokensmith.v1 import (
    billing_service_pb2,
    chat_service_pb2,
    image_service_pb2,
    media_service_pb2,
    model_service_pb2,
    video_service_pb2,
)

TIMEOUT_SECONDS: Final = 600.0
"""The deadline of a call that makes something, retries included; the OpenAI SDKs' default."""

READ_TIMEOUT_SECONDS: Final = 30.0
"""The deadline of a call that only looks something up, unless the client's own is shorter."""

WATCH_TIMEOUT_SECONDS: Final = 3600.0
"""The deadline of watching a video."""

CHUNK_BYTES: Final = 256 * 1024
"""The largest chunk of an upload or a download."""

_Request = TypeVar("_Request", bound=Message)
_Response = TypeVar("_Response", bound=Message)


class Client:
    """Calls one TokenSmith server with one API key. Use it as an async context manager.

    ``target`` is a gRPC target ("gateway:50051", "dns:///...", "unix:..."). TLS is on unless the
    target is this machine or ``tls`` is false. A ``channel`` of your own, used instead, is not
    closed here. Every method raises ``TokensmithError``'s subclasses.

    Calls are repeated by themselves when that is safe: the error says so, nothing of a stream was
    delivered yet, and there is time left. Whatever charges or creates gets a ``request_id`` if you
    give none, so that a repeat never buys twice.
    """

    def __init__(
        self,
        target: str,
        api_key: str,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retry_policy: RetryPolicy | None = None,
        tls: bool | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        channel: grpc.aio.Channel | None = None,
    ) -> None:
        self._owns_channel = channel is None
        self._channel = channel or open_channel(target, credentials=credentials, tls=tls)
        self._timeout_seconds = timeout_seconds
        self._retry_policy = retry_policy or RetryPolicy()
        self.metadata = (("authorization", f"Bearer {api_key}"),)
        self.stubs = Stubs.on(self._channel)

    async def __aenter__(self) -> Self:
        """Nothing is opened yet: the channel connects with the first call."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the channel."""
        await self.close()

    async def close(self) -> None:
        """Close the channel if the client opened it; running calls are cancelled."""
        if self._owns_channel:
            await self._channel.close()

    async def create_chat_completion(
        self,
        params: chat_service_pb2.ChatCompletionParams,
        *,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> chat_service_pb2.CreateChatCompletionResponse:
        """Complete a chat; the answer comes whole, with what it cost."""
        request = chat_service_pb2.CreateChatCompletionRequest(params=params, request_id=request_id)
        return await self.call(
            self.stubs.chat.CreateChatCompletion, request, timeout_seconds=timeout_seconds
        )

    def stream_chat_completion(
        self,
        params: chat_service_pb2.ChatCompletionParams,
        *,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[chat_service_pb2.StreamChatCompletionResponse]:
        """Complete a chat; the answer comes as it is made, the cost with the last message.

        Leaving the loop early and closing the generator stops the call; what was delivered is
        charged. Wrap it in ``contextlib.aclosing`` to have it closed at once.
        """
        request = chat_service_pb2.StreamChatCompletionRequest(params=params, request_id=request_id)
        return self.stream(
            self.stubs.chat.StreamChatCompletion, request, timeout_seconds=timeout_seconds
        )

    async def generate_image(
        self,
        params: image_service_pb2.ImageParams,
        *,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> image_service_pb2.GenerateImageResponse:
        """Make images from a prompt."""
        request = image_service_pb2.GenerateImageRequest(params=params, request_id=request_id)
        return await self.call(
            self.stubs.image.GenerateImage, request, timeout_seconds=timeout_seconds
        )

    async def create_video(
        self,
        params: video_service_pb2.VideoParams,
        *,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> video_service_pb2.Video:
        """Start a video; ``watch_video`` follows it."""
        request = video_service_pb2.CreateVideoRequest(params=params, request_id=request_id)
        response = await self.call(
            self.stubs.video.CreateVideo, request, timeout_seconds=timeout_seconds
        )
        return response.video

    async def get_video(self, video_id: str) -> video_service_pb2.Video:
        """Return a video as it stands."""
        request = video_service_pb2.GetVideoRequest(video_id=video_id)
        return (await self.call(self.stubs.video.GetVideo, request)).video

    async def watch_video(
        self, video_id: str, *, timeout_seconds: float = WATCH_TIMEOUT_SECONDS
    ) -> AsyncGenerator[video_service_pb2.Video]:
        """Yield a video's states until it has ended, over broken connections too."""
        seen = 0

        def request() -> video_service_pb2.WatchVideoRequest:
            return video_service_pb2.WatchVideoRequest(
                video_id=video_id, after_sequence_number=seen
            )

        attempts = Attempts(self._retry_policy, timeout_seconds)
        states = self._resume(self.stubs.video.WatchVideo, request, attempts)
        async with aclosing(states):
            async for response in states:
                seen = response.video.sequence_number
                yield response.video

    async def upload_media(
        self,
        data: bytes,
        *,
        content_type: str,
        purpose: media_service_pb2.MediaPurpose,
        filename: str = "",
        timeout_seconds: float | None = None,
    ) -> media_service_pb2.Media:
        """Store bytes; their id then names them in image and video calls."""
        metadata = media_service_pb2.UploadMediaMetadata(
            content_type=content_type,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).digest(),
            purpose=purpose,
            filename=filename,
            request_id=new_request_id(),
        )
        attempts = Attempts(self._retry_policy, timeout_seconds or self._timeout_seconds)
        while True:
            try:
                response = await self.stubs.media.UploadMedia(
                    _upload_messages(metadata, data),
                    timeout=attempts.remaining_seconds,
                    metadata=self.metadata,
                )
            except grpc.aio.AioRpcError as error:
                await attempts.wait(error_from_rpc(error))
            else:
                return response.media

    async def download_media(
        self, media_id: str, *, offset_bytes: int = 0, timeout_seconds: float | None = None
    ) -> AsyncGenerator[bytes]:
        """Yield the bytes of an item; a broken download goes on where it stopped."""
        offset = offset_bytes

        def request() -> media_service_pb2.DownloadMediaRequest:
            return media_service_pb2.DownloadMediaRequest(media_id=media_id, offset_bytes=offset)

        attempts = Attempts(self._retry_policy, timeout_seconds or self._timeout_seconds)
        chunks = self._resume(self.stubs.media.DownloadMedia, request, attempts)
        async with aclosing(chunks):
            async for response in chunks:
                offset += len(response.chunk)
                yield response.chunk

    async def list_models(self) -> model_service_pb2.ListModelsResponse:
        """Return every model with its price, and the version of the price list."""
        return await self.call(self.stubs.model.ListModels, model_service_pb2.ListModelsRequest())

    async def get_model(self, model_id: str) -> model_service_pb2.Model:
        """Return one model; ``NotFoundError.near_matches`` names what was probably meant."""
        request = model_service_pb2.GetModelRequest(model_id=model_id)
        return (await self.call(self.stubs.model.GetModel, request)).model

    async def get_balance(self) -> billing_service_pb2.Balance:
        """Return the account's money at this moment."""
        request = billing_service_pb2.GetBalanceRequest()
        return (await self.call(self.stubs.billing.GetBalance, request)).balance

    async def estimate(
        self, request: billing_service_pb2.EstimateRequest
    ) -> billing_service_pb2.EstimateResponse:
        """Return what a call would hold and probably cost."""
        return await self.call(self.stubs.billing.Estimate, request)

    async def get_request(self, log_request_id: str) -> billing_service_pb2.RequestRecord:
        """Return the receipt of one call by the server's id ("req_...")."""
        request = billing_service_pb2.GetRequestRequest(id=log_request_id)
        return (await self.call(self.stubs.billing.GetRequest, request)).request

    async def list_requests(
        self, request: billing_service_pb2.ListRequestsRequest | None = None
    ) -> AsyncGenerator[billing_service_pb2.RequestRecord]:
        """Yield the account's calls, newest first, page after page; ``request`` filters them."""
        page_request = billing_service_pb2.ListRequestsRequest()
        if request is not None:
            page_request.CopyFrom(request)
        while True:
            page = await self.call(self.stubs.billing.ListRequests, page_request)
            for record in page.requests:
                yield record
            if not page.next_page_token:
                return
            page_request.page_token = page.next_page_token

    async def call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]",
        request: _Request,
        *,
        timeout_seconds: float | None = None,
    ) -> _Response:
        """Call any unary method of the stubs, with the key, a deadline, retries and typed errors.

        A request with an empty ``request_id`` is sent with a new one; yours is not changed.
        """
        request = _identified(request)
        attempts = Attempts(self._retry_policy, timeout_seconds or self._timeout_for(request))
        while True:
            try:
                return await method(
                    request, timeout=attempts.remaining_seconds, metadata=self.metadata
                )
            except grpc.aio.AioRpcError as error:
                await attempts.wait(error_from_rpc(error))

    async def stream(
        self,
        method: "grpc.aio.UnaryStreamMultiCallable[_Request, _Response]",
        request: _Request,
        *,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[_Response]:
        """Call any server-streaming method likewise; it is not repeated after its first message.

        Raises:
            StreamInterruptedError: the connection broke after the first message.
        """
        request = _identified(request)
        attempts = Attempts(self._retry_policy, timeout_seconds or self._timeout_for(request))
        while True:
            delivered = False
            try:
                async with aclosing(self._messages(method, request, attempts)) as messages:
                    async for response in messages:
                        delivered = True
                        yield response
            except grpc.aio.AioRpcError as failure:
                error = error_from_rpc(failure)
            else:
                return
            if delivered:
                raise _interrupted(error)
            await attempts.wait(error)

    async def _resume(
        self,
        method: "grpc.aio.UnaryStreamMultiCallable[_Request, _Response]",
        next_request: Callable[[], _Request],
        attempts: Attempts,
    ) -> AsyncGenerator[_Response]:
        """Stream what can be taken up again where it broke off, by asking for the rest."""
        while True:
            try:
                async with aclosing(self._messages(method, next_request(), attempts)) as messages:
                    async for response in messages:
                        attempts.restart()
                        yield response
            except grpc.aio.AioRpcError as failure:
                error = error_from_rpc(failure)
            else:
                return
            await attempts.wait(error)

    async def _messages(
        self,
        method: "grpc.aio.UnaryStreamMultiCallable[_Request, _Response]",
        request: _Request,
        attempts: Attempts,
    ) -> AsyncGenerator[_Response]:
        call = method(request, timeout=attempts.remaining_seconds, metadata=self.metadata)
        try:
            async for response in call:
                yield response
        finally:
            call.cancel()  # Nothing happens when it has ended.

    def _timeout_for(self, request: Message) -> float:
        if _has_request_id(request):
            return self._timeout_seconds
        return min(self._timeout_seconds, READ_TIMEOUT_SECONDS)


def new_request_id() -> str:
    """Make a ``request_id`` for a call that charges or creates."""
    return str(uuid.uuid4())


def _has_request_id(request: Message) -> bool:
    return "request_id" in request.DESCRIPTOR.fields_by_name


def _identified(request: _Request) -> _Request:
    if not _has_request_id(request) or getattr(request, "request_id"):  # noqa: B009
        return request
    identified = type(request)()
    identified.CopyFrom(request)
    setattr(identified, "request_id", new_request_id())  # noqa: B010
    return identified


def _interrupted(error: TokensmithError) -> TokensmithError:
    """A broken connection is told apart from what the server says about its own stream."""
    if error.reason or not error.retryable:
        return error
    return StreamInterruptedError(error.message, code=error.code)


def _upload_messages(
    metadata: media_service_pb2.UploadMediaMetadata, data: bytes
) -> Iterator[media_service_pb2.UploadMediaRequest]:
    yield media_service_pb2.UploadMediaRequest(metadata=metadata)
    for start in range(0, len(data), CHUNK_BYTES):
        yield media_service_pb2.UploadMediaRequest(chunk=data[start : start + CHUNK_BYTES])
