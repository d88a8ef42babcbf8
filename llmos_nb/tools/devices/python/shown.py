"""What a step showed and what it left, as a cell that holds the same code would show and check it."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from llmos_nb.heap.content import content
from llmos_nb.tools.devices.python.capture import Sink
from llmos_nb.tools.text import bounded, safe_repr, safe_text

DEFINITIONS = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
MOST = 50  # names of one step whose content is noted


def in_a_cell(value: object, ip: Any) -> str:
    """Return the text of a value as a notebook shows it under a cell; empty where it is too long."""
    try:
        text = str(ip.display_formatter.formatters["text/plain"](value)) if ip is not None else _pretty(value)
    except Exception:  # the object's own code
        text = safe_repr(value)
    text, size = bounded(safe_text(text))
    return text if size <= len(text.encode()) else ""


def _pretty(value: object) -> str:
    from IPython.lib.pretty import pretty  # only where no IPython runs

    return str(pretty(value))


def pieces(sink: Sink, text: str, values: Sequence[str | None]) -> dict[str, Any]:
    """Say of which kinds the recorded text is made, in order, as ``outputs``; nothing where that is not known.

    Parameters
    ----------
    sink : Sink
        What took the step's output.
    text : str
        The text as it is recorded, without its last line end.
    values : sequence of str or None
        The values that a cell shows, as it shows them: of the last expression, or of each where the notebook is set so.

    Returns
    -------
    dict
        ``outputs``: a list of ``[kind, characters]`` over the text; a ``value`` or ``display`` has its own text behind,
        where that is another one. Empty where all is ``stdout``, None where it is not kept whole. ``displays``: of each
        ``display`` in order what it shows as Markdown, as JSON; empty where its text says all.
    """
    found: list[list[Any]] = []
    for kind, run in groupby(sink.pieces, lambda piece: piece[0]):
        parts = [(part, own) for _, part, own in run]
        # pictures stand one by one, so that each finds its own; what is printed in parts is one text
        for part, own in parts if kind in ("image", "display", "value") else [("".join(p for p, _ in parts), "")]:
            found.append([kind, part, *([safe_text(own)] if own else [])])
    whole = "".join(safe_text(part) for _, part, *_ in found)
    if not sink.record.whole or whole.removesuffix("\n") != text:
        return {"outputs": None}
    made = [[kind, len(safe_text(part)), *own] for kind, part, *own in found]
    pairs = zip(made, found, strict=True)
    said = [(one, safe_text(part)) for one, (kind, part, *_) in pairs if kind == "value"]
    if not said and values and values[-1] is not None:
        made.append(["value", 0, values[-1]])
    for (one, part), value in zip(said, values, strict=False):
        if value is not None and part.removesuffix("\n") != value:
            one[2:] = [value]
    rich = {"displays": json.dumps(sink.forms)} if any(sink.forms) else {}
    return {"outputs": made if any(m[0] != "stdout" for m in made) else [], **rich}


def left(
    namespace: Mapping[str, Any], names: Iterable[str], value: Any, gone: Mapping[str, list[Any]]
) -> dict[str, Any]:
    """Say what the names of a step hold, and what its last expression gave, each in a few words.

    Parameters
    ----------
    namespace : mapping
        The live names.
    names : iterable of str
        Those that the step changed.
    value : object
        What its last expression gave.
    gone : mapping of str to list
        By name of a table, rows that are in it no more.

    Returns
    -------
    dict
        ``content``, by name, the value under an empty one; functions, classes and modules are left out. ``table``: the
        first rows of the value, else of the last table among the names, as `heap.grid` gives them.
    """
    held = {n: namespace[n] for n in names if n in namespace}
    wanted = [n for n, v in held.items() if not isinstance(v, DEFINITIONS)][:MOST]
    # names of one object share it
    said = {i: content(v) for i, v in {id(held[n]): held[n] for n in wanted}.items()}
    found = {n: said[id(held[n])] for n in wanted}
    found |= {"": content(value)} if value is not None else {}
    return ({"content": found} if found else {}) | _table(held, value, gone)


def _table(held: Mapping[str, Any], value: Any, gone: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Return the table that a person would look at, if there is one."""
    if not ({"pandas", "polars"} & sys.modules.keys()):
        return {}
    from llmos_nb.heap import grid, is_table  # only beside a library that has tables

    shown = [n for n, v in held.items() if (v is value if is_table(value) else is_table(v))]
    name = next((n for n in shown if n in gone), shown[-1] if shown else "")
    if not name and not is_table(value):
        return {}
    return {"table": grid(held.get(name, value), name, gone.get(name, ()))}
