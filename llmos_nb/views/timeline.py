"""The timeline: every event in a few words, and what was true at each, found in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, TypeVar

from llmos_nb.journal import Event, events as ev
from llmos_nb.tools import NAME_CHANGES
from llmos_nb.views.activity import Stretches
from llmos_nb.views.contract import TimelineEvent
from llmos_nb.views.wording import count, doubt, listed, model_at, rebuilt, resolved, short

_HUMAN = (
    ev.PlanDecided, ev.CallDecided, ev.CallResolved, ev.QuestionAnswered, ev.EffectDecided, ev.PlanEdited,
    ev.PolicyChanged, ev.SignalReceived,
)  # fmt: skip
TEXT_MOST = 80


class Facts(NamedTuple):
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

    Parameters
    ----------
    events : iterable of Event
        Those that happened before.
    left_out : iterable of Event
        What came before those, and is not to be shown.

    Attributes
    ----------
    events : list of TimelineEvent
        Position, kind, a few words, seconds since the first, the kilobytes of a prompt, and a mark: ``h`` you decided,
        ``e`` an error.
    time : Stretches
        How the time went.
    """

    def __init__(self, events: Iterable[Event] = (), left_out: Iterable[Event] = ()) -> None:
        self.events: list[TimelineEvent] = []
        self.time = Stretches()
        self._names: dict[str, None] = {}
        self._at: list[tuple[str, str, int, int]] = []
        self._call = self._by = ""
        self._bytes = 0
        self._responses = sum(e.k == ev.ModelResponded.kind for e in left_out)  # calls are named by their answer
        for event in events:
            self.heard(event)

    def heard(self, e: Event) -> None:
        """Take one event in."""
        b = e.body
        self._responses += isinstance(b, ev.ModelResponded)
        self.time.heard(e)
        said = short(self._say(b), TEXT_MOST)
        one: TimelineEvent = {"n": len(self.events), "k": e.k, "t": said, "s": self.time.at}
        if isinstance(b, ev.ModelRequested):
            self._bytes = b.bytes
            one["kb"] = round(self._bytes / 1000, 1)
        if mark := _mark(b):
            one["mark"] = mark
        self.events.append(one)
        self._remember(b)

    def _say(self, b: ev.Body) -> str:
        if isinstance(b, ev.ModelResponded):
            return _responded(b, self._responses)
        return _SAY[type(b)](b) if type(b) in _SAY else ""

    def _remember(self, b: ev.Body) -> None:
        """Note what is true from here on."""
        if not isinstance(b, ev.PlanProposed):
            self._call = getattr(b, "call", None) or self._call
        match b:
            case ev.CallDecided(by=by) | ev.PlanDecided(by=by):
                self._by = by.describe()
            case ev.QuestionAsked():
                self._by = "not yet, it asks you"
            case ev.NamesChanged(changes=changes):
                self._names.update(dict.fromkeys(changes.names))
        self._at.append((self._call, self._by, self._bytes, len(self._names)))

    def facts(self, n: int) -> Facts:
        """Return what was true at event `n`."""
        call, by, prompt, known = self._at[n]
        return Facts(call, by, prompt, tuple(self._names)[:known])


def _mark(b: ev.Body) -> Literal["h", "e", ""]:
    """Return ``h`` for what a person decided, ``e`` for an error, else nothing."""
    match b:
        case ev.ModelFailed() | ev.CallInDoubt() | ev.CallFinished(ok=False) | ev.CellRan(ok=False):
            return "e"
        case ev.StepIntegrated(met=False) | ev.CheckFinished(held=False):
            return "e"
        case ev.RunEnded(reason=reason):
            return "" if reason in ("answered", "forked") else "e"
        case ev.CallUndone() | ev.CallRedone():
            return "h"
    return "h" if isinstance(b, _HUMAN) and b.by == ev.YOU else ""


def _requested(b: ev.ModelRequested) -> str:
    return f"request {b.request}" + (f" to {model_at(b.model, b.endpoint)}" if b.model else "")


def _responded(b: ev.ModelResponded, n: int) -> str:
    calls = [f"r{n}.{i} {c['name']}" for i, c in enumerate(b.calls)]
    return f"r{n} {b.text or 'nothing'}" if not calls else listed(calls)


def _decided(b: ev.CallDecided) -> str:
    done = {"approve": "approved", "reject": "rejected", "skip": "skipped", "edit": "edited"}
    if b.by == ev.CONFLICT:
        return f"{b.call} not run: {b.why}"
    return f"{b.call} {done.get(b.what, b.what)} by {b.by.describe()}" + (f": {b.why}" if b.why else "")


def _finished(b: ev.CallFinished) -> str:
    lines = str(b.result).strip().splitlines() or ["no output"]
    return f"{b.call} {lines[-1] if not b.ok else ' '.join(lines)}"


def _changed(b: ev.NamesChanged) -> str:
    said = [f"{kind} {', '.join(names)}" for kind in NAME_CHANGES if (names := getattr(b.changes, kind))]
    return f"{b.call} " + ("; ".join(said) or "nothing")


def _integrated(b: ev.StepIntegrated) -> str:
    step = f"step {b.step}" if b.step else "the calls"
    if b.met:
        return f"{step} as expected: {b.compared}" if b.compared else f"{step} ran"
    return f"{step} not as expected: {b.compared}" if b.compared else f"{step} did not end well"


def _tools(b: ev.ToolsChanged) -> str:
    kinds = ((b.added, "new"), (b.altered, "changed"), (b.gone, "gone"), (b.accepted, "accepted"))
    said = [f"{word}: {', '.join(tools)}" for tools, word in kinds if tools]
    return "; ".join(said) or "as before"


def _signal(b: ev.SignalReceived) -> str:
    """Name a signal, who gave it and what they said; of a command by the home, its verb, and where it was given."""
    if b.signal == "command":
        return f"command: {b.text} by {b.by.describe()}" + (f" ({b.why})" if b.why else "")
    said = f": {b.text}" if b.signal == "steer" and b.text else ""
    return f"{b.signal.replace('_', ' ')} by {b.by.describe()}{said}"


def _cell(b: ev.CellRan) -> str:
    """Say which cell ran, by its first line, and how it ended."""
    number, first = f"[{b.count}] " if b.count else "", next(iter(b.source.strip().splitlines()), "")
    return f"{number}{first}" + (f": {b.error}" if b.error else "")


def _amounts(b: ev.BudgetReserved | ev.BudgetSettled) -> str:
    return ", ".join(f"{v:.6g} {u}" for u, v in b.amounts.items())


def effect_decided(b: ev.EffectDecided) -> str:
    """Say what was decided on an effect of a step."""
    what = "allowed" if b.what == "allow" else "refused"
    scope = " for this process" if b.scope == "process" else ""
    return f"{b.call} {what}{scope} by {b.by.describe()}: {' '.join(b.effect)}{f' ({b.why})' if b.why else ''}"


B = TypeVar("B")


def _on(cls: type[B], say: Callable[[B], str]) -> tuple[type, Callable[[Any], str]]:
    return cls, say


_SAY = dict((
    _on(ev.RunStarted, lambda b: b.goal),
    _on(ev.PolicyLoaded, lambda b: count(len(b.tools), "tool")),
    _on(ev.PolicyChanged, lambda b: f"a rule by {b.by.describe()}"),
    _on(ev.PlanProposed, lambda b: f"{count(len(b.steps), 'step')} by {b.by.describe()}"),
    _on(ev.PlanEdited, lambda b: f"{count(len(b.steps), 'step')}, by {b.by.describe()}"),
    _on(ev.PlanDecided, lambda b: f"{'approved' if b.what == 'approve' else 'rejected'} by {b.by.describe()}"),
    _on(ev.ActUsed, lambda b: f"{b.call} is act {b.act} of the plan"),
    _on(ev.ActsMoved, lambda b: f"{count(len(b.acts), 'act')} " + (f"go to process {b.to}" if b.to else "given up")),
    _on(ev.ModelRequested, _requested),
    _on(ev.ModelFailed, lambda b: b.error),
    _on(ev.CallDecided, _decided),
    _on(ev.CallStarted, lambda b: b.call),
    _on(ev.CallFinished, _finished),
    _on(ev.CallInDoubt, lambda b: f"{b.call}: {doubt(b)}"),
    _on(ev.CallResolved, lambda b: f"{b.call} {resolved(b)}"),
    _on(ev.NamesChanged, _changed),
    _on(ev.StepIntegrated, _integrated),
    _on(ev.CheckFinished, lambda b: f"{b.check} {'holds' if b.held else 'does not hold'}"),
    _on(ev.QuestionAsked, lambda b: f"{b.question} asks: {b.title or b.text}"),
    _on(ev.QuestionAnswered, lambda b: b.text),
    _on(ev.EffectDecided, effect_decided),
    _on(ev.ToolCalled, lambda b: f"{b.call} {b.tool}, called by the code of {b.within}"),
    _on(ev.ToolReturned, lambda b: f"{b.call} {b.result if b.ok else f'{b.error}: {b.result}'}"),
    _on(ev.QuestionDue, lambda b: f"{b.question}: nobody decided in time"),
    _on(ev.QuestionEscalated, lambda b: f"{b.question} goes to {', '.join(b.to)}"),
    _on(ev.UndoProposed, lambda b: f"{b.undoes} is to be taken back by {b.name}"),
    _on(ev.ToolsChanged, _tools),
    _on(ev.BudgetReserved, _amounts),
    _on(ev.BudgetSettled, _amounts),
    _on(ev.LabelChanged, lambda b: f"{b.name} is {b.label}"),
    _on(ev.ContextPaged, lambda b: f"page {b.page}, events {b.first} to {b.last}"),
    _on(ev.CallUndone, lambda b: f"{b.call} taken back"),
    _on(ev.CallRedone, lambda b: f"{b.call} put back"),
    _on(ev.SignalReceived, _signal),
    _on(ev.MessageSent, lambda b: f"to {b.to}"),
    _on(ev.MessageArrived, lambda b: f"from {b.name}: {b.text}"),
    _on(ev.MessageAwaited, lambda b: f"waits for {b.title}"),
    _on(ev.MessageReady, lambda b: "is there"),
    _on(ev.OutputsDeclared, lambda b: ", ".join(": ".join(o) for o in b.outputs)),
    _on(ev.StateSaved, lambda b: f"{b.state['size']:,} bytes"),
    _on(ev.RunPaused, lambda b: b.why),
    _on(ev.RunResumed, lambda b: f"epoch {b.epoch}"),
    _on(ev.HeapRestored, rebuilt),
    _on(ev.HeapChanged, lambda b: listed([f"{n} by {by}" for n, by in b.names.items()])),
    _on(ev.NotebookOpened, lambda b: b.name or "a notebook"),
    _on(ev.CellRan, _cell),
    _on(ev.ProcessJoined, lambda b: f"process {b.pid}"),
    _on(ev.RunEnded, lambda b: b.reason + (f": {b.detail}" if b.detail else "")),
))  # fmt: skip
