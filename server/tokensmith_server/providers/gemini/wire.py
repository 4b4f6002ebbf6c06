"""What is read of Gemini's answers: typed shapes for the decoder, and nothing else.

A whole answer and a frame of a stream have the same shape (``GenerateContentResponse``), of which
every part may be missing. Fields that are not here are skipped without being built: safety ratings,
citations, grounding, and parts of kinds that only Google's own tools make. Usage stays raw, so that
a broken block costs the usage and not the answer.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

_ABSENT = Raw()

Index = Annotated[int, Meta(ge=0, lt=128)]


class FunctionCall(Struct):
    """A whole call: the Developer API never streams arguments in pieces."""

    name: str | None = None
    args: Raw = _ABSENT
    """A JSON object, kept as it was written."""
    id: str | None = None


class Part(Struct, rename="camel"):
    """A piece of content: text, thought (text with the flag), or a call."""

    text: str | None = None
    thought: bool | None = None
    function_call: FunctionCall | None = None
    thought_signature: str | None = None


class Content(Struct):
    """What a candidate says."""

    parts: list[Part] | None = None


class LogprobsCandidate(Struct, rename="camel"):
    """A token and the natural logarithm of its probability."""

    token: str = ""
    log_probability: float = 0.0


class TopCandidates(Struct):
    """The likeliest tokens at one place."""

    candidates: list[LogprobsCandidate] | None = None


class LogprobsResult(Struct, rename="camel"):
    """One entry for each token, in both lists."""

    chosen_candidates: list[LogprobsCandidate] | None = None
    top_candidates: list[TopCandidates] | None = None


class Candidate(Struct, rename="camel"):
    """One answer, or a part of one."""

    content: Content | None = None
    finish_reason: str | None = None
    index: Index = 0
    logprobs_result: LogprobsResult | None = None


class PromptFeedback(Struct, rename="camel"):
    """Says why the prompt was blocked, if it was."""

    block_reason: str | None = None


class Answer(Struct, rename="camel"):
    """A whole answer, or one frame of a stream."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Raw = _ABSENT
    model_version: str | None = None
    response_id: str | None = None
    error: Any = None


class UsageFrame(Struct, rename="camel"):
    """A frame of which only the usage is wanted."""

    usage_metadata: Raw = _ABSENT


# What follows accepts a frame only if it is one piece of text, or one of thought, of the first
# candidate: everything that could make it more is declared to be null. The decoder thus does the
# checking, in C. Of usage, which rides on every frame, the last one is read by itself.


class PlainPart(Struct, gc=False, rename="camel"):
    """A piece of text. Its signature, if it has one, needs not come back."""

    text: str
    thought: None = None
    function_call: None = None


class PlainContent(Struct, gc=False):
    """Exactly one part."""

    parts: tuple[PlainPart]


class PlainCandidate(Struct, gc=False, rename="camel"):
    """A part of the first candidate that neither ends it nor has log probabilities."""

    content: PlainContent
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs_result: None = None


class PlainFrame(Struct, gc=False, rename="camel"):
    """A frame with one piece of text."""

    candidates: tuple[PlainCandidate]
    prompt_feedback: None = None
    error: None = None


class ThoughtPart(Struct, gc=False, rename="camel"):
    """A piece of thought, which always says that it is one."""

    text: str
    thought: bool
    function_call: None = None


class ThoughtContent(Struct, gc=False):
    """Exactly one part."""

    parts: tuple[ThoughtPart]


class ThoughtCandidate(Struct, gc=False, rename="camel"):
    """As ``PlainCandidate``."""

    content: ThoughtContent
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs_result: None = None


class ThoughtFrame(Struct, gc=False, rename="camel"):
    """A frame with one piece of thought."""

    candidates: tuple[ThoughtCandidate]
    prompt_feedback: None = None
    error: None = None
