"""Classes with named fields (dataclass, TypedDict, NamedTuple, pydantic model) as one shape."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of a class.

    Parameters
    ----------
    hints : dict
        Resolved annotation by field; empty where the class brings its own schema.
    required : tuple of str
        Fields with no default.
    make : callable
        Makes an instance of built field values.
    schema : dict, optional
        The class's own JSON schema.
    plain : bool
        An instance is a plain dict.
    call : str
        How code makes one: a format of (keywords, plain value).
    """

    hints: dict[str, Any]
    required: tuple[str, ...]
    make: Callable[[Mapping[str, Any]], Any]
    schema: dict[str, Any] = field(default_factory=dict)
    plain: bool = False
    call: str = "({0})"


def is_record(cls: Any) -> bool:
    """Return whether a class has named fields that can be read."""
    known = (dataclasses.is_dataclass, typing.is_typeddict, _is_named_tuple, _is_pydantic)
    return isinstance(cls, type) and any(is_one(cls) for is_one in known)


def fields_of(cls: Any) -> Record:
    """Read the fields of a class for which `is_record` holds."""
    if _is_pydantic(cls):
        raw = cls.model_json_schema()
        schema = _tidy(raw, raw.get("$defs", {}), (cls.__name__,))
        return Record({}, (), cls.model_validate, schema, call=".model_validate({1!r})")
    hints = hints_of(cls)
    if typing.is_typeddict(cls):
        return Record(hints, tuple(n for n in hints if n in cls.__required_keys__), dict, plain=True)
    if _is_named_tuple(cls):
        names, optional = cls._fields, cls._field_defaults
    else:
        found = [f for f in dataclasses.fields(cls) if f.init]
        names = tuple(f.name for f in found)
        none = dataclasses.MISSING
        optional = {f.name for f in found if f.default is not none or f.default_factory is not none}
    required = tuple(n for n in names if n not in optional)
    return Record({n: hints.get(n, Any) for n in names}, required, lambda values: cls(**values))


def annotations_of(thing: Any) -> dict[str, Any]:
    """Return annotations as they stand; from Python 3.14 on they are read now, and unknown names stay names."""
    if sys.version_info >= (3, 14) and hasattr(thing, "__annotate__"):
        import annotationlib

        return annotationlib.get_annotations(thing, format=annotationlib.Format.FORWARDREF)
    return dict(getattr(thing, "__annotations__", None) or {})


def hints_of(thing: Any, scope: dict[str, Any] | None = None) -> dict[str, Any]:
    """Resolve annotations one by one, so that one unknown name does not spoil the others."""
    try:
        return typing.get_type_hints(thing, scope, include_extras=True)
    except Exception:  # whatever evaluating an annotation raises
        raw = annotations_of(thing)
        space = scope if scope is not None else vars(sys.modules.get(getattr(thing, "__module__", ""), typing))
        return {name: _resolved(hint, space) for name, hint in raw.items()}


def _resolved(hint: Any, scope: Mapping[str, Any]) -> Any:
    def holder() -> None: ...

    holder.__annotations__ = {"it": hint}
    try:
        return typing.get_type_hints(holder, dict(scope), include_extras=True)["it"]
    except Exception:  # whatever evaluating an annotation raises
        return Any


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields")


def _is_pydantic(cls: type) -> bool:
    """Tell a pydantic model without importing pydantic: who annotates one has imported it."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


_NAMED = ("properties", "$defs", "patternProperties")
_VALUES = ("default", "const", "enum", "examples")


def _tidy(schema: Any, defs: Mapping[str, Any], seen: tuple[str, ...] = ()) -> Any:
    """Put referred parts in their place, drop the titles that pydantic adds, and close the objects."""
    if isinstance(schema, list):
        return [_tidy(s, defs, seen) for s in schema]
    if not isinstance(schema, dict):
        return schema
    ref = str(schema.get("$ref", "")).rpartition("/")[2]
    if ref:
        part = {"type": "object"} if ref in seen else _tidy(defs.get(ref, {}), defs, (*seen, ref))
        return {**part, **{k: v for k, v in schema.items() if k == "description"}}
    kept = {k: _kept(k, v, defs, seen) for k, v in schema.items() if k not in ("title", "$defs")}
    if "properties" in kept:
        kept.setdefault("additionalProperties", False)
    return kept


def _kept(key: str, value: Any, defs: Mapping[str, Any], seen: tuple[str, ...]) -> Any:
    if key in _NAMED:  # here keys are names, not keywords
        return {name: _tidy(part, defs, seen) for name, part in value.items()}
    return value if key in _VALUES else _tidy(value, defs, seen)
