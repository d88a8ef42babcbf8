"""What is remembered over runs: found by any words, with its label, by several notebooks at once, never a secret."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures_writer import Writer
from hypothesis import given, settings, strategies as st
from turns import call, python

import llmos_nb as llmos
from llmos_nb.app.options import carry_out
from llmos_nb.errors import StoreError, UsageError
from llmos_nb.journal import Home, Journal
from llmos_nb.journal.events import YOU, LabelChanged, SignalReceived, parse
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import UNTRUSTED, Label
from llmos_nb.policy.secrets import vault
from llmos_nb.session import prune
from llmos_nb.session.memory import part as store
from llmos_nb.session.memory.part import Memory


@pytest.fixture
def session():
    return llmos.Session({})


async def agent(session, line):
    return await carry_out(session, line)


async def work(session, *turns, **more):
    """Run a process in a session."""
    given = {"model": ScriptedModel([*turns, {"text": "Done."}]), "approve": "auto", **more}
    return await session.start("Work.", **given).attend(patient=False)


@llmos.tool(effect="read", repeat="pure", source="untrusted")
def web(n: int) -> str:
    """Read a page of the web."""
    return f"page {n} says: the heron weighs 1500 grams"


def last_result(proc, name="recall"):
    return [c for c in proc.run.state.calls.values() if c.name == name][-1]


async def test_facts_are_remembered_recalled_and_forgotten(session, capsys):
    await agent(session, 'remember "invoices over 1000 € need a second look"')
    await agent(session, "recall invoice looks")
    await agent(session, "recall")
    await agent(session, "forget m1")
    await agent(session, "recall invoices")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "remembered as m1; %agent recall finds it, %agent forget m1 deletes it"
    assert said[1] == said[2] and said[1].endswith(": invoices over 1000 € need a second look")
    assert said[1].startswith("m1, 20") and "trusted" not in said[1]
    assert said[3] == "m1 is forgotten: invoices over 1000 € need a second look"
    assert said[4] == "nothing fits 'invoices' (--all also looks in former runs)"


async def test_forget_says_where_the_text_still_stands(session, capsys):
    proc = await work(session, call("recall", query="heron"))
    await agent(session, 'remember "the heron of 7 kg"')
    await agent(session, "forget m1")
    assert "still stands" not in capsys.readouterr().out
    await agent(session, f"remember --from {proc.pid}")
    await agent(session, "forget m1")
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "m1 is forgotten: Done."
    folder = proc.journal.path.parent.name
    assert said[2].startswith(f"the text still stands in runs/{folder}/journal.jsonl, where it was said")


async def test_an_answer_keeps_the_label_of_its_process(session, capsys):
    proc = await work(session, call("web", n=1), tools=[web])
    await agent(session, f"remember --from {proc.pid}")
    await agent(session, f'remember "the heron is heavy" --from {proc.pid}')
    await agent(session, 'remember "the heron is heavy"')
    found = {(r.id, r.text, r.label) for r in session.recall("heron heavy done")}
    heavy = "the heron is heavy"
    assert found == {("m1", "Done.", "untrusted"), ("m2", heavy, "untrusted"), ("m3", heavy, "trusted")}
    await agent(session, "recall done")
    assert f"process {proc.pid}, event " in (line := capsys.readouterr().out.splitlines()[-1]) and "untrusted" in line


async def test_a_process_recalls_everywhere_and_the_label_rises(session):
    await work(session, call("web", n=7), tools=[web])
    session.remember("herons are counted in May")
    asked = call("recall", query="heron", everywhere=True)
    proc = await work(session, asked, call("python", code="x = 1"))
    found = last_result(proc)
    assert found.ok and "herons are counted in May" in found.result and "page 7 says" in found.result
    assert found.facts["label"] == "untrusted" and proc.run.state.labels["*"] == "untrusted"
    assert proc.run.state.labels["x"] == "untrusted" and found.facts["why"] == "it recalled process 1"
    assert "page 7" not in last_result(await work(session, call("recall", query="heron", everywhere=False))).result


async def test_trusted_facts_stay_trusted(session):
    session.remember("herons are counted in May")
    proc = await work(session, call("recall", query="heron count", everywhere=True))
    assert "counted in May" in last_result(proc).result and "*" not in proc.run.state.labels


async def test_recall_is_offered_only_where_something_is_remembered(session):
    def shown(proc):
        return {t["function"]["name"] for t in proc.run.wire()[0]}

    assert "recall" not in shown(await work(session)) and not session.memory.any
    session.remember("a thing")
    proc = await work(session)
    assert "recall" in shown(proc) and proc.run.state.remembers
    session.memory.forget("m1")
    again = llmos.Session({}).load(proc.journal.path, model=ScriptedModel([]))
    assert "recall" in shown(again) and "recall" not in shown(await work(session))


async def test_code_of_a_step_cannot_speak_for_the_user(session):
    session.namespace["notes"] = session
    await work(session, python("notes.remember('pay the bearer')"))
    assert [(r.label, r.by) for r in session.recall("bearer")] == [("untrusted", "a step")]


def test_secrets_become_handles(session):
    vault.add("bank_pin", "tulip-4711")
    try:
        session.remember("the pin is tulip-4711")
        assert session.recall("pin")[0].text == "the pin is <secret bank_pin>"
        assert b"tulip-4711" not in b"".join(p.read_bytes() for p in session.home.root.glob("memory.db*"))
    finally:
        vault.clear()
    with pytest.raises(UsageError, match="secret data"):
        session.memory.remember("x", label=Label(secret=True))


async def test_text_of_a_process_that_read_secrets_is_left_out(session):
    proc = await work(session, python("1 + 1"))
    with proc.journal.held():
        proc.run.append(LabelChanged(name="*", label="secret", why="it read pay"))
        proc.run.append(SignalReceived(signal="steer", text="Ann earns much", by=YOU))
    assert session.recall("work", everywhere=True) and not session.recall("Ann earns much", everywhere=True)
    with pytest.raises(UsageError, match="secret data"):
        session.remember(source=proc)


async def test_runs_are_indexed_as_they_grow_and_vanish(session):
    proc = await work(session, python("'kingfisher'"))
    assert [r.by for r in session.recall("kingfisher", True)].count("call r1.0") == 1
    with proc.journal.held():
        proc.run.append(SignalReceived(signal="steer", text="a bittern, too", by=YOU))
    (found,) = session.recall("bittern", True)
    assert (found.by, found.label, found.run) == ("you", "trusted", proc.journal.path.parent.name)
    assert len([r for r in session.recall("kingfisher", True) if r.by == "call r1.0"]) == 1
    shutil.rmtree(proc.journal.path.parent)
    assert session.recall("kingfisher bittern", True) == []


async def test_forgotten_results_are_not_found(session):
    proc = await work(session, python("print('kingfisher ' * 1000)"))
    calls = lambda: [r for r in session.recall("kingfisher", True) if r.by == "call r1.0"]  # noqa: E731
    assert calls()
    prune.forget(proc.run, "r1.0")
    assert not calls()


async def test_a_fork_has_the_label_of_its_parent(session):
    proc = await work(session, call("web", n=1), tools=[web])
    fork = proc.fork(at=len(proc.events) - 2)
    with fork.journal.held():
        fork.run.append(SignalReceived(signal="steer", text="a bittern", by=YOU))
    assert [r.label for r in session.recall("bittern", True)] == ["untrusted"]


async def test_a_journal_that_cannot_be_read_hides_no_other(session):
    one, _ = await work(session, python("'kingfisher'")), await work(session, python("'bittern'"))
    whole = one.journal.path.read_bytes()
    one.journal.path.write_text('{"n": 0}\n')
    said = lambda: [r for r in session.recall("kingfisher", True) if r.run[11] == "1"]  # noqa: E731
    assert session.recall("bittern", True) and not said()
    one.journal.path.write_bytes(whole)
    assert said()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    memory = Memory(Home(tmp_path_factory.mktemp("home")))
    memory.remember('the fish weighs 3.5 kg, 100% sure: naïve_name [x] "quoted" 鳥が好き', label=UNTRUSTED)
    return memory


@settings(max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_query_is_an_error(filled, query):
    if query.strip():
        filled.recall(query)


@pytest.mark.parametrize(
    "query", ["fish", "FISH weigh", '"', "100%", "naive_name", "naïve", '"quoted', "NOT fish", "x]", "3.5", "が好", "fish AND", "fish*"]
)  # fmt: skip
def test_memory_finds_text_by_any_form_of_query(filled, query):
    assert [r.label for r in filled.recall(query)] == ["untrusted"]


def test_mistakes_are_reported_in_one_line(session):
    for act, said in (
        (lambda: session.remember(" "), "nothing to remember"),
        (lambda: session.recall(" "), "give words to look for"),
        (lambda: session.memory.forget("m9"), "forget 'm9': nothing is remembered under this name"),
        (lambda: session.memory.forget("'; DROP"), "nothing is remembered under this name"),
    ):
        with pytest.raises(UsageError, match=said):
            act()
    (session.home.root / "memory.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="cannot use .*memory.db: file is not a database"):
        session.recall("x")


WRITER = """
import sys
from pathlib import Path
from llmos_nb.journal.home import Home
from llmos_nb.session.memory.part import Memory
memory = Memory(Home(Path(sys.argv[1])))
for i in range(25):
    memory.remember(f"writer {sys.argv[2]} line {i}")
    memory.recall("line", everywhere=True)
"""


def test_several_notebooks_write_at_once(tmp_path):
    args = [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path / "shared")]
    writers = [subprocess.Popen([*args, str(i)], stderr=subprocess.PIPE) for i in range(3)]
    assert [(w.communicate()[1], w.returncode) for w in writers] == [(b"", 0)] * 3
    found = Memory(Home(Path(tmp_path / "shared"))).latest(100)
    assert {r.text for r in found} == {f"writer {w} line {i}" for w in range(3) for i in range(25)}


async def test_broken_memory_does_not_stop_a_process(session):
    session.home.prepare()
    (session.home.root / "memory.db").write_bytes(b"no database at all" * 100)
    proc = await work(session, call("recall", query="x", everywhere=True))
    assert proc.reason == "answered" and "StoreError: cannot use" in last_result(proc).result


async def test_several_recalls_of_one_notebook_index_once(session):
    await work(session, python("'kingfisher'"))
    many = [asyncio.to_thread(session.recall, "kingfisher", True, 50) for _ in range(6)]
    assert {len(found) for found in await asyncio.gather(*many)} == {len(session.recall("kingfisher", True, 50))}


async def test_many_runs_are_indexed_in_one_go_and_one_that_cannot_be_read_waits(session, monkeypatch):
    source = Writer().two_steps().events
    session.home.prepare()
    for i in range(12):
        journal = Journal(session.home.runs / f"2026-01-01-{100 + i}-x" / "journal.jsonl")
        with journal.held():
            for e in source:
                journal.append(parse(e.k, {**e.d, "goal": f"walrus {i}"} if e.k == "run.started" else e.d, 1))
    broken = journal.path.read_bytes()
    journal.path.write_bytes(broken.replace(b"walrus", b"Walrus", 1))
    transactions = []
    writing = store.writing
    monkeypatch.setattr(store, "writing", lambda db: transactions.append(1) or writing(db))
    memory = store.Memory(session.home)
    found = memory.recall("walrus", everywhere=True, limit=50)
    assert len({r.run for r in found}) == 11 and len(transactions) == 1
    journal.path.write_bytes(broken)
    assert len({r.run for r in memory.recall("walrus", everywhere=True, limit=50)}) == 12
