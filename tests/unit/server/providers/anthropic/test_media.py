"""Images are labelled by what they are: the API compares the label, which OpenAI's does not."""

import pytest

from tests.unit.server.providers.anthropic.chats import body_of, refused_param
from tests.unit.server.providers.chats import parts_of
from tests.unit.server.providers.test_media_types import IMAGES, encoded
from tokensmith.v1 import chat_service_pb2 as chat_pb


def shown(declared: str, data: bytes) -> chat_pb.ChatMessage:
    """A user's message with one image, under the type that a client gives it."""
    image = chat_pb.ChatImage(url=f"data:{declared};base64,{encoded(data)}")
    content = parts_of(chat_pb.ChatContentPart(image=image))
    return chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=content)


@pytest.mark.parametrize("mime_type", ["image/png", "image/jpeg", "image/gif", "image/webp"])
@pytest.mark.parametrize("declared", ["image/png", "image/jpeg", "image/bmp"])
def test_an_image_is_labelled_by_its_content(declared: str, mime_type: str) -> None:
    [block] = body_of([shown(declared, IMAGES[mime_type])])["messages"][0]["content"]
    assert block["source"]["media_type"] == mime_type
    assert block["source"]["data"] == encoded(IMAGES[mime_type])


@pytest.mark.parametrize("data", [b"", b"A", b"unknown to us"])
def test_an_image_of_unknown_content_keeps_its_label(data: bytes) -> None:
    taken = refused_param(messages=[shown("image/webp", data)]) is None
    assert taken == bool(data)


def test_data_that_is_no_base64_is_the_providers_to_judge() -> None:
    image = chat_pb.ChatImage(url="data:image/png;base64,ä")
    content = parts_of(chat_pb.ChatContentPart(image=image))
    message = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=content)
    assert refused_param(messages=[message]) is None


def test_an_image_of_another_kind_is_refused_under_any_label() -> None:
    messages = [shown("image/png", IMAGES["image/heic"])]
    assert refused_param(messages=messages) == "messages[0].content[0].image_url.url"
