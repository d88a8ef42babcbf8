"""Each claim of an answer beside what the process saw: found in a row, derived, given, the same number only, or absent.

Pure. One list of sources and one matcher, for the headline, the panel, the text form and the export.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from llmos_nb.process.evidence.cells import Hit, hits, measured
from llmos_nb.process.evidence.claims import SERIES, Claim, claims
from llmos_nb.process.evidence.columns import shared
from llmos_nb.process.evidence.comparisons import borne_out
from llmos_nb.process.evidence.derive import derived
from llmos_nb.process.evidence.labels import around, clause, labels_of, numbered, places
from llmos_nb.process.evidence.lexicon import PART, STATISTIC
from llmos_nb.process.evidence.lines import TOLD, lead, of_another_line
from llmos_nb.process.evidence.marks import GREEN, Computed, Given, Marked, Seen, at, named
from llmos_nb.process.evidence.mentions import spoken
from llmos_nb.process.evidence.misplaced import denies_gaps, side
from llmos_nb.process.evidence.names import is_emphasis, of_name
from llmos_nb.process.evidence.numbers import UNITS, Quantity, agrees
from llmos_nb.process.evidence.operands import Operand
from llmos_nb.process.evidence.ranks import ranked
from llmos_nb.process.evidence.results import read
from llmos_nb.process.evidence.tables import Row, Table, number, numeric

_LITERAL = re.compile(r"""(["'])(.*?)\1""")
_MULTIPLE = re.compile(r"twice|doubled?|tripled?|doppelt", re.I)  # told of two values: no cell holds it
_BOUND = re.compile(r"([<>])\s*$")
BESIDE = 16  # characters in which a number that names a row has the name of the index: "rating 1"
_OFTEN = r"\s*(?:[.;)]|$|\s(?:in|on|at|and|but|by)\b)"  # "it stands twice in the file", not "twice as many"
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
    labels |= {x for t in tables for r in t.rows for x in r.labels if SERIES.fullmatch(x)}
    labels |= {w for t in tables if t.across for c in t.columns for w in c.split() if not w.isdigit()}
    known = "\n".join([*(x.code for x in seen), *(c for t in tables for c in (*t.columns, *t.index))])
    found = claims(answer, goal, labels, known, [(c.start, c.end) for c in computed])
    given, by_code = Given((goal, known, *said)), {c.start: c.code for c in computed}
    axes = [a for t in tables if not t.prose for a in _axes(t)]
    marks = {c: _computed(c, by_code[c.start], axes) for c in found if c.kind == "computed"}
    marks |= {c: of_name(c, tables, goal, seen, given, {}) for c in found if c.kind == "name"}
    found = [c for c in found if c not in marks or not is_emphasis(marks[c], found)]
    marks = {c: m for c, m in marks.items() if c in found}
    codes = {x.call: x.code.casefold() for x in seen}
    numbers = _Numbers(tables, goal, given, [c for c in found if c.kind in TOLD], [*marks.values()], codes)
    marks |= numbers.marks
    marks |= {
        c: replace(m, mark="same")
        for c, m in numbers.marks.items()
        if _crowded(m, numbers.marks.values(), tables)
    }
    marks |= {c: of_name(c, tables, goal, seen, given, numbers.marks) for c in found if c.kind == "date"}
    return borne_out([m for c in found if not _word(m := marks[c])], tables, {x.call: x.code for x in seen})


def _crowded(m: Marked, others: Iterable[Marked], tables: Sequence[Table]) -> bool:
    """Whether more numbers of a sentence are told by one cell than its call shows such values: one is told wrongly."""
    q, text = m.claim.value, m.claim.sentence.text
    if m.mark != "row" or not isinstance(q, Quantity) or text.lstrip().startswith("|"):
        return False
    alike = [
        o for o in others
        if (o.call, o.row, o.column, o.mark) == (m.call, m.row, m.column, m.mark)
        and o.claim.sentence == m.claim.sentence and isinstance(x := o.claim.value, Quantity) and x.percent == q.percent
        and agrees(x.readings[0][0], q, signless=True)
    ]  # fmt: skip
    rows = [r for t in tables if t.call == m.call for r in t.rows] if len(alike) > 1 else []
    every = [v for r in rows for _, x in r.cells if (v := number(x)) is not None]
    shown = sum(agrees(v, q, signless=True) for v in every) + sum(m.claim.text in r.labels for r in rows)
    return len(every) > 1 and len(alike) > shown  # where it is the only number, it may be said twice


def _axes(table: Table) -> list[set[str]]:
    """Return the names of which a value has one each: the labels of each level, and columns that are categories."""
    levels = [{*level} & labels_of(table) for level in zip_longest(*(r.labels for r in table.rows))]
    across = {w for c in table.columns for w in (c, *c.split()) if not w.isdigit()} if table.across else set()
    return [*levels, across]


def _computed(claim: Claim, code: str, axes: Sequence[set[str]]) -> Marked:
    """Return the mark of what an expression gave: it may say another row than the one that the clause speaks of."""
    left, right = clause(claim.sentence, claim.start)
    quoted = " ".join(m[2] for m in _LITERAL.finditer(code))
    labels = {x for axis in axes for x in axis}
    here, there = ({x for *_, x in places(t, labels)} for t in (claim.sentence.text[left:right], quoted))
    other = not here & there and any(here & axis and there & axis for axis in axes)
    return Marked(claim, "same" if other else "computed", how=code)


def _word(m: Marked) -> bool:
    """Whether something is no claim after all: "two ways" counts nothing, "it had two" does."""
    word, after = m.claim.text.lower(), m.claim.sentence.text[m.claim.end - m.claim.sentence.start :]
    if word == "twice":
        return m.mark == "absent" and re.match(_OFTEN, after) is not None
    return m.mark in ("absent", "same") and word in _WORDS and re.match(r"\s+[^\W\d_]", after) is not None


class _Numbers:
    """The numbers of an answer with their marks."""

    def __init__(
        self,
        tables: Sequence[Table],
        goal: str,
        given: Given,
        claims: list[Claim],
        names: list[Marked],
        codes: Mapping[str, str],
    ) -> None:
        self._tables, self._goal, self._claims, self._names, self._codes = tables, goal, claims, names, codes
        self._operands: dict[Claim, Operand] = {}
        self._leads = {x for t in tables if t.prose for r in t.rows if len(x := lead(r)) > 1}
        self._shown: dict[str, str] = {}  # of a call, what it ran and showed
        self._unnamed: set[Claim] = set()  # numbers of tables with several columns, of which none is named
        self._misfits: set[Claim] = set()  # numbers that are right but for their unit
        self.marks = {c: self._in_a_row(c, q) for c in claims if isinstance(q := c.value, Quantity)}
        for claim, m in list(self.marks.items()):
            if m.mark in ("same", "absent"):
                self.marks[claim] = self._otherwise(claim, m, given)
        for claim, m in list(self.marks.items()):
            if m.mark not in GREEN:  # what else is known by now may prove it
                self.marks[claim] = self._of_its_row(claim) or self._otherwise(claim, m, given)
        self.marks |= {c: replace(m, mark="same") for c, m in self.marks.items() if self._astray(c, m)}

    def _astray(self, claim: Claim, m: Marked) -> bool:
        """Whether numbers that are told of several rows stand in several columns, and nothing says in which."""
        text, (left, right) = claim.sentence, around(PART, claim.sentence, claim.start)
        others = [
            o for c, o in self.marks.items()
            if c in self._unnamed and c.sentence == text and left <= c.start - text.start < right
            and (o.call == m.call and o.row != m.row and o.mark in GREEN)
        ]  # fmt: skip
        peers = any(
            o.column == m.column and (o.call, o.row != m.row) == (m.call, True)
            for c, o in self.marks.items()
            if c.sentence == text and left <= c.start - text.start < right
        )
        return claim in self._unnamed and bool(others) and not peers

    def _in_a_row(self, claim: Claim, q: Quantity) -> Marked:
        best: tuple[tuple[int, bool, int], Hit] | None = None
        elsewhere: Hit | None = None
        bounded = _BOUND.search(claim.sentence.text[: claim.start - claim.sentence.start])
        for hit in hits(claim, q, self._tables) if not bounded else ():
            alike = hit.fits and not _MULTIPLE.fullmatch(claim.text)
            column = self._spoken_of(claim, hit.table, hit.row, hit.column) if alike else None
            if column is None:
                elsewhere = elsewhere or hit
            elif best is None or (column, hit.exact, -hit.place) > best[0]:
                best = (column, hit.exact, -hit.place), hit
        called = self._label(claim, q) if best is None or not best[1].exact else None
        if best is not None and called is None:
            if not best[0][0] and len(numeric(best[1].table)) > 1:
                self._unnamed.add(claim)
            return self._taken(claim, best[1])
        if (found := self._bound(claim, q) or called) is not None:
            return found
        if elsewhere is not None:
            self._misfits |= set() if elsewhere.fits or q.percent else {claim}
            how = "" if elsewhere.fits else elsewhere.how
            return at(claim, "same", elsewhere.table, elsewhere.row, elsewhere.column, how)
        if (label := _in_label(claim.text, self._tables)) is not None:
            return at(claim, "same", *label)
        return Marked(claim, "absent")

    def _spoken_of(self, claim: Claim, table: Table, row: Row, column: str) -> int | None:
        """Return how well the sentence speaks of a column, where it speaks of the cell at all."""
        code = self._codes.get(table.call, "")
        if self._of_stranger(claim) or self._of_another(claim, table, row) or self._unshown(claim, table):
            return None
        if denies_gaps(claim, table, code):
            self._misfits.add(claim)
            return None
        if table.prose and of_another_line(claim, row, self._leads):
            return None
        if (fits := side(claim, table, row, code)) is not None:
            return 1 if fits else None
        how = spoken(claim, table, row, column, self._goal, self._claims)
        of_row = how.row > 0 or (how.row == 0 and bool(ranked(claim, table, row, column, self._goal)))
        return how.column if of_row and how.column >= 0 else None

    def _of_stranger(self, claim: Claim) -> bool:
        """Whether a number stands beside a name that nothing shows: it is told of that."""
        before = [m for m in self._names if m.claim.sentence == claim.sentence and m.claim.end <= claim.start]
        return any(m.mark == "absent" for m in [m for m in before if m.claim.kind == "name"][-1:])

    def _unshown(self, claim: Claim, table: Table) -> bool:
        """Whether a number stands beside the name of a row of other calls that its own call neither ran nor showed."""
        named = [m for m in self._beside(claim) if m.row and m.call != table.call]
        if not named or claim.sentence.text.lstrip().startswith("|"):
            return False
        if table.call not in self._shown:
            tables = [t for t in self._tables if t.call == table.call]
            shown = [x for t in tables for x in (*t.columns, *t.index, *(r.line for r in t.rows))]
            text = "\n".join([self._codes.get(table.call, ""), *shown]).casefold()
            self._shown[table.call] = text.replace("_", " ")
        return any(m.claim.text.casefold() not in self._shown[table.call] for m in named)

    def _of_another(self, claim: Claim, table: Table, row: Row) -> bool:
        """Whether a number is told of a row of another table, where it is a statistic over all rows, or has no name."""
        if table.single and not row.labels and len(row.cells) == 1:
            text, at, end = claim.sentence.text, claim.sentence.start, claim.end - claim.sentence.start
            here = [m for m in self._beside(claim) if ". " not in text[end : m.claim.start - at]]
            return any(m.row and m.call == table.call for m in here)
        if table.prose or not row.labels or not {x.lower() for x in row.labels} <= STATISTIC.keys():
            return False
        code, labels = self._codes.get(table.call, ""), labels_of(table)
        return any(
            m.row and m.claim.text not in labels and m.claim.text.casefold() not in code
            for m in self._beside(claim)
        )

    def _beside(self, claim: Claim) -> Iterator[Marked]:
        """Return the names in the clause of a number."""
        left, right = clause(claim.sentence, claim.start)
        within = range(left, right)
        for m in self._names:
            named = m.claim.kind == "name" and m.claim.sentence == claim.sentence
            if named and m.claim.start - claim.sentence.start in within:
                yield m

    def _taken(self, claim: Claim, hit: Hit) -> Marked:
        group = (hit.place, hit.row.line, hit.column)
        told = f"{hit.value:.12g}"
        self._operands[claim] = Operand(
            hit.value, told, hit.table.call, named(hit.row), hit.column, group, free=True, words=hit.table.prose
        )
        return at(claim, "row" if hit.exact else "derived", hit.table, hit.row, hit.column, hit.how)

    def _label(self, claim: Claim, q: Quantity) -> Marked | None:
        """Return the mark of "none" where a result is empty, and of a number that is a label."""
        at_claim = claim.sentence.text[max(claim.start - claim.sentence.start - BESIDE, 0) :]
        beside = at_claim[: claim.end - claim.start + 2 * BESIDE]
        called = [t for t in self._tables if not t.prose and claim.text in numbered(beside, t)]
        left, right = clause(claim.sentence, claim.start)
        part = claim.sentence.text[left:right] if _year(q) else ""
        found = _in_label(claim.text, self._tables if _year(q) else called, part)
        head = next((t for t in self._tables if q.text in t.columns), None) if _year(q) else None
        if found is None and head is not None:
            return Marked(claim, "row", head.call, how=f"a column of {head.call}")
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
            and (o.group[0] >= 0 or q.percent)  # of what is derived itself, a share alone: else it may be a circle
        ]  # fmt: skip
        if (other := self._in_another_unit(claim, q)) is not None:
            return other
        aside = claim.sentence.text[: claim.start - claim.sentence.start].endswith("(") and not q.percent
        aside &= claim.sentence.text[claim.end - claim.sentence.start :].startswith(
            ")"
        )  # "White (19)" is no sum
        formula = (
            None if aside or self._of_stranger(claim) else derived(claim, self._tables, beside, self._goal)
        )
        if formula is not None:
            told = Operand(formula.value, claim.text, formula.call, "", "", (-1, claim.text, ""), free=True)
            self._operands.setdefault(claim, told)
            return Marked(claim, "derived", formula.call, how=formula.text)
        return Marked(claim, "given") if given.number(q, m.mark == "same") else m

    def _of_its_row(self, claim: Claim) -> Marked | None:
        """Return the mark of a number by which a row is called of which another number of the clause was found."""
        q = claim.value
        for other, m in self.marks.items():
            beside = other is not claim and other.sentence == claim.sentence
            if not beside or m.mark not in GREEN or not m.row or not isinstance(q, Quantity):
                continue
            for table in (t for t in self._tables if t.call == m.call and not t.prose):
                rows = [r for r in table.rows if named(r) == m.row and number(r.labels[0]) == q.readings[0][0]]
                if rows and (m.column in table.columns):
                    return at(claim, "row", table, rows[0])
        return None

    def _in_another_unit(self, claim: Claim, q: Quantity) -> Marked | None:
        """Return the mark of a number that the sentence gives in another unit, too: 19.9 hours, 1,194 minutes."""
        for c, m in self.marks.items():
            v = c.value
            if not isinstance(v, Quantity) or c is claim or c.sentence != claim.sentence or m.mark not in GREEN:
                continue
            if v.unit != q.unit and {v.unit, q.unit} <= UNITS.keys() and UNITS[v.unit][0] == UNITS[q.unit][0]:
                scale = UNITS[v.unit][1] / UNITS[q.unit][1]
                if agrees(v.readings[0][0], q, scale):
                    return Marked(claim, "derived", m.call, m.row, m.column, f"{c.text} in {q.unit}")
        return None


def _year(q: Quantity) -> bool:
    bare = q.exact and not q.percent and q.unit not in UNITS
    return bare and len(q.text) == 4 and q.text.isdigit() and 1500 <= int(q.text) <= 2200


def _in_label(text: str, tables: Sequence[Table], said: str = "") -> tuple[Table, Row] | None:
    """Return the first row whose label, or whose column, a number is or is part of, unless words name another row."""
    part = re.compile(rf"(?<!\d){re.escape(text)}(?!\d)")
    return next(
        (
            (table, row)
            for table in tables
            for row in table.rows
            if any(part.search(x) for x in (*row.labels, *(table.columns if table.across else ())))
            and not _of_another_row(said, table, row)
        ),
        None,
    )


def _of_another_row(said: str, table: Table, row: Row) -> bool:
    """Whether words name a row by a label that has no number in it, and that is not this one."""
    if table.prose or not said:
        return False
    named = {x for *_, x in places(said, {x for x in labels_of(table) if not re.search(r"\d", x)})}
    return any(named & {*r.labels} for r in table.rows) and not named & {*row.labels}
