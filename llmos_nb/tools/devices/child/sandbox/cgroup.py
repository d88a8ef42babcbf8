"""Control groups (cgroup v2): what all processes of a child hold together, counted by the system itself.

They are used where the system hands a part of its tree to this user, as systemd does in a user's session; elsewhere
limits for each process and the one that watches over them hold the child, and it says so.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_WANTED = {"memory", "pids"}
_TRIES, _WAIT_S = 40, 0.005


def made(memory: int, processes: int, proc: Path = Path("/proc/self")) -> str:
    """Make a group with bounds for a child; an empty text where none was handed to this user.

    Parameters
    ----------
    memory : int
        Bytes, of all that is in it.
    processes : int
        Processes and threads.
    proc : Path
        Where the system says in which group this process is.
    """
    for place in _places(proc):
        with suppress(OSError):
            if not set((place / "cgroup.subtree_control").read_text(encoding="ascii").split()) >= _WANTED:
                continue
            group = tempfile.mkdtemp(prefix="llmos-child-", dir=place)
            try:
                for file, most in (("memory.max", memory), ("memory.oom.group", 1), ("pids.max", processes)):
                    Path(group, file).write_text(str(most), encoding="ascii")
                with suppress(OSError):  # a system without swap has none to bound
                    Path(group, "memory.swap.max").write_text("0", encoding="ascii")
                return group
            except OSError:
                removed(group)
    return ""


def _places(proc: Path) -> Iterator[Path]:
    """Return where a group may be made: below the group of this process, or beside it."""
    with suppress(OSError, ValueError, StopIteration):
        lines = (proc / "cgroup").read_text(encoding="utf-8").splitlines()
        own = next(line[3:] for line in lines if line.startswith("0::/"))
        mounts = (line.split() for line in (proc / "mountinfo").read_text(encoding="utf-8").splitlines())
        root, top = next((m[3], Path(m[4])) for m in mounts if m[m.index("-") + 1] == "cgroup2")
        place = top / own.removeprefix(root).lstrip("/")
        yield place
        if place != top:
            yield place.parent


def entered(group: str) -> bool:
    """Let this process, and all that it starts, be counted in a group; tell whether it is."""
    with suppress(OSError):
        if group:
            Path(group, "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
            return True
    return False


def ended(group: str) -> None:
    """End all that is in a group."""
    with suppress(OSError):
        if group:
            Path(group, "cgroup.kill").write_text("1", encoding="ascii")


def removed(group: str) -> None:
    """Take a group away, with what is left in it; the system needs a moment to see that they have ended."""
    ended(group)
    for _ in range(_TRIES if group else 0):
        try:
            return Path(group).rmdir()
        except FileNotFoundError:
            return None
        except OSError:
            time.sleep(_WAIT_S)
    return None
