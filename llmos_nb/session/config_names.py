"""Names in a folder's `llmos.toml` that nothing there has: they are not refused, since they may come later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.policy import CONTEXT, FILE
from llmos_nb.process import serving
from llmos_nb.process.state import texts
from llmos_nb.session.config import Settings, looser
from llmos_nb.tools import Tool
from llmos_nb.tools.devices import OFFERED, RESERVED, Site, device_names, tools_of
from llmos_nb.views import visible

Found = Iterator[tuple[str, str]]
CLOSE = 0.7  # so near is a name that was meant to be another one


def unmatched(
    settings: Settings, tools: Mapping[str, Tool], namespace: Mapping[str, Any], served: Callable[[str], bool]
) -> Iterator[str]:
    """Say in one line each which names of the folder's file no tool, argument or variable has.

    An organisation's file is left alone: it speaks of what many people have.

    Parameters
    ----------
    settings : Settings
        What holds; of a folder that nobody has trusted, that is less than its file says.
    tools : mapping of str to Tool
        Those of the process that begins, and of former ones.
    namespace : mapping
        The live names.
    served : callable
        Whether a name is one of an MCP server's tools, which are known when it has been asked.
    """
    path = Path.cwd() / "llmos.toml"
    own = looser(path)[0]
    functions = {n for n, value in namespace.items() if callable(value) and n[:1] != "_"}
    found = _unknown(_tools(settings, own), {*tools} | functions | RESERVED | {"cells"}, served)
    mine = {key: text for key, text in settings.prompts.items() if key in own.get("prompts", ())}
    wrong = ((f"[prompts]: {key}", said) for key, said in serving.missing(mine, tools))
    for where, said in (*found, *wrong, *_variables(settings, own, namespace)):
        yield visible(f"llmos: {path}: {where}: {said} Correct it, unless it comes later.")


def _tools(settings: Settings, own: Mapping[str, Any]) -> Found:
    """Return where a tool is named, and the name; what a glob speaks of need not be there."""
    for i, rule in enumerate(own.get("rules", ())):
        if rule in settings.rules and "*" not in rule.tool:
            yield f"policy.rules[{i}]: tool = {rule.tool!r}", rule.tool.removesuffix(".undo")
    own_tools = [n for n in own.get("tools", ()) if n in settings.tools and n not in OFFERED and "*" not in n]
    devices = device_names() if own_tools else []  # it looks at all that is installed
    yield from ((f"[tools.{name}]", name) for name in own_tools if name not in devices)
    told = [key for key in own.get("prompts", ()) if key in settings.prompts and key.startswith(texts.OF_TOOLS)]
    yield from ((f"[prompts]: {key}", key.split(".")[1]) for key in told)


def _unknown(named: Found, known: set[str], served: Callable[[str], bool]) -> Found:
    """Return those that no tool has: none of a process, no function, none of a device that was not handed over."""
    for where, name in named:
        if name not in known and name not in (known := known | _of_devices()):  # few names get there
            with suppress(UsageError):  # what is wrong with a server is said where one is wanted
                if served(name):
                    continue
            yield where, f"no tool of this name is here{nearest(name, known) or '.'}"


@cache
def _of_devices() -> frozenset[str]:
    """Return the names of the tools of our devices; one whose library is missing has none."""
    found: set[str] = set()
    for device in OFFERED:
        with suppress(UsageError):
            found |= {tool.name for tool in tools_of([device], Site())}
    return frozenset(found)


def _variables(settings: Settings, own: Mapping[str, Any], namespace: Mapping[str, Any]) -> Found:
    """Return labels of no variable where one of nearly that name has none; any other is made later, or elsewhere."""
    labels = own.get("labels", {})
    free = [n for n in namespace if n not in labels and n[:1] != "_"]
    for name in labels:
        absent = name in settings.labels and name not in namespace and not name.startswith((FILE, CONTEXT))
        if absent and (close := get_close_matches(name, free, 3, CLOSE)):
            yield f"[labels]: {name}", f"no variable of this name is here{nearest(name, close)}"
