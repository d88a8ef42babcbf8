"""The user's cells, recorded as they run: hooks of IPython that only look, and a thread that writes.

On the user's thread a cell costs a look at the names in its source, never at the whole namespace; hashing, scanning for
secrets and writing are done beside it. What could not be written is kept here, and said when it is wanted.
"""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from llmos_nb.journal import host
from llmos_nb.session.notebook.outputs import Outputs

if TYPE_CHECKING:
    from llmos_nb.journal import Home
    from llmos_nb.journal.events import CellRan
    from llmos_nb.process import Run
    from llmos_nb.session.notebook.writer import Writer
    from llmos_nb.tools import Reads

_SECRET = re.compile(r"key|secret|token|pass|pwd|credential|auth", re.IGNORECASE)
_WORD = re.compile(r"\w+")
NAMED_CHARS = 8_000  # of a longer cell the changed names are not looked for, since that would cost a millisecond


Hook = Callable[[Any], None]


@dataclass
class _Open:
    """A cell under way."""

    place: int
    source: str
    info: Any
    bound: dict[str, int]
    random: dict[str, Any]
    reads: Reads | None
    began: float = field(default_factory=time.perf_counter)


class Recorder:
    """Records the cells of one notebook.

    Parameters
    ----------
    ip : InteractiveShell
        Whose cells.
    home : callable
        Returns the home in which the journal stands.
    wanted : callable
        Returns whether cells are recorded now.
    around : callable
        Takes each hook and returns what is called in its place.
    """

    def __init__(
        self,
        ip: Any,
        home: Callable[[], Home],
        wanted: Callable[[], bool] = lambda: True,
        around: Callable[[Hook], Hook] = lambda hook: hook,
    ) -> None:
        self.ip, self.wanted, self.around = ip, wanted, around
        self._hooks: dict[str, Hook] = {}
        self.id = uuid.uuid4().hex[:16]
        self.cells: dict[int, CellRan] = {}  # by place, as they are written
        self.left_out = 0  # cells that ran while recording was off
        self.began_in = os.path.realpath(os.curdir)  # relative names of the first cell start there
        self._home, self._numbers, self._lock = home, count(1), threading.RLock()
        self._open: _Open | None = None
        self._joined: set[str] = set()
        self._early: list[dict[str, Any]] = []  # what is known of cells that ran before all is imported
        self._outputs = Outputs(ip)

    @cached_property
    def _writer(self) -> Writer:
        from llmos_nb.session.notebook.writer import Writer  # slow to import: with the first cell

        return Writer(self.id, self._home, self._kept, lambda: _name_of(self.ip), self.began_in)

    # following the notebook

    def install(self) -> None:
        """Follow the cells from now on; those that ran before are taken from the history."""
        if not self.cells and not self._early:
            self._before_us()
            host.beside(_warm, name="llmos-record-warm")
        self._hooks = {"pre_run_cell": self.around(self._begins), "post_run_cell": self.around(self._ended)}
        for name, hook in self._hooks.items():
            self.ip.events.register(name, hook)
        self._outputs.install()

    def remove(self) -> None:
        """Follow them no more."""
        for name, hook in self._hooks.items():
            if hook in self.ip.events.callbacks[name]:
                self.ip.events.unregister(name, hook)
        self._outputs.remove()

    def _before_us(self) -> None:
        """Note the cells of the history; the last one runs now, and takes this place when it ends."""
        history = getattr(self.ip, "history_manager", None)
        sources = list(history.input_hist_raw)[1:] if history is not None else []
        for n, source in enumerate(sources, 1):
            if source.strip() and self.wanted():
                self._early.append({"place": next(self._numbers), "source": source, "count": n, "before": True})

    def _take_early(self) -> None:
        """Record what was noted before all was imported."""
        early, self._early = self._early, []
        for one in early:
            self._note(self._cell(**one))

    @staticmethod
    def _cell(**known: Any) -> CellRan:
        from llmos_nb.journal.events import CellRan  # as above

        return CellRan(**known)

    def _begins(self, info: Any) -> None:
        if self._open is not None:  # code of the cell runs another one, whose effects are the cell's
            return
        source = str(getattr(info, "raw_cell", "") or "")
        if not source.strip():
            return
        if not self.wanted():
            self.left_out += 1
            return
        from llmos_nb.heap import random_states  # loaded by now, but for the very first cell
        from llmos_nb.tools import reads

        self._take_early()
        agent = source.lstrip().startswith("%%agent")
        self._open = _Open(
            next(self._numbers), source, info,
            {} if agent else self._bindings(source),
            {} if agent else random_states.noted(),
            None if agent else reads.begin_cell(),
        )  # fmt: skip
        if not agent:
            self._outputs.begin()

    def _bindings(self, source: str) -> dict[str, int]:
        """Return what the names in a cell's source are bound to; 0 for nothing."""
        if len(source) > NAMED_CHARS:
            return {}
        namespace: Mapping[str, Any] = self.ip.user_ns
        return {n: id(namespace[n]) if n in namespace else 0 for n in set(_WORD.findall(source))}

    def _changed(self, bound: Mapping[str, int]) -> list[str]:
        """Return the names that are bound to something else now."""
        namespace: Mapping[str, Any] = self.ip.user_ns
        return sorted(n for n, old in bound.items() if n in namespace and id(namespace[n]) != old)

    def _secret(self, names: Mapping[str, int]) -> dict[str, str]:
        """Return the texts that a cell's names may say are secret, so that they are hidden in what is written of it."""
        namespace: Mapping[str, Any] = self.ip.user_ns
        found = ((n, namespace[n]) for n in names if _SECRET.search(n) and n in namespace)
        return {n: value for n, value in found if type(value) is str}

    def _ended(self, result: Any) -> None:
        info, opened = getattr(result, "info", None), self._open
        if opened is None:
            self._unopened(result)
            return
        if opened.info is not info:
            return
        from llmos_nb.heap import random_states  # loaded since the cell began
        from llmos_nb.tools import reads

        self._open = None
        self._writer.hide(self._secret(opened.bound))
        shown = self._outputs.end()
        if opened.reads is not None:
            reads.end_cell(opened.reads)
        error = result.error_before_exec or result.error_in_exec
        stored = getattr(info, "store_history", True)
        self._note(
            self._cell(
                place=opened.place,
                source=opened.source,
                count=int(result.execution_count or 0) if stored else 0,
                ok=bool(result.success),
                error=type(error).__name__ if error is not None else "",
                line=self._line(result),
                seconds=round(time.perf_counter() - opened.began, 6),
                outputs=shown,
                changed=self._changed(opened.bound),
                reads=self._read(opened),
                random=random_states.drawn(opened.random),
            )
        )

    def _unopened(self, result: Any) -> None:
        """Note the cell that loads the extension: its beginning was not seen."""
        source = str(getattr(result.info, "raw_cell", "") or "")
        if not source.strip() or not self.wanted() or not getattr(result.info, "store_history", True):
            return
        n, error = int(result.execution_count or 0), result.error_before_exec or result.error_in_exec
        known = next((one for one in self._early if one["count"] == n), None)
        if known is None:
            self._early.append(known := {"place": next(self._numbers), "source": source, "count": n})
        known |= {"before": False, "ok": error is None, "line": self._line(result)}
        known["error"] = type(error).__name__ if error is not None else ""

    @staticmethod
    def _read(opened: _Open) -> dict[str, Any]:
        from llmos_nb.tools import reads  # loaded since the cell began

        found = opened.reads.plain() if opened.reads is not None else {}
        environ = reads.environ_named(opened.source)
        return {**found, **({"environ": environ} if environ else {})}

    def _line(self, result: Any) -> int:
        """Return the line of a cell that raised; 0 where nothing of it ran, or where nobody knows."""
        error = result.error_in_exec
        at: TracebackType | None = error.__traceback__ if error is not None else None
        while at is not None:
            if at.tb_frame.f_globals is self.ip.user_ns:
                return at.tb_lineno
            at = at.tb_next
        return 0

    # the record

    def _note(self, cell: CellRan) -> None:
        with self._lock:
            self.cells[cell.place] = cell
        self._writer.cell(cell)

    def _kept(self, cell: CellRan) -> None:
        """Keep a cell as it was written: with hashes."""
        with self._lock:
            self.cells[cell.place] = cell

    def place(self, run: Run) -> dict[str, Any]:
        """Return the place of a step that begins now, as facts of its call; none where nothing is recorded."""
        if not self.wanted():
            return {}
        self._take_early()
        n = next(self._numbers)
        key = str(run.journal.path)
        if key not in self._joined:
            self._joined.add(key)
            self._writer.joined(run.state.pid, run.journal.path, n)
        return {"place": {"notebook": self.id, "n": n}}

    @property
    def folder(self) -> Path | None:
        """The folder of its journal; None before something was written."""
        return self._writer.folder

    @property
    def trouble(self) -> str:
        """Why it could not be written; empty where all is well."""
        return self._writer.trouble

    def settled(self) -> list[CellRan]:
        """Wait until all is written that was recorded so far, and return the cells in their order."""
        self._take_early()
        self._writer.flush()
        with self._lock:
            return [self.cells[n] for n in sorted(self.cells)]

    def close(self) -> None:
        """Write what is left, and give the journal up."""
        self.remove()
        self._writer.close()


def _warm() -> None:
    """Import beside the user's thread what the first cell needs; at the end of the interpreter there is none."""
    with suppress(RuntimeError):  # so it says that some modules cannot be imported any more
        from llmos_nb.heap import random_states
        from llmos_nb.tools import reads

        reads.install()
        random_states.noted()


def _name_of(ip: Any) -> str:
    """Return the notebook's file, where the front end says it."""
    named = os.environ.get("JPY_SESSION_NAME") or ip.user_ns.get("__vsc_ipynb_file__") or ""
    return str(named)


_recorders: dict[int, Recorder] = {}


def recorder_of(ip: Any) -> Recorder | None:
    """Return the recorder of an IPython, where there is one."""
    found = _recorders.get(id(ip))
    return found if found is not None and found.ip is ip else None


def follow(
    ip: Any,
    home: Callable[[], Home],
    wanted: Callable[[], bool],
    around: Callable[[Hook], Hook] = lambda hook: hook,
) -> Recorder:
    """Record the cells of an IPython from now on; who did so before goes on."""
    if (known := recorder_of(ip)) is not None:
        known.remove()
        known.wanted, known.around = wanted, around
        known.install()
        return known
    found = _recorders[id(ip)] = Recorder(ip, home, wanted, around)
    found.install()
    return found


def leave(ip: Any) -> None:
    """Follow the cells of an IPython no more; what was recorded stays."""
    if (known := recorder_of(ip)) is not None:
        known.remove()
