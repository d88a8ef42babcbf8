"""Assertions as a person writes them: true of the value that they were made of, false of others, and without a helper."""

import decimal
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from llmos_nb.export.plainly import former, lines
from llmos_nb.export.verify.values import agree
from llmos_nb.heap.content import content

FRAME = pd.DataFrame({"city": ["A", "B"], "n": [3, 4], "share": [1 / 3, 2 / 3]})
MIXED = pd.DataFrame(
    {"topic": [f"topic {n}" for n in range(20)], "rows": range(20), "share": [n / 7 for n in range(20)]}
)
DAYS = pd.date_range("2026-01-01", periods=2, freq="MS")
# by what is asserted: the value, and others of which it must not hold
VALUES = {
    "x == 42": (42, (41, "42", [42])),
    "x is None": (None, (0, "")),
    "x == 'Mar'": ("Mar", ("mar", "Mar ")),
    "x == [1, [2, 'b']]": ([1, [2, "b"]], ([1, [2, "c"]], [[2, "b"], 1])),
    "x == {'a', 'b', 'c'}": ({"b", "c", "a"}, ({"a", "b"},)),
    "abs(x - 0.333333333) < 1e-09": (1 / 3, (0.33333333, 0.4)),
    "x == 0": (0.0, (1e-12,)),
    "all(abs(a - b) < 1e-08 for a, b in zip(x, [1.5, 0.1], strict=True))": ([1.5, 0.1], ([1.5], [1.5, 0.2], [1.5, 0.1, 0])),
    "list(x) == ['a', 'b']": ({"a": 1 / 3, "b": 2.0}, ({"a": 1 / 3, "c": 2.0}, {"a": 0.3, "b": 2.0})),
    "x.tolist() == [1, 2]": (np.array([1, 2]), (np.array([2, 1]),)),
    "list(x.items()) == [('a', 1), ('b', 2)]": (pd.Series({"a": 1, "b": 2}), (pd.Series({"b": 2, "a": 1}),)),
    "x['city'].tolist() == ['A', 'B']": (FRAME, (FRAME[::-1], FRAME.assign(share=0.5), FRAME.assign(more=1))),
    f"x['topic'].tolist() == {MIXED['topic'].tolist()!r}": (MIXED, (MIXED[:19], MIXED.assign(rows=1), MIXED.assign(share=0.5), MIXED.assign(topic="a"))),
    "x.index.tolist() == ['N', 'S']": (FRAME.set_axis(["N", "S"]), (FRAME, FRAME.set_axis(["N", "W"]))),
    "[*x.index] == [*range(20)]": (MIXED, (MIXED.set_axis(range(1, 21)),)),
    "[*map(repr, x.index)] == [\"Timestamp('2026-01-01 00:00:00')\", \"Timestamp('2026-02-01 00:00:00')\"]": (
        FRAME.set_axis(DAYS), (FRAME.set_axis(DAYS + pd.Timedelta(days=1)), FRAME.set_axis(DAYS).assign(share=0.5)),
    ),
    "x['d'].astype(object).where(x['d'].notna(), None).tolist() == [None, 'x']": (
        pd.DataFrame({"d": [None, "x"]}), (pd.DataFrame({"d": ["", "x"]}), pd.DataFrame({"d": [None, "y"]})),
    ),
    "x['n'].astype(object).where(x['n'].notna(), None).tolist() == [1, None]": (
        pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}), (pd.DataFrame({"n": [1, 0]}),),
    ),
    "x.shape == (100, 1)": (pd.DataFrame({"n": range(100)}), (pd.DataFrame({"n": range(99)}),)),
    "len(x) == 1000": (list(range(1000)), ([1],)),
    "repr(x) == \"Decimal('1.50')\"": (decimal.Decimal("1.50"), (decimal.Decimal("1.5"),)),
}  # fmt: skip


@pytest.mark.parametrize("said", VALUES)
def test_an_assertion_holds_for_its_value_and_for_no_other(said, capsys):
    value, others = VALUES[said]
    made = lines("x", content(value))
    assert any(line.startswith(f"assert {said}, ") for line in made) and "_content" not in str(made)
    exec("\n".join(made), {"x": value})
    for other in others:
        with pytest.raises((AssertionError, TypeError, ValueError, AttributeError, KeyError)) as error:
            exec("\n".join(made), {"x": other})
        assert not isinstance(error.value, AssertionError) or str(error.value).endswith(" in the run")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), [float("nan"), 1.0], {0.1 + 0.2: 1}, {"a": [1 / 3]}, np.array([np.nan]), pd.Series([1 / 3], index=[1 / 3]),
        pd.DataFrame({"a": [None, "x"]}), pd.DataFrame({"a": [np.nan, np.inf, 1.5]}), pd.DataFrame({DAYS[0]: [1]}), pd.Series([1, 2], DAYS),
        pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_product([DAYS, ["x"]])), pd.cut(pd.Series([1, 2]), [0, 1, 2]).to_frame(),
        pd.DataFrame({"a": pd.array([0.5, None], dtype="Float64"), "b": pd.array([True, None], dtype="boolean")}), pd.Series([1.5, np.nan]),
        pd.Series(range(20), index=[f"at {n}" for n in range(20)]), pd.DataFrame({"p": pd.period_range("2026-01", periods=2, freq="M")}),
        pd.DataFrame({"z": pd.to_datetime(["2026-01-01", None], utc=True)}), pd.DataFrame([[1, 2]], columns=["a", "a"]), np.float32(0.1), np.datetime64("2024-01-01"),
        pd.Timestamp("2024-01-01"), 1e-320, 1e300, -0.0, frozenset({1}), 10**400, "é\ud800", complex(1, 2), pd.DataFrame({"s": [{1}, {2}]}),
    ],
)  # fmt: skip
def test_of_what_has_no_short_form_nothing_false_is_asserted(value):
    exec("\n".join(lines("x", content(value))), {"x": value})


def test_an_assertion_that_fails_says_what_came_and_what_was_in_the_run():
    for value, other, said in (
        (42, 43, "43, and was 42 in the run"),
        ("Mar", "mär", "'mär', and was 'Mar' in the run"),
        (2 / 3, 0.5, "0.5, and was 0.666666667 in the run"),
        (list(range(30)), [1], "[1], and was another in the run"),
        ('say "a" {b}', "c", "'c', and was another in the run"),
        (pd.DataFrame({"n": range(100)}), FRAME, "(2, 3), and was (100, 1) in the run"),
    ):
        with pytest.raises(AssertionError) as error:
            exec("\n".join(lines("x", content(value))), {"x": other})
        assert str(error.value) == said


def test_a_value_that_was_rounded_in_the_journal_is_asserted_within_that():
    for value in (2 / 3, 2e9 / 3, 2e-9 / 3, -123456.789123456):
        [made] = lines("x", content(value))
        exec(made, {"x": value * (1 + 1e-12)})
        with pytest.raises(AssertionError):
            exec(made, {"x": value * (1 + 1e-6)})


def test_a_small_table_agrees_with_what_an_earlier_version_said_of_it_and_another_one_does_not():
    now, other = content(MIXED[:5]), content(MIXED[:5].assign(rows=1))
    hashed = sha256(len(now).to_bytes(8, "big") + now.encode()).hexdigest()[:16]
    assert agree(now, f"DataFrame of 5: {hashed}") and not agree(other, f"DataFrame of 5: {hashed}")
    assert agree(now, now) and not agree(other, now)


def test_a_series_agrees_with_the_words_of_an_earlier_version_that_spelled_none_of_it_and_another_one_does_not():
    value, other = pd.Series(range(12)), pd.Series(range(1, 13))
    was = f"Series 12 int64: {content(value)[-16:]}"
    assert content(value) != was and agree(content(value), was) and not agree(content(other), was)
    near, apart = pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0000001])  # the hash has six digits of these, the words nine
    assert content(near)[-16:] == content(apart)[-16:] and not agree(content(apart), content(near))


def test_assertions_of_an_earlier_version_are_those_of_the_value_still():
    nullable = content(pd.DataFrame({"n": pd.Series(["a", None], dtype=object)}))
    assert {x.partition(",")[0] for x in former("x", nullable)} >= {
        "assert x.shape == (2",
        "assert x['n'].tolist() == ['a'",
    }
    assert (
        former("x", content(pd.Series([1.5, np.nan])))[0].startswith("assert x.shape == (2,)")
        and former("x", "3") == []
    )
