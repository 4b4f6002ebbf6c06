"""What metadata may look like on a call, checked as grpc's core checks it.

Nothing crosses a wire here, but a key or value that a network channel would refuse is refused
as well: otherwise a mistake would show only once the bridge and the server run apart.
"""

import re
from collections.abc import Iterable
from typing import Final

Metadatum = tuple[str, str | bytes]
"""One pair: text for ordinary keys, bytes for keys that end in `-bin`."""

MetadataPairs = tuple[Metadatum, ...]

USER_AGENT: Final[Metadatum] = ("user-agent", "grpc-python-inprocess/1")
"""What servers see as the caller's user agent; a caller's own is replaced, as on a network."""

_LEGAL_KEY: Final = re.compile(r"[0-9a-z_.\-]+\Z")
_TEXT, _BINARY, _DROPPED = range(3)
_TRANSPORT_KEYS: Final = frozenset({"te", "user-agent"})
_KNOWN_KEYS_LIMIT: Final = 1024
_known_keys: Final[dict[str, int]] = {}


class InvalidMetadataError(ValueError):
    """A key or value that HTTP/2 could not carry."""


def check_metadata(metadata: Iterable[Metadatum]) -> MetadataPairs:
    """Returns `metadata` as the tuple of pairs that the other side receives.

    Text values must be printable ASCII and keys lower-case (`[0-9a-z_.-]+`), as
    `validate_metadata.cc` of grpc's core demands; bytes under an ordinary key arrive as text.

    Raises:
        InvalidMetadataError: If a key or a text value is illegal.
        TypeError: If a value is neither text nor bytes, or is text under a `-bin` key.
    """
    pairs: list[Metadatum] = []
    for pair in metadata:
        key, value = pair
        kind = _known_keys.get(key)
        if kind is None:
            kind = _kind_of(key)
        if kind == _TEXT:
            if type(value) is not str:
                pair = (key, _as_text(value))  # noqa: PLW2901
                value = pair[1]
            if not (value.isascii() and value.isprintable()):
                raise InvalidMetadataError(f"Metadata value for key {key!r} is illegal")
        elif kind == _DROPPED:
            continue
        elif not isinstance(value, bytes):
            raise TypeError(f'Binary metadata key="{key}" expected bytes, got {type(value)}')
        pairs.append(pair)
    return tuple(pairs)


def _kind_of(key: str) -> int:
    """Classifies a key and remembers it: a process uses few, and every call repeats them."""
    if not _LEGAL_KEY.match(key):
        raise InvalidMetadataError(f"Metadata key {key!r} is illegal")
    kind = _BINARY if key.endswith("-bin") else _DROPPED if key in _TRANSPORT_KEYS else _TEXT
    if len(_known_keys) < _KNOWN_KEYS_LIMIT:
        _known_keys[key] = kind
    return kind


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"Expected str, not {type(value)}")
