"""`decide(state) -> [Command]`: all that can be done now. Pure; `driver.drive` carries it out.

Clock, policy, human answers and results reach it only as events in the state.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmos_nb.journal.events import FURTHER, REBUILD, Reason
from llmos_nb.process.state.state import State
from llmos_nb.tools import Call


class Command:
    """What can be done now: the base of all commands."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Connect(Command):
    """Find the tools of the servers that the process may use."""

    patterns: str


@dataclass(frozen=True, slots=True)
class Propose(Command):
    """Read the plan that call `call` proposes."""

    call: str


@dataclass(frozen=True, slots=True)
class JudgePlan(Command):
    """Ask the policy about plan `version`."""

    version: int


@dataclass(frozen=True, slots=True)
class Judge(Command):
    """Pass call `call` through the gate: tool, schema, repeats, policy."""

    call: str


@dataclass(frozen=True, slots=True)
class Start(Command):
    """Run an approved call."""

    call: str


@dataclass(frozen=True, slots=True)
class RunAgain(Command):
    """Run calls again that acted outside, to have their variables, as a person said."""

    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakenBack(Command):
    """Record what compensation `call` took back."""

    call: str


@dataclass(frozen=True, slots=True)
class Overdue(Command):
    """Pass on, or reject, question `question`, which nobody answered in time."""

    question: str


@dataclass(frozen=True, slots=True)
class Finish(Command):
    """Take a `final_answer` call as the answer."""

    call: str


@dataclass(frozen=True, slots=True)
class Integrate(Command):
    """Compare what step `step` showed with what it expected."""

    step: int
    response: int


@dataclass(frozen=True, slots=True)
class Evict(Command):
    """Page the oldest messages out."""

    page: int


@dataclass(frozen=True, slots=True)
class Ask(Command):
    """Ask the model, after `delay_s` seconds."""

    request: int
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Check(Command):
    """Check the answer that the model gave."""

    name: str
    response: int


@dataclass(frozen=True, slots=True)
class Compute(Command):
    """Evaluate the expressions of the answer that the model gave."""

    response: int


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """Pause, as somebody asked."""

    why: str


@dataclass(frozen=True, slots=True)
class End(Command):
    """End for the reason given."""

    reason: Reason
    detail: str = ""


def decide(s: State) -> list[Command]:
    """Return every command that can run now; an empty list means that something is awaited."""
    back = _overdue(s) + _undoing(s) if s.questions or s.undoing else []
    if s.settled or (s.servers and not s.connected):
        return back if s.settled else [Connect(s.servers)]
    if s.again or REBUILD in s.questions:
        return back or ([RunAgain(tuple(s.again))] if s.again else [])
    return back or _forward(s)


def _overdue(s: State) -> list[Command]:
    """What has not been answered in time."""
    due = [k for k, q in s.questions.items() if q.get("due") and (k in s.undoing or not s.settled)]
    return [*map(Overdue, due)]


def _undoing(s: State) -> list[Command]:
    """What compensations need, also once the process has ended: all are judged, one after the other runs."""
    calls = [s.calls[i] for i in s.undoing]
    found: list[Command] = [Judge(c.id) for c in calls if c.status == "proposed"]
    found += [TakenBack(c.id) for c in calls if c.status == "done"]
    started = next((c for c in calls if c.status in ("approved", "running")), None)
    return [*found, Start(started.id)] if started is not None and started.status == "approved" else found


def _forward(s: State) -> list[Command]:
    """What the run itself needs."""
    calls = s.open_calls
    if s.ending and not any(c.status == "running" for c in calls):
        return [End(*s.ending)]
    if calls:
        return _calls(s, calls)
    if s.request or s.plan_status == "asked":
        return []
    if s.plan_status == "proposed":
        return [JudgePlan(s.plan.version)]
    return _next(s)


def _calls(s: State, calls: list[Call]) -> list[Command]:
    """What the open calls of the turn need."""
    plan = next((c for c in calls if c.name == "plan" and c.status == "proposed"), None)
    if plan is not None and s.plan_call != plan.id:
        return [Propose(plan.id)]
    if s.plan_status == "proposed":
        return [JudgePlan(s.plan.version)]
    if s.plan_status == "asked":
        return []
    if s.pause_wanted and not any(c.status == "running" for c in calls):
        return [Pause("you paused it")]
    return _in_order(s, calls)


def _in_order(s: State, calls: list[Call]) -> list[Command]:
    """Judge and start calls in the order given; side by side run only independent reads.

    A call that waits for a person holds those behind it: they are judged, so that all questions can be answered
    together, and run when it is their turn; one that uses what is still to be made cannot be judged before, nor one
    whose card shows what those before it do.
    """
    found: list[Command | None] = []
    held = False
    for place, call in enumerate(calls):
        beside = call.name in s.reads
        if call.status == "proposed":  # what follows is looked at once this is decided
            last = call.name == "final_answer" or call.name in s.in_turn
            waits = place > 0 if last else held and _uses_what_comes(s, call)
            found += [] if waits else [_call(s, call)]
            break
        if call.status == "asked":
            held = True
        elif call.status == "approved" and not held and (beside or place == 0):
            found.append(_call(s, call))
            if not beside:
                break
        elif not (call.status == "approved" and held) and not (call.status == "running" and beside):
            break
    return [command for command in found if command is not None]


def _uses_what_comes(s: State, call: Call) -> bool:
    """Return whether a call names a variable that one of which a person is asked would write."""
    names = {str(name) for question in s.questions.values() for name in question.get("writes", ())}
    given = call.arguments.values() if isinstance(call.arguments, dict) else ()
    return bool(names) and not names.isdisjoint(w for text in given for w in re.findall(r"\w+", str(text)))


def _call(s: State, call: Call) -> Command | None:
    if call.status == "proposed":
        return Finish(call.id) if call.name == "final_answer" else Judge(call.id)
    if call.status == "approved" and not s.ending:
        return Start(call.id)
    return None


def _next(s: State) -> list[Command]:
    """What follows when no call is open."""
    if s.todo == "integrate":
        return [Integrate(next(iter(s.unread), 0), s.responses)]
    if s.pause_wanted:
        return [Pause("you paused it")]
    if "input" in s.awaited:
        return []
    if s.todo == "answer":
        return [_answer(s)]
    return [_ask(s)] if s.todo == "ask" else []


def _ask(s: State) -> Command:
    """Ask the model, unless a bound, a full context or the wish for a plan alone stands before it."""
    over = s.budget.over(s.committed)
    if over:
        return End("budget", over)
    if s.shrink or s.context.overfull:
        return Evict(len(s.context.pages) + 1)
    if s.planning == "only" and s.plan_status == "approved":
        return Pause("the plan is ready; resume to carry it out")
    return Ask(s.requests + 1, s.retry_in_s)


def _answer(s: State) -> Command:
    """Compute what the candidate says as expressions, then check it; when all checks hold, it is the answer."""
    if s.computed is None and "{{" in s.candidate:
        return Compute(s.responses)
    wanted = [name for name, on in (("outputs", s.outputs), ("check", s.check)) if on]
    left = next((name for name in wanted if name not in s.checks), None)
    return End("answered") if left is None else Check(left, s.responses)


def resumes(s: State) -> bool:
    """Return whether an ended process goes on without a word: it ended from outside, or the model is to be asked."""
    return s.reason in ("budget", "failed") or (s.reason in FURTHER and s.todo == "ask")
