"""What the system under this Python can do: in a browser there is one thread, no other process and no timer signal."""

from __future__ import annotations

import asyncio
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
ALONE = sys.platform in ("emscripten", "wasi")
"""Whether this thread is the only one, and this process, too: what else stands beside is done in its turn."""
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
