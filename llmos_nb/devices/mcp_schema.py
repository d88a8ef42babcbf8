"""Somebody else's words and JSON schemas, cleaned and bounded before a model or a person sees them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from llmos_nb.preview import safe_text

MOST_WORDS, MOST_NOTE, MOST_NODES, MOST_DEPTH = 1_000, 200, 400, 8
_FIELD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_NUMBERS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
)  # fmt: skip


def words(text: object, most: int = MOST_WORDS) -> str:
    """Clean somebody else's words: one line, no control, hidden or direction characters, bounded."""
    raw = safe_text(str(text)[: 20 * most])
    seen = "".join(
        " " if c.isspace() else c
        for c in raw
        if unicodedata.category(c) not in ("Cf", "Co", "Cn", "Cc") or c == "\n"
    )
    line = " ".join(seen.split())
    return line if len(line) <= most else line[:most] + "…"


def arguments_schema(schema: object) -> dict[str, Any] | None:
    """Give a schema of arguments that is finite and bounded, or None where the tool cannot be called by it.

    Only keywords that are understood stay; references within the schema are put in place, up to 400 nodes and 8 levels,
    beyond which anything is accepted; names of fields that no endpoint takes are left out.
    """
    if not isinstance(schema, dict):
        return {"type": "object", "properties": {}}
    made = _Schema(schema).made(schema, 0)
    made["type"] = "object"
    made.setdefault("properties", {})
    return made if set(made.get("required", ())) <= made["properties"].keys() else None


class _Schema:
    """One walk over a schema: known keywords stay, local references are put in place, all of it within bounds."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root, self.nodes = root, 0

    def made(self, schema: object, depth: int) -> dict[str, Any]:
        """Give the schema with only what is understood; what is too large or too deep is anything."""
        self.nodes += 1
        if not isinstance(schema, dict) or depth > MOST_DEPTH or self.nodes > MOST_NODES:
            return {}
        if isinstance(schema.get("$ref"), str):
            return self.made(self._referred(schema["$ref"]), depth + 1)
        found = _leaf(schema)
        for key in ("anyOf", "oneOf", "allOf"):
            if isinstance(schema.get(key), list):
                found[key] = [self.made(part, depth + 1) for part in schema[key][:16]]
        if isinstance(schema.get("items"), dict):
            found["items"] = self.made(schema["items"], depth + 1)
        return self._object(schema, found, depth)

    def _object(self, schema: dict[str, Any], found: dict[str, Any], depth: int) -> dict[str, Any]:
        rest, fields = schema.get("additionalProperties"), schema.get("properties")
        if isinstance(rest, bool):
            found["additionalProperties"] = rest
        elif isinstance(rest, dict):
            found["additionalProperties"] = self.made(rest, depth + 1)
        if isinstance(fields, dict):
            usable = [k for k in list(fields)[:100] if isinstance(k, str) and _FIELD.fullmatch(k)]
            found["properties"] = {k: self.made(fields[k], depth + 1) for k in usable}
        if isinstance(schema.get("required"), list):
            found["required"] = [k for k in schema["required"] if isinstance(k, str)][:100]
        return found

    def _referred(self, ref: str) -> object:
        at: object = self.root
        for step in ref.removeprefix("#").split("/")[:MOST_DEPTH]:
            at = at.get(step) if isinstance(at, dict) and step else at
        return at


def _leaf(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Keep types, choices, bounds and cleaned notes of one level."""
    kinds = schema.get("type")
    named = [k for k in (kinds if isinstance(kinds, list) else [kinds]) if k in _TYPES]
    found: dict[str, Any] = {"type": named[0] if len(named) == 1 else named} if named else {}
    if isinstance(schema.get("enum"), list):
        found["enum"] = [_value(v) for v in schema["enum"][:100]]
    found |= {k: _value(schema[k]) for k in ("const", "default") if k in schema}
    found |= {k: schema[k] for k in _NUMBERS if type(schema.get(k)) in (int, float)}
    if isinstance(schema.get("format"), str):
        found["format"] = words(schema["format"], 20)
    if isinstance(schema.get("description"), str):
        found["description"] = words(schema["description"], MOST_NOTE)
    return found


def _value(value: object) -> object:
    """Give a choice or default: short texts stay as they are, anything large is left out as null."""
    if isinstance(value, str):
        return (
            value if len(value) <= MOST_NOTE and words(value, MOST_NOTE) == value else words(value, MOST_NOTE)
        )
    return value if isinstance(value, int | float | bool) and abs(value) < 1e300 else None
