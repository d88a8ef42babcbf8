"""What each level of `verify` compared: the counts, and that one which compared nothing is no proof."""

import json

import pytest
from process_runs import ProcessRun

from llmos_nb.export import export
from llmos_nb.export.cells import read, write
from llmos_nb.export.verify import verify
from llmos_nb.export.verify.report import Check, Report, counted
from llmos_nb.export.verify.seal import seal


@pytest.fixture(autouse=True)
def own_jupyter(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("HOME", str(tmp_path))


def exported(folder, *steps, without=(), **how):
    """Export a run of some steps, whose journal may be without some facts, as one of an earlier version is."""
    r = ProcessRun("Do a thing", folder)
    r.begin()
    for step in steps:
        r.step(step)
    r.end("done")
    source = r.source()
    for call in source.state.calls.values():
        for fact in without:
            del call.facts[fact]
    return export(source, folder / "x.ipynb", lock=False, **how)


def resealed(path, change):
    """Change a notebook and make its checksums anew; it names no journal then that would tell."""
    book = read(path)
    change(book)
    for process in book["metadata"]["llmos_nb"]["processes"]:
        process["journal"].pop("path", None)
    seal(book)
    return write(book, path)


def check(report, level):
    return next(c for c in report.checks if c.level == level)


def bare(book):
    """Leave nothing of the run in a notebook but its code."""
    book["cells"] = [c for c in book["cells"] if c["metadata"]["llmos_nb"]["role"] not in ("evidence", "check")]
    for c in book["cells"]:
        for key in ("values", "contents"):
            c["metadata"]["llmos_nb"].pop(key, None)
        if c["cell_type"] == "code":
            c["outputs"] = []
            c["metadata"]["llmos_nb"]["shown"] = "run"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, ""), ({"outputs": 0, "values": 0, "cells": 0}, ""), ({"checksums": 1}, "1 checksum"),
        ({"outputs": 3, "values": 5, "cells": 4}, "3 outputs and 5 values of 4 cells"),
        ({"outputs": 0, "values": 1, "cells": 1}, "1 value of 1 cell"), ({"cells": 2, "input files": 1}, "2 cells and 1 input file"),
        ({"a": 1, "b": 2, "cs": 3}, "1 a, 2 b and 3 cs"),
    ],
)  # fmt: skip
def test_counts_are_said_in_words(counts, words):
    assert counted(counts) == words


def test_each_level_says_how_many_of_what_it_compared(tmp_path):
    path = exported(tmp_path, "x = [1, 2]\nprint(sum(x))", "y = max(x)\nprint(y)", "z = 2.5", observe=True)
    report = verify(path)
    assert report.ok
    assert check(report, "opens").counts["cells"] == len(read(path)["cells"])
    assert check(report, "unchanged").counts == {"checksums": 3 * len(read(path)["cells"]) + 2}
    assert check(report, "runs").counts == {"cells": 6}
    wanted = {"outputs": 2, "values": 3, "assertions": 3, "cells": 3}
    assert check(report, "same").counts == check(report, "same twice").counts == wanted
    assert "2 outputs, 3 values and 3 assertions of 3 cells" in report.text()
    assert "was not compared" not in report.text()
    plain = json.loads(json.dumps(report.plain()))
    assert next(c for c in plain["levels"] if c["level"] == "same")["counts"] == wanted


def test_same_with_nothing_of_the_run_to_compare_is_no_yes(tmp_path):
    path = resealed(exported(tmp_path, "x = [1, 2]\nsum(x)"), bare)
    report = verify(path)
    assert (report.exit_code, report.reached, report.ok) == (4, "runs", False)
    assert check(report, "same").held is None and "nothing to compare" in check(report, "same").detail
    assert [c.level for c in report.checks][-1] == "same" and "holds" not in report.text()
    assert verify(path, "runs").ok


@pytest.mark.parametrize("left", ["values", "contents", "outputs", "assertions", "evidence"])
def test_same_with_anything_of_the_run_to_compare_holds_by_that_alone(tmp_path, left):
    params = {"spare": 1} if left == "evidence" else None  # then the end alone is asserted
    whole = read(exported(tmp_path, "x = [1, 2]\nprint(sum(x))", observe=True, params=params))

    def change(book):
        kept = {c["id"]: c for c in whole["cells"]}
        bare(book)
        step = next(c for c in book["cells"] if c["id"] == "r1-0")
        mine, whose = step["metadata"]["llmos_nb"], kept["r1-0"]["metadata"]["llmos_nb"]
        if left == "evidence":
            book["cells"].append(kept["evidence"])
            kept["evidence"]["metadata"]["llmos_nb"].pop("contents")
        elif left == "assertions":
            book["cells"].append(kept["r1-0-check"])
        elif left == "outputs":
            step["outputs"], mine["shown"] = kept["r1-0"]["outputs"], "observed"
        else:
            mine[left] = whose[left]

    report = verify(resealed(tmp_path / "x.ipynb", change), "same")
    assert report.ok, report.text()
    counts = check(report, "same").counts
    name = {"evidence": "assertions", "contents": "values"}.get(left, left)
    assert {k for k, n in counts.items() if n} == {name, "cells"}


def test_notebook_whose_cells_are_comments_alone_ran_nothing(tmp_path):
    def comments(book):
        bare(book)
        for c in book["cells"]:
            if c["cell_type"] == "code":
                c["source"] = "# nothing\n\n  # at all"

    report = verify(resealed(exported(tmp_path, "x = 1"), comments))
    assert (report.exit_code, report.reached) == (4, "unchanged")
    assert "nothing to compare" in check(report, "runs").detail


def test_notebook_without_cells_has_nothing_to_open(tmp_path):
    path = resealed(exported(tmp_path, "x = 1"), lambda book: book.update(cells=[]))
    report = verify(path)
    assert (report.exit_code, report.reached) == (4, "")


@pytest.mark.parametrize("observe", [False, True])
def test_bare_expression_is_compared_by_what_it_showed(tmp_path, observe):
    path = exported(tmp_path, "[2, 4]", observe=observe)
    assert verify(path, "same").ok and read(path)["metadata"]["llmos_nb"]["observed"] == observe

    def doubled(book):
        book["cells"] = [c for c in book["cells"] if c["id"] != "r1-0-check"]
        next(c for c in book["cells"] if c["id"] == "r1-0")["source"] = "[4, 8]"

    report = verify(resealed(path, doubled), "same")
    assert report.exit_code == 1 and "something else than when it was exported" in report.difference.what


def test_outputs_that_are_compared_with_nothing_are_said_and_not_counted(tmp_path):
    report = verify(exported(tmp_path, "print(1)", "x = 2\nprint(x)", without=["outputs"]), "same")
    assert report.ok and check(report, "same").counts["outputs"] == 0
    assert "what is shown in 2 cells is that of the run, and was not compared" in report.text()
    report = verify(exported(tmp_path, "print(1)", without=["outputs"]), "same")
    assert report.exit_code == 4


def test_outputs_that_are_known_to_differ_are_said_and_not_counted(tmp_path):
    report = verify(exported(tmp_path, "import time\ntime.time()", "x = 2\nprint(x)"), "same")
    assert report.ok and check(report, "same").counts["outputs"] == 1
    assert "what is shown in 1 cell may be another thing each time, and was not compared" in report.text()


def test_outputs_of_the_run_are_compared_and_counted(tmp_path):
    report = verify(exported(tmp_path, "print(1)", "x = 2\nprint(x)"), "same")
    assert report.ok and check(report, "same").counts["outputs"] == 2
    assert "was not compared" not in report.text()

    def other(book):
        next(c for c in book["cells"] if c["id"] == "r2-0")["outputs"][0]["text"] = "3\n"

    report = verify(resealed(tmp_path / "x.ipynb", other), "same")
    assert report.exit_code == 1 and "something else than when it was exported" in report.difference.what


@pytest.mark.parametrize("params", [None, {"spare": 1}])
def test_assertion_over_a_type_alone_is_not_counted(tmp_path, params):
    path = exported(tmp_path, "x = object()", params=params)
    assert "assert type(x).__name__ == 'object'" in "".join(str(c["source"]) for c in read(path)["cells"])
    report = verify(path, "same")
    assert report.exit_code == 4 and not any(check(report, "same").counts.values())


def test_assertions_in_steps_are_counted_where_the_export_made_them(tmp_path):
    def asserted(book):
        bare(book)
        step = next(c for c in book["cells"] if c["id"] == "r1-0")
        step["source"] += "\nassert x == [1, 2]\nassert len(x) == 2"
        step["metadata"]["llmos_nb"]["asserted"] = 1

    path = resealed(exported(tmp_path, "x = [1, 2]"), asserted)
    assert check(verify(path, "same"), "same").counts["assertions"] == 1


def test_output_that_is_volatile_throughout_is_not_counted(tmp_path):
    path = exported(tmp_path, "import time\nprint(time.perf_counter())", "print('fixed')", observe=True)
    report = verify(path, "same")
    assert report.ok and check(report, "same").counts["outputs"] == 1


@pytest.mark.parametrize(
    "about",
    [{"schema": 1}, {"schema": 1, "processes": 3}, {"schema": 1, "processes": [{}], "journals": [{}]},
     {"schema": 1, "cells": [{}]}, {"schema": 1, "processes": [{"pid": 1, "journal": 4}]}],
)  # fmt: skip
@pytest.mark.parametrize("level", ["unchanged", "same twice"])
def test_record_that_makes_no_sense_is_named_not_raised(tmp_path, about, level):
    path = tmp_path / "x.ipynb"
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "x"}
    path.write_text(json.dumps({"cells": [cell], "metadata": {"llmos_nb": about}, "nbformat": 4, "nbformat_minor": 5}))
    report = verify(path, level)
    assert (report.exit_code, report.reached) == (2, "opens") and report.differences


@pytest.mark.parametrize(
    ("code", "last", "state", "words"),
    [
        (0, "same", "valid", "holds: opens"), (0, "same", "unsigned", "unsigned: who wrote it cannot be known"),
        (0, "same", "unvouched", "nobody vouches for"), (0, "same", "unchecked", "its signature was not checked"),
        (1, "same", "valid", "does not hold"), (2, "unchanged", "", "changed since it was exported"),
        (2, "signed", "broken", "not what was signed"), (2, "signed", "unvouched", "nobody of the allowed signers"),
        (2, "journal", "valid", "not what its journal says"), (3, "opens", "", "not verified"),
        (4, "same", "valid", "there was nothing to compare for 'same'"),
    ],
)  # fmt: skip
def test_verdict_says_no_more_than_was_compared(code, last, state, words):
    checks = [Check("opens", True), Check(last)]
    text = Report("x", checks=checks, exit_code=code, signature={"state": state} if state else {}).text()
    assert words in text and ("cannot be known" in text) == (code == 0 and state != "valid")
    assert ("holds:" in text) == (code == 0)
