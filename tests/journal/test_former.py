"""Journals that the former version of the format wrote: they load, fold and export as they did then."""

import json
from pathlib import Path

import pytest

import llmos_nb as llmos
from llmos_nb.journal import read
from llmos_nb.journal.events import RunStarted, Unknown
from llmos_nb.journal.events.decider import typed
from llmos_nb.views import audit
from llmos_nb.views.timeline import Timeline

FORMER = Path(__file__).parent / "former"
EXPECTED = json.loads((FORMER / "expected.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_former_journal_folds_to_what_it_was(name):
    process, wanted = llmos.replay(FORMER / name), EXPECTED[name]
    s = process.run.state
    assert (s.status, s.reason, s.answer) == (wanted["status"], wanted["reason"], wanted["answer"])
    assert {key: call.status for key, call in s.calls.items()} == wanted["calls"]
    assert [[step.n, step.title, step.status] for step in s.plan.steps] == wanted["plan"]
    assert s.undone == wanted["undone"]
    assert {u: s.spent[u] for u in wanted["spent"]} == wanted["spent"]
    assert [m.role for m in s.context.messages()] == wanted["prompt"]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_former_journal_exports_the_code_it_did(name, tmp_path):
    path = llmos.replay(FORMER / name).export(tmp_path / "run.ipynb", run=False)
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    code = ["".join(c["source"]) for c in cells if c["metadata"]["llmos_nb"]["role"] != "lock"]
    assert code == EXPECTED[name]["code"]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_former_journal_is_of_version_1_and_knows_all_its_kinds(name):
    events = read(FORMER / name / "journal.jsonl")
    assert isinstance(events[0].body, RunStarted) and events[0].body.version == 1
    assert [e.k for e in events if isinstance(e.body, Unknown)] == []
    assert [e.body.plain() == typed(e.d) for e in events] == [True] * len(events)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_former_journal_says_in_words_who_decided(name, tmp_path):
    """Its texts are read as kinds and names: in the methods, in the timeline and in the audit."""
    process = llmos.replay(FORMER / name)
    methods = process.export(tmp_path / "methods.md", run=False).read_text()
    process.export(tmp_path / "run.ipynb", run=False, crate=tmp_path / "crate")
    methods += (tmp_path / "crate" / "ro-crate-metadata.json").read_text()
    said = [methods, *(e["t"] for e in Timeline(process.events).events)]
    said += [f"by {d.by.describe()}" for d in audit.decisions(process.events)]
    raw = {e.d["by"] for e in process.events if isinstance(e.d.get("by"), str)}
    assert [t for t in said for by in raw if ":" in by and by in t] == []
    assert [t for t in said if "somebody unknown" in t or "by nobody" in t] == []
