"""The fake server's images and videos, and the media that they end up in."""
# ruff: noqa: N802 - methods are named as in the contract

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from tokensmith.testing.desk import Context, Desk, abort, status_of
from tokensmith.testing.ledger import second_microcredits
from tokensmith.testing.script import VIDEO_JOB, Failure, FailureRaised
from tokensmith.v1 import error_reason_pb2 as reason_pb
from tokensmith.v1 import image_service_pb2 as image_pb
from tokensmith.v1 import (
    image_service_pb2_grpc,
    media_service_pb2_grpc,
    usage_pb2,
    video_service_pb2_grpc,
)
from tokensmith.v1 import media_service_pb2 as media_pb
from tokensmith.v1 import model_service_pb2 as model_pb
from tokensmith.v1 import video_service_pb2 as video_pb

# One transparent pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63"
    "000100000005000100a5f645400000000049454e44ae426082"
)
# The head of an mp4: enough to be recognised, not to be played.
MP4 = bytes.fromhex("00000018667479706d703432000000006d70343269736f6d")

_CHUNK_BYTES = 256 * 1024
_ENDED = frozenset(
    {
        video_pb.Video.STATE_SUCCEEDED,
        video_pb.Video.STATE_FAILED,
        video_pb.Video.STATE_CANCELLED,
        video_pb.Video.STATE_EXPIRED,
    }
)


class FakeMedia(media_service_pb2_grpc.MediaServiceServicer):
    """Uploads and results, in memory."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._items: dict[str, tuple[media_pb.Media, bytes]] = {}

    def keep(
        self, data: bytes, content_type: str, purpose: media_pb.MediaPurpose, filename: str = ""
    ) -> media_pb.Media:
        """Store bytes."""
        media = media_pb.Media(
            id=f"media_{len(self._items) + 1}",
            content_type=content_type,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).digest(),
            purpose=purpose,
            filename=filename,
        )
        media.create_time.GetCurrentTime()
        self._items[media.id] = (media, data)
        return media

    async def UploadMedia(
        self,
        request_iterator: AsyncIterator[media_pb.UploadMediaRequest],
        context: "Context[Any, Any]",
    ) -> media_pb.UploadMediaResponse:
        """Store what is sent, if it is what was announced."""
        first = await anext(request_iterator)
        metadata = first.metadata
        data = b"".join([message.chunk async for message in request_iterator])

        async def answer(_: str) -> media_pb.UploadMediaResponse:
            digest = hashlib.sha256(data).digest()
            if len(data) != metadata.size_bytes or metadata.sha256 not in {b"", digest}:
                raise FailureRaised(Failure(reason_pb.ERROR_REASON_MEDIA_DIGEST_MISMATCH))
            media = self.keep(data, metadata.content_type, metadata.purpose, metadata.filename)
            return media_pb.UploadMediaResponse(media=media)

        return await self._desk.serve("UploadMedia", first, context, answer)

    async def DownloadMedia(
        self, request: media_pb.DownloadMediaRequest, context: "Context[Any, Any]"
    ) -> AsyncIterator[media_pb.DownloadMediaResponse]:
        """Send the bytes from the offset."""
        call = self._desk.admit("DownloadMedia", request, context)
        try:
            self._desk.check(call)
            media, data = self._find(request.media_id)
        except FailureRaised as raised:
            await abort(context, raised.failure, call.request_id)
        start = request.offset_bytes
        yield media_pb.DownloadMediaResponse(
            media=media, chunk=data[start : start + _CHUNK_BYTES], offset_bytes=start
        )
        for offset in range(start + _CHUNK_BYTES, len(data), _CHUNK_BYTES):
            chunk = data[offset : offset + _CHUNK_BYTES]
            yield media_pb.DownloadMediaResponse(chunk=chunk, offset_bytes=offset)

    async def GetMedia(
        self, request: media_pb.GetMediaRequest, context: "Context[Any, Any]"
    ) -> media_pb.GetMediaResponse:
        """Describe an item."""

        async def answer(_: str) -> media_pb.GetMediaResponse:
            return media_pb.GetMediaResponse(media=self._find(request.media_id)[0])

        return await self._desk.serve("GetMedia", request, context, answer)

    async def DeleteMedia(
        self, request: media_pb.DeleteMediaRequest, context: "Context[Any, Any]"
    ) -> media_pb.DeleteMediaResponse:
        """Forget an item."""

        async def answer(_: str) -> media_pb.DeleteMediaResponse:
            self._find(request.media_id)
            del self._items[request.media_id]
            return media_pb.DeleteMediaResponse()

        return await self._desk.serve("DeleteMedia", request, context, answer)

    def _find(self, media_id: str) -> tuple[media_pb.Media, bytes]:
        if media_id not in self._items:
            reason = reason_pb.ERROR_REASON_MEDIA_NOT_FOUND
            raise FailureRaised(Failure(reason, metadata={"resource": media_id}))
        return self._items[media_id]


class FakeImages(image_service_pb2_grpc.ImageServiceServicer):
    """Images of one pixel at the full price."""

    def __init__(self, desk: Desk, media: FakeMedia) -> None:
        self._desk = desk
        self._media = media

    async def GenerateImage(
        self, request: image_pb.GenerateImageRequest, context: "Context[Any, Any]"
    ) -> image_pb.GenerateImageResponse:
        """Make them at once."""

        async def answer(request_id: str) -> image_pb.GenerateImageResponse:
            async def make() -> image_pb.GenerateImageResponse:
                return self._make(request, request_id)

            made, replayed = await self._desk.once(
                "image", request.request_id, request.params, make
            )
            response = image_pb.GenerateImageResponse()
            response.CopyFrom(made)
            response.charge.replayed = replayed
            return response

        return await self._desk.serve("GenerateImage", request, context, answer)

    def _make(
        self, request: image_pb.GenerateImageRequest, request_id: str
    ) -> image_pb.GenerateImageResponse:
        params = request.params
        model, price = price_images(self._desk, params)
        record = self._desk.ledger.place_hold(request_id, model, price)
        record.client_request_id = request.request_id
        result = image_pb.ImageSet(model=params.model, output_format="png")
        result.create_time.GetCurrentTime()
        for _ in range(params.image_count or 1):
            media = self._media.keep(PNG, "image/png", media_pb.MEDIA_PURPOSE_IMAGE_RESULT)
            result.images.add(
                media_id=media.id,
                url=f"https://tokensmith.invalid/media/{media.id}",
                data=PNG if params.inline_data else None,
                content_type=media.content_type,
                size_bytes=media.size_bytes,
                width_pixels=1,
                height_pixels=1,
            )
        record.image_count = len(result.images)
        self._desk.ledger.settle(record, price)
        return image_pb.GenerateImageResponse(
            result=result, charge=self._desk.ledger.charge(record)
        )


class FakeVideos(video_service_pb2_grpc.VideoServiceServicer):
    """Videos that move one state on whenever somebody looks: queued, running, succeeded."""

    def __init__(self, desk: Desk, media: FakeMedia) -> None:
        self._desk = desk
        self._media = media
        self._videos: dict[str, video_pb.Video] = {}

    async def CreateVideo(
        self, request: video_pb.CreateVideoRequest, context: "Context[Any, Any]"
    ) -> video_pb.CreateVideoResponse:
        """Hold and queue."""

        async def answer(request_id: str) -> video_pb.CreateVideoResponse:
            async def make() -> video_pb.CreateVideoResponse:
                return video_pb.CreateVideoResponse(video=self._queue(request, request_id))

            made, replayed = await self._desk.once(
                "video", request.request_id, request.params, make
            )
            response = video_pb.CreateVideoResponse()
            response.CopyFrom(made)
            response.video.charge.replayed = replayed
            return response

        return await self._desk.serve("CreateVideo", request, context, answer)

    async def GetVideo(
        self, request: video_pb.GetVideoRequest, context: "Context[Any, Any]"
    ) -> video_pb.GetVideoResponse:
        """Show it, then move it on."""

        async def answer(_: str) -> video_pb.GetVideoResponse:
            video = self._find(request.video_id)
            response = video_pb.GetVideoResponse(video=video)
            self._advance(video)
            return response

        return await self._desk.serve("GetVideo", request, context, answer)

    async def CancelVideo(
        self, request: video_pb.CancelVideoRequest, context: "Context[Any, Any]"
    ) -> video_pb.CancelVideoResponse:
        """Stop it, unless it has ended."""

        async def answer(_: str) -> video_pb.CancelVideoResponse:
            video = self._find(request.video_id)
            if video.state not in _ENDED:
                video.cancel_requested = True
                self._desk.ledger.void(self._desk.ledger.requests[video.log_request_id])
                self._end(video, video_pb.Video.STATE_CANCELLED)
            return video_pb.CancelVideoResponse(video=video)

        return await self._desk.serve("CancelVideo", request, context, answer)

    async def WatchVideo(
        self, request: video_pb.WatchVideoRequest, context: "Context[Any, Any]"
    ) -> AsyncIterator[video_pb.WatchVideoResponse]:
        """Show every state from here on."""
        call = self._desk.admit("WatchVideo", request, context)
        try:
            self._desk.check(call)
            video = self._find(request.video_id)
        except FailureRaised as raised:
            await abort(context, raised.failure, call.request_id)
        while True:
            if video.sequence_number > request.after_sequence_number:
                yield video_pb.WatchVideoResponse(video=video)
            if video.state in _ENDED:
                return
            self._advance(video)

    def _queue(self, request: video_pb.CreateVideoRequest, request_id: str) -> video_pb.Video:
        params = request.params
        model, price = price_video(self._desk, params)
        record = self._desk.ledger.place_hold(request_id, model, price)
        record.client_request_id = request.request_id
        video = video_pb.Video(
            id=request_id.replace("req_", "video_"),
            state=video_pb.Video.STATE_QUEUED,
            sequence_number=1,
            model=params.model,
            prompt=params.prompt,
            seconds=params.seconds or model.second_rate.default_seconds,
            resolution=params.resolution,
            charge=self._desk.ledger.charge(record),
            log_request_id=request_id,
            metadata=params.metadata,
        )
        video.create_time.GetCurrentTime()
        record.video_id = video.id
        self._videos[video.id] = video
        return video

    def _advance(self, video: video_pb.Video) -> None:
        if video.state == video_pb.Video.STATE_QUEUED:
            video.state = video_pb.Video.STATE_RUNNING
            video.progress_percent = 50
            video.sequence_number += 1
        elif video.state == video_pb.Video.STATE_RUNNING:
            self._finish(video)

    def _finish(self, video: video_pb.Video) -> None:
        ledger = self._desk.ledger
        record = ledger.requests[video.log_request_id]
        failure = self._desk.take_failure(VIDEO_JOB)
        if failure is not None:
            video.error.CopyFrom(status_of(failure, video.log_request_id))
            ledger.void(record, usage_pb2.OUTCOME_FAILED, failure.reason_name)
            self._end(video, video_pb.Video.STATE_FAILED)
            return
        media = self._media.keep(MP4, "video/mp4", media_pb.MEDIA_PURPOSE_VIDEO_RESULT)
        video.video_media_id = media.id
        video.progress_percent = 100
        video.delivered_seconds = video.seconds
        record.video_seconds = video.seconds
        ledger.settle(record, record.hold.held_microcredits)
        self._end(video, video_pb.Video.STATE_SUCCEEDED)

    def _end(self, video: video_pb.Video, state: video_pb.Video.State) -> None:
        record = self._desk.ledger.requests[video.log_request_id]
        video.state = state
        video.sequence_number += 1
        video.charge.CopyFrom(self._desk.ledger.charge(record))
        video.end_time.GetCurrentTime()

    def _find(self, video_id: str) -> video_pb.Video:
        if video_id not in self._videos:
            reason = reason_pb.ERROR_REASON_VIDEO_NOT_FOUND
            raise FailureRaised(Failure(reason, metadata={"resource": video_id}))
        return self._videos[video_id]


def price_images(desk: Desk, params: image_pb.ImageParams) -> tuple[model_pb.Model, int]:
    """The model, and what the images cost in micro-credits.

    Raises:
        FailureRaised: MODEL_NOT_FOUND or MODEL_KIND_MISMATCH.
    """
    model = desk.find_model(params.model, model_pb.MODEL_KIND_IMAGE)
    return model, model.image_rate.image_microcredits * (params.image_count or 1)


def price_video(desk: Desk, params: video_pb.VideoParams) -> tuple[model_pb.Model, int]:
    """The model, and what the video costs in micro-credits.

    Raises:
        FailureRaised: MODEL_NOT_FOUND, MODEL_KIND_MISMATCH or UNSUPPORTED_PARAMETER.
    """
    model = desk.find_model(params.model, model_pb.MODEL_KIND_VIDEO)
    second = second_microcredits(
        model.second_rate,
        resolution=params.resolution,
        generate_audio=params.generate_audio if params.HasField("generate_audio") else True,
        voices=bool(params.voice_ids),
    )
    return model, second * (params.seconds or model.second_rate.default_seconds)
