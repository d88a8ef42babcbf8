"""Does an exported run give the same again? Forty runs, twenty ways to tamper, and the exporter with parts left out.

The runs are real processes in this interpreter; those in real kernels are `bench_exports.py`.

python tests/benchmarks/bench_reproduce.py            everything, each run in a new environment from its lock
python tests/benchmarks/bench_reproduce.py --here     in this environment, which is quicker
python tests/benchmarks/bench_reproduce.py --only pandas_group,undone
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from unittest.mock import patch

from llmos_nb.export.steps import step_units

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from corpus.tampering import KINDS, tampered, victim
from process_runs import PLAIN, ProcessRun, process_run
from real_runs.cases import SCENARIOS
from real_runs.scenario import Scenario, agent, study

from llmos_nb.errors import LlmosError
from llmos_nb.export import export
from llmos_nb.export.verify import verify

SEED = 0  # the runs draw by themselves; nothing else here does


def table(run: ProcessRun) -> None:
    """Put a table into the namespace that no cell makes."""
    import pandas as pd

    days = pd.date_range("2024-01-01", periods=4)
    run.namespace["table"] = pd.DataFrame(
        {"kind": ["x", "y", "x", None], "n": [1, 2, 3, 4], "at": days, "p": [0.1, 0.2, 0.3, 1 / 3]}
    )


def plain_data(run: ProcessRun) -> None:
    """Put lists, dictionaries and arrays into the namespace that no cell makes."""
    import numpy as np

    run.namespace |= {
        "weights": np.linspace(0, 1, 50), "names": {"a": 1, "b": [2, 3]}, "many": list(range(500)), "cut": 0.25
    }  # fmt: skip


HELD = {
    "held_table": (
        table,
        agent(
            "Count by kind",
            "counts = table.groupby('kind', dropna=False)['n'].sum()\ncounts",
            "last = table['at'].max()\nthird = table['p'].iloc[-1]\nprint(last, third)",
        ),
    ),
    "held_plain": (
        plain_data,
        agent(
            "Weigh the items",
            "heavy = int((weights > cut).sum())\nheavy",
            "total = sum(many) + names['b'][1]\ntotal",
        ),
    ),
}
RUNS: dict[str, Scenario] = {n: SCENARIOS[n] for n in PLAIN} | {
    n: study(n, "data that no cell makes", cell) for n, (_, cell) in HELD.items()
}
# the part of the exporter without which a run cannot verify
NEEDS = {
    "inputs": ("pandas_group", "pandas_merge_pivot", "files_by_a_pattern", "module_beside", "sqlite_file"),
    "order": ("pandas_in_place", "several_calls_in_a_turn"),
    "seeds": ("numpy_draws", "plot_histogram_unseeded", "bootstrap", "sklearn_split_unseeded"),
    "held": tuple(HELD),
}


def built(name: str, folder: Path) -> ProcessRun:
    """One run, without the warnings of the libraries it uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change = HELD[name][0] if name in HELD else None
        return process_run(RUNS[name], folder, change, record_random=name not in NEEDS["seeds"])


def reproduce(names: list[str], fresh: bool) -> list[dict]:
    """Export each run observed, move it to another folder, and verify it to the top."""
    rows = []
    print(f"{'run':<18} {'export':>7} {'KB':>6}  {'reached':<11} {'new environment' if fresh else 'here'}")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            runner = built_in(name, Path(folder) / "work")
            started = time.perf_counter()
            path = export(runner.source(), Path(folder) / "out" / f"{name}.ipynb")
            plain_s = time.perf_counter() - started
            path = export(runner.source(), path, observe=True)
            pictures = sum(
                len(d) for c in json.loads(path.read_text())["cells"] for o in c.get("outputs", ()) for d in pngs(o)
            )
            moved = Path(folder) / "elsewhere"
            shutil.move(path.parent, moved)
            shutil.rmtree(Path(folder) / "work")
            report = verify(moved / path.name, fresh=fresh)
            row = {
                "run": name, "words": RUNS[name].words, "export_s": round(plain_s, 3), "reached": report.reached, "ok": report.ok,
                "kb_without_pictures": round((len((moved / path.name).read_bytes()) - pictures) / 1024, 1),
                "seconds": {c.level: c.seconds for c in report.checks},
            }  # fmt: skip
            rows.append(row)
            print(
                f"{name:<18} {plain_s:>6.2f}s {row['kb_without_pictures']:>6}  {report.reached:<11} {RUNS[name].words}",
                flush=True,
            )
            if not report.ok:
                print(report.text())
    print(f"same twice: {sum(r['ok'] for r in rows)} of {len(rows)}\n")
    return rows


def built_in(name: str, folder: Path) -> ProcessRun:
    """Build a run in a folder that is made first."""
    folder.mkdir(parents=True)
    return built(name, folder)


def pngs(output: dict) -> list[str]:
    """The pictures of an output."""
    found = output.get("data", {}).get("image/png")
    return [] if found is None else ["".join(found)]


def tamper() -> list[dict]:
    """Tamper with a good notebook in twenty ways; each must be found, and its place named."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        notebook = victim(Path(folder))
        assert verify(notebook, "unchanged").ok
        for n, (name, kind) in enumerate(KINDS.items()):
            copy = Path(folder) / f"copy{n}"
            shutil.copytree(notebook.parent, copy)
            report = verify(tampered(copy / notebook.name, name), trust=True)
            located = report.difference is not None and kind.where in f"{report.difference.where} "
            ran = any(c.level == "runs" for c in report.checks)
            rows.append({"kind": name, "found": report.exit_code == 2, "located": located, "ran": ran})
            where = report.difference.where if report.difference else "not found"
            print(f"{name:<22} {'found' if report.exit_code == 2 else 'MISSED':<7} {where}")
    print(f"found and located: {sum(r['found'] and r['located'] and not r['ran'] for r in rows)} of {len(rows)}\n")
    return rows


def reversed_steps(run, nth=0):
    """The steps of a run, last first."""
    units = gather_steps(run, nth)
    orders = [u.order for u in units]
    for unit, order in zip(units, reversed(orders), strict=True):
        unit.order = order
    return units


gather_steps = step_units
WITHOUT = {
    "seeds": patch("llmos_nb.export.export.seeds_code", lambda *_: ""),
    "inputs": patch("llmos_nb.export.export.files_read", lambda *_: []),
    "order": patch("llmos_nb.export.gather.step_units", reversed_steps),
    "held": patch("llmos_nb.export.gather.hold", lambda *_: None),
}


def ablate(names: list[str]) -> list[dict]:
    """Leave a part of the exporter out: the runs that name it must fail, and only because of it."""
    rows = []
    for part, name in ((p, n) for p, needing in NEEDS.items() for n in needing if n in names):
        with tempfile.TemporaryDirectory() as folder, WITHOUT[part]:
            runner = built_in(name, Path(folder) / "work")
            try:
                path = export(runner.source(), Path(folder) / "out" / "x.ipynb", observe=True)
                shutil.rmtree(Path(folder) / "work")
                report = verify(path)
                failed, how = not report.ok, f"reaches {report.reached}"
            except LlmosError as error:
                failed, how = True, f"export: {error}"
        rows.append({"run": name, "without": part, "failed": failed, "how": how})
        print(f"without {part:<7} {name:<18} {'fails' if failed else 'STILL PASSES':<13} {how[:90]}", flush=True)
    print(f"fail as they must: {sum(r['failed'] for r in rows)} of {len(rows)}\n")
    return rows


def fifty(repeats: int = 5) -> dict:
    """How long the export of a run of 50 steps takes, in this process and as the first thing in a new one."""
    with tempfile.TemporaryDirectory() as folder:
        runner = ProcessRun("Fifty steps", Path(folder))
        runner.user("import pandas as pd\ndf = pd.DataFrame({'v': range(1000)})")
        runner.begin()
        for i in range(50):
            runner.step(f"df['c{i}'] = df['v'] * {i} + {i - 1}\ntotal{i} = int(df['c{i}'].sum())\nprint(total{i})")
        runner.end("Done.")
        source, times = runner.source(), []
        for _ in range(repeats):
            started = time.perf_counter()
            path = export(source, Path(folder) / "fifty.ipynb", lock=False)
            times.append(time.perf_counter() - started)
        started = time.perf_counter()
        export(source, path)
        locked = time.perf_counter() - started
        row = {
            "first_s": round(times[0], 3), "median_s": round(statistics.median(times), 3), "with_lock_s": round(locked, 3),
            "kb": round(path.stat().st_size / 1024, 1),
        }  # fmt: skip
    print(
        f"50 steps: first {row['first_s']} s, median {row['median_s']} s, with lock {row['with_lock_s']} s, {row['kb']} KB\n"
    )
    return row


TOOLS = {
    "papermill": ["papermill", "x.ipynb", "pm.ipynb", "-p", "rounds", "4", "--no-progress-bar"],
    "nbconvert html": ["nbconvert", "--to", "html", "x.ipynb"],
    "nbconvert script": ["nbconvert", "--to", "script", "x.ipynb"],
    "nbconvert webpdf": ["nbconvert", "--to", "webpdf", "--disable-chromium-sandbox", "x.ipynb"],
    "nbval": ["pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "--nbval", "x.ipynb"],
    "jupytext": ["jupytext", "--to", "py:percent", "--output", "jt.py", "x.ipynb"],
}


def tools() -> list[dict]:
    """Give an exported notebook to the tools that people use, and look for warnings."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        runner = built_in("pandas_group", Path(folder) / "work")
        path = export(runner.source(), Path(folder) / "out" / "x.ipynb", observe=True, params={"rounds": 3})
        environment = {**os.environ, **chromium(Path(folder))}
        for name, command in TOOLS.items():
            done = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=path.parent,
                capture_output=True,
                text=True,
                env=environment,
                check=False,
            )
            said = [
                line
                for line in (done.stdout + done.stderr).splitlines()
                if "warn" in line.lower() and "IPKernelApp" not in line
            ]
            missing = "No module named" in done.stderr
            ok = done.returncode == 0 and not said
            rows.append({"tool": name, "ok": ok, "missing": missing, "said": said})
            print(f"{name:<18} {'takes it' if ok else 'not installed' if missing else 'FAILS'} {' '.join(said)[:100]}")
            if not ok and not missing:
                print((done.stdout + done.stderr)[-800:])
    print()
    return rows


def chromium(folder: Path) -> dict[str, str]:
    """Where Playwright finds the system's Chromium in the place of its own."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    environment = {"PLAYWRIGHT_BROWSERS_PATH": str(folder / "browsers")}
    code = (
        "from playwright.sync_api import sync_playwright\nwith sync_playwright() as p:\n"
        "    try:\n        p.chromium.launch()\n"
        "    except Exception as e:\n        print(str(e).partition(' at ')[2].split()[0])"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    if found is None or asked.returncode or not asked.stdout.strip():
        return {}
    wanted = Path(asked.stdout.strip())
    wanted.parent.mkdir(parents=True, exist_ok=True)
    wanted.symlink_to(found)
    return environment


def main() -> int:
    """Run all parts and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--here", action="store_true")
    parser.add_argument("--only", default="", help="names of runs, by commas")
    parser.add_argument("--parts", default="reproduce,tamper,ablate,fifty,tools")
    parser.add_argument("--out", type=Path, default=Path("results/reproduce.json"))
    given = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "agg")
    names = [n for n in given.only.split(",") if n] or list(RUNS)
    print(f"seed {SEED}, {len(names)} runs\n")
    parts = {
        "reproduce": lambda: reproduce(names, not given.here),
        "tamper": tamper,
        "ablate": lambda: ablate(names),
        "fifty": fifty,
        "tools": tools,
    }
    result = {part: parts[part]() for part in given.parts.split(",")}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps({"seed": SEED, **result}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
