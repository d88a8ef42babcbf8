"""Holding a child process to what it may do, with what the system offers; what it stops is said, never assumed.

A network namespace of its own stops every connection, C code's too. Where the system grants none, an audit hook refuses
what Python's own modules do, and C code that speaks for itself gets past it. Limits of memory and processor time are
the system's. The hook of a preview also refuses files, processes and deletions that Python starts; a file size limit of
nothing stops what C code would write. Memory that is shared on purpose (``np.memmap`` for writing, shared memory)
stays shared.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

if sys.platform != "win32":
    import resource

LEAST_MEMORY = 2 << 30
_NEW_NET, _NEW_USER = 0x40000000, 0x10000000
_NETWORK = frozenset(
    f"socket.{act}" for act in ("connect", "bind", "sendto", "sendmsg", "getaddrinfo", "gethostbyname")
)
_EFFECTS = _NETWORK | {
    *(
        f"os.{act}"
        for act in ("remove", "rename", "rmdir", "mkdir", "link", "symlink", "truncate", "chmod", "chown")
    ),
    *(f"os.{act}" for act in ("utime", "kill", "system", "exec", "fork", "forkpty", "posix_spawn", "spawn")),
    *(f"os.{act}" for act in ("startfile", "setxattr", "removexattr")),
    *("subprocess.Popen", "shutil.rmtree", "shutil.move", "sqlite3.connect", "webbrowser.open"),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def no_network() -> str:
    """Take the network away from this process, for good.

    Returns
    -------
    str
        What holds now, in words for a person.
    """
    if _unshared():
        return "no network (its own empty network namespace)"
    sys.addaudithook(_refuse_network)
    return "no network through Python's own modules only: the system grants no network namespace here"


def _unshared() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    uid, gid = os.getuid(), os.getgid()
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_NEW_NET) == 0:
            return True
        if libc.unshare(_NEW_USER | _NEW_NET) == 0:
            with suppress(OSError):  # without the maps the process is nobody, and still has no network
                Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
                Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
                Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
            return True
    return False


def _refuse_network(event: str, _: tuple[Any, ...]) -> None:
    if event in _NETWORK:
        raise PermissionError(f"{event} is refused: this process has no network")


def bound_memory(most: int = 0) -> str:
    """Bound this process's memory; give what holds now, in words."""
    if sys.platform == "win32":
        return "no bound on memory on this system"
    most = most or max(_physical() * 3 // 4, LEAST_MEMORY)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ValueError, OSError):
        return "no bound on memory: the system refuses it"
    return f"at most {most >> 20:,} MiB of memory"


def _physical() -> int:
    with suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 0


def bound_processor(seconds: float) -> None:
    """Let this process use so many more seconds of every processor, then the system ends it."""
    if sys.platform == "win32":
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds * (os.cpu_count() or 1)) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def no_effects() -> None:
    """Refuse, for good, all that would reach outside this process: for a preview."""
    sys.dont_write_bytecode = True
    if sys.platform != "win32":
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _unshared()
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
    for number in numbers:
        if number not in keep and number != null:
            with suppress(OSError):
                _cut(number, null)


def _cut(number: int, null: int) -> None:
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode):
        at = os.lseek(number, 0, os.SEEK_CUR)
        own = os.open(f"/proc/self/fd/{number}", os.O_RDONLY)
        os.lseek(own, at, os.SEEK_SET)
        os.dup2(own, number)
        os.close(own)
    elif not stat.S_ISDIR(mode) and not stat.S_ISCHR(mode):
        os.dup2(null, number)
