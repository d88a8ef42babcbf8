"""A process at work: journal, state, model, tools, locks; and the one way to record an event."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from llmos_nb.errors import JournalError
from llmos_nb.journal import Event, Journal, events as ev
from llmos_nb.messages import compact
from llmos_nb.models import Model
from llmos_nb.policy import Approvers, Came, Effect, speaking
from llmos_nb.policy.secrets import Vault, vault
from llmos_nb.process import saved, serving
from llmos_nb.process.findings import Findings
from llmos_nb.process.scheduling.queue import Limits
from llmos_nb.process.scheduling.resource import NamespaceLock, Sight, Wait
from llmos_nb.process.state.context import RECALL
from llmos_nb.process.state.decide import Command
from llmos_nb.process.state.fold.fold import apply, follows
from llmos_nb.process.state.state import State
from llmos_nb.process.values import Values
from llmos_nb.tools import Tool, reentry

_log = logging.getLogger(__name__)
Listener = Callable[[Event, State], None]
_LAST = (
    ev.ModelResponded,
    ev.ModelFailed,
    ev.CallFinished,
    ev.StepIntegrated,
)  # what a command is carried out with


def open_journal(path: str | os.PathLike[str]) -> Journal:
    """Return the journal in a file; nothing forged and no secret can be written to it.

    Raises
    ------
    JournalError
        The file cannot be read, or its chain is broken.
    """
    return Journal(path, scrub=vault.safe, guard=reentry.Guard())


class Visit(Protocol):
    """Runs work where the user's objects live."""

    async def __call__(self, work: Callable[[], Any], behind: Journal | None = None) -> Any:
        """Return what `work` returns, or what the awaitable gives that it returns.

        It does not begin before all is on disk that was appended to the journal `behind`.
        """


class Relay(Protocol):
    """Carries something out on the thread that drives a process."""

    @property
    def here(self) -> bool:
        """Whether the caller is on that thread."""

    def ask(self, act: Callable[[], Any]) -> Any:
        """Have it done there; return what it returns."""

    def note(self, act: Callable[[], object]) -> None:
        """Have it done there in its turn, without waiting, also of a process that has ended."""


async def visit_here(work: Callable[[], Any], behind: Journal | None = None) -> Any:
    """Run work on the calling thread: of a process that is driven where the user's objects live."""
    if behind is not None:
        await behind.flush()
    found = work()
    return await found if inspect.isawaitable(found) else found


class EffectGate(Protocol):
    """What judges the effects of a call while it runs."""

    brought: Came
    """What the call took from outside meanwhile."""
    exposed: bool
    """Whether the process, or the call, has read what others wrote."""

    @property
    def attended(self) -> bool:
        """Whether somebody can be asked while the call runs."""

    def permit(self, kind: str, target: str) -> None:
        """Decide on an effect before it happens; raises `EffectRefused` where it may not."""

    def decided(self, body: ev.EffectDecided) -> None:
        """Take in what a person has decided."""

    def asked(self, effect: Effect, why: str, foreign: list[dict[str, str]] | None = None) -> ev.Decider:
        """Ask about an effect, and return who allowed it; raises `EffectRefused`, too."""

    def late(self, effect: Effect, judged: Callable[[], Any]) -> None:
        """Decide on what the call has left behind and that acts after it; raises `EffectRefused`, too."""

    def came(self, came: Came, why: str) -> None:
        """Take in what a tool that the call's code called has given."""

    def close(self) -> None:
        """The call has ended."""


class ToolServers(Protocol):
    """Servers whose tools a process may use."""

    async def tools(self, patterns: str, deadline_s: float, only: str = "") -> list[Tool]:
        """Return the tools that patterns let through."""

    def news(self) -> list[tuple[str, int]]:
        """Return how often each server has said that its tools are others now."""

    def differs(self, tool: Tool) -> bool:
        """Return whether a server says something else of a tool than was seen last."""

    def accept(self, tool: Tool) -> None:
        """Keep what a server says of a tool as seen."""


@dataclass(eq=False)
class Run:
    """One process at work.

    Parameters
    ----------
    journal, state : Journal, State
        The truth, and what was folded from it.
    model, owns_model, price : Model, bool, tuple of float, optional
        Who is asked; whether the process made it, and closes it; dollars a million tokens of prompt and of answer.
    tools : dict of str to Tool
        What may be called, by exact name.
    namespace : dict, optional
        The live namespace; None for a process without one.
    snapshots : Snapshots, optional
        What takes steps in it back.
    fingerprint : callable
        Returns the digests of variables by name.
    sight : Sight, optional
        What the process has seen of a namespace that it shares.
    check : str or callable, optional
        What must hold of the answer.
    call_timeout_s : float
        Deadline of one call, in seconds.
    writes, limits : NamespaceLock, Limits
        Whose turn it is in the namespace, and how many may work at once.
    servers : object, optional
        The MCP servers of the session.
    listeners : list of callable
        Who is told each event, with the state after it.
    on_text, on_code, on_output : callable
        Who is told the pieces of an answer, of the code that it calls for, and of a call's output, as they come.
    pictures : bool
        Whether steps display pictures where they run; else whoever shows the process has them with the result.
    place : callable
        Returns the place of what begins now in the order of the notebook's cells and steps, as facts of a call.
    attended : callable
        Returns whether somebody can be asked at this moment, though a step holds the user's thread.
    ask_here : callable, optional
        Asks a person the question of this key on the user's thread, where a step holds it: in a terminal.
    gates : dict of str to EffectGate
        By call: what judges its effects, those that come after it included.
    visit : Visit
        Runs what touches the user's objects on their thread.
    relay : Relay, optional
        The thread that drives the process, where it is another than the user's: there events are recorded.
    wake : asyncio.Event
        Set when there may be something to do.
    tasks, waits : dict
        By command: the task that carries it out, and what that waits for.
    approvers : Approvers
        Who is asked before a person.
    halting : tuple of (str, Decider), optional
        ``paused`` or ``ended``, and who wants it, until it has taken effect.
    anew : bool
        Whether a step that is cut off begins anew later: nobody meant it.
    stepping : bool
        Whether `driver.step` is at work, which looks itself what events let begin.
    trouble : str
        Why the journal could not be written.
    inspected, gave : dict of str to Findings, to object
        By call, what the gate found when it was judged; what it gave, as data, with which acts are compared.
    rests : dict of str to (str, dict of str to str)
        By call that a person may decide on: its digest as it was last looked at, and what that was made of.
    held, hidden : dict, Vault
        What stands by handle, where there is no namespace; the texts of what is private.
    values : Values
        What stands beside the journal of the values that its steps have made.
    wired : tuple, optional
        The tools in wire form and as bytes; None where they are to be encoded anew.
    """

    journal: Journal
    state: State
    model: Model
    tools: dict[str, Tool]
    namespace: dict[str, Any] | None = None
    check: str | Callable[..., Any] | None = None
    call_timeout_s: float = 120.0
    owns_model: bool = False
    price: tuple[float, float] | None = None
    snapshots: Any = None
    fingerprint: Callable[[list[str]], dict[str, str]] = lambda names: {}
    sight: Sight | None = None
    approvers: Approvers = field(default_factory=Approvers)
    writes: NamespaceLock = field(default_factory=NamespaceLock)
    limits: Limits = field(default_factory=Limits)
    servers: ToolServers | None = None
    listeners: list[Listener] = field(default_factory=list)
    on_text: Callable[[str], None] = lambda text: None
    on_code: Callable[[str], None] = lambda code: None
    on_output: Callable[[str, str], None] = lambda call, text: None
    pictures: bool = True
    place: Callable[[], dict[str, Any]] = dict
    attended: Callable[[], bool] = lambda: False
    ask_here: Callable[[str], None] | None = None
    gates: dict[str, EffectGate] = field(default_factory=dict)
    visit: Visit = visit_here
    relay: Relay | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: dict[Command, asyncio.Task[None]] = field(default_factory=dict)
    waits: dict[Command, Wait] = field(default_factory=dict)
    halting: tuple[str, ev.Decider] | None = None
    anew: bool = False
    stepping: bool = False
    trouble: str = ""
    inspected: dict[str, Findings] = field(default_factory=dict)
    rests: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    gave: dict[str, Any] = field(default_factory=dict)
    held: dict[str, Any] = field(default_factory=dict)
    values: Values = field(default_factory=Values)
    hidden: Vault = field(default_factory=Vault)
    wired: tuple[tuple[dict[str, Any], ...], bytes] | None = None
    _wired_for: tuple[bool, bool] = (False, False)  # with `recall`, and with the argument that names a step
    _busy: int = 0
    _after: list[Callable[[], object]] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _save_at: int = saved.EVERY  # events

    def __post_init__(self) -> None:
        vault.learn()
        vault.look(self.namespace or {})

    @property
    def busy(self) -> bool:
        """Whether a section is under way: nothing else may happen to the process until it ends."""
        return self._busy > 0

    async def section(self, work: Callable[[], Any]) -> Any:
        """Visit the user's thread while nothing else happens to the process: no command begins, what people do waits.

        For work that looks at the state and at the user's objects and then records what follows.
        """
        async with self._turn:
            self.enter()
            try:
                return await self.visit(work)
            finally:
                self.leave()

    def in_words(self, work: Callable[[], Any]) -> Any:
        """Do something; what it says to the model is said in the words of the process, where it has its own."""
        if not self.state.prompts:
            return work()
        with speaking(self.state.prompts):
            return work()

    def enter(self) -> None:
        """Begin a section."""
        self._busy += 1

    def leave(self) -> None:
        """End a section, and let happen what waited for its end."""
        self._busy -= 1
        while self._after and not self._busy:
            act = self._after.pop(0)
            try:
                act()
            except Exception:  # nobody waits for it, and what comes after it is somebody else's
                _log.exception("what waited for a section of process %s failed", self.state.pid)
        self.wake.set()

    def afterwards(self, act: Callable[[], object]) -> None:
        """Do something now, or after the section that is under way."""
        if self._busy:
            self._after.append(act)
        else:
            act()

    def append(self, body: ev.Body, payloads: Sequence[tuple[str, bytes]] = ()) -> Event:
        """Record what happened, fold it in and tell the views; on the thread that drives the process, whoever calls.

        Raises
        ------
        CallDenied
            Code of a step writes what only a person may say, or a state that nothing folds to.
        """
        if self.relay is None or self.relay.here:
            return self._append(body, payloads)
        if self.journal.guard is not None:  # where it is written, nobody can tell who called
            self.journal.guard(body.kind, body.plain())
        event: Event = self.relay.ask(partial(self._append, body, payloads))
        return event

    def _append(self, body: ev.Body, payloads: Sequence[tuple[str, bytes]]) -> Event:
        """Do it; of a long run the state is saved now and then."""
        if len(self.journal.events) >= self._save_at and not reentry.inside():
            self._save_state()
        if self.state.status == "ended" and not follows(self.state, body):
            raise JournalError(f"process {self.state.pid} has ended, and no {body.kind} may follow that")
        event = self.journal.append(body, payloads)
        apply(self.state, event)
        if self.sight is not None and event.k in self.sight.hears:
            self.sight.heard(event, self.state)
        self.tell(event)
        if not (self.stepping or self._leads_nowhere(body)):
            self.wake.set()
        return event

    def _leads_nowhere(self, body: ev.Body) -> bool:
        """Return whether nobody need look what an event lets begin: nothing does, or whoever appends it looks next."""
        if isinstance(body, ev.CallStarted):
            return self.state.calls[body.call].name not in self.state.reads
        return isinstance(body, ev.ModelRequested) or (isinstance(body, _LAST) and self._carries())

    def _carries(self) -> bool:
        """Return whether the caller is a task that carries out a command of the process."""
        try:
            return asyncio.current_task() in self.tasks.values()
        except RuntimeError:  # no loop runs here
            return False

    def _save_state(self) -> None:
        self._save_at = saved.due(self.journal.events)
        if len(self.journal.events) >= self._save_at:
            self._save_at += saved.EVERY
            if (made := saved.made(self.journal, self.state)) is not None:
                self.append(*made)
                self._save_at = saved.due(self.journal.events)

    def tell(self, event: Event) -> None:
        """Tell the views; one that raises is left out from then on, since what it shows is not what happened."""
        for listener in list(self.listeners):
            kinds = getattr(listener, "kinds", None)  # a listener may say what it wants to hear
            if kinds is not None and event.k not in kinds:
                continue
            try:
                listener(event, self.state)
            except Exception:
                _log.exception("a view of process %s failed and is left out", self.state.pid)
                self.listeners[:] = [x for x in self.listeners if x is not listener]

    @property
    def commits(self) -> bool:
        """Whether its plan may commit to acts: it has a tool of the user's that is declared and acts outward."""
        return self.state.mode != "never" and serving.may_commit(self.tools.values())

    def wire(self) -> tuple[tuple[dict[str, Any], ...], bytes]:
        """Return the tools in wire form and as bytes.

        `recall` joins when there is something to recall: by its size a run of ten steps would cost a fifth more.
        """
        s = self.state
        recalls = s.remembers or s.context.hides
        planned = s.planned or (self.namespace is not None and "plan" in self.tools)
        if self.wired is None or self._wired_for != (recalls, planned):
            tools = [t for t in self.tools.values() if t.name != RECALL or recalls]
            shown = serving.in_wire_form(tools, planned, self.commits, s.prompts)
            self.wired, self._wired_for = (shown, compact(list(shown))), (recalls, planned)
        return self.wired

    @property
    def stopped_by(self) -> str:
        """Say of work that was cut off who did it: the user, or what ended around it."""
        return f"stopped by {self.halted_by.describe('the user')}"

    @property
    def halted_by(self) -> ev.Decider:
        """Who cut it off; the user where nobody else has said so."""
        return self.halting[1] if self.halting else ev.YOU

    def halt(self, how: str, by: ev.Decider) -> None:
        """End what is under way now: `how` is ``paused`` (Stop, to be resumed) or ``ended`` (kill)."""
        if self.state.status == "ended" or (self.halting and self.halting[0] == "ended"):
            return
        self.halting = (how, by)
        for task in self.tasks.values():
            task.cancel()
        self.wake.set()
