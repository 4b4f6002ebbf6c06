"""From a request's bytes to typed objects, and from what is wrong with them to OpenAI's wording.

Last line of the path: ``Refusal`` with the field's path, a sentence, and one of OpenAI's codes.
"""

import difflib
import re
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from tokensmith_bridge.openai.errors import BridgeReason, Refusal
from tokensmith_bridge.openai.schema import ChatRequest

Body = TypeVar("Body")

_chat_request_decoder: Final = msgspec.json.Decoder(ChatRequest)
_fields_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode: Final = msgspec.json.Encoder().encode

# msgspec's sentences (0.22). One that is not known here is passed on without its path notation.
_WHERE: Final = re.compile(r"^(?P<problem>.*?) - at (?:`key` in )?`\$(?P<path>.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(.+)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(.*)`$", re.DOTALL)
_WRONG_TYPE: Final = re.compile(r"^Expected `(.+?)`(?:, got `(.+)`)?$")
_BAD_CHOICE: Final = re.compile(r"^Invalid (?:enum )?value (.+)$", re.DOTALL)
_OUT_OF_RANGE: Final = re.compile(r"^Expected `(int|float)` (<=|>=|<|>) (.+)$")
_BAD_LENGTH: Final = re.compile(r"^Expected `(str|array|object)` of length (<=|>=) (\d+)$")
_BAD_PATTERN: Final = re.compile(r"^Expected `str` matching regex '(.+)'$")

_TYPE_NAMES: Final = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_PATTERN_WORDS: Final = {
    "^[A-Za-z0-9_-]{1,64}": "1 to 64 letters, digits, underscores or dashes",
    "^[0-9]{1,10}": "a token id, in digits",
}

# The escape of a first half without that of a second one.
_HALF_CHARACTER: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u)")


def chat_request_from_json(body: bytes) -> ChatRequest:
    """Decode the body of ``POST /v1/chat/completions``.

    Raises:
        Refusal: it is not JSON, names a field twice, or is not what ``schema.py`` describes.
    """
    return decode_body(_chat_request_decoder, body)


def decode_body(decoder: "msgspec.json.Decoder[Body]", body: bytes) -> Body:
    """Decode a body of the decoder's type.

    Raises:
        Refusal: it is not JSON, names a field twice, or is not of that type.
    """
    try:
        decoded = decoder.decode(body)
        _refuse_repeated_fields(body)
    except msgspec.ValidationError as error:
        raise refusal_from_validation(str(error), decoder.type) from None
    except msgspec.DecodeError as error:
        raise _malformed(_why_malformed(str(error), body)) from None
    except UnicodeDecodeError:
        raise _malformed("it is not valid UTF-8.") from None
    except RecursionError:
        raise _malformed("it is nested too deeply.") from None
    return decoded


def _why_malformed(text: str, body: bytes) -> str:
    """The decoder's words, save for a string that ends after half a character: it says all ends."""
    ends_whole = body.rstrip().endswith((b"}", b"]"))
    if text == "Input data was truncated" and ends_whole and _HALF_CHARACTER.search(body):
        return "a string has half of a surrogate pair, like \\ud83d without the escape after it."
    return f"{text.removeprefix('JSON is malformed: ')}."


def decode_body_in_parts(decoder: "msgspec.json.Decoder[Body]", body: bytes) -> Body:
    """Decode a body of a type that leaves parts as they came, for later.

    Those parts are read over, and not looked at: so that they are text is made sure of here.

    Raises:
        Refusal: as ``decode_body``.
    """
    decoded = decode_body(decoder, body)
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            raise _malformed("it is not valid UTF-8.") from None
    return decoded


def _malformed(why: str) -> Refusal:
    return Refusal(
        BridgeReason.MALFORMED_JSON,
        f"We could not parse the JSON body of your request: {why}",
    )


def _refuse_repeated_fields(body: bytes) -> None:
    """Refuse a body that names a field twice, which JSON readers understand in different ways.

    The decoder keeps the last one, so that what is written again is shorter than what came. Only
    the top level is looked at, which is where all that costs money is.
    """
    if _size_written_again(body) == len(body):
        return
    compact = msgspec.json.format(body, indent=-1)
    if _size_written_again(compact) != len(compact):
        raise _malformed("a field is named more than once, or with escapes.")


def _size_written_again(body: bytes) -> int:
    """Bytes of a compact object with these fields, each named once and their values as they are."""
    return len(_encode(_fields_decoder.decode(body)))


def refusal_from_validation(text: str, body_type: Any) -> Refusal:
    """Say in OpenAI's way what msgspec found wrong with a body of ``body_type``."""
    where = _WHERE.match(text)
    problem, path = (where["problem"], where["path"].lstrip(".")) if where else (text, "")
    path = path.replace("[...]", "")
    for pattern, explain in _EXPLANATIONS:
        match = pattern.match(problem)
        if match is not None:
            return explain(match, path, body_type)
    named = f" for '{path}'" if path else ""
    return _invalid(f"Invalid value{named}: {problem[:1].lower()}{problem[1:]}.", path)


def _invalid(message: str, path: str) -> Refusal:
    return Refusal("INVALID_ARGUMENT", message, param=path or None)


def _explain_missing(match: re.Match[str], path: str, _type: Any) -> Refusal:
    param = _join(path, match[1])
    return Refusal(
        BridgeReason.MISSING_PARAMETER, f"Missing required parameter: '{param}'.", param=param
    )


def _explain_unknown(match: re.Match[str], path: str, body_type: Any) -> Refusal:
    name = match[1][:100]
    param = _join(path, name)
    known = field_names(body_type).get(re.sub(r"\[\d+\]", "[]", path), ())
    # Objects of several types share a path. A field that another of them has is no slip.
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7) if name not in known else ()
    hint = f" Did you mean '{_join(path, near[0])}'?" if near else ""
    return Refusal("UNKNOWN_PARAMETER", f"Unknown parameter: '{param}'.{hint}", param=param)


def _explain_type(match: re.Match[str], path: str, _type: Any) -> Refusal:
    wanted = [_TYPE_NAMES.get(name, name) for name in match[1].split(" | ") if name != "null"]
    got = f", but got {_TYPE_NAMES.get(match[2], match[2])} instead" if match[2] else ""
    where = f"for '{path}'" if path else "of the body"
    return Refusal(
        BridgeReason.INVALID_TYPE,
        f"Invalid type {where}: expected {' or '.join(wanted)}{got}.",
        param=path or None,
    )


def _explain_choice(match: re.Match[str], path: str, body_type: Any) -> Refusal:
    choices = allowed_values(body_type).get(re.sub(r"\[\d+\]", "[]", path), ())
    supported = f" Supported values are: {', '.join(repr(c) for c in choices)}." if choices else ""
    return _invalid(f"Invalid value for '{path}': {match[1][:100]}.{supported}", path)


def _explain_range(match: re.Match[str], path: str, _type: Any) -> Refusal:
    bound = match[3].removesuffix(".0")
    return _invalid(f"Invalid '{path}': expected a value {match[2]} {bound}.", path)


def _explain_length(match: re.Match[str], path: str, _type: Any) -> Refusal:
    thing = {"str": "characters", "array": "items", "object": "entries"}[match[1]]
    bound = "at most" if match[2] == "<=" else "at least"
    return _invalid(f"Invalid '{path}': expected {bound} {match[3]} {thing}.", path)


def _explain_pattern(match: re.Match[str], path: str, _type: Any) -> Refusal:
    words = _PATTERN_WORDS.get(match[1].removesuffix(r"\\Z"), f"text that matches {match[1]}")
    return _invalid(f"Invalid '{path}': expected {words}.", path)


_EXPLANATIONS: Final = (
    (_MISSING, _explain_missing),
    (_UNKNOWN, _explain_unknown),
    (_WRONG_TYPE, _explain_type),
    (_BAD_CHOICE, _explain_choice),
    (_OUT_OF_RANGE, _explain_range),
    (_BAD_LENGTH, _explain_length),
    (_BAD_PATTERN, _explain_pattern),
)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_allowed_values: Final[dict[Any, dict[str, tuple[str, ...]]]] = {}


def allowed_values(body_type: Any) -> dict[str, tuple[str, ...]]:
    """For each field of a body that takes one of a few words: its path, list indexes left out."""
    known = _allowed_values.get(body_type)
    if known is None:
        found: dict[str, list[str]] = {}
        for path, value in _choices(inspect.type_info(body_type), ""):
            values = found.setdefault(path, [])
            if value not in values:
                values.append(value)
        known = _allowed_values[body_type] = {path: tuple(found[path]) for path in found}
    return known


def _choices(kind: inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    match kind:
        case inspect.Metadata(type=inner):
            yield from _choices(inner, path)
        case inspect.LiteralType(values=values):
            yield from ((path, str(value)) for value in values)
        case inspect.UnionType(types=kinds):
            for inner in kinds:
                yield from _choices(inner, path)
        case inspect.ListType(item_type=inner):
            yield from _choices(inner, f"{path}[]")
        case inspect.StructType(fields=fields, tag_field=tag_field, tag=tag):
            if tag_field is not None:
                yield _join(path, tag_field), str(tag)
            for field in fields:
                yield from _choices(field.type, _join(path, field.encode_name))


_field_names: Final[dict[Any, dict[str, tuple[str, ...]]]] = {}


def field_names(body_type: Any) -> dict[str, tuple[str, ...]]:
    """For each object of a body: its path, list indexes left out, and the fields it may have."""
    known = _field_names.get(body_type)
    if known is None:
        found: dict[str, list[str]] = {}
        for path, name in _fields(inspect.type_info(body_type), ""):
            found.setdefault(path, []).append(name)
        known = _field_names[body_type] = {path: tuple(found[path]) for path in found}
    return known


def _fields(kind: inspect.Type, path: str) -> Iterator[tuple[str, str]]:
    match kind:
        case inspect.Metadata(type=inner):
            yield from _fields(inner, path)
        case inspect.UnionType(types=kinds):
            for inner in kinds:
                yield from _fields(inner, path)
        case inspect.ListType(item_type=inner):
            yield from _fields(inner, f"{path}[]")
        case inspect.StructType(fields=fields):
            for field in fields:
                yield path, field.encode_name
                yield from _fields(field.type, _join(path, field.encode_name))
