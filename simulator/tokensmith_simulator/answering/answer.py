"""What a model answers: planned once, in tokens, and rendered by each vendor in its own shape."""

from __future__ import annotations

import itertools
import secrets
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from tokensmith_simulator.answering.call import Call
from tokensmith_simulator.answering.tool_use import PlannedToolCall, plan_tool_calls
from tokensmith_simulator.dice import Dice
from tokensmith_simulator.directives import strip_directives
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Fault, FaultKind
from tokensmith_simulator.json_schema import SchemaError, generate_value
from tokensmith_simulator.pattern import PatternError, sample_pattern
from tokensmith_simulator.text import compose, wanted_words
from tokensmith_simulator.tokens import PromptCount, count_tokens, split_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Finish = Literal["end", "stop_sequence", "length", "tool_calls", "content_filter", "blocked"]

HUGE_TOKENS = 999_999_999_999
_BEFORE_TOOLS = "Let me look that up."


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call, its arguments as tokens. Vendors put their own prefix before the `id`."""

    id: str
    kind: Literal["function", "custom"]
    name: str
    pieces: Sequence[str]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One alternative of an answer."""

    index: int
    pieces: Sequence[str]
    """The visible text as tokens."""
    tool_calls: Sequence[ToolCall]
    reasoning: Sequence[str]
    finish: Finish
    """`content_filter`: cut in the middle; `blocked`: the prompt itself was refused."""
    stopped_by: str | None = None
    """The stop sequence that ended the text."""

    @property
    def text(self) -> str:
        """The visible text."""
        return "".join(self.pieces)


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer used. `output` is visible text and tool calls, without reasoning."""

    prompt: PromptCount
    output: int
    reasoning: int
    cached: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. Only `id` and `created` differ between two answers to one request."""

    id: str
    created: int
    choices: Sequence[Choice]
    usage: TokenUsage
    fault: Fault | None = None
    """A fault in the content; where it is one of usage, the vendor distorts its own."""

    @property
    def fault_kind(self) -> FaultKind | None:
        """The kind of the fault in the content."""
        return self.fault.kind if self.fault else None


def plan_answer(call: Call, fault: Fault | None = None) -> Answer:
    """Decide the whole answer to a valid call.

    Raises:
        RefusalError: A schema in the call has no value.
    """
    choices = [_plan_choice(call, index, fault) for index in range(call.choice_count)]
    output = sum(len(choice.pieces) + _tool_tokens(choice) for choice in choices)
    usage = TokenUsage(
        prompt=call.prompt,
        output=output,
        reasoning=sum(len(choice.reasoning) for choice in choices),
        cached=min(call.directives.cached_tokens or 0, call.prompt.total),
    )
    return Answer(
        id=secrets.token_hex(12),
        created=int(time.time()),
        choices=choices,
        usage=usage,
        fault=fault,
    )


def _tool_tokens(choice: Choice) -> int:
    return sum(count_tokens(tool.name) + len(tool.pieces) for tool in choice.tool_calls)


def _plan_choice(call: Call, index: int, fault: Fault | None) -> Choice:
    dice = Dice(call.model.id, call.seed, str(index))
    if fault and fault.kind is FaultKind.EMPTY_CONTENT:
        return Choice(index=index, pieces=(), tool_calls=(), reasoning=(), finish="end")
    if fault and fault.kind is FaultKind.MODERATION_BLOCK:
        return Choice(index=index, pieces=(), tool_calls=(), reasoning=(), finish="blocked")
    limit = _output_limit(call)
    reasoning = _reason(call, dice, limit)
    if call.reasoning_within_limit:
        limit -= len(reasoning)
    prompt = strip_directives(call.talk.user_text)
    planned = plan_tool_calls(call, prompt, dice)
    stopped_by = None
    if planned:
        budget = limit if call.reasoning_within_limit else call.model.output_limit_tokens
        speaks = call.speaks_before_tools and call.tool_mode == "auto"
        pieces: Sequence[str] = split_tokens(_BEFORE_TOOLS)[:budget] if speaks else ()
        tools, cut = _cut_tools(planned, budget - len(pieces))
        finish: Finish = "length" if cut else "tool_calls"
    else:
        tools = []
        pieces, finish, stopped_by = _text(call, prompt, dice, limit)
    if fault and fault.kind is FaultKind.CONTENT_FILTER:
        pieces, tools, finish = pieces[: fault.after_chunks], [], "content_filter"
    return Choice(
        index=index,
        pieces=pieces,
        tool_calls=tools,
        reasoning=reasoning,
        finish=finish,
        stopped_by=stopped_by if finish == "stop_sequence" else None,
    )


def _output_limit(call: Call) -> int:
    room = max(0, call.model.context_tokens - call.prompt.total)
    asked = call.model.output_limit_tokens if call.output_limit is None else call.output_limit
    return min(asked, call.model.output_limit_tokens, room)


def _reason(call: Call, dice: Dice, limit: int) -> Sequence[str]:
    wanted = call.reasoning_tokens
    if call.directives.reasoning_tokens is not None and wanted:
        wanted = call.directives.reasoning_tokens
    if call.reasoning_within_limit:
        wanted = min(wanted, limit)
    if not wanted:
        return ()
    prompt = strip_directives(call.talk.user_text)
    thought = compose(prompt, wanted * 2, dice, opening="Let me think about what is asked here.")
    tokens = split_tokens(thought)
    return list(itertools.islice(itertools.cycle(tokens), wanted))


def _cut_tools(planned: Sequence[PlannedToolCall], budget: int) -> tuple[list[ToolCall], bool]:
    """Cut tool calls to a budget of tokens; tell whether anything is missing."""
    calls: list[ToolCall] = []
    for tool, text in ((item.tool, item.text) for item in planned):
        budget -= count_tokens(tool.name)
        if budget < 0:
            return calls, True
        pieces = split_tokens(text)
        call_id = secrets.token_hex(12)
        calls.append(ToolCall(id=call_id, kind=tool.kind, name=tool.name, pieces=pieces[:budget]))
        if len(pieces) > budget:
            return calls, True
        budget -= len(pieces)
    return calls, False


def _text(
    call: Call, prompt: str, dice: Dice, limit: int
) -> tuple[Sequence[str], Finish, str | None]:
    text = _write(call, prompt, dice, limit)
    finish: Finish = "end"
    cuts = sorted((text.index(stop), stop) for stop in call.stops if stop and stop in text)
    stopped_by = None
    if cuts:
        cut, stopped_by = cuts[0]
        text, finish = text[:cut], "stop_sequence"
    pieces = split_tokens(text)
    if len(pieces) > limit:
        return pieces[:limit], "length", None
    return pieces, finish, stopped_by


def _write(call: Call, prompt: str, dice: Dice, limit: int) -> str:
    words = call.directives.words or wanted_words(prompt, call.verbosity)
    most = limit * 2 + 8  # A token is more than half a word.
    if call.pattern is not None:
        try:
            return sample_pattern(call.pattern, dice)
        except PatternError as error:
            raise RefusalError(f"Invalid regex: {error}", param="response_format") from error
    if call.schema is not None:
        return _structured(call, prompt, dice, words, most)
    return compose(prompt, words, dice, opening=_opening(call), most=most)


def _structured(call: Call, prompt: str, dice: Dice, words: int, most: int) -> str:
    if not call.schema:
        return msgspec.json.encode({"answer": compose(prompt, words, dice, most=most)}).decode()
    hints = [compose(prompt, 6 + turn, dice, opening="") for turn in range(3)]
    try:
        value = generate_value(call.schema, dice, hints)
    except SchemaError as error:
        raise RefusalError(
            f"Invalid schema for response_format: {error}.", param="response_format"
        ) from error
    return msgspec.json.encode(value).decode()


def _opening(call: Call) -> str | None:
    """Open with the tool's result when the newest message is one."""
    if call.talk.tool_result is None:
        return None
    name, text = call.talk.tool_result
    return f"According to {name}, {_spoken(text)}."


def _spoken(result: str) -> str:
    try:
        value = msgspec.json.decode(result)
    except msgspec.DecodeError:
        value = result
    if isinstance(value, dict):
        return ", ".join(f"{key} is {item}" for key, item in list(value.items())[:4])
    return f"the result is {' '.join(str(value).split()[:20])}".rstrip(".")


def grouped(pieces: Sequence[str], size: int) -> Iterator[tuple[str, int]]:
    """Join tokens into chunks of a size; yield each text with its number of tokens."""
    if size == 1:
        for piece in pieces:
            yield piece, 1
        return
    for start in range(0, len(pieces), size):
        chunk = pieces[start : start + size]
        yield "".join(chunk), len(chunk)
