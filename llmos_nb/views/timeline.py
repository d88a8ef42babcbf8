"""The timeline: every event in a few words, and what was true at each, found in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from llmos_nb.journal import Event
from llmos_nb.journal.events import (
    Body,
    BudgetReserved,
    BudgetSettled,
    CallDecided,
    CallFinished,
    CallInDoubt,
    CallRedone,
    CallResolved,
    CallStarted,
    CallUndone,
    CheckFinished,
    ContextPaged,
    HeapRestored,
    LabelChanged,
    MessageArrived,
    MessageAwaited,
    MessageReady,
    MessageSent,
    ModelFailed,
    ModelRequested,
    ModelResponded,
    NamesChanged,
    OutputsDeclared,
    PlanDecided,
    PlanEdited,
    PlanProposed,
    PolicyChanged,
    PolicyLoaded,
    QuestionAnswered,
    QuestionAsked,
    QuestionDue,
    QuestionEscalated,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    SignalReceived,
    StepIntegrated,
    ToolsChanged,
    UndoProposed,
)
from llmos_nb.tools import NAME_CHANGES
from llmos_nb.views.contract import TimelineEvent
from llmos_nb.views.wording import count, listed, rebuilt, short

_HUMAN = (PlanDecided, CallDecided, CallResolved, QuestionAnswered, PlanEdited, PolicyChanged, SignalReceived)
TEXT_MOST = 80


@dataclass(frozen=True, slots=True)
class Facts:
    """What was true at an event.

    Parameters
    ----------
    call : str
        The call that the event belongs to, or the last one before it.
    decided_by : str
        Who decided last.
    prompt_bytes : int
        Size of the last prompt.
    names : tuple of str
        Names that had changed until then, in order.
    """

    call: str
    decided_by: str
    prompt_bytes: int
    names: tuple[str, ...]


class Timeline:
    """The events as the slider shows them; fed event by event.

    Attributes
    ----------
    events : list of TimelineEvent
        Position, kind, a few words, the kilobytes of a prompt, and a mark: ``h`` you decided, ``e`` an error.
    """

    def __init__(self) -> None:
        self.events: list[TimelineEvent] = []
        self._names: dict[str, None] = {}
        self._at: list[tuple[str, str, int, int]] = []
        self._call = self._by = ""
        self._bytes = self._responses = 0

    def heard(self, e: Event) -> None:
        """Take one event in."""
        b = e.body
        self._responses += isinstance(b, ModelResponded)
        one: TimelineEvent = {"n": len(self.events), "k": e.k, "t": short(self._say(b), TEXT_MOST)}
        if isinstance(b, ModelRequested):
            self._bytes = b.bytes
            one["kb"] = round(self._bytes / 1000, 1)
        if mark := _mark(b):
            one["mark"] = mark
        self.events.append(one)
        self._remember(b)

    def _say(self, b: Body) -> str:
        if isinstance(b, ModelResponded):
            return _responded(b, self._responses)
        return _SAY[type(b)](b) if type(b) in _SAY else ""

    def _remember(self, b: Body) -> None:
        """Note what is true from here on."""
        self._call = (getattr(b, "call", None) or self._call) if not isinstance(b, PlanProposed) else self._call
        match b:
            case CallDecided(by=by) | PlanDecided(by=by):
                self._by = _who(by)
            case QuestionAsked():
                self._by = "not yet, it asks you"
            case NamesChanged(changes=changes):
                self._names.update(dict.fromkeys(changes.names))
        self._at.append((self._call, self._by, self._bytes, len(self._names)))

    def facts(self, n: int) -> Facts:
        """Return what was true at event `n`."""
        call, by, prompt, known = self._at[n]
        return Facts(call, by, prompt, tuple(self._names)[:known])


def timeline(events: Iterable[Event]) -> list[TimelineEvent]:
    """Return every event of a journal in a few words, for the slider."""
    made = Timeline()
    for event in events:
        made.heard(event)
    return made.events


def _mark(b: Body) -> Literal["h", "e", ""]:
    """Return ``h`` for what a person decided, ``e`` for an error, else nothing."""
    match b:
        case ModelFailed() | CallInDoubt() | CallFinished(ok=False) | StepIntegrated(met=False):
            return "e"
        case CheckFinished(held=False):
            return "e"
        case RunEnded(reason=reason):
            return "" if reason in ("answered", "forked") else "e"
        case CallUndone() | CallRedone():
            return "h"
    return "h" if isinstance(b, _HUMAN) and b.by == "you" else ""


def _who(by: str) -> str:
    kind, _, which = str(by).partition(":")
    return {"mode": f"the mode {which}", "rule": f"rule {which}", "plan": "the plan you approved"}.get(
        kind, kind
    )


def _responded(b: ModelResponded, n: int) -> str:
    calls = [f"r{n}.{i} {c['name']}" for i, c in enumerate(b.calls)]
    return f"r{n} {b.text or 'nothing'}" if not calls else listed(calls)


def _decided(b: CallDecided) -> str:
    what = {"approve": "approved", "reject": "rejected", "skip": "skipped", "edit": "edited"}.get(
        b.what, b.what
    )
    return f"{b.call} {what} by {_who(b.by)}" + (f": {b.why}" if b.why else "")


def _finished(b: CallFinished) -> str:
    lines = str(b.result).strip().splitlines() or ["no output"]
    return f"{b.call} {lines[-1] if not b.ok else ' '.join(lines)}"


def _changed(b: NamesChanged) -> str:
    said = [f"{kind} {', '.join(names)}" for kind in NAME_CHANGES if (names := getattr(b.changes, kind))]
    return f"{b.call} " + ("; ".join(said) or "nothing")


def _integrated(b: StepIntegrated) -> str:
    step = f"step {b.step}" if b.step else "the calls"
    return f"{step} as expected" if b.met else f"{step} not as expected"


def _tools(b: ToolsChanged) -> str:
    kinds = ((b.added, "new"), (b.altered, "changed"), (b.gone, "gone"), (b.accepted, "accepted"))
    said = [f"{word}: {', '.join(tools)}" for tools, word in kinds if tools]
    return "; ".join(said) or "as before"


def _amounts(b: BudgetReserved | BudgetSettled) -> str:
    return ", ".join(f"{v:.6g} {u}" for u, v in b.amounts.items())


B = TypeVar("B")


def _on(cls: type[B], say: Callable[[B], str]) -> tuple[type, Callable[[Any], str]]:
    return cls, say


_SAY = dict((
    _on(RunStarted, lambda b: b.goal),
    _on(PolicyLoaded, lambda b: count(len(b.tools), "tool")),
    _on(PolicyChanged, lambda b: f"a rule by {_who(b.by)}"),
    _on(PlanProposed, lambda b: f"{count(len(b.steps), 'step')} by the {b.by}"),
    _on(PlanEdited, lambda b: f"{count(len(b.steps), 'step')}, by {_who(b.by)}"),
    _on(PlanDecided, lambda b: f"{'approved' if b.what == 'approve' else 'rejected'} by {_who(b.by)}"),
    _on(ModelRequested, lambda b: f"request {b.request}"),
    _on(ModelFailed, lambda b: b.error),
    _on(CallDecided, _decided),
    _on(CallStarted, lambda b: b.call),
    _on(CallFinished, _finished),
    _on(CallInDoubt, lambda b: f"{b.call}: nobody knows whether it was done"),
    _on(CallResolved, lambda b: f"{b.call} " + ("was done" if b.done else "runs again")),
    _on(NamesChanged, _changed),
    _on(StepIntegrated, _integrated),
    _on(CheckFinished, lambda b: f"{b.check} {'holds' if b.held else 'does not hold'}"),
    _on(QuestionAsked, lambda b: f"{b.question} asks: {b.title or b.text}"),
    _on(QuestionAnswered, lambda b: b.text),
    _on(QuestionDue, lambda b: f"{b.question}: nobody decided in time"),
    _on(QuestionEscalated, lambda b: f"{b.question} goes to {', '.join(b.to)}"),
    _on(UndoProposed, lambda b: f"{b.undoes} is to be taken back by {b.name}"),
    _on(ToolsChanged, _tools),
    _on(BudgetReserved, _amounts),
    _on(BudgetSettled, _amounts),
    _on(LabelChanged, lambda b: f"{b.name} is {b.label}"),
    _on(ContextPaged, lambda b: f"page {b.page}, events {b.first} to {b.last}"),
    _on(CallUndone, lambda b: f"{b.call} taken back"),
    _on(CallRedone, lambda b: f"{b.call} put back"),
    _on(SignalReceived, lambda b: f"{str(b.signal).replace('_', ' ')} by {_who(b.by)}"),
    _on(MessageSent, lambda b: f"to {b.to}"),
    _on(MessageArrived, lambda b: f"from {b.name}: {b.text}"),
    _on(MessageAwaited, lambda b: f"waits for {b.title}"),
    _on(MessageReady, lambda b: "is there"),
    _on(OutputsDeclared, lambda b: ", ".join(": ".join(o) for o in b.outputs)),
    _on(RunPaused, lambda b: b.why),
    _on(RunResumed, lambda b: f"epoch {b.epoch}"),
    _on(HeapRestored, rebuilt),
    _on(RunEnded, lambda b: b.reason + (f": {b.detail}" if b.detail else "")),
))  # fmt: skip
