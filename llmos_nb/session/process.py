"""A process as its user holds it: what it is, how one waits for it, and what people may do with it.

Verbs return at once, work from any thread and may be awaited. Each is an event in the journal; `drive` does the rest.
What a verb does to the run is in the process room (`decisions`, `signals`); how it gets there is in `dispatch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from llmos_nb.journal import Event, Journal
from llmos_nb.journal.events import INTERRUPT, YOU, Decider, person
from llmos_nb.policy import approval, budget as budgets
from llmos_nb.process import Run, decisions, drive, redo_last, signals, undo_calls
from llmos_nb.process.state import Plan
from llmos_nb.session.commands.watch import watch
from llmos_nb.session.dispatch import Deadlines, Dispatch
from llmos_nb.session.outcome import forms
from llmos_nb.session.parts import Parts
from llmos_nb.session.protocols import ProcessLike, SessionLike
from llmos_nb.session.threads import interrupts


class Sessions(SessionLike, Protocol):
    """A session as `Process` sees it: the processes that it makes are of this class."""

    parts: Parts
    held: list[Process] | None

    def start(self, goal: str, **options: Any) -> Process:
        """Start a process."""

    def register(self, run: Run, shown: Iterable[str] = (), cold: bool = False) -> Process:
        """Enter a process into the table."""

    def fork(self, process: ProcessLike, at: int, isolate: bool = False) -> Process:
        """Begin a new process from event `at` of another."""


class Pending:
    """Awaitable returned by every verb, which has been done; it gives the process, once that has settled."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def __await__(self) -> Generator[Any, None, Process]:
        return self.process.__await__()

    def __repr__(self) -> str:
        return f"{self.process!r}; await it until it is settled"


class Process:
    """A process: its state and its verbs.

    Parameters
    ----------
    run : Run
        What drives it.
    session : Session
        Where it lives.
    """

    def __init__(self, run: Run, session: Sessions) -> None:
        self.run, self.session = run, session
        self.cold = False
        self.watcher: asyncio.Task[None] | None = None
        self.dispatch = Dispatch(run, self._drive, session.parts.review, partial(session.parts.hopeful, self))
        self.deadlines = Deadlines(self.dispatch)

    def __repr__(self) -> str:
        end = f", {self.reason}" if self.reason else ""
        return f"<process {self.pid} {self.state}{end}: {self.run.state.goal.strip()[:60]!r}>"

    _repr_mimebundle_ = forms

    @property
    def pid(self) -> int:
        """Number, unique in its home."""
        return self.run.state.pid

    @property
    def parent(self) -> int | None:
        """The pid of the process that started it, or that it was forked from."""
        return self.run.state.parent["pid"] if self.run.state.parent else None

    @property
    def state(self) -> str:
        """``running``, ``waiting``, ``paused`` or ``ended``."""
        s = self.run.state
        return "waiting" if s.waiting or s.expecting else s.status

    @property
    def over(self) -> bool:
        """Whether it has ended, and its end is on disk: only then is written elsewhere what follows from it."""
        return self.state == "ended" and self.pid not in self.session.parts.ending

    @property
    def reason(self) -> str | None:
        """Why it ended; None while it has not."""
        return self.run.state.reason or None

    @property
    def detail(self) -> str:
        """More about why it ended or paused."""
        return self.run.state.detail or self.run.trouble or self.run.state.why

    @property
    def answer(self) -> str | None:
        """The answer, once there is one."""
        return self.run.state.answer

    @property
    def plan(self) -> Plan:
        """The plan as it stands."""
        return self.run.state.plan

    @property
    def events(self) -> list[Event]:
        """The events of its journal, in order."""
        return list(self.run.journal.events)

    @property
    def journal(self) -> Journal:
        """The journal; ``journal.path`` is its file."""
        return self.run.journal

    @property
    def digest(self) -> str:
        """Hash of the folded state."""
        return self.run.state.digest

    @property
    def waits_for(self) -> str:
        """What it waits for, in words; an empty text where it waits for nothing."""
        s = self.run.state
        if self.state == "waiting":
            return ", ".join(approval.wanted(q) for q in (*s.questions.values(), *s.awaited.values()))
        # it may be driven meanwhile
        return s.why if s.status != "running" else ", ".join(map(str, list(self.run.waits.values())))

    @property
    def uses(self) -> str:
        """What it uses at this moment: its model, or the tools of the calls that run."""
        s = self.run.state
        running = [c.name for c in s.open_calls if c.status == "running"]
        using = [f"the model {self.run.model.traits.name}"] if s.request else running
        return "" if s.settled else ", ".join(using)

    def start(self) -> Process:
        """Begin to drive it, with its outputs in the cell that calls this."""
        self.dispatch.adopt(self.session.ip)
        if self.session.held is not None:
            self.session.held.append(self)
        else:
            self.dispatch.start(partial(watch.follow, self))
        return self

    async def _drive(self) -> None:
        self.deadlines.arm()
        await drive(self.run)
        close = getattr(self.run.model, "aclose", None) if self.run.owns_model else None
        if close is not None and self.run.state.status == "ended":
            await close()

    def __await__(self) -> Generator[Any, None, Process]:
        self.dispatch.adopt(self.session.ip)
        yield from self.dispatch.there(self.dispatch.settled).__await__()  # until it ends, pauses or waits
        return self

    async def attend(self, patient: bool, interruptible: bool = True) -> Process:
        """Wait beside it; `patient` waits for people too. An interrupt of the waiting code stops it.

        Where nobody at work can send the message that it waits for, only the background goes on waiting. Stop may come
        between two steps: the process itself takes it, as a cancellation of whoever waits would arrive after the next.
        """
        self.dispatch.adopt(self.session.ip)
        try:
            with interrupts(self._interrupted if interruptible else None):
                await self.dispatch.there(partial(self.dispatch.attended, patient, not interruptible))
        except asyncio.CancelledError:
            if not interruptible:  # whoever only looks on may go
                raise
            self._interrupted()
            await self
        return self

    def _interrupted(self) -> None:
        self.dispatch.halt_soon("paused", INTERRUPT)

    def _do(self, act: Callable[..., object], *args: Any, **kwargs: Any) -> Pending:
        """Carry out what a person does to the run; nothing inside a step may."""
        self.dispatch.call(lambda: act(self.run, *args, **kwargs))
        return Pending(self)

    # signals

    def send(self, text: str, *, by: str = "you") -> Pending:
        """Tell the process something; it reads it with its next prompt, and after its end begins a further turn."""
        return self._do(signals.send if self.cold else signals.ask_further, text, person(by))

    def nice(self, value: int, *, by: str = "you") -> Pending:
        """Set its niceness: -20 goes first, 19 lets all others go first, 0 is what it began with."""
        signals.check_niceness(value)
        return self._do(signals.renice, value, person(by))

    def budget(self, more: str, *, by: str | Decider = YOU) -> Pending:
        """Raise the budget, as in ``"+10 steps"``."""
        return self._do(signals.raise_budget, budgets.parse(more, "budget").limits, person(by))

    def pause(self, *, by: str | Decider = YOU) -> Pending:
        """Pause after this step."""
        return Pending(self) if self.state in ("ended", "paused") else self._do(signals.pause, person(by))

    def stop(self, *, by: str | Decider = YOU) -> Pending:
        """Stop now: the unfinished step is taken back and the process paused."""
        if self.state not in ("ended", "paused"):
            self.dispatch.halt("paused", person(by))
        return Pending(self)

    def kill(self, *, by: str | Decider = YOU) -> Pending:
        """End for good."""
        if self.state != "ended":
            self.dispatch.halt("ended", person(by))
        return Pending(self)

    async def resume(self, model: Any = None) -> Process:
        """Go on after a pause, a crash or a restart; a cold namespace is rebuilt first."""
        await self.session.resume(self, model)
        return await self

    # decisions

    def approve(
        self,
        what: str | int = "all",
        *,
        by: str = "you",
        digest: str = "",
        arguments: dict[str, Any] | None = None,
        without: Sequence[int] = (),
        upto: int = 0,
    ) -> Pending:
        """Approve a call (``"r2.0"``), the call or plan of a step (its number), or all that is asked.

        Parameters
        ----------
        what : str or int
            A call's id, a step's number, ``"plan"`` or ``"all"``.
        by : str
            Who approves.
        digest : str
            What was seen when it was approved; an approval of anything else changes nothing.
        arguments : dict, optional
            Edited arguments; the call passes the policy again.
        without, upto : sequence of int, int
            Of a plan: acts that are not approved, and the last step that is; each after it asks before its first call.
        """
        return self._do(decisions.approve, what, person(by), digest, arguments, tuple(without), upto)

    def approve_rest(self, call: str, *, digest: str = "", by: str = "you") -> Pending:
        """Approve a call, and by a rule the calls to come of the same tool that bear no other kind of risk."""
        return self._do(decisions.approve_by_rule, call, digest, person(by), decisions.rule_for_rest)

    def approve_same(self, call: str, *, digest: str = "", by: str = "you") -> Pending:
        """Approve a call, and by a rule every later one of the same tool with exactly these arguments."""
        return self._do(decisions.approve_by_rule, call, digest, person(by), decisions.rule_for_same)

    def reject(self, what: str | int = "all", why: str = "", *, by: str = "you") -> Pending:
        """Reject a call, the call of a step, or the plan, with a reason for the model."""
        return self._do(decisions.reject, what, why, person(by))

    def skip(self, what: str | int, *, by: str = "you") -> Pending:
        """Skip a step, or a call that is asked for."""
        return self._do(decisions.skip, what, person(by))

    def edit(self, what: str | int, text: str | None = None, *, by: str = "you", **changes: Any) -> Pending:
        """Edit a step (title, expect, code, check, depends_on, acts) or the arguments of a call that is asked for.

        Parameters
        ----------
        what : str or int
            A step's number, or a call's id.
        text : str, optional
            The step's new title, or the call's new code.
        **changes
            Fields of the step; or ``arguments={…}`` / ``code="…"`` of the call.
        """
        if isinstance(what, str) and not what.isdecimal():
            arguments = changes.get("arguments") or {"code": changes.get("code", text)}
            return self._do(decisions.edit_call, what, arguments, person(by))
        if text is not None:
            changes["title"] = text
        if "acts" in changes:
            from llmos_nb.process.gate import acts  # few plans have some

            changes["acts"] = acts.more_of_person(self.run, changes["acts"])
        return self._replan(lambda plan: plan.edit(int(what), **changes), by)

    def add(self, title: str, expect: str = "", after: int | None = None, *, by: str = "you") -> Pending:
        """Add a step at the end, or after step `after`."""
        return self._replan(lambda plan: plan.add(title, expect, after), by)

    def move(self, n: int, to: int, *, by: str = "you") -> Pending:
        """Move a step to position `to`, from 1."""
        return self._replan(lambda plan: plan.move(n, to), by)

    def retry(self, n: int, hint: str = "", *, by: str = "you") -> Pending:
        """Do a step that has ended again, with a hint for the model."""
        return self._replan(lambda plan: plan.retry(int(n), hint), by)

    def _replan(self, change: Callable[[Plan], Plan], by: str) -> Pending:
        return self._do(lambda run: decisions.new_plan(run, change(run.state.plan), person(by)))

    def reply(self, text: str, question: str = "", *, by: str = "you") -> Pending:
        """Answer a question of the process (the oldest, or the one named)."""
        return self._do(decisions.reply, decisions.question_for(self.run, question), text, person(by))

    def resolve(self, call: str, done: bool, *, by: str = "you") -> Pending:
        """Say of a call in doubt whether it was done; if not, it runs again, a tool with the same key."""
        decisions.check_doubt(self.run, call)
        back = not done and decisions.brought_back(self.run, call)
        act = self.dispatch.touch if back else self.dispatch.call
        act(lambda: decisions.resolve(self.run, call, done, person(by)))
        return Pending(self)

    def rule(
        self,
        tool: str,
        do: str,
        *,
        by: str = "you",
        count: int = 0,
        until: str = "",
        only: Mapping[str, Any] | None = None,
        **where: Any,
    ) -> Pending:
        """Allow, ask or deny a tool from now on, in this process, for these arguments.

        Parameters
        ----------
        tool : str
            Exact name, or a glob with ``*``.
        do : {"allow", "ask", "deny"}
            What is to be done.
        by : str
            Who says so.
        count : int
            How often it may let through; 0 for any number.
        until : str
            ISO 8601 time after which it no longer speaks; empty for ever.
        only : mapping, optional
            All arguments that a call may have, each exactly so.
        **where
            Value (or glob) by argument; a call may have others beside.
        """
        terms = {"tool": tool, "do": do, "by": person(by).name, "count": count, "until": until}
        terms |= {"where": only if only is not None else where, "exact": only is not None}
        return self._do(decisions.add_rule, decisions.parsed_rule(self.run, terms, person(by)), person(by))

    def revoke(self, rule: int, *, by: str = "you") -> Pending:
        """Take a rule back, by its place in the list."""
        return self._do(decisions.revoke, rule, decisions.rule_at(self.run, rule), person(by))

    # other processes, the namespace and the record

    def start_child(self, goal: str, **options: Any) -> Process:
        """Start a process within this one's rights and budget; what ends this one ends it."""
        return self.session.start(goal, parent=self, **options)

    def undo(self, to: int | str | None = None) -> Pending:
        """Take back the last step that changed the namespace, or `to` (a step, or a call) and all after it."""
        self.dispatch.touch(lambda: undo_calls(self.run, to))
        return Pending(self)

    def redo(self) -> Pending:
        """Put back what was undone last."""
        self.dispatch.touch(lambda: redo_last(self.run))
        return Pending(self)

    def fork(self, at: int, isolate: bool = False) -> Process:
        """Go on from event `at` as a new process; this one ends as ``forked``, unless the new one is isolated."""
        return self.session.fork(self, at, isolate)

    def export(self, path: str | Path = "", *, run: bool = True, **options: Any) -> Path:
        """Write what survived as a notebook that needs no model; with no path it bears name and pid.

        Unless `run` is False it is run in a fresh interpreter: `ExportDoesNotRun` says which cell raises.
        """
        named = Path(path or f"{self.run.state.name or 'process'}-{self.pid}.ipynb")
        return self.session.export(self, named, run=run, **options)
