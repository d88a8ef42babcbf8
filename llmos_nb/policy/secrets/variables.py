"""Which texts of a namespace are secret: by names, keys, attributes and columns, found without running its code."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from itertools import islice
from types import FunctionType, MemberDescriptorType
from typing import Any, NamedTuple

from llmos_nb.policy.secrets import shapes

DEEP, MANY, ROWS, HELD = 4, 1_000, 256, 32
PLACES, LETTERS = 10_000, 500_000  # that are looked at in all
_LISTS = (list, tuple, set, frozenset, deque)
_ATOMS = frozenset((int, float, complex, bool, type(None), type(Ellipsis)))
Member = tuple[str, Any]  # with an empty name where it has none


class _Place(NamedTuple):
    """Something in a namespace.

    Parameters
    ----------
    name, path : str
        Its own name, or that of what it stands in, and the way to it.
    value : Any
        What stands there.
    deep : int
        How many levels below it are looked at.
    under : str
        The nearest name on the way that says that what follows is secret.
    whole : str
        The variable, where all of it is secret.
    """

    name: str
    path: str
    value: Any
    deep: int
    under: str
    whole: str

    def inner(self, name: str, value: Any) -> _Place:
        """Return something that it holds."""
        own, path = name or self.name, f"{self.path}.{name}" if name else self.path
        return _Place(own, path, value, self.deep - 1, _under(own) or self.under, self.whole)


def _under(name: str) -> str:
    return name if shapes.STRONG.search(name) and shapes.named_secret(name) else ""


def found_in(namespace: Mapping[str, Any], whole: Set[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """Return names and values of what is secret in a namespace, within bounds: the nearest things first.

    Parameters
    ----------
    namespace : mapping
        Variables; names that begin with an underscore are passed over.
    whole : set of str
        Variables of which every text is secret.

    Yields
    ------
    tuple of str
        ``("config.db.password", "…")``.
    """
    held = [(n, v) for n, v in list(namespace.items()) if type(v) not in _ATOMS]
    named = [(n, v) for n, v in held if n in whole or not n.startswith("_")]
    waiting = deque(_Place(n, n, v, DEEP, _under(n), n if n in whole else "") for n, v in named)
    seen, taken, letters = set[int](), dict.fromkeys(whole, 0), LETTERS
    for _ in range(PLACES):
        if not waiting:
            return
        at = waiting.popleft()
        if type(at.value) in (str, bytes):
            letters -= len(at.value)
            if at.whole:
                taken[at.whole] += 1
            if letters > 0 and taken.get(at.whole, 0) <= HELD:
                yield from _leaf(at)
        elif at.deep and id(at.value) not in seen:
            seen.add(id(at.value))
            waiting.extend(at.inner(*member) for member in _members(at))


def _leaf(at: _Place) -> Iterator[tuple[str, str]]:
    """Return a text, if it is secret, or what it spells."""
    text = at.value if type(at.value) is str else at.value.decode("ascii", "ignore")
    wholly = bool(at.whole) and len(text) >= (shapes.SHORTEST if at.path == at.whole else shapes.GUESSED)
    if wholly or shapes.hidden_under(at.name, text) or (at.under and shapes.keyish(text)):
        yield re.sub(r"[^\w.-]", "-", at.path), text  # as a handle can hold it
    elif len(text) >= shapes.KEY:
        yield from shapes.found_in_text(text)


def _members(at: _Place) -> list[Member]:
    """Return what something holds, by name where it has one; no method of a class of the user's is called."""
    value, kind = at.value, type(at.value)
    found: Iterable[Member]
    with suppress(Exception):  # whatever a table makes of it
        if issubclass(kind, dict):
            found = ((k if type(k) is str else "", v) for k, v in islice(dict.items(value), MANY))
        elif base := next((b for b in _LISTS if issubclass(kind, b)), None):
            inner = [*islice(base.__iter__(value), MANY)]
            names = [*getattr(kind, "_fields", ())] if base is tuple else []
            found = zip((*names, *[""] * (len(inner) - len(names))), inner, strict=False)
        elif kind.__name__ in ("DataFrame", "Series", "ndarray"):
            found = _cells(at)
        else:
            found = _attributes(value, kind)
        return [(n, v) for n, v in islice(found, MANY) if type(v) not in _ATOMS]
    return []


def _attributes(value: Any, kind: type) -> Iterator[Member]:
    """Return the attributes of an object, the defaults of a function, what stands in a class of the notebook's."""
    if kind is FunctionType:
        code, defaults = value.__code__, value.__defaults__ or ()
        yield from zip(code.co_varnames[code.co_argcount - len(defaults) :], defaults, strict=False)
        yield from (value.__kwdefaults__ or {}).items()
    elif issubclass(kind, type):
        here = type.__getattribute__(value, "__module__") == "__main__"
        yield from dict(type.__getattribute__(value, "__dict__")).items() if here else ()
    elif kind.__name__ != "module":
        with suppress(AttributeError, TypeError):
            yield from list(dict.items(object.__getattribute__(value, "__dict__")))
        for slot in (d for c in kind.__mro__ if "__slots__" in vars(c) for d in vars(c).values()):
            if type(slot) is MemberDescriptorType:
                with suppress(AttributeError):  # nothing stands there
                    yield slot.__name__, slot.__get__(value)


def _cells(at: _Place) -> Iterator[Member]:
    """Return texts of columns that say so, and of rows whose labels do; words and numbers in them are none."""
    table = at.value
    if (columns := getattr(table, "columns", None)) is not None:
        named = [c for c in list(columns)[:MANY] if type(c) is str and (at.whole or shapes.STRONG.search(c))]
        for column in named:
            yield from _column(at, column, list(table[column].head(ROWS)))
    elif not hasattr(table, "head"):  # an array
        yield from _column(at, at.name, table.ravel()[:ROWS].tolist() if table.dtype.kind in "OSU" else ())
    else:
        own, rows = getattr(table, "name", None), list(table.head(ROWS))
        yield from _column(at, own if type(own) is str else at.name, rows)
        yield from _column(at, at.name, rows)
        labels = list(getattr(table, "index", ()))[:ROWS]
        yield from ((n, v) for n, v in zip(labels, rows, strict=False) if type(n) is str)


def _column(at: _Place, name: str, values: Iterable[Any]) -> Iterator[Member]:
    """Return what a column holds of texts that are secret under its name, each once."""
    for n, value in enumerate(dict.fromkeys(v for v in values if type(v) in (str, bytes))):
        text = value if type(value) is str else value.decode("ascii", "ignore")
        if at.whole or shapes.keyish(text) or shapes.hidden_in_column(name, text):
            yield f"{name}.{n}", value
