"""The `%agent` commands that show one process: show, log, loop, cost, tools, plan; and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmos_nb import logbook
from llmos_nb.budget import show
from llmos_nb.chain import history
from llmos_nb.commands.base import handles, pick, say
from llmos_nb.options import Command
from llmos_nb.plan import Step
from llmos_nb.present import Presenter
from llmos_nb.session import Session
from llmos_nb.trace import export as trace_export
from llmos_nb.trace import file as trace_file
from llmos_nb.views import text


@handles("show")
async def _show(session: Session, command: Command) -> Any:
    process = pick(session, command)
    presenter = Presenter(session)
    shown = presenter.show(process)
    if process.state in ("running", "waiting") and shown.patient:
        return await presenter.follow(process, shown)
    shown.close()
    return None


@handles("log")
async def _log(session: Session, command: Command) -> None:
    flags = {k: command.flags[k] for k in ("verify", "decisions", "by", "json")}
    wanted = logbook.Wanted(**flags)
    if command.flags["all"]:
        lines = logbook.of_all(wanted, session.home)
    else:
        process = pick(session, command)
        lines = logbook.of_one(wanted, process.journal.path, process.events)
    for line in lines:
        say(line)


@handles("trace")
async def _trace(session: Session, command: Command) -> None:
    process = pick(session, command)
    events = history(process.events, process.journal.path)
    if len(command.words) > 1:
        say(trace_file.write(Path(command.words[1]), [events]))
        return
    spans = trace_file.spans_of(events)
    if command.flags["send"]:
        trace_export.send(spans)
        say(f"sent: {len(spans)} spans")
    else:
        rows = [
            [name, f"{seconds:.3f} s", tokens or "", error]
            for name, seconds, tokens, error in trace_file.tree(spans)
        ]
        say(text.table(rows, ["span", "time", "tokens", "error"]))


@handles("loop")
async def _loop(session: Session, command: Command) -> None:
    from IPython.display import SVG, display

    from llmos_nb.views.loop import run_graph

    process = pick(session, command)
    display(SVG(run_graph(process.run.state, process.events)))


@handles("cost")
async def _cost(session: Session, command: Command) -> None:
    s = pick(session, command).run.state
    rows = [
        [
            u,
            show(u, round(s.spent.get(u, 0), 4)),
            show(u, s.budget.limits[u]) if u in s.budget.limits else "no bound",
        ]
        for u in ("steps", "calls", "tokens", "$", "s")
    ]
    say(text.table(rows, ["unit", "spent", "of"]))


@handles("tools")
async def _tools(session: Session, command: Command) -> None:
    tools = pick(session, command).run.tools.values()
    say(
        text.table(
            [[t.name, t.effect, t.repeat, t.source, t.description.split("\n")[0][:60]] for t in tools],
            ["tool", "effect", "repeat", "source", "what it does"],
        )
    )


@handles("plan")
async def _plan(session: Session, command: Command) -> None:
    say("\n".join(_step_line(s) for s in pick(session, command).plan.steps) or "no plan yet")


def _step_line(s: Step) -> str:
    after = f" (after {', '.join(map(str, s.depends_on))})" if s.depends_on else ""
    return f"{s.n}. [{s.status}] {s.title}{after}" + (f"\n   expects: {s.expect}" if s.expect else "")


@handles("doctor")
async def _doctor(session: Session, command: Command) -> None:
    from llmos_nb.doctor import report  # it looks at slow things

    say(report(session.ip))
