"""What failed is tried again alone, where that may be: in a project of its own, by the script that CI calls."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import second_try

ROOT = Path(__file__).parent.parent
FLAKY = """
import pathlib
def test_{0}():
    seen = pathlib.Path("seen-{0}")
    was = seen.exists()
    seen.touch()
    assert was
"""
WRONG = "def test_wrong():\n    assert 0\n"
SETTINGS = """[pytest]
markers =
    first_try: never again
"""


@pytest.fixture
def project(tmp_path):
    """A project whose tests can be tried twice; it runs `pytest` and then the script, and gives code and words."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "second-try", tmp_path / "scripts")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["second_try"]\n')
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    alone = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "xdist.plugin",
    }  # others take seconds to import
    environ = {**os.environ, **alone, "PATH": paths, "PYTHONPATH": str(ROOT / "tests" / "support")}
    environ.pop("PYTEST_ADDOPTS", None)

    def run(text, *words):
        (tmp_path / "test_it.py").write_text(text)
        command = f"{sys.executable} -m pytest {' '.join(words)} || scripts/second-try $?"
        done = subprocess.run(
            ["bash", "-c", f"({command}) 2>&1"],
            cwd=tmp_path,
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    return run


def test_what_passes_alone_is_named_and_the_first_traceback_stays_in_the_log(project):
    code, said = project(FLAKY.format("a") + FLAKY.format("b"), "-n", "1")
    assert code == 0
    assert [f"passed at the second try: test_it.py::test_{n}" in said for n in "ab"] == [True, True]
    assert "assert was" in said and said.rstrip().splitlines()[-1].strip("= ").startswith("2 passed")


def test_what_fails_again_fails_and_is_named_in_the_last_lines(project):
    code, said = project(FLAKY.format("a") + WRONG)
    assert code == 1 and "test_it.py::test_wrong" in said.splitlines()[-1] + said.splitlines()[-2]


def test_more_than_five_are_not_tried_again(project):
    code, said = project("".join(FLAKY.format(n) for n in "abcdef"))
    assert code == 1 and "no second try: 6 tests failed" in said and "at the second try" not in said


def test_what_must_pass_at_the_first_try_is_not_tried_again(project):
    marked = FLAKY.format("a").replace("def ", "import pytest\n@pytest.mark.first_try\ndef ")
    code, said = project(marked)
    assert code == 1 and "no second try: what must pass at the first try did not: test_it.py::test_a" in said


@pytest.mark.parametrize("text", ["import no_such_module\n", "def test_(:\n"])
def test_file_that_cannot_be_read_is_no_test_to_try_again(project, text):
    code, said = project(text)
    assert code != 0 and "test_it.py" in "".join(said.splitlines()[-3:])


def test_what_is_never_tried_again_stands_where_it_is_said_to(request):
    assert [name for name in second_try.FIRST if not (second_try.TESTS / name).exists()] == []
    assert second_try.must_pass_at_once(ROOT / "tests" / "policy" / "test_policy.py")
    assert not second_try.must_pass_at_once(ROOT / "tests" / "policy_of_others.py")
    assert request.node.get_closest_marker("first_try") is None
