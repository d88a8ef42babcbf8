"""Plain JSON values against a JSON schema: what fits, what is safely made to fit, what is wrong field by field.

Only coercions that cannot change the meaning are made: ``"3"`` is 3 and ``3.0`` is 3 where an integer is
wanted, ``"true"`` is true, and a text that is whole JSON is the list or object it spells. A number is never a
text, True is never 1, and 1 is never True.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmos_nb.coerce import (
    BOUNDS,
    FORMATS,
    Schema,
    choices_of,
    coerced,
    is_a,
    parses,
    same,
    type_of,
    wanted_by,
    word,
)
from llmos_nb.errors import nearest

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


def accepts(schema: Schema, value: Any) -> bool:
    """Tell whether a value fits as it is, with no coercion."""
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
            return value if schema else self.fault(path, "not allowed")
        if self.depth >= _DEEP:
            return self.fault(path, "nested too deep")
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
            value = self.fit(self._referred(schema["$ref"]), value, path)
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

    def _referred(self, ref: str) -> Schema:
        at: Any = self.root
        for step in filter(None, ref.removeprefix("#").split("/")):
            at = at.get(step, True) if isinstance(at, Mapping) else True
        return at if isinstance(at, Mapping | bool) else True

    def _any(self, branches: list[Schema], value: Any, path: str) -> Any:
        """Take the first branch that fits as it is, then the first that fits with a coercion."""
        for coerce in (False, True) if self.coerce else (False,):
            for branch in branches:
                check = _Check(self.root, coerce, [], self.depth)
                fitted = check.fit(branch, value, path)
                if not check.faults:
                    return fitted
        self._none_fits([b for b in branches if isinstance(b, Mapping)], value, path)
        return value

    def _none_fits(self, branches: list[Mapping[str, Any]], value: Any, path: str) -> None:
        near = [b for b in branches if b.get("type") == type_of(value) or len(branches) == 1] or [
            b for b in branches if b.get("type") != "null"
        ]
        if len(near) == 1:
            check = _Check(self.root, self.coerce, [], self.depth)
            check.fit(near[0], value, path)
            self.faults += check.faults
        else:
            wanted = " or ".join(dict.fromkeys(wanted_by(b) for b in branches))
            self.fault(path, f"expected {wanted}, got {word(value)}")

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
        self.fault(
            path, f"expected {' or '.join(wanted_by({**schema, 'type': t}) for t in types)}, got {word(value)}"
        )
        return value

    def _chosen(self, schema: Mapping[str, Any], value: Any, path: str) -> None:
        choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if choices is not None and not any(same(value, c) for c in choices):
            self.fault(path, f"expected {choices_of(choices)}, got {word(value)}")

    def _bounded(self, schema: Mapping[str, Any], value: Any, path: str) -> None:
        for key, (kind, holds, text) in BOUNDS.items():
            bound = schema.get(key)
            fits = isinstance(value, kind) and not isinstance(value, bool)
            if bound is not None and fits and not holds(value, bound):
                self.fault(path, f"must {text.format(bound)}, got {word(value)}")
        parse, wanted = FORMATS.get(str(schema.get("format")), (None, ""))
        if parse is not None and isinstance(value, str) and not parses(parse, value):
            self.fault(path, f"expected {wanted}, got {word(value)}")

    def _inside(self, schema: Mapping[str, Any], value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return self._object(schema, value, path)
        if isinstance(value, list | tuple) and ("items" in schema or "prefixItems" in schema):
            first, rest = schema.get("prefixItems", ()), schema.get("items", True)
            at = [first[i] if i < len(first) else rest for i in range(len(value))]
            return [self.fit(s, v, f"{path}[{i}]") for i, (s, v) in enumerate(zip(at, value, strict=True))]
        return list(value) if isinstance(value, tuple) else value

    def _object(self, schema: Mapping[str, Any], value: dict[Any, Any], path: str) -> dict[Any, Any]:
        known: Mapping[str, Schema] = schema.get("properties", {})
        rest: Schema = True if schema.get("patternProperties") else schema.get("additionalProperties", True)
        dot = f"{path}." if path else ""
        for name in schema.get("required", ()):
            if name not in value:
                self.fault(f"{dot}{name}", f"missing, expected {wanted_by(known.get(name, True))}")
        made = {}
        for name, item in value.items():
            if name not in known and rest is False:
                self.fault(
                    f"{dot}{name}",
                    f"unexpected, known are {', '.join(known) or 'none'}{nearest(str(name), known)}",
                )
            else:
                made[name] = self.fit(known.get(name, rest), item, f"{dot}{name}")
        return made
