"""Several processes over one namespace: who changed which name, what each has seen of it, and who writes it next.

What a process has seen of a name is the mark of the last change then; a write is compared with it, as compare-and-set
does. Processes that came into conflict over a name write it one after the other, so that each has its turn.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from llmos_nb.journal import Event
from llmos_nb.journal.events import (
    CallDecided,
    CallFinished,
    CallRedone,
    CallUndone,
    LabelChanged,
    MessageAwaited,
    ModelFailed,
    ModelResponded,
    QuestionAsked,
    RunEnded,
    RunPaused,
)
from llmos_nb.policy import CONTEXT, inherited
from llmos_nb.policy.code import inspect_code
from llmos_nb.process.scheduling.resource import Claimant, Resource
from llmos_nb.process.state.state import State

CONFLICT = "conflict"  # who refuses a step that would write what somebody else has changed
PATIENCE_S = 60.0  # nobody waits longer for the turn of one whose model thinks
CALLS = 3  # so many other calls may stand between a refusal and the write that it was about


class Sharing:
    """The changes of one namespace, in order."""

    def __init__(self) -> None:
        self.n = 0
        self._last: dict[str, tuple[int, str, int]] = {}
        self._turns: dict[str, Resource] = {}
        self._mutex = threading.Lock()
        self.labels: dict[str, str] = {}  # of names and files, as any process has learnt them

    def changed(self, names: Iterable[str], by: str, pid: int = 0) -> None:
        """Note that somebody changed names; `pid` is 0 for the user."""
        self.n += 1
        self._last.update(dict.fromkeys(names, (self.n, by, pid)))

    def since(self, name: str, mark: int, pid: int) -> str:
        """Say who else has changed a name since a mark; nothing where nobody has."""
        n, by, who = self._last.get(name, (0, "", 0))
        return by if n > mark and who != pid else ""

    def turn(self, name: str) -> Resource:
        """Return the turns at writing one name."""
        with self._mutex:
            if name not in self._turns:
                self._turns[name] = Resource(
                    "one process at a time", 1, "fcfs", words=f"waiting to write `{name}`"
                )
            return self._turns[name]

    def contended(self, name: str) -> Resource | None:
        """Return the turns at writing a name that somebody has one at, or None."""
        found = self._turns.get(name)
        return found if found is not None and found.held else None

    def follow_cells(self, ip: Any) -> None:
        """Note what the user's own cells change, as they end."""
        if ip is not None and hasattr(ip, "events"):
            ip.events.register("post_run_cell", self._cell)

    def _cell(self, result: Any) -> None:
        source = str(getattr(result.info, "raw_cell", "") or "")
        if source.lstrip().startswith(("%agent", "%%agent")):
            return
        writes = inspect_code(source).writes
        if writes:
            self.changed(
                writes, f"your cell [{result.execution_count}]" if result.execution_count else "your cell"
            )


class Sight:
    """What one process has seen of the changes: when it last looked at each name.

    Parameters
    ----------
    sharing : Sharing
        Of its namespace.
    """

    def __init__(self, sharing: Sharing) -> None:
        self.sharing, self._began = sharing, sharing.n
        self._seen: dict[str, int] = {}
        self.turns = Turns(sharing)

    @property
    def known(self) -> tuple[str, ...]:
        """The names that the process has looked at."""
        return tuple(self._seen)

    def saw(self, names: Iterable[str]) -> None:
        """Note that the process has looked at names just now."""
        self._seen.update(dict.fromkeys(names, self.sharing.n))

    def ran(self, names: Iterable[str], looked: Iterable[str], pid: int) -> None:
        """Note what a step changed and looked at, at the moment when it ended: later changes are somebody else's."""
        names = list(names)
        self.sharing.changed(names, f"process {pid}", pid)
        self.saw([*names, *looked])

    def heard(self, event: Event, state: State) -> None:
        """Follow what undo and redo change, which labels rise, and whose turn at a name has ended."""
        match event.body:
            case LabelChanged(name=name, label=label) if name != CONTEXT:
                self.sharing.labels = inherited((self.sharing.labels, {name: label}))
            case CallUndone(call=call) | CallRedone(call=call) if call in state.calls:
                self.ran(state.calls[call].changes.names, (), state.pid)
        self.turns.heard(event, state)

    def conflicts(self, names: Iterable[str], namespace: Mapping[str, Any], pid: int) -> dict[str, str]:
        """Return the names that somebody else has changed since the process last looked, with who it was."""
        found = {n: self.sharing.since(n, self._seen.get(n, self._began), pid) for n in names if n in namespace}
        return {n: by for n, by in found.items() if by}


class Turns:
    """The turns at contended names that one process has.

    A process that was refused has the next turn at the name, until it has written it, has done something else
    `CALLS` times, or cannot go on by itself; meanwhile, others queue. Whoever was refused waits for no other name,
    and who queues does so in the order of the names, so that no two wait for each other.

    Parameters
    ----------
    sharing : Sharing
        Of its namespace.
    """

    def __init__(self, sharing: Sharing) -> None:
        self.sharing = sharing
        self._have: dict[str, Claimant] = {}
        self._calls = 0

    def claim(self, run: Claimant, names: Iterable[str]) -> None:
        """Take the next turn at names, where nobody else has it."""
        self._calls = 0
        for name in names:
            if name not in self._have and self.sharing.turn(name).take(run):
                self._have[name] = run

    async def await_all(self, run: Claimant, command: Hashable, names: Iterable[str]) -> None:
        """Wait for the turn at each of these names that is contended now, for a bounded time."""
        if self._have:
            return
        for name in sorted(set(names)):
            turn = self.sharing.contended(name)
            if turn is None:
                continue
            try:
                await turn.queue_up(run, command, PATIENCE_S)
            except TimeoutError:
                return
            self._have[name] = run
            self._calls = 0

    def heard(self, event: Event, state: State) -> None:
        """Give turns back that are used, or of which no use can be made by now."""
        if not self._have:
            return
        match event.body:
            case CallFinished(call=call) if call in state.calls:
                self._closed(state.calls[call].changes.names)
            case CallDecided(what="reject" | "skip", by=by) if by != CONFLICT:
                self._closed(())
            case ModelResponded(calls=[]):
                self._give_back(tuple(self._have))
            case QuestionAsked() | MessageAwaited() | ModelFailed() | RunPaused() | RunEnded():
                self._give_back(tuple(self._have))

    def _closed(self, written: Iterable[str]) -> None:
        self._calls += 1
        self._give_back(tuple(self._have) if self._calls >= CALLS else written)

    def _give_back(self, names: Iterable[str]) -> None:
        for name in names:
            if (run := self._have.pop(name, None)) is not None:
                self.sharing.turn(name).give_back(run)
