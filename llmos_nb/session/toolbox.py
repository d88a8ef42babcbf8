"""Which tools a process gets: the devices over its namespace, the user's functions, and its own control calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import CallDenied, ConfigError, SnapshotConflict, UsageError, nearest
from llmos_nb.heap import Before, Snapshots
from llmos_nb.journal import who
from llmos_nb.messages import ToolResult, canonical
from llmos_nb.models import Model, parse_context, shown_bytes, window_bytes
from llmos_nb.policy import Approver, Approvers, seated
from llmos_nb.process import recall_tool
from llmos_nb.process.gate import READ, compensate, read_tool
from llmos_nb.session.parts import Order, Parts
from llmos_nb.session.protocols import SessionLike
from llmos_nb.tools import CHANGES, CallContext, Tool, as_tool, declared, put_on, reentry, said_of
from llmos_nb.tools.devices import Site, ask_tool, calculator_tool, device_names, is_offered, tools_of
from llmos_nb.tools.devices.namespace import NamespaceDevice, visible
from llmos_nb.tools.devices.python import PythonDevice
from llmos_nb.tools.schema import name_of

if TYPE_CHECKING:
    from llmos_nb.process import Run
    from llmos_nb.session.config import Settings

_STEP = {
    "title": {"type": "string"},
    "expect": {"type": "string", "description": "If you can, a condition on variables: df.id.is_unique"},
    "depends_on": {"type": "array", "items": {"type": "integer"}},
}
_STEPS = {"type": "object", "properties": _STEP, "required": ["title"]}


class Steps(Snapshots):
    """An undo store in which a step that only looked leaves nothing that could stand before an undo."""

    def end(self, before: Before, call_id: str) -> dict[str, Any]:
        """Compare with the state before a step, and keep what undo needs."""
        report = super().end(before, call_id)
        if not any(report.get(kind) for kind in CHANGES):
            self._entries.pop(call_id, None)
        return report


def snapshots(namespace: dict[str, Any] | None) -> Snapshots | None:
    """Return the undo store of a namespace."""
    return Steps(namespace) if namespace is not None else None


def digest(tools: Mapping[str, str], settings: Settings) -> str:
    """Hash what the policy rests on: tools, rules, mode."""
    plain = [dict(tools), [r.plain() for r in settings.rules], settings.approve]
    return sha256(canonical(plain).encode()).hexdigest()


def build(parts: Parts, order: Order) -> dict[str, Tool]:
    """Put the tools of a process together, by name."""
    session, settings, model, bind, allow = parts.session, order.settings, order.model, order.bind, order.allow
    box: list[Tool] = []
    if model.traits.plans and settings.plan in ("auto", "only"):
        box.append(_plan_tool(settings.prompts, session.namespace is not None))
    if session.namespace is not None:
        box += _namespace_tools(session, settings, model, bind, allow)
    given = order.given
    shown = shown_bytes(window_bytes(model.traits, parse_context(settings.context)))
    box += _devices(session, settings, [g for g in given if is_offered(g)], bind, allow, shown)
    box += [_cells_tool(session)] if session.notebook is not None and model.traits.first != "python" else []
    box += [_given(g, settings) for g in given if not is_offered(g)]
    box += parts.offers(order, {t.name: t for t in box})
    quarantined = settings.quarantine and model.traits.first != "python"
    if quarantined and any(t.name == READ for t in box):
        raise ConfigError(f"quarantine: your function `{READ}` has the name of a tool of ours; rename it")
    box += [recall_tool(), *([read_tool()] if quarantined else [])]
    return {t.name: t for t in box}


def everything(parts: Parts, settings: Settings, model: Model) -> dict[str, Tool]:
    """Return each tool that a process may have here, by name; devices that lack a library are left out."""
    found = build(parts, Order(settings, model))
    for device in device_names():
        with suppress(UsageError):
            found |= build(parts, Order(settings, model, given=(device,)))
    return found


_CELLS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "description": "Words to look for; empty lists all cells"},
        "number": {"type": "integer", "description": "Execution count of the one cell to read whole"},
    },
    "required": [],
    "additionalProperties": False,
}


def _cells_tool(session: SessionLike, run: Run | None = None) -> Tool:
    """Return the tool by which a process reads the notebook's own cells."""

    def cells(query: str = "", number: int = 0) -> str:
        from llmos_nb.session.notebook import cells as looked  # when it is called: few processes do

        assert session.notebook is not None  # noqa: S101 - it is offered only then
        return str(looked.found(session.notebook, run.state.labels if run is not None else {}, query, number))

    about = "Find cells of the user's notebook by their source or output, or read one."
    return Tool(
        "cells", about, _CELLS, cells, "read", "idempotent", source="own", digest="cells:1",
        code=lambda given: f"# looked at cells {given}", bind=lambda run: _cells_tool(session, run),
    )  # fmt: skip


def _given(given: Any, settings: Settings) -> Tool:
    """Make a tool of what was handed over, as the manifest says it is."""
    if isinstance(given, Tool):
        return put_on(given, said_of(given.name, settings.tools))
    name = str(declared(given).get("name") or name_of(given))
    made = as_tool(given, **said_of(name, settings.tools))
    compensate.check(made)
    return made


def _namespace_tools(session: SessionLike, settings: Settings, model: Model, bind: str, allow: str) -> list[Tool]:
    namespace = session.namespace
    assert namespace is not None  # noqa: S101 - the caller has looked
    values = settings.show_values or model.traits.sees_values
    device = PythonDevice(namespace, session.ip, snapshots=session.snapshots, show_values=model.traits.sees_values)
    store = session.snapshots
    python = _bound(device.tool, store, bind) if bind and store is not None else device.tool
    if model.traits.first == "python":  # a small model works with one tool
        return [python]
    looks = NamespaceDevice(namespace, values=values, allow=allow).tools
    return [python, *looks, calculator_tool(), ask_tool()]


def _devices(
    session: SessionLike, settings: Settings, names: list[str], bind: str, allow: str, shown: int
) -> list[Tool]:
    """Return the devices that were named, in the folder where the process starts."""
    if not names:
        return []
    namespace, store = {} if session.namespace is None else session.namespace, session.snapshots
    site = Site(namespace, allow, Path.cwd(), session.home.root, store, settings.tools, who(), shown)
    held = bind and store is not None
    return [_bound(t, store, bind) if held and store and t.effect == "namespace" else t for t in tools_of(names, site)]


def _bound(tool: Tool, store: Snapshots, bind: str) -> Tool:
    """Hold a tool to the names that it may write; what it wrote beside them is taken back."""
    inner = tool.runner
    assert inner is not None  # noqa: S101 - only devices are bound

    async def runner(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        result = await inner(arguments, context)
        wrong = store.violations(result.changes or {}, bind)
        if not wrong:
            return result
        why = f"only {bind} may be written, and this wrote {', '.join(wrong)}"
        try:
            store.undo(context.key)
        except SnapshotConflict as error:  # it stands, so it stays on the record
            said = f"{why}; it could not be taken back: {str(error).partition(': ')[2]}"
            return replace(result, ok=False, error="NotAllowed", text=said)
        store.end(store.begin(()), context.key)  # nothing of this call is left to be redone
        return ToolResult(False, f"{why}; all that it changed was taken back", "NotAllowed")

    return replace(tool, runner=runner)


def functions(namespace: Mapping[str, Any], patterns: str) -> list[Any]:
    """Return the user's functions that ``--tools`` names, and the names of devices; a function goes before a device."""
    callables = {k: v for k, v in namespace.items() if callable(v)}
    words = re.split(r"[,\s]+", patterns.strip())
    devices = [w for w in words if w not in callables and is_offered(w)]
    rest = [w for w in words if w and w not in devices]
    for word in rest:
        if not re.search(r"^-|[*?\[]", word) and word not in callables:
            near = nearest(word, [*callables, *device_names()]) or f"; there are {', '.join(device_names())}"
            raise UsageError(f"tools {word!r}: no such function or device{near}")
    return [*devices, *(namespace[n] for n in (visible(callables, rest) if rest else ()))]


def parted(tools: Iterable[Any], more: Iterable[Any] = ()) -> tuple[list[Any], str]:
    """Return the functions and devices, and the texts that name servers or their tools as one line of patterns.

    Raises
    ------
    UsageError
        What was given is no list.
    """
    if isinstance(tools, str) or not isinstance(tools, Iterable):
        raise UsageError(f'tools {tools!r}: must be a list of functions and names of devices, as in [f, "sql"]')
    given = [*tools, *more]
    theirs = [isinstance(t, str) and not is_offered(t) for t in given]
    rest = [t for t, of in zip(given, theirs, strict=True) if not of]
    return rest, " ".join(t for t, of in zip(given, theirs, strict=True) if of)


def chosen(namespace: Mapping[str, Any], patterns: str, served: Callable[[str], bool]) -> list[Any]:
    """Return what ``--tools`` names: the user's functions, and the words that speak of servers' tools."""
    words = patterns.replace(",", " ").split()
    theirs = [w for w in words if served(w.removeprefix("-"))]
    own = [w for w in words if w not in theirs]
    spread = [w for w in own if re.search(r"[*?\[]", w)]
    return [*(functions(namespace, " ".join(own)) if own else ()), *theirs, *spread]


def _plan_tool(own: Mapping[str, str], live: bool) -> Tool:
    """Return the tool that proposes a plan; what its steps must be is checked, and said, by the plan itself."""
    from llmos_nb.process.state import prompts

    steps = {"type": "array", "items": _STEPS if live else {"type": "object"}}
    schema = {"type": "object", "properties": {"steps": steps}}
    return Tool("plan", prompts.plan(own, live), schema, lambda steps: steps, "read", "pure", digest="plan")


def approvers(given: Iterable[Approver | str], settings: Settings, mark: int) -> Approvers:
    """Return the approvers of a process: those of the settings, then those handed over at `mark` (see `Sharing`).

    Raises
    ------
    CallDenied
        Code inside a step hands them over.
    """
    if given and reentry.inside():
        raise CallDenied(reentry.DENIED)
    return seated(given, settings.approval.by, mark)


def connect(run: Run) -> None:
    """Tie devices to the process that they serve; a fork has those of its own."""
    run.tools.update({n: t.bind(run) for n, t in run.tools.items() if t.bind is not None})


def user_cells(ip: Any) -> list[tuple[int, str]]:
    """Return the cells of this kernel with their execution counts; `%%agent` cells mark where a process stood."""
    if ip is None or not ip.history_manager:
        return []
    return [(n, source) for n, source in enumerate(ip.history_manager.input_hist_raw) if source.strip()]
