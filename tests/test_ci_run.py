"""`.ci/run` fails where a part of it does, and its last lines name what: in a small project with a fault of each kind.

Nothing is installed there: its environment is the one of these tests.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOOLS = ("mypy", "pytest", "ruff", "sphinx-build")
GIVEN = ("apt-get", "chromium", "pip", "ssh-keygen", "sudo", "uv")
ACTIVATE = """[ "$2" = venv ] || exec {python} "$@"
mkdir -p "$3/bin"
echo 'PATH="{tools}:$PATH"' >"$3/bin/activate"
"""
PROJECT = {
    "conftest.py": 'pytest_plugins = ["second_try"]\n',
    "docs/conf.py": 'def setup(app):\n    app.add_config_value("nb_merge_streams", True, "env")\n',
    "docs/index.rst": "Title\n=====\n",
    "mypy.ini": "[mypy]\nfiles = typed.py\n",
    "pytest.ini": "[pytest]\naddopts = -n 1\nfaulthandler_timeout = 120\nfaulthandler_exit_on_timeout = true\n"
    "markers =\n    first_try: never again\n",
    "test_it.py": "def test_right():\n    pass\n",
    "tests/benchmarks/bench_binder.py": "",
    "typed.py": "n: int = 1\n",
}
WRONG = "def test_wrong():\n    assert 1 == 2\ndef test_right():\n    pass\n"
HANGS = WRONG.replace("wrong", "hangs").replace("assert 1 == 2", "__import__('threading').Event().wait()")

KERNEL = """from jupyter_client.manager import run_kernel
def test_kernel():
    with run_kernel(kernel_name="python3") as client:
        reply = client.execute_interactive("1 / 0", timeout=60)
    assert reply["content"]["status"] == "ok"
def test_right():
    pass
"""
BROWSER = """import os
from playwright.sync_api import sync_playwright
def test_page():
    with sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        at = dict(os.environ, TMPDIR={short!r})  # a socket has a path of some 100 bytes
        with driver.chromium.launch(executable_path={path!r}, args=options, env=at) as browser:
            page = browser.new_page()
            page.set_content("<h1>Stop</h1>")
            assert page.locator("h1").inner_text() == "Go"
def test_right():
    pass
"""


def program(path, text):
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def ci(tmp_path):
    """Run `.ci/run` in the project with one file changed, with these tools; return its exit code and its last lines."""
    project, tools = tmp_path / "project", tmp_path / "tools"
    tools.mkdir()
    for name in (".ci/run", "scripts/second-try"):
        (project / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, project / name)
    paths = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "tests" / "support")}
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"}
    environ = {**os.environ, **alone, **paths, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}

    def run(name="typed.py", text="n: int = 1\n", real=TOOLS, pip="exit 0", bound=120):
        for tool in (*TOOLS, *GIVEN):
            path = Path(sys.executable).parent / tool
            program(tools / tool, f'exec {path} "$@"' if tool in real else pip if tool == "pip" else "exit 0")
        program(tools / "python", f'exec {sys.executable} "$@"')
        program(tools / "python3", ACTIVATE.format(python=sys.executable, tools=tools))
        for file, content in {**PROJECT, name: text}.items():
            (project / file).parent.mkdir(parents=True, exist_ok=True)
            (project / file).write_text(content.replace("timeout = 120", f"timeout = {bound}"))
        done = subprocess.run(
            [".ci/run"], cwd=project, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=300, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout.rstrip().splitlines()

    return run


def test_it_passes_where_nothing_is_wrong(ci):
    code, said = ci()
    assert code == 0 and "1 passed" in said[-1], said


@pytest.mark.parametrize(
    ("tool", "name", "text", "named"),
    [
        ("ruff", "typed.py", "import os\n", "`os` imported but unused"),
        ("mypy", "typed.py", 'n: int = "a"\n', "typed.py:1: error: Incompatible types"),
        ("sphinx-build", "docs/index.rst", "Title\n=====\n\n:doc:`gone`\n", "unknown document: 'gone'"),
    ],
    ids=["style", "types", "documentation"],
)
def test_what_stands_before_the_tests_fails_and_is_named(ci, tool, name, text, named):
    code, said = ci(name, text, real=(tool, "pytest"))
    assert code != 0 and any(named in line for line in said[-20:]), said
    assert said[-1] == ("failed: the documentation" if tool == "sphinx-build" else "failed: style or types")


@pytest.mark.parametrize(
    ("text", "named", "how"),
    [
        (WRONG, "test_wrong", "assert 1 == 2"),
        (HANGS, "test_hangs", "crashed while running 'test_it.py::test_hangs'"),
    ],
    ids=["wrong", "hangs"],
)
def test_a_test_that_is_wrong_or_hangs_ends_within_its_bound_and_is_named(ci, text, named, how):
    code, said = ci("test_it.py", text, real=["pytest"], bound=2)
    assert code != 0 and said[-2:] == ["failed:", f"test_it.py::{named}"]
    assert how in "\n".join(said) and any("1 failed, 1 passed" in line for line in said), "the others go on"


@pytest.mark.out_of_process
def test_a_test_with_a_kernel_that_is_wrong_is_named(ci):
    code, said = ci("test_it.py", KERNEL, real=["pytest"])
    assert code != 0 and said[-2:] == ["failed:", "test_it.py::test_kernel"]
    assert any("ZeroDivisionError" in line for line in said), said


@pytest.mark.browser
def test_a_test_with_a_page_that_is_wrong_is_named(ci):
    if (path := shutil.which("chromium")) is None:
        pytest.skip("no Chromium is found")
    code, said = ci("test_it.py", BROWSER.format(path=path, short=tempfile.gettempdir()), real=["pytest"])
    assert code != 0 and said[-2:] == ["failed:", "test_it.py::test_page"]
    assert "assert 'Stop' == 'Go'" in "\n".join(said), "\n".join(said)


def test_a_build_for_binder_that_fails_is_named(ci):
    code, said = ci("tests/benchmarks/bench_binder.py", "raise SystemExit('no lesson opens')\n", real=["pytest"])
    assert code != 0 and said[-2:] == ["no lesson opens", "failed: the build for Binder"]


def test_what_cannot_be_installed_fails_and_is_named(ci):
    code, said = ci(real=(), pip='echo "no such package"; exit 1')
    assert code != 0 and said[-1] == "no such package"
