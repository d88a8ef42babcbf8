"""Holding a copy of a process to what it may do: the fork sees everything, and nothing that it does reaches further.

A hook refuses files, processes, deletions and connections that Python starts. On Linux a filter of system calls refuses
them to C code, too, and memory that is shared with files and processes is made private (`memory`); elsewhere ctypes is
refused in their place. Of what is only looked at, nothing is read from outside either.
"""

from __future__ import annotations

import importlib.machinery
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmos_nb.tools.devices.child.sandbox import limits, memory, sandbox, seccomp

_OS = """remove rename rmdir mkdir link symlink truncate chmod chown utime setxattr removexattr
    kill system exec fork forkpty posix_spawn spawn startfile"""
_EFFECTS = sandbox.NETWORK | {
    *(f"os.{act}" for act in _OS.split()),
    *("subprocess.Popen", "shutil.rmtree", "shutil.move", "sqlite3.connect", "webbrowser.open", "resource.prlimit"),
}  # fmt: skip
_NATIVE = frozenset(f"ctypes.{act}" for act in ("dlopen", "dlsym", "dlsym/handle", "call_function"))
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SYSTEM = ("/usr/", "/lib", "/etc/localtime", "/proc/self/", "/dev/null", "/dev/urandom")
_OURS = ("os.fork", "os.kill")
_CODE = tuple(importlib.machinery.all_suffixes())


@dataclass
class _Held:
    """What this process is held to."""

    where: str = ""  # in words: `a preview`
    native: bool = False  # whether C code is held, too
    ours: bool = False  # whether what is at work is ours, and no step's
    places: tuple[str, ...] | None = None  # what may be read, where not everything may
    locked: list[str] = field(default_factory=list)
    refused: str = ""


_held = _Held()


def no_effects(where: str = "a preview", regions: Iterable[memory.Region] | None = None) -> None:
    """Refuse, for good, all that would reach outside this process.

    Parameters
    ----------
    where : str
        What it is, in words.
    regions : iterable of Region, optional
        The memory that it shares, where that is known.
    """
    _held.locked += memory.part(memory.shared() if regions is None else regions)
    if _held.where:
        return
    _held.where = where
    sys.dont_write_bytecode = True
    limits.bound("FSIZE", 0)
    limits.bound("CORE", 0)
    sandbox.close_network()
    with suppress(OSError, AttributeError):
        seccomp.refuse(processes=True, about_files=False, acts=False)
        _held.native = True
    sys.addaudithook(_refuse_effects)


def no_reads(where: str) -> None:
    """Refuse, from now on, to read files other than those of Python and the system: a copy that is only looked at."""
    paths = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()]
    ours = {f"{os.path.realpath(p)}{os.sep}" for p in paths if p}
    _held.where, _held.places, _held.refused = where, (*ours, *_SYSTEM), ""


@contextmanager
def ours() -> Iterator[None]:
    """Let us copy this process once more, or end a copy."""
    _held.ours = True
    try:
        yield
    finally:
        _held.ours = False


def no_sharing(values: Mapping[str, Any]) -> None:
    """Refuse to look at what shares memory, where the system does not tell what is shared, so that it stays so."""
    for name in values if not memory.MAPS.exists() else ():
        if memory.may_be_shared(values[name]):
            _refuse(f"`{name}` may share memory, which cannot be copied on this system")


def refused() -> str:
    """Return what was refused last since reads were, in words; empty for nothing."""
    return _held.refused


def locked() -> list[str]:
    """Return the shared memory that could not be copied: a write to it ends the process."""
    return list(_held.locked)


def _refuse(what: str) -> None:
    _held.refused = f"refused in {_held.where}: {what}"
    raise PermissionError(_held.refused)


def _refuse_effects(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, str | bytes):
            name = os.fsdecode(path)
            if flags & _WRITING and name != os.devnull:
                _refuse(f"it would write {name!r}")
            if _held.places is not None and not _readable(name):
                _refuse(f"it would read {name!r} from outside")
    elif event in _OURS and _held.ours:
        return
    elif event in _EFFECTS and not (event == "sqlite3.connect" and arguments[0] == ":memory:"):
        _refuse(event)
    elif event in _NATIVE and not _held.native and arguments[:1] != (None,):
        _refuse(f"{event}, which this system cannot hold back")


def _readable(name: str) -> bool:
    """Return whether a file is of Python, of the system, or code on the path of imports."""
    path, places = os.path.realpath(name), _held.places or ()
    return path.startswith(places) or (
        path.endswith(_CODE) and path.startswith(tuple(os.path.realpath(p) for p in sys.path))
    )


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
