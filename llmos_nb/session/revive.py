"""Bringing processes back: load a journal, replay it, resume, fork."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

from llmos_nb.errors import ConfigError, JournalLocked, LlmosError, ModelRefused, UsageError
from llmos_nb.journal import Event, Journal, events as ev, until
from llmos_nb.messages import Request, Response
from llmos_nb.models import Model, Traits, catalogue, may_ask, place_of, resolve
from llmos_nb.policy import Approver
from llmos_nb.policy.secrets import redact
from llmos_nb.process import (
    Run,
    briefing,
    fork_in_place,
    is_warm,
    open_journal,
    rebuild,
    saved,
    settle_unfinished,
    signals,
    unfinished,
)
from llmos_nb.process.gate import compensate, servers as gate_tools
from llmos_nb.process.state import State, resumes
from llmos_nb.process.state.fold import fold
from llmos_nb.session import abreast, config, toolbox
from llmos_nb.session.opening import hold_to, model_of, seeing
from llmos_nb.session.parts import Order
from llmos_nb.session.process import Process, Sessions
from llmos_nb.session.protocols import ProcessLike
from llmos_nb.session.tightening import PLANNING
from llmos_nb.tools import Tool


class Absent:
    """Stands for a model that cannot be had: no key, no weights, another endpoint, or an object of another interpreter.

    Parameters
    ----------
    name : str
        Of the model.
    why : str
        What is wrong with it.
    """

    slots, endpoint = math.inf, ""

    def __init__(self, name: str, why: str) -> None:
        self.traits, self.why = Traits(name), why

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Refuse: there is no model."""
        raise ModelRefused(self.why)


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
    journal = _opened(file)
    if not journal.made_here:
        return _foreign(session, journal)
    state = abreast.standing(journal)
    began = journal.began
    planning = state.planning if state.planning in PLANNING else "auto"
    kept = {"approve": state.mode, "plan": planning, "quarantine": state.quarantine}
    kept |= {"untrusted": began.untrusted} if began.untrusted is not None else {}
    settings = config.load(kept, session.configured)
    chosen = model_of(_model(journal, state, model, settings, absent=True), began.parent)
    chosen = seeing(chosen, settings.images)
    box = _box(session, settings, chosen, tools, state, began)
    run = session.make_run(journal, state, chosen, box, settings.call_timeout)
    hold_to(run, settings)
    run.check = check if check is not None else (state.check or None)
    run.approvers = toolbox.approvers(approvers, settings, session.sharing.n)
    run.price = settings.prices.get(chosen.traits.name) or catalogue.price(chosen.traits.name)
    session.parts.begun(run, settings)
    briefing.restore(began.tables or (), session.namespace)
    process = session.register(run, cold=True)
    process.dispatch.adopt(session.ip)  # a click may let it go on before any cell of this session does
    return process


def _opened(file: Path) -> Journal:
    journal = open_journal(file)
    if not journal.events:
        raise LlmosError(f"{file}: the journal is empty or not there")
    return journal


def _foreign(session: Sessions, journal: Journal) -> Process:
    """Return the process of a journal that may be a stranger's: to be looked at, with nothing that could run."""
    state = abreast.standing(journal)
    absent = Absent(state.model or journal.began.model, state.why)
    return session.register(Run(journal, state, absent, {}), cold=True)


def _model(
    journal: Journal, state: State, model: str | Model | None, settings: config.Settings, absent: bool = False
) -> Model:
    """Return the model that goes on with a run: the one that is named, else the one it had, where it had it.

    That is where its journal says, whatever stands in the environment by now, if no key is lacking there.

    Raises
    ------
    ConfigError
        It is not to be had, or would be asked elsewhere. With `absent`, a stand-in says so when it is asked.
    """
    how: dict[str, Any] = {"base_url": settings.base_url, "stall_s": settings.patience}
    if model is not None:
        return resolve(model, **how)
    began = journal.began
    spec = (began.spec if state.model in ("", began.model) else state.model) or began.model or None
    place = state.endpoint or began.endpoint or ""
    try:
        try:
            found = resolve(spec, **how)
            _hold_to_place(found, place, state.pid)
        except ConfigError:
            if "<" in place or not may_ask(place):  # a secret of its path stands in no journal
                raise
            found = resolve(spec, **how | {"base_url": place})
            _hold_to_place(found, place, state.pid)
    except LlmosError as error:
        if not absent:
            raise
        return Absent(state.model or began.model, str(error))
    return found


def _hold_to_place(model: Model, place: str, pid: int) -> None:
    """Refuse to go on elsewhere than before: what was said there is not for everybody."""
    now = redact(place_of(model))
    if place and now != place:
        ours = model.traits.name.startswith("openai/")
        how = f"set OPENAI_BASE_URL={place}" if ours else "name that place by -m URL#NAME"
        raise ConfigError(
            f"process {pid} asked its model at {place}, and {model.traits.name} is at {now or 'no URL'} now: {how} "
            f"to go on there, or say where else by `%agent resume {pid} -m SPEC`"
        )


def _box(
    session: Sessions,
    settings: config.Settings,
    model: Model,
    tools: Iterable[Any],
    state: State,
    began: ev.RunStarted,
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
    journal = _opened(file)
    state = saved.folded(journal.events, file)
    model = Absent(state.model or journal.began.model, "a process that is replayed asks no model")
    return Process(Run(journal, state, model, {}), session)


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
    process.dispatch.ask(process.dispatch.catch_up)
    if run.state.status == "ended" and run.state.undoing:
        with run.journal.held():
            compensate.settle_unfinished(run)
        process.start()
        return
    if run.state.status == "ended":
        _check_further(run)
    if run.state.status == "running" and not process.cold:
        if run.state.pause_wanted:
            run.append(ev.SignalReceived(signal="resume", by=ev.YOU))
        process.start()
        return
    if model is not None or isinstance(run.model, Absent):
        choose(session, process, model)
    was = process.cold
    try:
        with run.journal.held():
            if was and not is_warm(run):
                await rebuild(run)
            broken = unfinished(run)  # now: a message that comes may let it begin others before these are settled
            process.cold = False  # before the event: whoever follows it looks then, and no event says it later
            run.append(ev.RunResumed(epoch=run.state.epoch + (1 if was else 0)))
            if run.state.servers:
                with suppress(LlmosError):  # what is wrong is said when the process goes on
                    await gate_tools.join(run)
            compensate.settle_unfinished(run)
            await settle_unfinished(run, broken)  # of a fork, too: its parent's calls may have been under way then
    except BaseException:
        process.cold = was
        raise
    run.trouble = ""
    _seek(run)
    process.start()


def choose(session: Sessions, process: ProcessLike, model: str | Model | None) -> None:
    """Give a process another model from its next request on; without one, the model that it had."""
    process.dispatch.only_people()
    run, settings = process.run, config.load({}, session.configured)
    chosen = model_of(_model(run.journal, run.state, model, settings), run.journal.began.parent)
    if chosen.traits.outside and not run.state.outside:
        raise UsageError(f"{chosen.traits.name}: an agent outside works in processes that begin with it: %%agent -m …")
    run.model = chosen


def _check_further(run: Run) -> None:
    """Refuse to go on after an end that is for good, or that nobody has said anything to."""
    signals.check_further(run)
    s = run.state
    if not resumes(s):
        how = f'ask further with `%agent send {s.pid} "…"`, or fork it to go on from an event'
        raise UsageError(f"process {s.pid} ended ({s.reason}); {how}")


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
    process.journal.check_maker()
    process.dispatch.ask(process.dispatch.catch_up)
    run = process.run
    if not 0 <= at < len(run.journal.events):
        raise UsageError(f"--at {at}: process {process.pid} has events 0 to {len(run.journal.events) - 1}")
    if run.tasks:
        raise UsageError(f"process {process.pid} is at work: pause or stop it, then fork")
    if not process.cold:
        with suppress(JournalLocked), run.journal.held():  # where another has it, it is on disk
            run.journal.flush_now()  # its last event, before another process is said to begin there
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
    return session.register(child, cold=not isolate and (process.cold or tools.get("python", NOTHING).elsewhere))


def _record_fork(session: Sessions, child: Run, process: ProcessLike, last: Event, isolate: bool) -> None:
    """Write the first events of a fork: where it comes from, and that it waits to be resumed."""
    s, path = child.state, process.run.journal.path
    began = process.run.journal.began
    place = _relative(path, child.journal.path.parent)
    copied = session.parts["isolation"].names_at(process.run, s) if isolate else began.copied
    child.append(
        ev.RunStarted(
            version=ev.VERSION,
            goal=s.goal,
            model=s.model,
            name=s.name,
            pid=session.last_pid,
            budget=s.budget.limits,
            parent={"pid": process.pid, "path": place, "at": last.n, "hash": last.hash},
            apart="isolate" if isolate else began.apart,
            copied=copied,
            **{k: getattr(began, k) for k in ("spec", "endpoint", "bind", "vars", "devices", "tables")},
        )
    )
    _move_acts(child, process.run.state, isolate)
    child.append(ev.RunPaused(why=f"forked from process {process.pid} at event {last.n}"))
    with child.journal.held():
        pass


def _move_acts(child: Run, parent: State, isolate: bool) -> None:
    """Move acts to the process that goes on: what the parent has used since is used; a copy beside it has none."""
    mine = child.state.acts
    if isolate and (there := [n for n, a in mine.items() if a.open]):
        child.append(ev.ActsMoved(acts=there))
        return
    for n, act in ((n, a) for n, a in parent.acts.items() if n in mine):
        for call, item in act.uses[len(mine[n].uses) :]:
            items = act.items if mine[n].items is None else None
            child.append(ev.ActUsed(call=f"{parent.pid}:{call}", act=n, item=item, items=items))


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
    since = itertools.takewhile(lambda e: not isinstance(e.body, ev.ModelResponded), reversed(run.journal.events))
    bodies = (e.body for e in since)
    failed = [b for b in bodies if isinstance(b, ev.ModelFailed) and b.error_kind not in ("stopped", "crash")]
    read = sum(len(c.facts.get("said", ())) for c in run.state.calls.values())  # answers about what is kept out
    seek(run.state.responses + read, len(failed))
