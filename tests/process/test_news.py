"""News for the model: what changed since its last answer, in the order in which it happened, never before it could know."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.journal import Event
from llmos_nb.journal.events import (
    YOU,
    CallFinished,
    CallUndone,
    Changes,
    HeapRestored,
    ModelRequested,
    ModelResponded,
    NamesChanged,
    QuestionAnswered,
    QuestionAsked,
    RunEnded,
)
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.state.state import State

DONE = {"text": "Done."}


class Answering(ScriptedModel):
    """A script that lets somebody act while it answers."""

    def __init__(self, turns, meanwhile):
        super().__init__(turns)
        self.meanwhile = meanwhile

    async def respond(self, request, on_text):
        """Answer; the first time after somebody has acted."""
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()
            await asyncio.sleep(0)
        return await super().respond(request, on_text)


def said(process):
    """Return role and text of what the model was shown, behind the head."""
    return [(m.role, m.text) for m in process.run.state.context.messages()[2:]]


async def test_a_steer_stands_behind_the_answer_that_could_not_know_it():
    session = llmos.Session({})
    model = Answering([python("x = 1"), DONE], lambda: one.send("use 2"))
    one = session.start("Make x.", model=model, approve="auto", plan="none")
    await one
    roles = [role for role, _ in said(one)]
    assert roles == ["assistant", "tool", "user", "assistant"]
    assert said(one)[2][1] == "The user says: use 2" and same_as_folded(one)


async def test_a_steer_during_the_final_answer_is_answered():
    session = llmos.Session({})
    model = Answering([{"text": "x is 1."}, {"text": "x is 2."}], lambda: one.send("use 2"))
    one = session.start("What is x?", model=model, approve="auto", plan="none")
    await one
    assert one.answer == "x is 2." and one.reason == "answered"
    assert [t for _, t in said(one)][:2] == ["x is 1.", "The user says: use 2"] and same_as_folded(one)


async def test_a_steer_while_an_attempt_fails_is_in_the_next_one():
    session = llmos.Session({})
    model = Answering([{"text": "", "fault": "http_500"}, DONE], lambda: one.send("be quick"))
    one = session.start("go", model=model, approve="auto", plan="none")
    await one
    assert said(one)[0] == ("user", "The user says: be quick") and one.answer == "Done."


async def test_an_undo_during_an_answer_is_told_with_what_its_calls_have_made_since():
    session = llmos.Session({})
    again = {"calls": [call("python", code=c)["calls"][0] for c in ("x = 2", "y = 3")]}
    model = Answering([python("x = 1"), again, DONE], None)
    one = session.start("Make x.", model=model, approve="step", plan="none")
    await one
    one.approve("r1.0")
    model.meanwhile = lambda: one.undo()
    await one
    one.approve("all")
    await one
    assert [role for role, _ in said(one)][2:6] == ["assistant", "tool", "tool", "user"]
    assert said(one)[5][1] == (
        "The user undid call r1.0 (x). The namespace was put back to how it was before it. "
        "Since then changed: `x` (by r2.0), `y` (by r2.1)."
    )
    assert session.namespace["x"] == 2 and same_as_folded(one)


LAST = {
    "words": {"text": "x is 1."},
    "the tool final_answer": call("final_answer", answer="x is 1."),
}
UNDONE = "The user undid call r1.0 (x). The namespace was put back to how it was before it."


@pytest.mark.parametrize("form", LAST)
async def test_an_undo_during_the_final_answer_is_told_and_makes_the_model_answer_anew(form):
    session = llmos.Session({})
    model = Answering([python("x = 1"), LAST[form], {"text": "Nothing is left."}], None)
    one = session.start("Make x.", model=model, approve="step", plan="none")
    await one
    model.meanwhile = lambda: one.undo()  # it is not waited for: the process waits for this answer
    one.approve("r1.0")
    await one
    assert (one.reason, one.answer, model.position) == ("answered", "Nothing is left.", 3)
    assert said(one)[-2:] == [("user", UNDONE), ("assistant", "Nothing is left.")] and "x" not in session.namespace
    assert same_as_folded(one)


async def test_words_before_a_final_answer_that_waits_behind_a_call_are_answered():
    session = llmos.Session({})
    both = {"calls": [python("x = 1")["calls"][0], LAST["the tool final_answer"]["calls"][0]]}
    model = ScriptedModel([both, {"text": "x is 2."}])
    one = session.start("Make x.", model=model, approve="step", plan="none")
    await one
    one.send("Say 2.")
    one.approve("r1.0")
    await one
    assert one.answer == "x is 2." and said(one)[-2] == ("user", "The user says: Say 2.") and same_as_folded(one)


async def test_a_pause_before_a_final_answer_costs_no_further_request():
    session = llmos.Session({})
    both = {"calls": [python("x = 1")["calls"][0], LAST["the tool final_answer"]["calls"][0]]}
    model = ScriptedModel([both])
    one = session.start("Make x.", model=model, approve="step", plan="none")
    await one
    one.stop()
    await one
    one.approve("r1.0")
    await one.resume()
    assert (one.reason, one.answer, model.position) == ("answered", "x is 1.", 1) and same_as_folded(one)


@pytest.mark.parametrize("form", LAST)
def test_a_former_journal_with_an_undo_during_the_final_answer_still_ends_as_it_did(form):
    """Former versions took the answer that could not know of the undo; nobody goes on by opening such a journal."""
    from llmos_nb.process.state.decide import resumes

    asked = {"head": "", "ledger": 0, "window": [], "bytes": 1}
    made = Changes(created=["x"], rebound=[], mutated=[], deleted=[], digests={})
    first = [{"name": "python", "arguments": {"code": "x = 1"}}]
    calls = [{"name": c["name"], "arguments": c["arguments"]} for c in LAST[form].get("calls", ())]
    last = ModelResponded(request=2, text=LAST[form].get("text", ""), finish="stop", usage={}, calls=calls)
    taken = [CallFinished(call="r2.0", ok=True, result="x is 1.", size=7)] if calls else []
    state = state_of(
        ModelResponded(request=1, text="", finish="stop", usage={}, calls=first),
        NamesChanged(call="r1.0", changes=made),
        CallFinished(call="r1.0", ok=True, result="", size=0),
        ModelRequested(request=2, **asked),
        CallUndone(call="r1.0"),
        last,
        *taken,
        RunEnded(reason="answered", detail="", answer="x is 1."),
    )
    assert (state.status, state.reason, state.answer) == ("ended", "answered", "x is 1.") and not resumes(state)


async def test_an_undo_between_two_calls_tells_only_what_ran_behind_it():
    session = llmos.Session({})
    both = {"calls": [call("python", code=c)["calls"][0] for c in ("x = 1", "y = 3")]}
    one = session.start("Make x.", model=ScriptedModel([both, DONE]), approve="step", plan="none")
    await one
    one.approve("r1.0")
    await one
    one.undo()
    one.approve("r1.1")
    await one
    assert said(one)[3][1].endswith(
        "(x). The namespace was put back to how it was before it. Since then changed: `y` (by r1.1)."
    )
    assert same_as_folded(one)


class Cells:
    """An IPython of which only the end of cells is known."""

    def __init__(self, namespace):
        self.user_ns, self.events, self.count = namespace, self, 0
        self.hooks = []

    def register(self, name, hook):
        """Take a hook."""
        self.hooks += [hook] if name == "post_run_cell" else []

    def run(self, source):
        """Run a cell of the user's."""
        self.count += 1
        exec(source, self.user_ns)
        info = type("Info", (), {"raw_cell": source})()
        for hook in self.hooks:
            hook(type("Result", (), {"info": info, "execution_count": self.count})())


@pytest.fixture
def book():
    session = llmos.Session({"a": 1, "unused": 1})
    cells = Cells(session.namespace)
    cells.events.register("post_run_cell", session.sharing.cell)
    return session, cells


async def test_what_the_user_changed_meanwhile_is_told_with_its_value_now(book):
    session, cells = book
    turns = [python("a"), call("ask", question="Go on?"), python("b = a + 1\nb"), DONE]
    one = session.start("Use `a`.", model=ScriptedModel(turns), approve="auto", plan="none")
    await one
    cells.run("a = 40\nunused = 2")
    one.reply("yes")
    await one
    texts = [t for r, t in said(one) if r == "user"]
    assert texts == ["Changed since you last looked: `a` (by the user's cell [1]). Now: a: int 40."]
    assert session.namespace["b"] == 41
    assert same_as_folded(one) and [e.k for e in one.events].count("heap.changed") == 1


async def test_what_the_user_deleted_meanwhile_is_told(book):
    session, cells = book
    turns = [python("b = a + 1\nb"), call("ask", question="Go on?"), DONE]
    one = session.start("Use `a`.", model=ScriptedModel(turns), approve="auto", plan="none")
    await one
    cells.run("b = 7\ndel a")
    one.reply("yes")
    await one
    (text,) = [t for r, t in said(one) if r == "user"]
    assert text.startswith("Changed since you last looked: ") and "`a` (by the user's cell [1])" in text
    assert text.endswith("Now: b: int 7; `a` is gone.") and same_as_folded(one)


async def test_nothing_is_told_where_nothing_that_it_used_has_changed(book):
    session, cells = book
    turns = [python("a"), call("ask", question="Go on?"), DONE]
    one = session.start("Use `a`.", model=ScriptedModel(turns), approve="auto", plan="none")
    await one
    cells.run("unused = 2\nother = 3")
    one.reply("yes")
    await one
    assert "heap.changed" not in [e.k for e in one.events]


@pytest.mark.parametrize(("tools", "told"), [(("mail",), True), ((), False)])
async def test_a_process_that_writes_to_others_knows_its_own_name(tools, told):
    session = llmos.Session()
    one = session.start("go", name="sales", model=ScriptedModel([DONE]), tools=tools, approve="auto")
    await one
    assert ("You are process 1, sales." in one.run.state.context.head[0].text) is told


async def test_an_edited_call_says_what_ran():
    session = llmos.Session({})
    one = session.start("go", model=ScriptedModel([python("x = 1"), DONE]), approve="step", plan="none")
    await one
    await one.edit("r1.0", "x = 2")
    if one.state == "waiting":
        await one.approve("all")
    await one
    told = next(t for r, t in said(one) if r == "tool")
    assert told.startswith("(The user edited this call before it ran.) What ran:\nx = 2\nWhat it gave:\n")


def folded(*bodies, seconds):
    """Return what the model is shown after events of which the last comes so many seconds later."""
    return [m.text for m in state_of(*bodies, seconds=seconds).context.messages()]


def state_of(*bodies, seconds=1):
    """Fold events of which the last comes so many seconds later."""
    from llmos_nb.process.state.fold.fold import apply

    state, at = State(), datetime(2026, 1, 2, 9, 0, tzinfo=UTC)
    state.context.head = ()
    for n, body in enumerate(bodies):
        at += timedelta(seconds=seconds if n == len(bodies) - 1 else 1)
        apply(state, Event(n, at.isoformat(), body.kind, body.plain(), "", "", body))
    return state


@pytest.mark.parametrize(("seconds", "told"), [(720, ["after 12 min; it is 2026-01-02 09:12 UTC now"]), (60, [])])
def test_an_answer_that_took_long_is_told(seconds, told):
    asked = QuestionAsked(question="r9.0", about="question", text="Which year?", title="a question")
    found = folded(asked, QuestionAnswered(question="r9.0", text="2024", by=YOU), seconds=seconds)
    assert len(found) == len(told) and all(t in f for t, f in zip(told, found, strict=True))


def test_variables_that_are_gone_are_told_with_what_the_calls_of_the_turn_have_made_since():
    turn = ModelResponded(
        request=1, text="", finish="stop", usage={}, calls=[{"name": "python", "arguments": {"code": "x = 1"}}]
    )
    made = Changes(created=["x"], rebound=[], mutated=[], deleted=[], digests={})
    ended = CallFinished(call="r1.0", ok=True, result="", size=0)
    gone = HeapRestored(stored=[], rerun=[], missing={"x": "r0.0"}, differs=["x"])
    *_, told = folded(turn, gone, NamesChanged(call="r1.0", changes=made), ended, seconds=1)
    assert told.endswith("These are not as you saw them: x. Since then changed: `x` (by r1.0).")


async def test_a_rejected_step_of_the_plan_carries_its_reason():
    session = llmos.Session({})
    plan = {"plan": [{"title": "Load"}, {"title": "Send mail"}]}
    one = session.start("go", model=ScriptedModel([plan, python("1"), DONE]), approve="plan")
    await one
    one.reject(2, "nobody wants mail")
    one.approve("plan")
    await one
    told = next(t for r, t in said(one) if r == "tool")
    assert "Not to be done: step 2, Send mail: nobody wants mail" in told
