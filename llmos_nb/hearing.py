"""How an act reaches a process: on the process's own event loop, whoever acts and from wherever."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context

from llmos_nb import inside
from llmos_nb.errors import CallDenied
from llmos_nb.scheduler import Run
from llmos_nb.tools import current_call


def outside() -> Context:
    """Give a context that is in no step: what a message of one process wakes in another is not done by the first."""
    context = copy_context()
    context.run(current_call.set, None)
    return context


class Hearing(ABC):
    """A process as what happens elsewhere reaches it."""

    run: Run
    _driver: asyncio.Task[None] | None
    _loop: asyncio.AbstractEventLoop | None
    _moved: asyncio.Event

    @property
    def driven(self) -> bool:
        """Whether something drives it now."""
        return self._driver is not None and not self._driver.done()

    @abstractmethod
    def _go_on(self) -> None:
        """Drive again where there is something to do."""

    @staticmethod
    def _on(loop: asyncio.AbstractEventLoop) -> bool:
        with suppress(RuntimeError):
            return asyncio.get_running_loop() is loop
        return False

    def _apply(self, act: Callable[[], object]) -> None:
        if self._driver is not None and not self._driver.done():
            act()
        else:
            with self.run.journal.held():
                act()
        self._go_on()

    def _only_people(self) -> None:
        """Refuse a verb that code of a step calls, and put the attempt on the record."""
        if inside.inside():
            self.hear_soon(lambda: self.run.append("signal.received", signal=inside.FORGED, by="a step"))
            raise CallDenied(inside.DENIED)

    async def hear(self, act: Callable[[], object]) -> None:
        """Carry out on its own loop what another process does to this one, and wait until it is on disk."""
        if self._loop is None or self._on(self._loop) or not self._loop.is_running():
            self._apply(act)
            await self.run.journal.flush()
        else:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.hear(act), self._loop))

    def hear_soon(self, act: Callable[[], object]) -> None:
        """Do the same without waiting."""
        if self._loop is None or self._on(self._loop) or not self._loop.is_running():
            self._apply(act)
        else:
            self._loop.call_soon_threadsafe(self._apply, act, context=outside())

    def look(self) -> None:
        """Let whoever waits beside it look again at what it waits for."""
        loop = self._loop
        if loop is None or self._on(loop):
            self._moved.set()
        else:
            loop.call_soon_threadsafe(self._moved.set)
