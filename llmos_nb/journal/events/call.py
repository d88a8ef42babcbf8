"""Events of calls: decided, started, finished, in doubt, undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, Self

from llmos_nb.journal.events.base import Fact, event
from llmos_nb.journal.events.decider import NO_ONE, Decider


@event("call.decided")
class CallDecided(Fact):
    """A call was decided on, by rule, mode, plan or person.

    Parameters
    ----------
    call : str
        The call.
    digest : str
        What an approval is bound to: call, tool, arguments, and the versions of the names that it uses; else empty.
    what : {"approve", "edit", "reject", "skip"}
        What was decided.
    by : Decider
        Who did.
    why : str
        The reason, for the model or the record.
    arguments : dict, optional
        The arguments as they are from now on, where these are others than before.
    origins : dict of str to str, optional
        Of former versions, of a call that stood on the user's words: where each argument came from.
    looked : list of str
        Of former versions: tools whose records were looked up for the decision.
    """

    call: str
    digest: str
    what: Literal["approve", "edit", "reject", "skip"]
    by: Decider
    why: str
    arguments: dict[str, Any] | None = None
    origins: dict[str, str] | None = None
    looked: list[str] = field(default_factory=list)


@event("call.started")
class CallStarted(Fact):
    """A call is about to run: the intent, on disk before any effect.

    Parameters
    ----------
    call : str
        The call.
    key : str
        Idempotency key that the tool is handed; the same when it runs again.
    epoch : int
        The interpreter that it runs in.
    undo : bool
        Whether its tool declares how to take it back.
    watched : bool
        Whether it is noted on disk before it acts outside.
    """

    call: str
    key: str
    epoch: int
    undo: bool = False
    watched: bool = False


@event("call.finished")
class CallFinished(Fact):
    """What a call gave.

    Parameters
    ----------
    call : str
        The call.
    ok : bool
        Whether it went well.
    result : str
        Its output, bounded; where it is large, a payload beside the journal.
    size : int
        Bytes of the whole output.
    error : str
        Class of the error.
    images : list of dict
        ``{"mime", "text", "data"}``, `data` in hexadecimal.
    facts : dict
        What the device or the gate has to say of it.
    """

    call: str
    ok: bool
    result: str
    size: int
    error: str = ""
    images: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@event("call.in_doubt")
class CallInDoubt(Fact):
    """Nobody knows whether a call took effect; somebody must say.

    Parameters
    ----------
    call : str
        The call.
    why : str
        What is known; empty after a crash.
    did : list of str, optional
        Of code that was cut off: what it was seen to do outside until then, in words; None of a tool, which nobody saw.
    lost, may : list of str
        Variables that the code would have left, and that did not outlive it; and those of them that it may have left:
        what it calls can change them, and nobody knows whether it did.
    """

    call: str
    why: str = ""
    did: list[str] | None = None
    lost: list[str] = field(default_factory=list)
    may: list[str] = field(default_factory=list)


@event("call.resolved")
class CallResolved(Fact):
    """It was settled whether a call that had begun took effect.

    Parameters
    ----------
    call : str
        The call.
    done : bool
        Whether it did; if not, it runs again.
    by : Decider
        Who says so: a person, or a check (``reconcile``, the journal).
    lost, may : list of str
        Variables that are lost all the same: what it did stands, and it is not done; and those of them that may be.
    """

    call: str
    done: bool
    by: Decider
    lost: list[str] = field(default_factory=list)
    may: list[str] = field(default_factory=list)


@event("names.changed")
class Changes(Fact):
    """What a step changed in the namespace and around it; None where nobody looked.

    Parameters
    ----------
    created, rebound, mutated, deleted : list of str
        Variables.
    digests : dict of str to str, optional
        Digest of each changed variable.
    details : dict, optional
        Columns, keys and attributes that changed, by variable.
    shapes : dict
        By variable, ``was`` and ``now``: its type and dimensions; of a table also ``plus``, ``minus``, ``types``:
        columns that came, went or have another type; ``dropped``: how many rows are gone, where all others are as they
        were.
    cwd : str, optional
        The working folder, where it is another one now; empty where nobody looked.
    environ, figures, settings : list, optional
        Environment variables, new matplotlib figures (by number), and library settings.
    random : bool, optional
        Whether a random generator moved.
    opaque : dict, optional
        Variables that could not be looked at, with the reason.
    let_go : list of str, optional
        Keys of the steps that cannot be undone any more.
    files : list of str, optional
        Files of the workspace.
    values : dict of str to dict, optional
        Where the value of a variable stands: the payload beside the journal, ``{"module": name}`` of a module, or
        ``{"same": name}`` of what another variable holds too.
    """

    created: list[str] = field(default_factory=list)
    rebound: list[str] = field(default_factory=list)
    mutated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    digests: dict[str, str] | None = None
    details: dict[str, Any] | None = None
    shapes: dict[str, Any] = field(default_factory=dict)
    cwd: str | None = ""
    environ: list[str] | None = None
    figures: list[Any] | None = None
    settings: list[str] | None = None
    random: bool | None = None
    opaque: dict[str, Any] | None = None
    let_go: list[str] | None = None
    files: list[str] | None = None
    values: dict[str, dict[str, Any]] | None = None

    @property
    def names(self) -> list[str]:
        """The variables that changed."""
        return [*self.created, *self.rebound, *self.mutated, *self.deleted]

    @property
    def undoable(self) -> bool:
        """Whether anything changed that can be taken back."""
        return self.seen or bool(self.random)

    @property
    def seen(self) -> bool:
        """Whether more changed than the random state, which nobody would call a step."""
        return bool(self.names or self.figures or self.cwd or self.environ or self.settings or self.files)

    @property
    def written(self) -> list[str]:
        """Those of them that are there."""
        return [*self.created, *self.rebound, *self.mutated]

    def plain(self) -> dict[str, Any]:
        """Return the data of the line; the four lists of variables always stand in it."""
        lists = {n: getattr(self, n) for n in ("created", "rebound", "mutated", "deleted")}
        return {**lists, **Fact.plain(self)}


@event("names.changed")
class NamesChanged(Fact):
    """What a call changed, right before `CallFinished`; its keys are those of `Changes`.

    Parameters
    ----------
    call : str
        The call.
    changes : Changes
        What it changed.
    """

    call: str
    changes: Changes

    def plain(self) -> dict[str, Any]:
        """Return the data of the line."""
        return {"call": self.call, **self.changes.plain()}

    @classmethod
    def parse(cls, d: Mapping[str, Any]) -> Self:
        """Read the data of a line."""
        call = d.get("call")
        if not isinstance(call, str):
            raise ValueError(f"{cls.kind}: `call` " + (f"cannot be {call!r:.60}" if "call" in d else "is missing"))
        return cls(call=call, changes=Changes.parse(d))


@event("call.undone")
class CallUndone(Fact):
    """A call was taken back.

    Parameters
    ----------
    call : str
        The call.
    compensation : str
        The call that took it back, where it had acted outside.
    stays : list of str
        Names that a later step changed too, and that stay as they are.
    by : Decider
        The model, where it took back what it had done itself; nobody is named where a person did.
    """

    call: str
    compensation: str = ""
    stays: list[str] = field(default_factory=list)
    by: Decider = NO_ONE


@event("call.redone")
class CallRedone(Fact):
    """A call that was undone was put back.

    Parameters
    ----------
    call : str
        The call.
    """

    call: str


@event("undo.proposed")
class UndoProposed(Fact):
    """Somebody wants an outside effect taken back, by a call of its own that passes the gate.

    Parameters
    ----------
    call : str
        The new call, ``{undoes}.undo``.
    undoes : str
        What it takes back.
    name : str
        The tool, ``{tool}.undo``.
    arguments : dict
        What it is given.
    by : Decider
        Who wants it.
    """

    call: str
    undoes: str
    name: str
    arguments: dict[str, Any]
    by: Decider


@event("tool.called")
class ToolCalled(Fact):
    """Code of a step is about to call a declared tool.

    Parameters
    ----------
    call : str
        The id of this call, ``r2.0.1``.
    within : str
        The call whose code calls.
    tool : str
        The tool.
    arguments : dict
        As plain data.
    by : Decider
        Who let it through.
    act : dict, optional
        The act that it uses: the data of `ActUsed`, without the call.
    """

    call: str
    within: str
    tool: str
    arguments: dict[str, Any]
    by: Decider
    act: dict[str, Any] | None = None


@event("tool.returned")
class ToolReturned(Fact):
    """What a declared tool gave that code of a step called.

    Parameters
    ----------
    call, within : str
        As in `ToolCalled`.
    ok : bool
        Whether it went well.
    result : str
        What it gave, bounded; else what is wrong.
    error : str
        The class of the error.
    """

    call: str
    within: str
    ok: bool
    result: str
    error: str = ""
