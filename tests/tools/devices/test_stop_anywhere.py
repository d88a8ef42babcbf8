"""Stop at each instruction of a step: it ends the step, or whoever listens outside hears it; never is it lost."""

import signal
import sys
from itertools import count
from types import FrameType

import pytest

from llmos_nb.heap import Snapshots
from llmos_nb.tools import CallContext, Stopped
from llmos_nb.tools.devices.python import PythonDevice, guard
from llmos_nb.tools.devices.python.execute import Runner, compile_step

AWAITS = """class Turn:
    def __await__(self):
        yield
await Turn()"""  # of a coroutine Python would say that nobody awaited it, where Stop comes before that


class Interrupting:
    """Raises SIGINT at the n-th instruction inside it."""

    def __init__(self, at: int) -> None:
        self.left, self.outside = at, 0

    def __enter__(self):
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

    def _heard_outside(self, number, frame):
        self.outside += 1

    def _step(self, frame: FrameType, event: str, _):
        if not frame.f_globals.get("__name__", "").startswith(("llmos_nb", "step")):  # a look that raises no event
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if not self.left:
                RAISE(signal.SIGINT)
        return self._step


RAISE = signal.raise_signal  # as it is, before a step that is watched puts a function of ours in front of it


@pytest.fixture(autouse=True)
def the_code_that_is_traced(monkeypatch):
    """Ask of the code whose instruction it was, not of what raises the signal here, whether it may be interrupted."""
    real = guard._ours

    def ours(frame: FrameType) -> bool:
        while frame.f_globals is globals() and frame.f_back is not None:
            frame = frame.f_back
        return real(frame)

    monkeypatch.setattr(guard, "_ours", ours)


async def ways(begin):
    """Run something once for each of its instructions, with Stop there; give what came of it each time."""
    for at in count(1):
        with Interrupting(at) as stop:
            try:
                outcome = await begin()
                found = type(outcome.error).__name__ if outcome.error else ""
            except Stopped:
                found = "Stopped"
        if not stop.rang:
            return
        yield at, found, stop.outside


async def test_stop_at_any_instruction_of_a_step_that_awaits_is_heard_once():
    async def begin():
        runner = Runner({"__name__": "step"}, 5)
        for chunk in compile_step(AWAITS, "<step>"):
            outcome = await runner.run(chunk.code)
        return outcome

    async def watched():  # from now on functions of ours stand in front of those that a step may call
        return await PythonDevice(ns, snapshots=Snapshots(ns)).run("1", CallContext("r", "k", 5))

    ns: dict[str, object] = {}
    assert (await watched()).ok
    counted = dict.fromkeys(("Stopped", "outside"), 0)
    async for at, found, outside in ways(begin):
        assert (found, bool(outside)) in (("Stopped", False), ("", True)), f"at instruction {at}: {found}, {outside}"
        assert not guard._guards, f"at instruction {at} a guard is left armed"
        counted["outside" if outside else "Stopped"] += 1
    assert min(counted.values()) > 300
