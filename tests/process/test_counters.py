"""Processes that count one variable up at the same time: no update is lost, in any mode."""

import sys
from pathlib import Path

import pytest

from llmos_nb.process.scheduling import Sight

BENCH = Path(__file__).parents[1] / "benchmarks" / "bench_counters.py"
sys.path.insert(0, str(BENCH.parent))

import bench_counters  # noqa: E402 - the path comes first


@pytest.mark.parametrize("mode", ["auto", "risky", "plan", "never"])
def test_eight_counters_come_to_eight(mode):
    found = bench_counters.run(3, 23, [mode])
    assert found["wrong"] == [] and found["modes"][mode]["totals"] == {8: 3}
    assert found["modes"][mode]["most_refused"] <= 3 and found["modes"][mode]["asked"] == {}


def test_no_update_is_lost_where_a_person_approves_each_step():
    found = bench_counters.run(1, 23, ["step"])
    assert found["wrong"] == [] and found["modes"]["step"]["asked"]["mode"] >= 16


def test_counters_lose_updates_where_nobody_compares(monkeypatch):
    monkeypatch.setattr(Sight, "conflicts", lambda *args: {})
    found = bench_counters.run(2, 23, ["auto"])
    assert found["wrong"] and found["modes"]["auto"]["lost"] > 0
