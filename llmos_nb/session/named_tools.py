"""What `-t` of a goal that runs elsewhere names: devices, MCP servers, and functions of modules."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.session.batch import function_named
from llmos_nb.session.session import Session
from llmos_nb.tools.devices import device_names, is_offered


def listed(names: str) -> list[str]:
    """Return names that were typed with commas between."""
    return [name for word in names.split(",") if (name := word.strip())]


def tools_named(session: Session, names: Iterable[str], folder: str) -> list[Any]:
    """Return the functions that names stand for, and those of devices and servers as they are.

    Parameters
    ----------
    session : Session
        Knows the servers.
    names : iterable of str
        As they were typed.
    folder : str
        Where they were typed; modules that stand there are imported from there.

    Raises
    ------
    UsageError
        There is nothing of such a name.
    """
    return [function_named(n, folder) if ":" in n else _there(session, n) for n in names]


def _there(session: Session, name: str) -> str:
    if is_offered(name) or session.serves(name.removeprefix("-")) or re.search(r"[*?\[]", name):
        return name
    known = [*device_names(), *session.servers.specs()]
    hint = nearest(name, known) or f" (there are: {', '.join(known)}; a function is written module:function)"
    raise UsageError(f"tools {name!r}: no such device or MCP server{hint}")
