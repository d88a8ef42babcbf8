"""What stands beside a plan that is judged: the acts that it commits to, who chooses what, and what else it may do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from llmos_nb.policy import envelope
from llmos_nb.process.state import Commitment, State
from llmos_nb.views.contract import Act, PlanCard, Table, Words
from llmos_nb.views.panel.blocks import Rows
from llmos_nb.views.wording import count, listed, marked, upper

_CHOOSES = {
    "bound": "you, in your words, and what exists", "delegated": "others", "open": "others; it asks each time",
    "invented": "nobody; it asks each time",
}  # fmt: skip
_CLASS = {
    "bound": "Bound: you, in your words, and what exists.", "delegated": "Delegated: others choose.",
    "open": "Open: always asks, with the values.", "invented": "Invented: nobody said it; it always asks.",
}  # fmt: skip
NO_ACT = "This plan promises no act outside: whatever it does outward will ask."
_STILL_ASKS = {
    "plan": "no, up to this count", "step": "yes, each call", "auto": "no", "never": "it is refused if it is risky",
}  # fmt: skip


def commits(acts: Mapping[int, Commitment]) -> Table:
    """List what the plan commits to do outside, and who chooses to whom, where and how much."""
    rows: Rows = []
    for n, act in acts.items():
        who = "; ".join(w for w in (_CHOOSES.get(act.kind, act.kind), act.why, act.choice) if w)
        rows.append([str(n), _says(act), marked(who)])
    caption = f"Before it reads anything of others, it commits to {count(len(acts), 'act')}"
    return {"caption": caption, "heads": ["act", "what goes out", "who chooses"], "rows": rows}


def _says(act: Commitment) -> Words:
    return marked(act.says) if act.says else [["`", act.text]]


def may_do(s: State) -> Table:
    """List what approving the plan grants: tool, how often, for which steps, and what still asks."""
    rows: Rows = [[[["`", tool]], much, steps, _asks(s)] for tool, much, steps in _granted(s)]
    return {"caption": "What the plan may do", "heads": ["tool", "at most", "for", "still asks"], "rows": rows}


def _asks(s: State) -> str:
    return _STILL_ASKS.get(s.mode, "if it touches files, processes or the net, or cannot be undone")


def _granted(s: State) -> list[tuple[str, str, str]]:
    """Return each tool that the open steps may use, how often, and for which of them."""
    granted = {p.n: envelope([p.plain()], s.tools) for p in s.plan.steps if p.open}
    found = []
    for tool in sorted({t for g in granted.values() for t in g}):
        used = {n: g[tool] for n, g in granted.items() if tool in g}
        named = "every step" if len(used) == len(granted) > 1 else f"step{'s' * (len(used) > 1)} {ranges(used)}"
        once = sum(used.values()) == len(used) > 1
        found.append((tool, "one call a step" if once else count(sum(used.values()), "call"), named))
    return found


def ranges(numbers: Mapping[int, object] | list[int]) -> str:
    """Say ``1 to 3 and 5``."""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda at: at[1] - at[0])]
    return listed(f"{r[0]} to {r[-1]}" if r[-1] > r[0] + 1 else listed(r) for r in runs)


def planned(s: State, acts: Mapping[int, Commitment]) -> PlanCard:
    """Return the acts of a plan in words, and in a line for each tool how often it may be used here."""
    rest: list[Words] = [[["`", tool], f": at most {much}, {steps}"] for tool, much, steps in _granted(s)]
    rest.append(f"Still asks: {_asks(s)}.")
    return {"acts": [_act(n, act) for n, act in acts.items()], "promise": promise(s, acts), "rest": rest}


def promise(s: State, acts: Mapping[int, Commitment]) -> str:
    """Say what becomes of that which goes out and that no act names."""
    if acts:
        return "It commits to these before it reads anything of others. Whatever else goes out will be asked."
    if s.closed or s.plan.commits:
        return NO_ACT
    return "Whatever a step would do outside is asked when it comes to it."


def _act(n: int, act: Commitment) -> Act:
    chosen: list[list[Words]] = [[[["`", name]], who] for name, who in act.chosen.items()]
    why = " ".join(f"{upper(words)}." for words in (act.why, act.choice) if words)
    return {
        "n": n,
        "words": _says(act),
        "kind": act.kind,  # type: ignore[typeddict-item]  # one of the four classes
        "why": " ".join(filter(None, (_CLASS.get(act.kind, ""), why))),
        "chosen": chosen,
    }
