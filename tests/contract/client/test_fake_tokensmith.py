"""The fake server does what the contract says, and what a test tells it."""

from collections.abc import AsyncIterator

import grpc
import pytest

import tokensmith
from tests.contract.client.behaviour import ClientBehaviour, Served, user_params
from tokensmith.testing import Answer, Failure, FakeTokensmith, ToolCall
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import error_reason_pb2, usage_pb2
from tokensmith.v1 import image_service_pb2 as image_pb
from tokensmith.v1 import media_service_pb2 as media_pb
from tokensmith.v1 import video_service_pb2 as video_pb

TEXT_MODEL = "gpt-5.4-mini"
IMAGE_MODEL = "gpt-image-2"
VIDEO_MODEL = "fal-ai/kling-video/v2.6/pro/text-to-video"


@pytest.fixture
async def fake() -> AsyncIterator[FakeTokensmith]:
    async with FakeTokensmith(balance_microcredits=2_000_000_000) as fake:
        yield fake


@pytest.fixture
async def client(fake: FakeTokensmith) -> AsyncIterator[tokensmith.Client]:
    async with fake.client() as client:
        yield client


class TestClientOnFake(ClientBehaviour):
    @pytest.fixture
    async def served(self) -> AsyncIterator[Served]:
        async with (
            FakeTokensmith(balance_microcredits=500_000_000) as fake,
            fake.client() as client,
            fake.client(api_key="pk_live_wrong") as wrong,
        ):
            yield Served(client=client, wrong_key_client=wrong, text_model=TEXT_MODEL)


async def test_answers_come_in_the_order_they_were_given(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    usage = usage_pb2.TokenUsage(input_tokens=7, output_tokens=3)
    fake.will_answer("One.", Answer("Two.", usage=usage))
    first = await client.create_chat_completion(user_params(TEXT_MODEL))
    second = await client.create_chat_completion(user_params(TEXT_MODEL))
    assert first.completion.choices[0].message.content == "One."
    assert second.completion.choices[0].message.content == "Two."
    assert second.charge.charged_microcredits == 7 * 1_500 + 3 * 9_000


async def test_tool_calls_are_answered_whole_and_streamed(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    answer = Answer("", tool_calls=(ToolCall("weather", '{"city": "Bern"}'),))
    fake.will_answer(answer, answer)
    whole = await client.create_chat_completion(user_params(TEXT_MODEL))
    choice = whole.completion.choices[0]
    assert not choice.message.HasField("content")
    assert choice.message.tool_calls[0].name == "weather"
    assert choice.finish_reason == chat_pb.FINISH_REASON_TOOL_CALLS

    messages = [m async for m in client.stream_chat_completion(user_params(TEXT_MODEL))]
    assert messages[-1].deltas[0].tool_calls[0].arguments == '{"city": "Bern"}'


async def test_scripted_failure_carries_its_reason_and_facts(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    fake.will_fail(
        Failure(error_reason_pb2.ERROR_REASON_CONTENT_REFUSED, metadata={"provider": "openai"})
    )
    with pytest.raises(tokensmith.ContentRefusedError) as caught:
        await client.create_chat_completion(user_params(TEXT_MODEL))
    assert caught.value.metadata["provider"] == "openai"
    assert caught.value.charged_microcredits == 0
    assert caught.value.request_id == fake.calls[0].request_id
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert not fake.receipts


async def test_failure_of_one_method_leaves_others_alone(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    fake.will_fail(Failure(error_reason_pb2.ERROR_REASON_INTERNAL, method="GetBalance"))
    await client.list_models()
    with pytest.raises(tokensmith.InternalError):
        await client.get_balance()
    await client.get_balance()


async def test_retryable_failure_is_repeated_with_the_same_request_id(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    fake.will_fail(
        error_reason_pb2.ERROR_REASON_SERVER_OVERLOADED,
        error_reason_pb2.ERROR_REASON_SHUTTING_DOWN,
    )
    await client.create_chat_completion(user_params(TEXT_MODEL))
    ids = {call.request.request_id for call in fake.calls}  # type: ignore[attr-defined]
    assert len(fake.calls) == 3
    assert len(ids) == 1
    assert len(fake.receipts) == 1


async def test_interrupted_stream_is_charged_for_what_was_delivered(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    fake.will_answer("one two three four")
    fake.will_fail(Failure(error_reason_pb2.ERROR_REASON_STREAM_INTERRUPTED, after_pieces=2))
    stream = client.stream_chat_completion(user_params(TEXT_MODEL))
    delivered = await anext(stream)
    with pytest.raises(tokensmith.StreamInterruptedError) as caught:
        await anext(stream)
    receipt = fake.receipts[0]
    assert list(delivered.deltas[0].content_pieces) == ["one ", "two "]
    assert receipt.outcome == usage_pb2.OUTCOME_TRUNCATED
    assert caught.value.charged_microcredits == receipt.hold.charged_microcredits > 0
    assert len(fake.calls) == 1


async def test_poor_account_is_refused_with_the_missing_amount() -> None:
    async with FakeTokensmith(balance_microcredits=100) as fake, fake.client() as client:
        with pytest.raises(tokensmith.InsufficientCreditsError) as caught:
            await client.create_chat_completion(user_params(TEXT_MODEL))
        assert caught.value.available_microcredits == 100
        assert fake.balance.available_microcredits == 100


async def test_output_allowance_is_lowered_to_what_the_balance_affords() -> None:
    params = user_params(TEXT_MODEL)
    params.ClearField("max_output_tokens")
    async with FakeTokensmith(balance_microcredits=20_000_000) as fake, fake.client() as client:
        estimate = await client.estimate(billing_pb.EstimateRequest(chat=params))
        assert 1_024 < estimate.max_output_tokens < 16_384
        assert estimate.affordable


async def test_images_are_priced_by_count_and_kept(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    params = image_pb.ImageParams(
        model=IMAGE_MODEL, prompt="A dot", image_count=2, inline_data=True
    )
    response = await client.generate_image(params)
    assert response.charge.charged_microcredits == 200_000_000
    image = response.result.images[1]
    stored = b"".join([chunk async for chunk in client.download_media(image.media_id)])
    assert stored == image.data
    assert stored.startswith(b"\x89PNG")


async def test_video_is_watched_until_it_has_ended_and_then_charged(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    params = video_pb.VideoParams(model=VIDEO_MODEL, prompt="Waves", generate_audio=False)
    video = await client.create_video(params)
    assert video.charge.held_microcredits == 5 * 140_000_000

    states = [each async for each in client.watch_video(video.id)]

    assert [each.state for each in states] == [
        video_pb.Video.STATE_QUEUED,
        video_pb.Video.STATE_RUNNING,
        video_pb.Video.STATE_SUCCEEDED,
    ]
    assert states[-1].charge.charged_microcredits == 5 * 140_000_000
    assert fake.balance.held_microcredits == 0
    assert (await client.get_video(video.id)).video_media_id


async def test_failed_video_job_is_free_and_says_why(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    refused = error_reason_pb2.ERROR_REASON_CONTENT_REFUSED
    fake.will_fail(Failure(refused, method="VideoJob"))
    video = await client.create_video(video_pb.VideoParams(model=VIDEO_MODEL, prompt="Waves"))
    last = [each async for each in client.watch_video(video.id)][-1]
    assert last.state == video_pb.Video.STATE_FAILED
    assert last.error.details
    assert last.charge.charged_microcredits == 0
    assert fake.balance.available_microcredits == fake.balance.granted_microcredits


async def test_cancelled_video_is_free(fake: FakeTokensmith, client: tokensmith.Client) -> None:
    video = await client.create_video(video_pb.VideoParams(model=VIDEO_MODEL, prompt="Waves"))
    request = video_pb.CancelVideoRequest(video_id=video.id)
    cancelled = (await client.call(client.stubs.video.CancelVideo, request)).video
    again = (await client.call(client.stubs.video.CancelVideo, request)).video
    assert cancelled.state == video_pb.Video.STATE_CANCELLED
    assert again == cancelled
    assert fake.balance.available_microcredits == fake.balance.granted_microcredits


async def test_upload_comes_back_byte_for_byte(client: tokensmith.Client) -> None:
    data = bytes(range(256)) * 3_000
    media = await client.upload_media(
        data, content_type="video/mp4", purpose=media_pb.MEDIA_PURPOSE_VIDEO_INPUT
    )
    assert media.size_bytes == len(data)
    assert b"".join([chunk async for chunk in client.download_media(media.id)]) == data
    rest = [chunk async for chunk in client.download_media(media.id, offset_bytes=700_000)]
    assert b"".join(rest) == data[700_000:]


async def test_requests_are_listed_over_all_pages(
    fake: FakeTokensmith, client: tokensmith.Client
) -> None:
    for _ in range(5):
        await client.create_chat_completion(user_params(TEXT_MODEL))
    pages = client.list_requests(billing_pb.ListRequestsRequest(page_size=2))
    ids = [record.id async for record in pages]
    assert len(ids) == len(set(ids)) == 5
    assert len(fake.calls_of("ListRequests")) == 3


async def test_method_that_the_fake_lacks_is_unimplemented(client: tokensmith.Client) -> None:
    with pytest.raises(tokensmith.UnimplementedError) as caught:
        await client.call(client.stubs.billing.ListPacks, billing_pb.ListPacksRequest())
    assert caught.value.code is grpc.StatusCode.UNIMPLEMENTED
