"""States saved beside long journals: they give what all events give, or are not used; nothing in them is believed."""

import json
import shutil
from pathlib import Path

import pytest
from fixtures_journals import STATES
from hypothesis import given, settings, strategies as st

import llmos_nb as llmos
from llmos_nb.errors import CallDenied, JournalTampered
from llmos_nb.journal import GENESIS, Blobs, history, read, reference
from llmos_nb.journal.events import YOU, SignalReceived, StateSaved, Unknown
from llmos_nb.journal.journal import chained
from llmos_nb.messages import compact
from llmos_nb.process import open_journal, saved
from llmos_nb.process.saved import from_plain, to_plain
from llmos_nb.process.state.fold import fold
from llmos_nb.session.prune import forget
from llmos_nb.views import audit

FORMER = Path(__file__).parents[1] / "journal" / "former"
RUNS = {
    **{name: make().events for name, make in STATES.items()},
    **{f.name: history(read(f / "journal.jsonl"), f / "journal.jsonl") for f in FORMER.iterdir() if f.is_dir()},
}
STEPS = 360


def turns():
    large = {"name": "python", "arguments": {"code": "print('private ' * 1000)"}}
    small = [{"name": "python", "arguments": {"code": f"x{i % 9} = {i}\nprint({i})"}} for i in range(STEPS)]
    return [{"calls": [call]} for call in (large, *small)] + [{"text": "done"}]


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    """A run whose journal is long enough, as it was written and as it stood in memory."""
    import asyncio

    home = tmp_path_factory.mktemp("long")
    (home / "script.json").write_text(json.dumps({"version": 1, "turns": turns()}))
    bounds = {"budget": "9 min, 1000 steps, 900 calls, 9000000 tokens", "approve": "auto", "home": home}
    process = asyncio.run(llmos.run("count", model=f"script:{home / 'script.json'}", namespace={}, **bounds))
    assert process.reason == "answered"
    return process


@pytest.fixture
def journal(long_run, tmp_path):
    """Return the path of a copy of the run's journal."""
    return shutil.copytree(long_run.journal.path.parent, tmp_path / "copy") / "journal.jsonl"


def opened(path):
    events = open_journal(path).events
    return saved.folded(events, path), events


def read_already(events):
    return [e.n for e in events if e._unread is None]


def named(path):
    """Return where the saved state stands, and the event that names it."""
    event = next(e for e in read(path) if e.k == StateSaved.kind)
    return path.parent / "blobs" / event.body.state["blob"], event


def holding(path, words):
    """Return what stands beside a journal and holds these words."""
    return [p for p in (path.parent / "blobs").iterdir() if words in p.read_bytes()]


@given(st.sampled_from(sorted(RUNS)), st.data())
@settings(max_examples=300, deadline=None)
def test_a_state_that_was_written_and_read_goes_on_as_if_it_had_not(name, data):
    events = RUNS[name]
    cut = data.draw(st.integers(0, len(events)))
    again = from_plain(json.loads(compact(to_plain(fold(events[:cut])))))
    assert again == fold(events[:cut]) and again.digest == fold(events[:cut]).digest
    whole = fold(events)
    assert fold(events[cut:], again) == whole and again.digest == whole.digest
    assert [m.encoded for m in again.context.messages()] == [m.encoded for m in whole.context.messages()]


def test_a_long_journal_is_opened_from_its_saved_state_and_gives_what_all_its_events_give(long_run, journal):
    state, events = opened(journal)
    _, event = named(journal)
    assert 0 < event.n < len(events) - 1 and not [n for n in read_already(events) if 0 < n < event.n]
    assert state == fold(read(journal)) == long_run.run.state
    assert state.digest == llmos.replay(journal).digest == long_run.digest
    assert [m.encoded for m in state.context.messages()] == [m.encoded for m in fold(read(journal)).context.messages()]
    assert "holds" in "".join(audit.of_one(audit.Wanted(verify=True), journal))


def gone(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def changed(path):
    plain = json.loads(path.read_bytes())
    plain["state"]["preapproved"] = [1, 2, 3]
    path.write_bytes(compact(plain))


@pytest.mark.parametrize("harm", [gone, cut, changed], ids=lambda h: h.__name__)
def test_a_saved_state_that_is_not_what_the_chain_names_is_not_used(long_run, journal, harm):
    harm(named(journal)[0])
    state, events = opened(journal)
    assert state == long_run.run.state and len(read_already(events)) == len(events)


def test_what_other_code_saved_is_not_used(long_run, journal, monkeypatch):
    monkeypatch.setattr(saved, "code", lambda: "another")
    state, events = opened(journal)
    assert state == long_run.run.state and len(read_already(events)) == len(events)


def test_a_saved_state_is_not_used_once_a_payload_is_missing(journal):
    (payload,) = [p for p in holding(journal, b"private private") if p != named(journal)[0]]
    payload.unlink()
    state, _ = opened(journal)
    assert state.calls["r1.0"].result == "[payload of 8,000 bytes is missing: deleted or lost]"


@pytest.mark.parametrize("line", [3, 500])
def test_an_edit_before_the_saved_state_is_found_on_opening(journal, line):
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"d":{', b'"d":{"a":1,', 1)
    journal.write_bytes(b"".join(lines))
    with pytest.raises(JournalTampered, match=f"line {line + 1}: "):
        llmos.replay(journal)


def test_a_chain_written_anew_around_a_forged_state_does_not_pass_verification(journal):
    """The chain shows accidents and edits; whoever writes all of it anew is found by folding."""
    path, event = named(journal)
    plain = json.loads(path.read_bytes())
    plain["state"]["preapproved"] = [1, 2, 3]
    data = compact(plain)
    ref = reference(data, "application/json")
    Blobs(path.parent).write([(ref["blob"], data)])
    prev, out = GENESIS, b""
    for line in map(json.loads, journal.read_bytes().splitlines()):
        d = {**line["d"], "state": ref} if line["n"] == event.n else line["d"]
        made, encoded = chained(line["n"], line["at"], Unknown(line["k"], d), d, prev)
        prev, out = made.hash, out + encoded
    journal.write_bytes(out)
    assert opened(journal)[0].preapproved == [1, 2, 3]
    with pytest.raises(JournalTampered, match=f"line {event.n + 1}: the events before it do not fold"):
        list(audit.of_one(audit.Wanted(verify=True), journal))


async def test_what_is_forgotten_is_in_no_saved_state(journal, long_run):
    process = llmos.replay(journal)
    assert b"private private" in named(journal)[0].read_bytes()
    forget(process.run, "r1.0")
    assert not named(journal)[0].exists() and not holding(journal, b"private private")
    assert opened(journal)[0].digest == process.digest


async def test_one_saved_state_stands_beside_a_journal_that_grows(journal, tmp_path):
    process = llmos.replay(journal)
    run = process.run
    first = named(journal)[0]
    run._save_at = 0
    noted = SignalReceived(signal="nice", by=YOU, value=0)
    with run.journal.held():
        run.append(noted)
    states = [p for p in (journal.parent / "blobs").iterdir() if b'{"state"' in p.read_bytes()[:8]]
    assert states == [first]  # not yet due
    while len(run.journal.events) < saved.due(run.journal.events):
        run.journal.append(noted)
    run.state = fold(run.journal.events)
    with run.journal.held():
        run.append(noted)
    states = [p for p in (journal.parent / "blobs").iterdir() if b'{"state"' in p.read_bytes()[:8]]
    assert len(states) == 1 and states != [first]
    assert opened(journal)[0] == run.state


async def test_code_of_a_step_saves_no_state(script, tmp_path):
    code = (
        "from llmos_nb.journal.events import StateSaved\n"
        "proc.run.journal.append(StateSaved(state={'blob': 'x', 'salt': '', 'size': 1}, code=''))"
    )
    names = {}
    process = llmos.start(
        "x",
        model=script({"calls": [{"name": "python", "arguments": {"code": code}}]}, {"text": "ok"}),
        namespace=names,
        approve="auto",
    )
    names["proc"] = process
    await process
    assert process.run.state.calls["r1.0"].error == CallDenied.__name__
    assert StateSaved.kind not in [e.k for e in process.events]
