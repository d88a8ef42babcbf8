"""Lesson 07."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from llmos_nb.journal import Event
from llmos_nb.lessons.solutions import Cell


# exercise: pay_once
def pay_once(pay: Callable[[], None], disk: list[str]) -> str:
    """Pay, with the intent before the effect."""
    if "done" in disk:
        return "paid"
    if "begun" in disk:
        return "in doubt"
    disk.append("begun")
    pay()
    disk.append("done")
    return "paid"


# exercise: after_crash
def after_crash(status: str, repeat: str) -> str:
    """Say what to do with a call after a crash."""
    if status == "done":
        return "keep"
    return "ask" if status == "running" and repeat == "once" else "run"


# exercise: fold
def fold(events: Iterable[Event]) -> dict[str, str]:
    """Return the status of every call."""
    calls: dict[str, str] = {}
    answers = 0
    for e in events:
        if e.k == "model.responded":
            answers += 1
            calls |= {f"r{answers}.{i}": "proposed" for i, _ in enumerate(e.d["calls"])}
        elif e.k == "call.decided":
            calls[e.d["call"]] = "approved" if e.d["what"] == "approve" else "rejected"
        elif e.k == "call.started":
            calls[e.d["call"]] = "running"
        elif e.k == "call.finished":
            calls[e.d["call"]] = "done" if e.d["ok"] else "failed"
        elif e.k == "call.in_doubt":
            calls[e.d["call"]] = "in_doubt"
        elif e.k == "call.resolved":
            calls[e.d["call"]] = "done" if e.d["done"] else "approved"
    return calls


# exercise: settle
settle = Cell("""\
for one in two:
    one.process.resolve("r2.0", done=bool(one.statement))
    await one.process
""")
