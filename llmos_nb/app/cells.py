"""The surviving steps of a process as cells that a person takes or leaves, and which cell of the user's one corrects.

A front end with our extension gets them one by one, in the reply of `%agent cells` or by the panel; every other gets
one cell that holds them all, since a reply inserts one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from llmos_nb.session import Process, toolbox

PAYLOAD = "llmos_cells"
MOST_CELLS, MOST_CHARS = 200, 4_000  # that are compared with a step
# the goal that "Fix with agent" writes
_FIXES = re.compile(r"(?:Cell \[(\d+)\]|This cell) fails with .*(?:\n\n((?:    .*\n|\n)+))?")
ALIKE, FIXED = 0.6, 0.3


def offers(process: Process) -> list[dict[str, Any]]:
    """Return the surviving steps as cells.

    Returns
    -------
    list of dict
        By step ``call``, ``title``, ``code``, and ``replaces``: the source of the user's cell that it corrects.
    """
    made = [{"call": c.id, "title": _title(process, c.step), "code": code} for c, code in _codes(process)]
    cells = {n: source for n, source in toolbox.user_cells(process.session.ip) if not _ours(source)}
    if made and (failed := _failed(process.run.state.goal, cells)):
        best = max(made, key=lambda one: _likeness(one["code"], failed))
        if _likeness(best["code"], failed) >= FIXED and best["code"] != failed:
            best["replaces"] = failed
    for one in made:
        if "replaces" not in one and (old := _edited(one["code"], list(cells.values()))):
            one["replaces"] = old
    return made


def _failed(goal: str, cells: Mapping[int, str]) -> str:
    """Return the cell that a goal asks to correct: the code in it, or the cell of its number; else an empty text."""
    asks = _FIXES.match(f"{goal.strip()}\n")
    if asks is None:
        return ""
    code = re.sub("^    ", "", asks[2] or "", flags=re.MULTILINE).strip("\n")
    return code or cells.get(int(asks[1] or 0), "")


def _codes(process: Process) -> Iterator[tuple[Any, str]]:
    for call in process.run.state.surviving:
        tool = process.run.tools.get(call.name)
        if tool is not None and tool.effect != "read" and isinstance(call.arguments, dict):
            yield call, tool.to_code(call.arguments)


def _title(process: Process, step: int) -> str:
    return next((s.title for s in process.plan.steps if s.n == step), "")


def _ours(source: str) -> bool:
    return source.lstrip().startswith(("%agent", "%%agent"))


def _edited(code: str, cells: Sequence[str]) -> str:
    """Return the cell that a step corrects: one much like it that binds the same names; empty where there is none."""
    bound = _bound(code)
    near = [c for c in cells[-MOST_CELLS:] if bound and c.strip() != code.strip() and _bound(c) == bound]
    best = max(near, key=lambda c: _likeness(code, c), default="")
    return best if best and _likeness(code, best) >= ALIKE else ""


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one[:MOST_CHARS], other[:MOST_CHARS], autojunk=False).ratio()


def _bound(code: str) -> frozenset[str]:
    """Return the names that code binds at its top level; none where it does not parse, or holds a magic."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError):
        return frozenset()
    found = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)}
    names = (n for statement in body for n in ast.walk(statement) if not isinstance(statement, ast.FunctionDef))
    return frozenset(found | {n.id for n in names if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)})


def put(process: Process) -> bool:
    """Put the surviving steps as cells below the one that runs; return whether there are any."""
    ip, found = process.session.ip, offers(process)
    if not found:
        return False
    ip.set_next_input("\n\n".join(one["code"] for one in found))
    if getattr(ip, "kernel", None) is not None:
        ip.payload_manager.write_payload({"source": PAYLOAD, "pid": process.pid, "cells": found})
    return True
