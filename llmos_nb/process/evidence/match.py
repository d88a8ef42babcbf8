"""Each claim of an answer beside what the process saw: found in a row, derived, given, the same number only, or absent.

Pure. One list of sources and one matcher, for the headline, the panel, the text form and the export.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from llmos_nb.process.evidence.cells import Hit, hits, measured
from llmos_nb.process.evidence.claims import Claim, claims
from llmos_nb.process.evidence.derive import Operand, agrees, derived
from llmos_nb.process.evidence.marks import GREEN, Computed, Given, Marked, Seen, at, named
from llmos_nb.process.evidence.mentions import clause, labels_of, shared, spoken
from llmos_nb.process.evidence.names import of_name
from llmos_nb.process.evidence.numbers import UNITS, Quantity
from llmos_nb.process.evidence.ranks import ranked
from llmos_nb.process.evidence.results import read
from llmos_nb.process.evidence.tables import Row, Table, number

_NOTHING = re.compile(r"^(\[\]|\{\}|\(\)|set\(\)|None|Empty DataFrame.*|Series\(\[\].*|no output)?$", re.S)
_BOUND = re.compile(r"([<>])\s*$")
_WORDS = ("two", "zwei", "one", "null", "double")  # more often words than values


def mark(
    answer: str, goal: str, seen: Sequence[Seen], said: Iterable[str] = (), computed: Sequence[Computed] = ()
) -> list[Marked]:
    """Return what an answer claims, each claim with its mark.

    Parameters
    ----------
    answer : str
        What the model said.
    goal : str
        What it was asked.
    seen : sequence of Seen
        The calls that ran, in order.
    said : iterable of str
        What else it was told: the user's words, descriptions of variables.
    computed : sequence of Computed
        What expressions of the answer gave.

    Returns
    -------
    list of Marked
        In the order of the answer; empty where it claims nothing that can be compared.
    """
    tables = [measured(t, x.code, goal) for x in seen for t in read(x.call, x.result)]
    labels = {x for t in tables if not t.prose for x in labels_of(t)}
    labels |= {w for t in tables if t.across for c in t.columns for w in c.split() if not w.isdigit()}
    known = "\n".join([*(x.code for x in seen), *(c for t in tables for c in (*t.columns, *t.index))])
    found = claims(answer, goal, labels, known, [(c.start, c.end) for c in computed])
    given, by_code = Given((goal, known, *said)), {c.start: c.code for c in computed}
    marks = {c: Marked(c, "computed", how=by_code[c.start]) for c in found if c.kind == "computed"}
    marks |= {c: of_name(c, tables, goal, seen, given, {}) for c in found if c.kind == "name"}
    strangers = [c for c, m in marks.items() if m.mark == "absent"]
    numbers = _Numbers(tables, goal, given, [c for c in found if c.kind == "number"], strangers)
    marks |= numbers.marks
    marks |= {c: of_name(c, tables, goal, seen, given, numbers.marks) for c in found if c.kind == "date"}
    return [m for c in found if not _word(m := marks[c])]


def _word(m: Marked) -> bool:
    """Whether something is no claim after all: "two ways" counts nothing, "it had two" does."""
    if m.mark not in ("absent", "same") or m.claim.text.lower() not in _WORDS:
        return False
    sentence = m.claim.sentence
    return re.match(r"\s+[^\W\d_]", sentence.text[m.claim.end - sentence.start :]) is not None


class _Numbers:
    """The numbers of an answer with their marks."""

    def __init__(
        self, tables: Sequence[Table], goal: str, given: Given, claims: list[Claim], strangers: list[Claim]
    ) -> None:
        self._tables, self._goal, self._claims, self._strangers = tables, goal, claims, strangers
        self._operands: dict[Claim, Operand] = {}
        self._misfits: set[Claim] = set()  # numbers that are right but for their unit
        self.marks = {c: self._in_a_row(c, q) for c in claims if isinstance(q := c.value, Quantity)}
        for claim, m in list(self.marks.items()):
            if m.mark in ("same", "absent"):
                self.marks[claim] = self._otherwise(claim, m, given)

    def _in_a_row(self, claim: Claim, q: Quantity) -> Marked:
        best: tuple[tuple[int, bool, int], Hit] | None = None
        elsewhere: Hit | None = None
        bounded = _BOUND.search(claim.sentence.text[: claim.start - claim.sentence.start])
        for hit in hits(claim, q, self._tables) if not bounded else ():
            column = self._spoken_of(claim, hit.table, hit.row, hit.column) if hit.fits else None
            if column is None:
                elsewhere = elsewhere or hit
            elif best is None or (column, hit.exact, -hit.place) > best[0]:
                best = (column, hit.exact, -hit.place), hit
        if best is not None:
            return self._taken(claim, best[1])
        if (found := self._bound(claim, q) or self._label(claim, q)) is not None:
            return found
        if elsewhere is not None:
            self._misfits |= set() if elsewhere.fits else {claim}
            how = "" if elsewhere.fits else elsewhere.how
            return at(claim, "same", elsewhere.table, elsewhere.row, elsewhere.column, how)
        if (label := _in_label(claim.text, self._tables)) is not None:
            return at(claim, "same", *label)
        return Marked(claim, "absent")

    def _spoken_of(self, claim: Claim, table: Table, row: Row, column: str) -> int | None:
        """Return how well the sentence speaks of a column, where it speaks of the cell at all."""
        if self._of_stranger(claim):
            return None
        how = spoken(claim, table, row, column, self._goal, self._claims)
        of_row = how.row > 0 or (how.row == 0 and bool(ranked(claim, table, row, column, self._goal)))
        return how.column if of_row and how.column >= 0 else None

    def _of_stranger(self, claim: Claim) -> bool:
        """Whether a number stands beside a name that nothing shows: it is told of that."""
        left, right = clause(claim.sentence, claim.start)
        within = range(left, right)
        return any(
            c.sentence == claim.sentence and c.start - c.sentence.start in within for c in self._strangers
        )

    def _taken(self, claim: Claim, hit: Hit) -> Marked:
        group = (hit.place, hit.row.line, hit.column)
        told = f"{hit.value:.12g}"
        self._operands[claim] = Operand(
            hit.value, told, hit.table.call, named(hit.row), hit.column, group, free=True
        )
        return at(claim, "row" if hit.exact else "derived", hit.table, hit.row, hit.column, hit.how)

    def _label(self, claim: Claim, q: Quantity) -> Marked | None:
        """Return the mark of "none" where a result is empty, and of a year that is a label."""
        if claim.text.lower() == "none":
            empty = next((t for t in self._tables if t.rows and _NOTHING.match(t.rows[0].line)), None)
            return Marked(claim, "row", empty.call, how="an empty result") if empty else None
        found = _in_label(claim.text, self._tables) if _year(q) else None
        return at(claim, "row", *found) if found else None

    def _bound(self, claim: Claim, q: Quantity) -> Marked | None:
        """Return the mark of a bound, ``p < 0.001``: a value of which the sentence speaks lies within it."""
        before = _BOUND.search(claim.sentence.text[: claim.start - claim.sentence.start])
        cells = ((t, r, c, x) for t in self._tables for r in t.rows for c, x in r.cells) if before else ()
        for table, row, column, text in cells:
            value, bound = number(text), q.readings[0][0]
            if before is None or value is None or not (value < bound if before[1] == "<" else value > bound):
                continue
            of_it = not table.prose or shared(claim.sentence.text, row)
            if of_it and self._spoken_of(claim, table, row, column) is not None:
                return at(claim, "derived", table, row, column, f"{text} {before[1]} {claim.text}")
        return None

    def _otherwise(self, claim: Claim, m: Marked, given: Given) -> Marked:
        """Return the mark of a number that stands in no row of which its sentence speaks."""
        q = claim.value
        if not isinstance(q, Quantity) or claim in self._misfits:
            return m
        beside = [
            o for c, o in self._operands.items()
            if c.sentence == claim.sentence and self.marks[c].mark in GREEN and c is not claim
        ]  # fmt: skip
        if (other := self._in_another_unit(claim, q)) is not None:
            return other
        formula = None if self._of_stranger(claim) else derived(claim, self._tables, beside, self._goal)
        if formula is not None:
            return Marked(claim, "derived", formula.call, how=formula.text)
        return Marked(claim, "given") if given.number(q, m.mark == "same") else m

    def _in_another_unit(self, claim: Claim, q: Quantity) -> Marked | None:
        """Return the mark of a number that the sentence gives in another unit, too: 19.9 hours, 1,194 minutes."""
        for c, m in self.marks.items():
            v = c.value
            if not isinstance(v, Quantity) or c is claim or c.sentence != claim.sentence or m.mark not in GREEN:
                continue
            if {v.unit, q.unit} <= UNITS.keys() and UNITS[v.unit][0] == UNITS[q.unit][0]:
                scale = UNITS[v.unit][1] / UNITS[q.unit][1]
                if agrees(v.readings[0][0], q, scale):
                    return Marked(claim, "derived", m.call, m.row, m.column, f"{c.text} in {q.unit}")
        return None


def _year(q: Quantity) -> bool:
    bare = q.exact and not q.percent and q.unit not in UNITS
    return bare and len(q.text) == 4 and q.text.isdigit() and 1500 <= int(q.text) <= 2200


def _in_label(text: str, tables: Sequence[Table]) -> tuple[Table, Row] | None:
    """Return the first row whose label, or whose column, a number is or is part of."""
    part = re.compile(rf"(?<!\d){re.escape(text)}(?!\d)")
    return next(
        (
            (table, row)
            for table in tables
            for row in table.rows
            if any(part.search(x) for x in (*row.labels, *(table.columns if table.across else ())))
        ),
        None,
    )
