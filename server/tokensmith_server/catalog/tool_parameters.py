"""The tools that a chat model takes, for its parameter schema. Pure."""

from typing import Final

from tokensmith_server.catalog.model import Capabilities
from tokensmith_server.catalog.parameter_terms import (
    Json,
    array,
    boolean,
    choice,
    either,
    mapping,
    record,
    tagged,
    text,
)
from tokensmith_server.catalog.parameter_vendors import Vendor

TOOLS_MAX: Final = 128

_CACHE_CONTROL: Final[Json] = {"cache_control": mapping(True, "Taken, without effect.")}


def tools_term(can: Capabilities, vendor: Vendor) -> Json | None:
    """The field ``tools``; ``None`` for a model that calls none."""
    kinds = [_TOOLS[kind](vendor) for kind in _kinds(can, vendor)]
    if not kinds:
        return None
    description = "What the model may call."
    if can.tools and not can.tools_with_reasoning:
        description += ' Functions only with `reasoning_effort` "none".'
    return array(either(kinds), description, maxItems=TOOLS_MAX)


def tool_choice_term(can: Capabilities, vendor: Vendor) -> Json:
    """The field ``tool_choice``."""
    kinds = _kinds(can, vendor)
    if not kinds:
        return choice(("none", "auto"), "The model calls no tools, so that this changes nothing.")
    references = [tagged(kind, {kind: record({"name": text()})}) for kind in kinds]
    shapes = [choice(("none", "auto", "required")), *references]
    if vendor.allowed_tools:
        some = {"mode": choice(("auto", "required")), "tools": array(either(references))}
        shapes.append(tagged("allowed_tools", {"allowed_tools": record(some)}))
    return either(shapes, "Whether and what to call. Needs `tools`, unless it is none or auto.")


def functions_term(can: Capabilities, vendor: Vendor) -> Json | None:
    """The field ``functions`` of before tools; ``None`` where nobody takes it."""
    if not can.tools or "functions" not in vendor.fields:
        return None
    function = record(
        {"name": _function_name(vendor)}, {"description": text(), "parameters": mapping(True)}
    )
    return array(function, "Former way to say `tools`.", maxItems=TOOLS_MAX, deprecated=True)


def function_call_term(can: Capabilities, vendor: Vendor) -> Json | None:
    """The field ``function_call`` of before tools; ``None`` where nobody takes it."""
    if not can.tools or "functions" not in vendor.fields:
        return None
    shapes = [choice(("none", "auto")), record({"name": text()})]
    return either(shapes, "Former way to say `tool_choice`.", deprecated=True)


def _kinds(can: Capabilities, vendor: Vendor) -> list[str]:
    kinds = ["function"] if can.tools else []
    return [*kinds, "custom"] if can.custom_tools and "custom_tools" in vendor.fields else kinds


def _function_name(vendor: Vendor) -> Json:
    names = "[A-Za-z0-9_-]{1,64}" if vendor.any_function_name else "[A-Za-z_][A-Za-z0-9_-]{0,63}"
    return text(pattern=f"^{names}$")


def _function(vendor: Vendor) -> Json:
    function = record(
        {"name": _function_name(vendor)},
        {
            "description": text("What it does, for the model."),
            "parameters": mapping(True, "A JSON Schema of its arguments."),
            "strict": boolean("Whether arguments follow the schema to the letter."),
            **_CACHE_CONTROL,
        },
    )
    return tagged("function", {"function": function}, _CACHE_CONTROL)


def _custom(_: Vendor) -> Json:
    grammar = record({"definition": text(), "syntax": choice(("lark", "regex"))})
    shapes = either([tagged("text", {}), tagged("grammar", {"grammar": grammar})])
    custom = record(
        {"name": text(pattern="^[A-Za-z0-9_-]{1,64}$")},
        {"description": text("What it does, for the model."), "format": shapes},
    )
    return tagged("custom", {"custom": custom})


_TOOLS: Final = {"function": _function, "custom": _custom}
