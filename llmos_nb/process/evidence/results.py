"""Reading what a call showed: literals of Python and JSON, and printed tables and lines."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from llmos_nb.process.evidence.printed import FOOT, block
from llmos_nb.process.evidence.tables import MARGINS, Row, Table, make_row

_NUMPY = re.compile(
    r"\b(?:np|numpy)\.(?:float|int|uint|bool|str)_?\d*\(([^()]*)\)|\b(?:Timestamp|Decimal|Period)\(('[^']*')[^()]*\)"
)
_KEYS = {"id", "nr", "no", "key", "code", "order", "number", "year", "jahr"}
_ARRAY = re.compile(r"(?<=[\d.\]])\s+(?=[-\d.\[])")
_FLOAT = re.compile(r"\d+\.0")
_NAME = re.compile(r"[^\W\d]\w*\s*")  # of an index, alone in its line
DEEP = 6
MOST_CELLS = 20_000


def read(call: str, result: str) -> list[Table]:
    """Return the tables of a result.

    Parameters
    ----------
    call : str
        Its id.
    result : str
        What it showed.

    Returns
    -------
    list of Table
        Each block of lines as one table; what is none is a table of one line.
    """
    text = _NUMPY.sub(lambda m: m[1] or m[2], result.strip("\n").rstrip())
    if (literal := _literal(text)) is not None:
        return [_dated(t) for t in _of_literal(call, literal)]
    found: list[Table] = []
    for blank, lines in groupby(text.splitlines()[:MOST_CELLS], lambda line: not line.strip()):
        if not blank:
            found += _pieces(call, list(lines))
    return [_dated(t) for t in found]


def _pieces(call: str, lines: list[str]) -> Iterator[Table]:
    """Return the tables of lines without a blank one among them: literals, and what ends with a line about its type."""
    for kind, group in groupby(_joined(lines), _kind):
        part = list(group)
        if kind == "ruled":
            yield from block(call, part)
        elif kind == "literal":
            values = [_literal(line.strip()) for line in part]
            together = len(values) > 1 and len({len(v) for v in values if isinstance(v, list | tuple)}) == 1
            for value in [values] if together and all(isinstance(v, list | tuple) for v in values) else values:
                yield from _of_literal(call, value)
        while part and kind == "words":
            end = next((i for i in range(1, len(part)) if _begins(part, i)), len(part))
            yield from block(call, part[:end])
            part = part[end:]


def _begins(lines: list[str], at: int) -> bool:
    """Return whether a table begins in a line: behind the foot of another, or as pandas begins a frame or a series."""
    before, line, after = lines[at - 1], lines[at], "".join(lines[at + 1 : at + 2])
    if before.startswith(("Name:", "dtype:")):
        return not FOOT.match(line.strip())
    frame = line[:1].isspace() and (re.match(r"0\s", after) or _NAME.fullmatch(after))
    series = _NAME.fullmatch(line) and re.fullmatch(r"\S+\s{2,}\S+", after)
    return bool(frame or series) and not before[:1].isspace()


def _kind(line: str) -> str:
    """Return how a line is read: as a literal, as a row between bars, or as words and columns."""
    bare = line.strip()
    return "literal" if _literal(bare) is not None else "ruled" if bare[:1] == bare[-1:] == "|" else "words"


def _joined(lines: list[str]) -> list[str]:
    """Return the lines, those of an array as one."""
    found: list[str] = []
    for line in lines:
        still = found and found[-1].lstrip().startswith("[[") and found[-1].count("[") > found[-1].count("]")
        found[-1:] = [f"{found[-1]} {line.strip()}"] if still else [*found[-1:], line]
    return found


def _dated(table: Table) -> Table:
    """Let a first column of years, or of numbers that name something, be labels: rows are called by them.

    Labels that are whole numbers, shown as ``1.0``, are called ``1``.
    """
    if table.index and all(_whole(x) for r in table.rows for x in (r.labels or ("",))[:1]):
        table.rows = [Row((_whole(r.labels[0]), *r.labels[1:]), r.cells, r.line) for r in table.rows]
    if table.across and all(map(_whole, table.columns)):
        table.columns = tuple(map(_whole, table.columns))
        table.rows = [Row(r.labels, tuple((_whole(c), x) for c, x in r.cells), r.line) for r in table.rows]
    firsts = [r.cells[0][1] for r in table.rows if r.cells]
    years = all(len(x) == 4 and x.isdigit() and 1500 <= int(x) <= 2200 for x in firsts)
    keys = table.columns[0].lower() in _KEYS and "yes" not in table.columns if table.columns else False
    if len(table.columns) > 1 and len(firsts) > 1 and (years or keys) and len({*firsts}) == len(firsts):
        table.rows = [Row((r.cells[0][1], *r.labels), r.cells[1:], r.line) for r in table.rows]
        table.index, table.columns = (*table.index, table.columns[0]), table.columns[1:]
    return table


def _whole(name: str) -> str:
    """Return a whole number without ``.0``, and the name of a total as it is; empty for any other name."""
    return name[:-2] if _FLOAT.fullmatch(name) else name if name.lower() in MARGINS else ""


def _literal(text: str) -> object:
    if not text or text[0] not in "[{(":
        return None
    array = _ARRAY.sub(", ", text) if text[0] == "[" and "," not in text else text  # as numpy prints it
    try:
        return ast.literal_eval(array)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _of_literal(call: str, value: object) -> Iterator[Table]:
    """Return a list of equal mappings as a table, and anything else by the way of keys to each value."""
    records = value if isinstance(value, list) and value and all(isinstance(v, dict) for v in value) else None
    if records:
        columns = tuple(dict.fromkeys(str(k) for r in records for k in r))
        rows = [make_row((), [(str(k), str(v)) for k, v in r.items()], str(r)) for r in records]
        yield Table(call, (), columns, rows)
        return
    if isinstance(value, list | tuple) and value and all(isinstance(v, list | tuple) for v in value):
        wide = max(len(v) for v in value)
        named = (
            len(value) > 1
            and all(isinstance(c, str) for c in value[0])
            and not all(isinstance(c, str) for c in value[1])
        )
        heads = list(map(str, value[0])) if named else list(map(str, range(wide)))
        rows = [
            make_row((), [(h, str(c)) for h, c in zip(heads, v, strict=False)], str(v)) for v in value[named:]
        ]
        yield Table(call, (), tuple(heads), rows)
        return
    if isinstance(value, list | tuple | set) and value and all(isinstance(v, str) for v in value):
        yield Table(call, (), ("",), [Row((v,), (), str(v)) for v in value])
        return
    found = [
        Row(path[:-1] or path, ((path[-1], text),), f"{' · '.join(path)}: {text}")
        for path, text in _leaves(value, (), 0)
    ]
    if isinstance(value, dict) and all(not isinstance(v, dict | list | tuple) for v in value.values()):
        yield Table(call, (), ("",), [Row((r.cells[0][0],), (("", r.cells[0][1]),), r.line) for r in found])
        return
    if isinstance(value, dict) and all(isinstance(v, dict) for v in value.values()):
        yield from _nested(call, value)
        return
    if isinstance(value, dict):
        for key, inner in value.items():  # a list of records in a mapping is a table of its own
            if isinstance(inner, list) and inner and all(isinstance(v, dict) for v in inner):
                yield from _of_literal(call, inner)
                found = [r for r in found if r.labels[0] != str(key)]
    bare = [
        Row((), (("", r.cells[0][1]),), r.line) if r.cells[0][0].isdigit() and len(r.labels) == 1 else r
        for r in found
    ]
    yield Table(call, (), ("",), bare)


def _nested(call: str, value: dict[object, dict[object, object]]) -> Iterator[Table]:
    columns = tuple(dict.fromkeys(str(k) for v in value.values() for k in v))
    rows = [
        make_row((str(key),), [(str(k), str(c)) for k, c in v.items()], f"{key}: {v}")
        for key, v in value.items()
    ]
    yield Table(call, (), columns, rows)


def _leaves(value: object, path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], str]]:
    pairs: Iterable[tuple[object, object]]
    if isinstance(value, dict) and depth < DEEP:
        pairs = value.items()
    elif isinstance(value, list | tuple | set | frozenset) and depth < DEEP:
        pairs = enumerate(value)
    else:
        yield path or ("",), str(value)
        return
    for key, inner in pairs:
        yield from _leaves(inner, (*path, str(key)), depth + 1)
