"""The card: what waits for a person, why, what it would do, and what approving covers."""

import pytest
from fixtures_journals import shown, waiting
from fixtures_writer import Writer
from turns import call

import llmos_nb as llmos
from llmos_nb.views import page
from llmos_nb.views.panel.view import view
from llmos_nb.views.text.form import render
from llmos_nb.views.wording import plain


def button(v, label):
    return next(b for b in v["card"]["buttons"] if b["label"] == label)


def test_card_shows_call_reason_risks_code_and_coverage():
    c = shown("waiting")["card"]
    assert c["title"] == "Step 3 wants to replace a file"
    assert c["why"][:2] == ["It asks because ", ["`", "to_csv"]]
    assert [kind for kind, _ in c["risks"]] == ["cannot be undone", "external"]
    assert c["code"].startswith("path =") and c["cap"][1] == [
        "`",
        "r4.0",
    ]  # no link to the card that it stands in
    rows = {plain(r[1]): [plain(x) for x in r] for r in c["table"]["rows"]}
    assert rows["by_island"] == ["reads", "by_island", "–", "step 2, r3.0"]
    assert rows["path"] == ["writes", "path", "new or changed", "this call"]
    assert (c["call"], c["digest"], c["step"]) == ("r4.0", "9f3ce1aa", 3)
    assert "9f3c e1" in plain(c["cover"])
    assert [b["key"] for b in c["buttons"]] == ["A", "⇧ A", "E", "R", "S"]


def test_a_reason_stands_once_and_several_are_listed():
    one, two = ["file", "`to_csv` writes `x.csv`"], ["network", "`get` sends data out"]
    why = {"text": "It asks because `to_csv` writes `x.csv`"}
    cards = [
        view(w.state, w.events)["card"]
        for w in (waiting(risks=[one], **why), waiting(risks=[one, two], **why), waiting(risks=[two], **why))
    ]
    assert [[kind for kind, _ in c.get("risks", ())] for c in cards] == [[], ["file", "network"], ["network"]]


def test_the_live_line_says_the_decision_and_its_keys():
    said = shown("waiting")["say"]
    assert said == "Waiting for you. Step 3 wants to replace a file. Press A to approve, E to edit or R to reject."


def test_a_card_with_nothing_recorded_still_asks():
    w = Writer().two_steps()
    w.add("question.asked", question=w.call("f", x=1), kind="approval", text="")
    c = view(w.state, w.events)["card"]
    assert c["title"] == "Step 3 wants to call f" and c["args"] == [{"name": "x", "value": 1, "origin": "the model"}]


def test_after_an_edit_the_card_shows_both_versions_and_offers_the_models():
    v = shown("edited")
    c = v["card"]
    assert c["code"] != c["model_code"] and "1 line changed by you" in plain(c["cap"])
    assert button(v, "Approve")["more"] == "my version"
    back = button(v, "Model’s version")
    assert back["verb"] == "check_edit" and back["data"]["arguments"]["code"] == c["model_code"]


def test_an_argument_says_where_it_comes_from():
    args = {a["name"]: a for a in shown("tool")["card"]["args"]}
    assert args["to"]["origin"] == "the model"
    assert plain(args["body"]["origin"]) == "step 2, r3.0"
    w = Writer().start()
    w.propose().approve_plan()
    w.ask(w.call("send_mail", subject="the heaviest birds"))
    assert view(w.state, w.events)["card"]["args"][0]["origin"] == "the model"


async def test_an_address_that_the_goal_forbids_is_not_said_to_come_from_the_goal(script):
    def send(to: str) -> str:
        """Send it."""
        return "sent"

    model = script(call("send", to="eve@x.org"), {"text": "done"})
    goal = "Send it to ann@x.org, never to eve@x.org."
    proc = await llmos.run(goal, model=model, namespace={}, tools=[send])
    (argument,) = view(proc.run.state, proc.events)["card"]["args"]
    assert argument["value"] == "eve@x.org" and argument["origin"] == "the model"
    assert "goal" not in str(argument) and "as you said" not in str(argument)


def test_outward_call_can_be_pre_approved_for_exactly_its_arguments():
    v = shown("tool")
    assert "approve_rest" not in [b["verb"] for b in v["card"]["buttons"]]
    assert button(v, "Always for these arguments")["verb"] == "approve_same"
    same = "covers every further send_mail call of this process with exactly these; take it back under More, Rules."
    assert plain(v["card"]["cover"]).endswith(same)


def test_outward_code_cannot_be_approved_in_advance():
    w = waiting(risks=[["network", "`requests.post` sends data out"]])
    v = view(w.state, w.events)
    assert not {"approve_rest", "approve_same"} & {b["verb"] for b in v["card"]["buttons"]}
    assert plain(v["card"]["cover"]).endswith("Calls that go out cannot be approved in advance.")


def test_a_deletion_cannot_be_approved_in_advance():
    w = waiting(risks=[["deletion", "`unlink` deletes `old.csv`"]], each_time=False)
    v = view(w.state, w.events)
    assert [b["label"] for b in v["card"]["buttons"]] == ["Approve", "Edit", "Reject", "Skip"]
    assert plain(v["card"]["cover"]).endswith("Deletions cannot be approved in advance.")


@pytest.mark.parametrize(("kind", "always"), [("delete", False), ("write", True)])
def test_a_held_deletion_is_allowed_once_or_not_at_all(kind, always):
    w = Writer().two_steps()
    call = w.call(code="x")
    w.allow(call).add("call.started", call=call, key="k", epoch=1)
    about = {"kind": "effect", "call": call, "effect": [kind, "old.csv"], "title": f"{kind} old.csv"}
    w.add("question.asked", question=f"{call}!1", text="So.", **about)
    c = view(w.state, w.events)["card"]
    assert ("Allow for this process" in [b["label"] for b in c["buttons"]]) is always
    assert ("Allow for this process" in plain(c["cover"])) is always


def test_hidden_characters_in_code_are_a_risk_of_their_own():
    w = Writer().two_steps()
    w.ask(w.call(code="if x: # \u202e } evil\n  pass"))
    risks = dict(view(w.state, w.events)["card"]["risks"])
    assert risks["hidden characters"].startswith("U+202E")


def test_a_plan_says_what_approving_it_grants():
    c = shown("proposed")["card"]
    assert [[plain(x) for x in r][:3] for r in c["table"]["rows"]] == [["python", "one call a step", "every step"]]
    assert c["call"] == "plan:1"  # of the version that is seen, and of no other
    assert [plain(line) for line in c["plan"]["rest"]] == [
        "python: at most one call a step, every step",
        "Still asks: if it touches files, processes or the net, or cannot be undone.",
    ]
    assert [b["label"] for b in c["buttons"]] == ["Approve", "Edit", "Reject"]


@pytest.mark.parametrize(("acts", "told"), [([], True), (None, False)])
def test_a_plan_that_commits_to_nothing_says_what_will_ask(acts, told):
    w = Writer().start("risky").propose()
    said = {} if acts is None else {"acts": acts}
    w.add("plan.edited", version=2, steps=[{**raw.plain(), **said} for raw in w.state.plan.steps], by="user")
    w.add("question.asked", question="plan:2", kind="plan", text="It asks because so.")
    v = view(w.state, w.events)
    words = "This plan promises no act outside: whatever it does outward will ask."
    assert (v["card"]["plan"]["promise"] == words) is told
    for text in (plain(v["card"]["why"]), page.html(w.state, w.events), render(v)):
        assert (words in " ".join(text.split())) is told


def test_a_question_has_a_field_and_a_doubt_has_two_ways():
    assert shown("question")["card"]["question"] == "Which year do you mean?"
    v = shown("doubt")
    assert button(v, "It was done")["data"] == {"done": True}
    assert button(v, "Run it again")["data"] == {"done": False}
    assert "3-abc-r4.0" in plain(v["card"]["cover"])


def test_several_questions_say_how_many():
    w = waiting()
    w.state.questions["r9.0"] = {"kind": "question", "text": "?"}
    assert view(w.state, w.events)["card"]["side"] == "1 of 2 questions"
