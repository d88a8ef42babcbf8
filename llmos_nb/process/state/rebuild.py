"""How the names of a process come back in a new interpreter: decided from what was recorded of its steps. Pure.

A value that stands beside the journal is read, whosever variable it is. Of the rest, a step runs again only where it
was seen to do nothing outside and could not reach anything by which it may have acted unseen; what needs another step
is left out, and the process goes on without it, or a person says that the step runs again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from llmos_nb.tools import HANDLE, Call

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
        if may and (step.around or not needs <= step.stored):
            found.append("rerun")
            live = (live - step.whole) | step.reads
        elif needs or step.deleted or (step.written and step.written <= step.stored and not step.written & set(right)):
            found.append("stored")
            live -= step.written
        else:
            found.append("skip")
    return found[::-1]


def question(calls: Mapping[str, Call], missing: Mapping[str, str], theirs: Collection[str] = ()) -> tuple[str, str]:
    """Ask whether what acted outside runs again; return the question, and the same in a few words.

    Parameters
    ----------
    calls : mapping of str to Call
        Those that had made or changed what is missing.
    missing : mapping of str to str
        The call by variable.
    theirs : collection of str
        Those that are there, but as the user's own cells have made them.
    """
    said, gone = list[str](), [f"`{n}`" for n in missing if n not in theirs]
    for call in dict.fromkeys(missing.values()):
        of = [n for n, c in missing.items() if c == call]
        kinds = (("made", [n for n in of if n not in theirs]), ("changed", [n for n in of if n in theirs]))
        verbs = [f"{verb} {_listed(f'`{n}`' for n in names)}" for verb, names in kinds if names]
        said.append(f"{_step(calls[call])} {did(effects(calls[call]))} and {' and '.join(verbs)}")
    names, it = _listed(f"`{n}`" for n in missing), "it" if len(said) == 1 else "them"
    left = [f"{'which' if len(gone) == len(missing) else _listed(gone)} {_are(gone)} gone"] if gone else []
    kept = [f"`{n}`" for n in missing if n in theirs]
    left += [f"{_listed(kept) if gone else 'which'} {_are(kept)} as the user's own cells have it"] if kept else []
    what = f"run {it} again, or go on without {names if not kept else 'that'}"
    text = f"{_listed(said)}, {' and '.join(left)}: {what}?"
    return text[0].upper() + text[1:], what


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _step(call: Call) -> str:
    return f"step {call.step} ({call.id})" if call.step else f"call {call.id}"


def in_doubt(call: Call) -> str:
    """Say what is known of a call that was under way when the process broke off."""
    if "lost" not in call.facts:
        return f"{call.name} was under way when the process broke off; nobody knows whether it took effect."
    lost, may = ([f"`{n}`" for n in call.facts.get(kind, ())] for kind in ("lost", "may"))
    gone = f" {lost_names(lost, may, ', or as before it')}." if lost else ""
    until = f"{_step(call)} was cut off when the process broke off; until then it {did(effects(call))}"
    return f"{until[0].upper()}{until[1:]}. Whether it came further is not known.{gone}"


def lost_names(names: Sequence[str], may: Collection[str] = (), more: str = "") -> str:
    """Say which variables are lost, with `more` behind it, and which may be; nothing where there are none."""
    sure, perhaps = [n for n in names if n not in may], [n for n in names if n in may]
    said = [f"{_listed(sure)} {_are(sure)} lost{more}"] if sure else []
    return "; ".join([*said, *([f"{_listed(perhaps)} may be lost"] if perhaps else [])])


_DID = {
    "write": "wrote", "delete": "deleted", "network": "connected to", "process": "ran",
    "database": "opened the database", "call": "called", "command": "wrote", "signal": "signalled",
}  # fmt: skip


def did(acted: Sequence[str] | None) -> str:
    """Say in words what a step did outside."""
    if acted is None:
        return "was not watched"
    pairs = [(kind, what) for kind, _, what in (a.partition(" ") for a in acted) if what]
    words = [f"{_DID[kind]} {what}" for kind, what in dict.fromkeys(pairs) if kind in _DID][:_BEFORE_VERBS]
    by = [f"`{what}`" for kind, what in pairs if kind == HANDLE][:_BEFORE_VERBS]
    words += [f"may have acted through {_listed(by)}"] if by else []
    return _listed(words) if words else "may have acted outside"


def _listed(items: Iterable[str]) -> str:
    words = list(items)
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
