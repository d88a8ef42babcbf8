"""A journal with one odd line, or without one of its payloads: it loads, or says which line is wrong."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fixtures_journals import STATES
from hypothesis import HealthCheck, given, settings, strategies as st

import llmos_nb as llmos
from llmos_nb.errors import JournalError, JournalTampered
from llmos_nb.journal import GENESIS, history, read
from llmos_nb.journal.events import KINDS, VERSION
from llmos_nb.messages import canonical
from llmos_nb.process.state.fold import fold

FORMER = Path(__file__).parent / "former"
NAMES = sorted([*(f.name for f in FORMER.iterdir() if f.is_dir()), *STATES])
DEEP = "[" * 4_000 + "]" * 4_000
ODD = [
    None, True, False, 0, -1, 7, 10**30, 1.5, "", "x", "r1.0", "é", [], [1], ["x"], {}, {"x": 1}, {"n": 1}, {"blob": 1},
    {"blob": "x", "salt": "", "size": 1}, {"blob": "\0", "salt": "", "size": 1, "mime": ""}, [{"mime": "image/png", "data": "zz"}],
    {"pid": 1, "at": 3}, {"pid": 1, "at": -5, "path": "journal.jsonl"}, {"pid": 1, "at": 0, "path": "journal.jsonl"},
    {"pid": 1, "at": 0, "path": "\0"}, {"pid": 1, "at": 0, "path": "../nowhere"}, [{"role": "user", "text": "x", "parts": [{}]}],
]  # fmt: skip
RAW = [
    DEEP,
    '{"a":' * 900 + "1" + "}" * 900,
    "NaN",
    "-Infinity",
    "1e999",
    "1" * 5_000,
    "1" * 400,
    '"\\ud800"',
    "{",
    '"',
    "",
    "2 3",
]
TIMES = [
    "",
    "yesterday",
    "2026-03-01T09:00:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    'x"',
    "2026",
]


def lines_of(name):
    if name in STATES:
        return [{"n": e.n, "at": e.at, "k": e.k, "d": e.d} for e in STATES[name]().events]
    return [json.loads(line) for line in (FORMER / name / "journal.jsonl").read_text().splitlines()]


def chain(path, lines):
    """Write lines so that the chain holds, whatever they say; a text as `d` stands as it is."""
    prev, out = GENESIS, []
    for line in lines:
        d = line["d"] if isinstance(line["d"], str) else canonical(line["d"])
        digest = sha256(f'{prev}[{line["n"]},"{line["at"]}","{line["k"]}",{d}]'.encode()).hexdigest()
        out.append(
            f'{{"at":"{line["at"]}","d":{d},"hash":"{digest}","k":"{line["k"]}","n":{line["n"]},"prev":"{prev}"}}\n'
        )
        prev = digest
    path.write_text("".join(out), encoding="utf-8")


def places(value, at=()):
    """Every place in plain data."""
    yield at
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from places(item, (*at, key))


def put(value, at, new):
    """Copy plain data with one place changed; a `new` that is no value takes the key away."""
    if not at:
        return new
    kept = dict(value) if isinstance(value, dict) else list(value)
    if len(at) == 1 and new is put:
        del kept[at[0]]
    else:
        kept[at[0]] = put(value[at[0]], at[1:], new)
    return kept


@st.composite
def odd_journals(draw):
    """Lines of a journal, one of which is odd."""
    lines = lines_of(draw(st.sampled_from(NAMES)))
    i = draw(st.integers(0, len(lines) - 1))
    line = lines[i]
    where = draw(st.sampled_from([p for p in places(line["d"])]))
    kind = draw(st.sampled_from(["value"] * 3 + ["gone", "raw", "kind", "at", "n", "twice", "away", "swapped"]))
    if kind == "value":
        line["d"] = put(line["d"], where, draw(st.sampled_from(ODD) | st.text(max_size=3)))
    elif kind == "gone" and where:
        line["d"] = put(line["d"], where, put)
    elif kind == "raw":
        line["d"] = canonical(put(line["d"], where, "@@")).replace('"@@"', draw(st.sampled_from(RAW)), 1)
    elif kind == "kind":
        line["k"] = draw(st.sampled_from([*KINDS, "", "moon.rose", 'a"b', "x\\"]))
    elif kind == "at":
        line["at"] = draw(st.sampled_from(TIMES))
    elif kind == "n":
        line["n"] = draw(st.sampled_from([-1, 0, 10**30, "1", "null"]))
    elif kind in ("twice", "away"):
        lines[i : i + 1] = [line] * (2 if kind == "twice" else 0)
        lines = [{**one, "n": n} for n, one in enumerate(lines)]
    elif kind == "swapped":
        j = draw(st.integers(0, len(lines) - 1))
        lines[i], lines[j] = lines[j], lines[i]
        lines = [{**one, "n": n} for n, one in enumerate(lines)]
    return lines


QUIET = settings(max_examples=400, deadline=None, suppress_health_check=[*HealthCheck])


def loads_or_says_why(path):
    try:
        return fold(history(read(path), path)).digest
    except JournalError as error:
        return str(error)


@QUIET
@given(odd_journals())
def test_an_odd_line_in_a_chain_that_holds_is_an_error_of_the_journal_or_none(lines):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        chain(path, lines)
        assert loads_or_says_why(path)


@QUIET
@given(st.sampled_from([n for n in NAMES if n not in STATES]), st.data())
def test_a_changed_byte_is_an_error_of_the_journal_or_none(name, data):
    with TemporaryDirectory() as folder:
        for one in {name, "parent"}:  # a fork reads the journal of its parent
            shutil.copytree(FORMER / one, Path(folder, one))
        path = Path(folder, name, "journal.jsonl")
        raw = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        path.write_bytes(bytes(raw))
        assert loads_or_says_why(path)


@pytest.mark.parametrize(
    ("kind", "d"),
    [
        ("call.finished", {"call": "r9.0", "ok": True, "result": "", "size": 0}),
        ("policy.loaded", {"digest": "", "tools": {}, "mode": "", "rules": [{"do": "what?"}]}),
        ("step.integrated", {"step": 99, "met": True, "evidence": ""}),
        (
            "plan.proposed",
            {"version": 1, "by": {"kind": "person", "name": "you"}, "steps": [{"n": 1, "title": ""}]},
        ),
    ],
)
def test_what_does_not_fit_what_came_before_is_named_by_its_line(tmp_path, kind, d):
    path, lines = tmp_path / "journal.jsonl", lines_of("planning")
    chain(path, [*lines, {"n": len(lines), "at": lines[-1]["at"], "k": kind, "d": d}])
    where = rf"line {len(lines) + 1}: {kind} does not fit what came before it"
    with pytest.raises(JournalError, match=f"^{where}"):
        fold(read(path))
    with pytest.raises(JournalError, match=rf"journal\.jsonl, {where}"):
        llmos.replay(path)


@pytest.mark.parametrize("version", [1, VERSION])
def test_a_kind_that_is_not_known_stops_with_what_to_do(tmp_path, version):
    path, lines = tmp_path / "journal.jsonl", lines_of("planning")
    lines[0]["d"] = {**lines[0]["d"], "version": version, "parent": None}
    chain(path, [*lines, {"n": len(lines), "at": lines[-1]["at"], "k": "moon.rose", "d": {}}])
    with pytest.raises(JournalError, match=rf"journal\.jsonl, line {len(lines) + 1}: .*'moon\.rose'.*update llmos_nb"):
        llmos.replay(path)


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "1e999", "1" * 5_000, DEEP, '"\\x"'])
def test_what_is_no_plain_data_is_named_by_its_line(tmp_path, raw):
    path, lines = tmp_path / "journal.jsonl", lines_of("planning")
    lines[1]["d"] = f'{{"digest":{raw}}}'
    chain(path, lines)
    with pytest.raises(JournalTampered, match="line 2: not an event"):
        llmos.replay(path)


def test_bytes_that_are_no_text_are_named_by_their_line(tmp_path):
    path = tmp_path / "journal.jsonl"
    chain(path, lines_of("planning"))
    path.write_bytes(path.read_bytes().replace(b"python", b"pyth\xffn", 1))
    with pytest.raises(JournalTampered, match="line 2: not an event"):
        read(path)


def test_a_fork_of_another_event_or_of_itself_is_refused(tmp_path):
    path = shutil.copytree(FORMER, tmp_path / "former") / "fork" / "journal.jsonl"
    lines = lines_of("fork")
    parent = lines[0]["d"]["parent"]
    for odd, why in [
        ({"hash": "0" * 64}, "not the event that was forked"),
        ({"at": 10_000}, "not the event that was forked"),
        ({"path": "journal.jsonl"}, "forked from itself"),
        ({"path": "../away/journal.jsonl"}, "cannot read"),
    ]:
        lines[0]["d"]["parent"] = {**parent, **odd}
        chain(path, lines)
        with pytest.raises(JournalError, match=why):
            llmos.replay(path)
