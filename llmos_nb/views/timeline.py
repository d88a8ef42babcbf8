"""The timeline: every event in a few words, and what was true at each, found in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from llmos_nb.journal import Event
from llmos_nb.tools import NAME_CHANGES
from llmos_nb.views.contract import TimelineEvent
from llmos_nb.views.wording import count, listed, short

_DECISIONS = ("plan.decided", "call.decided", "call.resolved", "question.answered")
_HUMAN = (*_DECISIONS, "plan.edited", "policy.changed", "signal.received")
_UNDO = ("call.undone", "call.redone")
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
        if e.k == "model.responded":
            self._responses += 1
        one: TimelineEvent = {"n": len(self.events), "k": e.k, "t": short(self._say(e), TEXT_MOST)}
        if e.k == "model.requested":
            self._bytes = int(e.d.get("bytes", 0))
            one["kb"] = round(self._bytes / 1000, 1)
        if mark := _mark(e):
            one["mark"] = "e" if mark == "e" else "h"
        self.events.append(one)
        self._remember(e)

    def _say(self, e: Event) -> str:
        said = _SAY.get(e.k)
        if e.k == "model.responded":
            return _responded(e, self._responses)
        return said(e) if said is not None else ""

    def _remember(self, e: Event) -> None:
        """Note what is true from here on."""
        self._call = str(e.d["call"]) if "call" in e.d and e.k != "plan.proposed" else self._call
        if e.k in ("call.decided", "plan.decided"):
            self._by = _who(e.d["by"])
        elif e.k == "question.asked":
            self._by = "not yet, it asks you"
        elif e.k == "names.changed":
            self._names.update(dict.fromkeys(n for kind in NAME_CHANGES for n in e.d.get(kind, ())))
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


def _mark(e: Event) -> str:
    """Return ``h`` for what a person decided, ``e`` for an error, else nothing."""
    wrong = (
        e.k in ("model.failed", "call.in_doubt")
        or (e.k == "call.finished" and not e.d["ok"])
        or (e.k == "step.integrated" and not e.d["met"])
        or (e.k == "check.finished" and not e.d["held"])
        or (e.k == "run.ended" and e.d["reason"] not in ("answered", "forked"))
    )
    if wrong:
        return "e"
    yours = e.k in _HUMAN and e.d.get("by") == "you"
    return "h" if yours or e.k in _UNDO else ""


def _who(by: str) -> str:
    kind, _, which = str(by).partition(":")
    return {"mode": f"the mode {which}", "rule": f"rule {which}", "plan": "the plan you approved"}.get(
        kind, kind
    )


def _responded(e: Event, n: int) -> str:
    calls = [f"r{n}.{i} {c['name']}" for i, c in enumerate(e.d["calls"])]
    return f"r{n} {e.d['text'] or 'nothing'}" if not calls else listed(calls)


def _decided(e: Event) -> str:
    what = {"approve": "approved", "reject": "rejected", "skip": "skipped", "edit": "edited"}.get(
        e.d["what"], e.d["what"]
    )
    return f"{e.d['call']} {what} by {_who(e.d['by'])}" + (f": {e.d['why']}" if e.d.get("why") else "")


def _finished(e: Event) -> str:
    lines = str(e.d["result"]).strip().splitlines() or ["no output"]
    return f"{e.d['call']} {lines[-1] if not e.d['ok'] else ' '.join(lines)}"


def _changed(e: Event) -> str:
    said = [f"{kind} {', '.join(e.d[kind])}" for kind in NAME_CHANGES if e.d.get(kind)]
    return f"{e.d['call']} " + ("; ".join(said) or "nothing")


def _integrated(e: Event) -> str:
    step = f"step {e.d['step']}" if e.d["step"] else "the calls"
    return f"{step} as expected" if e.d["met"] else f"{step} not as expected"


def _tools(e: Event) -> str:
    kinds = (("added", "new"), ("altered", "changed"), ("gone", "gone"), ("accepted", "accepted"))
    said = [f"{word}: {', '.join(e.d[kind])}" for kind, word in kinds if e.d.get(kind)]
    return "; ".join(said) or "as before"


def _amounts(e: Event) -> str:
    return ", ".join(f"{v:.6g} {u}" for u, v in e.d["amounts"].items())


_SAY: dict[str, Callable[[Event], str]] = {
    "run.started": lambda e: e.d["goal"],
    "policy.loaded": lambda e: count(len(e.d["tools"]), "tool"),
    "policy.changed": lambda e: f"a rule by {_who(e.d['by'])}",
    "plan.proposed": lambda e: f"{count(len(e.d['steps']), 'step')} by the {e.d['by']}",
    "plan.edited": lambda e: f"{count(len(e.d['steps']), 'step')}, by {_who(e.d['by'])}",
    "plan.decided": lambda e: f"{'approved' if e.d['what'] == 'approve' else 'rejected'} by {_who(e.d['by'])}",
    "model.requested": lambda e: f"request {e.d['request']}",
    "model.failed": lambda e: e.d["error"],
    "call.decided": _decided,
    "call.started": lambda e: e.d["call"],
    "call.finished": _finished,
    "call.in_doubt": lambda e: f"{e.d['call']}: nobody knows whether it was done",
    "call.resolved": lambda e: f"{e.d['call']} " + ("was done" if e.d["done"] else "runs again"),
    "names.changed": _changed,
    "step.integrated": _integrated,
    "check.finished": lambda e: f"{e.d['check']} {'holds' if e.d['held'] else 'does not hold'}",
    "question.asked": lambda e: f"{e.d['question']} asks: {e.d.get('title') or e.d['text']}",
    "question.answered": lambda e: e.d["text"],
    "question.due": lambda e: f"{e.d['question']}: nobody decided in time",
    "question.escalated": lambda e: f"{e.d['question']} goes to {', '.join(e.d['to'])}",
    "undo.proposed": lambda e: f"{e.d['undoes']} is to be taken back by {e.d['name']}",
    "tools.changed": _tools,
    "budget.reserved": _amounts,
    "budget.settled": _amounts,
    "label.changed": lambda e: f"{e.d['name']} is {e.d['label']}",
    "context.paged": lambda e: f"page {e.d['page']}, events {e.d['first']} to {e.d['last']}",
    "call.undone": lambda e: f"{e.d['call']} taken back",
    "call.redone": lambda e: f"{e.d['call']} put back",
    "signal.received": lambda e: f"{str(e.d['signal']).replace('_', ' ')} by {_who(e.d.get('by', ''))}",
    "message.sent": lambda e: f"to {e.d['to']}",
    "message.arrived": lambda e: f"from {e.d['name']}: {e.d['text']}",
    "message.awaited": lambda e: f"waits for {e.d['title']}",
    "message.ready": lambda e: "is there",
    "outputs.declared": lambda e: ", ".join(": ".join(o) for o in e.d["outputs"]),
    "run.paused": lambda e: e.d["why"],
    "run.resumed": lambda e: f"epoch {e.d['epoch']}",
    "run.ended": lambda e: e.d["reason"] + (f": {e.d['detail']}" if e.d.get("detail") else ""),
}
