"""Addresses that strangers send are refused by what they say, and again by where they lead."""

import ipaddress

import pytest

from tests.unit.server.providers.chats import parts_of, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.media_address import (
    AddressPolicy,
    check_media_url,
    image_urls,
    is_public_address,
)
from tokensmith_server.providers.media_types import MediaRefused

HOSTILE = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://0/",
    "https://0.0.0.0/",
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://240.0.0.1/",
    "https://192.88.99.1/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://a.localhost/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://printer.local/",
    "https://router/",
    "https://user@example.com/",
    "https://user:pass@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com:22/",
    "https://example.com:6379/",
    "https://example.com:99999/",
    "http://example.com/a.png",
    "ftp://example.com/a.png",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "https://",
    "https:///a.png",
    "//example.com/a.png",
    "https://example.com\\@127.0.0.1/",
    "https://127.0.0.1\\@example.com/",
    "https://example.com/\r\nX-A: 1",
    "https://exam\tple.com/",
    "https://a..b/",
    "https://" + "a" * 9000 + ".com/",
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused(url: str) -> None:
    with pytest.raises(MediaRefused) as refused:
        check_media_url(url)
    assert "127" not in refused.value.reason


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "https://EXAMPLE.com:8443/a?b=c&d=%2F..",
        "https://bücher.example/ü.png",
        "https://93.184.216.34/a.png",
        "https://[2606:2800:220:1::1]/a.png",
        "https://internal.example.com/",
        "https://1.example.com/#127.0.0.1",
    ],
)
def test_an_ordinary_address_is_taken(url: str) -> None:
    assert check_media_url(url).scheme == "https"


def test_plain_http_is_taken_where_the_policy_says_so() -> None:
    policy = AddressPolicy(schemes=frozenset({"http", "https"}), ports=frozenset({80, 443}))
    assert check_media_url("http://example.com/a", policy).port == 80


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::808:808", False),
        ("64:ff9b:1::1", False),
        ("2002:808:808::1", False),
        ("2001::1", False),
        ("2001:db8::1", False),
        ("224.0.0.1", False),
        ("ff0e::1", False),
        ("192.88.99.1", False),
        ("240.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("::7f00:1", False),
        ("100::1", False),
    ],
)
def test_public_is_what_is_one_host_on_the_internet(address: str, public: bool) -> None:
    assert is_public_address(ipaddress.ip_address(address)) is public


def test_images_that_are_named_by_address_are_found_with_their_places() -> None:
    urls = ["data:image/png;base64,QUJD", "https://example.com/a", "DATA:image/png;base64,QUJD"]
    parts = [chat_pb.ChatContentPart(image=chat_pb.ChatImage(url=url)) for url in urls]
    content = parts_of(chat_pb.ChatContentPart(text="See."), *parts)
    messages = [said("x"), chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=content)]
    assert list(image_urls(messages)) == [
        ("messages[1].content[2].image_url.url", "https://example.com/a")
    ]
