"""The closed list of kinds, and how the data of a line, of this version or an earlier one, becomes an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmos_nb.journal.events import (
    act,
    answer,
    call,
    heap,
    message,
    model,
    notebook,
    plan,
    question,
    run,
    state,
)
from llmos_nb.journal.events.base import Fact
from llmos_nb.journal.events.decider import typed
from llmos_nb.journal.events.run import VERSION, RunEnded


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event of a kind that this version does not know, in a file that is no journal of a process.

    Parameters
    ----------
    kind : str
        The kind.
    d : dict
        Its data, as it stands in the line.
    """

    kind: str
    d: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """Return the data of the line."""
        return self.d


Body = Fact | Unknown
_FILES = (run, plan, model, call, question, message, heap, notebook, act, answer, state)
KINDS: dict[str, type[Fact]] = {
    cls.kind: cls  # of one kind the last: `NamesChanged` holds `Changes`
    for cls in (known for file in _FILES for known in vars(file).values())
    if isinstance(cls, type) and issubclass(cls, Fact) and cls is not Fact
}

# keys that a line of version 1 might lack, and what that meant
_VERSION_1: dict[str, dict[str, Any]] = {
    "run.started": {"name": "", "pid": 0, "parent": None},
    "policy.loaded": {"mode": "", "rules": []},
    "plan.decided": {"why": ""},
    "call.decided": {"why": ""},
    "model.failed": {"kind": ""},
    "question.answered": {"by": ""},
    "signal.received": {"by": ""},
    "run.ended": {"detail": "", "answer": None},
}


def migrated(kind: str, d: Mapping[str, Any], version: int) -> Mapping[str, Any]:
    """Return the data of a line of an earlier version as it is read now; the line itself stays as it is."""
    if kind == RunEnded.kind and d.get("reason") == "stopped" and str(d.get("detail")).startswith("killed by "):
        d = {**d, "reason": "killed"}  # as it was said before `killed` was a reason of its own
    if version == 1:
        d = {**_VERSION_1.get(kind, {}), **d}
    return d if version >= VERSION else typed(d)


def parse(kind: str, d: dict[str, Any], version: int = VERSION) -> Body:
    """Read the data of a line.

    Raises
    ------
    ValueError
        Names the key that is missing, or has another type.
    """
    cls = KINDS.get(kind)
    return Unknown(kind, d) if cls is None else cls.parse(migrated(kind, d, version))
