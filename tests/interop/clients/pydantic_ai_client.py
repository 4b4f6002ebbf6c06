"""Pydantic AI: chat completions, Responses, and Anthropic's Messages, each by its own client."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from tests.interop.clients import told

SETTINGS = ModelSettings(max_tokens=4_000)
OPENAI = OpenAIProvider(base_url=told.BASE_URL, api_key=told.KEY)
ANTHROPIC = AnthropicProvider(base_url=told.BASE_URL.removesuffix("/v1"), api_key=told.KEY)


class Verdict(BaseModel):
    label: str
    score: int


def chat(model: str) -> Model:
    return OpenAIChatModel(model, provider=OPENAI)


def responses(model: str) -> Model:
    return OpenAIResponsesModel(model, provider=OPENAI)


def messages(model: str) -> Model:
    return AnthropicModel(model, provider=ANTHROPIC)


async def tools(model: Model) -> dict[str, Any]:
    called: list[str] = []
    agent = Agent(model, instructions="Be brief.", model_settings=SETTINGS)

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather of a city."""
        called.append(city)
        return told.weather(city)

    result = await agent.run(told.QUESTION)
    return {"called": called, "text": result.output}


async def structured(model: Model) -> dict[str, Any]:
    agent = Agent(model, output_type=NativeOutput(Verdict), model_settings=SETTINGS)
    result = await agent.run("Judge this tea.")
    return {"label": result.output.label, "score": result.output.score}


async def structured_by_tool(model: Model) -> dict[str, Any]:
    agent = Agent(model, output_type=Verdict, model_settings=SETTINGS)
    result = await agent.run("Judge this tea.")
    return {"label": result.output.label, "score": result.output.score}


async def long_stream(model: Model) -> dict[str, Any]:
    agent = Agent(model, model_settings=SETTINGS)
    async with agent.run_stream(told.LONG) as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
        text = await result.get_output()
    return {"pieces": len(pieces), "same": "".join(pieces) == text, "words": len(text.split())}


def by(make: Callable[[str], Model], scenario: Callable[[Model], Any]) -> Any:
    return lambda model: scenario(make(model))


told.run(
    chat_tools=by(chat, tools),
    chat_structured=by(chat, structured),
    chat_structured_by_tool=by(chat, structured_by_tool),
    chat_long_stream=by(chat, long_stream),
    responses_tools=by(responses, tools),
    responses_structured=by(responses, structured),
    responses_structured_by_tool=by(responses, structured_by_tool),
    responses_long_stream=by(responses, long_stream),
    messages_tools=by(messages, tools),
    messages_structured_by_tool=by(messages, structured_by_tool),
    messages_long_stream=by(messages, long_stream),
)
