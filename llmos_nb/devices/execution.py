"""Running compiled code in a namespace: guarded, sealed, sliced at its awaits."""

from __future__ import annotations

import asyncio
import builtins
import ctypes
import inspect
import sys
import time
from collections.abc import Callable, Coroutine, Generator
from types import CodeType, TracebackType
from typing import Any, NoReturn, TypeVar

from llmos_nb import running
from llmos_nb.devices.guard import BetweenSlices, interruptible
from llmos_nb.errors import CallDenied, ToolTimeout
from llmos_nb.inside import Threads
from llmos_nb.running import Outcome

T = TypeVar("T")
_ABSENT = object()
CANCELS, CLOSE_S = 3, 0.2


class Sealed:
    """Refuses, while code runs, what nobody can answer or what would end the session."""

    def __init__(self, ip: Any) -> None:
        self._ip, self._kept, self._threads = ip, list[tuple[Any, str, Any]](), Threads()

    def __enter__(self) -> None:
        self._put(builtins, "input", _no_input)
        self._put(sys.modules.get("getpass"), "getpass", _no_input)
        if hasattr(self._ip, "ask_exit"):
            self._put(self._ip, "ask_exit", _no_exit)
        self._threads.__enter__()

    def _put(self, owner: Any, name: str, value: Any) -> None:
        if owner is not None:
            self._kept.append((owner, name, vars(owner).get(name, _ABSENT)))
            setattr(owner, name, value)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._threads.__exit__(kind, error, at)
        for owner, name, value in self._kept:
            if value is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


def _no_input(*_: object, **__: object) -> NoReturn:
    raise CallDenied("nobody answers input() inside a step; to ask the person, use the tool ask(question)")


def _no_exit(*_: object) -> NoReturn:
    raise CallDenied("a step cannot end the session")


class Runner:
    """Runs the parts of one step, all within one deadline.

    Parameters
    ----------
    namespace : dict
        Global names.
    deadline_s : float
        Seconds for all of it.
    ip : InteractiveShell, optional
        IPython's.
    """

    def __init__(self, namespace: dict[str, Any], deadline_s: float, ip: Any = None) -> None:
        self.namespace, self._ip, self._between = namespace, ip, BetweenSlices()
        self._seconds, self._until = deadline_s, time.monotonic() + deadline_s

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(self._until - time.monotonic(), 0.0)

    def guarded(self, fn: Callable[[], T]) -> T:
        """Call synchronous code."""
        if self._between.by:
            raise running.Stopped(self._between.by)
        with Sealed(self._ip), interruptible(self.left):
            return fn()

    def call(self, fn: Callable[[], Any]) -> Outcome:
        """Call synchronous code; what it raises is its outcome, but Stop goes on up."""
        return self._told(running.captured(lambda: self.guarded(fn)))

    async def run(self, code: CodeType) -> Outcome:
        """Run compiled code, on this task where it does not await."""
        outcome = self.call(lambda: eval(code, self.namespace))  # noqa: S307 - running code is the device's work
        if not code.co_flags & inspect.CO_COROUTINE or outcome.error is not None:
            return outcome
        with self._between:
            return self._told(await running.awaited(_Sliced(outcome.value, self), self.left))

    def _told(self, outcome: Outcome) -> Outcome:
        """Let Stop go on up, and say the deadline of the whole step rather than what was left of it."""
        error = running.unless_stopped(outcome).error
        if not isinstance(error, ToolTimeout) or self.left:
            return outcome
        how = "was ended" if outcome.ended else "cannot be ended and may still run"
        late = ToolTimeout(f"it passed its deadline of {self._seconds:g} s and {how}")
        late.__context__ = error.__context__
        return Outcome(error=late, ended=outcome.ended)


class _Sliced:
    """Awaits a coroutine so that what it does between two awaits is guarded.

    Code that swallows its cancellation is cancelled again, and then left where it stands.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], runner: Runner) -> None:
        self._coroutine, self._runner, self._cancelled = coroutine, runner, 0
        self._again: asyncio.TimerHandle | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        step, sent = self._coroutine.send, None
        try:
            while True:
                try:
                    awaited = self._runner.guarded(lambda: step(sent))  # noqa: B023 - called at once
                except StopIteration as stop:
                    return stop.value
                try:
                    step, sent = self._coroutine.send, (yield awaited)
                except BaseException as error:
                    self._insist(error)
                    step, sent = self._coroutine.throw, error
        finally:
            if self._again is not None:
                self._again.cancel()
            self._close()

    def _close(self) -> None:
        """End what is left of the code, or see to it that nothing ever runs it again, not even its destruction."""
        try:
            with interruptible(CLOSE_S):
                self._coroutine.close()
        except (RuntimeError, ToolTimeout, running.Stopped):  # it ignores that it is closed
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._coroutine))

    def _insist(self, error: BaseException) -> None:
        """Cancel again in a moment; in the end, do not go on."""
        task = asyncio.current_task()
        if not isinstance(error, asyncio.CancelledError) or task is None or not task.cancelling():
            return
        self._cancelled += 1
        if self._cancelled > CANCELS:
            raise error
        self._again = asyncio.get_running_loop().call_later(running.GRACE_S / (CANCELS + 2), task.cancel)
