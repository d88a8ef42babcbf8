"""`%agent` alone: what goes on in this notebook, and the likeliest next commands."""

from __future__ import annotations

from collections.abc import Iterator

from llmos_nb.app import listing
from llmos_nb.app.options import Command
from llmos_nb.errors import LlmosError
from llmos_nb.models import resolve
from llmos_nb.process.state import resumes
from llmos_nb.session import Process, Session, config
from llmos_nb.views import phrase

MOST, NEXT, GOAL = 5, 3, 60
_URGENT = ("waiting", "paused", "running", "ended")
_ASKED = {  # what answers a question, by its kind
    "question": ('reply {p} "…"', "answer it"),
    "doubt": ("resolve {p} {key} --done", "it took effect; --again runs it again"),
    "rebuild": ("resolve {p} {key} --done", "go on without; --again runs it again"),
    "plan": ("approve {p}", "approve the plan"),
}


async def now(session: Session, command: Command) -> None:
    """Print a line for each of the last processes, the likeliest next commands, and where all commands stand."""
    found = [session.find(pid) for pid in list(session.processes)]
    lines = [_line(p) for p in found[-MOST:]] or ["no process in this notebook yet"]
    lines += [f"and {len(found) - MOST} before: %agent ps"] if len(found) > MOST else []
    if there := listing.elsewhere(session.home, session.processes):
        lines.append(there)
    first = min(reversed(found), key=lambda p: _URGENT.index(p.state), default=None)
    likely = list(_next(first) if first is not None else _begin(session))[:NEXT]
    width = max(len(typed) for typed, _ in likely) + 2
    print("\n".join([*lines, "", "likely next:", *(f"  {typed.ljust(width)}{words}" for typed, words in likely)]))
    print("%agent --help lists all commands, %%agent --help all options of a cell")


def _line(p: Process) -> str:
    s = p.run.state
    waits = f": {phrase(p.waits_for, GOAL)}" if p.waits_for else ""
    return f"{p.pid} {s.name}".rstrip() + f"  {listing.stands(p)}{waits}  “{phrase(s.goal, GOAL)}”"


def _next(p: Process) -> Iterator[tuple[str, str]]:
    """Yield what a person is likely to type next, with what it does."""
    s, me = p.run.state, f"%agent {{}} {p.pid}"
    if p.state == "waiting" and s.questions:
        key, question = next(iter(s.questions.items()))
        typed, words = _ASKED.get(question["kind"], ("approve {p}", "approve what it asks, once"))
        yield f"%agent {typed.format(p=p.pid, key=key)}", words
        if typed.startswith("approve"):
            what = f'{me.format("reject")} {key} "why"'
            yield what, "say no, and why"
    if p.state == "paused" or (p.state == "ended" and resumes(s) and p.reason != "answered"):
        yield me.format("resume"), "go on from here; -m SPEC takes another model"
    if p.state == "running":
        yield f'{me.format("send")} "…"', "tell it something"
        yield me.format("stop"), "stop it now; resume goes on"
    if p.reason == "answered":
        yield f'{me.format("send")} "…"', "ask further"
        yield f"{me.format('export')} {s.name or 'result'}.ipynb", "write the plain notebook"
    yield me.format("show"), "draw its panel here"
    if s.surviving:
        yield me.format("undo"), "take its last step back"


def _begin(session: Session) -> Iterator[tuple[str, str]]:
    try:
        resolve(config.load({}, session.configured).model)
        yield "%%agent", "a goal in the lines below starts a process; `df` in backticks shows it a variable"
    except LlmosError as error:
        yield "%agent doctor", str(error)
        yield "%%agent -m SPEC", "a goal in the lines below starts a process with that model"
    yield "%agent ps --all", "what earlier notebooks of this folder left"
