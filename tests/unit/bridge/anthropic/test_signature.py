"""A signature that says whose it is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.anthropic.signature import signature_of, signed_thinking

SEALS = st.binary(min_size=1).map(lambda data: base64.b64encode(data).decode())
MODELS = st.sampled_from(["claude-sonnet-4-6", "anthropic.claude-v1:0", "a/b"])


@given(MODELS, SEALS, st.text(st.characters(codec="utf-8")), st.booleans())
def test_what_is_given_out_comes_back_as_it_was(
    model: str,
    seal: str,
    text: str,
    hidden: bool,
) -> None:
    block = chat.ChatSignedThinking(model=model, signature=seal, text=text)
    carried = signature_of(block, with_text=hidden)
    assert signed_thinking(carried, text="" if hidden else text) == block


@given(MODELS, SEALS)
def test_redacted_thinking_too(model: str, seal: str) -> None:
    block = chat.ChatSignedThinking(model=model, redacted_data=seal)
    assert signed_thinking(signature_of(block), redacted=True) == block


@pytest.mark.parametrize("carried", ["", "QUJD", ":QUJD", "m:", "m:.QQ==", "m:QUJD.not base64"])
def test_what_was_not_given_out_is_no_signature(carried: str) -> None:
    assert signed_thinking(carried) is None
