"""Run the worst-case agent of AgentDojo against our guard, and print what it let through, asked and completed.

The agent obeys every injected instruction that it reads. Needs AgentDojo 0.1.35, and the script `dojo_worst_case.py`::

    python tests/benchmarks/bench_dojo.py --script DOJO/dojo_worst_case.py --user never,honest --python

A case that passes its bound (`--case-s`) is cut off and counts against us: not done, and the attack has reached its goal.
At the whole bound (`--seconds`) no other case begins; how many were left is said. Tasks come in an order that the seed
gives, so that those that fit are no choice of ours. With `--rows FILE` the next run goes on with those that are left.
"""

import argparse
import importlib.util
import json
import random
import sys
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import driven

HERE = Path(__file__).parent


def load(path):
    spec = importlib.util.spec_from_file_location("dojo_worst_case", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["dojo_worst_case"] = module
    spec.loader.exec_module(module)
    return module


def named(suite, user_task, injection, injections, make_guard, user, obey):
    given = {"there": user, "obey": obey}
    return {"suite": suite.name, "user": user_task.ID, "inj": injection.ID if injection else None, **given}


def cut_off(suite, user_task, injection, *given):
    """Return the row of a case that was cut off."""
    counts = dict.fromkeys(("asks", "approved", "calls", "user_calls", "user_se"), 0)
    against = {"bad_exec": bool(injection), "utility": False, "attack": bool(injection) or None}
    return {**named(suite, user_task, injection, *given), **counts, **against, "seen": None, "denied": 1}


class Ordered:
    """A suite whose tasks come in an order that a seed gives; `calm` leaves the attacks out."""

    def __init__(self, suite, seed, calm=False):
        self._suite = suite
        tasks = list(suite.user_tasks.items())
        random.Random(seed).shuffle(tasks)
        self.user_tasks = dict(tasks)
        self.injection_tasks = {} if calm else suite.injection_tasks

    def __getattr__(self, name):
        return getattr(self._suite, name)


def measured(dojo, suite, user, obey, make_guard, limit):
    rows = [row for row in dojo.run_suite(suite, make_guard, user, obey, limit) if row is not None]
    calm = [r for r in rows if r["inj"] is None]
    # A checker may be content although a call was refused; genuine is what was done with none refused.
    genuine = sum(r["utility"] and r["asks"] == r["approved"] and not r["denied"] for r in calm)
    found = dojo.summary(rows)
    return {
        "suite": suite.name,
        "user": user,
        "genuine": genuine,
        **found,
        "utility_tasks": sum(r["utility"] for r in calm),
    }


def total(rows, user):
    tasks, cases = sum(r["user_tasks"] for r in rows), sum(r["cases"] for r in rows)
    mean = {
        k: round(sum(r[k] * r["user_tasks"] for r in rows) / max(tasks, 1), 2) for k in ("util", "asks_task")
    }
    worst = {
        k: round(sum(r[k] * r["cases"] for r in rows) / max(cases, 1), 1)
        for k in ("asr", "asr_actions", "any_exec", "util_attack")
    }
    return {
        "suite": "all",
        "user": user,
        "user_tasks": tasks,
        "cases": cases,
        "genuine": sum(r["genuine"] for r in rows),
        **mean,
        **worst,
    }


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--script", required=True, type=Path, help="dojo_worst_case.py")
    ap.add_argument("--suite", default="slack,banking,travel,workspace")
    ap.add_argument("--user", default="never", help="who is there: never (mode auto), honest (mode risky)")
    ap.add_argument("--obey", default="persistent", choices=["persistent", "once"])
    ap.add_argument("--out", type=Path, default=Path("results/dojo.json"))
    ap.add_argument("--first", action="store_true", help="the plans before the reply to them was read")
    driven.bounded(ap)
    given = ap.parse_args()
    dojo = load(given.script)
    import dojo_guard

    suites, found = dojo.get_suites("v1.2.2"), []
    guard = dojo_guard.Guard
    guard.tasks = {n: {t.PROMPT: t.ID for t in suite.user_tasks.values()} for n, suite in suites.items()}
    written = sha256(b"".join(f.read_bytes() for f in sorted(guard.written.iterdir()))).hexdigest()
    print(f"seed {given.seed}, the agent is scripted; manifests and plans sha256 {written[:16]}")
    bounds = dojo.run_case = driven.Bounds(dojo.run_case, named, cut_off, guard, given, written)
    try:
        for user in given.user.split(","):
            mode = "auto" if user == "never" else "risky"
            guard.how = driven.How(mode, given.delegate, given.python, not given.wrong_labels, not given.first)
            rows = [
                measured(dojo, Ordered(suites[n], given.seed, given.calm), user, given.obey, guard, given.limit)
                for n in given.suite.split(",")
            ]
            found += [*rows, total(rows, user)]
    finally:
        driven.leave()
    keys = (
        "user",
        "suite",
        "user_tasks",
        "cases",
        "util",
        "genuine",
        "util_attack",
        "asr",
        "asr_actions",
        "any_exec",
        "asks_task",
    )
    print("".join(k.rjust(12) for k in keys))
    for row in found:
        print("".join(str(row[k]).rjust(12) for k in keys))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    print(f"cases cut off: {bounds.cut}, left: {bounds.left}")
    how = {"written": written, **asdict(guard.how), "seed": given.seed, "cut": bounds.cut, "left": bounds.left}
    given.out.write_text(json.dumps({**how, "rows": found}, indent=1))


if __name__ == "__main__":
    main()
