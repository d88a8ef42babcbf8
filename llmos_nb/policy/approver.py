"""Approvers: code of the user that may decide on a call before a person is asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from llmos_nb.errors import UsageError
from llmos_nb.policy.plugins import load_plugins


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """A call that needs approval, as a person would be shown it.

    Parameters
    ----------
    pid, goal : int, str
        The process that wants it, and what it was asked to do.
    call : str
        The call's id, ``r2.0``.
    tool : str
        Exact name.
    arguments : mapping
        Validated; a copy. Secrets stand in it by their placeholders.
    level : {"read", "namespace", "risky"}
        What the call would do.
    why : str
        Why it asks, as one sentence.
    risks : tuple of str
        One sentence each.
    reads, writes : tuple of str
        Variables.
    origins : mapping
        Where each argument comes from, in words; empty as long as nothing untrusted was read.
    labels : mapping
        Label by name of what it reads, and of the process's context as ``*``.
    digest : str
        What a decision is bound to; one that has changed when the call starts is asked for again.
    effect : tuple of (str, str), optional
        Of a step that runs and is held: the kind of what it is about to do outside, and on what (``("write",
        "/data/a.csv")``). It can be approved or rejected, not edited, and `decide` runs on another thread than else.
    """

    pid: int
    goal: str
    call: str
    tool: str
    arguments: Mapping[str, Any]
    level: str
    why: str
    risks: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    origins: Mapping[str, str]
    labels: Mapping[str, str]
    digest: str
    effect: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What an approver decides.

    Parameters
    ----------
    what : {"approve", "reject", "edit"}
        ``edit`` approves the call with other arguments, unless a rule denies it so.
    why : str
        For the journal, and on `reject` for the model.
    by : str
        Who within the approver decided, such as the person at the other end of a chat; empty for itself.
    arguments : mapping, optional
        All arguments, for ``edit``.
    """

    what: Literal["approve", "reject", "edit"]
    why: str = ""
    by: str = ""
    arguments: Mapping[str, Any] | None = None


class Approver(Protocol):
    """Something that may decide on calls; `name`, where it has one, stands in the journal (else that of its class)."""

    async def decide(self, request: ApprovalRequest) -> Decision | None:
        """Decide, or return None: it is for the next approver, or a person."""


@dataclass(frozen=True, slots=True)
class Seat:
    """An approver as it was handed in: its method and the code of that, so that no step can put another in its place.

    Parameters
    ----------
    name : str
        Its name.
    approver : Approver
        The object.
    decide : callable
        Its method.
    code : object
        The code object of the method.
    """

    name: str
    approver: Any
    decide: Callable[[ApprovalRequest], Coroutine[Any, Any, Decision | None]]
    code: object

    @property
    def intact(self) -> bool:
        """Whether its method still runs the code that was handed in."""
        return _code(self.decide) is self.code


@dataclass
class Approvers:
    """The approvers of a process, in the order in which they are asked.

    Parameters
    ----------
    seats : tuple of Seat
        The approvers.
    reported : set of str
        Approvers whose failure has been said already.
    repeated : set of str
        Calls that were asked for a second time, since something had changed before they started.
    mark : int
        How many changes the namespace had seen when they were handed in; a step that changes one later is found so.
    seen : dict of str to str
        Digests of the variables that hold them, before the step that runs began, or as they left them themselves.
    """

    seats: tuple[Seat, ...] = ()
    reported: set[str] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)
    mark: int = 0
    seen: dict[str, str] = field(default_factory=dict)

    def fresh(self) -> Approvers:
        """Return the same approvers for another process."""
        return Approvers(self.seats, mark=self.mark)


def _code(method: object) -> object:
    return getattr(getattr(method, "__func__", method), "__code__", None)


def seated(given: Iterable[Approver | str], first: Iterable[str] = (), mark: int = 0) -> Approvers:
    """Take approvers, or the names of installed ones (entry points ``llmos_nb.approvers``); `first` go before them.

    Raises
    ------
    UsageError
        One is unknown, is no approver, or has the name of another.
    """
    if isinstance(given, str):
        raise UsageError(f'approvers = {given!r} must be a list, as in ["{given}"]')
    seats: dict[str, Seat] = {}
    for one in (*first, *given):
        approver = _installed(one) if isinstance(one, str) else one
        name = one if isinstance(one, str) else str(getattr(approver, "name", type(approver).__name__))
        decide = getattr(approver, "decide", None)
        if decide is None or not inspect.iscoroutinefunction(decide):
            raise UsageError(f"approver {name}: it needs a method `async def decide(self, request)`")
        if name in seats:
            raise UsageError(f"approver {name}: there are two of this name; give one another `name`")
        seats[name] = Seat(name, approver, decide, _code(decide))
    return Approvers(tuple(seats.values()), mark=mark)


def _installed(name: str) -> Any:
    found = load_plugins("approvers")
    if name not in found:
        there = ", ".join(found) or "there are none"
        raise UsageError(f"approver {name!r}: none is installed under this name ({there})")
    return found[name].call()
