"""What a long run costs and keeps: bytes sent, prefix kept, CPU a step, prompts after a crash, look-ups, recall.

Run: ``python tests/benchmarks/bench_memory.py [--repeat 5] [--seed 7] [--out results/memory.json]``

CPU is that of the whole process, thread of the journal included, from one request to the next; a window of 26 steps is
one cycle from eviction to eviction, and of the repeats the one with the least noise counts.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from pagers import LOTS, Counting, Recorder, call, crashed, look_up, read, varied
from verdicts import conclude

import llmos_nb as llmos
from llmos_nb.messages import Response

GOAL = "Add the numbers with the tools, then tell me the final answer."
WINDOWS = {"10": (5, 31), "200": (187, 213), "2,000": (1_972, 1_998)}
MOST_BYTES, MOST_ONE, LEAST_KEPT, MOST_GROWTH = 1_000_000, 9_000, 0.96, 1.1
CRASH_STEPS = 60
FACT = "the code of station 7 is B-4711"


def add(a: int, b: int) -> int:
    """Add two integers.

    Args:
        a: the first number
        b: the second number
    """
    return a + b


@llmos.tool(effect="read", repeat="pure", source="untrusted")
def page(n: int) -> str:
    """Read a page of the web."""
    return f"page {n}: {FACT}" if n == 3 else f"page {n} says nothing of interest"


@llmos.tool(effect="external", repeat="once", sinks=("to",))
def send(to: str, text: str) -> str:
    """Send a text."""
    return f"sent {len(text)} characters"


class Clocked(Counting):
    """Notes the CPU seconds at each request; the kind says which call it makes."""

    def __init__(self, kind: str, steps: int) -> None:
        super().__init__(steps)
        self.kind, self.cpu = kind, list[float]()

    async def respond(self, request, on_text):
        self.cpu.append(time.process_time())
        answer = await super().respond(request, on_text)
        if not answer.calls or self.kind == "add":
            return answer
        if self.kind == "python":
            return call("python", code=f"rows = [{self.at}] * 3\nsum(rows)")
        return call("page", n=self.at) if self.at % 2 else call("send", to="ann@example.org", text=f"page {self.at}")


async def run(model, home, **more):
    """Run the goal with all tools, and nobody asked."""
    given = {"tools": [add, page, send], "approve": "auto", "budget": LOTS, "home": home, **more}
    proc = await llmos.run(f"{GOAL} Reports go to ann@example.org.", model=model, **given)
    assert proc.reason == "answered", (proc.reason, proc.detail)
    return proc


async def prompts(home: Path) -> dict:
    """Send the prompts of the 200-step loop."""
    model = Recorder(Counting(200))
    await llmos.run(GOAL, model=model, tools=[add], approve="auto", budget=LOTS, home=home)
    return {"total": sum(model.sizes), "largest": max(model.sizes), "kept": model.kept}


async def cpu(kind: str, repeat: int, home: Path) -> dict:
    """Give milliseconds of CPU a step near each number of steps."""
    found: dict[str, list[float]] = {name: [] for name in WINDOWS}
    namespace = {"namespace": {}} if kind == "python" else {}
    await run(Clocked(kind, 60), home, **namespace)
    for _ in range(repeat):
        model = Clocked(kind, 2_000)
        await run(model, home, **namespace)
        steps = [b - a for a, b in pairwise(model.cpu)]
        for name, (first, last) in WINDOWS.items():
            pairs = [(a + b) / 2 for a, b in pairwise(steps[first:last])]  # steps of two kinds take turns
            found[name].append(statistics.median(pairs) * 1e3)
    return {name: min(values) for name, values in found.items()}


async def crashes(home: Path) -> dict:
    """Break a run off after each of its events and compare every later prompt."""
    model = Recorder(varied(CRASH_STEPS))
    proc = await llmos.run("Read rows.", model=model, tools=[read], approve="auto", budget=LOTS, home=home)
    compared, different = 0, list[int]()
    for n in range(2, len(proc.events)):
        folder = Path(tempfile.mkdtemp(dir=home)) / "run"
        again, sent = await crashed(proc.journal.path, n, CRASH_STEPS, folder)
        compared += len(sent)
        if again.reason != "answered" or any(model.sent[k] != prompt for k, prompt in sent.items()):
            different.append(n)
    return {"events": len(proc.events), "prompts compared": compared, "different after": different}


async def look_ups(seed: int, trials: int, home: Path) -> dict:
    """Follow nested keys among 140 pairs with a pager that recalls."""
    found = {}
    for level in range(5):
        tried = [await look_up(seed + t, level, home) for t in range(trials)]
        found[str(level)] = {
            "right": sum(right for right, _ in tried),
            "of": trials,
            "recalls": sum(n for _, n in tried),
        }
    return found


async def planted(home: Path) -> dict:
    """Plant a fact at step 3 and recall it at step 190."""

    class Late(Counting):
        async def respond(self, request, on_text):
            self.at += 1
            if self.at == 190:
                return call("recall", query="code of station 7")
            return call("page", n=self.at) if self.at < 190 else Response(text="B-4711")

    proc = await run(Late(190), home)
    recalled = proc.run.state.calls["r190.0"]
    exact = f"page 3: {FACT}" in recalled.result
    return {"exact": exact, "label": recalled.facts.get("label", ""), "page": recalled.result[:7]}


async def measure(given: argparse.Namespace) -> dict:
    """Do all of it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        return {
            "seed": given.seed,
            "prompts": await prompts(home),
            "cpu": {kind: await cpu(kind, given.repeat, home) for kind in ("add", "python", "untrusted")},
            "crashes": await crashes(home),
            "look-ups": await look_ups(given.seed, given.trials, home),
            "planted": await planted(home),
        }


def verdicts(found: dict) -> dict[str, bool]:
    """Say what held."""
    sent = found["prompts"]
    growth = max(max(w["200"], w["2,000"]) / w["10"] for w in found["cpu"].values())
    return {
        f"200 steps send at most {MOST_BYTES:,} bytes": sent["total"] <= MOST_BYTES,
        f"the largest prompt has at most {MOST_ONE:,}": sent["largest"] <= MOST_ONE,
        f"the prefix is kept on {LEAST_KEPT:.0%} of the steps": sent["kept"] >= LEAST_KEPT,
        f"CPU a step grows by at most {MOST_GROWTH - 1:.0%}": growth <= MOST_GROWTH,
        "the same prompt bytes after every crash": not found["crashes"]["different after"],
        "every nested look-up is right": all(v["right"] == v["of"] for v in found["look-ups"].values()),
        "the planted fact comes back, with its label": found["planted"]["exact"]
        and "untrusted" in found["planted"]["label"],
    }


def show(found: dict) -> None:
    """Print the tables."""
    sent = found["prompts"]
    print(f"seed {found['seed']}")
    print(f"200 steps: {sent['total']:,} bytes in all, largest {sent['largest']:,}, prefix kept on {sent['kept']:.1%}")
    print(f"{'CPU a step (ms) at step':<26}" + "".join(f"{name:>10}" for name in WINDOWS) + f"{'growth':>10}")
    for kind, w in found["cpu"].items():
        growth = max(w["200"], w["2,000"]) / w["10"]
        print(f"  {kind:<24}" + "".join(f"{w[name]:>10.3f}" for name in WINDOWS) + f"{growth:>10.2f}")
    c = found["crashes"]
    print(
        f"crashes after each of {c['events']} events: {c['prompts compared']:,} prompts compared, different: {c['different after'] or 'none'}"
    )
    print(
        "nested look-ups, 140 pairs: "
        + ", ".join(f"level {k}: {v['right']}/{v['of']}" for k, v in found["look-ups"].items())
    )
    print(f"a fact of step 3 at step 190: {found['planted']}")


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--trials", type=int, default=3, help="look-ups a level")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("results/memory.json"))
    given = parser.parse_args()
    found = asyncio.run(measure(given))
    return conclude(found, verdicts(found), show, given.out)


if __name__ == "__main__":
    sys.exit(main())
