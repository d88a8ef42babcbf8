"""The thread "llmos": one event loop on which every process of the interpreter is driven.

State, journals, timers and requests to models live there and nowhere else. It never blocks and never touches the
user's objects: work on those visits the user's thread (`visits`). Any other thread only posts.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")
LAST_WORDS_S, PARKED_S = 3.0, 1.0


class Runtime:
    """One event loop on a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.leaving: dict[object, Callable[[], Coroutine[Any, Any, object]]] = {}
        self.thread = threading.Thread(target=self._run, name="llmos", daemon=True)
        # a debugger that stops every thread at a breakpoint of the user's would stop all processes, too
        self.thread.pydev_do_not_trace = self.thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    @property
    def here(self) -> bool:
        """Whether the caller is on this thread."""
        return threading.get_ident() == self.thread.ident

    def post(self, act: Callable[..., object], *args: Any, context: Context | None = None) -> None:
        """Have something done there, and go on at once; safe in a signal handler."""
        self.loop.call_soon_threadsafe(act, *args, context=context)

    def ask(self, act: Callable[[], T], context: Context | None = None, patience_s: float | None = None) -> T:
        """Have something done there and wait for what it returns or raises.

        Raises
        ------
        TimeoutError
            It was not done within `patience_s`; it will be.
        """
        if self.here or not self.thread.is_alive():
            return act()
        answer: Future[T] = Future()

        def carry_out() -> None:
            try:
                answer.set_result(act())
            except BaseException as error:
                answer.set_exception(error)

        self.post(carry_out, context=context)
        return answer.result(patience_s)

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine there and wait for it, from any event loop."""
        if self.here:
            return await work()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self.loop))

    # the end of the interpreter, and forks

    def close(self) -> None:
        """Let what is at work say its last words, and stop."""
        if not self.thread.is_alive() or self.here:
            return
        with suppress(Exception):  # the interpreter ends: there is nobody left to tell
            asyncio.run_coroutine_threadsafe(self._last_words(), self.loop).result(LAST_WORDS_S)
        self.post(self.loop.stop)
        self.thread.join(LAST_WORDS_S)

    async def _last_words(self) -> None:
        await asyncio.gather(*(leave() for leave in list(self.leaving.values())), return_exceptions=True)

    def park(self) -> Callable[[], None]:
        """Hold the thread still, for a fork; return what lets it go on.

        A fork copies locks as they are: one that this thread held would stay locked in the copy for ever.
        """
        parked, go_on = threading.Event(), threading.Event()

        def hold() -> None:
            parked.set()
            go_on.wait(PARKED_S)

        if self.thread.is_alive() and not self.here:
            self.post(hold)
            parked.wait(PARKED_S)
        return go_on.set


_making = threading.Lock()
_there: Runtime | None = None
_unpark: list[Callable[[], None]] = []


def runtime() -> Runtime:
    """Return the runtime of this interpreter; it is started at the first use."""
    global _there  # noqa: PLW0603 - one an interpreter
    if _there is None:
        with _making:
            if _there is None:
                _there = Runtime()
    return _there


def _before_fork() -> None:
    if _there is not None:
        _unpark.append(_there.park())


def _after_fork() -> None:
    while _unpark:
        _unpark.pop()()


def _in_the_copy() -> None:
    """Forget the runtime: its thread is not in a forked process."""
    global _there, _making
    _there, _making = None, threading.Lock()
    _unpark.clear()


def _close() -> None:
    if _there is not None:
        _there.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_the_copy)
# `atexit` comes after the interpreter has waited for threads, and later than executors may be used
getattr(threading, "_register_atexit", atexit.register)(_close)
