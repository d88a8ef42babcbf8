"""The `%agent` commands that show one process: show, log, loop, cost, tools, plan; and doctor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmos_nb.app.commands import home
from llmos_nb.app.options import Command
from llmos_nb.app.present.front import front_end
from llmos_nb.app.present.presenter import Presenter
from llmos_nb.app.present.report import show
from llmos_nb.app.present.text import publish
from llmos_nb.app.verbs import step_or_call
from llmos_nb.errors import UsageError
from llmos_nb.journal import driver_of, history
from llmos_nb.messages import now
from llmos_nb.process.state import Step
from llmos_nb.session import Process, Session, abreast
from llmos_nb.views import audit, page, phrase, plain, report, status
from llmos_nb.views.panel import still
from llmos_nb.views.report import Grid, Note, Report, Told
from llmos_nb.views.spans import export as spans_file
from llmos_nb.views.text import form

TOLD = 400  # characters of what a tool does


async def panel(session: Session, command: Command) -> Any:
    process = session.find(command.process)
    if len(command.words) > 1:
        return _step(session, process, command.words[1])
    elsewhere = abreast.whereabouts(process) or (process.cold and driver_of(process.journal.path))
    if elsewhere and front_end(session.ip) != "panel":  # a panel says it, and follows
        print(home.shown(home.Seen(session.home, str(process.pid)), "%agent"))
        return None
    presenter = Presenter(session)
    in_a_notebook = getattr(session.ip, "kernel", None) is not None  # there its whole form follows, as the last state
    shown = presenter.show(process, len(process.events) if in_a_notebook else 0)
    if process.state in ("running", "waiting") and shown.patient and not process.cold:
        return await presenter.follow(process, shown)
    shown.close()
    return None


def _step(session: Session, process: Process, word: str) -> None:
    """Show what a step, or a call, ran, changed and gave."""
    s = process.run.state
    key = step_or_call(word)
    if (key not in s.plan) if isinstance(key, int) else (key not in s.calls):
        known = [r["n"] for r in still(s, process.events)["steps"]]
        raise UsageError(f"process {process.pid} has no step or call {word} (there are: {', '.join(map(str, known))})")
    told = page.step(s, key, history(process.events, process.journal.path))
    if getattr(session.ip, "kernel", None) is not None:
        publish(*told)
    else:
        print(told[1])


async def log(session: Session, command: Command) -> None:
    flags = {k: command.flags[k] for k in ("verify", "decisions", "by", "json", "since")}
    wanted = audit.Wanted(**flags)
    if command.flags["all"]:
        told = audit.of_all(wanted, session.home)
    else:
        process = session.find(command.process)
        told = audit.of_one(wanted, process.journal.path, process.events)
    for one in told:
        if isinstance(one, str):
            print(one)
        else:
            show(session.ip, one)


async def trace(session: Session, command: Command) -> None:
    process = session.find(command.process)
    events = history(process.events, process.journal.path)
    if len(command.words) > 1:
        print(spans_file.write(Path(command.words[1]), [events]))
        return
    spans = spans_file.spans_of(events)
    if command.flags["send"]:
        print(spans_file.send(spans))
    else:
        until = now() if process.state in ("running", "waiting") and not process.cold else ""
        show(session.ip, report.trace(process.run.state, events, spans_file.tree(spans), until))


async def loop(session: Session, command: Command) -> None:
    process = session.find(command.process)
    show(session.ip, report.run(process.run.state, process.events))


async def cost(session: Session, command: Command) -> None:
    process = session.find(command.process)
    show(session.ip, report.cost(process.run.state, history(process.events, process.journal.path)))


async def context(session: Session, command: Command) -> None:
    run = session.find(command.process).run
    events = history(run.journal.events, run.journal.path)
    show(session.ip, report.context(run.state, events, len(run.wire()[1]), run.price))


async def tools(session: Session, command: Command) -> None:
    heads = ("tool", "effect", "repeat", "source", "what it does")
    found = session.find(command.process).run.tools.values()
    rows = [[Told(t.name, code=True), t.effect, t.repeat, t.source, phrase(t.description, TOLD)] for t in found]
    show(session.ip, Report("", [Grid("What it may call", heads, rows, none="it may call nothing")]))


async def plan(session: Session, command: Command) -> None:
    process = session.find(command.process)
    report = _steps(process.plan.steps) if process.plan.steps else _calls(process)
    given = [form.act(a.plain(n)) for n, a in process.run.state.acts.items() if a.open and not a.step]
    text = "\n".join([report.plain, *given]) if report.plain else ""
    show(session.ip, Report(report.title, [*report.parts, *map(Note, given)], text))


def _steps(steps: Sequence[Step]) -> Report:
    heads = ("step", "state", "what", "after", "expects", "acts outside")
    rows = [[s.n, s.status, s.title, _after(s), s.expect, "; ".join(_acts(s))] for s in steps]
    used = [h for i, h in enumerate(heads) if any(row[i] for row in rows)]
    found = [[cell for h, cell in zip(heads, row, strict=True) if h in used] for row in rows]
    return Report("", [Grid("The plan", used, found, frozenset({"step"}))], "\n".join(map(_step_line, steps)))


def _calls(process: Process) -> Report:
    """Return the calls of a process without a plan: they are what it did."""
    rows = still(process.run.state, process.events)["steps"]
    if not rows:
        return Report("", [Note("no plan yet")])
    lines = ["no plan; its calls:", *(line for row in rows for line in form.step(row))]
    heads = ("call", "state", "what", "evidence", "time", "cost")
    found = [[r["n"], status(r), r["t"], plain(r.get("ev")), r.get("dur", ""), r.get("cost", "")] for r in rows]
    return Report("", [Grid("No plan; its calls", heads, found, frozenset({"time", "cost"}))], "\n".join(lines))


def _after(s: Step) -> str:
    return ", ".join(map(str, s.depends_on))


def _acts(s: Step) -> list[str]:
    return [form.act(a) for a in s.acts or ()]


def _step_line(s: Step) -> str:
    after = f" (after {_after(s)})" if s.depends_on else ""
    expects = f"\n   expects: {s.expect}" if s.expect else ""
    return f"{s.n}. [{s.status}] {s.title}{after}{expects}" + "".join(f"\n   {act}" for act in _acts(s))


async def doctor(session: Session, command: Command) -> None:
    from llmos_nb.app.doctor import report  # it looks at slow things

    print(report(session.ip, session.configured))
