"""Fixtures that all tests share; every journal that a test writes is checked at its end."""

import gc
import os
import re
import signal
import sys
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from llmos_nb.export.verify.execute import grammar_later
from llmos_nb.journal import history, read
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy.secrets import vault
from llmos_nb.process.state.fold import fold

with grammar_later():
    import nbformat  # noqa: F401 - many tests import it, and each process of the tests would compile the grammar

pytest_plugins = [
    "at_work",
    "left_armed",
    "left_watched",
    "longest_first",
    "out_of_process",
    "own_modules",
    "second_try",
]

# a timing is a benchmark, never a test's bound: a busy machine must not fail a property
settings.register_profile("llmos", deadline=None)
settings.load_profile("llmos")

# No test cuts the power: what a killed process has written is there without it. A disk takes some milliseconds each time.
os.fsync = os.fstat

# whatever the environment says: else each worker compiles all tests, and each interpreter that a test starts the package
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background: what tests start would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.pop("PIP_CONSTRAINT", None)  # the pins of CI: what tests have installed is asked for as a user would


def ring(args):
    """Return the files of tests, each process of the tests beginning with others: one alone compiles each of them."""
    files = [f for a in args for f in (sorted(Path(a).rglob("test_*.py")) if Path(a).is_dir() else [a])]
    number, of = (os.environ.get(f"PYTEST_XDIST_WORKER{which}", "0") for which in ("", "_COUNT"))
    begin = len(files) * int(number.removeprefix("gw")) // max(int(of), 1)
    return [str(file) for file in files[begin:] + files[:begin]]


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Keep the garbage collector from looking again and again at ten thousand tests, which are no garbage."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        session.config.args = ring(session.config.args)
    gc.disable()
    try:
        return (yield)
    finally:
        sys.path[:] = dict.fromkeys(sys.path)  # files of tests add the same folder, and each is looked into
        gc.freeze()
        gc.enable()


_numbers = count()


@pytest.fixture
def tmp_path(request, tmp_path_factory):
    """As pytest's own, which would look at the folders of all tests before it to number each one."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    return tmp_path_factory.mktemp(f"{name}{next(_numbers)}", numbered=False)


@pytest.fixture(autouse=True)
def no_figures_left():
    """Close the figures that a test leaves open: in the next one a step would draw into them."""
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    """No key, no endpoint and no settings of the person who runs the tests; a home and a working folder of their own.

    What a test writes there is the user's; `strangers` takes that back for what is not.
    """
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "LLMOS_MODEL",
        "LLMOS_APPROVE",
        "LLMOS_BUDGET",
        "LLMOS_API_KEY",
        "LLMOS_PATIENCE",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "PYTEST_XDIST_TESTRUNUID",  # it looks like a key
    ):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("LLMOS_HOME", str(home))
    monkeypatch.setenv("LLMOS_TRUST", str(tmp_path))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    yield home
    vault.clear()  # what one test knows as secret would be hidden in the code of the next one
    for journal in tmp_path.rglob("runs/*/journal.jsonl"):
        fold(history(read(journal), journal))  # raises where a chain is broken or an event cannot be folded


@pytest.fixture
def script():
    """Make a scripted model from turns."""
    return lambda *turns: ScriptedModel(list(turns))
