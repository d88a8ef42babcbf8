"""The journal beside a notebook: whether it is its journal, and each thing that both say."""

import shutil
from dataclasses import replace

import pytest
from corpus.forgery import about, allowed, cell, new_key, sealed_again
from corpus.kept import kept, rechained, write
from process_runs import PLAIN, ProcessRun, process_run
from real_runs.cases import SCENARIOS

from llmos_nb.errors import UsageError
from llmos_nb.export import export
from llmos_nb.export.cells import read, write as write_book
from llmos_nb.export.source import SCHEMA
from llmos_nb.export.verify import sign, verify
from llmos_nb.export.verify.journal import compare
from llmos_nb.journal.events import YOU


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.chdir(tmp_path)


def run(folder, total="total = 3\nprint(total)"):
    r = ProcessRun("Add it up", folder, "sum")
    r.begin(
        ("Add", "a number"),
    )
    r.step(total, by="you")
    r.step("twice = 2 * total", by="Prof. X", edited_from="twice = 3 * total")
    r.step("never = 1", reject="not wanted")
    r.end("It is 6.")
    return r


@pytest.fixture
def pair(tmp_path):
    """A notebook with its journal, and the run behind them."""
    runner = run(tmp_path)
    return export(kept(runner, tmp_path / "home"), tmp_path / "out" / "x.ipynb"), runner


def journal_of(tmp_path):
    return tmp_path / "home" / "journal.jsonl"


def check(path, **how):
    report = verify(path, "unchanged", **how)
    return report, next((c for c in report.checks if c.level == "journal"), None)


def changed(path, change):
    """Change a notebook and make its checksums anew."""
    book = read(path)
    change(book)
    return sealed_again(write_book(book, path))


def test_notebook_and_journal_that_say_the_same_hold_with_counts(pair):
    path, runner = pair
    assert about(read(path))["processes"][0]["journal"]["path"] == "../home/journal.jsonl"
    report, found = check(path)
    assert report.ok and found.held
    wanted = {
        "events": len(runner.events),
        "facts": 5,
        "decisions": 2,
        "notes": 5,  # of these one on a refusal, and one on how all came about
        "answers": 1,
        "steps": 2,
        "outputs": 1,
        "values": 4,  # two, each in words and as an assertion
    }
    assert found.counts == wanted
    assert "as in the journal" in report.text() and "2 decisions" in report.text()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PLAIN)
def test_each_run_of_the_corpus_agrees_with_its_journal(name, tmp_path):
    (tmp_path / "work").mkdir()
    source = kept(process_run(SCENARIOS[name], tmp_path / "work"), tmp_path / "home")
    found, counts = compare(read(export(source, tmp_path / "out" / "x.ipynb")), {source.pid: journal_of(tmp_path)})
    assert (found, counts["events"]) == ([], len(source.events))
    assert counts["decisions"] and counts["notes"]


def swap(name, old, new):
    def change(book):
        assert old in cell(book, name)["source"]
        cell(book, name)["source"] = cell(book, name)["source"].replace(old, new)

    return change


def put(name, **values):
    return lambda book: cell(book, name)["metadata"]["llmos_nb"].update(values)


def record(**values):
    return lambda book: about(book)["processes"][0].update(values)


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        (swap("r1-0-note", "approved by the user", "approved by Prof. X"), "cell r1-0-note", "does not say what the journal says"),
        (swap("r1-0-note", "approved by the user", "approved by the user and by Prof. X"), "cell r1-0-note", "does not say"),
        (swap("r2-0-note", "edited", "praised"), "cell r2-0-note", "does not say"),
        (swap("answer", "It is 6", "It is 7"), "cell answer", "does not say"),
        (swap("course", "of script", "of another"), "cell course", "does not say"),
        (swap("head", "Add it up", "Count"), "cell head", "does not say"),
        (put("r1-0", by={"kind": "person", "name": "Prof. X"}), "cell r1-0", "'name': 'Prof. X'}, not {"),
        (put("r1-0", tool="search"), "cell r1-0", "tool 'search', not 'python'"),
        (put("r1-0", call="r9.0"), "cell r1-0", "the journal has no call r9.0"),
        (put("r1-0", call="r3.0"), "cell r1-0", "the journal has no call r3.0 that ran and stands"),
        (record(goal="Multiply it"), "metadata.llmos_nb", "its goal is not that of the journal"),
        (record(model="another"), "metadata.llmos_nb", "its model is not that of the journal"),
        (record(answer="It is 7."), "metadata.llmos_nb", "its answer is not that of the journal"),
        (record(reason="stopped"), "metadata.llmos_nb", "its reason is not that of the journal"),
        (record(name="product"), "metadata.llmos_nb", "its name is not that of the journal"),
        (swap("r1-0", "total = 3", "total = 4"), "cell r1-0", "its code is not that of the journal"),
        (swap("r1-0", "total = 3", "total = 3\ntotal += 1"), "cell r1-0", "its code is not that of the journal"),
        (swap("r2-0", "2 * total", "3 * total"), "cell r2-0", "its code is not that of the journal"),
        (swap("r1-0", "total = 3", "total = 3\nassert exec('total = 4') is None"), "cell r1-0", "its code is not that of the journal"),
        (swap("r1-0-check", "total == 3", "total == 4"), "cell r1-0-check", "what it asserts of total is not"),
        (swap("r1-0-check", "assert total == 3", "assert type(total).__name__ == 'float'"), "cell r1-0-check", "what it asserts of total is not"),
        (put("r1-0", contents={"total": "4"}), "cell r1-0", "what it says of total is not what the journal has"),
        (swap("r1-0-check", "assert ", "total = 4\nassert "), "cell r1-0-check", "it does more than compare"),
        (lambda book: cell(book, "r1-0")["outputs"][0].update(text="4\n"), "cell r1-0", "its outputs are not those"),
        (lambda book: cell(book, "r1-0").update(outputs=[]), "cell r1-0", "its outputs are not those"),
    ],
)  # fmt: skip
def test_what_the_journal_does_not_say_is_named_though_checksums_fit(pair, change, where, what):
    path, _ = pair
    report, found = check(changed(path, change))
    assert next(c for c in report.checks if c.level == "unchanged").held
    assert (report.exit_code, found.held) == (2, False)
    assert any(d.where == where and what in d.what for d in report.differences), report.text()
    assert "it is not what its journal says" in report.text()


def test_value_that_a_step_shows_is_that_of_the_journal(tmp_path):
    path = export(kept(run(tmp_path, "total = 3\ntotal + 1"), tmp_path / "home"), tmp_path / "out" / "x.ipynb")
    assert check(path)[0].ok
    report, found = check(changed(path, swap("r1-0-check", "_given == 4", "_given == 3")))
    assert (report.exit_code, found.held) == (2, False)
    assert "what it asserts of _given is not what the journal has" in report.text()


def test_picture_of_a_step_is_that_of_the_journal(tmp_path):
    (tmp_path / "work").mkdir()
    runner = process_run(SCENARIOS["plot_line"], tmp_path / "work")
    path = export(kept(runner, tmp_path / "home"), tmp_path / "out" / "x.ipynb")
    assert check(path)[1].held and check(path)[1].counts["outputs"]

    def other_picture(book):
        shown = [o for c in book["cells"] for o in c.get("outputs", ()) if "image/png" in o.get("data", {})]
        shown[0]["data"]["image/png"] = "QUJD"

    report, found = check(changed(path, other_picture))
    assert (report.exit_code, found.held) == (2, False)
    assert "its outputs are not those that the journal has" in report.text()


@pytest.fixture
def two(tmp_path):
    """A notebook of one process, with what it needs of another one, and their journals by number."""
    (tmp_path / "second").mkdir()
    first = ProcessRun("Add it up", tmp_path, "sum")
    first.begin()
    first.step("total = 3")
    first.end("It is 3.")
    second = ProcessRun("Double it", tmp_path / "second", "double", after=first)
    second.begin()
    second.step("twice = 2 * total\ntwice")
    second.end("It is {{twice}}.")
    runs = [replace(first.source(pid=1), wanted=False), second.source(pid=2)]
    paths = dict(enumerate((r.process.journal.path for r in (first, second)), 1))
    return export(runs, tmp_path / "out" / "x.ipynb"), paths


def test_notebook_of_one_of_two_processes_agrees_with_their_journals(two):
    path, paths = two
    book = read(path)
    assert (
        "Add it up" not in cell(book, "head")["source"] + cell(book, "course")["source"]
        and len(about(book)["processes"]) == 2
    )
    found, counts = compare(book, paths)
    # its words, its code, what that showed, and what is asserted of it
    assert (found, counts["answers"], counts["decisions"]) == ([], 4, 2)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (swap("head", "double", "treble"), "cell head"),
        (swap("process-2", "Double it", "Treble it"), "cell process-2"),
        (swap("course-2", "approvals: auto", "approvals: step"), "cell course-2"),
        (swap("answer", "It is 6", "It is 7"), "cell answer"),
        (swap("answer-2", "twice", "(twice + 1)"), "cell answer-2"),
        (swap("answer-check", "6", "7"), "cell answer-check"),
        (lambda book: about(book)["processes"][0].update(goal="Multiply"), "metadata.llmos_nb"),
    ],
)
def test_what_the_journals_of_two_processes_do_not_say_is_named(two, change, where):
    path, paths = two
    book = read(path)
    change(book)
    assert [d.where for d in compare(book, paths)[0]] == [where]


def test_answer_of_a_process_that_gave_none_is_named(tmp_path):
    runner = run(tmp_path)
    path = export(kept(runner, tmp_path / "home"), tmp_path / "out" / "x.ipynb")
    book = read(path)
    about(book)["processes"][0]["answer"] = ""
    runner.events = rechained(runner.events, lambda k, d: {**d, "answer": ""} if k == "run.ended" else d)
    about(book)["processes"][0]["journal"]["hash"] = runner.events[-1].hash
    write(runner.events, journal_of(tmp_path))
    found, _ = compare(book, {about(book)["processes"][0]["pid"]: journal_of(tmp_path)})
    assert [d.where for d in found] == ["cell answer"]


def test_a_notebook_of_a_former_version_names_by_a_text_who_decided(pair):
    path, _ = pair
    report, found = check(changed(path, put("r1-0", by="you")))
    assert report.ok and found.held and found.counts["decisions"] == 2
    report, _ = check(changed(path, put("r1-0", by="mode:auto")))
    assert report.difference.where == "cell r1-0" and "'kind': 'mode'" in report.difference.what


def test_another_journal_is_named(pair, tmp_path):
    path, _ = pair
    kept(run(tmp_path, "total = 4\nprint(total)"), tmp_path / "home")
    report, _ = check(path)
    assert report.exit_code == 2 and report.difference.where == "journal of process 1"
    assert "it does not hold the event that the notebook names" in report.difference.what


def another_approver(k, d):
    return {**d, "by": {"kind": "person", "name": "Prof. X"}} if k == "call.decided" and d["by"] == YOU.plain() else d


def test_journal_that_was_edited_and_chained_anew_is_named(pair, tmp_path):
    path, runner = pair
    write(rechained(runner.events, another_approver), journal_of(tmp_path))
    report, _ = check(path)
    assert report.exit_code == 2 and "was written anew" in report.difference.what


def test_journal_that_was_edited_is_named_with_its_line(pair, tmp_path):
    path, _ = pair
    text = journal_of(tmp_path).read_text()
    assert '"name":"you"' in text
    journal_of(tmp_path).write_text(text.replace('"name":"you"', '"name":"X"', 1))
    report, _ = check(path)
    assert report.exit_code == 2 and "line" in report.difference.what


def test_journal_that_was_cut_is_named_and_one_that_goes_on_holds(pair, tmp_path):
    path, runner = pair
    write(runner.events[:-1], journal_of(tmp_path))
    report, _ = check(path)
    assert report.exit_code == 2 and f"it has {len(runner.events) - 1} events" in report.difference.what
    count = len(runner.events)
    runner.undo()
    assert len(runner.events) > count
    write(runner.events, journal_of(tmp_path))
    report, found = check(path)
    assert report.ok and found.counts["events"] == count


def test_both_written_anew_fit_each_other_and_only_a_signature_shows_it(pair, tmp_path):
    _, runner = pair
    key = new_key(tmp_path, "anna")
    signers = allowed(tmp_path / "signers", "anna@example.org", key)
    runner.events = rechained(runner.events, another_approver)
    other = export(kept(runner, tmp_path / "home"), tmp_path / "out" / "x.ipynb")
    report, found = check(other)
    assert found.held and report.ok
    report = verify(other, "runs", trust=False)
    assert "cannot be known" in report.text()
    honest = export(kept(run(tmp_path), tmp_path / "home"), tmp_path / "out" / "y.ipynb")
    sign(honest, str(key))
    book = read(other)
    about(book)["signature"] = about(read(honest))["signature"]
    report = verify(write_book(book, other), "signed", allowed_signers=signers)
    assert report.exit_code == 2
    assert "cell r1-0-note" in report.text() and "another head of the journal" in report.text()


def test_without_a_journal_it_is_said_that_who_decided_was_compared_with_nothing(pair, tmp_path):
    path, _ = pair
    shutil.rmtree(tmp_path / "home")
    report, found = check(path)
    assert found is None and report.ok
    assert "no journal of process 1 is beside the notebook: who decided what was compared with nothing" in report.text()


def test_journal_elsewhere_is_named_by_hand_not_in_the_notebook(tmp_path, monkeypatch):
    source = kept(run(tmp_path), tmp_path / "far" / "home")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = export(source, "x.ipynb")
    assert "path" not in about(read(path))["processes"][0]["journal"]
    assert check(path)[1] is None
    for given in (tmp_path / "far" / "home", tmp_path / "far" / "home" / "journal.jsonl"):
        assert check(path, journal=given)[1].held
    with pytest.raises(UsageError, match="--journal .*there is no such file"):
        check(path, journal=tmp_path / "none")


def test_file_that_is_no_journal_is_named(pair, tmp_path):
    path, _ = pair
    journal_of(tmp_path).write_text("hello\n")
    report, _ = check(path)
    assert report.exit_code == 2 and report.difference.where == "journal of process 1"


@pytest.mark.parametrize("schema", [1, 2, 3, 4, 5])
def test_words_of_an_earlier_version_are_not_accused_and_not_called_compared(pair, schema):
    def earlier(book):
        about(book)["schema"] = schema
        for name in ("head", "r1-0-note", "answer"):
            cell(book, name)["source"] += "\n\nIn other words."

    def without(book):  # some earlier versions kept no outputs, and counted a plan that nobody had made
        cell(book, "r1-0")["outputs"] = []
        about(cell(book, "r1-0"))["step"] = 7

    assert {d.where for d in check(changed(pair[0], without))[0].differences} == {"cell r1-0"}
    path = changed(pair[0], earlier)
    report, found = check(path)
    assert report.exit_code == 0 and "in the words of an earlier version, and were not compared" in report.text()
    assert "notes" not in found.counts and "answers" not in found.counts and found.counts["decisions"] == 2
    report, _ = check(changed(path, lambda book: about(book).update(schema=SCHEMA)))
    assert report.exit_code == 2 and "r1-0-note: it does not say what the journal says" in report.text()


@pytest.mark.parametrize(
    ("of", "change"),
    [
        ("r1-0", lambda cell: cell["metadata"]["llmos_nb"].update(by={"kind": "person", "name": "Prof. X"})),
        ("r1-0", lambda cell: cell.update(source=cell["source"].replace("3", "4"))),
        ("r1-0", lambda cell: cell["outputs"][0].update(text="4\n")),
        ("r1-0-check", lambda cell: cell.update(source=cell["source"].replace("3", "4"))),
    ],
)
def test_who_decided_code_outputs_and_values_of_an_earlier_version_are_compared(pair, of, change):
    def earlier(book):
        about(book)["schema"] = 1
        change(cell(book, of))

    report, _ = check(changed(pair[0], earlier))
    assert report.exit_code == 2 and report.difference.where == f"cell {of}", report.text()
