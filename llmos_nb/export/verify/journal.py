"""Compare an exported notebook with the journals beside it: whether these are its journals, and say what it says.

What is compared stands in `_SAYS` and `_SAYS_OF_ALL`, one function a subject, and `compare` counts it.
"""

from __future__ import annotations

import ast
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalError, UsageError
from llmos_nb.export import answer_code, notes, shown
from llmos_nb.export.assertions import GIVEN, VALUE_NAME
from llmos_nb.export.cells import joined, text_of, with_texts
from llmos_nb.export.dataflow.parsed import parsed
from llmos_nb.export.files import wrote
from llmos_nb.export.source import SCHEMA, ExportSource
from llmos_nb.export.steps import step_units
from llmos_nb.export.verify.code import asserted, assertions_of, bound, flat, same_code, words_of
from llmos_nb.export.verify.report import Difference
from llmos_nb.export.verify.seal import KEY
from llmos_nb.journal import Event, history, read
from llmos_nb.journal.events import RunStarted, former as read_former
from llmos_nb.process import fold
from llmos_nb.process.state import State

Book = Mapping[str, Any]
Found = Iterator[Difference | None]  # one for each comparison: None where it says the same


def note_paths(book: Book, runs: Sequence[ExportSource], beside: Path) -> None:
    """Write into a notebook's record where its journals stand, seen from its folder, where both are in this one."""
    here = Path.cwd()
    for about, run in zip(book["metadata"][KEY]["processes"], runs, strict=True):
        path = run.blobs.parent / "journal.jsonl" if run.blobs is not None else None
        near = path is not None and all(p.absolute().is_relative_to(here) for p in (path, beside))
        if path is not None and near and path.is_file():
            about["journal"]["path"] = Path(os.path.relpath(path, beside)).as_posix()


def journals_of(book: Book, beside: Path, given: Sequence[Path] = ()) -> dict[int, Path]:
    """Return the journals to compare with, by the number of the process; those that were named come first."""
    processes = book["metadata"][KEY].get("processes", [])
    found: dict[int, Path] = {}
    for about in processes:
        path = beside / str(about["journal"].get("path") or ".")
        if path.is_file():
            found[about["pid"]] = path
    for path in given:
        file = path / "journal.jsonl" if path.is_dir() else path
        if not file.is_file():
            raise UsageError(f"--journal {path}: there is no such file")
        found[_pid(file, processes)] = file
    return found


def _pid(file: Path, processes: Sequence[Any]) -> int:
    """Return which process a journal is of; of a notebook of one process, that one."""
    if len(processes) == 1:
        return int(processes[0]["pid"])
    try:
        bodies = [e.body for e in read(file, payloads=False) if e.k == RunStarted.kind]
    except JournalError as error:
        raise UsageError(f"--journal {error}") from error
    pid = next((b.pid for b in reversed(bodies) if isinstance(b, RunStarted)), 0)
    if pid not in [p["pid"] for p in processes]:
        raise UsageError(f"--journal {file}: it is of process {pid}, which the notebook does not name")
    return int(pid)


@dataclass
class _Pair:
    """A process as the notebook has it, and as its journal has it."""

    book: Book
    about: Mapping[str, Any]
    run: ExportSource

    def cells(self, *roles: str) -> Iterator[Any]:
        """Return the notebook's cells of these roles that are of this process."""
        alone = len(self.book["metadata"][KEY]["processes"]) == 1
        for cell in self.book["cells"]:
            mine = cell["metadata"].get(KEY, {})
            if mine.get("role") in roles and (alone or mine.get("pid", self.about["pid"]) == self.about["pid"]):
                yield cell

    def calls(self, role: str) -> Iterator[tuple[Any, Any]]:
        """Return the cells of calls, each with the call of the journal, or None."""
        for cell in self.cells(role):
            yield cell, self.run.state.calls.get(cell["metadata"][KEY].get("call", ""))


_OTHER_WORDS = "its notes and answers are in the words of an earlier version, and were not compared with the journal"


def compare(
    book: Book, paths: Mapping[int, Path], beside: list[str] | None = None
) -> tuple[list[Difference], dict[str, int]]:
    """Compare a notebook with journals by process; return where they say different things, and how many were compared.

    `beside` gets what was not compared, since versions read or say it in other ways.
    """
    found: list[Difference] = []
    counts: Counter[str] = Counter()
    runs: dict[int, ExportSource] = {}
    aside: list[str] = [] if beside is None else beside
    says_each, says_of_all = dict(_SAYS), dict(_SAYS_OF_ALL)
    if _older(book):
        aside.append(_OTHER_WORDS)
        del says_each["notes"]
        says_of_all.clear()
    for about in book["metadata"][KEY].get("processes", []):
        if about["pid"] not in paths:
            continue
        wrong, events = _head(about, paths[about["pid"]])
        if wrong is not None:
            found.append(wrong)
            continue
        counts["events"] += len(events)
        runs[about["pid"]] = _run(about, events, paths[about["pid"]])
        pair = _Pair(book, about, runs[about["pid"]])
        for subject, says in says_each.items():
            said = list(says(pair))
            counts[subject] += len(said)
            found += [one for one in said if one is not None]
    if len(runs) == len(book["metadata"][KEY].get("processes", [])):
        for subject, says_it in says_of_all.items():
            said = list(says_it(book, list(runs.values()), aside))
            counts[subject] += len(said)
            found += [one for one in said if one is not None]
    return found, dict(counts)


def _older(book: Book) -> bool:
    """Return whether an earlier version exported a notebook: it said some things otherwise, and left others out."""
    return int(book["metadata"][KEY]["schema"]) < SCHEMA


def _head(about: Mapping[str, Any], path: Path) -> tuple[Difference | None, Sequence[Event]]:
    """Check a journal's chain, and that the event stands in it that the notebook names as the last one."""
    name, named = f"journal of process {about['pid']}", about["journal"]
    try:
        events = history(read(path), path)
    except JournalError as error:
        return Difference(name, str(error)), []
    count = int(named.get("events", 0))
    if not 0 < count <= len(events):
        return Difference(name, f"it has {len(events)} events, and the notebook was made of {count}"), []
    if events[count - 1].hash != named.get("hash"):
        what = "it is another journal, or was written anew: it does not hold the event that the notebook names"
        return Difference(name, what, f"event {count - 1} has the hash {events[count - 1].hash}"), []
    return None, events[:count]


def _run(about: Mapping[str, Any], events: Sequence[Event], path: Path) -> ExportSource:
    """Return a process as its journal has it."""
    s: State = fold(events)
    settings = {"approve": s.mode}
    values = str(about.get("values", "_answer"))  # so they were called before
    return ExportSource(
        goal=s.goal, name=s.name, pid=about["pid"], model=s.model, settings=settings, state=s, events=events,
        blobs=path.parent / "blobs", values=values if values.isidentifier() else "answer",
    )  # fmt: skip


def _record(pair: _Pair) -> Found:
    """Compare what the record of the run says with the journal."""
    s = pair.run.state
    true = {"goal": s.goal, "name": s.name, "model": s.model, "reason": s.reason, "answer": s.answer}
    for key, value in true.items():
        what = f"process {pair.about['pid']}: its {key} is not that of the journal"
        same = (pair.about.get(key) or "") == (value or "")
        yield None if same else Difference("metadata.llmos_nb", what, _diff(value, pair.about.get(key)))


def _decisions(pair: _Pair) -> Found:
    """Compare who let each call through, and what it was a call of."""
    for cell, call in pair.calls("step"):
        mine, where = cell["metadata"][KEY], f"cell {cell['id']}"
        if call is None or call not in pair.run.state.surviving:
            yield Difference(where, f"the journal has no call {mine.get('call')} that ran and stands")
            continue
        true: dict[str, Any] = {"by": call.by.plain(), "tool": call.name}
        true |= {} if _older(pair.book) else {"step": call.step}  # each process had a plan of its own in some
        by = mine.get("by")  # an export of a former version names who decided by a text
        said = {**mine, "by": read_former(by).plain() if isinstance(by, str) else by}
        wrong = [f"{k} {said.get(k)!r}, not {v!r}" for k, v in true.items() if said.get(k) != v]
        yield Difference(where, f"its metadata says {'; '.join(wrong)} as the journal") if wrong else None


def _notes(pair: _Pair) -> Found:
    """Compare the notes over steps, which say why and who decided, with those that the journal gives."""
    several, seen = len(pair.book["metadata"][KEY]["processes"]) > 1, notes.Seen()
    for cell in pair.cells("process"):
        same = _stripped(cell) in (notes.process(pair.run), notes.again(pair.run))
        yield None if same else _text(cell, notes.process(pair.run))
    for cell in pair.cells("course"):
        yield _text(cell, notes.made(pair.run, not several))
    true_words = {text.strip() for _, text in notes.said(pair.run, 2 + several)}
    for cell in pair.cells("said"):
        yield (None if _stripped(cell) in true_words else _text(cell, "\n".join(true_words) or "nothing was said"))
    for cell, call in pair.calls("note"):
        if call is None:
            yield Difference(f"cell {cell['id']}", "it is a note on a call that the journal does not have")
            continue
        found, before = _without_unchecked(_stripped(cell)), seen.of(call, pair.run)
        true = notes.step(call, pair.run, before, level=2 + several)
        yield _text(cell, true, found)


def _answers(book: Book, runs: list[ExportSource], aside: list[str]) -> Found:
    """Compare the cells that give an answer, in words or as code: each is that of a process."""
    for cell in book["cells"]:
        mine = cell["metadata"].get(KEY, {})
        if mine.get("role") != "answer" and (mine.get("role") != "check" or "call" in mine):
            continue
        of = [run for run in runs if mine.get("pid", run.pid) == run.pid]
        if cell["cell_type"] == "markdown":
            yield _answer_in_words(book, cell, of)
        else:
            yield _answer_as_code(cell, of, aside)
        # what cells show of an observed notebook is that of another run, which the export made
        if cell.get("outputs") and not book["metadata"][KEY].get("observed"):
            wrong = Difference(f"cell {cell['id']}", "what it shows is not an answer that the journal has")
            yield None if [*map(_bare, cell["outputs"])] in map(answer_code.answer_printed, of) else wrong


def _answer_in_words(book: Book, cell: Any, runs: list[ExportSource]) -> Difference | None:
    """Compare an answer's words, and how many of its numbers are known in which way."""
    level = 2 + (len(book["metadata"][KEY]["processes"]) > 1)
    true = [notes.answer(run, level).strip() for run in runs if run.state.answer]
    return None if _stripped(cell) in true else _text(cell, "\n".join(true) or "no such answer")


def _answer_as_code(cell: Any, runs: list[ExportSource], aside: list[str]) -> Difference | None:
    """Compare the code that computes an answer, what is told of its tables, or what is asserted of it."""
    mine = cell["metadata"][KEY]
    if mine["role"] == "check":
        lines = [line for run in runs for line in answer_code.answer_check(run)]
        known = {ast.dump(node) for line in lines for node in parsed(line)}
        found = parsed(text_of(cell["source"]))
        same = bool(found) and all(ast.dump(node) in known for node in found)
        return None if same else _text(cell, "\n".join(lines) or "no such answer")
    if not cell["outputs"] and any(map(answer_code.answer_printed, runs)):
        aside.append(f"what cell {cell['id']} prints does not stand in it: it was compared with no answer")
    words = {(value.name, value.words) for run in runs for value in answer_code.values_of(run)}
    if wrong := [name for name, said in mine.get("contents", {}).items() if (name, said) not in words]:
        return Difference(f"cell {cell['id']}", f"what it says of {', '.join(wrong)} is not what the journal has")
    true = [text for run in runs if (text := answer_code.computed_answer(run))]
    return None if _stripped(cell) in true else _text(cell, "\n".join(true) or "no such answer")


def _title(book: Book, runs: list[ExportSource], aside: list[str]) -> Found:
    """Compare the first note, which says goal, model and mode of the processes that were asked for."""
    for cell in book["cells"]:
        if cell["metadata"].get(KEY, {}).get("role") == "head":
            yield _text(cell, notes.head(runs))


def _outputs(pair: _Pair) -> Found:
    """Compare what stands in a cell as the run's own output with what the journal has of it."""
    if pair.book["metadata"][KEY].get("observed"):
        return  # they are those of another run, which the export made
    for cell, call in pair.calls("step"):
        if call is None or cell["cell_type"] != "code":
            continue
        true, found = (list(map(_bare, outputs)) for outputs in (shown.recorded(call, pair.run)[0], cell["outputs"]))
        if found or (true and not _older(pair.book)):  # some kept no outputs
            wrong = Difference(f"cell {cell['id']}", "its outputs are not those that the journal has")
            yield None if found == true else wrong


def _bare(output: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output without the number of its cell, which an export gives."""
    return {k: v for k, v in with_texts(output, joined).items() if k != "execution_count"}


def _code(pair: _Pair) -> Found:
    """Compare the code of steps: each statement that ran stands there, in order, and nothing that acts besides."""
    given = next((c for c in pair.cells("parameters")), None)
    moved = bound(ast.parse(text_of(given["source"])).body) if given is not None else set()
    units = {u.call.id: u for u in step_units(pair.run) if u.call is not None and u.call.name == "python"}
    for cell, call in pair.calls("step"):
        unit = units.get(call.id) if call is not None else None
        if unit is None or unit.problem or cell["cell_type"] != "code":
            continue
        same = same_code(text_of(cell["source"]), unit.source, moved)
        wrong = _diff(unit.source, text_of(cell["source"]))
        yield None if same else Difference(f"cell {cell['id']}", "its code is not that of the journal", wrong)


def _values(pair: _Pair) -> Found:
    """Compare what stands there of a step's values with what the journal has: as assertions, and in words."""
    for cell, call in (*pair.calls("step"), *pair.calls("check")):
        if call is None or cell["cell_type"] != "code":
            continue
        where, mine = f"cell {cell['id']}", cell["metadata"][KEY]
        body, ran = parsed(text_of(cell["source"])), flat(parsed(call.code))
        own, known = mine["role"] == "check", set(map(ast.dump, ran))
        for name, words in mine.get("contents", {}).items():
            wrong = Difference(where, f"what it says of {name or 'its value'} is not what the journal has")
            yield None if words in words_of(call, name) else wrong
        made = {(one["path"], one.get("sha256")) for one in wrote(call)}
        for path, digest in mine.get("files", {}).items():
            wrong = Difference(where, f"the hash of the file {path} is not what the journal has")
            yield None if (path, digest) in made else wrong
        true = assertions_of(call, ran, own)
        for node in (n for n in flat(body) if ast.unparse(n) != GIVEN):
            if own and not isinstance(node, ast.Assert):
                yield Difference(where, "it does more than compare")
            elif own or (asserted(node) and ast.dump(node) not in known):  # in older exports in the step's own cell
                names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
                name = next((n for n in names if n == VALUE_NAME or words_of(call, n)), names[-1] if names else "it")
                wrong = Difference(where, f"what it asserts of {name} is not what the journal has")
                yield None if ast.dump(node) in true else wrong


_SAYS: dict[str, Callable[[_Pair], Found]] = {
    "facts": _record,
    "decisions": _decisions,
    "notes": _notes,
    "outputs": _outputs,
    "steps": _code,
    "values": _values,
}

_SAYS_OF_ALL: dict[str, Callable[[Book, list[ExportSource], list[str]], Found]] = {"notes": _title, "answers": _answers}


def _stripped(cell: Any) -> str:
    return text_of(cell["source"]).strip()


def _without_unchecked(note: str) -> str:
    """Return a note without its last lines where they say what nothing compares: the journal does not know that."""
    lines = note.splitlines()
    while lines and lines[-1].startswith(notes.UNCHECKED):
        lines.pop()
    return "\n".join(lines).strip()


def _text(cell: Any, true: str, said: str = "") -> Difference | None:
    said = said or _stripped(cell)
    if said == true.strip():
        return None
    return Difference(f"cell {cell['id']}", "it does not say what the journal says", _diff(true, said))


def _diff(true: Any, found: Any) -> str:
    one, other = str(true or "").splitlines(), str(found or "").splitlines()
    return "\n".join(unified_diff(one, other, "journal", "notebook", lineterm="", n=0))
