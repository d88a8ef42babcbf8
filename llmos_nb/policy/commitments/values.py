"""Values as plain data, and when two are the same. Pure.

Two texts are the same by their characters: composed in one form, with one space for several, and in the case in which
they are written. A letter that only looks alike is another, and a number is no text.
"""

from __future__ import annotations

import dataclasses
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from llmos_nb.errors import Unreadable

MOST, DEEP = 100_000, 24  # values in one, and how deep they stand in each other
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d(?:(?P<time>[T ]\d\d:\d\d)(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_LOOSE = re.compile(r"[\t\r]|[ \n] | \n|\A\s|\s\Z")


class AnyOrder(list[Any]):
    """Values whose order does not count: what a set gives."""


def plain(value: Any) -> Any:
    """Return a value as lists, mappings with texts as keys, texts, numbers, truth values and None.

    Raises
    ------
    Unreadable
        It is too large, or holds something that is no data.
    """
    return _Plain().copy(value, 0)


class _Plain:
    def __init__(self) -> None:
        self.left = MOST

    def copy(self, value: Any, deep: int) -> Any:
        self.left -= 1
        if self.left < 0 or deep > DEEP:
            raise Unreadable("the data is too large or too deep")
        if isinstance(value, Enum):
            value = value.value
        if isinstance(value, str | bool | int | float | Decimal | date | time) or value is None:
            return _scalar(value)
        if (fields := _fields(value)) is not None:
            return {_key(k): self.copy(v, deep + 1) for k, v in fields.items()}
        found = _inside(value)
        if not isinstance(found, list | tuple | set | frozenset):
            return self.copy(found, deep + 1)
        copies = [self.copy(v, deep + 1) for v in found]
        return AnyOrder(copies) if isinstance(value, set | frozenset) else copies


def _inside(value: Any) -> Any:
    """Return the values of a list, a set, an array or a table, or what else stands for a value."""
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, timedelta | UUID | PurePath):
        return str(value)
    rows = getattr(value, "to_dict", None) if hasattr(value, "columns") else None
    if callable(listed := getattr(value, "tolist", None)) or callable(rows):
        return rows("records") if callable(rows) else listed()  # type: ignore[misc]
    raise Unreadable(f"a value of type {type(value).__name__} is no plain data")


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.second or value.microsecond else value.isoformat(" ", "minutes")
    return value.isoformat() if isinstance(value, date | time) else value


def _key(key: Any) -> str:
    return str(key.value if isinstance(key, Enum) else key)


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """Return the fields of a record, and None of what is none."""
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if callable(asdict := getattr(value, "_asdict", None)):
        return dict(asdict())
    if not isinstance(value, type) and (names := getattr(type(value), "model_fields", None)) is not None:
        return {name: getattr(value, name) for name in names}
    return None


def text_form(text: str) -> str:
    """Return the one form in which texts are compared."""
    if text.isascii() and not _LOOSE.search(text):  # most are, and to look costs a tenth
        return text
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    text = re.sub(r"[ \t\u00a0\u202f]{2,}|[\t\u00a0\u202f]", " ", text)
    return (re.sub(r" \n ?|\n ", "\n", text) if "\n" in text else text).strip()


def moment(value: Any) -> tuple[datetime, bool] | None:
    """Return the date that an ISO text writes and whether it says a time; None for another value."""
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        return (datetime.fromisoformat(found[0]), bool(found["time"])) if found else None
    except ValueError:
        return None


def same_field(a: str, b: str) -> bool:
    """Return whether two spell one field: an underscore behind its name, as of words of Python, does not count."""
    return a.removesuffix("_") == b.removesuffix("_")


def in_record(record: Mapping[str, Any], name: str) -> list[Any]:
    """Return the value of a field in a list; an empty one where there is none.

    Raises
    ------
    Unreadable
        The record has two of one spelling: which of them is meant nobody can say.
    """
    found = [value for known, value in record.items() if same_field(known, name)]
    if len(found) > 1:
        raise Unreadable(f"there are two fields {name}")
    return found


def is_number(value: Any) -> bool:
    """Return whether a value is a number, which no truth value is."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def identity(value: Any) -> Any:
    """Return what two plain values have in common when they are the same; it can be hashed."""
    if isinstance(value, str):
        at = moment(value)
        return "text", text_form(value) if at is None else at
    if is_number(value):
        return "number", round(value, 9)
    if isinstance(value, list):
        each = [identity(v) for v in value]
        return "list", tuple(sorted(each, key=repr) if isinstance(value, AnyOrder) else each)
    if isinstance(value, dict):
        return "record", tuple(sorted((k, identity(v)) for k, v in value.items()))
    return "one", value


def same(a: Any, b: Any) -> bool:
    """Return whether two plain values are the same, each by its type."""
    if isinstance(a, AnyOrder) or isinstance(b, AnyOrder):
        a, b = (AnyOrder(v) if isinstance(v, list) else v for v in (a, b))
    return bool(identity(a) == identity(b))


def distinct(values: Iterable[Any]) -> list[Any]:
    """Return values without those that are the same as one before."""
    return list({identity(v): v for v in reversed(list(values))}.values())[::-1]


def order(a: Any, b: Any) -> int:
    """Return -1, 0 or 1: what comes first of two numbers, dates, texts, or lists of these."""
    if is_number(a) and is_number(b):
        return int(a > b) - int(a < b)
    if isinstance(a, list) and isinstance(b, list):
        return next((o for o in map(order, a, b) if o), order(len(a), len(b)))
    if isinstance(a, str) and isinstance(b, str):
        one, other = moment(a), moment(b)
        if one is None or other is None:
            return int(text_form(a) > text_form(b)) - int(text_form(a) < text_form(b))
        if (one[0].tzinfo is None) == (other[0].tzinfo is None):
            return int(one[0] > other[0]) - int(one[0] < other[0])
    if isinstance(a, bool) and isinstance(b, bool):
        return int(a) - int(b)
    raise Unreadable(f"{show(a)} and {show(b)} have no order")


def leaves(value: Any) -> Iterator[Any]:
    """Return the texts and numbers in a plain value; the names of fields are none of its data."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif value is not None:
        yield value


def flat(value: Any) -> str:
    """Return all that a value says as one text, a line for each piece."""
    if isinstance(value, str):
        return value
    return "\n".join(v if isinstance(v, str) else written(v) for v in leaves(value))


def written(value: Any) -> str:
    """Return a value as it is written in a text."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def show(value: Any, most: int = 60) -> str:
    """Return a value in one short line, for words."""
    text = repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"
