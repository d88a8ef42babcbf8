"""Expressions in an answer: evaluated on the live variables, shown with what gave them, and nothing is changed."""

import os

import pytest
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.process import compute, evidence
from llmos_nb.process.compute import expressions

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


async def answered(script, *texts, names, turns=(), **options):
    model = script(*turns, *({"text": t} for t in texts))
    return await llmos.run("How much?", model=model, namespace=names, **options)


async def test_an_expression_is_replaced_by_its_value_and_marked_computed(script):
    proc = await answered(
        script, "The sum is {{sum(xs)}}, the mean {{sum(xs) / 3:.2f}}.", names={"xs": [1, 2, 4]}
    )
    assert (proc.reason, proc.answer) == ("answered", "The sum is 7, the mean 2.33.")
    found = evidence.evidence(proc.run.state)
    assert [(m.claim.text, m.mark, m.how) for m in found] == [
        ("7", "computed", "sum(xs)"),
        ("2.33", "computed", "sum(xs) / 3:.2f"),
    ]
    assert evidence.proven(found) and same_as_folded(proc)


async def test_an_expression_sees_what_steps_made_and_changes_nothing(script):
    names = {"xs": [3, 1]}
    turns = [python("top = max(xs)")]
    proc = await answered(script, "{{xs.pop()}} of {{top}}", names=names, turns=turns)
    assert proc.answer == "1 of 3" and names["xs"] == [3, 1]


async def test_an_expression_does_not_act_outside(script, tmp_path):
    file = tmp_path / "made.txt"
    code = f"{{{{open({str(file)!r}, 'w').write('x')}}}}"
    proc = await answered(script, code, "Nothing was written.", names={})
    assert proc.answer == "Nothing was written." and not file.exists()


async def test_what_cannot_be_evaluated_goes_back_once_and_then_stands_as_it_was_written(script):
    proc = await answered(script, "It is {{nothing}}.", "It is {{nothing}}.", names={})
    told = [m.text for m in proc.run.state.context.messages() if m.role == "user"]
    assert any("{{nothing}}: NameError" in text for text in told)
    assert (proc.reason, proc.answer) == ("answered", "It is {{nothing}}.")
    assert not evidence.proven(evidence.evidence(proc.run.state))


async def test_an_answer_without_expressions_evaluates_nothing(script):
    proc = await answered(script, "It is {7}, or a dict: {1: 2}.", names={})
    assert (
        "answer.computed" not in [e.k for e in proc.events] and proc.answer == "It is {7}, or a dict: {1: 2}."
    )


async def test_a_secret_does_not_leave_through_an_expression(script):
    key = "AKIA" + "Q7" * 8
    proc = await answered(script, "{{key}}", names={"key": key})
    assert key not in proc.answer and key not in (proc.journal.path.read_text() if proc.journal.path else "")


async def test_expressions_are_evaluated_where_the_variables_are(script):
    turns = [python("total = sum(xs)")]
    proc = await answered(script, "{{total}}", names={"xs": [1, 2]}, turns=turns, isolate=True, approve="auto")
    assert proc.answer == "3"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("{{x}} and {{ y[1:2] }}", ["x", "y[1:2]"]),
        ("{{x:.1f}}", ["x:.1f"]),
        ("{{ {'a': 1}['a'] }}", ["{'a': 1}['a']"]),
        ("{{'}}'}}", ["'}}'"]),
        ("{{f'{x}'}}", ["f'{x}'"]),
        ("{{}} {{ not closed", []),
        ("{{import os}}", []),
        ("{{x = 1}}", []),
        ("{{when:%Y}}", ["when:%Y"]),
    ],
)
def test_expressions_are_found_by_what_parses(text, codes):
    assert [e.code for e in expressions(text)] == codes


def test_an_expression_as_code_gives_its_text():
    names = {"x": 2.0 / 3}
    assert eval(compute.as_code("x:.1f"), names) == "0.7"
    assert eval(compute.as_code("x"), names) == "0.6666666667"
    assert eval(compute.as_code("1 + 1"), {}) == 2


@pytest.mark.parametrize(
    ("answer", "options", "why"),
    [
        ("{{xs}}", {"approve": "step"}, "would not run unasked (mode:step)"),
        ("{{open('/etc/hostname').read()}}", {}, "outside"),
    ],
)
async def test_an_expression_is_no_way_round_the_gate(script, answer, options, why):
    proc = await answered(script, answer, answer, names={"xs": [1]}, **options)
    told = "".join(m.text for m in proc.run.state.context.messages() if m.role == "user")
    assert proc.answer == answer and why in told


async def test_a_rule_against_python_holds_for_expressions_too(script, tmp_path):
    (tmp_path / "llmos.toml").write_text('[[policy.rules]]\ntool = "python"\ndo = "deny"\n')
    proc = await answered(script, "{{xs}}", "{{xs}}", names={"xs": [1]})
    assert proc.answer == "{{xs}}"


async def test_an_expression_does_not_wash_a_label_off(script, tmp_path):
    (tmp_path / "llmos.toml").write_text('[labels]\nsalary = "secret"\n')
    names = {"salary": 9000, "xs": [1]}
    proc = await answered(script, "{{salary}}", "{{salary}}", names=names, variables="xs")
    assert proc.run.state.labels.get("*") != "secret"  # the model was not told of it
    assert proc.answer == "{{salary}}" and "9000" not in str([e.d for e in proc.events])


async def test_an_expression_that_changes_the_variables_of_a_child_is_an_error(script):
    turns = [python("ys = [1, 2]")]
    proc = await answered(
        script, "{{ys.pop()}}", "{{ys.pop()}}", names={}, turns=turns, isolate=True, approve="auto"
    )
    assert proc.answer == "{{ys.pop()}}"
