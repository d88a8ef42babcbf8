"""Processes whose Python runs apart from the live namespace: previews in a fork, isolated ones in a child."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from glob import glob
from typing import Any

from llmos_nb.errors import ToolError, UsageError
from llmos_nb.heap import hidden, violations
from llmos_nb.journal import Event
from llmos_nb.messages import ToolResult
from llmos_nb.policy import labels
from llmos_nb.policy.code import code_names
from llmos_nb.process import Run, briefing, preview as previews, visiting
from llmos_nb.process.state import State
from llmos_nb.session.parts import Order, Part
from llmos_nb.session.protocols import SessionLike
from llmos_nb.tools import CallContext, Place, Tool
from llmos_nb.tools.devices.child import Child, Confinement, Setup, as_input, isolated, spawned

_MADE = ("created", "rebound", "mutated")
_NONE = object()


def contain(tool: Tool, session: SessionLike, setup: Setup, bind: str) -> Tool:
    """Let a process's Python run in a child from its first untrusted read on.

    Parameters
    ----------
    tool : Tool
        The python tool, as it acts on the namespace.
    session : SessionLike
        Whose namespace is copied, and gets what is made.
    setup : Setup
        How the child is held.
    bind : str
        Names that may be written; an empty text for any.
    """

    def bound(run: Run) -> Tool:
        routed = _Contained(tool, session, setup, bind, run)
        return replace(tool, runner=routed.call, confined=True, bind=bound)

    return replace(tool, confined=True, bind=bound)


class _Contained:
    """One process's Python, here or in its child."""

    def __init__(self, tool: Tool, session: SessionLike, setup: Setup, bind: str, run: Run) -> None:
        assert session.namespace is not None  # noqa: S101 - the caller has looked
        self.tool, self.bind = tool, bind
        self.namespace, self.store = session.namespace, session.snapshots
        self.child = Child(lambda: spawned(setup), list, require=setup.require)
        self.made: dict[str, Any] = {}  # what came back, and stands in the child too
        self.run = run
        run.listeners.append(lambda event, state: self.child.close() if event.k == "run.ended" else None)

    def inside(self, call_id: str) -> bool:
        """Return whether a call runs in the child; one run again to rebuild the heap runs where it ran before."""
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
        here, there = ", ".join(values) or "nothing", f"; stays there: {', '.join(stay)}" if stay else ""
        text = f"{result.text}\n[in a child; here now: {here}{there}]"
        return replace(result, text=text, changes=self._bind(values, dropped, context.key))

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


MOST_PATH = 300
INSIDE = ("python", "describe", "names")
_ABOUT = (
    "Run Python in a process of its own, which has copies of the variables, the files that the goal names, and no "
    "network. What you make there stays there for your later calls; the user's session sees none of it. Gives what it "
    "prints and the value of its last line. What the answer will quote, assign to names, do not only print."
)


class Isolation(Part):
    """Tools that act on a copy: a preview in a fork, an isolated process in a child, Python after an untrusted read."""

    hears = ("run.ended",)

    def wraps(self, order: Order, tools: dict[str, Tool]) -> dict[str, Tool]:
        """Return the tools of a process as they act on a copy."""
        session, settings, how = self.session, order.settings, order.apart
        namespace, values = session.namespace, order.model.traits.sees_values
        setup = setup_of(settings.child, order.goal, values)
        if namespace is None:
            return tools
        if not how:
            contained = settings.untrusted == "child" and "python" in tools
            python = contain(tools["python"], session, setup, order.bind) if contained else None
            return tools | ({"python": python} if python is not None else {})
        if how == "preview":
            child = previews.forked(namespace, session.ip, values)
        else:
            child = isolated(namespace, order.copied, setup)
        if how == "isolate" and order.bind:
            why = "nothing in a child writes your variables; leave one of them out"
            raise UsageError(f"--bind with --isolate: {why}")
        made = {n: _inside(t, child, how, order.bind) if n in INSIDE else t for n, t in tools.items()}
        made = {n: t if t.apart is None else t.apart() for n, t in made.items()}
        if how == "preview":
            made = {n: t if n in INSIDE or t.effect == "read" else previews.refused(t) for n, t in made.items()}
        return made

    def tools(self, run: Run) -> Mapping[str, Tool]:
        """Tie the child to its process; nothing that an isolated process does is in the undo store."""
        if any(t.worker is not None for t in run.tools.values()):
            run.snapshots = None
        return {}

    def heard(self, run: Run, event: Event) -> None:
        """End a process's child with it; a child process has its parent's."""
        worker = next((t.worker for t in run.tools.values() if t.worker is not None), None)
        if worker is not None and not run.state.started_by:
            worker.close()

    def names_at(self, run: Run, then: State) -> list[str]:
        """Return the variables that an isolated fork gets copies of: those of its steps, and those of its card."""
        used = {n for c in then.calls.values() for n in c.changes.names}
        for call in then.calls.values():
            tool = run.tools.get(call.name)
            if tool is not None and tool.inspect is not None and isinstance(call.arguments, dict):
                used |= set(dict(tool.inspect(call.arguments)).get("reads", ()))
        shown = briefing.shown_names(then.goal, run.namespace or {}, "")
        return sorted({*shown, *(n for n in used if n in (run.namespace or {}))})

    def at(self, run: Run, then: State) -> dict[str, Tool]:
        """Return a process's tools over a child with copies of what the variables were in an earlier state."""
        namespace = run.namespace
        if namespace is None or run.tools["python"].elsewhere:
            why = "has no steps in your namespace; fork it without --isolate"
            raise UsageError(f"process {run.state.pid} {why}")
        with visiting(run, then):
            inputs = [as_input(n, namespace[n]) for n in self.names_at(run, then) if n in namespace]
        values = run.model.traits.sees_values
        child = Child(lambda: spawned(Setup(values)), lambda: inputs)
        return {n: _inside(t, child, "isolate", "") if n in INSIDE else t for n, t in run.tools.items()}


def _inside(tool: Tool, child: Child, how: str, bind: str) -> Tool:
    """Send a tool's calls to a child; what they change there is a fact, and no change of the namespace."""

    async def runner(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        result = await child.call(tool.name, arguments, context)
        if tool.name != "python":
            return replace(result, changes=None)
        if wrong := violations(result.changes or {}, bind) if bind else []:
            text = f"only {bind} may be written, not {', '.join(wrong)}"
            result = replace(result, ok=False, error="NotAllowed", text=text)
        if how == "preview":
            return previews.previewed(result)
        apart = {"apart": previews.names_of(result.changes)}
        return replace(result, changes=None, facts={**result.facts, **apart})

    described = _ABOUT if how == "isolate" and tool.name == "python" else tool.description
    inspect = _harmless(tool) if how == "preview" else tool.inspect
    place: Place = "fork" if how == "preview" else "child"
    made = replace(tool, description=described, inspect=inspect, place=place)
    return replace(made, runner=runner, worker=child, bind=None)


def _harmless(tool: Tool) -> Callable[[Mapping[str, Any]], Any] | None:
    """Say of a call in a preview that it only reads: whatever it would do is refused or thrown away."""
    inner = tool.inspect
    return None if inner is None else lambda arguments: {**inner(arguments), "level": "read", "why": ""}


def setup_of(confinement: Confinement, goal: str, show_values: bool) -> Setup:
    """Say how a child of a process is started: what its goal names is there for reading."""
    named = [*re.findall(r"`([^`\n]+)`", goal), *re.findall(r"[\w./+-]*[./][\w./+-]*\w", goal)]
    named = [n for n in named if len(n) < MOST_PATH]
    chosen = [p for g in confinement.files for p in sorted(glob(g, recursive=True))]  # noqa: PTH207 - as the user wrote it
    files = tuple(dict.fromkeys([*named, *chosen]))
    return Setup(show_values, files, confinement.require, confinement.memory, confinement.disk)
