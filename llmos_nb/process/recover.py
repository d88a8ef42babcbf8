"""After a crash or in a new kernel: settle calls in doubt, and rebuild the namespace by the surviving steps."""

from __future__ import annotations

import builtins
import inspect
from functools import partial
from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.journal.events import CallInDoubt, CallResolved, ModelFailed, SignalReceived
from llmos_nb.process.gate.quarantine import restored
from llmos_nb.process.run import Run
from llmos_nb.tools import Call, CallContext, Tool, invoke


async def settle_unfinished(run: Run) -> None:
    """Look at every call that was under way when the process broke off.

    Those that are `pure` or `idempotent` may run again with the same key; of a `once` call the tool's `reconcile`,
    or a person, must say whether it took effect.
    """
    for call in [c for c in run.state.open_calls if c.status == "running"]:
        tool = run.tools.get(call.name)
        if tool is not None and (tool.repeat != "once" or _only_namespace(tool, call)):
            run.append(CallResolved(call=call.id, done=False, by="the journal"))
            continue
        done = await run.visit(partial(_reconciled, tool, call))
        if done is None:
            run.append(CallInDoubt(call=call.id))
        else:
            run.append(CallResolved(call=call.id, done=done, by="reconcile"))
    if run.state.request:
        run.append(
            ModelFailed(
                request=run.state.request,
                error="the process broke off",
                error_kind="crash",
                retry_in_s=0.0,
            )
        )


def _only_namespace(tool: Tool, call: Call) -> bool:
    """Whether nothing of the call can have outlived the kernel."""
    if tool.effect != "namespace" or not isinstance(call.arguments, dict):
        return tool.effect == "namespace"
    return tool.inspect is None or dict(tool.inspect(call.arguments)).get("level") != "risky"


async def _reconciled(tool: Tool | None, call: Call) -> bool | None:
    if tool is None or tool.reconcile is None:
        return None
    found: Any = tool.reconcile(call.key)
    found = await found if inspect.isawaitable(found) else found
    return None if found is None else bool(found)


def is_warm(run: Run) -> bool:
    """Whether the namespace already holds what the surviving steps made."""
    worker = next((t.worker for t in run.tools.values() if t.worker is not None), None)
    if worker is not None:
        return worker.alive
    wanted = _last_digests(run)
    if run.namespace is None or not wanted:
        return True
    present = [n for n in wanted if n in run.namespace]
    return len(present) == len(wanted) and run.fingerprint(present) == {n: wanted[n] for n in present}


def _last_digests(run: Run) -> dict[str, str]:
    """Return the digest that each name had when the last surviving step left it."""
    found: dict[str, str] = {}
    for call in run.state.surviving:
        found |= call.changes.digests or {}
        for name in call.changes.deleted:
            found.pop(name, None)
    return found


def missing_inputs(run: Run) -> list[str]:
    """Name what the surviving steps read and neither they nor the namespace have: the user's own cells made it."""
    have = set(run.namespace or {})
    missing: list[str] = []
    for call in run.state.surviving:
        tool = run.tools.get(call.name)
        if tool is None or tool.effect != "namespace" or not isinstance(call.arguments, dict):
            continue
        seen = dict(tool.inspect(call.arguments)) if tool.inspect else {}
        have |= set(call.changes.created)
        missing += [n for n in seen.get("reads", ()) if n not in have and not hasattr(builtins, n)]
    return list(dict.fromkeys(missing))


async def rebuild(run: Run) -> None:
    """Run the surviving namespace steps again, in order, and compare the digests of what they leave.

    Raises
    ------
    LlmosError
        Names the inputs that only the user's own cells had made, or the step that gives something else now.
    """
    restored(run)
    missing = missing_inputs(run)
    if missing:
        names = ", ".join(f"`{n}`" for n in missing)
        raise LlmosError(
            f"process {run.state.pid} needs {names}, made by your own cells; run them first, then resume"
        )
    for call in run.state.surviving:
        tool = run.tools.get(call.name)
        if tool is None or tool.effect != "namespace" or not isinstance(call.arguments, dict):
            continue
        context = CallContext(call.id, call.key, run.call_timeout_s, lambda text: None)
        result = await invoke(tool, call.arguments, context)
        if not result.ok:
            raise LlmosError(
                f"call {call.id} of process {run.state.pid} fails now ({result.text.splitlines()[-1]}); "
                "the namespace is not rebuilt"
            )
    if not is_warm(run):
        wanted = _last_digests(run)
        now = run.fingerprint([n for n in wanted if n in (run.namespace or {})])
        names = ", ".join(f"`{n}`" for n in wanted if now.get(n) != wanted[n])
        run.append(SignalReceived(signal="rebuilt_differently", by="the process", names=names))
