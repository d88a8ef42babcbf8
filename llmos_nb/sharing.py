"""Who changed which variable last: so that a process never overwrites what somebody did while it was not looking.

Changes by processes are known exactly. Of the user's cells it is known what their code binds, deletes or changes in
place; what a cell changes by ways that its text does not show is not seen here, but an approval still is: it is bound
to the content of the names that its code uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmos_nb.chain import Event
from llmos_nb.inspection import inspect_code
from llmos_nb.labels import CONTEXT, inherited
from llmos_nb.state import State
from llmos_nb.turns import Resource

_NAMES = ("created", "rebound", "mutated", "deleted")


class NamespaceLock(Resource):
    """Who may write the live namespace: one call at a time over all processes, in the order of a policy."""

    def __init__(self) -> None:
        super().__init__("one call at a time", 1, words="waiting for the namespace")


class Sharing:
    """The changes of one namespace, in order."""

    def __init__(self) -> None:
        self.n = 0
        self._last: dict[str, tuple[int, str, int]] = {}
        self.labels: dict[str, str] = {}  # of names and files, as any process has learnt them

    def changed(self, names: Iterable[str], by: str, pid: int = 0) -> None:
        """Note that somebody changed names; `pid` is 0 for the user."""
        self.n += 1
        self._last.update(dict.fromkeys(names, (self.n, by, pid)))

    def since(self, name: str, mark: int, pid: int) -> str:
        """Say who else has changed a name since a mark; nothing where nobody has."""
        n, by, who = self._last.get(name, (0, "", 0))
        return by if n > mark and who != pid else ""

    def follow_cells(self, ip: Any) -> None:
        """Note what the user's own cells change, as they end."""
        if ip is not None and hasattr(ip, "events"):
            ip.events.register("post_run_cell", self._cell)

    def _cell(self, result: Any) -> None:
        source = str(getattr(result.info, "raw_cell", "") or "")
        if source.lstrip().startswith(("%agent", "%%agent")):
            return
        writes = inspect_code(source).writes
        if writes:
            self.changed(
                writes, f"your cell [{result.execution_count}]" if result.execution_count else "your cell"
            )


class Sight:
    """What one process has seen of the changes: when it last looked at each name.

    Parameters
    ----------
    sharing : Sharing
        Of its namespace.
    """

    def __init__(self, sharing: Sharing) -> None:
        self.sharing, self._began = sharing, sharing.n
        self._seen: dict[str, int] = {}

    def saw(self, names: Iterable[str]) -> None:
        """Note that the process has looked at names just now."""
        self._seen.update(dict.fromkeys(names, self.sharing.n))

    def ran(self, changes: Mapping[str, Any], looked: Iterable[str], pid: int) -> None:
        """Note what a step changed and looked at, at the moment when it ended: later changes are somebody else's."""
        names = [n for kind in _NAMES for n in changes.get(kind, ())]
        self.sharing.changed(names, f"process {pid}", pid)
        self.saw([*names, *looked])

    def heard(self, event: Event, state: State) -> None:
        """Follow what undo and redo change, and which labels rise."""
        if event.k == "label.changed" and event.d["name"] != CONTEXT:
            self.sharing.labels = inherited((self.sharing.labels, {event.d["name"]: event.d["label"]}))
        if event.k in ("call.undone", "call.redone") and event.d["call"] in state.calls:
            self.ran(state.calls[event.d["call"]].changes, (), state.pid)

    def conflicts(self, names: Iterable[str], namespace: Mapping[str, Any], pid: int) -> dict[str, str]:
        """Give the names that somebody else has changed since the process last looked, with who it was."""
        found = {n: self.sharing.since(n, self._seen.get(n, self._began), pid) for n in names if n in namespace}
        return {n: by for n, by in found.items() if by}
