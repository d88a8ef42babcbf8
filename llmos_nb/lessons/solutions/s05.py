"""Lesson 05."""

from __future__ import annotations

from typing import Any

from llmos_nb import Process
from llmos_nb.lessons.solutions import Cell


# exercise: who
def who(process: Process) -> dict[str, str] | None:
    """Say who decided on call r2.0."""
    found = [e.d["by"] for e in process.events if e.k == "call.decided" and e.d["call"] == "r2.0"]
    return found[0] if found else None


# exercise: leak
leak = {"to": "thief@example.net"}
# exercise: rules
rules: list[dict[str, Any]] = [
    {"tool": "send_mail", "do": "deny", "where": {"cc": "*"}},
    {"tool": "send_mail", "do": "allow", "where": {"to": "team@example.org"}},
    {"tool": "send_mail", "do": "deny"},
]
# exercise: acts
acts: list[str] = ['send_mail(to="team@example.org", body=text(200))']


# exercise: stop
stop = Cell("""\
await here.process("again")
%agent reject again r2.0 "the table goes to the team and to nobody else"
await here.process("again")
%agent approve again r3.0
""")
