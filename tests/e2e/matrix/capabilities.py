"""The rows: what a client may ask for, and how one sees that it was done.

Each is a coroutine that makes calls and looks at the answers; a refusal is its trier's matter.
"""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.e2e.matrix.caller import Answer, Caller, Json
from tests.e2e.test_openai_sdk import Verdict, png_data_url

Try = Callable[[Caller], Awaitable[None]]

PDF: Final = base64.b64encode(b"%PDF-1.7\n" + b"tea " * 200).decode()
WAV: Final = base64.b64encode(b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(64)).decode()
ADDRESS: Final = "https://images.example.com/tea.png"
MANY_WORDS: Final = "Write 600 words about tea."


@dataclass(frozen=True)
class Capability:
    """One row: ``title`` is the document's."""

    name: str
    title: str
    attempt: Try


ROWS: list[Capability] = []


def row(title: str) -> Callable[[Try], Try]:
    """Make a coroutine a row of the matrix, in the order of this file."""

    def add(attempt: Try) -> Try:
        ROWS.append(Capability(attempt.__name__, title, attempt))
        return attempt

    return add


def function(name: str = "get_weather", **more: Any) -> Json:
    """A function tool that takes a city."""
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    described = {"name": name, "description": "Weather of a city", "parameters": schema}
    return {"type": "function", "function": described | more}


def assert_says(answer: Answer, finish: str = "stop") -> None:
    assert answer.text.strip(), "no text"
    assert answer.finish == finish, answer.finish


def assert_calls(answer: Answer, count: int = 1, name: str = "get_weather") -> None:
    assert answer.finish == "tool_calls", answer.finish
    assert [call.function.name for call in answer.calls()] == [name] * count
    assert len({call.id for call in answer.calls()}) == count
    for call in answer.calls():
        assert json.loads(call.function.arguments)["city"]


def with_results(call: Caller, question: str, answer: Answer) -> list[Json]:
    """The conversation so far, the SDK's own message included, and a result for each call."""
    return [
        call.says(question),
        answer.choice.message.model_dump(exclude_none=True),
        *(
            {"role": "tool", "tool_call_id": made.id, "content": "sunny, 21 degrees"}
            for made in answer.calls()
        ),
    ]


@row("text")
async def text(call: Caller) -> None:
    assert_says(await call.ask("Say hello in 20 words."))


@row("system message")
async def system(call: Caller) -> None:
    call.expected_upstream.append("Answer as a pirate.")
    told = {"role": "system", "content": "Answer as a pirate."}
    assert_says(await call.ask([told, call.says("Say hello.")]))


@row("developer message")
async def developer(call: Caller) -> None:
    call.expected_upstream.append("Answer as a poet.")
    told = {"role": "developer", "content": "Answer as a poet."}
    assert_says(await call.ask([told, call.says("Say hello.")]))


@row("several turns")
async def turns(call: Caller) -> None:
    first = await call.ask("Say hello.")
    said = {"role": "assistant", "content": first.text}
    call.expected_upstream.append(first.text)
    assert_says(await call.ask([call.says("Say hello."), said, call.says("And again.")]))


@row("tools, in a loop")
async def tools(call: Caller) -> None:
    question = "What is the weather in Bern?"
    asked = await call.ask(question, tools=[function()])
    assert_calls(asked)
    assert_says(await call.ask(with_results(call, question, asked), tools=[function()]))


@row("parallel tool calls")
async def parallel_tools(call: Caller) -> None:
    question = "What is the weather in Bern and Rome?"
    asked = await call.ask(question, tools=[function()])
    assert_calls(asked, 2)
    assert_says(await call.ask(with_results(call, question, asked), tools=[function()]))


@row("`parallel_tool_calls: false`")
async def one_tool_at_a_time(call: Caller) -> None:
    question = "What is the weather in Bern and Rome?"
    assert_calls(await call.ask(question, tools=[function()], parallel_tool_calls=False))


@row("`tool_choice: required`")
async def required_tool(call: Caller) -> None:
    assert_calls(await call.ask("Tea?", tools=[function()], tool_choice="required"))


@row("`tool_choice` of one function")
async def named_tool(call: Caller) -> None:
    wanted = {"type": "function", "function": {"name": "get_time"}}
    tools = [function(), function("get_time")]
    asked = await call.ask("What is the weather in Bern?", tools=tools, tool_choice=wanted)
    assert {made.function.name for made in asked.calls()} == {"get_time"}


@row("`tool_choice: none`")
async def no_tool(call: Caller) -> None:
    question = "What is the weather in Bern?"
    assert_says(await call.ask(question, tools=[function()], tool_choice="none"))


@row("`tool_choice` of `allowed_tools`")
async def allowed_tools(call: Caller) -> None:
    tool = {"type": "function", "function": {"name": "get_time"}}
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool]}}
    tools = [function(), function("get_time")]
    asked = await call.ask("What is the weather in Bern?", tools=tools, tool_choice=choice)
    assert {made.function.name for made in asked.calls()} == {"get_time"}


@row("strict function")
async def strict_tool(call: Caller) -> None:
    question = "What is the weather in Bern?"
    assert_calls(await call.ask(question, tools=[function(strict=True)]))


@row("custom tool")
async def custom_tool(call: Caller) -> None:
    tool = {"type": "custom", "custom": {"name": "shell", "description": "Runs a command"}}
    asked = await call.ask("Use the shell tool.", tools=[tool])
    (made,) = asked.calls()
    # Put together from a stream, it is a dict.
    custom = dict(made.custom)
    assert (made.type, custom["name"]) == ("custom", "shell")
    assert custom["input"]


@row("`functions` (deprecated)")
async def legacy_functions(call: Caller) -> None:
    described = function()["function"]
    asked = await call.ask("What is the weather in Bern?", functions=[described])
    assert asked.finish == "function_call"
    assert asked.choice.message.function_call.name == "get_weather"


@row("image as data")
async def image(call: Caller) -> None:
    part = {"type": "image_url", "image_url": {"url": png_data_url(), "detail": "low"}}
    assert_says(await call.ask(call.says("What is this?", part)))


@row("image by address")
async def image_by_address(call: Caller) -> None:
    part = {"type": "image_url", "image_url": {"url": ADDRESS}}
    call.expected_upstream.append(ADDRESS)
    assert_says(await call.ask(call.says("What is this?", part)))


@row("PDF as data")
async def file(call: Caller) -> None:
    data = {"filename": "tea.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}
    assert_says(await call.ask(call.says("Sum this up.", {"type": "file", "file": data})))


@row("sound")
async def audio(call: Caller) -> None:
    part = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    assert_says(await call.ask(call.says("What is said?", part)))


@row("answer in sound")
async def audio_output(call: Caller) -> None:
    voice = {"voice": "alloy", "format": "wav"}
    await call.ask("Say hello.", modalities=["text", "audio"], audio=voice)


@row("JSON object")
async def json_object(call: Caller) -> None:
    prompt = "Judge this tea, in JSON."
    answer = await call.ask(prompt, response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.text), dict)


@row("JSON schema")
async def json_schema(call: Caller) -> None:
    schema = Verdict.model_json_schema() | {"additionalProperties": False}
    wanted = {"name": "verdict", "schema": schema, "strict": True}
    answer = await call.ask(
        "Judge this tea.", response_format={"type": "json_schema", "json_schema": wanted}
    )
    Verdict.model_validate_json(answer.text)


@row("`reasoning_effort: high`")
async def reasoning(call: Caller) -> None:
    answer = await call.ask(
        "Why is tea green?", reasoning_effort="high", max_completion_tokens=9000
    )
    assert_says(answer)
    assert answer.reasoning_tokens > 0


@row("`reasoning_effort: none`")
async def no_reasoning(call: Caller) -> None:
    assert_says(await call.ask("Why is tea green?", reasoning_effort="none"))


@row("`temperature`")
async def temperature(call: Caller) -> None:
    call.expected_upstream.append(0.625)
    assert_says(await call.ask("Say hello.", temperature=0.625))


@row("`temperature` above 1")
async def high_temperature(call: Caller) -> None:
    call.expected_upstream.append(1.625)
    assert_says(await call.ask("Say hello.", temperature=1.625))


@row("`top_p`")
async def top_p(call: Caller) -> None:
    call.expected_upstream.append(0.875)
    assert_says(await call.ask("Say hello.", top_p=0.875))


@row("`temperature` with `top_p`")
async def both_samplings(call: Caller) -> None:
    call.expected_upstream += [0.625, 0.875]
    assert_says(await call.ask("Say hello.", temperature=0.625, top_p=0.875))


@row("penalties")
async def penalties(call: Caller) -> None:
    call.expected_upstream += [0.375, 0.125]
    assert_says(await call.ask("Say hello.", presence_penalty=0.375, frequency_penalty=0.125))


@row("`logit_bias`")
async def logit_bias(call: Caller) -> None:
    call.expected_upstream.append(7)
    assert_says(await call.ask("Say hello.", logit_bias={"1234": 7}))


@row("`seed`")
async def seed(call: Caller) -> None:
    call.expected_upstream.append(424242)
    assert_says(await call.ask("Say hello.", seed=424242))


@row("`stop`")
async def stop(call: Caller) -> None:
    answer = await call.ask("Write 60 words about tea.", stop=["."])
    assert_says(answer)
    assert "." not in answer.text


@row("`logprobs`")
async def logprobs(call: Caller) -> None:
    answer = await call.ask("Say hello.", logprobs=True, top_logprobs=2)
    assert_says(answer)
    assert answer.choice.logprobs.content
    assert answer.choice.logprobs.content[0].logprob <= 0


@row("`n: 2`")
async def two_choices(call: Caller) -> None:
    answer = await call.ask("Say hello.", n=2)
    choices = answer.completion.choices
    assert [choice.index for choice in choices] == [0, 1]
    assert all(choice.message.content for choice in choices)


@row("`verbosity`")
async def verbosity(call: Caller) -> None:
    assert_says(await call.ask("Say hello.", verbosity="low"))


@row("truncation by `max_completion_tokens`")
async def truncation(call: Caller) -> None:
    assert_says(await call.ask(MANY_WORDS, max_completion_tokens=300), "length")


@row("truncation by `max_tokens`")
async def truncation_by_old_name(call: Caller) -> None:
    none: Any = None
    answer = await call.ask(MANY_WORDS, max_completion_tokens=none, max_tokens=300)
    assert_says(answer, "length")


@row("prompt blocked by policy")
async def block(call: Caller) -> None:
    await call.ask_for_free("Say it. [[sim:fault=moderation_block]]")


@row("answer cut by policy")
async def cut(call: Caller) -> None:
    await call.ask_for_free("Write 60 words. [[sim:fault=content_filter after=5]]")


@row("`user`, `metadata`, `safety_identifier`")
async def labels(call: Caller) -> None:
    settings: Json = {"user": "u-1", "metadata": {"a": "b"}, "safety_identifier": "s-1"}
    assert_says(await call.ask("Say hello.", **settings))


@row("`store: true`")
async def store(call: Caller) -> None:
    assert_says(await call.ask("Say hello.", store=True))


@row("`service_tier: flex`")
async def cheap_tier(call: Caller) -> None:
    assert_says(await call.ask("Say hello.", service_tier="flex"))


@row("`service_tier: priority`")
async def dear_tier(call: Caller) -> None:
    assert_says(await call.ask("Say hello.", service_tier="priority"))


@row("`prediction`")
async def prediction(call: Caller) -> None:
    guess = {"type": "content", "content": "Hello."}
    assert_says(await call.ask("Say hello.", prediction=guess))


@row("`web_search_options`")
async def web_search(call: Caller) -> None:
    assert_says(await call.ask("Say hello.", web_search_options={}))


@row("a field that nobody knows")
async def unknown_field(call: Caller) -> None:
    assert_says(await call.ask("Say hello.", extra_body={"flux": 1}))
