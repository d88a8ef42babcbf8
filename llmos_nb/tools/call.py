"""A call that the model proposed, and the turn it belongs to: plain data of the state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llmos_nb.journal.events import NO_ONE, Changes, Decider
from llmos_nb.messages import Message
from llmos_nb.policy.code import loop_variables

NAME_CHANGES = ("created", "rebound", "mutated", "deleted")
UNCHANGED = Changes()
CHANGES = (*NAME_CHANGES, "figures", "cwd", "environ", "settings", "random")
HANDLE = "handle"  # kind of an effect: by what a call may act unseen, or what it wrote to that was open before
PASSED = "passed"  # fact of a call: the names that its loops bound anew, and that loops alone had made
CLOSED = ("done", "failed", "rejected", "skipped", "undone")


@dataclass
class Call:
    """One call that the model proposed, and what became of it.

    Parameters
    ----------
    id : str
        ``r{answer}.{index}``, or ``{call}.undo`` of a compensation.
    name : str
        The tool's name as the model wrote it.
    arguments : dict or str
        As they stand now; a str is what could not be parsed.
    step : int
        Number of the plan's step it belongs to, 0 for none.
    status : str
        ``proposed, asked, approved, waits, running, done, failed, rejected, skipped, in_doubt, undone``.
    original : dict or str, optional
        The arguments before somebody edited them.
    digest, by, why : str, Decider, str
        What the last decision is bound to, who made it, and the reason.
    key : str
        Idempotency key that the tool is handed.
    ok, error : bool, optional, and str
        Whether it went well; the class of the error.
    result, size : str, int
        What it gave, bounded, and bytes of the whole.
    images : list of dict
        Images that it gave.
    started, ended : str
        ISO 8601 times.
    changes : Changes
        What it changed.
    facts : dict
        What the device or the gate has to say of it; ``n`` is the event of the answer that proposed it.
    undoes : str
        The call that this one takes back, where it is a compensation.
    also : list of int
        Further steps of the plan that it serves, beside `step`.
    """

    id: str
    name: str
    arguments: dict[str, Any] | str
    step: int = 0
    status: str = "proposed"
    original: dict[str, Any] | str | None = None
    digest: str = ""
    by: Decider = NO_ONE
    why: str = ""
    key: str = ""
    ok: bool | None = None
    result: str = ""
    size: int = 0
    error: str = ""
    started: str = ""
    ended: str = ""
    images: list[dict[str, Any]] = field(default_factory=list)
    changes: Changes = UNCHANGED
    facts: dict[str, Any] = field(default_factory=dict)
    undoes: str = ""
    also: list[int] = field(default_factory=list)

    @property
    def serves(self) -> list[int]:
        """The plan's steps that it serves."""
        return [self.step, *self.also] if self.step else []

    @property
    def told(self) -> str:
        """What it gave on one line; of an error the line that names it."""
        lines = [x for x in self.result.splitlines() if x.strip() and not x.startswith("[the step failed")]
        text = (lines[-1] if self.status == "failed" else " ".join(lines)) if lines else "no output"
        return " ".join(text.split())

    @property
    def silent(self) -> bool:
        """Whether it went well and gave nothing: what stands as its result says that in words of ours."""
        return bool(self.ok) and not self.size

    @property
    def closed(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.status in CLOSED

    @property
    def code(self) -> str:
        """The code of a `python` call, else an empty text."""
        found = self.arguments.get("code", "") if isinstance(self.arguments, dict) else self.arguments
        return str(found) if self.name == "python" else ""

    @property
    def results(self) -> list[str]:
        """The variables that it made, without those that only its loops went through."""
        passing = loop_variables(self.code) if self.changes.created else ()
        return [n for n in self.changes.created if n not in passing]

    @property
    def rebound(self) -> list[str]:
        """The variables that it bound anew, without those that only loops went through, in it and before it."""
        return [n for n in self.changes.rebound if n not in self.facts.get(PASSED, ())]

    @property
    def changed(self) -> list[str]:
        """The variables that it made, bound anew, changed or deleted, without those of loops alone."""
        return [*self.results, *self.rebound, *self.changes.mutated, *self.changes.deleted]

    @property
    def beyond(self) -> bool:
        """Whether it acted, or could have, where Undo does not reach."""
        return bool(self.facts.get("effects") or self.changes.opaque)

    @property
    def proposed(self) -> str:
        """Its code, else its arguments, as the model had proposed them, where somebody edited them; else empty."""
        first = self.original
        if first is None or first == self.arguments:
            return ""
        return str(first.get("code", first) if isinstance(first, dict) else first)

    @property
    def subject(self) -> str:
        """The first comment or line of its code that is no import, if there is any but these."""
        lines = [line.strip() for line in self.code.splitlines() if line.strip()]
        telling = (line for line in lines if not line.startswith(("import ", "from ")))
        return next(telling, lines[0] if lines else "")


@dataclass
class Turn:
    """An answer of the model whose calls are not all closed yet."""

    message: Message
    calls: list[str]
    first: int
