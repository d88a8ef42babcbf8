"""`jupyter nbconvert --execute`: headless, with nobody there."""

import json
import subprocess
import sys

import nbformat
import pytest
from turns import python

TURNS = [
    {"plan": [{"title": "make x"}, {"title": "make y"}]},
    python("x = 40\nx"),
    python("y = x + 2\ny"),
    {"text": "y is 42"},
]


def convert(folder, options):
    (folder / "s.json").write_text(json.dumps({"version": 1, "turns": TURNS}))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    cells = ["%load_ext llmos_nb", f"%%agent one -m script:s.json {options}\nMake y 42.", "print(f'y = {y}')"]
    book.cells = [nbformat.v4.new_code_cell(c) for c in cells]
    nbformat.write(book, folder / "in.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "in.ipynb"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_auto_mode_completes_and_the_page_has_the_answer(tmp_path):
    done = convert(tmp_path, "--approve auto")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "in.html").read_text("utf-8")
    assert "y is 42" in page and "make y" in page and "y = 42" in page


@pytest.mark.parametrize("options", ["--approve step", ""])
def test_headless_run_that_needs_approval_names_the_command(tmp_path, options):
    done = convert(tmp_path, options)
    assert done.returncode != 0
    assert "ApprovalNeeded" in done.stderr and "%agent resume 1" in done.stderr and "y =" not in done.stdout
