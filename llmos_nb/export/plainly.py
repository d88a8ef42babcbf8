"""What a value was in the run as plain assertions, as a person would write them.

The journal has of each value its content in words (`heap.content`). Where these spell it, it is asserted as it is; of a
table or a long list only the size is. `verify` compares the content of all of them, with the words.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

_SIZED = re.compile(r"\w+ of ([\d,]+): [0-9a-f]{16}")
_TABLE = re.compile(r"(?P<kind>\w+) (?P<shape>\d+(?: x \d+)*) \S.*?(?P<data> [\[{].*[\]}])?(?:: [0-9a-f]{16})?", re.S)
_SPELLED = re.compile(r"(Decimal|Fraction|range|Timestamp|Timedelta)\(.*\)")  # by their `repr`
_DIGITS = 9  # that the words of a float keep


def by_type(words: str) -> bool:
    """Return whether words tell the type alone."""
    return words.startswith("<")


def sized(line: str) -> bool:
    """Return whether an assertion is over a size alone."""
    return line.startswith("assert len(") or ".shape == (" in line


def lines(name: str, words: str) -> list[str]:
    """Return the assertions over one name; none where what it held has no short form.

    Parameters
    ----------
    name : str
        A variable.
    words : str
        What it held, as `heap.content` says it.
    """
    if by_type(words):
        kind = words[1:].partition(":")[0].removesuffix(">")
        return [f"assert type({name}).__name__ == {kind!r}  # its type alone: what it holds is not asserted"]
    try:
        return [f"assert {test}" for test in _equal(name, ast.literal_eval(words), words)]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    if (sized := _SIZED.fullmatch(words)) is not None:
        return [f"assert len({name}) == {int(sized[1].replace(',', ''))}"]
    if (table := _TABLE.fullmatch(words)) is not None:
        return [f"assert {test}" for test in _table(name, table)]
    return [f"assert repr({name}) == {words!r}"] if _SPELLED.fullmatch(words) else []


def compared(test: ast.expr) -> tuple[str, object] | None:
    """Return what such an assertion looks at, as code, and what that was in the run; None of any other."""
    match test:
        case (
            ast.Compare(ast.Call(ast.Attribute(left, "split")), [ast.Eq()], [ast.Call(ast.Attribute(right, "split"))])
            | ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])
        ):  # of an answer, but for its spaces
            with suppress(ValueError):
                return ast.unparse(left), ast.literal_eval(right)
        case ast.Compare(left=ast.Call(args=[ast.BinOp(left, ast.Sub(), right)]), ops=[ast.Lt()]):
            with suppress(ValueError):
                return ast.unparse(left), ast.literal_eval(right)
    return None


def _equal(name: str, value: Any, words: str) -> list[str]:
    """Return the tests that a name holds plain data; floats count to as many digits as are known of them."""
    if value is None:
        return [f"{name} is None"]
    if type(value) is float and math.isfinite(value):
        return [f"abs({name} - {value!r}) < {_near([value]):g}" if value else f"{name} == 0"]
    kinds = set(map(type, _inside(value)))
    if not kinds & {float, complex, type(...)}:
        return [f"{name} == {words}"]  # in which what stands in a set has an order
    if isinstance(value, list | tuple):
        return _all_near(name, [*value]) or [f"len({name}) == {len(value)}"]
    near = _all_near(f"{name}.values()", [*value.values()]) if isinstance(value, dict) else []
    return [f"list({name}) == {[*value]!r}", *near] if near and _exact(value) else [f"len({name}) == {len(value)}"]


def _exact(keys: Any) -> bool:
    """Return whether each of some values is spelled as it was: no number may have been rounded in the words."""
    return not {float, complex, set, type(...)} & set(map(type, _inside([*keys])))


def _inside(value: Any) -> Iterator[Any]:
    """Return what plain data hold, at any depth, and each set, whose order is chance; other values as they are."""
    if isinstance(value, dict):
        yield from (x for pair in value.items() for part in pair for x in _inside(part))
    elif isinstance(value, list | tuple | set):
        yield from [value] if isinstance(value, set) else []
        yield from (x for part in value for x in _inside(part))
    else:
        yield value


def _all_near(values: str, expected: list[Any]) -> list[str]:
    """Return the test that values are these numbers; none where they are no finite numbers."""
    if not all(type(v) in (int, float) and math.isfinite(v) for v in expected):
        return []
    pairs = f"zip({values}, {expected!r}, strict=True)"
    return [f"all(abs(a - b) < {_near(expected):g} for a, b in {pairs})"]


def _near(values: list[Any]) -> float:
    """Return how far numbers may be from those that were kept of them: one in the last digit of the largest."""
    largest = max((abs(v) for v in values), default=0)
    power = math.floor(math.log10(largest)) if largest else 0
    return max(float(10.0 ** (power + 1 - _DIGITS)), 5e-324)


def _table(name: str, words: re.Match[str]) -> Iterator[str]:
    """Return the tests of an array or a table: of a few values these, of more the shape."""
    shape = tuple(map(int, words["shape"].split(" x ")))
    data = _data(words["data"] or "")
    columns = data if isinstance(data, dict) and len(shape) == 2 and _exact(data) else {}
    if isinstance(data, list) and len(data) == shape[0]:
        yield _column(name, data)
    elif columns:
        yield f"{name}.shape == {shape!r}"
        for column, values in columns.items():
            yield _column(f"{name}[{column!r}]", values)
    elif isinstance(data, dict) and len(shape) == 1 and len(data) == shape[0]:
        near = _all_near(name, [*data.values()])
        if near and _exact(data):
            near = [f"list({name}.index) == {[*data]!r}", *near]
        exact = [f"list({name}.items()) == {[*data.items()]!r}"] if _exact([*data.items()]) else []
        yield from exact or near or [f"{name}.shape == {shape!r}"]
    elif shape != (1,):  # that of one without dimensions is told so, too
        yield f"{name}.shape == {shape!r}"


def _column(name: str, values: list[Any]) -> str:
    """Return the test that an array or a column holds these values."""
    near = _all_near(name, values) if not _exact(values) else []
    return near[0] if near else f"{name}.tolist() == {values!r}" if _exact(values) else f"len({name}) == {len(values)}"


def _data(words: str) -> Any:
    """Return the values that words of a table spell; None where they spell none, or hold what has no plain form."""
    try:
        data = ast.literal_eval(words.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return None if {type(...), complex} & set(map(type, _inside(data))) else data
