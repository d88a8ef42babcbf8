"""What people say to a process: approve, edit, reject, skip, retry, reply, send, pause, stop, kill.

Each returns at once, works from any thread, may be awaited, and is an event in the journal; `drive` does the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from llmos_nb.errors import UsageError
from llmos_nb.journal import who
from llmos_nb.journal.events import (
    CallDecided,
    CallResolved,
    PlanEdited,
    PolicyChanged,
    QuestionAnswered,
    QuestionDue,
    SignalReceived,
)
from llmos_nb.policy import approval, parse_rule, until_words
from llmos_nb.policy import budget as budgets
from llmos_nb.process import Run
from llmos_nb.process.gate import decide_plan
from llmos_nb.process.scheduling import LEAST_NICE, NICEST
from llmos_nb.process.state import Plan

if TYPE_CHECKING:
    from llmos_nb.session.process import Process


class Pending:
    """What a verb gives back: it has been done; await it to wait until the process has settled.

    Awaiting gives the process.
    """

    def __init__(self, process: Signals) -> None:
        self.process = process

    def __await__(self) -> Generator[Any, None, Process]:
        return self.process._until_settled().__await__()


class Signals(ABC):
    """The signals; `Process` says how an act reaches its thread."""

    run: Run

    @property
    @abstractmethod
    def state(self) -> str:
        """``running``, ``waiting``, ``paused`` or ``ended``."""

    @property
    def pid(self) -> int:
        """Number, unique in its home."""
        return self.run.state.pid

    @property
    def parent(self) -> int | None:
        """The pid of the process that started it, or that it was forked from."""
        return self.run.state.parent["pid"] if self.run.state.parent else None

    @property
    def waits_for(self) -> str:
        """What it waits for, in words; an empty text where it waits for nothing."""
        s = self.run.state
        if self.state == "waiting":
            return ", ".join(_wanted(q) for q in (*s.questions.values(), *s.awaited.values()))
        if s.status != "running":
            return s.why
        return ", ".join(str(wait) for wait in self.run.waits.values())

    @property
    def uses(self) -> str:
        """What it uses at this moment: its model, or the tools of the calls that run."""
        s = self.run.state
        if s.settled:
            return ""
        running = [c.name for c in s.open_calls if c.status == "running"]
        return ", ".join([f"the model {self.run.model.traits.name}"] if s.request else running)

    @abstractmethod
    def _do(self, act: Callable[[], object]) -> Pending:
        """Carry an act out on the process's own thread."""

    @abstractmethod
    def _halt(self, how: str, by: str) -> Pending:
        """End what is under way now."""

    @abstractmethod
    async def _until_settled(self) -> Process:
        """Wait until it ended, paused, or waits for somebody."""

    def start_child(self: Process, goal: str, **options: Any) -> Process:  # type: ignore[misc]  # it is one
        """Start a process within this one's rights and budget; what ends this one ends it."""
        return self.session.start(goal, parent=self, **options)

    def send(self, text: str, *, by: str = "you") -> Pending:
        """Tell the process something; it reads it with its next prompt."""
        return self._do(lambda: self.run.append(SignalReceived(signal="steer", by=by, text=text)))

    def nice(self, value: int, *, by: str = "you") -> Pending:
        """Set its niceness: -20 goes first, 19 lets all others go first, 0 is what it began with."""
        if isinstance(value, bool) or not isinstance(value, int) or not LEAST_NICE <= value <= NICEST:
            raise UsageError(f"nice {value!r}: must be a whole number from {LEAST_NICE} to {NICEST}")

        def act() -> None:
            self.run.append(SignalReceived(signal="nice", by=by, value=value))
            for wait in self.run.waits.values():
                if wait.resource is not None:
                    wait.resource.renice(self.run)

        return self._do(act)

    def pause(self, *, by: str = "you") -> Pending:
        """Pause after this step."""
        if self.state in ("ended", "paused"):
            return Pending(self)
        return self._do(lambda: self.run.append(SignalReceived(signal="pause", by=by)))

    def stop(self, *, by: str = "you") -> Pending:
        """Stop now: the unfinished step is taken back and the process paused."""
        return self._halt("paused", by)

    def kill(self, *, by: str = "you") -> Pending:
        """End for good."""
        return self._halt("ended", by)


def _wanted(question: Mapping[str, Any]) -> str:
    until = until_words(question).partition(",")[0]
    return str(question.get("title") or question["kind"]) + (f" {until}" if until else "")


class Verbs(Signals):
    """What people may do with a process; `Process` says how an act reaches its thread."""

    @property
    def plan(self) -> Plan:
        """The plan as it stands."""
        return self.run.state.plan

    # decisions

    def approve(
        self,
        what: str | int = "all",
        *,
        by: str = "you",
        digest: str = "",
        arguments: dict[str, Any] | None = None,
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
        """

        def act() -> None:
            for key in self._asked(what):
                self._approve(key, by, digest, arguments)

        return self._do(act)

    def _approve(self, key: str, by: str, digest: str, arguments: dict[str, Any] | None) -> None:
        s, by = self.run.state, self._named(by)
        why = s.refuses(by, key)
        if approval.late(s.questions.get(key, {})):
            why = "its deadline has passed"
            self.run.append(QuestionDue(question=key))
        if why:
            self._stale(key, by, digest, why)
        elif key.startswith("plan:"):
            decide_plan(self.run, "approve", by)
        elif key.startswith("step:"):
            self.run.append(SignalReceived(signal="approve_step", by=by, step=int(key[5:])))
        elif digest and digest != s.calls[key].digest:
            self._stale(key, by, digest, "it is not what was seen any more")
        elif arguments is not None:
            self._edit_call(key, arguments, by)
        else:
            asked = self.run.state.calls[key].digest
            self.run.append(CallDecided(call=key, digest=asked, what="approve", by=by, why=""))

    def _stale(self, key: str, by: str, digest: str, why: str) -> None:
        """Put an approval that does not count on the record."""
        told = SignalReceived(signal="stale_approval", by=by, call=key, why=why, digest=digest or None)
        self.run.append(told)

    def _named(self, by: str) -> str:
        """Return whoever is at this machine their name, where it matters who approves."""
        s = self.run.state
        return who() if by == "you" and (s.requester or s.approval) else by

    def _asked(self, what: str | int) -> list[str]:
        """Return the open questions that `what` names."""
        s = self.run.state
        open_ = [k for k, q in s.questions.items() if q["kind"] in ("approval", "plan")]
        if what == "all":
            return open_
        if what == "plan":
            return [k for k in open_ if k.startswith("plan:")]
        if isinstance(what, int) or str(what).isdecimal():
            step = s.plan.step(int(what))
            calls = [k for k in open_ if k in s.calls and s.calls[k].step == step.n]
            return calls or ([f"step:{step.n}"] if step.status == "pending" else [])
        if what not in s.calls:
            raise UsageError(f"call {what!r}: no such call (asked: {', '.join(open_) or 'nothing'})")
        if what not in open_:
            self._stale(str(what), "you", "", "nothing is asked of it now")
        return [str(what)] if what in open_ else []

    def reject(self, what: str | int = "all", why: str = "", *, by: str = "you") -> Pending:
        """Reject a call, the call of a step, or the plan, with a reason for the model."""

        def act() -> None:
            for key in self._asked(what):
                self._refuse(key, "reject", why, by)

        return self._do(act)

    def _refuse(self, key: str, what: Literal["reject", "skip"], why: str, by: str) -> None:
        if key.startswith("plan:"):
            decide_plan(self.run, "reject", by, why)
        elif key.startswith("step:"):
            plan = self.run.state.plan.put(int(key[5:]), status="rejected")
            self._new_plan(Plan(plan.steps, plan.version + 1), by)
        else:
            self.run.append(CallDecided(call=key, digest="", what=what, by=by, why=why))

    def skip(self, what: str | int, *, by: str = "you") -> Pending:
        """Skip a step, or a call that is asked for."""

        def act() -> None:
            asked = (
                [k for k in self._asked(what) if not k.startswith("step:")] if not isinstance(what, int) else []
            )
            calls = (
                [c for c in self.run.state.open_calls if c.status in ("asked", "waits") and c.step == what]
                if not asked
                else []
            )
            for key in asked or [c.id for c in calls]:
                self._refuse(key, "skip", "", by)
            if not asked and not calls:
                self._new_plan(self.plan.skip(int(what)), by)

        return self._do(act)

    def edit(self, what: str | int, text: str | None = None, *, by: str = "you", **changes: Any) -> Pending:
        """Edit a step (title, expect, code, check, depends_on) or the arguments of a call that is asked for.

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
            return self._do(lambda: self._edit_call(what, arguments, by))
        if text is not None:
            changes["title"] = text
        return self._do(lambda: self._new_plan(self.plan.edit(int(what), **changes), by))

    def _edit_call(self, key: str, arguments: dict[str, Any], by: str) -> None:
        call = self.run.state.calls.get(key)
        if call is None or call.status not in ("asked", "approved"):
            raise UsageError(f"call {key!r}: only a call that waits can be edited")
        self.run.append(CallDecided(call=key, digest="", what="edit", by=by, why="", arguments=arguments))

    def _new_plan(self, plan: Plan, by: str) -> None:
        self.run.append(PlanEdited(version=plan.version, steps=plan.plain(), by=by))

    def add(self, title: str, expect: str = "", after: int | None = None, *, by: str = "you") -> Pending:
        """Add a step at the end, or after step `after`."""
        return self._do(lambda: self._new_plan(self.plan.add(title, expect, after), by))

    def move(self, n: int, to: int, *, by: str = "you") -> Pending:
        """Move a step to position `to`, from 1."""
        return self._do(lambda: self._new_plan(self.plan.move(n, to), by))

    def retry(self, n: int, hint: str = "", *, by: str = "you") -> Pending:
        """Do a step that has ended again, with a hint for the model."""
        return self._do(lambda: self._new_plan(self.plan.retry(int(n), hint), by))

    def reply(self, text: str, question: str = "", *, by: str = "you") -> Pending:
        """Answer a question of the process (the oldest, or the one named)."""
        open_ = [k for k, q in self.run.state.questions.items() if q["kind"] == "question"]
        if (question and question not in open_) or not open_:
            raise UsageError(f"process {self.pid} asks nothing that a reply could answer")
        key = question or open_[0]
        return self._do(lambda: self.run.append(QuestionAnswered(question=key, text=text, by=by)))

    def resolve(self, call: str, done: bool, *, by: str = "you") -> Pending:
        """Say of a call in doubt whether it was done; if not, it runs again with the same key."""
        if call not in self.run.state.calls or self.run.state.calls[call].status != "in_doubt":
            raise UsageError(f"call {call!r} is not in doubt")
        return self._do(lambda: self.run.append(CallResolved(call=call, done=done, by=by)))

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
        if do == "allow" and (refused := self.run.state.refuses(self._named(by))):
            raise UsageError(f"process {self.pid}: {refused}")
        told = {"where": only if only is not None else where, "exact": only is not None}
        rule = parse_rule(
            {"tool": tool, "do": do, "by": by, "count": count, "until": until, **told}, do
        ).plain()
        return self._do(lambda: self.run.append(PolicyChanged(rule=rule, by=by)))

    def revoke(self, rule: int, *, by: str = "you") -> Pending:
        """Take a rule back, by its place in the list."""
        rules = self.run.state.rules
        if not 0 <= rule < len(rules):
            raise UsageError(f"rule {rule}: there are {len(rules)} rules")
        taken = rules[rule].plain()
        return self._do(lambda: self.run.append(PolicyChanged(rule=taken, by=by, revoke=rule)))

    def budget(self, more: str, *, by: str = "you") -> Pending:
        """Raise the budget, as in ``"+10 steps"``."""
        amounts = budgets.parse(more, "budget").limits
        return self._do(lambda: self.run.append(SignalReceived(signal="budget", by=by, amounts=amounts)))
