"""What every answer says in its head, what pages of other sites may do, and what is not built."""

import re
from typing import Any

import grpc
import pytest

from tests.integration.bridge.conftest import RunningBridge
from tests.integration.bridge.fake_server import fail
from tests.integration.bridge.refusals import error_of
from tokensmith_bridge.openai.unbuilt import UNBUILT

CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "gpt-5.4", "messages": [{"role": "user", "content": "Hi"}]}


async def test_answers_of_all_kinds_say_balance_and_limits(bridge: RunningBridge) -> None:
    async with bridge.http() as http:
        answers_of_all_kinds = [
            await http.get("/v1/nothing"),
            await http.get(CHAT),
            await http.post(CHAT, content=b"not json"),
            await http.post(CHAT, content=b"x", headers={"Content-Type": "text/plain"}),
            await http.post(CHAT, json=BODY | {"model": "unknown"}),
            await http.get("/v1/models"),
            await http.get("/v1/credits"),
        ]
    statuses = [response.status_code for response in answers_of_all_kinds]
    assert statuses == [404, 405, 400, 415, 200, 200, 200]
    for response in answers_of_all_kinds:
        assert "x-credits-balance" in response.headers, response.url
        assert response.headers["x-ratelimit-remaining-requests"] == "29999", response.url


async def test_refusal_of_the_servers_keeps_what_it_says_of_limits(bridge: RunningBridge) -> None:
    async def complete(_request: Any, context: Any) -> Any:
        await fail(context, grpc.StatusCode.FAILED_PRECONDITION, "INSUFFICIENT_CREDITS", "No.")

    bridge.server.complete = complete
    async with bridge.http() as http:
        response = await http.post(CHAT, json=BODY)
    assert response.status_code == 402
    assert response.headers["x-ratelimit-remaining-requests"] == "29999"


async def test_unknown_path_is_unknown_whatever_the_key(bridge: RunningBridge) -> None:
    async with bridge.http(key="pk_live_bad") as http:
        response = await http.get("/v1/nothing")
    assert response.status_code == 404
    assert "x-credits-balance" not in response.headers


async def test_page_of_another_site_may_call_with_a_key_of_its_own(bridge: RunningBridge) -> None:
    origin = {"Origin": "https://app.example"}
    asked = origin | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with bridge.http(key=None) as http:
        allowed = await http.request("OPTIONS", CHAT, headers=asked)
        refused = await http.post(CHAT, json=BODY, headers=origin)
    assert allowed.status_code == 204
    assert allowed.headers.get_list("Access-Control-Allow-Origin") == ["*"]
    assert allowed.headers["Access-Control-Allow-Methods"] == "POST"
    assert allowed.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert bridge.server.received == []
    async with bridge.http() as http:
        answered = await http.post(CHAT, json=BODY, headers=origin)
        streamed = await http.post(CHAT, json=BODY | {"stream": True}, headers=origin)
    for response in (allowed, refused, answered, streamed):
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Access-Control-Expose-Headers"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_nothing_is_said_of_pages_to_who_is_none(bridge: RunningBridge) -> None:
    async with bridge.http() as http:
        answered = await http.post(CHAT, json=BODY)
        options = await http.request("OPTIONS", CHAT)
        nowhere = await http.request(
            "OPTIONS",
            "/v1/nothing",
            headers={"Origin": "https://a.example", "Access-Control-Request-Method": "GET"},
        )
    assert not [name for name in answered.headers if name.startswith("access-control")]
    assert (options.status_code, nowhere.status_code) == (405, 404)


async def test_reused_key_is_named_as_the_caller_sent_it(bridge: RunningBridge) -> None:
    async def complete(_request: Any, context: Any) -> Any:
        await fail(
            context,
            grpc.StatusCode.INVALID_ARGUMENT,
            "IDEMPOTENCY_KEY_REUSED",
            "Used.",
            facts={"param": "request_id"},
        )

    bridge.server.complete = complete
    async with bridge.http() as http:
        response = await http.post(CHAT, json=BODY, headers={"Idempotency-Key": "k"})
    assert error_of(response)["param"] == "Idempotency-Key"


@pytest.mark.parametrize("path", sorted(UNBUILT))
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_what_is_not_built_says_so_and_what_there_is_instead(
    bridge: RunningBridge, method: str, path: str
) -> None:
    url = re.sub(r"\{.*?\}", "a/b" if "model_path" in path else "x", path)
    async with bridge.http() as http:
        response = await http.request(method, url)
    assert response.status_code == 501
    error = error_of(response)
    assert (error["code"], error["message"]) == ("unimplemented", UNBUILT[path])
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-credits-charged"] == "0"


async def test_what_is_not_built_is_still_told_to_nobody_without_a_key(
    bridge: RunningBridge,
) -> None:
    async with bridge.http(key="pk_live_bad") as http:
        response = await http.post("/v1/images/generations", json={})
    assert response.status_code == 401


async def test_nobody_is_sent_to_what_is_not_built(bridge: RunningBridge) -> None:
    async with bridge.http() as http:
        response = await http.post("/v1/image/generations", json={})
    assert response.status_code == 404
    assert "images" not in error_of(response)["message"]
