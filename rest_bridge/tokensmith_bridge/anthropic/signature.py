"""The signature of a thinking block as clients see it: which model signed, and what it signed with.

Signatures hold for the model that made them, and a conversation may go on with another. Clients
send a block back as it came, so the signature itself says whose it is: ``<model>:<signature>``. One
that does not was not given out here, or by a model that signs nothing, and is no signature to us.

A signature also holds for its text alone. Where a client does not want to see that, it travels in
the signature too, as ``<model>:<signature>.<text in base64>``.
"""

import base64
import binascii

from tokensmith.v1 import chat_service_pb2 as chat

# Signatures are base64, which has neither character; the names of models may have the first.
_BEFORE_SIGNATURE = ":"
_BEFORE_TEXT = "."


def signature_of(thinking: chat.ChatSignedThinking, *, with_text: bool = False) -> str:
    """What a ``thinking`` block carries as its signature, or a redacted one as its data."""
    seal = thinking.signature or thinking.redacted_data
    carried = f"{thinking.model}{_BEFORE_SIGNATURE}{seal}"
    if with_text and thinking.text:
        carried += _BEFORE_TEXT + base64.b64encode(thinking.text.encode()).decode()
    return carried


def signed_thinking(
    carried: str, *, text: str = "", redacted: bool = False
) -> chat.ChatSignedThinking | None:
    """Read a block that came back; ``None`` if it carries no signature of ours."""
    model, _, rest = carried.rpartition(_BEFORE_SIGNATURE)
    seal, _, hidden = rest.partition(_BEFORE_TEXT)
    if not model or not seal:
        return None
    if redacted:
        return chat.ChatSignedThinking(model=model, redacted_data=seal)
    if hidden and not text:
        try:
            text = base64.b64decode(hidden, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
    return chat.ChatSignedThinking(model=model, text=text, signature=seal)
