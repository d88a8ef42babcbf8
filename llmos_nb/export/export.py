"""`export`: a process as a plain notebook that runs again with no model and without this package."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.export import cells as notes
from llmos_nb.export.cells import LOOSE, Cell, book_of, read, recorded, text_of, write
from llmos_nb.export.dataflow.parsed import reading
from llmos_nb.export.dataflow.taint import CHANCE
from llmos_nb.export.evidence import ABS, REL, evidence_code, with_helper
from llmos_nb.export.gather import Gathered, changed_names, gather, recorded_states
from llmos_nb.export.inputs import Input, bring, check_code, files_read, from_held, shapes_code
from llmos_nb.export.lock import needed, platform_of, pylock, script_block, toml, wheels_of
from llmos_nb.export.redact import refuse_held, refuse_secrets, refuse_shown, secrets, without_pictures
from llmos_nb.export.setup_cells import parameters_code, seeds_code
from llmos_nb.export.source import SCHEMA, ExportSource
from llmos_nb.export.steps import LOOKING, Unit, call_code
from llmos_nb.export.verify.observe import observe as watch, sign
from llmos_nb.export.verify.seal import hash_of, seal
from llmos_nb.export.verify.values import step_values
from llmos_nb.journal.events import RunStarted
from llmos_nb.policy.secrets import Vault
from llmos_nb.process.state import CONTROL

_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
_LANGUAGE = {
    "name": "python", "version": platform.python_version(), "file_extension": ".py", "mimetype": "text/x-python",
    "nbconvert_exporter": "python", "pygments_lexer": "ipython3",
}  # fmt: skip


def metadata_of(
    runs: Sequence[ExportSource],
    inputs: Sequence[Input],
    gathered: Gathered,
    sources: Sequence[str],
    lock: bool | str,
    trace: bool,
) -> dict[str, Any]:
    """Return the metadata of the whole notebook."""
    vault = secrets(runs)
    about: dict[str, Any] = {
        "schema": SCHEMA,
        "processes": vault.plain([_process(run) for run in runs]),
        "platform": platform_of(),
        "inputs": [i.plain() for i in inputs],
        "held": {h.name: h.about for h in gathered.held},
        "missing": gathered.missing,
        "tolerance": {"rel": REL, "abs": ABS, "image": 0.02},
        "observed": False,
    }
    if lock:
        about["pylock"] = lock_text(sources, lock)
    if trace:
        about["journals"] = [_journal(run, vault) for run in runs]
    return {"kernelspec": _KERNEL, "language_info": _LANGUAGE, "llmos_nb": about}


def lock_text(sources: Sequence[str], lock: bool | str, seen: Iterable[str] = ()) -> str:
    """Return the text of `pylock.toml`; with ``"index"`` the package index is asked for files and hashes."""
    wheels = wheels_of(needed(sources, seen)) if lock == "index" else None
    return toml(pylock(sources, wheels, seen))


def _process(run: ExportSource) -> dict[str, Any]:
    s = run.state
    return {
        "pid": run.pid,
        "goal": run.goal,
        "name": run.name,
        "model": run.model,
        "settings": dict(run.settings),
        "prompt": prompt_hash(run),
        "usage": _usage(run),
        "reason": s.reason,
        "answer": s.answer,
        "journal": {"events": len(run.events), "hash": run.events[-1].hash if run.events else ""},
    }


def prompt_hash(run: ExportSource) -> str:
    """Hash the head of the prompt: system message, tools, goal."""
    head = next((e.body.head for e in run.events if isinstance(e.body, RunStarted)), None)
    return hash_of([head or [], run.state.tools])


def _usage(run: ExportSource) -> dict[str, Any]:
    spent = {k: round(v, 6) for k, v in run.state.spent.items()}
    return {**spent, "responses": run.state.responses, "calls": len(run.state.calls)}


def _journal(run: ExportSource, vault: Vault) -> dict[str, Any]:
    """Return the redacted journal; its hashes are those of the true one, so what was blanked cannot be checked here."""
    kept = ((e, vault.plain(without_pictures(e.d))) for e in run.events)
    events = [{"n": e.n, "at": e.at, "k": e.k, "d": d, "hash": e.hash} for e, d in kept]
    return {"pid": run.pid, "events": events}


_LEFT_OUT = ("undone", "rejected", "skipped", "failed", "in_doubt")


def trace_cells(run: ExportSource) -> Iterator[Cell]:
    """Return the plan, and each undone, rejected, skipped or failed call with why."""
    plan = run.state.plan
    if len(plan):
        lines = [f"Plan of process {run.pid}, version {plan.version}"]
        lines += [f"{s.n}. {s.title} ({s.status}){s.expect and f'; expected: {s.expect}'}" for s in plan.steps]
        yield Cell("raw", "plan", "\n".join(lines))
    for call in run.state.calls.values():
        if call.status not in _LEFT_OUT or call.name in (*CONTROL, *LOOKING):
            continue
        why = f": {call.why or call.error}" if call.why or call.error else ""
        text = f"{call.id} {call.name}, {call.status}{why}\n\n{call_code(run, call)}"
        yield Cell("raw", "left-out", text, {"call": call.id, "status": call.status})
    for call in run.state.calls.values():
        original = call.original
        if original is not None and original != call.arguments:
            code = original.get("code", original) if isinstance(original, dict) else original
            text = f"{call.id} as the model proposed it, before it was edited\n\n{code}"
            yield Cell("raw", "original", text, {"call": call.id})


Texts = list[tuple[int, Cell]]


def with_notebook(runs: Sequence[ExportSource], notebook: Path) -> tuple[list[ExportSource], Texts]:
    """Take the user's cells from a saved notebook instead of the kernel's history.

    Parameters
    ----------
    runs : sequence of ExportSource
        The processes that its ``%%agent`` cells started.
    notebook : Path
        The file.

    Returns
    -------
    runs : list of ExportSource
        With the notebook's cells.
    texts : list of (int, Cell)
        Its other cells, each with its place.
    """
    code: list[tuple[int, str]] = []
    texts: Texts = []
    for n, cell in enumerate(read(notebook)["cells"], 1):
        source = text_of(cell["source"])
        if cell["cell_type"] == "code":
            ours = source.lstrip().startswith(("%load_ext llmos_nb", "%agent"))
            code += [] if ours or not source.strip() else [(n, source)]
        else:
            texts.append((n, Cell(cell["cell_type"], "text", source)))
    return [replace(run, user_cells=code) for run in runs], texts


@dataclass
class Draft:
    """A notebook before it is written."""

    runs: list[ExportSource]
    gathered: Gathered
    inputs: list[Input] = field(default_factory=list)
    unchecked: dict[str, str] = field(default_factory=dict)
    texts: Texts = field(default_factory=list)

    @property
    def sources(self) -> list[str]:
        """All code of the run and the user."""
        return [u.source for u in self.gathered.units]


@reading()
def export(
    run: ExportSource | Sequence[ExportSource],
    path: str | os.PathLike[str],
    *,
    clean: bool = False,
    trace: bool = False,
    lock: bool | str = True,
    params: Mapping[str, Any] | Iterable[str] | None = None,
    observe: bool = False,
    notebook: str | os.PathLike[str] | None = None,
) -> Path:
    """Write the plain notebook of what survived of a process.

    Parameters
    ----------
    run : ExportSource or sequence of them
        The process, or several of one namespace in the order of their start.
    path : path-like
        Where to; a name in ``.py`` makes a script. Input files go beside it.
    clean : bool
        Only code, no notes.
    trace : bool
        Keep plan, undone and rejected steps as raw cells, and the journal with secrets blanked.
    lock : bool or "index"
        Embed a `pylock.toml` of what is imported; with ``"index"`` with the files and hashes of the package index.
    params : mapping or iterable of str, optional
        Values, or names of literals in the code, for a cell of parameters.
    observe : bool
        Run it twice in fresh kernels: it gets the outputs of that, and what differs is marked volatile.
    notebook : path-like, optional
        The user's own notebook: all its cells stand in the export, its ``%%agent`` cells replaced by what they did.

    Raises
    ------
    UsageError
        It would hold a secret, overwrite another input file, or a parameter has no literal.
    """
    target = Path(path)
    runs = _listed(run, target)
    runs, texts = with_notebook(runs, Path(notebook)) if notebook is not None else (runs, [])
    draft = Draft(runs, gather(runs, f"{target.stem}-inputs", notebook is not None), texts=texts)
    cells = _cells(draft, clean, trace, params)
    refuse_held(draft.gathered.held, secrets(draft.runs))
    bring(draft.inputs, draft.gathered.held, runs[0].folder, target.parent)
    if target.suffix == ".py":
        return _script(cells, target)
    book = book_of(cells, metadata_of(draft.runs, draft.inputs, draft.gathered, draft.sources, lock, trace))
    book["metadata"]["llmos_nb"]["unchecked"] = draft.unchecked
    return _finished(book, target, draft if observe else None, lock)


def _listed(run: ExportSource | Sequence[ExportSource], target: Path) -> list[ExportSource]:
    runs = [run] if isinstance(run, ExportSource) else list(run)
    if not runs:
        raise UsageError(f"{target}: there is no process to export")
    return runs


def _finished(book: dict[str, Any], target: Path, watched: Draft | None, lock: bool | str) -> Path:
    """Observe it if that is wanted, seal it, and write it."""
    if watched is not None:
        _observe(book, target.parent, watched, lock)
        refuse_shown(book, secrets(watched.runs))
    seal(book)
    write(book, target)
    if watched is not None:
        sign(target)
    return target


def _cells(
    draft: Draft, clean: bool, trace: bool, params: Mapping[str, Any] | Iterable[str] | None
) -> list[Cell]:
    """Make all cells, in order."""
    parameters = parameters_code(draft.gathered.units, params)
    draft.inputs = [*files_read(draft.sources, draft.runs), *from_held(draft.gathered.held)]
    made = [] if clean else [Cell("markdown", "head", notes.head(draft.runs))]
    made += _setup(draft, parameters)
    made += _body(draft, clean)
    made += _end(draft, clean)
    if trace:
        made += [c for r in draft.runs for c in trace_cells(r)]
    said = ((f"cell {c.about.get('call') or c.role}", c.source) for c in made)
    refuse_secrets(said, secrets(draft.runs))
    return made


def _setup(draft: Draft, parameters: str) -> list[Cell]:
    sources = [*draft.sources, parameters]
    seeds = seeds_code(draft.sources, recorded_states(draft.runs))
    found = [Cell("code", "lock", script_block([*sources, seeds]))]
    if parameters:
        found.append(Cell("code", "parameters", parameters, tags=["parameters"]))
    if seeds:
        found.append(Cell("code", "seeds", seeds))
    if check := check_code(draft.inputs):
        found.append(Cell("code", "inputs", check))
    return found


def _body(draft: Draft, clean: bool) -> list[Cell]:
    """Return the user's cells, the check of what the steps start from, and the steps under their notes."""
    cells: list[Cell] = []
    said: set[tuple[int, int]] = set()
    texts = list(draft.texts)
    checked = False
    values = step_values(draft.gathered.units, draft.gathered.running(), recorded_states(draft.runs))
    for unit, known in zip(draft.gathered.units, values, strict=True):
        while texts and texts[0][0] < unit.order[0]:
            cells.append(texts.pop(0)[1])
        if unit.role == "step" and not checked:
            cells += _shapes(draft)
            checked = True
        if unit.call is not None and unit.run is not None:
            key = (unit.run.pid, unit.call.step)
            cells += _step(unit, known, key not in said, clean)
            said |= {key} if unit.call.step else set()
        elif unit.source.strip():
            cells.append(Cell("code", unit.role, unit.source, {"names": unit.names} if unit.names else {}))
    return cells + [cell for _, cell in texts]


def _shapes(draft: Draft) -> list[Cell]:
    namespace = next((r.namespace for r in draft.runs if r.namespace is not None), None) or {}
    names = draft.gathered.boundary - changed_names(draft.runs) - draft.gathered.missing.keys()
    code = shapes_code(names, namespace)
    return [Cell("code", "shapes", code)] if code else []


def _step(unit: Unit, values: dict[str, str], first: bool, clean: bool) -> list[Cell]:
    call, run = unit.call, unit.run
    assert call is not None and run is not None  # noqa: S101 - the caller has looked
    about = {"call": call.id, "step": call.step, "by": call.by, "tool": call.name}
    if unit.problem:
        about["problem"] = unit.problem
    if len(run.events) and run.pid:
        about["pid"] = run.pid
    note = Cell("markdown", "note", notes.step(call, run, first), about)
    known = {"values": values} if values else {}
    code = Cell("code", "step", unit.source, {**about, **known, "shown": "run"}, [LOOSE], recorded(call, run))
    return [code] if clean else [note, code]


def _end(draft: Draft, clean: bool) -> list[Cell]:
    cells = [] if clean else [Cell("markdown", "answer", notes.answer(r)) for r in draft.runs if r.state.answer]
    code, draft.unchecked = evidence_code(draft.runs, draft.gathered)
    return [*cells, Cell("code", "evidence", code)] if code else cells


def _observe(book: dict[str, Any], beside: Path, draft: Draft, lock: bool | str) -> None:
    """Store the outputs of a run of the notebook in it, and assert what its seeded draws are."""
    chance = [n for n, why in draft.unchecked.items() if why.endswith(CHANCE)]
    added, modules = watch(book, beside, chance)
    if lock and needed(draft.sources, modules) != needed(draft.sources):
        book["metadata"]["llmos_nb"]["pylock"] = lock_text(draft.sources, lock, modules)
    cell = next((c for c in book["cells"] if c["metadata"]["llmos_nb"]["role"] == "evidence"), None)
    if added and cell is not None:
        about = "# Under the seeds above; the run itself drew others."
        cell["source"] = with_helper("\n".join([cell["source"], about, *added]))
        for name in chance:
            draft.unchecked.pop(name)


def _script(cells: list[Cell], target: Path) -> Path:
    from llmos_nb.export.script import script_of

    target.write_text(script_of(cells), encoding="utf-8")
    return target
