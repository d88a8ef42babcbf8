"""The devices that ``--tools`` offers by name; none is there unless it is named, and each loads its library then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from llmos_nb.tools.devices.context import Site, needed

if TYPE_CHECKING:
    from llmos_nb.tools.tool import Tool

SKILL = "skill:"
# by name: the module and the function in it that gives the tools; the extra, and the libraries that it brings
_SQL = ("sql", "sqlglot", "duckdb", "sqlalchemy", "pandas")
OFFERED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "mail": ("llmos_nb.tools.devices.processes", "mail_tools", ("",)),
    "process": ("llmos_nb.tools.devices.processes", "process_tools", ("",)),
    "sql": ("llmos_nb.tools.devices.sql.device", "reading_tools", _SQL),
    "sql_write": ("llmos_nb.tools.devices.sql.device", "writing_tools", _SQL),
    "files": ("llmos_nb.tools.devices.files.device", "files_tools", ("",)),
    "web": ("llmos_nb.tools.devices.web", "web_tools", ("web", "httpx2", "bs4")),
    "terminal": ("llmos_nb.tools.devices.programs.terminal", "terminal_tools", ("",)),
    "git": ("llmos_nb.tools.devices.programs.git", "git_tools", ("",)),
    "tests": ("llmos_nb.tools.devices.programs.pytest", "tests_tools", ("test", "pytest")),
}


def is_offered(name: object) -> bool:
    """Tell the name of a device or a skill from anything else that may stand among tools."""
    return isinstance(name, str) and (name in OFFERED or name.startswith(SKILL))


def tools_of(names: Iterable[str], site: Site) -> list[Tool]:
    """Return the tools of devices.

    Parameters
    ----------
    names : iterable of str
        Keys of `OFFERED`; skills are no devices and passed over.
    site : Site
        The process's surroundings.

    Raises
    ------
    UsageError
        A library is missing, and which extra brings it; or the settings of a device are wrong.
    """
    found: list[Tool] = []
    for name in dict.fromkeys(n for n in names if not n.startswith(SKILL)):
        module, function, (extra, *libraries) = OFFERED[name]
        needed(name, extra, *libraries)
        make: Callable[[Site], list[Tool]] = getattr(import_module(module), function)
        found += make(site)
    return found
