"""The lessons: each solution passes its check on every variant, and wrong attempts fail with the hint that helps."""

import itertools
import json
import re
import sys
from pathlib import Path
from typing import Literal

import answers_evaluation
import answers_planning
import mini_variants
import pytest
from lived import LIVED as LIVED_BEFORE
from numpy import float64, int64

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.lessons import (
    MODULES,
    Progress,
    lesson,
    memory,
    outline,
    scheduling as sim,
    scores,
    step_through,
    write_scores,
)
from llmos_nb.lessons.build import instructor, student
from llmos_nb.lessons.crash import kills, table
from llmos_nb.lessons.mail import TEAM, THIEF
from llmos_nb.lessons.models import call, python, settle, with_fault
from llmos_nb.lessons.solutions import module, solution_text
from llmos_nb.lessons.system import PARTS
from llmos_nb.models.scripted import ScriptedModel

LIVED = {**LIVED_BEFORE, ("09", "demand"): answers_planning.DEMAND}
EXERCISES = [(n, e.name) for n in MODULES for e in outline(n).exercises]
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="lesson 07 kills forked processes")


# ---- wrong attempts: what a learner writes first, and the hint that helps


def loop_without_feedback(propose, tools, goal, most):
    for _ in range(most):
        turn = propose([{"role": "user", "text": goal}])
        if "answer" in turn:
            return turn["answer"]
        tools[turn["call"]](**turn["arguments"])


def loop_that_breaks(propose, tools, goal, most):
    messages = [{"role": "user", "text": goal}]
    for _ in range(most):
        turn = propose(messages)
        if "answer" in turn:
            return turn["answer"]
        messages.append({"role": "tool", "text": str(tools[turn["call"]](**turn["arguments"]))})


def loop_without_end(propose, tools, goal, most):
    messages = [{"role": "user", "text": goal}]
    while True:
        turn = propose(messages)
        if "answer" in turn:
            return turn["answer"]
        try:
            result = tools[turn["call"]](**turn["arguments"])
        except Exception as error:
            result = repr(error)
        messages.append({"role": "tool", "text": str(result)})


def truncating(value):
    return int(float(value)) if not isinstance(value, bool) else 1 // 0


def only_ints(value):
    if type(value) is not int:
        raise ValueError
    return value


def bare(amount, currency):
    return 1


def any_text(amount: float, currency: str) -> float:
    """Convert."""
    return 1.0


@llmos.tool(effect="external")
def asks(amount: float, currency: Literal["NOK"]) -> float:
    """Convert."""
    return 1.0


def in_window_only(context, words):
    return next((g.text for g in context.window if words in g.text), None)


def in_pages_only(context, words):
    return next((g.text for p in context.pages for g in p if words in g.text), None)


def most_alike(context, words):
    own = next((g.text for g in context.window if words in g.text), None)
    found = context.search(words, 1)
    return own or (found[0][1] if found else None)


def last_wait(spans):
    return {s.pid: s.began - s.asked for s in spans}


def until_the_end(spans):
    return {pid: max(s.ended - s.asked for s in spans if s.pid == pid) for pid in {s.pid for s in spans}}


def whoever_decided_first(process):
    return next(e.d["by"] for e in process.events if e.k == "call.decided")


def own_pay(pay, disk):
    if "done" not in disk:
        pay()
        disk.append("done")
    return "paid"


def too_early(pay, disk):
    if "done" not in disk:
        disk.append("done")
        pay()
    return "paid"


def silent(pay, disk):
    if "begun" in disk:
        return "paid" if "done" in disk else None
    disk.append("begun")
    pay()
    disk.append("done")
    return "paid"


def all_finished(events):
    names = [c for e in events if e.k == "model.responded" for c in e.d["calls"]]
    return {f"r1.{i}": "done" for i, _ in enumerate(names)}


def without_doubt(events):
    known = module("07").fold(e for e in events if e.k != "call.in_doubt")
    return known


def by_hand(process):
    namespace = process.run.namespace
    namespace["masses"] = [1, 2, 3, 4]
    del namespace["mean"]


def without_links(lines):
    events = [json.loads(line) for line in lines]
    hash_of = module("08").hash_of
    return next((i + 1 for i, e in enumerate(events) if hash_of(e) != e["hash"]), None)


async def without_approval(folder):
    model = ScriptedModel([python("x = 1"), {"text": "It is done."}])
    process = await llmos.run("Do it.", model=model, namespace={}, home=folder)
    return process, process.export(folder / "work.ipynb")


async def without_export(folder):
    process, _ = await module("08").capstone(folder)
    return process, folder / "missing.ipynb"


async def without_answer(folder):
    model = ScriptedModel([python("open('x.txt', 'w').write('a')"), {"text": "Done."}])
    return await llmos.run("Do it.", model=model, namespace={}, home=folder), folder / "work.ipynb"


ALLOW = {"tool": "send_mail", "do": "allow"}
DENY = {"tool": "send_mail", "do": "deny"}
TO_TEAM = {**ALLOW, "where": {"to": TEAM}}
KINDS = list(module("01").order)
WRONG = {
    ("01", "order"): [
        (KINDS[:3], 1, "once"),
        ([*KINDS[:2], "call.started", "call.decided", *KINDS[4:]], 2, "without a decision"),
        ([*KINDS[:4], "run.ended", "call.finished"], 3, "place 5"),
    ],
    ("01", "script"): [
        ("double", 1, "no script"),
        ([call("double", n=1), {"text": "It is 2."}], 2, "no call was refused"),
        ([call("double", n=1), call("dubble", n=1), {"text": "It is 2."}], 3, "before"),
    ],
    ("01", "loop"): [
        (loop_without_feedback, 2, "no feedback"),
        (loop_that_breaks, 3, "ended your loop with KeyError"),
        (loop_without_end, 3, "nothing bounds it"),
    ],
    ("02", "breaks"): [
        ([{}], 1, "three dicts"),
        ([{"count": 1}, {}, {"count": "x"}], 1, "not refused"),
        ([{}, {"size": "s"}, {"count": "x"}], 2, "three different faults"),
    ],
    ("02", "as_int"): [
        (only_ints, 2, "loses nothing"),
        (int, 3, "3.5"),
        (truncating, 3, "3.5"),
    ],
    ("02", "convert"): [
        (bare, 1, "annotate"),
        (any_text, 2, "XXX"),
        (asks, 3, "a person is asked"),
    ],
    ("03", "window"): [
        ("large", 1, "a number of bytes"),
        (20_000, 2, "too large"),
        (2_000, 3, "too small"),
    ],
    ("03", "find"): [
        (in_window_only, 1, "a page"),
        (in_pages_only, 2, "the window"),
        (most_alike, 3, "nowhere"),
    ],
    ("03", "prefix_breaks"): [
        (lambda prompts: len(prompts) - 1, 1, "only grows"),
        (lambda prompts: 0, 2, "slides"),
        (lambda prompts: sum(b[0] != a[0] for a, b in itertools.pairwise(prompts)), 3, "rewritten"),
    ],
    ("04", "waits"): [
        (lambda spans: {1: 0.0}, 1, "speaks of [1]"),
        (last_wait, 2, "at most"),
        (until_the_end, 3, "at most"),
    ],
    ("04", "ideal"): [
        (lambda agents, slots: sim.serial(agents), 1, "always busy"),
        (lambda agents, slots: sum(a.turns * a.think for a in agents) / slots, 2, "slow agent alone"),
        (lambda agents, slots: max(a.alone for a in agents), 1, "always busy"),
    ],
    ("04", "policy"): [
        (lambda ready, now: 99, 1, "must be the pid"),
        (sim.by_pid, 2, "is fair"),
        (sim.shortest, 3, "the ideal"),
    ],
    ("05", "who"): [
        ("the model", 1, "function"),
        (whoever_decided_first, 2, "a rule"),
        (lambda process: process.run.state.calls["r2.0"].by.plain(), 3, "nobody yet"),
    ],
    ("05", "leak"): [
        (THIEF, 1, "dict"),
        ({"to": TEAM}, 2, "nothing leaked"),
        ({"body": "x"}, 1, "dict"),
    ],
    ("05", "rules"): [
        ([DENY], 1, "honest work stopped"),
        ([{**ALLOW, "where": {"to": f"{TEAM}*"}}, DENY], 2, "begins like"),
        ([TO_TEAM, DENY], 3, "copy"),
    ],
    ("05", "acts"): [
        (["send_mail(whom=1)"], 1, "not understood"),
        (["send_mail(to='nobody@example.org', body=text(9))"], 2, "no mail to the team"),
        ([f"send_mail(to=any_of('{TEAM}', '{THIEF}'), body=text(99))"], 2, "left the house"),
        ([f"send_mail(to='{TEAM}', body=text(99), cc=maybe('{THIEF}'))"], 3, "left the house"),
    ],
    ("06", "label"): [
        (lambda events, untrusted, incoming: "trusted", 1, "read an untrusted file"),
        (
            lambda events, untrusted, incoming: (
                "untrusted" if any(c["name"] in untrusted for e in events if e.k == "model.responded" for c in e.d["calls"]) else incoming
            ),
            2,
            "refused",
        ),
        (lambda events, untrusted, incoming: module("06").label(events, untrusted, "trusted"), 3, "handed"),
    ],
    ("06", "laundering"): [
        (lambda hops: None, 1, "a model says"),
        (lambda hops: next((h.name for h in hops if "untrusted" in h.reads and h.says == "trusted"), None), 2, "vouches"),
        (lambda hops: next((h.name for h in hops if h.reads == ("untrusted",) and h.says == "trusted" and h.by != "you"), None), 3, "two inputs"),
    ],
    ("06", "pipe"): [
        (lambda start, first: first, 1, "never called"),
        (lambda start, first: start("Tell the team that all is well."), 1, "never told"),
        (lambda start, first: start(f"Tell the team: {first.answer}"), 2, "was obeyed"),
        (lambda start, first: start("Tell the team what you were given.", source=first).answer, 3, "wanted back"),
    ],
    ("07", "pay_once"): [
        (own_pay, 2, "paid 2 times"),
        (too_early, 2, "nothing was paid"),
        (silent, 3, "said None"),
    ],
    ("07", "after_crash"): [
        (lambda status, repeat: "run", 2, "'ask'"),
        (lambda status, repeat: "ask" if repeat == "once" else "run", 3, "'run'"),
        (lambda status, repeat: "ask" if status != "approved" else "run", 1, "'keep'"),
    ],
    ("07", "fold"): [
        (lambda events: {}, 1, "after event"),
        (all_finished, 2, "proposed"),
        (without_doubt, 3, "in_doubt"),
    ],
    ("08", "rewind"): [
        (by_hand, 1, "no undo"),
        (lambda process: process.undo(), 2, "step 2"),
        (lambda process: process.undo(1), 3, "first step"),
    ],
    ("08", "broken"): [
        (lambda lines: None, 1, "content was changed"),
        (without_links, 2, "a line was taken"),
        (lambda lines: 1, 3, "untouched"),
    ],
    ("08", "capstone"): [
        (without_answer, 1, "waiting"),
        (without_approval, 2, "0 calls"),
        (without_export, 3, "not there"),
    ],
    ("08", "whole"): [
        (mini_variants.faulty(part, name), hint, said)
        for (part, name), (hint, said) in mini_variants.WHOLE.items()
        if name in ("no_intent", "never_used_up", "page_lost")
    ],
    **{(number, "mini"): mini_variants.wrong(part) for number, part in PARTS.items()},
    **answers_planning.WRONG,
    **answers_evaluation.WRONG,
    **{exercise: corpus["wrong"] for exercise, corpus in LIVED.items()},
}  # fmt: skip
OF_THE_SYSTEM = {"mini", "whole"}  # each draws its numbers anew, whatever the seed


def test_every_exercise_has_three_wrong_attempts():
    assert set(WRONG) == set(EXERCISES) and all(len(w) >= 3 for w in WRONG.values())


@pytest.mark.out_of_process
@pytest.mark.parametrize(("number", "name"), EXERCISES)
def test_solution_passes_on_every_variant(number, name, tmp_path):
    own = name in OF_THE_SYSTEM
    for seed in (1,) if own else (1, 2, 5):
        if (number, name) in LIVED:
            attempt = LIVED[number, name]["right"][0](seed)
        else:
            attempt = mini_variants.REFERENCE if own else getattr(module(number), name)
        verdict = lesson(number, seed, tmp_path).check(name, attempt)
        assert verdict.passed, verdict
    assert Progress(tmp_path).exercise(number, name)["passed"]


@pytest.mark.out_of_process
@pytest.mark.parametrize(("number", "name"), EXERCISES)
def test_empty_answer_fails_with_the_first_hint(number, name, tmp_path):
    here = lesson(number, 1, tmp_path)
    for empty in (None, ..., lambda *args: None):
        verdict = here.check(name, empty)
        assert not verdict and verdict.hint == 1 and f"here.hint({name!r}, 1)" in repr(verdict)


@pytest.mark.out_of_process
@pytest.mark.parametrize(("number", "name"), EXERCISES)
def test_wrong_attempts_fail_with_the_matching_hint(number, name, tmp_path):
    here = lesson(number, 1, tmp_path)
    for attempt, hint, said in WRONG[number, name]:
        verdict = here.check(name, attempt(1) if (number, name) in LIVED else attempt)
        assert not verdict.passed and said in verdict.message, verdict
        assert verdict.hint == hint, verdict


@pytest.mark.parametrize("number", MODULES)
def test_lesson_states_its_goal(number, tmp_path):
    here = lesson(number, 1, tmp_path)
    o = here.outline
    assert o.number == number and 10 <= o.minutes <= 60 and o.questions
    assert all(part in repr(here) for part in (o.title, o.aim, o.removes, o.model, f"0 of {len(o.exercises)}"))
    assert len(o.exercises) >= 3
    assert all(len(set(e.hints)) == 3 and all(e.hints) for e in o.exercises)


# ---- what a learner does


def test_predictions_are_kept_and_compared(tmp_path):
    here = lesson("01", folder=tmp_path)
    assert "predicted nothing" in here.compare("next", "call.decided")
    here.predict("next", "call.started")
    assert "You predicted: the call starts" in here.compare("next", "call.decided")
    again = lesson("01", folder=tmp_path)
    assert "'call.started'" in repr(again.predict("next"))
    again.predict("requests", 2)
    assert "As you predicted" in again.compare("requests", 2)


@pytest.mark.parametrize(
    ("name", "answer"),
    [("next", "nothing"), ("requests", "two"), ("requests", True), ("requests", float("nan")), ("nowhere", 1)],
)
def test_invalid_prediction_is_refused(name, answer, tmp_path):
    with pytest.raises(UsageError):
        lesson("01", folder=tmp_path).predict(name, answer)


def test_a_prediction_can_be_clicked(tmp_path):
    here = lesson("01", folder=tmp_path)
    label, buttons = here.predict("next").widget().children
    assert "proposed" in label.value
    buttons.value = "call.decided"
    assert Progress(tmp_path).of("01")["predictions"] == {"next": "call.decided"}


def test_a_choice_that_is_a_number_may_be_typed_as_one(tmp_path):
    here = lesson("04", folder=tmp_path)
    here.predict("starved", 8)
    assert here.predictions == {"starved": "8"}
    assert here.compare("starved", "8") == here.compare("starved", 8) == "As you predicted: agent 8, the last"
    assert "What happened: agent 1" in here.compare("starved", 1)
    for nothing in (True, 3, "eight"):
        with pytest.raises(UsageError, match="answer with '1', '2', '8'"):
            here.predict("starved", nothing)


def test_an_answer_that_an_older_lesson_kept_is_asked_anew(tmp_path):
    here = lesson("04", folder=tmp_path)
    here.predictions.update(starved="9", serial="a lot")
    assert here.predict("starved").widget().children[1].value is None
    assert "You predicted: 9" in here.compare("starved", "8") and "You predicted: a lot" in here.compare("serial", 3)


def test_a_number_is_typed_into_a_field_and_what_is_none_is_said(tmp_path):
    here = lesson("09", folder=tmp_path)
    label, field = here.predict("late").widget().children
    for typed, kept, said in (
        ("many", {}, "a number is wanted"),
        ("inf", {}, "wanted"),
        ("22,5", {"late": 22.5}, "noted: 22.5"),
    ):
        field.value = typed
        assert Progress(tmp_path).of("09")["predictions"] == kept and said in label.value
    assert lesson("09", folder=tmp_path).predict("late").widget().children[1].value == "22.5"
    assert "Near: you predicted 22.5, and it is 22.9" in here.compare("late", 22.9)
    assert "What happened: 30\nWhat explains it?" in here.compare("late", 30)


@pytest.mark.parametrize("typed", [23, "23", " 23.0 ", int64(23), float64(23)])
def test_a_number_may_be_typed_as_a_text_or_be_computed(typed, tmp_path):
    lesson("09", folder=tmp_path).predict("late", typed)
    assert lesson("09", folder=tmp_path).predictions == {"late": 23}


def test_a_choice_may_be_given_by_its_words(tmp_path):
    here = lesson("01", folder=tmp_path)
    here.predict("next", "somebody decides whether it may run")
    assert here.predictions == {"next": "call.decided"} and "As you predicted" in here.compare("next", "call.decided")


def test_hints_come_in_three_steps_and_are_counted(tmp_path):
    here = lesson("01", folder=tmp_path)
    said = [here.hint("loop") for _ in range(4)]
    assert [s[:6] for s in said] == ["Hint 1", "Hint 2", "Hint 3", "Hint 3"] and repr(said[0]) == said[0]
    assert here.progress.exercise("01", "loop")["hints"] == 3
    with pytest.raises(UsageError):
        here.hint("loop", 4)
    with pytest.raises(UsageError, match="order, script, loop"):
        here.hint("lop")


def test_viewing_a_solution_is_recorded(tmp_path):
    here = lesson("01", folder=tmp_path)
    assert "def loop(" in here.solution("loop")
    assert [r["solution_seen"] for r in scores(tmp_path) if r["exercise"] == "loop"] == [True]


@pytest.mark.out_of_process
@pytest.mark.parametrize(("number", "name"), [e for e in EXERCISES if e[1] not in OF_THE_SYSTEM and e not in LIVED])
def test_a_solution_stands_on_its_own(number, name, tmp_path):
    scope = {}
    exec(solution_text(number, name), scope)
    if (number, name) != ("08", "capstone"):
        assert lesson(number, 3, tmp_path).check(name, scope[name]).passed


def test_progress_is_downloaded_restored_and_reset(tmp_path):
    here = lesson("01", folder=tmp_path)
    here.check("order", KINDS)
    saved = tmp_path / "saved.json"
    saved.write_text(here.progress.path.read_text())
    here.reset()
    assert scores(tmp_path) == []
    assert "0 of 4" in repr(lesson("01", folder=tmp_path))
    Progress(tmp_path).restore(saved)
    assert "1 of 4" in repr(lesson("01", folder=tmp_path))


def test_two_open_notebooks_keep_each_others_progress(tmp_path):
    one, other, same = (
        lesson("01", folder=tmp_path),
        lesson("02", folder=tmp_path),
        lesson("01", folder=tmp_path),
    )
    one.check("order", KINDS)
    other.check("breaks", module("02").breaks)
    other.predict("three", "passes")
    same.check("order", KINDS[::-1])
    one.predict("next", "call.started")
    same.hint("loop")
    kept = Progress(tmp_path)
    assert {(r["lesson"], r["exercise"]) for r in scores(tmp_path) if r["passed"]} == {
        ("01", "order"),
        ("02", "breaks"),
    }
    assert kept.of("01")["predictions"] == {"next": "call.started"} and kept.exercise("01", "loop")["hints"] == 1
    assert kept.of("02")["predictions"] == {"three": "passes"}
    other.reset()
    one.hint("loop")
    assert [r["lesson"] for r in scores(tmp_path)] == ["01"] * 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2, "lessons": {}}', '{"version": 1}'])
def test_file_without_progress_is_reported(text, tmp_path):
    (tmp_path / "lesson-progress.json").write_text(text)
    with pytest.raises(UsageError, match=r"lesson-progress\.json"):
        lesson("01", folder=tmp_path)


def test_scores_are_written_as_json_and_csv(tmp_path):
    here = lesson("01", folder=tmp_path)
    here.check("order", KINDS[::-1])
    here.check("order", KINDS)
    rows = scores(tmp_path)
    assert {r["exercise"]: (r["passed"], r["attempts"]) for r in rows}["order"] == (True, 2)
    assert json.loads(write_scores(rows, tmp_path / "s.json").read_text()) == rows
    assert write_scores(rows, tmp_path / "s.csv").read_text().splitlines()[0].startswith("lesson,exercise,passed")
    with pytest.raises(UsageError):
        write_scores(rows, tmp_path / "s.xlsx")


def test_exceptions_of_learner_code_become_a_verdict(tmp_path):
    verdict = lesson("03", folder=tmp_path).check("find", lambda context, words: 1 / 0)
    assert not verdict and "ZeroDivisionError" in verdict.message


def test_unknown_lesson_error_names_the_lessons():
    with pytest.raises(UsageError, match="there are 01"):
        outline("11")


# ---- stepping, faults, kills


def test_stepping_shows_what_was_true_at_each_event():
    run = settle("Set x.", [python("x = 1"), {"text": "Done."}], namespace={})
    stepper = step_through(run)
    steps = stepper.figure()["steps"]
    assert [s["k"] for s in steps] == [e.k for e in run.events]
    started = next(s for s in steps if s["k"] == "call.started")
    assert started["calls"] == [["r1.0", "python", "running"]] and not started["names"] and started["stage"] == "act"
    assert steps[-1]["calls"] == [["r1.0", "python", "done"]] and steps[-1]["process"] == "ended, answered"
    assert steps[-1]["names"] == ("x",) and next(s for s in steps if s["now"])["k"] == "names.changed"
    assert repr(stepper).count("\n") == len(steps) - 1


def test_the_prompts_of_a_stepper_are_those_that_the_model_was_sent():
    run = settle("Set x.", [python("x = 1"), {"text": "Done."}], namespace={})
    shown = step_through(run).figure()
    sent = [e.d["bytes"] for e in run.events if e.k == "model.requested"]
    assert len(shown["prompts"]) == len(sent) == 2
    assert shown["prompts"][1][: len(shown["prompts"][0])] == shown["prompts"][0]
    fresh = shown["prompts"][1][len(shown["prompts"][0]) :]
    assert [m["role"] for m in fresh[:2]] == ["assistant", "tool"] and "x = 1" in fresh[0]["text"]
    assert next(s for s in shown["steps"] if s["k"] == "call.started")["prompt"] == 0


def test_arguments_that_are_no_json_are_stepped_through_as_they_were_written():
    broken = {"calls": [{"name": "python", "arguments": '{"code": '}]}
    run = settle("Set x.", [broken, {"text": "Done."}], namespace={})
    assert any('python({"code":)' in m["text"] for m in step_through(run).figure()["prompts"][-1])


def test_a_text_of_the_run_stays_text_in_the_stepper():
    run = settle("</script><img src=x onerror=alert(1)>", [{"text": "Done."}], namespace={})
    html = step_through(run)._repr_html_()
    assert "<img" not in html and html.count("</script>") == 2


def test_an_injected_fault_is_survived_and_on_record():
    run = settle("Say it.", with_fault([{"text": "Done."}], 0))
    assert run.reason == "answered" and [e.k for e in run.events].count("model.failed") == 1


@pytest.mark.out_of_process
def test_a_false_promise_pays_twice_and_an_honest_one_never():
    once, lied = kills("once"), kills("idempotent")
    assert max(k.paid_in_the_end for k in once) == 1 and len(once) > 10
    assert [k.at for k in lied if k.paid_in_the_end == 2] == ["effect"]
    assert [k.at.split()[-1] for k in once if k.in_doubt] == ["call.started", "effect"]
    assert "asks you" in table(once)


def test_scheduling_simulation_matches_a_computation_by_hand():
    work = [sim.Agent(1, 2, 3.0, 1.0), sim.Agent(2, 1, 2.0, 0.0)]
    spans = sim.simulate(work, sim.by_pid)
    assert [(s.pid, s.asked, s.began, s.ended) for s in spans] == [(1, 0, 0, 3), (2, 0, 3, 5), (1, 4, 5, 8)]
    assert sim.makespan(work, spans) == 9 and sim.bound(work, 1) == 8 and sim.serial(work) == 10
    assert sim.makespan(work, sim.simulate(work, sim.by_pid, 2)) == sim.bound(work, 2) == 8


# ---- student and instructor builds


@pytest.mark.parametrize(
    "path", sorted(p for n in MODULES for p in NOTEBOOKS.glob(f"{n}-*.ipynb")), ids=lambda p: p.stem
)
def test_builds_for_students_and_instructors(path, tmp_path):
    def cells(out):
        return {c["id"]: c for c in json.loads(out.read_text())["cells"]}

    handed, marked = cells(student(path, tmp_path / "s.ipynb")), cells(instructor(path, tmp_path / "i.ipynb"))
    exercises = [n for number, n in EXERCISES if number == path.name[:2]]
    graded = [c for c in handed.values() if "nbgrader" in c["metadata"]]
    assert len(graded) == 2 * len(exercises) and len({c["metadata"]["nbgrader"]["grade_id"] for c in graded}) == len(
        graded
    )
    assert "BEGIN SOLUTION" not in json.dumps(handed) and "HIDDEN TESTS" not in json.dumps(handed)
    for cell in (c for c in marked.values() if "nbgrader" in c["metadata"]):
        text = "".join(cell["source"])
        assert ("BEGIN SOLUTION" in text) is ("exercise" in cell["metadata"]["llmos_nb"])
        assert ("BEGIN HIDDEN TESTS" in text) is ("check" in cell["metadata"]["llmos_nb"])


def test_notebook_without_exercises_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no exercises"):
        student(NOTEBOOKS / "00-start.ipynb", tmp_path / "x.ipynb")


@pytest.mark.parametrize("number", MODULES)
def test_outline_has_a_judge_and_three_hints_for_each_exercise_and_no_open_placeholder(number):
    o = outline(number)
    texts = [
        o.title,
        o.aim,
        *(q.text for q in o.questions),
        *(t for e in o.exercises for t in (e.task, *e.hints)),
    ]
    assert all(callable(e.judge) and len(e.hints) == 3 for e in o.exercises)
    assert not any(re.search(r"\$\{?[A-Z]", t) for t in texts)


def test_outlines_state_the_bounds_that_their_judges_compare_with():
    window = next(e.task for e in outline("03").exercises if e.name == "window")
    assert f"{memory.LARGEST:,} bytes in {memory.STEPS} steps" in window and f"{memory.MOST_EVICTIONS} evic" in window
    assert f"{sim.TOLERANCE} × ideal" in next(e.task for e in outline("04").exercises if e.name == "policy")
    assert any(THIEF in hint for e in outline("05").exercises for hint in e.hints)
