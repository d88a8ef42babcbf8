"""Values as bytes and back: plain data, times, numbers, arrays and tables, of a closed list of kinds.

Who wrote the bytes may be hostile: they are read as JSON, arrays as the bytes of numbers, texts and times, and every
part is checked against what it says it is. A value of any other kind stays where it is.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import json
import math
import pathlib
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from llmos_nb.heap.plain.tables import READERS, Raw, Read, Tree, Write, write

MOST_BYTES = 64 << 20
_DEPTH = 50
_PLAIN = (type(None), bool, str)
_LISTS = (list, tuple, set, frozenset)
_BARE = frozenset((type(None), bool, int, float, str, list, dict))
_FACTORIES: dict[str, Any] = {f.__name__: f for f in (list, dict, set, tuple, int, float, str, bool)}


def encode(value: Any, most: int = MOST_BYTES) -> bytes:
    """Write a value.

    Parameters
    ----------
    value : object
        None, bool, int, float, complex, str, bytes, list, tuple, set, dict and those of `collections`; dates, times,
        Decimal, Fraction, UUID, range and paths; arrays of numbers, texts and times of numpy; Series, Index and
        DataFrame of pandas whose columns are such arrays, texts, categories or times, and those of polars.
    most : int
        Bytes that it may take.

    Raises
    ------
    TypeError
        It is, or holds, something else; the message says what.
    ValueError
        It is larger.
    """
    size = int(getattr(value, "nbytes", 0) or 0) if not isinstance(value, dict) else 0
    if size > most:
        raise ValueError(f"{size:,} bytes are more than come back")
    parts: list[bytes] = []
    head = _bare(value, most) or json.dumps(_Writer().tree(value), allow_nan=False, default=partial(_aside, parts))
    raw = b"".join((head.encode(), b"\n", *parts)) if parts else head.encode()
    if len(raw) > most:
        raise ValueError(f"{len(raw):,} bytes are more than come back")
    return raw


def text_of(raw: bytes) -> bytes:
    """Return what stands as text in a value that `encode` wrote: all but the numbers of large arrays."""
    return raw.partition(b"\n")[0]


def _aside(parts: list[bytes], raw: Any) -> Tree:
    """Put the bytes of an array behind the text."""
    if not isinstance(raw, Raw):
        raise TypeError(f"{type(raw).__qualname__} does not come back")
    start = sum(map(len, parts))
    parts.append(raw.held)
    return {"raw": [start, start + len(raw.held)]}


def decode(raw: bytes) -> Any:
    """Read a value that `encode` wrote, or that somebody wants to pass for one.

    Raises
    ------
    ValueError
        It is not what it says it is.
    """
    try:
        if len(raw) > MOST_BYTES:
            raise ValueError("it is too large")
        head, _, rest = raw.partition(b"\n")
        return _Reader(rest).value(json.loads(head))
    except (
        ArithmeticError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        IndexError,
        RecursionError,
    ) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    except MemoryError as error:
        raise ValueError("it is too large") from error


def _bare(value: Any, most: int) -> str:
    """Write lists and dicts of what JSON knows, in one piece at the speed of C; nothing where it is more than that."""
    if type(value) not in (list, dict) or not _is_bare(value, most):
        return ""
    try:
        return json.dumps({"json": value}, allow_nan=False)
    except ValueError:  # there is a NaN in it
        return ""


def _is_bare(value: Any, most: int) -> bool:
    level: list[Any] = [value]
    seen: set[int] = set()
    for _ in range(_DEPTH):
        if not level:
            return True
        kinds = set(map(type, level))
        tables = [o for o in level if type(o) is dict] if dict in kinds else []
        lists = [o for o in level if type(o) is list] if list in kinds else []
        known = len(seen)
        seen.update(map(id, chain(tables, lists)))
        once = len(seen) == known + len(tables) + len(lists)
        if not once or not kinds <= _BARE or not all(type(k) is str for t in tables for k in t):
            return False
        if len(level) > most:
            raise ValueError(f"more than {most:,} bytes do not come back")
        level = [*chain.from_iterable(lists), *chain.from_iterable(t.values() for t in tables)]
    return False


class _Writer:
    """Writes one value; an object that stands at several places is written once, under a number."""

    def __init__(self) -> None:
        self._written: dict[int, tuple[object, dict[str, Tree]]] = {}
        self._numbers = 0

    def tree(self, value: Any, depth: int = 0) -> Tree:
        """Return the plain form of a value."""
        if depth > _DEPTH:
            raise TypeError(f"it is nested more than {_DEPTH} deep")
        kind = type(value)
        if kind in _PLAIN or (kind is int and abs(value) < 1 << 1024):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        known = self._written.get(id(value))
        if known is None:
            node = self._node(value, kind, lambda v: self.tree(v, depth + 1))
            self._written[id(value)] = (value, node)
            return node
        if "as" not in known[1]:
            known[1]["as"] = self._numbers
            self._numbers += 1
        return {"again": known[1]["as"]}

    @staticmethod
    def _node(value: Any, kind: type, tree: Callable[[Any], Tree]) -> dict[str, Tree]:
        if kind in _LISTS:
            return {kind.__name__: [tree(v) for v in value]}
        if kind in _WRITERS:
            return {kind.__name__: _WRITERS[kind](value, tree)}
        found = write(value, tree)
        if found is None:
            raise TypeError(f"{kind.__module__}.{kind.__qualname__} does not come back")
        return found


def _pairs(value: Any, tree: Write) -> Tree:
    return [[tree(k), tree(v)] for k, v in value.items()]


def _factory(value: Any, tree: Write) -> Tree:
    name = getattr(value.default_factory, "__name__", None)
    if value.default_factory is not None and _FACTORIES.get(str(name)) is not value.default_factory:
        raise TypeError("a defaultdict of such a factory does not come back")
    return [name, _pairs(value, tree)]


def _moment(value: Any, tree: Write) -> Tree:
    """Write a time with its fold and its zone: none, an offset, or the name of one."""
    zone = value.tzinfo
    if zone is not None and type(zone) not in (datetime.timezone, ZoneInfo):
        raise TypeError(f"a time in {type(zone).__qualname__} does not come back")
    name: Tree = zone.key if isinstance(zone, ZoneInfo) else None
    if zone is not None and name is None and type(zone) is ZoneInfo:
        raise TypeError("a zone without a name does not come back")
    if zone is not None and name is None:
        name = [zone.utcoffset(None).total_seconds(), zone.tzname(None)]
    return [value.replace(tzinfo=None).isoformat(), value.fold, name]


def _read_moment(parse: Callable[[str], Any], held: Tree) -> Any:
    text, fold, zone = held
    found: datetime.tzinfo | None = None
    if isinstance(zone, str):
        found = ZoneInfo(zone)
    elif zone is not None:
        offset = datetime.timedelta(seconds=zone[0])
        plain = datetime.timezone(offset)
        found = plain if plain.tzname(None) == zone[1] else datetime.timezone(offset, str(zone[1]))
        found = datetime.UTC if found == datetime.UTC and zone[1] == "UTC" else found
    return parse(str(text)).replace(tzinfo=found, fold=int(fold))


_WRITERS: dict[type, Callable[[Any, Write], Tree]] = {
    dict: _pairs,
    bytes: lambda v, _: v.decode("latin-1"),
    bytearray: lambda v, _: v.decode("latin-1"),
    complex: lambda v, _: [v.real.hex(), v.imag.hex()],
    deque: lambda v, tree: [v.maxlen, [tree(x) for x in v]],
    OrderedDict: _pairs,
    Counter: _pairs,
    defaultdict: _factory,
    range: lambda v, _: [v.start, v.stop, v.step],
    datetime.date: lambda v, _: v.isoformat(),
    datetime.datetime: _moment,
    datetime.time: _moment,
    datetime.timedelta: lambda v, _: [v.days, v.seconds, v.microseconds],
    decimal.Decimal: lambda v, _: str(v),
    fractions.Fraction: lambda v, _: str(v),
    uuid.UUID: lambda v, _: str(v),
    type(pathlib.Path()): lambda v, _: str(v),
}


class _Reader:
    """Reads one value."""

    def __init__(self, rest: bytes) -> None:
        self._rest, self._numbered = rest, dict[int, Any]()

    def value(self, tree: Tree, depth: int = 0) -> Any:
        """Return what a plain form stands for."""
        if depth > 3 * _DEPTH:
            raise ValueError("it is nested too deep")
        if not isinstance(tree, dict):
            if isinstance(tree, list):
                raise TypeError("a list that says no kind")
            return tree
        number = tree.pop("as", None)
        ((kind, held),) = tree.items()
        if kind == "again":
            return self._numbered[held]
        if kind == "raw":
            return self._rest[int(held[0]) : int(held[1])]
        found = (READERS.get(kind) or _READERS[kind])(held, lambda v: self.value(v, depth + 1))
        if number is not None:
            self._numbered[number] = found
        return found


def _all(held: Tree, read: Read) -> list[Any]:
    if not isinstance(held, list):
        raise TypeError("not a list")
    return [read(v) for v in held]


def _table(held: Tree, read: Read) -> dict[Any, Any]:
    return {read(k): read(v) for k, v in held}


def _bounded_deque(held: Tree, read: Read) -> Any:
    most, items = held
    return deque(_all(items, read), most if most is None else int(most))


def _read_default(held: Tree, read: Read) -> Any:
    name, pairs = held
    return defaultdict(None if name is None else _FACTORIES[name], _table(pairs, read))


_READERS: dict[str, Callable[[Tree, Read], Any]] = {
    "json": lambda held, read: held,
    "list": _all,
    "tuple": lambda held, read: tuple(_all(held, read)),
    "set": lambda held, read: set(_all(held, read)),
    "frozenset": lambda held, read: frozenset(_all(held, read)),
    "dict": _table,
    "bytes": lambda held, read: held.encode("latin-1"),
    "bytearray": lambda held, read: bytearray(held.encode("latin-1")),
    "float": lambda held, read: float(held),
    "complex": lambda held, read: complex(*map(float.fromhex, held)),
    "deque": _bounded_deque,
    "OrderedDict": lambda held, read: OrderedDict(_table(held, read)),
    "Counter": lambda held, read: Counter(_table(held, read)),
    "defaultdict": _read_default,
    "range": lambda held, read: range(*map(int, held)),
    "date": lambda held, read: datetime.date.fromisoformat(held),
    "datetime": lambda held, read: _read_moment(datetime.datetime.fromisoformat, held),
    "time": lambda held, read: _read_moment(datetime.time.fromisoformat, held),
    "timedelta": lambda held, read: datetime.timedelta(*map(int, held)),
    "Decimal": lambda held, read: decimal.Decimal(str(held)),
    "Fraction": lambda held, read: fractions.Fraction(str(held)),
    "UUID": lambda held, read: uuid.UUID(str(held)),
    type(pathlib.Path()).__name__: lambda held, read: pathlib.Path(str(held)),
}
