"""The OpenAI Agents SDK: its Responses model, and its chat completions model."""

from typing import Any

from agents import (
    Agent,
    Model,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent
from pydantic import BaseModel

from tests.interop.clients import told

set_tracing_disabled(True)
client = AsyncOpenAI(base_url=told.BASE_URL, api_key=told.KEY)


class Verdict(BaseModel):
    label: str
    score: int


def agent(model: Model, **more: Any) -> Agent[Any]:
    settings = ModelSettings(max_tokens=4_000, include_usage=True)
    return Agent(
        name="Taster", instructions="Be brief.", model=model, model_settings=settings, **more
    )


def chat(model: str) -> Model:
    return OpenAIChatCompletionsModel(model=model, openai_client=client)


def responses(model: str) -> Model:
    return OpenAIResponsesModel(model=model, openai_client=client)


async def tools(model: Model) -> dict[str, Any]:
    called: list[str] = []

    @function_tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        called.append(city)
        return told.weather(city)

    result = await Runner.run(agent(model, tools=[get_weather]), told.QUESTION)
    return {"called": called, "text": result.final_output}


async def structured(model: Model) -> dict[str, Any]:
    result = await Runner.run(agent(model, output_type=Verdict), "Judge this tea.")
    verdict = result.final_output_as(Verdict, raise_if_incorrect_type=True)
    return {"label": verdict.label, "score": verdict.score}


async def long_stream(model: Model) -> dict[str, Any]:
    result = Runner.run_streamed(agent(model), told.LONG)
    pieces = [
        event.data.delta
        async for event in result.stream_events()
        if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent)
    ]
    return {
        "pieces": len(pieces),
        "same": "".join(pieces) == result.final_output,
        "words": len(result.final_output.split()),
    }


told.run(
    chat_tools=lambda model: tools(chat(model)),
    chat_structured=lambda model: structured(chat(model)),
    chat_long_stream=lambda model: long_stream(chat(model)),
    responses_tools=lambda model: tools(responses(model)),
    responses_structured=lambda model: structured(responses(model)),
    responses_long_stream=lambda model: long_stream(responses(model)),
)
