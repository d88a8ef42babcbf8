"""Waiting for one's turn: at a model's endpoint, and at the live namespace. `queue.py` says who comes next.

A turn that is free is taken at once; one that is given back goes to the next in the same moment. Whoever is cancelled
leaves the queue, and gives back what it was just given. Threads with event loops of their own may share a resource.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from llmos_nb.journal import Event
from llmos_nb.journal.events import CallRedone, CallUndone, LabelChanged, RunEnded
from llmos_nb.models import Model
from llmos_nb.policy import CONTEXT, inherited, labels
from llmos_nb.policy.code import inspect_code
from llmos_nb.process.scheduling.queue import DEFAULT, Claim, Limits, Pace, Queue
from llmos_nb.process.state.state import State


class Claimant(Protocol):
    """Who waits for a turn: a `Run`."""

    model: Model
    writes: NamespaceLock
    limits: Limits

    @property
    def state(self) -> State:
        """Its pid and niceness."""

    @property
    def waits(self) -> MutableMapping[Any, Wait]:
        """What each of its commands waits for."""


@dataclass(eq=False)
class Account:
    """What one process has had of a resource so far: seconds, its last turn, and what it waits for now."""

    served: float = 0.0
    turn: int = 0
    tickets: set[int] = field(default_factory=set)


@dataclass(eq=False)
class _Waiting:
    """One who waits, on its own loop."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]
    account: Account
    given: bool = False

    def settle(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class Wait(NamedTuple):
    """What a command waits for, to be shown."""

    resource: Resource | None
    ticket: int
    words: str

    def __str__(self) -> str:
        if self.resource is None:
            return self.words
        before = self.resource.before(self.ticket)
        return f"{self.words} ({self.resource.name}, {before} before it)"


@contextlib.contextmanager
def waiting(run: Claimant, command: Hashable, wait: Wait) -> Iterator[None]:
    """Show what a command waits for; until it goes on, `step` may withdraw it."""
    run.waits[command] = wait
    try:
        yield
    finally:
        run.waits.pop(command, None)


class Resource:
    """Something that only so many processes can use at once.

    Parameters
    ----------
    name : str
        As it is shown.
    slots : float
        How many may use it at once; infinity for any number.
    policy : str
        One of `queue.POLICIES`.
    per_minute : float
        How many turns may begin in a minute; 0 for any number.
    words : str
        How a wait for it is shown.
    """

    def __init__(
        self,
        name: str,
        slots: float = math.inf,
        policy: str = DEFAULT,
        per_minute: float = 0.0,
        words: str = "waiting for a model slot",
    ) -> None:
        self.name, self.slots, self.words = name, slots, words
        self.queue, self.pace = Queue(policy), Pace(per_minute)
        self.used = self.turns = 0
        self._accounts: WeakKeyDictionary[Claimant, Account] = WeakKeyDictionary()
        self._waiting: dict[int, _Waiting] = {}
        self._mutex = threading.RLock()
        self._alarm = 0.0

    @property
    def held(self) -> bool:
        """Whether anybody uses it now."""
        return self.used > 0

    @contextlib.asynccontextmanager
    async def turn(self, run: Claimant, command: Hashable, patience_s: float = math.inf) -> AsyncIterator[float]:
        """Wait for a turn of a process, and have it; gives the seconds that it waited.

        Raises
        ------
        TimeoutError
            It did not come within `patience_s`.
        """
        account = self._account(run)
        came = time.monotonic()
        await self._enter(run, command, account, patience_s)
        began = time.monotonic()
        try:
            yield began - came
        finally:
            self._leave(account, time.monotonic() - began)

    def take(self, run: Claimant) -> bool:
        """Take a turn where one is free at this moment, until `give_back`; return whether it was."""
        with self._mutex:
            free = not len(self.queue) and self.used < self.slots
            if free:
                self._give(self._account(run), time.monotonic())
            return free

    async def queue_up(self, run: Claimant, command: Hashable, patience_s: float = math.inf) -> None:
        """Wait for a turn, and have it until `give_back`.

        Raises
        ------
        TimeoutError
            It did not come within `patience_s`.
        """
        await self._enter(run, command, self._account(run), patience_s)

    def give_back(self, run: Claimant) -> None:
        """End a turn that `take` or `queue_up` gave."""
        self._leave(self._account(run), 0.0)

    def before(self, ticket: int) -> int:
        """Count those who come before one who waits."""
        with self._mutex:
            return self.queue.before(ticket) if ticket in self.queue else 0

    def renice(self, run: Claimant) -> None:
        """Put a process that waits where its new niceness belongs."""
        with self._mutex:
            for ticket in self._account(run).tickets:
                self.queue.change(ticket, nice=run.state.nice)

    def set(self, slots: float, policy: str, per_minute: float) -> None:
        """Change how many, who first and how often; whoever waits goes on waiting."""
        with self._mutex:
            self.slots, self.pace.per_minute = slots, per_minute
            if policy != self.queue.policy:
                self.queue.reorder(policy)
            self._serve()

    def hold(self, seconds: float) -> None:
        """Let nobody begin for a while, since the endpoint said so."""
        with self._mutex:
            self.pace.hold(time.monotonic() + seconds)

    def _account(self, run: Claimant) -> Account:
        with self._mutex:
            found = self._accounts.get(run)
            if found is None:
                found = self._accounts[run] = Account(turn=self.turns)
            return found

    async def _enter(self, run: Claimant, command: Hashable, account: Account, patience_s: float) -> None:
        """Take a turn that is free, or wait for one."""
        now = time.monotonic()
        with self._mutex:
            if not len(self.queue) and self.used < self.slots and self.pace.opens(now) <= now:
                self._give(account, now)
                return
            loop = asyncio.get_running_loop()
            waiter = _Waiting(loop, loop.create_future(), account)
            claim = Claim(run.state.pid, 0, now, run.state.nice, account.served, account.turn)
            ticket = self.queue.add(claim).ticket
            account.tickets.add(ticket)
            self._waiting[ticket] = waiter
            self._serve()
        try:
            with waiting(run, command, Wait(self, ticket, self.words)):
                async with asyncio.timeout(None if math.isinf(patience_s) else max(patience_s, 0.0)):
                    await waiter.future
        except BaseException:
            self._give_up(ticket, waiter)
            raise

    def _give_up(self, ticket: int, waiter: _Waiting) -> None:
        """Leave the queue; what was given in the same moment goes to the next."""
        with self._mutex:
            self.queue.remove(ticket)
            self._waiting.pop(ticket, None)
            waiter.account.tickets.discard(ticket)
            self.used -= waiter.given
            self._alarm = 0.0  # it may have stood on this one's loop
            self._serve()

    def _leave(self, account: Account, seconds: float) -> None:
        with self._mutex:
            self.used -= 1
            account.served += seconds
            for ticket in account.tickets:
                self.queue.change(ticket, served=account.served)
            self._serve()

    def _give(self, account: Account, now: float) -> None:
        self.used += 1
        self.turns += 1
        account.turn = self.turns
        self.pace.began(now)
        for ticket in account.tickets:
            self.queue.change(ticket, turn=account.turn)

    def _serve(self) -> None:
        """Return every turn that is free to whoever comes next."""
        now = time.monotonic()
        while self.used < self.slots and (claim := self.queue.first()) is not None:
            waiter, opens = self._waiting[claim.ticket], self.pace.opens(now)
            gone = waiter.loop.is_closed() or waiter.future.done()
            if opens > now and not gone:
                self._ring_at(opens, waiter.loop)
                return
            self.queue.pop()
            del self._waiting[claim.ticket]
            waiter.account.tickets.discard(claim.ticket)
            if gone:
                continue
            waiter.given = True
            self._give(waiter.account, now)
            waiter.loop.call_soon_threadsafe(waiter.settle)

    def _ring_at(self, when: float, loop: asyncio.AbstractEventLoop) -> None:
        """Look again when the pace allows the next one."""
        if not self._alarm or when < self._alarm:
            self._alarm = when
            loop.call_soon_threadsafe(loop.call_later, when - time.monotonic(), self._ring)

    def _ring(self) -> None:
        with self._mutex:
            self._alarm = 0.0
            self._serve()


ELSEWHERE = 8  # requests at once, of a model that does not say
_ENDPOINTS: dict[str, Resource] = {}
_registry = threading.Lock()


def endpoint(model: Model, limits: Limits, configure: bool = False) -> Resource:
    """Return the slots of a model's endpoint, which all processes of the interpreter share.

    Parameters
    ----------
    model : Model
        Its `endpoint` names where it is, its `slots` how many requests that takes at once. A model that is nowhere
        (a script) and for which nobody has set limits has slots of its own without end.
    limits : Limits
        What somebody has set.
    configure : bool
        Bring the endpoint to these limits, where it is there already.
    """
    name = model.traits.name
    own = float(getattr(model, "slots", ELSEWHERE))
    wanted = (float(limits.slots or own), limits.policy, limits.per_minute)
    key = getattr(model, "endpoint", name)
    if not key and not limits.slots and not limits.per_minute:
        return Resource(name, *wanted)
    with _registry:
        found = _ENDPOINTS.get(key or name)
        if found is None:
            found = _ENDPOINTS[key or name] = Resource(name, *wanted)
        elif configure:
            found.set(*wanted)
    return found


def bind(run: Claimant, limits: Limits) -> None:
    """Bring a process under limits: its endpoint and the namespace keep those of whoever was started last."""
    run.limits = limits
    endpoint(run.model, limits, configure=True)
    run.writes.set(1, limits.policy, 0)


class NamespaceLock(Resource):
    """Who may write the live namespace: one call at a time over all processes, in the order of a policy."""

    def __init__(self) -> None:
        super().__init__("one call at a time", 1, words="waiting for the namespace")


class Sharing:
    """The changes of one namespace, in order."""

    def __init__(self) -> None:
        self.n, self._last = 0, dict[str, tuple[int, str, int]]()
        self.turns: dict[str, Resource] = {}  # at names over which processes came into conflict; see `turns`
        self.labels: dict[str, str] = {}  # of names and files, as any process has learnt them
        self.answers: set[str] = set()  # of processes that had read what others wrote

    def changed(self, names: Iterable[str], by: str, pid: int = 0) -> None:
        """Note that somebody changed names; `pid` is 0 for the user."""
        self.n += 1
        self._last.update(dict.fromkeys(names, (self.n, by, pid)))

    def since(self, name: str, mark: int, pid: int) -> str:
        """Say who else has changed a name since a mark; nothing where nobody has."""
        n, by, who = self._last.get(name, (0, "", 0))
        return by if n > mark and who != pid else ""

    def cell(self, result: Any) -> None:
        """Note what a cell of the user's has changed, as it ends."""
        source, n = str(getattr(result.info, "raw_cell", "") or ""), result.execution_count
        if source.lstrip().startswith(("%agent", "%%agent")):
            return
        self.changed((seen := inspect_code(source)).writes, f"your cell [{n}]" if n else "your cell")
        if labels.of(seen.reads, self.labels).untrusted:  # what is made of others' words holds them
            self.labels = inherited((self.labels, dict.fromkeys(seen.writes, "untrusted")))


class Sight:
    """What one process has seen of the changes: `seen` says when it last looked at each name.

    Parameters
    ----------
    sharing : Sharing
        Of its namespace.
    """

    HEARS: tuple[str, ...] = ("label.changed", "run.ended", "call.undone", "call.redone")

    def __init__(self, sharing: Sharing) -> None:
        self.sharing, self._began, self.hears = sharing, sharing.n, self.HEARS
        self.seen: dict[str, int] = {}
        self.told: dict[str, str] = {}  # by name: the last change by another that the model was told of
        self.follower: Callable[[Event, State], object] = lambda event, state: None  # adds to `hears`

    def saw(self, names: Iterable[str]) -> None:
        """Note that the process has looked at names just now."""
        self.seen.update(dict.fromkeys(names, self.sharing.n))

    def ran(self, names: Iterable[str], looked: Iterable[str], pid: int) -> None:
        """Note what a step changed and looked at, at the moment when it ended: later changes are somebody else's."""
        self.sharing.changed(names := list(names), f"process {pid}", pid)
        self.saw([*names, *looked])

    def heard(self, event: Event, state: State) -> None:
        """Follow what undo and redo change, which labels rise, and whose turn at a name has ended."""
        match event.body:
            case LabelChanged(name=name, label=label) if name != CONTEXT:
                self.sharing.labels = inherited((self.sharing.labels, {name: label}))
            case RunEnded(answer=str(answer)) if labels.context(state.labels).untrusted:
                self.sharing.answers.add(answer)
            case CallUndone(call=call) | CallRedone(call=call) if call in state.calls:
                self.ran(state.calls[call].changes.names, (), state.pid)
        self.follower(event, state)

    def conflicts(self, names: Iterable[str], pid: int) -> dict[str, str]:
        """Return the names that somebody else has changed since the process last looked, with who it was."""
        found = {n: self.sharing.since(n, self.seen.get(n, self._began), pid) for n in names}
        return {n: by for n, by in found.items() if by}
