"""Where a call's code came from: who proposed, edited, approved it and when, from the deciding events alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import LOOKING
from llmos_nb.journal import Event, events as ev
from llmos_nb.process.state import CONTROL
from llmos_nb.tools import Call

_CHECKS = {
    "schema": "its arguments did not fit the tool",
    "repeat": "it was the same call again",
    "budget": "the budget was used up",
    "tools": "there is no such tool",
    "deadline": "nobody answered in time",
    "conflict": "somebody else had changed what it writes",
    "tests": "tests of it failed",
}


def when(at: str) -> str:
    """Return an ISO 8601 time as people read it, to the second, in UTC."""
    return f"{at[:10]} {at[11:19]} UTC" if len(at) >= 19 else at


def why(call: Call, run: ExportSource) -> str:
    """Return what the model said when it proposed a call; empty where it said nothing."""
    found = (e.body for e in run.about(f"event {call.facts.get('n')}"))
    return next((b.text.strip() for b in found if isinstance(b, ev.ModelResponded)), "")


def _about(call: Call, run: ExportSource) -> list[Event]:
    """Return the events that say how a call came about, in order."""
    found = run.about("plan", f"step {call.step}", call.id, f"event {call.facts.get('n')}")
    return sorted(found, key=lambda e: e.n)


@dataclass(frozen=True)
class Grant:
    """What let a call run.

    Parameters
    ----------
    by : Decider
        What the event that let it run says; nobody for none.
    who : Decider
        Who stands behind it: of a plan, or of a step approved before it began, whoever approved that.
    at : str
        When.
    why : str
        The reason given.
    """

    by: ev.Decider
    who: ev.Decider
    at: str
    why: str


def grant(call: Call, run: ExportSource) -> Grant:
    """Return what let a call run; without the events, its last decision is all that is known."""
    found = Grant(call.by, call.by, call.started, call.why)
    plan = step = ev.NO_ONE
    asked = False
    for event in _about(call, run):
        match event.body:
            case ev.PlanDecided(what="approve") as b:
                plan = b.by
            case ev.SignalReceived(signal="approve_step") as b:
                step = b.by
            case ev.QuestionAsked():
                asked = True
            case ev.CallDecided(what="edit"):
                asked = False  # it is judged again
            case ev.CallDecided(what="approve") as b:
                behind = plan if b.by.kind == "plan" else step if b.by.is_person and not asked else ev.NO_ONE
                found = Grant(b.by, behind or b.by, event.at, b.why)
    return found


def decided(b: ev.PlanDecided) -> str:
    """Return what became of a version of a plan, and by whom."""
    done = "approved" if b.what == "approve" else "rejected"
    done = "let through" if done == "approved" and not b.by.looked else done
    return f"{done} by {b.by.describe('the user')}{f': {b.why}' if b.why else ''}"


_PLAIN = 2  # phrases: who proposed it, and what let it through
NEEDLESS = "no decision was needed"


class Phrase(NamedTuple):
    """One thing that was decided of a call, when, and the reason that was given."""

    what: str
    at: str = ""
    why: str = ""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.what, self.at))) + self.why


def story(call: Call, run: ExportSource, planned: bool = False) -> list[Phrase]:
    """Return what was decided of a call, in order, a phrase each.

    Parameters
    ----------
    call : Call
        The call.
    run : ExportSource
        Its process, with all its events; without them the call's last decision is all that is known.
    planned : bool
        Who decided on the plan is said elsewhere.
    """
    if not run.events:
        return [Phrase(_granted(call.by, call.why) if call.by else NEEDLESS)]
    return list(_phrases(call, run, planned))


def usual(run: ExportSource) -> tuple[tuple[str, ...], bool]:
    """Return what was decided of most calls of a process that stand, without the times, and whether it is of all.

    That is a proposal and what let it through: what else was decided stands at its step.
    """
    acting = _acting(run)
    told = Counter(decided_of(story(call, run, planned=True)) for call in acting)
    most, n = next(iter(told.most_common(1)), ((), 0))
    return (most if 2 * n > len(acting) and len(most) <= _PLAIN else (), n == len(acting))


def _acting(run: ExportSource) -> list[Call]:
    return [call for call in run.state.surviving if call.name not in (*CONTROL, *LOOKING)]


def unseen(run: ExportSource) -> bool:
    """Return whether the mode alone let each step that stands run, as the model had proposed it."""
    return all(grant(call, run).who.kind == "mode" and not call.proposed for call in _acting(run))


def planned(run: ExportSource) -> bool:
    """Return whether a person approved the plan."""
    return any(isinstance(e.body, ev.PlanDecided) and e.body.by.looked for e in run.about("plan"))


def failed_before(run: ExportSource) -> dict[str, list[Call]]:
    """Return by call that stands the calls that failed since the one before it."""
    stand = {call.id for call in _acting(run)}
    found, failed = dict[str, list[Call]](), list[Call]()
    for call in run.state.calls.values():
        if call.id in stand:
            found[call.id], failed = failed, []
        elif call.status == "failed" and call.name not in (*CONTROL, *LOOKING):
            failed.append(call)
    return found


def decided_of(phrases: Iterable[Phrase]) -> tuple[str, ...]:
    """Return what phrases say, without the times."""
    return tuple(f"{p.what}{p.why}" for p in phrases)


def _phrases(call: Call, run: ExportSource, planned: bool) -> Iterator[Phrase]:
    plan: tuple[ev.PlanDecided, str] | None = None
    step: tuple[ev.SignalReceived, str] | None = None
    decided = asked = False
    for event in _about(call, run):
        at = when(event.at)
        match event.body:
            case ev.ModelResponded():
                yield Phrase("proposed by the model", at)
            case ev.PlanDecided(what="approve") as b:
                plan = b, at
            case ev.SignalReceived(signal="approve_step") as b:
                step = b, at
            case ev.QuestionAsked():
                asked = True
            case ev.CallDecided() as b:
                decided = decided or b.what == "approve"
                yield from _decision(b, at, plan, None if asked else step, planned)
                asked = asked and b.what != "edit"  # an edited call is judged again
            case ev.CallResolved() as b:
                done = "its effects confirmed" if b.lost else "confirmed as done"
                yield Phrase(f"{done if b.done else 'run again'} by {b.by.describe('the user')}", at)
            case ev.CallUndone():
                yield Phrase("undone", at)
            case ev.CallRedone():
                yield Phrase("redone", at)
    if not decided and call.status == "done":
        yield Phrase(NEEDLESS)


def _decision(
    b: ev.CallDecided,
    at: str,
    plan: tuple[ev.PlanDecided, str] | None,
    step: tuple[ev.SignalReceived, str] | None,
    planned: bool,
) -> Iterator[Phrase]:
    """Say what one event decided."""
    reason = f": {b.why}" if b.why else ""
    if b.what == "edit":
        yield Phrase(f"edited by {b.by.describe('the user')}", at, reason)
    elif b.what in ("reject", "skip"):
        done = "rejected" if b.what == "reject" else "skipped"
        who = "a check" if b.by.kind == "check" else b.by.describe("the user")
        yield Phrase(f"{done} by {who}", at, f": {b.why or _CHECKS.get(b.by.name, 'no reason was given')}")
    elif b.by.kind == "plan" and plan is not None:
        who = "" if planned else f", {decided(plan[0])}"
        yield Phrase(f"inside version {plan[0].version} of the plan{who}", "" if planned else plan[1], reason)
    elif b.by.is_person and step is not None:  # nobody was asked: the step was approved before it began
        yield Phrase(f"approved with its step by {step[0].by.describe('the user')}", step[1], reason)
    else:
        yield Phrase(_granted(b.by, ""), at, reason)
        if b.by.kind == "mode" and plan is not None and plan[0].by.looked and not planned:
            who = plan[0].by.describe("the user")
            yield Phrase(f"version {plan[0].version} of the plan was approved by {who}", plan[1])


def _granted(by: ev.Decider, reason: str) -> str:
    """Say who let a call through."""
    told = f": {reason}" if reason else ""
    if by.kind == "plan":
        return f"inside the plan that was approved{told}"
    how = "approved by" if by.looked else "covered by" if by.kind == "commitment" else "let through by"
    return f"{how} {by.describe('the user')}{told}"
