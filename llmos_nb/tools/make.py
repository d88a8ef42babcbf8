"""Make a tool of a callable by its signature and docstring, and put onto it what `llmos.toml` says of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from hashlib import sha256
from types import CodeType
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.messages import canonical
from llmos_nb.tools.declare import checked, declared, plain_lists, unknown_arguments
from llmos_nb.tools.protocol import Tool
from llmos_nb.tools.schema.signature import name_of, read_signature

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_TRIES = 5


def as_tool(fn: Callable[..., Any], **manifest: Any) -> Tool:
    """Make a tool of a callable.

    Parameters
    ----------
    fn : callable
        A function, method, partial, builtin or object with ``__call__``; sync or async.
    **manifest
        The decorator's keys, and `name` and `description`; they win over the decorator. With neither, the tool
        acts outside and runs once.

    Raises
    ------
    UsageError
        It has no name or no signature, or a key is wrong.
    """
    name = str(manifest.get("name") or name_of(fn))
    if not callable(fn) or not NAME.fullmatch(name):
        why = f"cannot be a tool under the name {name!r}; give a function with a plain name"
        raise UsageError(f"{fn!r:.80} {why}")
    checked(manifest, f"tools.{name}")
    options = {**declared(fn), **manifest, "name": name}
    signature = read_signature(fn)
    about = options.pop("description", "") or signature.description or f"Call the function {name}."
    made = Tool(
        description=about, schema=signature.schema, fn=fn, code=partial(signature.code, name_of(fn) or name),
        declared=bool(declared(fn) or manifest), signature=signature, **as_fields(options),
    )  # fmt: skip
    unknown_arguments(made.name, made.schema, made.sinks)
    return replace(made, digest=digest_of(made))


def as_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return declared keys as fields of a `Tool`."""
    found = {k: v for k, v in plain_lists(options).items() if k != "thread"}
    place = {"place": "thread" if options["thread"] else "main"} if "thread" in options else {}
    return {**found, **place}


def digest_of(made: Tool) -> str:
    """Hash what an approval of a tool rests on: name, schema, declared keys and source code."""
    said: list[Any] = [made.effect, made.repeat, list(made.sinks or ()), made.source, made.thread]
    said += [list(made.facts)] if made.facts else []
    behind = [source_of(f) for f in (made.fn, made.undo, made.reconcile) if f is not None]
    plain = [made.name, made.description, made.schema, said, behind]
    return sha256(canonical(plain).encode()).hexdigest()


def put_on(tool: Tool, said: Mapping[str, Any]) -> Tool:
    """Return a tool that somebody else made with what the manifest says of it.

    Raises
    ------
    ConfigError
        A key or value is wrong, or an argument is named that the tool does not have.
    """
    if not said:
        return tool
    checked(said, f"tools.{tool.name}")
    made = replace(tool, **as_fields({k: v for k, v in said.items() if k != "name"}))
    unknown_arguments(made.name, made.schema, made.sinks)
    return replace(made, digest=digest_of(made), declared=True)


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
        return _read(layer)
    except (OSError, TypeError):
        if not isinstance(layer, CodeType):
            return f"{getattr(layer, '__module__', '')}.{getattr(layer, '__qualname__', '')}"
        inner = [_layer_source(c) if isinstance(c, CodeType) else plain_repr(c) for c in layer.co_consts]
        return f"{layer.co_code.hex()} {layer.co_names} {layer.co_varnames} {inner}"


def _read(layer: Any) -> str:
    """Read source; that may fail in the interpreter itself where another thread imports meanwhile."""
    for _ in range(_TRIES - 1):
        try:
            return inspect.getsource(layer)
        except SystemError:
            continue
    return inspect.getsource(layer)


def plain_repr(value: object) -> str:
    """Spell a plain value; of any other only its type, since a repr may run code or hold an address."""
    if isinstance(value, tuple | frozenset):
        return f"({', '.join(sorted(map(plain_repr, value)))})"
    plain = isinstance(value, str | bytes | int | float | bool | None)
    return repr(value) if plain else type(value).__qualname__
