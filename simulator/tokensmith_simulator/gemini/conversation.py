"""The order of contents and parts that the Gemini API insists on, and its thought signatures."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.gemini.shapes import PART_DATA
from tokensmith_simulator.signatures import verify

Content = Mapping[str, Any]
Part = Mapping[str, Any]

_SKIPS: Final = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
# The documented values are base64 themselves, so that either reading of a raw string is there.
_SKIPPING: Final = frozenset(
    form
    for skip in _SKIPS
    for form in (skip.replace("_", "/"), base64.b64encode(skip.encode()).decode())
)
_COUNT_PROBLEM: Final = (
    "Please ensure that the number of function response parts is equal to the number of function "
    "call parts of the function call turn."
)


def parts_of(content: Content, kind: str) -> list[Any]:
    """Return what a content's parts hold of one kind."""
    return [part[kind] for part in content.get("parts") or () if kind in part]


def check_contents(contents: Sequence[Content]) -> None:
    """Check roles and parts, and that every function call is answered in the next content.

    Raises:
        RefusalError: The first thing that is out of order.
    """
    if not contents:
        raise RefusalError(
            "* GenerateContentRequest.contents: contents is not specified\n", param="contents"
        )
    calls: list[Part] = []
    for index, content in enumerate(contents):
        _check_role(content)
        check_parts(content, f"contents[{index}]")
        _check_responses(content, calls, index)
        calls = parts_of(content, "functionCall")
        before = contents[index - 1].get("role", "user") if index else "model"
        if calls and before == "model":
            raise RefusalError(
                "Please ensure that function call turn comes immediately after a user turn or "
                "after a function response turn."
            )
    if calls:
        raise RefusalError(_COUNT_PROBLEM)


def _check_role(content: Content) -> None:
    if content.get("role", "user") not in {"user", "model"}:
        raise RefusalError("Please use a valid role: user, model.")


def check_parts(content: Content, where: str) -> None:
    """Every content has parts, and every part has something in it.

    Raises:
        RefusalError: One has not.
    """
    path = f"* GenerateContentRequest.{where}.parts"
    parts = content.get("parts")
    if not parts:
        raise RefusalError(f"{path}: contents.parts must not be empty.\n")
    for at, part in enumerate(parts):
        held = [name for name in PART_DATA if name in part]
        empty = held == ["text"] and not part["text"] and "thoughtSignature" not in part
        if not held or empty:
            raise RefusalError(
                f"{path}[{at}].data: required oneof field 'data' must have one initialized field\n"
            )
        for kind in ("functionCall", "functionResponse"):
            if kind in part and not part[kind].get("name"):
                field = "function_call" if kind == "functionCall" else "function_response"
                raise RefusalError(f"{path}[{at}].{field}.name: Name cannot be empty.\n")


def _check_responses(content: Content, calls: Sequence[Part], index: int) -> None:
    responses = parts_of(content, "functionResponse")
    role = content.get("role", "user")
    if responses and (not calls or role == "model"):
        raise RefusalError(
            "Please ensure that function response turn comes immediately after a function call "
            "turn."
        )
    if len(responses) != len(calls):
        raise RefusalError(_COUNT_PROBLEM)
    if Counter(call["name"] for call in calls) != Counter(one["name"] for one in responses):
        raise RefusalError(
            f"* GenerateContentRequest.contents[{index}].parts: function response names do not "
            "match the names of the function calls.\n"
        )
    called = {call["id"] for call in calls if "id" in call}
    for response in responses:
        if called and "id" in response and response["id"] not in called:
            raise RefusalError(f"Function response id {response['id']} matches no function call.")


def check_signatures(contents: Sequence[Content]) -> None:
    """Signatures come back where they were; in the current turn, every step has its first one.

    Raises:
        RefusalError: One is missing where it is mandatory, or is not one that was given out.
    """
    current = _start_of_turn(contents)
    for index, content in enumerate(contents):
        first = True
        for part in content.get("parts") or ():
            _check_signature(part)
            if "functionCall" not in part:
                continue
            if first and index > current and "thoughtSignature" not in part:
                raise RefusalError(
                    "Function call is missing a thought_signature in functionCall parts. This is "
                    "required for tools to work correctly, and missing thought_signature may lead "
                    "to degraded model performance. Additional data, function call "
                    f"`default_api:{part['functionCall']['name']}` , position {index + 1}. Please "
                    "refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more "
                    "details."
                )
            first = False


def _start_of_turn(contents: Sequence[Content]) -> int:
    """Return the index of the newest content that is the user's and no function's response."""
    written = [
        index
        for index, content in enumerate(contents)
        if content.get("role", "user") == "user" and not parts_of(content, "functionResponse")
    ]
    return written[-1] if written else -1


def subject_of(part: Part) -> str:
    """Return what a part's signature is bound to: the function called, or text."""
    return f"call/{part['functionCall']['name']}" if "functionCall" in part else "text"


def _check_signature(part: Part) -> None:
    signature = part.get("thoughtSignature")
    if signature is None or signature in _SKIPPING:
        return
    if verify(subject_of(part), "", signature) != "genuine":
        raise RefusalError("Corrupted thought signature.")


def user_texts(contents: Sequence[Content]) -> Iterator[str]:
    """Yield what the user wrote, a content at a time."""
    for content in contents:
        if content.get("role", "user") == "user":
            said = "\n".join(parts_of(content, "text"))
            if said:
                yield said
