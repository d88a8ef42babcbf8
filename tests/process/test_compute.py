"""Expressions in an answer: evaluated on the live variables, shown with what gave them, and nothing is changed."""

import datetime
import decimal
import math
import os
import re
import tempfile
from functools import partial

import pandas as pd
import pytest
from hypothesis import given, strategies as st
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.process import answers, compute
from llmos_nb.process.compute import expressions, inert
from llmos_nb.tools import places
from llmos_nb.tools.devices import child
from llmos_nb.views import markdown

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


async def answered(script, *texts, names, turns=(), **options):
    model = script(*turns, *({"text": t} for t in texts))
    return await llmos.run("How much?", model=model, namespace=names, **options)


async def test_an_expression_is_replaced_by_its_value_and_marked_computed(script):
    proc = await answered(script, "The sum is {{sum(xs)}}, the mean {{sum(xs) / 3:.2f}}.", names={"xs": [1, 2, 4]})
    assert (proc.reason, proc.answer) == ("answered", "The sum is 7, the mean 2.33.")
    found = answers.numbers(proc.run.state)
    assert [(n.text, n.kind, n.code) for n in found] == [
        ("7", "computed", "sum(xs)"),
        ("2.33", "computed", "sum(xs) / 3:.2f"),
    ]
    assert same_as_folded(proc)


async def test_an_expression_is_evaluated_before_any_step_ran(script, monkeypatch):
    """Where temporary files go is found out by writing one, which the copy that evaluates may not."""
    places.cache_clear()
    monkeypatch.setattr(tempfile, "tempdir", None)
    proc = await answered(script, "The sum is {{sum(xs)}}.", names={"xs": [1, 2, 4]})
    assert (proc.reason, proc.answer) == ("answered", "The sum is 7.")


@pytest.mark.parametrize("code", ["9999", "9000 + 999", "'9999'", "sum([9000, 999])", "math.floor(9999.5)"])
async def test_an_expression_that_reads_no_variable_is_the_models_word(script, code):
    names = {"x": 1, "xs": [1, 2], "math": math}
    proc = await answered(script, f"It is {{{{{code}}}}}, of {{{{sum(xs)}}}}.", names=names)
    assert proc.answer == "It is 9999, of 3."
    found = {n.text: n.kind for n in answers.numbers(proc.run.state)}
    assert found == {"9999": "typed", "3": "computed"} and same_as_folded(proc)


@pytest.mark.parametrize(
    "code",
    [
        "min(xs) and 9999", "9999 if True else x", "[9999][0]", "int('9999')", "eval('9999')", "(lambda: globals() and 9999)()", "x*0+9999", "x - x + 9999", "[x, 9999][1]",
        "{'a': x, 'b': 9999}['b']", "x**0 * 9999", "9999 if x else 0", "max(xs and [9999])", "next(9999 for _ in xs)",
        "9999 if x == x else x", "names.get('none', 9999)", "f'{x and 9999}'", "min(xs) and 9999:.0f", "str(9999 or x)",
        "False and x or 9999", "dict(a=9999, b=x)['a']", "'9999' if x else str(x)",
    ],
)  # fmt: skip
async def test_a_literal_that_an_expression_gives_is_the_models_word(script, code):
    names = {"x": 1, "xs": [1, 2], "names": {"a": 1}}
    proc = await answered(script, f"It is {{{{{code}}}}}, of {{{{sum(xs)}}}}.", names=names)
    assert proc.answer == "It is 9999, of 3."
    found = {n.text: n.kind for n in answers.numbers(proc.run.state)}
    assert found == {"9999": "typed", "3": "computed"} and same_as_folded(proc)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("x * 2", "2468"), ("x + 0", "1234"), ("max(0, x)", "1234"), ("round(x / 1, 2)", "1234"), ("x or 0", "1234"),
        ("sum(1 for v in xs if v > 5)", "1"), ("len(xs)", "2"), ("xs[1]", "7"), ("names['a']", "5"), ("x if x > 1 else 0", "1234"),
        ("f'{x} of 1234'", "1234 of 1234"), ("x:,.1f", "1,234.0"), ("[v for v in xs if v == 7][0]", "7"), ("x % 1000", "234"),
        ("sum(n[:2] != '__' for n in globals())", "3"), ("len(globals()) // 3", "1"), ("globals()['x']", "1234"), ("sum(type(v) is list for v in locals().values())", "1"),
        ("eval('x')", "1234"), ("(lambda: globals().get('x'))()", "1234"),
    ],
)  # fmt: skip
async def test_what_the_data_give_is_computed_whatever_literals_stand_beside(script, code, shown):
    names = {"x": 1234, "xs": [3, 7], "names": {"a": 5}}
    proc = await answered(script, f"It is {{{{{code}}}}}.", names=names)
    assert proc.answer == f"It is {shown}."
    assert [n.kind for n in answers.numbers(proc.run.state)] == ["computed"]


@pytest.mark.parametrize(
    "code", ["text.upper", "len", "Decimal", "text.split", "(v for v in xs)", "f'{text.upper}'", "lambda: 1"]
)
async def test_what_has_no_text_of_its_own_is_an_error_once(script, code):
    names = {"text": "abc", "xs": [1], "Decimal": decimal.Decimal}
    proc = await answered(script, f"It is {{{{{code}}}}}.", "It is {{text.upper()}}.", names=names)
    told = "".join(m.text for m in proc.run.state.context.messages() if m.role == "user")
    assert "which is no value: call it" in told and proc.answer == "It is ABC."


async def test_what_failed_is_named_with_its_error_and_what_did_not_is_filled_in(script):
    said = "It is {{by['North']}}, but {{by['West']}}, and {{ by['South']:.1f }} and {{40 + 2}}."
    proc = await answered(script, said, names={"by": {"North": 1234, "South": 5678}})
    filled = "It is 1234, but `by['West']`, and 5678.0 and 42."
    assert (proc.reason, proc.run.state.candidate) == ("failed", filled)  # nobody declared a check
    assert proc.detail.startswith("{{by['West']}}: KeyError: 'West'; told so, it gave no other answer: ")
    found = [(n.text, n.kind) for n in answers.numbers(proc.run.state)]
    assert found == [("1234", "computed"), ("5678.0", "computed"), ("42", "typed")]
    assert same_as_folded(proc)


TABLE = "kind  mass\nants  0.25\nbees  0.11"
BLOCK = f"```text\n{TABLE}\n```"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("So:\n\n{{table}}\n\nThat is all.", f"So:\n\n{BLOCK}\n\nThat is all."),
        ("It is {{table}}", f"It is \n\n{BLOCK}"),
        ("{{table}} in all", f"{BLOCK}\n\n in all"),
        ("It is {{table.split()[0]}}.", "It is kind."),
        ("{{bars}}", "| a |\n|---|\n| 7 |"),
        ("{{chr(10).join(f'- {x}' for x in table.split()[::2])}}", "- kind\n- ants\n- bees"),
    ],
)
async def test_value_of_several_lines_stands_in_a_block_of_its_own(script, said, shown):
    names = {"table": TABLE, "bars": "| a |\n|---|\n| 7 |"}
    proc = await answered(script, said, names=names)
    assert proc.answer == shown
    assert [n.kind for n in answers.numbers(proc.run.state)] == ["computed"] and same_as_folded(proc)


async def test_a_bar_in_a_value_begins_no_cell(script):
    said = "| a | n |\n|---|--:|\n| {{name}} | {{n}} |\n\n{{name}} has {{ (n|0) }}."
    proc = await answered(script, said, names={"name": "x|7", "n": 12})
    assert proc.answer == "| a | n |\n|---|--:|\n| x\\|7 | 12 |\n\nx|7 has 12."
    found = answers.numbers(proc.run.state)
    assert [n.text for n in found] == ["x\\|7", "12", "x|7", "12"] and {n.kind for n in found} == {"computed"}
    assert [v["text"] for v in proc.run.state.computed] == ["x|7", "12", "x|7", "12"] and same_as_folded(proc)


async def test_nothing_is_evaluated_in_code_in_html(script):
    proc = await answered(script, "<code>{{xs}}</code> {{xs[0]}}", names={"xs": [1, 2]})
    assert proc.answer == "<code>`xs`</code> 1"


async def test_first_line_of_a_table_keeps_its_place_over_the_columns(script):
    proc = await answered(script, "{{table}}", names={"table": "   x\na  1\n"})
    assert proc.answer == "```text\n   x\na  1\n```"


async def test_what_failed_before_says_nothing_of_the_next_answer(script):
    proc = await answered(script, "It is {{y}}, or {{x}}.", "It is 1234.", names={"x": 1234})
    assert (proc.reason, proc.answer) == ("answered", "It is 1234.") and not proc.run.state.unfilled


async def test_a_place_that_stays_empty_is_shown_as_code_and_named(script):
    proc = await answered(script, *["It is {{x}} in {{y}}."] * 2, names={"x": 1234})
    assert (proc.reason, proc.answer) == ("answered", "It is 1234 in `y`.")
    assert proc.run.state.unfilled == ["{{y}}: NameError: name 'y' is not defined"]
    assert [n.kind for n in answers.numbers(proc.run.state)] == ["computed"]


@pytest.mark.parametrize(
    "answer",
    [
        "Write `{{xs}}` for it.",
        "So:\n```python\nprint('{{xs}}')\n```\nIt is done.",
        "So:\n~~~\n{{xs}}\n\n{{xs}}\n~~~",
        "So ``{{xs}} ` `` it is.",
        "```\n{{xs}}",
    ],
)
async def test_nothing_is_evaluated_in_code_of_the_answer(script, answer):
    proc = await answered(script, answer, names={"xs": [1, 2]})
    assert (proc.reason, proc.answer) == ("answered", answer)


async def test_what_stands_between_code_is_evaluated(script):
    proc = await answered(script, "`a` is {{sum(xs)}}, `b` {{xs[0]}}.\n```\nc\n```\n{{xs[1]}}", names={"xs": [1, 2]})
    assert proc.answer == "`a` is 3, `b` 1.\n```\nc\n```\n2"


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


async def test_what_cannot_be_evaluated_goes_back_once_and_then_stands_as_code(script):
    proc = await answered(script, "It is {{nothing}}.", "It is {{nothing}}.", names={})
    told = [m.text for m in proc.run.state.context.messages() if m.role == "user"]
    assert any("{{nothing}}: NameError" in text for text in told)
    assert (proc.reason, proc.answer) == ("answered", "It is `nothing`.")
    assert not answers.numbers(proc.run.state)


async def test_an_answer_without_expressions_evaluates_nothing(script):
    proc = await answered(script, "It is {7}, or a dict: {1: 2}.", names={})
    assert "answer.computed" not in [e.k for e in proc.events] and proc.answer == "It is {7}, or a dict: {1: 2}."


async def test_a_secret_does_not_leave_through_an_expression(script):
    key = "AKIA" + "Q7" * 8
    proc = await answered(script, "{{key}}", names={"key": key})
    assert key not in proc.answer and key not in (proc.journal.path.read_text() if proc.journal.path else "")


@pytest.mark.out_of_process
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
        ("{{import os}}", ["import os"]),  # it fails, and is shown as code
        ("{{x = 1}}", ["x = 1"]),
        ("{{when:%Y}}", ["when:%Y"]),
        ("{{when:%H:%M}}", ["when:%H:%M"]),
        ("{{x[1:2]:,.1f}}", ["x[1:2]:,.1f"]),
        ("{{by['a:b']:.1f}}", ["by['a:b']:.1f"]),
        ("{{x = 1:.1f}}", ["x = 1:.1f"]),
        ("{{x!r}} {{x=}} {{x=:.1f}} {{a != r}}", ["x!r", "x=", "x=:.1f", "a != r"]),
        ("$x^{{2}}$ and $$\n\\frac{{a}}{{b}}\n$$ and \\(y_{{i}}\\)", []),
        ("{{x} and {{y}}", ["x", "y"]),
        ("{{x:.1f} and {{y:d}}, {{z", ["x:.1f", "y:d"]),
        ("{{x:,.2f} } of {{y:.1f}}} and {{d[1} of {{z}}", ["x:,.2f", "y:.1f", "d[1}", "z"]),
        ("{{x:.{n}f}} and[^1] so\n\n[^1]: {{y}}", ["x:.{n}f", "y"]),
        ("{{x\n\nand }} {{y}}", ["y"]),
        ("a\n\n    {{x}}\n\n<div>\n{{x}}\n</div>\n\n[a]({{x}}) {{f[0](3)}}", ["f[0](3)"]),
        ("| a | b |\n|---|---|\n| {{ (a|b).sum() }} | `{{x}}` \\| {{y}} |", ["(a|b).sum()", "y"]),
        ("{{by['`']}} and {{by['`']}}", ["by['`']"] * 2),
        ("${{price:.2f}} and ${{tax}}, or $5–${{most}}/${{least}}", ["price:.2f", "tax", "most", "least"]),
    ],
)
def test_expressions_are_found_by_what_parses(text, codes):
    assert [e.code for e in expressions(text)] == codes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a]({{x}}) and {{x}}", "[a](`x`) and {{x}}"),
        ("[{{x}}](http://h/{{ x }}?b={{y:.1f}})", "[{{x}}](http://h/`x`?b=`y:.1f`)"),
        ("<div>\n{{x:.1f} of\n</div>\n\n{{x}}", "<div>\n`x:.1f` of\n</div>\n\n{{x}}"),
        (
            "![{{x}}](b.png) <b title='{{x}}'>{{x}}</b> <http://h/{{x}}>",
            "![`x`](b.png) <b title='`x`'>{{x}}</b> <http://h/`x`>",
        ),
        ("10<sup>{{x}}</sup> {{x}}", "10<sup>`x`</sup> {{x}}"),
        ("[a]: {{x}} 'of {{y}}'\n\n[a] {{x}}", "[a]: `x` 'of `y`'\n\n[a] {{x}}"),
        ("| a |\n|---|\n| b \\| [c]({{x}}) {{y}} |", "| a |\n|---|\n| b \\| [c](`x`) {{y}} |"),
        ("`[a]({{x}})` $x^{{2}}$\n\n    <b>{{x}}</b>", "`[a]({{x}})` $x^{{2}}$\n\n    <b>{{x}}</b>"),
    ],
)
def test_an_expression_in_an_address_or_in_html_is_shown_as_code(text, shown):
    assert inert(text) == shown


async def test_an_address_is_not_evaluated_and_its_braces_are_not_seen(script):
    text = "[chart]({{x}}) of {{x}}\n\n<div>\n{{x}}\n</div>"
    proc = await answered(script, text, names={"x": 7})
    assert proc.answer == "[chart](`x`) of 7\n\n<div>\n`x`\n</div>"
    seen = markdown.html(proc.answer)
    assert "[chart](<code>x</code>) of 7" in seen and "&lt;div&gt; <code>x</code> &lt;/div&gt;" in seen


@given(st.text(alphabet="{x}`$*_|<a>[1](\\\n -~:'", max_size=60))
def test_what_is_shown_as_code_keeps_all_other_text(text):
    assert re.sub(r"[{}`\s]", "", inert(text)) == re.sub(r"[{}`\s]", "", text)


@given(st.text(alphabet="{x}`$*_|<a>[1](\\\n -~:'", max_size=60))
def test_an_expression_is_found_only_where_its_value_is_prose(text):
    shown = text
    for x in expressions(text):
        shown = shown[: x.start] + re.sub(r"[^\n]", "7", text[x.start : x.end]) + shown[x.end :]
    stretches = answers.prose(shown)
    assert all(any(a <= x.start < b for a, b in stretches) for x in expressions(text))


def test_an_expression_as_code_gives_its_text():
    names = {"x": 2.0 / 3}
    assert eval(compute.as_code("x:.1f"), names) == "0.7"
    assert eval(compute.as_code("x", ".6g"), names) == "0.666667"
    assert eval(compute.as_code("x"), names) == "0.6666666667"  # of a journal of a former version
    assert eval(compute.as_code("1 + 1", ""), {}) == 2
    assert eval(compute.as_code("x!r:>20", ">20"), {"x": "a"}) == f"{'a'!r:>20}"
    assert eval(compute.as_code("when:%H:%M"), {"when": datetime.time(14, 30)}) == "14:30"
    space = {"t": pd.DataFrame({"a": [2 / 3, 2.0]})}
    assert eval(compute.as_code("t", child.TABLE), space) is space["t"]


@pytest.mark.parametrize("code", ["open('/etc/hostname').read()", "reader('/etc/hostname').read()", "later().read()"])
async def test_an_expression_takes_nothing_from_outside(script, code):
    answer = f"{{{{{code}}}}}"
    proc = await answered(script, answer, answer, names={"reader": open, "later": partial(open, "/etc/hostname")})
    told = "".join(m.text for m in proc.run.state.context.messages() if m.role == "user")
    assert proc.answer == f"`{code}`" and "outside" in told


async def test_a_rule_against_python_holds_for_expressions_too(script, tmp_path):
    (tmp_path / "llmos.toml").write_text('[[policy.rules]]\ntool = "python"\ndo = "deny"\n')
    proc = await answered(script, "{{xs}}", "{{xs}}", names={"xs": [1]})
    assert proc.answer == "`xs`" and "rule 1 denies it" in proc.run.state.unfilled[0]


async def test_an_expression_does_not_wash_a_label_off(script, tmp_path):
    (tmp_path / "llmos.toml").write_text('[labels]\nsalary = "secret"\n')
    names = {"salary": 9000, "xs": [1]}
    proc = await answered(script, "{{salary}}", "{{salary}}", names=names, variables="xs")
    assert proc.run.state.labels.get("*") != "secret"  # the model was not told of it
    assert proc.answer == "`salary`" and "9000" not in str([e.d for e in proc.events])


@pytest.mark.out_of_process
async def test_an_expression_changes_nothing_in_a_child(script):
    turns = [python("ys = [n * 2 for n in range(3)]")]
    said = "{{ys.pop()}}, {{ys.pop()}}, {{len(ys)}}"
    proc = await answered(script, said, names={}, turns=turns, isolate=True, approve="auto")
    assert proc.answer == "4, 4, 3"


async def test_a_slip_in_the_last_brace_costs_no_request(script):
    proc = await answered(script, "It is {{x:.1f} } of {{x:.2f}}}, and {{x:.3f}; so.", names={"x": 2 / 3})
    assert (proc.answer, proc.run.state.requests) == ("It is 0.7 of 0.67, and 0.667; so.", 1)
