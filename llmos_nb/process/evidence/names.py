"""Names and dates of an answer: in which row they stand, and whether the rank that the sentence gives them holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.labels import clause, places
from llmos_nb.process.evidence.marks import Given, Marked, Seen, at
from llmos_nb.process.evidence.mentions import assigned
from llmos_nb.process.evidence.numbers import MONTHS, Date, dates
from llmos_nb.process.evidence.ranks import ranked
from llmos_nb.process.evidence.tables import Row, Table, number

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
    return _by_parts(claim, tables) or _elsewhere(claim, tables, seen, given) or Marked(claim, "absent")


def _by_parts(claim: Claim, tables: Sequence[Table]) -> Marked | None:
    """Return the mark of a date whose month is a column beside years, or whose month and day are two columns."""
    year, month, day = claim.value.parts if isinstance(claim.value, Date) else (0, 0, 0)
    for table in (t for t in tables if not t.prose) if month else ():
        heads = {c.lower(): c for c in table.columns}
        in_months = table.across.lower() in ("month", "monat")
        column = next(
            (c for low, c in heads.items() if MONTHS.get(low) == month or (in_months and low == str(month))), ""
        )
        for row in table.rows:
            cells = {c.lower(): number(t) for c, t in row.cells}
            said = {"month": month, "day": day, "year": year}
            if column and year and not day and str(year) in row.labels:
                return at(claim, "row", table, row, column)
            if (
                day
                and {"month", "day"} <= cells.keys()
                and all(cells[k] == v for k, v in said.items() if v and k in cells)
            ):
                return at(claim, "row", table, row)
    return None


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
    if isinstance(claim.value, Date) and given.date(claim.value):
        return Marked(claim, "given")
    shown = next((x for x in seen if claim.quoted and _stands(claim, x.result)), None)
    return Marked(claim, "row", shown.call, how=claim.text) if shown else None


_PROPER = re.compile(r"[A-ZÄÖÜ][\w’'&.-]*(?:\s+(?:(?:of|the|de|von|and)\s+)?[A-ZÄÖÜ\d][\w’'&.-]*)*")


_RAN = re.compile(r"\b(?:ran|executed|loops?|lief|Schleife)\b[^.]*$", re.IGNORECASE)


def is_emphasis(m: Marked, others: Sequence[Claim]) -> bool:
    """Return whether bold words or words in backticks that nothing shows are a term or code, and name nothing.

    Parameters
    ----------
    m : Marked
        A name with its mark.
    others : sequence of Claim
        All claims: what stands in backticks beside a number is what the number is told of.
    """
    claim, sentence = m.claim, m.claim.sentence
    before = sentence.text[: claim.start - sentence.start]
    if not claim.quoted or m.mark not in ("absent", "given") or before[-1:] not in ("`", "*"):
        return False
    if before.endswith("*"):  # a term, a heading; what begins a sentence has a capital letter anyhow
        return not before.strip(" *#>-") or _PROPER.fullmatch(claim.text) is None
    if " " in claim.text and _RAN.search(before):
        return False  # "it ran `while a < b`": that is a claim
    left, right = (sentence.start + at for at in clause(sentence, claim.start))
    beside = any(left <= c.start < right for c in others if c.kind == "number")
    return not beside or re.fullmatch(r"[^\W_]+", claim.text) is None


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
    labels = {x for t, _ in several for r in t.rows for x in r.labels if not list(dates(x))}
    here = assigned(claim, places(claim.sentence.text, labels), [])
    near = [(t, r) for t, r in several if here & {*r.labels}]
    if near:
        holds = [ranked(claim, t, r, "", "") is not False for t, r in near]
        return at(claim, "row" if any(holds) else "same", *near[0])
    return at(claim, "same", *rows[0]) if several and len(several) == len(rows) else None


def _stands(claim: Claim, text: str) -> bool:
    if isinstance(claim.value, Date):
        return any(claim.value.agrees(d.parts) for d in dates(text))
    return re.search(rf"(?<![\w-]){re.escape(claim.text)}(?![\w-])", text, re.IGNORECASE) is not None


def _fitting(claim: Claim, rows: Found, goal: str) -> tuple[Table, Row] | None:
    """Return the row of a name of which its rank holds, where the sentence gives it one; else the first."""
    verdicts = [ranked(claim, t, r, "", goal) for t, r in rows]
    fitting = next((row for row, holds in zip(rows, verdicts, strict=True) if holds), None)
    return fitting or (rows[0] if all(v is None for v in verdicts) else None)


def listed(text: str, labels: set[str]) -> list[str]:
    """Return the labels that a sentence lists one after the other."""
    found = places(text, labels)
    best: list[str] = []
    run: list[str] = []
    for i, (a, _, label) in enumerate(found):
        between = text[found[i - 1][1] : a] if i else ""
        run = (
            [*run, label]
            if i and re.fullmatch(r"[\s,`\"*“”]*(?:and|und|or|oder|&)?[\s,`\"*“”]*", between)
            else [label]
        )
        best = max(best, run, key=len)
    return best if len({*best}) == len(best) else []
