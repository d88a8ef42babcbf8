"""What a step expected and was not so is said in the notebook and in the methods supplement."""

import pytest
from corpus.forgery import cell, sealed_again
from corpus.kept import kept
from process_runs import ProcessRun

from llmos_nb.export import export
from llmos_nb.export.cells import read, write
from llmos_nb.export.verify import verify

FALSE = "- Not as expected: total &gt; 5 was false"


@pytest.fixture
def source(monkeypatch, tmp_path):
    """A run of two steps, of which the first was not as expected."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.chdir(tmp_path)
    run = ProcessRun("Add it up", tmp_path, "sum")
    run.begin(("Add", "total > 5"), ("Double", "twice == 6"))
    run.turns.append({"calls": [{"name": "python", "arguments": {"code": "total = 3", "step": 1}}]})
    run.turns.append({"calls": [{"name": "python", "arguments": {"code": "twice = 2 * total", "step": 2}}]})
    run.end("It is 6.")
    assert run.process.run.state.missed == {1: "total > 5"}
    return kept(run, tmp_path / "home")


def test_an_expectation_that_was_false_is_said_with_the_step_and_no_other(source):
    book = read(export(source, "x.ipynb"))
    assert cell(book, "r1-0-note")["source"].startswith(f"## Add\n\n{FALSE.removeprefix('- ')}\n\n")
    assert "1. Add (expected: total &gt; 5)\n2. Double (expected: twice == 6)" in cell(book, "course")["source"]
    text = export(source, "x.md").read_text()
    assert f"- Expected: total &gt; 5\n{FALSE}\n" in text and "- Expected: twice == 6" in text
    assert text.count("was false") == 1 and sum("was false" in c["source"] for c in book["cells"]) == 1


def test_a_note_that_does_not_say_it_is_not_that_of_the_journal(source):
    path = export(source, "x.ipynb")
    report = verify(path, "unchanged")
    assert report.ok and "r1-0-note" not in report.text()
    book = read(path)
    now = cell(book, "r1-0-note")["source"]
    cell(book, "r1-0-note")["source"] = now.replace(f"{FALSE.removeprefix('- ')}\n\n", "")
    assert verify(sealed_again(write(book, path)), "unchanged").exit_code == 2


def test_a_note_that_says_of_a_step_as_expected_that_it_was_not_is_named(source):
    book = read(path := export(source, "x.ipynb"))
    cell(book, "r2-0-note")["source"] += "\n- Not as expected: twice == 6 was false"
    report = verify(sealed_again(write(book, path)), "unchanged")
    assert report.exit_code == 2 and report.difference.where == "cell r2-0-note"
