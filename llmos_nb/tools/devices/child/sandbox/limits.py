"""Limits that the system keeps for every process: memory, files, processes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32" and sys.platform != "emscripten":
    import resource

LEAST_MEMORY = 2 << 30
MOST_DISK = 1 << 30
PROCESSES, WATCHING = 128, 2
_FILES = 512


def usual_memory() -> int:
    """Return three quarters of the machine's memory, in bytes, and never less than 2 GiB."""
    with suppress(ValueError, OSError, AttributeError):
        return max(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4, LEAST_MEMORY)
    return LEAST_MEMORY


def bound(what: str, most: int) -> bool:
    """Bound one kind (``AS``, ``FSIZE``, …) for good; tell whether the system does."""
    if sys.platform == "win32" or sys.platform == "emscripten":
        return False
    # a kind may be one that the system does not know, or does not grant
    with suppress(AttributeError, ValueError, OSError):
        number = getattr(resource, f"RLIMIT_{what}")
        _, hard = resource.getrlimit(number)
        most = most if hard < 0 else min(most, hard)
        resource.setrlimit(number, (most, most))
        return True
    return False


def bound_rest(disk: int) -> bool:
    """Bound open files, core files and the size of one file; tell whether the last holds."""
    bound("CORE", 0)
    bound("NOFILE", _FILES)
    return bound("FSIZE", disk)


def bound_processes(most: int, apart: bool) -> bool:
    """Bound the processes and threads of this user; an administrator's the system does not count.

    Parameters
    ----------
    most : int
        How many.
    apart : bool
        Whether the child is counted for itself, in a user namespace of its own.
    """
    whole = True  # whether the administrator here is the one of the whole system
    with suppress(OSError):
        whole = Path("/proc/self/uid_map").read_text(encoding="ascii").split()[1:2] == ["0"]
    return not (os.getuid() == 0 and whole) and apart and bound("NPROC", most)


def bound_processor(seconds: float) -> None:
    """Let this process use so many more seconds of every processor, then the system ends it."""
    if sys.platform == "win32" or sys.platform == "emscripten":
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds * (os.cpu_count() or 1)) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))
