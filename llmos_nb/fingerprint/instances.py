"""The readable state of instances."""

from __future__ import annotations

import io
import types
from collections import deque
from contextlib import suppress
from typing import Any

_CORES = (dict, list, tuple, deque, set, frozenset, BaseException, types.SimpleNamespace)
_HIDDEN = ("matplotlib", "ipywidgets", "IPython", "ipykernel", "asyncio", "threading", "socket", "torch")


def home(kind: type) -> str:
    """Give the full name of a class's module; a few classes hide it behind a descriptor of their instances."""
    module = kind.__module__
    return module if isinstance(module, str) else "builtins"


def object_state(value: Any) -> list[Any] | None:
    """Give an instance's attributes and slots as a flat list, or None where C code hides them."""
    kind = type(value)
    if home(kind).partition(".")[0] in _HIDDEN or isinstance(value, io.IOBase):
        return None
    if home(kind).startswith("sklearn.") and not hasattr(value, "__dict__"):
        state = getattr(value, "__getstate__", lambda: None)()
        return [state] if state is not None else None
    slots = [m for c in kind.__mro__ if "__slots__" in vars(c) for m in vars(c).values() if _is_slot(m)]
    attributes = getattr(value, "__dict__", None)
    if attributes is None and not slots and not isinstance(value, _CORES):
        return None
    found: list[Any] = [attributes] if attributes else []
    for slot in slots:
        with suppress(AttributeError):  # an empty slot
            found += [slot.__name__, slot.__get__(value, kind)]
    return found + ([value.args] if isinstance(value, BaseException) else [])


def _is_slot(member: object) -> bool:
    return isinstance(member, types.MemberDescriptorType)
