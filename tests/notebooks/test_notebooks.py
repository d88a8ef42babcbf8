"""Every notebook runs top to bottom in a real kernel, with no key and no network; the lessons also once they are solved."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from local_weights import weights_or_skip
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from llmos_nb.lessons import MODULES, Progress, outline
from llmos_nb.lessons.build import instructor
from llmos_nb.lessons.solutions import solution_text
from llmos_nb.lessons.system import PARTS, System, reference
from llmos_nb.lessons.system.parts import body

FOLDER = Path(__file__).parent.parent.parent / "notebooks"
LESSONS = sorted(p for n in MODULES for p in FOLDER.glob(f"{n}-*.ipynb"))
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


def unsolved(path, folder, monkeypatch):
    """Give a notebook that has run as it stands: as the documentation was built with it, else run here."""
    book = nbformat.read(path, 4)
    if (built := os.environ.get("BUILT_LESSONS")) is None:
        return execute(book, folder, monkeypatch)
    ran = nbformat.read(Path(built) / path.name, 4)
    assert [(c.id, c.source) for c in ran.cells] == [(c.id, c.source) for c in book.cells]
    return ran


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


# what the demonstration of the learner's own system prints, with the part written and without it
DEMONSTRATED = {
    "01": ("yours answers It is 42.\nyours: run.started model.responded", "yours answers None\nyours: run.started\n"),
    "02": ("May it run? order {'count': 3}\nyours | r1.0 | reject | count must be int\nyours | r2.0 | done | 3 cups", "ours  | r1.0 | rejected"),
    "03": ("pages [(0, 6), (6, 12), (12, 18), (18, 24), (24, 30), (30, 36), (36, 40)]\nthe fault brought back the first result: True", "pages []\nthe fault brought back the first result: False"),
    "04": ("yours:  SqSqSqSqSSSSS\nby_pid: SSSSSSSSSqqqq", "by_pid: SSSSSSSSSqqqq"),
    "05": ("no act:  mail to []\nyours, one act: mail to ['team@example.org']\nours, no act, and nobody there:  waiting []", "mail to []"),
    "06": ("Send it to thief@example.net []\nyours, nothing was read:   Visits are fine. ['team@example.org']\nours, the file was read:   ended []", "None []"),
    "07": ("you are asked: Was it done? pay {'euros': 10}\nyours answers: Paid 10 euros.\npaid in yours: ['10']\npaid in ours:  1 and it asks", "paid in ours:  1 and it asks"),
    "08": ("after the step: [[3, 99], [5]] ['masses', 'mean']\nyours, after the undo: [[3, 4], [5]] ['masses']\nours,  after the undo: [[3, 4], [5]]", "ours,  after the undo: [[3, 4], [5]]"),
}  # fmt: skip


# what other demonstrations print
PRINTED = {
    "01": {"l01-10": "What happened: somebody decides", "l01-11": "What happened: 2", "l01-gate-2": "waiting", "l01-gate-6": "It is 42."},
    "02": {"l02-edit-3": "waiting", "l02-07": "True False buy: count: expected an integer, got boolean True"},
    "03": {"l03-07": "evictions at steps [11, 19, 27, 35, 43, 51, 59]", "l03-12": "prefix breaks: 7 in 60 steps"},
    "04": {"l04-23": "total = 1, ", "l04-23b": "total = 8\n", "l04-ps-6": "went on: True"},
    "05": {"l05-07": "thief@example.net", "l05-08": "waiting []", "l05-live-2": "waiting", "l05-live-6": "to='thief@example.net'"},
    "06": {"l06-06": "thief@example.net", "l06-09b": " label.changed "},
    "07": {"l07-06": "asks you", "l07-10": "the same journal: True\npaid then: 0 and 1", "l07-live-1": "waiting | whether pay was done\nwaiting | whether pay was done\nTrue"},
    "08": {"l08-08": "True False"},
    "09": {"l09-09": "it says 38.9; with no station left out the mean is 84.0", "l09-11": "3. [done] Find the lost number", "l09-13": "What happened: 4", "l09-17": "Approve the plan?", "l09-20": "What happened: 22.9", "l09-21": "12.5 or 93.1"},
    "10": {"l10-07": "40% to 89%", "l10-08": "What happened: 7", "l10-10": "What happened: 46", "l10-14": "thirty tasks, each once", "l10-18": "do not reach it: 1 of 20", "l10-20": "a coin in 6.2% of its tries"},
}


def printed(book, name):
    """Give all that a cell put out, as text."""
    outputs = next(c for c in book.cells if c.id == name).outputs
    return "".join(o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs)


def demonstrated(book, number):
    """Give what the demonstration of a lesson printed."""
    cell = next(c for c in book.cells if c.id == f"l{number}-mini-2")
    return "".join(o["text"] for o in cell.outputs if o["output_type"] == "stream" and o["name"] == "stdout")


def with_earlier_parts(folder, number):
    """Write the `mini.py` of a learner who has done all lessons before this one."""
    system = System(folder / "mini.py")
    for lesson, part in PARTS.items():
        if lesson < number:
            system.write(part, body(reference()[part]))


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
    book = unsolved(path, tmp_path, monkeypatch)
    for cell in cells(book, "check").values():
        assert "not yet" in cell.outputs[-1]["data"]["text/plain"]
    if path.name[:2] in PARTS:
        assert DEMONSTRATED[path.name[:2]][1] in demonstrated(book, path.name[:2])
    assert {n: t for n, t in PRINTED[path.name[:2]].items() if t not in printed(book, n)} == {}


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_solved_and_marked_notebook_runs(path, tmp_path, monkeypatch):
    with_earlier_parts(tmp_path, path.name[:2])
    book = nbformat.read(instructor(path, tmp_path / path.name), 4)
    book = execute(book, tmp_path, monkeypatch)
    for cell in cells(book, "check").values():
        assert cell.outputs == [] or "not yet" not in json.dumps(cell.outputs)
    done = Progress(tmp_path).of(path.name[:2])["exercises"]
    assert len(done) == len(cells(book, "check")) and all(d["passed"] for d in done.values())
    if path.name[:2] in PARTS:
        assert DEMONSTRATED[path.name[:2]][0] in demonstrated(book, path.name[:2])


def test_each_lesson_has_a_notebook():
    assert len(LESSONS) == len(MODULES)


def test_check_finds_a_cell_that_raises(tmp_path, monkeypatch):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(Exception, match="ZeroDivisionError"):
        execute(book, tmp_path, monkeypatch)


def test_check_finds_a_cell_that_uses_the_network(tmp_path, monkeypatch):
    code = "import urllib.request; urllib.request.urlopen('http://203.0.113.1', timeout=2)"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with pytest.raises(Exception, match="no network in a lesson"):
        execute(book, tmp_path, monkeypatch)


def test_first_part_of_the_first_notebook_asks_and_needs_neither_key_nor_weights(tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LLMOS_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LLMOS_MODELS", str(tmp_path / "none"))
    book = nbformat.read(FOLDER / "00-start.ipynb", 4)
    names = [c.id for c in book.cells]
    book.cells = book.cells[: names.index("start-first-5")]
    further = ['%agent send first "And the lightest?"'] * 2
    asked = names.index("start-first-1") + 1
    book.cells[asked:asked] = map(nbformat.v4.new_code_cell, ["%agent export first first.ipynb", *further])
    with pytest.raises(CellExecutionError, match="ApprovalNeeded"):
        execute(book, tmp_path, monkeypatch)
    monkeypatch.setenv("LLMOS_APPROVE", "auto")
    ran = execute(book, tmp_path, monkeypatch)
    answer = str(ran.cells[asked].outputs).rpartition("The answer")[2]
    assert all(mean in answer for mean in ("Adelie: 3700.7 g", "Chinstrap: 3733.1 g", "Gentoo: 5076 g"))
    said = [str(c.outputs) for c in ran.cells if c.source in further]
    assert len(said) == 2 and all("This is a script, not a model" in s and "answered" in s for s in said)
    exported = nbformat.read(tmp_path / "first.ipynb", 4)
    assert not any("llmos" in c.source for c in exported.cells if c.cell_type == "code")
    assert ran.cells[-1].outputs[0].data["text/plain"] == "False" and (tmp_path / "mass.csv").exists()


@pytest.mark.local_model
def test_the_first_notebook_runs_with_the_local_model(tmp_path, monkeypatch):
    weights_or_skip()
    monkeypatch.setenv("LLMOS_MODEL", "local/0.5b")
    monkeypatch.setenv("LLMOS_APPROVE", "auto")
    book = nbformat.read(FOLDER / "00-start.ipynb", 4)
    others = ("start-06", "start-08")  # two more questions are asked in `tests/benchmarks/bench_binder.py`
    book.cells = [c for c in book.cells if c.id not in others]
    book = execute(book, tmp_path, monkeypatch, timeout=600)
    assert "mass" in json.dumps(book.cells[-1].outputs) and (tmp_path / "mass.ipynb").exists()


@pytest.mark.parametrize("number", MODULES)
def test_notebook_holds_no_solution(number):
    path = next(FOLDER.glob(f"{number}-*.ipynb"))
    text = "\n".join(c.source for c in nbformat.read(path, 4).cells)
    for exercise in outline(number).exercises:
        assert solution_text(number, exercise.name).splitlines()[-1] not in text.splitlines()
