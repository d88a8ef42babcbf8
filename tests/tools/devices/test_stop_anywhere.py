"""Stop at an instruction of a step: it ends the step, or whoever listens outside hears it; never is it lost.

A sample of the instructions: `benchmarks/bench_stop.py` takes each.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import bench_stop

from llmos_nb.tools.devices.python import guard

EVERY = 5


@pytest.mark.parametrize("first", (1, 3))
async def test_stop_at_an_instruction_of_a_step_that_awaits_is_heard_once(first):
    counted = await bench_stop.run(EVERY * 2, first)
    assert min(counted.values()) > 30 and len(counted) == 2


async def test_a_guard_that_hears_nothing_is_found(monkeypatch):
    monkeypatch.setattr(guard, "_ours", lambda frame: False)
    with pytest.raises(AssertionError, match="at instruction"):
        await bench_stop.run(EVERY, 1)
