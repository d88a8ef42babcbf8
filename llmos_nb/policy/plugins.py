"""What other packages add: entry points of the groups ``llmos_nb.*``, known by name and imported only when used."""

from __future__ import annotations

import sys
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import ConfigError, LlmosError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PREFIX = "llmos_nb."
_HERE = "it stands in the working folder, where anybody may have put it; install it to use it"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point of another package.

    Parameters
    ----------
    group : str
        ``devices``, ``models``, ``approvers``, …
    name : str
        What a user types.
    package : str
        The distribution that brings it, with its version.
    point : EntryPoint
        Where its code is.
    problem : str
        Why it cannot be used; empty if nothing is known to be wrong.
    """

    group: str
    name: str
    package: str
    point: EntryPoint
    problem: str = ""

    def load(self) -> Any:
        """Import what it stands for.

        Raises
        ------
        ConfigError
            It cannot be used; one line that names package and group.
        """
        if self.problem:
            raise self.broken(self.problem)
        try:
            return self.point.load()
        except Exception as error:
            raise self.broken(f"{type(error).__name__}: {error}") from error

    def call(self, *given: Any) -> Any:
        """Import it and call it; our own errors pass, others become one line.

        Raises
        ------
        ConfigError
            It cannot be imported, or raises.
        """
        made = self.load()
        try:
            return made(*given)
        except LlmosError:
            raise
        except Exception as error:
            raise self.broken(f"{type(error).__name__}: {error}") from error

    def broken(self, problem: str) -> ConfigError:
        """Return the one line that says what is wrong with it."""
        said = " ".join(problem.split())[:200]
        where = f"{self.name}: the package {self.package} (entry point {PREFIX}{self.group})"
        return ConfigError(f"{where}: {said}")


def load_plugins(group: str, builtin: Container[str] = ()) -> dict[str, Plugin]:
    """Return what other packages add to a group, by name; nothing of theirs is imported before `Plugin.load`.

    Parameters
    ----------
    group : str
        Without the prefix ``llmos_nb.``.
    builtin : container of str
        Names that are taken: a plugin of such a name is listed as ``NAME (PACKAGE)`` and cannot be loaded. Of two
        plugins with one name neither can, since nothing says which is meant. One in the working folder, which
        Python finds there, too, cannot: a folder may be a stranger's.
    """
    found: dict[str, Plugin] = {}
    for point, package, here in _points(PREFIX + group):
        name, problem = point.name, _HERE if here else ""
        if here and name in found:
            name = f"{name} ({package})"
        elif point.name in builtin:
            name, problem = f"{name} ({package})", f"`{name}` is built in and cannot be replaced"
        elif name in found and found[name].package != package:
            problem = f"{found[name].package} has one of this name, too; uninstall one of them"
        found[name] = Plugin(group, point.name, package, point, problem)
    return found


def _points(group: str) -> list[tuple[EntryPoint, str, bool]]:
    """Find the entry points of a group, those of the working folder last."""
    found: dict[tuple[str, bool], list[tuple[EntryPoint, str, bool]]] = {}
    for place in (Path(entry).absolute() for entry in sys.path):
        with suppress(OSError):  # nothing is there
            here = place.samefile(Path.cwd())
            for name, version, points in _installed(str(place), place.stat().st_mtime_ns):
                if ours := [(p, f"{name} {version}", here) for p in points if p.group == group]:
                    found.setdefault((name, here), ours)
    return sorted((f for points in found.values() for f in points), key=lambda f: (f[2], f[0].name, f[1]))


@lru_cache
def _installed(place: str, changed: int) -> list[tuple[str, str, list[EntryPoint]]]:
    """Return what has entry points for us at one place, as it was when that was changed: name, version and points.

    Metadata that cannot be read has none.
    """
    from importlib.metadata import distributions  # slow to import

    found = []
    for package in distributions(path=[place]):
        with suppress(Exception):  # whatever is wrong with its files, the others are to be found
            # without one its name is not read: that would parse the metadata of everything installed
            if points := [p for p in package.entry_points if p.group.startswith(PREFIX)]:
                found.append((package.name, package.version, points))
    return found
