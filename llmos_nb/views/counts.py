"""What the panel needs of the events beyond the state.

Where the loop stands, how often each edge was taken, what each answer cost, and which steps took the place of
which. Fed event by event, so that a view costs the same after 10,000.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from llmos_nb.journal import Event, events as ev
from llmos_nb.process.state import CONTROL
from llmos_nb.views.deciders import DECIDES, Deciders
from llmos_nb.views.wording import since

_LIT_BY = {
    "plan": "run.started plan.edited",
    "you": "plan.proposed plan.decided call.decided question.asked call.in_doubt",
    "act": "message.awaited call.started run.resumed heap.restored",
    "observe": "question.answered names.changed call.finished",
    "integrate": "step.integrated",
    "check": "check.finished",
    "": "run.paused run.ended",
}
STAGES = {kind: stage for stage, kinds in _LIT_BY.items() for kind in kinds.split()}
"""The node of the loop that an event lights; an event of another kind leaves it where it was."""


@dataclass
class Counts:
    """Counts on the loop's edges, and facts by answer and step.

    Parameters
    ----------
    edges : Counter
        ``e1`` (plan to you) … ``e9`` (check back to plan), named as in the drawing.
    stage : str
        The lit node, empty for none.
    costs : dict
        What answer `k` of the model cost, ``{"tokens": …, "$": …}``.
    usage, thought : dict
        Of answer `k`, the tokens that its provider counted, and the seconds from the request to it.
    waited : dict of str to float
        By question, a call's or that of an effect of it, the seconds for which it waited for a person.
    failed : set of int
        Steps that once were not as expected.
    found : dict of int to str
        What the expression of a step gave that was not as expected when it was compared last.
    replaced : dict
        A replaced step and the steps that took its place.
    instead : dict
        The other way round.
    asked : int
        Questions to a person.
    tries : int
        Attempts at the model since its last answer.
    trouble : str
        What the last failed attempt said.
    undone : set of str
        Calls that were taken back since the run ended.
    who : Deciders
        Who decided what.
    said : dict of str to list of str
        By the call that had begun last, what people said in mid-run; by the empty text, what came before.
    rows : dict
        By call that has ended, what its row was made of, and the row, to be shown again.
    """

    edges: Counter[str] = field(default_factory=Counter)
    stage: str = ""
    costs: dict[int, dict[str, float]] = field(default_factory=dict)
    usage: dict[int, dict[str, Any]] = field(default_factory=dict)
    thought: dict[int, float] = field(default_factory=dict)
    waited: dict[str, float] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    found: dict[int, str] = field(default_factory=dict)
    replaced: dict[int, list[int]] = field(default_factory=dict)
    instead: dict[int, list[int]] = field(default_factory=dict)
    replans: int = 0
    asked: int = 0
    tries: int = 0
    tried_since: str = ""
    requested_at: str = ""
    trouble: str = ""
    undone: set[str] = field(default_factory=set)
    who: Deciders = field(default_factory=Deciders)
    said: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _asked_at: dict[str, str] = field(default_factory=dict)
    _responses: int = 0
    _settled: dict[str, float] = field(default_factory=dict)
    _after: str = ""
    _known: dict[int, str] = field(default_factory=dict)
    _under_way: set[str] = field(default_factory=set)
    _begun: str = ""
    _over: bool = False
    _open: set[str] = field(default_factory=set)
    _met: bool = True

    @classmethod
    def of(cls, events: Iterable[Event]) -> Counts:
        """Count all of a journal."""
        counts = cls()
        for event in events:
            counts.heard(event)
        return counts

    def heard(self, event: Event) -> None:
        """Take one event in."""
        self.stage = STAGES.get(event.k, self.stage)
        if event.k == ev.NamesChanged.kind:  # each step has one, it is large, and nothing of it is counted
            return
        self._decided(event)
        self._taken_back(event)
        self._closed(event)
        self._told(event)
        match event.body:
            case ev.PlanProposed() | ev.PlanEdited() as b if b.by.kind != "process":
                self._planned(b)
            case ev.BudgetSettled(amounts=amounts):
                self._settled = dict(amounts)
            case ev.ModelRequested():
                self._requested(event.at)
            case ev.ModelResponded() as b:
                self._responded(b)
                self.usage[self._responses] = dict(b.usage or {})
                self.thought[self._responses] = since(self.requested_at, event.at)
            case ev.ModelFailed(error=error):
                self.trouble = str(error)
            case ev.CallStarted(call=call):
                self.edges["e2"] += 1
                self._under_way.add(call)
            case ev.CallFinished(call=call):
                self.edges["e3"] += call in self._under_way  # `final_answer` is taken, not run
                self._under_way.discard(call)
            case ev.StepIntegrated() as b:
                self._integrated(b)
            case ev.CheckFinished() as b:
                self._checked(b)
            case ev.RunEnded(reason="answered"):
                self.stage = "answer"
                self.edges["e5"] += bool(self._after)
                self.edges["e6"] += 1

    def _decided(self, event: Event) -> None:
        if event.k in DECIDES:
            self.who.heard(event)
        match event.body:
            case ev.QuestionAsked() as b:
                self.asked += 1
                self._asked_at[b.question] = event.at
            case ev.EffectDecided(question=key) | ev.CallDecided(call=key) if key in self._asked_at:
                self.waited[key] = self.waited.get(key, 0.0) + since(self._asked_at.pop(key), event.at)

    def _taken_back(self, event: Event) -> None:
        match event.body:
            case ev.RunEnded():
                self.undone.clear()
            case ev.CallUndone(call=call):
                self.undone.add(call)
            case ev.CallRedone(call=call):
                self.undone.discard(call)

    def _told(self, event: Event) -> None:
        """Note what is said in mid-run; what is said after the end is the question of the next turn."""
        match event.body:
            case ev.RunEnded():
                self._over = True
            case ev.RunResumed():
                self._over = False
            case ev.CallStarted(call=call):
                self._begun = call
            case ev.SignalReceived(signal="steer", by=by, text=str(text)) if not self._over:
                self.said.setdefault(self._begun, []).append(f"{by.describe()} said: {text.strip()}")

    def shown(self) -> dict[str, str]:
        """Return the counts as the loop's labels; an edge not taken is not named."""
        return {edge: str(n) for edge, n in sorted(self.edges.items()) if n}

    def _planned(self, b: ev.PlanProposed | ev.PlanEdited) -> None:
        steps = {raw["n"]: raw.get("status", "pending") for raw in b.steps}
        fresh = [n for n in steps if n not in self._known]
        gone = [n for n, status in steps.items() if status == "replaced" and self._known.get(n) != "replaced"]
        if isinstance(b, ev.PlanProposed) or b.by == ev.MODEL:
            self.edges["e1"] += 1
        if isinstance(b, ev.PlanEdited) and b.by == ev.MODEL:
            self.stage, self._after = "plan", ""
            self.replans += 1
            self.edges["e8"] += 1
            self.replaced.update(dict.fromkeys(gone, fresh))
            self.instead.update(dict.fromkeys(fresh, gone))
        self._known = steps

    def _requested(self, at: str) -> None:
        self.requested_at = at
        self.tries += 1
        self.tried_since = self.tried_since or at
        self.stage = "act" if (self._known or self._responses) and self._after != "failed" else "plan"

    def _responded(self, b: ev.ModelResponded) -> None:
        self._responses += 1
        self.costs[self._responses], self._settled = dict(b.settled or self._settled), {}
        self.tries, self.tried_since, self.trouble = 0, "", ""
        acts = {f"r{self._responses}.{i}" for i, c in enumerate(b.calls) if c["name"] not in CONTROL}
        self._open, self._met = acts, True
        self.stage = "you" if acts else "plan" if b.calls else "check"
        if acts and self._after:
            self.edges["e7"] += 1
            self._after = ""

    def _closed(self, event: Event) -> None:
        """Count the results of a turn as taken in when its last call has ended."""
        match event.body:
            case ev.CallFinished(call=call, ok=ok):
                pass
            case ev.CallDecided(call=call, what="reject" | "skip"):
                ok = False
            case ev.CallResolved(call=call, done=True, lost=lost):
                ok = not lost
            case ev.QuestionAnswered(question=call):
                ok = True
            case _:
                return
        if call in self._open:
            self._open.remove(call)
            self._met = self._met and ok
            if not self._open:
                self.stage, self._after = "integrate", "met" if self._met else "failed"
                self.edges["e4"] += 1

    def _integrated(self, b: ev.StepIntegrated) -> None:
        self._after = "met" if b.met else "failed"
        if b.step:
            (self.failed.discard if b.met else self.failed.add)(b.step)
            self.found[b.step] = b.found
            self._known[b.step] = "done" if b.met else "failed"

    def _checked(self, b: ev.CheckFinished) -> None:
        self.edges["e5"] += bool(self._after)
        self.edges["e9"] += not b.held
        self._after = "" if b.held else "failed"
