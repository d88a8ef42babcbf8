"""The journal's format: one class a kind of event, with every key of its line, when it is written and what it means.

A line is ``{"n", "at", "k", "d", "prev", "hash", "mac"}`` (see `chain`); ``k`` is a class's `kind`, ``d`` its fields.
Version 2 names itself in `RunStarted`; from version 3 on a `Decider` says who decided, where a text had done so. A kind
that is not among these is a newer one: a process's journal that holds it is not read, since what it means would be left
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from llmos_nb.journal.decider import (
    BUDGET,
    CONFLICT,
    DEADLINE,
    INTERRUPT,
    MODEL,
    NO_ONE,
    PLAN,
    REPEAT,
    SCHEMA,
    YOU,
    Decider,
    DeciderData,
    former,
    person,
    typed,
)
from llmos_nb.journal.events.act import ActData, ActsMoved, ActUsed
from llmos_nb.journal.events.answer import AnswerComputed, CheckFinished
from llmos_nb.journal.events.call import (
    CallDecided,
    CallFinished,
    CallInDoubt,
    CallRedone,
    CallResolved,
    CallStarted,
    CallUndone,
    Changes,
    NamesChanged,
    ToolCalled,
    ToolReturned,
    UndoProposed,
)
from llmos_nb.journal.events.end import BACK, FOR_GOOD, REBUILD, SINCE, AfterEnd, may_follow
from llmos_nb.journal.events.heap import HeapChanged, HeapRestored
from llmos_nb.journal.events.message import (
    MessageArrived,
    MessageAwaited,
    MessageDone,
    MessageInDoubt,
    MessageReady,
    MessageReturned,
    MessageSent,
    MessageTaken,
)
from llmos_nb.journal.events.model import (
    BudgetReserved,
    BudgetSettled,
    ContextPaged,
    ModelFailed,
    ModelRequested,
    ModelResponded,
    ProposedCall,
)
from llmos_nb.journal.events.notebook import CellRan, NotebookOpened, ProcessJoined
from llmos_nb.journal.events.plan import PlanDecided, PlanEdited, PlanProposed, StepData, StepIntegrated
from llmos_nb.journal.events.question import (
    EffectDecided,
    QuestionAnswered,
    QuestionAsked,
    QuestionDue,
    QuestionEscalated,
)
from llmos_nb.journal.events.run import (
    FURTHER,
    VERSION,
    HeadMessage,
    LabelChanged,
    OutputsDeclared,
    Parent,
    PolicyChanged,
    PolicyLoaded,
    Reason,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    Signal,
    SignalReceived,
    ToolsChanged,
)
from llmos_nb.journal.events.state import StateSaved


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


Known = (
    RunStarted | PolicyLoaded | PolicyChanged | ToolsChanged | LabelChanged | OutputsDeclared | SignalReceived
    | CheckFinished | AnswerComputed | StateSaved | RunPaused | RunResumed | RunEnded
    | PlanProposed | PlanEdited | PlanDecided | StepIntegrated
    | ModelRequested | ModelResponded | ModelFailed | BudgetReserved | BudgetSettled | ContextPaged
    | CallDecided | CallStarted | CallFinished | CallInDoubt | CallResolved | NamesChanged | CallUndone | CallRedone
    | UndoProposed | ToolCalled | ToolReturned | QuestionAsked | QuestionDue | QuestionEscalated
    | QuestionAnswered | EffectDecided
    | MessageSent | MessageArrived | MessageAwaited | MessageReady
    | MessageTaken | MessageDone | MessageReturned | MessageInDoubt | HeapChanged | HeapRestored
    | NotebookOpened | CellRan | ProcessJoined | ActUsed | ActsMoved
)  # fmt: skip
Body = Known | Unknown
KINDS: dict[str, type[Known]] = {cls.kind: cls for cls in get_args(Known)}

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


__all__ = [
    "BACK", "BUDGET", "CONFLICT", "DEADLINE", "FOR_GOOD", "FURTHER", "INTERRUPT", "KINDS", "MODEL", "NO_ONE", "PLAN",
    "REBUILD", "REPEAT", "SCHEMA", "SINCE", "VERSION", "YOU", "ActData", "ActUsed", "ActsMoved", "AfterEnd",
    "AnswerComputed", "Body", "BudgetReserved", "BudgetSettled", "CallDecided", "CallFinished", "CallInDoubt",
    "CallRedone", "CallResolved", "CallStarted", "CallUndone", "CellRan", "Changes", "CheckFinished",
    "ContextPaged", "Decider", "DeciderData", "EffectDecided", "HeadMessage", "HeapChanged", "HeapRestored",
    "LabelChanged", "MessageArrived", "MessageAwaited", "MessageDone", "MessageInDoubt", "MessageReady",
    "MessageReturned", "MessageSent", "MessageTaken", "ModelFailed", "ModelRequested", "ModelResponded",
    "NamesChanged", "NotebookOpened", "OutputsDeclared", "Parent", "PlanDecided", "PlanEdited", "PlanProposed",
    "PolicyChanged", "PolicyLoaded", "ProcessJoined", "ProposedCall", "QuestionAnswered", "QuestionAsked",
    "QuestionDue", "QuestionEscalated", "Reason", "RunEnded", "RunPaused", "RunResumed", "RunStarted", "Signal",
    "SignalReceived", "StateSaved", "StepData", "StepIntegrated", "ToolCalled", "ToolReturned", "ToolsChanged",
    "UndoProposed", "Unknown", "former", "may_follow", "migrated", "parse", "person",
]  # fmt: skip
