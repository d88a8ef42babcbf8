"""What a whole batch may use up, and how often it may ask: kept by all workers, in a folder that all of them reach.

A worker writes a file of what its runs have spent, and adds up those of all after each answer and each call. So no
request begins after that is too much; those that are under way then, one a worker, are all that goes beyond it. The
time from which the next request may begin stands in a file, too, which one worker at a time reads and moves on.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from llmos_nb.journal import Event
from llmos_nb.policy import Budget
from llmos_nb.process.state import State
from llmos_nb.session.process import Process

MINUTE = 60.0
KINDS = ("model.responded", "model.failed", "budget.settled", "call.finished")


class Cap:
    """The bounds of a batch, as a worker keeps them.

    Parameters
    ----------
    folder : Path
        Where all workers write.
    bounds : str
        As typed; the sentence that is said has them.
    limits, before : mapping
        How much by unit, and what the runs had spent before.
    rate : float
        How many requests may begin in a minute; 0 for any number.
    """

    def __init__(
        self,
        folder: Path,
        bounds: str,
        limits: Mapping[str, float],
        before: Mapping[str, float],
        rate: float = 0.0,
    ) -> None:
        self.folder, self.bounds, self._limits, self._before = folder, bounds, Budget(dict(limits)), before
        self.rate = rate
        self._own: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def why(self) -> str:
        """Say that it is used up."""
        return f"the budget of the batch ({self.bounds}), which is used up"

    @property
    def spent(self) -> dict[str, float]:
        """What all workers have spent."""
        total = Counter(dict(self._before))
        for file in self.folder.glob("*.json"):
            total.update(json.loads(file.read_bytes()))
        return dict(total)

    @property
    def over(self) -> bool:
        """Whether it is used up."""
        return bool(self.bounds and self._limits.over(self.spent))

    def follow(self, process: Process, stop: Callable[[], object]) -> None:
        """Count what a process spends from now on, and call `stop` once all is used up."""
        run, known = process.run, dict(process.run.state.spent)
        if self.rate:
            run.limits = run.limits._replace(pace=self._pace)

        def heard(event: Event, state: State) -> None:
            if event.k in KINDS:
                more = {u: n - known.get(u, 0) for u, n in state.spent.items() if n > known.get(u, 0)}
                known.update(state.spent)
                self._add(more)
                asks = event.k != "model.responded" or state.turn is not None  # one that answers ends by itself
                if asks and state.status == "running" and self.over:
                    stop()

        if self.bounds:
            run.listeners.append(heard)

    async def _pace(self) -> float:
        """Wait until the batch may ask a model once more."""
        wait = await asyncio.to_thread(self._next)
        await asyncio.sleep(wait)
        return wait

    def _next(self) -> float:
        """Take the next request of all workers; return the seconds until it may begin."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file, now = self.folder / "next", time.time()
        with FileLock(f"{file}.lock"):
            at = max(float(file.read_text("ascii")) if file.exists() else now, now)
            file.write_text(repr(at + MINUTE / self.rate), encoding="ascii")
        return at - now

    def _add(self, more: Mapping[str, float]) -> None:
        with self._lock:
            self._own.update(more)
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self.folder / f"{platform.node()}-{os.getpid()}.json"
            draft = file.with_suffix(".new")
            draft.write_text(json.dumps(self._own), encoding="utf-8")
            draft.replace(file)


@cache
def _made(plain: str) -> Cap:
    told = json.loads(plain)
    return Cap(Path(told.pop("folder")), **told)


def cap_of(told: Mapping[str, Any] | None) -> Cap | None:
    """Return the cap that a worker is told of, the same for all runs of one interpreter."""
    return _made(json.dumps(told, sort_keys=True)) if told else None
