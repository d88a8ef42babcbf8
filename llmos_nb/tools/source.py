"""The source code behind a callable, so that an approval notices code that changed."""

from __future__ import annotations

import inspect
from functools import lru_cache, partial
from types import CodeType
from typing import Any


def source_of(fn: Any) -> str:
    """Return the source code of a callable and of what it wraps, or its bytecode where there is no source."""
    if isinstance(fn, partial):
        held = [*map(plain_repr, fn.args), *(f"{k}={plain_repr(v)}" for k, v in fn.keywords.items())]
        return f"{source_of(fn.func)}\n# with {', '.join(held)}"
    layer = fn if inspect.isroutine(fn) or isinstance(fn, type) else type(fn).__call__
    code = getattr(getattr(layer, "__func__", layer), "__code__", None)
    text = _layer_source(layer) if code is None else _code_source(code)
    wrapped = getattr(fn, "__wrapped__", None)
    return text if wrapped is None else f"{text}\n{source_of(wrapped)}"


@lru_cache(maxsize=512)
def _code_source(code: CodeType) -> str:
    """Read it once; code that was changed is another code."""
    return _layer_source(code)


def _layer_source(layer: Any) -> str:
    try:
        return inspect.getsource(layer)
    except (OSError, TypeError):
        if isinstance(layer, CodeType):
            return _bytecode(layer)
        return f"{getattr(layer, '__module__', '')}.{getattr(layer, '__qualname__', '')}"


def _bytecode(code: CodeType) -> str:
    inner = [_bytecode(c) if isinstance(c, CodeType) else plain_repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {inner}"


def plain_repr(value: object) -> str:
    """Spell a plain value; of any other only its type, since a repr may run code or hold an address."""
    if isinstance(value, tuple | frozenset):
        return f"({', '.join(sorted(map(plain_repr, value)))})"
    return (
        repr(value) if isinstance(value, str | bytes | int | float | bool | None) else type(value).__qualname__
    )
