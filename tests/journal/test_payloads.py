"""What stands beside a journal: on disk before the event that names it; one that is gone costs itself alone."""

import os
import shutil
from pathlib import Path

import pytest
from fixtures_journals import STATES
from turns import python

import llmos_nb as llmos
from llmos_nb.errors import JournalTampered, JournalUnwritable
from llmos_nb.journal import Blobs, Journal, missing_payloads, read
from llmos_nb.journal.events import CallFinished, parse
from llmos_nb.process.state.fold import fold
from llmos_nb.views import audit, page
from llmos_nb.views.text.tables import logged, told

LARGE, PNG = "x" * 10_000, "89504e47" * 2_000
MISSING = "[payload of 10,000 bytes is missing: deleted or lost]"


def emptied(path):
    path.write_bytes(b"")


def damaged(path):
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def a_folder(path):
    path.unlink()
    path.mkdir()


def unreadable(path):  # a name that leads to itself: nobody can open it, root included
    path.unlink()
    path.symlink_to(path)


HARMS = [Path.unlink, emptied, damaged, a_folder, unreadable]


def saved(folder):
    """Write a run with a large result, an image, and another call after them."""
    events = STATES["many"](total=3, done=3).events
    last = max(e.n for e in events if e.k == "call.finished")
    journal = Journal(folder / "journal.jsonl")
    with journal.held():
        for e in events:
            d = e.d
            if e.k == "call.finished" and e.n != last:
                d = {
                    **d,
                    "result": LARGE,
                    "size": len(LARGE),
                    "images": [{"mime": "image/png", "text": "a plot", "data": PNG}],
                }
            journal.append(parse(e.k, {**d, **({"parent": None} if e.k == "run.started" else {})}, 1))
    return journal


@pytest.mark.parametrize("harm", HARMS, ids=lambda h: h.__name__)
def test_a_payload_that_is_gone_costs_itself_alone(tmp_path, harm):
    whole = saved(tmp_path / "run")
    before = fold(read(whole.path))
    folder = whole.path.parent / "blobs"
    result = next(p for p in folder.iterdir() if p.read_bytes() == LARGE.encode())
    image = next(p for p in folder.iterdir() if p.read_bytes() == PNG.encode())
    harm(result), harm(image)

    process = llmos.replay(whole.path)
    calls = process.run.state.calls
    lost = [c for c in calls.values() if c.result == MISSING]
    assert len(lost) == 1 and sum(len(c.images) for c in calls.values()) == 1
    assert [c.status for c in calls.values()] == [c.status for c in before.calls.values()]
    assert [c.id for c in calls.values() if c.result != before.calls[c.id].result] == [lost[0].id]
    assert MISSING in logged(told(process.events)) and page.plain(process.run.state, process.events)
    assert harm is not damaged or process.export(tmp_path / "run.ipynb", run=False).exists()


def test_verify_counts_what_is_missing_and_names_what_was_changed(tmp_path):
    path = saved(tmp_path / "run").path
    blobs = sorted((path.parent / "blobs").iterdir())
    assert missing_payloads(path) == 0 and "missing" not in "".join(audit.of_one(audit.Wanted(verify=True), path))
    blobs[0].unlink()
    assert "1 payload missing" in "".join(audit.of_one(audit.Wanted(verify=True), path))
    damaged(blobs[1])
    with pytest.raises(JournalTampered, match=blobs[1].name):
        list(audit.of_one(audit.Wanted(verify=True), path))


async def test_verify_names_stored_values_that_are_damaged_or_gone_and_no_others(script):
    steps = [python("x = list(range(50))\ny = 'kept'"), python("x = [1]\nz = {1: 2}")]
    process = await llmos.run("Make them.", model=script(*steps, {"text": "ok"}), namespace={}, approve="auto")
    path = process.journal.path

    def told():
        return "".join(audit.of_one(audit.Wanted(verify=True), path))

    refs = [ref for e in read(path) if e.k == "names.changed" for ref in e.body.changes.values.items()]
    place = [(name, path.parent / "blobs" / ref["blob"]) for name, ref in refs]
    first, y, last, z = (p for n in ("x", "y", "x", "z") for p in [place.pop([m for m, _ in place].index(n))[1]])
    assert told().endswith("is its last event") and "stored value" not in told()
    first.unlink()
    assert "stored value" not in told(), "an earlier one may be deleted to make room"
    damaged(y), last.unlink()
    assert "the chain holds" in told()
    assert told().endswith(
        "; of the stored values `y` of r1.0 is damaged, `x` of r2.0 is gone, and no resume can read it"
    )
    assert z.exists()


def test_a_payload_is_on_disk_before_the_event_that_names_it(tmp_path, monkeypatch):
    done = []
    real = {name: getattr(os, name) for name in ("fsync", "write")}

    def spy(name):
        def call(fd, *rest):
            there = os.fstat(fd)
            done.append((name, (there.st_dev, there.st_ino)))
            return real[name](fd, *rest)

        return call

    monkeypatch.setattr("llmos_nb.journal.journal.write", spy("write"))
    monkeypatch.setattr(os, "fsync", spy("fsync"))
    journal = Journal(tmp_path / "run" / "journal.jsonl")
    with journal.held():
        journal.append(CallFinished(call="r1.0", ok=True, result=LARGE, size=len(LARGE)))
    monkeypatch.undo()

    def place(path):
        there = path.stat()
        return there.st_dev, there.st_ino

    (blob,) = (journal.path.parent / "blobs").iterdir()
    line = done.index(("write", place(journal.path)))
    before = done[:line]
    assert [k for k, where in before if where == place(blob)][-1] == "fsync"
    assert before.index(("fsync", place(blob))) < before.index(("fsync", place(blob.parent)))
    assert ("fsync", place(blob.parent.parent)) in before  # the folder of payloads is new
    after = done[line:]
    assert after.index(("fsync", place(journal.path))) < after.index(("fsync", place(journal.path.parent)))


def test_no_event_names_a_payload_that_could_not_be_synced(tmp_path, monkeypatch):
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    journal = Journal(tmp_path / "journal.jsonl")
    journal.acquire()
    journal.append(CallFinished(call="r1.0", ok=True, result=LARGE, size=len(LARGE)))
    with pytest.raises(JournalUnwritable):
        journal.flush_now()
    assert journal.path.read_bytes() == b""
    monkeypatch.setattr(os, "fsync", real)
    journal.flush_now()
    journal.release()
    (event,) = read(journal.path)
    assert event.body.result == LARGE


def test_a_lost_payload_of_a_former_journal_is_said(tmp_path):
    folder = shutil.copytree(Path(__file__).parent / "former" / "large", tmp_path / "large")
    for blob in (folder / "blobs").iterdir():
        blob.unlink()
    calls = llmos.replay(folder).run.state.calls.values()
    assert any("is missing: deleted or lost" in c.result for c in calls)


def test_the_strict_look_still_tells_a_changed_payload(tmp_path):
    blobs = Blobs(tmp_path / "blobs")
    ref = blobs.put(b"payload")
    assert blobs.intact(ref) == b"payload"
    damaged(tmp_path / "blobs" / ref["blob"])
    assert blobs.intact(ref) is None
    with pytest.raises(JournalTampered):
        blobs.get(ref)
