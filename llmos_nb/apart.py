"""Processes whose Python runs apart from the live namespace: previews in a fork, isolated ones in a child."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from glob import glob
from typing import TYPE_CHECKING, Any

from llmos_nb import dry_run, prompt
from llmos_nb.config import Settings
from llmos_nb.confinement import Confinement
from llmos_nb.contained import contain
from llmos_nb.devices.child import Child
from llmos_nb.devices.inputs import as_input
from llmos_nb.devices.launch import Setup, isolated, spawned
from llmos_nb.errors import UsageError
from llmos_nb.messages import ToolResult
from llmos_nb.models.base import Model
from llmos_nb.namespace_undo import visiting
from llmos_nb.snapshot import Snapshots
from llmos_nb.state import State
from llmos_nb.toolbox import CHANGES
from llmos_nb.tools import CallContext, Tool

if TYPE_CHECKING:
    from llmos_nb.scheduler import Run
    from llmos_nb.session import Session

MOST_PATH = 300
INSIDE = ("python", "describe", "names")
_ABOUT = (
    "Run Python in a process of its own, which has copies of the variables, the files that the goal names, and no "
    "network. What you make there stays there for your later calls; the user's session sees none of it. Gives what it "
    "prints and the value of its last line."
)


def chosen(preview: bool, isolate: bool, namespace: object) -> str:
    """Read the two options: ``preview``, ``isolate`` or an empty text for neither.

    Raises
    ------
    UsageError
        Both, or there is nothing to run apart from, or no fork.
    """
    if preview and isolate:
        raise UsageError("--dry-run and --isolate: choose one; a dry run is apart from your variables already")
    how = "preview" if preview else "isolate" if isolate else ""
    if how and namespace is None:
        raise UsageError(f"{how}: there is no namespace; give one, or leave the option out")
    if preview:
        dry_run.check_fork()
    return how


def put_apart(
    box: Mapping[str, Tool],
    how: str,
    session: Session,
    model: Model,
    names: Iterable[str],
    bind: str,
    settings: Settings,
    goal: str,
) -> dict[str, Tool]:
    """Let the tools of a process act on a copy.

    Parameters
    ----------
    box : mapping
        The tools as they would act on the namespace.
    how : str
        ``preview`` or ``isolate``; an empty text changes nothing.
    session : Session
        Whose namespace is copied.
    model : Model
        Its traits say what is shown.
    names : iterable of str
        Variables that an isolated process gets copies of.
    bind : str
        Names that may be written, which a preview tells.
    settings, goal
        How a child is held, and what becomes of Python after an untrusted read; the files that a child may read.
    """
    namespace, values = session.namespace, model.traits.sees_values
    setup = setup_of(settings.child, goal, values)
    if namespace is None:
        return dict(box)
    if not how:
        contained = settings.untrusted == "child" and "python" in box
        return {**box, "python": contain(box["python"], session, setup, bind)} if contained else dict(box)
    child = (
        dry_run.forked(namespace, session.ip, values) if how == "preview" else isolated(namespace, names, setup)
    )
    if how == "isolate" and bind:
        raise UsageError(
            "--bind with --isolate: nothing in a child writes your variables; leave one of them out"
        )
    made = {n: _inside(t, child, how, bind) if n in INSIDE else t for n, t in box.items()}
    made = {n: t.extra["apart"]() if "apart" in t.extra else t for n, t in made.items()}
    if how == "preview":
        made = {n: t if n in INSIDE or t.effect == "read" else dry_run.refused(t) for n, t in made.items()}
    return made


def _inside(tool: Tool, child: Child, how: str, bind: str) -> Tool:
    """Send a tool's calls to a child; what they change there is a fact, and no change of the namespace."""
    finish: Callable[[ToolResult], ToolResult] = dry_run.previewed if how == "preview" else _kept_apart

    async def runner(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        result = await child.call(tool.name, arguments, context)
        if tool.name != "python":
            return replace(result, changes=None)
        wrong = Snapshots.violations(result.changes or {}, bind) if bind else []
        if wrong:
            result = replace(
                result, ok=False, error="NotAllowed", text=f"only {bind} may be written, not {', '.join(wrong)}"
            )
        return finish(result)

    described = _ABOUT if how == "isolate" and tool.name == "python" else tool.description
    inspect = _harmless(tool) if how == "preview" else tool.inspect
    return replace(
        tool, runner=runner, description=described, inspect=inspect, extra={**tool.extra, "child": child}
    )


def _kept_apart(result: ToolResult) -> ToolResult:
    return replace(result, changes=None, facts={**result.facts, "apart": dry_run.names_of(result.changes)})


def _harmless(tool: Tool) -> Callable[[Mapping[str, Any]], Any] | None:
    """Say of a call in a preview that it only reads: whatever it would do is refused or thrown away."""
    inner = tool.inspect
    return None if inner is None else lambda arguments: {**inner(arguments), "level": "read", "why": ""}


def names_at(run: Run, then: State) -> list[str]:
    """Give the variables that an isolated fork gets copies of: those that its steps used, and those of its card."""
    used = {n for c in then.calls.values() for kind in CHANGES[:4] for n in c.changes.get(kind, ())}
    for call in then.calls.values():
        tool = run.tools.get(call.name)
        if tool is not None and tool.inspect is not None and isinstance(call.arguments, dict):
            used |= set(dict(tool.inspect(call.arguments)).get("reads", ()))
    shown = prompt.shown_names(then.goal, run.namespace or {}, "")
    return sorted({*shown, *(n for n in used if n in (run.namespace or {}))})


def put_apart_at(run: Run, then: State, session: Session) -> dict[str, Tool]:
    """Give a process's tools over a child that starts with copies of what the variables were in an earlier state."""
    namespace = run.namespace
    if namespace is None or "child" in run.tools["python"].extra:
        raise UsageError(f"process {run.state.pid} has no steps in your namespace; fork it without --isolate")
    with visiting(run, then):
        inputs = [as_input(n, namespace[n]) for n in names_at(run, then) if n in namespace]
    values = run.model.traits.sees_values
    child = Child(lambda: spawned(Setup(values)), lambda: inputs)
    return {n: _inside(t, child, "isolate", "") if n in INSIDE else t for n, t in run.tools.items()}


def setup_of(confinement: Confinement, goal: str, show_values: bool) -> Setup:
    """Say how a child of a process is started: what its goal names is there for reading."""
    named = [*re.findall(r"`([^`\n]+)`", goal), *re.findall(r"[\w./+-]*[./][\w./+-]*\w", goal)]
    named = [n for n in named if len(n) < MOST_PATH]
    chosen = [p for g in confinement.files for p in sorted(glob(g, recursive=True))]  # noqa: PTH207 - as the user wrote it
    return Setup(
        show_values,
        tuple(dict.fromkeys([*named, *chosen])),
        confinement.require,
        confinement.memory,
        confinement.disk,
    )


def attach(run: Run) -> None:
    """End a process's child when the process ends; nothing that it does there is in the undo store."""
    child = next((t.extra["child"] for t in run.tools.values() if "child" in t.extra), None)
    if child is not None:
        run.snapshots = None
        run.listeners.append(
            lambda event, state: child.close() if event.k == "run.ended" and not state.started_by else None
        )
    for tool in run.tools.values():
        if "contained" in tool.extra:
            tool.extra["contained"].follow(run)
