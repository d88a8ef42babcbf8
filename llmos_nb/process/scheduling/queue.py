"""Who comes next, where several processes wait for the same thing: a model's slots, or the live namespace.

Pure: no clock and no waiting; `resource.py` does both. A policy gives a claim a key, and the lowest key comes next. The
keys do not change while a claim waits, so that a queue is a heap, and nobody starves: whoever comes late
enough has a higher key than whoever waits already.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from llmos_nb.errors import ConfigError, UsageError, nearest

AGE_S = 5.0  # one step of niceness weighs as much as so many seconds of waiting
FORGIVEN = 0.25  # of a second that was served, for each second of waiting
WEIGHT = 1.25  # what a second of service counts more for one step of niceness
NICEST, LEAST_NICE = 19, -20
WINDOW_S = 60.0
DEFAULT = "las"


class Limits(NamedTuple):
    """What somebody has set for the endpoints of models: slots and requests a minute (0: not set), and a policy.

    `pace` waits for a turn among other interpreters, too, and gives the seconds that it waited.
    """

    slots: int = 0
    policy: str = DEFAULT
    per_minute: float = 0.0
    pace: Callable[[], Awaitable[float]] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One who waits.

    Parameters
    ----------
    pid : int
        Who.
    ticket : int
        Its place in the order of arrival.
    since : float
        When it came, in seconds.
    nice : int
        -20 (goes first) to 19 (lets all others go first).
    served : float
        Seconds that it has had so far.
    turn : int
        How many turns had been given, to anybody, when it last had one; when it came first, if it never had.
    """

    pid: int
    ticket: int
    since: float = 0.0
    nice: int = 0
    served: float = 0.0
    turn: int = 0


Key = tuple[float, int]


def fcfs(c: Claim) -> Key:
    """First come, first served."""
    return c.ticket, c.ticket


def rr(c: Claim) -> Key:
    """Round robin over processes: whoever had its last turn longest ago."""
    return c.turn, c.ticket


def priority(c: Claim) -> Key:
    """The least nice first, and waiting makes up for it; among equals, first come, first served."""
    return c.since + AGE_S * c.nice, c.ticket


def las(c: Claim) -> Key:
    """Least attained service first: short processes pass long ones, which waiting brings forward in the end."""
    return c.served * WEIGHT**c.nice + FORGIVEN * (c.since + AGE_S * c.nice), c.ticket


POLICIES: dict[str, Callable[[Claim], Key]] = {"las": las, "priority": priority, "fcfs": fcfs, "rr": rr}


class Queue:
    """Claims in the order of a policy.

    Parameters
    ----------
    policy : str
        One of `POLICIES`.
    """

    def __init__(self, policy: str = DEFAULT) -> None:
        self.policy = policy
        self._claims: dict[int, Claim] = {}
        self._heap: list[tuple[Key, int]] = []
        self._tickets = 0

    def __len__(self) -> int:
        return len(self._claims)

    def __contains__(self, ticket: int) -> bool:
        return ticket in self._claims

    def add(self, claim: Claim) -> Claim:
        """Take a claim in and give it with its ticket."""
        self._tickets += 1
        return self._put(replace(claim, ticket=self._tickets))

    def remove(self, ticket: int) -> None:
        """Let somebody go who waits no more."""
        self._claims.pop(ticket, None)

    def change(self, ticket: int, **how: Any) -> None:
        """Return a claim that waits another niceness, service or turn."""
        if ticket in self._claims:
            self._put(replace(self._claims[ticket], **how))

    def reorder(self, policy: str) -> None:
        """Go on under another policy; whoever waits goes on waiting."""
        self.policy, self._heap = policy, []
        for claim in self._claims.values():
            self._put(claim)

    def first(self) -> Claim | None:
        """Return whoever comes next, without letting it go."""
        while self._heap:
            key, ticket = self._heap[0]
            claim = self._claims.get(ticket)
            if claim is not None and key == self._key(claim):
                return claim
            heapq.heappop(self._heap)  # it left, or has another key by now
        return None

    def pop(self) -> Claim | None:
        """Take out whoever comes next."""
        claim = self.first()
        if claim is not None:
            del self._claims[claim.ticket]
        return claim

    def before(self, ticket: int) -> int:
        """Count those who come before a claim as things stand."""
        own = self._key(self._claims[ticket])
        return sum(self._key(c) < own for c in self._claims.values())

    def _put(self, claim: Claim) -> Claim:
        self._claims[claim.ticket] = claim
        heapq.heappush(self._heap, (self._key(claim), claim.ticket))
        return claim

    def _key(self, claim: Claim) -> Key:
        return POLICIES[self.policy](claim)


@dataclass
class Pace:
    """How often something may be begun: at most so many times in any minute, and not before a moment.

    Parameters
    ----------
    per_minute : float
        0 for any number.
    """

    per_minute: float = 0.0
    held_until: float = 0.0
    _begun: deque[float] = field(default_factory=deque)

    def opens(self, now: float) -> float:
        """Return the moment from which one more may begin; not later than `now` where it may at once."""
        while self._begun and self._begun[0] <= now - WINDOW_S:
            self._begun.popleft()
        most = int(self.per_minute)
        full = self._begun[-most] + WINDOW_S if most and len(self._begun) >= most else now
        return max(self.held_until, full)

    def began(self, now: float) -> None:
        """Note that one began."""
        if self.per_minute:
            self._begun.append(now)

    def hold(self, until: float) -> None:
        """Let nobody begin before a moment."""
        self.held_until = max(self.held_until, until)


def read_limits(table: Mapping[str, Any], where: str, also: Iterable[str] = ()) -> dict[str, Any]:
    """Read the settings of scheduling from a table of `llmos.toml`, which may have other keys, too.

    Raises
    ------
    ConfigError
        Names the key that is not known.
    """
    names = {"slots": "slots", "requests_per_minute": "requests_per_minute", "policy": "scheduler"}
    known = [*names, *also]
    for key in table:
        if key not in known:
            raise ConfigError(f"{where} has no key {key!r}{nearest(key, known)}")
    return {name: table[key] for key, name in names.items() if key in table}


def checked(limits: Limits) -> Limits:
    """Return limits that somebody typed, or say what is wrong with them.

    Raises
    ------
    UsageError
        Names the setting and what it may be.
    """
    if limits.policy not in POLICIES:
        known = ", ".join(POLICIES)
        raise UsageError(f"scheduler {limits.policy!r}: must be {known}{nearest(str(limits.policy), POLICIES)}")
    for name, value in (("slots", limits.slots), ("requests_per_minute", limits.per_minute)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not (value == 0 or value >= 1):
            raise UsageError(f"{name} {value!r}: must be 1 or more, or 0 for the endpoint's own number")
    return limits
