"""Bringing processes back: load a journal, replay it, resume, fork."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb import apart, config, toolbox
from llmos_nb.chain import Event, read
from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.fold import fold
from llmos_nb.journal import Journal
from llmos_nb.models import prices, resolve
from llmos_nb.models.base import Model
from llmos_nb.namespace_undo import fork_in_place
from llmos_nb.process import Process
from llmos_nb.recover import is_warm, rebuild, settle_unfinished
from llmos_nb.scheduler import Run

if TYPE_CHECKING:
    from llmos_nb.session import Session


def history(events: Sequence[Event]) -> list[Event]:
    """Give all events of a process, with those of its parents up to where it was forked."""
    parent = events[0].d.get("parent") if events and events[0].k == "run.started" else None
    if not parent or "at" not in parent:
        return list(events)
    return [*history(read(parent["path"]))[: parent["at"] + 1], *events]


def _spec(started: Mapping[str, Any]) -> str | None:
    return started.get("spec") or None


def load(
    session: Session,
    path: str | os.PathLike[str],
    *,
    tools: Iterable[Any] = (),
    model: str | Model | None = None,
    check: Any = None,
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
    """
    file = Path(path) / "journal.jsonl" if Path(path).is_dir() else Path(path)
    if not file.exists():
        raise UsageError(f"{file}: no such journal")
    journal = Journal(file)
    if not journal.events:
        raise LlmosError(f"{file}: the journal is empty")
    state = fold(history(journal.events))
    started = next(e.d for e in journal.events if e.k == "run.started")
    planning = state.planning if state.planning in config.PLANNING else "auto"
    settings = config.load({"approve": state.mode, "plan": planning}, session.configured)
    chosen = resolve(model if model is not None else _spec(started), base_url=settings.base_url or None)
    box = toolbox.build(session, settings, chosen, tools, "")
    box = apart.put_apart(box, started.get("apart", ""), session, chosen, started.get("copied", ()))
    run = session.make_run(journal, state, chosen, box, settings.call_timeout)
    run.check = check if check is not None else (state.check or None)
    run.price = settings.prices.get(chosen.traits.name) or prices.price(chosen.traits.name)
    if state.status == "running":
        state.status, state.why = "paused", "loaded from its journal"
    process = session.register(run)
    process.cold = True
    return process


def replay(session: Session, path: str | os.PathLike[str]) -> Process:
    """Fold a journal and give the process as it was; it cannot be driven."""
    file = Path(path) / "journal.jsonl" if Path(path).is_dir() else Path(path)
    journal = Journal(file)
    if not journal.events:
        raise LlmosError(f"{file}: the journal is empty or not there")
    return Process(Run(journal, fold(history(journal.events)), resolve(f"replay:{file}"), {}), session)


async def resume(session: Session, process: Process, model: str | Model | None = None) -> None:
    """Go on: rebuild a cold namespace, settle what was under way, and drive."""
    run = process.run
    if run.state.status == "ended" and run.state.reason not in ("budget", "failed"):
        raise UsageError(f"process {process.pid} ended ({run.state.reason}); fork it to go on from an event")
    if run.state.status == "running" and not process.cold:
        process.start()
        return
    if model is not None:
        run.model = resolve(model)
    with run.journal.held():
        if process.cold and not is_warm(run):
            await rebuild(run)
        run.append("run.resumed", epoch=run.state.epoch + (1 if process.cold else 0))
        if process.cold:
            await settle_unfinished(run)
    process.cold, run.trouble = False, ""
    _seek(run)
    process.start()


def fork(session: Session, process: Process, at: int) -> Process:
    """Begin a new process from event `at` of another, which ends as ``forked``."""
    run = process.run
    if not 0 <= at < len(run.journal.events):
        raise UsageError(f"--at {at}: process {process.pid} has events 0 to {len(run.journal.events) - 1}")
    past = history(run.journal.events)[: at + 1]
    fork_in_place(process, at)
    parent = {"pid": process.pid, "path": str(run.journal.path), "at": at, "hash": past[-1].hash}
    journal = session.new_journal(run.state.name or run.state.goal)
    child = session.make_run(journal, fold(past), run.model, run.tools, run.call_timeout_s)
    child.check, child.price = run.check, run.price
    s = child.state
    child.append(
        "run.started",
        goal=s.goal,
        model=s.model,
        budget=s.budget.limits,
        parent=parent,
        pid=session.last_pid,
        name=s.name,
    )
    child.append("run.paused", why=f"forked from process {process.pid} at event {at}")
    with journal.held():
        pass
    _seek(child)
    return session.register(child)


def _seek(run: Run) -> None:
    """Put a scripted or replayed model where the process stands: after its answers, and the failures since."""
    seek = getattr(run.model, "seek", None)
    if seek is None:
        return
    since = itertools.takewhile(lambda e: e.k != "model.responded", reversed(run.journal.events))
    failed = [e for e in since if e.k == "model.failed" and e.d.get("kind") not in ("stopped", "crash")]
    seek(run.state.responses, len(failed))
