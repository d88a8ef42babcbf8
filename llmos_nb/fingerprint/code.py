"""Digests of functions and classes."""

from __future__ import annotations

import types

from llmos_nb.fingerprint.instances import home
from llmos_nb.fingerprint.tables import Writer


def put_function(w: Writer, value: types.FunctionType) -> None:
    """Add a function by code, defaults and what it closes over."""
    _code(w, value.__code__)
    w.put(value.__defaults__)
    w.put(value.__kwdefaults__)
    w.items("closure", [c.cell_contents for c in value.__closure__ or () if c != types.CellType()])


def _code(w: Writer, code: types.CodeType) -> None:
    w.data("code", code.co_code)
    w.items("names", (*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars))
    for const in code.co_consts:
        _code(w, const) if isinstance(const, types.CodeType) else w.put(const)


def put_class(w: Writer, value: type) -> None:
    """Add a class by name, and one that was written in the notebook by its attributes too."""
    w.data("class", f"{home(value)}.{value.__qualname__}".encode())
    if home(value) in ("__main__", "builtins") and value.__flags__ & (1 << 9):  # written in the notebook
        hidden = ("__dict__", "__weakref__", "__doc__", "_abc_impl", "__firstlineno__", "__static_attributes__")
        w.items("attributes", (x for k, v in vars(value).items() if k not in hidden for x in (k, v)))
        w.items("bases", value.__bases__)
