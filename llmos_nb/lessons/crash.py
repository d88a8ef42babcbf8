"""Lesson 07, crash, undo, time travel: intent before effect."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from llmos_nb.errors import LlmosError
from llmos_nb.journal import Event, read
from llmos_nb.journal.events import CallInDoubt, CallResolved
from llmos_nb.lessons import victim
from llmos_nb.lessons.core import Wrong, callable_or_wrong, list_or_wrong, ours, wrong_if
from llmos_nb.lessons.models import call, settle
from llmos_nb.process.state.fold import fold

PAID, IN_DOUBT = "paid", "in doubt"
HINTS = {"keep": 1, "ask": 2, "run": 3}


@dataclass(frozen=True)
class Kill:
    """One kill, and what became of the process.

    Parameters
    ----------
    at : str
        The last event on disk, ``9 call.started``, or ``effect``: killed when it had paid and not said so.
    paid_then, paid_in_the_end : int
        Payments at the kill, and after it was resumed.
    in_doubt : bool
        The process asked a person whether the payment was made.
    broken, mended, settled : tuple of Event
        The journal at the kill, after it was resumed, and after a person had settled what was in doubt.
    """

    at: str
    paid_then: int
    paid_in_the_end: int
    in_doubt: bool
    broken: tuple[Event, ...]
    mended: tuple[Event, ...]
    settled: tuple[Event, ...]


@cache
def kills(repeat: str = "once") -> tuple[Kill, ...]:
    """Kill a paying process at each of its events, for real, and resume each time.

    Parameters
    ----------
    repeat : str
        What its tool says of itself: ``once``, or ``idempotent`` (may be called again).
    """
    if sys.platform == "win32":
        raise LlmosError("lesson 07 kills forked processes, which Windows does not have; run it on Binder")
    with tempfile.TemporaryDirectory(prefix="llmos-lesson-") as folder:
        command = [sys.executable, "-m", "llmos_nb.lessons.victim", folder, repeat]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own module
        return tuple(_kill(found) for found in json.loads(done.stdout))


def _kill(found: dict[str, Any]) -> Kill:
    broken, mended, settled = (tuple(read(Path(found[k]))) for k in ("broken", "mended", "settled"))
    at = found["at"] if not found["at"].isdecimal() else f"{found['at']} {broken[-1].k}"
    return Kill(at, found["paid_then"], found["paid_in_the_end"], found["in_doubt"], broken, mended, settled)


class Accident:
    """A paying process that was killed, taken up again here; it does not know whether it has paid.

    Parameters
    ----------
    at : str
        Where it was killed.
    """

    def __init__(self, at: str) -> None:
        self.at, self._folder = at, Path(tempfile.mkdtemp(prefix="llmos-lesson-"))
        weakref.finalize(self, shutil.rmtree, self._folder, True)
        command = [sys.executable, "-m", "llmos_nb.lessons.victim", str(self._folder), "once", at]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
        if done.returncode != -signal.SIGKILL:
            why = (done.stderr.strip().splitlines() or ["it ended by itself"])[-1]
            raise LlmosError(f"lesson 07 could not kill a payer at {at}: {why}")
        self.process = victim.taken_up(self._folder, "once")

    def __repr__(self) -> str:
        return f"<accident: {self.process!r}>"

    @property
    def statement(self) -> list[str]:
        """What the bank has booked, a line a payment."""
        log = self._folder / "payments"
        return [f"{line} euros" for line in log.read_text("utf-8").splitlines()] if log.exists() else []


async def accidents(seed: int = 1) -> list[Accident]:
    """Kill two payers, one before and one after its money left, and take both up; the seed says which comes first."""
    before = [k.at for k in kills("once") if k.at.endswith("call.started")][-1].split()[0]
    two = [Accident(at) for at in sorted((before, "effect"), reverse=bool(seed % 2))]
    for one in two:
        await one.process.resume()
    return two


def table(found: tuple[Kill, ...]) -> str:
    """Show kills, a line each."""
    lines = [f"{'killed at':<22} {'paid then':>9} {'paid in the end':>16}  what it did"]
    for kill in found:
        then = "asks you" if kill.in_doubt else "went on"
        lines.append(f"{kill.at:<22} {kill.paid_then:>9} {kill.paid_in_the_end:>16}  {then}")
    return "\n".join(lines)


@ours
def statuses(events: tuple[Event, ...]) -> dict[str, str]:
    """Return the status of every call, as the product folds it."""
    return {c.id: c.status for c in fold(events).calls.values()}


class Crash(BaseException):
    """The machine stopped; no `except Exception` sees it."""


class Disk(list[str]):
    """A log that survives the machine; the machine may stop before or after each write."""

    def __init__(self, tick: Callable[[], None]) -> None:
        super().__init__()
        self._tick = tick

    def append(self, word: str) -> None:
        """Write a word."""
        self._tick()
        super().append(word)
        self._tick()

    def extend(self, words: Iterable[str]) -> None:
        """Write words, one after the other."""
        for word in words:
            self.append(word)

    def __iadd__(self, words: Iterable[str]) -> Self:  # type: ignore[override, misc]  # a list's own takes the same
        """Write words, as `extend` does."""
        self.extend(words)
        return self


class Machine:
    """A machine that stops; its disk and the bank survive it.

    Parameters
    ----------
    *stops : int
        At which of its points, before or after a write or a payment, it stops; they are counted over all its lives.
    """

    def __init__(self, *stops: int) -> None:
        self.stops, self.disk = stops, Disk(self._tick)
        self.points = self.made = 0
        self._stands = False

    def _tick(self) -> None:
        """Come to a point; whoever catches the crash meets it again, since nothing moves any more."""
        self.points += not self._stands
        self._stands = self._stands or self.points in self.stops
        if self._stands:
            raise Crash

    def _pay(self) -> None:
        self._tick()
        self.made += 1
        self._tick()

    def live(self, pay_once: Callable[..., Any]) -> Any:
        """Call a function, in one life after the other, until it comes back in one in which nothing stopped."""
        while True:
            self._stands = False
            with suppress(Crash):
                said = pay_once(self._pay, self.disk)
                if not self._stands:
                    return said


def crash_at(point: int, pay_once: Callable[..., Any]) -> tuple[Any, int, int]:
    """Run, stop the machine at `point`, run again: what it said, the payments, and how many points there were."""
    machine = Machine(point)
    return machine.live(pay_once), machine.made, machine.points


def judge_pay_once(attempt: Any, seed: int) -> str:
    """Stop the machine at every point, and at every two, and look at the payments."""
    pay_once = callable_or_wrong(attempt, "pay_once(pay, disk)")
    whole, another = Machine(), Machine()
    _pays(whole, pay_once, "with no crash at all", "once and 'paid' are wanted", 1)
    _pays(another, pay_once, "with another disk, on which nothing stands", "only what is on disk survives a crash", 1)
    _pays(whole, pay_once, "called once more when it had paid", "that it is done belongs on disk, too", 2)
    points = range(1, whole.points + 1)
    said = [_survives(Machine(point), pay_once) for point in points]
    for point in points:
        for later in points:
            _survives(Machine(point, point + later), pay_once)
    doubts = said.count(IN_DOUBT)
    return f"{len(said)} crashes, never paid twice, {doubts} times in doubt: that is the price of not knowing"


def _pays(machine: Machine, pay_once: Callable[..., Any], when: str, wanted: str, hint: int) -> None:
    said = machine.live(pay_once)
    told = f"{when} it said {said!r}, and {machine.made} payments were made: {wanted}"
    wrong_if((said, machine.made) != (PAID, 1), told, hint)


def _survives(machine: Machine, pay_once: Callable[..., Any]) -> Any:
    """Let a machine stop and begin again, and call once more; return what was said first."""
    found = [machine.live(pay_once), machine.live(pay_once)]
    when = f"with a crash at point {' and one at point '.join(map(str, machine.stops))}"
    wrong_if(machine.made > 1, f"{when} it paid {machine.made} times: nothing on disk said it had begun", 2)
    for said in found:
        told = f"{when} it said {said!r}; 'paid' or 'in doubt' are wanted"
        wrong_if(said not in (PAID, IN_DOUBT), told, 3)
        wrong_if(said == PAID and not machine.made, f"{when} it says paid, and nothing was paid", 2)
    return found[0]


def judge_settle(attempt: Any, seed: int) -> str:
    """Look at the bank and at the journals of the two that were killed."""
    given = list_or_wrong(attempt, "the two that accidents() gave")
    if len(given) != 2 or not all(isinstance(a, Accident) for a in given):
        raise Wrong("the two processes that accidents() gave are wanted", 1)
    told = "both had been killed at the same point: hand in the two that accidents() gave, each once"
    wrong_if(given[0].at == given[1].at, told, 1)
    for place, one in zip(("first", "second"), given, strict=True):
        told, paid = f"the {place} process", len(one.statement)
        wrong_if(paid > 1, f"{told} paid {paid} times: the bank had booked it before you let it pay again", 2)
        ended = one.process.state == "ended" and one.process.reason
        told_end = f"{told} ended {ended}, and its work is not done: run the cell above once more"
        wrong_if(ended not in (False, "answered"), told_end, 1)
        resolved = [e.body for e in one.process.events if isinstance(e.body, CallResolved)]
        wrong_if(not resolved, f"{told} still asks whether r2.0 was done: look at its statement, and resolve", 1)
        wrong_if(one.process.state != "ended", f"{told} is {one.process.state}: wait for it, await one.process", 3)
        wrong_if(not paid, f"{told} says “{one.process.answer}”, and the bank has booked nothing", 2)
    return "paid once each: the journals were the same, and only the world could tell them apart"


def judge_after_crash(attempt: Any, seed: int) -> str:
    """Compare with what the product did in real kills."""
    decide = callable_or_wrong(attempt, "after_crash(status, repeat)")
    # it looks at the price first, which is pure, and pays then
    for name, repeat in (("r2.0", "once"), ("r2.0", "idempotent"), ("r1.0", "pure")):
        for kill in kills("once" if repeat == "pure" else repeat):
            status = statuses(kill.broken).get(name)
            if status in (None, "proposed"):
                continue
            asked = any(isinstance(e.body, CallInDoubt) and e.body.call == name for e in kill.mended)
            true = "ask" if asked else "keep" if status == "done" else "run"
            mine = decide(status, repeat)
            wrong_if(mine not in [*HINTS], f"it gave {mine!r}; 'run', 'keep' or 'ask' is wanted", 1)
            told = f"a call that was {status!r} and is {repeat!r}: the product's answer after a kill is"
            wrong_if(mine != true, f"{told} {true!r}, yours {mine!r}", HINTS[true])
    return "only one case needs you: it was running, and may run once"


def failing() -> tuple[Event, ...]:
    """Run a process that calls twice in one turn, of which one fails, and is then refused a call."""

    def pay(euros: int) -> str:
        """Pay."""
        raise OSError("the bank is closed")

    both = {"calls": [*call("pay", euros=1)["calls"], *call("price")["calls"]]}
    turns = [both, call("pay", euros="ten"), {"text": "Nothing was paid."}]
    return tuple(settle("Pay.", turns, tools=[pay, victim.price_tool()]).events)


def judge_fold(attempt: Any, seed: int) -> str:
    """Fold every prefix of the journals of killed and resumed processes, and of one whose calls fail."""
    mine = callable_or_wrong(attempt, "fold(events)")
    journals = [*(kill.settled for kill in kills("once")), failing()]
    prefixes = [events[:n] for events in journals for n in range(1, len(events) + 1)]
    for events in prefixes:
        true, given = statuses(events), mine(list(events))
        what = f"after event {len(events) - 1}, {events[-1].k}"
        told = f"{what}, the calls are {true}, and yours says {given!r:.200}"
        missing = not isinstance(given, dict) or set(given) != set(true)
        doubt = isinstance(events[-1].body, CallInDoubt | CallResolved)
        wrong_if(given != true, told, 1 if missing else 3 if doubt else 2)
    return f"{len(prefixes)} prefixes, all the same: the state is nothing but its events"
