"""Compare values by digests: those that the journal has of each step, and those of the running notebook."""

from __future__ import annotations

import ast
import json
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from hashlib import sha256
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from llmos_nb.export.cells import text_of
from llmos_nb.export.dataflow.flow import flow_of_code
from llmos_nb.export.dataflow.taint import holds_after_all, taints
from llmos_nb.export.functions import without
from llmos_nb.export.steps import Unit
from llmos_nb.export.verify.execute import Execution
from llmos_nb.export.verify.report import Difference
from llmos_nb.export.verify.seal import KEY
from llmos_nb.heap import hidden
from llmos_nb.heap.content import MODEL, code_for, told, without_cells

_FUTURE = "from __future__ import annotations\n"


def probe_of(code: str, expression: str, names: Sequence[str]) -> str:
    """Return one statement that prints JSON and leaves no name behind.

    Parameters
    ----------
    code : str
        It needs only the standard library.
    expression : str
        Over what the code defines, `space` (the kernel's names) and `names`.
    names : sequence of str
        What it is about.
    """
    told = f"\n\ndef _llmos_told(space, names):\n    return {expression}\n"
    inner = f"{_FUTURE}{code}{told}"
    made = f'(lambda s: (exec({inner!r}, s), s["_llmos_told"](globals(), {list(names)!r}))[1])'
    return f'print(__import__("json").dumps({made}({{"__name__": "told"}})))'


@cache
def alone(module: str) -> str:
    """Return a module's source with what it imports of this package in front."""
    return "\n".join(_parts(module, []))


def _parts(module: str, seen: list[str]) -> list[str]:
    if module in seen:
        return []
    seen.append(module)
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None  # noqa: S101 - it is a module of ours
    source = Path(spec.origin).read_text(encoding="utf-8")
    imports = [n for n in ast.parse(source).body if isinstance(n, ast.ImportFrom)]
    ours = [n for n in imports if str(n.module).startswith("llmos_nb")]
    bare = without(source, [*ours, *(n for n in imports if n.module == "__future__")])
    return [*(part for n in ours for part in _parts(str(n.module), seen)), bare]


def printed(outputs: Sequence[Mapping[str, Any]] | None) -> Any:
    """Return what a probe printed, of several objects the keys of all; None where it printed nothing."""
    streams = (o for o in outputs or () if o["output_type"] == "stream" and o["name"] == "stdout")
    told = [json.loads(line) for line in "".join(text_of(o.get("text", "")) for o in streams).splitlines()]
    return {k: v for one in told for k, v in one.items()} if len(told) > 1 else next(iter(told), None)


# what a content that has no plain form is said to be, where the library that has it does not answer
_SAYING = """

def _said(space, name):
    try:
        return _content(space[name] if name else space["Out"][max(space["Out"])])
    except Exception as error:
        return f"<{type(error).__name__}>"
"""
_HEX = re.compile(r"[0-9a-f]{64}")


def step_values(units: Sequence[Unit], pieces: Sequence[Any], recorded: Sequence[str]) -> list[dict[str, str]]:
    """Return for each unit the digests of the names it left, of those only that can come out the same again."""
    whys = taints(pieces, recorded)
    found = []
    for unit, why in zip(units, whys, strict=True):
        call = unit.call if not unit.problem else None
        digests = (call.changes.digests or {}) if call is not None else {}
        words = {n: str(w) for n, w in (call.facts.get("content") or {}).items()} if call is not None else {}
        folder = unit.run.ran_in if unit.run is not None else Path()
        free = {n for n, reason in why.items() if not holds_after_all(reason, words.get(n, "<"), folder)}
        found.append(
            {n: d for n, d in digests.items() if n not in free and _HEX.fullmatch(d) and _told(n, words, unit)}
        )
    return found


def _told(name: str, words: Mapping[str, str], unit: Unit) -> bool:
    """Return whether the digest of a name is one that the notebook's own code gives.

    It is not of IPython's own names and lists of lines, of modules and classes, and of what is known by its type alone
    or by the words of a fitted model: such objects keep times, folders and identities.
    """
    said = words.get(name, "")
    if hidden(name) or said.startswith(("SList(", "<")) or MODEL.match(said) or told(said).times:
        return False
    return bool(said) or name not in flow_of_code(unit.source).imports | _classes(unit.source)


def _classes(source: str) -> set[str]:
    return {n.name for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ClassDef)}


def with_probes(cells: Sequence[Any]) -> list[Any]:
    """Put behind each cell of which something is known a cell that asks for it: digests, contents, hashes of files."""
    made: list[Any] = []
    for cell in cells:
        made.append(cell)
        known = zip(_LOOKS, _known(cell), strict=True)
        if looks := [probe_of(code(), expression, sorted(names)) for (code, expression), names in known if names]:
            source = "\n".join(looks)
            made.append({**cell, "id": f"{cell['id']}-values", "metadata": {}, "source": source, "outputs": []})
    return made


LOOKED_AT = ("values", "contents", "files")
_LOOKS: tuple[tuple[Callable[[], str], str], ...] = (
    (
        partial(alone, "llmos_nb.heap.digest.digest"),
        '{"values": {n: digest(space[n]) if n in space else "" for n in names}}',
    ),
    (lambda: f"{code_for()}{_SAYING}", '{"contents": {n: _said(space, n) for n in names}}'),
    (lambda: _HASHING, '{"files": {n: _hashed(n) for n in names}}'),
)
_HASHING = """
from hashlib import sha256
from pathlib import Path

def _hashed(path):
    return sha256(Path(path).read_bytes()).hexdigest() if Path(path).is_file() else ""
"""


def _known(cell: Any) -> list[dict[str, str]]:
    """Return what is known of a cell: digests of names, their contents in words, hashes of files that it writes."""
    mine = cell["metadata"].get(KEY, {}) if cell["cell_type"] == "code" else {}
    return [mine.get(of, {}) for of in LOOKED_AT]


Found = tuple[list[Difference], int, set[str]]


def compare_values(cells: Sequence[Any], result: Execution, about: Mapping[str, Any]) -> Found:
    """Compare what the names held after each step with the digests of the run; return how many, and of which cells.

    Digests are exact to the last bit, and count only where the same Python and machine run it; contents in words, in
    which numbers have a tolerance, count everywhere.
    """
    here = [platform.python_version_tuple()[:2], platform.machine(), platform.system()]
    there = about["platform"]
    exact = here == [tuple(there["python"].split(".")[:2]), there["machine"], there["system"]]
    found, compared = [], 0
    of: set[str] = set()
    probed = with_probes(cells)
    for (step, cell), outputs in zip(pairwise(probed), result.outputs[1:], strict=True):
        if KEY in cell["metadata"] or cell["cell_type"] != "code" or outputs is None:
            continue
        digests, contents, files = _known(step)
        got = printed(outputs) or {}
        digests, files = (digests, files) if exact else ({}, {})
        compared += len(digests.keys() | contents.keys()) + len(files)
        of |= {step["id"]} if digests or contents or files else set()
        now, made = got.get("contents", {}), got.get("files", {})
        names = sorted(
            (n for n, w in contents.items() if not agree(now.get(n, ""), w)),
            key=lambda n: (not n, n),
        )
        wrong = {n: f"{_named(n)} is {_short(now.get(n, ''))}, and was {_short(contents[n])} in the run" for n in names}
        other = [n for n, digest in digests.items() if got.get("values", {}).get(n) != digest and n not in wrong]
        told = [*wrong.values(), *(f"{_named(n)} does not hold what it held in the run" for n in sorted(other))]
        told += [f"the file {n} is {_of_file(made.get(n))}" for n, hashed in files.items() if made.get(n) != hashed]
        hashes = "\n".join(f"the sha256 of the file {n} is {made[n]}" for n in files if made.get(n))
        found += [Difference(f"cell {step['id']}", "; ".join(told), hashes)] if told else []
    return found, compared, of


def agree(now: str, was: str) -> bool:
    """Return whether two values in words are the same, also where an earlier version hashed the words of a table.

    Parameters
    ----------
    now, was : str
        What is there, and what was there in the run.
    """
    said = now.encode("utf-8", "surrogatepass")
    hashed = sha256(len(said).to_bytes(8, "big") + said).hexdigest()[:16]
    # earlier versions said nothing of the fields that do not count
    return _same(told(now).words, told(was).words) or (was.startswith("DataFrame of ") and was.endswith(f": {hashed}"))


def _same(now: str, was: str) -> bool:
    """Return whether two values are the same; the cells of a frame count by its hash, those of a series where known."""
    if without_cells(now, frames=True) == without_cells(was, frames=True):
        return True
    bare = without_cells(was)  # an earlier version spelled fewer of them
    return was.startswith("Series ") and without_cells(now) == bare and bare in (now, was)


_PIECE = 100  # characters of a content that a person reads


def _of_file(now: str | None) -> str:
    return "not what it was in the run" if now else "not there"


def _named(name: str) -> str:
    return f"`{name}`" if name else "its value"


def _short(words: str) -> str:
    return words if len(words) <= _PIECE else f"{words[: _PIECE - 1]}…"
