"""From names to objects and back: what names lead to, and which names lead to an object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from llmos_nb.holders import holders_of
from llmos_nb.reach.walk import Image, Walk


def reachable_names(names: Iterable[str] | None, namespace: dict[str, Any]) -> set[str]:
    """Add the names that called functions use to the names that code uses.

    Parameters
    ----------
    names : iterable of str, optional
        Names in the code; None stands for all.
    namespace : dict
        The global names.

    Returns
    -------
    set of str
        Those of them that exist, and every global name that a reachable user function, method or class uses.
    """
    if names is None:
        return set(namespace)
    known = set(names) & namespace.keys()
    return known | Walk(namespace, keep=False).run([namespace[n] for n in known]).names


def names_reaching(
    targets: Collection[int], bindings: Mapping[str, Any], namespace: dict[str, Any], leaves: bool = False
) -> dict[str, int]:
    """Give the names from which one of the objects can be reached.

    Parameters
    ----------
    targets : collection of int
        Ids of the objects.
    bindings : mapping
        Value by name.
    namespace : dict
        The global names, which are not entered.
    leaves : bool
        Texts are looked for, too, although nothing can be reached from them.

    Returns
    -------
    dict
        By name, the id of one of the objects that it reaches.
    """
    found: dict[str, int] = {}
    wanted, atoms = set(targets), frozenset(targets if leaves else ())
    barren = Image()  # objects that lead to no target
    groups: dict[int, list[str]] = defaultdict(list)
    for name, value in bindings.items():
        if wanted and (id(value) in atoms or holders_of(type(value))):
            groups[id(value)].append(name)
    for names in groups.values():
        walk = Walk(namespace, follow=False, keep=False, known=barren)
        image = walk.run([bindings[names[0]]], lambda ids: not wanted.isdisjoint(ids.keys()), atoms)
        hit = next(iter(image.seen.keys() & wanted), None)
        if hit is None:
            barren.add(image)
        else:
            found.update(dict.fromkeys(names, hit))
    return found
