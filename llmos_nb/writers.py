"""The threads that write the journals of this interpreter, so that no disk holds up the event loop.

There are a few, since a disk syncs several files about as fast as one; the jobs of one journal keep their order.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections import deque
from collections.abc import Callable

_log = logging.getLogger(__name__)

WRITERS = 4


class _Writers:
    """The threads that write and sync the journals of this interpreter; a disk syncs several files as fast as one."""

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset) if hasattr(os, "register_at_fork") else None

    def _reset(self) -> None:
        self.jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.threads: list[threading.Thread] = []

    def put(self, job: Callable[[], None]) -> None:
        self.jobs.put(job)
        if len(self.threads) < WRITERS and (not self.threads or self.jobs.qsize()):
            thread = threading.Thread(target=self._work, args=(self.jobs,), name="llmos-journal", daemon=True)
            self.threads.append(thread)
            thread.start()

    @staticmethod
    def _work(jobs: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            jobs.get()()


_writers = _Writers()


class Lane:
    """The jobs of one journal, done one after the other by whichever writer is free."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._busy = False

    def put(self, job: Callable[[], None]) -> None:
        """Have a job done after those that came before it; what it raises is logged."""
        with self._mutex:
            self._jobs.append(job)
            busy, self._busy = self._busy, True
        if not busy:
            _writers.put(self._work)

    def _work(self) -> None:
        while True:
            with self._mutex:
                if not self._jobs:
                    self._busy = False
                    return
                job = self._jobs.popleft()
            try:
                job()
            except Exception:
                _log.exception("a journal could not be written")
