"""How an exported notebook reads: headings, goals and answers of several processes, titles of steps, folded cells."""

import re
from dataclasses import replace

import pytest
from process_runs import ProcessRun

from llmos_nb.export import export, provenance
from llmos_nb.export.cells import read
from llmos_nb.export.markdown import words
from llmos_nb.export.verify.journal import compare


def cells_of(path):
    return [(c["metadata"]["llmos_nb"]["role"], c["source"], c["metadata"]) for c in read(path)["cells"]]


def course_of(path):
    (course,) = [source for role, source, _ in cells_of(path) if role == "course"]
    return course


def headings(path):
    words = ["".join(c["source"]) for c in read(path)["cells"] if c["cell_type"] == "markdown"]
    return [line for source in words for line in source.splitlines() if re.match(r"#{1,6} ", line)]


def two(folder):
    first = ProcessRun("Leave out the *small* ones", folder, "clean")
    first.user("sales = [3, 12, 7]")
    first.begin()
    first.step("# Small ones go\nclean = [s for s in sales if s > 5]")
    first.step("n = len(clean)")
    first.end("Two stay.\n\n# Approved by the user")
    second = ProcessRun("Sum the rest", folder, "total", after=first)
    second.user("clean = [2 * s for s in clean]")
    second.begin()
    second.step("total = sum(clean)")
    second.end("It is {{total}}.")
    return first.source(pid=1), second.source(pid=2)


def test_each_process_stands_under_its_heading_with_its_goal_and_its_answer(tmp_path):
    path = export(two(tmp_path), tmp_path / "out" / "x.ipynb")
    assert headings(path) == [
        "# clean and total", "## clean", "### Answer", "### Small ones go", "### Makes `n`",
        "## total", "### Answer", "### Makes `total`",
    ]  # fmt: skip
    roles = [role for role, *_ in cells_of(path) if role not in ("lock", "shapes", "check")]
    assert roles == [
        "head", "user", "process", "answer", "course", "note", "step", "note", "step",
        "user", "process", "answer", "course", "note", "step", "answer",
    ]  # fmt: skip
    text = [source for _, source, _ in cells_of(path)]
    for goal in ("Leave out the *small* ones", "Sum the rest"):
        assert sum(goal in source for source in text) == 1
    assert goal not in text[0]


def test_a_process_that_goes_on_behind_another_one_says_so(tmp_path):
    first, second = two(tmp_path)
    placed = {"r1.0": 2, "r2.0": 9}
    runs = [replace(first, placed=placed, answered=9), replace(second, placed={"r1.0": 5}, answered=5)]
    path = export(runs, tmp_path / "out" / "x.ipynb")
    heads = [line for line in headings(path) if line.startswith("## ")]
    assert heads == ["## clean", "## total", "## clean, continued"]


def test_one_process_has_its_goal_below_the_title_and_no_heading_of_its_own(tmp_path):
    first, _ = two(tmp_path)
    path = export(first, tmp_path / "out" / "x.ipynb")
    assert headings(path) == ["# clean", "## Answer", "## Small ones go", "## Makes `n`"]
    head, answer, course = [source for _, source, _ in cells_of(path)][:3]
    assert head == "# clean\n\nLeave out the *small* ones" and "Two stay." in answer
    assert course.startswith("<small>Made by process 1")


@pytest.mark.parametrize(
    ("said", "code", "title", "quotation"),
    [
        ("", "x = 1", "## Makes `x`", ""),
        ("", "import math\nfrom math import pi\nx = pi\nfor i in [1]:\n    pass", "## Makes `x`", ""),
        ("", "start += 1\na = b = c = d = e = 1", "## Makes `a`, `b`, `c` and 2 more, changes `start`", ""),
        ("", "rows.append(2)\ndel start", "## Changes `rows`, deletes `start`", ""),
        ("", "import math", "", ""),
        ("", "start + 1", "", ""),
        ("Now the sum.", "x = 1", "## Now the sum", ""),
        ("Now the sum. It needs the table.", "x = 1", "## Now the sum", "> It needs the table."),
        ("Sum\nof it", "x = 1", "## Sum", "> of it"),
        ("It is 3.5 now", "x = 1", "## It is 3.5 now", ""),
        ("Why not?", "# Add up\nx = 1", "## Add up", "> Why not?"),
        ("x" * 200, "x = 1", "## Makes `x`", f"> {'x' * 200}"),
        ("# <b>Approved</b>", "x = 1", "## \\# &lt;b&gt;Approved&lt;/b&gt;", ""),
    ],
)
def test_a_step_outside_a_plan_has_the_title_that_its_code_or_the_model_gives(tmp_path, said, code, title, quotation):
    run = ProcessRun("Do it", tmp_path, "do")
    run.user("start, rows = 1, [1]")
    run.begin()
    run.step(code)
    run.turns[0]["text"] = said
    run.end("Done.")
    [note] = [s for role, s, _ in cells_of(export(run.source(), tmp_path / "out" / "x.ipynb")) if role == "note"]
    *above, small = note.split("\n\n")
    assert above == [part for part in (title, quotation) if part]
    assert re.fullmatch(r"<small>Call r1\.0: [-0-9]{10} [:0-9]{8} UTC</small>", small)


def test_what_was_decided_of_most_steps_is_said_once_and_what_differs_at_its_step(tmp_path):
    run = ProcessRun("Do it", tmp_path, "do")
    run.begin()
    run.step("a = 1", by="anna")
    run.step("b = 2", by="anna")
    run.step("c = 3", by="bert")
    run.end("Done.")
    cells = cells_of(path := export(run.source(), tmp_path / "out" / "x.ipynb"))
    head, *small = [
        s.rpartition("<small>")[2].partition("</small>")[0] for role, s, _ in cells if role in ("course", "note")
    ]
    assert head.endswith(" Each step was proposed by the model and approved by anna, unless its note says otherwise.")
    at = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    assert all(re.fullmatch(rf"Call r{n}\.0: {at}", small[n - 1]) for n in (1, 2))
    assert "proposed by the model" in small[2] and "approved by bert" in small[2]
    paths = {run.process.pid: run.process.journal.path}
    assert compare(read(path), paths)[0] == []
    book = read(path)
    (course,) = [c for c in book["cells"] if c["metadata"]["llmos_nb"]["role"] == "course"]
    course["source"] = course["source"].replace("by anna", "by Prof. X")
    assert "does not say what the journal says" in str(compare(book, paths)[0])


def test_nothing_is_said_to_hold_for_each_step_where_they_differ(tmp_path):
    run = ProcessRun("Do it", tmp_path, "do")
    run.begin()
    run.step("a = 1", by="anna")
    run.step("b = 2", by="bert")
    run.end("Done.")
    head = course_of(export(run.source(), tmp_path / "out" / "x.ipynb"))
    assert "Each step" not in head


def test_the_head_says_once_what_verify_is_and_that_a_size_alone_is_checked_of_what_has_no_short_form(tmp_path):
    run = ProcessRun("Count", tmp_path, "count")
    run.begin()
    run.step("a = list(range(5_000))")
    run.step("b = [2 * x for x in a]")
    run.end("Done.")
    cells = cells_of(export(run.source(), tmp_path / "out" / "x.ipynb"))
    assert (
        "the answer gave; of a large value they check the size alone. `llmos verify FILE` (`pip install llmos_nb`) runs"
        in next(source for role, source, _ in cells if role == "course")
    )
    said = 'assert len({0}) == 5000, f"{{len({0})!r}}, and was 5000 in the run"'
    assert [source for role, source, _ in cells if role == "check"] == [said.format("a"), said.format("b")]


@pytest.mark.parametrize(("said", "quoted"), [("", False), ("Now the sum.", False), ("Now. It needs the table.", True)])
def test_the_head_says_whose_words_quotations_are_where_there_are_any(tmp_path, said, quoted):
    run = ProcessRun("Do it", tmp_path, "do")
    run.begin()
    run.step("x = 1")
    run.turns[0]["text"] = said
    run.end("Done.")
    cells = cells_of(export(run.source(), tmp_path / "out" / "x.ipynb"))
    course = next(source for role, source, _ in cells if role == "course")
    assert ("Quotations are in the words of the model." in course) is quoted
    assert any("\n> " in source or source.startswith("> ") for role, source, _ in cells if role == "note") is quoted


@pytest.mark.parametrize(
    ("by", "edited_from", "unseen"), [("mode auto", "", True), ("anna", "", False), ("mode auto", "x = 2", False)]
)
def test_the_head_says_that_nobody_looked_at_a_step_where_nobody_did(tmp_path, by, edited_from, unseen):
    run = ProcessRun("Do it", tmp_path, "do")
    run.begin()
    run.step(
        "x = 1", **({"by": by} if by != "mode auto" else {}), **({"edited_from": edited_from} if edited_from else {})
    )
    run.end("Done.")
    head = course_of(export(run.source(), tmp_path / "out" / "x.ipynb"))
    assert ("Nobody looked at the code of a step before it ran." in head) is unseen


@pytest.mark.parametrize("change", ["missing", "other"])
def test_a_file_that_is_missing_or_another_one_stops_the_notebook_before_its_work_with_its_name(tmp_path, change):
    (tmp_path / "a.csv").write_text("1\n")
    run = ProcessRun("Read", tmp_path, "read")
    run.begin()
    run.step("from pathlib import Path\nn = len(Path('a.csv').read_text())")
    run.end("Done.")
    cells = cells_of(export(run.source(), tmp_path / "out" / "x.ipynb"))
    roles = [role for role, *_ in cells]
    assert roles.index("inputs") < roles.index("note") and roles[-1] == "lock"
    assert cells[roles.index("reads")][1] == "It reads a.csv, which must be as in the run."
    (beside := tmp_path / "other").mkdir()
    (beside / "a.csv").write_text("2\n") if change == "other" else None
    code = cells[roles.index("inputs")][1].replace("Path(_name)", f"Path({str(beside)!r}, _name)")
    said = "a.csv is not here, and this notebook reads it" if change == "missing" else "a.csv is another file"
    with pytest.raises(AssertionError, match=said):
        exec(code, {})


def test_an_answer_says_which_steps_before_it_were_undone_since(tmp_path):
    run = ProcessRun("Tax it", tmp_path, "tax")
    run.begin()
    run.step("total = 40")
    run.step("total *= 2")
    run.end("With tax.")
    told = "In the model's words, before call r2.0 was undone."
    for back in (False, True):
        path = export(run.source(), tmp_path / f"{back}" / "x.ipynb")
        (answer,) = [source for role, source, _ in cells_of(path) if role == "answer"]
        assert (told in answer) is back
        run.undo()


def test_processes_without_names_stand_under_their_goals_alone(tmp_path):
    first = ProcessRun("Sum `sales_2024`.", tmp_path)
    first.begin()
    first.step("a = 1")
    first.end("Done.")
    second = ProcessRun("Go on; without *tax*.", tmp_path, after=first)
    second.begin()
    second.step("b = a")
    second.end("Done.")
    heads = headings(export([first.source(pid=1), second.source(pid=2)], tmp_path / "out" / "x.ipynb"))
    titles = ["# The work of 2 processes", "## Sum `sales_2024`.", "## Go on; without \\*tax\\*."]
    assert [h for h in heads if not h.startswith("###")] == titles


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("of `df.a_b`, `x`", "of `df.a_b`, `x`"),
        ("`a b` and `", "\\`a b\\` and \\`"),
        ("``x`` `<b>`", "\\`\\`x\\`\\` \\`&lt;b&gt;\\`"),
        ("\\`x`", "\\\\\\`x\\`"),
    ],
)
def test_names_in_backticks_are_code_and_nothing_else_is(text, said):
    assert words(text) == said


def test_what_a_reader_does_not_need_is_folded(tmp_path):
    run = ProcessRun("Draw", tmp_path, "draw", record_random=False)
    (tmp_path / "a.csv").write_text("1\n")
    run.begin()
    run.step("import random\nfrom pathlib import Path\nn = len(Path('a.csv').read_text())\nx = random.random()")
    run.end("Done.")
    path = export(run.source(), tmp_path / "out" / "x.ipynb")
    folded = [role for role, _, metadata in cells_of(path) if metadata.get("jupyter") == {"source_hidden": True}]
    shown = [role for role, *_ in cells_of(path) if role not in folded]
    assert {"lock", "seeds"} <= {*folded} and shown == ["head", "answer", "course", "reads", "note", "step"]


def test_why_a_person_refused_a_call_stands_where_it_was_said_and_as_the_journal_has_it(tmp_path):
    run = ProcessRun("Do it", tmp_path, "do")
    run.begin()
    run.step("a = 1", by="you")
    run.step("# Set *b*, too\nb = 2", reject="Only *a* is wanted.")
    run.step("c = a + 1", by="you")
    run.end("Done.")
    cells = cells_of(path := export(run.source(), tmp_path / "out" / "x.ipynb"))
    [(at, said)] = [(i, source) for i, (role, source, _) in enumerate(cells) if role == "said"]
    first, second = (i for i, (role, *_) in enumerate(cells) if role == "step")
    head, why, code = said.split("\n\n")
    assert head == "**Not run, refused by the user: Set \\*b\\*, too**" and why == "Only *a* is wanted."
    assert code == "```python\n# Set *b*, too\nb = 2\n```" and first < at < second
    book, paths = read(path), {run.process.pid: run.process.journal.path}
    assert compare(book, paths)[0] == []
    book["cells"][at]["source"] = said.replace("Only", "Not even")
    assert "does not say what the journal says" in str(compare(book, paths)[0])


def notes_of(path):
    return [source for role, source, _ in cells_of(path) if role == "note"]


def test_what_failed_before_a_step_stands_at_it_once_and_what_a_person_edited_as_it_was_proposed(tmp_path):
    run = ProcessRun("Do it", tmp_path, "do")
    run.begin()
    run.step("a = 1", by="you")
    run.step("b = a / 0", by="you")
    run.step("b = missing['```']", by="you")
    run.step("b = a + 2", edited_from="b = a + 1")
    run.step("c = b", by="you")
    run.end("Done.")
    first, second, third = notes_of(path := export(run.source(), tmp_path / "out" / "x.ipynb"))
    assert "Tried before" not in first + third and "As the model had proposed it" not in first + third
    one, other = second.index("as call r2.0, and failed: ZeroDivisionError"), second.index("as call r3.0, and failed: ")
    assert "```python\nb = a / 0\n```" in second[one:other] and "````python\nb = missing['```']\n````" in second[other:]
    assert "As the model had proposed it; below is what ran:\n\n```python\nb = a + 1\n```" in second
    book, paths = read(path), {run.process.pid: run.process.journal.path}
    assert compare(book, paths)[0] == []
    for old, new in (("b = a / 0", "b = a / 1"), ("b = a + 1", "b = a + 7"), ("r3.0", "r1.0")):
        changed = read(path)
        note = [c for c in changed["cells"] if c["metadata"]["llmos_nb"]["role"] == "note"][1]
        note["source"] = note["source"].replace(old, new)
        assert "does not say what the journal says" in str(compare(changed, paths)[0])


def test_calls_that_failed_are_looked_through_once_however_many_steps_there_are(tmp_path, monkeypatch):
    looks = []
    look = provenance.failed_before
    monkeypatch.setattr(provenance, "failed_before", lambda run: looks.append(run) or look(run))
    run = ProcessRun("Do it", tmp_path, "do")
    run.begin()
    for n in range(5):
        run.step(f"x{n} = missing")
        run.step(f"x{n} = {n}")
    run.end("Done.")
    told = notes_of(export(run.source(), tmp_path / "out" / "x.ipynb"))
    assert len(looks) == 1 and [t.count("Tried before") for t in told] == [1] * 5


@pytest.mark.parametrize("planned", [False, True])
def test_nobody_looked_at_a_step_is_said_beside_who_approved_the_plan(tmp_path, planned):
    run = ProcessRun("Do it", tmp_path, "do", mode="risky")
    run.begin()
    if planned:
        run.propose_plan("Set a", "Set b")
    run.step("a = 1")
    run.end("Done.")
    path = export(run.source(), tmp_path / "out" / "x.ipynb")
    course = course_of(path)
    assert ("Nobody looked at the code of a step" in course) is not planned
    assert ("The plan was approved, and nobody looked at the code of a step" in course) is planned


def test_of_an_export_from_the_journal_imports_and_functions_are_no_values_that_are_missing(tmp_path):
    run = ProcessRun("Do it", tmp_path, "do")
    run.begin()
    run.step(
        "import json, textwrap as wrap\nfrom math import floor\n\n\ndef half(n):\n    return n / 2\n\n\nclass Box:\n    pass"
    )
    run.step("json = half(4)\ntwo = floor(2.5)")
    run.end("Done.")
    gone = run.source(namespace={})
    for call in gone.state.calls.values():
        call.facts.pop("content", None)
    said = "\n".join(s for role, s, _ in cells_of(export(gone, tmp_path / "out" / "x.ipynb")) if role == "evidence")
    named = {line.split()[1] for line in said.splitlines() if "is not checked" in line}
    assert named == {"json", "two"}  # the values that a step bound, the one that takes an import's name too
