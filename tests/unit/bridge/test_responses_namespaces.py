"""Tools in namespaces: one name in the chat, two in what clients see."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.response_shapes import check_response
from tests.unit.bridge.test_responses_request import messages, params_of, refusal_of
from tests.unit.bridge.test_responses_stream import call, streamed
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.responses_items import item_from_json, item_to_json
from tokensmith_bridge.openai.responses_namespaces import chat_name
from tokensmith_bridge.openai.responses_request import Places, in_own_words
from tokensmith_bridge.openai.responses_response import ResponseShell, response_to_json
from tokensmith_bridge.openai.responses_schema import NamespaceTool, ResponseRequest

AGENTS: dict[str, Any] = {
    "type": "namespace",
    "name": "agents",
    "description": "Runs sub-agents.",
    "tools": [
        {"type": "function", "name": "spawn", "description": "Starts one.", "parameters": {}},
        {"type": "custom", "name": "tell"},
    ],
}
WAIT = {"type": "function", "name": "wait", "parameters": {}, "strict": False}
CALL = {"id": "call_1", "kind": chat.CHAT_TOOL_KIND_FUNCTION, "name": "agents__spawn"}
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
TOOLS: list[Any] = [msgspec.convert(AGENTS, NamespaceTool)]


def test_tools_of_a_namespace_are_functions_with_its_name_before_theirs() -> None:
    tools = params_of({"input": "x", "tools": [WAIT, AGENTS]}).tools
    assert [tool.function.name or tool.custom.name for tool in tools] == [
        "wait",
        "agents__spawn",
        "agents__tell",
    ]
    assert tools[1].function.description == "Starts one.\n\nagents__*: Runs sub-agents."
    assert not tools[2].custom.HasField("description")


@given(NAMES, NAMES)
def test_every_name_is_one_that_providers_take(namespace: str, name: str) -> None:
    assert len(chat_name(name, namespace)) <= 64


def test_long_names_stay_apart() -> None:
    names = {chat_name(f"{'n' * 60}{number}", "files") for number in range(9)}
    assert len(names) == 9


@pytest.mark.parametrize(
    ("choice", "name"), [("wait", "wait"), ("spawn", "agents__spawn"), ("other", "other")]
)
def test_a_tool_is_chosen_by_its_own_name(choice: str, name: str) -> None:
    body = {"input": "x", "tools": [WAIT, AGENTS], "tool_choice": {"type": "function"}}
    body["tool_choice"] = {"type": "function", "name": choice}
    assert params_of(body).tool_choice.function_name == name


def test_call_that_comes_back_has_the_name_that_the_model_gave_it() -> None:
    said, _ = messages(
        {"type": "function_call", "call_id": "c", "name": "spawn", "namespace": "agents",
         "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "name": "spawn", "namespace": "agents",
         "output": "ok"},
    )  # fmt: skip
    assert said.tool_calls[0].name == "agents__spawn"


def test_call_is_shown_under_both_names() -> None:
    answer = chat.CreateChatCompletionResponse()
    answer.completion.choices.add().message.tool_calls.add(**CALL, arguments="{}")
    shell = ResponseShell(
        ResponseRequest(model="gpt-5.4", input="Hi", tools=TOOLS),
        completion_id="chatcmpl-1",
        created_seconds=1,
        model="gpt-5.4",
    )
    response = check_response(response_to_json(shell, answer, now_seconds=2))
    made = response.output[0].to_dict()
    assert (made["name"], made["namespace"]) == ("spawn", "agents")


def test_streamed_call_is_shown_under_both_names() -> None:
    events = streamed(
        call(0, "{}", **CALL), finish_reason=chat.FINISH_REASON_TOOL_CALLS, tools=TOOLS
    )
    items = [event.item for event in events if hasattr(event, "item")]
    assert [(item.name, item.namespace) for item in items] == [("spawn", "agents")] * 2
    (done,) = [e for e in events if e.type == "response.function_call_arguments.done"]
    assert done.name == "spawn"


def test_namespace_of_a_call_is_kept() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "spawn", "arguments": "{}",
            "namespace": "agents"}  # fmt: skip
    read = item_from_json(msgspec.json.encode(item), "input[0]")
    assert item_to_json(read, "fc_1")["namespace"] == "agents"


def test_hosted_tool_in_a_namespace_is_refused_by_its_place() -> None:
    tools = [AGENTS | {"tools": [{"type": "web_search"}]}]
    refusal = refusal_of({"input": "x", "tools": tools})
    assert (refusal.reason, refusal.param) == ("UNSUPPORTED_PARAMETER", "tools[0].tools[0].type")


def test_what_is_said_of_a_tool_names_its_place_in_the_namespace() -> None:
    places = Places(["input"], ["tools[0]", "tools[1].tools[0]"])
    refusal = Refusal("INVALID_ARGUMENT", "`x` is wrong.", param="tools[1].function.parameters")
    assert in_own_words(refusal, places).param == "tools[1].tools[0].parameters"
