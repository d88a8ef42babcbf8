"""What an export is made from: a process's state and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from llmos_nb.journal import Event, events as ev
from llmos_nb.process.state import State
from llmos_nb.tools import Call, Tool

# since 2 what is asserted stands in cells of its own; since 3 as plain assertions; before this one the words
# of notes and answers were others, too, and an answer stood behind the work, with one assertion over all of it
SCHEMA = 8


@dataclass
class ExportSource:
    """A process as the exporter sees it.

    Parameters
    ----------
    goal, name, model : str
        As they were given.
    pid : int
        The process.
    settings : dict
        Approval mode, budget and the like, for the record.
    state : State
        Folded from `events`.
    events : list of Event
        The journal.
    tools : dict
        By name, for calls as code and the source of the user's functions.
    user_cells : list of (int, str)
        The user's own executed cells with their execution counts. Cells that start with ``%%agent`` may stand among
        them; they are left out, but say what came before the process.
    cells : mapping
        By the same number, what is recorded of them.
    placed : mapping, optional
        By call, its number among the user's cells; None where that is not recorded.
    answered : int, optional
        The number behind which it gave its answer, that of its last step; None where that is not recorded.
    wanted : bool
        Its results are asked for; of any other process only what these need stands in the notebook.
    namespace : dict, optional
        The live one, for inputs that no cell makes and for what the notebook must hold in the end.
    blobs : path, optional
        Folder of the payloads beside the journal.
    secrets : sequence of str
        Values that must not be in the file.
    cwd : path, optional
        Folder that relative file names start from; default the present one.
    began_in : path, optional
        Where the notebook began when it ran, which may be gone or elsewhere now.
    values : str
        How the variables begin that hold the values of its answer, each with its number.
    """

    goal: str
    name: str = ""
    pid: int = 0
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: State = field(default_factory=State)
    events: Sequence[Event] = ()
    tools: Mapping[str, Tool] = field(default_factory=dict)
    user_cells: Sequence[tuple[int, str]] = ()
    cells: Mapping[int, ev.CellRan] = field(default_factory=dict)
    placed: Mapping[str, int] | None = None
    answered: int | None = None
    wanted: bool = True
    namespace: Mapping[str, Any] | None = None
    blobs: Path | None = None
    secrets: Sequence[str] = ()
    cwd: Path | None = None
    began_in: Path | None = None
    values: str = "answer"

    @property
    def folder(self) -> Path:
        """The folder that relative file names start from."""
        return Path(self.cwd) if self.cwd is not None else Path.cwd()

    @property
    def ran_in(self) -> Path:
        """The folder in which it began when it ran."""
        return self.began_in if self.began_in is not None else self.folder.resolve()

    def about(self, *subjects: str) -> list[Event]:
        """Return the events of proposals and decisions about some things.

        Parameters
        ----------
        *subjects : str
            ``plan`` for its approvals, ``step 3`` for those of a step before it began, ``event 12`` for an answer of
            the model, or the id of a call.
        """
        return [event for subject in subjects for event in self._about.get(subject, ())]

    @cached_property
    def _about(self) -> Mapping[str, list[Event]]:
        found: dict[str, list[Event]] = {}
        for event in self.events:
            if subject := _subject(event):
                found.setdefault(subject, []).append(event)
        return found


def _subject(event: Event) -> str:
    match event.body:
        case ev.ModelResponded():
            return f"event {event.n}"
        case ev.PlanDecided(what="approve"):
            return "plan"
        case ev.SignalReceived(signal="approve_step", step=step):
            return f"step {step}"
        case ev.QuestionAsked(question=key):
            return key
        case ev.CallDecided(call=key) | ev.CallResolved(call=key) | ev.CallUndone(call=key) | ev.CallRedone(call=key):
            return key
    return ""


_OF_A_RUN = ("content", "outputs", "outside", "quiet", "random")
NOT_KEPT = "it ran again after a resume, and what it showed then is not kept"


def ran_again(call: Call) -> bool:
    """Return whether a call ran again, to have its variables in another interpreter."""
    return isinstance(call.facts.get("again"), dict)


def latest(call: Call) -> Call:
    """Return a call with the facts and the digests of its last run; what nobody recorded of that is not known."""
    if not ran_again(call):
        return call
    again: dict[str, Any] = call.facts["again"]
    kept = {k: v for k, v in call.facts.items() if k not in _OF_A_RUN}
    new = {k: again[k] for k in _OF_A_RUN if k in again}
    changes = replace(call.changes, digests=dict(again.get("digests", {})))
    return replace(call, facts={**kept, "outputs": None, **new}, changes=changes)
