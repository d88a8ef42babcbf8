"""`export`: a process as a plain notebook that runs again with no model and without this package."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from llmos_nb.errors import UsageError
from llmos_nb.export import notes
from llmos_nb.export.answer_cells import answer_cells
from llmos_nb.export.answer_code import with_names
from llmos_nb.export.assertions import Expected, as_written, asserting, checks, contents, left_out, told
from llmos_nb.export.cells import LOOSE, Cell, book_of, read, text_of, write
from llmos_nb.export.crate import check_target, crate as as_crate
from llmos_nb.export.dataflow.parsed import reading
from llmos_nb.export.dataflow.taint import CHANCE, Fate, holds_after_all
from llmos_nb.export.environ import environ_code, variables
from llmos_nb.export.evidence import evidence_code, expected
from llmos_nb.export.files import compared, databases_filled, environ_recorded, files_recorded, made_again, missed
from llmos_nb.export.gather import RESULTS, Draft, gather
from llmos_nb.export.heads import Heads
from llmos_nb.export.inputs import Input, bring, check_code, files_read, from_held, shapes_code
from llmos_nb.export.lock import needed, script_block
from llmos_nb.export.magics import shows as shows_by_itself
from llmos_nb.export.metadata import lock_text, metadata_of
from llmos_nb.export.plainly import by_type
from llmos_nb.export.redact import refuse_held, refuse_secrets, refuse_shown, secrets
from llmos_nb.export.script import script_of
from llmos_nb.export.setup_cells import Params, parameters_code, seeds_code
from llmos_nb.export.shown import IN_ANOTHER_FORM, READ, of_the_clock, of_user, read_otherwise, recorded, saved
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import LOOKING, Unit, call_code
from llmos_nb.export.target import check_free, target_of
from llmos_nb.export.verify.compare import all_volatile
from llmos_nb.export.verify.journal import note_paths
from llmos_nb.export.verify.observe import observe as watch, sign as trust
from llmos_nb.export.verify.seal import seal
from llmos_nb.export.verify.signature import sign as with_signature, signing_key
from llmos_nb.export.verify.values import step_values
from llmos_nb.process.state import CONTROL


class Options(TypedDict, total=False):
    """How to export.

    Parameters
    ----------
    clean : bool
        Only code, no notes.
    trace : bool
        Keep plan, undone and rejected steps as raw cells, and the journal with secrets blanked.
    lock : bool or "index"
        Embed a `pylock.toml` of what is imported, which is the default; with ``"index"`` the package index is asked for
        files and hashes.
    params : mapping or iterable of str, optional
        Values, or names of literals in the code, for a cell of parameters.
    observe : bool
        Run it twice in fresh kernels: it gets the outputs of that, and what differs is marked volatile.
    notebook : path-like, optional
        The user's own notebook: all its cells stand in the export, its ``%%agent`` cells replaced by what they did.
    sign : bool or str
        Sign it with an ssh key: git's ``user.signingkey``, else the first in ``~/.ssh``; or the file of one.
    crate : path-like
        Write an RO-Crate of it, too: a new folder, or a file in ``.zip``.
    force : bool
        Take the place of a signed notebook, or of a file that is no export.
    """

    clean: bool
    trace: bool
    lock: bool | str
    params: Params
    observe: bool
    notebook: str | os.PathLike[str] | None
    sign: bool | str
    crate: str | os.PathLike[str]
    force: bool


_LEFT_OUT = ("undone", "rejected", "skipped", "failed", "in_doubt")


def trace_cells(run: ExportSource) -> Iterator[Cell]:
    """Return the plan, and each undone, rejected, skipped or failed call with why."""
    plan = run.state.plan
    if len(plan):
        lines = [f"Plan of process {run.pid}, version {plan.version}"]
        lines += [f"{s.n}. {s.title} ({s.status}){s.expect and f'; expected: {s.expect}'}" for s in plan.steps]
        yield Cell("raw", "plan", "\n".join(lines))
    for call in run.state.calls.values():
        if call.status in _LEFT_OUT and call.name not in (*CONTROL, *LOOKING):
            why = f": {call.why or call.error}" if call.why or call.error else ""
            text = f"{call.id} {call.name}, {call.status}{why}\n\n{call_code(run, call)}"
            yield Cell("raw", "left-out", text, {"call": call.id, "status": call.status})
    for call in run.state.calls.values():
        if call.proposed:
            text = f"{call.id} as the model proposed it, before it was edited\n\n{call.proposed}"
            yield Cell("raw", "original", text, {"call": call.id})


Texts = list[tuple[int, Cell]]


def with_notebook(runs: Sequence[ExportSource], notebook: Path) -> tuple[list[ExportSource], Texts]:
    """Take the user's cells from a saved notebook, and return its other cells, each with its place."""
    book = list(enumerate(read(notebook)["cells"], 1))
    cells = [(n, c["cell_type"], text_of(c["source"])) for n, c in book]
    texts = [(n, Cell(kind, "text", source)) for n, kind, source in cells if kind != "code"]
    code = [(n, source) for n, kind, source in cells if kind == "code" and source.strip()]
    theirs = [(n, c) for n, c in code if not c.lstrip().startswith(("%load_ext llmos_nb", "%agent"))]
    known = {n: saved(n, c) for n, c in book if c["cell_type"] == "code"}
    return [replace(run, user_cells=theirs, cells=known) for run in runs], texts


def _asked(target: Path, sign: bool | str, crate: str | os.PathLike[str]) -> str:
    """Look whether what was asked for can be done, before anything is written; return the key to sign with."""
    if crate:
        check_target(target, Path(crate))
    if sign is False:
        return ""
    if (what := {".py": "a script", ".md": "a text"}.get(target.suffix)) is not None:
        raise UsageError(f"--sign: {target.name} is {what}, and only a notebook can be signed")
    return signing_key(sign if isinstance(sign, str) else "")


@reading()
def export(run: ExportSource | Sequence[ExportSource], path: str | os.PathLike[str], **how: Unpack[Options]) -> Path:
    """Write the plain notebook of what survived of a process.

    Parameters
    ----------
    run : ExportSource or sequence of them
        The process, or several of one namespace in the order of their start.
    path : path-like
        Where to; ``.py`` makes a script, ``.md`` a methods supplement, no suffix ``.ipynb``. Inputs go beside it.
    **how
        As in `Options`.

    Raises
    ------
    UsageError
        It would hold a secret, overwrite another input file, a signed notebook or what is no export, a parameter has no
        literal, or there is no key.
    """
    target = target_of(path)
    crate, notebook = how.get("crate", ""), how.get("notebook")
    key = _asked(target, how.get("sign", False), crate)
    if not how.get("force", False):
        check_free(target)
    if not (runs := [run] if isinstance(run, ExportSource) else list(run)):
        raise UsageError(f"{target}: there is no process to export")
    runs, texts = with_notebook(runs, Path(notebook)) if notebook is not None else (runs, [])
    draft = replace(gather(with_names(runs), f"{target.stem}-inputs", notebook is not None), texts=texts)
    if target.suffix == ".md":
        return _supplement(draft, target)
    cells = _cells(draft, how.get("clean", False), how.get("trace", False), how.get("params"))
    bring(draft.inputs, draft.held, runs[0].folder, target.parent)
    if target.suffix == ".py":
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(script_of(cells), encoding="utf-8")
        return target
    lock = how.get("lock", True)
    book = book_of(cells, metadata_of(draft, lock, how.get("trace", False)))
    return _finished(_written(book, draft, target, lock, how.get("observe", False)), draft, key, crate)


def _finished(path: Path, draft: Draft, key: str, crate: str | os.PathLike[str]) -> Path:
    """Sign what was written, and put it into a crate, where that is wanted."""
    if key:
        with_signature(path, key)
    if crate:
        as_crate(path, draft.runs, Path(crate))
    return path


def _supplement(draft: Draft, target: Path) -> Path:
    """Write the methods supplement."""
    from llmos_nb.export.methods import methods  # only for it

    draft.inputs = _inputs(draft)
    draft.expected = expected(draft)
    text = methods(draft)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


def _written(book: dict[str, Any], draft: Draft, target: Path, lock: bool | str, observe: bool) -> Path:
    """Observe it if that is wanted, seal it, and write it."""
    if observe:
        _observe(book, target.parent, draft, lock)
        refuse_shown(book, secrets(draft.runs))
    note_paths(book, draft.runs, target.parent)
    seal(book)
    write(book, target)
    if observe:
        trust(target)
    return target


def _inputs(draft: Draft) -> list[Input]:
    """Return the declared input files: as they were recorded when they were read, else as the code names them."""
    folder = draft.runs[0].folder
    found = files_recorded(draft.units, draft.cells, folder, draft.runs[0].began_in)
    made = made_again(draft.units, draft.cells)
    known = {i.path for i in found}
    named = [i for i in files_read(draft.sources, draft.runs) if i.path not in known]
    named = [i for i in named if os.path.realpath(folder / i.path) not in made]
    filled = databases_filled(draft.units, draft.cells)
    named = [i for i in named if "changed" not in i.about or Path(i.path).name not in filled]
    return [*found, *named, *from_held(draft.held)]


def _cells(draft: Draft, clean: bool, trace: bool, params: Params) -> list[Cell]:
    """Make all cells, in order."""
    parameters = parameters_code(draft.units, params)
    if params is None:  # with other parameters the steps give something else, so the end alone is asserted
        draft.expected = expected(draft)
    draft.inputs = _inputs(draft)
    heads = Heads(draft)
    made = [*heads.top(), *notes.reads(draft.inputs), *(setup := _setup(draft, parameters))]
    made += [*_body(draft, heads), *_end(draft)]
    made = [c for c in made if c.kind == "code" or c.role == "text"] if clean else made  # texts are the user's own
    # nothing of the versions runs, so that they need not stand before the work
    made += [Cell("code", "lock", script_block([*draft.sources, *(c.source for c in setup)]))]
    made += [c for r in draft.wanted for c in trace_cells(r)] if trace else []
    said = ((f"cell {c.about.get('call') or c.role}", f"{c.source}\n{c.about.get('contents', '')}") for c in made)
    refuse_secrets(said, secrets(draft.runs))
    refuse_held(draft.held, secrets(draft.runs))
    return made


def _setup(draft: Draft, parameters: str) -> list[Cell]:
    """Return what must stand before the work: what it starts from, and a check of that, which stops it early."""
    found = [
        Cell("code", "parameters", parameters, tags=["parameters"]),
        Cell("code", "seeds", seeds_code(draft.sources, draft.states)),
        Cell("code", "inputs", check_code(draft.inputs)),
        Cell("code", "environment", environ_code(variables(draft.sources, environ_recorded(draft.units, draft.cells)))),
    ]
    return [cell for cell in found if cell.source]


def _body(draft: Draft, heads: Heads) -> list[Cell]:
    """Return the user's cells, the check of what the steps start from, and the steps under their notes."""
    cells, seen = list[Cell](), notes.Seen()
    texts, checked = list(draft.texts), False
    values = step_values(draft.units, draft.fates)
    wanted = draft.expected or [Expected()] * len(draft.units)
    for unit, known, gives, fate in zip(draft.units, values, wanted, draft.fates, strict=True):
        while texts and texts[0][0] < unit.order[0]:
            cells.append(texts.pop(0)[1])
        if unit.role in RESULTS and not checked:
            cells, checked = [*cells, *_shapes(draft)], True
        cells += heads.over(unit)
        if unit.call is not None and unit.run is not None:
            cells += _step(unit, known, gives, fate, seen.of(unit.call, unit.run), heads.level)
        elif unit.role == "answer" and unit.run is not None:
            cells += answer_cells(unit, unit.run, fate.names, bool(draft.expected))
        elif unit.source.strip():
            cells.append(_other(unit, draft, fate.shown))
        cells += heads.behind(unit)
    return [*cells, *heads.rest(), *(cell for _, cell in texts)]


def _other(unit: Unit, draft: Draft, why: str) -> Cell:
    """Return a cell that is no step's: of the user, a function, data; the user's with what it showed."""
    about: dict[str, Any] = {"names": unit.names} if unit.names else {}
    outputs, whole = of_user(unit, draft.runs)
    about |= {"shown": "observed" if whole else "run"} if outputs or whole else {}
    if why and whole and outputs:
        about["volatile"] = all_volatile(len(outputs))
    tags = [LOOSE] if outputs and (why or not whole) else []
    return Cell("code", unit.role, unit.source, about, tags, outputs)


def _shapes(draft: Draft) -> list[Cell]:
    names = draft.boundary - draft.missing.keys()
    why = dict.fromkeys(names & draft.later, "a cell behind the first step may have changed it")
    why |= dict.fromkeys(names & draft.changed, "a step changed it, and what it was before is not kept")
    code = shapes_code(names, draft.namespace, why)
    return [Cell("code", "shapes", code)] if code else []


def _step(
    unit: Unit, values: dict[str, str], gives: Expected, fate: Fate, before: notes.Before, level: int
) -> list[Cell]:
    """Return a step's note and its cell: code, assertions, and what it showed."""
    call, run = unit.call, unit.run
    assert call is not None and run is not None  # noqa: S101 - the caller has looked
    about = {"call": call.id, "step": call.step, "by": call.by.plain(), "tool": call.name}
    about |= {"problem": unit.problem} if unit.problem else {}
    about |= {"pid": run.pid} if run.events and run.pid else {}
    outputs, lost = recorded(call, run)
    if (magic := shows_by_itself(call.code)) and not lost:
        lost = f"what {magic} shows has no plain form"
    text = "".join(str(o.get("text", o.get("data", {}).get("text/plain", ""))) for o in outputs)
    why = "" if outputs and holds_after_all(fate.shown, text, run.ran_in) else fate.shown
    why = why or ("rows in no order, a draw or the clock" if call.facts.get("varies") else "")
    repeats = not lost and not unit.problem and unit.running is None and "outputs" in call.facts
    not_done = "the step is not done again" if unit.running is not None or unit.problem else ""
    files, not_compared = compared(call, not_done or (f"it rests on {fate.written}" if fate.written else ""))
    stand = {"values": values, "contents": contents(gives), "files": files}
    known: dict[str, Any] = {key: of for key, of in stand.items() if of}
    known |= {"shown": "observed" if repeats else "run"}
    if why and repeats:
        known["volatile"] = all_volatile(len(outputs))
    errors = any(o.get("name") == "stderr" for o in outputs)
    left = left_out(unit, gives, lost, why if outputs else "", of_the_clock(call), errors)
    left |= not_compared | ({READ: IN_ANOTHER_FORM} if repeats and read_otherwise(call) else {})
    left |= {"the files it read": said} if (said := missed(unit, run.cells)) else {}
    known |= {"left": left} if left else {}
    note = Cell("markdown", "note", notes.step(call, run, before, told(left), level), about)
    tags = [] if repeats and not why else [LOOSE]
    step = Cell("code", "step", as_written(unit.source, gives), {**about, **known}, tags, outputs)
    if not (code := checks(unit.source, gives)):
        return [note, step]
    behind = {k: about[k] for k in ("call", "pid") if k in about} | {"asserted": code.count("\nassert ") + 1}
    return [note, step, Cell("code", "check", code, behind)]


def _end(draft: Draft) -> list[Cell]:
    """Return what is asserted in the end."""
    code, draft.unchecked = evidence_code(draft)
    about = {"contents": draft.last} if draft.last else {}
    return [Cell("code", "evidence", code, about)] if code else []


def _observe(book: dict[str, Any], beside: Path, draft: Draft, lock: bool | str) -> None:
    """Store the outputs of a run of the notebook in it, and assert what its seeded draws are."""
    chance = [n for n, why in draft.unchecked.items() if why.endswith(CHANCE)]
    added, modules = watch(book, beside, chance, draft.runs[0].folder)
    if lock and needed(draft.sources, modules) != needed(draft.sources):
        book["metadata"]["llmos_nb"]["pylock"] = lock_text(draft.sources, lock, modules)
    cells = {c["metadata"]["llmos_nb"]["role"]: c for c in book["cells"]}
    if added and (cell := cells.get("evidence")) is not None:
        about = "# Under the seeds above; the run itself drew others."
        cell["source"] = "\n".join([cell["source"], about, *asserting(added)])
        cell["metadata"]["llmos_nb"]["contents"] = draft.last | {n: w for n, w in added.items() if not by_type(w)}
        for name in chance:
            draft.unchecked.pop(name)
