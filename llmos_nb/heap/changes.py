"""What a step changed: the namespace as it stood before, and the difference to what stands after it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from llmos_nb.heap import ambient
from llmos_nb.heap.adapters.base import ABSENT, differs
from llmos_nb.heap.adapters.registry import adapters_of
from llmos_nb.heap.adapters.tables import Tables
from llmos_nb.heap.ambient import STILL, Ambient
from llmos_nb.heap.walk import Change, Image, names_reaching

DETAILS = 50
Pairs = dict[str, tuple[Any, Any]]
_HIDDEN = re.compile(r"__.*__|_+|_i+|_\d+|_i\d+|_[iod]h|In|Out|_exit_code|get_ipython|exit|quit|open")


def hidden(name: str) -> bool:
    """Return whether a name is IPython's or Python's own rather than the user's."""
    return _HIDDEN.fullmatch(name) is not None


def violations(changes: dict[str, Any], allowed: str | Iterable[str]) -> list[str]:
    """Return the changed names that a process may not write, by its `--bind`.

    Parameters
    ----------
    changes : dict
        From `Snapshots.end`.
    allowed : str or iterable of str
        Globs, separated by commas or spaces; a leading minus takes names out.

    Returns
    -------
    list of str
        Names, sorted.
    """
    globs = re.findall(r"[^,\s]+", allowed) if isinstance(allowed, str) else list(allowed)
    minus = [g[1:] for g in globs if g.startswith("-")]
    plus = [g for g in globs if not g.startswith("-")] or ["*"]
    names = {n for kind in ("created", "rebound", "mutated", "deleted") for n in changes.get(kind, ())}
    may = {n for n in names for g in plus if fnmatchcase(n, g)}
    return sorted(names - may | {n for n in may for g in minus if fnmatchcase(n, g)})


@dataclass
class Before:
    """The namespace as it stood before a step.

    Parameters
    ----------
    names : frozenset of str, optional
        Names that the step may reach; None stands for all.
    bindings : dict
        Every name's value.
    image : Image
        States of the containers that the names reach.
    around : Ambient
        Random states, directory, environment, figures.
    opaque : dict
        By name, why what it holds cannot be put back if the step changes it.
    """

    names: frozenset[str] | None
    bindings: dict[str, Any]
    image: Image
    around: Ambient
    opaque: dict[str, str]


class Difference(NamedTuple):
    """What a step changed.

    Parameters
    ----------
    bindings : dict
        By name, what it was bound to before and after.
    changes : list of Change
        The containers that changed, with their states before.
    left : Ambient, optional
        What it left around the names; None where that is as it was.
    report : dict
        All of it as plain data.
    mutated : dict
        The names whose containers changed, with what they hold.
    """

    bindings: Pairs
    changes: list[Change]
    left: Ambient | None
    report: dict[str, Any]
    mutated: dict[str, Any]


def compare(namespace: dict[str, Any], now: dict[str, Any], before: Before) -> Difference:
    """Find out what a step changed; `now` are the names that may be somebody's work."""
    names = sorted(before.bindings.keys() | now.keys())
    pairs = {n: (before.bindings.get(n, ABSENT), now.get(n, ABSENT)) for n in names}
    moved = {n: p for n, p in pairs.items() if differs(*p)}
    changes, left = before.image.changes(), Ambient.now()
    targets = {id(c.item) for c in changes}
    stay = {n: v for n, v in now.items() if n not in moved}
    mutated = {n: now[n] for n in sorted(names_reaching(targets, stay, namespace))}
    around = left.changes(before.around)
    report = {
        "created": [n for n, (old, _) in moved.items() if old is ABSENT],
        "rebound": [n for n, (old, new) in moved.items() if old is not ABSENT and new is not ABSENT],
        "mutated": list(mutated),
        "deleted": [n for n, (_, new) in moved.items() if new is ABSENT],
        "details": _details(changes, mutated, moved),
        "shapes": _shapes(changes, mutated, moved),
        **around,
        "settings": sorted(names_reaching(targets, ambient.settings(), namespace)),
        "opaque": before.opaque,
    }
    return Difference(moved, changes, None if around == STILL else left, report, mutated)


def _details(changes: list[Change], mutated: dict[str, Any], moved: Pairs) -> dict[str, list[str]]:
    """Name columns, keys and attributes that changed, by name."""
    by_id = {id(c.item): c for c in changes}
    found: dict[str, list[str]] = {}
    for name, value in mutated.items():
        parts = [by_id[i] for i in (id(value), id(getattr(value, "__dict__", None))) if i in by_id]
        found[name] = [d for c in parts for d in c.adapter.details(c.item, c.state)]
    for name, (old, new) in moved.items():
        kinds = adapters_of(type(new)) if type(old) is type(new) else ()
        found[name] = [d for h in kinds if isinstance(h, Tables) for d in h.details(new, h.read(old))]
    return {n: [d[:80] for d in details[:DETAILS]] for n, details in found.items() if details}


SHAPED = 20  # names of one step
_PLAIN = (int, float, bool, str, bytes, type(None))


def _shapes(changes: list[Change], mutated: dict[str, Any], moved: Pairs) -> dict[str, dict[str, Any]]:
    """Say what tables, arrays and containers were and are; nothing of plain values, which show themselves."""
    old = {id(c.item): getattr(c.state, "shadow", None) for c in changes}
    pairs = {**moved, **{n: (was, v) for n, v in mutated.items() if (was := old.get(id(v))) is not None}}
    told = {n: p for n, p in pairs.items() if any(v is not ABSENT and type(v) not in _PLAIN for v in p)}
    if not told:
        return {}
    from llmos_nb.heap.grids import shapes  # many steps change plain values only

    return shapes(dict([*told.items()][:SHAPED]), ABSENT)
