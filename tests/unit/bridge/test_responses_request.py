"""Responses requests: read, made into chats, and refused in their own words."""

from typing import Any

import msgspec
import pytest

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.responses_conversation import PlacedItem, messages_of
from tokensmith_bridge.openai.responses_items import item_from_json
from tokensmith_bridge.openai.responses_reading import input_items, response_request_from_json
from tokensmith_bridge.openai.responses_request import Places, fill_params, in_own_words

IMAGE = "data:image/png;base64,AAAA"


def params_of(body: dict[str, Any]) -> chat.ChatCompletionParams:
    params = chat.ChatCompletionParams()
    request = response_request_from_json(msgspec.json.encode({"model": "m"} | body))
    placed = [
        PlacedItem(item, f"input[{index}]") for index, item in enumerate(input_items(request))
    ]
    fill_params(params, request, placed)
    return params


def refusal_of(body: dict[str, Any]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        params_of(body)
    return refused.value


def messages(*items: dict[str, Any]) -> list[chat.ChatMessage]:
    placed = [
        PlacedItem(item_from_json(msgspec.json.encode(item), f"input[{index}]"), f"input[{index}]")
        for index, item in enumerate(items)
    ]
    return messages_of(placed)[0]


def function_call(call_id: str = "call_1", **fields: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"} | fields


def call_output(call_id: str = "call_1", output: Any = "done") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def test_text_is_one_message_after_the_instructions() -> None:
    params = params_of({"input": "Hi", "instructions": "Be kind."})
    assert [(message.role, message.content.text) for message in params.messages] == [
        (chat.CHAT_ROLE_SYSTEM, "Be kind."),
        (chat.CHAT_ROLE_USER, "Hi"),
    ]


def test_settings_find_their_places() -> None:
    params = params_of(
        {
            "input": "Hi",
            "max_output_tokens": 50,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_logprobs": 3,
            "parallel_tool_calls": False,
            "reasoning": {"effort": "low", "summary": "auto"},
            "service_tier": "flex",
            "user": "u",
            "safety_identifier": "s",
            "prompt_cache_key": "k",
            "prompt_cache_retention": "24h",
            "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
            "metadata": {"a": "b"},
            "store": True,
            "truncation": "disabled",
            "max_tool_calls": 3,
            "include": ["reasoning.encrypted_content"],
        }
    )
    expected = chat.ChatCompletionParams(
        model="m",
        max_output_tokens=50,
        temperature=0.5,
        top_p=0.9,
        logprobs=True,
        top_logprobs=3,
        parallel_tool_calls=False,
        reasoning_effort="low",
        service_tier="flex",
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        prompt_cache_retention="24h",
        prompt_cache_options=chat.ChatPromptCacheOptions(mode="explicit", ttl="30m"),
    )
    expected.messages.add(role=chat.CHAT_ROLE_USER).content.text = "Hi"
    assert params == expected


def test_text_format_is_the_response_format_and_verbosity_a_setting() -> None:
    schema = {"name": "n", "description": "d", "schema": {"type": "object"}, "strict": True}
    params = params_of(
        {"input": "Hi", "text": {"verbosity": "low", "format": {"type": "json_schema"} | schema}}
    )
    expected = chat.ChatJsonSchemaFormat(
        name="n", description="d", strict=True, schema_json='{"type":"object"}'
    )
    assert params.response_format.json_schema == expected
    assert params.verbosity == "low"


def test_tools_and_the_choice_among_them_are_carried_over() -> None:
    grammar = {"type": "grammar", "definition": "a", "syntax": "lark"}
    params = params_of(
        {
            "input": "Hi",
            "tools": [
                {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
                {"type": "custom", "name": "c", "format": grammar},
            ],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}],
            },
        }
    )
    expected = chat.ChatCompletionParams()
    function = expected.tools.add().function
    function.name, function.parameters_json, function.strict = "f", '{"type":"object"}', True
    custom = expected.tools.add().custom
    custom.name, custom.grammar.definition, custom.grammar.syntax = "c", "a", "lark"
    allowed = expected.tool_choice.allowed_tools
    allowed.mode = "required"
    allowed.tools.add(kind=chat.CHAT_TOOL_KIND_FUNCTION, name="f")
    allowed.tools.add(kind=chat.CHAT_TOOL_KIND_CUSTOM, name="c")
    assert list(params.tools) == list(expected.tools)
    assert params.tool_choice == expected.tool_choice


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("required", chat.ChatToolChoice(mode="required")),
        ({"type": "function", "name": "f"}, chat.ChatToolChoice(function_name="f")),
        ({"type": "custom", "name": "c"}, chat.ChatToolChoice(custom_name="c")),
    ],
)
def test_tool_choice(choice: Any, expected: chat.ChatToolChoice) -> None:
    tools = [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}]
    assert params_of({"input": "Hi", "tools": tools, "tool_choice": choice}).tool_choice == expected


@pytest.mark.parametrize(
    ("shape", "kind"),
    [({"type": "text"}, "text"), ({"type": "json_object"}, "json_object")],
)
def test_text_formats(shape: dict[str, Any], kind: str) -> None:
    params = params_of({"input": "Hi", "text": {"format": shape}})
    assert params.response_format.WhichOneof("kind") == kind


def test_included_log_probabilities_need_no_count() -> None:
    params = params_of({"input": "Hi", "include": ["message.output_text.logprobs"]})
    assert (params.logprobs, params.top_logprobs) == (True, 0)


def test_a_turn_of_the_model_is_put_together() -> None:
    found = messages(
        {"role": "user", "content": "Weather?"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Looking."}]},
        function_call("call_1"),
        {"type": "custom_tool_call", "call_id": "call_2", "name": "c", "input": "ls"},
        call_output("call_1"),
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "a b"},
        {"role": "assistant", "content": "Sunny."},
        {"role": "assistant", "content": "And warm."},
    )
    assert [message.role for message in found] == [
        chat.CHAT_ROLE_USER,
        chat.CHAT_ROLE_ASSISTANT,
        chat.CHAT_ROLE_TOOL,
        chat.CHAT_ROLE_TOOL,
        chat.CHAT_ROLE_ASSISTANT,
        chat.CHAT_ROLE_ASSISTANT,
    ]
    turn = found[1]
    assert (turn.reasoning_content, turn.content.text) == ("Hm.", "Looking.")
    assert [(call.id, call.kind, call.arguments) for call in turn.tool_calls] == [
        ("call_1", chat.CHAT_TOOL_KIND_FUNCTION, "{}"),
        ("call_2", chat.CHAT_TOOL_KIND_CUSTOM, "ls"),
    ]
    assert (found[3].tool_call_id, found[3].content.text) == ("call_2", "a b")


def test_text_after_a_call_belongs_to_the_same_turn() -> None:
    found = messages(
        function_call(), {"role": "assistant", "content": "One moment."}, call_output()
    )
    assert [message.role for message in found] == [chat.CHAT_ROLE_ASSISTANT, chat.CHAT_ROLE_TOOL]
    assert found[0].content.text == "One moment."


def test_reasoning_that_led_to_nothing_is_left_out() -> None:
    found = messages(
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "x"}]},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
    )
    assert not any(message.HasField("reasoning_content") for message in found)


def test_pictures_that_tools_returned_follow_the_results() -> None:
    shown = [{"type": "input_text", "text": "Here:"}, {"type": "input_image", "image_url": IMAGE}]
    document = [{"type": "input_file", "file_data": "AAAA", "filename": "a.pdf"}]
    found = messages(
        function_call("call_1"),
        function_call("call_2"),
        call_output("call_1", shown),
        call_output("call_2", document),
        {"role": "user", "content": "And?"},
    )
    assert [message.role for message in found] == [
        chat.CHAT_ROLE_ASSISTANT,
        chat.CHAT_ROLE_TOOL,
        chat.CHAT_ROLE_TOOL,
        chat.CHAT_ROLE_USER,
        chat.CHAT_ROLE_USER,
    ]
    note = "(What else tool call call_1 returned follows the results.)"
    assert found[1].content.text == f"Here:\n{note}"
    first, image, second, file = found[3].content.parts.parts
    assert (first.text, image.image.url) == ("Tool call call_1 returned:", IMAGE)
    assert (second.text, file.file.filename) == ("Tool call call_2 returned:", "a.pdf")


def test_several_texts_of_a_tool_are_its_result() -> None:
    texts = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    result = messages(function_call(), call_output(output=texts))[-1]
    assert [part.text for part in result.content.parts.parts] == ["a", "b"]


def test_what_agents_say_of_themselves_has_no_effect() -> None:
    said = params_of({"input": "x", "client_metadata": {"session_id": "s"}})
    assert said == params_of({"input": "x"})


def test_what_codex_says_of_an_item_has_no_effect() -> None:
    said = {"internal_chat_message_metadata_passthrough": {"turn_id": "1"}}
    items = [{"role": "user", "content": "Hi"}, function_call(), call_output()]
    assert messages(*(item | said for item in items)) == messages(*items)


def test_parts_of_a_message() -> None:
    (message,) = messages(
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look:",
                 "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "input_image", "image_url": IMAGE, "detail": "low"},
                {"type": "input_file", "file_data": "AAAA", "filename": "a.pdf"},
            ],
        }
    )  # fmt: skip
    text, image, file = message.content.parts.parts
    assert (text.text, text.prompt_cache_breakpoint.mode) == ("Look:", "explicit")
    assert (image.image.url, image.image.detail) == (IMAGE, "low")
    assert (file.file.file_data, file.file.filename) == ("AAAA", "a.pdf")


def test_refusal_of_an_earlier_answer_comes_back() -> None:
    (message,) = messages({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]})
    assert message.content.parts.parts[0].refusal == "No."


@pytest.mark.parametrize(
    ("items", "param"),
    [
        ([{"role": "user", "content": [{"type": "output_text", "text": "x"}] * 2}],
         "input[0].content[0].type"),
        ([{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}],
         "input[0].content[0].type"),
        ([{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}],
         "input[0].content[0].file_id"),
        ([{"role": "user", "content": [{"type": "input_image"}]}],
         "input[0].content[0].image_url"),
        ([{"role": "user", "content": [{"type": "input_file", "file_url": "https://e.example"}]}],
         "input[0].content[0].file_url"),
        ([{"role": "user", "content": [{"type": "input_file"}]}],
         "input[0].content[0].file_data"),
        ([function_call(), call_output(output=[{"type": "input_image", "file_id": "f"}])],
         "input[1].output[0].file_id"),
        ([{"type": "computer_call"}], "input[0].type"),
        ([{"role": "robot", "content": "x"}], "input[0].role"),
        ([function_call(extra=1)], "input[0].extra"),
        ([function_call()], "input"),
        ([call_output()], "input"),
        ([call_output(), function_call()], "input"),
        ([], "input"),
        ([{"id": "msg_1_0"}], "input[0].id"),
    ],
)  # fmt: skip
def test_item_that_cannot_be_said_is_refused_by_its_place(items: list[Any], param: str) -> None:
    assert refusal_of({"input": items}).param == param


def test_unpaired_calls_are_refused_in_openais_words() -> None:
    assert str(refusal_of({"input": [function_call()]}).message) == (
        "No tool output found for function call call_1."
    )
    assert str(refusal_of({"input": [call_output()]}).message) == (
        "No tool call found for function call output with call_id call_1."
    )


@pytest.mark.parametrize(
    ("body", "reason", "param"),
    [
        ({}, "MISSING_PARAMETER", "input"),
        ({"input": "x", "messages": []}, "UNSUPPORTED_PARAMETER", "messages"),
        ({"input": "x", "response_format": {}}, "UNSUPPORTED_PARAMETER", "response_format"),
        ({"input": "x", "top_k": 1}, "UNKNOWN_PARAMETER", "top_k"),
        ({"input": "x", "tools": [{"type": "local_shell"}]}, "UNSUPPORTED_PARAMETER",
         "tools[0].type"),
        ({"input": "x", "tools": [{"type": "computer_use_preview"}]}, "UNSUPPORTED_PARAMETER",
         "tools[0].type"),
        ({"input": "x", "tool_choice": {"type": "mcp"}}, "UNSUPPORTED_PARAMETER",
         "tool_choice.type"),
        ({"input": "x", "include": ["web_search_call.results"]}, "UNSUPPORTED_PARAMETER",
         "include[0]"),
        ({"input": "x", "background": True}, "UNSUPPORTED_PARAMETER", "background"),
        ({"input": "x", "prompt": {"id": "p"}}, "UNSUPPORTED_PARAMETER", "prompt"),
        ({"input": "x", "moderation": {"model": "m"}}, "UNSUPPORTED_PARAMETER", "moderation"),
        ({"input": "x", "stream_options": {}}, "INVALID_ARGUMENT", "stream_options"),
        ({"input": "x", "max_output_tokens": 0}, "INVALID_ARGUMENT", "max_output_tokens"),
        ({"input": 3}, "INVALID_TYPE", "input"),
    ],
)  # fmt: skip
def test_what_is_not_served_is_refused_by_name(
    body: dict[str, Any], reason: str, param: str
) -> None:
    refusal = refusal_of(body)
    assert (refusal.reason, refusal.param) == (reason, param)


def test_item_that_is_no_text_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        response_request_from_json(b'{"model":"m","input":[{"role":"user","content":"\xff"}]}')
    assert refused.value.reason == "MALFORMED_JSON"


def test_hosted_tool_is_named() -> None:
    refusal = refusal_of({"input": "x", "tools": [{"type": "web_search"}]})
    assert "hosted tool 'web_search'" in refusal.message


def test_misspelt_field_is_recognized() -> None:
    refusal = refusal_of({"input": "x", "max_outputt_tokens": 5})
    assert refusal.message.endswith("Did you mean 'max_output_tokens'?")


@pytest.mark.parametrize(
    ("param", "own"),
    [
        ("messages[1].content[0].image_url.url", "input[2].content[0].image_url"),
        ("messages[1].content[0].image_url.detail", "input[2].content[0].detail"),
        ("messages[1].content[1].file.file_data", "input[2].content[1].file_data"),
        ("messages[1].tool_calls[0].type", "input[2]"),
        ("messages[0].content", "instructions"),
        ("messages[2].content", "previous_response_id"),
        ("messages[9].content", "input"),
        ("messages[3].content[1].image_url.url", "input[7].output"),
        ("messages", "input"),
        ("max_completion_tokens", "max_output_tokens"),
        ("reasoning_effort", "reasoning.effort"),
        ("response_format.json_schema.schema", "text.format.schema"),
        ("response_format", "text.format"),
        ("verbosity", "text.verbosity"),
        ("tools[0].function.parameters", "tools[0].parameters"),
        ("tools[0].custom.name", "tools[0].name"),
        ("tool_choice.allowed_tools.mode", "tool_choice.mode"),
        ("temperature", "temperature"),
    ],
)
def test_refusal_of_the_chat_speaks_of_the_responses_fields(param: str, own: str) -> None:
    places = Places(
        ["instructions", "input[2]", "previous_response_id", "input[7].output"], ["tools[0]"]
    )
    refusal = Refusal("INVALID_ARGUMENT", f"`{param}` is wrong.", param=param)
    told = in_own_words(refusal, places)
    assert (told.param, told.message) == (own, f"`{own}` is wrong.")
