"""Messages requests decoded and converted, for the tests."""

from typing import Any

import msgspec
import pytest

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.anthropic.effort import ModelFacts
from tokensmith_bridge.anthropic.errors import Origins
from tokensmith_bridge.anthropic.request import fill_params, messages_request_from_json
from tokensmith_bridge.openai.errors import Refusal

REASONER = ModelFacts(
    efforts=("none", "low", "medium", "high"),
    default_effort="none",
    restricted_fields=frozenset({"temperature", "top_p"}),
    max_output_tokens=64_000,
)
PLAIN = ModelFacts(max_output_tokens=8_192)


def request_body(**fields: Any) -> bytes:
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
    return msgspec.json.encode(body | fields)


def params_of(facts: ModelFacts = REASONER, **fields: Any) -> chat.ChatCompletionParams:
    params = chat.ChatCompletionParams()
    fill_params(params, messages_request_from_json(request_body(**fields)), facts)
    return params


def origins_of(**fields: Any) -> Origins:
    asked = messages_request_from_json(request_body(**fields))
    return fill_params(chat.ChatCompletionParams(), asked, REASONER)


def refusal_of(**fields: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        params_of(**fields)
    return refused.value
