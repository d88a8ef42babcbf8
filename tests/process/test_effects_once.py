"""Kills of processes that act outside: a sample of what `benchmarks/bench_effects.py` counts in full."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import bench_effects
from kill_series import Death, child, end, ended, lived


def test_no_effect_happens_twice_none_is_lost_and_none_is_unasked():
    found = bench_effects.run(kills=12, seed=11)
    assert found["kills"] >= 12 and found["wrong"] == []
    assert set(found["places"]) == set(bench_effects.PLACES)


@pytest.mark.parametrize("fault", bench_effects.FAULTS.values())
def test_the_counters_find_doubles_where_a_rule_is_switched_off(fault):
    found = (bench_effects.run(kills=8, seed=s, sabotage=fault)["wrong"] for s in range(24))
    assert any("times" in w for wrong in found for w in wrong)  # a kill may come before anything was done


@pytest.fixture
def posts_alone(monkeypatch):
    """Every step posts, and the other end takes long to count."""
    monkeypatch.setattr(bench_effects, "KINDS", {"post": bench_effects.POST})
    monkeypatch.setattr(bench_effects, "PLACES", ("as it acts",) * 3)
    monkeypatch.setattr(bench_effects, "STEPS", 2)
    return {"kills": 6, "seed": 8, "late_s": 0.1}


def test_what_is_counted_late_is_no_double(posts_alone):
    assert bench_effects.run(**posts_alone)["wrong"] == []


def test_whoever_looks_before_the_dust_has_settled_orders_twice(posts_alone, monkeypatch):
    monkeypatch.setattr(bench_effects.Server, "settle", lambda self: None)
    found = (bench_effects.run(**{**posts_alone, "seed": s})["wrong"] for s in range(8, 20))
    assert any("happened 2 times" in w for wrong in found for w in wrong)  # a busy machine settles by itself


def test_the_look_comes_after_the_programs_that_a_killed_child_had_started(tmp_path):
    os.mkfifo(tmp_path / "word")

    async def life():
        subprocess.Popen("touch began; cat word >> log", shell=True)
        await asyncio.Event().wait()

    pid = child(tmp_path, life)
    assert end(pid, Death(when=(tmp_path / "began").exists)) < 0
    threading.Thread(target=lambda: (tmp_path / "word").write_text("said")).start()
    ended(pid)
    assert (tmp_path / "log").read_text() == "said"


def test_a_child_that_fails_is_told_of(tmp_path):
    async def life():
        raise ValueError("no")

    assert lived(tmp_path, lambda event: life, [Death(event=1)]) == (0, "ValueError: no")
