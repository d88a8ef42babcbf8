"""The protocol of a tool: everything that the gate, the devices, Undo and the export may ask of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from inspect import iscoroutinefunction
from typing import Any, Literal, Protocol

from llmos_nb.journal.events import MessageAwaited, QuestionAsked
from llmos_nb.messages import ToolResult
from llmos_nb.tools.call import Call
from llmos_nb.tools.declare import Effect, Repeat, Source
from llmos_nb.tools.schema.signature import Signature

Place = Literal["here", "main", "thread", "fork", "child", "server"]
Needs = Callable[[str, Mapping[str, Any]], QuestionAsked | MessageAwaited | None]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CallContext:
    """What a tool may know of the call it serves.

    Parameters
    ----------
    call : str
        The call's id in its process, ``r2.0``.
    key : str
        Idempotency key: the same for every attempt of this call, different for every other call.
    deadline_s : float
        Seconds it may take.
    on_output : callable
        Takes text as the tool prints it, for showing only.
    acting : callable
        Told in a few words, before it happens, that the call acts outside for the first time.
    permit : callable
        ``permit(kind, target)``: told each effect before it happens; raises `EffectRefused` where it may not.
    within : callable
        Returns a context manager that is held while the code of a step runs.
    mode : str
        The mode of its process; processes that the call starts are no looser.
    closed : bool
        Whether its process does nothing outside but what it committed to; this holds of processes that it starts, too.
    exposed : callable
        Returns whether its process, or the call itself so far, has read what others wrote; so have processes that it
        starts then.
    reads : callable
        Told the path of each file before it is read; an empty text for what else others wrote.
    pictures : bool
        Whether it displays pictures where it runs, beside giving them with its result.
    approved : callable
        Returns when somebody who approved it was shown what it would do, in nanoseconds; 0 where nobody was.
    """

    call: str
    key: str
    deadline_s: float
    on_output: Callable[[str], None] = lambda text: None
    acting: Callable[[str], None] = lambda words: None
    permit: Callable[[str, str], None] = lambda kind, target: None
    within: Callable[[], AbstractContextManager[object]] = nullcontext
    mode: str = ""
    closed: bool = False
    exposed: Callable[[], bool] = lambda: False
    reads: Callable[[str], None] = lambda path: None
    pictures: bool = True
    approved: Callable[[], int] = lambda: 0


current_call: ContextVar[CallContext | None] = ContextVar("current_call", default=None)


class Worker(Protocol):
    """The other process in which the calls of a tool run."""

    @property
    def alive(self) -> bool:
        """Whether it runs; it starts with the first call."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tool comes from that a server describes.

    Parameters
    ----------
    server : str
        The server's name in the settings.
    said : str
        Hash of what the server says of the tool; a person sees it again when this changes.
    """

    server: str
    said: str


@dataclass(frozen=True)
class Tool:
    """Something a model may call.

    What the model sees is `name`, `description` and `schema`; what policy asks for is `effect` to `each_time`; what
    running it needs is `fn` and `place` to `needs`; what comes after is `undo` to `as_code`.

    Parameters
    ----------
    name, description : str
        As the model sees them.
    schema : dict
        JSON schema of the arguments, an object with `properties`, `required` and `additionalProperties`.
    fn : callable
        The function behind it; called with the validated arguments as keywords. May be async.
    effect : {"read", "namespace", "write", "external"}
        What it does: reads only, changes the live namespace (undoable), writes files, or acts outside.
    repeat : {"pure", "idempotent", "once"}
        Whether it may run again after a crash.
    sinks : tuple of str, optional
        Arguments that say who, where or how much; None where nobody has said: then every argument is one.
    facts : tuple of str
        Fields of its result that the service itself asserts; ``*`` for all.
    source : {"trusted", "untrusted", "own"}
        Where its results come from.
    each_time : bool
        A person approves every call; no rule, mode, plan or approver speaks for them.
    declared : bool
        A decorator or the manifest has spoken of it, so that what it returns is believed as far as `source` says.
    digest : str
        Hash over name, schema, declared keys and source, to which approvals are bound.
    inspect : callable, optional
        ``inspect(arguments) -> dict``: what this very call would do (level, risks in words, names read and written).
    gated : bool
        What a call does outside is judged where it happens, so that reading what others wrote is no reason to ask.
    place : {"here", "main", "thread", "fork", "child", "server"}
        Where a call runs: on the calling thread or, of a sync read, beside it; always on the user's thread; on a thread
        beside it; in a forked copy (a preview); in a process of its own (isolated); or at a server.
    confined : bool
        From the process's first untrusted read on, its calls run in a child on copies, whatever `place` says.
    own : bool
        What its calls change nobody but the process sees: carrying it out is a further call, of another tool.
    in_turn : bool
        What a call would do rests on what calls before it did, so that it is judged once these have run.
    worker : Worker, optional
        The other process, where `place` is ``fork`` or ``child``.
    origin : Origin, optional
        Where it comes from, if a server describes it.
    runner : callable, optional
        A device's own way to run: ``await runner(arguments, context) -> ToolResult``, instead of `fn`.
    signature : Signature, optional
        How validated arguments become those of `fn`; without it they are passed as keywords.
    bind : callable, optional
        ``bind(run) -> Tool``: the same tool tied to one process. Called whenever a process, or a fork, is made.
    apart : callable, optional
        ``apart() -> Tool``: what stands in its place in a process whose Python runs apart; raises `UsageError` where
        there is nothing.
    needs : callable, optional
        ``needs(call id, arguments)``: what a call must have before it starts, as the event that says so (a
        question, a wait), or None.
    undo : callable, optional
        Compensation: takes back outside what a call did, as a call of its own.
    reconcile : callable, optional
        ``reconcile(key) -> bool | None``: whether a call in doubt was done.
    revert, reapply : callable, optional
        ``revert(call)`` takes back at once what the device keeps itself, ``reapply(call)`` puts it again.
    code : callable, optional
        ``code(arguments) -> str``: the call as Python code.
    as_code : callable, optional
        ``as_code(call) -> str``: a call that ran as code of the exported notebook, where that hangs on its result.
    """

    name: str
    description: str
    schema: dict[str, Any]
    fn: Callable[..., Any]
    effect: Effect = "external"
    repeat: Repeat = "once"
    sinks: tuple[str, ...] | None = None
    facts: tuple[str, ...] = ()
    source: Source = "trusted"
    each_time: bool = False
    declared: bool = False
    digest: str = ""
    inspect: Callable[[Mapping[str, Any]], Any] | None = None
    gated: bool = False
    place: Place = "here"
    confined: bool = False
    own: bool = False
    in_turn: bool = False
    worker: Worker | None = None
    origin: Origin | None = None
    runner: Callable[[Mapping[str, Any], CallContext], Awaitable[ToolResult]] | None = None
    signature: Signature | None = None
    bind: Callable[[Any], Tool] | None = None
    apart: Callable[[], Tool] | None = None
    needs: Needs | None = None
    undo: Callable[..., Any] | None = None
    reconcile: Callable[[str], bool | None] | None = None
    revert: Callable[[Call], None] | None = None
    reapply: Callable[[Call], None] | None = None
    code: Callable[[Mapping[str, Any]], str] | None = None
    as_code: Callable[[Call], str] | None = None

    @property
    def thread(self) -> bool:
        """Whether a sync function may run off the main thread, beside others."""
        return self.place == "thread"

    @property
    def outward(self) -> bool:
        """Whether it acts outside the namespace, where others see it."""
        return self.effect in ("write", "external") and not self.own

    @property
    def handed_over(self) -> bool:
        """Whether it is a function of the user's, or a server's, rather than a device of ours."""
        return self.runner is None or bool(self.server)

    @property
    def independent(self) -> bool:
        """Whether its calls only read, wait for nobody and may be made again: such calls may run side by side."""
        return self.effect == "read" and self.repeat in ("pure", "idempotent") and self.needs is None

    @cached_property
    def beside(self) -> bool:
        """Whether its calls need nothing of the main thread: sync reads in a thread, servers, devices that say so."""
        if self.runner is not None:
            return self.place in ("thread", "server")
        return self.thread or (self.place == "here" and self.independent and not iscoroutinefunction(self.fn))

    @property
    def elsewhere(self) -> bool:
        """Whether its calls act on a copy in another process, so that nothing here changes."""
        return self.place in ("fork", "child")

    @property
    def server(self) -> str:
        """The server that describes it; an empty text for a tool of this process."""
        return self.origin.server if self.origin is not None else ""

    @property
    def wire(self) -> dict[str, Any]:
        """The tool in the form of Chat Completions."""
        closed = self.schema.get("additionalProperties") is False  # that goes without saying, with every request
        fields = {k: v for k, v in self.schema.items() if not (closed and k == "additionalProperties")}
        function = {"name": self.name, "description": self.description, "parameters": fields}
        return {"type": "function", "function": function}

    def wire_with(self, argument: str) -> dict[str, Any]:
        """Return the same with one text more that may be given, which it does not see itself."""
        found = self.wire
        fields = found["function"]["parameters"]
        own = fields.get("properties", {})
        more = {**fields, "properties": {**own, argument: own.get(argument, {"type": "string"})}}
        return {**found, "function": {**found["function"], "parameters": more}}

    def to_code(self, arguments: Mapping[str, Any]) -> str:
        """Return the call as Python code."""
        if self.code is not None:
            return self.code(arguments)
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"
