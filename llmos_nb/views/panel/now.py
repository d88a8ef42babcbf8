"""How the panel says that a process has ended: what happened, what is kept, what you can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from llmos_nb.policy import show
from llmos_nb.process import evidence
from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call
from llmos_nb.views import wording
from llmos_nb.views.contract import Block, Button, Glyph, Tone, Words
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel.answer import answer, changed, unverified
from llmos_nb.views.panel.blocks import Rows, actions, code, details, lead, table, text
from llmos_nb.views.wording import count, duration, listed, money, names, ref, short, since, times, upper


@dataclass
class Phase:
    """A state of the panel: its name, its words, and what stands under *now*.

    Parameters
    ----------
    id, tone, glyph : str
        As the panel's contract names them.
    state, what : str
        The state word, and what it is about.
    acts : list of str
        Buttons of the head.
    now : list of Block
        What is shown; empty where a card is.
    """

    id: str
    tone: Tone
    glyph: Glyph
    state: str
    what: str
    acts: list[str] = field(default_factory=list)
    now: list[Block] = field(default_factory=list)


RUN = ["Pause", "Stop"]
SHOWN_FROM_S = 0.1


def code_of(call: Call, side: str = "") -> Block:
    """Return a call as code: its Python, or its name with arguments."""
    given = call.arguments if isinstance(call.arguments, dict) else {}
    said = ", ".join(f"{k}={v!r}" for k, v in given.items()) if given else str(call.arguments or "")
    cap: Words = ["Python, written by the model in " if call.code else "Call ", ref(call)]
    shown = code(call.code or f"{call.name}({said})", "Code of this call", "python")
    return {**shown, "cap": cap, "side": side}


def starting() -> Phase:
    """Nothing was asked yet."""
    begun = [lead("Starting"), text("Nothing has run yet.")]
    return Phase("starting", "go", "running", "Starting", "the first request is on its way", ["Stop"], begun)


def planning(s: State, counts: Counts, at: str) -> Phase:
    """The model writes a plan."""
    tools, what = count(len(s.tools), "tool"), f"the model writes a plan{_so_far(counts.requested_at, at)}"
    asks = "It cannot run anything before you have seen the plan."
    then = "The plan runs without asking in this mode." if s.mode in ("auto", "never") else asks
    now: list[Block] = [
        lead("Writing a plan"),
        text(f"The model sees the goal, the variables that it may see, and {tools}. {then}"),
        {"kind": "stream"},
        {"kind": "skeleton", "widths": [90, 82, 58]},
    ]
    return Phase("planning", "go", "running", "Planning", what, RUN, now)


def _so_far(begun: str, at: str) -> str:
    gone = since(begun, at)
    return f", {duration(gone)} so far" if gone >= SHOWN_FROM_S else ""


def running(s: State, counts: Counts, at: str) -> Phase:
    """A call runs, or the model works on the next one."""
    if call := next((c for c in s.open_calls if c.status == "running"), None):
        return _running_call(call, at)
    if s.request or s.todo == "ask":
        return _thinking(s, counts, s.current.n if s.current else s.step, at)
    nobody = {"you": "looking at the next call"}  # where a person is asked this is not the phase
    what = {**wording.NOW, **nobody}.get(counts.stage, "going on")
    return Phase("running", "go", "running", "Running", what, RUN, [lead(upper(what))])


def expecting(s: State) -> Phase:
    """Another process has to write first, or to make room; nobody is asked."""
    what = listed([w["title"] for w in s.awaited.values()])
    now: list[Block] = [lead(f"It waits for {what}"), text("Stop works meanwhile; nothing runs.", mute=True)]
    return Phase("running", "go", "waiting", "Waiting", f"for {what}", RUN, now)


def _running_call(call: Call, at: str) -> Phase:
    title = f"step {call.step}" if call.step else call.name
    reads: list[str] = call.facts.get("reads", [])
    words: Words = [allowed(call), *([" It reads ", *names(reads), "."] if reads else [])]
    now: list[Block] = [
        lead(f"{upper(title)} runs"),
        text(words),
        code_of(call),
        {"kind": "stream"},
        text("Stop takes the changes of an unfinished step back.", mute=True),
    ]
    return Phase("running", "go", "running", "Running", f"{title}{_so_far(call.started, at)}", RUN, now)


def allowed(call: Call) -> str:
    """Say by which decision a call runs."""
    kind, _, which = call.by.partition(":")
    known = {
        "you": "Approved by you.",
        "plan": "Allowed by the plan you approved.",
        "words": "Your own words say so.",
        "mode": f"Allowed by the mode “{which}”.",
        "rule": f"Allowed by rule {which}.",
    }
    return known.get(kind, f"Allowed by {call.by}." if call.by else "")


def _thinking(s: State, counts: Counts, step: int, at: str) -> Phase:
    what = f"the model works on step {step}" if step else "the model works"
    if s.plan.steps and s.plan.finished:
        what = "the model writes the answer"
    now: list[Block] = [lead(upper(what)), {"kind": "stream"}]
    if s.failures:
        now.insert(1, text(f"Try {s.failures + 1}. The last one failed: {short(counts.trouble, 200)}"))
    return Phase("running", "go", "running", "Running", f"{what}{_so_far(counts.requested_at, at)}", RUN, now)


def paused(s: State) -> Phase:
    """Stopped or paused; nothing is lost, and what was taken back is named."""
    stopped = s.why.startswith("stopped")
    pressed = stopped and not s.why.startswith("stopped by the ")
    state = "Paused by Stop" if pressed else "Paused"
    broken = next((c for c in reversed(s.calls.values()) if c.error == "Stopped"), None) if stopped else None
    step = f"step {broken.step}" if broken is not None and broken.step else "a call"
    what = f"{step} was interrupted" if broken is not None else s.why or "after a step"
    now: list[Block] = [lead("Paused. Nothing is lost." if s.why.startswith(("stopped", "you")) else "Paused")]
    if broken is not None:
        had = f"{upper(step)} ran for {duration(since(broken.started, broken.ended))} and had not finished."
        now.append(text(f"{had} What it had changed was taken back."))
    elif s.why:
        now.append(text(f"Why: {s.why}."))
    resume: Button = {**RESUME, "key": "P"}
    undo: list[Button] = [{"label": "Undo all", "verb": "undo_all"}] if changed(s) else []
    now.append(actions(resume, *undo, *([EXPORT] if s.surviving else [])))
    now.append(command(s, f"%agent resume {s.pid}"))
    return Phase("paused", "", "pause", state, what, ["Resume"], now)


def command(s: State, line: str, before: str = "In another cell: ") -> Block:
    """Say the command that does the same."""
    return text([before, ["`", line]], mute=True)


def kept(s: State) -> str:
    """Say which steps stand, or how many calls, where there are any."""
    if not s.plan.steps:
        if ran := _ran(s):
            return f"{count(ran, 'call')} and {'its' if ran == 1 else 'their'} names are kept."
        return "No call had ended well." if any(c.started for c in s.calls.values()) else "Nothing had run."
    done = [p.n for p in s.plan.steps if p.status == "done"]
    if not done:
        return "No step had ended."
    one = len(done) == 1
    return f"Step{'' if one else 's'} {_ranges(done)} and {'its' if one else 'their'} names are kept."


def _ranges(numbers: list[int]) -> str:
    """Say ``1 to 3 and 5``."""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda at: at[1] - at[0])]
    return listed(f"{r[0]} to {r[-1]}" if r[-1] > r[0] + 1 else listed(r) for r in runs)


MINUTE, LEAD_MOST = 60, 160
UNIT_WORDS = {"steps": "steps", "calls": "calls", "tokens": "tokens", "$": "money", "s": "time"}
EXPORT: Button = {"label": "Export notebook", "verb": "export"}
RESUME: Button = {"label": "Resume", "verb": "resume", "main": True}


def ended(s: State, counts: Counts) -> Phase:
    """Return the phase of a process that has ended."""
    if s.reason == "answered":
        return _answered(s, counts)
    if s.reason == "unverified":
        what = short(s.detail) or "a check does not hold"
        now = [*unverified(s), _can_do(s)]
        return Phase("unverified", "bad", "failed", "Not verified", what, ["Resume"], now)
    return {"budget": _budget, "failed": _failed}.get(s.reason, _other)(s, counts)


def _answered(s: State, counts: Counts) -> Phase:
    done = sum(p.status == "done" for p in s.plan.steps)
    ran = count(done, "step") if s.plan.steps else count(_ran(s), "call")
    asked = f", you were asked {times(counts.asked)}" if counts.asked else ""
    known = evidence.headline(evidence.evidence(s))
    word = "Answered, then undone" if s.undone and not changed(s) else "Answered"
    return Phase("finished", "ok", "done", word, f"{known}; {ran}{asked}", [], answer(s))


def _ran(s: State) -> int:
    """Count the calls that ran well and stand."""
    return sum(c.name not in CONTROL for c in s.surviving)


def _budget(s: State, counts: Counts) -> Phase:
    """The budget is used up; more of it is one click."""
    unit = s.detail.partition(":")[0]
    unit = unit if unit in UNIT_WORDS else s.budget.over(s.spent)
    word = UNIT_WORDS.get(unit, "budget")
    of = show(unit, s.budget.limits[unit]) if unit in s.budget.limits else "the budget"
    of = of.removesuffix("s") if of.startswith("1 ") else of
    says = "is" if word == "time" or of.startswith("1 ") else "are"
    if unit and s.budget.left(unit, s.spent) > 0:
        what = f"the rest of {of} does not cover the next request"
        title = f"What is left of the {word} does not cover the next request"
        title = title if ":" in s.detail else "The budget was raised. Resume goes on."
        told = f"What was left did not cover the next request; the bound is {of} now."
    else:
        what = f"{of} {says} used up"
        title = f"The {word} {'are' if word.endswith('s') else 'is'} used up"
        told = f"{upper(of)} {says} spent."
    now: list[Block] = [lead(title), text(f"{told} {kept(s)}")]
    if more := _more(s, unit):
        add: Button = {"label": f"Add {more}", "verb": "budget", "data": {"text": f"+{more}"}, "main": True}
        before = "The goal is not answered yet. In another cell: "
        now.append(actions(add, {**RESUME, "main": False}, EXPORT))
        now.append(command(s, f"%agent budget {s.pid} +{more}", before))
    return Phase("budget", "bad", "pause", "Budget reached", what, ["Resume"], now)


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
    took = duration(since(counts.tried_since, s.at))
    tried = f"Tried {times(counts.tries)} in {took}. " if counts.tries > 1 else ""
    now: list[Block] = [
        lead(short(first, LEAD_MOST)),
        text(f"{tried}{kept(s)}"),
        {"kind": "heading", "text": "What you can do"},
        _can_do(s),
    ]
    if rest or len(first) > LEAD_MOST:
        now.append(details(f"Journal, event {s.n}", "\n".join((first, *rest)), "Error"))
    return Phase("failed", "bad", "failed", "Failed", short(first, 100), ["Resume"], now)


def _can_do(s: State) -> Block:
    how: Words = ["goes on from here; with another model: ", ["`", f"%agent resume {s.pid} -m SPEC"]]
    rows: Rows = [[RESUME, how]]
    if s.surviving:
        rows.append([EXPORT, f"keeps {count(len(s.surviving), 'call')} as cells that run without a model"])
    return {**table("What you can do", rows), "plain": True}


_OTHER: dict[str, tuple[str, str, Tone, Glyph]] = {
    "rejected": ("Rejected", "The plan was rejected", "", "pause"),
    "refused": ("Refused", "The model refused", "bad", "failed"),
    "empty": ("No answer", "The model said nothing", "bad", "failed"),
    "truncated": ("Cut off", "The answer was cut off", "bad", "failed"),
    "stopped": ("Ended", "Ended for good", "", "pause"),
    "killed": ("Killed", "Killed: it has ended for good", "", "pause"),
    "forked": ("Forked", "It goes on as another process", "", "replaced"),
}


def _other(s: State, counts: Counts) -> Phase:
    state, title, tone, glyph = _OTHER.get(s.reason, ("Ended", "It has ended", "", "pause"))
    told = [text(wording.sentence(short(s.detail, 400)))] if s.detail else []
    now: list[Block] = [lead(title), *told, text(kept(s))]
    if s.answer:
        now.append({"kind": "answer", "markdown": s.answer})
    what = short(s.detail) or title.lower()
    go_on = [] if s.reason in ("stopped", "killed", "forked") else [_can_do(s)]
    return Phase("ended", tone, glyph, state, what, ["Resume"] if go_on else [], [*now, *go_on])
