"""`llmos run-batch`: specs from a file, results to a file as they come, a line of progress where somebody looks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout

from llmos_nb.errors import ConfigError, NotTrusted, UsageError
from llmos_nb.journal import is_address
from llmos_nb.policy import show
from llmos_nb.session import trust
from llmos_nb.session.batch.batch import THREADS, processes, run_batch, threads
from llmos_nb.session.batch.worker import digest_of, powers, read_specs, retries, stop, write_whole
from llmos_nb.views import clock, visible

Executors = Callable[[], contextlib.AbstractContextManager[Any]]
Results = dict[str, dict[str, Any]]  # by id
BAR = 24
INTERRUPTED = 130
DASK_WAIT_S, DASK_CLOSE_S = 15, 5
FAILED, UNFINISHED = 1, 3
CAUSES, CAUSE = 3, 120


def run_file(path: Path, out: Path | None = None, **how: Any) -> int:
    """Run a file of specs, say how it went, and give the exit code.

    It is 0 where every run answered, `FAILED` where some ended without an answer, else `UNFINISHED`.

    Parameters
    ----------
    path : Path
        JSON lines.
    out, **how
        As `run_specs` takes them.
    """
    specs = read_specs(path)
    if (asks := powers(specs)) and not trust.whole(path):
        hint = f"llmos trust {path} shows all, and asks"
        raise NotTrusted(f"{path} is not trusted, and {visible(asks[0])[:160]}; nothing was started: {hint}")
    code, said = outcome(run_specs(specs, out, **how))
    sys.stderr.write(said)
    return code


def outcome(results: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the exit code of a batch, and the lines that say why: nothing where every run answered."""
    left = [r for r in results if r["reason"] != "answered"]
    if not left:
        return 0, ""
    failed = [r for r in left if r["state"] == "ended"]
    lines = [f"{words(results)}\n"]
    causes = Counter(f"{_word(r)}: {_line(r)}" for r in left if _line(r))
    lines += [f"  {n} x {cause}\n" for cause, n in causes.most_common(CAUSES)]
    if any(r["state"] == "waiting" for r in left):
        lines.append("llmos ps lists what waits, and llmos show P says how it is answered\n")
    if len(failed) < len(left):
        lines.append("run the same again to go on\n")
    if failed:
        lines.append("--retry failed, budget or all goes on with what ended without an answer, as far as it can\n")
    return (FAILED if failed else UNFINISHED), "".join(lines)


def _line(result: Mapping[str, Any]) -> str:
    return visible(" ".join(str(result.get("detail") or "").split()))[:CAUSE]


def words(results: Iterable[Mapping[str, Any]]) -> str:
    """Return how many runs there are of each kind, and what they used."""
    listed = list(results)
    counts = Counter(_word(r) for r in listed).most_common()
    told = ", ".join(f"{count:,} {word}" for word, count in counts)
    return f"{len(listed):,} runs: {told}{_cost(listed)}"


def _spent(results: Iterable[Mapping[str, Any]]) -> Counter[str]:
    spent: Counter[str] = Counter()
    for result in results:
        spent.update(result.get("spent") or {})
    return spent


def _cost(results: Iterable[Mapping[str, Any]]) -> str:
    """Return what runs have used, in money where it is known, and in tokens."""
    spent = _spent(results)
    return "".join(f"; {show(u, round(spent[u], 4))}" for u in ("$", "tokens") if spent[u] > 0)


def run_specs(
    specs: list[dict[str, Any]],
    out: Path | None,
    *,
    dask: str = "",
    workers: int = 0,
    apart: bool = False,
    retry: str = "",
    **bounds: Any,
) -> list[dict[str, Any]]:
    """Run specs, and give the results of all, those that had ended before among them.

    Parameters
    ----------
    specs : list of dict
        Checked.
    out : Path, optional
        A line a result, added as it comes; at the end in the order of the specs. What ended in it for the same
        spec is not run again. Default: standard output.
    dask : str
        Address of a Dask scheduler.
    workers : int
        How many at once; 0 for the default.
    apart : bool
        In processes of their own rather than in threads.
    retry, **bounds
        As `run_batch` takes them: `budget` and `rate`.
    """
    try:
        return asyncio.run(_run(specs, out, partial(_executor, dask, workers, apart), retry, bounds))
    except KeyboardInterrupt:
        where = f"what is done is in {out}; " if out else ""
        sys.stderr.write(f"{where}run it again to go on\n")
        if stop():  # a tool that cannot be ended holds a thread
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise


def import_from_working_folder() -> None:
    """Find modules that stand in the working folder, as `python -m` does."""
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


async def _run(
    specs: list[dict[str, Any]], out: Path | None, executors: Executors, retry: str, bounds: Mapping[str, Any]
) -> list[dict[str, Any]]:
    import_from_working_folder()
    with _results(out, specs, retry) as (done, results):
        left = [s for s in specs if s["id"] not in done]
        bar = _Progress(len(specs), [done[s["id"]] for s in specs if s["id"] in done])

        def came(result: dict[str, Any]) -> None:
            print(json.dumps(result), file=results, flush=True)
            bar.add(result)

        try:
            with executors() if left else contextlib.nullcontext() as executor:
                before = _spent(done.values())
                fresh = await run_batch(left, executor, came, retry=retry, before=before, **bounds)
        finally:
            bar.close()
    found = {**done, **{r["id"]: r for r in fresh}}
    return [found[s["id"]] for s in specs]


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
    try:
        yield client.get_executor()
    finally:
        client.close(timeout=DASK_CLOSE_S)


@contextlib.contextmanager
def _results(path: Path | None, specs: list[dict[str, Any]], retry: str) -> Iterator[tuple[Results, TextIO]]:
    """Open the results and say what ended before; the lines of runs that go on now are taken out, all others stay."""
    if path is None:
        yield {}, sys.stdout
        return
    if is_address(str(path)):
        raise UsageError(f"--out {path}: results are written to a disk; copy them when the batch has ended")
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(lock), timeout=0):
            there, wanted = _read(path), {s["id"]: digest_of(s) for s in specs}
            # a run that ended, not one that goes on or could not even begin
            over = {i: r for i, r in there.items() if r["state"] == "ended" and r.get("journal")}
            same = {i: r for i, r in over.items() if wanted.get(i) == r.get("spec")}
            done = {i: r for i, r in same.items() if not retries(r["reason"], retry)}
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
        self._before, self._results = len(done), list(done)
        self._draw()

    def add(self, result: dict[str, Any]) -> None:
        """Count a result."""
        self._counts[_word(result)] += 1
        self._results.append(result)
        self._draw()

    def _draw(self) -> None:
        if not self._shown:
            return
        n, gone = self._counts.total(), time.monotonic() - self._began
        full = "#" * (BAR * n // max(self._total, 1))
        told = ", ".join(f"{count} {word}" for word, count in self._counts.most_common())
        fresh, left = n - self._before, self._total - n
        eta = f", {clock(gone / fresh * left)} left" if fresh and left else ""
        cost = _cost(self._results)
        sys.stderr.write(f"\r\x1b[K[{full:.<{BAR}}] {n}/{self._total}  {clock(gone)}{eta}  {told}{cost}")
        sys.stderr.flush()

    def close(self) -> None:
        """End the line."""
        if self._shown:
            sys.stderr.write("\n")


def _word(result: Mapping[str, Any]) -> str:
    return str(result["reason"] or result["state"])
