"""How an event becomes plain data and comes back: by its fields, whose types are checked when a line is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Literal,
    Required,
    Self,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from llmos_nb.journal.events.decider import Decider, DeciderData

T = TypeVar("T", bound="Fact")
Check = Callable[[Any], bool]
_MOST = 2**63  # no count, size or amount comes near it, and arithmetic does not overflow


class Fact:
    """What happened, of one kind.

    A field without a default is a key that each line of the kind has. One with a default is left out of the line where
    it has its default; `None` as a default says that nobody wrote it, and an empty text or list that it is empty.
    """

    __slots__ = ()
    kind: ClassVar[str]

    def plain(self) -> dict[str, Any]:
        """Return the data of the line."""
        cls: Any = self.__class__
        found: dict[str, Any] = {}
        for name, key, default, who in _writing(cls):
            value = getattr(self, name)
            if who and type(value) is not Decider:  # nothing else is asked what it says of itself
                raise TypeError(f"{cls.kind}: `{key}` must be a Decider")
            if default is MISSING or value != default:
                found[key] = value.plain() if who else value
        return found

    @classmethod
    def parse(cls, d: Mapping[str, Any]) -> Self:
        """Read the data of a line; keys that are not known are left alone.

        Raises
        ------
        ValueError
            Names the key that is missing, or has another type.
        """
        given: dict[str, Any] = {}
        this: Any = cls
        for name, key, types, fits, needed in _reading(this):
            if key in d:
                value = d[key]
                if type(value) not in types and not fits(value):
                    raise ValueError(f"{cls.kind}: `{key}` cannot be {value!r:.60}")
                given[name] = Decider.parse(value) if fits is _decider else value
            elif needed:
                raise ValueError(f"{cls.kind}: `{key}` is missing")
        return cls(**given)


def key(name: str, default: Any = MISSING) -> Any:
    """Declare a field whose key in the line is called otherwise, since its own name is taken."""
    return field(default=default, metadata={"key": name})


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(kind: str) -> Callable[[type[T]], type[T]]:
    """Make an event of a class: a dataclass whose fields are given by name, of this kind."""

    def made(cls: type[T]) -> type[T]:
        cls.kind = kind
        return dataclass(frozen=True, slots=True, kw_only=True)(cls)

    return made


def _default(f: Field[Any]) -> Any:
    return f.default_factory() if f.default_factory is not MISSING else f.default


@cache
def _writing(cls: Any) -> tuple[tuple[str, str, Any, bool], ...]:
    hints = get_type_hints(cls)
    return tuple((f.name, f.metadata.get("key", f.name), _default(f), hints[f.name] is Decider) for f in fields(cls))


@cache
def _reading(cls: Any) -> tuple[tuple[str, str, frozenset[type], Check, bool], ...]:
    found, hints = [], get_type_hints(cls)
    for f in fields(cls):
        hint = hints[f.name]
        simple = frozenset({hint, *get_args(hint)} & {str, bool, NoneType})  # of these a look is enough
        if get_origin(hint) not in (None, Union, UnionType):
            simple = frozenset({str}) if get_origin(hint) is Literal else frozenset()
        found.append((f.name, f.metadata.get("key", f.name), simple, _check(hint), _default(f) is MISSING))
    return tuple(found)


def _decider(value: Any) -> bool:
    try:
        Decider.parse(value)
    except ValueError:
        return False
    return True


def _check(hint: Any) -> Check:
    """Return what tells whether a value read from JSON has a type; of a closed set, any text has."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in (Decider, DeciderData):
        return _decider
    if origin in (Union, UnionType, Required):
        checks = [_check(a) for a in args]
        return lambda value: any(check(value) for check in checks)
    if origin in (list, dict):
        return _all(origin, _check(args[-1]))
    return _table(hint) if is_typeddict(hint) else _plain(str if origin is Literal else hint)


def _plain(hint: Any) -> Check:
    if hint is Any:
        return lambda value: True
    if hint in (int, float):
        accepted = int | float if hint is float else hint
        return lambda value: isinstance(value, accepted) and not isinstance(value, bool) and -_MOST < value < _MOST
    return lambda value: isinstance(value, hint)


def _all(kind: Any, item: Check) -> Check:
    if kind is dict:
        return lambda value: isinstance(value, dict) and all(map(item, value.values()))
    return lambda value: isinstance(value, list | tuple) and all(map(item, value))


def _table(hint: Any) -> Check:
    hints = get_type_hints(hint, include_extras=True)  # `Required` in a text is not seen by `__required_keys__`
    needed = hint.__required_keys__ | {name for name, inner in hints.items() if get_origin(inner) is Required}
    checks = {name: _check(inner) for name, inner in hints.items()}

    def fits(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and needed <= value.keys()
            and all(check(value[name]) for name, check in checks.items() if name in value)
        )

    return fits
