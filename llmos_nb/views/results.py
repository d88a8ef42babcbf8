"""What happened in a step, as plain data: one model for panel, static form and terminal, from state and counts alone.

A fact that nobody recorded is empty here and is not said: "as expected" needs an expression that was evaluated, "no
file, no network" a look at what the call did outside that found nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call
from llmos_nb.views.counts import Counts
from llmos_nb.views.outside import acts, outside
from llmos_nb.views.wording import FEW, as_read, count, few, short, since

Kind = Literal["", "as expected", "not as expected", "ran", "failed", "undone"]
_SAID = 60
_NUMBER = re.compile(r"[-\d.,_]*")  # beside a change it says nothing by itself
_OBJECT = re.compile(r"<[\w.]+ (?:object|(?:object )?at 0x[0-9a-fA-F]+)>")  # the text of what has none


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a step's success: `kind`, and the expression that was evaluated where one was."""

    kind: Kind
    code: str = ""

    @property
    def words(self) -> str:
        """The same on a line."""
        return f"{self.kind}: {self.code}" if self.code else self.kind


@dataclass(frozen=True, slots=True)
class Change:
    """One variable that changed: how, its dimensions before and after, and what else is known."""

    name: str
    how: str
    size: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """The first rows of a table.

    Parameters
    ----------
    name : str
        The variable; empty for the value of the last expression.
    columns, numeric, new : tuple
        Names of the columns; whether each holds numbers; whether the step has added it.
    rows : list of (bool, list of str)
        Whether a row is gone, its label and its cells.
    of : tuple of int
        All rows and columns.
    """

    name: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    new: tuple[bool, ...]
    rows: list[tuple[bool, list[str]]]
    of: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What one call of a step ran and gave.

    Parameters
    ----------
    call : Call
        The call.
    code, proposed : str
        As it ran, and as the model had proposed it where somebody edited it.
    who : str
        Who proposed, edited and approved it.
    gave : list of (str, str)
        What it showed, in order, as `pieces` tells it.
    grid : Grid, optional
        The table that it gave or made.
    """

    call: Call
    code: str
    proposed: str
    who: str
    gave: list[tuple[str, str]]
    grid: Grid | None


@dataclass(frozen=True, slots=True)
class StepResult:
    """What happened in a step, or in a call that serves none.

    Parameters
    ----------
    key : int or str
        The step's number, or the call's id.
    title, expect : str
        Its title, and what it was to show.
    verdict : Verdict
        How it went.
    changes : list of Change
        What it changed in the namespace.
    outside : list of str
        What it did outside in any attempt, a phrase each; empty where nobody looked.
    parts, attempts : list of Part
        Calls that stand, or else the last one; and those that had failed before.
    spent : dict
        Tokens by kind, and seconds of ``model``, ``tool`` and ``you``.
    """

    key: int | str
    title: str
    expect: str
    verdict: Verdict
    changes: list[Change]
    outside: list[str]
    parts: list[Part]
    attempts: list[Part]
    spent: dict[str, float] = field(default_factory=dict)


def result(s: State, key: int | str, counts: Counts) -> StepResult:
    """Return what happened in a step, by its number, or in a call, by its id."""
    calls = [c for c in s.calls.values() if c.name not in CONTROL and (key in c.serves or c.id == key)]
    ran = [c for c in calls if c.started or c.ended]
    stand = [c for c in ran if c.status != "failed"] or ran[-1:]
    failed = [c for c in ran if c.status == "failed" and c not in stand]
    step = s.plan.step(key) if isinstance(key, int) and key in s.plan else None
    return StepResult(
        key,
        step.title if step is not None else "",
        step.expect if step is not None else "",
        verdict(s, key, stand),
        [change for call in stand for change in changes(call)],
        outside(ran),
        [part(c, counts.who.when(c.id)) for c in stand],
        [part(c, counts.who.when(c.id)) for c in failed],
        _spent(calls, counts),
    )


def verdict(s: State, key: int | str, calls: Iterable[Call]) -> Verdict:
    """Say how a step went: green is only what was evaluated, and was true."""
    found = list(calls)
    step = s.plan.step(key) if isinstance(key, int) and key in s.plan else None
    if found and all(c.status == "undone" for c in found):
        return Verdict("undone")
    if step is None:
        status = {c.status for c in found}
        return Verdict("failed" if "failed" in status else "ran" if "done" in status else "")
    if step.n in s.missed and step.status != "done":
        return Verdict("not as expected", s.missed[step.n])
    if step.status == "done":
        return Verdict("as expected", s.compared[step.n]) if step.n in s.compared else Verdict("ran")
    return Verdict("failed") if any(c.status == "failed" for c in found) else Verdict("")


# changes


def changes(call: Call) -> list[Change]:
    """Return the variables that a call changed, with their dimensions before and after where these are known."""
    c = call.changes
    shapes, details = c.shapes, c.details or {}
    how = (("rebound", call.rebound), ("changed in place", c.mutated), ("new", call.results), ("deleted", c.deleted))
    found = [
        Change(name, word, size(shapes.get(name, {})), more(shapes.get(name, {}), details.get(name, ())))
        for word, names in how
        for name in names
    ]
    imports = [c.name for c in found if (c.how, c.size) == ("new", "module")]
    named = [Change(", ".join(imports), "imported")] if imports else []
    return [c for c in found if (c.how, c.size) != ("new", "module")] + named


def size(shape: Mapping[str, Any]) -> str:
    """Say ``344 × 8 → 342 × 9``; of what has no dimensions its type."""
    was, now = (_form(shape[k]) if k in shape else "" for k in ("was", "now"))
    return was if was == now else " → ".join(filter(None, (was, now)))


def _form(form: Any) -> str:
    kind, *sizes = form
    if len(sizes) > 1:
        return " × ".join(f"{n:,}" for n in sizes)
    if sizes:
        return f"{kind} of {sizes[0]:,}"
    return str(kind)


def more(shape: Mapping[str, Any], details: Iterable[str] = ()) -> str:
    """Say which columns came and went, how many rows were dropped, and what else is known to have changed."""
    said = [f"{sign}{count(len(shape[k]), 'column')} {few(shape[k])}" for k, sign in _SIGNS if shape.get(k)]
    if dropped := shape.get("dropped"):
        said.append(f"{count(dropped, 'row')} dropped")
    said += [f"{name} {old} → {new}" for name, (old, new) in [*shape.get("types", {}).items()][:FEW]]
    known = {*shape.get("plus", ()), *shape.get("minus", ()), *shape.get("types", {})}
    same = shape.get("was") == shape.get("now")  # else it is another one
    if not said and same and (left := [d for d in details if d not in known]):
        said.append(f"in {few(left)}")
    return ", ".join(said)


_SIGNS = (("plus", "+"), ("minus", "−"))


def seen(calls: Iterable[Call], text: str, of: Sequence[str] = ()) -> tuple[str, list[str]]:
    """Return what was seen in a step, in a line, and the calls in whose results all of that was seen.

    Of tables it tells their dimensions before and after, rather than a number.

    Parameters
    ----------
    calls : iterable of Call
        Those of the step that went well.
    text : str
        What was recorded as seen, which may be a table on one line.
    of : sequence of str
        The calls of which that was recorded.
    """
    found, said, tables, text = list(calls), list[tuple[str, str]](), False, as_read(text)
    for call in found:
        table = grid(call)
        tables = tables or table is not None
        said += [
            (f"{c.name} {', '.join(filter(None, (c.size, c.more)))}", call.id)
            for c in changes(call)
            if c.how in ("rebound", "changed in place") and "×" in c.size
        ]
        if table is not None and table.of and not said:
            said.append((f"{table.name or 'a table'}, {' × '.join(f'{n:,}' for n in table.of)}", call.id))
    silent = all(call.silent for call in found if not of or call.id in of)
    if not said:
        return few(did) if silent and (did := acts(found)) else text, list(of)
    rest = _line("\n".join(said for kind, said in pieces(found[-1]) if kind == "printed")) if tables else text
    more = [] if silent or _NUMBER.fullmatch(rest.strip()) else [short(rest, _SAID)]
    by = {call for _, call in said[:2]} | (set(of) if more else set())
    return " · ".join([*(words for words, _ in said[:2]), *more]), [c.id for c in found if c.id in by]


def _line(printed: str) -> str:
    """Return what was printed where it is one line; several, such as a table's, would be unreadable as one."""
    lines = [line for line in printed.splitlines() if line.strip()]
    return " ".join(lines[0].split()) if len(lines) == 1 else ""


def wrong(call: Call) -> str:
    """Return the line that names the error of a call that failed."""
    lines = [line.strip() for line in call.result.splitlines()]
    named = (line.removeprefix("from ") for line in reversed(lines) if call.error and f"{call.error}:" in line)
    return next(named, call.told)


# what calls gave


def part(call: Call, who: str = "") -> Part:
    """Return what a call ran and gave; `who` edited and approved it."""
    return Part(call, call.code, call.proposed, who, pieces(call), grid(call))


def pieces(call: Call) -> list[tuple[str, str]]:
    """Return what a call showed, in order, each with what it is: ``printed``, ``value``, ``markdown`` or ``image``.

    Of a record that does not tell them apart all is printed. Of what is Markdown the model got the source, where a
    cell has no text of its own, or of HTML what that shows; of an image its words.
    """
    made, text = call.facts.get("outputs"), call.result
    if not made:
        return [] if not text or call.silent else [("printed", text)]
    found, at, forms = list[tuple[str, str]](), 0, iter(_displays(call))
    for how, length, *other in made:
        piece, at, own, kind = text[at : at + length], at + length, other[0] if other else "", how
        if how != "image":
            source = _OBJECT.fullmatch(own) and piece.strip() and not _OBJECT.fullmatch(piece.strip())
            kind = "markdown" if source else "value" if how == "value" else "printed"
            piece = as_read(own or piece) if kind == "value" else piece
        if how == "display" and (form := next(forms, "")):
            kind, piece = "markdown", form
        if found and kind == found[-1][0] == "printed":
            piece = found.pop()[1] + piece
        found.append((kind, piece))
    return [(kind, cut) for kind, piece in found if (cut := piece.rstrip("\n"))]


def _displays(call: Call) -> list[str]:
    """Return of each display of a call what it showed as Markdown, where that is more than its text."""
    try:
        return [str(form) for form in json.loads(call.facts.get("displays", "[]"))]
    except (ValueError, TypeError):  # it was deleted
        return []


def grid(call: Call) -> Grid | None:
    """Return the table that a call gave or made, as it was recorded, with the rows that it dropped at their places."""
    try:
        made = json.loads(call.facts.get("table", ""))
        columns, of = tuple(map(str, made["columns"])), tuple(made["of"])
        rows = [(False, list(map(str, row))) for row in made["rows"]]
        for at, *row in reversed(made.get("gone", ())):
            if at <= len(rows):
                rows.insert(at, (True, list(map(str, row))))
    except (ValueError, TypeError, KeyError):  # there is none, or it was deleted
        return None
    plus = call.changes.shapes.get(made["name"], {})
    new = tuple("was" in plus and c in plus.get("plus", ()) for c in columns)
    return Grid(str(made["name"]), columns, tuple(made["numeric"]), new, rows, of)


def _spent(calls: Iterable[Call], counts: Counts) -> dict[str, float]:
    """Add up tokens and seconds of calls, and of the answers that proposed them, each once."""
    found = list(calls)
    ids = {c.id for c in found}
    waited = {q: w for q, w in counts.waited.items() if q.partition("!")[0] in ids}
    held = sum(w for q, w in waited.items() if "!" in q)  # in the middle of a call, whose time this is not
    total = {
        "tool": max(sum(since(c.started, c.ended) for c in found) - held, 0.0),
        "you": sum(waited.values()),
    }
    for answer in {int(c.id[1:].partition(".")[0]) for c in found}:
        total["model"] = total.get("model", 0.0) + counts.thought.get(answer, 0.0)
        for unit, amount in {**counts.usage.get(answer, {}), **counts.costs.get(answer, {})}.items():
            if isinstance(amount, int | float):
                total[unit] = total.get(unit, 0) + amount
    return total


def taken_along(s: State, key: int | str) -> tuple[list[str], list[int | str]]:
    """Return the names that Undo from a step on takes back, and the later steps whose work goes with them."""
    standing = [c for c in s.calls.values() if c.status in ("done", "failed") and c.changes.undoable]
    if isinstance(key, int):
        wanted = [c for c in standing if s.place(c) >= key]
    else:
        since_ = s.calls[key].ended if key in s.calls else ""
        wanted = [c for c in standing if c.ended >= since_]
    names = dict.fromkeys(n for c in wanted for n in c.changes.names)
    own = (key,) if isinstance(key, int) else (key, getattr(s.calls.get(key), "step", 0))
    later = dict.fromkeys(c.step or c.id for c in wanted if c.id != key and c.step not in own)
    return list(names), list(later)
