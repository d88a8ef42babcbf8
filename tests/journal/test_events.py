"""The format: each kind of event, what is asked of a line, and versions."""

import inspect
import json
import re
from dataclasses import dataclass, fields
from hashlib import sha256

import pytest

from llmos_nb.errors import JournalError, JournalTampered
from llmos_nb.journal import GENESIS, Journal, read
from llmos_nb.journal.events import (
    KINDS,
    VERSION,
    YOU,
    CallDecided,
    Changes,
    NamesChanged,
    RunEnded,
    RunPaused,
    RunStarted,
    Unknown,
    parse,
)
from llmos_nb.messages import canonical

AT = "2026-03-01T09:00:00.000+00:00"
STARTED = {"goal": "g", "model": "m", "name": "", "pid": 1, "budget": {}, "parent": None, "version": VERSION}
DECIDED = {"call": "r1.0", "digest": "", "what": "approve", "by": YOU.plain(), "why": ""}


def written(path, *events, at=AT, encode=canonical):
    """Write lines that the chain holds, whatever they say."""
    prev, lines = GENESIS, []
    for n, (k, d) in enumerate(events):
        body = encode(d)
        digest = sha256(f'{prev}[{n},"{at}","{k}",{body}]'.encode()).hexdigest()
        lines.append(f'{{"at":"{at}","d":{body},"hash":"{digest}","k":"{k}","n":{n},"prev":"{prev}"}}\n')
        prev = digest
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_of_a_kind_is_described(kind):
    cls = KINDS[kind]
    names = [f.name for f in fields(cls)]
    listed = {
        n
        for line in re.findall(r"^(\w[\w, ]*)(?: :|$)", inspect.cleandoc(cls.__doc__ or ""), re.M)
        for n in line.split(", ")
    }
    assert [n for n in names if n not in listed] == []


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"tools.changed"}))  # which has no key that must be there
def test_a_line_without_a_key_that_its_kind_has_is_named(kind, tmp_path):
    path = written(tmp_path / "j.jsonl", ("run.started", STARTED), (kind, {"version": VERSION}))
    with pytest.raises(JournalTampered, match=rf"j\.jsonl, line 2: .*{re.escape(kind)}: `\w+` is missing"):
        read(path)


@pytest.mark.parametrize(
    ("kind", "d", "key"),
    [
        ("call.decided", {**DECIDED, "call": 7}, "call"),
        ("call.decided", {**DECIDED, "arguments": ["x"]}, "arguments"),
        ("call.decided", {**DECIDED, "by": "you"}, "by"),
        ("call.decided", {**DECIDED, "by": {"kind": "king"}}, "by"),
        ("call.decided", {**DECIDED, "by": {"kind": "rule", "name": "first"}}, "by"),
        ("call.decided", {**DECIDED, "by": {"kind": "mode", "name": 1}}, "by"),
        ("run.started", {**STARTED, "acts": [{"n": 1, "text": "pay()", "kind": "bound", "by": {"kind": "king"}}]}, "acts"),
        ("call.finished", {"call": "r1.0", "ok": 1, "result": "", "size": 0}, "ok"),
        ("call.finished", {"call": "r1.0", "ok": True, "result": "", "size": True}, "size"),
        ("plan.proposed", {"version": 1, "by": YOU.plain(), "steps": [{"n": 1}]}, "steps"),
        ("plan.proposed", {"version": 1, "by": YOU.plain(), "steps": "all"}, "steps"),
        ("budget.settled", {"request": 1, "amounts": {"tokens": "many"}}, "amounts"),
        ("budget.settled", {"request": 1, "amounts": {"tokens": 10**400}}, "amounts"),
        ("budget.settled", {"request": 10**400, "amounts": {}}, "request"),
        ("names.changed", {"call": None}, "call"),
        ("names.changed", {"call": "r1.0", "created": "x"}, "created"),
        ("run.started", {**STARTED, "parent": {"at": 3}}, "parent"),
    ],
)  # fmt: skip
def test_a_key_of_another_type_is_named(tmp_path, kind, d, key):
    path = written(tmp_path / "j.jsonl", ("run.started", STARTED), (kind, d))
    with pytest.raises(JournalTampered, match=rf"line 2: .*{re.escape(kind)}: `{key}` cannot be"):
        read(path)


def test_a_deeply_nested_line_is_an_error_of_its_own(tmp_path):
    deep = "[" * 100_000 + "]" * 100_000
    path = written(
        tmp_path / "j.jsonl",
        ("run.started", STARTED),
        ("odd", deep),
        encode=lambda d: d if d is deep else canonical(d),
    )
    with pytest.raises(JournalTampered, match="line 2: not an event"):
        read(path)
    path.write_text(path.read_text().removesuffix("\n"))
    with pytest.raises(JournalTampered, match="line 2: not an event"):
        read(path)


@pytest.mark.parametrize("at", ["yesterday", "2026-03-01T09:00:00"])
def test_a_time_that_is_none_is_named(tmp_path, at):
    path = written(tmp_path / "j.jsonl", ("run.started", STARTED), at=at)
    with pytest.raises(JournalTampered, match="line 1: .*isoformat|line 1: .*time zone"):
        read(path)


def test_a_line_whose_own_keys_are_odd_is_named(tmp_path):
    path = written(tmp_path / "j.jsonl", ("run.started", STARTED))
    path.write_text(path.read_text().replace('"n":0', '"n":"0"'))
    with pytest.raises(JournalTampered, match="line 1: .*`n` cannot be '0'"):
        read(path)


@pytest.mark.parametrize("version", [VERSION + 1, 99, "2"])
def test_a_newer_version_says_what_to_do(tmp_path, version):
    path = written(tmp_path / "j.jsonl", ("run.started", {**STARTED, "version": version}))
    with pytest.raises(JournalError, match=rf"j\.jsonl is of version {version} .* knows {VERSION} at most: update"):
        read(path)


def test_no_version_is_version_1_and_its_gaps_are_filled(tmp_path):
    started = {"goal": "g", "model": "m", "budget": {}}
    path = written(tmp_path / "j.jsonl", ("run.started", started), ("run.ended", {"reason": "answered"}))
    first, last = read(path)
    assert isinstance(first.body, RunStarted) and (first.body.version, first.body.parent) == (1, None)
    assert last.body == RunEnded(reason="answered", detail="", answer=None)
    assert [e.d for e in (first, last)] == [started, {"reason": "answered"}]


def test_version_2_asks_for_what_version_1_could_leave_out(tmp_path):
    path = written(tmp_path / "j.jsonl", ("run.started", STARTED), ("run.ended", {"reason": "answered"}))
    with pytest.raises(JournalTampered, match="line 2: .*`detail` is missing"):
        read(path)


def test_a_kind_that_is_not_known_stops_in_a_journal_of_a_process_alone(tmp_path):
    odd = ("moon.rose", {"full": True})
    (event,) = read(written(tmp_path / "a.jsonl", odd))
    assert event.body == Unknown(*odd)
    with pytest.raises(JournalError, match=r"b\.jsonl, line 2: .*'moon\.rose'; .*update llmos_nb"):
        read(written(tmp_path / "b.jsonl", ("run.started", STARTED), odd))


def test_keys_that_are_not_known_are_left_alone(tmp_path):
    (_, event) = read(written(tmp_path / "j.jsonl", ("run.started", STARTED), ("run.paused", {"why": "a", "mood": 1})))
    assert event.body == RunPaused(why="a") and event.d == {"why": "a", "mood": 1}


def test_fields_at_their_default_are_left_out_and_come_back():
    decided = CallDecided(call="r1.0", digest="", what="approve", by=YOU, why="")
    assert decided.plain() == DECIDED and parse("call.decided", DECIDED) == decided
    edited = CallDecided(call="r1.0", digest="", what="edit", by=YOU, why="", arguments={})
    assert edited.plain() == {**DECIDED, "what": "edit", "arguments": {}}


def test_changes_tell_what_nobody_looked_at_from_what_did_not_change():
    looked = {"created": ["x"], "rebound": [], "mutated": [], "deleted": [], "cwd": None, "figures": []}
    event = NamesChanged(call="r1.0", changes=Changes.parse(looked))
    assert event.plain() == {"call": "r1.0", **looked}
    assert Changes.parse({"created": ["x"]}).plain() == {
        k: looked[k] for k in ("created", "rebound", "mutated", "deleted")
    }


def test_an_event_of_a_class_that_poses_as_another_kind_is_not_written(tmp_path):
    @dataclass(frozen=True)
    class Harmless(CallDecided):
        kind = "run.noted"

    journal = Journal(tmp_path / "j.jsonl")
    posing = [
        Unknown("call.decided", DECIDED),
        Harmless(call="r1.0", digest="", what="approve", by=YOU, why=""),
    ]
    for body in posing:
        with pytest.raises(TypeError, match="is not the class of"):
            journal.append(body)
    assert journal.events == []


def test_what_is_on_disk_is_what_the_event_says(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    with journal.held():
        event = journal.append(RunPaused(why="you"))
    (line,) = journal.path.read_text().splitlines()
    assert json.loads(line)["d"] == {"why": "you"} == event.d
    assert read(journal.path) == [event] and read(journal.path)[0].body == event.body


def test_killed_is_an_end_of_its_own_in_older_journals_too():
    def reason(detail, reason="stopped", version=2):
        return parse("run.ended", {"reason": reason, "detail": detail, "answer": None}, version).reason

    assert reason("killed by you") == reason("killed by process 1", version=1) == "killed"
    assert reason("stopped by you") == "stopped" and reason("killed by you", "failed") == "failed"
