"""The few calls of the C library that Python does not have."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from typing import Any

LINUX = sys.platform.startswith("linux")
MACHINE = platform.machine()
NEW_NS, NEW_IPC, NEW_USER, NEW_PID, NEW_NET = 0x20000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
_DEATHSIG, _NO_NEW_PRIVS = 1, 38
NOSUID, NODEV, NOEXEC, REC, PRIVATE = 2, 4, 8, 16384, 1 << 18
_VERSION_3 = 0x20080522


def _library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    """Return a result, or raise what the system said."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def syscall(number: int, *arguments: Any) -> int:
    """Make a system call by its number."""
    words = [a if not isinstance(a, int) else ctypes.c_long(a) for a in arguments]
    return checked(_library().syscall(ctypes.c_long(number), *words))


def prctl(option: int, *arguments: Any) -> int:
    """Change how the system treats this process."""
    words = [a if not isinstance(a, int) else ctypes.c_ulong(a) for a in arguments]
    words += [ctypes.c_ulong(0)] * (4 - len(words))
    return checked(_library().prctl(option, *words))


def unshare(flags: int) -> None:
    """Leave what is shared with other processes."""
    checked(_library().unshare(flags))


def mount(what: str, where: str, kind: str, flags: int, data: str = "") -> None:
    """Put a file system at a place."""
    place, options = (what.encode(), where.encode(), kind.encode()), data.encode()
    checked(_library().mount(*place, ctypes.c_ulong(flags), options))


def read_only(where: str) -> None:
    """Let nothing beneath a place be written or changed through this process's mounts."""
    set_, beneath, here = (ctypes.c_uint64 * 4)(1, 0, 0, 0), 0x8000, -100
    syscall(442, here, where.encode(), beneath, ctypes.byref(set_), ctypes.sizeof(set_))


def die_with_parent(parent: int) -> None:
    """Have the system end this process when its parent ends, however that ends."""
    prctl(_DEATHSIG, 9)
    if os.getppid() not in (parent, 0):  # 0: the parent stands outside this process's own numbers
        os._exit(1)  # it ended before that could be said


def no_new_privileges() -> None:
    """Let no program that is started from here gain anything, by set-user-id or otherwise."""
    prctl(_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Return up every special right of this process and of what it starts."""
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    numbers = {"x86_64": 126, "aarch64": 91}
    syscall(numbers[MACHINE], ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
