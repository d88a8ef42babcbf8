"""What is known of the live names that a step may use, as plain facts for its inspection."""

from __future__ import annotations

import inspect
import io
import textwrap
import types
from collections.abc import Iterable, Mapping
from typing import Any

from llmos_nb.inspection import Surroundings

SOURCE_CHARS = 20_000
_FRAGILE: tuple[tuple[tuple[type, ...], str], ...] = (
    ((types.GeneratorType, types.AsyncGeneratorType, map, filter, zip), "it gives each item once"),
    ((io.IOBase,), "it is an open file"),
    ((types.CoroutineType,), "it can be awaited once"),
)


def look_around(namespace: Mapping[str, Any], names: Iterable[str] | None) -> Surroundings:
    """Gather the facts on some names and on what the user's own functions use.

    Parameters
    ----------
    namespace : mapping
        The live names.
    names : iterable of str, optional
        Those that the code spells; None stands for all.

    Returns
    -------
    Surroundings
        Nothing in it is live.
    """
    origins: dict[str, str] = {}
    sources: dict[str, str] = {}
    fragile: dict[str, str] = {}
    due, seen = list(namespace if names is None else names), set[str]()
    while due:
        name = due.pop()
        if name in seen or name not in namespace or name.startswith("_"):
            continue
        seen.add(name)
        value = namespace[name]
        if origin := _origin(value):
            origins[name] = origin
        if isinstance(value, types.FunctionType) and (source := _source(value)):
            sources[name] = source
            due += value.__code__.co_names
        if why := next((w for kinds, w in _FRAGILE if isinstance(value, kinds)), ""):
            fragile[name] = why
    return Surroundings(origins, sources, fragile)


def _origin(value: Any) -> str:
    """Give where a value comes from, as a dotted name; nothing for the user's own and for plain data."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    named = isinstance(value, type | types.FunctionType | types.BuiltinFunctionType)
    owner = value if named else type(value)
    home = getattr(owner, "__module__", None) or ""
    if not isinstance(home, str) or home == "__main__" or (home == "builtins" and not named):
        return ""
    if home.startswith("pathlib"):
        return "pathlib.Path"
    home = {"posix": "os", "nt": "os"}.get(home, home)
    return f"{home}.{owner.__qualname__}".removeprefix("builtins.")


def _source(function: types.FunctionType) -> str:
    """Give the source of a function that the user wrote; nothing for those of libraries."""
    if function.__module__ not in ("__main__", "builtins", None):
        return ""
    try:
        return textwrap.dedent(inspect.getsource(function))[:SOURCE_CHARS]
    except (OSError, TypeError):
        return ""
