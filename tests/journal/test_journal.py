"""The journal: chain, torn tail, tampering, lock, slow and full disks."""

import asyncio
import hmac
import json
import os
import threading
import time
from hashlib import sha256
from itertools import count

import pytest
from hypothesis import given, strategies as st
from waits import until_async

from llmos_nb.errors import JournalLocked, JournalTampered, JournalUnwritable
from llmos_nb.journal import GENESIS, Acts, Blobs, Journal, read
from llmos_nb.journal.events import Unknown
from llmos_nb.journal.home import _keyed, key
from llmos_nb.journal.journal import _mac, chained
from llmos_nb.messages import canonical

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def write(path, *payloads):
    journal = Journal(path)
    with journal.held():
        for i, d in enumerate(payloads):
            journal.append(Unknown(f"kind.{i}", d))
    return journal


@given(st.lists(st.dictionaries(st.text(max_size=5), PLAIN, max_size=3), min_size=1, max_size=5))
def test_appended_events_are_read_back(tmp_path_factory, payloads):
    path = tmp_path_factory.mktemp("j") / "journal.jsonl"
    journal = write(path, *payloads)
    assert read(path) == journal.events
    assert path.read_bytes().isascii()


def test_the_format_is_the_documented_one(tmp_path):
    write(tmp_path / "j.jsonl", {"b": 1, "a": "é"}, {})
    first, second = (json.loads(line) for line in (tmp_path / "j.jsonl").read_text().splitlines())
    assert set(first) == {"n", "at", "k", "d", "prev", "hash", "mac"}
    assert first["mac"] == hmac.digest(key(), b"event " + first["hash"].encode(), "sha256").hex()
    assert first["n"] == 0 and first["prev"] == GENESIS == "0" * 64
    body = json.dumps([0, first["at"], "kind.0", {"a": "é", "b": 1}], sort_keys=True, separators=(",", ":"))
    assert first["hash"] == sha256((GENESIS + body).encode()).hexdigest()
    assert second["prev"] == first["hash"]


def test_a_torn_last_line_is_dropped_and_overwritten(tmp_path):
    path = tmp_path / "j.jsonl"
    write(path, {"a": 1}, {"a": 2})
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert [e.d for e in read(path)] == [{"a": 1}]
    write(path, {"a": 3})
    assert [e.d for e in read(path)] == [{"a": 1}, {"a": 3}]


def test_a_whole_last_line_without_its_newline_is_kept(tmp_path):
    path = tmp_path / "j.jsonl"
    write(path, {"a": 1}, {"a": 2})
    path.write_bytes(path.read_bytes()[:-1])
    assert len(read(path)) == 2
    write(path, {"a": 3})
    assert [e.d["a"] for e in read(path)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [('"a":2', '"a":9', 2), ('"n":1', '"n":7', 2), ('"k":"kind.0"', '"k":"kind.9"', 1), ("{", "[", 1)],
)
def test_a_changed_line_is_named(tmp_path, old, new, line):
    path = tmp_path / "j.jsonl"
    write(path, {"a": 1}, {"a": 2}, {"a": 3})
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(JournalTampered, match=f"line {line}"):
        read(path)


def test_a_removed_line_is_found(tmp_path):
    path = tmp_path / "j.jsonl"
    write(path, {"a": 1}, {"a": 2}, {"a": 3})
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(JournalTampered, match="line 2"):
        read(path)


def test_second_writer_is_told_who_holds_the_lock(tmp_path):
    one, two = Journal(tmp_path / "j.jsonl"), Journal(tmp_path / "j.jsonl")
    one.acquire()
    with pytest.raises(JournalLocked, match=f"process {os.getpid()}"):
        two.acquire()
    one.release()
    two.acquire()
    two.release()


def test_a_full_disk_is_reported_and_nothing_is_lost(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "j.jsonl")
    journal.acquire()
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    journal.append(Unknown("a", {}))
    with pytest.raises(JournalUnwritable, match="No space left"):
        journal.flush_now()
    monkeypatch.setattr(os, "fsync", real)
    journal.append(Unknown("b", {}))
    journal.flush_now()
    journal.release()
    assert [e.k for e in read(journal.path)] == ["a", "b"]


def test_a_read_only_folder_is_reported(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(JournalUnwritable, match="cannot write"):
        Journal(blocked / "runs" / "j.jsonl").acquire()


async def test_slow_disk_does_not_block_the_event_loop(tmp_path, monkeypatch):
    real, slow = os.fsync, 0.3
    monkeypatch.setattr(os, "fsync", lambda fd: (time.sleep(slow), real(fd)))
    journal = Journal(tmp_path / "j.jsonl")
    journal.acquire()
    journal.append(Unknown("a", {}))
    flushing = asyncio.ensure_future(journal.flush())
    beats = count()
    await until_async(lambda: next(beats) and flushing.done(), every=0.005)
    journal.release()
    assert next(beats) > 10


def test_nan_becomes_null_and_other_objects_are_refused(tmp_path):
    assert canonical({"a": float("nan"), "b": [float("inf")]}) == '{"a":null,"b":[null]}'
    with pytest.raises(TypeError):
        chained(0, "t", Unknown("k", {}), {"a": object()}, GENESIS)


def test_blobs_can_be_forgotten_and_are_checked(tmp_path):
    blobs = Blobs(tmp_path / "blobs")
    ref = blobs.put(b"payload")
    assert blobs.get(ref) == b"payload"
    (tmp_path / "blobs" / ref["blob"]).write_bytes(b"other")
    with pytest.raises(JournalTampered):
        blobs.get(ref)
    assert blobs.forget(ref) and not blobs.forget(ref) and blobs.get(ref) is None


def test_journal_abandoned_in_a_failing_write_has_no_duplicate_line(tmp_path, monkeypatch):
    journal, entered, released = Journal(tmp_path / "j.jsonl"), threading.Event(), threading.Event()
    real = os.fsync

    def fsync(fd):
        entered.set()
        released.wait(0.2)  # as long as the file is not closed under it, this is only a slow disk
        raise OSError(28, "No space left on device")

    def fails(journal):
        with pytest.raises(JournalUnwritable):
            journal.flush_now()

    monkeypatch.setattr(os, "fsync", fsync)
    journal.acquire()
    journal.append(Unknown("a", {}))
    writing = threading.Thread(target=fails, args=(journal,))
    writing.start()
    entered.wait()
    journal.release()
    released.set()
    writing.join()
    monkeypatch.setattr(os, "fsync", real)
    with journal.held():
        journal.append(Unknown("b", {}))
    assert [e.k for e in read(journal.path)] == ["a", "b"]


def test_a_call_that_acts_is_noted_behind_a_torn_line_too(tmp_path):
    (tmp_path / "acts").write_text("1-abc-r1.0\n1-ab")
    acts = Acts(tmp_path)
    acts.note("1-abc-r2.0")
    assert [acts.noted(f"1-abc-r{n}.0") for n in (1, 2, 3)] == [[], [], None]
    for words in ("write /a b", "network\nx:1", "write /a b"):
        acts.note("1-abc-r2.0", words)
    assert acts.noted("1-abc-r2.0") == ["write /a b", "network x:1"] and acts.noted("1-abc-r1.0") == []


def test_a_note_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "acts").mkdir()
    with pytest.raises(JournalUnwritable, match="cannot write"):
        Acts(tmp_path).note("1-abc-r1.0")


@given(st.binary(max_size=200), st.text())
def test_codes_of_events_are_hmac_sha256_by_the_key(secret, text):
    text = text.encode("utf-8", "replace").decode()
    assert _mac(_keyed(secret), text) == hmac.digest(secret, text.encode(), "sha256").hex()
