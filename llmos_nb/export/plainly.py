"""What a value was in the run as plain assertions, as a person would write them.

The journal has of each value its content in words (`heap.content`). Where these spell it, it is asserted as it is; of a
table or a long list only the size is. `verify` compares the content of all of them, with the words.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from llmos_nb.heap.content import told

_SIZED = re.compile(r"\w+ of ([\d,]+): [0-9a-f]{16}")
_TABLE = re.compile(r"(?P<kind>\w+) (?P<shape>\d+(?: x \d+)*) \S.*?(?P<data> [\[{].*[\]}])?(?:: [0-9a-f]{16})?", re.S)
_SPELLED = re.compile(r"(Decimal|Fraction|range|Timestamp|Timedelta)\(.*\)")  # by their `repr`
_DIGITS = 9  # that the words of a float keep


def by_type(words: str) -> bool:
    """Return whether words tell the type alone."""
    return words.startswith("<")


def sized(line: str) -> bool:
    """Return whether an assertion is over a size."""
    return line.startswith("assert len(") or ".shape == (" in line


class Assertion(NamedTuple):
    """An assertion over a value of the run.

    Parameters
    ----------
    test, now, was : str
        What it tests, the expression that it looks at, and what that was in the run, as code.
    aside : str
        What a reader should know besides.
    """

    test: str
    now: str
    was: str
    aside: str = ""

    def line(self) -> str:
        """Return the assertion, which says what came and what was in the run where it fails."""
        was = self.was if len(self.was) <= _SHORT and not _ODD & {*self.was} else "another"
        said = f'f"{{{self.now}!r}}, and was {was}{_RUN}"' if not _ODD & {*self.now} else f"repr({self.now})"
        return f"assert {self.test}, {said}{f'  # {self.aside}' if self.aside else ''}"


_SHORT = 40  # characters of what is said twice
_ODD = set('"\\{}\n')  # cannot stand in an f-string in double quotes


def lines(name: str, words: str) -> list[str]:
    """Return the assertions over one name; none where what it held has no short form.

    Parameters
    ----------
    name : str
        A variable.
    words : str
        What it held, as `heap.content` says it.
    """
    return [test.line() for test in _tests(name, told(words).words)]


def former(name: str, words: str) -> list[str]:
    """Return the assertions that earlier versions made of a table, where these are others now."""
    table = _TABLE.fullmatch(told(words).words)
    if table is None:
        return []
    data, shape = _data(table["data"] or "")[0], tuple(map(int, table["shape"].split(" x ")))
    columns = data.items() if isinstance(data, dict) and len(shape) == 2 else ()
    found = [_is(f"{name}.shape", repr(shape)), *(_array(f"{name}[{c!r}]", v) for c, v in columns if None in v)]
    if isinstance(data, dict) and len(shape) == 1 and _exact([*data.items()]):
        found.append(_is(f"list({name}.items())", repr([*data.items()])))
    return [test.line() for test in found]


def _tests(name: str, words: str) -> list[Assertion]:
    if by_type(words):
        kind = words[1:].partition(":")[0].removesuffix(">")
        aside = "its type alone: what it holds is not compared"
        return [_is(f"type({name}).__name__", repr(kind), aside)]
    try:
        return _equal(name, ast.literal_eval(words), words)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    if (sized := _SIZED.fullmatch(words)) is not None:
        return [_long(name, int(sized[1].replace(",", "")))]
    if (table := _TABLE.fullmatch(words)) is not None:
        return [*_table(name, table)]
    return [_is(f"repr({name})", repr(words))] if _SPELLED.fullmatch(words) else []


def _is(now: str, was: str, aside: str = "") -> Assertion:
    return Assertion(f"{now} == {was}", now, was, aside)


def _long(name: str, size: int) -> Assertion:
    return _is(f"len({name})", str(size))


def looked_at(message: ast.expr | None) -> str:
    """Return the expression that an assertion of ours looks at, by the message of it; empty for any other."""
    match message:
        case ast.JoinedStr([ast.FormattedValue(value, conversion=114), ast.Constant(str(said))]) if said.endswith(_RUN):
            return ast.unparse(value)
    return ""


_RUN = " in the run"


def _equal(name: str, value: Any, words: str) -> list[Assertion]:
    """Return the tests that a name holds plain data; floats count to as many digits as are known of them."""
    if value is None:
        return [Assertion(f"{name} is None", name, "None")]
    if type(value) is float and math.isfinite(value):
        close = Assertion(f"abs({name} - {value!r}) < {_near([value]):g}", name, repr(value))
        return [close if value else _is(name, "0")]
    kinds = set(map(type, _inside(value)))
    if not kinds & {float, complex, type(...)}:
        return [_is(name, words)]  # in which what stands in a set has an order
    if isinstance(value, list | tuple):
        return _all_near(name, [*value]) or [_long(name, len(value))]
    near = _all_near(f"{name}.values()", [*value.values()]) if isinstance(value, dict) else []
    return [_is(f"list({name})", repr([*value])), *near] if near and _exact(value) else [_long(name, len(value))]


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


def _all_near(values: str, expected: list[Any]) -> list[Assertion]:
    """Return the test that values are these numbers; none where they are no finite numbers."""
    if not all(type(v) in (int, float) and math.isfinite(v) for v in expected):
        return []
    pairs = f"zip({values}, {expected!r}, strict=True)"
    test = f"all(abs(a - b) < {_near(expected):g} for a, b in {pairs})"
    return [Assertion(test, f"list({values})", repr(expected))]


def _near_or_missing(values: str, expected: list[Any]) -> list[Assertion]:
    """Return the test that values of a table are these numbers, in which None stands for a missing one."""
    known = [v for v in expected if v is not None]
    if not all(type(v) in (int, float) and math.isfinite(v) for v in known):
        return []
    pairs = f"zip({values}, {expected!r}, strict=True)"
    test = f"all(a is b if a is None or b is None else abs(a - b) < {_near(known):g} for a, b in {pairs})"
    return [Assertion(test, f"list({values})", repr(expected))]


def _near(values: list[Any]) -> float:
    """Return how far numbers may be from those that were kept of them: one in the last digit of the largest."""
    largest = max((abs(v) for v in values), default=0)
    power = math.floor(math.log10(largest)) if largest else 0
    return max(float(10.0 ** (power + 1 - _DIGITS)), 5e-324)


def _table(name: str, words: re.Match[str]) -> Iterator[Assertion]:
    """Return the tests of an array or a table: of a small one its values and labels, of a larger one the shape."""
    shape = tuple(map(int, words["shape"].split(" x ")))
    data, labels = _data(words["data"] or "")
    shaped = _is(f"{name}.shape", repr(shape))
    if isinstance(data, list) and len(data) == shape[0]:
        yield _array(name, data)
    elif data and isinstance(data, dict) and len(shape) == 2 and _exact(data) and not _spelled([*data]):
        yield shaped
        yield from (_column(f"{name}[{column!r}]", values) for column, values in data.items())
        yield from (_labels(name, one) for one in labels)
    elif isinstance(data, dict) and len(shape) == 1 and len(data) == shape[0]:
        yield from _series(name, data)
    elif shape != (1,):  # that of one without dimensions is told so, too
        yield shaped


def _series(name: str, data: dict[Any, Any]) -> list[Assertion]:
    """Return the tests of a series: its labels and its values."""
    items, values = [*data.items()], [*data.values()]
    if _exact(items) and not _spelled(items):
        return [_is(f"list({name}.items())", repr(items))]
    if _spelled(items) or any(map(_missing, values)):
        return [_labels(name, [*data]), _column(name, values)]
    near = _all_near(name, values)
    if near and _exact(data):
        return [_is(f"list({name}.index)", repr([*data])), *near]
    return near or [_is(f"{name}.shape", repr((len(data),)))]


def _labels(name: str, labels: list[Any]) -> Assertion:
    """Return the test that a table has these labels of rows."""
    if labels == [*range(len(labels))]:
        return _is(f"[*{name}.index]", f"[*range({len(labels)})]")
    return _column(f"{name}.index", labels)


def _column(name: str, values: list[Any]) -> Assertion:
    """Return the test that a column or an index of a table holds these values; None stands for a missing one."""
    if _spelled(values):
        flat = all(isinstance(v, _Spelled) for v in values)
        return _is(f"[*map(repr, {name})]", repr([*map(str, values)])) if flat else _long(name, len(values))
    known = [None if _missing(v) else v for v in values]
    if None not in known:
        return _array(name, values)
    filled = f"{name}.astype(object).where({name}.notna(), None)"
    if _exact(known):
        return _is(f"{filled}.tolist()", repr(known))
    return next(iter(_near_or_missing(filled, known)), _long(name, len(values)))


def _array(name: str, values: list[Any]) -> Assertion:
    """Return the test that an array holds these values."""
    if _exact(values):
        return _is(f"{name}.tolist()", repr(values))
    return next(iter(_all_near(name, values)), _long(name, len(values)))


def _missing(value: Any) -> bool:
    return value is None or (type(value) is float and math.isnan(value))


def _spelled(values: list[Any]) -> bool:
    return any(isinstance(v, _Spelled) for v in _inside(values))


class _Spelled(str):
    """A value that is known by its `repr`, such as a time."""

    __slots__ = ()


# what has a `repr` that spells it
_KINDS = {
    "NaT", "Timestamp", "Timedelta", "Period", "Interval", "Decimal", "Fraction", "datetime.date", "datetime.datetime"
}  # fmt: skip


def _data(words: str) -> tuple[Any, list[list[Any]]]:
    """Return the values that words of a table spell, None where these have no plain form, and its rows' labels."""
    try:
        node = ast.parse(words.strip(), mode="eval").body
        pair = node.elts if isinstance(node, ast.Tuple) else [node]
        data, *behind = map(_plain, pair)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None, []
    labels = [one for names in behind for one in names.values()]
    return (None, []) if {type(...), complex} & set(map(type, _inside([data, labels]))) else (data, labels)


def _plain(node: ast.expr) -> Any:
    """Return what code of plain data spells; what has a `repr` of its own stays as that."""
    match node:
        case ast.Name("nan" | "inf") | ast.UnaryOp(op=ast.USub(), operand=ast.Name("inf")):
            return float(ast.unparse(node))
        case ast.Name("NaT") | ast.Call() if ast.unparse(getattr(node, "func", node)) in _KINDS:
            return _Spelled(ast.unparse(node))
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return (list if isinstance(node, ast.List) else tuple)(map(_plain, parts))
        case ast.Dict(keys=keys, values=values):
            return {_plain(k): _plain(v) for k, v in zip(keys, values, strict=True) if k is not None}
    return ast.literal_eval(node)
