"""What an annotation means: its JSON schema, how a plain value becomes what was annotated, and as code."""

from __future__ import annotations

import dataclasses
import types
import typing
from base64 import b64decode
from collections import abc, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from llmos_nb.tools.schema.conform import accepts
from llmos_nb.tools.schema.records import fields_of, is_record

Need = set[str]


def unchanged(value: Any) -> Any:
    """Build a plain value: it is what was annotated."""
    return value


@dataclass(frozen=True, slots=True)
class Kind:
    """What one annotation means.

    Parameters
    ----------
    schema : dict
        JSON schema of the plain value.
    build : callable
        Makes of a fitting plain value what was annotated.
    code : callable
        ``code(value, need) -> str``: the same as Python; adds the modules to import to `need`.
    """

    schema: dict[str, Any] = field(default_factory=dict)
    build: Callable[[Any], Any] = unchanged
    code: Callable[[Any, Need], str] = lambda value, _: repr(value)

    @property
    def plain(self) -> bool:
        """Whether the plain value is already what was annotated."""
        return self.build is unchanged


ANY = Kind()


def class_code(cls: type, need: Need) -> str:
    """Name a class in code; one that the notebook itself defines needs no import."""
    if cls.__module__ in ("__main__", "builtins"):
        return cls.__qualname__
    need.add(cls.__module__)
    return f"{cls.__module__}.{cls.__qualname__}"


def _made(call: str, make: Callable[[Any], Any], kind: str, keyword: str = "", **schema: str) -> Kind:
    """Return the kind of a standard class that is made from a text or number by `call`."""

    def code(value: Any, need: Need) -> str:
        need.add(call.partition(".")[0])
        return f"{call}({keyword}{value!r})"

    return Kind({"type": kind, **schema}, make, code)


LEAVES: dict[Any, Kind] = {
    str: Kind({"type": "string"}),
    bool: Kind({"type": "boolean"}),
    int: Kind({"type": "integer"}),
    float: Kind({"type": "number"}),
    None: Kind({"type": "null"}),
    type(None): Kind({"type": "null"}),
    date: _made("datetime.date.fromisoformat", date.fromisoformat, "string", format="date"),
    datetime: _made("datetime.datetime.fromisoformat", datetime.fromisoformat, "string", format="date-time"),
    time: _made("datetime.time.fromisoformat", time.fromisoformat, "string", format="time"),
    timedelta: _made("datetime.timedelta", lambda v: timedelta(seconds=v), "number", "seconds=", description="seconds"),
    Decimal: _made("decimal.Decimal", Decimal, "string", format="decimal"),
    UUID: _made("uuid.UUID", UUID, "string", format="uuid"),
    Path: _made("pathlib.Path", Path, "string", format="path"),
    PurePath: _made("pathlib.PurePath", PurePath, "string", format="path"),
    bytes: _made("base64.b64decode", b64decode, "string", contentEncoding="base64"),
}

Reader = Callable[[Any, tuple[Any, ...]], Kind | None]


def kind_of(annotation: Any, seen: tuple[Any, ...] = ()) -> Kind:
    """Read an annotation; what is not known is anything.

    Parameters
    ----------
    annotation : object
        A resolved annotation (no text).
    seen : tuple
        Classes that are being read, so that a class that holds itself ends.
    """
    return next((kind for read in _READERS if (kind := read(annotation, seen)) is not None), ANY)


def _leaf(annotation: Any, _: tuple[Any, ...]) -> Kind | None:
    return next((kind for known, kind in LEAVES.items() if known is annotation), None)


def _alias(annotation: Any, seen: tuple[Any, ...]) -> Kind | None:
    """Look through Annotated, NewType, TypeVar, Required, Final and ``type X = …``."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        inner, *notes = typing.get_args(annotation)
        kind = kind_of(inner, seen)
        return dataclasses.replace(kind, schema={**kind.schema, **_noted(notes)})
    if origin in (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar):
        return kind_of(typing.get_args(annotation)[0], seen)
    inner = getattr(annotation, "__supertype__", None) or getattr(annotation, "__value__", None)
    if isinstance(annotation, typing.TypeVar):
        inner = annotation.__bound__ or Any
    return kind_of(inner, (*seen, annotation)) if inner is not None and annotation not in seen else None


_NOTES = {
    "ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum",
    "min_length": "minLength", "max_length": "maxLength",
}  # fmt: skip


def _noted(notes: list[Any]) -> dict[str, Any]:
    """Read the notes of Annotated: a text, or what annotated_types, typing.Doc and pydantic put there."""
    found: dict[str, Any] = {}
    for note in notes:
        about = getattr(note, "documentation", getattr(note, "description", None))
        if isinstance(text := note if isinstance(note, str) else about, str):
            found["description"] = " ".join(text.split())[:300]
        for one in (note, *(getattr(note, "metadata", None) or ())):
            bounds = {key: getattr(one, name, None) for name, key in _NOTES.items()}
            found |= {key: bound for key, bound in bounds.items() if isinstance(bound, int | float)}
    return found


def _choice(annotation: Any, _: tuple[Any, ...]) -> Kind | None:
    if typing.get_origin(annotation) is not typing.Literal:
        return None
    return Kind(_enum_schema(list(typing.get_args(annotation))))


def _enum(annotation: Any, _: tuple[Any, ...]) -> Kind | None:
    if not (isinstance(annotation, type) and issubclass(annotation, Enum)):
        return None
    by_value = all(isinstance(m.value, str | int | float) for m in annotation)
    members = {m.value if by_value else m.name: m for m in annotation}

    def code(value: Any, need: Need) -> str:
        return f"{class_code(annotation, need)}.{members[value].name}"

    return Kind(_enum_schema(list(members)), members.__getitem__, code)


def _enum_schema(values: list[Any]) -> dict[str, Any]:
    kinds = {kind_of(type(v)).schema.get("type") for v in values}
    one = kinds.pop() if len(kinds) == 1 else None
    return {"type": one, "enum": values} if one else {"enum": values}


def _union(annotation: Any, seen: tuple[Any, ...]) -> Kind | None:
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return None
    kinds = [kind_of(a, seen) for a in typing.get_args(annotation)]
    schemas: list[dict[str, Any]] = []
    for kind in kinds:
        schemas += [kind.schema] if kind.schema not in schemas else []
    if {} in schemas:
        return ANY
    if {"type": "number"} in schemas:
        schemas = [s for s in schemas if s != {"type": "integer"}]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def fitting(value: Any) -> Kind:
        return next((k for k in kinds if accepts(k.schema, value)), ANY)

    if all(k.plain for k in kinds):
        return Kind(schema)
    return Kind(schema, lambda v: fitting(v).build(v), lambda v, need: fitting(v).code(v, need))


def _array(annotation: Any, seen: tuple[Any, ...]) -> Kind | None:
    origin, args = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    make = next((m for known, m in _ARRAYS.items() if known is origin), None)
    if make is None:
        return None
    if make is tuple and args and args[-1] is not Ellipsis:
        return _tuple([kind_of(a, seen) for a in args if a != ()])
    item = kind_of(args[0], seen) if args else ANY
    schema = {"type": "array", "items": item.schema} if item.schema else {"type": "array"}

    def code(value: Any, need: Need) -> str:
        inside = f"[{', '.join(item.code(v, need) for v in value)}]"
        return inside if make is list else f"{class_code(make, need)}({inside})"

    if make is list and item.plain:
        return Kind(schema)
    return Kind(schema, lambda v: make(item.build(i) for i in v), code)


def _tuple(kinds: list[Kind]) -> Kind:
    size = len(kinds)
    schema = {"type": "array", "prefixItems": [k.schema for k in kinds], "minItems": size, "maxItems": size}

    def code(value: Any, need: Need) -> str:
        return f"({''.join(k.code(v, need) + ', ' for k, v in zip(kinds, value, strict=True))})"

    return Kind(schema, lambda v: tuple(k.build(i) for k, i in zip(kinds, v, strict=True)), code)


_ARRAYS: dict[Any, type] = {
    list: list, abc.Sequence: list, abc.MutableSequence: list, abc.Iterable: list, abc.Collection: list,
    set: set, abc.Set: set, abc.MutableSet: set, frozenset: frozenset, tuple: tuple, deque: deque,
}  # fmt: skip


def _mapping(annotation: Any, seen: tuple[Any, ...]) -> Kind | None:
    origin, args = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if origin not in (dict, abc.Mapping, abc.MutableMapping):
        return None
    key, item = (kind_of(args[0], seen), kind_of(args[1], seen)) if args else (ANY, ANY)
    # JSON's keys are texts: numbers are made of them where numbers are annotated
    keys = {"integer": int, "number": float}.get(str(key.schema.get("type")), unchanged)
    schema = {"type": "object", "additionalProperties": item.schema} if item.schema else {"type": "object"}

    def code(value: Any, need: Need) -> str:
        return f"{{{', '.join(f'{key.code(keys(k), need)}: {item.code(v, need)}' for k, v in value.items())}}}"

    if item.plain and keys is unchanged and key.plain:
        return Kind(schema)
    return Kind(schema, lambda v: {key.build(keys(k)): item.build(i) for k, i in v.items()}, code)


def _record(annotation: Any, seen: tuple[Any, ...]) -> Kind | None:
    """Read a dataclass, TypedDict, NamedTuple or pydantic model."""
    cls = typing.get_origin(annotation) or annotation
    if not is_record(cls):
        return None
    if cls in seen:  # it holds itself: one level is spelled out, the rest is built when it comes
        later = partial(kind_of, cls)
        return Kind({"type": "object"}, lambda v: later().build(v), lambda v, need: later().code(v, need))
    record = fields_of(cls)
    kinds = {name: kind_of(hint, (*seen, cls)) for name, hint in record.hints.items()}
    fields = {"properties": {n: k.schema for n, k in kinds.items()}, "required": list(record.required)}
    schema = record.schema or {"type": "object", **fields, "additionalProperties": False}

    def build(value: Mapping[str, Any]) -> Any:
        return record.make({n: kinds[n].build(v) if n in kinds else v for n, v in value.items()})

    def code(value: Mapping[str, Any], need: Need) -> str:
        parts = {n: kinds[n].code(v, need) if n in kinds else repr(v) for n, v in value.items()}
        if record.plain:
            return f"{{{', '.join(f'{n!r}: {v}' for n, v in parts.items())}}}"
        keywords = ", ".join(f"{n}={v}" for n, v in parts.items())
        return class_code(cls, need) + record.call.format(keywords, value)

    return Kind(schema, build, code)


_READERS: tuple[Reader, ...] = (_leaf, _alias, _choice, _union, _enum, _record, _array, _mapping)
