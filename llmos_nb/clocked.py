"""The clock of a process: it writes that the deadline of a question has passed, at that moment or as soon as it can."""

from __future__ import annotations

import asyncio

from llmos_nb import approval
from llmos_nb.chain import Event
from llmos_nb.hearing import Hearing
from llmos_nb.state import State

_DAY_S = 86_400.0  # a timer of the loop is set anew each day: a machine may sleep


class Clocked(Hearing):
    """A process whose questions have deadlines."""

    _timer: asyncio.TimerHandle | None = None

    def _watch(self) -> None:
        """Set the timer whenever something is asked."""
        self.run.listeners.append(self._asks)

    def _asks(self, event: Event, state: State) -> None:
        if event.k in ("question.asked", "question.escalated"):
            self._arm()

    def _arm(self) -> None:
        """Set the timer for the deadline that comes first; what has passed while nobody looked counts at once."""
        s, loop = self.run.state, self._loop
        asked = [q for k, q in s.questions.items() if k in s.undoing or not s.settled]
        left = [seconds for q in asked if (seconds := approval.left_s(q)) is not None]
        if self._timer is not None:
            self._timer.cancel()
        if left and loop is not None and loop.is_running():
            self._timer = loop.call_later(min(max(min(left), 0.0), _DAY_S), self._ring)

    def _ring(self) -> None:
        s = self.run.state
        passed = [k for k, q in s.questions.items() if approval.late(q) and not q.get("due")]
        if passed and (not s.settled or s.undoing):
            self._apply(lambda: [self.run.append("question.due", question=k) for k in passed])
        self._arm()
