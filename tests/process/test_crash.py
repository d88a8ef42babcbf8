"""Kills at random instants and at event boundaries: a sample of what `benchmarks/bench_crash.py` counts in full."""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import bench_crash

from llmos_nb.journal import Journal


def skip_intents():
    """Leave what was appended in memory until the process settles: no intent stands before its effect."""

    async def nothing(self):
        return None

    Journal.flush, Journal.kick = nothing, lambda self: None
    Journal.flush_now = lambda self: None
    Journal.written = lambda self, then: then(None)


def test_no_once_effect_happens_twice_and_none_is_lost():
    found = bench_crash.run(kills=50, seed=11)
    assert found["kills"] >= 50 and found["wrong"] == []


def test_the_check_fails_when_intents_are_not_written_first(tmp_path):
    found = []
    for event in range(9, 14):  # by then something was done
        (folder := tmp_path / str(event)).mkdir()
        found += bench_crash.trial(skip_intents, folder, random.Random(event), 2 * event - 1)[2]
    assert found
