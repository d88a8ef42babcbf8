"""The `%agent` commands that show one process: show, log, loop, cost, tools, plan; and doctor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmos_nb.app import listing
from llmos_nb.app.options import Command
from llmos_nb.app.present.presenter import Presenter
from llmos_nb.journal import driver_of, history
from llmos_nb.journal.events import ModelRequested
from llmos_nb.policy import show
from llmos_nb.process.state import Step
from llmos_nb.session import Process, Session, table as processes
from llmos_nb.views import audit
from llmos_nb.views.panel import Projector
from llmos_nb.views.spans import export as spans_file
from llmos_nb.views.text import context_text, form, table


async def panel(session: Session, command: Command) -> Any:
    process = session.find(command.process)
    presenter = Presenter(session)
    if process.cold and driver_of(process.journal.path):
        print(
            f"process {process.pid} runs in another notebook; its journal, as it stood when it was opened here:"
        )
    shown = presenter.show(process)
    if process.state in ("running", "waiting") and shown.patient:
        return await presenter.follow(process, shown)
    shown.close()
    return None


async def log(session: Session, command: Command) -> None:
    flags = {k: command.flags[k] for k in ("verify", "decisions", "by", "json", "since")}
    wanted = audit.Wanted(**flags)
    if command.flags["all"]:
        lines = audit.of_all(wanted, session.home)
    else:
        process = session.find(command.process)
        lines = audit.of_one(wanted, process.journal.path, process.events)
    for line in lines:
        print(line)


async def trace(session: Session, command: Command) -> None:
    process = session.find(command.process)
    events = history(process.events, process.journal.path)
    if len(command.words) > 1:
        print(spans_file.write(Path(command.words[1]), [events]))
        return
    spans = spans_file.spans_of(events)
    if command.flags["send"]:
        spans_file.send(spans)
        print(f"sent: {len(spans)} spans")
    else:
        rows = [[name, f"{s:.3f} s", tokens or "", error] for name, s, tokens, error in spans_file.tree(spans)]
        print(table(rows, ["span", "time", "tokens", "error"]))


async def loop(session: Session, command: Command) -> None:
    from IPython.display import SVG, display

    from llmos_nb.views.loop import run_graph

    process = session.find(command.process)
    display(SVG(run_graph(process.run.state, process.events)))


async def cost(session: Session, command: Command) -> None:
    s = session.find(command.process).run.state
    of = {u: show(u, limit) for u, limit in s.budget.limits.items()}
    units = ("steps", "calls", "tokens", "$", "s")
    rows = [[u, show(u, round(s.spent.get(u, 0), 4)), of.get(u, "no bound")] for u in units]
    print(table(rows, ["unit", "spent", "of"]))


async def context(session: Session, command: Command) -> None:
    process = session.find(command.process)
    print(context_text(process.run.state, process.events, len(process.run.wire()[1])))


async def tools(session: Session, command: Command) -> None:
    tools = session.find(command.process).run.tools.values()
    rows = [[t.name, t.effect, t.repeat, t.source, t.description.split("\n")[0][:60]] for t in tools]
    print(table(rows, ["tool", "effect", "repeat", "source", "what it does"]))


async def plan(session: Session, command: Command) -> None:
    process = session.find(command.process)
    lines = [_step_line(s) for s in process.plan.steps]
    if not lines:  # its calls are what it did
        found = Projector(process.events).view(process.run.state, process.events)
        lines = [line for row in found["steps"] for line in form.step(row)]
        lines = ["no plan; its calls:", *lines] if lines else ["no plan yet"]
    print("\n".join(lines))


def _step_line(s: Step) -> str:
    after = f" (after {', '.join(map(str, s.depends_on))})" if s.depends_on else ""
    return f"{s.n}. [{s.status}] {s.title}{after}" + (f"\n   expects: {s.expect}" if s.expect else "")


async def doctor(session: Session, command: Command) -> None:
    from llmos_nb.app.doctor import report  # it looks at slow things

    print(report(session.ip))


PS = ["pid", "name", "state", "waits for", "nice", "steps", "tokens", "cost", "age", "goal"]
TOP = ["pid", "name", "uses now", "waits for", "nice", "tokens", "cost", "busy", "waited"]
EVERY_S = 1.0
NONE = "no processes yet"


async def ps(session: Session, command: Command) -> None:
    if command.flags["all"]:
        for line in listing.home_table(session.home, everything=True, here=_here(session)):
            print(line)
        return
    now = datetime.now(UTC)
    rows = [_row(session.find(pid), now) for pid in list(session.processes)]
    print(table(rows, PS) if rows else NONE)
    if line := listing.elsewhere(session.home, session.processes):
        print(line)


def _here(session: Session) -> dict[int, processes.Entry]:
    """Return the processes that are at hand in this notebook, by pid, as rows of the home's table."""
    return {p.pid: _entry(p) for p in session.processes.values() if not p.cold}


def _entry(p: Process) -> processes.Entry:
    s = p.run.state
    return processes.Entry(
        pid=p.pid,
        name=s.name,
        goal=s.goal,
        state=listing.stands(p),
        at=s.at,
        driver="" if s.status == "ended" else "this notebook",
        ended=s.status == "ended",
        waiting=s.waiting,
        parent=s.started_by,
        folder=p.journal.path.parent,
    )


def _row(p: Process, now: datetime) -> list[str]:
    s = p.run.state
    state = listing.stands(p)
    spent = [f"{s.spent.get(u, 0):,.0f}" for u in ("steps", "tokens")]
    began = p.run.journal.events[0].at if p.run.journal.events else s.at
    age = _age((now - datetime.fromisoformat(began)).total_seconds()) if began else ""
    return [str(p.pid), s.name, state, p.waits_for[:60], _nice(p), *spent, _cost_table(p), age, _line(s.goal)]


def _nice(p: Process) -> str:
    return f"{p.run.state.nice:+d}" if p.run.state.nice else "0"


def _cost_table(p: Process) -> str:
    return show("$", p.run.state.spent.get("$", 0.0)) if p.run.price else "-"


def _line(goal: str) -> str:
    return " ".join(goal.split())[:40]


def _age(seconds: float) -> str:
    """Say a time in its largest whole unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


async def top(session: Session, command: Command) -> None:
    """Show what each process uses, the busiest first, until none works or somebody stops it."""
    left = int(command.flags.get("n") or 0)
    if not session.processes:
        print(NONE)
        return
    handle, shown = _place(session), ""
    while True:
        rows = table([_use(p) for p in _busiest(session.processes.values())], TOP)
        if rows != shown:
            shown = rows
            handle(rows)
        left -= 1
        if left == 0 or not any(p.state == "running" for p in session.processes.values()):
            return
        await asyncio.sleep(EVERY_S)


def _place(session: Session) -> Any:
    """Return what shows a text where the last one was; where there is no notebook, below it."""
    if getattr(session.ip, "kernel", None) is None:
        return print
    from IPython.display import display

    place: list[Any] = []

    def put(words: str) -> None:
        data = {"text/plain": words}
        if place:
            place[0].update(data, raw=True)
        else:
            place.append(display(data, raw=True, display_id=True))

    return put


def _busiest(processes: Iterable[Process]) -> list[Process]:
    def key(p: Process) -> tuple[bool, bool, float]:
        return not p.uses, p.state != "running", -p.run.state.spent.get("tokens", 0.0)

    return sorted(processes, key=key)


def _use(p: Process) -> list[str]:
    s = p.run.state
    waited = sum(e.body.waited_s for e in p.run.journal.events if isinstance(e.body, ModelRequested))
    uses, busy = p.uses or (p.reason or p.state), show("s", round(s.spent.get("s", 0.0), 1))
    tokens = f"{s.spent.get('tokens', 0):,.0f}"
    waits = p.waits_for[:60] if p.state != "ended" else ""
    return [str(p.pid), s.name, uses, waits, _nice(p), tokens, _cost_table(p), busy, f"{waited:.1f} s"]


async def tree(session: Session, command: Command) -> None:
    """Show parents with their children, started or forked, below them."""
    known = session.processes
    children: dict[int, list[Process]] = {}
    for p in known.values():
        above = p.parent or 0
        children.setdefault(above if above in known and above != p.pid else 0, []).append(p)
    print("\n".join(_branch(children, 0, "")) or NONE)


def _branch(children: dict[int, list[Process]], of: int, indent: str) -> Iterable[str]:
    found = children.get(of, ())
    for i, p in enumerate(found):
        last = i == len(found) - 1
        mark = "" if not of else "└─ " if last else "├─ "
        below = "" if not of else "   " if last else "│  "
        yield f"{indent}{mark}{_named(p)}"
        yield from _branch(children, p.pid, indent + below)


def _named(p: Process) -> str:
    s = p.run.state
    name = f" {s.name}" if s.name else ""
    forked = f" (forked at event {s.parent['at']})" if s.parent and "at" in s.parent else ""
    state = listing.stands(p) if p.cold or p.state == "ended" else p.state
    waits = f": {p.waits_for}" if p.waits_for and p.state != "ended" else ""
    return f"{p.pid}{name} [{state}{waits}] {_line(s.goal)}{forked}"
