"""One plain JSON value against one type: what it is, whether it fits, and the safe coercions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

Schema = Mapping[str, Any] | bool

_SHOWN, _CHOICES = 40, 12
_INTEGER = re.compile(r"[+-]?[0-9]{1,400}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WORDS = {"true": True, "false": False}
_ARTICLES = {"integer": "an integer", "array": "an array", "object": "an object", "null": "null"}
_TYPES: tuple[tuple[str, Any], ...] = (
    ("null", type(None)), ("boolean", bool), ("string", str), ("integer", int),
    ("number", float), ("object", dict), ("array", (list, tuple)),
)  # fmt: skip
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
    """Give a value's JSON type and a short form of it: ``string 'three'``."""
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
    return "null" if value is None else f"{type_of(value)} {shown}"


def type_of(value: object) -> str:
    """Name the JSON type of a value."""
    return next((k for k, t in _TYPES if isinstance(value, t)), type(value).__name__)


def same(a: object, b: object) -> bool:
    """Tell whether two JSON values are equal, where True is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def is_a(value: object, kind: str) -> bool:
    """Tell whether a value is of a JSON type as it is; 3.0 is an integer in JSON schema."""
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
        return _WORDS.get(text.lower())
    return _spelled(text, list if kind == "array" else dict) if kind in ("array", "object") else None


def _spelled(text: str, kind: type) -> Any:
    """Give the list or object that a text spells as whole JSON."""
    try:
        made = json.loads(text)
        json.dumps(made, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return made if isinstance(made, kind) else None


def parses(parse: Callable[[str], object], text: str) -> bool:
    """Tell whether a format's reader takes a text."""
    try:
        parse(text)
    except (ValueError, ArithmeticError):
        return False
    return True


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
    if schema.get("anyOf"):
        return " or ".join(dict.fromkeys(wanted_by(b) for b in schema["anyOf"]))
    kind = schema.get("type", "value")
    return _ARTICLES.get(kind, f"a {kind}") if isinstance(kind, str) else " or ".join(kind)
