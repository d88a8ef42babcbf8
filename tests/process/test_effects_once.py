"""Kills of processes that act outside: a sample of what `benchmarks/bench_effects.py` counts in full."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import bench_effects


def test_no_effect_happens_twice_none_is_lost_and_none_is_unasked():
    found = bench_effects.run(kills=12, seed=11)
    assert found["kills"] >= 12 and found["wrong"] == []


def test_the_counters_find_doubles_where_the_rule_is_switched_off():
    found = (bench_effects.run(kills=8, seed=s, sabotage=bench_effects.rerun_all)["wrong"] for s in range(8))
    assert any("times" in w for wrong in found for w in wrong)  # a kill may come before anything was done
