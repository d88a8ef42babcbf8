"""What the system under this Python can do: in a browser there is one thread, no other process and no timer signal."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
ALONE = sys.platform in ("emscripten", "wasi")
"""Whether this thread is the only one, and this process, too: what else stands beside is done in its turn."""
_LEASH = (
    "import ctypes,os,sys;ctypes.CDLL(None).prctl(1,9);"
    "os.getppid()==int(sys.argv[1]) or os._exit(1);os.execvp(sys.argv[2],sys.argv[2:])"
)
if ALONE:  # its locks are files, which does for one interpreter
    warnings.filterwarnings("ignore", "only soft file lock is available")


def beside(work: Callable[..., object], *args: object, name: str) -> None:
    """Have work done on a thread of its own, which holds up no end; where there is none, now."""
    if ALONE:
        work(*args)
    else:
        threading.Thread(target=work, args=args, name=name, daemon=True).start()


def to_its_end(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what a coroutine gives, from code that cannot await, also where an event loop runs already."""
    if not ALONE:
        with ThreadPoolExecutor(1, "llmos-apart") as pool:
            return pool.submit(lambda: asyncio.run(work())).result()
    try:
        from pyodide.ffi import run_sync  # the browser's Python: the one loop goes on meanwhile
    except ImportError:
        return asyncio.run(work())

    async def held() -> list[T]:  # JavaScript would await what can be awaited itself, such as a process
        return [await work()]

    given: list[T] = run_sync(held())
    return given[0]


def parent_of(backend: Any) -> dict[str, Any]:
    """Return the message by which the front end made a notebook's backend run the code that calls this."""
    parent: dict[str, Any] = backend.get_parent() if ALONE else backend.get_parent("shell")
    return parent


def leashed(command: Sequence[str]) -> list[str]:
    """Return a command whose program does not outlive this interpreter, even one that is killed, where that can be."""
    leash = [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid())] if sys.platform == "linux" else []
    return [*leash, *command]


def kill_group(pid: int) -> None:
    """End a process group at once; one that is gone is fine."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)


def end_at_exit(groups: set[int]) -> None:
    """End process groups with this interpreter, those that stand in the set by then; a fork that exits ends none."""
    atexit.register(lambda: list(map(kill_group, groups)))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=groups.clear)
