"""How the names of a process come back in a new interpreter: decided from what was recorded of its steps. Pure.

A value that stands beside the journal is read. A step runs again only where it was seen to do nothing outside; what
needs another step is left out, and the process goes on without it, or a person says that the step runs again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from llmos_nb.tools import Call

AGAIN, WITHOUT = "again", "without"
How = Literal["stored", "rerun", "skip"]
_BEFORE_VERBS = 3


@dataclass(frozen=True)
class Made:
    """What is known of a step that stands.

    Parameters
    ----------
    call : str
        The step.
    written, deleted : frozenset of str
        Variables that it left, and that it deleted.
    whole : frozenset of str
        Those that it bound anew, so that what they held before does not matter.
    stored : frozenset of str
        Those whose values stand beside the journal.
    reads : frozenset of str
        Variables that it takes from outside.
    own : frozenset of str
        Variables of the user's that it changed.
    around : bool
        Whether it changed more than variables: a random state, the environment, settings.
    harmless : bool
        Whether it was seen to do nothing outside.
    """

    call: str
    written: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    stored: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    around: bool = False
    harmless: bool = False


def effects(call: Call) -> list[str] | None:
    """Return what a call did outside, in words; None where nobody looked."""
    found = call.facts.get("effects")
    return [str(e) for e in found] if isinstance(found, list) else None


def harmless(call: Call) -> bool:
    """Return whether a call was seen to do nothing outside."""
    return effects(call) == []


def last_digests(calls: Iterable[Call], lost: Collection[str] = ()) -> dict[str, str]:
    """Return the digest that each name had when the last surviving step left it."""
    found: dict[str, str] = {}
    for call in calls:
        found |= call.changes.digests or {}
        for name in call.changes.deleted:
            found.pop(name, None)
    return {n: d for n, d in found.items() if n not in lost}


def plan(steps: Sequence[Made], wanted: Collection[str], right: Collection[str]) -> list[How]:
    """Say how each step's names come back.

    Parameters
    ----------
    steps : sequence of Made
        In the order in which they ended.
    wanted : collection of str
        Variables that there should be at the end.
    right : collection of str
        Those that are there already, as they should be: no step that changes them runs again.

    Returns
    -------
    list of str
        By step: ``stored`` (values are read, as far as there are any), ``rerun`` or ``skip``.
    """
    live, found = set(wanted) - set(right), list[How]()
    for step in reversed(steps):
        needs = live & step.written
        may = step.harmless and not step.written & set(right)
        if may and (needs or step.around) and (step.own & needs or step.around or not needs <= step.stored):
            found.append("rerun")
            live = (live - step.whole) | step.reads
        elif (
            needs
            or step.deleted
            or (step.written and step.written <= step.stored and not step.written & set(right))
        ):
            found.append("stored")
            live -= step.written
        else:
            found.append("skip")
    return found[::-1]


def question(calls: Mapping[str, Call], missing: Mapping[str, str]) -> tuple[str, str]:
    """Ask whether what acted outside runs again; return the question, and the same in a few words."""
    by_call: dict[str, list[str]] = {}
    for name, call in missing.items():
        by_call.setdefault(call, []).append(f"`{name}`")
    said = [f"{_step(calls[c])} {did(effects(calls[c]))} and made {_listed(n)}" for c, n in by_call.items()]
    names, it = _listed([f"`{n}`" for n in missing]), "it" if len(said) == 1 else "them"
    gone = "is" if len(missing) == 1 else "are"
    text = f"{_listed(said)}, which {gone} gone: run {it} again, or go on without {names}?"
    return text[0].upper() + text[1:], f"run {it} again, or go on without {names}"


def _step(call: Call) -> str:
    return f"step {call.step} ({call.id})" if call.step else f"call {call.id}"


_DID = {
    "write": "wrote", "delete": "deleted", "network": "connected to", "process": "ran",
    "database": "opened the database",
}  # fmt: skip


def did(acted: Sequence[str] | None) -> str:
    """Say in words what a step did outside."""
    if acted is None:
        return "was not watched"
    said = [(_DID[kind], what) for kind, _, what in (a.partition(" ") for a in acted) if kind in _DID and what]
    words = [f"{verb} {what}" for verb, what in dict.fromkeys(said)][:_BEFORE_VERBS]
    return _listed(words) if words else "may have acted outside"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
