"""Stop at an instruction of a step: it ends the step, or whoever listens outside hears it; never is it lost.

A sample of the instructions: `benchmarks/bench_stop.py` takes each.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import bench_stop

EVERY = 5


@pytest.mark.parametrize("first", (1, 3))
async def test_stop_at_an_instruction_of_a_step_that_awaits_is_heard_once(first):
    counted = await bench_stop.run(EVERY * 2, first)
    assert min(counted.values()) > 30 and len(counted) == 2
