"""Many runs over worker processes or a Dask cluster of one machine, with workers killed; count what the tools did.

    python tests/benchmarks/bench_batch.py --runs 64 --seed 7 --out results/batch.json

Half of the tools can be asked afterwards whether they took effect, half cannot. One worker dies in the middle of a
call, after its effect; another is killed from outside at a random instant. A run that waits for a person's word on a
call in doubt is settled by looking at the log of effects, and the batch is run again. Right means: a result for every
run, every run answered in the end, every effect done exactly once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import batch_tools
from waits import until

import llmos_nb as llmos
from llmos_nb.journal import read
from llmos_nb.process.state.fold import fold
from llmos_nb.session.batch.batch import processes

CALLS, LONGEST_S = 4, 600


def specs(folder: Path, runs: int) -> list[dict]:
    """Write a script a run, and give the specs."""
    made = []
    for i in range(runs):
        name, tool = f"run-{i:03}", ("pay", "pay_by_bank")[i % 2]
        turns = [{"calls": [{"name": tool, "arguments": {"run": name, "n": n}}]} for n in range(CALLS)]
        (folder / f"{name}.json").write_text(json.dumps({"version": 1, "turns": [*turns, {"text": "All paid."}]}))
        made.append({
            "id": name, "goal": "Pay them all.", "model": f"script:{folder / name}.json", "approve": "auto",
            "tools": [f"batch_tools:{tool}"], "home": str(folder / "home"),
        })  # fmt: skip
    return made


ROUNDS = 3  # one more than workers die


@contextmanager
def dask_cluster(workers: int, folder: Path):
    """Give an executor over a Dask cluster of worker processes of this machine."""
    from dask.distributed import Client, LocalCluster

    options = {"local_directory": str(folder), "silence_logs": 50}
    # without an address it takes a port that is everybody's, and warns where another cluster has it
    options |= {"dashboard_address": ":0", "scheduler_kwargs": {"dashboard": False}}
    with LocalCluster(n_workers=workers, threads_per_worker=2, processes=True, **options) as cluster:
        with Client(cluster) as client:
            yield client.get_executor()


@contextmanager
def pool(kind: str, workers: int, folder: Path):
    """Give what `run_batch` takes: our own pool, one of the standard library, or Dask's."""
    if kind == "dask":
        with dask_cluster(workers, folder) as found:
            yield found
        return
    given = ProcessPoolExecutor(workers, get_context("spawn")) if kind == "given" else lambda: processes(workers)
    with given if isinstance(given, Executor) else nullcontext():
        yield given


def kill_in_the_middle(log: Path, after: int, rng: random.Random, killed: list[int], done: threading.Event):
    """Kill a worker that has done something, once so many effects are done."""
    until(
        lambda: done.is_set() or len(batch_tools.effects(log)) >= after,
        f"{after} effects",
        seconds=LONGEST_S,
        rest=lambda: done.wait(0.01),
    )
    if done.is_set():
        return
    busy = sorted({e["pid"] for e in batch_tools.effects(log)[-8:]})
    for pid in rng.sample(busy, len(busy)):
        with suppress(ProcessLookupError):  # it has died in the middle of a call
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
            return


def settle(result: dict, log: Path) -> int:
    """Say of each call in doubt whether it took effect, as a person who looks at the log."""
    proc = llmos.load(result["journal"])
    doubts = [q for q in result["waits_for"] if q["kind"] == "doubt"]
    paid = {e["key"] for e in batch_tools.effects(log)}
    for doubt in doubts:
        call = doubt["question"]
        proc.resolve(call, done=proc.run.state.calls[call].key in paid)
    return len(doubts)


def run(
    runs: int = 8,
    seed: int = 7,
    kind: str = "dask",
    workers: int = 2,
    kill: bool = True,
    sabotage: bool = False,
) -> dict:
    """Run all, with deaths, and count."""
    rng, began, killed, done = random.Random(seed), time.monotonic(), [], threading.Event()
    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name), Path(name) / "effects.log"
        wanted = specs(folder, runs)
        victims = [f"run-{i:03}:{rng.randrange(CALLS)}" for i in rng.sample(range(0, runs, 2), 1)]
        os.environ |= {batch_tools.LOG: str(log), batch_tools.DIE_AT: ",".join(victims)}
        if sabotage:
            os.environ[batch_tools.SABOTAGE] = "1"
        try:
            with pool(kind, workers, folder) as executor:
                args = (log, runs * CALLS // 2, rng, killed, done)
                killer = threading.Thread(target=kill_in_the_middle, args=args)
                if kill:
                    killer.start()
                first = asyncio.run(llmos.run_batch(wanted, executor))
                done.set()
                if kill:
                    killer.join()
                last, settled = first, 0
                for _ in range(ROUNDS):  # whoever is to die may do so in a later round, where a kill came first
                    waiting = [r for r in last if r["state"] == "waiting"]
                    if not waiting:
                        break
                    settled += sum(settle(r, log) for r in waiting)
                    last = asyncio.run(llmos.run_batch(wanted, executor))
        finally:
            done.set()
            for variable in (batch_tools.LOG, batch_tools.DIE_AT, batch_tools.SABOTAGE):
                os.environ.pop(variable, None)
        counts = Counter((e["run"], e["n"]) for e in batch_tools.effects(log))
        journals = list((folder / "home").rglob("journal.jsonl"))
        resumed = sum(fold(read(j)).epoch > 0 for j in journals)
        return {
            "runs": runs, "seed": seed, "pool": kind, "workers": workers,
            "killed": len(killed) + len(list(folder.glob("*.died"))), "resumed": resumed,
            "results": len(first), "first": dict(Counter(r["reason"] or r["state"] for r in first)),
            "in_doubt": settled, "last": dict(Counter(r["reason"] or r["state"] for r in last)),
            "effects": counts.total(), "expected": runs * CALLS, "journals": len(journals),
            "twice": sorted(map(str, (k for k, n in counts.items() if n > 1))),
            "lost": runs * CALLS - len(counts), "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip


def main() -> int:
    """Parse, run, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pool", choices=["dask", "processes", "given"], default="dask")
    parser.add_argument("--sabotage", action="store_true", help="skip the intents: the count must then find doubles")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = run(given.runs, given.seed, given.pool, given.workers, sabotage=given.sabotage)
    for key, value in found.items():
        print(f"{key:<10} {value}")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    right = found["last"] == {"answered": given.runs} and not found["twice"] and not found["lost"]
    return int(not right)


if __name__ == "__main__":
    sys.exit(main())
