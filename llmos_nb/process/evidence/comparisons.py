"""Comparisons that an answer makes: "the highest", "more than in 2019", "grew". What is compared must bear them out.

A value that stands in its row is no proof of what a sentence says of other rows: it is the same number only, unless
the rows that are compared say so, or code that ran has looked for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.labels import labels_of, places
from llmos_nb.process.evidence.lexicon import (
    CLAUSE,
    DOWN,
    FROM,
    LESS,
    MORE,
    PART,
    RANK,
    STATISTIC,
    TO,
    UP,
    nth_of,
)
from llmos_nb.process.evidence.marks import GREEN, Marked, named
from llmos_nb.process.evidence.numbers import Quantity, agrees, quantities
from llmos_nb.process.evidence.ranks import beside_it, columns_of, is_placed, value_of
from llmos_nb.process.evidence.tables import Row, Table, numeric

_NO_RANK = re.compile(r"\b(?:at|mindestens|höchstens)\s+\Z", re.I)
_MOSTLY = re.compile(r"(?<!the )(?<!The )most(?=\s+of\b)|most(?=\s+(?:likely|recent|often|common)\b)", re.I)
_SEEKING = {
    True: re.compile(r"max|mode\(|most_common", re.I),
    False: re.compile(r"min", re.I),
}
_SORTING = re.compile(r"nlargest|nsmallest|sort|order by|rank|value_counts", re.I)
_THAN = re.compile(r"\b(?:than|als|exceeds?)\b\s*(?:in\s+|im\s+|the\s+|that\s+of\s+)*", re.I)
_COMPARATIVE = re.compile(
    r"\b(?!(?:other|rather|n?either|ever|never|number|whether|together)\b)[a-z]{3,}er(?:\s+\w+){0,2}\s*\Z", re.I
)
_BOUND = re.compile(
    r"[\d$€£]|half|twice|doubled?\b|tripled?\b|a\s+(?:third|quarter)|one\b|two\b|three\b|zero\b|expected\b",
    re.I,
)
_RAIN = re.compile(r"\b(?:rain|snow|hail)\s+(?:that\s+)?fell\Z", re.I)
_ILL = re.compile(r"\s+(?:on|ill|into|under|within)\b", re.I)
_OPERATION = re.compile(r"drop", re.I)
_BY = re.compile(r"\s+(?:by|to|from|\d)", re.I)
_WITH = re.compile(r"\w+\s+(?:with|mit)\b", re.I)
_WON = re.compile(r"won|add|gain|gewann|los[te]|verlor", re.I)
_SIZE = re.compile(r"strong|weak|stärk|schwäch", re.I)
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d\b")
_CHANGE = re.compile(
    r"change|diff|delta|growth|gain|rise|increase|pct|trend|slope|coef|loss|drop|decline|decrease", re.I
)
_LOSS = re.compile(r"loss|drop|decline|decrease|fall|lost", re.I)
Cell = tuple[Table, Row, str]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a stretch of a sentence says: its claims, and the words."""

    text: str
    start: int
    claims: tuple[Marked, ...]

    def around(self, cut: re.Pattern[str], at: int) -> _Said:
        """Return the stretch between two cuts in which a place lies."""
        ends = [m for m in cut.finditer(self.text) if not m.start() <= at < m.end()]
        left = max([m.end() for m in ends if m.end() <= at], default=0)
        right = min([m.start() for m in ends if m.start() > at], default=len(self.text))
        return self.part(left, right)

    def part(self, left: int, right: int) -> _Said:
        """Return a stretch of it."""
        inside = range(self.start + left, self.start + right)
        claims = tuple(m for m in self.claims if m.claim.start in inside)
        return _Said(self.text[left:right], self.start + left, claims)

    @property
    def trusted(self) -> bool:
        """Whether there are claims in it, and none is doubted anyhow."""
        return bool(self.claims) and all(m.mark in GREEN for m in self.claims)

    def bearers(self) -> list[Marked]:
        """Return the claims by which a comparison stands or falls: names, or numbers where there are none."""
        names = [m for m in self.claims if m.claim.kind in ("name", "date")]
        return names or [*self.claims]


def borne_out(found: Sequence[Marked], tables: Sequence[Table], codes: Mapping[str, str]) -> list[Marked]:
    """Return the claims; those whose comparison is not borne out are the same number only.

    Parameters
    ----------
    found : sequence of Marked
        The claims of an answer with their marks.
    tables : sequence of Table
        What was shown.
    codes : mapping of str to str
        What ran, by call.
    """
    judge, doubted = _Judge(tables, codes), set[Claim]()
    for sentence, group in groupby(found, key=lambda m: m.claim.sentence):
        said = _Said(sentence.text, sentence.start, tuple(group))
        if not sentence.text.lstrip().startswith("|"):
            doubted |= {m.claim for m in (*judge.ranks(said), *judge.pairs(said), *judge.moves(said))}
    return [replace(m, mark="same") if m.claim in doubted and m.mark in GREEN else m for m in found]


class _Judge:
    """What was shown and what ran, against what an answer compares."""

    def __init__(self, tables: Sequence[Table], codes: Mapping[str, str]) -> None:
        self._tables, self._codes = tables, codes
        self._names = {
            w.lower() for t in tables if not t.prose for c in t.columns for w in re.split(r"[\W_]+", c)
        }
        self._names |= {x.lower() for t in tables if not t.prose for x in labels_of(t)}

    def ranks(self, said: _Said) -> Iterator[Marked]:
        """Return what is called the highest, or the second lowest, and is not known to be it."""
        for rank in RANK.finditer(said.text):
            word = rank.group().lower()
            if _NO_RANK.search(said.text[: rank.start()]) or _MOSTLY.match(said.text, rank.start()):
                continue
            if word in self._names or STATISTIC.get(word) in self._names & {"min", "max"}:
                continue  # it says which row or column is meant
            whole = said.around(PART, rank.start())
            part = said.around(CLAUSE, rank.start())
            part = part if part.claims else whole
            known = [m for m in part.claims if m.mark in GREEN]
            if known and not any(self._has_rank(m, rank, whole) for m in known):
                yield from part.bearers()

    def _has_rank(self, m: Marked, rank: re.Match[str], said: _Said) -> bool:
        code = self._code(m)
        seeks = next((t.seeks for t in self._tables if t.call == m.call), (True, False))
        ways = [True] if rank["high"] else [False] if rank["low"] else [*seeks]
        sought = any(_SEEKING[way].search(code) for way in ways)
        if sought and m.claim.kind != "number":  # of each group, it may be
            return True
        nth, size = nth_of(rank), bool(_SIZE.match(rank.group()))
        compared = False
        for table, row, column in self._cells(m):
            beside = [x.column for x in said.claims if x.column and x.row == named(row)]
            beside = beside or [x.column for x in said.claims if x.column and x.call == table.call]
            columns = [column] if column else beside or _ranked_by(table, said.text)
            if len(table.rows) > 1 and _alike(table):
                compared = True
                lines = beside_it(table, row, said.text) if table.prose else []
                cells = lines or [(table, row, c) for c in columns]
                if any(is_placed(*x, nth, way, said.text, size) for x in cells for way in ways):
                    return True
            if column and len(row.cells) > 1 and places(said.text, {column}):
                values = [abs(v) for c, _ in row.cells if (v := value_of(row, c)) is not None]
                if abs(value_of(row, column) or 0.0) in [(max if way else min)(values) for way in ways]:
                    return True
            if rank.group().lower() in row.line.lower():
                return True
        return not compared and (sought or bool(_SORTING.search(code)))

    def _code(self, m: Marked) -> str:
        """Return the code that a claim rests on: of an expression, that which made its variables, too."""
        if m.mark != "computed":
            return self._codes.get(m.call, "")
        names = "|".join({*re.findall(r"[^\W\d]\w*", m.how)}) or r"(?!)"
        made = re.compile(rf"(?m)^[ \t]*(?:\w+\s*,\s*)*(?:{names})\s*(?:,[\s\w,]*)?=[^=].*$")
        return "\n".join([m.how, *(x for code in self._codes.values() for x in made.findall(code))])

    def _cells(self, m: Marked) -> Iterator[Cell]:
        """Return where a claim stands."""
        for table in self._tables:
            for row in table.rows if table.call == m.call or not m.call else ():
                filled = not m.column or value_of(row, m.column) is not None
                if named(row) == m.row and filled and ((m.row and not table.prose) or _holds(row, m)):
                    yield table, row, m.column

    def pairs(self, said: _Said) -> Iterator[Marked]:
        """Return what is said to be more, or less, than something, and is not known to be."""
        for than in _THAN.finditer(said.text):
            part = said.around(PART, than.start())
            at = than.start() - (part.start - said.start)
            left, right = part.part(0, at), part.part(than.end() - (part.start - said.start), len(part.text))
            more = MORE.search(left.text) or _COMPARATIVE.search(left.text)
            less = LESS.search(left.text)
            bound = _BOUND.match(right.text) and not _YEAR.match(right.text)
            if not (more or less or than.group().lower().startswith("exceed")) or bound:
                continue
            if part.trusted and self._pair_holds(left, right, not less) is not True:
                yield from part.bearers()

    def _pair_holds(self, left: _Said, right: _Said, more: bool) -> bool | None:
        verdicts: list[bool] = []
        for table in (t for t in self._tables if not t.prose):
            labels = labels_of(table)
            one, other = ([x for *_, x in places(s.text, labels)] for s in (left, right))
            mine = _row(table, one) or next(
                (r for m in left.claims for t, r, _ in self._cells(m) if t is table), None
            )
            theirs = _row(table, other)
            if mine is None or theirs is None or mine is theirs:
                continue
            for column in columns_of(table, left.text + right.text):
                a, b = value_of(mine, column), value_of(theirs, column)
                if a is not None and b is not None:
                    verdicts.append(a > b if more else a < b)
        if not verdicts and any(m.mark == "derived" and re.search(r" [-/] ", m.how) for m in left.claims):
            return True  # the formula says of which two, and the rows not which is more
        return any(verdicts) if verdicts else None

    def moves(self, said: _Said) -> Iterator[Marked]:
        """Return what is said to have risen, or fallen, and is not known to have."""
        for up, verb in [
            (way, m) for way, words in ((True, UP), (False, DOWN)) for m in words.finditer(said.text)
        ]:
            before, after = said.text[: verb.start()], said.text[verb.end() :]
            if verb.group().lower() in self._names or _RAIN.search(before + verb.group()) or _ILL.match(after):
                continue
            if _OPERATION.match(verb.group()) and not _BY.match(after):
                continue
            whole = said.around(PART, verb.start())
            part = said.around(CLAUSE, verb.start())
            part = part if part.claims else whole
            behind = [m for m in whole.claims if m.claim.start >= said.start + verb.end()]
            if whole.trusted and not self._moved(part, whole, behind, up, verb.group() + after):
                yield from (*part.bearers(), *(m for m in whole.claims if _end(whole, m)[0]))

    def _moved(self, part: _Said, whole: _Said, behind: Sequence[Marked], up: bool, text: str) -> bool:
        ends = [_end(whole, x) for x in whole.claims]
        begun, reached = (next((v for side, v in ends if side == want), None) for want in ("from", "to"))
        if begun is not None and reached is not None:
            if not _in_time([m for m, (side, _) in zip(whole.claims, ends, strict=True) if side]):
                return False
            return reached > begun if up else reached < begun
        with_it = (
            next((v for m in behind if (v := _said_value(m)) is not None), None) if _WITH.match(text) else None
        )
        if with_it is not None:  # "falls with weight (r = -0.87)"
            return (with_it > 0) == up
        if _WON.match(text):  # "won 12": a number of its own, unless it is a change that says the contrary
            changes = [
                v for m in part.claims for c in self._cells(m) if (v := _change(c, self._code(m))) is not None
            ]
            return not changes or any((v > 0) == up for v in changes)
        told = [
            m for m in part.claims if m.column
        ] or part.claims  # what names the row says nothing of a column
        return any(self._went_so(m, up) for m in told)

    def _went_so(self, m: Marked, up: bool) -> bool:
        code = self._code(m)
        if m.mark in ("derived", "computed") and re.search(r" - ", m.how):
            return True  # its direction is that of the words
        return any(_went(cell, up, code) for cell in self._cells(m))


def _ranked_by(table: Table, text: str) -> list[str]:
    """Return the columns that a text names, else those by which the code sorted, else all."""
    columns = columns_of(table, text)
    sought = [c for c in columns if c in table.sought]
    return sought if sought and columns == numeric(table) else columns


def _holds(row: Row, m: Marked) -> bool:
    """Whether a line without a name holds the number that is claimed: else it is another such line."""
    q, value = m.claim.value, value_of(row, m.column)
    if not isinstance(q, Quantity) or m.column:
        return True
    return value is not None and any(agrees(value, q, scale, signless=True) for scale in (1.0, 100.0))


def _row(table: Table, labels: Iterable[str]) -> Row | None:
    """Return the row in which most of some labels stand."""
    wanted = {*labels}
    best = max(table.rows, key=lambda r: len(wanted & {*r.labels}), default=None)
    return best if best is not None and wanted & {*best.labels} else None


def _end(said: _Said, m: Marked) -> tuple[str, float]:
    """Return of a number whether it is told as the beginning or as the end of a change."""
    before = said.text[: m.claim.start - said.start]
    value = m.claim.value or next(
        quantities(m.claim.text, words=False), None
    )  # what an expression gave has none
    if not isinstance(value, Quantity) or _YEAR.fullmatch(m.claim.text):
        return "", 0.0
    side = "from" if FROM.search(before) else "to" if TO.search(before) else ""
    return side, value.readings[0][0]


def _in_time(ends: Sequence[Marked]) -> bool:
    """Whether the beginning of a change does not stand in a later year than its end."""
    begun, reached = ends[0], ends[-1]
    years = [(x[:4], y[:4]) for x, y in ((begun.column, reached.column), (begun.row, reached.row))]
    return all(x <= y for x, y in years if x.isdigit() and y.isdigit() and len(x) == len(y) == 4)


def _said_value(m: Marked) -> float | None:
    return m.claim.value.readings[0][0] if isinstance(m.claim.value, Quantity) else None


def _alike(table: Table) -> bool:
    """Return whether the rows of a table can be ranked: lines of words where each holds as many numbers."""
    return not table.prose or len({len(r.cells) for r in table.rows}) == 1


def _change(cell: Cell, code: str) -> float | None:
    """Return by how much something rose, where row, column or code says that it is a change; losses are negative."""
    _, row, column = cell
    told, value = " ".join((column or code, *row.labels)), value_of(row, column)
    if value is None or not (value < 0 or _CHANGE.search(told)):
        return None
    return -value if _LOSS.search(told) else value


def _went(cell: Cell, up: bool, code: str) -> bool:
    """Return whether a cell is a change of this direction, or stands over or under the one before it."""
    table, row, column = cell
    for name in [column] if column else numeric(table):
        change, value = _change((table, row, name), code), value_of(row, name)
        if change is not None:
            if change and (change > 0) == up:
                return True
            continue
        at = next((i for i, r in enumerate(table.rows) if r is row), 0)
        before = value_of(table.rows[at - 1], name) if at and not table.prose else None
        if before is not None and value is not None and before != value and (value > before) == up:
            return True
    values = [v for c in numeric(table) if (v := value_of(row, c)) is not None]
    return not table.prose and len(values) == 2 and values[0] != values[1] and (values[1] > values[0]) == up
