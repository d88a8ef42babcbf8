"""The comm by which pages follow all processes of this notebook, and steer them without their panels.

The comm is opened when the extension loads, which costs one message; all else is imported when a page first asks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from llmos_nb.app.lab.panels import custom
from llmos_nb.app.present.clicks import listen
from llmos_nb.journal import Home, host

if TYPE_CHECKING:
    from llmos_nb.app.lab.rows import Rows
    from llmos_nb.session import Process, Session

TARGET = "llmos.processes"
_offered: list[Service] = []


def offer(ip: Any, home: Callable[[], Home]) -> Service:
    """Open the comm; what was offered before is withdrawn."""
    withdraw()
    _offered.append(service := Service(ip, home))
    service.open()
    return service


def withdraw() -> None:
    """Close the comm."""
    while _offered:
        _offered.pop().close()


class Service:
    """The processes of one interpreter, for all pages that are connected to it.

    Parameters
    ----------
    ip : InteractiveShell
        IPython in a notebook.
    home : callable
        Return the home as the settings name it now.
    """

    def __init__(self, ip: Any, home: Callable[[], Home]) -> None:
        self.ip, self._home = ip, home
        self.cells: dict[int, str] = {}
        """The cell in which each process was shown last, as the front end names it."""
        self._comm: Any = None
        self._session: Session | None = None
        self._rows: Rows | None = None
        self._early: deque[dict[str, Any]] = deque()  # what pages said before there were rows
        self._making = threading.Lock()
        self._begun = False

    def open(self) -> None:
        """Offer the processes to the pages that are there; one that comes later finds the comm by its target."""
        from comm import create_comm  # ipykernel has it

        if self._comm is not None and not self._comm._closed:
            return
        self._comm = create_comm(target_name=TARGET)
        if not listen(self._comm, self.take):  # they come by the main thread, when it is free
            self._comm.on_msg(self._came)

    def close(self) -> None:
        """Leave every page."""
        if self._comm is not None:
            with suppress(Exception):  # the interpreter may be about to end
                self._comm.close()

    def follow(self, session: Session) -> None:
        """Follow the processes of the session from now on."""
        self._session = session
        session.on_start.append(self._started)
        session.on_show.append(self._shown)

    def _started(self, process: Process) -> None:
        self.open()  # a page that knew nothing of it may have closed it
        if self._rows is not None:
            self._rows.follow(process)

    def _shown(self, process: Process) -> None:
        if cell := cell_of(self.ip):
            self.cells[process.pid] = cell
        if self._rows is not None:
            self._rows.changed(process)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message to every page."""
        if self._comm is not None and not self._comm._closed:
            self._comm.send(custom(dict(message)))

    def _came(self, message: Mapping[str, Any]) -> None:
        if isinstance(content := message["content"]["data"].get("content"), dict):
            self.take(content)

    def take(self, message: dict[str, Any]) -> None:
        """Take what a page says; from any thread, at once."""
        with self._making:
            if self._rows is not None:
                return self._rows.take(message)
            self._early.append(message)
            if not self._begun:
                self._begun = True
                host.beside(self._begin, name="llmos-pages")
        return None

    def _begin(self) -> None:
        from llmos_nb.app.lab.rows import Rows  # it imports what shows and steers processes

        rows = Rows(self)
        with self._making:
            self._rows = rows
            early = list(self._early)
        for process in list(self.processes.values()):
            rows.follow(process)
        for message in early:
            rows.take(message)

    def home(self) -> Home:
        """Return the home as the settings name it now."""
        return self._home()

    @property
    def processes(self) -> dict[int, Process]:
        """The processes of this notebook; none while it has no session."""
        return self._session.processes if self._session is not None else {}


def cell_of(ip: Any) -> str:
    """Return the id of the cell that runs, as the front end named it; empty where it is not known."""
    backend = getattr(ip, "kernel", None)
    if backend is None:
        return ""
    parent = host.parent_of(backend)
    asked = parent.get("header", {}).get("msg_type") == "execute_request"
    return str(parent.get("metadata", {}).get("cellId") or "") if asked else ""
