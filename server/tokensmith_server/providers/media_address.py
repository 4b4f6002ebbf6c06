"""Which addresses on the network media may be fetched from. Pure.

Two lines of defence. ``check_media_url`` refuses by what an address says, before any money is
held. ``is_public_address`` is asked for the address that is really connected to, after the name
was resolved (``media_fetch.py``), because a name can stand for anything and change in between.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from yarl import URL

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.media_types import MediaRefused, is_data_url

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_URL_CHARACTERS_MAX: Final = 8192
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
# ``is_global`` is true for these, though they stand for, or lead to, an IPv4 address of any kind:
# Teredo, 6to4, and 6to4's anycast relay. NAT64 (64:ff9b::/96) lies outside global unicast.
_TUNNELS: Final = (
    ipaddress.ip_network("2001::/32"),
    ipaddress.ip_network("2002::/16"),
    ipaddress.ip_network("192.88.99.0/24"),
)
# Names that no public resolver answers, or that mean the machine or network we are in.
_PRIVATE_SUFFIXES: Final = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "corp",
    "test",
    "onion",
)
# The last label of anything that a lenient parser takes for an IPv4 address (WHATWG URL, 3.5).
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f\\]")


def image_urls(messages: Sequence[chat_pb.ChatMessage]) -> Iterator[tuple[str, str]]:
    """Yield the images that are named by address: the path of the field, and the address."""
    for index, message in enumerate(messages):
        if message.content.WhichOneof("kind") != "parts":
            continue
        for place, part in enumerate(message.content.parts.parts):
            if part.HasField("image") and not is_data_url(part.image.url):
                yield f"messages[{index}].content[{place}].image_url.url", part.image.url


def is_public_address(address: IPAddress) -> bool:
    """Whether an address is a host on the public internet, and nothing that leads elsewhere.

    ``ipaddress.is_global`` alone is true for multicast, 6to4, Teredo, NAT64 and deprecated
    site-local addresses.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public_address(address.ipv4_mapped)
        if address not in _GLOBAL_UNICAST:
            return False
    in_tunnel = any(address.version == net.version and address in net for net in _TUNNELS)
    return address.is_global and not (address.is_multicast or address.is_reserved or in_tunnel)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be fetched: by default HTTPS on its usual ports, from public hosts."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({443, 8443})
    is_allowed: Callable[[IPAddress], bool] = is_public_address


PUBLIC_HTTPS: Final = AddressPolicy()


def check_media_url(text: str, policy: AddressPolicy = PUBLIC_HTTPS) -> URL:
    """Parse the address of an image, and refuse what can be refused without looking it up.

    Raises:
        MediaRefused: it is no plain web address, or not one on the public internet.
    """
    if len(text) > _URL_CHARACTERS_MAX:
        raise MediaRefused("The address is too long.")
    if _UNSAFE.search(text):
        raise MediaRefused("The address has characters that an address cannot have.")
    try:
        url = URL(text)
        host, port = url.raw_host, url.port
    except ValueError:
        raise MediaRefused("The address is not a valid URL.") from None
    if url.scheme not in policy.schemes:
        allowed = " or ".join(sorted(policy.schemes))
        raise MediaRefused(f"The address must begin with {allowed}:// to be fetched.")
    if not host:
        raise MediaRefused("The address names no host.")
    if url.raw_user is not None or url.raw_password is not None:
        raise MediaRefused("The address must have no user name or password.")
    if port not in policy.ports:
        raise MediaRefused("The address must use the usual port.")
    _check_host(host, policy)
    return url.with_fragment(None)


def _check_host(host: str, policy: AddressPolicy) -> None:
    address = _address_of(host)
    if address is not None:
        if not policy.is_allowed(address):
            raise MediaRefused("The address is not on the public internet.")
        return
    labels = host.lower().rstrip(".").split(".")
    name = ".".join(labels)
    if _NUMBER.fullmatch(labels[-1]) or ":" in host:
        raise MediaRefused("The address names its host by a number that is not an IP address.")
    private = any(name == suffix or name.endswith("." + suffix) for suffix in _PRIVATE_SUFFIXES)
    if private or len(labels) < 2 or not all(labels):
        raise MediaRefused("The address is not on the public internet.")


def _address_of(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
