"""What a model sent as arguments: parsed, checked against the tool's schema, and told back field by field."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from llmos_nb.errors import BadArguments, UnknownTool, nearest
from llmos_nb.messages import Arguments
from llmos_nb.policy import tell
from llmos_nb.tools.protocol import Tool
from llmos_nb.tools.schema.conform import article, conform, type_of

_FIELDS, _DEEP, _BITS = 8, 64, 10_000


def parse_arguments(raw: object) -> Arguments:
    """Read arguments as a model sent them.

    Parameters
    ----------
    raw : str or dict
        JSON text, or an object that is already parsed. An empty text is a call with no arguments.

    Raises
    ------
    BadArguments
        It is not JSON (with line and column), not an object, is nested too deep, or holds NaN or an infinity.
    """
    value = _parsed(raw) if isinstance(raw, str) else raw
    if not isinstance(value, dict):
        raise BadArguments(tell("schema_no_object", kind=article(type_of(value))))
    fault = _unusable(value)
    if fault:
        raise BadArguments(tell("schema_unusable", fault=fault[:200]))
    return value


def validate(tool: Tool, arguments: Arguments) -> Arguments:
    """Check parsed arguments against a tool's schema and make the safe coercions.

    Parameters
    ----------
    tool : Tool
        The tool to be called.
    arguments : dict
        What `parse_arguments` gave; it is not changed.

    Returns
    -------
    dict
        Plain data that fits the schema.

    Raises
    ------
    BadArguments
        One message a field that is missing, not known, of a wrong type or not among the choices.
    """
    made, faults = conform(tool.schema, arguments)
    if faults:
        more = tell("schema_more", count=len(faults) - _FIELDS) if len(faults) > _FIELDS else ""
        raise BadArguments(tell("schema_faults", tool=tool.name, faults="; ".join(faults[:_FIELDS]) + more))
    fitted: Arguments = made
    return fitted


def unknown_tool(name: str, known: Iterable[str]) -> UnknownTool:
    """Return the error for a tool that is not there, with the nearest names."""
    names = list(known)
    there = nearest(name, names) or f"; there are {', '.join(names[:20]) or 'none'}"
    return UnknownTool(tell("schema_no_tool", name=repr(name[:80]), there=there))


def _parsed(raw: str) -> Any:
    if not raw.strip():
        return {}
    try:
        return json.loads(raw, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        near = raw[max(error.pos - 15, 0) : error.pos + 15]
        where = f"line {error.lineno}, column {error.colno}, near {near!r}"
        raise BadArguments(tell("schema_no_json", why=error.msg, where=where)) from None
    except RecursionError:
        raise BadArguments(tell("schema_too_deep")) from None
    except ValueError as error:  # an integer of more digits than Python reads
        raise BadArguments(f"arguments are not usable: {error}") from None


def _refuse(constant: str) -> NoReturn:
    raise BadArguments(tell("schema_no_value", constant=constant))


def _unusable(value: object, path: str = "", depth: int = 0) -> str:
    """Say where a value holds what JSON has no word for, such as 1e999, or is nested too deep."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"{path}: NaN and infinity are not JSON"
    if isinstance(value, int) and value.bit_length() > _BITS:
        return f"{path}: an integer of so many digits cannot be written down"
    if not isinstance(value, dict | list):
        return ""
    if depth >= _DEEP:
        return f"arguments are nested deeper than {_DEEP} levels"
    inside: Iterable[tuple[str, object]] = ((f"{path}[{i}]", v) for i, v in enumerate(value))
    if isinstance(value, dict):
        inside = ((f"{path}.{k}" if path else str(k), v) for k, v in value.items())
    return next((found for at, v in inside if (found := _unusable(v, at, depth + 1))), "")
