"""What `scripts/check` leaves out: tests that start a program, by the names in their code or by their marker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from out_of_process import is_out_of_process

ROOT = Path(__file__).parent.parent
INSIDE = "def test_inside():\n    pass\n"
HIDDEN = "import os\ndef test_hidden():\n    os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)\n"
MARKED = HIDDEN.replace("def", "import pytest\n@pytest.mark.out_of_process\ndef").replace("hidden", "marked")
DIRECT = "import subprocess\ndef test_direct():\n    subprocess.run(['true'], check=True)\n"


def run(folder, text):
    """Run a test file with ``--in-process`` in a project of its own; return its exit code and what it printed."""
    (folder / "conftest.py").write_text('pytest_plugins = ["out_of_process"]\n')
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    out_of_process: starts a program\n")
    (folder / "test_it.py").write_text(text)
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT / "tests" / "support")}
    environ = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"} | alone
    command = [sys.executable, "-m", "pytest", "--in-process"]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout


def test_a_marked_test_is_left_out_and_others_run(tmp_path):
    code, said = run(tmp_path, INSIDE + MARKED)
    assert code == 0 and "1 passed, 1 deselected" in said


def test_a_test_that_names_what_starts_programs_is_left_out_unmarked(tmp_path):
    code, said = run(tmp_path, INSIDE + DIRECT)
    assert code == 0 and "1 passed, 1 deselected" in said


def test_a_test_that_starts_a_program_unseen_fails_with_advice(tmp_path):
    code, said = run(tmp_path, HIDDEN)
    assert code == 1 and "it starts a program: mark it out_of_process" in said


def test_tests_that_reach_a_program_through_a_helper_are_known(request):
    if request.config.getoption("in_process"):
        pytest.skip("those that it looks at are left out")
    assert is_out_of_process(request.node) is False
    others = {i.name: i for i in request.session.items if i.path == request.path}
    assert is_out_of_process(others["test_a_marked_test_is_left_out_and_others_run"])
