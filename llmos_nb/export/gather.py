"""The code of a notebook put together: steps, what they need of the user's cells, and what must come as data."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from llmos_nb.export.assertions import Expected
from llmos_nb.export.cells import Cell
from llmos_nb.export.chance import recorded as recorded_states, restored
from llmos_nb.export.dataflow.effects import NUMPY, PYTHON
from llmos_nb.export.dataflow.flow import flow_of_code
from llmos_nb.export.dataflow.slice import Piece, cut
from llmos_nb.export.dataflow.taint import FOLDER, FOLDER_NAME, NETWORK, STATES, reaches, tainted
from llmos_nb.export.files import writers
from llmos_nb.export.functions import modules_named, source_unit, without
from llmos_nb.export.inputs import Input
from llmos_nb.export.literals import Held, hold
from llmos_nb.export.order import NOT_KNOWN
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import REPEAT, Unit, answer_units, step_units, user_units
from llmos_nb.heap.digest import digest
from llmos_nb.journal.events import CellRan
from llmos_nb.messages import canonical


def piped_in(runs: Iterable[ExportSource], folder: str) -> list[Held]:
    """Return the answers of other processes as the model was given them.

    Parameters
    ----------
    runs : iterable of ExportSource
        The processes of the notebook.
    folder : str
        Folder of the input files, relative to the notebook.
    """
    texts = enumerate((p for run in runs for p in run.state.piped), 1)
    names = ((f"pipe_input_{n}" if n > 1 else "pipe_input", piped) for n, piped in texts)
    found = [hold(name, p["text"], folder, f"it is the answer of {p['name']}") for name, p in names]
    return [held for held in found if held is not None]


def recorded(unit: Unit, folder: str) -> Held | None:
    """Put the result of a server's tool in the place of the call; None for any other step.

    Parameters
    ----------
    unit : Unit
        The step; its source becomes what binds the recorded answer.
    folder : str
        Folder of the input files, relative to the notebook.
    """
    call = unit.call
    tool = unit.run.tools.get(call.name) if unit.run is not None and call is not None else None
    if tool is None or call is None or not tool.server:
        return None
    held = hold(f"result_{call.id.replace('.', '_')}", call.result, folder, "a server gave it")
    if held is None:
        unit.problem = "what the server gave is not kept as data"
        return None
    about = f"# Recorded: what `{call.name}` of the MCP server `{tool.server}` gave to"
    unit.source, unit.running = f"{about}\n#   {canonical(call.arguments)}\n{held.code}", None
    return held


DEFINES = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
HISTORY = re.compile(r"_{1,3}|_\d+|_i{1,3}|_i\d+|_[iod]h|Out|In")
RESULTS = ("step", "answer")
_FIRST, _ROUNDS = -1, 20  # what is missing may itself miss something: a round for each level


@dataclass
class Draft:
    """The notebook before it is written: its code, what comes as data, and what is not there.

    Parameters
    ----------
    runs : list of ExportSource
        Its processes.
    folder : str
        Folder of the input files, relative to the notebook.
    units : list of Unit
        The code, in the order in which it runs.
    texts : list of (int, Cell)
        Cells of the user's notebook that are no code, each with its place.
    held : list of Held
        Values that come as data.
    missing : dict
        By name, why it is not there.
    boundary : set of str
        Names that the steps take from what stood before them.
    inputs : list of Input
        The declared input files.
    unchecked : dict
        By name, why its value is not asserted.
    expected : list of Expected
        For each unit what is asserted behind its cell; empty where all is asserted in the end.
    last : dict
        By name, in words, what is asserted in the end.
    restored : set of str
        Random generators whose recorded states stand in it, before each piece of code that drew.
    """

    runs: list[ExportSource]
    folder: str
    units: list[Unit]
    texts: list[tuple[int, Cell]] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    boundary: set[str] = field(default_factory=set)
    inputs: list[Input] = field(default_factory=list)
    unchecked: dict[str, str] = field(default_factory=dict)
    expected: list[Expected] = field(default_factory=list)
    last: dict[str, str] = field(default_factory=dict)
    restored: set[str] = field(default_factory=set)

    @property
    def sources(self) -> list[str]:
        """All code of the run and the user."""
        return [u.source for u in self.units]

    @cached_property
    def namespace(self) -> Mapping[str, Any]:
        """The live names; none where nothing is live."""
        return next((r.namespace for r in self.runs if r.namespace is not None), {})

    @cached_property
    def changed(self) -> set[str]:
        """Every name that a surviving call changed."""
        return {n for run in self.runs for call in run.state.surviving for n in call.changes.names}

    @property
    def later(self) -> set[str]:
        """The names that cells of the user's may have changed after the first step: the live ones are others now."""
        first = self.units[self.first_step].order[0] if self.first_step < len(self.units) else 0
        flows = [flow_of_code(u.source) for u in user_units(self.runs, True) if u.order[0] > first]
        return {name for flow in flows for name in flow.binds | flow.mutates}

    @property
    def states(self) -> list[str]:
        """The random states that the notebook restores."""
        return [state for name, state in {"random": PYTHON, "numpy": NUMPY}.items() if name in self.restored]

    @property
    def cells(self) -> Mapping[int, CellRan]:
        """What is recorded of the user's cells, by their number."""
        return next((run.cells for run in self.runs if run.cells), {})

    @property
    def wanted(self) -> list[ExportSource]:
        """The processes whose results are asked for."""
        return [run for run in self.runs if run.wanted]

    @property
    def first_step(self) -> int:
        """The place of the first step, or of an answer before all steps."""
        return next((i for i, u in enumerate(self.units) if u.role in RESULTS), len(self.units))

    def pieces(self) -> list[Piece]:
        """Return the code for analysis."""
        return [Piece(u.source, u.kept) for u in self.units]

    def running(self) -> list[Piece]:
        """Return the code that runs unless somebody asks for the effects again."""
        found, watched = [], False  # numpy's state is noted from the moment that something has loaded numpy
        for unit in self.units:
            source = unit.source if unit.running is None else unit.running
            found.append(Piece(source, unit.kept, watched and _still(unit)))
            watched = watched or any(m.partition(".")[0] in _NUMPY for m in modules_named(source))
        return found

    def keep(self, held: Held, at: int, order: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Put a value that comes as data before the unit at a place."""
        about = f"# Input: {held.name} as it was in the kernel, since {held.about['why']}."
        self.held.append(held)
        self.units.insert(at, Unit("held", f"{about}\n{held.code}", order, names=[held.name]))


_NUMPY = ("numpy", "pandas", "scipy", "sklearn", "matplotlib", "seaborn", "statsmodels", "xarray")


def _still(unit: Unit) -> bool:
    """Return whether the record of a step says that no random state of this interpreter moved while it ran here."""
    call = unit.call
    if call is None or call.facts.get("outputs") is None or "apart" in call.facts:
        return False
    return not call.changes.random


def gather(runs: list[ExportSource], folder: str, whole: bool = False) -> Draft:
    """Put the code of one or more processes of one namespace together.

    Parameters
    ----------
    runs : list of ExportSource
        The processes.
    folder : str
        Folder of the input files, relative to the notebook.
    whole : bool
        Keep the user's cells whole.
    """
    units = [u for n, run in enumerate(runs) for u in step_units(run, n)]
    answers = [u for n, run in enumerate(runs) for u in answer_units(run, n)]
    given = [*units, *answers, *user_units(runs, whole)]
    draft = Draft(runs, folder, sorted(given, key=lambda u: u.order))
    for unit in units:
        if (held := recorded(unit, folder)) is not None:
            draft.held.append(held)
        _not_again(draft, unit)
    _at_boundary(draft)
    _whole_steps(draft)
    _resolve(draft)
    for held in piped_in(runs, folder):
        draft.keep(held, draft.first_step)
    # random states that nobody had seeded when the steps began: the user's draws before are of no use
    before = [Piece(u.source) for u in draft.units[: draft.first_step]]
    sources, _ = cut(draft.pieces(), STATES & tainted(before).keys())
    for unit, source in zip(draft.units, sources, strict=True):
        unit.source = source
        _no_history(draft, unit)
    draft.units = [u for u in draft.units if u.source.strip() or (u.role == "step" and u.kept)]
    _import_once(draft.units)
    found = restored(draft.units, draft.cells, draft.folder)
    draft.units, draft.restored = found.units, found.names
    draft.held += found.held
    used = {id(u.run) for u in draft.units if u.run is not None}
    draft.runs = [run for run in draft.runs if run.wanted or id(run) in used]
    return draft


def _import_once(units: list[Unit]) -> None:
    """Take out of the code of devices what a cell before it has imported already."""
    known: dict[str, str] = {}
    for unit in units:
        if unit.call is not None and unit.call.name != "python" and not unit.problem and unit.running is None:
            again = [n for n in ast.parse(unit.source).body if isinstance(n, ast.Import) and ast.unparse(n) in known]
            unit.source = without(unit.source, again).strip("\n") if again else unit.source
        flow = flow_of_code(unit.source)
        known = {code: name for code, name in known.items() if name not in flow.binds - flow.imports}
        plain = (n for n in ast.parse(unit.source).body if isinstance(n, ast.Import) and len(n.names) == 1)
        known |= {ast.unparse(n): n.names[0].asname or n.names[0].name.partition(".")[0] for n in plain}


def _whole_steps(draft: Draft) -> None:
    """Keep whole what is needed in part: others' steps, cells that drew, and those that fill a folder made here."""
    for _ in range(_ROUNDS):
        sources, _ = cut(draft.pieces())
        left = [u for u, s in zip(draft.units, sources, strict=True) if not u.kept and s.strip()]
        new = [u for u in left if u.role == "step" or (u.role == "user" and recorded_states(u, draft.cells))]
        new += writers(draft.units, draft.cells, draft.runs[0].folder, left)
        if not new:
            break
        for unit in new:
            unit.kept = True
    draft.units = [u for u in draft.units if u.role != "step" or u.kept]
    _, draft.boundary = cut(draft.pieces()[draft.first_step :])  # of what is left


def _no_history(draft: Draft, unit: Unit) -> None:
    """Stop the notebook where code uses what IPython keeps of cells: it would silently find something else."""
    used = sorted(n for n in draft.missing if HISTORY.fullmatch(n))
    if not used or unit.problem or not unit.source.strip():
        return
    if names := [n for n in used if n in flow_of_code(unit.source).reads]:
        cell = "the answer" if unit.role == "answer" else f"the user's cell {unit.order[0]}"
        where = f"call {unit.call.id}" if unit.call is not None else cell
        unit.problem = f"{where} uses {', '.join(names)}: {draft.missing[names[0]]}"
        lines = [
            *(f"# {line}" for line in unit.source.splitlines()),
            f"raise NotImplementedError({unit.problem!r})",
        ]
        unit.source = "\n".join(lines)


def _not_again(draft: Draft, unit: Unit) -> None:
    """Keep a step that went to the network from going there again: what it got comes as data."""
    call, namespace = unit.call, draft.namespace
    if call is None or call.name != "python" or unit.problem or reaches(unit.source) != NETWORK:
        return
    flow, made = flow_of_code(unit.source), {*call.changes.created, *call.changes.rebound}
    # modules, functions and classes are no data: the step's own imports and defs make them
    names = sorted(made - ((flow.imports | flow.late.keys()) & set(namespace)))
    digests, why = call.changes.digests or {}, "a step got it from the network"
    same = [n for n in names if n in namespace and digest(namespace[n]) == digests.get(n)]
    held = [h for n in same if (h := hold(n, namespace[n], draft.folder, why)) is not None]
    if len(held) < len(names):
        unit.problem = "it goes to the network, and what it got there is not kept as data"
        return
    draft.held += held
    unit.running = otherwise = "\n".join(h.code for h in held) or "pass"
    kept = [ast.unparse(n) for n in ast.parse(unit.source).body if isinstance(n, DEFINES)]
    again, kept_code = (textwrap.indent(code, "    ") for code in (unit.source, otherwise))
    about = "# This went to the network. What it got is read from what was kept, so that it is the same again."
    unit.source = "\n".join([about, *kept, f"if {REPEAT}:", again, "else:", kept_code])


def _at_boundary(draft: Draft) -> None:
    """Keep as data what the steps take from the user's cells where those cells would not compute the same again."""
    first, pieces = draft.first_step, draft.pieces()
    _, draft.boundary = cut(pieces[first:])
    if not draft.boundary or not first:
        return
    why = {n: r for n, r in tainted(pieces[:first]).items() if r not in (FOLDER, FOLDER_NAME)}  # a cell makes it anew
    for name in sorted(draft.boundary & why.keys() & set(draft.namespace) - draft.changed):
        held = hold(name, draft.namespace[name], draft.folder, f"it rests on {why[name]}")
        if held is not None and not _holds_folder(held, draft.runs):
            draft.keep(held, first, (*draft.units[first].order[:2], _FIRST))
            first += 1


def _holds_folder(held: Held, runs: Iterable[ExportSource]) -> bool:
    """Return whether a value has the name of the folder of the run in it, which is another one elsewhere."""
    folders = {str(f) for run in runs for f in (run.ran_in, run.folder) if f != f.parent}
    return any(folder in held.code or folder.encode() in held.data for folder in folders)


def _resolve(draft: Draft) -> None:
    """Find what no cell makes: functions by their source, modules, and data."""
    for _ in range(_ROUNDS):
        _, missing = cut(draft.pieces())
        todo = sorted(missing - draft.missing.keys() - {REPEAT})
        if not todo:
            return
        for name in todo:
            _make(draft, name)


def _make(draft: Draft, name: str) -> None:
    """Put in front of all the rest what makes a name, as it was there before the first cell."""
    tool = next((r.tools[name] for r in draft.runs if name in r.tools), None)
    value, live = draft.namespace.get(name, tool.fn if tool is not None else None), name in draft.namespace
    if HISTORY.fullmatch(name):
        draft.missing[name] = "it is what IPython keeps of cells, which is another thing in another notebook"
    elif name.startswith(NOT_KNOWN):
        draft.missing[name] = "a cell broke off, and how far it came is not known"
    elif not live and tool is None:
        draft.missing[name] = "no cell of this kernel makes it"
    elif source := source_unit(name, value):
        draft.units.insert(0, Unit("function", source, names=[name]))
    elif name in draft.changed:
        draft.missing[name] = "the run changed it, and what it was before is not kept"
    elif live and (held := hold(name, value, draft.folder, "no cell makes it")) is not None:
        if _holds_folder(held, draft.runs):
            draft.missing[name] = "no cell makes it, and it holds the folder of the run, which is another elsewhere"
        else:
            draft.keep(held, 0)
    else:
        draft.missing[name] = f"a {type(value).__name__} cannot be written as plain data"
