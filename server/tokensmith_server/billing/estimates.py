"""How many tokens a chat request may turn out to be, from facts known before it is sent.

Two directions, never mixed up. The **high** estimate is what a hold rests on: it should not be
passed in practice, and where it is, the settlement takes the excess from the available balance.
The **low** estimate is what is charged when a stream broke off and the provider's count is
unknown: it errs in the customer's favour.

No tokenizer runs here: vendors do not publish theirs, and a wrong exact count is worth less than
a bound. Sources of the numbers are in ``README.md`` of this folder.
"""

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Final

from tokensmith_server.billing.value import value

LOW_BYTES_PER_TOKEN: Final = 5
"""Bytes of UTF-8 to a token in the low estimate: no current tokenizer does worse for us on prose
(English is at 3.2 to 4.7), so the customer pays for fewer tokens than there were."""

LOW_IMAGE_TOKENS: Final = 64
"""A picture of 256 by 256 pixels, in patches of 32; no family counts fewer for one of use."""

LOW_AUDIO_BYTES_PER_TOKEN: Final = 19_200
"""Ten tokens a second, the least that is billed, of 48 kHz stereo in 16 bits, the most sent."""

LOW_FILE_BYTES_PER_TOKEN: Final = 100
LOW_FILES_TOKENS_MAX: Final = 1_500
"""However large the files are, they may be one page of pictures: half of a dense one."""

AUDIO_BYTES_PER_TOKEN: Final = 64
"""Audio is billed by time, at most 32 tokens a second, and speech is not sent below 16 kbit/s."""

FILE_BYTES_PER_TOKEN: Final = 2
"""A dense page of PDF is about 6 KB compressed and, text and picture together, 3,000 tokens."""

_BYTES_IN_DOZEN: Final = 12


@value
class TextFacts:
    """What is known of a chat request before it is sent, as far as its price depends on it.

    ``text_bytes`` is the UTF-8 length of every text the model will read: contents, names, tool
    calls and their results. ``tool_bytes`` is the length of the tool definitions and of a JSON
    schema for the answer. ``image_details`` has one value per image ("low", "high", "original",
    "auto" or "" when unset). ``audio_bytes`` and ``file_bytes`` are decoded lengths. ``family`` is
    the model's tokenizer family in the catalog. ``choices`` is the request's ``n``.
    ``recalled_bytes`` and ``recalled_tokens`` are what comes with it of earlier answers, from the
    provider's adapter: its size, and what the provider counted then, 0 where it did not say.
    """

    family: str
    text_bytes: int
    message_count: int
    tool_bytes: int = 0
    tool_count: int = 0
    image_details: tuple[str, ...] = ()
    audio_bytes: int = 0
    file_bytes: int = 0
    choices: int = 1
    recalled_bytes: int = 0
    recalled_tokens: int = 0


@value
class FamilyBounds:
    """Upper bounds of one tokenizer family, in tokens.

    ``dozen_bytes_tokens`` is the text's: 4 tokens for 12 bytes is the "bytes ÷ 3" rule.
    ``request_tokens`` is what the provider adds to every prompt, ``tools_tokens`` what it adds
    once when there are tools. ``image_tokens`` is by detail, ``image_default_tokens`` for all
    other details, an unset one included.
    """

    dozen_bytes_tokens: int
    request_tokens: int
    tools_tokens: int
    image_default_tokens: int
    image_tokens: Mapping[str, int] = field(default_factory=dict)
    message_tokens: int = 12
    tool_tokens: int = 16


UNKNOWN_FAMILY: Final = FamilyBounds(
    dozen_bytes_tokens=6, request_tokens=256, tools_tokens=800, image_default_tokens=16_384
)
"""For a family that is not in the table: the worst of each."""

FAMILIES: Final[Mapping[str, FamilyBounds]] = MappingProxyType(
    {
        "gpt": FamilyBounds(
            dozen_bytes_tokens=4,
            request_tokens=16,
            tools_tokens=32,
            # Patches of 32 pixels times the small models' multiplier: 256 for low and 2,500 for
            # high, at up to 2.46; "original" has a budget of 10,000 patches.
            image_default_tokens=6_150,
            image_tokens=MappingProxyType({"low": 700, "original": 10_000}),
        ),
        "claude": FamilyBounds(
            dozen_bytes_tokens=5, request_tokens=16, tools_tokens=800, image_default_tokens=1_640
        ),
        "claude_dense": FamilyBounds(
            dozen_bytes_tokens=6, request_tokens=16, tools_tokens=800, image_default_tokens=5_120
        ),
        "grok": FamilyBounds(
            dozen_bytes_tokens=4, request_tokens=256, tools_tokens=256, image_default_tokens=1_792
        ),
        "gemini": FamilyBounds(
            dozen_bytes_tokens=4, request_tokens=16, tools_tokens=256, image_default_tokens=2_304
        ),
        "open": FamilyBounds(
            dozen_bytes_tokens=5, request_tokens=128, tools_tokens=256, image_default_tokens=16_384
        ),
    }
)


def estimate_input_tokens(facts: TextFacts) -> int:
    """The most input tokens that the request is likely to be counted as."""
    bounds = FAMILIES.get(facts.family, UNKNOWN_FAMILY)
    tokens = bounds.request_tokens + facts.message_count * bounds.message_tokens
    tokens += _ceil_div(
        (facts.text_bytes + facts.tool_bytes) * bounds.dozen_bytes_tokens, _BYTES_IN_DOZEN
    )
    if facts.tool_count:
        tokens += bounds.tools_tokens + facts.tool_count * bounds.tool_tokens
    for detail in facts.image_details:
        tokens += bounds.image_tokens.get(detail, bounds.image_default_tokens)
    tokens += _ceil_div(facts.audio_bytes, AUDIO_BYTES_PER_TOKEN)
    # Its bytes alone do not bound it: the text may be the summary of what was thought.
    tokens += max(
        _ceil_div(facts.recalled_bytes * bounds.dozen_bytes_tokens, _BYTES_IN_DOZEN),
        facts.recalled_tokens,
    )
    return tokens + _ceil_div(facts.file_bytes, FILE_BYTES_PER_TOKEN)


def estimate_low_tokens(byte_count: int) -> int:
    """The fewest tokens that so much UTF-8 text is likely to be counted as."""
    return byte_count // LOW_BYTES_PER_TOKEN


def estimate_low_input_tokens(facts: TextFacts) -> int:
    """The fewest input tokens that the request is likely to be counted as."""
    tokens = estimate_low_tokens(facts.text_bytes + facts.tool_bytes)
    tokens += len(facts.image_details) * LOW_IMAGE_TOKENS
    tokens += facts.audio_bytes // LOW_AUDIO_BYTES_PER_TOKEN
    return tokens + min(facts.file_bytes // LOW_FILE_BYTES_PER_TOKEN, LOW_FILES_TOKENS_MAX)


def _ceil_div(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
