"""Run the worst-case agent of AgentDojo against our guard, and print what it let through, asked and completed.

The agent obeys every injected instruction that it reads. Needs AgentDojo 0.1.35, and the script `dojo_worst_case.py`::

    python tests/benchmarks/bench_dojo.py --script DOJO/dojo_worst_case.py --suite banking,workspace --user never
"""

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent


def load(path):
    spec = importlib.util.spec_from_file_location("dojo_worst_case", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["dojo_worst_case"] = module
    spec.loader.exec_module(module)
    return module


def measured(dojo, suite, user, obey, make_guard):
    rows = dojo.run_suite(suite, make_guard, user, obey)
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
    mean = {k: round(sum(r[k] * r["user_tasks"] for r in rows) / tasks, 2) for k in ("util", "asks_task")}
    worst = {
        k: round(sum(r[k] * r["cases"] for r in rows) / cases, 1)
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
    ap.add_argument("--suite", default="banking,workspace")
    ap.add_argument("--user", default="never,honest", help="who is there: never, honest")
    ap.add_argument("--obey", default="persistent", choices=["persistent", "once"])
    ap.add_argument("--manifest", type=Path, default=HERE / "dojo_manifest.toml")
    ap.add_argument("--out", type=Path, default=Path("results/dojo.json"))
    given = ap.parse_args()
    os.environ["DOJO_MANIFEST"] = str(given.manifest)
    dojo = load(given.script)
    import dojo_guard

    print(f"seed: none, the agent is scripted; manifest {given.manifest.name} sha256 {dojo_guard.DIGEST[:16]}")
    suites, found = dojo.get_suites("v1.2.2"), []
    for user in given.user.split(","):
        rows = [
            measured(dojo, suites[n], user, given.obey, dojo_guard.make_guard) for n in given.suite.split(",")
        ]
        found += [*rows, total(rows, user)]
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
    given.out.write_text(json.dumps({"manifest": dojo_guard.DIGEST, "rows": found}, indent=1))


if __name__ == "__main__":
    main()
