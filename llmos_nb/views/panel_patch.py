"""Differences between two views, so that 200 steps at full speed stay a trickle of messages.

A patch is plain data::

    {"set": {key: value}, "drop": [key], "append": {key: tail}, "steps": {"put": [row], "order": [n]}}
"""

from __future__ import annotations

from typing import Any

__all__ = ["apply", "difference"]

GROWING = ("events", "stream")


def difference(old: dict[str, Any], new: dict[str, Any], most: int = 400) -> dict[str, Any]:
    """Say how `new` differs from `old`.

    Parameters
    ----------
    old, new : dict
        Two views; rows that did not change may be the same objects, which makes this cheap.
    most : int
        How many events one patch may carry; the next patch brings the rest.

    Returns
    -------
    dict
        A patch for `apply`, empty if nothing differs.
    """
    patch: dict[str, Any] = {}
    dropped = [key for key in old if key not in new]
    if dropped:
        patch["drop"] = dropped
    for key, value in new.items():
        before = old.get(key)
        if key in old and (before is value or before == value):
            continue
        if key == "steps" and before:
            patch["steps"] = _rows(before, value)
        elif key in GROWING and before is not None and value[: len(before)] == before:
            patch.setdefault("append", {})[key] = _tail(key, value[len(before) :], most)
        elif key == "events":
            patch.setdefault("set", {})[key] = value[:most]
        else:
            patch.setdefault("set", {})[key] = value
    return patch


def apply(view: dict[str, Any], patch: dict[str, Any]) -> None:
    """Carry a patch out on `view`, in place."""
    for key in patch.get("drop", ()):
        view.pop(key, None)
    view.update(patch.get("set", {}))
    for key, tail in patch.get("append", {}).items():
        view[key] = view[key] + tail
    if rows := patch.get("steps"):
        known = {row["n"]: row for row in [*view.get("steps", []), *rows["put"]]}
        order = rows.get("order", [row["n"] for row in view.get("steps", [])])
        view["steps"] = [known[n] for n in order]


def _tail(key: str, tail: Any, most: int) -> Any:
    return tail[:most] if key == "events" else tail


def _rows(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, Any]:
    known = {row["n"]: row for row in old}
    rows: dict[str, Any] = {"put": [row for row in new if known.get(row["n"]) != row]}
    order = [row["n"] for row in new]
    if order != [row["n"] for row in old]:
        rows["order"] = order
    return rows
