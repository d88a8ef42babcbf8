"""Names and dates of an answer: in which row they stand, and whether the rank that the sentence gives them holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.marks import GREEN, Given, Marked, Seen, at, named
from llmos_nb.process.evidence.mentions import clause, places
from llmos_nb.process.evidence.numbers import Date, dates
from llmos_nb.process.evidence.ranks import ranked
from llmos_nb.process.evidence.tables import Row, Table

Found = Sequence[tuple[Table, Row]]


def of_name(
    claim: Claim,
    tables: Sequence[Table],
    goal: str,
    seen: Sequence[Seen],
    given: Given,
    marks: Mapping[Claim, Marked],
) -> Marked:
    """Return the mark of a name or a date.

    Parameters
    ----------
    claim : Claim
        What is claimed.
    tables : sequence of Table
        What was shown.
    goal : str
        What was asked.
    seen : sequence of Seen
        The calls.
    given : Given
        What the goal and the code say.
    marks : mapping
        The numbers of the answer with their marks: a date belongs to the row of the number beside it.
    """
    rows = [(t, r) for t in tables if not t.prose for r in t.rows if any(is_label(claim, x) for x in r.labels)]
    if isinstance(claim.value, Date) and (mine := _of_row(claim, rows, marks)) is not None:
        return mine
    if rows:
        fitting = _fitting(claim, rows, goal)
        return at(claim, "row", *fitting) if fitting else at(claim, "same", *rows[0])
    return _elsewhere(claim, tables, seen, given) or Marked(claim, "absent")


def _elsewhere(claim: Claim, tables: Sequence[Table], seen: Sequence[Seen], given: Given) -> Marked | None:
    """Return the mark of a name that is no label of a row: of a column, of the goal, of a line of words."""
    for table in tables:
        if (table.across and _heads(claim, table)) or (
            claim.quoted and any(is_label(claim, c) for c in table.columns)
        ):
            return Marked(claim, "row", table.call, how=table.across or f"a column of {table.call}")
    if given.text(claim.text):
        return Marked(claim, "given")
    for table in tables:
        for row in table.rows:
            if any(is_label(claim, c) for c in table.columns) or _stands(claim, row.line):
                return Marked(claim, "row", table.call, how=row.line)
    shown = next((x for x in seen if claim.quoted and _stands(claim, x.result)), None)
    return Marked(claim, "row", shown.call, how=claim.text) if shown else None


def is_label(claim: Claim, label: str) -> bool:
    """Return whether a label is what is claimed, however it is spelled."""
    if isinstance(claim.value, Date):
        return any(claim.value.agrees(d.parts) for d in dates(label))
    mine, theirs = (re.sub(r"[\s_]+", " ", x).strip().casefold() for x in (claim.text, label))
    return mine == theirs or (len(theirs) > 3 and mine in (theirs + "s", theirs + "es"))


def _heads(claim: Claim, table: Table) -> bool:
    """Whether a name is a column, or one level of its name."""
    return any(claim.text.casefold() in c.casefold().split() or is_label(claim, c) for c in table.columns)


def _of_row(claim: Claim, rows: Found, marks: Mapping[Claim, Marked]) -> Marked | None:
    """Return the mark of a date in rows that are called by something else first; None where it calls them itself."""
    several = [(t, r) for t, r in rows if len(r.labels) > 1 and not is_label(claim, r.labels[0])]
    near = [(t, r) for t, r in several if _told_of(claim, r, marks)]
    if near:
        holds = [ranked(claim, t, r, "", "") is not False for t, r in near]
        return at(claim, "row" if any(holds) else "same", *near[0])
    return at(claim, "same", *rows[0]) if several and len(several) == len(rows) else None


def _told_of(claim: Claim, row: Row, marks: Mapping[Claim, Marked]) -> bool:
    """Whether the sentence names another label of a date's row, or gives a number of that row."""
    if any(places(claim.sentence.text, {x}) for x in row.labels if not list(dates(x))):
        return True
    left, right = clause(claim.sentence, claim.start)
    part = claim.sentence.text[left:right]
    return any(
        m.mark in GREEN and m.row == named(row) and c.sentence == claim.sentence and c.text in part
        for c, m in marks.items()
    )


def _stands(claim: Claim, text: str) -> bool:
    if isinstance(claim.value, Date):
        return any(claim.value.agrees(d.parts) for d in dates(text))
    return re.search(rf"(?<![\w-]){re.escape(claim.text)}(?![\w-])", text, re.IGNORECASE) is not None


def _fitting(claim: Claim, rows: Found, goal: str) -> tuple[Table, Row] | None:
    """Return the row of a name of which its rank holds, where the sentence gives it one; else the first."""
    verdicts = [ranked(claim, t, r, "", goal) for t, r in rows]
    fitting = next((row for row, holds in zip(rows, verdicts, strict=True) if holds), None)
    return fitting or (rows[0] if all(v is None for v in verdicts) else None)
