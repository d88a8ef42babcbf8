"""The two processes around a child: one outside that keeps watch, and the first one inside, with which all end.

The outer one is what the parent knows. The inner one has number 1 among the child's processes: the system ends them
all with it, also what has made itself a daemon.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from llmos_nb.tools.devices.child.sandbox.libc import die_with_parent

_LOOK_S = 0.1
_SIGNALLED = 128


def fork_inside(memory: int, closing: tuple[int, ...]) -> None:
    """Go on as a process among others of its own; the caller has left its parent's process numbers before.

    Parameters
    ----------
    memory : int
        Bytes that all processes inside may hold together; beyond, all are ended.
    closing : tuple of int
        Descriptors that only the child needs.
    """
    outer = os.getpid()
    if inner := os.fork():
        _watch(inner, memory, closing)
    die_with_parent(outer)
    if worker := os.fork():
        _first(worker, closing)
    die_with_parent(1)


def _watch(inner: int, memory: int, closing: tuple[int, ...]) -> NoReturn:
    """End all when they hold too much together; end as they end."""
    _alone(inner, closing)
    while True:
        done, status = os.waitpid(inner, os.WNOHANG)
        if done:
            _end_as(os.waitstatus_to_exitcode(status))
        if _held(inner) > memory:
            os.kill(inner, signal.SIGKILL)
        time.sleep(_LOOK_S)


def _first(worker: int, closing: tuple[int, ...]) -> NoReturn:
    """Take leave of whatever ends inside; end with the worker."""
    _alone(worker, closing)
    while True:
        done, status = os.waitpid(-1, 0)
        if done == worker:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else _SIGNALLED - code)


def _alone(inner: int, closing: tuple[int, ...]) -> None:
    """Let go of the child's connection, and hand interrupts on."""
    for number in closing:
        os.close(number)
    signal.signal(signal.SIGINT, lambda *_: os.kill(inner, signal.SIGINT))


def _end_as(code: int) -> NoReturn:
    """End as the worker did: with its exit code, or by its signal."""
    number = -code if code < 0 else code - _SIGNALLED
    if 0 < number < signal.NSIG:
        with suppress(OSError, ValueError):  # SIGKILL has no handler
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        time.sleep(1)  # it is under way
    os._exit(code if code >= 0 else 1)


def _held(first: int) -> int:
    """Count the bytes that a process and all below it hold; what they share counts once where the system says so."""
    total, waiting = 0, [first]
    while waiting:
        pid = waiting.pop()
        with suppress(OSError, ValueError, IndexError):
            waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())
            total += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return total * os.sysconf("SC_PAGE_SIZE")
