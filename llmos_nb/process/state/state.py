"""The state of a process: what `fold` keeps of its events, and nothing else.

Everything here is a consequence of the journal. `fold.py` is the only code that changes it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from llmos_nb.journal.events import NO_ONE, YOU, Decider, Parent, Reason
from llmos_nb.messages import canonical
from llmos_nb.policy import Budget, Mode, Rule
from llmos_nb.process.state.acts import Commitment
from llmos_nb.process.state.context import Context
from llmos_nb.process.state.plan import Plan, Step
from llmos_nb.process.state.texts import TEXTS, filled
from llmos_nb.tools import CLOSED, Call, Turn

CONTROL = ("plan", "final_answer")
SERVES = "step"  # the argument by which a call says which step of the plan it serves


@dataclass(frozen=True, slots=True)
class Note:
    """What the model is told with its next prompt.

    Parameters
    ----------
    text : str
        The words.
    closed : tuple of str, optional
        Of what somebody did to the variables: the calls of the turn that had ended by then. Those of its calls that
        ran after it are told with it, once they have.
    """

    text: str
    closed: tuple[str, ...] | None = None


@dataclass
class State:
    """Everything a process is, folded from its events.

    Attributes
    ----------
    goal, name, pid, version, model : str, str, int, int, str
        What is wanted; what the process and its model are called; its number, unique in its home.
    endpoint : str
        The URL at which the model was asked last; empty for none.
    small, outside : bool
        Whether that model is a small one, whose code often answers another question; an agent outside, with own tools.
    parent : Parent, optional
        Of a fork or a child: where it comes from.
    mode : {"risky", "plan", "step", "auto", "never"}
        Who approves what.
    planning : str
        Whether it plans: ``auto``, ``only``, ``none``, or the name of the variable that held its plan.
    check, outputs : str, list
        What must hold of the answer: the user's check by name; ``[name, kind]`` of each variable that it must leave.
    quarantine, remembers : bool
        Whether others' words are shown by handle; whether there were memories of former runs when it began.
    words, prompts : str, dict of str to str
        What people had said to its parent, where the goal is not a person's; its own texts for its model, by name.
    n, at, epoch : int, str, int
        Place and ISO 8601 time of the last event; interpreters that it has lived in before this one.
    status : {"running", "paused", "ended"}
        Whether it goes on; `waiting` is a property of a running one.
    why, reason, detail, answer : str, str, str, str or None
        Why it is paused; why it ended, the same in words, and what it answered.
    former : list of dict of str to str
        Of each turn before this one ``{"answer", "then"}``: what it answered, and what it was told then.
    heard : int
        How many of the words of `told` had been said when it ended last.
    nice, pause_wanted : int, bool
        -20 goes first, 19 lets all others go first; whether it pauses after this step.
    todo : {"ask", "integrate", "answer", ""}
        What comes next when nothing is open: ask the model, compare what a step showed, or check the answer.
    plan, plan_status : Plan, {"none", "proposed", "asked", "approved", "rejected"}
        The plan, and what was decided on it.
    plan_call, plan_by, plan_seen, upto : str, Decider, bool, int
        The call that proposed it, who did or decided it last; if a person ever approved one; up to which step, or 0.
    step : int
        The plan's step that ran last; 0 for none.
    evidence, compared, missed : dict of int to str
        By step, what was seen, and the expression that was evaluated: one that held, one that did not.
    seen_in : dict of int to list of str
        By step, the calls in whose results its evidence was seen.
    unread : list of int
        Steps that calls of the last answer served and that were not integrated yet.
    invented : str
        Title of the step that former versions gave a process without a plan; empty for none.
    envelope, envelope_used, preapproved : dict of str to int, Counter, list of int
        By tool, how many calls the approved plan covers, and how many of these were used; steps that a person
        approved before they began.
    acts, closed, delegate : dict of int to Commitment, bool, str
        What it commits to do outside; whether it does nothing else there; whether acts in which others choose ask.
    context : Context
        What the model is shown.
    notes : list of Note
        What it is told beside results, once no call of the turn is open.
    requests, request, responses : int
        Requests so far, the one that is under way (0 for none), and answers so far.
    failures, failed_kinds, retry_in_s, shrink : int, Counter, float, bool
        Failed attempts since the last answer, the same by kind of error, seconds until the next attempt, and whether
        the prompt must become shorter, since the model refused its size.
    nudges, partial : Counter, str
        How often the model was asked to go on, by the reason; the beginning of an answer that was cut off.
    calls, turn : dict of str to Call, Turn or None
        Every call by its id, and the answer whose calls are not all closed.
    repeats : Counter
        Identical calls with nothing new between them.
    questions : dict of str to dict
        What a person is asked, by call or ``plan:{version}``: the data of `QuestionAsked`, and ``since``.
    candidate, checks, check_fails : str, dict, Counter
        The text that may become the answer, what its checks found, and how often each check failed.
    computed, computed_over, unfilled : list of dict, optional; list of str; list of str
        Of the candidate: each stretch that an expression gave, the calls that stood then; which failed, and why.
    ending : tuple of (Reason, str), optional
        Reason and detail with which it ends, once no call runs.
    budget, spent, warned : Budget, dict of str to float, bool
        Its bounds, what is used by unit, and whether the model was told that little is left.
    children : dict of int to dict
        What is reserved for each child by unit; empty once it was settled.
    rules, rules_used : list of Rule, Counter
        Rules that speak before the mode, and how often each let something through.
    grants : list of list of str
        What a person lets every step of the process do outside: kind of effect, and path, host or program.
    requester, approval : str, dict
        Who may not approve what this process asks; who may, and until when; empty for anybody.
    tools, reads, in_turn : dict of str to str, list of str, list of str
        Digest by tool; tools whose calls are independent reads, which may run side by side; tools of which a person
        is asked only once the calls before have run.
    servers, connected : str, bool
        Patterns of the MCP servers that it may use, and whether their tools were found.
    served, altered : dict of str to str, list of str
        By tool, the digest of what its server says; tools of which it says something else than before.
    effects, undone, undoing : list of str
        Calls that ran well, as they ended; those taken back; and compensations that are not settled yet, in order.
    versions : Counter
        How often each variable changed.
    lost, again : dict of str to str, list of str
        Variables that are gone since the interpreter ended, with the call that had made each; and the calls that
        acted outside and that a person has run again, to have their variables.
    labels : dict of str to str
        Label by variable, ``file:PATH``, or ``*`` for the context.
    untrusted_since, handled : str, bool
        What first made the context untrusted; whether it has had what others wrote and its model was not shown.
    told : list of (Decider, str)
        What people said to it: who, and what.
    mailbox, arrived, posted : dict
        By id: messages to be received; the pid that sent each that came; to whom each went that it sent.
    awaited : dict of str to dict
        What a call, or ``input``, waits for: the data of `MessageAwaited`, and ``since``.
    noted, piped : str, list of dict
        What the model noted when work left its window, the last time that it was asked; what came through a pipe:
        ``{"from", "name", "text"}``.
    """

    # what was started
    goal: str = ""
    name: str = ""
    pid: int = 0
    version: int = 1
    model: str = ""
    endpoint: str = ""
    small: bool = False
    outside: bool = False
    parent: Parent | None = None
    mode: Mode = "risky"
    planning: str = "auto"
    check: str = ""
    outputs: list[list[str]] = field(default_factory=list)
    quarantine: bool = False
    remembers: bool = False
    words: str = ""
    prompts: dict[str, str] = field(default_factory=dict)
    # where it stands
    n: int = -1
    at: str = ""
    epoch: int = 0
    status: str = "running"
    why: str = ""
    reason: str = ""
    detail: str = ""
    answer: str | None = None
    former: list[dict[str, str]] = field(default_factory=list)
    heard: int = 0
    nice: int = 0
    pause_wanted: bool = False
    todo: str = "ask"
    # the plan
    plan: Plan = field(default_factory=Plan)
    plan_status: str = "none"
    plan_call: str = ""
    plan_by: Decider = NO_ONE
    plan_seen: bool = False
    upto: int = 0
    step: int = 0
    evidence: dict[int, str] = field(default_factory=dict)
    compared: dict[int, str] = field(default_factory=dict)
    missed: dict[int, str] = field(default_factory=dict)
    seen_in: dict[int, list[str]] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)
    invented: str = ""
    envelope: dict[str, int] = field(default_factory=dict)
    envelope_used: Counter[str] = field(default_factory=Counter)
    preapproved: list[int] = field(default_factory=list)
    acts: dict[int, Commitment] = field(default_factory=dict)
    closed: bool = False
    delegate: str = "ask"
    # the model
    context: Context = field(default_factory=Context)
    notes: list[Note] = field(default_factory=list)
    requests: int = 0
    request: int = 0
    responses: int = 0
    failures: int = 0
    failed_kinds: Counter[str] = field(default_factory=Counter)
    retry_in_s: float = 0.0
    shrink: bool = False
    nudges: Counter[str] = field(default_factory=Counter)
    partial: str = ""
    # calls and questions
    calls: dict[str, Call] = field(default_factory=dict)
    turn: Turn | None = None
    repeats: Counter[str] = field(default_factory=Counter)
    questions: dict[str, dict[str, Any]] = field(default_factory=dict)
    # the end
    candidate: str = ""
    computed: list[dict[str, Any]] | None = None
    computed_over: list[str] = field(default_factory=list)
    unfilled: list[str] = field(default_factory=list)
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)
    check_fails: Counter[str] = field(default_factory=Counter)
    ending: tuple[Reason, str] | None = None
    # bounds and rules
    budget: Budget = field(default_factory=Budget)
    spent: dict[str, float] = field(default_factory=dict)
    warned: bool = False
    children: dict[int, dict[str, float]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    rules_used: Counter[int] = field(default_factory=Counter)
    grants: list[list[str]] = field(default_factory=list)
    requester: str = ""
    approval: dict[str, Any] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    in_turn: list[str] = field(default_factory=list)
    servers: str = ""
    connected: bool = False
    served: dict[str, str] = field(default_factory=dict)
    altered: list[str] = field(default_factory=list)
    # the namespace and its labels
    effects: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)
    undoing: list[str] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    lost: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    untrusted_since: str = ""
    handled: bool = False
    told: list[tuple[Decider, str]] = field(default_factory=list)
    noted: str = ""
    mailbox: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)
    posted: dict[str, int | str] = field(default_factory=dict)
    awaited: dict[str, dict[str, Any]] = field(default_factory=dict)
    piped: list[dict[str, Any]] = field(default_factory=list)

    def text(self, name: str) -> str:
        """Return a text for the model by its name, in the words of the process, as it is before it is filled in."""
        return self.prompts.get(name) or TEXTS[name]

    @property
    def open_calls(self) -> list[Call]:
        """Calls of the present turn that are not closed, in order."""
        if self.turn is None:
            return []
        return [c for c in map(self.calls.__getitem__, self.turn.calls) if c.status not in CLOSED]

    def calls_for(self, step: int, response: int = 0) -> list[Call]:
        """Return the calls of an answer (the last one) that served a step, in order; step 0 for those of none."""
        found, i = list[Call](), 0
        while (call := self.calls.get(f"r{response or self.responses}.{i}")) is not None:
            found.append(call)
            i += 1
        return [c for c in found if c.name not in CONTROL and step in (c.serves or [0])]

    def place(self, call: Call) -> int:
        """Return the number by which people name what a call belongs to: its step; without a plan its answer."""
        return call.step if self.plan.steps else int(call.id[1:].partition(".")[0])

    @property
    def waiting(self) -> bool:
        """Whether a person (or `resolve`) is what it waits for."""
        if self.status != "running" or self.request or not self.questions:
            return False
        held = any(q.get("kind") == "effect" for q in self.questions.values())  # a call in the middle
        return held or not self._at_work(held=self.plan_status == "asked" or "rebuild" in self.questions)

    @property
    def expecting(self) -> bool:
        """Whether a message (or room for one) is all that it waits for."""
        if self.status != "running" or self.request or self.questions or not self.awaited:
            return False
        return not self._at_work()

    def _at_work(self, held: bool = False) -> bool:
        """Return whether a call runs, or the first that is open can go on; those behind it wait for their turn."""
        calls = self.open_calls
        first = not held and calls and calls[0].status in ("approved", "proposed")
        return any(c.status == "running" for c in calls) or bool(first)

    def refuses(self, by: Decider, question: str = "") -> str:
        """Say why somebody's approval does not count here; nothing where it does."""
        names = self.questions.get(question, {}).get("approvers") or self.approval.get("approvers", ())
        if self.requester and (by == YOU or by.name == self.requester):
            return f"somebody other than {self.requester} must approve it"
        return f"{' or '.join(names)} must approve it" if names and by.name not in names else ""

    def left(self, unit: str) -> float:
        """Return what is left of a unit of the budget; infinity where it has no bound."""
        return self.budget.limits.get(unit, math.inf) - self.committed.get(unit, 0.0)

    @property
    def committed(self) -> dict[str, float]:
        """What is spent, with what is reserved for children."""
        if not self.children:
            return self.spent
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
    def planned(self) -> bool:
        """Whether there is a plan that calls may serve."""
        return self.plan_status == "approved" and bool(self.plan.steps)

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
        own = {k: v for k, v in vars(self).items() if k not in ("context", "plan", "turn", "budget", "rules", "calls")}
        return {
            **own,
            "calls": {k: vars(c) | {"changes": c.changes.plain()} for k, c in self.calls.items()},
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


def say(s: State, text: str, /, **values: object) -> str:
    """Return a text for the model by its name, in the words of the process, with what is filled in."""
    return filled(s.text(text), **values)
