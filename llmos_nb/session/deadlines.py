"""The deadline timer of a process, on the thread that drives it."""

from __future__ import annotations

import asyncio
from functools import partial

from llmos_nb.journal import Event, events as ev
from llmos_nb.policy import approval
from llmos_nb.process.state import State
from llmos_nb.session.dispatch import Dispatch

_DAY_S = 86_400.0  # the timer is set anew each day: a machine may sleep


class Deadlines:
    """Deadline timer of one process: that one has passed is written at that moment, or as soon as it can be.

    Parameters
    ----------
    dispatch : Dispatch
        The way to its loop.
    """

    def __init__(self, dispatch: Dispatch) -> None:
        self.dispatch, self.run = dispatch, dispatch.run
        self._timer: asyncio.TimerHandle | None = None
        self.run.listeners.append(self._asked)

    def _asked(self, event: Event, state: State) -> None:
        if event.k in (ev.QuestionAsked.kind, ev.QuestionEscalated.kind):
            self.arm()

    def arm(self) -> None:
        """Set the timer for the deadline that comes first; what has passed while nobody looked counts at once."""
        s = self.run.state
        asked = [q for k, q in s.questions.items() if k in s.undoing or not s.settled]
        left = [seconds for q in asked if (seconds := approval.left_s(q)) is not None]
        if self._timer is not None:
            self._timer.cancel()
        if left:
            self._timer = asyncio.get_running_loop().call_later(min(max(min(left), 0.0), _DAY_S), self.ring)

    def ring(self) -> None:
        """Record which deadlines have passed."""
        self.dispatch.ask(partial(self.run.afterwards, self._ring))

    def _ring(self) -> None:
        s = self.run.state
        passed = [k for k, q in s.questions.items() if approval.late(q) and not q.get("due")]
        if passed and (not s.settled or s.undoing):
            self.dispatch.apply(lambda: [self.run.append(ev.QuestionDue(question=k)) for k in passed])
        self.arm()
