"""The fake server itself: its socket, its script, its records."""

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self

import grpc

from tokensmith.client import Client
from tokensmith.retries import RetryPolicy
from tokensmith.testing.chat import FakeChat
from tokensmith.testing.desk import Desk
from tokensmith.testing.made import FakeImages, FakeMedia, FakeVideos
from tokensmith.testing.reading import FakeBilling, FakeModels
from tokensmith.testing.responses import FakeResponses
from tokensmith.testing.script import Answer, Failure, RecordedCall
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import (
    billing_service_pb2_grpc,
    chat_service_pb2_grpc,
    error_reason_pb2,
    image_service_pb2_grpc,
    media_service_pb2_grpc,
    model_service_pb2_grpc,
    response_service_pb2_grpc,
    video_service_pb2_grpc,
)
from tokensmith.v1 import model_service_pb2 as model_pb

API_KEY: Final = "pk_live_fake"


def _default_models() -> tuple[model_pb.Model, ...]:
    text = model_pb.Model(
        id="gpt-5.4-mini",
        kind=model_pb.MODEL_KIND_TEXT,
        provider="openai",
        token_rate=model_pb.TokenRate(input_microcredits=1_500, output_microcredits=9_000),
        text=model_pb.TextCapabilities(default_output_tokens=16_384, tools=True),
        context_tokens=270_000,
    )
    image = model_pb.Model(
        id="gpt-image-2",
        kind=model_pb.MODEL_KIND_IMAGE,
        provider="openai",
        image_rate=model_pb.ImageRate(image_microcredits=100_000_000),
    )
    tiers = (
        model_pb.SecondTier(second_microcredits=140_000_000, generate_audio=False),
        model_pb.SecondTier(second_microcredits=280_000_000),
    )
    video = model_pb.Model(
        id="fal-ai/kling-video/v2.6/pro/text-to-video",
        kind=model_pb.MODEL_KIND_VIDEO,
        provider="fal",
        second_rate=model_pb.SecondRate(tiers=tiers, default_seconds=5),
    )
    for model in (text, image, video):
        model.lifecycle.status = model_pb.ModelLifecycle.STATUS_AVAILABLE
    return text, image, video


DEFAULT_MODELS: Final = _default_models()
"""A text, an image and a video model at their list prices."""


class FakeTokensmith:
    """A server for tests, on a loopback port of its own while its context lasts.

    >>> async with FakeTokensmith() as fake, fake.client() as client:
    ...     fake.will_answer("Good morning.")
    ...     response = await client.create_chat_completion(params)
    """

    def __init__(
        self,
        *,
        balance_microcredits: int = 1_000_000_000_000,
        models: Iterable[model_pb.Model] = DEFAULT_MODELS,
        api_key: str = API_KEY,
    ) -> None:
        self._desk = Desk(api_key=api_key, models=models, balance_microcredits=balance_microcredits)
        self._server: grpc.aio.Server | None = None
        self.api_key = api_key
        self.target = ""

    async def __aenter__(self) -> Self:
        """Start serving; ``target`` is then the address."""
        server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        media = FakeMedia(self._desk)
        images, videos = FakeImages(self._desk, media), FakeVideos(self._desk, media)
        chat_service_pb2_grpc.add_ChatServiceServicer_to_server(FakeChat(self._desk), server)
        image_service_pb2_grpc.add_ImageServiceServicer_to_server(images, server)
        video_service_pb2_grpc.add_VideoServiceServicer_to_server(videos, server)
        media_service_pb2_grpc.add_MediaServiceServicer_to_server(media, server)
        billing = FakeBilling(self._desk)
        billing_service_pb2_grpc.add_BillingServiceServicer_to_server(billing, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(FakeModels(self._desk), server)
        responses = FakeResponses(self._desk)
        response_service_pb2_grpc.add_ResponseServiceServicer_to_server(responses, server)
        self.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        self._server = server
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving; running calls are cancelled."""
        if self._server is not None:
            await self._server.stop(grace=None)

    def client(self, *, api_key: str | None = None) -> Client:
        """A client of this server that repeats without waiting. Close it, or use its context."""
        return Client(
            self.target,
            self.api_key if api_key is None else api_key,
            timeout_seconds=30.0,
            retry_policy=RetryPolicy(sleep=lambda _: asyncio.sleep(0)),
        )

    @property
    def balance(self) -> billing_pb.Balance:
        """The account's money now."""
        return self._desk.ledger.balance

    @property
    def receipts(self) -> Sequence[billing_pb.RequestRecord]:
        """The calls that were held for, oldest first."""
        return tuple(self._desk.ledger.requests.values())

    @property
    def calls(self) -> Sequence[RecordedCall]:
        """Every call so far, in order, repeats included."""
        return tuple(self._desk.calls)

    def calls_of(self, method: str) -> Sequence[RecordedCall]:
        """The calls of one method ("GetBalance"), in order, repeats included."""
        return tuple(call for call in self._desk.calls if call.method == method)

    def will_answer(self, *answers: Answer | str) -> None:
        """Answer the next chat calls so, one after the other; after that with ``Answer()``."""
        self._desk.answers.extend(
            Answer(answer) if isinstance(answer, str) else answer for answer in answers
        )

    def will_fail(self, *failures: "Failure | error_reason_pb2.ErrorReason") -> None:
        """Let the next calls fail so, one each, before anything is answered."""
        self._desk.failures.extend(
            failure if isinstance(failure, Failure) else Failure(failure) for failure in failures
        )
