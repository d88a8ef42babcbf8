"""Stop at each instruction of a step that awaits, and count where it was heard.

    python tests/benchmarks/bench_stop.py [--every 1] [--first 1]

The step runs once for each instruction of it and of the session below it. SIGINT comes at that instruction: either the
step ends by it, or whoever listens outside hears it. Never is it lost, and no guard stays armed. The suite takes a
sample of the instructions.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import FrameType

from llmos_nb.heap import Snapshots
from llmos_nb.tools import CallContext, Stopped
from llmos_nb.tools.devices.python import PythonDevice, guard
from llmos_nb.tools.devices.python.execute import Runner, compile_step

AWAITS = """class Turn:
    def __await__(self):
        yield
await Turn()"""  # of a coroutine Python would say that nobody awaited it, where Stop comes before that
RAISE = signal.raise_signal  # as it is, before a step that is watched puts a function of ours in front of it


class Interrupting:
    """Raises SIGINT at the n-th instruction inside it.

    Parameters
    ----------
    at : int
        The instruction, from 1.
    """

    def __init__(self, at: int) -> None:
        self.left, self.outside = at, 0

    def __enter__(self) -> Interrupting:
        self._old = signal.signal(signal.SIGINT, self._heard_outside)
        self._trace = sys.gettrace()
        sys.settrace(self._step)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._trace)
        signal.signal(signal.SIGINT, self._old)

    @property
    def rang(self) -> bool:
        """Whether it has come to that instruction."""
        return self.left <= 0

    def _heard_outside(self, number: int, frame: FrameType | None) -> None:
        self.outside += 1

    def _step(self, frame: FrameType, event: str, _: object) -> object:
        if not frame.f_globals.get("__name__", "").startswith(("llmos_nb", "step")):  # a look that raises no event
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if not self.left:
                RAISE(signal.SIGINT)
        return self._step


@contextmanager
def of_what_is_traced() -> Iterator[None]:
    """Ask of the code whose instruction it was, not of what raises the signal here, whether it may be interrupted."""
    real = guard._ours

    def ours(frame: FrameType) -> bool:
        while frame.f_globals is globals() and frame.f_back is not None:
            frame = frame.f_back
        return real(frame)

    guard._ours = ours
    try:
        yield
    finally:
        guard._ours = real


async def run(every: int = 1, first: int = 1) -> Counter[str]:
    """Stop a step at each `every`-th instruction from the `first`, and count where it was heard."""
    space: dict[str, object] = {}  # from now on functions of ours stand in front of those that a step may call
    watched = await PythonDevice(space, snapshots=Snapshots(space)).run("1", CallContext("r", "k", 5))
    assert watched.ok
    counted = Counter[str]()
    with of_what_is_traced():
        for at in count(first, every):
            with Interrupting(at) as stop:
                try:
                    runner = Runner({"__name__": "step"}, 5)
                    for chunk in compile_step(AWAITS, "<step>"):
                        outcome = await runner.run(chunk.code)
                    found = type(outcome.error).__name__ if outcome.error else ""
                except Stopped:
                    found = "Stopped"
            if not stop.rang:
                return counted
            heard = (found, bool(stop.outside))
            assert heard in (("Stopped", False), ("", True)), f"at instruction {at}: {found}, {stop.outside}"
            assert not guard._guards, f"at instruction {at} a guard is left armed"
            counted["outside" if stop.outside else "Stopped"] += 1
    raise AssertionError("a step has an end")


def main() -> None:
    """Run it, and say what was counted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    given = parser.parse_args()
    counted = asyncio.run(run(given.every, given.first))
    print(f"{counted['Stopped']} ended the step, {counted['outside']} were heard outside it, none was lost")


if __name__ == "__main__":
    main()
