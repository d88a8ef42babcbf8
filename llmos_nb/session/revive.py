"""Bringing processes back: load a journal, replay it, resume, fork."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import Event, until
from llmos_nb.journal.events import (
    VERSION,
    ModelFailed,
    ModelResponded,
    RunPaused,
    RunResumed,
    RunStarted,
    SignalReceived,
)
from llmos_nb.models import Model, catalogue, resolve
from llmos_nb.policy import Approver
from llmos_nb.process import (
    Run,
    briefing,
    fork_in_place,
    is_warm,
    open_journal,
    rebuild,
    saved,
    settle_unfinished,
)
from llmos_nb.process.gate import compensate, servers as gate_tools
from llmos_nb.process.state import State
from llmos_nb.process.state.fold import fold
from llmos_nb.session import config, toolbox
from llmos_nb.session.opening import hold_to, model_of
from llmos_nb.session.parts import Order
from llmos_nb.session.process import Process, Sessions
from llmos_nb.session.protocols import ProcessLike
from llmos_nb.tools import Tool

NOTHING = Tool("", "", {}, lambda: None)


def load(
    session: Sessions,
    path: str | os.PathLike[str],
    *,
    tools: Iterable[Any] = (),
    model: str | Model | None = None,
    check: Any = None,
    approvers: Iterable[Approver | str] = (),
) -> Process:
    """Load a saved process from its journal; nothing runs until it is resumed.

    Parameters
    ----------
    path : path-like
        The journal, or the folder that holds it.
    tools : iterable
        The functions it may call, as when it was started.
    model : str or Model, optional
        Another model to go on with.
    approvers : iterable of Approver or str, optional
        Asked before a person, as when it was started.
    """
    file = Path(path) / "journal.jsonl" if Path(path).is_dir() else Path(path)
    if not file.exists():
        raise UsageError(f"{file}: no such journal")
    journal = open_journal(file)
    if not journal.events:
        raise LlmosError(f"{file}: the journal is empty")
    state = saved.folded(journal.events, file)
    began = journal.began
    planning = state.planning if state.planning in config.PLANNING else "auto"
    kept = {"approve": state.mode, "plan": planning, "quarantine": state.quarantine}
    kept |= {"untrusted": began.untrusted} if began.untrusted is not None else {}
    settings = config.load(kept, session.configured)
    chosen = resolve(model if model is not None else began.spec or None, base_url=settings.base_url or None)
    chosen = model_of(chosen, began.parent)
    box = _box(session, settings, chosen, tools, state, began)
    run = session.make_run(journal, state, chosen, box, settings.call_timeout)
    hold_to(run, settings)
    run.check = check if check is not None else (state.check or None)
    run.approvers = toolbox.approvers(approvers, settings, session.sharing.n)
    run.price = settings.prices.get(chosen.traits.name) or catalogue.price(chosen.traits.name)
    if state.status == "running":
        state.status, state.why = "paused", "loaded from its journal"
    session.parts.begun(run, settings)
    briefing.restore(began.tables or (), session.namespace)
    process = session.register(run)
    process.cold = True
    return process


def _box(
    session: Sessions,
    settings: config.Settings,
    model: Model,
    tools: Iterable[Any],
    state: State,
    began: RunStarted,
) -> dict[str, Tool]:
    """Return the tools that a process had: those handed over now, and the functions of the notebook by their names."""
    how, copied = began.apart or "", tuple(began.copied or ())
    given = (*(began.devices or ()), *tools)
    order = Order(settings, model, state.goal, given, began.bind or "", began.vars or "", how, copied)
    found = toolbox.build(session.parts, order)
    names = session.namespace or {}
    lacking = [names[n] for n in state.tools if n not in found and isinstance(names.get(n), FunctionType)]
    if lacking:
        found = toolbox.build(session.parts, replace(order, given=(*given, *lacking)))
    if state.started_by:  # it was given some of its parent's
        found = {n: t for n, t in found.items() if n in state.tools}
    return session.parts.wraps(order, found)


def replay(session: Sessions, path: str | os.PathLike[str]) -> Process:
    """Fold a journal and give the process as it was; it cannot be driven."""
    file = Path(path) / "journal.jsonl" if Path(path).is_dir() else Path(path)
    journal = open_journal(file)
    if not journal.events:
        raise LlmosError(f"{file}: the journal is empty or not there")
    return Process(Run(journal, saved.folded(journal.events, file), resolve(f"replay:{file}"), {}), session)


async def resume(session: Sessions, process: ProcessLike, model: str | Model | None = None) -> None:
    """Go on: rebuild a cold namespace, settle what was under way, and drive; on the thread of the user's objects.

    Raises
    ------
    CallDenied
        Code of a step calls it: whom somebody has stopped goes on at a person's word.
    """
    process.dispatch.only_people()
    process.dispatch.adopt(session.ip)
    await process.dispatch.home(partial(_resume, session, process, model))


async def _resume(session: Sessions, process: ProcessLike, model: str | Model | None) -> None:
    async with process.dispatch.visits.turn:  # whoever comes second finds it at work
        await _go_on(session, process, model)


async def _go_on(session: Sessions, process: ProcessLike, model: str | Model | None) -> None:
    run = process.run
    if run.state.status == "ended" and run.state.undoing:
        with run.journal.held():
            compensate.settle_unfinished(run)
        process.start()
        return
    if run.state.status == "ended" and run.state.reason not in ("budget", "failed"):
        raise UsageError(f"process {process.pid} ended ({run.state.reason}); fork it to go on from an event")
    if run.state.status == "running" and not process.cold:
        if run.state.pause_wanted:
            run.append(SignalReceived(signal="resume", by="you"))
        process.start()
        return
    if model is not None:
        run.model = resolve(model)
    with run.journal.held():
        if process.cold and not is_warm(run):
            await rebuild(run)
        run.append(RunResumed(epoch=run.state.epoch + (1 if process.cold else 0)))
        if run.state.servers:
            with suppress(LlmosError):  # what is wrong is said when the process goes on
                await gate_tools.join(run)
        compensate.settle_unfinished(run)
        await settle_unfinished(run)  # of a fork, too: its parent's calls may have been under way then
    process.cold, run.trouble = False, ""
    _seek(run)
    process.start()


def fork(session: Sessions, process: ProcessLike, at: int, isolate: bool = False) -> Process:
    """Begin a new process from event `at` of another.

    Parameters
    ----------
    process : Process
        The parent.
    at : int
        Its last event that both have.
    isolate : bool
        The new one works in a child process, on copies of what the variables were then, and the parent goes on.
        Else the namespace is taken back to that event and the parent ends as ``forked``.

    Raises
    ------
    SnapshotConflict
        Somebody changed since what would be taken back; nothing was changed.
    UsageError
        There is no such event, or the parent is at work.
    CallDenied
        Code of a step calls it.
    """
    process.dispatch.only_people()
    run = process.run
    if not 0 <= at < len(run.journal.events):
        raise UsageError(f"--at {at}: process {process.pid} has events 0 to {len(run.journal.events) - 1}")
    if run.tasks:
        raise UsageError(f"process {process.pid} is at work: pause or stop it, then fork")
    past = until(run.journal.events, run.journal.path, at)
    state = fold(past)
    tools = session.parts["isolation"].at(run, state) if isolate else dict(run.tools)
    if not isolate:
        fork_in_place(process.run, state, at, process.cold)
    journal = session.new_journal(run.state.name or run.state.goal)
    child = session.make_run(journal, state, run.model, tools, run.call_timeout_s)
    child.values = replace(run.values, refs={}, current={}, packed={}, folders=[], used=0)
    child.check, child.price, child.approvers = run.check, run.price, run.approvers.fresh()
    _record_fork(session, child, process, past[-1], isolate)
    _seek(child)
    session.parts.begun(child, config.load({}, session.configured))
    made = session.register(child)
    made.cold = not isolate and (process.cold or tools.get("python", NOTHING).elsewhere)
    return made


def _record_fork(session: Sessions, child: Run, process: ProcessLike, last: Event, isolate: bool) -> None:
    """Write the first events of a fork: where it comes from, and that it waits to be resumed."""
    s, path = child.state, process.run.journal.path
    began = process.run.journal.began
    place = _relative(path, child.journal.path.parent)
    copied = session.parts["isolation"].names_at(process.run, s) if isolate else began.copied
    child.append(
        RunStarted(
            version=VERSION,
            goal=s.goal,
            model=s.model,
            name=s.name,
            pid=session.last_pid,
            budget=s.budget.limits,
            parent={"pid": process.pid, "path": place, "at": last.n, "hash": last.hash},
            apart="isolate" if isolate else began.apart,
            copied=copied,
            **{k: getattr(began, k) for k in ("spec", "bind", "vars", "devices", "tables")},
        )
    )
    child.append(RunPaused(why=f"forked from process {process.pid} at event {last.n}"))
    with child.journal.held():
        pass


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return str(path)


def _seek(run: Run) -> None:
    """Put a scripted or replayed model where the process stands: after its answers, and the failures since."""
    seek = getattr(run.model, "seek", None)
    if seek is None:
        return
    since = itertools.takewhile(lambda e: not isinstance(e.body, ModelResponded), reversed(run.journal.events))
    bodies = (e.body for e in since)
    failed = [b for b in bodies if isinstance(b, ModelFailed) and b.error_kind not in ("stopped", "crash")]
    read = sum(len(c.facts.get("said", ())) for c in run.state.calls.values())  # answers about what is kept out
    seek(run.state.responses + read, len(failed))
