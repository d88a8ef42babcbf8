"""Functions and classes in words; no annotation and no default of an unknown class is spelled."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

from llmos_nb.sensitive import secret_name

MANY, LINE, _DEFAULT = 20, 120, 40


def function(value: Any, values: bool) -> list[str]:
    """Give signature and first line of the docstring."""
    name = getattr(value, "__name__", "function")
    doc = _first_line(getattr(value, "__doc__", None))
    return [f"function {name}{_signature(value)}{f': {doc}' if doc else ''}"]


def _first_line(doc: Any) -> str:
    return doc.strip().partition("\n")[0][:LINE] if isinstance(doc, str) else ""


def _signature(fn: Any) -> str:
    try:
        signature = inspect.signature(fn)
    except (ValueError, TypeError, NameError):
        return "(…)"
    back = _annotation(signature.return_annotation)
    return f"({', '.join(_parameter(p) for p in signature.parameters.values())}){f' -> {back}' if back else ''}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = ("", "", "*", "", "**")[parameter.kind]
    kind = _annotation(parameter.annotation)
    text = f"{stars}{parameter.name}{f': {kind}' if kind else ''}"
    default = parameter.default
    if default is parameter.empty:
        return text
    plain = type(default) in (int, float, bool, str, type(None)) and not secret_name(parameter.name)
    return f"{text}={repr(default)[:_DEFAULT] if plain else '…'}"


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, str | type):
        return annotation if isinstance(annotation, str) else annotation.__name__
    library = type(annotation).__module__ in ("typing", "types", "builtins")
    return inspect.formatannotation(annotation) if library else ""


def class_of(value: type, values: bool) -> list[str]:
    """Give bases, first line of the docstring and methods."""
    own = type.__getattribute__(value, "__dict__")
    bases = [b.__name__ for b in value.__mro__[1:-1][:2]]
    methods = [n for n, m in own.items() if isinstance(m, FunctionType) and not n.startswith("_")][:MANY]
    doc = _first_line(own.get("__doc__"))
    head = f"class {value.__name__}" + (f"({', '.join(bases)})" if bases else "") + (f": {doc}" if doc else "")
    return [head, *([f"- methods: {', '.join(methods)}"] if methods else [])]
