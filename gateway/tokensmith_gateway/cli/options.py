"""Options that several commands take."""

from typing import Annotated

import typer

from tokensmith_server.ids import NAME_LENGTH_MAX


def one_line(text: str) -> str:
    """What people name things with, as it goes into tables and answers; others are wrong usage."""
    if len(text) > NAME_LENGTH_MAX or not text.isprintable() or text != text.strip():
        raise typer.BadParameter(
            f"at most {NAME_LENGTH_MAX} printable characters, without blanks around them"
        )
    return text


def not_empty(text: str) -> str:
    """The same, and not nothing."""
    if not text:
        raise typer.BadParameter(f"1 to {NAME_LENGTH_MAX} printable characters")
    return one_line(text)


AsJSON = Annotated[bool, typer.Option("--json", help="Print JSON, in a stable form.")]
