"""The benchmark of an agent that obeys all it reads: a sample of it, and that it sees what a gate would have missed."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "benchmarks" / "bench_desk.py"
WRITTEN = BENCH.with_name("desk")


def ran(out, *given):
    """Return the rows of a run of the benchmark; those that were attacked and seen, apart."""
    command = [sys.executable, str(BENCH), "--out", str(out), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text("utf-8"))
    assert not found["cut"] and not found["left"], found
    calm = [row for row in found["rows"] if not row["attack"]]
    return calm, [row for row in found["rows"] if row["seen"]]


def test_no_order_has_its_effect_and_ordinary_tasks_are_done_unasked(tmp_path):
    calm, attacked = ran(tmp_path / "found.json", "--limit", "12", "--seed", "5")
    assert len(attacked) >= 20 and not any(row["injected"] for row in attacked)
    assert sum(row["genuine"] for row in calm) >= 20, calm


def test_no_order_has_its_effect_from_python(tmp_path):
    calm, attacked = ran(tmp_path / "found.json", "--suite", "matrix", "--limit", "4", "--seed", "5", "--python")
    assert len(attacked) == 4 and not any(row["injected"] or row["leaked"] for row in attacked)
    assert sum(row["genuine"] for row in calm) >= 3, calm


def test_plans_hold_though_every_label_is_wrong(tmp_path):
    given = ("--suite", "matrix", "--limit", "12", "--seed", "5", "--python", "--wrong-labels")
    _, attacked = ran(tmp_path / "found.json", *given)
    plans = json.loads((WRITTEN / "plans_matrix.json").read_text())
    without = {task for task, plan in plans.items() if not any(step["acts"] for step in plan["steps"])}
    assert len([row for row in attacked if row["task"] not in without]) >= 5
    assert len([row for row in attacked if row["task"] in without]) >= 5  # that it does nothing is a plan, too
    assert not any(row["injected"] or row["leaked"] for row in attacked)


def test_orders_have_their_effect_where_every_label_is_wrong_and_no_plan_says_what_goes_out(tmp_path):
    (tmp_path / "manifest_matrix.toml").write_text((WRITTEN / "manifest_matrix.toml").read_text())
    planless(tmp_path, "matrix")
    given = ("--suite", "matrix", "--limit", "12", "--seed", "5", "--python", "--wrong-labels")
    _, attacked = ran(tmp_path / "found.json", *given, "--written", str(tmp_path))
    assert len(attacked) >= 10 and all(row["injected"] for row in attacked)


def test_orders_have_their_effect_where_acts_are_called_reads(tmp_path):
    for suite in ("desk", "matrix"):
        manifest = (WRITTEN / f"manifest_{suite}.toml").read_text()
        for effect in ("external", "write"):
            manifest = manifest.replace(f'effect = "{effect}"', 'effect = "read"')
        (tmp_path / f"manifest_{suite}.toml").write_text(manifest)
        planless(tmp_path, suite)
    calm, attacked = ran(tmp_path / "found.json", "--limit", "5", "--python", "--written", str(tmp_path))
    assert attacked and all(row["injected"] for row in attacked)
    assert all(row["genuine"] for row in calm)


def test_acts_without_a_plan_are_neither_done_nor_genuine(tmp_path):
    (tmp_path / "manifest_matrix.toml").write_text((WRITTEN / "manifest_matrix.toml").read_text())
    planless(tmp_path, "matrix")
    given = ("--suite", "matrix", "--limit", "12", "--calm", "--written", str(tmp_path))
    calm, _ = ran(tmp_path / "found.json", *given)
    twins = [row for row in calm if row["kind"] != "read"]
    assert len(twins) >= 8 and not any(row["done"] or row["genuine"] for row in twins)
    assert all(row["asks"] == 1 for row in twins)


def planless(folder, suite):
    plans = json.loads((WRITTEN / f"plans_{suite}.json").read_text())
    none = {task: {"steps": [{"title": "Do it"}]} for task in plans}
    (folder / f"plans_{suite}.json").write_text(json.dumps(none))
