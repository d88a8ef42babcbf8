"""Eight processes count one variable up, at the same time: whether an update is ever lost.

Each looks at `total`, adds one and writes it. What it writes is a number that its model worked out (``total = 4``), as
models do, or an expression (``total = total + 1``, ``total += 1``); the scripted models answer after random waits, and
react to what they are told: whoever is refused works from the value that the refusal names, or looks again. In the modes
that ask, a scripted person approves what the mode asks, and sends back what rests on a value that is no more.

An update is lost where a process was told that its step ran well and the total does not show it. What counts is
``total + refused == 8``, where `refused` are the processes that were told for good that nothing was written.

Run: ``python tests/benchmarks/bench_counters.py [--runs 200] [--seed 7] [--modes auto,risky,never] [--out FILE]``
"""

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from waits import turns_while

COUNTERS = 8
MODES = ("auto", "risky", "never")
STYLES = ("number", "number", "number after another look", "expression", "augmented")
WRITTEN, LEFT = "It is counted.", "It was not written."


class CounterModel:
    """Looks at `total`, then writes one more; where that is refused, tries again from what it is told."""

    slots, endpoint = 64, ""

    def __init__(self, rng, style, looks_first=True):
        from llmos_nb.models import Traits

        self.traits = Traits("counter", plans=False)
        self.rng, self.style, self.looks_first = rng, style, looks_first
        self.refused = 0
        self.looks = 0

    async def respond(self, request, on_text):
        """Answer after a moment."""
        for _ in range(self.rng.randrange(4)):
            await asyncio.sleep(self.rng.choice((0, 0, 0.001, 0.004)))
        results = [m.text for m in request.messages if m.role == "tool"]
        return self.answer(results[-1] if results else "")

    def answer(self, last):
        """Decide by the last result alone."""
        if not last:
            return self.look() if self.looks_first else self.write(0)
        if last.startswith("Not run"):
            self.refused += 1
            if "is not written" in last:
                return self.say(LEFT)
            now = re.search(r"total: int (\d+)", last)
            again = self.style == "number after another look" or now is None
            return self.look() if again else self.write(int(now[1]))
        if seen := re.fullmatch(r"\s*(\d+)\s*", last):
            return self.write(int(seen[1]))
        return self.say(WRITTEN)

    def look(self):
        self.looks += 1
        return self.run(f"total  # look {self.looks}")

    def write(self, seen):
        code = {"expression": "total = total + 1", "augmented": "total += 1"}
        return self.run(
            code.get(self.style, f"total = {seen} + 1" if self.rng.random() < 0.5 else f"total = {seen + 1}")
        )

    @staticmethod
    def run(code):
        from llmos_nb.messages import Response, ToolCall

        return Response("", (ToolCall("python", {"code": code}),))

    @staticmethod
    def say(words):
        from llmos_nb.messages import Response

        return Response(words)


async def person(process, asked):
    """Answer what a process asks until it has ended: approve what the mode asks, send back what is in conflict."""
    await process
    for _ in turns_while(lambda: process.state == "waiting", "it asks", 1000):
        question = next(iter(process.run.state.questions.values()))
        asked["conflict" if "has changed since" in question["text"] else "mode"] += 1
        if "has changed since" in question["text"]:
            await process.reject("all", "look at it again")
        else:
            await process.approve("all")


async def one(home, mode, rng, limit_s=60.0):
    """Run the counters once; give what came of it."""
    import llmos_nb as llmos

    session = llmos.Session({"total": 0}, home)
    models = [CounterModel(rng, rng.choice(STYLES)) for _ in range(COUNTERS)]
    asked = Counter()
    processes = [session.start(f"Count {n}.", model=m, approve=mode) for n, m in enumerate(models)]
    async with asyncio.timeout(limit_s):
        await asyncio.gather(*(person(p, asked) for p in processes))
    answers = Counter(p.answer if p.reason == "answered" else f"{p.reason}: {p.detail}" for p in processes)
    total, left = session.namespace["total"], answers.get(LEFT, 0)
    return {
        "mode": mode,
        "total": total,
        "said": answers.get(WRITTEN, 0),
        "refused": left,
        "lost": answers.get(WRITTEN, 0) - total,
        "tries_refused": sum(m.refused for m in models),
        "most_refused": max(m.refused for m in models),
        "asked": dict(asked),
        "other_ends": {k: n for k, n in answers.items() if k not in (WRITTEN, LEFT)},
    }


def run(runs, seed, modes=MODES):
    """Run so many times in each mode."""
    rows = []
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as base:
        for i in range(runs):
            for mode in modes:
                rng = random.Random(f"{seed}-{mode}-{i}")
                rows.append({"run": i, **asyncio.run(one(Path(base) / f"{mode}-{i}", mode, rng))})
    return {
        "seed": seed,
        "seconds": round(time.perf_counter() - began, 1),
        **summary(rows, modes),
        "wrong": wrong(rows),
    }


def summary(rows, modes):
    found = {}
    for mode in modes:
        of = [r for r in rows if r["mode"] == mode]
        found[mode] = {
            "runs": len(of),
            "totals": dict(Counter(r["total"] for r in of)),
            "lost": sum(r["lost"] for r in of),
            "refused": sum(r["refused"] for r in of),
            "tries_refused": sum(r["tries_refused"] for r in of),
            "most_refused": max(r["most_refused"] for r in of),
            "asked": dict(sum((Counter(r["asked"]) for r in of), Counter())),
        }
    return {"modes": found}


def wrong(rows):
    """Return the runs in which an update was lost, or a process did not come to its end."""
    return [r for r in rows if r["lost"] or r["other_ends"] or r["total"] + r["refused"] != COUNTERS]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="in each mode")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--out", type=Path, default=Path("results/counters.json"))
    given = parser.parse_args()
    found = run(given.runs, given.seed, given.modes.split(","))
    print(json.dumps({k: v for k, v in found.items() if k != "wrong"}, indent=1))
    print(f"{len(found['wrong'])} wrong", *found["wrong"][:5], sep="\n")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
