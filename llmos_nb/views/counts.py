"""What the panel needs of the events beyond the state.

Where the loop stands, how often each edge was taken, what each answer cost, and which steps took the place of
which. Fed event by event, so that a view costs the same after 10,000.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from llmos_nb.journal import Event
from llmos_nb.journal.events import (
    BudgetSettled,
    CallDecided,
    CallFinished,
    CallStarted,
    CheckFinished,
    ModelFailed,
    ModelRequested,
    ModelResponded,
    PlanDecided,
    PlanEdited,
    PlanProposed,
    QuestionAsked,
    RunEnded,
    StepIntegrated,
)
from llmos_nb.process.state import CONTROL

STAGES = {
    "run.started": "plan",
    "plan.proposed": "you",
    "plan.edited": "plan",
    "plan.decided": "you",
    "call.decided": "you",
    "question.asked": "you",
    "message.awaited": "act",
    "question.answered": "observe",
    "call.started": "act",
    "call.in_doubt": "you",
    "names.changed": "observe",
    "call.finished": "observe",
    "step.integrated": "integrate",
    "check.finished": "check",
    "run.paused": "",
    "run.resumed": "act",
    "heap.restored": "act",
    "run.ended": "",
}
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
    failed : set of int
        Steps that once were not as expected.
    replaced : dict
        A replaced step and the steps that took its place.
    instead : dict
        The other way round.
    asked, decided : int
        Questions to a person, and what persons decided.
    tries : int
        Attempts at the model since its last answer.
    trouble : str
        What the last failed attempt said.
    missing : list of str
        What the last check found in no observation.
    """

    edges: Counter[str] = field(default_factory=Counter)
    stage: str = ""
    costs: dict[int, dict[str, float]] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    replaced: dict[int, list[int]] = field(default_factory=dict)
    instead: dict[int, list[int]] = field(default_factory=dict)
    replans: int = 0
    asked: int = 0
    decided: int = 0
    tries: int = 0
    tried_since: str = ""
    requested_at: str = ""
    prompt_bytes: int = 0
    trouble: str = ""
    missing: list[str] = field(default_factory=list)
    by: dict[str, str] = field(default_factory=dict)
    _responses: int = 0
    _settled: dict[str, float] = field(default_factory=dict)
    _after: str = ""
    _known: dict[int, str] = field(default_factory=dict)
    _under_way: set[str] = field(default_factory=set)

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
        if isinstance(event.body, ModelRequested):
            self._requested(event.at, event.body)
        elif (counter := _COUNTERS.get(type(event.body))) is not None:
            counter(self, event.body)

    def shown(self) -> dict[str, str]:
        """Return the counts as the loop's labels; an edge not taken is not named."""
        return {edge: str(n) for edge, n in sorted(self.edges.items()) if n}

    def _planned(self, b: PlanProposed | PlanEdited) -> None:
        steps = {raw["n"]: raw.get("status", "pending") for raw in b.steps}
        fresh = [n for n in steps if n not in self._known]
        gone = [n for n, status in steps.items() if status == "replaced" and self._known.get(n) != "replaced"]
        if isinstance(b, PlanProposed) or b.by == "model":
            self.edges["e1"] += 1
        if isinstance(b, PlanEdited) and b.by == "model":
            self.stage, self._after = "plan", ""
            self.replans += 1
            self.edges["e8"] += 1
            self.replaced.update(dict.fromkeys(gone, fresh))
            self.instead.update(dict.fromkeys(fresh, gone))
        self._known = steps

    def _requested(self, at: str, b: ModelRequested) -> None:
        self.requested_at = at
        self.prompt_bytes = b.bytes or self.prompt_bytes
        self.tries += 1
        self.tried_since = self.tried_since or at
        self.stage = "act" if self._known and self._after != "failed" else "plan"

    def _settle(self, b: BudgetSettled) -> None:
        self._settled = dict(b.amounts)

    def _responded(self, b: ModelResponded) -> None:
        self._responses += 1
        self.costs[self._responses], self._settled = self._settled, {}
        self.tries, self.tried_since, self.trouble = 0, "", ""
        acts = [c for c in b.calls if c["name"] not in CONTROL]
        self.stage = "you" if acts else "plan" if b.calls else "check"
        if acts and self._after:
            self.edges["e7"] += 1
            self._after = ""

    def _model_failed(self, b: ModelFailed) -> None:
        self.trouble = str(b.error)

    def _started(self, b: CallStarted) -> None:
        self.edges["e2"] += 1
        self._under_way.add(b.call)

    def _finished(self, b: CallFinished) -> None:
        self.edges["e3"] += b.call in self._under_way  # `final_answer` is taken, not run
        self._under_way.discard(b.call)

    def _integrated(self, b: StepIntegrated) -> None:
        self.edges["e4"] += 1
        self._after = "met" if b.met else "failed"
        if b.step:
            (self.failed.discard if b.met else self.failed.add)(b.step)
            self._known[b.step] = "done" if b.met else "failed"

    def _checked(self, b: CheckFinished) -> None:
        if self._after:
            self.edges["e5"] += 1
            self._after = ""
        if not b.held:
            self.edges["e9"] += 1
            self._after = "failed"
        self.missing = b.missing if b.missing is not None else self.missing if not b.held else []

    def _ended(self, b: RunEnded) -> None:
        if b.reason == "answered":
            self.stage = "answer"
            self.edges["e5"] += bool(self._after)
            self.edges["e6"] += 1

    def _asked_person(self, b: QuestionAsked) -> None:
        self.asked += 1

    def _decided_plan(self, b: PlanDecided) -> None:
        self.decided += b.by == "you"
        self.by["plan"] = b.by

    def _decided_call(self, b: CallDecided) -> None:
        self.decided += b.by == "you"
        if b.what == "edit":
            self.by[f"edit {b.call}"] = b.by


_COUNTERS: dict[type, Callable[[Counts, Any], None]] = {
    PlanProposed: Counts._planned,
    PlanEdited: Counts._planned,
    PlanDecided: Counts._decided_plan,
    BudgetSettled: Counts._settle,
    ModelResponded: Counts._responded,
    ModelFailed: Counts._model_failed,
    QuestionAsked: Counts._asked_person,
    CallDecided: Counts._decided_call,
    CallStarted: Counts._started,
    CallFinished: Counts._finished,
    StepIntegrated: Counts._integrated,
    CheckFinished: Counts._checked,
    RunEnded: Counts._ended,
}
