"""After a crash: settle what was under way, and tell whether the namespace is as it was left."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Sequence
from functools import partial
from typing import Any

from llmos_nb.journal import Acts
from llmos_nb.journal.events import CallInDoubt, CallResolved, Decider
from llmos_nb.process.reach import may_change
from llmos_nb.process.run import Run
from llmos_nb.process.state.rebuild import last_digests
from llmos_nb.tools import Call, Tool


def unfinished(run: Run) -> list[str]:
    """Return the ids of the calls that were under way when the process broke off; ask before it goes on."""
    return [c.id for c in run.state.open_calls if c.status == "running"]


async def settle_unfinished(run: Run, broken: Sequence[str]) -> None:
    """Look at every call that was under way when the process broke off.

    Those that are `pure` or `idempotent` may run again with the same key; of a `once` call the tool's `reconcile`,
    or a person, must say whether it took effect.

    Parameters
    ----------
    run : Run
        It may be at work again by now.
    broken : sequence of str
        Ids of those calls.
    """
    for call in map(run.state.calls.__getitem__, broken):
        tool = run.tools.get(call.name)
        if tool is not None and (tool.repeat != "once" or only_namespace(run, tool, call)):
            run.append(CallResolved(call=call.id, done=False, by=Decider("check", "journal")))
            continue
        done = await run.visit(partial(_reconciled, tool, call))
        if done is None:
            run.append(CallInDoubt(call=call.id, **_cut_off(run, tool, call)))
        else:
            run.append(CallResolved(call=call.id, done=done, by=Decider("check", "reconcile")))


def only_namespace(run: Run, tool: Tool, call: Call) -> bool:
    """Whether nothing of the call can have outlived the kernel: it had not begun to act, nor would by its code."""
    if (
        tool.effect != "namespace"
        or not call.facts.get("watched")
        or Acts(run.journal.path.parent).noted(call.key) is not None
    ):
        return False
    if not isinstance(call.arguments, dict):
        return True
    found = dict(tool.inspect(call.arguments)) if tool.inspect is not None else {}
    hidden = any(kind == "exec" for kind, _ in found.get("risks", ()))  # native code is not seen as it acts
    return found.get("level") != "risky" and not hidden


def _cut_off(run: Run, tool: Tool | None, call: Call) -> dict[str, Any]:
    """Return what is known of code that was cut off: what it had done outside, and which variables are or may be lost.

    None of those is whose changes are on record: they came back with the rebuild, or were asked about there.
    """
    if tool is None or tool.effect != "namespace":
        return {}
    seen: dict[str, Any] = {}
    if tool.inspect is not None and isinstance(call.arguments, dict) and not call.changes.names:
        seen = dict(tool.inspect(call.arguments))
    imported = {name for name, _ in seen.get("imports", ())}
    lost = [n for n in seen.get("writes", ()) if n not in imported]
    may = [] if not (seen and call.code) else may_change(call.code, seen, run.namespace or {})
    may = [n for n in may if n not in lost and n not in imported]
    return {"did": Acts(run.journal.path.parent).noted(call.key) or [], "lost": lost + may, "may": may}


async def _reconciled(tool: Tool | None, call: Call) -> bool | None:
    if tool is None or tool.reconcile is None:
        return None
    found: Any = tool.reconcile(call.key)
    found = await found if inspect.isawaitable(found) else found
    return None if found is None else bool(found)


def standing(run: Run) -> list[Call]:
    """Return the surviving calls, and those that had ended and broke off before that was on record.

    What these changed is known, and comes back as of a call that is done; it is taken back where they run again.
    """
    broke = [c for c in run.state.open_calls if c.status in ("running", "in_doubt") and c.changes.names]
    ended = [c for c in broke if (t := run.tools.get(c.name)) is not None and not only_namespace(run, t, c)]
    return [*run.state.surviving, *ended]


def is_warm(run: Run) -> bool:
    """Whether the namespace already holds what the surviving steps made."""
    worker = next((t.worker for t in run.tools.values() if t.worker is not None), None)
    if worker is not None:
        return worker.alive
    if run.state.again:
        return False
    wanted = last_digests(standing(run), run.state.lost)
    if run.namespace is None or not wanted:
        return True
    present = [n for n in wanted if n in run.namespace]
    return len(present) == len(wanted) and run.fingerprint(present) == {n: wanted[n] for n in present}


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
        if set(written := call.changes.written) <= (call.changes.values or {}).keys():
            have |= set(written)  # as they are read back
        missing += [n for n in seen.get("reads", ()) if n not in have and not hasattr(builtins, n)]
    return list(dict.fromkeys(missing))
