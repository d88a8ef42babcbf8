"""Landlock: what of the file system a process can reach, by the system and without any special right."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress

from llmos_nb.tools.devices.child.sandbox.libc import LINUX, no_new_privileges, syscall

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE, _READ, _LIST = 1, 2, 4, 8
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_FILE = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL
_ACCESS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP, _ABSTRACT_SOCKETS, _SIGNALS = 3, 1, 2
LOOK = _READ | _LIST
RUN = LOOK | _EXECUTE
NAMES = _LIST
USE = _READ | _WRITE | _TRUNCATE | _IOCTL
OWN = (1 << 15) - 1 & ~(1 << 6 | 1 << 9 | 1 << 11)  # no devices and no sockets


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the version that the system has; 0 where it has none."""
    with suppress(OSError):
        return syscall(_CREATE, 0, 0, 1) if LINUX else 0
    return 0


def restrict(allowed: Iterable[tuple[str, int]]) -> None:
    """Leave this process, for good, only what is allowed beneath each path; a path that is not there is passed over.

    Where the version can (6 and later), signals and abstract sockets reach only what was started from here.

    Parameters
    ----------
    allowed : iterable of (str, int)
        Paths of files or folders, with `LOOK`, `RUN`, `NAMES`, `USE` or `OWN`.

    Raises
    ------
    OSError
        The system has no Landlock, or refuses.
    """
    abi = version()
    handled = _ACCESS[max(min(abi, 5), 1)]
    scoped = _ABSTRACT_SOCKETS | _SIGNALS if abi >= 6 else 0
    rules = _Rules(handled, _TCP if abi >= 4 else 0, scoped)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = syscall(_CREATE, ctypes.byref(rules), size, 0)
    try:
        for path, access in allowed:
            _add(ruleset, path, access & handled)
        no_new_privileges()
        syscall(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _add(ruleset: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(f"/proc/self/fd/{place}"):  # noqa: PTH112 - of what was opened, whatever the path is now
            access &= _FILE
        if access:
            syscall(_ADD, ruleset, 1, ctypes.byref(_Beneath(access, place)), 0)
    finally:
        os.close(place)
