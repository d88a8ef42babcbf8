"""Compare two outputs: text by lines, numbers with a tolerance, pictures by visible difference."""

from __future__ import annotations

import ast
import base64
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from itertools import groupby, zip_longest
from typing import Any

from llmos_nb.export.cells import KEPT, plain_output, text_of, tidy
from llmos_nb.export.verify.execute import Execution
from llmos_nb.export.verify.report import Difference
from llmos_nb.export.verify.seal import KEY
from llmos_nb.export.verify.values import LOOKED_AT, compare_values, with_probes

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w])")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
_RETURN = re.compile(r"\r+\n?")
_EDGE = 64
ALL = "all"


@dataclass(frozen=True)
class Shown:
    """One thing that a cell showed, as it is compared: ``text`` (lines) or a picture (base64)."""

    kind: str
    value: str
    raw: str = ""  # a text with each state of its lines that were overwritten, as a journal has it

    @property
    def lines(self) -> list[str]:
        """The text's lines, without spaces at their ends."""
        return [line.rstrip() for line in self.value.rstrip().splitlines()]


def shown(outputs: Sequence[Mapping[str, Any]]) -> list[Shown]:
    """Reduce a cell's outputs to what is compared; what goes to stderr (warnings, progress bars) is not."""
    found = ((plain, output) for output in outputs if (plain := plain_output(output)) is not None)
    return list(_joined([_shown(*pair) for pair in found if pair[0].get("name") != "stderr"]))


def _shown(plain: Mapping[str, Any], output: Mapping[str, Any]) -> Shown:
    if plain["output_type"] == "error":
        return Shown("text", f"{plain['ename']}: {plain['evalue']}")
    data = plain.get("data", {})
    if image := next((m for m in KEPT if m in data), ""):
        return Shown(image, text_of(data[image]).strip())
    text = text_of(plain["text"] if "text" in plain else data.get("text/plain", ""))
    return Shown("text", tidy(text), tidy(_RETURN.sub("\n", text_of(output.get("text", text)))))


def _joined(pieces: Sequence[Shown]) -> Iterator[Shown]:
    """Join texts that follow one another; where a stream was cut into messages is chance."""
    for is_text, run in groupby(pieces, lambda piece: piece.kind == "text"):
        if not is_text:
            yield from run
            continue
        pairs = [(p.value, p.raw) for p in run]
        value, raw = ("".join(t if t.endswith("\n") else f"{t}\n" for t in of) for of in zip(*pairs, strict=True))
        if value.strip():
            yield Shown("text", value, raw)


Outputs = Sequence[Shown]
Tolerance = Mapping[str, float]
Volatile = Mapping[str, Any] | None


def difference(expected: Outputs, found: Outputs, tolerance: Tolerance, volatile: Volatile = None) -> str:
    """Say how two cells' outputs differ; empty where they are the same.

    `volatile` has by the index of an output ``"all"`` or the indices of its lines that are known to differ.
    """
    if len(expected) != len(found):
        return f"{len(expected)} outputs were expected, {len(found)} came"
    for i, (one, other) in enumerate(zip(expected, found, strict=True)):
        known = (volatile or {}).get(str(i), ())
        if known == ALL:
            continue
        if one.kind != other.kind:
            return f"output {i + 1} is {other.kind}, not {one.kind}"
        said = _texts(one, other, tolerance, known) if one.kind == "text" else _pictures(one, other, tolerance)
        if said:
            return said
    return ""


def _texts(one: Shown, other: Shown, tolerance: Tolerance, known: Sequence[int]) -> str:
    if set(differing_lines(one, other, tolerance)) <= set(known):
        return ""
    if other.raw != other.value and not differing_lines(one, Shown("text", other.raw), tolerance):
        return ""
    return "\n".join(unified_diff(one.lines, other.lines, "expected", "found", lineterm="", n=1))


def differing_lines(one: Shown, other: Shown, tolerance: Tolerance) -> list[int]:
    """Return the indices of lines that are not the same."""
    pairs = zip_longest(one.lines, other.lines)
    return [n for n, (a, b) in enumerate(pairs) if a is None or b is None or not same_text(a, b, tolerance)]


def same_text(one: str, other: str, tolerance: Tolerance) -> bool:
    """Compare two lines: words exactly but for addresses, runs of spaces as one, numbers with tolerance."""
    if one == other:
        return True
    one, other = _ADDRESS.sub("at 0x", one), _ADDRESS.sub("at 0x", other)
    if _NUMBER.sub("#", one).split() != _NUMBER.sub("#", other).split():
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(_near(a, b, tolerance) for a, b in pairs)


def _near(one: str, other: str, tolerance: Tolerance) -> bool:
    if one == other:
        return True
    if not any(c in one + other for c in ".eE"):  # whole numbers have no rounding to forgive
        return int(one) == int(other)
    return math.isclose(float(one), float(other), rel_tol=tolerance["rel"], abs_tol=tolerance["abs"])


def _pictures(one: Shown, other: Shown, tolerance: Tolerance) -> str:
    distance = picture_distance(one.value, other.value) if one.value != other.value else 0
    if distance <= tolerance["image"]:
        return ""
    return f"the picture is another one (distance {distance:.3f}, {tolerance['image']:.3f} is allowed)"


def picture_distance(one: str, other: str) -> float:
    """Return how far two pictures are apart for the eye: 0 for the same, 1 for black and white.

    Both are brought to a small size in grey, so that antialiasing and fonts of another version do not count; the
    worst eighth of the picture decides, so that a small thing that changed is not lost in a large one.
    """
    try:
        from PIL import Image, ImageChops, ImageStat  # comes with matplotlib
    except ImportError:
        return 1.0
    pair = [Image.open(io.BytesIO(base64.b64decode(data))).convert("L") for data in (one, other)]
    (w1, h1), (w2, h2) = pair[0].size, pair[1].size
    if abs(w1 / h1 - w2 / h2) > 0.02 * (w1 / h1):
        return 1.0
    small = [image.resize((_EDGE, _EDGE), Image.Resampling.BOX) for image in pair]
    apart = ImageChops.difference(*small)
    step, starts = _EDGE // 8, range(0, _EDGE, _EDGE // 8)
    tiles = (apart.crop((x, y, x + step, y + step)) for x in starts for y in starts)
    return max(ImageStat.Stat(tile).mean[0] for tile in tiles) / 255


def _own(book: Mapping[str, Any], result: Execution) -> Iterator[tuple[Any, Sequence[Any]]]:
    """Return the notebook's code cells with what they showed, without the probe cells between them."""
    for cell, outputs in zip(with_probes(book["cells"]), result.outputs, strict=True):
        if cell["cell_type"] == "code" and KEY in cell["metadata"]:
            yield cell, outputs or []


COMPARED = ("outputs", "values", "assertions")


def differences(book: Mapping[str, Any], result: Execution) -> tuple[list[Difference], dict[str, int]]:
    """Compare one run with what was exported; return where it is not the same, and what was compared, in counts.

    How many assertions over values of the run were evaluated, and of how many cells all these are, is counted, too.
    """
    found, outputs, cells = [], 0, set()
    for cell, now in _own(book, result):
        if (expected := _observed(cell)) is None:
            continue
        known, tolerance = cell["metadata"][KEY].get("volatile", {}), book["metadata"][KEY]["tolerance"]
        if said := difference(expected, shown(now), tolerance, known):
            found.append(_located(cell, "it shows something else than when it was exported", said))
        if compared := _steady(cell):
            outputs += compared
            cells.add(cell["id"])
    wrong, values, of = compare_values(book["cells"], result, book["metadata"][KEY])
    asserted = assertions(book)
    counts = {"outputs": outputs, "values": values, "assertions": sum(asserted.values())}
    return found + wrong, {**counts, "cells": len(cells | of | asserted.keys())}


def uncompared(book: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many cells have outputs of the run alone, and how many have some that differ each time."""
    own = [c["metadata"].get(KEY, {}) for c in book["cells"] if c["cell_type"] == "code" and c.get("outputs")]
    alone = sum(mine.get("shown", "observed") != "observed" for mine in own)
    return alone, sum("count" in mine.get("volatile", {}) for mine in own)


def left(book: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what of the steps is compared with nothing, as the notebook says it: ``cell``, ``what`` and ``why``."""
    said = ((c["id"], c["metadata"].get(KEY, {}).get("left")) for c in book["cells"])
    known = ((name, of) for name, of in said if isinstance(of, Mapping))
    return [{"cell": name, "what": str(what), "why": str(why)} for name, of in known for what, why in of.items()]


def bare(book: Mapping[str, Any]) -> list[str]:
    """Return the cells of steps of which nothing is compared: no output, no value, no assertion."""
    asserted, found = assertions(book), []
    for cell in book["cells"]:
        mine = cell["metadata"].get(KEY, {})
        compared = _steady(cell) or any(map(mine.get, LOOKED_AT)) or asserted.get(cell["id"])
        if mine.get("role") == "step" and not compared:
            found.append(cell["id"])
    return found


def _observed(cell: Any) -> list[Shown] | None:
    """Return what a cell showed when it was exported; None where another run does not show as much."""
    mine = cell["metadata"].get(KEY, {})
    if mine.get("shown") != "observed" or "count" in mine.get("volatile", {}):
        return None
    return shown(cell.get("outputs", ()))


def _steady(cell: Any) -> int:
    """Return of how many outputs of a cell anything is compared: of some all lines, or a few, are known to differ."""
    volatile = cell["metadata"].get(KEY, {}).get("volatile", {})
    known = [(one, volatile.get(str(i), ())) for i, one in enumerate(_observed(cell) or ())]
    return sum(of != ALL and (one.kind != "text" or not set(range(len(one.lines))) <= set(of)) for one, of in known)


def all_volatile(outputs: int) -> dict[str, Any]:
    """Return the mark of a cell of whose outputs, so many, none is compared."""
    return {**{str(i): ALL for i in range(outputs)}, "count": ALL}


def assertions(book: Mapping[str, Any]) -> dict[str, int]:
    """Return how many assertions over values of the run stand in cells, of those that the export made, by cell.

    Those of a cell that checks what another one gave count as that one's.
    """
    made: dict[str, int] = {}
    work = ""
    for cell in book["cells"]:
        mine = cell["metadata"].get(KEY, {})
        work = cell["id"] if mine.get("role") in ("step", "answer") else work
        most = None if mine.get("role") == "evidence" else int(mine.get("asserted", 0))
        if cell["cell_type"] == "code" and most != 0:
            found = [n for n in ast.parse(text_of(cell["source"])).body if isinstance(n, ast.Assert)]
            stand = sum(not _of_type(node.test) for node in found)
            of = work if mine.get("role") == "check" else cell["id"]
            made[of] = made.get(of, 0) + (stand if most is None else min(stand, most))
    return {name: n for name, n in made.items() if n}


def _of_type(test: ast.expr) -> bool:
    """Return whether an assertion is over a type alone, which is no value of the run."""
    match test:
        case ast.Compare(left=ast.Attribute(value=ast.Call(func=ast.Name(id="type")), attr="__name__")):
            return True
    return False


def between(book: Mapping[str, Any], first: Execution, second: Execution) -> Iterator[Difference]:
    """Compare two runs with each other."""
    for (cell, one), (_, other) in zip(_own(book, first), _own(book, second), strict=True):
        volatile = cell["metadata"][KEY].get("volatile", {})
        if "count" in volatile:
            continue
        if said := difference(shown(one), shown(other), book["metadata"][KEY]["tolerance"], volatile):
            yield _located(cell, "two runs of it show different things", said)


def _located(cell: Any, what: str, said: str) -> Difference:
    first, _, rest = said.partition("\n")
    return Difference(f"cell {cell['id']}", what if rest else f"{what}: {first}", said if rest else "")
