"""What a process did when: each request, call and question, and as stretches the process as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from llmos_nb.journal import Event, events as ev
from llmos_nb.views.contract import Stretch
from llmos_nb.views.wording import since

PLAN = "plan"
Who = Literal["model", "tool", "you"]
Key = tuple[Who, str]
_ENDS_ALL = (ev.RunEnded, ev.RunPaused)
_FIRST: tuple[Who, ...] = ("you", "tool", "model")
_WAITED = ("approve", "reject", "skip")  # an edit is judged again: the question may stay


@dataclass(frozen=True)
class Activity:
    """One request, call or question.

    Parameters
    ----------
    who : {"model", "tool", "you"}
        The model was asked; a call ran; a person was waited for.
    start, end : float
        Seconds since the first event.
    what : str
        The request (``request 3``), the call (``r3.0``), the question, or ``plan``.
    good : bool
        Whether it ended as it should; one that is under way does.
    """

    who: Who
    start: float
    end: float
    what: str
    good: bool = True


def activities(events: Iterable[Event], now: str = "") -> list[Activity]:
    """Return what a process did when, in the order in which it ended; what is under way comes last.

    Parameters
    ----------
    events : iterable of Event
        Its journal.
    now : str
        ISO 8601 time until which that goes on which is under way; without it, until the last event.
    """
    found, open_now, held = list[Activity](), dict[Key, float](), set[Key]()
    began = at = 0.0
    for n, e in enumerate(events):
        then = datetime.fromisoformat(e.at).timestamp()
        began = began if n else then
        last, at = at, then - began
        if isinstance(e.body, ev.RunResumed):
            # after it broke off, what went on is known up to the event before
            lost = [key for key in open_now if key[0] != "you"]
            found += [Activity(who, open_now.pop((who, what)), last, what) for who, what in lost]
            open_now |= dict.fromkeys(held - set(open_now), at)
            held.clear()
        ended = _ended(e.body, (*open_now, *held))
        if isinstance(e.body, ev.RunPaused):  # what was asked is asked again when it goes on
            held |= {key for key in open_now if key[0] == "you"}
        else:
            held -= set(ended)
        for key in ended:
            if key in open_now:
                found.append(Activity(key[0], open_now.pop(key), at, key[1], _good(e.body)))
        if (key_begun := _begun(e.body)) is not None:
            open_now.setdefault(key_begun, at)
    end = max(datetime.fromisoformat(now).timestamp() - began, at) if now else at
    return [*found, *(Activity(who, start, end, what) for (who, what), start in open_now.items())]


def _begun(b: ev.Body) -> Key | None:
    match b:
        case ev.ModelRequested(request=request):
            return "model", f"request {request}"
        case ev.CallStarted(call=call):
            return "tool", call
        case ev.QuestionAsked(question=question):
            return "you", PLAN if question.startswith(f"{PLAN}:") else question
        case ev.CallInDoubt(call=call):
            return "you", call
    return None


def _ended(b: ev.Body, open_now: Iterable[Key]) -> list[Key]:
    """Return what an event ends of what is under way."""
    if isinstance(b, _ENDS_ALL):
        return list(open_now)
    ended: set[Key] = set()
    match b:
        case ev.ModelResponded(request=request) | ev.ModelFailed(request=request):
            ended = {("model", f"request {request}")}
        case ev.CallFinished(call=call) | ev.CallInDoubt(call=call):
            ended = {("tool", call), ("you", call)}
        case ev.CallDecided(call=call, what=what) if what in _WAITED:
            ended = {("you", call)}
        case ev.CallResolved(call=call):
            ended = {("you", call)}
        case ev.PlanDecided():  # of any version: it may have been edited since it was asked about
            ended = {("you", PLAN)}
        case ev.QuestionAnswered(question=question) | ev.EffectDecided(question=question):
            ended = {("you", question)}
        case ev.HeapRestored():
            ended = {("you", "rebuild")}
    return [key for key in open_now if key in ended]


def _good(b: ev.Body) -> bool:
    return not isinstance(b, ev.ModelFailed | ev.CallInDoubt) and getattr(b, "ok", True)


def worked(found: Iterable[Activity]) -> float:
    """Return the seconds in which model or tools worked; those of calls that ran side by side count once."""
    total = until = 0.0
    for a in sorted((a for a in found if a.who != "you"), key=lambda a: a.start):
        total += max(a.end - max(a.start, until), 0.0)
        until = max(until, a.end)
    return total


class Stretches:
    """Stretches of time, one after the other; fed event by event.

    Where several go on at once, a person who is waited for counts before a tool, and a tool before the model.

    Parameters
    ----------
    events : iterable of Event
        Those that happened before.

    Attributes
    ----------
    found : list of Stretch
        Those that have begun, in order, in seconds since the first event; the last one may still go on.
    at : float
        Seconds from the first event to the last.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.found: list[Stretch] = []
        self.at = 0.0
        self._first, self._who = "", ""
        self._open, self._paused = set[Key](), False
        for event in events:
            self.heard(event)

    def heard(self, e: Event) -> None:
        """Take one event in."""
        self._first = self._first or e.at
        self.at = max(self.at, round(since(self._first, e.at), 3))
        broke_off = isinstance(e.body, ev.RunResumed) and self._who in ("model", "tool")
        if self._who and not broke_off:  # what broke off is known up to the event before
            self.found[-1]["end"] = self.at
        self._take(e.body)
        who = self.who
        if who and (who != self._who or broke_off):
            self.found.append({"who": who, "begin": self.at, "end": self.at})
        self._who = who

    @property
    def who(self) -> Literal["model", "tool", "you", ""]:
        """Who is at work now; empty for nobody."""
        at_work = {who for who, _ in self._open} if not self._paused else ()
        return next((who for who in _FIRST if who in at_work), "")

    def _take(self, b: ev.Body) -> None:
        if isinstance(b, ev.RunPaused | ev.RunResumed):
            self._paused = isinstance(b, ev.RunPaused)
            self._open = {key for key in self._open if key[0] == "you"}  # questions are as open as before
        else:
            self._open -= {*_ended(b, self._open)}
        if (begun := _begun(b)) is not None:
            self._open.add(begun)
