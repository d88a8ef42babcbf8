"""A service, a notebook and terminals are killed at random: nothing is done twice, lost, or run by two."""

import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

import llmos_nb as llmos
from llmos_nb.journal import home_of
from llmos_nb.models.scripted import ScriptedModel

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from bench_home_kills import Trial, tried


def test_home_whose_parts_are_killed_does_everything_once(tmp_path, monkeypatch):
    for name in ("LLMOS_HOME", "PORT"):
        monkeypatch.setenv(name, "")  # the trial sets them, and they are put back
    found = tried(tmp_path, kills=4, processes=4, notebooks=1, seed=3)
    assert found["kills"] == 4 and found["processes"] >= 4 and found["effects"] == 2 * found["processes"], found
    assert not any(found["wrong"].values()) and found["left"] == {}, found


@pytest.fixture
async def trial():
    """A trial over a home with one process that has ended, and no parts."""
    made = Trial.__new__(Trial)
    made.wrong, made.paid, made.names, made.books = Counter(), ["/pay/a", "/pay/a-again"], ["a"], []
    model = partial(ScriptedModel, [{"text": "Done."}])
    made.begin = lambda: llmos.Session({}).start("Pay.", name="a", model=model(), approve="auto")
    await made.begin()
    return made


async def test_count_finds_what_is_wrong(trial):
    assert trial.end(0) == {} and not any(trial.wrong.values())
    trial.paid.append("/pay/a")
    trial.names.append("b")
    trial.end(0)
    assert trial.wrong["effects twice"] == 1 and trial.wrong["commands lost"] == 1
    await trial.begin()
    trial.end(0)
    assert trial.wrong["commands carried out twice"] == 1
    journal = next(home_of().runs.glob("*/journal.jsonl"))
    whole = journal.read_text()
    journal.write_text(whole + whole.splitlines()[-1] + "\n")
    trial.look()
    assert trial.wrong["broken chains"] == 1
    journal.write_text(whole)
