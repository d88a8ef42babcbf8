"""Kills of agents outside and of their notebooks: a sample of what `benchmarks/bench_door_kills.py` counts in full."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import bench_door_kills
from waits import until

from llmos_nb.journal import read

pytestmark = [pytest.mark.out_of_process, pytest.mark.first_try]


def test_nothing_comes_twice_no_program_is_left_and_another_agent_goes_on():
    found = bench_door_kills.run(kills=len(bench_door_kills.PLACES), seed=11)
    assert found["wrong"] == [] and set(found["places"]) == set(bench_door_kills.PLACES)


@pytest.mark.parametrize("place", ["agent by ACP", "notebook of an agent"])
def test_a_kill_behind_the_answer_leaves_it_and_another_agent_goes_on(monkeypatch, tmp_path, place):
    def answered():
        known = bench_door_kills.journals(tmp_path)
        return known and any(e.k == "run.ended" for e in read(known[-1]))

    latest = random.Random(1)
    monkeypatch.setattr(latest, "uniform", lambda *_: until(answered) and 0)  # it is killed then, and no earlier
    found = bench_door_kills.trial(tmp_path, latest, bench_door_kills.PLACES.index(place))
    assert found == (place, 1, [])


def test_counters_find_an_agent_that_writes_again_what_was_written(monkeypatch):
    monkeypatch.setattr(bench_door_kills, "FURTHER", 0)
    found = (bench_door_kills.run(kills=1, seed=s)["wrong"] for s in range(24))
    assert any("times" in w for wrong in found for w in wrong)  # a kill may come before anything was written
