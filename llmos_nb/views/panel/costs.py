"""How a row went, and what its calls took: time, and what the answers that proposed them cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from llmos_nb.process.state import State
from llmos_nb.tools import Call
from llmos_nb.views.contract import StepRow, Words
from llmos_nb.views.counts import Counts
from llmos_nb.views.results import Verdict
from llmos_nb.views.wording import as_read, counting, duration, money, since, tokens

Costs = dict[str, float]


def facts(s: State, row: StepRow, calls: list[Call], counts: Counts, costs: Costs | None = None) -> None:
    """Say how long the calls ran and what the answers that proposed them cost; of one that broke off nobody knows."""
    ran = sum(since(c.started, c.ended) for c in calls if c.status != "running")
    live = next((c for c in calls if c.status == "running"), None)
    if live is not None and not s.settled and (clock := counting(live.started, "{} so far", ran)):
        row["clock"] = clock
    elif any(c.started and c.ended for c in calls):
        row["dur"] = duration(ran)
    if live is None and (cost := say_cost(cost_of(calls, counts) if costs is None else costs)):
        row["cost"] = cost


def verdict_of(row: StepRow, found: Verdict, gave: str = "") -> None:
    """Say in a row how it went, and what was compared gave; green is only what was evaluated."""
    was = as_read(gave.removeprefix("it is false").removeprefix(": ")) if found.kind == "not as expected" else ""
    more = [f" ({was})"] if was else []
    words: Words = [f"{found.kind}: ", ["`", found.code], *more] if found.code else found.kind
    row["verdict"] = "ran, nothing to compare" if found.kind == "ran" and isinstance(row["n"], int) else words
    if found.kind == "as expected":
        row["held"] = True


def cost_of(calls: Iterable[Call], counts: Counts) -> Costs:
    """Add up what the answers behind these calls cost, each once."""
    total: Costs = defaultdict(float)
    for response in {int(c.id[1:].partition(".")[0]) for c in calls}:  # `r3.0` is of answer 3
        for unit, amount in counts.costs.get(response, {}).items():
            total[unit] += amount
    return total


def say_cost(cost: Costs) -> str:
    """Say money where it costs some, else tokens."""
    if cost.get("$"):
        return money(cost["$"], 4)
    return f"{tokens(cost['tokens'])} tokens" if cost.get("tokens") else ""
