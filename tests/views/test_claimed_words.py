"""Words that claim something, each where it must not be said; `docs/claims.md` lists all of them."""

import threading
from dataclasses import replace
from io import StringIO

import pytest
from fixtures_writer import CODES, Writer
from turns import python

import llmos_nb as llmos
from llmos_nb import Session
from llmos_nb.journal.events import YOU, former
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.state.fold import fold
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel.now import allowed, kept, paused
from llmos_nb.views.panel.view import Projector, view
from llmos_nb.views.results import result
from llmos_nb.views.text.view import TextView
from llmos_nb.views.timeline import Timeline

DONE = {"text": "Done."}


def drawn(proc):
    return view(proc.run.state, proc.events)


def printed(proc):
    out = StringIO()
    TextView(write=out.write).before(proc.events, proc.run.state)
    return out.getvalue()


async def ran(*turns, **options):
    given = {"namespace": {}, "approve": "auto", **options}
    return await llmos.run("Go.", model=ScriptedModel(list(turns)), **given)


async def folded(last):
    steps = [{"title": f"Make x{n}", "expect": f"x{n} == {n}" if n < 9 else last} for n in range(10)]
    return await ran({"plan": steps}, *[python(f"x{n} = {n}") for n in range(10)], DONE)


async def test_a_folded_line_is_as_expected_only_where_each_step_was_compared():
    assert "all as expected" in drawn(await folded("x9 == 9"))["fold"]["text"]
    assert "all as expected" not in drawn(await folded("a number"))["fold"]["text"]


async def test_a_step_is_said_to_have_run_only_where_its_calls_ended_well():
    proc = await ran({"plan": [{"title": "Divide"}]}, python("1 / 0"), DONE)
    (said,) = [e["t"] for e in drawn(proc)["events"] if e["k"] == "step.integrated"]
    assert said == "step 1 did not end well"


async def test_a_call_that_changed_nothing_is_not_said_to_have_made_anything():
    proc = await ran(python("1 + 1"), python("x = 1"), DONE)
    first, second = drawn(proc)["steps"]
    assert "note" not in first and second["note"] == "made x"


async def test_a_call_that_failed_is_not_said_to_have_been_interrupted():
    proc = await ran(python("x = 1\n1 / 0"), DONE)
    assert "interrupted" not in str(drawn(proc)["steps"])


def test_a_name_that_the_code_writes_is_not_said_to_stay():
    w = Writer().two_steps()
    w.ask(w.call(code=CODES[2]), why="It asks.", reads=["by_island"], writes=["birds"], lent=[])
    rows = {row[1][0][1]: row[2] for row in view(w.state, w.events)["card"]["table"]["rows"]}
    assert rows["by_island"] == "no change seen" and "no change" not in rows["birds"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("y = df\ny.clear()", "–"),
        ("np.put(df, 0, 1)", "–"),
        ("heapq.heapify(df)", "–"),
        ("f(df)", "–"),
        ("any(row.clear() for row in df)", "–"),
        ("for row in df:\n    row[0] = 1", "–"),
        ("with df as d:\n    d.x = 1", "–"),
        ("box = {'kept': df}\nbox['kept'].clear()", "–"),
        ("def g():\n    return df\ng().clear()", "–"),
        (
            "y = df.copy()",
            "–",
        ),  # nobody knows of a call whether it changes what it is called of: nothing is said
        ("df.to_csv(None)", "–"),
        ("print(df.pop())", "new or changed"),
        ("df[0] > 1", "no change seen"),
        ("print(f'{df[0]:.1f}')", "no change seen"),
    ],
)
async def test_a_name_that_is_handed_on_is_not_said_to_stay(code, said):
    proc = await ran(python(code), DONE, approve="step", namespace={"df": [[1]]})
    rows = drawn(proc)["card"]["table"]["rows"]
    assert [row[2] for row in rows if row[1] == [["`", "df"]]] == [said]


async def test_a_plan_is_said_to_be_proposed_only_while_it_is_asked_about():
    plan = {"plan": [{"title": "Load"}, {"title": "Save"}]}
    proc = await ran(plan, python("x = 1"), DONE, approve="plan")
    assert drawn(proc)["planhead"] == "Plan, proposed by the model"
    proc.approve("plan")
    await proc
    assert drawn(proc)["planhead"] == "Plan, approved by you"


async def test_text_says_of_no_call_that_you_approved_it_where_the_mode_did():
    by_mode = await ran(python("x = 1"), DONE)
    assert "approved by you" not in printed(by_mode)
    asked = await ran(python("x = 1"), DONE, approve="step")
    asked.approve("r1.0")
    await asked
    assert "r1.0 approved by you" in printed(asked)


@pytest.mark.parametrize("by", ["mode:auto", "rule:2", "plan", "words", "approver:ci", "Prof. X", ""])
def test_a_running_call_says_by_which_decision_it_runs(by):
    w = Writer().planned()
    w.allow(w.call(code="x = 1"))
    call = replace(next(c for c in w.state.calls.values() if c.name == "python"), by=former(by))
    assert allowed(call) != "Approved by you." and allowed(replace(call, by=YOU)) == "Approved by you."
    people = by in ("approver:ci", "Prof. X")
    assert allowed(call).startswith("Approved by") == people and ("Allowed by" in allowed(call)) == bool(
        by and not people
    )


async def test_what_was_put_back_is_not_said_to_be_undone():
    proc = await ran(python("x = 1"), DONE)
    proc.undo()
    assert drawn(proc)["steps"][0]["note"] == "undone"
    proc.redo()
    assert "undone" not in str(drawn(proc)["steps"])


async def test_what_undo_does_not_reach_is_named_in_panel_and_text():
    namespace = {"rows": (i for i in range(9))}
    proc = await ran(python("first = next(rows)"), DONE, namespace=namespace)
    proc.undo()
    told = "rows is not put back, if it changed (a generator or coroutine: what it gave cannot be given again)"
    assert drawn(proc)["steps"][0]["note"].startswith(f"undone; {told}")
    assert told in drawn(proc)["foot"]["note"].replace("Rows is", "rows is")
    assert f"r1.0 taken back; {told}" in " ".join(printed(proc).split())
    plain = await ran(python("x = 1"), DONE)
    plain.undo()
    assert drawn(plain)["steps"][0]["note"] == "undone" and "not put back" not in str(drawn(plain))


def test_a_process_whose_journal_cannot_be_written_is_not_said_to_lose_nothing():
    w = Writer().two_steps()
    stopped = fold(Writer(list(w.events), w.state, w.clock).add("run.paused", why="you paused it").events)
    broken = replace(stopped, why="the journal cannot be written: no space left on the device")
    assert "Nothing is lost" in str(paused(stopped).now) and "Nothing is lost" not in str(paused(broken).now)


async def test_nothing_is_said_to_be_kept_where_nothing_ran():
    assert kept((await ran(DONE)).run.state) == "Nothing had run."
    assert kept((await ran(python("1 / 0"), DONE)).run.state) == "No call had ended well."
    assert kept((await ran(python("x = 1"), DONE)).run.state) == "1 call and its names are kept."


async def test_a_check_that_fails_is_not_said_to_hold():
    proc = await ran(DONE, DONE, DONE, check="x == 1", namespace={"x": 2})
    assert proc.reason == "unverified"
    assert " holds" not in printed(proc) and "does not hold" in printed(proc)


async def test_nobody_is_said_to_have_been_asked_where_the_mode_decided():
    assert "you were asked" not in str(drawn(await ran(python("x = 1"), DONE)))
    asked = await ran(python("x = 1"), DONE, approve="step")
    asked.approve("r1.0")
    await asked
    assert "you were asked once" in str(drawn(asked))


async def test_a_plan_that_was_made_once_is_not_said_to_be_re_planned():
    first, second = ({"plan": [{"title": title}, {"title": "Save"}]} for title in ("Load", "Read"))
    once = await ran(first, python("x = 1"), DONE)
    assert "re-planned" not in drawn(once)["planhead"]
    assert "re-planned once" in drawn(await ran(first, second, python("x = 1"), DONE))["planhead"]


async def test_only_what_cannot_go_on_is_said_to_have_ended_for_good():
    spent = await ran(python("x = 1"), DONE, budget="1 call")
    assert "for good" not in str(drawn(spent)["now"])
    w = Writer().two_steps().add("run.ended", reason="killed", answer=None)
    assert "ended for good" in str(view(w.state, w.events)["now"])


def test_a_run_that_goes_on_is_not_said_to_be_finished():
    w = Writer().two_steps()
    projector = Projector(w.events)
    projector.seek(3)
    assert "nothing is executed" not in str(projector.view(w.state, w.events))
    w.add("run.ended", reason="answered", answer="Done.")
    projector = Projector(w.events)
    projector.seek(3)
    assert "nothing is executed" in str(projector.view(w.state, w.events))


@pytest.mark.parametrize(("lost", "may"), [(["total"], []), (["total"], ["total"]), ([], [])])
def test_a_step_whose_variables_are_lost_is_not_called_done(lost, may):
    w = Writer().two_steps()
    call = w.call(code="open('hit', 'w').write('x'); total = 5")
    w.allow(call).add("call.started", call=call, key="k", epoch=1, watched=True)
    w.add("call.in_doubt", call=call, did=["write /hit"], lost=lost, may=may)
    v = view(w.state, w.events)
    assert ("It was done" in str(v["card"])) is (not lost) and "wrote /hit" in str(v["card"]["why"])
    assert "same key" not in v["card"]["cover"]
    w.add("call.resolved", call=call, done=True, by="you", lost=lost, may=may)
    said = Timeline(w.events).events[-1]["t"]
    assert ("was done" in said) is (not lost)
    assert ("total is lost" in said) is (lost != may) and ("total may be lost" in said) is bool(may)
    assert w.state.calls[call].status == ("failed" if lost else "done")


async def test_a_step_of_which_the_expectation_failed_is_not_said_to_be_done_after_undo_and_redo():
    steps = [{"title": "List", "expect": "len(g) == 4"}]
    proc = await ran({"plan": steps}, python("g = [1]"), DONE)
    before = drawn(proc)
    proc.undo()
    proc.redo()
    after = drawn(proc)
    assert proc.run.namespace["g"] == [1]
    assert [after["steps"][0][k] for k in ("s", "verdict")] == [before["steps"][0][k] for k in ("s", "verdict")]
    assert "done" not in after["steps"][0]["s"] and after["planside"].startswith("0 of 1 done")


async def test_a_name_that_is_nowhere_is_not_said_to_be_there_nor_to_be_what_may_change():
    proc = await ran(python("f(nosuch, rows)"), DONE, approve="step", namespace={"f": len, "rows": [1]})
    rows = {row[1][0][1]: row[2:] for row in drawn(proc)["card"]["table"]["rows"]}
    assert rows["nosuch"] == ["–", "was not there when this was asked"]
    assert rows["rows"] == ["–", "not made by this process"]


def test_of_a_name_at_which_nobody_looked_it_is_not_said_that_it_was_there():
    w = Writer().two_steps()
    w.ask(w.call(code=CODES[2]), why="It asks.", reads=["nosuch"])
    assert "there" not in str(view(w.state, w.events)["card"]["table"])


async def test_no_file_is_not_said_of_a_step_of_which_an_earlier_attempt_wrote_one(tmp_path):
    path = tmp_path / "left.txt"
    write = python(f"with open({str(path)!r}, 'w') as f:\n    f.write('1')\n1 / 0")
    proc = await ran({"plan": [{"title": "Write"}]}, write, python("x = 1"), DONE)
    (said,) = result(proc.run.state, 1, Counts.of(proc.events)).outside
    assert path.exists() and said == f"wrote {path}"


async def test_a_step_that_was_stopped_is_not_said_to_have_lost_nothing_nor_to_have_left_nothing(tmp_path):
    path, began = tmp_path / "left.txt", threading.Event()
    code = f"with open({str(path)!r}, 'w') as f:\n    f.write('1')\nbegan.set()\nwhile True: pass"
    session = Session({"began": began}, home=tmp_path / "home")
    proc = session.start("go", model=ScriptedModel([python(code)]), approve="auto", plan="none")
    stopping = threading.Thread(target=lambda: (began.wait(30), proc.stop()))
    stopping.start()
    await proc
    stopping.join()
    seen = drawn(proc)
    assert path.exists() and "Nothing is lost" not in str(seen["now"])
    assert "was taken back, except that it wrote left.txt: that stays." in str(seen["now"])
    assert seen["steps"][0]["note"].endswith("interrupted, taken back, except that it wrote left.txt")
