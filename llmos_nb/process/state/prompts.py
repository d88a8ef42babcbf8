"""What a process says to its model: the texts of ``prompts.toml``, put together; those on a call, in `fold.told`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from string import Template

from llmos_nb.journal.events import Decider
from llmos_nb.policy import show
from llmos_nb.process.state.acts import Commitment
from llmos_nb.process.state.plan import Plan, Step
from llmos_nb.process.state.state import State, say
from llmos_nb.process.state.texts import TEXTS

MANY_MINUTES, MINUTES_A_DAY = 120, 1_440


def system(own: Mapping[str, str], namespace: bool, apart: bool = False) -> str:
    """Return the system message; `own` are texts in the place of ours."""
    live = ["apart" if apart else "namespace", "work", "computed"] if apart or namespace else []
    names = ["system", *live]
    return "".join(own.get(n) or TEXTS[n] for n in names)


def plan(own: Mapping[str, str], namespace: bool) -> str:
    """Return what the tool `plan` says of itself."""
    return own.get("plan") or TEXTS["plan_in_notebook" if namespace else "plan"]


ASKS = {
    "risky": "asks_risky", "plan": "asks_plan", "step": "asks_step", "auto": "asks_auto", "never": "asks_never",
}  # fmt: skip


def you_are(own: Mapping[str, str], pid: int, name: str, mode: str, bounds: Mapping[str, float], now: datetime) -> str:
    """Say by which number and name others know the process, what asks in its mode, its budget, and what time it is."""
    texts = {**TEXTS, **own}
    return Template(texts["you_are"]).substitute(
        pid=pid,
        name=f", {name}" if name else "",
        asks=texts[ASKS[mode]],
        budget=", ".join(show(unit, most) for unit, most in bounds.items()),
        time=f"{now:%A %Y-%m-%d %H:%M}",
    )


def beside(own: Mapping[str, str], pid: int, name: str) -> str:
    """Tell a child how its variables do not get in the way of those of others."""
    begin = f"{name}_" if name.isidentifier() else f"p{pid}_"
    return Template(own.get("beside") or TEXTS["beside"]).substitute(begin=begin)


def _named(by: Decider) -> str:
    return by.describe("the user").capitalize()


def plan_lines(s: State, plan: Plan) -> str:
    """Return the open steps of a plan, a line each."""
    return "\n".join(f"{p.n}. {p.title}{_expects(s, p)}" for p in plan.steps if p.open)


def _expects(s: State, step: Step) -> str:
    return say(s, "next_expects", expect=step.expect) if step.expect else ""


def plan_decided(s: State, approved: bool, why: str, edited: bool, begun: bool, dropped: Sequence[int] = ()) -> str:
    """Say what became of a proposed plan, how it reads where a person has edited it, and where to begin."""
    if not approved:
        return say(s, "plan_rejected", why=why or say(s, "no_reason"))
    refused = _reasons(p for p in s.plan.steps if p.status in ("rejected", "skipped"))
    told = say(s, "plan_approved") + (say(s, "plan_without", steps=refused) if refused else "")
    if edited:
        told += _unexpected(s, dropped) + say(s, "plan_reads", steps=plan_lines(s, s.plan)) + "\n"
    elif any(p.status == "replaced" for p in s.plan.steps):
        told += say(s, "plan_numbered", steps=plan_lines(s, s.plan)) + "\n"
    if any(a.open for a in s.acts.values()):
        told += _acts(s).lstrip() if told.endswith("\n") else _acts(s)
    elif s.closed:
        told += say(s, "plan_no_acts")
    first = next(iter(s.plan.ready()), None) if not begun else None
    begin = say(s, "plan_begin", n=first.n, title=first.title) if first else ""
    return told + (begin.lstrip() if told.endswith("\n") else begin)


def _acts(s: State) -> str:
    """Say which acts stand, and which of them ask."""
    lines = [say(s, "act", n=n, act=a.text) + _asks(s, a) for n, a in s.acts.items() if a.open]
    return say(s, "plan_acts", acts="\n".join(lines))


def _asks(s: State, act: Commitment) -> str:
    always = act.kind in ("open", "invented")
    return "" if _runs(s, act) else say(s, "act_always_asks" if always else "act_asks", why=act.why)


def _runs(s: State, act: Commitment) -> bool:
    return act.kind == "bound" or (act.kind == "delegated" and (act.approved or s.delegate == "allow"))


def _unexpected(s: State, dropped: Iterable[int]) -> str:
    """Say of which steps nothing is expected any more, since they have another title."""
    steps = ", ".join(f"step {n}" for n in dict.fromkeys(dropped) if not s.plan.step(n).expects)
    return say(s, "plan_unexpected", steps=steps) if steps else ""


def plan_edited(s: State, by: Decider, refused: Sequence[Step] = (), dropped: Sequence[int] = ()) -> str:
    """Say that somebody edited the plan, or rejected steps of it, and why."""
    lines = plan_lines(s, s.plan)
    left = say(s, "plan_left", steps=lines) if lines else say(s, "plan_nothing_left")
    left = f"{_unexpected(s, dropped)} {left}".lstrip()
    if refused:
        return say(s, "plan_steps_rejected", who=_named(by), steps=_reasons(refused), left=left)
    return say(s, "plan_edited", who=_named(by), left=left)


def _reasons(steps: Iterable[Step]) -> str:
    """List steps that were rejected, each with the reason."""
    said = "; ".join(f"step {p.n}, {p.title}" + (f": {p.why}" if p.why else "") for p in steps)
    return said.rstrip(".")


def next_step(s: State, step: Step) -> str:
    """Say which step comes next."""
    told = say(s, "next_step", n=step.n, title=step.title) + _expects(s, step)
    told += say(s, "next_hint", hint=step.hint) if step.hint else ""
    return told + (say(s, "next_code", code=step.code) if step.code else "")


def message(s: State, name: str, text: str, label: str) -> str:
    """Return a message of another process: what it says is data."""
    return say(s, "message", name=name, label=_marked(s, label), text=text)


def piped(s: State, name: str, text: str, label: str) -> str:
    """Return what came through a pipe: the answer of the process before."""
    return say(s, "piped", name=name, label=_marked(s, label), text=text)


def _marked(s: State, label: str) -> str:
    return "" if label == "trusted" else say(s, "labelled", label=label)


def tools_changed(s: State, new: Iterable[str], altered: Iterable[str], gone: Iterable[str]) -> str:
    """Say which tools came, changed and went, by their names alone: what a server says of them is no news to act on."""
    parts = (("new", new), ("changed", altered), ("gone", gone))
    return say(s, "tools_changed", changes="; ".join(f"{what}: {', '.join(n)}" for what, n in parts if n))


def check_failed(s: State, name: str, detail: str) -> str:
    """Say that the answer does not hold."""
    return say(s, "check_grounded" if name == "grounded" else "check_failed", name=name, detail=detail)


def budget_near(s: State, units: Iterable[str]) -> str:
    """Warn that little is left."""
    rest = (show(u, float(f"{max(s.left(u), 0):.3g}")) for u in units)
    return say(s, "budget_near", left=", ".join(rest))


def took_long(s: State, by: Decider, did: str, seconds: float, at: str) -> str:
    """Say that a decision took long, and what time it is now, since data and plans may be old."""
    when = at[:16].replace("T", " ")
    return say(s, "took_long", who=_named(by), did=did, span=_span(seconds), time=when)


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < MANY_MINUTES:
        return f"{minutes} min"
    return f"{round(minutes / 60)} h" if minutes < 2 * MINUTES_A_DAY else f"{minutes // MINUTES_A_DAY} days"


def others_changed(s: State, names: Mapping[str, str], now: str) -> str:
    """Say which variables somebody else has changed since the process last looked, and what they are now."""
    return say(s, "others_changed", names=changed_by(s, names), now=now)


def changed_by(s: State, names: Mapping[str, str]) -> str:
    """Name variables, each with who changed it."""
    return ", ".join(say(s, "changed_by", name=n, who=by) for n, by in names.items())


def step_expected(s: State, n: int, expect: str, why: str) -> str:
    """Say that a step did not show what it was to show."""
    return say(s, "step_expected", n=n, expect=expect, why=why)


def names_gone(s: State, missing: Mapping[str, str], differs: Iterable[str]) -> str:
    """Say which variables are gone since the session was started anew, and which are other than they were."""
    made = {n for call in s.calls.values() for n in call.changes.created}
    differs = dict.fromkeys((*differs, *(n for n in missing if n not in made)))  # the user's cells made these
    names = ", ".join(f"{n} (made by {call})" for n, call in missing.items() if n not in differs)
    gone = say(s, "names_gone", names=names) if names else ""
    return say(s, "anew") + gone + (say(s, "names_differ", names=names) if (names := ", ".join(differs)) else "")
