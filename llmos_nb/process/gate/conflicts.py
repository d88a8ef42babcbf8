"""Lost updates: a step that would write what somebody else has changed since the process last looked at it.

Such a step goes back to the model, which is told who changed what, and what it is now; it may try again. Where that
has happened `RETRIES` times with nothing written, a person is asked in the modes that ask, and else it is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from llmos_nb.journal.events import CONFLICT, CallDecided, HeapChanged
from llmos_nb.messages import ToolResult
from llmos_nb.policy import TRUSTED, labels
from llmos_nb.policy.secrets import redact
from llmos_nb.process.findings import Findings
from llmos_nb.process.gate import labels as gate_labels
from llmos_nb.process.run import Run
from llmos_nb.process.scheduling.turns import turns_of
from llmos_nb.process.state.decide import Start
from llmos_nb.process.state.state import State, say
from llmos_nb.tools import Call, Tool
from llmos_nb.tools.devices.namespace import card

RETRIES = 3
_MISSING = object()
ASKING = ("step", "risky")  # modes in which a person is asked in the end


async def turn(run: Run, command: Start, tool: Tool, seen: Findings) -> None:
    """Wait for the turn at names over which processes have come into conflict."""
    sight = run.sight
    if sight is not None and _shared(tool) and sight.sharing.turns:
        await turns_of(sight).await_all(run, command, seen.writes)


def found(run: Run, tool: Tool, seen: Findings) -> dict[str, str]:
    """Return the names that a call would write though somebody else has changed them, with who it was.

    To import again what a name stands for already loses nothing. Code that may reach any name, as `exec` may, counts
    as writing every name that the process has looked at.
    """
    if run.sight is None or not _shared(tool):
        return {}
    return theirs(run, (*rewritten(run, seen), *(run.sight.seen if seen.everything else ())))


def rewritten(run: Run, seen: Findings) -> list[str]:
    """Return the names that a call writes, but those that it imports and that are free or stand for just that."""
    names, origins = run.namespace or {}, dict(seen.imports)
    return [n for n in seen.writes if n not in origins or (n in names and names[n] is not _imported(origins[n]))]


def _imported(origin: str) -> Any:
    """Return what an import gives, where its module is loaded."""
    module, _, attribute = origin.rpartition(".")
    return sys.modules.get(origin) or vars(sys.modules.get(module, object)).get(attribute, _MISSING)


def theirs(run: Run, names: Iterable[str]) -> dict[str, str]:
    """Return which of these names somebody else has changed since the process last looked, with who it was."""
    if run.sight is None or run.namespace is None:
        return {}
    return run.sight.conflicts([n for n in names if n in run.namespace], run.state.pid)


def named(found: Mapping[str, str]) -> str:
    """Say which names, and who changed them."""
    return ", ".join(f"`{n}` (by {by})" for n, by in found.items())


def words(found: Mapping[str, str]) -> str:
    """Say that somebody changed names meanwhile."""
    verb, it = ("has", "it") if len(found) == 1 else ("have", "them")
    return f"{named(found)} {verb} changed since this process last looked at {it}"


def asks(found: Mapping[str, str]) -> str:
    """Return the sentence with which a person is asked."""
    return f"It asks because {words(found)}, and this would write {'it' if len(found) == 1 else 'them'}."


def refusals(s: State, names: Iterable[str]) -> int:
    """Count how often calls were refused so since the process wrote one of these names, or a person rejected a call."""
    wanted, count = set(names), 0
    for call in reversed(s.calls.values()):
        if call.by == CONFLICT:
            count += 1
        elif wanted & set(call.changes.names) or (call.by.is_person and call.status == "rejected"):
            break
    return count


def sent_back(run: Run, call: Call, tool: Tool, seen: Findings) -> bool:
    """Send a call back to the model where it is in conflict; what a person wrote, or decides at last, is theirs."""
    if call.by.is_person and call.original is not None:
        return False
    names = found(run, tool, seen)
    if not names or run.sight is None:
        return False
    before = refusals(run.state, names)
    if before >= RETRIES and run.state.mode in ASKING:
        return False
    last = before >= RETRIES
    told = {"changed": words(names), "now": _now(run, names)}
    why = say(run.state, "conflict_again", times=before + 1, **told) if last else say(run.state, "conflict", **told)
    run.append(CallDecided(call=call.id, digest="", what="reject", by=CONFLICT, why=why))
    run.sight.saw(names)
    if not last:
        turns_of(run.sight).claim(run, names)
    return True


def late(run: Run, call: Call, tool: Tool, seen: Findings) -> ToolResult | None:
    """Return the result of a step that may not begin, since a cell of the user's has run since it was let through."""
    names = {} if call.by.is_person else found(run, tool, seen)
    if not names:
        return None
    return ToolResult(False, say(run.state, "conflict_late", changed=words(names)), "Conflict")


def _shared(tool: Tool) -> bool:
    return tool.effect == "namespace" and not tool.elsewhere


def tell(run: Run, names: Mapping[str, str]) -> None:
    """Record, for the model to be told once, that somebody changed names meanwhile; it has not looked at them yet."""
    by = {n: who.replace("your cell", "the user's cell") for n, who in names.items()}
    run.append(HeapChanged(names=by, now=_now(run, names)))
    if run.sight is not None:
        run.sight.told.update(names)


def _now(run: Run, names: Iterable[str]) -> str:
    """Say what names are now: their values too, unless a label or the user's choice of variables keeps these back."""
    gate_labels.catch_up(run)
    known = run.sight.seen if run.sight is not None else ()
    there = run.namespace or {}
    gone = [say(run.state, "now_gone", name=n) for n in names if n not in there]
    plain = [n for n in names if n in there and labels.of((n,), run.state.labels) == TRUSTED]
    shown = [card([n], there, n in known or not run.journal.began.vars) for n in plain]
    hidden = [say(run.state, "now_hidden", name=n) for n in names if n in there and n not in plain]
    return say(run.state, "now", what=redact("; ".join(w.rstrip(".") for w in (*shown, *hidden, *gone))))
