"""A timer that interrupts the main thread."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Protocol

LEAST_S, AGAIN_S = 0.001, 0.2
Ring = Callable[[int, FrameType | None], None]


class Alarm(Protocol):
    """Rings once, after a while, on the main thread."""

    def set(self, seconds: float) -> None:
        """Ring after so many seconds, and not as was said before."""

    def stop(self) -> None:
        """Ring no more, and leave everything as it was found."""


class TimerThread:
    """An alarm for where there is no other (Windows); a call that keeps other threads out delays it."""

    def __init__(self, ring: Ring) -> None:
        self._timer: threading.Timer | None = None

    def set(self, seconds: float) -> None:
        """Ring by SIGINT, whose handler must tell this from the user's interrupt."""
        self.stop()
        self._timer = threading.Timer(seconds, _thread.interrupt_main)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()


if sys.platform != "win32":

    class Itimer:
        """The operating system's timer: it reaches code that lets no other thread run."""

        def __init__(self, ring: Ring) -> None:
            self._began = time.monotonic()
            self._handler = signal.signal(signal.SIGALRM, ring)
            self._left = signal.setitimer(signal.ITIMER_REAL, 0)

        def set(self, seconds: float) -> None:
            """Ring by SIGALRM, and again: a signal just before the code blocks does not wake it."""
            signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)

        def stop(self) -> None:
            """Put the old handler back, with what is left of its time."""
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._handler if self._handler is not None else signal.SIG_DFL)
            if self._left[0]:
                left = self._left[0] - (time.monotonic() - self._began)
                signal.setitimer(signal.ITIMER_REAL, max(left, LEAST_S), self._left[1])


def new(ring: Ring) -> Alarm:
    """Give the best alarm of this platform, which calls `ring` as a signal handler."""
    return TimerThread(ring) if sys.platform == "win32" else Itimer(ring)


def interrupt_main_thread() -> None:
    """Send the main thread SIGINT, so that it also leaves a system call."""
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
