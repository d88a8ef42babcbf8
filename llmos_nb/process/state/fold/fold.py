"""`fold`: events in, state out.

Pure: no clock, no files, no namespace. What an event does is found by `match` on its typed body, in `call`, `model`,
`plan` and `run`. The words that the model is told because of an event are made there too, so that the prompt after a
crash has the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from llmos_nb.errors import JournalError
from llmos_nb.journal import Event
from llmos_nb.journal.events import BACK, SINCE, Body, RunResumed, may_follow
from llmos_nb.process.state.fold.call import fold_calls, fold_questions
from llmos_nb.process.state.fold.heap import fold_heap
from llmos_nb.process.state.fold.model import fold_model
from llmos_nb.process.state.fold.plan import fold_plan
from llmos_nb.process.state.fold.run import fold_messages, fold_run
from llmos_nb.process.state.state import State


def fold(events: Iterable[Event], state: State | None = None, path: str = "") -> State:
    """Fold events into a state; with `state` given, go on from it in place.

    Raises
    ------
    JournalError
        Names the line that does not fit what came before it, of the journal `path`.
    """
    state = state or State()
    event = None
    try:
        for event in events:
            if state.status == "ended" and not follows(state, event.body):
                raise ValueError("it comes after run.ended")
            apply(state, event)
    except JournalError:
        raise
    except Exception as error:  # an event may say anything of calls, steps and questions that are not there
        where = (f"{path}, " if path else "") + (f"line {event.n + 1}: {event.k}" if event else "an event")
        why = f"{type(error).__name__}: {error}"
        raise JournalError(f"{where} does not fit what came before it ({why:.200})") from error
    return state


def apply(state: State, event: Event) -> State:
    """Take one event in."""
    if not isinstance(event.body, RunResumed):  # whatever lies before it, a process that broke off did not use
        _account_time(state, event.at)
    state.n, state.at = event.n, event.at
    match event.k.partition(".")[0]:
        case "call" | "names" | "undo" | "tool":
            fold_calls(state, event)
        case "model" | "budget" | "context":
            fold_model(state, event)
        case "heap":
            fold_heap(state, event)
        case "plan" | "step" | "act":
            fold_plan(state, event)
        case "question" | "effect":
            fold_questions(state, event)
        case "message":
            fold_messages(state, event)
        case _:
            fold_run(state, event)
    return state


def follows(s: State, body: Body) -> bool:
    """Return whether an event may stand after the end of a process, from the version on that says so."""
    if s.version < SINCE or isinstance(body, BACK):
        return True
    begun = [c.id for c in s.calls.values() if c.status == "running"]
    return may_follow(s.reason, body, s.undoing, begun)


def _account_time(s: State, at: str) -> None:
    """Count the seconds since the last event; not those of a pause, or of a wait for people, others or an agent."""
    waits = (s.outside and s.request) or ((s.questions or s.awaited) and (s.waiting or s.expecting))
    if s.at and s.status == "running" and not waits:
        gone = 0.0 if at == s.at else (_moment(at) - _moment(s.at)).total_seconds()
        s.spent["s"] = s.spent.get("s", 0.0) + max(gone, 0.0)


@lru_cache(maxsize=64)
def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)  # each is the end of one stretch of time and the beginning of the next
