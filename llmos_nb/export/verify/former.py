"""The words of notebooks that earlier versions exported, so that these are compared with their journals, too."""

from __future__ import annotations

import re

from llmos_nb.export import provenance
from llmos_nb.export.markdown import words
from llmos_nb.export.source import ExportSource
from llmos_nb.process import answers
from llmos_nb.tools import Call

_NOT_SO, _CLAIMS = "- Not as expected: ", "\n\nIts claims: "


def note(found: str, call: Call, run: ExportSource, first: bool, schema: int) -> tuple[str, str, bool]:
    """Return the note over a step as the journal gives it and as it stands there, both without what it may also say.

    Last comes whether it leaves out that the step is not as expected, which some versions did not say.

    Parameters
    ----------
    found : str
        As it stands there.
    call, run : Call, ExportSource
        What it is about.
    first : bool
        It is the first one of its step of the plan.
    schema : int
        Of the notebook: since 2 a short why is the title of a call outside a plan.
    """
    true = _note(call, run, first, schema)
    if schema < 2:
        gone = f"- Goal: {words(run.goal, 160)}", f"- Seen: {words(call.result, 200)}"
        found = "\n".join(x for x in found.splitlines() if x not in gone or x in true.splitlines()).strip()
    silent = _NOT_SO in true and _NOT_SO not in found
    if silent:
        true = "\n".join(x for x in true.splitlines() if not x.startswith(_NOT_SO))
    return true, found, silent


def _note(call: Call, run: ExportSource, first: bool, schema: int) -> str:
    planned = next((p for p in run.state.plan.steps if p.n == call.step), None)
    missed, said, lines = run.state.missed, provenance.why(call, run), list[str]()
    if planned is not None and first:
        lines += [f"## Step {planned.n}: {words(planned.title, 160)}", ""]
        lines += [f"- Expected: {words(planned.expect)}"] if planned.expect else []
        lines += [f"{_NOT_SO}{words(missed[planned.n])} was false"] if planned.n in missed else []
    elif planned is None:
        comment = re.match(r"\s*#\s*(.+)", call.code)
        title = comment[1] if comment else f"Call {call.id}: {call.name}"
        short = schema > 1 and said and len(said) <= 100 and not comment
        lines += [f"## {words(said if short else title, 160)}", ""]
        said = "" if short else said
    lines += [f"- Why: {words(said)}"] if said else []
    told = "; ".join(map(str, provenance.story(call, run)))
    lines.append(f"- `{words(call.name)}`, call {words(call.id)}: {words(told)}")
    if call.name != "python" and call.result.strip():
        lines.append(f"- Seen: {words(call.result, 200)}")
    return "\n".join(lines)


def answer(found: str, run: ExportSource) -> tuple[str, bool]:
    """Return an answer in words as the journal gives it, and whether marks of former versions stand there besides."""
    lines = (run.state.answer or "").splitlines()
    said = "\n".join(f"> {words(line)}" for line in lines if line.strip())
    said = f"## The answer, in the model's words\n\n{said}"
    if found.partition(_CLAIMS)[0] == said:
        return found, _CLAIMS in found
    known = answers.counted(answers.numbers(run.state))
    return f"{said}\n\nIts numbers: {known}." if known else said, False
