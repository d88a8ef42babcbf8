"""A test that leaves a guard armed, or a call begun, is named and does not interrupt the next one.

The deadlines are far off: one that comes while pytest itself is at work would interrupt that.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT = """
import signal
import pytest
from llmos_nb.tools.devices.python.guard import Begun, Guard

def test_guard():
    Guard(600, False).__enter__()

def test_guard_and_failure():
    Guard(600, False).__enter__()
    raise ValueError

def test_call():
    Begun("r1.0").__enter__()

@pytest.fixture
def held():
    with Begun("r2.0"):
        yield

def test_what_a_fixture_ends(held):
    pass

def test_after():
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
"""


def test_who_leaves_something_is_named_and_the_next_one_passes(tmp_path):
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["left_armed"]\n')
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(LEFT)
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": f"{ROOT / 'tests' / 'support'}:{ROOT}"}
    environ = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"} | alone
    command = [sys.executable, "-m", "pytest", "-ra"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and "1 failed, 4 passed, 3 errors" in done.stdout
    assert "test_it.py::test_guard left a guard of the call ''" in done.stdout
    assert "test_it.py::test_guard_and_failure left a guard of the call ''" in done.stdout
    assert "test_it.py::test_call left the call 'r1.0', which has begun" in done.stdout
