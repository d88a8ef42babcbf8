"""Lesson 07, crash, undo, time travel: intent before effect."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.journal import Event, read
from llmos_nb.journal.events import CallResolved
from llmos_nb.lessons import victim
from llmos_nb.lessons.core import Wrong, callable_or_wrong, list_or_wrong, wrong_if
from llmos_nb.process.state.fold import fold

PAID, IN_DOUBT = "paid", "in doubt"


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
    broken, mended : tuple of Event
        The journal at the kill, and after it was resumed.
    """

    at: str
    paid_then: int
    paid_in_the_end: int
    in_doubt: bool
    broken: tuple[Event, ...]
    mended: tuple[Event, ...]


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
    broken, mended = (tuple(read(Path(found[k]))) for k in ("broken", "mended"))
    at = found["at"] if not found["at"].isdecimal() else f"{found['at']} {broken[-1].k}"
    return Kill(at, found["paid_then"], found["paid_in_the_end"], found["in_doubt"], broken, mended)


class Accident:
    """A paying process that was killed, taken up again here; it does not know whether it has paid.

    Parameters
    ----------
    at : str
        Where it was killed.
    """

    def __init__(self, at: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="llmos-lesson-"))
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


def crash_at(point: int, pay_once: Callable[..., Any]) -> tuple[Any, int, int]:
    """Run, stop the machine at `point`, run again: what it said, the payments, and how many points there were."""
    points = made = 0

    def tick() -> None:
        nonlocal points
        points += 1
        if points == point:
            raise Crash

    def pay() -> None:
        nonlocal made
        tick()
        made += 1
        tick()

    disk = Disk(tick)
    try:
        said = pay_once(pay, disk)
    except Crash:
        said = pay_once(pay, disk)
    return said, made, points


def judge_pay_once(attempt: Any, seed: int) -> str:
    """Stop the machine at every point and look at the payments."""
    pay_once = callable_or_wrong(attempt, "pay_once(pay, disk)")
    said, made, points = crash_at(0, pay_once)
    told = f"with no crash at all it paid {made} times and said {said!r}; once and 'paid' are wanted"
    wrong_if((said, made) != (PAID, 1), told, 1)
    doubts = 0
    for point in range(1, points + 1):
        said, made, _ = crash_at(point, pay_once)
        told = f"with a crash at point {point} it paid {made} times: nothing on disk said it had begun"
        wrong_if(made > 1, told, 2)
        if said == PAID and made == 0:
            raise Wrong(f"with a crash at point {point} it says paid, and nothing was paid", 2)
        if said not in (PAID, IN_DOUBT):
            raise Wrong(f"with a crash at point {point} it said {said!r}; 'paid' or 'in doubt' are wanted", 3)
        doubts += said == IN_DOUBT
    return f"{points} crashes, never paid twice, {doubts} times in doubt: that is the price of not knowing"


def judge_settle(attempt: Any, seed: int) -> str:
    """Look at the bank and at the journals of the two that were killed."""
    given = list_or_wrong(attempt, "the two that accidents() gave")
    if len(given) != 2 or not all(isinstance(a, Accident) for a in given):
        raise Wrong("the two processes that accidents() gave are wanted", 1)
    for place, one in zip(("first", "second"), given, strict=True):
        told, paid = f"the {place} process", len(one.statement)
        wrong_if(paid > 1, f"{told} paid {paid} times: the bank had booked it before you let it pay again", 2)
        resolved = [e.body for e in one.process.events if isinstance(e.body, CallResolved)]
        wrong_if(not resolved, f"{told} still asks whether r2.0 was done: look at its statement, and resolve", 1)
        wrong_if(one.process.state != "ended", f"{told} is {one.process.state}: wait for it, await one.process", 3)
        wrong_if(not paid, f"{told} says “{one.process.answer}”, and the bank has booked nothing", 2)
    return "paid once each: the journals were the same, and only the world could tell them apart"


def judge_after_crash(attempt: Any, seed: int) -> str:
    """Compare with what the product did in real kills."""
    decide = callable_or_wrong(attempt, "after_crash(status, repeat)")
    for repeat in ("once", "idempotent"):
        for kill in kills(repeat):
            status = statuses(kill.broken).get("r2.0")  # it looks at the price first, and pays then
            if status in (None, "proposed"):
                continue
            true = "ask" if kill.in_doubt else "keep" if status == "done" else "run"
            mine = decide(status, repeat)
            hints = {"keep": 1, "ask": 2, "run": 3}
            wrong_if(mine not in hints, f"it gave {mine!r}; 'run', 'keep' or 'ask' is wanted", 1)
            told = f"a call that was {status} and may run {repeat}: the product's answer after a kill is"
            wrong_if(mine != true, f"{told} {true!r}, yours {mine!r}", hints[true])
    return "only one case needs you: it was running, and may run once"


def _fold_hint(true: dict[str, str], given: Any) -> int:
    """Say which hint helps: calls are missing, a doubt is, or an ordinary status."""
    if not isinstance(given, dict) or set(given) != set(true):
        return 1
    return 3 if "in_doubt" in true.values() else 2


def judge_fold(attempt: Any, seed: int) -> str:
    """Fold every prefix of the journals of killed and resumed processes."""
    mine = callable_or_wrong(attempt, "fold(events)")
    prefixes = [kill.mended[:n] for kill in kills("once") for n in range(1, len(kill.mended) + 1)]
    for events in prefixes:
        true, given = statuses(events), mine(list(events))
        what = f"after event {len(events) - 1}, {events[-1].k}"
        told = f"{what}, the calls are {true}, and yours says {given}"
        wrong_if(given != true, told, _fold_hint(true, given))
    return f"{len(prefixes)} prefixes, all the same: the state is nothing but its events"
