"""Interpreter state beside the names: random states, working directory, environment, open figures, settings."""

from __future__ import annotations

import decimal
import os
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmos_nb.heap import random_states
from llmos_nb.heap.digest.digest import digest

# the report of a step that changed none of it
STILL: dict[str, Any] = {"cwd": None, "environ": [], "figures": [], "random": False}


def settings() -> dict[str, Any]:
    """Return the containers of settings that steps commonly change, by a name that no variable can have."""
    found: dict[str, Any] = {"(sys.path)": sys.path, "(warnings.filters)": warnings.filters}
    found["(decimal context)"] = decimal.getcontext()
    matplotlib, config = sys.modules.get("matplotlib"), sys.modules.get("pandas._config.config")
    if matplotlib is not None and hasattr(matplotlib, "rcParams"):
        found["(matplotlib.rcParams)"] = matplotlib.rcParams
    if config is not None and hasattr(config, "_global_config"):
        found["(pandas.options)"] = config._global_config
    return found


@dataclass
class Ambient:
    """The state around the names at one moment."""

    cwd: str
    environ: dict[str, str]
    figures: frozenset[int]
    random: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def now(cls) -> Ambient:
        """Note the present state."""
        try:
            cwd = str(Path.cwd())
        except OSError:  # the directory was deleted
            cwd = ""
        states = random_states.noted(random_states.GENERATORS)
        pyplot = sys.modules.get("matplotlib.pyplot")
        return cls(cwd, dict(os.environ), frozenset(pyplot.get_fignums() if pyplot else ()), states)

    def changes(self, then: Ambient) -> dict[str, Any]:
        """Say, as plain data, what differs from an earlier state."""
        keys = self.environ.keys() | then.environ.keys()
        return {
            "cwd": self.cwd if self.cwd != then.cwd else None,
            "environ": sorted(k for k in keys if self.environ.get(k) != then.environ.get(k)),
            "figures": sorted(self.figures - then.figures),
            "random": bool(self.moved(then)),
        }

    def moved(self, then: Ambient) -> list[str]:
        """Name the random generators that differ from an earlier state."""
        return [n for n, s in then.random.items() if n in self.random and not _same(self.random[n], s)]


def restore(old: Ambient, left: Ambient) -> list[str]:
    """Restore what one step changed beside the names, as far as nothing changed it since.

    Parameters
    ----------
    old, left : Ambient
        The state before the step, and the one that the step left.

    Returns
    -------
    list of str
        What stays, because a later step changed it too.
    """
    now, stays = Ambient.now(), []
    for name in left.moved(old):
        if _same(now.random.get(name), left.random[name]):
            random_states.put(name, old.random[name])
        else:
            stays.append(f"random state of {name}")
    for key in left.changes(old)["environ"]:
        if now.environ.get(key) != left.environ.get(key):
            stays.append(f"environment variable {key}")
        elif key in old.environ:
            os.environ[key] = old.environ[key]
        else:
            os.environ.pop(key, None)
    try:
        if left.cwd == now.cwd != old.cwd:
            os.chdir(old.cwd)
        moved = now.cwd != left.cwd != old.cwd
    except OSError:
        moved = True
    for number in left.figures - old.figures:
        sys.modules["matplotlib.pyplot"].close(number)
    return [*stays, "working directory"] if moved else stays


def _same(one: Any, other: Any) -> bool:
    return one is other or digest(one) == digest(other)
