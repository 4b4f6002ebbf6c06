"""Tools that Anthropic has defined and the client runs, spelt out as functions for any model.

Claude knows ``bash_20250124`` and its like by heart; other models, and our contract, need name,
description and schema. Inputs are those of ``types/beta/*_command.py`` of anthropic 2.12 and of its
manual pages. Tools that Anthropic itself runs (web search, code execution) are not among them, nor
computers and browsers, whose actions are more than a function's.
"""

from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KnownToolSpec:
    """A tool as a function."""

    description: str
    parameters: Json


def known_tool(kind: str) -> KnownToolSpec | None:
    """The tool of this dated type, as ``bash_20250124``; ``None`` if the client does not run it."""
    family = kind.rpartition("_")[0]
    spec = _KNOWN.get(family)
    if spec is _EDITOR and kind in _EDITORS_WITH_UNDO:
        return _EDITOR_WITH_UNDO
    return spec


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


def _integer(description: str) -> Json:
    return {"type": "integer", "description": description}


_PATH: Final = _text("The path of the file or directory.")
_RANGE: Final[Json] = {
    "type": "array",
    "items": {"type": "integer"},
    "description": "For view: the first and the last line to show; -1 is the file's end.",
}
_EDITING: Final[Json] = {
    "path": _PATH,
    "view_range": _RANGE,
    "file_text": _text("For create: the file's whole content."),
    "old_str": _text("For str_replace: the text to replace, which must occur exactly once."),
    "new_str": _text("For str_replace: the text to put in its place."),
    "insert_line": _integer("For insert: the line after which to insert; 0 is the beginning."),
    "insert_text": _text("For insert: the text to insert."),
}


def _object(properties: Json, *required: str) -> Json:
    return {"type": "object", "properties": properties, "required": list(required)}


def _editor(*commands: str) -> KnownToolSpec:
    command = {"type": "string", "enum": list(commands), "description": "What to do."}
    return KnownToolSpec(
        "Views, creates and edits text files.",
        _object({"command": command, **_EDITING}, "command", "path"),
    )


_BASH: Final = KnownToolSpec(
    "Runs a command in a bash shell that keeps its state between calls.",
    _object(
        {
            "command": _text("The command to run. Needed unless the shell is restarted."),
            "restart": {"type": "boolean", "description": "Whether to restart the shell."},
        }
    ),
)
_EDITOR: Final = _editor("view", "create", "str_replace", "insert")
_EDITOR_WITH_UNDO: Final = _editor("view", "create", "str_replace", "insert", "undo_edit")
_EDITORS_WITH_UNDO: Final = frozenset({"text_editor_20241022", "text_editor_20250124"})
_MEMORY: Final = KnownToolSpec(
    "A directory of text files, /memories, that lasts over conversations. Look there before you "
    "begin, and keep there what will be of use later.",
    _object(
        {
            "command": {
                "type": "string",
                "enum": ["view", "create", "str_replace", "insert", "delete", "rename"],
                "description": "What to do.",
            },
            **_EDITING,
            "old_path": _text("For rename: the present path."),
            "new_path": _text("For rename: the new path."),
        },
        "command",
    ),
)
_KNOWN: Final = {"bash": _BASH, "text_editor": _EDITOR, "memory": _MEMORY}
