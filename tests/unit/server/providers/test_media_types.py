"""Media are what their bytes say, whatever a request calls them."""

import base64

import pytest

from tokensmith_server.providers.media_types import (
    MediaRefused,
    inline_image,
    read_image_data_url,
    read_pdf,
    sniff_image,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
IMAGES = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0" + bytes(40),
    "image/gif": b"GIF89a" + bytes(40),
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(40),
    "image/heic": b"\x00\x00\x00\x18ftypheic" + bytes(40),
    "image/heif": b"\x00\x00\x00\x18ftypmif1" + bytes(40),
}
PDF = b"%PDF-1.7\n" + bytes(40)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("mime_type", IMAGES)
def test_images_are_known_by_their_content(mime_type: str) -> None:
    assert sniff_image(IMAGES[mime_type]) == mime_type
    assert inline_image(IMAGES[mime_type]).mime_type == mime_type


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns=",
        b"<html>",
        b"GIF8",
        b"RIFF\x00\x00\x00\x00WAVE",
        b"\x00\x00\x00\x18ftypisom",
    ],
)
def test_what_is_no_image_is_none(data: bytes) -> None:
    assert sniff_image(data) is None
    with pytest.raises(MediaRefused):
        inline_image(data)


@pytest.mark.parametrize(
    "head", ["data:image/png", "data:image/jpeg", "DATA:IMAGE/PNG;a=b", "data:"]
)
def test_a_data_url_is_labelled_by_its_content(head: str) -> None:
    media = read_image_data_url(f"{head};base64,{encoded(PNG)}")
    assert (media.mime_type, media.base64_text) == ("image/png", encoded(PNG))


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png,abc",
        "data:image/png;base64,",
        "data:image/png;base64,####",
        "data:image/png;base64,AAA",
        "data:image/png;base64,iVBO Rw0K",
        f"data:image/png;base64,{encoded(b'<svg>')}",
        "data:image/png;base64",
        "https://example.com/a.png",
    ],
)
def test_other_data_urls_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(MediaRefused) as refused:
        read_image_data_url(url)
    assert url[-8:] not in refused.value.reason


@pytest.mark.parametrize("lead", ["", "data:application/pdf;base64,", "data:;base64,"])
def test_a_document_is_base64_with_or_without_a_head(lead: str) -> None:
    media = read_pdf(lead + encoded(PDF))
    assert (media.mime_type, media.base64_text) == ("application/pdf", encoded(PDF))


@pytest.mark.parametrize("data", ["", "hello world", encoded(PNG), "data:application/pdf,x"])
def test_what_is_no_pdf_is_refused(data: str) -> None:
    with pytest.raises(MediaRefused):
        read_pdf(data)


def test_a_hostile_head_takes_no_time() -> None:
    with pytest.raises(MediaRefused):
        read_image_data_url("data:image/png" + ";a" * 50_000)
