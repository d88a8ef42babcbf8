"""SIGINT while processes are waited for: it stops them, whatever the event loop does at that instant."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_stops: list[Callable[[], None]] = []
_before: list[Any] = []  # the handler that the last open context puts back


@contextmanager
def interrupts(stop: Callable[[], None] | None) -> Iterator[None]:
    """Call `stop` on SIGINT inside this context; several may be open at once, and then all are called.

    Only the main thread gets signals; elsewhere, and with None, nothing is changed.
    """
    if stop is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    if not _stops:
        _before.append(signal.signal(signal.SIGINT, _heard))
    _stops.append(stop)
    try:
        yield
    finally:
        _stops.remove(stop)
        if not _stops:
            signal.signal(signal.SIGINT, _before.pop() or signal.default_int_handler)


def _heard(number: int, frame: FrameType | None) -> None:
    for stop in list(_stops):
        stop()
