"""The words between the code. What a model or a tool said is data: nothing of it becomes markup."""

from __future__ import annotations

import html
import re

from llmos_nb.notebook.source import ExportSource
from llmos_nb.state import Call

_MARKUP = re.compile(r"([\\`*_\[\]!$#|~])")
_LONG = 600


def words(text: str, limit: int = _LONG) -> str:
    """Give text on one line with everything escaped that Markdown or HTML would act on."""
    flat = " ".join(str(text).split())
    flat = flat if len(flat) <= limit else f"{flat[: limit - 1].rstrip()}…"
    return _MARKUP.sub(r"\\\1", html.escape(flat, quote=False))


def head(runs: list[ExportSource]) -> str:
    """Give the title and how the notebook came about."""
    first = runs[0]
    lines = [f"# {words(first.name or first.goal, 120)}", ""]
    for run in runs:
        lines += [_about(run), ""]
    lines.append(
        "It needs no model and runs from top to bottom as any notebook. Each step stands under a note."
    )
    return "\n".join(lines)


def _about(run: ExportSource) -> str:
    s = run.state
    goal = f"**Goal:** {words(run.goal)}\n\n"
    ended = f"ended: {s.reason}" if s.status == "ended" else s.status
    mode = run.settings.get("approve", s.mode)
    on = f", {run.events[0].at[:10]}" if run.events else ""
    who = f"process {run.pid} of {words(run.model or 'a model')}"
    return f"{goal}What {who} did{on} (approvals: {words(str(mode))}; {ended})."


def step(call: Call, run: ExportSource, first: bool) -> str:
    """Give the note over a step's code: why, who decided, what was expected and seen."""
    s = run.state
    known = {p.n: p for p in s.plan.steps}
    planned = known.get(call.step)
    lines: list[str] = []
    if planned is not None and first:
        lines += [f"## Step {planned.n}: {words(planned.title, 160)}", ""]
        lines += [f"- Expected: {words(planned.expect)}"] if planned.expect else []
    elif planned is None:
        lines += [f"## {words(_title(call), 160)}", ""]
    lines.append(f"- {_decided(call)}")
    if planned is not None and s.evidence.get(planned.n):
        lines.append(f"- Seen: {words(s.evidence[planned.n])}")
    elif call.result.strip():
        lines.append(f"- Seen: {words(call.result, 200)}")
    return "\n".join(lines)


def _title(call: Call) -> str:
    comment = re.match(r"\s*#\s*(.+)", call.code)
    return comment[1] if comment else f"Call {call.id}: {call.name}"


_BY = {
    "you": "approved by the user",
    "plan": "inside the plan that was approved",
    "words": "covered by the user's own words",
    "": "no decision was needed",
}


def _who(by: str) -> str:
    """Say who let a call through."""
    kind, _, which = by.partition(":")
    through = f"let through by the {words(kind)} {words(which)}".rstrip()
    return _BY.get(by) or (through if kind in ("mode", "rule") else f"approved by {words(by)}")


def _decided(call: Call) -> str:
    edited = (
        " after the user edited it" if call.original is not None and call.original != call.arguments else ""
    )
    why = f": {words(call.why)}" if call.why else ""
    return f"`{words(call.name)}`, call {words(call.id)}, {_who(call.by)}{edited}{why}"


def answer(run: ExportSource) -> str:
    """Give the answer as the process gave it."""
    said = "\n".join(f"> {words(line)}" for line in (run.state.answer or "").splitlines() if line.strip())
    below = "The values below are what it rests on; the cell fails if they are not met."
    return f"## The answer, in the model's words\n\n{said}\n\n{below}"
