"""A reasoning item's ``encrypted_content``: what its provider signed of it, to be brought back.

Opaque to clients, and to us: whether a signature holds is for the provider to say. What was not
given out here, OpenAI's own for instance, carries nothing.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Final

from google.protobuf.message import DecodeError

from tokensmith.v1 import chat_service_pb2 as chat

# Tells ours from all others, and this form from later ones.
_PREFIX: Final = "ts1."


def sealed_content(blocks: Iterable[chat.ChatSignedThinking]) -> str | None:
    """What carries these blocks; ``None`` where there are none."""
    answer = chat.ChatAnswer(signed_thinking=blocks)
    if not answer.signed_thinking:
        return None
    return _PREFIX + base64.b64encode(answer.SerializeToString()).decode()


def signed_thinking_of(carried: str | None) -> Sequence[chat.ChatSignedThinking]:
    """The blocks that came back."""
    if carried is None or not carried.startswith(_PREFIX):
        return ()
    try:
        data = base64.b64decode(carried.removeprefix(_PREFIX), validate=True)
        return chat.ChatAnswer.FromString(data).signed_thinking
    except (binascii.Error, DecodeError):
        return ()
