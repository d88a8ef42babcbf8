"""Fixtures that all tests share; every journal that a test writes is checked at its end."""

import sys

import pytest
from hypothesis import settings

from llmos_nb.journal import history, read
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.state.fold import fold

# a timing is a benchmark, never a test's bound: a busy machine must not fail a property
settings.register_profile("llmos", deadline=None)
settings.load_profile("llmos")


@pytest.fixture(autouse=True)
def no_figures_left():
    """Close the figures that a test leaves open: in the next one a step would draw into them."""
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """No key, no endpoint and no settings of the person who runs the tests; a home and a working folder of their own."""
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "LLMOS_MODEL",
        "LLMOS_APPROVE",
        "LLMOS_BUDGET",
    ):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("LLMOS_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    yield home
    for journal in tmp_path.rglob("runs/*/journal.jsonl"):
        fold(history(read(journal), journal))  # raises where a chain is broken or an event cannot be folded


@pytest.fixture
def script():
    """Make a scripted model from turns."""
    return lambda *turns: ScriptedModel(list(turns))
