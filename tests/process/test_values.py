"""Values beside the journal: once for each content, bounded, deletable, never secret, and read only where they fit."""

import json

import pytest
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.policy.secrets import vault
from llmos_nb.session import prune
from llmos_nb.session.prune import forget


def own(names):
    return {n: v for n, v in names.items() if not n.startswith("__")}


async def run(script, *codes, names=None, **options):
    turns = [*map(python, codes), {"text": "ok"}]
    return await llmos.run(
        "go", model=script(*turns), namespace={} if names is None else names, approve="auto", **options
    )


def stored(process):
    """Return the names with values, by call."""
    return {c.id: sorted(c.changes.values or {}) for c in process.run.state.calls.values()}


def blobs(process):
    return sorted((process.journal.path.parent / "blobs").glob("*"))


async def taken_up(process, names=None):
    """Rebuild in a namespace of its own, as a new interpreter would, and give what is there."""
    names = {} if names is None else names
    again = llmos.load(process.journal.path, model=process.run.model, namespace=names)
    with again.journal.held():
        from llmos_nb.process import rebuild

        await rebuild(again.run)
    assert same_as_folded(again)
    (found,) = [e.body for e in again.events if e.k == "heap.restored"]
    return own(names), found


async def test_values_come_back_in_the_order_of_the_steps(script):
    proc = await run(script, "x = [1]\nprint(x)", "y = {'a': x}; x = x + [2]", "del x", "x = (1, 2)")
    names, found = await taken_up(proc)
    assert names == {"y": {"a": [1]}, "x": (1, 2)} and found.missing == {} and found.rerun == []


async def test_one_object_of_two_names_is_one_object_again(script):
    proc = await run(script, "a = [1]", "b = a", "c = d = {2}")
    names, _ = await taken_up(proc)
    assert names["a"] is names["b"] and names["c"] is names["d"] and len(blobs(proc)) == 2


async def test_equal_content_is_written_once(script):
    proc = await run(script, "x = [1, 2]", "y = list(x)", "x = 0", "x = [1, 2]")
    assert len(blobs(proc)) == 2 and stored(proc)["r4.0"] == ["x"]


async def test_a_module_of_a_library_comes_back_and_one_of_the_workspace_is_not_imported(script, tmp_path, monkeypatch):
    (tmp_path / "own_module.py").write_text("from pathlib import Path\nPath('imported').touch()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    proc = await run(script, "import json, own_module; open('log', 'w').close()")
    monkeypatch.delitem(__import__("sys").modules, "own_module")
    (tmp_path / "imported").unlink()
    names, found = await taken_up(proc)
    assert names == {"json": json} and found.missing == {"own_module": "r1.0"} and not (tmp_path / "imported").exists()


async def test_nothing_secret_is_stored(script):
    vault.add("KEY", "hunter2-hunter2")
    names = {"it": "hunter2-hunter2"}  # code that spells it, in pieces, too, holds the handle instead
    proc = await run(script, "a = ['my', it]", "b = it.encode()", "c = 3", names=names)
    assert stored(proc) == {"r1.0": [], "r2.0": [], "r3.0": ["c"]}
    assert not any(b"hunter2-hunter2" in b.read_bytes() for b in proc.journal.path.parent.rglob("*") if b.is_file())


async def test_what_is_labelled_secret_is_not_stored(script, tmp_path):
    (tmp_path / "llmos.toml").write_text("[labels]\nsalaries = 'secret'\n")
    proc = await run(script, "x = 1", "salaries.append(2)", "mine = list(salaries)", names={"salaries": [1]})
    assert stored(proc) == {
        "r1.0": [],
        "r2.0": [],
        "r3.0": [],
    }  # the card showed it, so all that follows is secret


async def test_nothing_is_stored_where_it_is_switched_off(script):
    proc = await run(script, "x = 1", stored_value_mb=0)
    assert stored(proc) == {"r1.0": []} and blobs(proc) == []


async def test_a_value_over_its_bound_is_not_stored(script):
    proc = await run(script, "x = 'a' * 300_000", "y = 'a' * 100_000", stored_value_mb=0.2)
    assert stored(proc) == {"r1.0": [], "r2.0": ["y"]}


async def test_former_values_make_room_for_those_that_hold(script):
    codes = [f"x = '{n}' * 100_000" for n in range(8)]
    proc = await run(script, *codes, "y = 'y' * 100_000", stored_run_mb=0.25)
    names, found = await taken_up(proc)
    assert sum(b.stat().st_size for b in blobs(proc)) <= 0.25 * 2**20
    assert names == {"x": "7" * 100_000, "y": "y" * 100_000} and found.missing == {} and found.rerun == []


async def test_a_forgotten_value_is_run_again_or_missing(script):
    proc = await run(script, "x = 'a' * 5_000\nx", "open('log', 'a').close(); y = [2]\nprint('b' * 5_000)")
    assert forget(proc.run, "r1.0") > 10_000 and forget(proc.run, "r2.0") > 5_000 and blobs(proc) == []
    names, found = await taken_up(proc)
    assert names == {"x": "a" * 5_000} and found.rerun == ["r1.0"] and found.missing == {"y": "r2.0"}


async def test_retention_deletes_values_with_the_other_payloads(script):
    proc = await run(script, "x = 1")
    said = prune.asked(proc.session.home, {"payload_days": 0}, yes=True)
    assert "payloads" in said and blobs(proc) == []


@pytest.mark.parametrize(
    "damage", [lambda b: b.write_bytes(b'"other"'), lambda b: b.unlink(), lambda b: b.write_bytes(b"")]
)
async def test_a_damaged_value_does_not_count(script, damage):
    proc = await run(script, "open('log', 'a').close(); x = 'right'")
    damage(blobs(proc)[0])
    names, found = await taken_up(proc)
    assert names == {} and found.missing == {"x": "r1.0"}


async def test_a_fork_reads_the_values_of_its_parent(script):
    proc = await run(script, "open('log', 'a').close(); x = [1]", "y = 2")
    at = next(e.n for e in proc.events if e.k == "call.finished")
    child = proc.fork(at=at)
    names, found = await taken_up(child)
    assert names == {"x": [1]} and found.stored == ["r1.0"]


async def test_values_of_steps_that_failed_half_way_do_not_come_back_as_done(script):
    proc = await run(script, "x = 1\nraise ValueError('x')", "y = 2")
    names, _ = await taken_up(proc)
    assert names == {"y": 2}


async def test_random_numbers_are_those_that_were_seen(script):
    names = {}
    proc = await run(script, "import random", "r = [random.random() for _ in range(3)]", names=names)
    again, found = await taken_up(proc)
    assert again["r"] == names["r"] and found.differs == []
