"""The examples of a Markdown page: what to run, and what it prints."""

import re
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# Of these, a reader types or runs what is in the block; `console` shows what is not for a test.
RUNNABLE = ("sh", "python")


@dataclass(frozen=True, slots=True)
class Example:
    """A block of code with the output that the page shows below it."""

    number: int
    language: str
    code: str
    output: str

    def __str__(self) -> str:
        """Names the example in a test's id."""
        return f"{self.number}-{self.language}"


def examples_of(page: str) -> list[Example]:
    """Every runnable block; the next block, if it is ``text``, is what it prints."""
    blocks: list[tuple[str, str]] = _BLOCK.findall(page)
    found: list[Example] = []
    for position, (language, code) in enumerate(blocks):
        if language in RUNNABLE:
            following = blocks[position + 1] if position + 1 < len(blocks) else ("", "")
            output = following[1] if following[0] == "text" else ""
            found.append(Example(len(found) + 1, language, code, output))
    return found


def matches(expected: str, printed: str) -> bool:
    """Whether the printed text is as shown, where three dots stand for anything."""
    pieces = [re.escape(piece) for piece in expected.strip().split("...")]
    return re.fullmatch(".*".join(pieces), printed.strip(), flags=re.DOTALL) is not None
