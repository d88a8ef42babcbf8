"""Many processes from plain specs, over any `concurrent.futures.Executor`.

Specs and results are plain JSON, so that they can cross machines; a run whose worker was lost is taken up again
elsewhere from its journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.context import BaseContext
from pathlib import Path
from secrets import token_hex
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import home_of, scan
from llmos_nb.policy import budget as budgets
from llmos_nb.process import saved
from llmos_nb.session import config
from llmos_nb.session.batch import worker
from llmos_nb.session.batch.worker import RETRY, Result, Spec, result_of
from llmos_nb.session.opening import hold_inside
from llmos_nb.tools import reentry

TRIES = 3
THREADS = 8
LAST_WORDS_S = 10.0
LOST_S, LOOK_S = 10.0, 0.5

Maker = Callable[[], Executor]
Hearer = Callable[[Result], object]


async def run_batch(
    specs: Iterable[Spec],
    executor: Executor | Maker | None = None,
    on_result: Hearer = lambda result: None,
    *,
    retry: str = "",
    budget: str = "",
    rate: float = 0,
    before: Mapping[str, float] | None = None,
) -> list[Result]:
    """Run many processes and give their results in the order of the specs.

    Parameters
    ----------
    specs : iterable of mapping
        ``{"id", "goal", "model", "approve", "budget", "tools": ["module:function"], "inputs": {}, "plan", "check"}``,
        and `home`, a folder that all workers reach. What had ended there is not run again.
    executor : concurrent.futures.Executor or callable, optional
        Threads by default; ``Client(...).get_executor()`` of Dask for many machines. Where a worker's death broke it, a
        callable that makes one, such as `processes`, is called again, and another is replaced by `processes`.
    on_result : callable, optional
        Gets each result as it comes, on the calling thread.
    retry : {"", "failed", "budget", "all"}
        Which runs that ended without an answer go on: from their journals, with the models and budgets of the specs.
    budget, rate : str, float
        What all may use up, as in ``"$5, 2m tokens"``, with what they used before and others did (`before`, by unit):
        then each pauses before its next request, and a batch that is run again with more goes on. And how many requests
        all may begin in a minute; 0 for any number.

    Returns
    -------
    list of dict
        ``{"id", "state", "reason", "answer", "detail", "spec"}``, and with a journal ``pid, journal, spent``; `state`
        is ``ended``, ``waiting`` (`waits_for`), or ``paused`` or ``running`` (elsewhere): a later batch goes on.

    Raises
    ------
    UsageError, CallDenied
        A spec is not understood, or asks for more than the step may that runs this; nothing was started.
    """
    checked = _checked(specs, retry)
    work = _Batch(executor, retry, _cap(checked, budget, rate, before))
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work.finish(spec, on_result)) for spec in checked]
        return [task.result() for task in tasks]
    except BaseExceptionGroup as error:  # what `on_result` raised
        raise error.exceptions[0] from None
    finally:
        await work.close()


def _checked(specs: Iterable[Spec], retry: str) -> list[dict[str, Any]]:
    """Return the specs, each with its home; refuse what is not understood, or asks for more than the caller may."""
    if retry not in ("", *RETRY):
        raise UsageError(f"retry {retry!r}: one of {', '.join(RETRY)}")
    checked = [{**s, "home": str(home_of(s.get("home")).root)} for s in worker.check_specs(specs)]
    for spec in checked:  # here: the workers are in no step
        hold_inside(config.load({"approve": spec.get("approve")}))
    return checked


def _cap(
    specs: list[dict[str, Any]], bounds: str, rate: float, others: Mapping[str, float] | None
) -> dict[str, Any] | None:
    """Return what workers are told of the bounds of a batch; what the runs have spent so far is in their journals."""
    if not 0 <= rate < math.inf:
        raise UsageError(f"rate {rate:g}: how many requests may begin in a minute, as in 120")
    if not (bounds or rate) or not specs:
        return None
    before: Counter[str] = Counter(dict(others or {}))
    for spec in specs if bounds else ():
        journal = Path(spec["home"], worker.known_run(worker.place_of(spec)).get("journal", "-"))
        if journal.exists() and (events := scan(journal)[0]):
            before.update(saved.folded(events, journal).spent)
    folder = Path(specs[0]["home"], "batch", f".spent-{token_hex(4)}")
    limits = budgets.parse(bounds, "budget").limits if bounds else {}
    return {"folder": str(folder), "bounds": bounds, "limits": limits, "before": dict(before), "rate": rate}


class _Batch:
    """The workers of one batch, and what is done where one is lost."""

    def __init__(self, given: Executor | Maker | None, retry: str = "", cap: Mapping[str, Any] | None = None) -> None:
        self.name, self.retry, self.cap = token_hex(8), retry, cap
        self._lost: asyncio.Task[None] | None = None
        self._mine = not isinstance(given, Executor)
        self._make: Maker = given if callable(given) else threads if self._mine else processes
        self._pool: Executor = given if isinstance(given, Executor) else self._make()
        self._old: list[Executor] = []
        self._broke, self._few = False, asyncio.Semaphore(os.cpu_count() or 1)

    async def finish(self, spec: Spec, on_result: Hearer) -> Result:
        """Run a spec; where its worker is lost, another goes on from the journal."""
        lost = ""
        for n in range(TRIES):
            pool, last = self._pool, n == TRIES - 1
            try:
                # one that was under way at two deaths may be what kills: its third worker dies alone
                result = await (self._apart(spec) if last and self._broke else self._submitted(pool, spec))
                break
            except _SchedulerLost as error:
                result = result_of(spec, state="paused", detail=str(error))
                break
            except Exception as error:  # run_one raises nothing: this is the way between it and us
                lost = f"{type(error).__name__}: {error}"
                if isinstance(error, BrokenExecutor):
                    self._replace(pool)
        else:
            why = f"its worker was lost {TRIES} times ({lost}); run the batch again to go on from its journal"
            result = result_of(spec, state="paused", detail=why)
        on_result(result)
        return result

    async def _submitted(self, pool: Executor, spec: Spec) -> Result:
        task = asyncio.current_task()
        try:
            # outside, as a step may have wanted the batch
            work = reentry.outside().run(pool.submit, worker.run_one, spec, self.name, self.retry, self.cap)
            return await self._unless_lost(pool, asyncio.wrap_future(work))
        except asyncio.CancelledError:
            if task is not None and task.cancelling():
                raise
            raise RuntimeError("the workers dropped it") from None

    async def _unless_lost(self, pool: Executor, work: asyncio.Future[Result]) -> Result:
        """Wait for a result, or until the scheduler of a cluster is gone."""
        if (client := getattr(pool, "_client", None)) is None:  # of Dask's executor, which itself says nothing
            return await work
        if self._lost is None:
            self._lost = asyncio.create_task(_until_lost(client))
        both: list[asyncio.Future[Any]] = [work, self._lost]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise _SchedulerLost(f"the scheduler ({client.scheduler.address}) is gone; run the batch again to go on")
        return work.result()

    async def _apart(self, spec: Spec) -> Result:
        async with self._few:
            pool = processes(1)
            self._old.append(pool)
            return await self._submitted(pool, spec)

    def _replace(self, broken: Executor) -> None:
        """Make new workers in the place of those that broke; whoever sees it first does."""
        self._broke = True
        if self._pool is broken:
            if self._mine:
                self._old.append(broken)
            self._pool, self._mine = self._make(), True

    async def close(self) -> None:
        """Stop what still runs here, and end the workers that were made here."""
        worker.stop(self.name)
        if self._lost is not None:
            self._lost.cancel()
        if self.cap:
            shutil.rmtree(self.cap["folder"], ignore_errors=True)
        for pool in [*self._old, self._pool] if self._mine else self._old:
            if isinstance(pool, _Processes):
                pool.halt.close()  # all workers pause their runs
            await _shut(pool)


class _SchedulerLost(Exception):
    """The scheduler of a cluster is gone."""


async def _until_lost(client: Any) -> None:
    """Wait until the scheduler of a cluster has not been there for a while."""
    since = time.monotonic()
    while time.monotonic() < since + LOST_S:
        await asyncio.sleep(LOOK_S)
        if client.status == "running":
            since = time.monotonic()


async def _shut(pool: Executor) -> None:
    """End workers; one that does not let go is left behind after a while."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def end() -> None:
        pool.shutdown(wait=True, cancel_futures=True)
        with contextlib.suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=end, name="llmos-batch-end", daemon=True).start()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), LAST_WORDS_S)


def threads(workers: int = THREADS) -> Executor:
    """Make threads of this interpreter: right for runs that wait for models.

    Steps of Python take turns, and an endless one cannot be ended there: take `processes` for them.
    """
    return ThreadPoolExecutor(workers, thread_name_prefix="llmos-batch")


class _Processes(ProcessPoolExecutor):
    """Worker processes that pause their runs when they are told to, and when whoever made them is gone.

    They hold the reading end of a pipe to which nobody writes: its end is seen by all, whatever became of the others.
    """

    def __init__(self, workers: int, context: BaseContext) -> None:
        follow, self.halt = context.Pipe(duplex=False)
        super().__init__(workers, context, initializer=_serve, initargs=(follow,))


def processes(workers: int | None = None) -> Executor:
    """Make worker processes on this machine; by default as many as there are processors."""
    return _Processes(workers or os.cpu_count() or 1, multiprocessing.get_context("spawn"))


def _serve(halt: Any) -> None:
    """Prepare a worker process: an interrupt is for whoever made it."""

    def follow() -> None:
        with contextlib.suppress(EOFError, OSError):
            halt.recv()
        worker.stop()
        if parent := multiprocessing.parent_process():
            parent.join()
            worker.quiet(LAST_WORDS_S)
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=follow, daemon=True).start()
