"""The one quiet line under a cell whose process settled without an answer; it goes when the process has gone on.

What IPython shows of an error can never be taken back, so in a notebook with widgets the line is an output that can be
changed. The cell fails all the same, so that Run All stops there.
"""

from __future__ import annotations

from html import escape
from typing import Any

from llmos_nb.app.present.text import publish
from llmos_nb.errors import NotAnswered
from llmos_nb.journal import Event
from llmos_nb.policy.secrets import redact
from llmos_nb.process.state import State
from llmos_nb.session import Process

_LOOK = "white-space:pre-wrap;font-family:monospace;color:var(--jp-error-color1,#c62828)"
_MARK, _BEFORE = "_llmos_line", "_llmos_line_before"


class Line:
    """The line of one process.

    Parameters
    ----------
    process : Process
        What settled.
    error : NotAnswered
        What is said of it.
    """

    def __init__(self, process: Process, error: BaseException) -> None:
        self.process, self.text = process, redact(f"{type(error).__name__}: {error}")
        self.display_id = f"llmos-{process.pid}-{id(self):x}-line"
        self._stood = _stands(process.run.state)
        setattr(error, _MARK, self)

    def show(self) -> None:
        """Show it, unless the process has gone on meanwhile."""
        self.process.dispatch.ask(self._follow)

    def _follow(self) -> None:
        run = self.process.run
        if _stands(run.state) == self._stood:
            publish(f'<div style="{_LOOK}">{escape(self.text)}</div>', self.text, self.display_id)
            run.listeners.append(self.heard)

    def heard(self, event: Event, state: State) -> None:
        """Take the line away once the process does not stand any more as it says."""
        if _stands(state) != self._stood:
            publish("", "", self.display_id, update=True)
            self.process.run.listeners[:] = [x for x in self.process.run.listeners if x != self.heard]


def line_of(error: BaseException) -> Line | None:
    """Return the line that an error carries."""
    found: Line | None = getattr(error, _MARK, None)
    return found


def _stands(s: State) -> tuple[str, str, bool]:
    return s.status, s.reason, s.waiting or s.expecting


def install(ip: Any) -> None:
    """Have IPython show the errors that carry a line by it; all others it shows as before."""
    others, before = ip.custom_exceptions, ip.CustomTB
    if before is getattr(ip, _MARK, None):
        return

    def shown(ip: Any, kind: Any, error: Any, trace: Any, tb_offset: Any = None) -> Any:
        if (line := line_of(error)) is not None:
            ip._last_traceback = [line.text]  # what the reply to the front end says
            line.show()
        elif isinstance(error, others):
            return before(kind, error, trace, tb_offset)
        else:
            ip.showtraceback((kind, error, trace), tb_offset=tb_offset)
        return None

    ip.set_custom_exc((NotAnswered, *others), shown)
    setattr(ip, _MARK, ip.CustomTB)  # somebody may put another handler in its place
    setattr(ip, _BEFORE, (others, before))


def uninstall(ip: Any) -> None:
    """Have IPython show errors as before, unless somebody has put another handler in the place of ours."""
    ours, before = (vars(ip).pop(name, None) for name in (_MARK, _BEFORE))
    if ours is not None and ip.CustomTB == ours:
        ip.custom_exceptions, ip.CustomTB = before
