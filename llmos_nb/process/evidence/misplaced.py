"""Whether a number that stands in a result is said of something else there: another line, side or unlabelled cell."""

from __future__ import annotations

import re

from llmos_nb.process.evidence.claims import Claim
from llmos_nb.process.evidence.numbers import Quantity
from llmos_nb.process.evidence.tables import Row, Table, number

_GAPLESS = re.compile(
    r"\b(?:without|no|ohne)\s+(?:a\s+|any\s+)?(?:gaps?|missing|Lücken)|\blückenlos", re.IGNORECASE
)
_COUNTS_GAPS = re.compile(r"\b(?:isna|isnull)\(\)")
_SIDES = (
    {"row", "observation", "line", "record", "sample", "zeile"},
    {"column", "variable", "feature", "spalte"},
)


def side(claim: Claim, table: Table, row: Row, code: str) -> bool | None:
    """Return whether rows are told as rows, and columns as columns, of a shape; None where nothing says which."""
    values = [t for r in table.rows for _, t in r.cells]
    if ".shape" not in code or len(values) != 2 or not isinstance(claim.value, Quantity):
        return None
    said = next((i for i, words in enumerate(_SIDES) if claim.value.unit in words), None)
    return None if said is None else values[said] == row.cells[0][1]


def denies_gaps(claim: Claim, table: Table, code: str) -> bool:
    """Return whether a sentence says that nothing is missing where the same call counted what is missing."""
    if not _GAPLESS.search(claim.sentence.text) or not _COUNTS_GAPS.search(code):
        return False
    values = [number(t) for r in table.rows for _, t in r.cells]
    return not any(v == 0 for v in values)
