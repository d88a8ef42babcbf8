"""Calls as rows: what a process without a plan did, and what it did beside its plan."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import cast

from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call
from llmos_nb.views.contract import StepRow, StepStatus
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel.costs import cost_of, facts
from llmos_nb.views.wording import names, plain, short, upper

TITLE_MOST, SEEN_MOST = 100, 240
_STATUS: dict[str, StepStatus] = {
    "proposed": "pending", "approved": "pending", "asked": "waiting", "in_doubt": "waiting", "waits": "running",
    "undone": "skipped",
}  # fmt: skip
_MADE = (("created", "made"), ("rebound", "changed"), ("mutated", "changed"), ("deleted", "deleted"))


def loose(s: State) -> list[Call]:
    """Return the calls that serve no step of a plan and are no compensation of another, in order."""
    return [c for c in s.calls.values() if not c.step and c.name not in CONTROL and not c.undoes]


def rows(s: State, calls: Sequence[Call], counts: Counts, now: str = "") -> list[StepRow]:
    """Return a row a call."""
    return [_row(s, call, counts, now, first=_is_first(call, calls)) for call in calls]


def _is_first(call: Call, calls: Iterable[Call]) -> bool:
    """Return whether a call is the first of its answer among these: its row says what the answer cost."""
    answer = call.id.partition(".")[0]
    return next(c.id for c in calls if c.id.partition(".")[0] == answer) == call.id


def title(call: Call) -> str:
    """Return the first comment or line of a call's code, or its tool with the arguments."""
    line = next((line.strip() for line in call.code.splitlines() if line.strip()), "")
    if line:
        return short(upper(line.lstrip("#! ")) if line.startswith("#") else line, TITLE_MOST) or call.name
    given = call.arguments if isinstance(call.arguments, dict) else {}
    said = ", ".join(f"{k}={v!r}" for k, v in given.items()) if given else str(call.arguments or "")
    return short(f"{call.name}({said})", TITLE_MOST)


def _row(s: State, call: Call, counts: Counts, now: str, first: bool) -> StepRow:
    mine = [call, *(c for c in s.calls.values() if c.undoes == call.id)]
    status = _status(s, call, mine)
    row: StepRow = {"n": call.id, "t": title(call), "s": status}
    more = {
        "calls": [c.id for c in mine],
        "ev": _seen(call) if status in ("done", "failed", "rejected") else "",
        "note": _note(s, call, mine, counts),
        "out": gave(call),
        "back": status in ("done", "failed") and bool(call.changes.undoable or call.facts.get("undo")),
    }
    row |= cast(StepRow, {key: value for key, value in more.items() if value})
    facts(row, [call], counts, now, cost_of([call], counts) if first else {})
    if waiting := next((c.id for c in mine if c.id in s.questions), ""):
        row["call"], row["digest"] = waiting, s.questions[waiting].get("digest", "")
    return row


def gave(call: Call) -> bool:
    """Return whether a call has something to show: it has ended, and was not taken back."""
    return bool(call.ended) and call.name not in CONTROL and call.status != "undone" and not call.undoes


def _status(s: State, call: Call, mine: Iterable[Call]) -> StepStatus:
    if any(c.id in s.questions for c in mine):
        return "waiting"
    if call.status == "running" and s.settled:
        return "pending"
    return _STATUS.get(call.status, cast(StepStatus, call.status))


def _seen(call: Call) -> str:
    """Say in a line what a call gave; of an error its last line."""
    lines = [line for line in call.result.strip().splitlines() if line.strip()]
    text = (lines[-1] if call.status == "failed" else " ".join(lines)) if lines else "no output"
    return short(re.sub(r"\s+", " ", text), SEEN_MOST)


def _note(s: State, call: Call, mine: Sequence[Call], counts: Counts) -> str:
    """Say who decided, what the call made, and what became of it."""
    found = [counts.who.of_call(call.id), made(call) if call.status in ("done", "failed") else ""]
    if call.status == "undone":
        found.append("undone")
    if call.status == "running" and s.settled:
        found.append("not finished")
    if call.error == "Stopped":
        found.append("interrupted, taken back")
    if any(c.undoes and c.status == "done" for c in mine):
        found.append("taken back by its tool")
    elif call.facts.get("undo") and call.status == "done":
        found.append("can be compensated")
    return ", ".join(filter(None, found))


def made(call: Call) -> str:
    """Say which names a call made, changed and deleted."""
    by_word: dict[str, list[str]] = {}
    for kind, word in _MADE:
        by_word.setdefault(word, []).extend(n for n in getattr(call.changes, kind))
    return ", ".join(f"{word} {plain(list(names(found, 4)))}" for word, found in by_word.items() if found)
