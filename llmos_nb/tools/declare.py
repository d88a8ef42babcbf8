"""The decorator: what a user says of a function, kept on the function itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar, get_args, overload

from llmos_nb.errors import ConfigError, UsageError, nearest
from llmos_nb.tools.schema.signature import function_of

Effect = Literal["read", "namespace", "write", "external"]
Repeat = Literal["pure", "idempotent", "once"]
Source = Literal["trusted", "untrusted", "own"]

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = "__llmos_tool__"
EVERY = ("*",)  # facts of a tool all whose fields are some
_KEYS = ("effect", "repeat", "sinks", "facts", "source", "thread", "undo", "reconcile", "name", "description")
_GONE = ("acts", "target", "outward", "roles")
INSTEAD = (
    "words of the user permit nothing any more: say which arguments are sinks (who, where, how much) and which fields "
    "of a result are facts; what may be done is what a plan commits to"
)
_LISTED = {"effect": Effect, "repeat": Repeat, "source": Source, "thread": Literal[True, False]}
_CHOICES: dict[str, tuple[object, ...]] = {key: get_args(kind) for key, kind in _LISTED.items()}


@overload
def tool(fn: F, /) -> F: ...
@overload
def tool(
    *, effect: Effect = ..., repeat: Repeat = ..., sinks: tuple[str, ...] = ...,
    facts: tuple[str, ...] | Literal["*"] = ..., source: Source = ..., thread: bool = ...,
    undo: Callable[..., Any] | None = ..., reconcile: Callable[[str], bool | None] | None = ...,
) -> Callable[[F], F]: ...  # fmt: skip
def tool(fn: Any = None, /, **options: Any) -> Any:
    """Declare what a function does, so that less has to be asked.

    Works with and without parentheses, and gives the same function back.

    Parameters
    ----------
    effect : {"external", "read", "namespace", "write"}
        What it does: acts outside, reads only, changes the live namespace, or writes files.
    repeat : {"once", "pure", "idempotent"}
        Whether it may run again after a crash.
    sinks : tuple of str
        Arguments that say who, where or how much; left out, every argument is one.
    facts : tuple of str, or "*"
        Fields of its result that the service itself asserts, such as an account number or the id of what exists, and
        that nobody else can write. A plan may commit to take a sink from one; left out, there are none.
    source : {"trusted", "untrusted", "own"}
        Where its results come from. What is ``trusted`` is believed for data and not for prose: a text of more than
        64 characters in it is untrusted. What is the user's ``own`` is believed whole.
    thread : bool
        Whether it may run off the main thread, beside others. Left out, a sync read that may be repeated does, and
        comes to the main thread where it fails for reasons of threads (a connection of sqlite3, an event loop).
    undo : callable, optional
        Takes back what a call did.
    reconcile : callable, optional
        ``reconcile(key) -> bool | None``: whether a call in doubt was done.

    Examples
    --------
    >>> @tool(effect="read", repeat="pure")
    ... def price(item: str) -> float: ...
    """
    checked(options, "@tool")

    def declare(target: F) -> F:
        try:
            setattr(target, _OPTIONS, options)
        except AttributeError:
            why = "takes no attributes; declare it in llmos.toml instead"
            raise UsageError(f"@tool: {target!r:.80} {why}") from None
        return target

    return declare if fn is None else declare(fn)


def declared(fn: Any) -> dict[str, Any]:
    """Return what the decorator said of a function, or of what a method, partial or wrapper stands for."""
    return dict(getattr(fn, _OPTIONS, None) or getattr(function_of(fn), _OPTIONS, {}))


def checked(options: Mapping[str, Any], where: str) -> None:
    """Refuse an unknown key or choice, naming where it stands."""
    for key, value in options.items():
        if key in _GONE:
            raise ConfigError(f"{where}: {key} is not read any more; {INSTEAD}")
        if key not in _KEYS:
            raise ConfigError(f"{where}: unknown key {key!r}{nearest(key, _KEYS)}")
        choices = _CHOICES.get(key)
        if choices is not None and value not in choices:
            raise ConfigError(f"{where}: {key} = {value!r} must be {' or '.join(map(repr, choices))}")
        named = isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
        if key == "sinks" and not named:
            raise ConfigError(f"{where}: sinks = {value!r} must be a list of argument names")
        if key == "facts" and not (named or value == "*"):
            raise ConfigError(f'{where}: facts = {value!r} must be a list of fields, or "*" for all')


def plain_lists(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return declared keys with those that are lists as tuples."""
    lists = {"sinks": tuple(options.get("sinks", ())), "facts": tuple(options.get("facts", ()))}
    return {k: lists.get(k, v) for k, v in options.items()}


def unknown_arguments(name: str, schema: Mapping[str, Any], sinks: tuple[str, ...] | None) -> None:
    """Refuse a declaration that names an argument which the tool does not have."""
    wrong = next((n for n in sinks or () if n not in schema.get("properties", {})), None)
    if wrong is not None:
        raise ConfigError(f"tools.{name}: sinks names {wrong!r}, which is not an argument of {name}")


def said_of(name: str, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a manifest says of a tool: the table of exactly its name, else of the first glob that fits."""
    if name in tables:
        return dict(tables[name])
    return next((dict(t) for glob, t in tables.items() if "*" in glob and fnmatchcase(name, glob)), {})
