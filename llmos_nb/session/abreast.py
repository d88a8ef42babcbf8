"""Processes that were only opened here: each stands as its journal says by now, and as whoever has it at hand lets it.

Nothing of them is written. What nobody has at hand broke off where its journal ends, and counts as paused.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary, ref

from llmos_nb.errors import LlmosError
from llmos_nb.journal import HOW, Event, Journal, driver_of, held_elsewhere
from llmos_nb.process import saved
from llmos_nb.process.state import State
from llmos_nb.session.protocols import ProcessLike

LOOK_S = 0.5
LOADED = "it broke off, and nobody goes on with it"
Told = Callable[[Sequence[Event]], object]


def place(journal: Path) -> str:
    """Say where a process is that another interpreter has at hand: ``at the service``; an empty text for nowhere."""
    if (holder := held_elsewhere(journal)) is not None:
        return holder.where
    driver = driver_of(journal)
    own = f"process {os.getpid()} on {platform.node()}"
    return f"in {driver.partition(' on ')[0]}" if driver and driver != own else ""


def whereabouts(process: ProcessLike) -> str:
    """Say the same of a process of this session; nothing of one that is driven here."""
    return place(process.journal.path) if process.cold else ""


def standing(journal: Journal) -> State:
    """Return what a journal folds to; where it broke off, and nobody is there to go on with it, it is paused."""
    s = saved.folded(journal.events, journal.path)
    if s.status == "running" and not (journal.made_here and place(journal.path)):
        s.status, s.why = "paused", LOADED if journal.made_here else f"its journal was not made here: {HOW}"
        s.questions = {k: q for k, q in s.questions.items() if q["kind"] != "effect"}  # none is held
    return s


class _Known:
    """What is known of one process, and who looks on."""

    def __init__(self) -> None:
        self.stood: tuple[int, str] | None = None
        self.told: list[Told] = []
        self.timer: asyncio.TimerHandle | None = None


_known: WeakKeyDictionary[ProcessLike, _Known] = WeakKeyDictionary()


def catch_up(process: ProcessLike) -> None:
    """Take in what others have written since, where it is not driven here, and tell whoever looks on.

    On the thread of the processes.
    """
    if not process.cold:
        return
    known, journal, run = _known.setdefault(process, _Known()), process.journal, process.run
    if (stood := _stands(process)) == known.stood:
        return
    known.stood = stood
    if journal.behind:
        journal.reread()
    fresh, run.state = journal.events[run.state.n + 1 :], standing(journal)
    for told in list(known.told):
        told(fresh)


def _stands(process: ProcessLike) -> tuple[int, str]:
    try:
        return process.journal.path.stat().st_size, place(process.journal.path)
    except OSError:
        return -1, ""


def follow(process: ProcessLike, told: Told) -> None:
    """Tell whoever looks on what others write of a process, until it is driven here; on the thread of the processes.

    Parameters
    ----------
    process : Process
        Which.
    told : callable
        Gets the events that came; none where only who has the process at hand is another.
    """
    if process.cold:
        known = _known.setdefault(process, _Known())
        known.told.append(told)
        if known.timer is None:
            _look(ref(process))


def _look(looked_at: ref[ProcessLike]) -> None:
    """Look now and again, as long as there is a process to look at."""
    process = looked_at()
    if process is None or not process.cold:
        return
    with suppress(LlmosError):  # what cannot be read is said to whoever asks for it
        catch_up(process)
    _known[process].timer = asyncio.get_running_loop().call_later(LOOK_S, _look, looked_at)
