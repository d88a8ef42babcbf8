"""The state of a process: what `fold` keeps of its events, and nothing else.

Everything here is a consequence of the journal. `fold.py` is the only code that changes it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from llmos_nb.journal import canonical
from llmos_nb.policy import Budget, Mode, Rule
from llmos_nb.process.state.context import Context
from llmos_nb.process.state.plan import Plan, Step
from llmos_nb.tools import Call, Turn

REASONS = (
    "answered",
    "rejected",
    "refused",
    "empty",
    "truncated",
    "unverified",
    "budget",
    "stopped",
    "failed",
    "forked",
)
CONTROL = ("plan", "final_answer")


@dataclass
class State:
    """Everything a process is, folded from its events.

    Parameters
    ----------
    goal, name, model : str
        As they were given.
    pid : int
        Unique in its home.
    mode : str
        Approval mode.
    status : {"running", "paused", "ended"}
        Whether it goes on; `waiting` is a property of a running one.
    todo : str
        What comes next when nothing is open: ``ask`` (the model), ``integrate``, ``answer`` or nothing.
    """

    goal: str = ""
    name: str = ""
    pid: int = 0
    model: str = ""
    mode: Mode = "risky"
    nice: int = 0
    planning: str = "auto"
    check: str = ""
    grounded: bool = True
    parent: dict[str, Any] | None = None
    n: int = -1
    at: str = ""
    epoch: int = 0
    status: str = "running"
    reason: str = ""
    detail: str = ""
    answer: str | None = None
    why: str = ""
    # the plan
    plan: Plan = field(default_factory=Plan)
    plan_status: str = "none"
    plan_call: str = ""
    plan_by: str = ""
    envelope: dict[str, int] = field(default_factory=dict)
    envelope_used: Counter[str] = field(default_factory=Counter)
    # the model
    context: Context = field(default_factory=Context)
    responses: int = 0
    requests: int = 0
    request: int = 0
    failures: int = 0
    failed_kinds: Counter[str] = field(default_factory=Counter)
    retry_in_s: float = 0.0
    shrink: bool = False
    nudges: Counter[str] = field(default_factory=Counter)
    partial: str = ""
    # calls
    calls: dict[str, Call] = field(default_factory=dict)
    turn: Turn | None = None
    todo: str = "ask"
    step: int = 0
    repeats: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    questions: dict[str, dict[str, Any]] = field(default_factory=dict)
    evidence: dict[int, str] = field(default_factory=dict)
    # the end
    candidate: str = ""
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    check_fails: Counter[str] = field(default_factory=Counter)
    ending: tuple[str, str] | None = None
    # bounds and rules
    budget: Budget = field(default_factory=Budget)
    spent: dict[str, float] = field(default_factory=dict)
    warned: bool = False
    busy_since: str = ""
    rules: list[Rule] = field(default_factory=list)
    rules_used: Counter[int] = field(default_factory=Counter)
    tools: dict[str, str] = field(default_factory=dict)
    reads: list[str] = field(
        default_factory=list
    )  # tools whose calls are independent reads: they may run side by side
    pause_wanted: bool = False
    preapproved: list[int] = field(default_factory=list)
    children: dict[int, dict[str, float]] = field(default_factory=dict)  # pid: what is reserved for it
    words: str = ""  # what people said to its parent, where the goal is not a person's
    # the namespace
    effects: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    undoing: list[str] = field(default_factory=list)  # compensations that are not settled yet, in order
    versions: Counter[str] = field(default_factory=Counter)
    labels: dict[str, str] = field(default_factory=dict)
    quarantine: bool = False  # what others may have written is shown by handle
    remembers: bool = False  # there were memories of former runs when it began
    untrusted_since: str = ""  # what first made the context so
    exposed_at: int = -1  # the first event by which it had to do with what others wrote
    handled: bool = False  # it has had what its model was not shown
    decided_at: int = -1  # the last decision on a plan
    told: list[tuple[str, str]] = field(default_factory=list)  # what people said while it ran, and who
    # servers: patterns of what it may use, and by tool the digest of what its server says
    servers: str = ""
    connected: bool = False
    served: dict[str, str] = field(default_factory=dict)
    altered: list[str] = field(default_factory=list)  # something else than before: a person looks first
    # messages
    mailbox: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)
    posted: dict[str, int | str] = field(default_factory=dict)
    awaited: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: list[list[str]] = field(default_factory=list)
    piped: list[dict[str, Any]] = field(default_factory=list)
    approval: dict[str, Any] = field(default_factory=dict)  # who may approve, and until when; empty for anybody
    requester: str = ""  # who may not approve what this process asks; empty where anybody may

    @property
    def open_calls(self) -> list[Call]:
        """Calls of the present turn that are not closed, in order."""
        return [c for c in map(self.calls.__getitem__, self.turn.calls) if not c.closed] if self.turn else []

    @property
    def waiting(self) -> bool:
        """Whether a person (or `resolve`) is what it waits for."""
        if self.status != "running" or self.request or not self.questions:
            return False
        return not self._at_work(held=self.plan_status == "asked")

    @property
    def expecting(self) -> bool:
        """Whether a message (or room for one) is all that it waits for."""
        if self.status != "running" or self.request or self.questions or not self.awaited:
            return False
        return not self._at_work()

    def _at_work(self, held: bool = False) -> bool:
        """Return whether a call runs, or the first that is open can go on; those behind it wait for their turn."""
        calls = self.open_calls
        return any(c.status == "running" for c in calls) or bool(
            not held and calls and calls[0].status in ("approved", "proposed")
        )

    def refuses(self, by: str, question: str = "") -> str:
        """Say why somebody's approval does not count here; nothing where it does."""
        names = self.questions.get(question, {}).get("approvers") or self.approval.get("approvers", ())
        if self.requester and by in ("you", self.requester):
            return f"somebody other than {self.requester} must approve it"
        return f"{' or '.join(names)} must approve it" if names and by not in names else ""

    def left(self, unit: str) -> float:
        """Return what is left of a unit of the budget; infinity where it has no bound."""
        return self.budget.left(unit, self.committed)

    @property
    def committed(self) -> dict[str, float]:
        """What is spent, with what is reserved for children."""
        held = [h for h in self.children.values() if h]
        units = {*self.spent, *(u for h in held for u in h)} if held else ()
        return {u: self.spent.get(u, 0.0) + sum(h.get(u, 0.0) for h in held) for u in units} or self.spent

    @property
    def started_by(self) -> int:
        """The pid of the process that started it; 0 where no process did."""
        return int(self.parent["pid"]) if self.parent and "at" not in self.parent else 0

    @property
    def settled(self) -> bool:
        """Whether it is paused or ended."""
        return self.status != "running"

    @property
    def current(self) -> Step | None:
        """The step that the next calls belong to: one that runs or failed last, else the first that is ready."""
        if self.step and self.plan.step(self.step).status in ("running", "failed", "rejected", "waiting"):
            return self.plan.step(self.step)
        return next(iter(self.plan.ready()), None)

    @property
    def surviving(self) -> list[Call]:
        """Calls that ran well and were not undone, in the order in which they ended."""
        return [self.calls[i] for i in self.effects if self.calls[i].status == "done"]

    def plain(self) -> dict[str, Any]:
        """Return the state as plain data, for digests and views."""
        own = {
            k: v
            for k, v in vars(self).items()
            if k not in ("context", "plan", "turn", "budget", "rules", "calls")
        }
        return {
            **own,
            "calls": {k: vars(c) for k, c in self.calls.items()},
            "plan": [self.plan.version, self.plan.plain()],
            "turn": [self.turn.calls, self.turn.first] if self.turn else None,
            "budget": self.budget.limits,
            "rules": [r.plain() for r in self.rules],
            "context": [[m.encoded.decode() for m in self.context.messages()], len(self.context.pages)],
        }

    @property
    def digest(self) -> str:
        """Hash of the folded state."""
        return sha256(canonical(_plain_keys(self.plain())).encode()).hexdigest()


def _plain_keys(value: Any) -> Any:
    """Make keys texts and sequences lists, so that equal states have equal JSON."""
    if isinstance(value, dict):
        return {str(k): _plain_keys(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_keys(v) for v in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
