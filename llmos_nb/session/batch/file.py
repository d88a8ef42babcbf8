"""`llmos run-batch`: specs from a file, results to a file as they come, a line of progress where somebody looks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.session.batch.batch import THREADS, processes, run_batch, threads
from llmos_nb.session.batch.worker import digest_of, read_specs, stop, write_whole

Results = dict[str, dict[str, Any]]  # by id
BAR = 24
INTERRUPTED = 130
DASK_WAIT_S = 15


def run_file(
    path: Path, out: Path | None = None, *, dask: str = "", workers: int = 0, apart: bool = False
) -> int:
    """Run a file of specs and give the exit code: 0 where every run answered.

    Parameters
    ----------
    path : Path
        JSON lines.
    out : Path, optional
        A line a result, added as it comes; at the end in the order of the specs. What ended in it for the same
        spec is not run again. Default: standard output.
    dask : str
        Address of a Dask scheduler.
    workers : int
        How many at once; 0 for the default.
    apart : bool
        In processes of their own rather than in threads.
    """
    specs = read_specs(path)
    try:
        return asyncio.run(_run(specs, out, dask, workers, apart))
    except KeyboardInterrupt:
        where = f"what is done is in {out}; " if out else ""
        sys.stderr.write(f"{where}run it again to go on\n")
        if stop():  # a tool that cannot be ended holds a thread
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise


async def _run(specs: list[dict[str, Any]], out: Path | None, dask: str, workers: int, apart: bool) -> int:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # tools of modules beside the file, as `python -m` finds them
    with _results(out, specs) as (done, results):
        left = [s for s in specs if s["id"] not in done]
        bar = _Progress(len(specs), [done[s["id"]] for s in specs if s["id"] in done])

        def came(result: dict[str, Any]) -> None:
            print(json.dumps(result), file=results, flush=True)
            bar.add(result)

        try:
            with _executor(dask, workers, apart) as executor:
                fresh = await run_batch(left, executor, came) if left else []
        finally:
            bar.close()
    return 0 if all(r["reason"] == "answered" for r in [*done.values(), *fresh]) else 1


@contextlib.contextmanager
def _executor(dask: str, workers: int, apart: bool) -> Iterator[Any]:
    """Return the executor that the command line asks for."""
    if not dask:
        yield partial(processes, workers or None) if apart else partial(threads, workers or THREADS)
        return
    try:
        from dask.distributed import Client  # an extra, only where it is asked for
    except ImportError as error:
        raise ConfigError('--dask needs the extra `dask`: pip install "llmos_nb[dask]"') from error
    try:
        client = Client(dask, timeout=DASK_WAIT_S)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"--dask {dask}: no scheduler answers there ({error})") from error
    with client:
        yield client.get_executor()


@contextlib.contextmanager
def _results(path: Path | None, specs: list[dict[str, Any]]) -> Iterator[tuple[Results, TextIO]]:
    """Open the results and say what ended before; the lines of runs that go on now are taken out, all others stay."""
    if path is None:
        yield {}, sys.stdout
        return
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(lock), timeout=0):
            there, wanted = _read(path), {s["id"]: digest_of(s) for s in specs}
            # a run that ended, not one that goes on or could not even begin
            over = {i: r for i, r in there.items() if r["state"] == "ended" and r.get("journal")}
            done = {i: r for i, r in over.items() if wanted.get(i) == r.get("spec")}
            others = [r for i, r in there.items() if i not in wanted]
            _write(path, [*others, *done.values()])
            with path.open("a", encoding="utf-8") as out:
                yield done, out
            found = {**done, **_read(path)}
            _write(path, [*others, *(found[i] for i in wanted if i in found)])
            with contextlib.suppress(OSError):
                lock.unlink()
    except Timeout:
        raise UsageError(f"--out {path}: another batch writes it") from None
    except OSError as error:
        raise UsageError(f"--out {path}: {error.strerror or error}") from error


def _write(path: Path, results: Iterable[dict[str, Any]]) -> None:
    write_whole(path, "".join(json.dumps(r) + "\n" for r in results))


def _read(path: Path) -> Results:
    """Read the results that are there, the last of each id; a torn last line is left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: Results = {}
    for n, line in enumerate(lines, 1):
        try:
            result = json.loads(line)
            found[result["id"]] = {"state": result["state"], **result}
        except (ValueError, KeyError, TypeError):
            if n < len(lines) or not found:
                hint = "--out takes a file of results, or a new one"
                raise UsageError(f"{path}:{n}: not a result; {hint}") from None
    return found


class _Progress:
    """One line on standard error, where that is a terminal."""

    def __init__(self, total: int, done: list[dict[str, Any]]) -> None:
        self._total, self._counts = total, Counter(map(_word, done))
        self._shown, self._began = sys.stderr.isatty(), time.monotonic()
        self._draw()

    def add(self, result: dict[str, Any]) -> None:
        """Count a result."""
        self._counts[_word(result)] += 1
        self._draw()

    def _draw(self) -> None:
        n = self._counts.total()
        full = "#" * (BAR * n // max(self._total, 1))
        words = ", ".join(f"{count} {word}" for word, count in self._counts.most_common())
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        if self._shown:
            sys.stderr.write(f"\r\x1b[K[{full:.<{BAR}}] {n}/{self._total}  {minutes}:{seconds:02}  {words}")
            sys.stderr.flush()

    def close(self) -> None:
        """End the line."""
        if self._shown:
            sys.stderr.write("\n")


def _word(result: dict[str, Any]) -> str:
    return str(result["reason"] or result["state"])
