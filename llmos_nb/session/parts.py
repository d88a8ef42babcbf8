"""Parts: features that a session is composed of, each made when it is first wanted.

`PARTS` is the whole table: which parts there are, and what makes a process want one. The core of the session imports
none of them; a part that no process wants is not imported either. A package adds parts of its own by entry points in
the group ``llmos_nb.parts``, each the name of a subclass of `Part`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, ClassVar

from llmos_nb.errors import ConfigError, JournalError
from llmos_nb.journal import Event, Home
from llmos_nb.journal.events import RunEnded
from llmos_nb.policy import Plugin, load_plugins
from llmos_nb.process import Run
from llmos_nb.session.threads import runtime
from llmos_nb.tools import reentry
from llmos_nb.tools.devices import SKILL, START, WAIT

if TYPE_CHECKING:
    from llmos_nb.models import Model
    from llmos_nb.process.state import State
    from llmos_nb.session.config import Settings
    from llmos_nb.session.protocols import ProcessLike, SessionLike
    from llmos_nb.tools import Tool

GROUP = "parts"
AGAIN_S = 0.5  # so long after an end could not be written it is tried again
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What a process is to be made of, before anything of it is there.

    Parameters
    ----------
    settings, model, goal
        How it works, who is asked, and what is wanted.
    given : tuple
        Functions, tools, and names of devices and skills.
    bind, allow : str
        Names that it may write, and see.
    apart : str
        ``preview``, ``isolate``, or an empty text where it acts on the namespace itself.
    copied : tuple of str
        Variables that an isolated process gets copies of.
    """

    settings: Settings
    model: Model
    goal: str = ""
    given: tuple[Any, ...] = ()
    bind: str = ""
    allow: str = ""
    apart: str = ""
    copied: tuple[str, ...] = ()


class Part:
    """A feature of a session. Each method is a hook that does nothing unless a part says otherwise.

    Parameters
    ----------
    session : Session
        Whose part it is.
    """

    hears: ClassVar[tuple[str, ...]] = ()  # the kinds of events that `heard` is called for

    def __init__(self, session: SessionLike) -> None:
        self.session = session

    def offers(self, order: Order, tools: Mapping[str, Tool]) -> list[Tool]:
        """Return tools that a new process gets beside those it has."""
        return []

    def wraps(self, order: Order, tools: dict[str, Tool]) -> dict[str, Tool]:
        """Return all tools of a new process as they are to be."""
        return tools

    def tools(self, run: Run) -> Mapping[str, Tool]:
        """Return tools tied to a process; each takes the place of the one of its name."""
        return {}

    def begun(self, run: Run, settings: Settings) -> Mapping[str, Any]:
        """Follow a process from its start, load or fork on; return facts for its first event."""
        return {}

    def heard(self, run: Run, event: Event) -> None:
        """Hear of an event of any process, of a kind in `hears`; of an end once it is on disk."""

    async def resumed(self, process: ProcessLike) -> None:
        """Go on with what stopped when a process stopped."""

    def review(self) -> None:
        """See whether what a process waits for is there, and let it go on."""

    def hopeful(self, process: ProcessLike, people: bool) -> bool:
        """Return whether somebody may still end the wait of a process; with `people`, one who waits for a person."""
        return False


@dataclass(frozen=True)
class Entry:
    """A part that a session may have.

    Parameters
    ----------
    where : str or Plugin
        ``module:class``; imported when it is first wanted.
    order, settings, run : callable
        Whether a new process wants it for its tools; whether the settings do; whether a process does. Where none says
        so, the part is made when it is asked for by name.
    kinds : tuple of str
        Events that only come with this part: the first one makes it wanted.
    """

    where: str | Plugin
    order: Callable[[Order], bool] = lambda order: False
    settings: Callable[[Settings], bool] = lambda settings: False
    run: Callable[[Run], bool] = lambda run: False
    kinds: tuple[str, ...] = ()


def _has(run: Run, *names: str) -> bool:
    return not run.tools.keys().isdisjoint(names)


PARTS: dict[str, Entry] = {
    "skills": Entry(
        "llmos_nb.session.skills.skills:SkillTools",
        order=lambda order: any(isinstance(g, str) and g.startswith(SKILL) for g in order.given),
    ),
    "isolation": Entry(
        "llmos_nb.session.isolation:Isolation",
        order=lambda order: bool(order.apart) or order.settings.untrusted == "child",
        run=lambda run: any(t.worker is not None for t in run.tools.values()),
    ),
    "memory": Entry(
        "llmos_nb.session.memory.part:LongTermMemory",
        run=lambda run: Home(run.journal.path.parents[2]).remembers,
    ),
    "mcp": Entry(
        "llmos_nb.session.servers:ToolServers",
        run=lambda run: bool(run.state.servers) or any(t.server for t in run.tools.values()),
    ),
    "mail": Entry(
        "llmos_nb.session.ipc.post:Post",
        run=lambda run: bool(run.state.awaited) or _has(run, "send", "receive"),
        kinds=("message.awaited",),
    ),
    "children": Entry(
        "llmos_nb.session.children:Children",
        run=lambda run: bool(run.state.children or run.state.started_by) or _has(run, START, WAIT),
    ),
    "door": Entry("llmos_nb.session.door.part:Door"),
    "seats": Entry(
        "llmos_nb.session.door.seat:Seats",
        order=lambda order: hasattr(order.model, "seat"),
        run=lambda run: _has(run, "agent_action"),
    ),
    "goals": Entry("llmos_nb.session.goals.waker:Waker"),
    "spans": Entry("llmos_nb.session.tracing:Tracing", settings=lambda settings: settings.trace),
}


@cache
def _installed() -> dict[str, Entry]:
    """Return the parts of other packages; whoever installed one wants it for every process."""
    found = load_plugins(GROUP, PARTS).items()
    return {name: Entry(plugin, _always, _always, _always) for name, plugin in found}


def _always(_: Any) -> bool:
    return True


@dataclass(frozen=True)
class _Hearing:
    """A listener for the kinds of event that any part hears."""

    kinds: Set[str]
    hear: Callable[[Event], None]

    def __call__(self, event: Event, _: State) -> None:
        self.hear(event)


class Parts:
    """The parts of one session.

    Parameters
    ----------
    session : Session
        Whose they are.

    Attributes
    ----------
    ending : dict of int to int
        By pid, the numbers of ends that are not on disk yet: nothing that follows from one is written elsewhere.
    """

    def __init__(self, session: SessionLike) -> None:
        self.session, self.table = session, {**_installed(), **PARTS}
        self.made: dict[str, Part] = {}
        self.ending: dict[int, int] = {}
        self._hearing: dict[str, list[Part]] = defaultdict(list)
        self._kinds = {kind: name for name, entry in self.table.items() for kind in entry.kinds}
        self.kinds = {"run.started", RunEnded.kind, *self._kinds}  # what any part hears

    def __getitem__(self, name: str) -> Any:
        """Return a part, made now where it was not wanted before."""
        if name not in self.made:
            self.made[name] = part = self._make(self.table[name].where)
            self.kinds.update(part.hears)
            for kind in part.hears:
                self._hearing[kind].append(part)
        return self.made[name]

    def _make(self, where: str | Plugin) -> Part:
        """Return a new part; one of another package that cannot be made is said once, and does nothing."""
        if isinstance(where, str):
            made: Part = resolve_name(where)(self.session)
            return made
        try:
            found: Part = where.call(self.session)
        except ConfigError as error:
            _log.warning("%s; it is left out", error)
            return Part(self.session)
        return found

    def _wanted(self, wants: Callable[[Entry], bool]) -> list[Part]:
        return [self[name] for name, entry in self.table.items() if wants(entry)]

    def offers(self, order: Order, tools: Mapping[str, Tool]) -> list[Tool]:
        """Return what parts add to the tools of a new process."""
        wanted = self._wanted(lambda entry: entry.order(order))
        return [tool for part in wanted for tool in part.offers(order, tools)]

    def wraps(self, order: Order, tools: dict[str, Tool]) -> dict[str, Tool]:
        """Return the tools of a new process as parts let it have them."""
        for part in self._wanted(lambda entry: entry.order(order)):
            tools = part.wraps(order, tools)
        return tools

    def connect(self, run: Run) -> None:
        """Tie a process to the parts that it wants, and let parts hear of it."""
        tied = self._tie(run, ())
        run.listeners.append(_Hearing(self.kinds, lambda event: self._heard(run, event, tied)))

    def _tie(self, run: Run, tied: Collection[Part]) -> list[Part]:
        """Tie a process to what it wants now and was not tied to before."""
        wanted = [p for p in self._wanted(lambda entry: entry.run(run)) if p not in tied]
        for part in wanted:
            run.tools.update(part.tools(run))
        return wanted

    def begun(self, run: Run, settings: Settings) -> dict[str, Any]:
        """Let parts follow a process from now on; return what they say for its first event."""
        facts: dict[str, Any] = {}
        for part in self._wanted(lambda entry: entry.settings(settings) or entry.run(run)):
            facts |= part.begun(run, settings)
        return facts

    def _heard(self, run: Run, event: Event, tied: list[Part]) -> None:
        if event.k == "run.started":  # it says more than was known when the process was tied
            self._tie(run, tied)
        if event.k in self._kinds:
            self[self._kinds[event.k]]  # made, so that it hears this
        if event.k == RunEnded.kind:
            self.ending[run.state.pid] = event.n
            self._write_end(run, event)
        else:
            self._let_hear(run, event)

    def _write_end(self, run: Run, event: Event) -> None:
        """Let parts hear of an end once it is on disk: a crash must not leave others with one that never was."""

        def written(error: JournalError | None) -> None:
            runtime().post(self._written, run, event, error, context=reentry.outside())

        run.journal.written(written)

    def _written(self, run: Run, event: Event, error: JournalError | None) -> None:
        s = run.state
        ended = s.status == "ended" and self.ending.get(s.pid) == event.n
        if ended and error is not None:  # whoever drives it is told, and pauses it, or it is written later
            runtime().loop.call_later(AGAIN_S, self._write_end, run, event)
            return
        if self.ending.get(s.pid) == event.n:
            del self.ending[s.pid]
        if ended:  # else it goes on
            self._let_hear(run, event)

    def _let_hear(self, run: Run, event: Event) -> None:
        for part in self._hearing.get(event.k, ()):
            try:
                part.heard(run, event)
            except Exception:
                _log.exception("%s failed to hear %s of process %s", part, event.k, run.state.pid)

    async def resumed(self, process: ProcessLike) -> None:
        """Let parts go on with what stopped with a process."""
        for part in list(self.made.values()):
            await part.resumed(process)

    def review(self) -> None:
        """Let parts see whether what processes wait for is there."""
        for part in self.made.values():
            part.review()

    def hopeful(self, process: ProcessLike, people: bool = False) -> bool:
        """Return whether any part may still end the wait of a process."""
        return any(part.hopeful(process, people) for part in self.made.values())
