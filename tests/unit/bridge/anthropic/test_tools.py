"""Anthropic's tools become functions, or are refused by name."""

from typing import Any

import msgspec
import pytest

from tests.unit.bridge.anthropic.requests import origins_of, params_of, refusal_of, request_body
from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.anthropic.effort import ModelFacts
from tokensmith_bridge.anthropic.request import messages_request_from_json
from tokensmith_bridge.anthropic.response import answer_shown
from tokensmith_bridge.anthropic.schema import MessagesRequest
from tokensmith_bridge.openai.errors import Refusal

SCHEMA = {"type": "object", "properties": {"a": {"type": "number", "minimum": 1.50}}}
TOOL: dict[str, Any] = {"name": "f", "input_schema": SCHEMA}


def function_of(**tool: Any) -> chat.ChatFunction:
    return params_of(tools=[TOOL | tool]).tools[0].function


@pytest.mark.parametrize("kind", [{}, {"type": "custom"}, {"type": None}])
def test_a_clients_own_tool(kind: dict[str, Any]) -> None:
    function = function_of(description="Does f.", strict=True, **kind)
    assert (function.name, function.description, function.strict) == ("f", "Does f.", True)
    assert msgspec.json.decode(function.parameters_json) == SCHEMA


def test_hints_have_no_effect() -> None:
    hints = {
        "cache_control": {"type": "ephemeral", "scope": "global"},
        "defer_loading": False,
        "eager_input_streaming": True,
        "allowed_callers": ["direct"],
    }
    assert function_of(**hints) == function_of()
    assert not function_of().HasField("description")


REFERENCE = {"type": "tool_reference", "tool_name": "later"}
NAME = {"type": "tool_reference", "name": "later"}
DEFINITION = {"type": "tool_definition", "definition": TOOL | {"name": "defined"}}
SEARCH = {"type": "tool_use", "id": "a", "name": "search", "input": {}}
FOUND = {"type": "tool_result", "tool_use_id": "a", "content": [REFERENCE]}
ADDED = {"type": "tool_addition", "tool": NAME}
REMOVED = {"type": "tool_removal", "tool": NAME}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content) or "hi"}


def system(*content: Any) -> dict[str, Any]:
    return {"role": "system", "content": list(content)}


@pytest.mark.parametrize(
    ("messages", "offered"),
    [
        ([user()], ["search"]),
        ([user(), {"role": "assistant", "content": [SEARCH]}, user(FOUND)], ["search", "later"]),
        ([user(), system(ADDED)], ["search", "later"]),
        ([user(), user(ADDED, {"type": "text", "text": "x"})], ["search", "later"]),
        ([user(), system(ADDED), user(), system(REMOVED)], ["search"]),
        ([user(), system({"type": "tool_addition", "tool": DEFINITION})], ["search", "defined"]),
    ],
)
def test_deferred_tool_is_offered_once_it_was_found_or_added(
    messages: list[Any], offered: list[str]
) -> None:
    tools = [TOOL | {"name": "search"}, TOOL | {"name": "later", "defer_loading": True}]
    made = params_of(messages=messages, tools=tools)
    assert [tool.function.name for tool in made.tools] == offered


def test_deferred_tool_that_must_be_called_is_offered() -> None:
    choice = {"type": "tool", "name": "f"}
    (tool,) = params_of(tools=[TOOL | {"defer_loading": True}], tool_choice=choice).tools
    assert tool.function.name == "f"


def test_many_tools_may_wait_to_be_found() -> None:
    waiting = [TOOL | {"name": f"f{number}", "defer_loading": True} for number in range(500)]
    assert len(params_of(tools=[TOOL, *waiting]).tools) == 1


def test_places_of_tools_are_those_of_the_request() -> None:
    tools = [TOOL | {"name": "later", "defer_loading": True}, TOOL]
    messages = [user(), system({"type": "tool_addition", "tool": DEFINITION})]
    assert origins_of(messages=messages, tools=tools).tools == [
        "tools[1]",
        "messages[1].content[0].tool.definition",
    ]


def test_tools_of_mcp_servers_are_not_added() -> None:
    added = {"type": "tool_addition", "tool": {"type": "mcp_toolset", "name": "x"}}
    refusal = refusal_of(messages=[user(), system(added)])
    assert refusal.param == "messages[1].content[0].tool.type"


def test_examples_are_part_of_the_description() -> None:
    function = function_of(description="Does f.", input_examples=[{"a": 1}, {"a": 2}])
    assert function.description == 'Does f.\n\nExamples of its input:\n{"a":1}\n{"a":2}'


@pytest.mark.parametrize(
    ("kind", "name", "field"),
    [
        ("bash_20250124", "bash", "restart"),
        ("text_editor_20250728", "str_replace_based_edit_tool", "insert_text"),
        ("text_editor_20250124", "str_replace_editor", "view_range"),
        ("memory_20250818", "memory", "new_path"),
    ],
)
def test_tools_that_the_client_runs_are_spelt_out(kind: str, name: str, field: str) -> None:
    function = params_of(tools=[{"type": kind, "name": name}]).tools[0].function
    assert function.name == name
    assert function.description
    assert field in msgspec.json.decode(function.parameters_json)["properties"]


def test_only_older_editors_undo() -> None:
    def commands(kind: str) -> Any:
        function = params_of(tools=[{"type": kind, "name": "e"}]).tools[0].function
        return msgspec.json.decode(function.parameters_json)["properties"]["command"]["enum"]

    assert "undo_edit" in commands("text_editor_20250124")
    assert "undo_edit" not in commands("text_editor_20250728")


@pytest.mark.parametrize(
    "kind",
    [
        "web_search_20250305",
        "web_fetch_20260309",
        "code_execution_20250825",
        "computer_20250124",
        "tool_search_tool_regex_20251119",
        "mcp_toolset",
        "bash",
    ],
)
def test_tools_that_would_run_elsewhere_are_refused_by_name(kind: str) -> None:
    refusal = refusal_of(tools=[TOOL, {"type": kind, "name": "x", "max_uses": 5}])
    assert kind in refusal.message
    assert refusal.param == "tools[1].type"
    assert refusal.row.status == 400


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        ({"name": "f"}, "tools[0].input_schema"),
        ({"input_schema": {}}, "tools[0].name"),
        ({**TOOL, "colour": 1}, "tools[0].colour"),
        ({**TOOL, "input_schema": []}, "tools[0].input_schema"),
        ({**TOOL, "strict": "yes"}, "tools[0].strict"),
        ({**TOOL, "allowed_callers": ["code_execution_20250825"]}, "tools[0].allowed_callers[0]"),
        ({"type": "bash_20250124", "name": "bash", "colour": 1}, "tools[0].colour"),
    ],
)
def test_what_is_wrong_with_a_tool_is_named(tool: dict[str, Any], param: str) -> None:
    assert refusal_of(tools=[tool]).param == param


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, chat.ChatToolChoice(mode="auto")),
        ({"type": "any"}, chat.ChatToolChoice(mode="required")),
        ({"type": "none"}, chat.ChatToolChoice(mode="none")),
        ({"type": "tool", "name": "f"}, chat.ChatToolChoice(function_name="f")),
    ],
)
def test_choices(choice: dict[str, Any], expected: chat.ChatToolChoice) -> None:
    params = params_of(tools=[TOOL], tool_choice=choice)
    assert params.tool_choice == expected
    assert not params.HasField("parallel_tool_calls")


@pytest.mark.parametrize(
    "choice", [{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "f"}]
)
def test_one_at_a_time(choice: dict[str, Any]) -> None:
    params = params_of(tools=[TOOL], tool_choice=choice | {"disable_parallel_tool_use": True})
    assert params.parallel_tool_calls is False
    assert params.HasField("parallel_tool_calls")
    assert answer_shown(asking(choice)).one_call


def asking(choice: dict[str, Any]) -> MessagesRequest:
    choice = choice | {"disable_parallel_tool_use": True}
    return messages_request_from_json(request_body(tools=[TOOL], tool_choice=choice))


def test_model_that_cannot_be_told_to_call_one_tool_is_not_told() -> None:
    choice = {"type": "any", "disable_parallel_tool_use": True}
    params = params_of(ModelFacts(parallel_tool_calls=False), tools=[TOOL], tool_choice=choice)
    assert not params.HasField("parallel_tool_calls")
    assert params.tool_choice.mode == "required"


@pytest.mark.parametrize(
    "part",
    [
        b'"tools":[{"name":"f","input_schema":{"title":"\xff"}}]',
        b'"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f",'
        b'"input":{"a":"\xff"}}]}]',
    ],
)
def test_what_goes_on_as_it_came_is_text(part: bytes) -> None:
    body = b'{"model":"m","max_tokens":1,' + part + b"}"
    if b"messages" not in part:
        body = request_body()[:-1] + b"," + part + b"}"
    with pytest.raises(Refusal) as refused:
        messages_request_from_json(body)
    assert refused.value.reason == "MALFORMED_JSON"
