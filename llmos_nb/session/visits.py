"""The user's thread, as a process sees it: what touches the user's objects is done there, one piece at a time.

A visit runs on the event loop of the cell, or the script, that owns the process, in the context of that cell, so that
its outputs appear there whoever let it begin. Where no loop runs, it waits until one does.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from llmos_nb.tools import reentry


class Visits:
    """The way of one process to the user's thread."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.context = reentry.outside()
        self.turn = asyncio.Lock()  # of what takes several visits, such as a resume
        self._thread = 0
        self._waiting: deque[Callable[[], None]] = deque()

    @property
    def here(self) -> bool:
        """Whether the caller may touch the user's objects: it is on their thread, or nobody else is."""
        return self.loop is None or self.loop.is_closed() or threading.get_ident() == self._thread

    def settle(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        """Go to this loop from now on, unless the present one is still there; what waits for a loop begins."""
        if self.loop is not loop:
            if self.loop is not None and self.loop.is_running():
                return
            self.loop, self._thread, self.turn = loop, thread, asyncio.Lock()
        while self._waiting:
            self.post(self._waiting.popleft())

    def post(self, act: Callable[[], None]) -> None:
        """Have something done there, and go on at once."""
        try:
            if self.loop is None:
                raise RuntimeError("no loop yet")
            self.loop.call_soon_threadsafe(act, context=self.context.copy())
        except RuntimeError:  # the loop is closed, or there was none: whoever comes next brings one
            self._waiting.append(act)

    async def __call__(self, work: Callable[[], Any]) -> Any:
        """Run work there and return what it returns, or what the awaitable gives that it returns.

        Whoever waits may be cancelled: work that has not begun is withdrawn, a coroutine is cancelled, and anything
        else is waited for; a result that comes nevertheless is a result.
        """
        visit = _Visit(asyncio.get_running_loop(), work)
        self.post(visit.begin)
        try:
            return await asyncio.shield(visit.done)
        except asyncio.CancelledError:
            if visit.done.done():
                raise
            visit.cancel()
            while not visit.done.done():
                try:
                    await asyncio.wait({visit.done})
                except asyncio.CancelledError:
                    continue
            return visit.done.result()


class _Visit:
    """One piece of work on its way to the user's thread and back."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Callable[[], Any]) -> None:
        self._loop, self._work = loop, work
        self.done: asyncio.Future[Any] = loop.create_future()
        self._mutex = threading.Lock()
        self._begun = self._cancelled = False
        self._task: asyncio.Future[Any] | None = None

    def begin(self) -> None:
        """Do it, on the user's thread."""
        with self._mutex:
            if self._cancelled:
                return
            self._begun = True
        try:
            found = self._work()
        except BaseException as error:
            self._back(None, error)
            return
        if not inspect.isawaitable(found):
            self._back(found, None)
            return
        with self._mutex:
            task = self._task = asyncio.ensure_future(found)
            if self._cancelled:
                task.cancel()
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        if task.cancelled():
            self._back(None, asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            self._back(None, error)
        else:
            self._back(task.result(), None)

    def _back(self, value: Any, error: BaseException | None) -> None:
        self._loop.call_soon_threadsafe(self._settle, value, error)

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if self.done.done():
            return
        if isinstance(error, asyncio.CancelledError):
            self.done.cancel()
        elif error is not None:
            self.done.set_exception(error)
        else:
            self.done.set_result(value)

    def cancel(self) -> None:
        """Withdraw it where it has not begun, else cancel what it awaits."""
        with self._mutex:
            self._cancelled = True
            begun, task = self._begun, self._task
        if not begun:
            self.done.cancel()
        elif task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)
