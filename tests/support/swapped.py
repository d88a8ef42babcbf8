"""Answers with one number swapped for another of its table: what is green there stands for something false.

A few of them are true by chance, or say nothing of which cell is meant; most are lies that a reader would not see.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from llmos_nb.process.evidence import GREEN, Seen, mark
from llmos_nb.process.evidence.marks import Marked, named
from llmos_nb.process.evidence.numbers import Quantity, agrees
from llmos_nb.process.evidence.results import read
from llmos_nb.process.evidence.tables import Table, number


def swaps(case: Mapping[str, Any], seed: int = 1) -> Iterator[tuple[str, str, bool]]:
    """Yield each answer with a swapped number, the number put in, and whether it is green there.

    Parameters
    ----------
    case : mapping
        A case of the sets of claims: goal, calls, answer.
    seed : int
        Of the choice among the other cells.
    """
    seen = [Seen(c["id"], c["code"], c["result"]) for c in case["calls"]]
    tables = [t for s in seen for t in read(s.call, s.result)]
    draw = random.Random(seed)
    for m in mark(case["answer"], case["goal"], seen):
        if m.mark != "row" or not isinstance(m.claim.value, Quantity) or not m.claim.value.exact:
            continue
        for others in _others(m, m.claim.value, tables):
            if others:
                put = draw.choice(others) + (" %" if m.claim.value.percent else "")
                answer = case["answer"][: m.claim.start] + put + case["answer"][m.claim.end :]
                found = mark(answer, case["goal"], seen)
                yield answer, put, any(x.claim.start == m.claim.start and x.mark in GREEN for x in found)


def _others(m: Marked, q: Quantity, tables: list[Table]) -> tuple[list[str], list[str]]:
    """Return other numbers of the column, and of the row, in which a number was found."""
    for table in (t for t in tables if t.call == m.call):
        for row in (r for r in table.rows if named(r) == m.row):
            if any(c == m.column and (v := number(x)) is not None and agrees(v, q) for c, x in row.cells):
                down = [x for r in table.rows if r is not row for c, x in r.cells if c == m.column]
                across = [x for c, x in row.cells if c != m.column]
                kept = [
                    [x for x in xs if (v := number(x)) is not None and not agrees(v, q)]
                    for xs in (down, across)
                ]
                return kept[0], kept[1]
    return [], []
