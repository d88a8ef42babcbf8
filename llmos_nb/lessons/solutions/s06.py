"""Lesson 06."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from llmos_nb import Process
from llmos_nb.journal import Event
from llmos_nb.lessons.pipes import Hop


# exercise: label
def label(events: Iterable[Event], untrusted: Sequence[str], incoming: str) -> str:
    """Label what a process answers."""
    names: dict[str, str] = {}
    answers = 0
    for e in events:
        if e.k == "model.responded":
            answers += 1
            names |= {f"r{answers}.{i}": c["name"] for i, c in enumerate(e.d["calls"])}
        if e.k == "call.finished" and names.get(e.d["call"]) in untrusted:
            return "untrusted"
    return incoming


# exercise: laundering
def laundering(hops: Sequence[Hop]) -> str | None:
    """Name the first process that launders."""
    for hop in hops:
        if "untrusted" in hop.reads and hop.says == "trusted" and hop.by != "you":
            return hop.name
    return None


# exercise: pipe
def pipe(start: Callable[..., Process], first: Process) -> Process:
    """Let the answer come in by the pipe, with its label; the goal stays one's own word."""
    return start("Tell the team what you were given.", source=first)
