"""How soon a click is acknowledged on a real kernel, and whether Stop and Pause do what they say, and nothing else.

    python tests/benchmarks/bench_clicks.py --stops 3000 --pauses 100 --json results/clicks.json

All of it goes over the kernel's own messages, as a page sends them; each part has a kernel of its own.

1. A click, at random instants, while the user's own cell, or a step of a process, sleeps, loops in Python or multiplies
   matrices: the time until the panel says that it was heard. Wanted: 100 ms.
2. Stop at random instants, in turn by a click and by an interrupt of the kernel, over steps that sleep, loop, wait for a
   lock or a queue, or await: short ones that follow each other, so that Stop falls between two of them, too, and then one
   that never ends by itself. A short cell of the user's runs right after each Stop. After each, the process must be
   paused with no call left open and what its step had changed taken back, and the user's cell must have run to its
   end: one that an interrupt hits is a stray. In every second round a step must have begun before Stop comes.
3. One process, paused and resumed by clicks: each must take effect, and each step print once, in the owning cell.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from notebook_driver import Notebook
from page_driver import Page
from turns import python

BUSY = {
    "sleeps": "import time\ntime.sleep({s})",
    "loops": "import time\nend = time.monotonic() + {s}\nwhile time.monotonic() < end: pass",
    "multiplies": "import time, numpy as np\nbig, end = np.ones((600, 600)), time.monotonic() + {s}\n"
    "while time.monotonic() < end: product = big @ big",
}
STEPS = {
    "sleep": "import time\ntime.sleep({s})",
    "loop": "import time\nend = time.monotonic() + {s}\nwhile time.monotonic() < end: pass",
    "lock": "import threading\nlock = threading.Lock()\nheld = lock.acquire() and lock.acquire(timeout={s})",
    "queue": "import queue\ntry:\n    queue.Queue().get(timeout={s})\nexcept queue.Empty:\n    pass",
    "await": "import asyncio\nawait asyncio.sleep({s})",
}
MINE = """def mine():  # its names are its own: what a step writes would be in conflict with them
    import time
    for _ in range(4):
        sum(range(20_000))
        time.sleep(0.005)
    print('mine', 'touched' in globals())
mine()"""
TOUCHES = "touched = 1\n"
BUDGET = "'100000 steps, 100000 calls, 24 h'"
WRONG = ("strays", "hung", "stuck", "not paused", "not taken back")
SHORT, STOPS_EACH, LATEST_S, HANGS_S = 5, 10, 0.4, 20.0


class Record:
    """The journal of the newest process, followed as it grows."""

    def __init__(self, folder: Path) -> None:
        self._paths = lambda: folder.glob("*/runs/*/journal.jsonl")
        self._known = set(self._paths())
        self._file: Path | None = None
        self._at, self._rest = 0, b""
        self.events: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        """Return all events that are on disk."""
        if self._file is None and (fresh := set(self._paths()) - self._known):
            self._file = fresh.pop()
        if self._file is not None:
            with self._file.open("rb") as file:
                file.seek(self._at)
                grown = file.read()
            self._at += len(grown)
            *lines, self._rest = (self._rest + grown).split(b"\n")
            self.events += [json.loads(line) for line in lines if line]
        return self.events

    def count(self, kind: str) -> int:
        """Return how many events of a kind there are."""
        return sum(e["k"] == kind for e in self.read())

    @property
    def open_calls(self) -> set[str]:
        """The calls that have begun, and of which nothing is said since."""
        began = {e["d"]["call"] for e in self.read() if e["k"] == "call.started"}
        return began - {e["d"]["call"] for e in self.events if e["k"] in ("call.finished", "call.in_doubt")}

    @property
    def paused(self) -> bool:
        """Whether the last word on it is a pause."""
        words = [e["k"] for e in self.read() if e["k"] in ("run.paused", "run.resumed", "run.ended")]
        return words[-1:] == ["run.paused"]

    def stopped(self) -> str:
        """Return the kind of the step that the last Stop has ended; "between" where it ended none."""
        since = max((i for i, e in enumerate(self.events) if e["k"] == "run.resumed"), default=0)
        ends = [e["d"] for e in self.events[since:] if e["k"] == "call.finished"]
        if not ends or ends[-1].get("error") != "Stopped":
            return "between"
        said = [e["d"]["calls"] for e in self.events if e["k"] == "model.responded"]
        response, _, call = ends[-1]["call"].removeprefix("r").partition(".")
        return str(said[int(response) - 1][int(call)]["arguments"]["code"].split()[1])


def spread(seconds: list[float]) -> dict[str, float]:
    """Return median, 95th percentile and maximum, in milliseconds."""
    found = sorted(1000 * s for s in seconds)
    high = found[min(len(found) - 1, int(0.95 * len(found)))]
    return {
        "n": len(found),
        "median_ms": round(statistics.median(found), 1),
        "p95_ms": round(high, 1),
        "max_ms": round(found[-1], 1),
    }


def clicks(rng: random.Random, seconds: float) -> dict[str, Any]:
    """Click at random instants while the main thread is held; 1 in the module's list."""
    found: dict[str, Any] = {}
    for who in ("cell", "step"):
        for name, code in BUSY.items():
            with tempfile.TemporaryDirectory() as home, Notebook(Path(home), stdin=True) as book:
                found[f"{who} {name}"] = spread(_acknowledged(book, rng, who, code.format(s=seconds), seconds))
    return found


def _acknowledged(book: Notebook, rng: random.Random, who: str, code: str, seconds: float) -> list[float]:
    page, record = Page(book), Record(book.folder)
    spec = book.script(python(code if who == "step" else "pass"), {"text": "done"})
    mode = "-a step --bg" if who == "cell" else "-a auto"
    owner = page.send(f"%%agent {mode} --plan none -m {spec}\nHold.")
    page.until(lambda: page.comm and record.count("question.asked" if who == "cell" else "call.started"))
    held = page.begin(code) if who == "cell" else owner
    until, took = time.monotonic() + seconds - 0.5, list[float]()
    while time.monotonic() < until:
        page.passes(rng.uniform(0.005, 0.06))
        took.append(page.click(len(took), verb=("journal", "close")[len(took) % 2]))
    assert held not in page.idle, "the main thread was free before the last click"
    return took


class Stops:
    """Stops one process after the other at random instants; 2 in the module's list."""

    def __init__(self, book: Notebook, rng: random.Random) -> None:
        self.book, self.rng, self.page = book, rng, Page(book)
        self.took: dict[str, list[float]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._n, self._pid, self._left = 0, 0, 0

    def one(self) -> None:
        """Start or resume a process, stop it, and run a cell of the user's right after."""
        self._n += 1
        before = self.record.count("call.started") if self._left else 0
        cell = self._begin()
        self.page.until(lambda: cell in self.page.panels)
        if self.rng.random() < 0.5 and not self._until(lambda: self.record.count("call.started") > before):
            self._wrong("stuck", "waiting", cell, "")
        self.page.passes(self.rng.uniform(0, LATEST_S))
        began, way = time.monotonic(), ("click", "interrupt")[self._n % 2]
        if way == "click":
            self.page.press(self._n, verb="stop")
        else:
            self.book.manager.interrupt_kernel()
        if self.rng.random() < 0.5:  # else it is sent at the same time, and runs as soon as the process's cell ends
            self._until(lambda: cell in self.page.idle)
        mine = self.page.send(MINE)
        ended = self._until(lambda: cell in self.page.idle and mine in self.page.idle)
        self._judge(way, cell, mine, began, ended)

    def _until(self, holds: Any) -> bool:
        try:
            self.page.until(holds, HANGS_S)
        except AssertionError:
            return False
        return True

    def _begin(self) -> str:
        if self._left:
            self._left -= 1
            return self.page.send(f"%agent resume {self._pid}")
        turns = [
            python(f"# {kind} {self._n}-{part}-{n}\n{TOUCHES * (n == SHORT)}{STEPS[kind].format(s=seconds)}")
            for part in range(STOPS_EACH)
            for n, (kind, seconds) in enumerate(self._segment())
        ]
        spec = self.book.script(*turns, {"text": "done"}, name=f"script{self._n}.json")
        self.record, self._pid, self._left = Record(self.book.folder), self._pid + 1, STOPS_EACH - 1
        return self.page.send(f"%%agent -a auto --plan none -b {BUDGET} -m {spec}\nGo on until you are stopped.")

    def _segment(self) -> list[tuple[str, float]]:
        short = [(self.rng.choice(list(STEPS)), round(self.rng.uniform(0, 0.03), 4)) for _ in range(SHORT)]
        return [*short, (self.rng.choice(list(STEPS)), 600)]

    def _judge(self, way: str, cell: str, mine: str, began: float, ended: bool) -> None:
        kind = "open"
        if not ended:
            self._wrong("hung", way, cell, mine)
        elif "mine" not in self.page.text[mine] or mine in self.page.errors:
            self._wrong("strays", way, cell, mine)
        elif "True" in self.page.text[mine]:
            self._wrong("not taken back", way, cell, mine)
        if not self._until(lambda: self.record.paused and not self.record.open_calls):
            self._wrong("not paused", way, cell, mine)
        else:
            kind = self.record.stopped()
        if cell in self.page.idle:
            self.took[f"{way} {kind}"].append(self.page.idle[cell] - began)
        if kind == "open":  # start afresh
            self.book.manager.interrupt_kernel()
            self._left = 0
            again = self.page.send(f"%agent kill {self._pid}")
            self.page.until(lambda: again in self.page.idle)

    def _wrong(self, what: str, way: str, cell: str, mine: str) -> None:
        self.counts[what] += 1
        last = [(e["k"], e["at"][11:23]) for e in self.record.read()[-4:]]
        said = {"cell": self.page.errors.get(cell), "mine": self.page.errors.get(mine)}
        self.wrong.append(f"Stop {self._n} by {way}: {what}; {said}; open {self.record.open_calls}; last {last}")
        print(self.wrong[-1], flush=True)

    def found(self) -> dict[str, Any]:
        """Return the figures."""
        counted = {what: self.counts[what] for what in WRONG}
        return {
            "stops": self._n,
            **counted,
            "wrong": self.wrong,
            "took": {k: spread(v) for k, v in sorted(self.took.items())},
        }


def stops(rng: random.Random, times: int) -> dict[str, Any]:
    """Stop so many times, on one kernel."""
    with tempfile.TemporaryDirectory() as home, Notebook(Path(home), stdin=True) as book:
        series = Stops(book, rng)
        for _ in range(times):
            series.one()
        return series.found()


def pauses(rng: random.Random, times: int) -> dict[str, Any]:
    """Pause and resume one process by clicks; 3 in the module's list."""
    with tempfile.TemporaryDirectory() as home, Notebook(Path(home), stdin=True) as book:
        page, record, steps = Page(book), Record(book.folder), 8 * times
        turns = [python(f"import time\ntime.sleep(0.02)\nprint('<{n}>')") for n in range(steps)]
        spec = book.script(*turns, {"text": "done"})
        owner = page.send(f"%%agent -a auto --plan none -b {BUDGET} -m {spec}\nPrint.")
        page.until(lambda: page.comm and record.count("call.started"))
        took: dict[str, list[float]] = {"pause": [], "resume": []}
        for n in range(1, times + 1):
            for verb, kind in (("pause", "run.paused"), ("resume", "run.resumed")):
                page.passes(rng.uniform(0, 0.04))
                began = time.monotonic()
                page.click(f"{verb}{n}", verb=verb)
                page.until(lambda: record.count(kind) == n)  # noqa: B023 - called at once
                took[verb].append(time.monotonic() - began)
        page.until(lambda: record.count("run.ended"), 120)
        page.until(lambda: owner in page.idle)
        others = sum("<" in text for text in page.text.values())  # prints stand in the panel
        results = "".join(e["d"]["result"] for e in record.events if e["k"] == "call.finished")
        once = sum(results.count(f"<{n}>") == 1 for n in range(steps))
        reason = record.events[-1]["d"]["reason"]
        told = {verb: spread(seconds) for verb, seconds in took.items()}
        return {"reason": reason, "steps": steps, "once_on_record": once, "cells_beside": others, **told}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stops", type=int, default=3000)
    parser.add_argument("--pauses", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the main thread is held; 0: not")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rng, found = random.Random(given.seed), dict[str, Any]()
    if given.seconds:
        found["clicks"] = clicks(rng, given.seconds)
    if given.stops:
        found["stops"] = stops(rng, given.stops)
    if given.pauses:
        found["pauses"] = pauses(rng, given.pauses)
    print(json.dumps(found, indent=1))
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
