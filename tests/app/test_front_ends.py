"""Programs that run a notebook with nobody there, and the page that says where llmos_nb runs."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from turns import python

ROOT = Path(__file__).parents[2]
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([x, 2])\nplt.show()\ny = x + 2\ny"
TURNS = [
    {"plan": [{"title": "make x"}, {"title": "draw y"}]},
    python("x = 40\nx"),
    python(FIGURE),
    {"text": "y is {{y}}"},
]
RUNS = {
    "nbclient": ["jupyter", "execute", "in.ipynb", "--output", "out.ipynb"],
    "papermill": ["papermill", "in.ipynb", "out.ipynb", "--no-progress-bar"],
}


def written(folder, options):
    (folder / "s.json").write_text(json.dumps({"version": 1, "turns": TURNS}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    cells = ["%load_ext llmos_nb", f"%%agent one -m script:s.json {options}\nMake y 42.", "print(f'y = {y}')"]
    book.cells = [nbformat.v4.new_code_cell(c) for c in cells]
    nbformat.write(book, folder / "in.ipynb")


def ran(folder, command):
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", RUNS.values(), ids=RUNS)
def test_a_notebook_runs_headless_or_names_the_command_that_goes_on(tmp_path, command):
    written(tmp_path, "-a auto")
    done = ran(tmp_path, command)
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(tmp_path / "out.ipynb", 4).cells
    shown = json.dumps(cells[1].outputs)
    assert "make x" in shown and "y is 42" in shown and "image/png" in shown
    assert cells[2].outputs[0].text == "y = 42\n"
    written(tmp_path, "")
    done = ran(tmp_path, command)
    assert done.returncode != 0 and "ApprovalNeeded" in done.stderr and "%agent resume 2" in done.stderr


def test_a_page_of_sphinx_has_the_steps_and_the_answer(tmp_path):
    written(tmp_path, "-a auto")
    (tmp_path / "conf.py").write_text("extensions = ['myst_nb']\nroot_doc = 'in'\nnb_execution_raise_on_error = True\n")
    done = ran(tmp_path, ["sphinx-build", "-q", "-b", "html", ".", "built"])
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "built" / "in.html").read_text("utf-8")
    assert "make x" in page and "y is 42" in page and "<img" in page and "y = 42" in page


def test_each_front_end_that_is_said_to_be_tried_has_its_test():
    text = (ROOT / "docs" / "howto" / "front-ends.md").read_text("utf-8")
    rows = [line for line in text.partition("## By their")[0].splitlines() if re.match(r"\| (?!front|-)", line)]
    named = [row.rstrip("| ").rpartition("`")[0].rpartition("`")[2] for row in rows]
    assert len(rows) >= 8
    for file, _, test in (name.partition("::") for name in named):
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert test in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}, f"{file} has no {test}"
