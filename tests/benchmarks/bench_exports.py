"""Is an exported run the same as the run? Notebooks in real kernels, exported, run again elsewhere, verified and judged.

python tests/benchmarks/bench_exports.py                       all of them, two at a time
python tests/benchmarks/bench_exports.py --only order,undone_last   groups or scenarios by name
python tests/benchmarks/bench_exports.py --docstrings 40 --seed 1   and 40 docstrings of installed packages, drawn by the seed
python tests/benchmarks/bench_exports.py --json FILE           the verdicts as JSON

Each scenario is a notebook as data (`tests/support/real_runs/`). It runs in a kernel with the extension; the values and
outputs of the steps are noted by code that knows nothing of the product's own comparing. The exported notebook then
runs in another kernel and folder, without the package, and the same is noted. The verdicts:

same      verify says "same twice", at least one output and one value of each step were compared, and the notes agree
said      as "same", but for steps of which file and report say what is not compared, and why; it is another one there
refused   export or verify names the cell and the reason
thin      as "same", but too little was compared
differs   verify says that something differs, and where
SILENT    verify says the same and it is not, or it was written and does not run
raised    an error that is no clear refusal
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from real_runs.cases import GROUPS, SCENARIOS
from real_runs.docstrings import docstrings
from real_runs.judge import CLASSES
from real_runs.run import Outcome, run
from real_runs.scenario import Scenario

AT_ONCE = 2


def chosen(words: str) -> list[Scenario]:
    """Return the scenarios of groups or names by commas; all for none."""
    named = [w for w in words.split(",") if w and w != "none"]
    found = [s for w in named for s in (GROUPS[w] if w in GROUPS else (SCENARIOS[w],))]
    return found if words else list(SCENARIOS.values())


def told(scenario: Scenario, folder: Path) -> tuple[Scenario, Outcome | str]:
    """Run one scenario and print its line as soon as it is known."""
    try:
        outcome: Outcome | str = run(scenario, folder / scenario.name.replace(":", "-"))
    except Exception as error:  # the scenario or this benchmark is wrong: no verdict, and said so
        outcome = f"{type(error).__name__}: {error}"
    kind, why = (outcome.verdict.kind, outcome.verdict.why) if isinstance(outcome, Outcome) else ("NO VERDICT", outcome)
    print(f"{kind:<10} {scenario.name:<26} {why[:300]}", flush=True)
    return scenario, outcome


def row(scenario: Scenario, outcome: Outcome | str) -> dict[str, object]:
    """Return one result as plain data."""
    about = {"name": scenario.name, "words": scenario.words}
    if isinstance(outcome, str):
        return {**about, "kind": "", "why": outcome}
    report = outcome.seen.report or {}
    return {
        **about,
        "kind": outcome.verdict.kind,
        "why": outcome.verdict.why,
        "said": outcome.seen.said[-500:],
        "steps": len(outcome.seen.shown),
        "names": sorted(outcome.seen.live),
        "differences": report.get("differences", []),
        "seconds": outcome.seconds,
    }


def main() -> int:
    """Run them, print the table, and fail where something differs silently or has no verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="groups and scenarios, by commas; none: docstrings alone")
    parser.add_argument("--docstrings", type=int, default=0, metavar="N", help="how many docstrings besides")
    parser.add_argument("--seed", type=int, default=0, help="of the order, and of the docstrings")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--at-once", type=int, default=AT_ONCE, metavar="N", help="how many notebooks run beside each other"
    )
    given = parser.parse_args()
    scenarios = [*chosen(given.only), *docstrings(given.docstrings, given.seed)]
    random.Random(given.seed).shuffle(scenarios)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(given.at_once) as pool:
        os.environ |= {"JUPYTER_DATA_DIR": f"{name}/jupyter", "MPLCONFIGDIR": f"{name}/matplotlib"}
        subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True)  # its cache, once for all
        results = list(pool.map(lambda s: told(s, Path(name)), scenarios))
    rows = sorted((row(*r) for r in results), key=lambda r: str(r["name"]))
    counts = Counter(str(r["kind"]) or "NO VERDICT" for r in rows)
    print(f"\n{len(rows)} notebooks: " + ", ".join(f"{counts[c]} {c}" for c in (*CLASSES, "NO VERDICT") if counts[c]))
    if given.json:
        given.json.write_text(json.dumps({"seed": given.seed, "counts": counts, "rows": rows}, indent=1))
    return 1 if counts["SILENT"] or counts["raised"] or counts["NO VERDICT"] else 0


if __name__ == "__main__":
    sys.exit(main())
