"""Panels on pages of JupyterLab: each follows its process by a comm, and a page that is opened later asks for one.

Panels that are drawn in a cell open their comm themselves, so that a page follows them at once. A page that finds none
for what it shows (the notebook was opened again, the interpreter is another) opens one itself and names the process.
"""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from llmos_nb.app.present.clicks import listen
from llmos_nb.errors import LlmosError

if TYPE_CHECKING:
    from llmos_nb.session import Process, Session

TARGET = "llmos.panel"
Message = dict[str, Any]


class Panels:
    """What answers the pages of one notebook.

    Parameters
    ----------
    session : callable
        Returns the session, which is made when somebody asks for a process.
    """

    drawing = False
    """Whether a page has said that it draws panels itself."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session
        self._here: Any = None

    def begin(self) -> None:
        """Let pages ask from now on, and tell those that are open that they may."""
        from comm import create_comm, get_comm_manager  # only where there are pages

        get_comm_manager().register_target(TARGET, self.opened)
        self._here = create_comm(target_name=TARGET, data={"hello": True})
        if not listen(self._here, self._said):
            self._here.on_msg(self._said)

    def _said(self, _: object) -> None:
        Panels.drawing = True

    def end(self) -> None:
        """Let no page ask any more."""
        from comm import get_comm_manager

        if self._here is not None:
            get_comm_manager().unregister_target(TARGET, self.opened)
            self._here.close()
            self._here = None

    def opened(self, comm: Any, message: Message) -> None:
        """Let a page follow the process that it names, or say why that cannot be."""
        asked = message["content"]["data"]
        try:
            process = self._found(asked)
        except LlmosError as error:
            comm.send(custom({"kind": "gone", "why": str(error)}))
            comm.close()
            return
        resolve_name("llmos_nb.app.present.panel:attach")(process, comm)  # ipywidgets is slow to import

    def _found(self, asked: Message) -> Process:
        """Return the process of a number whose journal is the one that the page shows.

        Raises
        ------
        LlmosError
            It is not there, cannot be read, or is another.
        """
        process = self._session().find(int(asked.get("pid", 0)))
        if process.journal.events[0].hash != asked.get("run"):
            raise LlmosError(f"process {process.pid} of this folder is another than the one that is shown here")
        return process


def custom(content: Message) -> Message:
    """Return a message as a widget sends it."""
    return {"method": "custom", "content": content}
