"""Commitments of a process: what it said it would do outside, before it had read what others wrote.

A process is *closed* from the moment a plan stands that has acts, or of which each step says that it has none: from
then on only what an open act covers goes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from llmos_nb.errors import UsageError
from llmos_nb.journal.events import MODEL, YOU, ActData, Decider, StepData

ENDED = ("rejected", "skipped", "replaced")  # steps whose acts are given up
_KEPT = ("text", "kind", "says", "why", "choice", "chosen")


@dataclass
class Commitment:
    """One act.

    Attributes
    ----------
    text, kind : str
        The expression, and its class: ``bound, delegated, open, invented``.
    says, why, choice : str
        The act in words, why it is of its class, and what data picks among what is allowed.
    chosen : dict of str to str
        By argument, who chooses its value.
    by : Decider
        The model, or the person who gave it.
    step : int
        The plan's step that it belongs to; 0 for none.
    approved : bool
        A person gave it, or approved it on a card.
    open : bool
        It was not given up, and no other process has it.
    items : list, optional
        What it is done for, as read when it was first used.
    uses : list of list
        ``[call, item]`` of each call that it let through.
    """

    text: str
    kind: str
    says: str = ""
    why: str = ""
    choice: str = ""
    chosen: dict[str, str] = field(default_factory=dict)
    by: Decider = MODEL
    step: int = 0
    approved: bool = False
    open: bool = True
    items: list[Any] | None = None
    uses: list[list[Any]] = field(default_factory=list)

    def plain(self, n: int) -> ActData:
        """Return what a plan says of it."""
        said = {k: v for k in _KEPT if (v := getattr(self, k))}
        return cast("ActData", {"n": n, **said, "by": self.by.plain()})


Acts = dict[int, Commitment]


def given(raw: Iterable[ActData]) -> Acts:
    """Return acts that a process has to begin with: a person's, or moved from its parent."""
    acts = {a["n"]: _read(a, YOU) for a in raw}
    return {n: replace(a, approved=a.by.is_person) for n, a in acts.items()}


def moving(acts: Acts, wanted: Iterable[int]) -> list[ActData]:
    """Return acts as another process gets them.

    Raises
    ------
    UsageError
        One is not open, or has been used.
    """
    found = list[ActData]()
    for n in wanted:
        if n not in acts or not acts[n].open or acts[n].uses:
            raise UsageError(f"act {n}: there is none of this number that is open and has not been used")
        by = YOU if acts[n].approved else acts[n].by
        found.append(replace(acts[n], by=by).plain(n))
    return found


def _read(raw: Mapping[str, Any], by: Decider, **more: Any) -> Commitment:
    """Return an act as an event says it; where that does not name who gave it, it is `by`."""
    by = Decider.parse(raw["by"]) if "by" in raw else by
    return Commitment(**{k: raw[k] for k in _KEPT if raw.get(k)}, by=by, **more)


def planned(acts: Acts, steps: Sequence[StepData], by: Decider) -> None:
    """Take in a plan: its acts are open, and those that it no longer has are given up."""
    live = {a["n"]: (a, p["n"]) for p in steps if p.get("status") not in ENDED for a in p.get("acts", ())}
    for n, (raw, step) in live.items():
        acts.setdefault(n, _read(raw, by, step=step, approved=by.is_person)).step = step
    for n, act in acts.items():
        act.open = act.open and (n in live or not act.step)


def decided(acts: Acts, by: Decider, without: Sequence[int]) -> None:
    """Take in that the plan was approved; by a person, its acts are, but those left out."""
    for n, act in acts.items():
        act.open = act.open and n not in without
        act.approved = act.approved or (act.open and by.is_person)


def refused(acts: Acts) -> None:
    """Take in that the plan was rejected: what nobody has approved of it is given up."""
    for act in acts.values():
        act.open = act.open and (act.approved or not act.step)


def used(acts: Acts, n: int, call: str, item: int | None, items: list[Any] | None) -> None:
    """Count a use; with the first, what it is done for stays as it is."""
    released(acts, call)
    act = acts[n]
    act.items = act.items if items is None else items
    act.uses.append([call, item])


def released(acts: Acts, call: str) -> None:
    """Forget the use of a call that did not begin."""
    for act in acts.values():
        act.uses = [use for use in act.uses if use[0] != call]
