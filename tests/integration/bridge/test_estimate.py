"""The price before the call, over REST: whose body it is, what is asked, what is told."""

from typing import Any

import pytest

from tests.integration.bridge import answers
from tests.integration.bridge.conftest import RunningBridge
from tests.integration.bridge.refusals import error_of
from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith.v1 import video_service_pb2 as video

MESSAGES = [{"role": "user", "content": "Hello"}]
MOTION = "fal-ai/kling-video/v2.6/pro/motion-control"
MOTION_PATH = "/v1/fal-ai/kling-video/v2.6/pro/motioncontrol"


def add_models(bridge: RunningBridge) -> None:
    for name, endpoint in (
        ("gpt-image-2", "/v1/images/generations"),
        ("sora-2", "/v1/videos"),
        (MOTION, MOTION_PATH),
    ):
        found = answers.text_model(name)
        found.endpoint = endpoint
        bridge.server.models.append(found)


async def asked(bridge: RunningBridge, body: dict[str, Any], **headers: str) -> Any:
    """What the server is asked for this body."""
    add_models(bridge)
    async with bridge.http() as http:
        response = await http.post("/v1/estimate", json=body, headers=headers)
    assert response.status_code == 200, response.text
    return next(call for call in bridge.server.received if call.method == "Estimate").request


async def test_answer_has_the_most_and_the_likely_line_by_line(bridge: RunningBridge) -> None:
    bridge.server.estimate = billing.EstimateResponse(
        held_microcredits=147_511_500,
        likely_microcredits=73_759_250,
        required_microcredits=9_223_500,
        available_microcredits=5_000_000,
        affordable=False,
        catalog_version="cat_1",
        input_tokens=5,
        max_output_tokens=16_384,
    )
    bridge.server.estimate.held_lines.add(
        unit=billing.PRICE_UNIT_OUTPUT_TOKEN,
        quantity=16_384,
        unit_microcredits=9_000,
        amount_microcredits=147_456_000,
        description="d",
    )
    async with bridge.http() as http:
        response = await http.post("/v1/estimate", json={"model": "m", "messages": MESSAGES})
    assert response.json() == {
        "object": "estimate",
        "endpoint": "/v1/chat/completions",
        "model": "m",
        "max_cost": 147.5115,
        "likely_cost": 73.75925,
        "required": 9.2235,
        "available": 5,
        "affordable": False,
        "price_lines": [
            {
                "unit": "output_token",
                "quantity": 16_384,
                "unit_price": 0.009,
                "amount": 147.456,
                "description": "d",
            }
        ],
        "catalog_version": "cat_1",
        "input_tokens": 5,
        "max_output_tokens": 16_384,
    }
    assert response.headers["x-credits-held"] == response.headers["x-credits-charged"] == "0"
    assert response.headers["x-credits-balance"] == "5"
    assert response.headers["x-ratelimit-remaining-requests"] == "29999"


@pytest.mark.parametrize("named", [True, False])
async def test_chat_is_asked_for_as_the_call_itself_would_be(
    bridge: RunningBridge, named: bool
) -> None:
    body = {"model": "gpt-5.4", "messages": MESSAGES, "max_tokens": 9, "stream": True, "n": 2}
    endpoint = {"endpoint": "/v1/chat/completions"} if named else {}
    priced = await asked(bridge, body | endpoint)
    async with bridge.http() as http:
        await http.post("/v1/chat/completions", json=body)
    assert priced.chat == bridge.server.last().request.params
    assert (priced.chat.max_output_tokens, priced.chat.choice_count) == (9, 2)


async def test_images_by_the_models_kind(bridge: RunningBridge) -> None:
    body = {"model": "gpt-image-2", "prompt": "A dot", "n": 3, "size": "1024x1024"}
    priced = (await asked(bridge, body)).image
    assert (priced.image_count, priced.size, priced.prompt) == (3, "1024x1024", "A dot")


async def test_edit_by_its_endpoint(bridge: RunningBridge) -> None:
    body = {
        "endpoint": "/v1/images/edits",
        "model": "gpt-image-2",
        "prompt": "A dot",
        "images": [{"image_url": "https://a/b.png"}, {"file_id": "media_1"}],
        "mask": {"image_url": "data:image/png;base64,AAAA"},
        "input_fidelity": "high",
    }
    priced = (await asked(bridge, body)).image_edit
    assert [image.WhichOneof("source") for image in priced.input_images] == ["url", "media_id"]
    assert (priced.mask.inline.data, priced.mask.inline.content_type) == (b"\0\0\0", "image/png")
    assert priced.input_fidelity == "high"


@pytest.mark.parametrize(
    "length", [{"seconds": "8"}, {"duration": 8}, {"parameters": {"durationSeconds": "8"}}]
)
async def test_videos_in_every_vendors_words(bridge: RunningBridge, length: dict[str, Any]) -> None:
    body = {
        "model": "sora-2",
        "prompt": "A wave",
        "size": "1280x720",
        "generate_audio": False,
        "voice_ids": ["v"],
        "start_image_url": "https://a/b.png",
        "end_image_url": "https://a/c.png",
        "image_urls": ["https://a/d.png"],
        "video_url": "https://a/e.mp4",
        "elements": [
            {"frontal_image_url": "https://a/f.png", "reference_image_urls": ["https://a/g.png"]}
        ],
        "cfg_scale": 0.5,
        "metadata": {"a": "b"},
        "fps": 24,
    }
    priced = (await asked(bridge, body | length)).video
    assert (priced.seconds, priced.size, priced.guidance_scale) == (8, "1280x720", 0.5)
    assert priced.HasField("generate_audio")
    assert not priced.generate_audio
    assert priced.first_frame.url == "https://a/b.png"
    assert priced.elements[0].reference_images[0].url == "https://a/g.png"
    assert (dict(priced.metadata), priced.frames_per_second) == ({"a": "b"}, 24)


@pytest.mark.parametrize("named", [True, False])
async def test_motion_control_by_its_models_path(bridge: RunningBridge, named: bool) -> None:
    body = {"model": MOTION, "character_orientation": "image", "video_url": "https://a/b.mp4"}
    priced = await asked(bridge, body | ({"endpoint": MOTION_PATH} if named else {}))
    asked_for = priced.motion_control
    assert asked_for.character_orientation == video.CHARACTER_ORIENTATION_IMAGE
    assert (asked_for.model, asked_for.motion_video.url) == (MOTION, "https://a/b.mp4")


@pytest.mark.parametrize("by", ["endpoint", "version"])
async def test_messages_of_anthropics_clients(bridge: RunningBridge, by: str) -> None:
    body: dict[str, Any] = {"model": "gpt-5.4", "max_tokens": 50, "messages": MESSAGES}
    headers = {"anthropic-version": "2023-06-01"} if by == "version" else {}
    endpoint = {"endpoint": "/v1/messages"} if by == "endpoint" else {}
    priced = await asked(bridge, body | {"system": "Be brief."} | endpoint, **headers)
    assert priced.chat.max_output_tokens == 50
    assert [message.content.text for message in priced.chat.messages] == ["Be brief.", "Hello"]


TOOL = {"name": "f", "input_schema": {"type": "object"}}
FUNCTION = {"type": "function", "function": {"name": "f"}}
PICTURE = {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}


@pytest.mark.parametrize(
    "fields",
    [
        {"system": "Be brief."},
        {"stop_sequences": ["."]},
        {"thinking": {"type": "disabled"}},
        {"tools": [TOOL], "tool_choice": {"type": "auto"}},
        {"tools": [{"type": "bash_20250124", "name": "bash"}]},
        {"messages": [{"role": "user", "content": [PICTURE]}]},
    ],
)
async def test_messages_by_what_a_chat_does_not_have(
    bridge: RunningBridge, fields: dict[str, Any]
) -> None:
    body: dict[str, Any] = {"model": "gpt-5.4", "max_tokens": 50, "messages": MESSAGES} | fields
    priced = await asked(bridge, body)
    async with bridge.http() as http:
        answer = await http.post("/v1/messages", json=body)
        told = await http.post("/v1/estimate", json=body)
    assert answer.status_code == 200
    created = [call for call in bridge.server.received if call.method == "CreateChatCompletion"]
    assert priced.chat == created[0].request.params
    assert told.json()["endpoint"] == "/v1/messages"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"tools": [FUNCTION], "tool_choice": "auto"},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
        {"stop": ["."], "user": "u"},
    ],
)
async def test_chat_by_what_it_has(bridge: RunningBridge, fields: dict[str, Any]) -> None:
    body: dict[str, Any] = {"model": "gpt-5.4", "max_tokens": 50, "messages": MESSAGES} | fields
    async with bridge.http() as http:
        told = await http.post("/v1/estimate", json=body)
    assert told.json()["endpoint"] == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"system": 5}, "system"),
        ({"system": "s", "surprise": 1}, "surprise"),
        ({"system": "s", "n": 2}, "system"),
        ({"tools": [FUNCTION | {"strict": 1}]}, "tools[0].strict"),
        ({"messages": [5]}, "messages[0]"),
        ({"messages": "x"}, "messages"),
        ({"tools": 5}, "tools"),
    ],
)
async def test_what_is_neither_is_refused_in_the_words_of_the_nearer_one(
    bridge: RunningBridge, fields: dict[str, Any], param: str
) -> None:
    body: dict[str, Any] = {"model": "gpt-5.4", "max_tokens": 50, "messages": MESSAGES} | fields
    async with bridge.http() as http:
        error = error_of(await http.post("/v1/estimate", json=body))
    assert error["param"] == param


async def test_responses_by_what_they_go_on_from(bridge: RunningBridge) -> None:
    body = {"model": "gpt-5.4", "previous_response_id": "resp_9"}
    async with bridge.http() as http:
        error = error_of(await http.post("/v1/estimate", json=body))
    assert error["code"] == "previous_response_not_found"


@pytest.mark.parametrize("named", [True, False])
async def test_responses_by_their_input(bridge: RunningBridge, named: bool) -> None:
    body = {
        "model": "gpt-5.4",
        "instructions": "Be brief.",
        "input": "Hello",
        "max_output_tokens": 50,
    }
    priced = await asked(bridge, body | ({"endpoint": "/v1/responses"} if named else {}))
    assert priced.chat.max_output_tokens == 50
    assert [message.content.text for message in priced.chat.messages] == ["Be brief.", "Hello"]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "model", "missing_required_parameter"),
        ({"model": 5}, "model", "invalid_type"),
        ({"model": "gpt-5.5", "prompt": "x"}, None, "model_not_found"),
        ({"model": "gpt-5.4", "prompt": "x"}, "prompt", "unknown_parameter"),
        ({"model": "gpt-5.4", "messages": []}, "messages", "invalid_value"),
        ({"model": "m", "messages": MESSAGES, "surprise": 1}, "surprise", "unknown_parameter"),
        ({"model": "m", "endpoint": "/v1/nowhere"}, "endpoint", "invalid_value"),
        ({"model": "gpt-image-2"}, "prompt", "missing_required_parameter"),
        ({"model": "gpt-image-2", "prompt": "x", "n": 0}, "n", "invalid_value"),
        ({"model": "gpt-image-2", "prompt": "x", "seconds": 4}, "seconds", "unknown_parameter"),
        (
            {"model": "gpt-image-2", "prompt": "x", "partial_images": 1},
            "partial_images",
            "invalid_value",
        ),
        (
            {"model": "sora-2", "prompt": "x", "seconds": 4, "duration": "5"},
            "duration",
            "invalid_value",
        ),
        ({"model": "sora-2", "prompt": "x", "seconds": "four"}, "seconds", "invalid_value"),
        ({"model": "sora-2", "prompt": "x", "video_url": "ftp://a"}, "video_url", "invalid_value"),
        (
            {"model": "sora-2", "prompt": "x", "input_reference": {"image_url": "data:a;base64,!"}},
            "input_reference",
            "invalid_value",
        ),
        (
            {"model": "sora-2", "prompt": "x", "input_reference": {}},
            "input_reference",
            "invalid_value",
        ),
        ({"model": MOTION}, "character_orientation", "missing_required_parameter"),
    ],
)
async def test_body_that_cannot_be_priced_is_refused_by_its_field(
    bridge: RunningBridge, body: dict[str, Any], param: str | None, code: str
) -> None:
    add_models(bridge)
    async with bridge.http() as http:
        error = error_of(await http.post("/v1/estimate", json=body))
    assert (error["param"], error["code"]) == (param, code)
    assert all(call.method != "Estimate" for call in bridge.server.received)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"model":"a","model":"b","messages":[]}',
        b'{"model":"a","messages":[{"role":"user","content":"\\ud83d"}]}',
        b'{"model":"a","messages":[],"\\ud83d":1}',
        b'{"model":"a","messages":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
)
async def test_body_that_is_no_json_object_is_refused(bridge: RunningBridge, body: bytes) -> None:
    async with bridge.http() as http:
        response = await http.post(
            "/v1/estimate", content=body, headers={"Content-Type": "application/json"}
        )
    assert response.status_code == 400
    assert error_of(response)["code"] in {"invalid_json", "invalid_type"}


async def test_openais_client_counts_the_input_of_a_response(bridge: RunningBridge) -> None:
    bridge.server.estimate = billing.EstimateResponse(input_tokens=77)
    async with bridge.openai() as client:
        counted = await client.responses.input_tokens.count(model="gpt-5.4", input="Hi")
    assert (counted.object, counted.input_tokens) == ("response.input_tokens", 77)
    (received,) = bridge.server.received
    assert received.method == "Estimate"
    assert received.request.chat.messages[0].content.text == "Hi"
