"""Who proposed, edited, approved and rejected what: by the events that decide, and by nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from llmos_nb.journal import Event, events as ev
from llmos_nb.journal.events import DEADLINE, NO_ONE, Decider

_DID = {"approve": "approved", "reject": "rejected", "skip": "skipped"}
DECIDES = ("call.decided", "question.asked", "plan.proposed", "plan.edited", "plan.decided")
Decision = tuple[str, Decider, str]  # what, by whom, why


def looked(by: Decider) -> str:
    """Say who decided, where it was somebody who has looked, or the deadline in their place; else nothing."""
    return by.describe() if by.looked or by == DEADLINE else ""


@dataclass
class Deciders:
    """What people decided, fed event by event.

    Parameters
    ----------
    edited : dict of str to Decider
        By call, who edited it last.
    decided : dict of str to tuple
        By call, the decision that stands: what, by whom and why; none while it is asked about.
    at : dict of str to str
        By call, when it was decided on.
    steps : dict of int to tuple
        By step of the plan, who rejected or skipped it, and why.
    added, changed : dict of int to Decider
        By step, the person who added it to a plan, or edited it.
    proposed, plan, plan_edited : Decider
        Who proposed the plan that stands, who approved it, and who edited it since it was proposed.
    """

    edited: dict[str, Decider] = field(default_factory=dict)
    decided: dict[str, Decision] = field(default_factory=dict)
    at: dict[str, str] = field(default_factory=dict)
    steps: dict[int, Decision] = field(default_factory=dict)
    added: dict[int, Decider] = field(default_factory=dict)
    changed: dict[int, Decider] = field(default_factory=dict)
    proposed: Decider = NO_ONE
    plan: Decider = NO_ONE
    plan_edited: Decider = NO_ONE
    _known: dict[int, ev.StepData] = field(default_factory=dict)

    def heard(self, event: Event) -> None:
        """Take one event in."""
        match event.body:
            case ev.CallDecided(what="edit") as b:
                self.edited[b.call] = b.by
                self.decided.pop(b.call, None)
            case ev.CallDecided() as b:
                self.decided[b.call], self.at[b.call] = (b.what, b.by, b.why), event.at
            case ev.QuestionAsked() as b:
                self.decided.pop(b.question, None)
            case ev.PlanProposed() | ev.PlanEdited() as b if b.by.kind != "process":
                self._planned(b)
            case ev.PlanDecided() as b:
                self.plan = b.by if b.what == "approve" else NO_ONE

    def _planned(self, b: ev.PlanProposed | ev.PlanEdited) -> None:
        anew = bool(b.call) or isinstance(b, ev.PlanProposed)
        if anew:
            self.proposed, self.plan, self.plan_edited = b.by, NO_ONE, NO_ONE
        elif b.by.looked:
            self.plan_edited = b.by
        for raw in b.steps:
            self._step(raw, b.by, anew)
        self._known = {raw["n"]: raw for raw in b.steps}

    def _step(self, raw: ev.StepData, by: Decider, anew: bool) -> None:
        n, before, status = raw["n"], self._known.get(raw["n"]), raw.get("status", "pending")
        if status not in ("rejected", "skipped"):
            self.steps.pop(n, None)
        elif before is not None and before.get("status", "pending") != status:
            self.steps[n] = ("reject" if status == "rejected" else "skip", by, raw.get("why", ""))
        if before is None and not anew and by.looked:
            self.added[n] = by
        elif before is not None and any(before.get(k) != raw.get(k) for k in _WORDS) and by.looked:
            self.changed[n] = by

    def of_call(self, call: str) -> str:
        """Say what people did to a call: ``edited and approved by you``; nothing where nobody did anything."""
        what, by, why = self.decided.get(call, ("", NO_ONE, ""))
        done = [("edited", looked(self.edited.get(call, NO_ONE)), ""), (_DID.get(what, ""), looked(by), "")]
        if what == "reject":
            done[1] = (*done[1][:2], why)
        return _said(done)

    def when(self, call: str) -> str:
        """Say what people did to a call, and when that was decided."""
        said, at = self.of_call(call), self.at.get(call, "")
        return f"{said} at {at[11:19]} UTC" if said and at else said

    def of_step(self, n: int) -> str:
        """Say what people did to a step of the plan."""
        what, by, why = self.steps.get(n, ("", NO_ONE, ""))
        added, changed = looked(self.added.get(n, NO_ONE)), looked(self.changed.get(n, NO_ONE))
        first = ("added", added) if added else ("edited", changed)
        return _said([(*first, ""), (_DID.get(what, ""), looked(by), why)])


_WORDS = ("title", "expect", "code", "check", "depends_on")


def _said(done: Sequence[tuple[str, str, str]]) -> str:
    """Join what was done and by whom, and say nobody twice."""
    found = [(did, by, why) for did, by, why in done if did and by]
    if len(found) > 1 and found[0][1] == found[1][1]:
        found = [(f"{found[0][0]} and {found[1][0]}", *found[1][1:])]
    return ", ".join(f"{did} by {by}" + (f": {why}" if why else "") for did, by, why in found)
