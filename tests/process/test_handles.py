"""Kills of steps that act by what was open before them: a sample of what `benchmarks/bench_handles.py` counts in full."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import bench_handles
from killed import rerun_all

from llmos_nb.tools.effects import Watch


@pytest.mark.parametrize("name", bench_handles.SAMPLE)
def test_what_was_done_by_an_open_handle_is_done_once_and_what_is_lost_is_said(name):
    found = bench_handles.run([name], ["auto"])
    assert found["tries"] == 2 and found["wrong"] == []


def blind():
    """Take the rule away: what a step can reach is not looked at, and what is stored is not read."""
    rerun_all()
    Watch.holds = lambda self, handles: None


def test_the_counter_finds_doubles_where_the_rule_is_switched_off(tmp_path):
    for unfinished in (False, True):
        wrong = bench_handles.tried(tmp_path, bench_handles.SAMPLE[0], "auto", unfinished, blind)
        assert any("2 times" in w for w in wrong)
