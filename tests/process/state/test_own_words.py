"""Every text that a process tells its model can stand in other words: with all of them replaced, none of ours is left."""

import asyncio
import json

import pytest
from pagers import LOTS
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.models import Traits
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.state.texts import TEXTS, placeholders

DONE = {"text": "Done."}
WORDS = {n: f"<{n}{''.join(f' ${p}' for p in sorted(placeholders(t)))}>" for n, t in TEXTS.items()}


@pytest.fixture(autouse=True)
def own(tmp_path):
    table = "".join(f"{name} = {json.dumps(text)}\n" for name, text in WORDS.items())
    (tmp_path / "llmos.toml").write_text(f"[prompts]\n{table}")
    (tmp_path / "sales.csv").write_text("a,b\n1,2\n")


async def told(*turns, goal="Work.", then=(), **more):
    """Play turns, with what a person does in between; return all that the model was shown."""
    given = {"approve": "auto", "budget": LOTS, "namespace": {"x": 3}, **more}
    traits = Traits("large", window_bytes=more.pop("window", 100_000))
    given.pop("window", None)
    one = await llmos.run(goal, model=ScriptedModel([*turns, DONE], traits), **given)
    for act in then:
        await asyncio.sleep(0)
        act(one)
        await one
    assert same_as_folded(one)
    return "\n".join(m.text for m in one.run.state.context.messages())


def has(text, *names):
    assert [n for n in names if f"<{n}" not in text] == []


async def test_the_head_is_in_own_words():
    text = await told(goal="Look at `x` and !`sales.csv`.")
    has(text, "system", "namespace", "work", "computed", "you_are", "variables", "attached", "attached_table")
    assert text.startswith("<system>") and "Variables:" not in text and "Attached" not in text


async def test_what_did_not_run_is_told_in_own_words():
    steps = [python("x"), python("y = 1"), python("z = 2")]
    acts = (
        lambda p: p.approve("r1.0"),
        lambda p: p.reject("r2.0", "no"),
        lambda p: p.edit("r3.0", "z = 5"),
        lambda p: p.approve("all") if p.state == "waiting" else None,
        lambda p: p.undo(),
    )
    text = await told(*steps, then=acts, approve="step", plan="none")
    has(text, "refused <rejected>", "edited", "undone")
    assert "Not run" not in text and "rejected by" not in text and "The user" not in text
    text = await told(*[python("x")] * 4, plan="none", goal="Again.")
    has(text, "error <repeated")


async def test_what_is_long_or_stands_again_and_again_is_told_in_own_words():
    text = await told(python("print('y ' * 30_000)"), python("for _ in range(99): print('again')"))
    has(text, "shortened", "stood_often", "memory")
    assert "head and tail" not in text


async def test_recall_answers_in_own_words():
    asked = [{}, {"page": 7}, {"query": "nowhere"}, {"query": "needle"}]
    text = await told(python("print('y ' * 30_000 + 'needle' + ' z' * 30)"), *(call("recall", **a) for a in asked))
    has(text, "recall_what <recall_none>", "recall_no_page", "recall_nothing", "recall_whole")
    assert "in full" not in text and "there is no page" not in text


async def test_a_plan_with_what_it_expects_is_told_in_own_words():
    plan = call("plan", steps=[{"title": "Add", "expect": "x == 4"}, {"title": "Say"}])
    text = await told(plan, call("python", code="x = 5", step="1"), call("python", code="x = 4", step="1"))
    has(text, "plan_approved", "plan_begin", "step_expected", "next_step")
    assert "expected `" not in text and "Next is" not in text


async def test_the_notes_of_a_full_window_are_in_own_words():
    turns = [{**python(f"# step {n}\nv{n} = {n}\nprint('x' * 1500)"), "text": f"It is {n}."} for n in range(40)]
    plan = call("plan", steps=[{"title": "Add"}, {"title": "Say"}])
    text = await told(plan, *turns, window=20_000)
    has(text, "earlier_work", "window_full", "you_said", "known_variables", "known_plan")
    assert "Variables made" not in text and "You said" not in text and "Plan, done" not in text


async def test_two_processes_over_one_name_are_told_of_it_in_own_words():
    session = llmos.Session({"a": 1})
    steps = [python("a"), call("ask", question="Go on?"), python("a = 2"), DONE]
    one = session.start("Use `a`.", model=ScriptedModel(steps), approve="auto", plan="none")
    await one
    two = session.start("Set `a`.", model=ScriptedModel([python("a = 7"), DONE]), approve="auto", plan="none")
    await two
    one.reply("yes")
    await one
    text = "\n".join(m.text for m in one.run.state.context.messages())
    has(text, "not_run", "conflict", "now")
    assert "Nothing ran" not in text and "Now:" not in text


WRONG = {
    "schema_no_tool": call("pythn", code="1"),
    "schema_missing": call("python"),
    "schema_unexpected": call("python", code="1", cod="2"),
    "schema_expected": call("recall", page=[1]),
    "schema_no_json": {"calls": [{"name": "python", "arguments": "{'code'"}]},
    "steps_none": call("plan", steps=[]),
    "step_title": call("plan", steps=[{"expect": "x"}]),
    "step_later": call("plan", steps=[{"title": "Add", "depends_on": [7]}]),
    "no_answer": call("final_answer", answer=" "),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_with_a_call_is_told_in_own_words(name):
    text = await told(WRONG[name])
    has(text, name)
    assert "did you mean" not in text.replace("<schema_no_tool", "") or name in ("schema_no_tool", "schema_unexpected")


async def test_what_the_policy_refuses_is_told_in_own_words(tmp_path):
    rule = '[[policy.rules]]\ntool = "describe"\ndo = "deny"\n'
    (tmp_path / "llmos.toml").write_text((tmp_path / "llmos.toml").read_text() + rule)
    write = python("from pathlib import Path\nPath('x.txt').write_text('x')")
    look = {"calls": [{"name": "describe", "arguments": {"name": "x"}}]}
    text = await told(look, write, approve="never")
    has(text, "rule_denies", "nobody")
    assert "A rule denies" not in text and "nobody may be asked" not in text


async def test_the_answer_to_acts_is_in_own_words():
    @llmos.tool(effect="external", sinks=("to", "amount"))
    def pay(to: str, amount: float) -> str:
        """Pay."""
        return "paid"

    acts = [["pay(to=1 ** 2)"], ["pay(to='Bob', amount=7)"]]
    plans = [call("plan", steps=[{"title": "Pay", "acts": one}]) for one in acts]
    text = await told(*plans, tools=[pay], approve="risky", then=(lambda p: p.reject("plan", "no"),))
    has(text, "acts_unread", "act_unread", "acts_ask", "act_read", "act_waits", "act_invented")
    assert "not understood" not in text and "will always ask" not in text


def test_the_form_of_acts_is_in_own_words():
    @llmos.tool(effect="external", sinks=("to", "amount"))
    def pay(to: str, amount: float) -> str:
        """Pay."""
        return "paid"

    session = llmos.Session({})
    one = session.start("Pay.", model=ScriptedModel([DONE]), tools=[pay], approve="risky")
    (plan,) = [w["function"] for w in one.run.wire()[0] if w["function"]["name"] == "plan"]
    assert plan["description"].endswith("<acts_form>")
