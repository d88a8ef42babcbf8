"""The words of the notebook: its title, what each process was to do, the note over a step, the answer.

All of them but what nobody compares are made of the journal alone, which `verify` compares them with.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from llmos_nb.export import provenance
from llmos_nb.export.cells import Cell
from llmos_nb.export.files import wrote
from llmos_nb.export.gather import Draft
from llmos_nb.export.inputs import Input
from llmos_nb.export.markdown import harmless, words
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import Unit
from llmos_nb.journal import events as ev
from llmos_nb.policy.code import bound_by, parsed_code
from llmos_nb.process import answers
from llmos_nb.tools import Call

_SHORT = 100  # characters of a title
_NAMED, _FILES = 3, 12  # variables in a title, and files, that are named
_BELOW = (
    "Run it from the top: that needs no model. Folded cells check what the steps give, of what has no short form its "
    "size alone; `llmos verify FILE`, a command of the package llmos_nb (`pip install llmos_nb`), runs all of it "
    "twice, without network, and compares values and outputs with those of the run."
)


def _called(run: ExportSource) -> str:
    return words(run.name or run.goal, 120)


def head(runs: Sequence[ExportSource]) -> str:
    """Return the title, and of one process what it was to do; of several that each has a heading of its own."""
    if len(runs) == 1:
        return "\n\n".join([f"# {_called(runs[0])}", *_introduced(runs[0]), _below(runs)])
    names, many = [_called(run) for run in runs], f"{len(runs)} processes"
    title = f"{', '.join(names[:-1])} and {names[-1]}" if all(run.name for run in runs) else f"The work of {many}"
    said = f"Each of the {many} stands under a heading of its own, in the order in which the work was done."
    return "\n\n".join([f"# {title}", said, _below(runs)])


def _below(runs: Sequence[ExportSource]) -> str:
    """Return what to know of the notebook as such."""
    calls = ((call, run) for run in runs for call in run.state.surviving)
    quoted = any(provenance.why(*of) if of[0].step else title(*of)[1] for of in calls)
    return f"{_BELOW}{' Quotations are in the words of the model.' if quoted else ''}"


def reads(inputs: Sequence[Input]) -> list[Cell]:
    """Return the cell that names the files which the notebook reads, and which others may have written, if any."""
    changed = list(dict.fromkeys(words(one.path, 200) for one in inputs if "changed" in one.about))
    same = list(dict.fromkeys(words(one.path, 200) for one in inputs if "changed" not in one.about))
    others = [words(one.path, 200) for one in inputs if "others" in one.about]
    since = "as when this was exported: that was changed since the run began"
    said = [f"It reads {_few(same, _FILES)}, which must be as in the run."] if same else []
    said += [f"It reads {_few(changed, _FILES)} {since}."] if changed else []
    said += [f"Others may have written {', '.join(others)}."] if others else []
    return [Cell("markdown", "reads", " ".join(said))] if said else []


def process(run: ExportSource) -> str:
    """Return the heading of one process among several, and what it was to do."""
    return "\n\n".join([f"## {_called(run)}", *_introduced(run)])


def again(run: ExportSource) -> str:
    """Return the heading over further steps of a process, behind those of another one."""
    return f"## {_called(run)}, continued"


def _introduced(run: ExportSource) -> Iterator[str]:
    """Return the goal, unless it is the title, who made it, and the plan."""
    if words(run.goal) != _called(run):
        yield harmless(run.goal)
    yield course(run)
    yield from plan(run)


def course(run: ExportSource) -> str:
    """Return model, day, mode and end of a process."""
    s = run.state
    ended = f"ended: {s.reason}" if s.status == "ended" else s.status
    mode = run.settings.get("approve", s.mode)
    on = f" on {run.events[0].at[:10]}" if run.events else ""
    call = _CALL.match(s.untrusted_since)
    how = f"since call {words(call[0])}" if call is not None else words(s.untrusted_since)
    read = f" It had read untrusted data ({how})." if how else ""
    who = f"process {run.pid} of {words(run.model or 'a model')}"
    usual, of_all = provenance.usual(run)
    told = f"{words(' and '.join(usual))}{'' if of_all else ', unless its note says otherwise'}"
    said = f" Each step was {told}." if usual and usual != (provenance.NEEDLESS,) else ""
    said += " Nobody looked at any of them before it ran." if said and provenance.unseen(run) else ""
    return small(f"Made by {who}{on} (approvals: {words(str(mode))}; {ended}).{read}{said}")


_CALL = re.compile(r"r\d+(\.\w+)*(?=: )")  # what it read may be a path, which leads elsewhere for whoever reads this


def small(text: str) -> str:
    """Return text, which is escaped, as one that a reader may pass over."""
    return f"<small>{text}</small>"


def plan(run: ExportSource) -> Iterator[str]:
    """Return the plan as it stood in the end, with what was decided on it; nothing where nobody proposed one."""
    bodies = [(event.body, event.at) for event in run.events]
    listed = {b.version for b, _ in bodies if isinstance(b, ev.PlanProposed | ev.PlanEdited) and b.by.kind != "process"}
    if not (steps := run.state.plan.steps) or (bodies and run.state.plan.version not in listed):
        return
    decided = [
        f"version {b.version} {provenance.decided(b)}, {provenance.when(at)}"
        for b, at in bodies
        if isinstance(b, ev.PlanDecided) and b.version in listed
    ]
    said = "; ".join(decided) if len(listed) > 1 else "; ".join(d.removeprefix("version 1 ") for d in decided)
    yield f"**Plan**{f' ({words(said)})' if said else ''}:"
    yield "\n".join(
        f"{s.n}. {words(s.title, 160)}{f' (expected: {words(s.expect)})' if s.expect else ''}" for s in steps
    )


class Before(NamedTuple):
    """What notes before one have said: the title of its step of the plan, what the model said, and what was usual."""

    titled: bool = False
    quoted: bool = False
    usual: tuple[str, ...] = ()


class Seen:
    """The notes so far, in the order in which they stand in a notebook."""

    def __init__(self) -> None:
        self._steps, self._turns = set[tuple[int, int]](), set[tuple[int, int]]()
        self._usual: dict[int, tuple[str, ...]] = {}

    def of(self, call: Call, run: ExportSource) -> Before:
        """Return what was said before the note on a call, which is the next one."""
        step, turn = (run.pid, call.step), (run.pid, int(call.facts.get("n", -1)))
        if run.pid not in self._usual:
            self._usual[run.pid] = provenance.usual(run)[0]
        before = Before(step in self._steps, turn in self._turns, self._usual[run.pid])
        self._steps |= {step} if call.step else set()
        self._turns |= {turn} if turn[1] >= 0 else set()
        return before


def step(call: Call, run: ExportSource, before: Before, unchecked: Sequence[str] = (), level: int = 2) -> str:
    """Return the note over a step's code.

    Parameters
    ----------
    call : Call
        The call.
    run : ExportSource
        Its process.
    before : Before
        What need not be said again.
    unchecked : sequence of str
        What of it nothing compares; it stands last, since the journal does not say it.
    level : int
        Of its heading.

    Returns
    -------
    str
        Title, why the model did it, what was not as expected, who proposed, edited and approved it.
    """
    s = run.state
    planned = next((p for p in s.plan.steps if p.n == call.step), None)
    name, said = title(call, run, before.quoted)
    if planned is not None:
        name = "" if before.titled else words(planned.title, 160)
        said = "" if before.quoted else provenance.why(call, run)
    parts = [f"{'#' * level} {name}"] if name else []
    parts += [f"> {words(said)}"] if said else []
    if planned is not None and not before.titled and planned.n in s.missed:
        parts.append(not_so(s.missed[planned.n]))
    made = ", ".join(words(f["path"], 200) for f in wrote(call))
    parts += [f"Writes {made}."] if made else []
    where = f"Call {words(call.id)}{f', step {planned.n}' if planned is not None else ''}"
    where += f", {words(call.name)}" if call.name != "python" else ""  # of that the cell is the code itself
    told = _decided(provenance.story(call, run, planned=True), before.usual)
    seen = call.result.strip() if call.name not in ("python", "ask") and not call.facts.get("outputs") else ""
    parts += [f"Seen: {words(seen, 200)}"] if seen else []
    parts.append(small(f"{where}{f': {words(told)}' if told else ''}"))
    lacks = "\n".join(f"{UNCHECKED}{words(what, 200)}" for what in unchecked)
    return "\n\n".join([*parts, *([lacks] if lacks else [])])


def _decided(phrases: Sequence[provenance.Phrase], usual: tuple[str, ...]) -> str:
    """Return who decided, and when; of what is usual the time alone."""
    if provenance.decided_of(phrases) == usual:
        return next((p.at for p in reversed(phrases) if p.at), "")
    same = [p.at == after.at for p, after in pairwise(phrases)]  # the time stands behind the last of them
    return "; ".join(str(p._replace(at="") if once else p) for p, once in zip(phrases, [*same, False], strict=True))


UNCHECKED = "- Not checked: "
NOT_SO = "Not as expected: "


def not_so(expression: str) -> str:
    """Return the line that says that what a step expected was evaluated and false."""
    return f"{NOT_SO}{words(expression)} was false"


def title(call: Call, run: ExportSource, quoted: bool = False) -> tuple[str, str]:
    """Return what a call outside a plan is called, as Markdown, and what the model said besides.

    That is its first comment, else the first line or sentence of what the model said, where that is not quoted before
    and not long; else which variables it made and changed, where it did.
    """
    said = "" if quoted else provenance.why(call, run)
    if comment := re.match(r"\s*#\s*(.+)", call.code):
        return words(comment[1], 160), said
    first = re.match(r"[^\n]+?(?:[.:!?](?=\s|$)|(?=\n|$))", said)
    if first is None or len(first[0]) > _SHORT:
        return did(call), said
    return words(first[0].rstrip(".:")), said[first.end() :].strip()


def did(call: Call) -> str:
    """Return which variables a call made, changed and deleted; empty where it did none of these."""
    changes, tree = call.changes, parsed_code(call.code)
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)] if tree is not None else []
    brought = {name for node in imports for name in bound_by(node)}
    made = [name for name in call.results if name not in brought]
    done = {"makes": made, "changes": [*call.rebound, *changes.mutated], "deletes": changes.deleted}
    told = ", ".join(f"{verb} {_few([f'`{n}`' for n in names], _NAMED)}" for verb, names in done.items() if names)
    return f"{told[:1].upper()}{told[1:]}"


def _few(names: Sequence[str], most: int) -> str:
    """Return names in a row, of many the first."""
    return f"{', '.join(names[:most])}{f' and {len(names) - most} more' if len(names) > most else ''}"


NUMBERS = "Its numbers: "


def answer(run: ExportSource, level: int = 2) -> str:
    """Return the answer as the process gave it, below how its numbers are known, in counts, and which are not again."""
    known, gone = answers.counted(answers.numbers(run.state)), ", ".join(undone_since(run))
    before = f", before call {gone} was undone" if gone else ""
    told = small(f"In the model's words{before}.{f' {NUMBERS}{known}.' if known else ''}")
    left = "\n".join(f"- Not computed again: {words(code)}: {why}." for code, why in not_again(run).items())
    parts = [f"{'#' * level} Answer", told, left, harmless(run.state.answer or "")]
    return "\n\n".join(filter(None, parts))


def not_again(run: ExportSource) -> dict[str, str]:
    """Return by their code the expressions of an answer that are not evaluated again, each with why."""
    return {
        v["code"]: f"computing it changes {', '.join(v['changes'])}, so it stands as it was told in the run"
        for v in run.state.computed or ()
        if v.get("changes")
    }


def answer_cell(run: ExportSource, level: int = 2) -> Cell:
    """Return the cell that says an answer and how its numbers are known."""
    return Cell("markdown", "answer", answer(run, level), {"pid": run.pid})


def ended(run: ExportSource) -> float:
    """Return the event with which a process ended last; infinity where it has not."""
    return next((float(e.n) for e in reversed(run.events) if isinstance(e.body, ev.RunEnded)), math.inf)


def undone_since(run: ExportSource) -> list[str]:
    """Return the calls of a process that were undone after its answer, and stand so."""
    gone = (e.body.call for e in run.events if e.n > ended(run) and isinstance(e.body, ev.CallUndone))
    return [call for call in dict.fromkeys(gone) if run.state.calls[call].status == "undone"]


def said(run: ExportSource, level: int = 2) -> list[tuple[int, str]]:
    """Return what was said between the steps, each with its event: words to the process, refusals, former answers."""
    found, answered = list[tuple[int, str]](), list[tuple[int, str]]()
    for event in run.events:
        match event.body:
            case ev.SignalReceived(signal="steer", by=by, text=str(text)):
                found.append((event.n, f"**Said by {words(by.describe('the user'))}:**\n\n{harmless(text)}"))
            case ev.CallDecided(call=call, what="reject", by=by, why=str(why)) if by.is_person and why:
                made = run.state.calls[call]
                what = title(made, run, quoted=True)[0] or words(made.name)
                who = words(by.describe("the user"))
                found.append((event.n, f"**Not run, refused by {who}: {what}**\n\n{harmless(why)}"))
            case ev.RunEnded(answer=text):
                answered = [(event.n, text)] if text else []
            case ev.RunResumed():
                found += [(n, _former(text, level)) for n, text in answered]
                answered = []
    return sorted(found)


def _former(text: str, level: int) -> str:
    """Return an answer before the last one, which no cell computes again."""
    told = small("In the model's words, before it was asked further; not computed again.")
    return "\n\n".join([f"{'#' * level} Answer", told, harmless(text)])


class Heads:
    """What stands over and behind the work of a process: headings, what was said, and an answer that is no code.

    Parameters
    ----------
    draft : Draft
        The notebook's code, in the order in which it runs.
    clean : bool
        Only code, none of these.
    """

    def __init__(self, draft: Draft, clean: bool) -> None:
        self.several, self.clean = len(draft.runs) > 1, clean
        self.level = 2 + self.several
        self.now: ExportSource | None = None
        self.told: list[ExportSource] = []
        self.last = {id(u.run): u for u in draft.units if u.run is not None}
        computed = {id(u.run) for u in draft.units if u.role == "answer"}
        wanted = [] if clean else draft.wanted
        self.bare = {id(r) for r in wanted if r.state.answer and id(r) not in computed}
        self.said = {id(r): said(r, self.level) for r in wanted}
        self.without_cells = [r for r in wanted if id(r) not in self.last]

    def over(self, unit: Unit) -> list[Cell]:
        """Return what stands before a cell: of the first of a process its heading, and what was said before it."""
        if unit.run is None or self.clean:
            return []
        n = unit.call.facts.get("n", 0) if unit.call is not None else ended(unit.run)
        return [*self._heading(unit.run), *self._said(unit.run, n)]

    def _heading(self, run: ExportSource) -> list[Cell]:
        if run is self.now or not self.several:
            return []
        known = any(one is run for one in self.told)
        self.now = run
        self.told.append(run)
        return [Cell("markdown", "process", (again if known else process)(run), {"pid": run.pid})]

    def _said(self, run: ExportSource, n: float) -> list[Cell]:
        """Return what was said before an event, and not told yet."""
        cells, waiting = list[Cell](), self.said.get(id(run), [])
        while waiting and waiting[0][0] < n:
            cells.append(Cell("markdown", "said", waiting.pop(0)[1], {"pid": run.pid}))
        return cells

    def behind(self, unit: Unit) -> list[Cell]:
        """Return what stands behind the last cell of a process: an answer that no code computes, and further words."""
        run = unit.run
        return self._closing(run) if run is not None and self.last[id(run)] is unit else []

    def _closing(self, run: ExportSource) -> list[Cell]:
        answer = [answer_cell(run, self.level)] if id(run) in self.bare else []
        return [*self._said(run, ended(run)), *answer, *self._said(run, math.inf)]

    def rest(self) -> list[Cell]:
        """Return the answers of processes of which there is no cell."""
        found = [run for run in self.without_cells if id(run) in self.bare or self.said[id(run)]]
        return [cell for run in found for cell in (*self._heading(run), *self._closing(run))]
