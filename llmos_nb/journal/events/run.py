"""Events of the run itself: how it began, what it may do, what people told it, how it ended."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, Required, TypedDict

from llmos_nb.journal.events.act import ActData
from llmos_nb.journal.events.base import Fact, event
from llmos_nb.journal.events.decider import Decider

VERSION = 3
Reason = Literal[
    "answered", "rejected", "refused", "empty", "truncated", "unverified", "budget", "stopped", "killed", "failed",
    "forked",
]  # fmt: skip
FURTHER = frozenset(("answered", "unverified", "truncated", "empty", "refused", "rejected"))
"""Ends after which words of a person's begin a further turn."""
Signal = Literal[
    "pause",
    "resume",
    "stop",
    "kill",
    "steer",
    "nice",
    "budget",
    "approve_step",
    "stale_approval",
    "forged_approval",
    "forget",
    "previewed",
    "rebuilt_differently",
    "late_effect",
    "command",
]


class Parent(TypedDict, total=False):
    """Where a process comes from: a fork names a place in a journal, a child the process that started it.

    Attributes
    ----------
    pid : int
        The parent.
    path : str
        Of a fork: the parent's journal, relative to its own folder.
    at, hash : int, str
        Of a fork: the last event that both have, and its hash.
    nth, own_model : int, bool
        Of a child: how many the parent had started before it; whether it has another model than its parent.
    traceparent : str
        Of a child: the span that it stands under, as W3C Trace Context writes it.
    """

    pid: Required[int]
    path: str
    at: int
    hash: str
    nth: int
    own_model: bool
    traceparent: str


class HeadMessage(TypedDict, total=False):
    """A message of the frozen beginning of the prompt.

    Attributes
    ----------
    role : {"system", "user", "assistant", "tool"}
        Who speaks.
    text : str
        What is said.
    calls : list of dict
        ``{"name", "arguments", "id"}`` of a worked example.
    call : str
        The call whose result it is.
    parts : list of dict
        ``{"kind", "text", "mime", "data"}`` of an image, `data` in hexadecimal or as the reference of a payload.
    """

    role: Required[Literal["system", "user", "assistant", "tool"]]
    text: Required[str]
    calls: list[dict[str, Any]]
    call: str
    parts: list[dict[str, Any]]


@event("run.started")
class RunStarted(Fact):
    """The first event of a journal: what was started, and how.

    Where a field is None, a fork has it as its parent had it, and another process has none.

    Parameters
    ----------
    version : int
        Of the format; 1 has no such key.
    goal, model, name : str
        What the user wants, the model's name, and the process's own (may be empty).
    pid : int
        Unique in its home.
    budget : dict of str to float
        Bound by unit: ``steps, calls, tokens, s, $``.
    parent : Parent, optional
        Of a fork or a child.
    head : list of HeadMessage, optional
        The frozen beginning of the prompt.
    window_bytes : int, optional
        Bound on what follows it.
    mode : str, optional
        Who approves: ``risky, plan, step, auto, never``.
    plan : str, optional
        Whether it plans: ``auto, only, none``, or the name of the variable with the plan.
    remembers : bool, optional
        Whether there were memories of former runs.
    quarantine : bool
        Whether the model sees others' words by handle alone.
    untrusted : str, optional
        What happens with calls after others' data was read, where it is not ``ask``.
    words : str, optional
        Of a child that a call started: what people had said to its parent.
    prompts : dict of str to str, optional
        Its own texts for its model, by name, in the place of the package's.
    check : str, optional
        The check of the answer: an expression, or a function's name.
    grounded : bool, optional
        Of former versions: whether the answer's numbers had to be observed.
    spec : str, optional
        By what the model was named.
    endpoint : str, optional
        Where it is: scheme, host, port and path; empty for a model that is behind no URL. A resume goes nowhere else.
    bind, vars, servers : str, optional
        Patterns of the names it may write, of the variables it sees, and of the servers it may use.
    devices : list of str, optional
        The devices that were asked for.
    apart : str, optional
        Where its Python runs: empty (here), ``isolate`` or ``preview``.
    copied : list of str, optional
        The variables of which a child process got copies.
    tables : list of dict, optional
        The variables made of attached files, with their files.
    parts : dict, optional
        What parts of other packages say of it, by their keys.
    acts : list of ActData, optional
        What a person has given it to do outside.
    closed : bool, optional
        Whether it does nothing outside but what an act covers, since its parent does not.
    delegate : str, optional
        Whether acts in which others choose run unapproved, where that is not ``ask``.
    outside : bool
        Whether its model is an agent outside, of which nobody knows what it has read.
    order : dict, optional
        Of one that a service was handed: the `id` of the command, and its `tools` as ``module:function``.
    """

    version: int = 1
    goal: str
    model: str
    name: str
    pid: int
    budget: dict[str, float]
    parent: Parent | None
    head: list[HeadMessage] | None = None
    window_bytes: int | None = None
    mode: str | None = None
    plan: str | None = None
    remembers: bool | None = None
    quarantine: bool = False
    untrusted: str | None = None
    words: str | None = None
    prompts: dict[str, str] | None = None
    check: str | None = None
    grounded: bool | None = None
    spec: str | None = None
    endpoint: str | None = None
    bind: str | None = None
    vars: str | None = None
    servers: str | None = None
    devices: list[str] | None = None
    apart: str | None = None
    copied: list[str] | None = None
    tables: list[dict[str, str]] | None = None
    parts: dict[str, Any] | None = None
    acts: list[ActData] | None = None
    closed: bool | None = None
    delegate: str | None = None
    outside: bool = False
    order: dict[str, Any] | None = None


@event("policy.loaded")
class PolicyLoaded(Fact):
    """The second event: what may be called, and under which rules.

    Parameters
    ----------
    digest : str
        Of tools and settings together.
    tools : dict of str to str
        Digest by tool.
    reads : list of str, optional
        Tools whose calls are independent reads: they may run side by side.
    in_turn : list of str, optional
        Tools whose calls are judged only once the calls before them have run.
    mode : str
        Who approves, as in `RunStarted`.
    rules : list of dict
        Those that speak before the mode, the first first.
    requester : str
        Who may not approve what this process asks; empty where anybody may.
    approval : dict
        Who may approve, and until when; empty for anybody, at any time.
    """

    digest: str
    tools: dict[str, str]
    reads: list[str] | None = None
    in_turn: list[str] | None = None
    mode: str
    rules: list[dict[str, Any]]
    requester: str = ""
    approval: dict[str, Any] = field(default_factory=dict)


@event("policy.changed")
class PolicyChanged(Fact):
    """Somebody gave a rule while the process ran, or took one back.

    Parameters
    ----------
    rule : dict
        The rule.
    by : Decider
        Who did.
    revoke : int, optional
        The place of the rule that is taken back, from 0.
    """

    rule: dict[str, Any]
    by: Decider
    revoke: int | None = None


@event("tools.changed")
class ToolsChanged(Fact):
    """Servers offer other tools than before, or a person has accepted what one says now.

    Parameters
    ----------
    added, altered : dict of str to str
        By tool, the digest of what its server says: of those that are new, and of those that were others before.
    gone : list of str
        Tools that are offered no more.
    digests : dict of str to str
        By tool, the digest that decisions are bound to.
    reads : list of str, optional
        Those of them whose calls are independent reads.
    connected : bool
        Whether this is the first look at the servers.
    accepted : list of str
        Tools that somebody has looked at.
    """

    added: dict[str, str] | None = None
    altered: dict[str, str] | None = None
    gone: list[str] | None = None
    digests: dict[str, str] | None = None
    reads: list[str] | None = None
    connected: bool = False
    accepted: list[str] = field(default_factory=list)


@event("label.changed")
class LabelChanged(Fact):
    """A label rose, or was declared.

    Parameters
    ----------
    name : str
        A variable, ``file:PATH``, or ``*`` for the process's own context.
    label : str
        What it is now: ``trusted``, ``untrusted``, ``secret`` or both of these.
    why : str
        What made it so.
    """

    name: str
    label: str
    why: str


@event("outputs.declared")
class OutputsDeclared(Fact):
    """The user said which variables the process must leave.

    Parameters
    ----------
    outputs : list of list of str
        ``[name, kind]`` of each.
    """

    outputs: list[list[str]]


@event("signal.received")
class SignalReceived(Fact):
    """Somebody told the process something, or something happened to it that is no decision.

    Parameters
    ----------
    signal : str
        What: ``pause`` after this step, ``resume`` (withdraws such a pause), ``stop`` now, ``kill``, ``steer`` (words
        for the model), ``nice``, ``budget``, ``approve_step``; ``stale_approval``, ``forged_approval`` (did not
        count); ``forget`` (payloads deleted), ``previewed`` (a call was tried in a fork), ``rebuilt_differently``;
        ``late_effect`` (what a call had left behind was about to act after its end); ``command`` (came by the home).
    by : Decider
        Who did.
    text : str, optional
        Of ``steer``, the words; of ``previewed``, what the call showed; of ``command``, its verb.
    value : int, optional
        Of ``nice``, -20 to 19.
    amounts : dict of str to float, optional
        Of ``budget``, what is added by unit.
    step : int, optional
        Of ``approve_step``.
    call : str, optional
        Of ``stale_approval``, ``forget`` (or ``all``), ``previewed``, ``late_effect``; what a ``command`` is on.
    digest, why : str, optional
        Of ``stale_approval``: what had been seen, and why it did not count; of ``late_effect``, what it wanted; of
        ``command``, its id, by which it is carried out once, and where it was given: ``terminal``, ``HTTP``.
    bytes : int, optional
        Of ``forget``, how many were deleted.
    ok, would : bool and str, optional
        Of ``previewed``: whether it ran well, and what it would change; of ``late_effect``, whether it happened.
    names : str, optional
        Of ``rebuilt_differently``.
    """

    signal: Signal
    by: Decider
    text: str | None = None
    value: int | None = None
    amounts: dict[str, float] | None = None
    step: int | None = None
    call: str | None = None
    digest: str | None = None
    why: str | None = None
    bytes: int | None = None
    ok: bool | None = None
    would: str | None = None
    names: str | None = None


@event("run.paused")
class RunPaused(Fact):
    """The process stopped, to be resumed.

    Parameters
    ----------
    why : str
        The reason, in words.
    """

    why: str


@event("run.resumed")
class RunResumed(Fact):
    """The process goes on.

    Parameters
    ----------
    epoch : int
        How many interpreters it has lived in before this one.
    """

    epoch: int


@event("run.ended")
class RunEnded(Fact):
    """The process ended; only what takes back its outside effects may follow, or a resumption.

    Parameters
    ----------
    reason : str
        Why: ``answered, rejected, refused, empty, truncated, unverified, budget, stopped, killed, failed, forked``.
    detail : str
        The same in words; may be empty.
    answer : str, optional
        What it answered.
    """

    reason: Reason
    detail: str
    answer: str | None
