"""How the panel says that a process has ended: what happened, what is kept, what you can do."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmos_nb.journal.events import FOR_GOOD, INTERRUPT
from llmos_nb.policy import show
from llmos_nb.process import answers
from llmos_nb.process.state import CONTROL, State, resumes
from llmos_nb.tools import Call
from llmos_nb.views import wording
from llmos_nb.views.contract import Block, Button, Clock, Foot, Glyph, Tone, Words
from llmos_nb.views.counts import Counts
from llmos_nb.views.outside import stays
from llmos_nb.views.panel.acts import ranges
from llmos_nb.views.panel.answer import answer, changed, checked, foot, unfilled, unverified
from llmos_nb.views.panel.blocks import Rows, actions, code, details, lead, table, text
from llmos_nb.views.panel.calls import written
from llmos_nb.views.wording import closed, count, counting, duration, listed, money, ref, short, since, times, upper


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
    clock : Clock, optional
        Since when it has been so.
    """

    id: str
    tone: Tone
    glyph: Glyph
    state: str
    what: str
    acts: list[str] = field(default_factory=list)
    now: list[Block] = field(default_factory=list)
    clock: Clock | None = None

    @property
    def asks(self) -> bool:
        """Whether a person is waited for."""
        return self.tone == "ask" or self.id == "danger"


RUN = ["Pause", "Stop"]
SO_FAR, THINKING = "{} so far", "thinking {}"


def code_of(call: Call, side: str = "") -> Block:
    """Return a call as code: its Python, or its name with arguments."""
    wrote = "Python, edited since " if call.original is not None else "Python, written by the model in "
    cap: Words = [wrote if call.code else "Call ", ref(call)]
    shown = code(call.code or written(call), "Code of this call", "python")
    return {**shown, "cap": cap, "side": side}


def starting() -> Phase:
    """Nothing was asked yet."""
    begun = [lead("Starting"), text("Nothing has run yet.")]
    return Phase("starting", "go", "running", "Starting", "the first request is on its way", ["Stop"], begun)


_FIRST = {"step": "Each of its steps asks you first."} | dict.fromkeys(
    ("risky", "plan"),
    "A plan and what acts outside ask you first; what only reads, or can be undone, runs.",
)
"""What runs before a person has said anything, by mode."""


def planning(s: State, counts: Counts) -> Phase:
    """The model writes a plan."""
    tools, what = count(len(s.tools), "tool"), "the model writes a plan"
    then = _FIRST.get(s.mode, "The plan runs without asking in this mode.")
    now: list[Block] = [
        lead("Writing a plan"),
        text(f"The model sees the goal, the variables that it may see, and {tools}. {then}"),
        _written(s),
    ]
    clock = counting(counts.requested_at, THINKING)
    return Phase("planning", "go", "running", "Planning", what, RUN, now, clock)


def running(s: State, counts: Counts) -> Phase:
    """A call runs, or the model works on the next one."""
    if call := next((c for c in s.open_calls if c.status == "running"), None):
        return _running_call(call)
    if call := next((c for c in s.open_calls if c.status == "approved"), None):
        return _next(call)
    if s.request or s.todo == "ask":
        return _thinking(s, counts, s.current.n if s.current else s.step)
    nobody = {"you": "looking at the next call"}  # where a person is asked this is not the phase
    what = {**wording.NOW, **nobody}.get(counts.stage, "going on")
    return Phase("running", "go", "running", "Running", what, RUN, [lead(upper(what))])


def _written(s: State) -> Block:
    return {
        "kind": "live",
        "of": f"request {s.requests}",
        "cap": "Written by the model",
        "label": "What it writes",
    }


def expecting(s: State) -> Phase:
    """Another process has to write first, or to make room; nobody is asked."""
    what = listed([w["title"] for w in s.awaited.values()])
    now: list[Block] = [lead(f"It waits for {what}"), text("Stop works meanwhile; nothing runs.", mute=True)]
    return Phase("running", "go", "waiting", "Waiting", f"for {what}", RUN, now)


def _next(call: Call) -> Phase:
    """Say of a call that is decided that it waits: the thread or the variables are somebody else's for now."""
    what = f"{_titled(call)} waits for its turn"
    why = text(f"{allowed(call)} It begins as soon as the cell or step that runs now lets it.")
    return Phase("running", "go", "running", "Running", what, RUN, [lead(upper(what)), why, code_of(call)])


def _titled(call: Call) -> str:
    return f"step {call.step}" if call.step else call.name


def _running_call(call: Call) -> Phase:
    title = _titled(call)
    now: list[Block] = [
        lead(f"{upper(title)} runs"),
        text(allowed(call)),
        {**code_of(call), "kind": "live", "of": call.id, "label": f"Code and prints of {title}"},
    ]
    return Phase("running", "go", "running", "Running", title, RUN, now, counting(call.started, SO_FAR))


def allowed(call: Call) -> str:
    """Say by which decision a call runs."""
    did = "Approved by" if call.by.looked else "Allowed by"
    return f"{did} {call.by.describe()}." if call.by else ""


def _thinking(s: State, counts: Counts, step: int) -> Phase:
    what = f"the model works on step {step}" if step else "the model works"
    if s.plan.steps and all(p.status in ("done", "skipped", "replaced") for p in s.plan.steps):
        what = "the model writes the answer"
    said = text(f"Request {s.requests}. Nothing runs until it has answered.", mute=True)
    if s.outside:
        what, said = (
            f"nothing runs until {s.model}, calls again",
            text("What it does by itself is not seen here.", mute=True),
        )
    if s.failures:
        told = f"Try {s.failures + 1}. The last one failed: {closed(short(counts.trouble, 200))} "
        told += "To ask another model: Stop, then "
        said = text([told, ["`", f"%agent resume {s.pid} -m SPEC"]])
    now: list[Block] = [
        lead(upper(what)),
        said,
        _written(s),
    ]  # one line, as over a call that runs: nothing moves
    clock = counting(counts.requested_at, THINKING)
    return Phase("running", "go", "running", "Running", what, RUN, now, clock)


def paused(s: State) -> Phase:
    """Stopped or paused; what was taken back is named, and what of it stays."""
    stopped = s.why.startswith("stopped")
    pressed = stopped and not s.why.startswith(("stopped by the ", f"stopped by {INTERRUPT.describe()}"))
    state = "Paused by Stop" if pressed else "Paused"
    broken = next((c for c in reversed(s.calls.values()) if c.error == "Stopped"), None) if stopped else None
    step = f"step {broken.step}" if broken is not None and broken.step else "a call"
    what = f"{step} was interrupted" if broken is not None else s.why or "after a step"
    whole = broken is None and s.why.startswith(("stopped", "you"))
    now: list[Block] = [lead("Paused. Nothing is lost." if whole else "Paused")]
    if broken is not None:
        had = f"{upper(step)} ran for {duration(since(broken.started, broken.ended))} and had not finished."
        stands = stays(s, [broken])
        left = f", except that it {stands}: that stays" if stands else ""
        now.append(text(f"{had} What it had changed was taken back{left}."))
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
    return f"Step{'' if one else 's'} {ranges(done)} and {'its' if one else 'their'} names are kept."


MINUTE, LEAD_MOST = 60, 160
UNIT_WORDS = {"steps": "steps", "calls": "calls", "tokens": "tokens", "$": "money", "s": "time"}
EXPORT: Button = {"label": "Export notebook", "verb": "export"}
RESUME: Button = {"label": "Resume", "verb": "resume", "main": True}
_HELD: tuple[Tone, Glyph] = ("ok", "done")  # what the user declared was compared, and holds
_OPEN: tuple[Tone, Glyph] = ("", "answered")


def ended(s: State, counts: Counts) -> Phase:
    """Return the phase of a process that has ended."""
    if s.reason == "answered":
        return _answered(s, counts)
    if s.reason == "unverified":
        what = short(s.detail) or "a check does not hold"
        now = [*unverified(s), _can_do(s)]
        return Phase("unverified", "bad", "failed", "Not verified", what, _resume(s), now)
    return {"budget": _budget, "failed": _failed}.get(s.reason, _other)(s, counts)


def _answered(s: State, counts: Counts) -> Phase:
    done = sum(p.status == "done" for p in s.plan.steps)
    told = count(sum(p.status != "replaced" for p in s.plan.steps), "step")
    ran = (told if told == count(done, "step") else f"{done} of {told}") if s.plan.steps else _of_calls(s)
    asked = f", you were asked {times(counts.asked)}" if counts.asked else ""
    gone = bool(counts.undone)
    word = "Answered" if not gone else "Answered, then partly undone" if changed(s) else "Answered, then undone"
    tone, glyph = _HELD if checked(s) and not gone else _OPEN
    known = answers.counted(answers.numbers(s))
    return Phase("finished", tone, glyph, word, f"{f'{known}; ' if known else ''}{ran}{asked}", [], answer(s, gone))


def _ran(s: State) -> int:
    """Count the calls that ran well and stand."""
    return sum(c.name not in CONTROL for c in s.surviving)


def _of_calls(s: State) -> str:
    """Say how many calls ran well and stand, and of how many where others did not: ``1 of 4 calls``."""
    told = count(sum(c.name not in CONTROL for c in s.calls.values()), "call")
    return told if told == count(_ran(s), "call") else f"{_ran(s)} of {told}"


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
        now.append(command(s, f"%agent budget {s.pid} +{more}", "The goal is not answered yet. In another cell: "))
    acts = [] if s.budget.over(s.spent) else ["Resume"]  # with nothing left it would end at once
    return Phase("budget", "bad", "pause", "Budget reached", what, acts, now)


def foot_of(s: State, phase: Phase) -> Foot | None:
    """Return what can be done after the end; nothing where the end is for good."""
    if s.reason in FOR_GOOD and not changed(s) and not s.undone:
        return None
    unit = s.detail.partition(":")[0] if s.reason == "budget" else ""
    more = _more(s, unit if unit in UNIT_WORDS else s.budget.over(s.spent)) if s.reason == "budget" else ""
    add: Button = {"label": f"Add {more}", "verb": "budget", "data": {"text": f"+{more}"}, "main": True}
    first = [add] if more else []
    resume: list[Button] = [{**RESUME, "main": not more}] if "Resume" in phase.acts else []
    ask = s.reason not in FOR_GOOD and not (more and s.budget.over(s.spent))
    return {**foot(s, phase.now, [*first, *resume]), "ask": ask}


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
    half: list[Block] = [{"kind": "answer", "markdown": s.candidate}, *unfilled(s)] if s.unfilled else []
    now: list[Block] = [
        lead(short(first, LEAD_MOST)),
        text(f"{tried}{kept(s)}"),
        *half,
        {"kind": "heading", "text": "What you can do"},
        _can_do(s),
    ]
    if rest or len(first) > LEAD_MOST:
        now.append(details(f"Journal, event {s.n}", "\n".join((first, *rest)), "Error"))
    return Phase("failed", "bad", "failed", "Failed", short(first, 100), ["Resume"], now)


def _resume(s: State) -> list[str]:
    return ["Resume"] if resumes(s) else []


def _can_do(s: State) -> Block:
    """Offer what goes on: Resume, or where that is refused the words of a person."""
    if resumes(s):
        how: Words = ["goes on from here; with another model: ", ["`", f"%agent resume {s.pid} -m SPEC"]]
        rows: Rows = [[RESUME, how]]
    else:
        rows = [[[["`", f'%agent send {s.pid} "…"']], "goes on with what you say; so does the panel's last line"]]
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
    go_on = [] if s.reason in FOR_GOOD else [_can_do(s)]
    return Phase("ended", tone, glyph, state, what, _resume(s) if go_on else [], [*now, *go_on])
