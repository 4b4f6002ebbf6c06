"""The API's description for people: one page of HTML, made of the OpenAPI document alone.

It loads nothing: no script, no font, no address but our own, and its few styles are allowed by
their hash.
"""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Any, Final

Json = dict[str, Any]

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
code { font-family: ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .5rem; text-align: left; }
summary { cursor: pointer; padding: .4rem 0; }
:root { color-scheme: light dark; }
"""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)


def docs_page(api: Json) -> bytes:
    """The page of an OpenAPI document."""
    info = api["info"]
    body = "".join(_operations(api))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}'
        f'</title><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>"
        "<p>Every call needs <code>Authorization: Bearer pk_live_...</code>, or "
        "<code>x-api-key</code>. For machines: "
        '<a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>'
        f"{body}</html>"
    ).encode()


def _operations(api: Json) -> Iterator[str]:
    tag = ""
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                yield f"<h2>{escape(tag)}</h2>"
            yield (
                f"<details><summary><code>{method.upper()} {escape(path)}</code> "
                f"{escape(operation['summary'])}</summary>"
            )
            yield from _fields("Parameters", _parameters(operation))
            yield from _fields("Body", _body_fields(api, operation))
            yield "</details>"


def _fields(title: str, rows: list[tuple[str, str, bool]]) -> Iterator[str]:
    if not rows:
        return
    yield f"<h3>{title}</h3><table><tr><th>Name<th>Type<th>Required</tr>"
    for name, kind, required in rows:
        needed = "yes" if required else ""
        yield f"<tr><td><code>{escape(name)}</code><td>{escape(kind)}<td>{needed}</tr>"
    yield "</table>"


def _parameters(operation: Json) -> list[tuple[str, str, bool]]:
    return [
        (one["name"], f"{_kind(one['schema'])}, in the {one['in']}", one.get("required", False))
        for one in operation.get("parameters", ())
    ]


def _body_fields(api: Json, operation: Json) -> list[tuple[str, str, bool]]:
    if "requestBody" not in operation:
        return []
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = api["components"]["schemas"][reference.rpartition("/")[2]]
    required = schema.get("required", ())
    return [(name, _kind(one), name in required) for name, one in schema["properties"].items()]


def _kind(schema: Json) -> str:
    """A type in a few words."""
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if "anyOf" in schema:
        kinds = (_kind(one) for one in schema["anyOf"])
        return " or ".join(kind for kind in dict.fromkeys(kinds) if kind != "null")
    if "$ref" in schema:
        name: str = schema["$ref"].rpartition("/")[2]
        return name.rpartition(".")[2]
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kind: str = schema.get("type", "anything")
    return kind
