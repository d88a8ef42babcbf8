"""Every notebook runs top to bottom in a real kernel, with no key and no network; the lessons also once they are solved."""

import json
import time
from pathlib import Path

import nbformat
import pytest
from local_weights import weights_or_skip
from nbclient import NotebookClient

from llmos_nb.lessons import MODULES, outline
from llmos_nb.lessons import Progress
from llmos_nb.lessons.build import instructor
from llmos_nb.lessons.solutions import solution_text

FOLDER = Path(__file__).parent.parent.parent / "notebooks"
LESSONS = sorted(FOLDER.glob("0[1-8]-*.ipynb"))
ALL_SECONDS = 300
took: dict[str, float] = {}
NO_NETWORK = """\
import socket as _socket
_connect = _socket.socket.connect
def _here_only(self, address):
    if self.family in (_socket.AF_INET, _socket.AF_INET6) and str(address[0]) not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"no network in a lesson: {address}")
    return _connect(self, address)
_socket.socket.connect = _here_only
"""


def cells(book, role):
    """Give the cells of a role, by exercise."""
    found = ((c.metadata.get("llmos_nb") or {}).get(role) for c in book.cells)
    return {name: cell for name, cell in zip(found, book.cells, strict=True) if name}


def execute(book, folder, monkeypatch, timeout=120):
    """Execute a notebook in a folder of its own, cut off from the network."""
    monkeypatch.delenv("LLMOS_HOME", raising=False)
    whole = nbformat.v4.new_notebook(
        metadata=book.metadata, cells=[nbformat.v4.new_code_cell(NO_NETWORK), *book.cells]
    )
    client = NotebookClient(
        whole, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return whole


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebook_is_stored_stripped_with_stable_ids(path):
    book = nbformat.read(path, 4)
    nbformat.validate(book)
    ids = [c.id for c in book.cells]
    assert len(set(ids)) == len(ids) and all(i.startswith(("l", "start")) for i in ids)
    assert all(not c.outputs and c.execution_count is None for c in book.cells if c.cell_type == "code")


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_notebook_has_every_exercise_and_question_of_its_lesson(path):
    book, o = nbformat.read(path, 4), outline(path.name[:2])
    names = [e.name for e in o.exercises]
    assert sorted(cells(book, "exercise")) == sorted(cells(book, "check")) == sorted(names)
    text = "\n".join(c.source for c in book.cells)
    for question in o.questions:
        asked, compared = (
            text.find(f'here.predict("{question.name}"'),
            text.find(f'here.compare("{question.name}"'),
        )
        assert 0 <= asked < compared, question.name
    for part in (
        "**Aim.**",
        f"**{o.minutes} minutes.**",
        "Before it:",
        "Many think",
        "## Predict",
        "## Run",
        "## Investigate",
        "## Modify",
        "## Make",
    ):
        assert part in text, part


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_unsolved_notebook_runs(path, tmp_path, monkeypatch):
    began = time.monotonic()
    book = execute(nbformat.read(path, 4), tmp_path, monkeypatch)
    took[path.stem] = time.monotonic() - began
    for cell in cells(book, "check").values():
        assert "not yet" in cell.outputs[-1]["data"]["text/plain"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_solved_and_marked_notebook_runs(path, tmp_path, monkeypatch):
    book = nbformat.read(instructor(path, tmp_path / path.name), 4)
    book = execute(book, tmp_path, monkeypatch)
    for cell in cells(book, "check").values():
        assert cell.outputs == [] or "not yet" not in json.dumps(cell.outputs)
    done = Progress(tmp_path).of(path.name[:2])["exercises"]
    assert len(done) == 3 and all(d["passed"] for d in done.values())


def test_all_lessons_together_take_at_most_five_minutes():
    if set(took) != {p.stem for p in LESSONS}:
        pytest.skip("only some of the lessons ran")
    assert len(LESSONS) == len(MODULES) and sum(took.values()) <= ALL_SECONDS, took


def test_check_finds_a_cell_that_raises(tmp_path, monkeypatch):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(Exception, match="ZeroDivisionError"):
        execute(book, tmp_path, monkeypatch)


def test_check_finds_a_cell_that_uses_the_network(tmp_path, monkeypatch):
    code = "import urllib.request; urllib.request.urlopen('http://203.0.113.1', timeout=2)"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with pytest.raises(Exception, match="no network in a lesson"):
        execute(book, tmp_path, monkeypatch)


@pytest.mark.local_model
def test_the_first_notebook_runs_with_the_local_model(tmp_path, monkeypatch):
    weights_or_skip()
    monkeypatch.setenv("LLMOS_MODEL", "local/0.5b")
    book = execute(nbformat.read(FOLDER / "00-start.ipynb", 4), tmp_path, monkeypatch, timeout=600)
    assert "mass" in json.dumps(book.cells[-1].outputs) and (tmp_path / "mass.ipynb").exists()


@pytest.mark.parametrize("number", MODULES)
def test_notebook_holds_no_solution(number):
    path = next(FOLDER.glob(f"{number}-*.ipynb"))
    text = "\n".join(c.source for c in nbformat.read(path, 4).cells)
    for exercise in outline(number).exercises:
        assert solution_text(number, exercise.name).splitlines()[-1] not in text.splitlines()
