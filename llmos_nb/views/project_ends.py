"""How the panel says that a process has ended: what happened, what is kept, what you can do."""

from __future__ import annotations

from llmos_nb.budget import show
from llmos_nb.state import State
from llmos_nb.views.panel_state import Block, Button, Glyph, Tone, Words
from llmos_nb.views.project_answer import answer, unverified
from llmos_nb.views.project_counts import Counts
from llmos_nb.views.project_now import Phase, command, kept, lead, text
from llmos_nb.views.project_words import count, duration, money, sentence, short, since, times

MINUTE, LEAD_MOST = 60, 160
UNIT_WORDS = {"steps": "steps", "calls": "calls", "tokens": "tokens", "$": "money", "s": "time"}
EXPORT: Button = {"label": "Export notebook", "verb": "export"}
RESUME: Button = {"label": "Resume", "verb": "resume", "main": True}


def ended(s: State, counts: Counts) -> Phase:
    """Give the phase of a process that has ended."""
    if s.reason == "answered":
        return _answered(s, counts)
    if s.reason == "unverified":
        phase = Phase(
            "unverified",
            "bad",
            "failed",
            "Not verified",
            short(s.detail) or "a check does not hold",
            ["Resume"],
        )
        phase.now = [*unverified(s, counts), _can_do(s)]
        return phase
    return {"budget": _budget, "failed": _failed}.get(s.reason, _other)(s, counts)


def _answered(s: State, counts: Counts) -> Phase:
    steps = count(sum(p.status == "done" for p in s.plan.steps), "step")
    asked = f", you were asked {times(counts.asked)}" if counts.asked else ""
    held = "checks held, " if s.checks else ""
    return Phase("finished", "ok", "done", "Answered", f"{held}{steps}{asked}", [], answer(s))


def _budget(s: State, counts: Counts) -> Phase:
    """The budget is used up; more of it is one click."""
    unit = s.detail.partition(":")[0] if s.detail.partition(":")[0] in UNIT_WORDS else s.budget.over(s.spent)
    word = UNIT_WORDS.get(unit, "budget")
    of = show(unit, s.budget.limits[unit]) if unit in s.budget.limits else "the budget"
    left = bool(unit) and s.budget.left(unit, s.spent) > 0
    says = "is" if word == "time" else "are"
    now: list[Block] = [lead(f"The {word} {'are' if word.endswith('s') else 'is'} used up")]
    if left and ":" not in s.detail:
        now[0] = lead("The budget was raised. Resume goes on.")
    elif left:
        now[0] = lead(f"What is left of the {word} does not cover the next request")
    if left:
        now.append(text(f"What was left did not cover the next request; the bound is {of} now. {kept(s)}"))
    else:
        now.append(text(f"{of[:1].upper() + of[1:]} {says} spent. {kept(s)}"))
    if more := _more(s, unit):
        add: Button = {"label": f"Add {more}", "verb": "budget", "data": {"text": f"+{more}"}, "main": True}
        now.append({"kind": "actions", "buttons": [add, {**RESUME, "main": False}, EXPORT]})
        now.append(
            command(s, f"%agent budget {s.pid} +{more}", "The goal is not answered yet. In another cell: ")
        )
    return Phase(
        "budget",
        "bad",
        "pause",
        "Budget reached",
        f"the rest of {of} does not cover the next request" if left else f"{of} {says} used up",
        ["Resume"],
        now,
    )


def _more(s: State, unit: str) -> str:
    """Offer half of the bound again, in its own unit."""
    if unit not in s.budget.limits:
        return ""
    half = s.budget.limits[unit] / 2
    if unit == "s":
        return f"{max(round(half / MINUTE), 1)} min" if half >= MINUTE else f"{max(round(half), 10)} s"
    return money(half, 4) if unit == "$" else f"{max(round(half), 1)} {unit}"


def _failed(s: State, counts: Counts) -> Phase:
    """Something outside or in the run failed for good."""
    first, *rest = s.detail.strip().splitlines() or ["it failed"]
    tried = ""
    if counts.tries > 1:
        tried = f"Tried {times(counts.tries)} in {duration(since(counts.tried_since, s.at))}. "
    now: list[Block] = [
        lead(short(first, LEAD_MOST)),
        text(f"{tried}{kept(s)}"),
        {"kind": "heading", "text": "What you can do"},
        _can_do(s),
    ]
    detail = "\n".join((first, *rest)) if rest or len(first) > LEAD_MOST else ""
    if detail:
        now.append(
            {
                "kind": "details",
                "summary": f"Journal, event {s.n}",
                "code": detail,
                "lang": "text",
                "label": "Error",
            }
        )
    return Phase("failed", "bad", "failed", "Failed", short(first, 100), ["Resume"], now)


def _can_do(s: State) -> Block:
    rows: list[list[Words | Button]] = [
        [RESUME, ["goes on from here; with another model: ", ["`", f"%agent resume {s.pid} -m SPEC"]]],
    ]
    if s.surviving:
        rows.append([EXPORT, f"keeps {count(len(s.surviving), 'call')} as cells that run without a model"])
    return {"kind": "table", "caption": "What you can do", "rows": rows, "plain": True}


_OTHER: dict[str, tuple[str, str, Tone, Glyph]] = {
    "rejected": ("Rejected", "The plan was rejected", "", "pause"),
    "refused": ("Refused", "The model refused", "bad", "failed"),
    "empty": ("No answer", "The model said nothing", "bad", "failed"),
    "truncated": ("Cut off", "The answer was cut off", "bad", "failed"),
    "stopped": ("Ended", "Ended for good", "", "pause"),
    "forked": ("Forked", "It goes on as another process", "", "replaced"),
}
FINAL = ("stopped", "forked")


def _other(s: State, counts: Counts) -> Phase:
    state, title, tone, glyph = _OTHER.get(s.reason, ("Ended", "It has ended", "", "pause"))
    now: list[Block] = [lead(title)]
    if s.detail:
        now.append(text(sentence(short(s.detail, 400))))
    now.append(text(kept(s)))
    if s.answer:
        now.append({"kind": "answer", "markdown": s.answer})
    if s.reason not in FINAL:
        now.append(_can_do(s))
    acts = [] if s.reason in FINAL else ["Resume"]
    return Phase("ended", tone, glyph, state, short(s.detail) or title.lower(), acts, now)
