"""Who writes a contended name next: processes that came into conflict over it write it one after the other."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable
from weakref import WeakKeyDictionary

from llmos_nb.journal import Event, events as ev
from llmos_nb.process.scheduling.resource import Claimant, Resource, Sharing, Sight
from llmos_nb.process.state.state import State

PATIENCE_S = 60.0  # nobody waits longer for the turn of one whose model thinks
CALLS = 3  # so many other calls may stand between a refusal and the write that it was about


_registry = threading.Lock()
_of: WeakKeyDictionary[Sight, NameTurns] = WeakKeyDictionary()


def turns_of(sight: Sight) -> NameTurns:
    """Return the turns that a process has."""
    with _registry:
        if sight not in _of:
            _of[sight] = NameTurns(sight.sharing)
            sight.follower, sight.hears = _of[sight].heard, (*Sight.HEARS, *NameTurns.HEARS)
        return _of[sight]


def at(sharing: Sharing, name: str) -> Resource:
    """Return the turns at writing one name of a namespace."""
    with _registry:
        if name not in sharing.turns:
            words = f"waiting to write `{name}`"
            sharing.turns[name] = Resource("one process at a time", 1, "fcfs", words=words)
        return sharing.turns[name]


def contended(sharing: Sharing, name: str) -> bool:
    """Return whether somebody has the turn at a name now."""
    return name in sharing.turns and sharing.turns[name].held


class NameTurns:
    """The turns at contended names that one process has.

    A process that was refused has the next turn at the name, until it has written it, has done something else
    `CALLS` times, or cannot go on by itself; meanwhile, others queue. Whoever was refused waits for no other name,
    and who queues does so in the order of the names, so that no two wait for each other.

    Parameters
    ----------
    sharing : Sharing
        Of its namespace.
    """

    HEARS = (
        *(ev.CallFinished.kind, ev.CallDecided.kind, ev.ModelResponded.kind, ev.ModelFailed.kind),
        *(ev.QuestionAsked.kind, ev.MessageAwaited.kind, ev.RunPaused.kind, ev.RunEnded.kind),
    )  # what gives a turn back

    def __init__(self, sharing: Sharing) -> None:
        self.sharing = sharing
        self._have: dict[str, Claimant] = {}
        self._calls = 0

    def claim(self, run: Claimant, names: Iterable[str]) -> None:
        """Take the next turn at names, where nobody else has it."""
        self._calls = 0
        for name in names:
            if name not in self._have and at(self.sharing, name).take(run):
                self._have[name] = run

    async def await_all(self, run: Claimant, command: Hashable, names: Iterable[str]) -> None:
        """Wait for the turn at each of these names that is contended now, for a bounded time."""
        if self._have:
            return
        for name in sorted(set(names)):
            if not contended(self.sharing, name):
                continue
            try:
                await at(self.sharing, name).queue_up(run, command, PATIENCE_S)
            except TimeoutError:
                return
            self._have[name] = run
            self._calls = 0

    def heard(self, event: Event, state: State) -> None:
        """Give turns back that are used, or of which no use can be made by now."""
        if not self._have:
            return
        match event.body:
            case ev.CallFinished(call=call) if call in state.calls:
                self._closed(state.calls[call].changes.names)
            case ev.CallDecided(what="reject" | "skip", by=by) if by != ev.CONFLICT:
                self._closed(())
            case ev.ModelResponded(calls=[]):
                self._give_back(tuple(self._have))
            case ev.QuestionAsked() | ev.MessageAwaited() | ev.ModelFailed() | ev.RunPaused() | ev.RunEnded():
                self._give_back(tuple(self._have))

    def _closed(self, written: Iterable[str]) -> None:
        self._calls += 1
        self._give_back(tuple(self._have) if self._calls >= CALLS else written)

    def _give_back(self, names: Iterable[str]) -> None:
        for name in names:
            if (run := self._have.pop(name, None)) is not None:
                at(self.sharing, name).give_back(run)
