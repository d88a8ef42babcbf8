"""A state as plain data and back: by the types of its fields, with nothing in the data that names a type.

What is made anew from the rest (an index of words, a table by number) is left out; it begins with an underscore.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from llmos_nb.process.state.state import State


def _same(value: Any) -> Any:
    return value


class _Form(NamedTuple):
    """How values of a type become JSON, and come back."""

    to: Callable[[Any], Any] = _same
    back: Callable[[Any], Any] = _same


_PLAIN = _Form()


def to_plain(state: State) -> dict[str, Any]:
    """Return a state as plain data, from which `from_plain` makes an equal one."""
    return dict(_form(State).to(state))


def from_plain(plain: dict[str, Any]) -> State:
    """Make a state of plain data.

    Raises
    ------
    Exception
        Of any class: the data is not what `to_plain` returned.
    """
    found = _form(State).back(plain)
    assert isinstance(found, State)  # noqa: S101 - for mypy
    return found


@cache
def _form(hint: Any) -> _Form:
    """Return the form of a type; of what stands in JSON as it is, the values themselves."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _optional([form for a in args if a is not NoneType and (form := _form(a)) is not _PLAIN])
    if origin is tuple:
        return _tuple(args)
    if origin is list:
        to, back = item = _form(args[0])
        return _PLAIN if item is _PLAIN else _Form(lambda v: [to(i) for i in v], lambda v: [back(i) for i in v])
    if origin in (dict, Mapping, Counter):
        return _table(
            dict if origin is Mapping else origin, args[0], _form(int if origin is Counter else args[1])
        )
    if hint is bytes:
        return _Form(bytes.hex, bytes.fromhex)
    return _record(hint) if is_dataclass(hint) else _PLAIN


def _optional(forms: list[_Form]) -> _Form:
    if not forms:
        return _PLAIN
    ((to, back),) = forms
    return _Form(lambda v: None if v is None else to(v), lambda v: None if v is None else back(v))


def _tuple(args: tuple[Any, ...]) -> _Form:
    if args[-1] is Ellipsis:
        to, back = _form(args[0])
        return _Form(lambda v: [to(i) for i in v], lambda v: tuple([back(i) for i in v]))
    each = [_form(a) for a in args]
    return _Form(
        lambda v: [form.to(i) for form, i in zip(each, v, strict=True)],
        lambda v: tuple(form.back(i) for form, i in zip(each, v, strict=True)),
    )


def _table(kind: Any, key: Any, item: _Form) -> _Form:
    """Return the form of a mapping; one whose keys are numbers stands as pairs."""
    to, back = item
    if key is int:
        return _Form(lambda v: [[k, to(i)] for k, i in v.items()], lambda v: kind({k: back(i) for k, i in v}))
    if item is _PLAIN and kind is dict:
        return _Form(dict)
    return _Form(lambda v: {k: to(i) for k, i in v.items()}, lambda v: kind({k: back(i) for k, i in v.items()}))


def _record(cls: Any) -> _Form:
    """Return the form of a dataclass: its fields by name, without those that have their default."""
    hints = get_type_hints(cls)
    known = [
        (f.name, *_form(hints[f.name]), f.default_factory() if f.default_factory is not MISSING else f.default)
        for f in fields(cls)
        if not f.name.startswith("_")
    ]
    backs = {name: back for name, _, back, _ in known if back is not _same}

    def to(value: Any) -> dict[str, Any]:
        return {
            name: to(v)
            for name, to, _, default in known
            if (v := getattr(value, name)) != default or type(v) is not type(default)
        }

    def back(plain: dict[str, Any]) -> Any:
        return cls(**{name: backs[name](v) if name in backs else v for name, v in plain.items()})

    return _Form(to, back)
