"""Steps for the tests of snapshots: a namespace, code run in it, and what it looked like before."""

from __future__ import annotations

from itertools import count

from llmos_nb.heap import Snapshots, Walk, hidden
from llmos_nb.heap.digest import digest
from llmos_nb.heap.snapshot import nbytes
from llmos_nb.heap.walk import used_names


def stored_bytes(snapshots: Snapshots, call: str) -> int:
    """Count the bytes that only the undo store keeps alive for a step."""
    entry, space = snapshots._entries[call], snapshots.namespace
    alive = Walk(space, follow=False, keep=False).run(space.values())
    old = [pair[1 if entry.undone else 0] for pair in entry.bindings.values()]
    only = Walk(space, follow=False, keep=False, known=alive).run(old).held
    return entry.size + sum(nbytes(v) for values in only for v in values)


class Notebook:
    """A namespace whose cells can be undone."""

    def __init__(self, code: str = "", **bounds: int) -> None:
        self.ns: dict = {"__name__": "__main__"}
        exec(code, self.ns)
        self.snapshots = Snapshots(self.ns, **bounds)
        self._calls = (f"r{i}.0" for i in count(1))

    def names(self, code: str) -> set[str]:
        return set(used_names(compile(code, "<step>", "exec")))

    def step(self, code: str, names: set[str] | str | None = "auto") -> dict:
        """Run a cell; an exception in it ends it, as in a notebook."""
        before = self.snapshots.begin(self.names(code) if names == "auto" else names)
        self.opaque = before.opaque
        self.error = None
        try:
            exec(compile(code, "<step>", "exec"), self.ns)
        except Exception as error:
            self.error = error
        self.call = next(self._calls)
        self.changes = self.snapshots.end(before, self.call)
        return self.changes

    def user(self, code: str) -> None:
        """Run a cell of the user, which no snapshot sees."""
        exec(code, self.ns)

    def undo(self, call: str | None = None) -> dict:
        return self.snapshots.undo(call or self.call)

    def redo(self, call: str | None = None) -> dict:
        return self.snapshots.redo(call or self.call)

    def look(self) -> dict:
        """Everything the names hold, and which objects they are."""
        return {n: (id(v), digest(v)) for n, v in self.ns.items() if not hidden(n)}

    def __getitem__(self, name: str):
        return self.ns[name]


def changed(report: dict) -> dict[str, list[str]]:
    """The parts of a report that are not empty."""
    return {k: report[k] for k in ("created", "rebound", "mutated", "deleted") if report[k]}
