"""Namespaces of the system: a network, processes, mounts and messages of a child's own, without any special right."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmos_nb.tools.devices.child.sandbox import libc

_FLAGS = libc.NOSUID | libc.NODEV
FEWEST = 301  # the least number of process ids that the system takes as a bound


def enter(network: bool, processes: bool) -> frozenset[str]:
    """Leave what is shared with other processes, as far as the system grants it.

    Parameters
    ----------
    network, processes : bool
        What to leave.

    Returns
    -------
    frozenset of str
        ``network``, ``processes`` (of the next process that this one starts).
    """
    if not libc.LINUX or threading.active_count() > 1:
        return frozenset()
    uid, gid = os.getuid(), os.getgid()
    maps = {"setgroups": "deny", "uid_map": f"{uid} {uid} 1", "gid_map": f"{gid} {gid} 1"}
    wanted = {"network": libc.NEW_NET * network, "processes": libc.NEW_PID * processes}
    for names in (("network", "processes"), ("network",), ("processes",)):
        flags = sum(wanted[n] for n in names)
        with suppress(OSError):
            libc.unshare(flags | libc.NEW_USER | libc.NEW_IPC)
            with suppress(OSError):  # it stays who it is; without the maps it is nobody, and still apart
                for file, line in maps.items():
                    Path("/proc/self", file).write_text(line, encoding="ascii")
            return frozenset(n for n in names if wanted[n])
        with suppress(OSError):  # an administrator's process needs no user namespace
            libc.unshare(flags)
            return frozenset(n for n in names if wanted[n])
    return frozenset()


def furnish(folder: str, disk: int, *, closed: bool, processes: bool) -> frozenset[str]:
    """Leave the mounts of others and mount what is the child's own; to be called inside.

    Parameters
    ----------
    folder : str
        Its folder.
    disk : int
        Bytes that the folder may hold; 0 leaves it on the disk that it is on.
    closed : bool
        Let everything else be read-only.
    processes : bool
        Whether this process has process numbers of its own.

    Returns
    -------
    frozenset of str
        ``closed``; ``disk``, if the folder is bounded; ``proc``, if ``/proc`` shows only the child's processes.
    """
    held: set[str] = set()
    with suppress(OSError):
        libc.unshare(libc.NEW_NS)
        libc.mount("none", "/", "", libc.REC | libc.PRIVATE)
        held |= _tried("closed", libc.read_only, "/") if closed else set()
        bounds = f"size={disk},nr_inodes=100k,mode=700" if disk else "mode=700"
        if disk or closed:
            held |= _tried("disk", libc.mount, "tmpfs", folder, "tmpfs", _FLAGS, bounds)
        _tried("shared", libc.mount, "tmpfs", "/dev/shm", "tmpfs", _FLAGS | libc.NOEXEC, "size=64m,mode=700")  # noqa: S108 - it is mounted here
        if processes:
            held |= _tried("proc", libc.mount, "proc", "/proc", "proc", _FLAGS | libc.NOEXEC)
    return frozenset(held if disk else held - {"disk"})


def _tried(name: str, act: Callable[..., None], *arguments: Any) -> set[str]:
    with suppress(OSError):
        act(*arguments)
        return {name}
    return set()


def bound_ids(count: int) -> bool:
    """Bound how many processes and threads there can be inside; to be called where ``/proc`` is the child's own.

    Before Linux 6.14 the number is one for the whole system, and is left alone.
    """
    release = tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])
    with suppress(OSError):
        if release >= (6, 14):
            Path("/proc/sys/kernel/pid_max").write_text(str(max(count, FEWEST)), encoding="ascii")
            return True
    return False
