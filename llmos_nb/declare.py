"""The decorator: what a user says of a function, kept on the function itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, overload

from llmos_nb.errors import ConfigError, UsageError, nearest
from llmos_nb.schema import function_of

Effect = Literal["read", "namespace", "write", "external"]
Repeat = Literal["pure", "idempotent", "once"]
Source = Literal["trusted", "untrusted"]

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = "__llmos_tool__"
_KEYS = ("effect", "repeat", "sinks", "source", "thread", "undo", "reconcile", "name", "description")
_CHOICES: dict[str, tuple[object, ...]] = {
    "effect": ("read", "namespace", "write", "external"),
    "repeat": ("pure", "idempotent", "once"),
    "source": ("trusted", "untrusted"),
    "thread": (True, False),
}


@overload
def tool(fn: F, /) -> F: ...
@overload
def tool(
    *, effect: Effect = ..., repeat: Repeat = ..., sinks: tuple[str, ...] = ..., source: Source = ...,
    thread: bool = ..., undo: Callable[..., Any] | None = ...,
    reconcile: Callable[[str], bool | None] | None = ...,
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
        Arguments that carry authority: who, where, how much.
    source : {"trusted", "untrusted"}
        Where its results come from.
    thread : bool
        It may run off the main thread, beside others.
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
            raise UsageError(
                f"@tool: {target!r:.80} takes no attributes; declare it in llmos.toml instead"
            ) from None
        return target

    return declare if fn is None else declare(fn)


def declared(fn: Any) -> dict[str, Any]:
    """Give what the decorator said of a function, or of what a method, partial or wrapper stands for."""
    return dict(getattr(fn, _OPTIONS, None) or getattr(function_of(fn), _OPTIONS, {}))


def checked(options: Mapping[str, Any], where: str) -> None:
    """Refuse an unknown key or choice, naming where it stands."""
    for key, value in options.items():
        if key not in _KEYS:
            raise ConfigError(f"{where}: unknown key {key!r}{nearest(key, _KEYS)}")
        choices = _CHOICES.get(key)
        if choices is not None and value not in choices:
            raise ConfigError(f"{where}: {key} = {value!r} must be {' or '.join(map(repr, choices))}")
        if key == "sinks" and (isinstance(value, str) or not all(isinstance(v, str) for v in value)):
            raise ConfigError(f"{where}: sinks = {value!r} must be a list of argument names")
