"""How often the local model is right: 24 questions on two real data sets, judged by pandas.

    python tests/benchmarks/bench_local.py [--model 0.5b|1.5b] [--held-out | --hundred | --shuffle [--seed 7]] [--only 0 3]

Each question is a process of the product (`llmos_nb.run`) on a fresh copy of the data. With ``--shuffle``
columns are renamed, a tenth of the rows is dropped, values are shuffled; right answers then follow the data. With
``--held-out`` it asks 40 others, on four data sets that nothing was made on, with ``--hundred`` 100 of five kinds on
five more. What is judged is the model's sentence. Intervals are Wilson's, of 95 %.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import local_held_out
import local_hundred
import matplotlib.pyplot as plt
import pandas as pd
from local_held_out import HELD_OUT
from local_hundred import HUNDRED
from local_questions import QUESTIONS, Question, asked, load, renamed, right, shuffled

import llmos_nb as llmos
from llmos_nb.models.local import LocalModel, weights
from llmos_nb.models.local.prompt import COMMENT
from llmos_nb.views.panel.view import view

# right / grounded / calls / seconds a question, of 12 questions of the harness's own test set
PUBLISHED = {"0.5b": (7, 11, 2.2, 10.3), "1.5b": (7, 12, 2.3, 25.9)}


def loaded(question: Question) -> Any:
    """Load the data of a question."""
    if question in HUNDRED:
        return local_hundred.load(question.data)
    return local_held_out.load(question.data) if question in HELD_OUT else load(question.data)


def interval(good: int, of: int, z: float = 1.96) -> str:
    """Return Wilson's interval of a share, in percent (Wilson 1927)."""
    share, spread = good / of, z * z / of
    middle, half = share + spread / 2, z * math.sqrt(share * (1 - share) / of + spread / of / 4)
    return f"{100 * (middle - half) / (1 + spread):.0f} to {100 * (middle + half) / (1 + spread):.0f} %"


async def one(question: Question, model: LocalModel, home: Path, seed: int | None) -> dict[str, Any]:
    """Ask one question and judge what came of it."""
    plain = question in HELD_OUT or question in HUNDRED
    whole = loaded(question)
    frame = whole if seed is None else shuffled(whole, seed)
    expected = question.truth(frame)
    live = frame.copy() if seed is None else renamed(frame, question.data)
    more = local_hundred.beside(question.data) if question.kind == "join" else {}
    namespace = {question.data: live, **more, "pd": pd, "plt": plt}
    start = time.perf_counter()
    goal = question.text if plain else asked(question, seed is not None)
    process = await llmos.run(goal, model=model, namespace=namespace, approve="auto", home=home)
    seconds = time.perf_counter() - start
    plt.close("all")
    events = process.events
    results = [e.d["result"] for e in events if e.k == "call.finished" and e.d["ok"]]
    raw = [r for e in events if e.k == "model.responded" for r in e.d.get("raw", {}).get("replies", ())]
    answer = process.answer or ""
    sentence = answer.rpartition(COMMENT)[2]
    return {
        "kind": question.kind,
        "question": goal,
        "answer": answer or f"({process.reason})",
        "sentence": sentence or f"({process.reason})",
        "right": right(expected, sentence, "\n".join(results), namespace[question.data]),
        "green": view(process.run.state, events)["glyph"] == "done",
        "reason": process.reason,
        "calls": len(raw),
        "seconds": round(seconds, 2),
        "replies": raw,
        "results": results,
        "journal": str(process.journal.path),
    }


async def every(args: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Ask all questions, print a line each, and sum up."""
    model = LocalModel(args.model)
    start = time.perf_counter()
    await model.warm_up()
    warm = time.perf_counter() - start
    seed = args.seed if args.shuffle else None
    print(f"{model.traits.name}, sampling seeds 42 and 1 to 3, shuffle seed {seed}, warm-up {warm:.1f} s")
    print(f"journals in {home}")
    rows = []
    questions = HUNDRED if args.hundred else HELD_OUT if args.held_out else QUESTIONS
    for i in args.only or range(len(questions)):
        row = {"n": i, **await one(questions[i], model, home, seed)}
        rows.append(row)
        print(line(row), flush=True)
    sha256 = weights.fingerprint(model.path)
    return {"model": model.traits.name, "sha256": sha256, "seed": seed, "warm_s": round(warm, 1), "rows": rows}


def line(row: dict[str, Any]) -> str:
    """Give one question in a line."""
    marks = ("right" if row["right"] else "WRONG", "green" if row["green"] else "-")
    said = " ".join(row["sentence"].split())[:120]
    cost = f"{row['calls']} calls {row['seconds']:>5.1f} s"
    begin = f"{row['n']:>2} {row['kind']:<10} {marks[0]} {marks[1]:<8} {cost}"
    return f"{begin}  {row['question']} -> {said}"


def table(found: dict[str, Any], name: str) -> None:
    """Print the sums beside the figures that were published for the harness."""
    rows = found["rows"]
    n = len(rows)
    right_n, green_n = sum(r["right"] for r in rows), sum(r["green"] for r in rows)
    false_n = sum(r["green"] and not r["right"] for r in rows)
    calls, seconds = sum(r["calls"] for r in rows) / n, sum(r["seconds"] for r in rows) / n
    print(f"\n{'':<26} {'right':>8} {'green':>9} {'calls':>6} {'s/question':>11}")
    print(f"{found['model']:<26} {right_n:>5}/{n:<2} {green_n:>6}/{n:<2} {calls:>6.1f} {seconds:>11.1f}")
    print(f"wrong under a green headline: {false_n}")
    if name in PUBLISHED:
        right_n, grounded_n, calls, seconds = PUBLISHED[name]
        label = "published, other questions"
        print(f"{label:<26} {right_n:>5}/12 {grounded_n:>6}/12 {calls:>6.1f} {seconds:>11.1f}")
    for kind in dict.fromkeys(r["kind"] for r in rows):
        of = [r for r in rows if r["kind"] == kind]
        good = sum(r["right"] for r in of)
        print(f"  {kind:<24} {good:>5}/{len(of):<4} {interval(good, len(of))}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"memory at its peak {peak:.2f} GB; weights {found['sha256']}")


def main() -> None:
    """Parse, run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="0.5b")
    parser.add_argument("--shuffle", action="store_true", help="rename columns and shuffle values")
    parser.add_argument("--held-out", action="store_true", help="ask the 40 questions on other data sets")
    parser.add_argument("--hundred", action="store_true", help="ask 100 questions on five other data sets")
    parser.add_argument("--seed", type=int, default=7, help="of the shuffling")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of questions")
    parser.add_argument("--out", type=Path, help="JSON file; by default results/bench_local-….json")
    args = parser.parse_args()
    if sum((args.held_out, args.hundred, args.shuffle)) > 1:
        parser.error("--shuffle renames the columns of the 24 questions; --held-out and --hundred ask others")
    home = Path(tempfile.mkdtemp(prefix="bench-local-"))
    found = asyncio.run(every(args, home))
    table(found, args.model)
    of = "-shuffled" if args.shuffle else "-held-out" if args.held_out else "-hundred" if args.hundred else ""
    out = args.out or Path("results") / f"bench_local-{args.model}{of}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1))
    print(f"written to {out}")


if __name__ == "__main__":
    main()
