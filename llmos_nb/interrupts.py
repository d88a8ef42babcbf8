"""SIGINT while processes are waited for: it stops them, whatever the event loop does at that instant."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_stops: list[Callable[[], None]] = []


@contextmanager
def interrupts(stop: Callable[[], None] | None) -> Iterator[None]:
    """Call `stop` on SIGINT inside this context; several may be open at once, and then all are called.

    Only the main thread gets signals; elsewhere, and with None, nothing is changed.
    """
    if stop is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    old = signal.signal(signal.SIGINT, _heard) if not _stops else None
    _stops.append(stop)
    try:
        yield
    finally:
        _stops.remove(stop)
        if not _stops:
            signal.signal(signal.SIGINT, old if old is not None else _first)
        elif old is not None:
            _keep(old)


_first: Callable[[int, FrameType | None], object] | int = signal.default_int_handler


def _keep(handler: Callable[[int, FrameType | None], object] | int) -> None:
    """Remember the handler that the last open context must put back."""
    global _first  # noqa: PLW0603 - signal handlers are global, too
    _first = handler


def _heard(number: int, frame: FrameType | None) -> None:
    for stop in list(_stops):
        stop()
