"""The API's description: whole, valid, true of what is checked, and a page that loads nothing."""

import base64
import hashlib
import re
from typing import Any

import grpc.aio
import jsonschema
import msgspec
import openapi_spec_validator
import pytest
from hypothesis import given, settings

from tests.unit.bridge.requests import chat_requests
from tokensmith_bridge.api_description import describe_api
from tokensmith_bridge.api_operations import OPERATIONS
from tokensmith_bridge.backend import Backend
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.docs_page import CONTENT_SECURITY_POLICY, docs_page
from tokensmith_bridge.routes import endpoints

API = describe_api()


def validator(name: str) -> Any:
    """Checks bodies against one of the published schemas."""
    root = {"$ref": f"#/components/schemas/{name}", "components": API["components"]}
    return jsonschema.Draft202012Validator(root)


async def test_every_route_is_described_and_nothing_else() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        table = endpoints(Backend(channel), BridgeSettings())
    served = {(endpoint.method, endpoint.name) for endpoint in table}
    assert served == set(OPERATIONS)
    described = {
        (method.upper(), path) for path, methods in API["paths"].items() for method in methods
    }
    assert described == served


def test_description_is_valid_openapi_and_json() -> None:
    openapi_spec_validator.validate(msgspec.json.decode(msgspec.json.encode(API)))
    ids = [one["operationId"] for methods in API["paths"].values() for one in methods.values()]
    assert len(ids) == len(set(ids))


def test_description_names_nothing_of_the_inside() -> None:
    text = msgspec.json.encode(API).decode()
    assert "tokensmith_bridge" not in text
    assert "\\\\Z" not in text


@given(chat_requests)
@settings(max_examples=60)
def test_what_the_bridge_takes_fits_the_published_schema(body: dict[str, Any]) -> None:
    validator("ChatRequest").validate(body)


@pytest.mark.parametrize(
    "change", [{"surprise": 1}, {"temperature": 3}, {"messages": []}, {"model": 5}, {"n": 0}]
)
def test_what_the_bridge_refuses_does_not_fit(change: dict[str, Any]) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    chats = validator("ChatRequest")
    chats.validate(body)
    with pytest.raises(jsonschema.ValidationError):
        chats.validate(body | change)


def test_page_shows_every_endpoint_and_loads_nothing() -> None:
    page = docs_page(API).decode()
    for method, path in OPERATIONS:
        assert f"<code>{method} {path}</code>" in page
    assert "<script" not in page
    assert "url(" not in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["/openapi.json"]


def test_page_has_the_styles_that_its_policy_allows_and_no_others() -> None:
    styles = re.findall(r"<style>(.*?)</style>", docs_page(API).decode(), flags=re.DOTALL)
    (style,) = styles
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert "style=" not in docs_page(API).decode()
