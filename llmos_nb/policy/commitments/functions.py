"""The functions of the form: what an expression over reads may use. Each is pure and bounded by what it is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cmp_to_key
from typing import Any

from llmos_nb.errors import Unreadable
from llmos_nb.policy.commitments import tokens
from llmos_nb.policy.commitments.values import (
    AnyOrder,
    distinct,
    flat,
    in_record,
    is_number,
    moment,
    order,
    same,
    show,
    written,
)
from llmos_nb.policy.commitments.words import holds

Key = Callable[[Any], Any] | None


@dataclass(frozen=True)
class Function:
    """A function of the form.

    Parameters
    ----------
    call : callable
        What it does with plain values.
    least, most : int
        How many arguments it takes by position.
    keywords : tuple of str
        Those that it takes by name; ``key`` is a ``lambda`` of one value.
    carries : bool
        Its value says more of its arguments than yes or no.
    """

    call: Callable[..., Any]
    least: int = 1
    most: int = 1
    keywords: tuple[str, ...] = ()
    carries: bool = True


def listed(value: Any) -> list[Any]:
    """Return the values of a list, or the names of the fields of a record."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return list(value)
    raise Unreadable(f"{show(value)} is no list")


def one(values: Any) -> Any:
    """Return the only value; of none or several distinct ones a person must choose."""
    if not isinstance(values, list):
        return values
    found = distinct(values)
    if len(found) != 1:
        among = f": {', '.join(show(v, 30) for v in found[:3])}" if found else ""
        raise Unreadable(f"{len(found) or 'no'} values where one is expected{among}")
    return found[0]


def _token(kind: str) -> Callable[[Any], Any]:
    def only(value: Any) -> Any:
        found = tokens.tokens(kind, flat(value))
        if len(found) != 1:
            raise Unreadable(f"{len(found) or 'no'} {kind} values in {show(flat(value), 40)} where one is expected")
        return found[0]

    return only


def number(value: Any, near: str = "") -> float:
    """Return the only number in a text, or the first behind the words `near`."""
    if is_number(value):
        return float(value)
    text = flat(value)
    if near:
        if text.lower().count(near.lower()) != 1:
            raise Unreadable(f"{near!r} does not stand once in {show(text, 40)}")
        text = text[text.lower().index(near.lower()) + len(near) :]
    read = [(token, tokens.number_of(token)) for token in tokens.tokens("number", text)][: 1 if near else None]
    found = {n for _, n in read if n is not None}
    if unclear := next((token for token, n in read if n is None), ""):
        raise Unreadable(f"{show(unclear)} in {show(text, 40)} may be read in several ways")
    if len(found) != 1:
        raise Unreadable(f"{len(found) or 'no'} numbers in {show(text, 40)} where one is expected")
    return found.pop()


def lines(value: Any) -> list[str]:
    """Return the lines of a text, without bullets and without the label before a colon."""
    stripped = (line.strip().lstrip("-*•· ").strip() for line in flat(value).splitlines())
    return [last for line in stripped if (last := line.rpartition(": ")[2].strip()) and not last.endswith(":")]


def plus(start: Any, weeks: float = 0, days: float = 0, hours: float = 0, minutes: float = 0) -> str:
    """Return a date or a time that much later, in the form in which it was given."""
    if (at := moment(start)) is None:
        raise Unreadable(f"{show(start)} is no date")
    later = at[0] + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    if not at[1] and not hours and not minutes:
        return later.date().isoformat()
    return later.isoformat("T" if "T" in str(start) else " ", "seconds" if later.second else "minutes")


def mentions(value: Any, text: str) -> bool:
    """Return whether any field of a value holds a text as whole words."""
    return holds(flat(value), text)


def _most(sign: int) -> Callable[..., Any]:
    def found(*values: Any, key: Key = None) -> Any:
        candidates = listed(values[0]) if len(values) == 1 else list(values)
        if not candidates:
            raise Unreadable("nothing is the largest or smallest of no values")
        keyed = [(key(v) if key else v, v) for v in candidates]
        best = keyed[0][0]
        for rank, _ in keyed:
            best = rank if order(rank, best) * sign > 0 else best
        return one([v for rank, v in keyed if order(rank, best) == 0])

    return found


def _sorted(values: Any, key: Key = None, reverse: bool = False) -> list[Any]:
    by = cmp_to_key(order)
    return sorted(listed(values), key=lambda v: by(key(v) if key else v), reverse=bool(reverse))


def _sum(values: Any) -> Any:
    return math.fsum(_numeric(v) for v in listed(values))


def _numeric(value: Any) -> float:
    if not is_number(value):
        raise Unreadable(f"{show(value)} is no number")
    return float(value)


def _round(value: Any, digits: int = 0) -> Any:
    rounded = round(_numeric(value), max(-15, min(int(digits), 15)))
    return int(rounded) if digits <= 0 else rounded


def _enumerate(values: Any, start: int = 0) -> list[Any]:
    return [[i, v] for i, v in enumerate(listed(values), int(start))]


def _length(value: Any) -> int:
    return len(value if isinstance(value, str) else listed(value))


def _whole(value: Any) -> int:
    return int(number(value))


def _set(values: Any) -> AnyOrder:
    return AnyOrder(distinct(listed(values)))


def _tokens(kind: str) -> Function:
    return Function(lambda value: tokens.tokens(kind, flat(value)))


def _any(values: Iterable[Any]) -> bool:
    return any(listed(values))


def _all(values: Iterable[Any]) -> bool:
    return all(listed(values))


FUNCTIONS: dict[str, Function] = {
    "one": Function(one),
    "number": Function(number, most=2, keywords=("near",)),
    "numbers": Function(lambda value: tokens.numbers(flat(value))),
    **{kind: Function(_token(kind)) for kind in ("email", "url", "iban", "phone", "date")},
    **{f"{kind}s": _tokens(kind) for kind in ("email", "url", "iban", "phone", "date")},
    "lines": Function(lines),
    "plus": Function(plus, keywords=("weeks", "days", "hours", "minutes")),
    "mentions": Function(mentions, 2, 2, carries=False),
    "len": Function(_length),
    "any": Function(_any, carries=False),
    "all": Function(_all, carries=False),
    "max": Function(_most(1), most=20, keywords=("key",)),
    "min": Function(_most(-1), most=20, keywords=("key",)),
    "sum": Function(_sum),
    "sorted": Function(_sorted, keywords=("key", "reverse")),
    "reversed": Function(lambda values: listed(values)[::-1]),
    "set": Function(_set),
    "list": Function(lambda values: list(listed(values))),
    "enumerate": Function(_enumerate, most=2, keywords=("start",)),
    "str": Function(written),
    "int": Function(_whole),
    "float": Function(number),
    "round": Function(_round, most=2),
    "abs": Function(lambda value: abs(_numeric(value))),
}

LONGEST = 100_000  # characters of a text, values of a list


def _joined(text: str, values: Any) -> str:
    pieces = [v for v in listed(values) if isinstance(v, str)]
    if len(pieces) != len(values) or sum(map(len, pieces)) + len(text) * len(pieces) > LONGEST:
        raise Unreadable("what is joined is no text, or too long")
    return text.join(pieces)


def _replaced(text: str, old: str, new: str) -> str:
    if not old or len(text) + text.count(old) * len(new) > LONGEST:
        raise Unreadable("the text would be too long")
    return text.replace(old, new)


def _count(value: Any, of: Any) -> int:
    return value.count(of) if isinstance(value, str) else sum(same(v, of) for v in listed(value))


def _field(value: dict[str, Any], name: Any, default: Any = None) -> Any:
    return next(iter(in_record(value, str(name))), default)


# Methods by name: of which type, what they do, and how many arguments they take.
METHODS: dict[str, tuple[type | tuple[type, ...], Callable[..., Any], int, int]] = {
    **{name: (str, getattr(str, name), 0, 0) for name in ("lower", "upper", "title", "casefold", "capitalize")},
    **{name: (str, getattr(str, name), 0, 1) for name in ("strip", "lstrip", "rstrip")},
    **{name: (str, getattr(str, name), 1, 1) for name in ("startswith", "endswith", "removeprefix", "removesuffix")},
    "split": (str, str.split, 0, 2),
    "splitlines": (str, str.splitlines, 0, 0),
    "replace": (str, _replaced, 2, 2),
    "join": (str, _joined, 1, 1),
    "count": ((str, list), _count, 1, 1),
    "get": (dict, _field, 1, 2),
    "keys": (dict, list, 0, 0),
    "values": (dict, lambda record: list(record.values()), 0, 0),
    "items": (dict, lambda record: [[k, v] for k, v in record.items()], 0, 0),
}
SILENT = frozenset({"startswith", "endswith"})  # methods whose value carries nothing of the text
