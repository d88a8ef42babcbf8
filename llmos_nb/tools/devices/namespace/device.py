"""The live namespace as tools: which variables there are, what they are, and the user's own functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.tools.devices.namespace.describe import GLOB, describe, visible
from llmos_nb.tools.make import as_tool
from llmos_nb.tools.protocol import Tool

_MOST = 100


class NamespaceDevice:
    """Looks at variables; it changes nothing and runs nothing of theirs.

    Parameters
    ----------
    namespace : mapping
        The live namespace; names that come later are seen, too.
    values : bool
        Ranges, categories and short values may be shown.
    allow : str or iterable of str
        Names and globs that may be seen, ``-`` in front to leave out; empty for all.
    """

    def __init__(self, namespace: Mapping[str, Any], values: bool = False, allow: str | Iterable[str] = "") -> None:
        self.namespace, self.values = namespace, values
        self.allow = allow if isinstance(allow, str) else ",".join(allow)

    @property
    def tools(self) -> list[Tool]:
        """The two tools, `describe` and `names`."""
        described, listed = _templates()
        return [replace(described, fn=self.describe), replace(listed, fn=self.names)]

    def describe(self, name: str) -> str:
        """Describe a variable: type, shape, columns with types, ranges and missing values, or a signature.

        Parameters
        ----------
        name : str
            Its exact name.
        """
        seen = self._seen()
        if name not in seen:
            raise UsageError(f"there is no variable {name!r} to be seen{nearest(name, seen)}")
        return describe(name, self.namespace[name], self.values, full=True)

    def names(self, pattern: str = "*") -> str:
        """List variables and functions with their types.

        Parameters
        ----------
        pattern : str
            A name or glob, such as ``df*``.
        """
        seen = self._seen()
        known = pattern in seen or GLOB.search(pattern)
        found = visible({n: self.namespace[n] for n in seen}, pattern) if known else []
        lines = [f"{n}: {type(self.namespace[n]).__name__}" for n in found[:_MOST]]
        more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
        return "\n".join(lines + more) or f"no name fits {pattern!r}{nearest(pattern, seen)}"

    def _seen(self) -> list[str]:
        words = self.allow.replace(",", " ").split()
        exact = [w for w in words if GLOB.search(w) or w in self.namespace or w[0] == "-"]
        return visible(self.namespace, exact or ("*" if not self.allow else "-*"))


@cache
def _templates() -> tuple[Tool, Tool]:
    """Read both tools once: what they do differs from namespace to namespace, what they are does not."""
    device = NamespaceDevice({})
    described, listed = (
        as_tool(fn, effect="read", repeat="pure", source="own") for fn in (device.describe, device.names)
    )
    return replace(described, code=_describe_code), replace(listed, code=_names_code)


def _describe_code(arguments: Mapping[str, Any]) -> str:
    name = str(arguments["name"])
    if not name.isidentifier():
        return f"# describe {name!r}"
    return f"print(type({name}).__name__, getattr({name}, 'shape', ''))"


def _names_code(arguments: Mapping[str, Any]) -> str:
    return f"import fnmatch\nprint(fnmatch.filter(sorted(globals()), {arguments.get('pattern', '*')!r}))"
