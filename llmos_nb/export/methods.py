"""A run as a methods supplement in Markdown: what was done, by whom, on which data, and what nobody could check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llmos_nb.export import notes, provenance
from llmos_nb.export.assertions import Expected, left_out, told
from llmos_nb.export.files import missed, where
from llmos_nb.export.gather import Draft
from llmos_nb.export.lock import platform_of
from llmos_nb.export.markdown import fenced, words
from llmos_nb.export.redact import refuse_secrets, secrets
from llmos_nb.export.shown import of_the_clock, recorded
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import LOOKING, call_code
from llmos_nb.export.target import SUPPLEMENT
from llmos_nb.journal.events import ModelRequested, PlanDecided, PlanEdited, PlanProposed
from llmos_nb.process import answers
from llmos_nb.process.state import CONTROL
from llmos_nb.tools import Call

_SEEN = "Files are noted as Python opens them; what compiled code opens by itself is not seen."
_LONG = 4_000  # characters of one output
_NOT_DONE = {
    "undone": "taken back",
    "rejected": "rejected",
    "skipped": "skipped",
    "failed": "failed, and taken back",
    "in_doubt": "in doubt",
}


def methods(draft: Draft) -> str:
    """Return the supplement.

    Parameters
    ----------
    draft : Draft
        The runs, with their data and what the notebook of them would assert.

    Returns
    -------
    str
        Markdown; nothing in it is markup of the run's own.

    Raises
    ------
    UsageError
        It would hold a secret.
    """
    title = f"# Methods: {words(draft.runs[0].name or draft.runs[0].goal, 120)}"
    parts = [title, SUPPLEMENT, *map(_run, draft.runs), _data(draft), "## What was done"]
    parts += [_step(draft, n) for n, unit in enumerate(draft.units) if unit.call is not None]
    parts += [part for part in (_not_done(draft), _uncheckable(draft)) if part]
    between = [text for run in draft.runs for _, text in notes.said(run, 3)]
    parts += ["## What was said before the answer", *between] if between else []
    parts += [notes.answer(run) for run in draft.runs if run.state.answer]
    text = "\n\n".join(parts) + "\n"
    refuse_secrets([("methods", text)], secrets(draft.runs))
    return text


def _run(run: ExportSource) -> str:
    """Return goal, model, settings and course of a process."""
    s, events = run.state, run.events
    asked = next((e.body for e in events if isinstance(e.body, ModelRequested)), None)
    where = f" at {words(asked.endpoint)}" if asked is not None and asked.endpoint else ""
    settings = "; ".join(f"{words(str(k))}: {words(_setting(v))}" for k, v in run.settings.items() if v)
    used = ", ".join(f"{round(v, 4):g} {words(unit)}" for unit, v in s.spent.items())
    ended = f"ended: {s.reason}" if s.status == "ended" else s.status
    lines = [
        f"## Process {run.pid}",
        f"- Goal: {words(run.goal, 4_000)}",
        f"- Model: {words(run.model or s.model or 'not named')}{where}, {s.responses} answers",
        f"- Settings: {settings or 'none'}",
        f"- Used: {used or 'nothing that is counted'}",
        f"- Software: Python {platform_of()['python']}, {platform_of()['system']} {platform_of()['machine']}",
    ]
    if events:
        course = f"{provenance.when(events[0].at)} to {provenance.when(events[-1].at)}"
        lines.append(f"- Time: {course}; {ended}{f' ({words(s.detail)})' if s.detail else ''}")
        lines.append(f"- Journal: {len(events)} events, the last has the hash `{events[-1].hash}`")
    lines += [f"- {line}" for line in _plans(run)]
    return "\n".join([lines[0], "", *lines[1:]])


def _setting(value: object) -> str:
    """Return a setting as people write it."""
    if isinstance(value, dict):
        return ", ".join(f"{v:,g} {k}" if isinstance(v, int | float) else f"{k} {v}" for k, v in value.items())
    return str(value)


def _plans(run: ExportSource) -> Iterator[str]:
    """Return what was planned and decided on it."""
    listed = set()  # a plan of one step that nobody proposed is none
    for event in run.events:
        at, body = provenance.when(event.at), event.body
        if isinstance(body, PlanProposed | PlanEdited) and body.by.kind != "process":
            listed.add(body.version)
            what = "proposed" if isinstance(body, PlanProposed) else "edited"
            steps = "; ".join(f"{step['n']}. {step.get('title', '')}" for step in body.steps)
            by = body.by.describe("the user")
            yield f"Plan, version {body.version}, {what} by {words(by)}, {at}: {words(steps, 2_000)}"
        elif isinstance(body, PlanDecided) and body.version in listed:
            yield f"Plan, version {body.version}, {words(provenance.decided(body))}, {at}"


def _data(draft: Draft) -> str:
    """Return the table of the input files."""
    if not draft.inputs:
        return f"## Data\n\nNo file was read that was there before the run. {_SEEN}"
    rows = ["| file | kind | bytes | lines | sha256 |", "|---|---|---:|---:|---|"]
    for one in draft.inputs:
        known = [
            words(one.path, 200),
            f"{words(one.kind)}{', others may have written it' if 'others' in one.about else ''}",
            f"{one.size:,}",
            str(one.about.get("rows", "")),
            f"`{one.sha256}`",
        ]
        rows.append(f"| {' | '.join(known)} |")
    return "\n".join(["## Data", "", *rows, "", _SEEN])


def _step(draft: Draft, n: int) -> str:
    """Return one step: why, code, output, who decided, what is checked."""
    unit, gives = draft.units[n], draft.expected[n] if draft.expected else Expected()
    call, run = unit.call, unit.run
    assert call is not None and run is not None  # noqa: S101 - the caller has looked
    planned = next((p for p in run.state.plan.steps if p.n == call.step), None)
    title = f"Step {planned.n}: {words(planned.title, 160)}" if planned is not None else notes.title(call, run)[0]
    number = sum(u.call is not None for u in draft.units[: n + 1])
    pid = f" of process {run.pid}" if len(draft.runs) > 1 else ""
    parts = [f"### {number}. {title or 'A call'} (`{words(call.name)}`, call {words(call.id)}{pid})"]
    if planned is not None and planned.expect:
        missed = [f"- {notes.not_so(run.state.missed[planned.n])}"] if planned.n in run.state.missed else []
        parts.append("\n".join([f"- Expected: {words(planned.expect)}", *missed]))
    if said := provenance.why(call, run):
        parts.append(f"Why, in the model's words: {words(said, 2_000)}")
    parts.append(f"Decided: {words('; '.join(map(str, provenance.story(call, run))), 2_000)}.")
    parts += [fenced(call_code(run, call), "python"), *_edited(call)]
    outputs, lost = recorded(call, run)
    parts += _output(call, outputs)
    known = f"{gives.count} values are compared" if gives.count else "no value is compared"
    left = told(left_out(unit, gives, lost, "", of_the_clock(call)))
    parts.append(f"When it is verified: {known}." + "".join(f" Not checked: {words(w)}." for w in left))
    return "\n\n".join(parts)


def _edited(call: Call) -> list[str]:
    """Return what the model had proposed, where that is not what ran."""
    if not call.proposed:
        return []
    return ["As the model had proposed it:", fenced(call.proposed, "python")]


def _output(call: Call, outputs: Sequence[dict[str, object]]) -> list[str]:
    """Return what a call gave, as text and by the number of its pictures."""
    text = call.result.strip()
    cut = f"\n… {len(text) - _LONG:,} characters more" if len(text) > _LONG else ""
    pictures = sum("image/png" in str(o.get("data", "")) or "image/jpeg" in str(o.get("data", "")) for o in outputs)
    shown = ["Output:", fenced(f"{text[:_LONG]}{cut}", "text")] if text else ["It gave no output."]
    return shown + ([f"With {pictures} picture{'s' if pictures > 1 else ''}."] if pictures else [])


def _not_done(draft: Draft) -> str:
    """Return the calls of which nothing stands: undone, rejected, skipped, failed, and why."""
    found = []
    for run in draft.runs:
        for call in run.state.calls.values():
            if call.status in _NOT_DONE and call.name not in (*CONTROL, *LOOKING):
                why = "; ".join(map(str, provenance.story(call, run)))
                error = f" {words(call.error)}: {words(call.result, 400)}" if call.status == "failed" else ""
                head = f"### Call {words(call.id)} (`{words(call.name)}`): {_NOT_DONE[call.status]}"
                decided = f"Decided: {words(why, 2_000)}.{error}"
                found += [head, decided, fenced(call_code(run, call), "python"), *_edited(call)]
    return "\n\n".join(["## What was undone, refused or failed", *found]) if found else ""


def _uncheckable(draft: Draft) -> str:
    """Return what nobody can check from what is kept."""
    lines = [f"- `{words(n)}` is not in the notebook: {words(why)}" for n, why in draft.missing.items()]
    lines += [f"- Call {words(u.call.id)}: {words(u.problem)}" for u in draft.units if u.call and u.problem]
    for unit, gives in zip(draft.units, draft.expected, strict=False):
        about = f"call {words(unit.call.id)}" if unit.call else ""
        lines += [f"- {words(n or 'the value')} of {about}: {words(why)}" for n, why in gives.left.items()]
    read = [(where(u, draft.cells), said) for u in draft.units if (said := missed(u, draft.cells))]
    lines += [f"- The files that {words(unit)} read: {said}" for unit, said in read]
    for run in draft.runs:
        typed = [number.text for number in answers.numbers(run.state) if number.kind == "typed"]
        lines += [f"- The answer says {words(text)}, which the model typed: it stands in no result" for text in typed]
    return "\n".join(["## What could not be checked", "", *dict.fromkeys(lines)]) if lines else ""
