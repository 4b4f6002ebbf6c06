"""Rules between fields that the vendors of the dialect share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.openai_chat.fields import refuse

Body = Mapping[str, Any]


def check_stream_options(body: Body) -> None:
    """`stream_options` means something only on streams."""
    if body.get("stream_options") is not None and not body.get("stream"):
        refuse(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        )


def check_tool_choice(body: Body) -> None:
    """A tool choice needs tools, and a named one needs that tool."""
    tools = {tool_name(tool) for tool in body.get("tools") or ()}
    for field in ("tool_choice", "parallel_tool_calls"):
        if body.get(field) is not None and not tools:
            refuse(
                f"Invalid value for '{field}': '{field}' is only allowed when 'tools' are "
                "specified.",
                field,
            )
    for named in chosen_tools(body.get("tool_choice")):
        if named not in tools:
            refuse(
                f"Invalid value for 'tool_choice': no tool named '{named}' was specified in the "
                "'tools' parameter.",
                "tool_choice",
            )


def tool_name(tool: Body) -> str:
    """Return the name of a function or custom tool."""
    name: str = tool[tool["type"]]["name"]
    return name


def chosen_tools(choice: Any) -> list[str]:
    """Return the tools that a `tool_choice` names."""
    if not isinstance(choice, dict):
        return []
    if choice.get("type") == "allowed_tools":
        return [tool_name(tool) for tool in choice["allowed_tools"]["tools"]]
    return [tool_name(choice)]


def check_conversation(messages: Sequence[Body]) -> None:
    """Tool calls are answered by tool messages at once, and by nothing else.

    Raises:
        RefusalError: A tool message answers no call, or a call stays unanswered.
    """
    waiting: list[str] = []
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "tool":
            _answer(waiting, message, index)
            continue
        if waiting:
            _refuse_unanswered(waiting, index)
        if role == "assistant":
            waiting = [call["id"] for call in message.get("tool_calls") or ()]
    if waiting:
        _refuse_unanswered(waiting, len(messages))


def _answer(waiting: list[str], message: Body, index: int) -> None:
    if message["tool_call_id"] not in waiting:
        refuse(
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding "
            "message with 'tool_calls'.",
            f"messages.[{index}].role",
        )
    waiting.remove(message["tool_call_id"])


def _refuse_unanswered(waiting: Sequence[str], index: int) -> None:
    refuse(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to "
        "each 'tool_call_id'. The following tool_call_ids did not have response messages: "
        + ", ".join(waiting),
        f"messages.[{index}].role",
    )


def check_assistant_content(messages: Sequence[Body]) -> None:
    """An assistant message says something or calls something."""
    for index, message in enumerate(messages):
        if message["role"] != "assistant" or message.get("content") is not None:
            continue
        said = ("tool_calls", "function_call", "refusal", "audio", "reasoning_content", "reasoning")
        if not any(message.get(field) for field in said):
            refuse(
                f"Invalid value for 'content': expected a string, got null at messages[{index}].",
                f"messages[{index}].content",
            )


def check_images(messages: Sequence[Body], *, vision: bool) -> None:
    """Images are web or data URLs, and only models that see take them."""
    for index, message in enumerate(messages):
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if part["type"] != "image_url":
                continue
            where = f"messages[{index}].content"
            if not vision:
                refuse("Invalid content type. image_url is not supported by this model.", where)
            if not part["image_url"]["url"].startswith(("http://", "https://", "data:image/")):
                refuse(
                    "Invalid 'image_url': expected an http(s) or a base64 data URL.",
                    f"{where}.image_url",
                    "invalid_image_url",
                )


def model_of(body: Any) -> str:
    """Return the model that a body names.

    Raises:
        RefusalError: There is none.
    """
    if not isinstance(body, dict):
        raise RefusalError("The JSON body of your request must be an object.")
    model = body.get("model")
    if model is None:
        refuse("you must provide a model parameter", None)
    if not isinstance(model, str):
        refuse("Invalid type for 'model': expected a string.", "model", "invalid_type")
    return model
