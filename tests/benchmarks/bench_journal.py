"""What a long journal costs: to open, verify, show, log and export, as a ratio to reading and hashing the same file.

python tests/benchmarks/bench_journal.py --steps 1430 --out results/journal.json

One scripted run makes the journal: `--steps` Python steps of seven events each. Then each way is gone `--runs` times in
this interpreter, and the fastest counts. Seconds are those of the processor, so that other work on the machine counts
less. `open` is what `load` does before it makes a process: check the chain, restore the saved state, fold what came
after it. `fold` is the same with no state saved; `verify` is `log --verify`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import llmos_nb as llmos
from llmos_nb.journal import read
from llmos_nb.process import open_journal, saved
from llmos_nb.process.state.fold import fold
from llmos_nb.views import audit, page


def made(folder: Path, steps: int) -> Path:
    """Run a script of so many steps and give its journal."""
    code = "x{0} = {1}\nprint('row', {1}, 'of', list(range({1} % 50)))\nx{0} * 2"
    turns: list[dict[str, Any]] = [
        {"calls": [{"name": "python", "arguments": {"code": code.format(i % 40, i)}}]} for i in range(steps)
    ]
    script = folder / "script.json"
    script.write_text(json.dumps({"version": 1, "turns": [*turns, {"text": "done"}]}))
    bounds = f"{steps + 10} steps, {steps + 10} calls, 900000000 tokens, 600 min"
    run = llmos.run("count", model=f"script:{script}", namespace={}, approve="auto", budget=bounds, home=folder)
    process = asyncio.run(run)
    assert process.reason == "answered", process.reason
    return Path(process.journal.path)


def seconds(way: Callable[[], object], runs: int) -> float:
    best = float("inf")
    for _ in range(runs):
        begun = time.process_time()
        way()
        best = min(best, time.process_time() - begun)
    return best


def ways(path: Path, bare: Path, folder: Path) -> dict[str, Callable[[], object]]:
    """Return what is measured; `bare` is the same journal without anything beside it."""
    process = llmos.replay(path)
    events, state = process.events, process.run.state
    for event in events:
        assert event.body is not None

    def floor() -> list[str]:
        return [sha256(line).hexdigest() for line in path.read_bytes().split(b"\n")]

    return {
        "floor": floor,
        "open": lambda: saved.folded(open_journal(path).events, path),
        "fold": lambda: saved.folded(open_journal(bare).events, bare),
        "verify": lambda: list(audit.of_one(audit.Wanted(verify=True), path)),
        "log": lambda: list(audit.of_one(audit.Wanted(), path)),
        "show": lambda: (page.html(state, events), page.plain(state, events)),
        "export": lambda: process.export(folder / "run.ipynb", run=False),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_430)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/journal.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = made(folder, given.steps)
        bare = folder / "bare" / "journal.jsonl"
        bare.parent.mkdir()
        shutil.copy(path, bare)
        assert saved.folded(open_journal(path).events, path) == fold(read(bare)), "another state than all events give"
        found = {name: seconds(way, given.runs) for name, way in ways(path, bare, folder).items()}
        facts = {"events": len(read(path)), "bytes": path.stat().st_size}
    rows = {name: {"ms": round(1000 * s, 1), "ratio": round(s / found["floor"], 1)} for name, s in found.items()}
    for name, row in rows.items():
        print(f"{name:8} {row['ms']:8.1f} ms   {row['ratio']:7.1f}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({**facts, "runs": given.runs, "ways": rows}, indent=1))


if __name__ == "__main__":
    main()
