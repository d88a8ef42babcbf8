"""Variables in words for a model: bounded, values only when asked for, never of what looks like a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from llmos_nb.devices.describers import HIDDEN, lines_of
from llmos_nb.errors import UsageError, nearest
from llmos_nb.preview import safe_text
from llmos_nb.sensitive import secret_name

ONE, CARD, _LINE = 1_500, 4_000, 400
_GLOB = re.compile(r"[*?\[]")
_NOT_VARIABLES = frozenset(("In", "Out", "exit", "quit", "get_ipython", "open"))  # IPython puts them there


def describe(name: str, value: Any, values: bool = False) -> str:
    """Describe one variable in at most about 1.5 KB.

    Parameters
    ----------
    name : str
        Its name; one that looks like a secret keeps its value to itself.
    value : object
        Anything. Its own code does not run, but for the tables and arrays that are known.
    values : bool
        Ranges, categories and short values may be shown.
    """
    if secret_name(name):
        return f"{name}: {type(value).__name__}, {HIDDEN}"
    try:
        head, *lines = lines_of(value, values)
    except Exception as error:  # a subclass or a library that misbehaves; the name and the type are still true
        head, lines = f"{type(value).__name__}, not described ({type(error).__name__})", []
    return _fitted([f"{name}: {head}", *lines], ONE)


def card(names: Iterable[str], namespace: Mapping[str, Any], values: bool = False) -> str:
    """Describe several variables in at most about 4 KB; those that no longer fit are only named.

    Parameters
    ----------
    names : iterable of str
        Which; one that is not there is left out.
    namespace : mapping
        Where they are.
    values : bool
        Ranges, categories and short values may be shown.
    """
    room, cards, named = CARD, [], []
    for name in (n for n in names if n in namespace):
        text = describe(name, namespace[name], values) if room > 0 else ""
        if text and len(text.encode()) <= room:
            cards.append(text)
            room -= len(text.encode()) + 1
        else:
            named.append(f"{name} ({type(namespace[name]).__name__})")
    more = f"and {len(named)} more: {', '.join(named)}" if named else ""
    return "\n".join([*cards, *([_cut(more, 2 * _LINE)] if more else [])])


def visible(namespace: Mapping[str, Any], patterns: str | Iterable[str]) -> list[str]:
    """Give the names that patterns let through, in the namespace's order.

    Parameters
    ----------
    namespace : mapping
        Name to anything.
    patterns : str or iterable of str
        Names and globs, separated by commas or spaces; one with ``-`` in front leaves out. Only such ones: all
        but these. Names with an underscore in front need a pattern with one.

    Raises
    ------
    UsageError
        A plain name is not there.
    """
    words = re.split(r"[,\s]+", patterns) if isinstance(patterns, str) else list(patterns)
    wanted = [w for w in words if w and not w.startswith("-")]
    unwanted = [w.removeprefix("-") for w in words if w.startswith("-")]
    for word in wanted:
        if not _GLOB.search(word) and word not in namespace:
            raise UsageError(f"{word!r}: no such name in the namespace{nearest(word, namespace)}")
    chosen = (n for n in namespace if any(_matches(n, w) for w in wanted or ["*"]))
    return [n for n in chosen if not any(fnmatchcase(n, w) for w in unwanted)]


def _matches(name: str, pattern: str) -> bool:
    if name == pattern:
        return True
    hidden = name in _NOT_VARIABLES or (name.startswith("_") and not pattern.startswith("_"))
    return not hidden and fnmatchcase(name, pattern)


def _fitted(lines: list[str], limit: int) -> str:
    """Keep the lines that fit, each bounded, and say how many did not."""
    kept: list[str] = []
    room = limit
    for i, line in enumerate(lines):
        text = _cut(safe_text(line), _LINE)
        room -= len(text.encode()) + 1
        if room < 0:
            return "\n".join([*kept, f"- … {len(lines) - i} more lines"])
        kept.append(text)
    return "\n".join(kept)


def _cut(text: str, limit: int) -> str:
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - 3].decode("utf-8", "ignore") + "…"
