"""Python after an untrusted read, in a child: it works on copies, and what it makes comes back as new, untrusted names.

Orders that stand in the data may be in the code; in the child they reach nothing. The step's own Python is what the
journal and the exported notebook hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmos_nb import labels
from llmos_nb.devices.child import Child
from llmos_nb.devices.inputs import as_input
from llmos_nb.devices.launch import Setup, spawned
from llmos_nb.errors import ToolError
from llmos_nb.inspection import code_names
from llmos_nb.messages import ToolResult
from llmos_nb.snapshot import hidden
from llmos_nb.snapshot.bound import violations
from llmos_nb.tools import CallContext, Tool

if TYPE_CHECKING:
    from llmos_nb.scheduler import Run
    from llmos_nb.session import Session

_MADE = ("created", "rebound", "mutated")
_NONE = object()


def contain(tool: Tool, session: Session, setup: Setup, bind: str) -> Tool:
    """Let a process's Python run in a child from its first untrusted read on.

    Parameters
    ----------
    tool : Tool
        The python tool, as it acts on the namespace.
    session : Session
        Whose namespace is copied, and gets what is made.
    setup : Setup
        How the child is held.
    bind : str
        Names that may be written; an empty text for any.
    """
    routed = _Contained(tool, session, setup, bind)
    return replace(tool, runner=routed.call, extra={**tool.extra, "contained": routed})


class _Contained:
    """One process's Python, here or in its child."""

    def __init__(self, tool: Tool, session: Session, setup: Setup, bind: str) -> None:
        assert session.namespace is not None  # noqa: S101 - the caller has looked
        self.tool, self.bind = tool, bind
        self.namespace, self.store = session.namespace, session.snapshots
        self.child = Child(lambda: spawned(setup), list, require=setup.require)
        self.run: Run | None = None
        self.made: dict[str, Any] = {}  # what came back, and stands in the child too

    def follow(self, run: Run) -> None:
        """Know the process that it belongs to; the child ends with it."""
        self.run = run
        run.listeners.append(lambda event, state: self.child.close() if event.k == "run.ended" else None)

    def inside(self, call_id: str) -> bool:
        """Tell whether a call runs in the child; one that is run again to rebuild the heap runs where it ran before."""
        if self.run is None:
            return False
        call = self.run.state.calls.get(call_id)
        if call is not None and call.status in ("done", "failed"):
            return bool(call.facts.get("contained"))
        return labels.context(self.run.state.labels).untrusted

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Run one call, here or there."""
        if not self.inside(context.call):
            assert self.tool.runner is not None  # noqa: S101 - the python device has one
            return await self.tool.runner(arguments, context)
        try:
            lacking = await self._copy(str(arguments["code"]), context.deadline_s)
            result = await self.child.call("python", arguments, context)
            if result.ok:
                result = await self._taken(result, context)
        except ToolError as error:
            return ToolResult(False, str(error), "ChildEnded", facts={"contained": True})
        note = "; ".join(f"`{n}` is not there: {why}" for n, why in lacking.items())
        text = f"{result.text}\n[{note}]" if note and not result.ok else result.text
        changes = result.changes if result.ok else None
        return replace(result, text=text, changes=changes, facts={**result.facts, "contained": True})

    async def _copy(self, code: str, deadline_s: float) -> dict[str, str]:
        """Copy what the code uses, as it is now; give by name why one was not copied."""
        used = code_names(code)
        names = [n for n in self.namespace if not hidden(n) and (used is None or n in used)]
        fresh = [n for n in names if self.namespace[n] is not self.made.get(n, _NONE)]
        if not self.child.alive:
            fresh, self.made = names, {}
        return await self.child.give([as_input(n, self.namespace[n]) for n in fresh], deadline_s)

    async def _taken(self, result: ToolResult, context: CallContext) -> ToolResult:
        """Take what a step made into the namespace: new names, and those that came from the child before."""
        changes = result.changes or {}
        names = [n for kind in _MADE for n in changes.get(kind, ())]
        dropped = [n for n in changes.get("deleted", ()) if n in self.made]
        if wrong := self._forbidden([*names, *changes.get("deleted", ())]):
            self.child.kill()  # its copies are not what the namespace has any more
            return ToolResult(False, wrong, "NotAllowed", facts=result.facts)
        values, stay = dict[str, Any](), list[str]()
        for name in names:
            try:
                values[name] = await self.child.value(name, context.deadline_s)
            except ToolError as error:
                if not self.child.alive:
                    raise
                stay.append(f"{name} ({error})")
        note = f"[in a child; here now: {', '.join(values) or 'nothing'}" + (
            f"; stays there: {', '.join(stay)}]" if stay else "]"
        )
        told = self._bind(values, dropped, context.key)
        return replace(result, text=f"{result.text}\n{note}", changes=told)

    def _forbidden(self, names: Iterable[str]) -> str:
        """Say which of the names may not be changed from a child, and why."""
        known = [n for n in names if n in self.namespace and self.namespace[n] is not self.made.get(n, _NONE)]
        if known:
            said = ", ".join(f"`{n}`" for n in known)
            why = "after untrusted data was read, Python may only make new names"
            return f"{why}, and this changes {said}; nothing came back"
        wrong = violations({"created": list(names)}, self.bind) if self.bind else []
        return f"only {self.bind} may be written, not {', '.join(wrong)}; nothing came back" if wrong else ""

    def _bind(self, values: dict[str, Any], dropped: Iterable[str], key: str) -> dict[str, Any]:
        """Bind what came back, so that it can be undone."""
        before = self.store.begin((*values, *dropped)) if self.store is not None else None
        created = [n for n in values if n not in self.namespace]
        self.namespace.update(values)
        self.made.update(values)
        for name in dropped:
            del self.namespace[name], self.made[name]
        if self.store is not None and before is not None:
            return self.store.end(before, key)
        rebound = [n for n in values if n not in created]
        return {"created": created, "rebound": rebound, "mutated": [], "deleted": list(dropped), "digests": {}}
