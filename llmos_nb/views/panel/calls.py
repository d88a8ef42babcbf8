"""Calls as rows: what a process without a plan did, and what it did beside its plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import cast

from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call
from llmos_nb.views.contract import StepRow, StepStatus
from llmos_nb.views.counts import Counts
from llmos_nb.views.outside import interrupted, taken_back
from llmos_nb.views.panel.costs import facts, verdict_of
from llmos_nb.views.panel.danger import asked_of, waits_in
from llmos_nb.views.results import seen, verdict, wrong
from llmos_nb.views.wording import UNFINISHED, names, plain, short, upper

TITLE_MOST, SEEN_MOST = 100, 240
_STATUS: dict[str, StepStatus] = {
    "proposed": "pending", "approved": "pending", "asked": "waiting", "in_doubt": "waiting", "waits": "running",
}  # fmt: skip


def loose(s: State) -> list[Call]:
    """Return the calls that serve no step of a plan and are no compensation of another, in order."""
    return [c for c in s.calls.values() if not c.step and c.name not in CONTROL and not c.undoes]


def rows(s: State, calls: Sequence[Call], counts: Counts) -> list[StepRow]:
    """Return a row a call; the first of an answer's says what the answer cost."""
    undoing: dict[str, list[Call]] = defaultdict(list)
    for c in s.calls.values():
        undoing[c.undoes].append(c)
    firsts = {c.id.partition(".")[0]: c.id for c in reversed(calls)}
    first = set(firsts.values())
    return [_kept(s, [c, *undoing.get(c.id, ())], counts, c.id in first) for c in calls]


def title(call: Call) -> str:
    """Return the first telling line of a call's code, what it asks, or its tool with the arguments."""
    if line := call.subject:
        return short(upper(line.lstrip("#! ")) if line.startswith("#") else line, TITLE_MOST) or call.name
    given = call.arguments if isinstance(call.arguments, dict) else {}
    if call.name == "ask" and isinstance(asked := given.get("question"), str):
        return short(f"asks: {asked}", TITLE_MOST)
    return short(written(call), TITLE_MOST)


def edited_lines(call: Call) -> int:
    """Return how many lines of a call differ from what was proposed; at least one where somebody edited it."""
    proposed = set(call.proposed.splitlines())
    return max(sum(line not in proposed for line in call.code.splitlines()), 1)


def written(call: Call) -> str:
    """Return a call as it would stand in code: its tool with the arguments."""
    if not isinstance(call.arguments, dict) or not call.arguments:
        return f"{call.name}({call.arguments or ''})"
    return f"{call.name}({', '.join(f'{k}={v!r}' for k, v in call.arguments.items())})"


def _kept(s: State, mine: Sequence[Call], counts: Counts, first: bool) -> StepRow:
    """Return the row of a call as it was made last, where the call has ended and nothing of what it says has changed.

    Undo changes its status or that of what undoes it, forgetting what it gave.
    """
    call, who = mine[0], counts.who
    if not call.closed or asked_of(s, mine):
        return _row(s, mine, counts, first)
    gave, by = (call.result, call.changes, call.facts), (who.edited.get(call.id), who.decided.get(call.id))
    made_of = ([c.status for c in mine], gave, by, first)
    if counts.rows.get(call.id, (None,))[0] != made_of:
        counts.rows[call.id] = (made_of, _row(s, mine, counts, first))
    return cast(StepRow, counts.rows[call.id][1])


def _row(s: State, mine: Sequence[Call], counts: Counts, first: bool) -> StepRow:
    """Return the row of a call, which comes with those that undo it."""
    call = mine[0]
    status = _status(s, call, mine)
    refused = status == "rejected" and not counts.who.of_call(call.id)  # a person's reason stands in the note
    row: StepRow = {"n": call.id, "t": title(call), "s": status}
    more = {
        "calls": [c.id for c in mine],
        "ev": short(_seen(call, status), SEEN_MOST) if status in ("done", "failed") or refused else "",
        "note": _note(s, call, mine, counts),
        "out": gave(call),
        "begun": status == "pending" and bool(call.started),
        "back": status in ("done", "failed") and bool(call.changes.undoable or call.facts.get("undo")),
    }
    row |= cast(StepRow, {key: value for key, value in more.items() if value})
    if status in ("done", "failed"):
        verdict_of(row, verdict(s, call.id, [call]))
    facts(s, row, [call], counts, None if first else {})
    waits_in(row, s, mine)
    return row


def _seen(call: Call, status: str) -> str:
    return seen([call], call.told)[0] if status == "done" else wrong(call) if status == "failed" else call.told


def gave(call: Call) -> bool:
    """Return whether a call has something to show: it has ended, and was not taken back."""
    return bool(call.ended) and call.name not in CONTROL and call.status != "undone" and not call.undoes


def _status(s: State, call: Call, mine: Iterable[Call]) -> StepStatus:
    if asked_of(s, mine):
        return "waiting"
    if call.status == "running" and s.settled:
        return "pending"
    return _STATUS.get(call.status, cast(StepStatus, call.status))


def _note(s: State, call: Call, mine: Sequence[Call], counts: Counts) -> str:
    """Say who decided, what the call made, and what became of it."""
    found = [counts.who.of_call(call.id), made(call) if call.status in ("done", "failed") else ""]
    if call.status == "undone":
        found.append(taken_back(s, [call]))
    if call.status == "running" and s.settled:
        found.append(UNFINISHED)
    if call.error == "Stopped":
        found.append(interrupted(s, call))
    if any(c.undoes and c.status == "done" for c in mine):
        found.append("taken back by its tool")
    elif call.facts.get("undo") and call.status == "done":
        found.append("can be compensated")
    return ", ".join(filter(None, found))


def made(call: Call) -> str:
    """Say which names a call made, changed and deleted."""
    changed = [*call.rebound, *call.changes.mutated]
    by_word = (("made", call.results), ("changed", changed), ("deleted", call.changes.deleted))
    return ", ".join(f"{word} {plain(list(names(found, 4)))}" for word, found in by_word if found)
