"""Make a tool of a callable: its name, description and schema are read from its signature and docstring."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from hashlib import sha256
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.messages import canonical
from llmos_nb.policy.authority import parse_power
from llmos_nb.tools.declare import POWER, checked, declared, unknown_arguments
from llmos_nb.tools.protocol import Tool
from llmos_nb.tools.schema.signature import name_of, read_signature
from llmos_nb.tools.source import source_of

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


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
    if not callable(fn) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{fn!r:.80} cannot be a tool under the name {name!r}; give a function with a plain name"
        )
    checked(manifest, f"tools.{name}")
    options = {**declared(fn), **manifest, "name": name}
    signature = read_signature(fn)
    power = {k: options.pop(k) for k in POWER if k in options}
    about = options.pop("description", "") or signature.description or f"Call the function {name}."
    made = Tool(
        description=about, schema=signature.schema, fn=fn, code=partial(signature.code, name_of(fn) or name),
        power=parse_power(name, power) if power else None, signature=signature, **as_fields(options),
    )  # fmt: skip
    unknown_arguments(made.name, made.schema, made.sinks, made.power)
    return replace(made, digest=digest_of(made))


def as_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return declared keys as fields of a `Tool`."""
    found = {k: v for k, v in options.items() if k != "thread"}
    if "sinks" in found:
        found["sinks"] = tuple(found["sinks"])
    if "thread" in options:
        found["place"] = "thread" if options["thread"] else "here"
    return found


def digest_of(made: Tool) -> str:
    """Hash what an approval of a tool rests on: name, schema, declared keys and source code."""
    said: list[Any] = [made.effect, made.repeat, list(made.sinks), made.source, made.thread]
    if made.power is not None:
        said.append(asdict(made.power))
    behind = [source_of(f) for f in (made.fn, made.undo, made.reconcile) if f is not None]
    plain = [made.name, made.description, made.schema, said, behind]
    return sha256(canonical(plain).encode()).hexdigest()
