"""Waiting for what comes in a while: never without an end, and what did not come is named."""

import asyncio
import sys
from linecache import getline
from time import monotonic, sleep

SECONDS = 60
START_SECONDS = 120  # where a fresh interpreter or a kernel must start first


class _Wait:
    """One wait: until when, and what it says when nothing came."""

    def __init__(self, what, seconds):
        self.ends, self.seconds, self.what = monotonic() + seconds, seconds, what
        caller = sys._getframe(2)
        self.line = getline(caller.f_code.co_filename, caller.f_lineno).strip()

    def look(self, condition):
        """Return what holds, or nothing yet; once the time is over, fail."""
        late = monotonic() > self.ends  # before it looks: a machine that stood still has one more look
        if not (found := condition()) and late:
            shown = self.what() if callable(self.what) else self.what or self.line
            raise AssertionError(f"within {self.seconds:g} s it did not come: {shown}")
        return found


def until(condition, what="", seconds=SECONDS, rest=lambda: sleep(0.01)):
    """Return what `condition` gives once it is true; `what`, also a function, names what did not come.

    Without it, the line that waits does. Between two looks comes `rest`.
    """
    wait = _Wait(what, seconds)
    while not (found := wait.look(condition)):
        rest()
    return found


async def until_async(condition, what="", seconds=SECONDS, every=0.01):
    """Wait as `until` does while the loop goes on; with `every=0` it looks at each turn of the loop."""
    wait = _Wait(what, seconds)
    while not (found := wait.look(condition)):
        await asyncio.sleep(every)
    return found


def turns_while(condition, what, most=50):
    """Give turns as long as `condition` holds; where it holds after so many, fail, and say `what` goes on."""
    for turn in range(most):
        if not condition():
            return
        yield turn
    assert not condition(), f"after {most} turns it goes on: {what() if callable(what) else what}"


async def approve_all(process, kind="", most=50):
    """Approve whatever a process asks until it no longer waits, or asks no more of a kind; return the questions."""
    asked = []

    def open_():
        return [q for q in process.run.state.questions.values() if kind in ("", q["kind"])]

    for _ in turns_while(lambda: process.state == "waiting" and (open_() or not kind), open_, most):
        asked.append(next(iter(open_()), None))
        await process.approve("all")
    return asked
