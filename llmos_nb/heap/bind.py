"""The names that a process may write (`--bind`), and which of a step's changes break that bound."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any


def violations(changes: dict[str, Any], allowed: str | Iterable[str]) -> list[str]:
    """Return the changed names that may not be written.

    Parameters
    ----------
    changes : dict
        From `end`.
    allowed : str or iterable of str
        Globs, separated by commas or spaces; a leading minus takes names out.

    Returns
    -------
    list of str
        Names, sorted.
    """
    globs = [g for g in re.split(r"[,\s]+", allowed) if g] if isinstance(allowed, str) else list(allowed)
    minus = [g[1:] for g in globs if g.startswith("-")]
    plus = [g for g in globs if not g.startswith("-")] or ["*"]
    names = {n for kind in ("created", "rebound", "mutated", "deleted") for n in changes.get(kind, ())}
    return sorted(n for n in names if not _matches(n, plus) or _matches(n, minus))


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, g) for g in globs)
