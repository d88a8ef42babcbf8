"""Arithmetic only: exact, bounded, and clear about what it does not do."""

import math

import pytest
from hypothesis import given, strategies as st

from llmos_nb.errors import UsageError
from llmos_nb.tools.devices import calculator_tool
from llmos_nb.tools.devices.calculator import calculator


def result_of(code, **space):
    """Run code that we made, and give what its last line gives."""
    *before, last = code.splitlines()
    exec("\n".join([*before, f"it = {last}"]), space)
    return space["it"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("7 // 2", 3),
        ("-7 % 3", 2),
        ("2 ** 100", 2**100),
        ("10 / 4", 2.5),
        ("2 ** -1", 0.5),
        ("sqrt(2)", math.sqrt(2)),
        ("math.sqrt(16)", 4.0),
        ("math.pi", math.pi),
        ("log(e)", 1.0),
        ("log(8, 2)", 3.0),
        ("round(100 * 44 / 344, 1)", 12.8),
        ("min(3, 1, 2)", 1),
        ("max([1, 5])", 5),
        ("sum([1, 2, 3]) / 3", 2.0),
        ("mean(1, 2, 6)", 3.0),
        ("abs(-3)", 3),
        ("3 < 5 <= 5", True),
        ("1 == 2", False),
        ("1 if 2 > 1 else 0", 1),
        ("factorial(20)", math.factorial(20)),
        ("comb(10, 3)", 120),
        ("  2 + 2  ", 4),
        ("not 1 > 2 and True", True),
    ],
)
def test_calculator_computes(expression, value):
    found = calculator(expression)
    assert type(found) is type(value)
    assert found == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("1 / 0", "1 / 0: division by zero"),
        ("2 ** 10 ** 10", "too many digits"),
        ("9 ** 9 ** 9", "too many digits"),
        ("factorial(10 ** 6)", "whole numbers from 0"),
        ("(-8) ** 0.5", "not a real number"),
        ("sqrt(-1)", "sqrt(-1)"),
        ("__import__('os')", "no function '__import__'"),
        ("df.mean()", "no function 'df.mean'"),
        ("x + 1", "'x' is not known"),
        ("'a' * 3", "not a number"),
        ("(1).__class__", "not arithmetic"),
        ("[1] * 10 ** 9", "is a list"),
        ("sqr(2)", "did you mean sqrt"),
        ("[x for x in (1, 2)]", "not arithmetic"),
        ("lambda: 1", "not arithmetic"),
        ("1 +", "not an arithmetic expression"),
        ("10 ** 400 * 1.5", "too large"),
        ("1 << 1000000000", "not arithmetic"),
        ("1 is 1", "not arithmetic"),
        ("~1", "not arithmetic"),
        ("round(1.5, ndigits=1)", "no named"),
        ("1 +" * 5000 + "1", "at most"),
        ("9" * 1500, "digits"),
        ("", "not an arithmetic"),
        ("(" * 200, "not an arithmetic"),
        ("-" * 500 + "1", "nested deeper"),
        ("1 in (1, 2)", "is a list"),
        ("exp(10000)", "range"),
        ("sum(3)", "sum(3)"),
        ("print(1)", "no function"),
        ("comb(10 ** 9, 5 * 10 ** 8)", "digits"),
    ],
)
def test_calculator_names_unsupported_expressions(expression, said):
    with pytest.raises(UsageError) as caught:
        calculator(expression)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


@given(
    st.integers(-(10**30), 10**30),
    st.integers(-(10**30), 10**30),
    st.sampled_from(["+", "-", "*", "//", "%", "<", "=="]),
)
def test_integers_are_exact(a, b, sign):
    if b == 0 and sign in ("//", "%"):
        return
    assert calculator(f"({a}) {sign} ({b})") == result_of(f"({a}) {sign} ({b})")


@given(st.text(alphabet="0123456789+-*/%().,<>= sqrtpiemaxlogn[]_'\"", max_size=40))
def test_any_text_gives_a_number_or_a_usage_error(expression):
    try:
        found = calculator(expression)
    except UsageError:
        return
    assert isinstance(found, int | float | list)


def test_exported_code_gives_the_same_without_the_package():
    tool = calculator_tool()
    assert (tool.name, tool.effect, tool.repeat) == ("calculator", "read", "pure")
    for expression in ("sqrt(2) + max(1, 2)", "2 ** 10", "log(e)"):
        assert result_of(tool.to_code({"expression": expression})) == calculator(expression)
    assert tool.to_code({"expression": "1 +"}).startswith("#")
