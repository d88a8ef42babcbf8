"""In a new kernel: the heap is rebuilt by the surviving steps, compared by digests, and what it lacks is named."""

from types import SimpleNamespace

import pytest
from notebook_driver import Notebook
from turns import call, python, same_as_folded
from waits import approve_all

import llmos_nb as llmos
from llmos_nb.errors import LlmosError, SnapshotConflict
from llmos_nb.journal.events import HeapRestored
from llmos_nb.process.state import State
from llmos_nb.process.state.fold.heap import fold_heap
from llmos_nb.tools import Call

STEPS = (
    {"plan": [{"title": "one"}, {"title": "two"}, {"title": "three"}]},
    python("items.append(1)"),
    python("junk = 5\nitems.append(99)"),
    python("total = sum(items)"),
    {"text": "done"},
)


NOT_STORED = {"stored_value_mb": 0}  # so that nothing can be read, and what may run again does


def own(names):
    return {n: v for n, v in names.items() if not n.startswith("__")}


async def broken_off(script, names, **options):
    """A process that waits before its third step, as its kernel would leave it."""
    proc = await llmos.run("Use `items`.", model=script(*STEPS), namespace=names, approve="step", **options)
    for what in ("plan", 1, 2):
        await proc.approve(what)
    assert proc.state == "waiting" and names["items"][-1] == 99
    return proc


async def finish(process):
    await process.resume()
    await approve_all(process)


async def test_the_surviving_steps_run_again_in_order(script):
    proc = await broken_off(script, {"items": [0]}, **NOT_STORED)
    names = {"items": [0]}
    again = llmos.load(proc.journal.path, model=script(*STEPS), namespace=names)
    assert again.state == "paused" and names["items"] == [0]
    await finish(again)
    assert again.reason == "answered" and names["total"] == 100 and same_as_folded(again)
    assert again.run.state.epoch == 1 and not any(e.d.get("signal") == "rebuilt_differently" for e in again.events)


@pytest.mark.parametrize("items", [[0], [7], None], ids=["as they were", "others by now", "not there"])
async def test_a_variable_of_the_users_is_read_back_and_no_step_runs_again(script, items):
    proc = await broken_off(script, {"items": [0]})
    names = {} if items is None else {"items": items}
    again = llmos.load(proc.journal.path, model=script(*STEPS), namespace=names)
    await finish(again)
    [event] = [e for e in again.events if e.k == "heap.restored"]
    assert event.body.rerun == [] and event.body.stored == ["r2.0", "r3.0"] and event.body.missing == {}
    assert own(names) == {"items": [0, 1, 99], "junk": 5, "total": 100} and same_as_folded(again)
    again.undo(to=0)
    assert own(names) == ({} if items is None else {"items": items})  # theirs, the very same


async def test_undone_steps_are_not_rebuilt_and_undo_works_afterwards(script):
    proc = await broken_off(script, {"items": [0]})
    proc.undo()
    names = {"items": [0]}
    again = llmos.load(proc.journal.path, model=script(*STEPS), namespace=names)
    await finish(again)
    assert own(names) == {"items": [0, 1], "total": 1} and same_as_folded(again)
    again.undo(to=0)
    assert own(names) == {"items": [0]}


async def test_live_heap_is_not_rebuilt(script):
    names = {"items": [0]}
    proc = await broken_off(script, names)
    again = llmos.load(proc.journal.path, model=script(*STEPS), namespace=names)
    await finish(again)
    assert names["items"] == [0, 1, 99] and names["total"] == 100


async def test_missing_inputs_are_named_and_nothing_runs(script):
    proc = await broken_off(script, {"items": [0]}, **NOT_STORED)
    names = {}
    again = llmos.load(proc.journal.path, model=script(*STEPS), namespace=names)
    with pytest.raises(LlmosError, match="needs `items`, made by your own cells"):
        await again.resume()
    assert own(names) == {} and again.state == "paused"
    names["items"] = [0]
    await finish(again)
    assert again.reason == "answered" and names["total"] == 100


async def test_changed_input_is_reported(script):
    proc = await broken_off(script, {"items": [0]}, **NOT_STORED)
    again = llmos.load(proc.journal.path, model=script(*STEPS), namespace={"items": [7]})
    await finish(again)
    (said,) = [e.d for e in again.events if e.d.get("signal") == "rebuilt_differently"]
    assert said["names"] == "`items`"


async def test_undo_before_the_rebuild_is_refused(script):
    proc = await broken_off(script, {"items": [0]})
    names = {"items": [0]}
    again = llmos.load(proc.journal.path, model=script(*STEPS), namespace=names)
    with pytest.raises(SnapshotConflict, match="no snapshot of it in this session"):
        again.undo()
    assert names["items"] == [0]


async def test_bounds_on_names_outlive_the_kernel(script):
    turns = (python("a = 1"), python("b = 1"), {"text": "ok"})
    proc = await llmos.run("go", model=script(*turns), namespace={}, approve="step", bind="a")
    await proc.approve("all")
    names = {}
    again = llmos.load(proc.journal.path, model=script(*turns), namespace=names)
    await finish(again)
    assert own(names) == {"a": 1} and again.run.state.calls["r2.0"].error == "NotAllowed"


def test_rebuild_in_a_new_kernel_uses_the_notebooks_functions(tmp_path):
    functions = "calls = []\ndef note(text: str) -> str:\n    'Note it.'\n    calls.append(text)\n    return text"
    with Notebook(tmp_path) as book:
        book.run(functions)
        spec = book.script(python("x = 1"), call("note", text="hello"), {"text": "noted"})
        assert "ApprovalNeeded" in book.run(f"%%agent kept -m {spec} -t note\nGo.").error
    with Notebook(tmp_path) as other:
        other.run(functions)
        other.run("%agent approve 1")
        ran = other.run("%agent resume 1")
        assert ran.status == "ok", ran.error
        assert other.value("calls, x") == "(['hello'], 1)"


async def test_what_a_step_gives_when_it_runs_again_is_recorded(script):
    proc = await broken_off(script, {"items": [0]}, **NOT_STORED)
    names = {"items": [7]}
    again = llmos.load(proc.journal.path, model=script(*STEPS), namespace=names)
    await finish(again)
    [event] = [e for e in again.events if e.k == "heap.restored"]
    first, second = event.body.rerun
    calls = again.run.state.calls
    assert event.body.again[first]["content"] == {"items": "[7, 1]"}
    assert event.body.again[second]["content"]["items"] == "[7, 1, 99]"
    assert calls[first].facts["content"] == {"items": "[0, 1]"}  # of its first run, which stays on record
    assert calls[first].facts["again"] == event.body.again[first] and same_as_folded(again)
    differing = event.body.again[first]["digests"]["items"]
    assert differing != calls[first].changes.digests["items"]


@pytest.mark.parametrize(
    ("stored", "rerun", "known"),
    [
        ([], ["r1.0"], {"content": {"y": "6"}}),
        (["r1.0"], ["r1.0"], {"content": {"y": "6"}}),
        (["r1.0"], [], None),
        ([], [], {"content": {"y": "5"}}),
    ],
)
def test_what_is_known_of_a_run_again_holds_until_the_value_of_the_first_run_is_read(stored, rerun, known):
    state = State(calls={"r1.0": Call("r1.0", "python", {}, facts={"again": {"content": {"y": "5"}}})})
    again = {"r1.0": {"content": {"y": "6"}}} if rerun else {}
    fold_heap(state, SimpleNamespace(body=HeapRestored(stored=stored, rerun=rerun, missing={}, again=again)))
    assert state.calls["r1.0"].facts.get("again") == known
