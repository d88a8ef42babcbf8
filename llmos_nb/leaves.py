"""The meaning of an annotation as a type, and the classes of Python that are one text or number in JSON."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

Need = set[str]


def unchanged(value: Any) -> Any:
    """Build a plain value: it is what was annotated."""
    return value


def _literal(value: Any, _: Need) -> str:
    return repr(value)


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
    code: Callable[[Any, Need], str] = _literal

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


def _made(call: str, make: Callable[[Any], Any], schema: dict[str, Any]) -> Kind:
    """Give the kind of a standard class that is made from a text or number by `call`."""

    def code(value: Any, need: Need) -> str:
        need.add(call.partition(".")[0])
        return f"{call}({value!r})"

    return Kind(schema, make, code)


def _text(format_: str) -> dict[str, Any]:
    return {"type": "string", "format": format_}


def _timedelta() -> Kind:
    def code(value: Any, need: Need) -> str:
        need.add("datetime")
        return f"datetime.timedelta(seconds={value!r})"

    return Kind({"type": "number", "description": "seconds"}, lambda v: timedelta(seconds=v), code)


LEAVES: dict[Any, Kind] = {
    str: Kind({"type": "string"}),
    bool: Kind({"type": "boolean"}),
    int: Kind({"type": "integer"}),
    float: Kind({"type": "number"}),
    None: Kind({"type": "null"}),
    type(None): Kind({"type": "null"}),
    date: _made("datetime.date.fromisoformat", date.fromisoformat, _text("date")),
    datetime: _made("datetime.datetime.fromisoformat", datetime.fromisoformat, _text("date-time")),
    time: _made("datetime.time.fromisoformat", time.fromisoformat, _text("time")),
    timedelta: _timedelta(),
    Decimal: _made("decimal.Decimal", Decimal, _text("decimal")),
    UUID: _made("uuid.UUID", UUID, _text("uuid")),
    Path: _made("pathlib.Path", Path, _text("path")),
    PurePath: _made("pathlib.PurePath", PurePath, _text("path")),
    bytes: _made("base64.b64decode", b64decode, {"type": "string", "contentEncoding": "base64"}),
}
