"""Undo and redo of a process's steps: in place, all or nothing, on the record, and told to the model."""

import asyncio
import json
import random

import pytest
from notebook_driver import Notebook
from turns import call, python, same_as_folded
from waits import approve_all

import llmos_nb as llmos
from llmos_nb.errors import SnapshotConflict, UsageError
from llmos_nb.process import out_of_reach, redo_within_reach

PLAN = {"plan": [{"title": "one"}, {"title": "two"}, {"title": "three"}]}
STEPS = (
    PLAN,
    python("items.append(1)"),
    python("items.append(2)\ntotal = sum(items)"),
    python("items.clear()"),
    {"text": "done"},
)


def told(process):
    """What the model is shown, in one text."""
    return "\n".join(m.text for m in process.run.state.context.messages())


def statuses(process):
    return [s.status for s in process.plan.steps]


def look(tool, **arguments):
    """One turn with one call of a tool that looks."""
    return {"calls": [{"name": tool, "arguments": arguments}]}


def own(names):
    """The names that are somebody's work."""
    return {n: v for n, v in names.items() if not n.startswith("__")}


async def three(script, names, **options):
    return await llmos.run("go", model=script(*STEPS), namespace=names, approve="auto", **options)


async def test_what_undo_and_redo_could_only_fail_at_is_known_before(script):
    proc = await three(script, {"items": [0]})
    run, key = proc.run, {c.id: c.key for c in proc.run.state.calls.values()}
    assert out_of_reach(run) == [] and redo_within_reach(run)
    run.snapshots.drop([key["r3.0"]])  # as of what ran in an interpreter that has ended
    assert out_of_reach(run) == ["r2.0", "r3.0"]
    with pytest.raises(SnapshotConflict, match="dropped"):
        proc.undo(to=1)
    proc.undo()
    assert statuses(proc) == ["done", "done", "skipped"] and redo_within_reach(run)
    run.snapshots.drop([key["r4.0"]])
    assert not redo_within_reach(run)
    with pytest.raises(SnapshotConflict):
        proc.redo()


async def test_undo_takes_the_last_step_back_in_place_after_the_end(script):
    items = [0]
    alias, names = items, {"items": items}
    proc = await three(script, names)
    assert proc.reason == "answered" and items == []
    proc.undo()
    assert names["items"] is alias and alias == [0, 1, 2] and statuses(proc) == ["done", "done", "skipped"]
    assert "The user undid call r4.0 (items)" in told(proc)
    proc.undo()
    assert alias == [0, 1] and "total" not in names and statuses(proc) == ["done", "skipped", "skipped"]
    assert same_as_folded(proc)


async def test_redo_puts_back_what_was_undone_step_by_step(script):
    names = {"items": [0]}
    proc = await three(script, names)
    proc.undo(to=2)
    assert names["items"] == [0, 1] and statuses(proc) == ["done", "skipped", "skipped"]
    proc.redo()
    assert (names["items"], names["total"]) == ([0, 1, 2], 3) and statuses(proc) == ["done", "done", "skipped"]
    proc.redo()
    assert names["items"] == [] and statuses(proc) == ["done"] * 3
    assert "The user redid call r4.0" in told(proc) and same_as_folded(proc)
    with pytest.raises(UsageError, match="nothing was undone"):
        proc.redo()


async def test_undo_all_leaves_nothing_to_undo(script):
    names = {"items": [0]}
    proc = await three(script, names)
    proc.undo(to=0)
    assert own(names) == {"items": [0]} and statuses(proc) == ["skipped"] * 3 and same_as_folded(proc)
    with pytest.raises(UsageError, match="no step that changed the namespace is left"):
        proc.undo()


async def test_a_step_that_fails_leaves_nothing_and_the_model_is_told(script):
    names = {"items": [0]}
    items = names["items"]
    model = script(python("items.append(1)\nmade = 2\nitems.append(1 / 0)"), {"text": "it failed"})
    proc = await llmos.run("go", model=model, namespace=names, approve="auto")
    call = proc.run.state.calls["r1.0"]
    assert items == [0] and own(names) == {"items": items} and call.status == "failed"
    told = "[the step failed, and what it had changed was taken back: created made; mutated items]"
    assert call.result.endswith(told) and same_as_folded(proc)
    with pytest.raises(UsageError, match="no step that changed"):
        proc.undo()


async def test_a_step_that_fails_before_it_changed_anything_says_nothing_of_it(script):
    proc = await llmos.run("go", model=script(python("1 / 0"), {"text": "it failed"}), namespace={}, approve="auto")
    assert proc.run.state.calls["r1.0"].result.endswith("ZeroDivisionError: division by zero")


async def test_what_a_failed_step_cannot_take_back_is_named(script):
    names = {"gen": iter([1, 2, 3])}
    model = script(python("next(gen)\n1 / 0"), {"text": "it failed"})
    proc = await llmos.run("go", model=model, namespace=names, approve="auto")
    call = proc.run.state.calls["r1.0"]
    told = "[the step failed, and not taken back, if it was changed: gen"
    assert told in call.result and call.facts["stays"] == ["gen"]


async def test_without_a_plan_one_answer_is_taken_back_at_a_time(script):
    names = {}
    model = script(python("a = 1"), python("b = 2"), python("print(b)"), {"text": "done"})
    proc = await llmos.run("go", model=model, namespace=names, approve="auto")
    proc.undo()
    assert own(names) == {"a": 1} and [c.status for c in proc.run.state.calls.values()] == [
        "done",
        "undone",
        "undone",
    ]
    proc.redo()
    assert own(names) == {"a": 1, "b": 2}
    proc.undo(to=1)
    assert own(names) == {}


async def test_without_a_plan_a_call_is_taken_back_with_all_after_it_by_its_id(script):
    names = {}
    model = script(python("a = 1"), python("b = 2"), python("print(b)"), {"text": "done"})
    proc = await llmos.run("go", model=model, namespace=names, approve="auto")
    with pytest.raises(UsageError, match="'r3.0' cannot be undone: it changed nothing"):
        proc.undo(to="r3.0")
    with pytest.raises(UsageError, match="'r9.0' cannot be undone: there is no such call"):
        proc.undo(to="r9.0")
    proc.undo(to="r2.0")
    assert own(names) == {"a": 1}
    proc.undo(to="r1.0")
    assert own(names) == {}


async def test_steps_that_only_read_do_not_block_undo(script):
    session = llmos.Session({})
    one = await session.start("one", model=script(python("b = 2"), {"text": "ok"}), approve="auto")
    await session.start("two", model=script(python("print(b)"), {"text": "ok"}), approve="auto")
    one.undo()
    assert own(session.namespace) == {}


async def test_calls_of_one_answer_go_and_come_together(script):
    names = {}
    both = {"calls": [{"name": "python", "arguments": {"code": c}} for c in ("a = 1", "b = a + 1")]}
    proc = await llmos.run("go", model=script(both, {"text": "ok"}), namespace=names, approve="auto")
    proc.undo()
    assert own(names) == {}
    proc.redo()
    assert own(names) == {"a": 1, "b": 2} and same_as_folded(proc)


@pytest.mark.parametrize("meanwhile", ["items.append('mine')", "items = ['mine']"])
async def test_later_change_is_a_conflict_and_nothing_is_undone(script, meanwhile):
    names = {"items": [0]}
    proc = await three(script, names)
    proc.undo()
    exec(meanwhile, names)
    now = list(names.get("items", ()))
    with pytest.raises(SnapshotConflict, match=r"r3\.0 cannot be undone: items changed since"):
        proc.undo(to=1)
    assert list(names.get("items", ())) == now and names["total"] == 3
    assert statuses(proc) == ["done", "done", "skipped"]


async def test_conflict_in_an_earlier_step_leaves_later_ones_alone(script):
    names = {}
    model = script({"plan": [{"title": "one"}, {"title": "two"}]}, python("a = [1]"), python("b = [2]"), {"text": "ok"})
    proc = await llmos.run("go", model=model, namespace=names, approve="auto")
    names["a"].append("mine")
    with pytest.raises(SnapshotConflict, match="a changed since"):
        proc.undo(to=1)
    assert own(names) == {"a": [1, "mine"], "b": [2]} and not any(e.k == "call.undone" for e in proc.events)
    proc.undo()
    assert own(names) == {"a": [1, "mine"]}


async def test_use_by_another_process_is_a_conflict(script):
    session = llmos.Session({"items": [0]})
    one = await session.start("one", model=script(python("items.append(1)"), {"text": "ok"}), approve="auto")
    two = await session.start("two", model=script(python("items.append(2)"), {"text": "ok"}), approve="auto")
    with pytest.raises(SnapshotConflict, match="used items; undo that first"):
        one.undo()
    two.undo()
    one.undo()
    assert session.namespace["items"] == [0]


async def test_undo_out_of_order_works_where_nothing_depends_on_the_step(script):
    session = llmos.Session({})
    one = await session.start("one", model=script(python("a = 1"), {"text": "ok"}), approve="auto")
    await session.start("two", model=script(python("b = 2"), {"text": "ok"}), approve="auto")
    one.undo()
    assert own(session.namespace) == {"b": 2}


async def test_undo_while_waiting_for_approval_tells_the_model(script):
    names = {}
    turns = (PLAN, python("a = 1"), python("open('x.txt', 'w')"), python("print('a' in dir())"), {"text": "ok"})
    proc = await llmos.run("go", model=script(*turns), namespace=names, approve="risky")
    await proc.approve("plan")
    assert proc.state == "waiting" and own(names) == {"a": 1}
    proc.undo()
    assert proc.state == "waiting" and own(names) == {} and statuses(proc)[0] == "skipped"
    await proc.reject("r3.0", "not that")
    assert "The user undid call r2.0 (a)" in told(proc) and proc.run.state.calls["r4.0"].result == "False"
    assert same_as_folded(proc)


async def test_paused_process_is_undone_then_resumed(script):
    names = {"items": [0]}
    proc = await llmos.run("go", model=script(*STEPS), namespace=names, approve="step")
    await proc.approve("plan")
    await proc.approve(1)
    await proc.pause()
    assert proc.state == "paused" and names["items"] == [0, 1]
    proc.undo()
    assert names["items"] == [0] and proc.state == "paused"
    await proc.resume()
    await approve_all(proc)
    assert proc.reason == "answered" and names["total"] == 2 and same_as_folded(proc)


async def test_no_undo_while_a_step_writes(script):
    under_way = asyncio.Event()
    names = {"under_way": under_way, "gate": asyncio.Event()}
    model = script(python("a = 1"), python("under_way.set()\nawait gate.wait()\nb = 2"), {"text": "ok"})
    proc = llmos.start("go", model=model, namespace=names, approve="auto")
    await under_way.wait()
    with pytest.raises(UsageError, match="a step is running in the namespace"):
        proc.undo()
    names["gate"].set()
    await proc
    assert (names["a"], names["b"]) == (1, 2)


async def test_limits_of_undo_are_reported_before_and_after(script):
    names = {"rows": (i for i in range(9))}
    proc = await llmos.run("go", model=script(python("x = next(rows)"), {"text": "ok"}), namespace=names)
    assert proc.state == "waiting"
    (question,) = proc.run.state.questions.values()
    assert "`rows` cannot be put back by Undo" in question["text"] or "cannot be put back" in question["text"]


async def test_a_step_that_only_read_is_no_step_to_undo(script):
    names = {"items": [1], "random": random}
    model = script(python("items.append(2)"), python("print(random.random(), items)"), {"text": "ok"})
    proc = await llmos.run("go", model=model, namespace=names, approve="auto")
    proc.undo()
    assert names["items"] == [1]


# fork and time travel


def at(process, kind, nth=0):
    """The position of the nth event of a kind."""
    return [e.n for e in process.events if e.k == kind][nth]


def go_on(script, child, *turns):
    """Give a fork the turns that follow those it has had."""
    child.run.model = script(*[{"text": "had"}] * child.run.state.responses, *turns)


async def test_a_fork_takes_the_namespace_back_and_goes_on_with_an_edited_plan(script):
    items = [0]
    names = {"items": items}
    proc = await three(script, names)
    child = proc.fork(at=at(proc, "step.integrated"))
    assert (proc.reason, items) == ("answered", [0, 1]) and "total" not in names
    child.edit(2, title="another way")
    go_on(script, child, python("items.append(7)"), python("items.append(8)"), {"text": "done"})
    await child.resume()
    assert items == [0, 1, 7, 8] and child.reason == "answered" and same_as_folded(child)
    assert [(s.title, s.status) for s in child.plan.steps] == [
        ("one", "done"),
        ("another way", "done"),
        ("three", "done"),
    ]
    child.undo(to=1)
    assert items == [0]


async def test_a_waiting_parent_ends_as_forked(script):
    names = {}
    turns = (PLAN, python("a = 1"), python("open('x.txt', 'w')"), {"text": "ok"})
    proc = await llmos.run("go", model=script(*turns), namespace=names)
    await proc.approve("plan")
    child = proc.fork(at=at(proc, "plan.decided"))
    assert (proc.reason, own(names)) == ("forked", {}) and child.state == "paused"


async def test_a_fork_of_a_fork_has_the_whole_past(script):
    names = {"items": [0]}
    proc = await three(script, names)
    child = proc.fork(at=at(proc, "step.integrated", 1))
    assert names["items"] == [0, 1, 2]
    go_on(script, child, python("items.append(3)"), {"text": "ok"})
    await child.resume()
    again = child.fork(at=at(child, "run.resumed"))
    assert names["items"] == [0, 1, 2] and [s.status for s in again.plan.steps][:2] == ["done", "done"]
    go_on(script, again, python("items.append(9)"), {"text": "ok"})
    await again.resume()
    assert names["items"] == [0, 1, 2, 9] and same_as_folded(again) and len(again.run.state.surviving) == 3


async def test_a_fork_puts_back_what_was_undone_since(script):
    names = {"items": [0]}
    proc = await three(script, names)
    end = at(proc, "step.integrated", 1)
    proc.undo(to=2)
    child = proc.fork(at=end)
    assert names["items"] == [0, 1, 2] and names["total"] == 3
    assert [s.status for s in child.plan.steps] == ["done", "done", "pending"] and same_as_folded(child)


async def test_fork_that_would_overwrite_user_changes_is_refused(script):
    names = {"items": [0]}
    proc = await three(script, names)
    names["items"].append("mine")
    before = len(proc.session.processes)
    with pytest.raises(SnapshotConflict, match="items changed since"):
        proc.fork(at=1)
    assert names["items"] == ["mine"] and proc.reason == "answered" and len(proc.session.processes) == before


async def test_a_fork_in_the_middle_of_a_call_runs_it_again(script):
    names = {"items": [0]}
    proc = await llmos.run(
        "go", model=script(python("items.append(1)"), {"text": "ok"}), namespace=names, approve="auto"
    )
    child = proc.fork(at=at(proc, "call.started"))
    assert names["items"] == [0]
    await child.resume()
    assert names["items"] == [0, 1] and child.reason == "answered" and same_as_folded(child)


async def test_a_moved_home_still_loads_a_fork(script, tmp_path, monkeypatch):
    names = {"items": [0]}
    proc = await three(script, names)
    child = proc.fork(at=at(proc, "step.integrated"))
    (tmp_path / "home").rename(tmp_path / "moved")
    path = tmp_path / "moved" / child.journal.path.relative_to(tmp_path / "home")
    again = llmos.replay(path)
    assert again.digest == child.digest and [s.title for s in again.plan.steps] == ["one", "two", "three"]


@pytest.mark.out_of_process
async def test_isolated_fork_starts_from_the_old_heap_beside_its_parent(script):
    items = [0]
    names = {"items": items}
    proc = await three(script, names)
    child = proc.fork(at=at(proc, "step.integrated"), isolate=True)
    assert items == [] and proc.reason == "answered"
    go_on(script, child, python("items.append('there')\nprint(items)"), {"text": "ok"})
    await child.resume()
    (last,) = [c for c in child.run.state.calls.values() if c.id == "r3.0"]
    assert last.result.endswith("[0, 1, 'there']") and items == [] and same_as_folded(child)
    with pytest.raises(UsageError, match="no steps in your namespace"):
        child.undo()
    proc.undo()
    assert items == [0, 1, 2]


# bounds on what may be written and seen


async def test_bind_reverts_a_step_that_wrote_another_name(script):
    names = {"df": [1], "keep": [1]}
    turns = (python("df.append(2)\nkeep.append(2)\nnew = 1"), python("df.append(3)"), {"text": "ok"})
    proc = await llmos.run("go", model=script(*turns), namespace=names, approve="auto", bind="df")
    assert own(names) == {"df": [1, 3], "keep": [1]}
    first = proc.run.state.calls["r1.0"]
    assert first.status == "failed" and first.error == "NotAllowed" and "this wrote keep, new" in told(proc)
    assert [e.d["call"] for e in proc.events if e.k == "names.changed" and e.d["mutated"]] == ["r2.0"]
    proc.undo()
    assert names["df"] == [1]
    proc.redo()
    assert names["df"] == [1, 3] and same_as_folded(proc)


@pytest.mark.parametrize(
    ("bind", "code", "allowed"),
    [
        ("t_*", "t_1 = 1", True),
        ("t_*,-t_2", "t_2 = 1", False),
        ("-x", "y = 1", True),
        ("-x", "x = 1", False),
        ("x y", "x = y = 1", True),
    ],
)
async def test_bind_globs_with_minus(script, bind, code, allowed):
    names = {}
    proc = await llmos.run("go", model=script(python(code), {"text": "ok"}), namespace=names, approve="auto", bind=bind)
    assert bool(own(names)) is allowed and (proc.run.state.calls["r1.0"].status == "done") is allowed


async def test_changes_that_bind_cannot_revert_are_recorded(script):
    names = {"rows": iter([1, 2, 3])}
    proc = await llmos.run(
        "go",
        model=script(python("x = next(rows)\ny = x"), {"text": "ok"}),
        namespace=names,
        approve="auto",
        bind="x",
    )
    changed = [e.d["created"] for e in proc.events if e.k == "names.changed"]
    assert proc.run.state.calls["r1.0"].status == "failed"
    assert ("x" in names) == bool(changed)  # the journal says what the namespace has


async def test_vars_limit_the_described_names(script):
    names = {"sales": [1], "private": [2]}
    model = script(look("describe", name="private"), look("names", pattern="*"), {"text": "ok"})
    proc = await llmos.run("go", model=model, namespace=names, variables="s*")
    assert "there is no variable 'private'" in proc.run.state.calls["r1.0"].result
    assert proc.run.state.calls["r2.0"].result == "sales: list"
    assert "sales: list" in told(proc) and "private" not in proc.run.state.context.head[-1].text


# in a real notebook


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    with Notebook(tmp_path_factory.mktemp("notebook")) as found:
        yield found


def test_undo_and_redo_by_magics(book):
    book.run("import pandas as pd\ndf = pd.DataFrame({'a': [3, 1, 2]})\nalias = df")
    spec = book.script(
        {"plan": [{"title": "sort"}, {"title": "add"}]},
        python("df.sort_values('a', inplace=True, ignore_index=True)"),
        python("df['b'] = df['a'] * 2"),
        {"text": "sorted"},
    )
    assert book.run(f"%%agent tidy -a auto -m {spec}\nSort `df`.").status == "ok"
    assert book.value("list(alias.a), list(alias)") == "([1, 2, 3], ['a', 'b'])"
    assert book.run("%agent undo tidy").text == "taken back: r3.0 python (`alias`, `df`)\n"
    assert book.value("list(alias)") == "['a']"
    assert book.run("%agent undo tidy --to 1").status == "ok" and book.value("list(alias.a)") == "[3, 1, 2]"
    assert book.run("%agent redo tidy").text == "put back: r2.0 python (`alias`, `df`)\n"
    book.run("%agent redo tidy")
    assert book.value("list(df.b), alias is df") == "([2, 4, 6], True)"
    book.run("df.loc[0, 'b'] = 99")
    ran = book.run("%agent undo tidy")
    assert ran.status == "error" and "SnapshotConflict" in ran.error and "df" in ran.error
    assert book.value("list(df.b)") == "[99, 4, 6]"
    assert "nothing was taken back" in ran.error


def test_fork_and_diff_by_magics(book):
    spec = book.script(python("n_1 = 1"), python("n_2 = 2"), {"text": "made"}, name="f.json")
    assert book.run(f"%%agent first -m {spec}\nGo.").status == "ok"
    number = next(
        n["n"]
        for n in map(json.loads, book.run("%agent log first --json").text.splitlines())
        if n["k"] == "call.finished"
    )
    ran = book.run(f"%agent fork first --at {number}")
    child = ran.text.split()[1]
    assert ran.status == "ok" and book.value("'n_1' in dir(), 'n_2' in dir()") == "(True, False)"
    ran = book.run(f"%agent resume {child}")
    assert ran.status == "ok" and book.value("n_2") == "2"
    said = book.run(f"%agent diff {int(child) - 1} {child}").text
    assert "the same" in said and "+ run.started" in said


def test_bind_and_tools_of_the_magic(book):
    book.run("def f_one(): 'One.'; return 1\ndef f_two(): 'Two.'; return 2\nkept = 1")
    spec = book.script(call("f_one"), call("f_two"), python("kept = 2"), {"text": "done"}, name="t.json")
    ran = book.run(f"%%agent bound -a auto -m {spec} -t 'f_*,-f_two' --bind 'new*'\nGo.")
    assert ran.status == "ok", ran.error
    said = book.run("%agent log bound --json").text
    assert "only new* may be written, and this wrote kept" in said and book.value("kept") == "1"
    assert "f_two" in said and "there is no tool" in said
