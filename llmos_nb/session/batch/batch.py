"""Many processes from plain specs, over any `concurrent.futures.Executor`.

Specs and results are plain JSON, so that they can cross machines; a run whose worker was lost is taken up again
elsewhere from its journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.context import BaseContext
from pathlib import Path
from secrets import token_hex
from typing import Any

from llmos_nb.session import config
from llmos_nb.session.batch.worker import Result, Spec, check_specs, quiet, result_of, run_one, stop
from llmos_nb.session.opening import hold_inside

TRIES = 3
THREADS = 8
LAST_WORDS_S = 10.0

Maker = Callable[[], Executor]
Hearer = Callable[[Result], object]


async def run_batch(
    specs: Iterable[Spec], executor: Executor | Maker | None = None, on_result: Hearer = lambda result: None
) -> list[Result]:
    """Run many processes and give their results in the order of the specs.

    Parameters
    ----------
    specs : iterable of mapping
        ``{"id", "goal", "model", "approve", "budget", "tools": ["module:function"], "inputs": {}}``, and `home`,
        `plan`, `check`. The home must be a folder that all workers reach. What had ended there is not run again.
    executor : concurrent.futures.Executor or callable, optional
        Threads by default; ``Client(...).get_executor()`` of Dask for many machines. A callable that makes one, such
        as `processes`, is called again where a worker's death broke it; one that you gave and that broke is replaced
        by worker processes of this machine.
    on_result : callable, optional
        Gets each result as it comes, on the calling thread.

    Returns
    -------
    list of dict
        ``{"id", "state", "reason", "answer", "detail", "spec"}``, and with a journal ``pid, journal, spent``.
        `state` is ``ended``, or ``waiting`` with ``waits_for``: for an approval, or for somebody's word on a call
        that was under way when a worker died. ``paused`` and ``running`` (elsewhere) go on when the batch is run again.

    Raises
    ------
    UsageError
        Names the spec that is not understood; nothing was started.
    CallDenied
        A step runs this, and a spec asks for more freedom than that step has; nothing was started.
    """
    home = os.environ.get("LLMOS_HOME") or ".llmos"
    checked = [{**s, "home": str(Path(s.get("home") or home).absolute())} for s in check_specs(specs)]
    for spec in checked:  # here: the workers' threads are in no step
        hold_inside(config.load({"approve": spec.get("approve")}))
    work = _Batch(executor)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work.finish(spec, on_result)) for spec in checked]
        return [task.result() for task in tasks]
    except BaseExceptionGroup as error:  # what `on_result` raised
        raise error.exceptions[0] from None
    finally:
        await work.close()


class _Batch:
    """The workers of one batch, and what is done where one is lost."""

    def __init__(self, given: Executor | Maker | None) -> None:
        self.name = token_hex(8)
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
            return await asyncio.wrap_future(pool.submit(run_one, spec, self.name))
        except asyncio.CancelledError:
            if task is not None and task.cancelling():
                raise
            raise RuntimeError("the workers dropped it") from None

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
        stop(self.name)
        for pool in [*self._old, self._pool] if self._mine else self._old:
            if isinstance(pool, _Processes):
                pool.halt.close()  # all workers pause their runs
            await _shut(pool)


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
        stop()
        if parent := multiprocessing.parent_process():
            parent.join()
            quiet(LAST_WORDS_S)
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=follow, daemon=True).start()
