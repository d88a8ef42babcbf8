"""Holding a preview to what it may do: the fork sees everything, and nothing that it does reaches further.

A hook refuses files, processes, deletions and connections that Python starts; a network namespace of its own, where the
system grants one, and a file size limit of nothing stop what C code would do. Memory that is shared on purpose
(``np.memmap`` for writing, shared memory) stays shared.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmos_nb.tools.devices.child.sandbox import limits, sandbox

_OS = """remove rename rmdir mkdir link symlink truncate chmod chown utime setxattr removexattr
    kill system exec fork forkpty posix_spawn spawn startfile"""
_EFFECTS = sandbox.NETWORK | {
    *(f"os.{act}" for act in _OS.split()),
    *("subprocess.Popen", "shutil.rmtree", "shutil.move", "sqlite3.connect", "webbrowser.open"),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def no_effects() -> None:
    """Refuse, for good, all that would reach outside this process: for a preview."""
    sys.dont_write_bytecode = True
    limits.bound("FSIZE", 0)
    sandbox.close_network()
    sys.addaudithook(_refuse_effects)


def _refuse_effects(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, str | bytes) and flags & _WRITING and os.fsdecode(path) != os.devnull:
            raise PermissionError(f"refused in a preview: it would write {os.fsdecode(path)!r}")
    elif event in _EFFECTS and not (event == "sqlite3.connect" and arguments[0] == ":memory:"):
        raise PermissionError(f"refused in a preview: {event}")


def cut_descriptors(keep: frozenset[int]) -> None:
    """Part a forked process from the files and connections that it shares with its parent.

    Connections become empty, and open files get a position of their own, for reading only.
    """
    null = os.open(os.devnull, os.O_RDWR)
    listed = Path("/proc/self/fd")
    numbers = [int(p.name) for p in listed.iterdir()] if listed.exists() else range(3, 1024)
    for number in {*numbers} - keep - {null}:
        with suppress(OSError):
            mode = os.fstat(number).st_mode
            if stat.S_ISREG(mode):
                own = os.open(f"/proc/self/fd/{number}", os.O_RDONLY)
                os.lseek(own, os.lseek(number, 0, os.SEEK_CUR), os.SEEK_SET)
                os.dup2(own, number)
                os.close(own)
            elif not stat.S_ISDIR(mode) and not stat.S_ISCHR(mode):
                os.dup2(null, number)
