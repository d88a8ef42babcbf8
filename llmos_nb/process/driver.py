"""`drive`: carry out what `decide` gives and append what happens, until nothing can go on by itself.

A `Run` holds what the commands need: journal, state, model, tools, locks. One appender a journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from llmos_nb.errors import JournalError
from llmos_nb.journal import Event, Journal
from llmos_nb.journal.events import Body, RunEnded, RunPaused, SignalReceived
from llmos_nb.messages import compact
from llmos_nb.models import Model
from llmos_nb.policy.authority import Book
from llmos_nb.policy.secrets import vault
from llmos_nb.process.findings import Findings
from llmos_nb.process.scheduling.queue import Limits
from llmos_nb.process.scheduling.resource import NamespaceLock, Sight, Wait
from llmos_nb.process.state.context import RECALL
from llmos_nb.process.state.decide import Command, decide
from llmos_nb.process.state.fold.fold import apply
from llmos_nb.process.state.state import State
from llmos_nb.tools import Tool

_log = logging.getLogger(__name__)
Listener = Callable[[Event, State], None]


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
    on_text, on_output : callable
        Who is told the pieces of an answer, and of a call's output, as they come.
    wake : asyncio.Event
        Set when there may be something to do.
    tasks, waits : dict
        By command: the task that carries it out, and what that waits for.
    halting : tuple of (str, str), optional
        ``paused`` or ``ended``, and who wants it, until it has taken effect.
    trouble : str
        Why the journal could not be written.
    inspected : dict of str to Findings
        By call, what the gate found when it was judged.
    books, unread : dict
        Records that the gate looked up last, by kind, and why it could not.
    held : dict
        What stands by handle, where there is no namespace.
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
    writes: NamespaceLock = field(default_factory=NamespaceLock)
    limits: Limits = field(default_factory=Limits)
    servers: Any = None
    listeners: list[Listener] = field(default_factory=list)
    on_text: Callable[[str], None] = lambda text: None
    on_output: Callable[[str, str], None] = lambda call, text: None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: dict[Command, asyncio.Task[None]] = field(default_factory=dict)
    waits: dict[Command, Wait] = field(default_factory=dict)
    halting: tuple[str, str] | None = None
    trouble: str = ""
    inspected: dict[str, Findings] = field(default_factory=dict)
    books: dict[str, Book] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    held: dict[str, Any] = field(default_factory=dict)
    wired: tuple[tuple[dict[str, Any], ...], bytes] | None = None
    _recalls: bool = False  # whether `recall` is among the tools in wire form

    def __post_init__(self) -> None:
        vault.learn()
        vault.look(self.namespace or {})

    def append(self, body: Body) -> Event:
        """Record what happened, fold it in and tell the views."""
        event = self.journal.append(body)
        apply(self.state, event)
        if self.sight is not None:
            self.sight.heard(event, self.state)
        self.tell(event)
        self.wake.set()
        return event

    def tell(self, event: Event) -> None:
        """Tell the views; one that raises is left out from then on, since what it shows is not what happened."""
        for listener in list(self.listeners):
            try:
                listener(event, self.state)
            except Exception:
                _log.exception("a view of process %s failed and is left out", self.state.pid)
                self.listeners.remove(listener)

    def wire(self) -> tuple[tuple[dict[str, Any], ...], bytes]:
        """Return the tools in wire form and as bytes; `recall` joins when there is something to recall."""
        recalls = self.state.remembers or self.state.context.hides
        if self.wired is None or self._recalls != recalls:
            shown = tuple(t.wire for t in self.tools.values() if t.name != RECALL or recalls)
            self.wired, self._recalls = (shown, compact(list(shown))), recalls
        return self.wired

    def halt(self, how: str, by: str) -> None:
        """End what is under way now: `how` is ``paused`` (Stop, to be resumed) or ``ended`` (kill)."""
        if self.state.status == "ended" or (self.halting and self.halting[0] == "ended"):
            return
        self.halting = (how, by)
        for task in self.tasks.values():
            task.cancel()
        self.wake.set()


CarryOut = Callable[[Run, Any], Awaitable[None] | None]
EXECUTORS: dict[type, CarryOut] = {}


def carries_out(kind: type) -> Callable[[CarryOut], CarryOut]:
    """Register the function that carries out a kind of command: at once, or as a coroutine."""

    def register(executor: CarryOut) -> CarryOut:
        EXECUTORS[kind] = executor
        return executor

    return register


async def drive(run: Run) -> None:
    """Carry commands out until the process is settled or waits for somebody."""
    run.journal.acquire()
    try:
        more = True
        while more:
            while step(run):
                await run.wake.wait()
                run.wake.clear()
            await run.journal.flush()
            more = bool(run.halting or decide(run.state))  # somebody may have spoken while the disk was busy
    except asyncio.CancelledError:
        run.halt("paused", "the notebook")
        await _finish_halting(run)
        raise
    except JournalError as error:
        _broken(run, error)
    finally:
        for task in run.tasks.values():
            task.cancel()
        run.tasks.clear()
        run.journal.release()


def step(run: Run) -> bool:
    """Start all that can run now; tell whether something is still under way."""
    _reap(run)
    while not run.halting:
        wanted = decide(run.state)
        for command in [c for c in run.waits if c not in wanted and c in run.tasks]:
            run.tasks[command].cancel()  # it has not begun, and somebody changed what comes next
        fresh = [c for c in wanted if c not in run.tasks]
        before = run.state.n
        for command in fresh:
            work = _begin(run, command)
            if work is not None:
                run.tasks[command] = _task(run, work)
        if run.state.n == before:
            break
    if run.halting and not run.tasks:
        _halted(run)
    run.journal.kick()
    return bool(run.tasks)


def _begin(run: Run, command: Command) -> Awaitable[None] | None:
    """Carry out a command, or begin to."""
    try:
        return EXECUTORS[type(command)](run, command)
    except JournalError:
        raise
    except Exception as error:
        _unexpected(run, command, error)
        return None


def _unexpected(run: Run, command: Command, error: BaseException) -> None:
    """End the process with its reason, for an error that no executor foresaw."""
    if run.state.status != "ended":
        detail = f"{type(command).__name__}: {type(error).__name__}: {error}"
        run.append(RunEnded(reason="failed", detail=detail, answer=None))


def _task(run: Run, work: Awaitable[None]) -> asyncio.Task[None]:
    assert isinstance(work, Coroutine)  # noqa: S101 - executors are async functions or plain ones
    task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(lambda _: run.wake.set())
    return task


def _reap(run: Run) -> None:
    """Take finished tasks off; an error that no executor expected ends the process with its reason."""
    for command, task in [(c, t) for c, t in run.tasks.items() if t.done()]:
        del run.tasks[command]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, JournalError):
            raise error
        if error is not None:
            _unexpected(run, command, error)


def _halted(run: Run) -> None:
    """Record that Stop or kill took effect."""
    (how, by), run.halting = run.halting or ("paused", ""), None
    if run.state.status == "ended":
        return
    run.append(SignalReceived(signal="stop" if how == "paused" else "kill", by=by))
    if how != "paused":
        run.append(RunEnded(reason="stopped", detail=f"killed by {by}", answer=None))
    elif run.state.status == "running":
        run.append(RunPaused(why=f"stopped by {by}"))


async def _finish_halting(run: Run) -> None:
    """Let cancelled tasks record their end, whoever cancels meanwhile."""
    for task in (tasks := list(run.tasks.values())):
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=2)
    step(run)
    await run.journal.flush()


def _broken(run: Run, error: JournalError) -> None:
    """The journal cannot be written: nothing goes on, and what is in memory says why."""
    for task in run.tasks.values():
        task.cancel()
    run.trouble, run.state.status, run.state.why = str(error), "paused", str(error)
    body, s = RunPaused(why=str(error)), run.state
    run.tell(Event(s.n, s.at, body.kind, body.plain(), "", "", body))
