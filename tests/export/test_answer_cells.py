"""The cells that compute answers: where they stand, what they show, and what of them is compared."""

import datetime
import os
import re
import shutil
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy
import pandas
import pytest
from corpus.forgery import about, allowed, cell, new_key, sealed_again
from corpus.kept import kept
from process_runs import ProcessRun

from llmos_nb.export import Ran, answer_code, export, ordered
from llmos_nb.export.cells import read, write
from llmos_nb.export.dataflow.taint import NAMES
from llmos_nb.export.literals import hold
from llmos_nb.export.verify import sign, verify
from llmos_nb.export.verify.code import same_code
from llmos_nb.journal.events import AnswerComputed, CellRan


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.chdir(tmp_path)


def process(folder, goal, *steps, answer, after=None, before=()):
    folder.mkdir(exist_ok=True)
    run = ProcessRun(goal, folder, goal.split()[0].lower(), after=after)
    for own in before:
        run.user(own)
    run.begin()
    for step in steps:
        run.step(step)
    run.end(answer)
    return run


def two_answers(tmp_path):
    first = process(tmp_path / "one", "Count them", "sales = [1, 5, 9]", answer="There are {{len(sales)}}.")
    second = process(tmp_path / "two", "Keep them", "sales = sales[1:]", answer="{{len(sales)}} are kept.", after=first)
    return first, second


def code(path):
    return [c for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] in ("step", "answer", "user")]


def shown(cell):
    return "".join(o["text"] for o in cell["outputs"])


def test_each_answer_stands_over_the_work_and_is_computed_again_behind_the_last_step_of_its_process(tmp_path):
    runs = [run.source(pid=n) for n, run in enumerate(two_answers(tmp_path), 1)]
    path = export(runs, "x.ipynb")
    cells = [(c["metadata"]["llmos_nb"]["role"], c["cell_type"]) for c in code(path)]
    assert cells == [("answer", "markdown"), ("step", "code"), ("answer", "code")] * 2
    answers = [c for c in code(path) if c["metadata"]["llmos_nb"]["role"] == "answer" and c["cell_type"] == "code"]
    assert [shown(c) for c in answers] == ["3\n", "2\n"]
    report = verify(path)
    assert report.ok, report.text()
    assert next(c for c in report.checks if c.level == "same").counts["outputs"] == 2


def test_an_answer_that_comes_out_otherwise_is_not_the_same(tmp_path):
    """The cell as it stood before: behind the steps of both, where the variable is another one."""
    runs = [run.source(pid=n) for n, run in enumerate(two_answers(tmp_path), 1)]
    book = read(path := export(runs, "x.ipynb"))
    moved = [cell(book, "answer-2"), cell(book, "answer-check")]
    book["cells"] = [c for c in book["cells"] if c not in moved] + moved
    report = verify(sealed_again(write(book, path)), trust=True)
    assert report.exit_code == 1 and report.difference.where == "cell answer-check", report.text()
    assert "AssertionError: '2', and was '3' in the run" in report.text()


def test_the_answer_reads_a_cell_of_the_user_that_no_step_needs_and_not_the_one_behind_it(tmp_path):
    run = ProcessRun("Price it", tmp_path, "price")
    run.user("rate = 2")
    run.begin()
    run.step("total = 3")
    run.end("It costs {{total * rate}}.")
    run.user("rate = 5")
    book = tmp_path / "mine.ipynb"
    cells = [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": n}
             for n, source in run.cells]  # fmt: skip
    write({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, book)
    for path in (export(run.source(), "x.ipynb"), export(run.source(), "y.ipynb", notebook=book)):
        assert shown(cell(read(path), "answer-2")) == "6\n"
        assert verify(path).ok
    places = [c["source"] for c in code(path) if c["cell_type"] == "code"]
    assert places[-1] == "rate = 5" and places[0] == "rate = 2"


VALUES = {"n": 3, "share": 1 / 3, "name": "O'Hara", "table": pandas.DataFrame({"a": [1, 22], "b": ["x", None]})}


@pytest.mark.parametrize(
    "answer",
    [
        "There are {{n}}.",
        "A third is {{share}}, in short {{share:.1%}}, of {{n + 0.0}}.",
        'He said "{{name}}" {twice} \\ and {{name.replace(\'O\', "\'")!s}}.',
        "By name: {{ {'a': n}['a'] }} and {{[x for x in range(n)]}} and {{(lambda x: x + 1)(n)}}.",
        "| a | b |\n|---|---|\n| {{n}} | {{share:.3f}} |\n\n{{table.to_string(index=False)}}\n\nThat is all.",
    ],
)
def test_an_answer_as_code_prints_what_the_answer_said_and_its_check_holds(tmp_path, capsys, answer):
    run = ProcessRun("Tell it", tmp_path, "tell")
    run.namespace |= VALUES
    run.begin()
    run.end(answer)
    source, space = run.source(pid=1), dict(VALUES)
    code = answer_code.computed_answer(source)
    capsys.readouterr()
    checks = answer_code.answer_check(source)
    exec("\n".join([code, *checks]), space)
    assert capsys.readouterr().out.split() == " ".join(v["text"] for v in source.state.computed).split()
    assert "{{n}}" not in source.state.answer and "lambda value" not in code
    assert len(checks) == len(source.state.computed)
    other = {**VALUES, "n": 4, "name": "B", "share": 0.5}
    other["table"] = VALUES["table"].assign(a=7)
    exec(code, other)
    for check in checks:  # each tells its own value
        with pytest.raises(AssertionError):
            exec(check, other)


def test_each_value_stands_below_its_words_and_is_asserted_by_itself(tmp_path):
    said = (
        "Sold were **{{sum(sales)}}** in all.\n\n| most | least |\n|--:|--:|\n| {{max(sales):.1f}} | {{min(sales)}} |"
    )
    run = process(tmp_path, "Count them", "sales = [1, 5, 9]", answer=said)
    book = read(path := export(run.source(), "x.ipynb"))
    assert cell(book, "answer-2")["source"].splitlines() == [
        "# The values of the answer, each computed again where it was given.",
        "# Sold were … in all.",
        'answer_1 = f"{sum(sales)}"',
        "# most",
        'answer_2 = f"{max(sales):.1f}"',
        "# least",
        'answer_3 = f"{min(sales)}"',
        'print(answer_1, answer_2, answer_3, sep="\\n")',
    ]
    checks = cell(book, "answer-check")["source"].splitlines()
    assert [c.partition(", f")[0] for c in checks] == [
        f"assert answer_{n}.strip() == {text!r}" for n, text in enumerate(("15", "9.0", "1"), 1)
    ]
    report = verify(path)
    assert report.ok, report.text()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            "| where | sold | share |\n|---|--:|:-:|\n| **North** | {{n}} | {{n / 4:.0%}} |",
            ["North, sold", "North, share"],
        ),
        ("where | sold\n--- | ---\nNorth | 1\nSouth | {{n}}", ["South, sold"]),
        ("| year | sold |\n|---|---|\n| 2024 | {{n}} |", ["sold"]),
        ("| a \\| b | sold |\n|---|---|\n| x \\| y | {{n}} |", ["x \\ y, sold"]),
        ("Of a | b there are {{n}}.", ["Of a b there are …."]),
    ],
)
def test_a_value_in_a_table_is_called_by_its_row_and_column(tmp_path, table, words):
    run = ProcessRun("Tell it", tmp_path, "tell")
    run.namespace |= VALUES
    run.begin()
    run.end(f"Sold:\n\n{table}\n\nThat is all.")
    code = answer_code.computed_answer(run.source())
    assert [line[2:] for line in code.splitlines()[1:] if line.startswith("# ")] == words


FRAME = "import pandas\nt = pandas.DataFrame({'n': [1, 2], 'share': [1 / 3, 2 / 3]}, index=['North', 'South'])"


@pytest.mark.parametrize("change", ["n=[1, 3]", "share=[1 / 3, 0.6666]", "n=[2, 1]"])
def test_a_table_of_an_answer_is_compared_by_all_its_values_and_no_helper_is_needed(tmp_path, change):
    said = "Both:\n\n{{t}}\n\nThe sum is {{t.n.sum()}}."
    run = process(tmp_path, "Count them", "u = 1", answer=said, before=[FRAME])
    book = read(path := export(run.source(), "x.ipynb"))
    text = "\n".join(c["source"] for c in book["cells"] if c["cell_type"] == "code")
    assert "def " not in text and cell(book, "answer-2")["source"].splitlines()[1:3] == ["# Both:", "answer_1 = t"]
    assert shown(cell(book, "answer-2")) == "3\n"
    check = cell(book, "answer-check")["source"]
    assert "answer_1['n'].tolist() == [1, 2]" in check and "answer_1.index.tolist() == ['North', 'South']" in check
    report = verify(path)
    assert report.ok, report.text()
    cell(book, "user")["source"] += f".assign({change})"
    report = verify(sealed_again(write(book, path)), trust=True)
    assert report.exit_code == 1 and report.difference.where.startswith("cell answer"), report.text()


@pytest.mark.parametrize("rows", [3, 30])
def test_of_a_table_that_the_answer_shows_its_labels_count_too(tmp_path, rows):
    frame = f"import pandas\nt = pandas.DataFrame({{'n': range({rows})}}, index=[f'at {{n}}' for n in range({rows})])"
    run = process(tmp_path, "Count them", "u = 1", answer="All:\n\n{{t[:]}}", before=[frame])
    book = read(path := export(run.source(), "x.ipynb"))
    report = verify(path)
    assert report.ok, report.text()
    cell(book, "user")["source"] += ".rename({'at 1': 'at one'})"
    report = verify(sealed_again(write(book, path)), trust=True)
    assert report.exit_code == 1 and "answer_1" in report.text()


def test_a_value_that_is_cut_or_blanked_is_not_compared_and_the_others_are(tmp_path):
    run = process(tmp_path, "Count them", "sales = [1, 5, 9]", answer="{{'x' * len(sales) * 2000}} and {{sum(sales)}}.")
    source = run.source()
    blank = {"start": 0, "text": "<secret API>", "code": "key", "format": ""}
    source = replace(source, state=replace(source.state, computed=(*source.state.computed, blank)))
    checks = answer_code.answer_check(source)
    assert [c.partition(" ")[2].partition(",")[0] for c in checks] == ["answer_2.strip() == '15'"]
    path = export(run.source(), "x.ipynb")
    report = verify(path)
    assert report.ok and shown(cell(read(path), "answer-2")) == "15\n", report.text()
    assert [one["why"] for one in report.left] == ["the answer has the beginning of it alone"]


def test_of_several_values_those_that_may_be_others_are_named_and_the_rest_is_compared(tmp_path):
    step = "import time\nnow = time.time()"
    run = process(tmp_path, "Time it", step, answer="At {{now:.0f}}: {{n}}.", before=["n = 1"])
    book = read(path := export(run.source(), "x.ipynb"))
    assert cell(book, "answer-2")["metadata"]["llmos_nb"]["volatile"] == {"0": [0]}
    assert "answer_2" in cell(book, "answer-check")["source"] and "answer_1" not in cell(book, "answer-check")["source"]
    assert verify(path).ok
    cell(book, "user")["source"] = "n = 2"
    report = verify(sealed_again(write(book, path)), trust=True)
    assert report.exit_code == 1 and report.difference.where == "cell answer-check", report.text()


@pytest.mark.parametrize(("value", "text"), [(1 / 3, "0.3333333333"), (12345678901, "12345678901"), ("1.50", "1.50")])
def test_a_value_of_a_journal_of_an_earlier_version_is_told_as_it_was_then(tmp_path, value, text):
    run = process(tmp_path, "Tell it", f"x = {value!r}", "y = x", answer="It is {{x}}.")
    source = run.source()
    former = [{"start": 6, "text": text, "code": "x"}]
    source = replace(source, state=replace(source.state, computed=former, answer=f"It is {text}."))
    space = {"x": value}
    exec("\n".join([answer_code.computed_answer(source), *answer_code.answer_check(source)]), space)
    assert space["answer_1"] == text


def test_a_table_of_a_journal_of_an_earlier_version_is_said_not_to_be_compared(tmp_path):
    run = process(tmp_path, "Count them", FRAME, answer="Both:\n\n{{t}}")
    source = run.source()
    values = [{k: v for k, v in one.items() if k != "content"} for one in source.state.computed]
    path = export(replace(source, state=replace(source.state, computed=values)), "x.ipynb")
    assert "answer-check" not in [c["id"] for c in read(path)["cells"]]
    assert {"cell": "answer-2", "what": "t", "why": "the journal has of this table its text alone"} in verify(path).left


def test_an_answer_is_asserted_where_the_journal_says_that_it_was_computed(tmp_path):
    """Both processes have one goal, so that nothing but the event tells which cell is whose."""
    run = ProcessRun("Sum it", tmp_path, "sum")
    run.user("xs = [1, 2, 3]")
    run.begin()
    run.end("The sum is {{sum(xs)}}.")
    source = run.source(pid=1)
    cells = ["xs = [1, 2, 3]", "%%agent sum\nSum it", "xs.append(100)", "%%agent sum\nSum it"]
    ran = Ran("book", [CellRan(place=2 * n, source=code) for n, code in enumerate(cells)])
    events = [
        replace(e, body=replace(e.body, place={"notebook": "book", "n": 3})) if e.k == AnswerComputed.kind else e
        for e in source.events
    ]
    [placed] = ordered([replace(source, events=events)], [ran])
    path = export(placed, "x.ipynb")
    work = [c["source"] for c in code(path) if c["cell_type"] == "code"]
    assert work[0] == "xs = [1, 2, 3]" and "sum(xs)" in work[1] and "xs.append(100)" not in work[:2]
    assert shown(cell(read(path), "answer-2")) == "6\n"
    assert cell(read(path), "answer-check")["source"].startswith("assert answer_1.strip() == '6', ")
    assert verify(path).ok


def test_an_answer_that_comes_out_otherwise_stops_the_notebook_in_the_cell_that_checks_it(tmp_path):
    run = ProcessRun("Count", tmp_path, "count")
    run.user("xs = [1, 2]")
    run.begin()
    run.end("There are {{len(xs)}}.")
    book = read(path := export(run.source(), "x.ipynb"))
    cell(book, "user")["source"] = "xs = [1, 2, 3]"
    report = verify(sealed_again(write(book, path)), "runs", trust=True)
    assert (
        report.difference.where == "cell answer-check" and "AssertionError: '3', and was '2'" in report.difference.what
    )


def test_an_answer_that_rests_on_which_names_there_are_says_so(tmp_path):
    run = process(tmp_path, "Count", "n = len(str(7))", answer="There are {{len(globals()) + n}} names.")
    report = verify(path := export(run.source(), "x.ipynb"))
    assert report.ok and "answer-check" not in [c["id"] for c in read(path)["cells"]]
    assert {"cell": "answer-2", "what": "len(globals()) + n", "why": f"it rests on {NAMES}"} in report.left


def test_an_answer_of_the_clock_is_said_to_be_compared_with_nothing(tmp_path):
    run = process(tmp_path, "Time it", "import time\nnow = time.time()\nn = 1", answer="It is {{now:.0f}}.")
    report = verify(export(run.source(), "x.ipynb"))
    assert report.ok
    assert {"cell": "answer-2", "what": "now:.0f", "why": "it rests on the time"} in report.left


# with the journal


def pair(tmp_path):
    """An exported notebook whose journal stands beside it."""
    said = "There are {{len(sales)}}, or 4 it was."
    run = process(tmp_path, "Count them", "most = max(sales)", answer=said, before=["sales = [1, 5, 9]"])
    return export(kept(run, tmp_path / "home"), tmp_path / "out" / "x.ipynb")


def forged_counts(path):
    """Say of every number that it is computed, and make the checksums anew."""
    book = read(path)
    answer = cell(book, "answer")
    forged = answer["source"].replace(", 1 was typed by the model", "")
    assert forged != answer["source"]
    answer["source"] = forged
    return sealed_again(write(book, path))


def test_forged_counts_are_named_where_the_journal_stands_beside(tmp_path):
    report = verify(forged_counts(pair(tmp_path)), "unchanged")
    assert report.exit_code == 2 and [d.where for d in report.differences] == ["cell answer"]
    assert "typed by the model" in report.differences[0].detail


@pytest.mark.parametrize("level", ["unchanged", "same"])
def test_counts_without_journal_and_signature_stand_on_nobodys_word(tmp_path, level):
    path = forged_counts(pair(tmp_path))
    shutil.rmtree(tmp_path / "home")
    report = verify(path, level, trust=True)
    assert "how cell answer counts the numbers of the answer stands on nobody's word" in report.text()


def test_counts_that_somebody_signed_for_stand_on_their_word(tmp_path):
    key = new_key(tmp_path, "anna")
    signers = allowed(tmp_path / "signers", "anna@example.org", key)
    path = pair(tmp_path)
    sign(path, str(key))
    shutil.rmtree(tmp_path / "home")
    report = verify(path, "signed", allowed_signers=signers)
    assert report.ok and "nobody's word" not in report.text()
    report = verify(forged_counts(path), "signed", allowed_signers=signers)
    assert report.exit_code == 2 and "cell answer" in report.text()


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("answer", lambda c: c.update(source=c["source"].replace("There are 3", "There are 7")), "does not say"),
        ("answer", lambda c: c.update(source=c["source"] + "\n\nThere are 7, after all."), "does not say"),
        ("answer-2", lambda c: c.update(source=c["source"].replace("len(sales)", "7")), "does not say"),
        ("answer-2", lambda c: c["outputs"][0].update(text="There are 7, or 4 it was.\n"), "what it shows is not an answer"),
    ],
)  # fmt: skip
def test_an_answer_that_the_journal_does_not_have_is_named_though_checksums_fit(tmp_path, name, change, what):
    path = pair(tmp_path)
    assert verify(path, "unchanged").ok
    book = read(path)
    change(cell(book, name))
    report = verify(sealed_again(write(book, path)), "unchanged")
    assert report.exit_code == 2 and [d.where for d in report.differences] == [f"cell {name}"]
    assert what in report.differences[0].what


def test_an_answer_without_what_it_showed_is_said_to_be_compared_with_nothing(tmp_path):
    book = read(path := pair(tmp_path))
    cell(book, "answer-2").update(outputs=[])
    report = verify(sealed_again(write(book, path)), "unchanged")
    assert report.ok and "what cell answer-2 prints does not stand in it" in report.text()


# the code of steps


@pytest.mark.parametrize("extra", ["import helper\n", "from helper import *\n", "def sales(): pass\n"])
def test_an_import_that_the_journal_does_not_have_is_named_though_checksums_fit(tmp_path, extra):
    book = read(path := pair(tmp_path))
    step = cell(book, "r1-0")
    step["source"] = extra + step["source"]
    report = verify(sealed_again(write(book, path)), "unchanged")
    assert report.exit_code == 2 and "its code is not that of the journal" in report.text()


FETCHES = "import socket\nname = socket.gethostname()\ntotal = 3"


@pytest.mark.parametrize(
    "change",
    [
        lambda source: f"if REPEAT_EFFECTS:\n    {source.splitlines()[0]}\nelse:\n    sales = [7]",
        lambda source: f"if REPEAT_EFFECTS:\n    {source.splitlines()[0]}",
    ],
)
def test_a_step_that_is_kept_from_running_though_it_took_nothing_from_outside_is_named(tmp_path, change):
    book = read(path := pair(tmp_path))
    step = cell(book, "r1-0")
    step["source"] = change(step["source"])
    report = verify(sealed_again(write(book, path)), "unchanged")
    assert report.exit_code == 2 and "its code is not that of the journal" in report.text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("total = 3", "total = __import__('helper').total"),
        ("total = 3", "total = numpy.load('a.npy', None, True)"),
        ("total = 3", "total = 3\n    _content = str"),
        ("else:\n", "else:\n    import helper\n"),
        ("import socket\n", "import socket\nimport helper\n"),
    ],
)
def test_what_stands_in_the_place_of_a_step_that_went_to_the_network_only_reads(tmp_path, old, new):
    run = process(tmp_path, "Fetch it", FETCHES, answer="It is {{total}}.")
    path = export(kept(run, tmp_path / "home"), tmp_path / "out" / "x.ipynb")
    book = read(path)
    step = cell(book, "r1-0")
    assert "REPEAT_EFFECTS" in step["source"] and verify(path, "unchanged").ok
    assert old in step["source"]
    step["source"] = new.join(step["source"].rsplit(old, 1))
    report = verify(sealed_again(write(book, path)), "unchanged")
    assert report.exit_code == 2 and "its code is not that of the journal" in report.text()


def kept_values():
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None], "t": pandas.to_datetime(["2026-01-01", "2026-01-02"])})
    yield from (
        set(),
        {1: float("nan")},
        datetime.date(2026, 1, 1),
        Path("a"),
        "long " * 200,
        list(range(200)),
        {(1, 2): "x" * 400},
    )
    yield from (
        frame,
        frame.set_index("t"),
        frame["a"],
        frame.set_axis([1, 2, 3], axis=1),
        numpy.arange(3),
        numpy.float64(2),
    )


@pytest.mark.parametrize("value", [*kept_values()], ids=lambda value: type(value).__name__)
def test_code_that_reads_what_was_kept_is_taken_for_that(value):
    source = "import socket\nx = socket.gethostname()"
    data = textwrap.indent(hold("x", value, "x-inputs").code, "    ")
    cell = f"import socket\nif REPEAT_EFFECTS:\n{textwrap.indent(source, '    ')}\nelse:\n{data}"
    assert same_code(cell, source, set())
    assert not same_code(f"{cell}\n    print(x)", source, set())


def test_steps_of_two_forks_are_followed_by_both_answers(tmp_path):
    first = process(tmp_path / "one", "Count them", "sales = [1, 5, 9]", answer="There are {{len(sales)}}.")
    shared = replace(first.source(pid=1), user_cells=[(1, "%%agent\nCount them")], placed={"r1.0": 2}, answered=2)
    other = replace(shared, pid=2, placed={})
    path = export([shared, other], "x.ipynb")
    assert [c["id"] for c in code(path)] == ["answer", "r1-0", "answer-2", "answer-3", "answer-4"]
    assert verify(path).ok and about(read(path))["processes"][1]["pid"] == 2


def test_a_shape_is_asserted_only_of_what_the_notebook_makes(tmp_path):
    """The step of another process, which is left out, took `a`; the cell that made it is needed in part alone."""
    for name, rows in (("a", "x\n1\n2\n"), ("b", "y\n3\n4\n5\n")):
        (tmp_path / f"{name}.csv").write_text(rows)
    first = ProcessRun("Look at a", tmp_path, "one")
    first.user("import pandas as pd\na = pd.read_csv('a.csv')")
    first.begin()
    first.step("p = a.copy()\np['x'] = pd.to_numeric(p['x'])")
    first.end("It has {{len(a)}} rows.")
    second = ProcessRun("Look at b", tmp_path, "two", after=first)
    second.user("b = pd.read_csv('b.csv')")
    second.begin()
    second.step("total = int(b['y'].sum())\ntotal")
    second.end("It is {{total}}.")
    path = export([first.source(pid=1, wanted=False), second.source(pid=2)], "x.ipynb")
    shapes = [c["source"] for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "shapes"]
    assert "b.shape" in shapes[0] and " a.shape" not in shapes[0]
    assert verify(path).ok


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_an_expression_that_changes_something_is_told_and_not_done_again(tmp_path):
    run = ProcessRun("Serve", tmp_path, "serve")
    run.user("waiting = ['Ines', 'Juri']")
    run.begin()
    run.step("n = len(waiting)")
    run.end("Next is {{waiting.pop(0)}}; {{len(waiting)}} wait.")
    path = export(run.source(), "x.ipynb")
    words, answered = cell(read(path), "answer"), cell(read(path), "answer-2")
    assert "pop" not in answered["source"] and shown(answered) == "2\n"
    why = "computing it changes waiting, so it stands as it was told in the run"
    assert f"- Not computed again: waiting.pop(0): {why}.\n\nNext is Ines" in words["source"]
    report = verify(path)
    left = {"cell": "answer-2", "what": "waiting.pop(0)", "why": why}
    assert report.ok and left in report.left, report.text()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_an_answer_of_such_expressions_alone_is_no_code(tmp_path):
    run = ProcessRun("Serve", tmp_path, "serve")
    run.user("waiting = ['Ines', 'Juri']")
    run.begin()
    run.end("Next is {{waiting.pop(0)}}.")
    (answer,) = [c for c in code(export(run.source(), "x.ipynb")) if c["cell_type"] == "markdown"]
    assert "Not computed again: waiting.pop(0)" in answer["source"]


def test_nothing_is_said_not_to_be_computed_again_that_changes_nothing(tmp_path):
    first, _ = two_answers(tmp_path)
    assert "Not computed again" not in "".join(c["source"] for c in read(export(first.source(), "x.ipynb"))["cells"])


def test_values_have_names_that_no_code_has_each_process_its_own_and_none_that_marimo_keeps_in_its_cell(tmp_path):
    own = process(
        tmp_path, "Count them", "answer_1 = 7", answer="{{answer_1}} of {{len(sales)}}", before=["sales = [1]"]
    )
    book = read(path := export(own.source(), "x.ipynb"))
    assert (
        "answer__1 = f" in cell(book, "answer-2")["source"] and "\nanswer_1 =" not in cell(book, "answer-2")["source"]
    )
    assert (report := verify(path)).ok, report.text()
    both = [run.source(pid=n) for n, run in enumerate(two_answers(tmp_path), 1)]
    path = export(both, "y.ipynb")
    code = [c["source"] for c in read(path)["cells"] if c["cell_type"] == "code"]
    assert {"answer_1_1", "answer_2_1"} <= {w for c in code for w in re.findall(r"answer_\d_\d", c)}
    bound = [{n for n in re.findall(r"\b_\w+(?= =)", c)} for c in code]
    assert not [n for names in bound for n in names if sum(n in c for c in code) > 1]
    assert (report := verify(path)).ok, report.text()
