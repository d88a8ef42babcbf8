"""A process without a plan: its rows are its calls, in panel, page and text; no step is made up for it."""

import json
from dataclasses import replace

import pytest
from fixtures_writer import Writer
from turns import call, python

import llmos_nb as llmos
from llmos_nb.journal.events import PlanProposed
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.state import State
from llmos_nb.process.state.fold import fold
from llmos_nb.session import prune
from llmos_nb.tools import Call
from llmos_nb.views import page
from llmos_nb.views.panel import Projector
from llmos_nb.views.panel.calls import title
from llmos_nb.views.panel.now import code_of
from llmos_nb.views.panel.view import still, view
from llmos_nb.views.text import form
from llmos_nb.views.wording import plain

DONE = {"text": "Done."}


async def ran(*turns, **options):
    given = {"namespace": {}, "approve": "auto", **options}
    return await llmos.run("Make all of it, and well.", model=ScriptedModel(list(turns)), **given)


def drawn(proc):
    return view(proc.run.state, proc.events)


def rows(proc):
    return {row["n"]: row for row in drawn(proc)["steps"]}


async def test_a_run_without_a_plan_has_a_row_a_call_and_no_step():
    proc = await ran(python("# load it\nx = 1"), python("y = x + 1\ny"), call("names", pattern="x*"), DONE)
    assert proc.plan.steps == () and not [e for e in proc.events if isinstance(e.body, PlanProposed)]
    found = rows(proc)
    assert list(found) == ["r1.0", "r2.0", "r3.0"]
    assert [r["t"] for r in found.values()] == ["Load it", "y = x + 1", "names(pattern='x*')"]
    assert [r["s"] for r in found.values()] == ["done"] * 3
    assert found["r1.0"]["note"] == "made x" and found["r2.0"]["ev"] == "2"
    assert all(r["dur"] and r["cost"].endswith("tokens") for r in found.values())
    v = drawn(proc)
    assert (v["planhead"], v["planside"]) == ("Calls", "3 of 3 done") and "3 calls" in v["what"]


def test_a_question_is_the_title_of_its_row():
    asked = Call("r1.0", "ask", {"question": "Which shelves are closed?"})
    assert title(asked) == "asks: Which shelves are closed?"
    assert title(replace(asked, arguments={"question": 3})) == "ask(question=3)"


async def test_reason_of_a_rejection_stands_once_in_its_row():
    proc = await ran(python("x = 1"), DONE, approve="step")
    await proc.reject("r1.0", "bars, please")
    row = rows(proc)["r1.0"]
    assert row["note"] == "rejected by you: bars, please" and "ev" not in row


async def test_code_that_a_person_edited_is_not_said_to_be_the_models():
    call = Call("r1.0", "python", {"code": "x = 2"}, original={"code": "x = 1"})
    assert plain(code_of(call)["cap"]) == "Python, edited since r1.0"
    assert plain(code_of(replace(call, original=None))["cap"]) == "Python, written by the model in r1.0"


async def test_the_goal_is_never_ticked():
    proc = await ran(python("1 / 0"), DONE)
    (row,) = drawn(proc)["steps"]
    assert (row["s"], row["t"]) == ("failed", "1 / 0") and "ZeroDivisionError" in row["ev"]
    assert drawn(proc)["planside"] == "0 of 1 done"


async def test_a_call_that_failed_says_the_error_whatever_was_taken_back():
    proc = await ran(python("xs.append(4)\n1 / 0"), DONE, namespace={"xs": [3]})
    (row,) = drawn(proc)["steps"]
    assert row["ev"] == "ZeroDivisionError: division by zero" and proc.run.namespace["xs"] == [3]


async def test_each_call_of_an_answer_has_its_row_and_the_first_says_what_the_answer_cost():
    both = {"calls": [*python("a = 1")["calls"], *python("b = 2")["calls"]]}
    found = rows(await ran(both, DONE))
    assert list(found) == ["r1.0", "r1.1"] and "cost" in found["r1.0"] and "cost" not in found["r1.1"]


async def test_undo_is_offered_of_calls_that_changed_something_alone():
    proc = await ran(python("a = 1"), python("print(a)"), DONE)
    assert rows(proc)["r1.0"]["back"] is True and "back" not in rows(proc)["r2.0"]
    proc.undo(to="r1.0")
    assert rows(proc)["r1.0"]["s"] == "undone" and rows(proc)["r1.0"]["note"] == "undone"
    assert "back" not in rows(proc)["r1.0"] and "out" not in rows(proc)["r1.0"]


async def test_a_call_that_waits_is_the_row_that_waits_and_says_which():
    proc = await ran(python("a = 1"), DONE, approve="step")
    (row,) = drawn(proc)["steps"]
    assert (row["n"], row["s"], row["call"]) == ("r1.0", "waiting", "r1.0") and row["digest"]
    assert drawn(proc)["planside"] == "0 of 1 done" and "note" not in row


async def test_an_answer_without_any_call_has_no_row_and_no_plan():
    proc = await ran(DONE)
    v = drawn(proc)
    assert (v["steps"], v["planhead"], v["planside"]) == ([], "Calls", "none")
    assert "<ol" not in page.html(proc.run.state, proc.events)


async def test_calls_before_a_plan_stand_above_its_steps():
    proc = await ran(python("a = 1"), {"plan": [{"title": "Sum"}]}, python("b = a"), DONE)
    assert list(rows(proc)) == ["r1.0", 1]
    assert drawn(proc)["planside"] == "1 of 1 done"


async def test_text_and_page_show_the_calls():
    proc = await ran(python("# load it\nx = 1"), DONE)
    text, html = form.render(drawn(proc)), page.html(proc.run.state, proc.events)
    assert "Calls, 1 of 1 done" in text and "● r1.0 Load it" in text and "made x" in text
    assert "<ul" in html and "<b>Load it</b> (done" in html and "Make all of it" in html


async def test_the_output_of_a_call_is_shown_by_its_id():
    proc = await ran(python("print('seen')"), DONE)
    projector = Projector(proc.events)
    projector.open("output", "r1.0")
    sheet = projector.view(proc.run.state, proc.events)["sheet"]
    assert sheet["title"] == "r1.0 print('seen')" and "seen" in json.dumps(sheet)


async def test_many_calls_fold_by_their_place():
    proc = await ran(*[python(f"x{n} = {n}") for n in range(12)], DONE)
    v = drawn(proc)
    assert v["fold"]["upto"] == "r12.0" and v["fold"]["text"].startswith("Calls r1.0–r12.0 done")
    assert len(form.folded(v["steps"], v["fold"])) == 12


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("# load the birds\nx = 1", "Load the birds"),
        ("\n\nx = 1", "x = 1"),
        ("import pandas as pd\nfrom a import b\n\nx = 1", "x = 1"),
        ("import a\nimport b", "import a"),
        ("#\nx", "python"),
        ("x" * 300, "x" * 99 + "…"),
    ],
)
def test_a_call_is_named_by_its_first_comment_or_line(code, said):
    assert title(Call("r1.0", "python", {"code": code})) == said


def test_a_call_of_another_tool_is_named_by_its_arguments():
    assert title(Call("r1.0", "names", {"pattern": "x*"})) == "names(pattern='x*')"
    assert title(Call("r1.0", "sql", "not {json")) == "sql(not {json)"


def test_the_step_that_a_former_version_made_up_is_not_taken_in():
    w = Writer().start().add("plan.proposed", version=1, steps=[{"n": 1, "title": "The goal"}], by="process")
    w.add("plan.decided", version=1, what="approve", envelope={"python": 1}, by="mode:risky", why="")
    w.request().respond(("python", {"code": "x = 1"}))
    w.allow("r1.0").run("r1.0", "", created=("x",))
    w.add("step.integrated", step=1, met=True, evidence="no output")
    assert [r["n"] for r in view(w.state, w.events)["steps"]] == ["r1.0"]
    steps = [{"n": 1, "title": "The goal", "status": "replaced"}, {"n": 2, "title": "Sum"}]
    w.request().respond(("plan", {"steps": [{"title": "Sum"}]}))
    w.add("plan.edited", version=2, steps=steps, by="model", call="r2.0")
    w.add("plan.decided", version=2, what="approve", envelope={}, by="mode:risky", why="")
    assert [r["n"] for r in view(w.state, w.events)["steps"]] == ["r1.0", 2]


def test_a_step_of_the_models_own_that_reads_like_one_made_up_is_a_step():
    w = Writer().start().add("plan.proposed", version=1, steps=[{"n": 1, "title": "The goal"}], by="model")
    assert [r["n"] for r in view(w.state, w.events)["steps"]] == [1]


def followed(events):
    """Follow a run as a panel does, whose state changes in place; each view must be what one made afresh is."""
    projector, state = Projector(), State()
    for n, event in enumerate(events, 1):
        fold([event], state)
        projector.heard(event)
        found = projector.view(state, events[:n])["steps"]
        assert found == still(fold(events[:n]), events[:n])["steps"], f"after {event.k}, event {event.n}"
    return projector, state


@llmos.tool(effect="external", undo=lambda text: None)
def send(text: str) -> str:
    """Send a text."""
    return "sent"


async def test_a_row_that_is_shown_again_is_the_one_that_would_be_made_now():
    turns = [
        python("x = [1]"),
        python("x.append(2)\nx"),
        call("send", text="a"),
        python("1 / 0"),
        python("y = 3"),
    ]
    proc = await ran(*turns, DONE, approve="step", tools=[send])
    for verb, *said in [["approve"], ["approve"], ["approve"], ["approve"], ["reject", "r5.0", "no more"]]:
        await getattr(proc, verb)(*(said or ["all"]))
    assert proc.reason == "answered", proc.detail
    proc.undo(to="r2.0")
    proc.redo()
    await proc.undo(to=0)
    await proc.approve("all")  # the compensation
    found = [row["s"] for row in followed(proc.events)[0].view(proc.run.state, proc.events)["steps"]]
    assert found == ["undone", "undone", "undone", "failed", "rejected"]


async def test_a_row_is_made_anew_only_where_something_about_its_call_has_happened():
    proc = await ran(python("a = 1"), python("b = 2"), DONE)
    projector = Projector(proc.events)
    first, second = projector.view(proc.run.state, proc.events)["steps"]
    assert all(
        a is b for a, b in zip((first, second), projector.view(proc.run.state, proc.events)["steps"], strict=True)
    )
    proc.undo(to="r2.0")
    again = projector.view(proc.run.state, proc.events)["steps"]
    assert again[0] is first and (again[1]["s"], second["s"]) == ("undone", "done")


async def test_a_result_that_was_forgotten_is_in_no_row():
    proc = await ran(python("print('word ' * 3000)"), DONE)
    projector = Projector(proc.events)
    assert "word" in projector.view(proc.run.state, proc.events)["steps"][0]["ev"]
    prune.forget(proc.run, "r1.0")
    (row,) = projector.view(proc.run.state, proc.events)["steps"]
    assert "word" not in row.get("ev", "") and row == rows(proc)["r1.0"]
