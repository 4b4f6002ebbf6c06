"""Fits a JSON Schema into the subset of Anthropic's structured outputs, or refuses it. Pure.

The rule: an answer that follows the schema that is sent follows the schema that was asked for, too.

=============================  ====================================================================
``type`` missing               added where ``properties`` or ``items`` say it
``additionalProperties``       absent, or ``true`` beside properties: ``false`` is sent, and the
                               answer has only the listed properties. A schema there, or an object
                               without any properties, is refused: it could only come back empty
``title``, ``default``         sent
``description``
``examples``, comments, ids    added to the description, or left out where they say nothing
annotations beside ``$ref``    left out: the API takes ``$ref`` alone
constraints of values          ``strict``: refused, because nothing would enforce them. Else added
(``minimum``, ``pattern`` …)   to the description, since nothing would enforce them at OpenAI either
``oneOf``                      as a constraint; without ``strict`` it is sent as ``anyOf``
recursion, outside references  refused
=============================  ====================================================================

How many optional properties and union types there may be holds for a whole request.

Sources: Anthropic's page on structured outputs, and ``lib/_parse/_transform.py`` of its SDK.
"""

from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import msgspec

from tokensmith_server.providers.capabilities import refuse

Json = dict[str, Any]

OPTIONAL_MAX: Final = 24
UNIONS_MAX: Final = 16

_FORMATS: Final = frozenset(
    {
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "time",
        "uri",
        "uuid",
    }
)
_SENT: Final = frozenset({"default", "description", "title"})
_SAYS_NOTHING: Final = frozenset({"$comment", "$id", "$schema"})
_ANNOTATIONS: Final = frozenset({"deprecated", "examples", "readOnly", "writeOnly"})
_ELSEWHERE: Final = _SAYS_NOTHING | {"additionalProperties", "properties", "required", "type"}
_GROUPS: Final = ("$defs", "definitions")
_SCALARS: Final = (str, int, float, bool, type(None))


@dataclass(slots=True)
class SchemaTotals:
    """What the API limits over all schemas of one request that it enforces."""

    optionals: int = 0
    """Properties that are not required."""
    unions: int = 0
    """Parts of more than one type."""


def fit_schema(
    schema: Json, *, strict: bool, param: str, totals: SchemaTotals | None = None
) -> Json:
    """Return the schema as Anthropic takes it. ``param`` is the request's field, for errors.

    ``totals`` are those of the request's schemas before this one, and have it in them afterwards.

    Raises:
        ProviderError: kind INVALID_REQUEST, naming the keyword and where it stands.
    """
    fitter = _Fitter(schema, totals or SchemaTotals(), strict=strict, param=param)
    fitted = fitter.fit(schema, "")
    for group in _GROUPS:
        if isinstance(schema.get(group), dict):
            fitted[group] = {
                name: fitter.fit(node, f"/{group}/{name}") for name, node in schema[group].items()
            }
    fitter.check_totals()
    return fitted


@dataclass(slots=True)
class _Fitting:
    """One node: its types, what is sent of it, and what only its description can say."""

    path: str
    kinds: list[str]
    fitted: Json = field(default_factory=dict)
    notes: Json = field(default_factory=dict)

    def add_notes(self) -> None:
        if not self.notes:
            return
        noted = (
            f"{key}: {msgspec.json.encode(value).decode()}" for key, value in self.notes.items()
        )
        text = f"{{{', '.join(noted)}}}"
        described = self.fitted.get("description")
        self.fitted["description"] = f"{described}\n\n{text}" if described else text


class _Fitter:
    """One schema on its way; counts what the API limits."""

    def __init__(self, root: Json, totals: SchemaTotals, *, strict: bool, param: str) -> None:
        self._root = root
        self._totals = totals
        self._strict = strict
        self._param = param

    def check_totals(self) -> None:
        for count, most, named in (
            (self._totals.optionals, OPTIONAL_MAX, "optional properties"),
            (self._totals.unions, UNIONS_MAX, "union types"),
        ):
            if count > most:
                self._refuse(f"brings the request to {count} {named}; at most {most}", "")

    def fit(self, node: Any, path: str) -> Json:
        if not isinstance(node, dict):
            self._refuse("has something that is no schema object", path)
        if "$ref" in node:
            return self._reference(node, path)
        fitting = _Fitting(path, self._kinds(node, path))
        fitted = fitting.fitted
        if fitting.kinds:
            fitted["type"] = fitting.kinds if len(fitting.kinds) > 1 else fitting.kinds[0]
        for key, value in node.items():
            if key in _SENT:
                fitted[key] = value
            elif key in _ANNOTATIONS:
                fitting.notes[key] = value
            elif key not in _ELSEWHERE:
                self._keyword(key, value, fitting)
        if "object" in fitting.kinds:
            self._close(node, fitting)
        self._totals.unions += "anyOf" in fitted or len(fitting.kinds) > 1
        if not fitted.keys() & {"allOf", "anyOf", "const", "enum", "type"}:
            self._refuse("has a part without a type", path)
        fitting.add_notes()
        return fitted

    def _keyword(self, key: str, value: Any, to: "_Fitting") -> None:
        match key:
            case "$defs" | "definitions":
                if to.path:
                    self._refuse(f"has `{key}` below its root", to.path)
            case "enum" | "const":
                to.fitted[key] = self._literals(key, value, to.path)
            case "anyOf" | "allOf":
                to.fitted[key] = self._variants(key, value, to.path)
            case "oneOf" if not self._strict and "anyOf" not in to.fitted:
                to.fitted["anyOf"] = self._variants(key, value, to.path)
            case "items" if "array" in to.kinds:
                to.fitted[key] = self.fit(value, f"{to.path}/items")
            case "minItems" if "array" in to.kinds and value in (0, 1):
                to.fitted[key] = value
            case "format" if "string" in to.kinds and value in _FORMATS:
                to.fitted[key] = value
            case _:
                self._constraint(key, value, to)

    def _constraint(self, key: str, value: Any, to: "_Fitting") -> None:
        if self._strict:
            self._refuse(f"has `{key}`, which can't be enforced", to.path)
        to.notes[key] = value

    def _kinds(self, node: Json, path: str) -> list[str]:
        kind = node.get("type")
        if kind is None:
            kind = "object" if "properties" in node else "array" if "items" in node else []
        kinds = kind if isinstance(kind, list) else [kind]
        if not all(isinstance(one, str) for one in kinds):
            self._refuse("has a `type` that is none", path)
        return kinds

    def _literals(self, key: str, value: Any, path: str) -> Any:
        listed = value if key == "enum" else [value]
        if not isinstance(listed, list) or not all(isinstance(one, _SCALARS) for one in listed):
            self._refuse(f"has an `{key}` that is not made of plain values", path)
        return value

    def _variants(self, key: str, value: Any, path: str) -> list[Json]:
        if not isinstance(value, list) or not value:
            self._refuse(f"has a `{key}` that lists nothing", path)
        return [self.fit(one, f"{path}/{key}/{place}") for place, one in enumerate(value)]

    def _close(self, node: Json, to: "_Fitting") -> None:
        """Write an object's properties, and close it."""
        path, fitted = to.path, to.fitted
        properties = node.get("properties", {})
        more = node.get("additionalProperties")
        if not isinstance(properties, dict):
            self._refuse("has `properties` that are none", path)
        if isinstance(more, dict) or (not properties and more is not False):
            self._refuse("has an object whose properties are not listed", path)
        if more is True and self._strict:
            self._refuse("has `additionalProperties`, which can't be had", path)
        required = node.get("required", [])
        fitted["properties"] = {
            name: self.fit(value, f"{path}/properties/{name}") for name, value in properties.items()
        }
        if "required" in node:
            fitted["required"] = required
        fitted["additionalProperties"] = False
        listed = required if isinstance(required, list) else []
        self._totals.optionals += sum(name not in listed for name in properties)

    def _reference(self, node: Json, path: str) -> Json:
        reference = node["$ref"]
        beside = node.keys() - {"$ref"} - _SENT - _ANNOTATIONS - _SAYS_NOTHING - set(_GROUPS)
        if beside:
            self._refuse(f"has `{min(beside)}` beside a `$ref`", path)
        group, name = self._target(reference)
        if name is None:
            self._refuse("has a `$ref` to something outside its `$defs`", path)
        if (group, name) in self._reached(self._root[group][name]):
            self._refuse("is recursive", path)
        return {"$ref": reference}

    def _target(self, reference: Any) -> tuple[str, str | None]:
        if isinstance(reference, str):
            for group in _GROUPS:
                name = reference.removeprefix(f"#/{group}/")
                known = self._root.get(group)
                if name != reference and isinstance(known, dict) and name in known:
                    return group, name
        return "", None

    def _reached(self, node: Any) -> set[tuple[str, str]]:
        """Return the definitions that a schema leads to, over any number of references."""
        found: set[tuple[str, str]] = set()
        waiting = [node]
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting.extend(one)
            elif isinstance(one, dict):
                waiting.extend(one.values())
                group, name = self._target(one.get("$ref"))
                if name is not None and (group, name) not in found:
                    found.add((group, name))
                    waiting.append(self._root[group][name])
        return found

    def _refuse(self, problem: str, path: str) -> NoReturn:
        where = f" (at `#{path}`)" if path else ""
        refuse(
            f"The provider can't follow this schema: it {problem}{where}.",
            self._param,
            allowed="the JSON Schema subset of Anthropic's structured outputs",
            value=True,
        )
