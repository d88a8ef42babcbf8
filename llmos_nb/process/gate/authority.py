"""Whose word a call stands on, at the gate: the user's own, an approved plan, or records that the gate looks up itself.

Only tools of which somebody has said what their arguments mean are judged so (`Tool.power`); of others it is known at
most whether the arguments in their `sinks` are whole tokens of the user's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmos_nb.journal.events import LabelChanged
from llmos_nb.messages import ToolResult
from llmos_nb.policy import CONTEXT, FILE, labels
from llmos_nb.policy.authority import Role, Shelf, Standing, lower, rows, spoken, standing
from llmos_nb.process.run import Run
from llmos_nb.process.state.state import State
from llmos_nb.tools import Call, CallContext, Tool, value_of
from llmos_nb.tools.devices.python import interruptible

_PASTED = 16  # characters of a text that stands in a goal by more than chance
AGAIN = "it was done once already"
_MADE = ("approved", "running", "done", "failed", "in_doubt", "undone")


def words(run: Run) -> str:
    """Return everything that people said to the process, without what they put in of a variable that is untrusted."""
    said = "\n".join([run.state.words or run.state.goal, *(text for by, text in run.state.told if by == "you")])
    names = run.namespace or {}
    pasted = (
        names.get(n) for n in labels.marked(run.state.labels) if labels.of((n,), run.state.labels).untrusted
    )
    for text in (v for v in pasted if isinstance(v, str) and len(v) >= _PASTED):
        said = said.replace(text, " ")
    return said


def unspoken(run: Run, names: Iterable[str], arguments: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return those of the named arguments that no typed token of the user's words covers."""
    given = [(n, v) for n in names for v in _each(arguments.get(n)) if v is not None and v not in ("", False)]
    said = words(run) if given else ""
    return [(n, v) for n, v in given if not spoken(v, said)]


def vouched(run: Run, tool: Tool, arguments: Mapping[str, Any], found: Standing | None) -> bool:
    """Return whether an approved plan may cover a call: what it acts on is nobody's word but the user's."""
    if not exposed(run) or tool.effect not in ("write", "external"):
        return True
    if found is not None:
        return found.holds
    return frozen(run, tool) and not unspoken(run, tool.sinks or arguments, arguments)


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]


# the one record that the words name


def shelves(run: Run, tool: Tool) -> dict[str, tuple[Tool, Shelf]]:
    """Return where the records are looked up that a tool's arguments may name."""
    wanted = {r.record for r in _roles(tool) if r.record}
    found = ((t, shelf) for t in run.tools.values() for shelf in t.shelves)
    return {shelf.kind: (t, shelf) for t, shelf in found if shelf.kind in wanted}


def _roles(tool: Tool) -> Iterator[Role]:
    for role in tool.power.roles.values() if tool.power is not None else ():
        yield role
        yield from role.also


async def look_up(run: Run, tool: Tool) -> None:
    """Look records up, whatever the model has searched for; where that fails, words name none."""
    for kind, (source, shelf) in shelves(run, tool).items():
        context = CallContext("", f"look up {kind}", run.call_timeout_s)
        outcome = await value_of(source, shelf.arguments, context, interruptible)
        value = outcome.value.text if isinstance(outcome.value, ToolResult) else outcome.value
        error = outcome.error
        try:
            run.books[kind] = shelf.book(rows(value) if error is None else ())
        except Exception as broken:  # records of a class of the user's own
            run.books[kind], error = shelf.book(()), broken
        run.unread.pop(kind, None)
        if error is not None:
            run.unread[kind] = f"{source.name} failed: {type(error).__name__}: {error}"[:200]


# a call


def standing_of(run: Run, call: Call, tool: Tool, arguments: Mapping[str, Any]) -> Standing | None:
    """Say whether a call stands on the user's words; None where nobody has said what the tool's arguments mean."""
    if tool.power is None:
        return None
    books = {kind: run.books[kind] for kind in shelves(run, tool) if kind in run.books}
    made = tainted(run)
    found = standing(tool.power, arguments, words(run), books, made, planned=frozen(run, tool))
    if not found.holds and (trouble := [run.unread[k] for k in shelves(run, tool) if k in run.unread]):
        return replace(found, why=f"{found.why} ({'; '.join(trouble)})")
    if found.holds and any(_same(call, c, tool.power.target) for c in run.state.calls.values()):
        return replace(found, holds=False, why=AGAIN)
    return found


def _same(call: Call, other: Call, target: str) -> bool:
    """Return whether another call did the same to the same target, or to one of several."""
    if other is call or other.name != call.name or other.status not in _MADE:
        return False
    given = (c.arguments.get(target) if isinstance(c.arguments, dict) else None for c in (call, other))
    mine, its = ({lower(str(v)) for v in _each(value)} for value in given)
    return not mine.isdisjoint(its)


def frozen(run: Run, tool: Tool) -> bool:
    """Return whether the plan was approved, with calls of this tool left in it, before anything untrusted was read."""
    s = run.state
    if s.mode != "plan" or not by_person(s):
        return False
    if s.envelope_used.get(tool.name, 0) >= s.envelope.get(tool.name, 0):
        return False
    return s.decided_at >= 0 and (not exposed(run) if s.exposed_at < 0 else s.decided_at < s.exposed_at)


def by_person(s: State) -> bool:
    """Return whether the plan that stands was approved by a person, rather than by a mode."""
    return s.plan_status == "approved" and not s.plan_by.startswith("mode:")


def exposed(run: Run) -> bool:
    """Return whether a process has had to do with what others wrote, whether or not its model was shown it."""
    return run.state.handled or labels.context(run.state.labels).untrusted


def tainted(run: Run) -> set[str]:
    """Name what the process has made of untrusted data: words of calls that wrote after the read, and files."""
    s = run.state
    if not exposed(run):
        return set()
    first = -1 if s.parent else s.exposed_at  # a fork counts its events afresh
    after = (c for c in s.calls.values() if c.status in _MADE and int(c.facts.get("n", first)) >= first)
    found = {w for c in after if run.tools.get(c.name, _NONE).effect != "read" for w in _words_of(c)}
    known = [
        n.removeprefix(FILE) for n, t in s.labels.items() if n.startswith(FILE) and labels.parse(t).untrusted
    ]
    return found | _spelled(known, run)


_NONE = Tool("", "", {}, lambda: None)


def _words_of(call: Call) -> Iterator[str]:
    """Return every word that may be the id or name of what a call made."""
    given = call.arguments.values() if isinstance(call.arguments, dict) else ()
    yield from (str(v) for v in given if isinstance(v, str | int))
    yield from re.findall(r"[\w.@/-]*\w", call.result)


def _spelled(files: list[str], run: Run) -> set[str]:
    """Return the ways in which the user's words may spell a file that is untrusted; of one unknown, every path."""
    folder = Path.cwd()
    said = set(re.findall(r"[\w./~-]*\w", words(run))) if files else set()
    return {w for w in said if "?" in files or str(labels.place(w, folder)) in files}


# where arguments come from, in words


def origins(run: Run, tool: Tool, arguments: Mapping[str, Any], found: Standing | None) -> dict[str, str]:
    """Say of each argument where it comes from, for a person who is asked."""
    if found is None and not exposed(run):
        return {}
    known, said = dict(found.origins) if found is not None else {}, words(run)
    return {
        n: _origin(run, v, known.get(n, ""), said) for n, v in arguments.items() if v not in (None, "", [], {})
    }


def _origin(run: Run, value: Any, known: str, said: str) -> str:
    if known:
        return {"your words": "in your words"}.get(
            known, f"from {known}" if known.startswith("the ") else known
        )
    values = [v for v in _each(value) if v not in (None, "")]
    if values and all(spoken(v, said) for v in values):
        return "a token of your words, and not in this role"
    seen = next((c for c in reversed(run.state.surviving) if any(_stands_in(v, c) for v in values)), None)
    if seen is None:
        return "the model’s own words"
    return f"from {seen.id}, `{seen.name}`" + (", which others wrote" if others(run, seen) else "")


def _stands_in(value: Any, call: Call) -> bool:
    text = str(value).strip()
    return len(text) > 1 and text in call.result


def others(run: Run, call: Call) -> bool:
    """Return whether somebody else may have written what a call gave."""
    bodies = (e.body for e in run.journal.events)
    labelled = [
        b.why for b in bodies if isinstance(b, LabelChanged) and b.name == CONTEXT and "untrusted" in b.label
    ]
    rose = any(why.startswith(f"{call.id}:") for why in labelled)
    return rose or run.tools.get(call.name, _NONE).source == "untrusted"
