"""A line in a cell of ours that waits because a step holds the main thread: why it waits, and what passes meanwhile.

ipykernel reads requests on a thread of its own and hands them on to the main thread. We look at them as they are read.
Where there is no such thread (ipykernel before 7, other backends) nothing is said, and the cell waits as any other.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmos_nb.session import Process
    from llmos_nb.tools import Call

SOON_S = 0.7  # what the main thread takes up by then needs no line
_DELIMITER = b"<IDS|MSG>"


class Queued:
    """Looks at the requests of a notebook's pages.

    Parameters
    ----------
    backend : IPythonKernel
        Who reads them.
    processes : callable
        Returns the processes of this notebook.
    """

    def __init__(self, backend: Any, processes: Callable[[], Mapping[int, Process]]) -> None:
        self._backend, self._processes = backend, processes
        self._reader: Any = getattr(backend, "shell_channel_thread", None)

    def begin(self) -> None:
        """Look from now on, where that is possible."""
        self._have(self._read)

    def end(self) -> None:
        """Look no more."""
        self._have(getattr(self._backend, "shell_channel_thread_main", None))

    def _have(self, reading: Any) -> None:
        stream = getattr(self._reader, "shell_stream", None)
        if self._reader is not None and stream is not None and reading is not None:
            self._reader.io_loop.add_callback(stream.on_recv, reading, copy=False)

    async def _read(self, frames: list[Any]) -> None:
        with suppress(Exception):  # whatever is odd about a request, it goes its way
            self._look([bytes(f.buffer) for f in frames])
        await self._backend.shell_channel_thread_main(frames)

    def _look(self, frames: list[bytes]) -> None:
        """Where it is a cell of ours and a step runs, see whether the main thread takes it up soon."""
        at = frames.index(_DELIMITER)
        signature, header, parent, metadata, content = frames[at + 1 : at + 6]
        asked = json.loads(header)
        if asked.get("msg_type") != "execute_request" or asked.get("subshell_id"):
            return
        if not json.loads(content)["code"].lstrip().startswith("%agent"):
            return
        if signature != self._backend.session.sign([header, parent, metadata, content]):
            return
        process, step = next(iter(_running(self._processes().values())), (None, ""))
        if process is not None and (loop := process.dispatch.visits.loop) is not None:
            free = threading.Event()
            loop.call_soon_threadsafe(free.set)
            self._reader.io_loop.call_later(SOON_S, self._tell, asked, process, step, free)

    def _tell(self, asked: dict[str, Any], process: Process, step: str, free: threading.Event) -> None:
        if free.is_set() or (process, step) not in _running([process]):
            return
        p = process.pid
        line = (
            f"this cell waits: {step} of process {p} runs on the notebook's thread until it ends. Meanwhile the panel "
            f"and the sidebar are heard, and in a terminal `llmos ps` and `llmos stop {p}`; an interrupt stops it\n"
        )
        where = {"parent": {"header": asked}, "ident": b"stream.stdout"}
        said = {"name": "stdout", "text": line}
        self._backend.session.send(self._backend.iopub_socket, "stream", said, **where)


def _running(processes: Iterable[Process]) -> list[tuple[Process, str]]:
    """Return processes that have a call under way on the main thread, with the call."""
    return [(p, c.id) for p in list(processes) for c in p.run.state.open_calls if _holds(p, c)]


def _holds(process: Process, call: Call) -> bool:
    tool = process.run.tools.get(call.name)
    return call.status == "running" and tool is not None and not (tool.beside or tool.elsewhere)
