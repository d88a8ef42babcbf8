"""The words for plain data.

Whoever compares a notebook runs this code as it stands here in the notebook's own interpreter: it needs the standard
library alone. A value is said itself where it is short, else by type, size and a hash. Numbers count to 9 significant
digits, those in tables and arrays to about 6; what stands in a set has no order. What is in <angle brackets> is known
by its type alone.
"""

from __future__ import annotations

from hashlib import sha256 as _sha256
from threading import local as _local
from typing import Any

_forms: list[Any] = []  # for other kinds of values: each takes a value and says its words, or None
# The fields in which scikit-learn notes how long fitting took, beside the scores; they do not count.
_TIMES = ("fit_time", "score_time", "mean_fit_time", "mean_score_time", "std_fit_time", "std_score_time", "refit_time_")


class _Without(_local):
    """What was left out of the words under way: fields by their names, and objects by the name of their <type>."""

    names: tuple[str, ...] = ()


_without = _Without()


def _content(value: Any) -> str:
    """Return a value as a short text, the same for the same content, and what in it does not count."""
    _without.names = ()
    words = _short(value, _words(value))
    return f"{words}; without {', '.join(sorted(_without.names))}" if _without.names else words


def _timed(fields: Any) -> tuple[Any, ...]:
    """Return those of the fields of a result, or a model, that hold how long fitting took."""
    found = tuple(f for f in _TIMES if f in fields)
    found = found if {"score_time", "mean_score_time", "refit_time_"} & {*found} else ()
    _without.names = (*{*_without.names, *found},)
    return found


def _short(value: Any, words: str) -> str:
    """Return words as they are where they are short, or of pandas, whose are bounded; else type, size and hash."""
    if len(words) <= 200 or type(value).__module__.partition(".")[0] == "pandas":
        return words
    size = f" of {len(value):,}" if hasattr(value, "__len__") else ""
    return f"{type(value).__name__}{size}: {_hashed(words.encode('utf-8', 'surrogatepass'))}"


def _hashed(*parts: bytes) -> str:
    """Return 16 hexadecimal digits over the parts."""
    return _sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).hexdigest()[:16]


def _words(value: Any, within: tuple[int, ...] = ()) -> str:
    """Return a value in words: plain data as Python spells it, other kinds by `_forms`, the rest by type."""
    kind = type(value)
    if kind.__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return f"{float(f'{value:.9g}') + 0.0!r}"
    if value is None or type(value) in (int, bool, str, bytes):
        return repr(value)
    if id(value) in within or len(within) > 40:
        return "..."  # it holds itself
    inside = (*within, id(value))
    if isinstance(value, list | tuple | dict | set | frozenset):
        return _box(value, inside)
    found = next((words for form in _forms if (words := form(value, inside))), "")
    if not found and isinstance(value, int | str | bytes | bytearray):
        found = repr(value)
    own = kind.__module__ in ("__main__", "types") or hasattr(kind, "__dataclass_fields__")
    if not found and own and not callable(value) and kind.__name__ != "module":
        held = vars(value) if hasattr(value, "__dict__") else _slots(value)
        found = f"{kind.__name__}({_words(held, inside)})" if held is not None else ""
    if not found and within and not callable(value) and kind.__name__ != "module":
        _without.names = (*{*_without.names, f"<{kind.__name__}>"},)
    return found or f"<{kind.__name__}>"


def _slots(value: Any) -> Any:
    """Return what an object holds in slots, by name; None for an object without any."""
    found = [vars(kind).items() for kind in type(value).__mro__]
    names = [name for own in found for name, slot in own if type(slot).__name__ == "member_descriptor"]
    return {n: getattr(value, n) for n in names if hasattr(value, n)} if names else None


def _box(value: Any, within: tuple[int, ...]) -> str:
    """Return what a list, tuple, dict or set holds."""
    if isinstance(value, dict):
        timed = _timed(value)
        items = [f"{_words(k, within)}: {_words(v, within)}" for k, v in value.items() if k not in timed]
    else:
        items = [_words(v, within) for v in value]
    items = sorted(items) if isinstance(value, set | frozenset) else items
    left, right = "[]" if isinstance(value, list) else "()" if isinstance(value, tuple) else "{}"
    comma = "," if isinstance(value, tuple) and len(items) == 1 else ""
    inner = f"{left}{', '.join(items)}{comma}{right}" if items or not isinstance(value, set) else ""
    kind = type(value)
    return inner if kind in (list, tuple, dict, set) and inner else f"{kind.__name__}({inner})"
