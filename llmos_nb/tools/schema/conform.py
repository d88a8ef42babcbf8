"""Plain JSON values against a JSON schema: what fits, what is safely made to fit, what is wrong field by field.

Only coercions that cannot change the meaning are made: ``"3"`` is 3 and ``3.0`` is 3 where an integer is
wanted, ``"true"`` is true, and a text that is whole JSON is the list or object it spells. A number is never a
text, True is never 1, and 1 is never True.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain, product, repeat
from typing import Any
from uuid import UUID

from llmos_nb.errors import nearest
from llmos_nb.policy import tell

Schema = Mapping[str, Any] | bool

_SHOWN, _CHOICES = 40, 12
_INTEGER = re.compile(r"[+-]?[0-9]{1,400}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
TYPES: dict[str, Any] = {
    "null": type(None), "boolean": bool, "string": str, "integer": int, "number": float, "object": dict,
    "array": (list, tuple),
}  # fmt: skip
FORMATS: dict[str, tuple[Callable[[str], object], str]] = {
    "date": (date.fromisoformat, "a date like 2024-05-31"),
    "date-time": (datetime.fromisoformat, "a date and time like 2024-05-31T12:00:00"),
    "time": (time.fromisoformat, "a time like 12:30:00"),
    "uuid": (UUID, "a UUID"),
    "decimal": (Decimal, "a decimal number as text"),
}
_REAL = (int, float)
BOUNDS: dict[str, tuple[Any, Callable[[Any, Any], bool], str]] = {
    "minimum": (_REAL, lambda v, b: v >= b, "be at least {}"),
    "maximum": (_REAL, lambda v, b: v <= b, "be at most {}"),
    "exclusiveMinimum": (_REAL, lambda v, b: v > b, "be more than {}"),
    "exclusiveMaximum": (_REAL, lambda v, b: v < b, "be less than {}"),
    "minLength": (str, lambda v, b: len(v) >= b, "have at least {} characters"),
    "maxLength": (str, lambda v, b: len(v) <= b, "have at most {} characters"),
    "minItems": ((list, tuple), lambda v, b: len(v) >= b, "have at least {} items"),
    "maxItems": ((list, tuple), lambda v, b: len(v) <= b, "have at most {} items"),
}


def word(value: object) -> str:
    """Return a value's JSON type and a short form of it: ``string 'three'``."""
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
    return "null" if value is None else f"{type_of(value)} {shown}"


def type_of(value: object) -> str:
    """Name the JSON type of a value."""
    return next((k for k, t in TYPES.items() if isinstance(value, t)), type(value).__name__)


def same(a: object, b: object) -> bool:
    """Return whether two JSON values are equal, where True is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def is_a(value: object, kind: str) -> bool:
    """Return whether a value is of a JSON type as it is; 3.0 is an integer in JSON schema."""
    got = type_of(value)
    whole = isinstance(value, float) and math.isfinite(value) and value.is_integer()
    return got == kind or (kind == "number" and got == "integer") or (kind == "integer" and whole)


def coerced(kind: str, value: Any, schema: Mapping[str, Any]) -> Any:
    """Make the one safe coercion to a type, or give None."""
    if kind == "string" and schema.get("format") == "decimal" and type_of(value) in ("integer", "number"):
        return repr(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        number = int(text) if _INTEGER.fullmatch(text) else float(text)
        return number if math.isfinite(number) else None
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower())
    return _spelled(text, list if kind == "array" else dict) if kind in ("array", "object") else None


def _spelled(text: str, kind: type) -> Any:
    """Return the list or object that a text spells as whole JSON."""
    with suppress(ValueError, RecursionError):
        made = json.loads(text)
        json.dumps(made, allow_nan=False)
        return made if isinstance(made, kind) else None
    return None


def parses(parse: Callable[[str], object], text: str) -> bool:
    """Return whether a format's reader takes a text."""
    with suppress(ValueError, ArithmeticError):
        parse(text)
        return True
    return False


def choices_of(choices: list[Any]) -> str:
    """Spell the first of the values that are allowed."""
    shown = ", ".join(repr(c) for c in choices[:_CHOICES])
    return f"one of {shown}{', …' if len(choices) > _CHOICES else ''}"


def wanted_by(schema: Schema) -> str:
    """Say in words what a schema wants."""
    if isinstance(schema, bool):
        return "a value"
    if "enum" in schema:
        return choices_of(schema["enum"])
    if branches := schema.get("anyOf"):
        return " or ".join(dict.fromkeys(map(wanted_by, branches)))
    kind = schema.get("type", "value")
    return article(kind) if isinstance(kind, str) else " or ".join(kind)


def article(kind: str) -> str:
    """Return the name of a type with its article."""
    return kind if kind == "null" else f"{'an' if kind[:1] in 'aio' else 'a'} {kind}"


_PATH, _FAULT = 120, 400
_DEEP = 64  # a schema whose $ref leads back to itself never ends otherwise


def conform(schema: Schema, value: Any) -> tuple[Any, list[str]]:
    """Check a plain value against a JSON schema.

    Parameters
    ----------
    schema : dict or bool
        Types, enums, bounds, formats, objects, arrays, unions and local references are understood; other
        keywords are ignored.
    value : object
        Plain data; it is not changed.

    Returns
    -------
    tuple
        The value with the safe coercions made, and one message a field that does not fit.
    """
    check = _Check(schema)
    return check.fit(schema, value, ""), check.faults


def referred(root: Schema, ref: str) -> Schema:
    """Return the part of a schema that a local reference names; what is not there may be anything."""
    at: Any = root
    for step in filter(None, ref.removeprefix("#").split("/")):
        at = at.get(step, True) if isinstance(at, Mapping) else True
    return at if isinstance(at, Mapping | bool) else True


def types_of(root: Schema, schema: Schema, deep: int = 0) -> frozenset[str]:
    """Return the JSON types that a part of a schema takes; none where it takes any, or does not say."""
    if isinstance(schema, bool) or deep > _DEEP:
        return frozenset()
    if "$ref" in schema:
        return types_of(root, referred(root, schema["$ref"]), deep + 1)
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        each = [types_of(root, b, deep + 1) for b in branches]
        return frozenset().union(*each) if all(each) else frozenset()
    kind = schema.get("type", ())
    return frozenset([kind] if isinstance(kind, str) else kind)


def accepts(schema: Schema, value: Any) -> bool:
    """Return whether a value fits as it is, with no coercion."""
    check = _Check(schema, coerce=False)
    check.fit(schema, value, "")
    return not check.faults


@dataclass(slots=True)
class _Check:
    """One walk over one value."""

    root: Schema
    coerce: bool = True
    faults: list[str] = field(default_factory=list)
    depth: int = 0

    def fit(self, schema: Schema, value: Any, path: str) -> Any:
        """Fit a value at a path; note what is wrong."""
        if isinstance(schema, bool):
            return value if schema else self.fault(path, tell("schema_closed"))
        if self.depth >= _DEEP:
            return self.fault(path, tell("schema_deep"))
        self.depth += 1
        try:
            return self._fit(schema, value, path)
        finally:
            self.depth -= 1

    def fault(self, path: str, text: str) -> None:
        """Note what is wrong at a path."""
        where = " ".join(path.split())[:_PATH] or "the value"  # a path may hold keys of the model's making
        self.faults.append(f"{where}: {text}"[:_FAULT])

    def _fit(self, schema: Mapping[str, Any], value: Any, path: str) -> Any:
        if "$ref" in schema:
            value = self.fit(referred(self.root, schema["$ref"]), value, path)
        for part in schema.get("allOf", ()):
            value = self.fit(part, value, path)
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            value = self._any(branches, value, path)
        before = len(self.faults)
        value = self._typed(schema, value, path)
        if len(self.faults) == before:
            self._chosen(schema, value, path)
            self._bounded(schema, value, path)
            value = self._inside(schema, value, path)
        return value

    def _any(self, branches: list[Schema], value: Any, path: str) -> Any:
        """Take the first branch that fits as it is, then the first that fits with a coercion."""
        for coerce, branch in product((False, True) if self.coerce else (False,), branches):
            check = _Check(self.root, coerce, [], self.depth)
            fitted = check.fit(branch, value, path)
            if not check.faults:
                return fitted
        known = [b for b in branches if isinstance(b, Mapping)]
        near = [b for b in known if b.get("type") == type_of(value) or len(known) == 1]
        near = near or [b for b in known if b.get("type") != "null"]
        if len(near) == 1:
            self.fit(near[0], value, path)
        else:
            self.fault(path, tell("schema_expected", wanted=wanted_by({"anyOf": known}), got=word(value)))
        return value

    def _typed(self, schema: Mapping[str, Any], value: Any, path: str) -> Any:
        wanted = schema.get("type")
        types = [wanted] if isinstance(wanted, str) else list(wanted or ())
        if any(is_a(value, t) for t in types) or not types:
            whole = isinstance(value, float) and "integer" in types and "number" not in types
            return int(value) if whole else value
        for t in types if self.coerce else ():
            made = coerced(t, value, schema)
            if made is not None:
                return made
        expected = " or ".join(wanted_by({**schema, "type": t}) for t in types)
        self.fault(path, tell("schema_expected", wanted=expected, got=word(value)))
        return value

    def _chosen(self, schema: Mapping[str, Any], value: Any, path: str) -> None:
        choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if choices is not None and not any(same(value, c) for c in choices):
            self.fault(path, tell("schema_expected", wanted=choices_of(choices), got=word(value)))

    def _bounded(self, schema: Mapping[str, Any], value: Any, path: str) -> None:
        for key in [k for k in BOUNDS if k in schema]:
            (kind, holds, text), bound = BOUNDS[key], schema[key]
            fits = isinstance(value, kind) and not isinstance(value, bool)
            if bound is not None and fits and not holds(value, bound):
                self.fault(path, tell("schema_bound", bound=text.format(bound), got=word(value)))
        parse, wanted = FORMATS.get(str(schema["format"]), (None, "")) if "format" in schema else (None, "")
        if parse is not None and isinstance(value, str) and not parses(parse, value):
            self.fault(path, tell("schema_expected", wanted=wanted, got=word(value)))

    def _inside(self, schema: Mapping[str, Any], value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return self._object(schema, value, path)
        if not isinstance(value, list | tuple):
            return value
        schemas = chain(schema.get("prefixItems", ()), repeat(schema.get("items", True)))
        pairs = zip(value, schemas, strict=False)
        return [self.fit(s, v, f"{path}[{i}]") for i, (v, s) in enumerate(pairs)]

    def _object(self, schema: Mapping[str, Any], value: dict[Any, Any], path: str) -> dict[Any, Any]:
        known: Mapping[str, Schema] = schema.get("properties", {})
        rest: Schema = True if schema.get("patternProperties") else schema.get("additionalProperties", True)
        dot = f"{path}." if path else ""
        for name in schema.get("required", ()):
            if name not in value:
                self.fault(f"{dot}{name}", tell("schema_missing", wanted=wanted_by(known.get(name, True))))
        made = {}
        for name, item in value.items():
            if name not in known and rest is False:
                there = f"{', '.join(known) or 'none'}{nearest(str(name), known)}"
                self.fault(f"{dot}{name}", tell("schema_unexpected", known=there))
            else:
                made[name] = self.fit(known.get(name, rest), item, f"{dot}{name}")
        return made
