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
from llmos_nb.export.inputs import Input
from llmos_nb.export.markdown import fenced, harmless, words
from llmos_nb.export.source import ExportSource
from llmos_nb.journal import events as ev
from llmos_nb.policy.code import bound_by, parsed_code
from llmos_nb.process import answers
from llmos_nb.tools import Call

_SHORT = 100  # characters of a title
_NAMED, _FILES = 3, 12  # variables in a title, and files, that are named
_LINES, _CODE = 20, 2_000  # lines and characters of code that did not run
_BELOW = (
    "Run it from the top: that needs no model. The folded cells check what each step and the answer gave; of a large "
    "value they check the size alone. `llmos verify FILE` (`pip install llmos_nb`) runs all of it twice, without "
    "network, and compares every value and output with those of the run."
)


def _called(run: ExportSource) -> str:
    return words(run.name or run.goal, 120)


def head(runs: Sequence[ExportSource]) -> str:
    """Return the title, and of one process what it was to do; of several that each has a heading of its own."""
    if len(runs) == 1:
        return "\n\n".join([f"# {_called(runs[0])}", *_goal(runs[0])])
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
    return "\n\n".join([f"## {_called(run)}", *_goal(run)])


def again(run: ExportSource) -> str:
    """Return the heading over further steps of a process, behind those of another one."""
    return f"## {_called(run)}, continued"


def _goal(run: ExportSource) -> Iterator[str]:
    """Return the goal, unless it is the title."""
    if words(run.goal) != _called(run):
        yield harmless(run.goal)


def made(run: ExportSource, alone: bool) -> str:
    """Return what stands over the work of a process, below its answer: who made it, the plan, and how to read it."""
    return "\n\n".join([course(run), *plan(run), *([_below([run])] if alone else [])])


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
    if said and provenance.unseen(run):
        plan = "The plan was approved, and nobody" if provenance.planned(run) else "Nobody"
        said += f" {plan} looked at the code of a step before it ran."
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
    """What was before a step."""

    titled: bool = False  # a note has the title of its step of the plan
    quoted: bool = False  # a note has what the model said
    usual: tuple[str, ...] = ()  # what was decided of most steps
    failed: Sequence[Call] = ()  # calls that failed since the step before it


class Seen:
    """The notes so far, in the order in which they stand in a notebook."""

    def __init__(self) -> None:
        self._steps, self._turns = set[tuple[int, int]](), set[tuple[int, int]]()
        self._usual: dict[int, tuple[str, ...]] = {}
        self._failed: dict[int, dict[str, list[Call]]] = {}

    def of(self, call: Call, run: ExportSource) -> Before:
        """Return what was said before the note on a call, which is the next one."""
        step, turn = (run.pid, call.step), (run.pid, int(call.facts.get("n", -1)))
        if run.pid not in self._usual:
            self._usual[run.pid], self._failed[run.pid] = provenance.usual(run)[0], provenance.failed_before(run)
        failed = self._failed[run.pid].get(call.id, ())
        before = Before(step in self._steps, turn in self._turns, self._usual[run.pid], failed)
        self._steps |= {step} if call.step else set()
        self._turns |= {turn} if turn[1] >= 0 else set()
        return before


def step(call: Call, run: ExportSource, before: Before, unchecked: Sequence[str] = (), level: int = 2) -> str:
    """Return the note over a step's code: title, why, what failed before it, what was edited, who decided.

    What nothing compares of it is `unchecked`, and stands last, since the journal does not say it.
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
    parts += [part for one in before.failed for part in _failed(one)]
    if call.proposed:
        parts += ["As the model had proposed it; below is what ran:", _code(call.proposed)]
    files = ", ".join(words(f["path"], 200) for f in wrote(call))
    parts += [f"Writes {files}."] if files else []
    where = f"Call {words(call.id)}{f', step {planned.n}' if planned is not None else ''}"
    where += f", {words(call.name)}" if call.name != "python" else ""  # of that the cell is the code itself
    told = _decided(provenance.story(call, run, planned=True), before.usual)
    seen = call.result.strip() if call.name not in ("python", "ask") and not call.facts.get("outputs") else ""
    parts += [f"Seen: {words(seen, 200)}"] if seen else []
    parts.append(small(f"{where}{f': {words(told)}' if told else ''}"))
    lacks = "\n".join(f"{UNCHECKED}{words(what, 200)}" for what in unchecked)
    return "\n\n".join([*parts, *([lacks] if lacks else [])])


def _failed(call: Call) -> list[str]:
    """Say that a call was tried before, and how it failed."""
    told = f"Tried before, as call {words(call.id)}, and failed: {words(call.told, 200)}"
    return [told, _code(_asked(call))]


def _asked(call: Call) -> str:
    """Return a call as the journal alone has it: its code, or its name with its arguments."""
    arguments = call.arguments.items() if isinstance(call.arguments, dict) else ()
    return call.code or f"{call.name}({', '.join(f'{k}={v!r}' for k, v in arguments)})"


def _code(text: str) -> str:
    """Return code that did not run as it stands there, of a long one the beginning."""
    text = text if len(text) <= _CODE else f"{text[:_CODE]}…"
    lines = text.strip("\n").splitlines()
    more = len(lines) - _LINES
    return fenced("\n".join([*lines[:_LINES], *([f"# … {more} more lines"] if more > 0 else [])]), "python")


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


NUMBERS = "How its values are known: "
FORMER_NUMBERS = "Its numbers: "  # in exports of earlier versions
_KNOWN: dict[str, tuple[str, str]] = {
    "computed": ("was computed on the variables", "were computed on the variables"),
    "seen": ("stands in what a step showed", "stand in what steps showed"),
    "typed": ("was typed by the model", "were typed by the model"),
}


def known(found: Sequence[answers.Number]) -> str:
    """Return in words how the values of an answer are known, and how many of them; empty for none."""
    return ", ".join(
        f"{len(of)} {said[len(of) > 1]}{_gone(of)}"
        for kind, said in _KNOWN.items()
        if (of := [number for number in found if number.kind == kind])
    )


def _gone(found: Sequence[answers.Number]) -> str:
    """Say of how many values something that they were computed from was undone since."""
    gone = sum(bool(number.undone) for number in found)
    return f" ({gone} of them from what was undone since)" if gone else ""


def answer(run: ExportSource, level: int = 2) -> str:
    """Return the answer as the process gave it, below how its numbers are known, in counts, and which are not again."""
    counts, gone = known(answers.numbers(run.state)), ", ".join(undone_since(run))
    before = f", before call {gone} was undone" if gone else ""
    told = small(f"In the model's words{before}.{f' {NUMBERS}{counts}.' if counts else ''}")
    left = "\n".join(f"- Not computed again: {words(code)}: {why}." for code, why in not_again(run).items())
    asked = "\n\n".join(text for _, text in further(run)[-1:])
    parts = [f"{'#' * level} Answer", told, asked, left, harmless(run.state.answer or "")]
    return "\n\n".join(filter(None, parts))


def not_again(run: ExportSource) -> dict[str, str]:
    """Return by their code the expressions of an answer that are not evaluated again, each with why."""
    return {
        v["code"]: f"computing it changes {', '.join(v['changes'])}, so it stands as it was told in the run"
        for v in run.state.computed or ()
        if v.get("changes")
    }


def ended(run: ExportSource) -> float:
    """Return the event with which a process ended last; infinity where it has not."""
    return next((float(e.n) for e in reversed(run.events) if isinstance(e.body, ev.RunEnded)), math.inf)


def undone_since(run: ExportSource) -> list[str]:
    """Return the calls of a process that were undone after its answer, and stand so."""
    gone = (e.body.call for e in run.events if e.n > ended(run) and isinstance(e.body, ev.CallUndone))
    return [call for call in dict.fromkeys(gone) if run.state.calls[call].status == "undone"]


def further(run: ExportSource) -> list[tuple[int, str]]:
    """Return the words that began each further turn, each with its event."""
    found, answered = list[tuple[int, str]](), False
    for event in run.events:
        match event.body:
            case ev.RunEnded(answer=text):
                answered = bool(text)
            case ev.SignalReceived(signal="steer", by=by, text=str(text)) if answered:
                answered = False
                found.append((event.n, f"**Asked further by {words(by.describe('the user'))}:**\n\n{harmless(text)}"))
    return found


def said(run: ExportSource, level: int = 2) -> list[tuple[int, str]]:
    """Return what was said between the steps, each with its event: words to the process, refusals, former answers."""
    found, answered = further(run), list[tuple[int, str]]()
    began = {n for n, _ in found}
    for event in run.events:
        match event.body:
            case ev.SignalReceived(signal="steer", by=by, text=str(text)) if event.n not in began:
                found.append((event.n, f"**Said by {words(by.describe('the user'))}:**\n\n{harmless(text)}"))
            case ev.CallDecided(call=call, what="reject", by=by, why=why) if by.is_person:
                found.append((event.n, _refused(run.state.calls[call], run, words(by.describe("the user")), why)))
            case ev.RunEnded(answer=text):
                answered = [(event.n, text)] if text else []
            case ev.RunResumed():
                found += [(n, _former(text, level)) for n, text in answered]
                answered = []
    return sorted(found)


def _refused(call: Call, run: ExportSource, who: str, why: str) -> str:
    """Say that a person refused a call, why, and what it was."""
    what = title(call, run, quoted=True)[0] or words(call.name)
    parts = [f"**Not run, refused by {who}: {what}**", harmless(why), _code(_asked(call))]
    return "\n\n".join(filter(None, parts))


def _former(text: str, level: int) -> str:
    """Return an answer before the last one, which no cell computes again."""
    told = small("In the model's words, before it was asked further; not computed again.")
    return "\n\n".join([f"{'#' * level} Answer", told, harmless(text)])
