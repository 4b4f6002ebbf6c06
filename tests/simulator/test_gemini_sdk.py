"""The official SDK as the judge of the Gemini API."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.genai import Client, errors, types
from google.genai.client import AsyncClient
from pydantic import BaseModel

from tests.simulator.wire import KEY, PNG
from tokensmith_simulator.testing import RunningSimulator

# The SDK subclasses aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession from ClientSession:DeprecationWarning"
)

PRO, FLASH = "gemini-3.1-pro-preview", "gemini-3-flash-preview"
PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather", description="Weather", parameters_json_schema=PARAMETERS
        )
    ]
)


class Tea(BaseModel):
    name: str
    grams: int
    kinds: list[str]


def client_of(simulator: RunningSimulator, version: str | None = None) -> Client:
    options = types.HttpOptions(base_url=simulator.gemini_base_url, api_version=version)
    return Client(api_key=KEY, http_options=options)


@pytest.fixture
async def client(simulator: RunningSimulator) -> AsyncIterator[AsyncClient]:
    opened = client_of(simulator).aio
    yield opened
    await opened.aclose()


def config(**fields: Any) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(**fields)


def thinking(level: str, **fields: Any) -> types.ThinkingConfig:
    return types.ThinkingConfig(thinking_level=types.ThinkingLevel(level), **fields)


def usage_of(response: types.GenerateContentResponse) -> dict[str, Any]:
    assert response.usage_metadata is not None
    return response.usage_metadata.model_dump(exclude_none=True)


async def test_answer_and_its_count(client: AsyncClient) -> None:
    response = await client.models.generate_content(
        model=FLASH,
        contents="Describe lighthouses in 40 words",
        config=config(system_instruction="Be brief", temperature=1, top_p=0.9, seed=7),
    )
    assert response.text is not None
    assert len(response.text.split()) == 40
    assert response.model_version == FLASH
    assert response.candidates is not None
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    usage = usage_of(response)
    parts = ("prompt_token_count", "candidates_token_count", "thoughts_token_count")
    assert usage["total_token_count"] == sum(usage[part] for part in parts)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_sync_client_streams(sync_simulator: RunningSimulator, version: str) -> None:
    with client_of(sync_simulator, version) as client:
        chunks = client.models.generate_content_stream(model=FLASH, contents="Say hello")
        text = "".join(chunk.text or "" for chunk in chunks)
        whole = client.models.generate_content(model=FLASH, contents="Say hello")
    assert text
    assert text == whole.text


async def test_stream_adds_up_to_the_whole_response(client: AsyncClient) -> None:
    asked: dict[str, Any] = {
        "model": PRO,
        "contents": "Describe tea in 30 words",
        "config": config(thinking_config=thinking("LOW", include_thoughts=True)),
    }
    whole = await client.models.generate_content(**asked)
    chunks = [chunk async for chunk in await client.models.generate_content_stream(**asked)]
    thoughts, said, signatures = "", "", []
    for chunk in chunks:
        for part in chunk.parts or []:
            if part.thought:
                thoughts += part.text or ""
            else:
                said += part.text or ""
            signatures += [part.thought_signature] if part.thought_signature else []
    assert said == whole.text
    assert whole.parts is not None
    assert thoughts == whole.parts[0].text
    assert signatures == [whole.parts[-1].thought_signature]
    assert usage_of(chunks[-1]) == usage_of(whole)
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    assert reasons == [None] * (len(chunks) - 1) + [types.FinishReason.STOP]


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_run_in_a_loop_with_signatures(client: AsyncClient, stream: bool) -> None:
    contents: list[Any] = [
        types.UserContent("What is the weather in Paris and London?"),
    ]
    asked: dict[str, Any] = {"model": FLASH, "config": config(tools=[WEATHER])}
    parts: list[types.Part] = []
    if stream:
        chunks = await client.models.generate_content_stream(contents=contents, **asked)
        async for chunk in chunks:
            parts += [part for part in chunk.parts or [] if part.function_call]
    else:
        first = await client.models.generate_content(contents=contents, **asked)
        parts = first.parts or []
    calls = [part.function_call for part in parts if part.function_call]
    assert [call.args for call in calls] == [{"city": "Paris"}, {"city": "London"}]
    assert [bool(part.thought_signature) for part in parts] == [True, False]
    contents.append(types.ModelContent(parts=parts))
    answers = [
        types.Part(
            function_response=types.FunctionResponse(
                id=call.id, name=call.name, response={"output": '{"sky": "clear"}'}
            )
        )
        for call in calls
    ]
    contents.append(types.UserContent(parts=answers))
    second = await client.models.generate_content(contents=contents, **asked)
    assert "get_weather, sky is clear" in (second.text or "")


async def test_chat_calls_functions_on_its_own(client: AsyncClient) -> None:
    asked_for: list[str] = []

    async def get_weather(city: str) -> str:
        """Look the weather up."""
        asked_for.append(city)
        return "rain"

    chat = client.chats.create(model=FLASH, config=config(tools=[get_weather]))
    response = await chat.send_message("Weather in Oslo?")
    assert asked_for == ["Oslo"]
    assert "rain" in (response.text or "")
    again = await chat.send_message("Thank you")
    assert again.text


@pytest.mark.parametrize(
    ("mode", "called"), [("ANY", True), ("NONE", False), ("AUTO", False), ("VALIDATED", False)]
)
async def test_mode_is_obeyed(client: AsyncClient, mode: str, called: bool) -> None:
    calling = types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode(mode))
    response = await client.models.generate_content(
        model=FLASH,
        contents="Good morning",
        config=config(
            tools=[WEATHER], tool_config=types.ToolConfig(function_calling_config=calling)
        ),
    )
    assert bool(response.function_calls) is called


@pytest.mark.parametrize("own", [False, True])
async def test_structured_output_is_parsed(client: AsyncClient, own: bool) -> None:
    schema = {"response_schema": Tea} if own else {"response_json_schema": Tea.model_json_schema()}
    response = await client.models.generate_content(
        model=FLASH,
        contents="A tea, please",
        config=config(response_mime_type="application/json", **schema),
    )
    assert isinstance(response.parsed, Tea if own else dict)
    Tea.model_validate_json(response.text or "")


async def test_pictures_and_documents_are_seen_and_counted(client: AsyncClient) -> None:
    contents: list[Any] = [
        types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png"),
        types.Part.from_uri(file_uri="https://example.com/cat.jpg", mime_type="image/jpeg"),
        types.Part.from_bytes(data=b"%PDF-1.7 " + b"x" * 800, mime_type="application/pdf"),
        "What is this?",
    ]
    response = await client.models.generate_content(model=FLASH, contents=contents)
    counted = await client.models.count_tokens(model=FLASH, contents=contents)
    details = usage_of(response)["prompt_tokens_details"]
    assert {detail["modality"].value for detail in details} == {"TEXT", "IMAGE"}
    assert counted.total_tokens == usage_of(response)["prompt_token_count"]


async def test_levels_and_budgets_decide_how_long_it_thinks(client: AsyncClient) -> None:
    configs = [
        thinking("MINIMAL"),
        thinking("LOW"),
        types.ThinkingConfig(thinking_budget=100),
        thinking("HIGH"),
    ]
    spent = [
        usage_of(
            await client.models.generate_content(
                model=FLASH, contents="Hi", config=config(thinking_config=chosen)
            )
        ).get("thoughts_token_count", 0)
        for chosen in configs
    ]
    assert spent[0] == 0
    assert spent == sorted(set(spent))


async def test_models_are_listed_by_pages(client: AsyncClient) -> None:
    pager = await client.models.list(config={"page_size": 1})
    assert [model.name async for model in pager] == [f"models/{PRO}", f"models/{FLASH}"]
    model = await client.models.get(model=FLASH)
    assert (model.input_token_limit, model.output_token_limit) == (1_048_576, 65_536)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("rate_limit", 429, "RESOURCE_EXHAUSTED"),
        ("insufficient_quota", 429, "RESOURCE_EXHAUSTED"),
        ("payment_required", 400, "FAILED_PRECONDITION"),
        ("server_error", 500, "INTERNAL"),
        ("overloaded", 503, "UNAVAILABLE"),
        ("timeout", 504, "DEADLINE_EXCEEDED"),
        ("invalid_key", 400, "INVALID_ARGUMENT"),
        ("forbidden", 403, "PERMISSION_DENIED"),
    ],
)
async def test_errors_are_the_sdks_own(
    simulator: RunningSimulator, client: AsyncClient, kind: str, code: int, status: str
) -> None:
    simulator.inject(kind, retry_after_seconds=34, count=None)
    with pytest.raises(errors.APIError) as caught:
        await client.models.generate_content(model=FLASH, contents="Hi")
    assert (caught.value.code, caught.value.status) == (code, status)
    stream = await client.models.generate_content_stream(model=FLASH, contents="Hi")
    with pytest.raises(errors.APIError) as caught:
        await anext(stream)
    assert (caught.value.code, caught.value.status) == (code, status)
    details = caught.value.details["error"].get("details", [])
    found = {detail["@type"].rpartition(".")[2]: detail for detail in details}
    assert found.get("RetryInfo", {}).get("retryDelay") == ("34s" if code == 429 else None)
    reason = "API_KEY_INVALID" if kind == "invalid_key" else None
    assert found.get("ErrorInfo", {}).get("reason") == reason


async def test_unknown_model_is_404(client: AsyncClient) -> None:
    with pytest.raises(errors.ClientError, match=r"models/gemini-3\.1-pro is not found") as caught:
        await client.models.generate_content(model="gemini-3.1-pro", contents="Hi")
    assert caught.value.status == "NOT_FOUND"


async def test_error_in_mid_stream_is_raised(
    simulator: RunningSimulator, client: AsyncClient
) -> None:
    simulator.inject("error_mid_stream", after_chunks=2)
    stream = await client.models.generate_content_stream(model=FLASH, contents="Hi")
    assert [(await anext(stream)).text for _ in range(2)]
    with pytest.raises(errors.APIError, match="overloaded") as caught:
        await anext(stream)
    assert caught.value.code == 503


@pytest.mark.parametrize("stream", [False, True])
async def test_blocks_before_and_in_the_middle_of_an_answer(
    simulator: RunningSimulator, client: AsyncClient, stream: bool
) -> None:
    simulator.inject("moderation_block", code="PROHIBITED_CONTENT")
    simulator.inject("content_filter", after_chunks=3)
    told = []
    for _ in range(2):
        asked: dict[str, Any] = {"model": FLASH, "contents": "Describe tea"}
        if stream:
            chunks = await client.models.generate_content_stream(**asked)
            told.append([chunk async for chunk in chunks][-1])
        else:
            told.append(await client.models.generate_content(**asked))
    before, middle = told
    assert before.candidates is None
    assert before.prompt_feedback is not None
    assert before.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    assert middle.candidates is not None
    assert middle.candidates[0].finish_reason == types.FinishReason.SAFETY
    assert middle.candidates[0].safety_ratings
    assert usage_of(middle)["candidates_token_count"] == 3
