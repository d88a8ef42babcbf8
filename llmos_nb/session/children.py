"""Processes that a process starts: within its rights, out of its budget, and ended with it.

A child's tools are some of its parent's, with the same bounds on names and the same rules and labels; its mode is not
looser. What it may use up is reserved in its parent's journal before it begins, and settled when it has ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.journal import Event, events as ev, first
from llmos_nb.messages import ToolResult
from llmos_nb.models import Model, resolve
from llmos_nb.policy import Budget, Mode, Rule, budget as budgets, labels
from llmos_nb.process import Run, briefing
from llmos_nb.process.gate import READ, commitments
from llmos_nb.process.scheduling import resource
from llmos_nb.process.state import State, moving, prompts, say
from llmos_nb.session import config, tightening
from llmos_nb.session.ipc.deadlock import title
from llmos_nb.session.opening import check_name, checked_goal, hold_host, model_of, price_of, private_names
from llmos_nb.session.parts import Part
from llmos_nb.session.protocols import ProcessLike, SessionLike
from llmos_nb.tools import CallContext, Tool, reentry
from llmos_nb.tools.devices import START, WAIT, is_ours
from llmos_nb.tools.schema import name_of
from llmos_nb.views.spans import traceparent

SHARE = 4  # a child gets this part of what is left, where nobody says how much
LONGEST = 40  # characters of a child's name
COUNTED = ("steps", "calls", "tokens", "$")
ALWAYS = ("plan", "recall", READ)  # a process's own, not something that it may do
SIGNALS = ("pause", "stop", "kill")
_KEPT = ("bind", "vars", "devices", "apart", "copied")


# starting


def create(
    session: SessionLike,
    parent: ProcessLike,
    goal: str,
    *,
    name: str = "",
    tools: Iterable[Any] | None = None,
    budget: str | Budget | None = None,
    approve: str | None = None,
    model: str | Model | None = None,
    plan: str = "auto",
    check: Any = None,
    call: str = "",
    acts: Iterable[int] = (),
    **options: Any,
) -> ProcessLike:
    """Make a child of a process, ready to be driven.

    Parameters
    ----------
    tools : iterable, optional
        Which of the parent's tools it gets, by name or as functions; all but those for processes by default.
    budget : str or Budget, optional
        What it may use of what the parent has left; a quarter by default.
    approve, model : str, str or Model, optional
        A mode that is not looser than the parent's, and another model; the parent's by default.
    call, acts : str, iterable of int
        The parent's call that starts it, where one does; numbers of its parent's acts that move to it.

    Raises
    ------
    UsageError
        It would have more than its parent; nothing was started.
    """
    s, began, seats = parent.run.state, _began(parent, goal), parent.run.approvers.fresh()
    box, amounts, moved = _narrowed(parent.run.tools, tools, s.pid), _share(s, budget), moving(s.acts, acts)
    settings = _settings(session, s, began, {**options, "approve": approve, "plan": plan, "budget": amounts})
    above = traceparent(parent.run.journal.events, call)
    whose = ev.Parent(pid=s.pid, nth=_nth(parent, call), own_model=model is not None, traceparent=above)
    chosen = model_of(parent.run.model if model is None else hold_host(resolve(model)), whose)
    price, checked = price_of(chosen, amounts, settings), check_name(check)
    run = session.make_run(session.new_journal(name or goal), State(), chosen, box, parent.run.call_timeout_s)
    resource.bind(run, parent.run.limits)
    run.check, run.price, run.owns_model, run.approvers = check, price, isinstance(model, str), seats
    _reserve(parent, session.last_pid, amounts, call, moved)
    origin = {"parent": whose, "pid": session.last_pid, "name": name, "spec": _spec(model, began)}
    how = {"check": checked, **_of_parent(parent, began, moved, call)}
    _record(session, run, goal, settings, amounts, {**origin, **how})
    _inherit(run, s)
    return session.register(run)


def _began(parent: ProcessLike, goal: str) -> ev.RunStarted:
    """Return how a process was started, if it may start others."""
    goal = checked_goal(goal)
    s = parent.run.state
    if s.status == "ended":
        raise UsageError(f"process {s.pid} has ended ({s.reason}); it can start nothing")
    return parent.run.journal.began


def _nth(parent: ProcessLike, call: str) -> int:
    """Return how many children a process started before; of this call there are only some that broke off unbegun."""
    bodies = (e.body for e in parent.run.journal.events)
    before = {b.call or b.child for b in bodies if isinstance(b, ev.BudgetReserved) and b.child is not None}
    return len(before - {call})


def _record(
    session: SessionLike, run: Run, goal: str, settings: config.Settings, amounts: Budget, how: dict[str, Any]
) -> None:
    """Write the first events of a child."""
    shown = (session.namespace, how.get("vars") or "", settings.show_values)
    how_shown = (how.get("apart") == "isolate", private_names(session.sharing.labels))
    head = briefing.head(goal, run.model.traits, *shown, *how_shown, settings.prompts)
    if "python" in run.tools and not how.get("apart") and not run.model.traits.prefix:
        head = briefing.told(head, prompts.beside(settings.prompts, how["pid"], how["name"]))
    session.record_start(run, settings, goal, amounts, head, **how)


def _settings(session: SessionLike, s: State, began: ev.RunStarted, told: dict[str, Any]) -> config.Settings:
    """Return the settings of a child: its parent's mode and rules, or stricter ones."""
    told["approve"] = _mode(s.mode, told["approve"])
    told |= {"quarantine": s.quarantine, "untrusted": began.untrusted}
    return replace(config.load(told, session.configured), rules=_rules(s))


def _spec(model: str | Model | None, began: ev.RunStarted) -> str:
    """Name the model for the record: the child's own, or its parent's."""
    return began.spec or "" if model is None else model if isinstance(model, str) else ""


def _narrowed(box: Mapping[str, Tool], wanted: Iterable[Any] | None, pid: int) -> dict[str, Tool]:
    """Return those of a parent's tools that a child gets."""
    if wanted is None:
        return {n: t for n, t in box.items() if n not in (START, WAIT)}
    names = [t if isinstance(t, str) else getattr(t, "name", "") or name_of(t) for t in wanted]
    for name in names:
        if name not in box:
            raise UsageError(f"tool {name!r}: process {pid} has none of this name to give{nearest(name, box)}")
    return {n: t for n, t in box.items() if n in names or n in ALWAYS}


def _mode(parent: Mode, wanted: str | None) -> str:
    order = tightening.STRICTEST
    if wanted in order and order.index(wanted) < order.index(parent):
        raise UsageError(f"approve {wanted!r}: looser than {parent!r}, in which its parent works")
    return wanted or parent


def _rules(s: State) -> tuple[Rule, ...]:
    """Return the parent's rules, without what may be let through only so many times: that is the parent's."""
    return tuple(r for r in s.rules if r.do != "allow" or not r.count)


def _share(s: State, budget: str | Budget | None) -> Budget:
    """Say what a child may use: what is asked for, the parent's share of the rest, and the parent's time."""
    asked = budgets.parse(budget).limits if budget else {}
    found: dict[str, float] = {}
    for unit in budgets.UNITS:
        left, wanted = s.left(unit), asked.get(unit)
        if left <= 0 or (wanted is not None and wanted > left):
            asks = budgets.show(unit, wanted or 1)
            raise UsageError(f"budget {asks}: process {s.pid} has {budgets.show(unit, max(left, 0))} left")
        if not math.isinf(amount := _part(unit, left) if wanted is None else wanted):
            found[unit] = amount
    return Budget(found)


def _part(unit: str, left: float) -> float:
    """Return the share of one unit: of counts and money a part, of time all, in whole seconds."""
    if math.isinf(left):
        return left
    if unit == "s":
        return math.floor(left) or left
    return left / SHARE if unit == "$" else max(left // SHARE, 1)


def _reserve(parent: ProcessLike, pid: int, amounts: Budget, call: str, moved: list[ev.ActData]) -> None:
    held = {u: v for u, v in amounts.limits.items() if u in COUNTED}
    reserve = partial(parent.run.append, ev.BudgetReserved(request=0, amounts=held, child=pid, call=call))
    parent.dispatch.ask(partial(parent.dispatch.apply, reserve))  # the next child is counted after this one
    if moved:
        given = partial(parent.run.append, ev.ActsMoved(acts=[a["n"] for a in moved], to=pid))
        parent.dispatch.ask(partial(parent.dispatch.apply, given))
    with parent.journal.held():  # on disk before there is a child: the same call must not start it twice
        parent.journal.flush_now()


def _of_parent(parent: ProcessLike, began: ev.RunStarted, moved: list[ev.ActData], call: str) -> dict[str, Any]:
    """Return what a child has of its parent: how that was started, its acts, and whose words stand behind its goal."""
    found = {k: getattr(began, k) for k in (*_KEPT, "delegate")}
    found |= {"closed": parent.run.state.closed or None, "acts": moved or None}
    return {**found, **({"words": commitments.words(parent.run)} if call else {})}


def _inherit(run: Run, s: State) -> None:
    """Write down what a child has of its parent: what is known of the data, and how nice it is."""
    for name, label in s.labels.items():
        if labels.parse(label) != labels.parse(run.state.labels.get(name, "")):
            run.append(ev.LabelChanged(name=name, label=label, why=f"of its parent, process {s.pid}"))
    now = labels.context(run.state.labels)
    if s.handled and not now.untrusted:  # what it was not shown is behind the child's goal, too
        label = str(now.join(labels.UNTRUSTED))
        run.append(ev.LabelChanged(name=labels.CONTEXT, label=label, why=f"of its parent, process {s.pid}"))
    if s.nice:
        run.append(ev.SignalReceived(signal="nice", by=ev.Decider("process", str(s.pid)), value=s.nice))


# what happens to the one and matters to the other


def _pass_on(session: SessionLike, state: State, signal: str) -> None:
    for pid in state.children:
        child = session.processes.get(pid)
        if child is not None and child.state != "ended":
            getattr(child, signal)(by=ev.Decider("process", str(state.pid)))


def settle(run: Run, child: State) -> None:
    """Record in a parent's journal what a child has used; what was reserved beyond that is free again."""
    if run.state.children.get(child.pid):
        amounts = {u: v for u, v in child.spent.items() if u in COUNTED}
        run.append(ev.BudgetSettled(request=0, amounts=amounts, child=child.pid))


def _stopped_by(run: Run, pid: int) -> bool:
    bodies = (e.body for e in reversed(run.journal.events))
    last = (b.by for b in bodies if isinstance(b, ev.SignalReceived) and b.signal in SIGNALS)
    return next(last, ev.NO_ONE) == ev.Decider("process", str(pid))


def _load(session: SessionLike, parent: ProcessLike, pid: int) -> ProcessLike:
    """Load a child with its parent's tools, and its parent's model where it had that."""
    folder = session.home.find(pid)
    if folder is None:
        raise UsageError(f"process {pid}: no such process")
    began = first(folder / "journal.jsonl").body
    own = isinstance(began, ev.RunStarted) and bool(began.parent and began.parent.get("own_model"))
    tools = [t for n, t in parent.run.tools.items() if n not in (*ALWAYS, START, WAIT)]
    return session.load(folder, tools=tools, model=None if own else parent.run.model)


def _child(session: SessionLike, run: Run, arguments: Mapping[str, Any]) -> ProcessLike:
    """Return the child that a call names."""
    key = _called(arguments["process"])
    mine = [session.processes[p] for p in run.state.children if p in session.processes]
    found = [c for c in mine if key in (str(c.pid), c.run.state.name)]
    if not found:
        names = ", ".join(title(c.run.state) for c in mine) or "none"
        raise UsageError(f"process {key!r} is none that you started (there are: {names})")
    return found[-1]


async def _start(session: SessionLike, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Start a child as a call says; the same call starts it once."""
    bodies = (e.body for e in run.journal.events)
    made = (b.child for b in bodies if isinstance(b, ev.BudgetReserved) and b.call == context.call)
    if (before := next(made, None)) is not None and before in session.processes:
        return _told(session.processes[before])
    goal = str(arguments["goal"]).replace("!`", "`").replace("&`", "`")  # it attaches nothing: a person may
    wanted = {k: arguments[k] for k in ("tools", "budget") if arguments.get(k)}
    wanted["name"] = _called(arguments.get("name"))
    try:
        child = create(session, session.processes[run.state.pid], goal, call=context.call, **wanted)
    except LlmosError as error:
        return ToolResult(False, str(error), type(error).__name__)
    reentry.outside().run(child.start)  # the child's steps are not steps of this call
    return _told(child)


def _called(name: object) -> str:
    """Return what a model calls a child, as one short line: other models are shown it."""
    return " ".join(str(name or "").split())[:LONGEST]


def _told(child: ProcessLike) -> ToolResult:
    text = f"{title(child.run.state)} is at work; {WAIT} gives its answer"
    return ToolResult(True, text, facts={"child": child.pid})


def _awaits(session: SessionLike, run: Run, call: str, arguments: Mapping[str, Any]) -> ev.MessageAwaited | None:
    """Let a call wait for a child that has not ended; what is wrong with the name is said when it runs."""
    with suppress(LlmosError):
        child = _child(session, run, arguments)
        if not child.over:
            named = f"{title(child.run.state)} to end"
            return ev.MessageAwaited(wait=call, what="process", whom=[child.pid], title=named)
    return None


async def _answer(session: SessionLike, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Return what became of a child; its label comes with it, and what it changed counts as seen."""
    try:
        s = _child(session, run, arguments).run.state
    except LlmosError as error:
        return ToolResult(False, str(error), type(error).__name__)
    changed = sorted({n for c in s.surviving for n in c.changes.names})
    if run.sight is not None:
        run.sight.saw(changed)
    results = {n for c in s.surviving for n in c.results}
    passed = {n for c in s.surviving for n in c.changes.created} - results
    changed = [n for n in changed if n not in passed]
    why = f" ({s.detail})" if s.detail and s.reason != "answered" else ""
    how = say(run.state, "child_ended", name=title(s), reason=s.reason, why=why)
    head = "\n".join([how, *([say(run.state, "child_changed", names=", ".join(changed))] if changed else [])])
    label = labels.context(s.labels)
    facts: dict[str, Any] = {"child": s.pid, **({"answer": head.count("\n") + 1} if s.answer else {})}
    if label != labels.TRUSTED:
        facts |= {"label": str(label), "why": f"{title(s)} had read {label} data"}
    wrong = "" if s.reason == "answered" else "NotAnswered"
    return ToolResult(not wrong, f"{head}\n{s.answer or say(run.state, 'child_silent')}", wrong, facts=facts)


class Children(Part):
    """Lets processes start others, hear of them, and end with them."""

    hears = ("signal.received", "run.ended")

    def create(self, parent: ProcessLike, goal: str, **options: Any) -> ProcessLike:
        """Make a child of a process, ready to be driven; see `create`."""
        return create(self.session, parent, goal, **options)

    def tools(self, run: Run) -> Mapping[str, Tool]:
        """Return the tools for children that a process has, tied to it."""
        begin, answer = (partial(act, self.session, run) for act in (_start, _answer))
        ties: dict[str, dict[str, Any]] = {
            START: {"runner": begin},
            WAIT: {"runner": answer, "needs": partial(_awaits, self.session, run), "place": "thread"},
        }
        return {n: replace(run.tools[n], **tie) for n, tie in ties.items() if n in run.tools and is_ours(run.tools[n])}

    def heard(self, run: Run, event: Event) -> None:
        """Pass signals on to children, end them with their parent, and settle with it what a child has used."""
        state = run.state
        match event.body:
            case ev.SignalReceived(signal=signal) if signal in SIGNALS:
                _pass_on(self.session, state, signal)
            case ev.RunEnded():
                _pass_on(self.session, state, "kill")
                parent = self.session.processes.get(state.started_by)
                if parent is not None:
                    parent.dispatch.post(partial(settle, parent.run, state))

    async def resumed(self, process: ProcessLike) -> None:
        """Go on with the children that stopped with their parent, in this kernel or in one before it."""
        s = process.run.state
        for pid in [p for p, held in s.children.items() if held]:
            try:
                child = self.session.processes.get(pid) or _load(self.session, process, pid)
            except LlmosError:  # it broke off before it had begun
                process.dispatch.post(partial(settle, process.run, State(pid=pid)))
                continue
            if child.over:
                process.dispatch.post(partial(settle, process.run, child.run.state))
            elif child.state == "paused" and (child.cold or _stopped_by(child.run, s.pid)):
                await self.session.resume(child)
