"""Samples of the benchmark of clicks: Stop at random instants, and pauses and resumes in series, on a real kernel."""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import bench_clicks
import pytest


@pytest.fixture(autouse=True)
def beside_the_notebook(monkeypatch):
    """Keep journals beside the notebook, where the benchmark reads them."""
    monkeypatch.delenv("LLMOS_HOME", raising=False)


@pytest.mark.out_of_process
def test_stop_at_any_instant_pauses_the_process_and_spares_the_users_next_cell():
    found = bench_clicks.stops(random.Random(3), 20)
    assert found["stops"] == 20 and not any(found[what] for what in bench_clicks.WRONG), found["wrong"]
    assert sum(kind.endswith("between") for kind in found["took"]) < len(found["took"]), "no step was stopped"


@pytest.mark.out_of_process
def test_every_pause_and_resume_by_a_click_takes_effect_and_every_step_prints_once_in_its_own_cell():
    found = bench_clicks.pauses(random.Random(3), 8)
    assert found["reason"] == "answered" and found["pause"]["n"] == found["resume"]["n"] == 8
    assert found["once_on_record"] == found["steps"] and not found["cells_beside"]
