"""LangChain's ChatOpenAI, with chat completions and with Responses."""

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from tests.interop.clients import told


class Verdict(BaseModel):
    """A judgement of a tea."""

    label: str
    score: int


def chat(model: str, *, responses: bool) -> ChatOpenAI:
    return ChatOpenAI(
        model=model,
        base_url=told.BASE_URL,
        api_key=SecretStr(told.KEY),
        use_responses_api=responses,
        stream_usage=True,
        max_retries=0,
        max_completion_tokens=4_000,
    )


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return told.weather(city)


async def tools(model: ChatOpenAI) -> dict[str, Any]:
    bound = model.bind_tools([get_weather])
    messages: list[Any] = [HumanMessage(told.QUESTION)]
    called = []
    for _ in range(4):
        answer = await bound.ainvoke(messages)
        assert isinstance(answer, AIMessage)
        messages.append(answer)
        if not answer.tool_calls:
            break
        for call in answer.tool_calls:
            called.append(call["args"]["city"])
            result = await get_weather.ainvoke(call["args"])
            messages.append(ToolMessage(result, tool_call_id=call["id"]))
    return {"called": called, "text": messages[-1].text}


async def structured(model: ChatOpenAI) -> dict[str, Any]:
    verdict = await model.with_structured_output(Verdict, method="json_schema").ainvoke(
        "Judge this tea."
    )
    assert isinstance(verdict, Verdict)
    return {"label": verdict.label, "score": verdict.score}


async def long_stream(model: ChatOpenAI) -> dict[str, Any]:
    pieces, whole = [], None
    async for chunk in model.astream(told.LONG):
        whole = chunk if whole is None else whole + chunk
        if chunk.text:
            pieces.append(chunk.text)
    assert whole is not None
    assert whole.usage_metadata is not None
    text = "".join(pieces)
    return {"pieces": len(pieces), "same": whole.text == text, "words": len(text.split())}


def each(responses: bool) -> Any:
    def make(scenario: Any) -> Any:
        return lambda model: scenario(chat(model, responses=responses))

    return make


told.run(
    chat_tools=each(False)(tools),
    chat_structured=each(False)(structured),
    chat_long_stream=each(False)(long_stream),
    responses_tools=each(True)(tools),
    responses_structured=each(True)(structured),
    responses_long_stream=each(True)(long_stream),
)
