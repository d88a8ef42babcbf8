"""What may stand in a journal after the end of its process."""

from __future__ import annotations

from collections.abc import Container

from llmos_nb.journal.events import call, run
from llmos_nb.journal.events.act import ActsMoved
from llmos_nb.journal.events.heap import HeapRestored
from llmos_nb.journal.events.model import BudgetSettled
from llmos_nb.journal.events.plan import PlanEdited
from llmos_nb.journal.events.question import QuestionAnswered, QuestionAsked
from llmos_nb.journal.events.state import StateSaved

FOR_GOOD = ("stopped", "killed", "forked")
"""Ends after which nothing goes on."""
SINCE = 3  # the version of the format from which on this holds
BACK = (call.CallUndone, call.CallRedone, call.UndoProposed)
_KEPT = (StateSaved, BudgetSettled, run.LabelChanged, ActsMoved, HeapRestored)  # books, which begin nothing
REBUILD = "rebuild"  # what is asked before anything goes on: the namespace comes first
_GAVE = (
    call.CallFinished,
    call.CallInDoubt,
    call.NamesChanged,
    call.ToolReturned,
)  # how it went on with what was under way
_DRIVES = ("pause", "resume", "stop", "kill", "approve_step")


def may_follow(reason: str, body: object, undoing: Container[str], under_way: Container[str]) -> bool:
    """Return whether an event may stand after an end: what takes back, what goes on, and what begins nothing.

    Parameters
    ----------
    reason : str
        Of the end.
    body : object
        The event.
    undoing : container of str
        Calls that take others back.
    under_way : container of str
        Calls that had begun when the process ended.
    """
    match body:
        case run.RunStarted():  # of a fork
            return True
        case run.RunResumed():
            return reason not in FOR_GOOD
        case run.PolicyChanged(by=by) | PlanEdited(by=by):  # with what a person lets it go on
            return by.is_person and reason not in FOR_GOOD
        case run.SignalReceived(signal=signal):
            return signal not in _DRIVES
    if isinstance(body, (*BACK, *_KEPT)):
        return True
    calls = [getattr(body, name, None) for name in ("within", "call")]
    calls.append(str(getattr(body, "question", "")).partition("!")[0])
    asks = isinstance(body, QuestionAsked | QuestionAnswered) and body.question == REBUILD
    named = [c for c in calls if c]
    return asks or any(c in undoing or (isinstance(body, _GAVE) and c in under_way) for c in named)


class AfterEnd:
    """Reads a journal from its beginning, event by event, and tells what may not stand where it does."""

    def __init__(self) -> None:
        self._reason, self._version = "", 0
        self._undoing, self._under_way = set[str](), set[str]()

    def takes(self, body: object) -> bool:
        """Take the next event in, and return whether it may stand there."""
        fits = (
            not self._reason or self._version < SINCE or may_follow(self._reason, body, self._undoing, self._under_way)
        )
        match body:
            case run.RunStarted():
                self._version = body.version
            case run.RunEnded():
                self._reason = body.reason
            case run.RunResumed():
                self._reason = ""
            case call.UndoProposed():
                self._undoing.add(body.call)
            case call.CallStarted():
                self._under_way.add(body.call)
            case call.CallFinished():
                self._under_way.discard(body.call)
        return fits
