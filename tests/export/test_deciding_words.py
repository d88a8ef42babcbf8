"""Words of an export about decisions, each where it must not be said; `docs/claims.md` lists all of them."""

import pytest
from process_runs import ProcessRun
from turns import python

import llmos_nb as llmos
from llmos_nb.export import export
from llmos_nb.export.cells import read
from llmos_nb.export.provenance import _granted
from llmos_nb.export.verify.journal import compare
from llmos_nb.journal.events import former


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def exported(folder, to, **decided):
    run = ProcessRun("Add it up", folder, "sum")
    run.begin()
    run.step("total = 3", **decided)
    run.end("Done.")
    path = export(run.source(), to)
    if path.suffix == ".md":
        return path.read_text()
    return "\n".join(c["source"] for c in read(path)["cells"] if c["cell_type"] == "markdown")


@pytest.mark.parametrize("by", ["you", "Prof. X", ""])
def test_a_call_is_covered_by_the_users_words_only_where_those_let_it_through(tmp_path, by):
    assert "own words" not in exported(tmp_path, "x.ipynb", **({"by": by} if by else {}))


def test_a_decision_is_not_said_to_be_needless_where_somebody_or_the_mode_decided(tmp_path):
    for name, decided in (("a", {"by": "you"}), ("b", {})):
        (tmp_path / name).mkdir()
        assert "no decision was needed" not in exported(tmp_path / name, f"{name}.ipynb", **decided)


@pytest.mark.parametrize("by", ["you", "Prof. X", ""])
def test_a_call_that_was_in_no_doubt_is_not_said_to_be_confirmed(tmp_path, by):
    assert "confirmed" not in exported(tmp_path, "methods.md", **({"by": by} if by else {}))


def test_a_supplement_says_how_many_values_are_compared_and_of_none_that_none_is(tmp_path):
    text = exported(tmp_path, "methods.md")
    assert "values are compared" in text and "no value is compared" not in text
    run = ProcessRun("Look", tmp_path, "look")
    run.begin()
    run.step("import time\nnow = time.time()")
    run.end("Done.")
    text = export(run.source(), "clock.md").read_text()
    assert "no value is compared" in text and "values are compared" not in text


@pytest.mark.parametrize("text", ["ops:anna", "rule:first", "mode:", "deadline", "process 2"])
def test_nothing_is_said_to_be_approved_by_whom_nobody_can_read_or_who_did_not_look(text):
    assert "approved" not in _granted(former(text), "") and _granted(former("anna"), "") == "approved by anna"


async def test_what_the_model_said_stands_once_a_turn(script, tmp_path):
    calls = [{"name": "python", "arguments": {"code": f"{name} = {n}"}} for n, name in enumerate("abc")]
    model = script({"text": "I bind three names. They are small.", "calls": calls}, {"text": "Done."})
    proc = await llmos.run("Bind.", model=model, namespace={}, approve="auto", plan="none")
    path = proc.export(tmp_path / "x.ipynb", run=False)
    text = "\n".join(c["source"] for c in read(path)["cells"] if c["cell_type"] == "markdown")
    assert text.count("I bind three names") == text.count("They are small") == 1 and text.count("Call r1.") == 3
    assert compare(read(path), {proc.pid: proc.journal.path})[0] == []


@pytest.mark.parametrize("label", ["untrusted", ""])
async def test_an_export_says_from_which_call_on_a_process_had_read_untrusted_data_and_of_no_other(
    script, tmp_path, label
):
    model = script(python("k = 1"), python("n = len(mail)"), {"text": "Done."})
    proc = await llmos.run(
        "Count with `k`.",
        model=model,
        namespace={"mail": "words of others", "k": 0},
        approve="auto",
        plan="none",
        labels={"mail": label} if label else {},
    )
    path = proc.export(tmp_path / "x.ipynb", run=False)
    (head,) = [c["source"] for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "course"]
    assert ("read untrusted data (since call r2.0)" in head) is bool(label)
    assert "untrusted" in head or not label
    assert compare(read(path), {proc.pid: proc.journal.path})[0] == []


async def test_a_step_is_said_to_be_redone_once_it_was_put_back_and_not_before(script, tmp_path):
    proc = await llmos.run(
        "Count.", model=script(python("n = 3"), {"text": "Done."}), namespace={}, approve="auto", plan="none"
    )
    await proc.undo()
    text = proc.export(tmp_path / "x.md", run=False).read_text()
    assert "undone, " in text and "redone" not in text
    await proc.redo()
    notes = [c["source"] for c in read(proc.export(tmp_path / "x.ipynb", run=False))["cells"]]
    (note,) = [text for text in notes if "Call r1.0" in text]
    assert note.index("redone") > note.index("undone")
