"""An exported notebook in a new kernel and a new folder, without the package; and what `llmos verify` says of it."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from notebook_driver import Notebook, Ran

from llmos_nb.tools.devices.child import tables as tables_of_answers
from real_runs.judge import Step, Value
from real_runs.live import LOOKING, values_of

_PREPARED = "__import__('sys').modules['llmos_nb'] = None"  # without the package
CELL_S, VERIFY_S = 120, 300
Book = dict[str, Any]


@dataclass
class Again:
    """What the exported notebook gave."""

    failed: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    shown: dict[Step, str | None] = field(default_factory=dict)
    answers: dict[int, str] = field(default_factory=dict)


def run_again(notebook: Path, folder: Path, names: Iterable[str]) -> Again:
    """Run an exported notebook in `folder`, which gets it and the inputs that it declares."""
    book = json.loads(notebook.read_text("utf-8"))
    _move_in(book, notebook, folder)
    found, quiet = Again(), stderr(book)
    with Notebook(folder, extension=False) as fresh:
        fresh.run(_PREPARED)
        for cell in code_cells(book):
            ran = fresh.run("".join(cell["source"]), CELL_S)
            if ran.error:
                found.failed = f"cell {cell['id']}: {ran.error}"
                return found
            if pid := answer_of(cell):
                found.answers[pid] = shown(fresh.run(_telling("".join(cell["source"])))) or ""
            if step := step_of(cell):
                said = shown(ran, errors=step not in quiet)
                found.shown[step] = "\n".join(filter(None, (found.shown.get(step), said))) or None
        ran = fresh.run(f"(lambda g: (exec({LOOKING!r}, g), print(g['look'](globals(), {[*names]!r}))))({{}}) and None")
        streams = (m["content"] for m in ran.messages if m["msg_type"] == "stream")  # a warning may come late
        found.values = values_of("".join(c["text"] for c in streams if c["name"] == "stdout"))
    return found


def _telling(answer: str) -> str:
    """Return code that prints what the cell of an answer gave, a value a line, and tables as answers tell them."""
    names = [line.partition(" = ")[0] for line in answer.splitlines() if re.match(r"answer\w*_\d+ = ", line)]
    tables = (Path(tables_of_answers.__file__)).read_text("utf-8")
    told = "s['markdown_table'](v) if s['is_table'](v) else v"
    return f"(lambda s: (exec({tables!r}, s), [print({told}) for v in ({', '.join(names)},)]))({{}}) and None"


def _move_in(book: Book, notebook: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for one in about(book).get("inputs", ()):
        source, target = notebook.parent / one["path"], folder / one["path"]
        if source.is_file() and not Path(one["path"]).is_absolute():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def shown(ran: Ran, errors: bool = True) -> str | None:
    """Return the text of what a cell showed, perhaps without stderr; of a picture nothing but that it is one."""
    parts = []
    for message in ran.messages:
        content = message["content"]
        if not errors and content.get("name") == "stderr":
            continue
        if message["msg_type"] == "stream":
            parts.append(content["text"])
        elif message["msg_type"] in ("execute_result", "display_data"):
            picture = any(m.startswith("image/") for m in content["data"])
            parts.append("<picture>\n" if picture else content["data"].get("text/plain", "") + "\n")
    if "<picture>\n" in parts:  # what draws names what it drew, which the picture shows
        parts = [p for p in parts if not _DRAWN.match(p)]
    return "".join(parts).strip() or None


_DRAWN = re.compile(r"[(\[]*<?(matplotlib\.|Axes|Text\(|BarContainer|Figure|array\(\[\[?<Axes)")


# what stands in the file


def about(book: Book) -> Mapping[str, Any]:
    """Return what the file says of its run."""
    return book["metadata"].get("llmos_nb", {})


def code_cells(book: Book) -> Iterator[Book]:
    """Return its cells of code."""
    return (c for c in book["cells"] if c["cell_type"] == "code" and "".join(c["source"]).strip())


def step_of(cell: Book) -> Step | None:
    """Return the process and the call that a cell stands for."""
    mine = cell["metadata"].get("llmos_nb", {})
    if cell["cell_type"] != "code" or not mine.get("call"):
        return None
    return int(mine.get("pid", 1)), str(mine["call"])


def answer_of(cell: Book) -> int:
    """Return the process whose answer a cell computes; 0 for another cell."""
    own = re.fullmatch(r"answer(-\d+)?", cell["id"])
    return int(cell["metadata"].get("llmos_nb", {}).get("pid", 1)) if own else 0


def answers_free(book: Book) -> set[int]:
    """Return the processes of whose answers the file says, with a reason, that they are not the same each time."""
    cells = ((answer_of(c), c["metadata"].get("llmos_nb", {})) for c in code_cells(book))
    return {pid for pid, about in cells if pid and about.get("volatile") and about.get("left")}


def varying(book: Book) -> set[Step]:
    """Return the steps of whose outputs the file says that they are not the same each time."""
    cells = ((step_of(c), c["metadata"].get("llmos_nb", {}).get("volatile")) for c in book["cells"])
    return {step for step, volatile in cells if step and volatile}


def unchecked(book: Book, report: Mapping[str, Any] | None = None) -> set[str]:
    """Return the names of which the file says that they are not compared; of a step's last word on one, verify too."""
    told = {(one["cell"], one["what"]) for one in (report or {}).get("left", ()) if one["why"]}
    last: dict[str, bool] = {}
    for cell in book["cells"]:
        mine = cell["metadata"].get("llmos_nb", {})
        last |= dict.fromkeys(mine.get("values", ()), False)
        last |= {what: (cell["id"], what) in told for what in mine.get("left", ())}
    said = {name for name, left_out in last.items() if left_out}
    return {*about(book).get("unchecked", ()), *about(book).get("missing", ()), *said}


READ = "what the model read of it"


def left(book: Book, report: Mapping[str, Any] | None) -> set[Step]:
    """Return the steps of which the file says what of them is not compared, and verify's report says it, too."""
    return {step for step, what in _left(book, report) if what - {READ}}


def read_said(book: Book, report: Mapping[str, Any] | None) -> set[Step]:
    """Return the steps of which both say so that the model read another text of them than a cell shows."""
    return {step for step, what in _left(book, report) if READ in what}


def _left(book: Book, report: Mapping[str, Any] | None) -> Iterator[tuple[Step, set[str]]]:
    told = {(one["cell"], one["what"]) for one in (report or {}).get("left", ()) if one["why"]}
    cells = ((step_of(c), c["id"], c["metadata"].get("llmos_nb", {}).get("left", {})) for c in book["cells"])
    yield from ((step, {*of}) for step, name, of in cells if step and of and all((name, what) in told for what in of))


def clock(book: Book) -> dict[Step, str]:
    """Return by step what the file quotes as readings of the clock."""
    cells = ((step_of(c), c["metadata"].get("llmos_nb", {}).get("left", {})) for c in book["cells"])
    return {step: of["the time it took"] for step, of in cells if step and "the time it took" in of}


def stderr(book: Book) -> dict[Step, str]:
    """Return by step what the file has as written to stderr, where it says that this is not compared."""
    cells = [(step_of(c), c) for c in book["cells"]]
    said = [(s, c) for s, c in cells if s and "what it wrote to stderr" in c["metadata"]["llmos_nb"].get("left", {})]
    return {s: "".join("".join(o["text"]) for o in c["outputs"] if o.get("name") == "stderr") for s, c in said}


def outputs(book: Book) -> dict[Step, int]:
    """Return how many outputs a step's cells hold, without those that vary as a whole."""
    found: dict[Step, int] = {}
    for cell in book["cells"]:
        if step := step_of(cell):
            free = cell["metadata"]["llmos_nb"].get("volatile", {})
            kept = [n for n, _ in enumerate(cell["outputs"]) if free.get(str(n)) != "all" and "count" not in free]
            found[step] = found.get(step, 0) + len(kept)
    return found


def values(book: Book) -> dict[Step, int]:
    """Return how many values stand beside each step: digests, words, assertions of it or of the names it binds."""
    from real_runs.live import bound

    steps = [(s, c) for c in book["cells"] if (s := step_of(c)) and c["metadata"]["llmos_nb"]["role"] == "step"]
    names = {s: {*bound("".join(c["source"]))} for s, c in steps}
    found: dict[Step, int] = {}
    last: Step | None = None
    for cell in code_cells(book):
        last = step_of(cell) or last
        mine = cell["metadata"].get("llmos_nb", {})
        if step_of(cell):
            compared = {*mine.get("values", ()), *mine.get("contents", ())}
            found[last] = found.get(last, 0) + len(compared)  # type: ignore[index, arg-type]
        for held in asserted("".join(cell["source"])):
            whose = {s for s, bound_here in names.items() if held & bound_here} or ({last} if step_of(cell) else set())
            for step in whose - {None}:
                found[step] = found.get(step, 0) + 1  # type: ignore[index, arg-type]
    return found


def asserted(source: str) -> Iterator[set[str]]:
    """Return the names of each assertion that is over more than a type, and of each call of a function that asserts."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return
    for node in tree.body:
        checks = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        called = ast.unparse(node.value.func) if checks else ""  # type: ignore[attr-defined]
        if isinstance(node, ast.Assert) and re.match(r"type\(\w+\)\.__name__ == ", ast.unparse(node.test)):
            continue
        if isinstance(node, ast.Assert) or re.search(r"check|assert|same|hold", called):
            yield {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


# the product's own word


def verify(notebook: Path) -> tuple[Mapping[str, Any] | None, str]:
    """Return what ``llmos verify --json`` says, and what it printed where that is no report."""
    command = [sys.executable, "-m", "llmos_nb.app.cli", "verify", notebook.name, "--json"]
    done = subprocess.run(command, cwd=notebook.parent, capture_output=True, text=True, timeout=VERIFY_S, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return None, (done.stdout + done.stderr)[-2000:]
    return (report, "") if isinstance(report, dict) and "ok" in report else (None, done.stdout[-2000:])
