"""The devices that ``--tools`` offers by name, ours and those of other packages; each is loaded when it is named."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from importlib import import_module
from importlib.util import find_spec

from llmos_nb.errors import UsageError
from llmos_nb.policy import Plugin, load_plugins
from llmos_nb.tools.devices.context import Site
from llmos_nb.tools.protocol import Tool

SKILL = "skill:"
RESERVED = frozenset((
    "python", "describe", "names", "plan", "ask", "calculator", "final_answer", "recall", "read",
))  # fmt: skip
# by name: the module and the function in it that gives the tools; the extra, and the libraries that it brings
_SQL = ("sql", "sqlglot", "duckdb", "sqlalchemy", "pandas")
OFFERED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "mail": ("llmos_nb.tools.devices.processes", "mail_tools", ("",)),
    "process": ("llmos_nb.tools.devices.processes", "process_tools", ("",)),
    "sql": ("llmos_nb.tools.devices.sql.device", "reading_tools", _SQL),
    "sql_write": ("llmos_nb.tools.devices.sql.device", "writing_tools", _SQL),
    "files": ("llmos_nb.tools.devices.files.device", "files_tools", ("",)),
    "web": ("llmos_nb.tools.devices.web", "web_tools", ("web", "httpx2", "bs4")),
    "terminal": ("llmos_nb.tools.devices.programs.run", "terminal_tools", ("",)),
    "git": ("llmos_nb.tools.devices.programs.git", "git_tools", ("",)),
    "tests": ("llmos_nb.tools.devices.programs.pytest", "tests_tools", ("test", "pytest")),
}


def is_offered(name: object) -> bool:
    """Tell the name of a device or a skill from anything else that may stand among tools."""
    if not isinstance(name, str):
        return False
    return name in OFFERED or name.startswith(SKILL) or name in load_plugins("devices", OFFERED)


def device_names() -> list[str]:
    """Return the names of all devices."""
    return [*OFFERED, *load_plugins("devices", OFFERED)]


def tools_of(names: Iterable[str], site: Site) -> list[Tool]:
    """Return the tools of devices.

    Parameters
    ----------
    names : iterable of str
        Of devices; skills are no devices and passed over.
    site : Site
        The process's surroundings.

    Raises
    ------
    UsageError
        A library is missing, and which extra brings it; the settings of a device are wrong; or another package's
        device does not work.
    """
    wanted = dict.fromkeys(n for n in names if not n.startswith(SKILL))
    found = [t for name in wanted if name in OFFERED for t in _ours(name, site)]
    for name in (n for n in wanted if n not in OFFERED):
        found += _theirs(load_plugins("devices", OFFERED)[name], site, RESERVED | {t.name for t in found})
    return found


def _ours(name: str, site: Site) -> list[Tool]:
    module, function, (extra, *libraries) = OFFERED[name]
    if missing := next((library for library in libraries if find_spec(library) is None), ""):
        raise UsageError(f'{name}: {missing} is not installed; pip install "llmos_nb[{extra}]"')
    make: Callable[[Site], list[Tool]] = getattr(import_module(module), function)
    return make(site)


def _theirs(plugin: Plugin, site: Site, reserved: Container[str]) -> list[Tool]:
    """Return the tools of another package's device; none may stand in the place of one of ours."""
    made = plugin.call(site)
    if not isinstance(made, list) or not all(isinstance(t, Tool) for t in made):
        raise plugin.broken(f"it must return a list of Tool, not {made!r:.80}")
    taken = next((t.name for t in made if t.name in reserved), "")
    if taken:
        why = "is the name of a built-in tool, or of another device's, and cannot be replaced"
        raise plugin.broken(f"`{taken}` {why}")
    return made
