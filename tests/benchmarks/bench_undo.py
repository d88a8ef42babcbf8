"""Undo on a heap of a 200 MB frame, a 20 MB array, 40,000 containers and a fitted forest; beside deepcopy and Kishu.

``python tests/benchmarks/bench_undo.py [--kishu PYTHON] [--rows N] [--seed N] [--out FILE]``
prints, for each step, what comes before and after it, what stays stored, what undo takes and whether all came back right.
``--examples N`` runs the state machine of the tests on N random namespaces, ``--docs`` all code of the docstrings of
pandas and scikit-learn, and each says how many restores were wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import subprocess
import sys
import tempfile
import tracemalloc
import types
import warnings
from pathlib import Path
from time import perf_counter

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from snapshot_tools import stored_bytes  # noqa: E402 - of the tests
from undo_heap import HEAP, LOOK, STEPS  # noqa: E402 - it lies beside this file

from llmos_nb.heap import Snapshots  # noqa: E402
from llmos_nb.heap.walk import used_names  # noqa: E402

WIDTHS = "{:<20}{:>10}{:>9}{:>11}{:>9}  {:<5}"


def timed(function, *args):
    start = perf_counter()
    result = function(*args)
    return result, (perf_counter() - start) * 1e3


def run(code: str, ns: dict) -> None:
    with contextlib.suppress(ValueError):  # the step that raises in the middle
        exec(compile(code, "<step>", "exec"), ns)


def look(ns: dict) -> str:
    return json.dumps(eval(LOOK, ns))


def ours(ns: dict, title: str, code: str, repeats: int = 5) -> dict:
    """Run a step, undo it, redo it, undo it, several times; the least of each, as other programs share the machine."""
    snapshots, wanted, lines = Snapshots(ns), look(ns), []
    names = used_names(compile(code, "<step>", "exec"))
    for _ in range(repeats):
        before, before_ms = timed(snapshots.begin, names)
        run(code, ns)
        _, after_ms = timed(snapshots.end, before, "call")
        after = look(ns)
        stored = stored_bytes(snapshots, "call")
        _, undo_ms = timed(snapshots.undo, "call")
        right = look(ns) == wanted
        snapshots.redo("call")
        right = right and look(ns) == after
        snapshots.undo("call")
        lines.append((before_ms, after_ms, undo_ms, stored, right and look(ns) == wanted))
    columns = list(zip(*lines, strict=True))
    best = [min(c) for c in columns[:4]]
    keys = ("before_ms", "after_ms", "undo_ms", "stored")
    return {"step": title, **dict(zip(keys, best, strict=True)), "right": all(columns[4])}


def deepcopied(ns: dict, title: str, code: str) -> dict:
    """Copy every value before the step, in one go so that aliases hold, and bind the copies to undo."""
    wanted = look(ns)
    values = {n: v for n, v in ns.items() if not n.startswith("__") and not isinstance(v, types.ModuleType)}
    saved, before_ms = timed(copy.deepcopy, values)
    run(code, ns)
    _, undo_ms = timed(ns.update, saved)
    for name in ns.keys() - saved.keys():
        if not name.startswith("__") and not isinstance(ns[name], types.ModuleType):
            del ns[name]
    return {"step": title, "before_ms": before_ms, "undo_ms": undo_ms, "right": look(ns) == wanted}


def deepcopy_size(ns: dict) -> int:
    values = {n: v for n, v in ns.items() if not n.startswith("__") and not isinstance(v, types.ModuleType)}
    tracemalloc.start()
    saved = copy.deepcopy(values)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert saved
    return size


def kishu(python: str, rows: int, seed: int) -> list[dict]:
    command = [python, str(HERE / "undo_kishu.py"), "--rows", str(rows), "--seed", str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-500:], file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(name: str, lines: list[dict]) -> None:
    print(f"\n{name}\n" + WIDTHS.format("step", "before ms", "after", "stored MB", "undo ms", "right"))
    for line in lines:
        cells = [f"{line[k]:.2f}" if k in line else "-" for k in ("before_ms", "after_ms")]
        stored = f"{line['stored'] / 1e6:.2f}" if "stored" in line else "-"
        undo = f"{line['undo_ms']:.2f}" if "undo_ms" in line else "-"
        print(WIDTHS.format(line["step"], *cells, stored, undo, "yes" if line["right"] else "NO"))


def heaps(asked) -> dict:
    def heap() -> dict:
        ns: dict = {"__name__": "__main__"}
        exec(HEAP.format(rows=asked.rows, seed=asked.seed), ns)
        return ns

    ns, report = heap(), {}
    report["llmos_nb"] = [ours(ns, t, c) for t, c in STEPS.items()]
    table(f"llmos_nb, seed {asked.seed}, {asked.rows:,} rows", report["llmos_nb"])
    lines = []
    for title, code in STEPS.items():
        lines.append(deepcopied(ns, title, code))
        ns = ns if lines[-1]["right"] else heap()
    size = deepcopy_size(ns)
    report["deepcopy"] = [{**line, "stored": size} for line in lines]
    table("deepcopy of every value", report["deepcopy"])
    if asked.kishu:
        report["kishu"] = kishu(asked.kishu, asked.rows, asked.seed)
        table("Kishu (its hooks before and after the cell together; checkout)", report["kishu"])
    return report


def machine(examples: int, chosen_seed: int) -> dict:
    from hypothesis import Phase, seed
    from test_snapshot_machine import Machine, machine_settings, run_state_machine_as_test

    wrong, start = "", perf_counter()
    try:
        chosen = machine_settings(examples, database=None, phases=[Phase.generate])
        run_state_machine_as_test(seed(chosen_seed)(Machine), settings=chosen)
    except Exception as error:  # whatever an example raises is a finding
        told = [n for n in getattr(error, "__notes__", ()) if not n.startswith("Draw")]
        wrong = "\n".join([f"{type(error).__name__}: {error}"[:300], *told])
    seconds = perf_counter() - start
    print(
        f"\nstate machine, seed {chosen_seed}: {examples:,} examples of up to 12 steps, {1 if wrong else 0} wrong, {seconds:.0f} s {wrong}"
    )
    return {"examples": examples, "wrong": wrong, "seconds": seconds}


def docs() -> dict:
    from docstring_code import cells, run as undone

    report = {}
    for package in ("pandas", "sklearn"):
        every = cells(package)
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.chdir(folder),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            wrong = [w for name, code in every if (w := undone(name, code))]
        count = sum(len(code) for _, code in every)
        print(f"{package}: {len(every)} docstrings, {count:,} cells run, undone, redone, undone: {len(wrong)} wrong")
        print("".join(f"  {w}\n" for w in wrong), end="")
        report[package] = {"docstrings": len(every), "cells": count, "wrong": wrong}
    return report


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=2_500_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--kishu", metavar="PYTHON", help="a Python that has kishu, pandas and scikit-learn")
    options.add_argument("--examples", type=int, help="only the state machine, on so many namespaces")
    options.add_argument("--docs", action="store_true", help="only the code of the docstrings")
    options.add_argument("--out", type=Path, default=HERE.parent.parent / "results" / "undo.json")
    asked = options.parse_args()
    warnings.simplefilter("ignore")
    report: dict = {"seed": asked.seed, "rows": asked.rows}
    if asked.examples:
        report["machine"] = machine(asked.examples, asked.seed)
    if asked.docs:
        report["docs"] = docs()
    if not asked.examples and not asked.docs:
        report["steps"] = heaps(asked)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
