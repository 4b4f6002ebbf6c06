"""From the messages of OpenAI's chat request to the contract's."""

from collections.abc import Callable
from typing import Any, Final

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.openai.errors import BridgeReason, Refusal
from tokensmith_bridge.openai.message_schema import (
    AssistantContent,
    AssistantMessage,
    ContentPart,
    CustomToolCall,
    DeveloperMessage,
    File,
    FilePart,
    FunctionMessage,
    FunctionToolCall,
    ImagePart,
    InputAudioPart,
    Message,
    RefusalPart,
    SystemMessage,
    TextContent,
    TextPart,
    ToolMessage,
    UserContent,
    UserMessage,
)


def add_message(params: chat.ChatCompletionParams, message: Message, index: int) -> None:
    """Append ``message``, the ``index``-th of the request, to ``params``.

    Raises:
        Refusal: its fields contradict each other, or one needs another.
    """
    _ADD_MESSAGE[type(message)](params, message, index)


def _add_developer(
    params: chat.ChatCompletionParams, message: DeveloperMessage, index: int
) -> None:
    added = params.messages.add(role=chat.CHAT_ROLE_DEVELOPER)
    _fill_content(added.content, message.content, index)
    if message.name is not None:
        added.name = message.name


def _add_system(params: chat.ChatCompletionParams, message: SystemMessage, index: int) -> None:
    added = params.messages.add(role=chat.CHAT_ROLE_SYSTEM)
    _fill_content(added.content, message.content, index)
    if message.name is not None:
        added.name = message.name


def _add_user(params: chat.ChatCompletionParams, message: UserMessage, index: int) -> None:
    added = params.messages.add(role=chat.CHAT_ROLE_USER)
    _fill_content(added.content, message.content, index)
    if message.name is not None:
        added.name = message.name


def _add_assistant(
    params: chat.ChatCompletionParams, message: AssistantMessage, index: int
) -> None:
    added = params.messages.add(role=chat.CHAT_ROLE_ASSISTANT)
    if message.content is not None:
        _fill_content(added.content, message.content, index)
    elif not (
        message.tool_calls or message.function_call or message.audio or message.refusal is not None
    ):
        raise Refusal(
            BridgeReason.MISSING_PARAMETER,
            f"Missing required parameter: 'messages[{index}].content'. An assistant message may "
            "leave it out only beside 'tool_calls', 'function_call', 'audio' or 'refusal'.",
            param=f"messages[{index}].content",
        )
    for call in message.tool_calls or ():
        _add_tool_call(added, call)
    if message.function_call is not None:
        added.function_call.name = message.function_call.name
        added.function_call.arguments = message.function_call.arguments
    if message.audio is not None:
        added.audio_id = message.audio.id
    for name in ("name", "refusal", "reasoning_content"):
        value = getattr(message, name)
        if value is not None:
            setattr(added, name, value)


def _add_tool_call(added: chat.ChatMessage, call: FunctionToolCall | CustomToolCall) -> None:
    if isinstance(call, FunctionToolCall):
        added.tool_calls.add(
            id=call.id,
            kind=chat.CHAT_TOOL_KIND_FUNCTION,
            name=call.function.name,
            arguments=call.function.arguments,
        )
    else:
        added.tool_calls.add(
            id=call.id,
            kind=chat.CHAT_TOOL_KIND_CUSTOM,
            name=call.custom.name,
            arguments=call.custom.input,
        )


def _add_tool(params: chat.ChatCompletionParams, message: ToolMessage, index: int) -> None:
    added = params.messages.add(role=chat.CHAT_ROLE_TOOL, tool_call_id=message.tool_call_id)
    _fill_content(added.content, message.content, index)


def _add_function(params: chat.ChatCompletionParams, message: FunctionMessage, _index: int) -> None:
    added = params.messages.add(role=chat.CHAT_ROLE_FUNCTION, name=message.name)
    if message.content is not None:
        added.content.text = message.content


def _fill_content(
    content: chat.ChatContent,
    value: UserContent | TextContent | AssistantContent,
    index: int,
) -> None:
    if isinstance(value, str):
        content.text = value
        return
    parts = content.parts.parts
    for number, part in enumerate(value):
        added = parts.add()
        _fill_part(added, part, f"messages[{index}].content[{number}]")
        if not isinstance(part, RefusalPart) and part.prompt_cache_breakpoint is not None:
            mark = part.prompt_cache_breakpoint
            added.prompt_cache_breakpoint.mode = mark.mode
            if mark.ttl is not None:
                added.prompt_cache_breakpoint.ttl = mark.ttl


def _fill_part(added: chat.ChatContentPart, part: ContentPart, where: str) -> None:
    match part:
        case TextPart():
            added.text = part.text
        case ImagePart():
            added.image.url = part.image_url.url
            if part.image_url.detail is not None:
                added.image.detail = part.image_url.detail
        case RefusalPart():
            added.refusal = part.refusal
        case InputAudioPart():
            added.input_audio.data = part.input_audio.data
            added.input_audio.format = part.input_audio.format
        case FilePart():
            _fill_file(added.file, part.file, f"{where}.file")


def _fill_file(added: chat.ChatFile, file: File, where: str) -> None:
    if (file.file_id is None) == (file.file_data is None):
        raise Refusal(
            "INVALID_ARGUMENT", f"'{where}' must have either 'file_id' or 'file_data'.", param=where
        )
    if file.file_id is not None:
        added.file_id = file.file_id
    elif file.file_data is not None:
        added.file_data = file.file_data
    if file.filename is not None:
        added.filename = file.filename


_ADD_MESSAGE: Final[dict[type, Callable[[chat.ChatCompletionParams, Any, int], None]]] = {
    DeveloperMessage: _add_developer,
    SystemMessage: _add_system,
    UserMessage: _add_user,
    AssistantMessage: _add_assistant,
    ToolMessage: _add_tool,
    FunctionMessage: _add_function,
}
