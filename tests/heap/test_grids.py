"""Tables as plain data, for people who look at a step."""

import json

import pytest

from llmos_nb.heap import grid

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


def test_columns_of_one_name_each_have_their_own_type():
    left, right = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": ["x", "y"]})
    found = json.loads(grid(pd.concat([left, right], axis=1), "both"))
    assert (found["columns"], found["numeric"]) == (["a", "a"], [True, False])
    assert found["rows"] == [["0", "1", "x"], ["1", "2", "y"]]


def test_numbers_of_both_libraries_stand_as_numbers():
    data = {"n": [1, 2], "x": [0.5, 1.5], "s": ["a", "b"]}
    assert [json.loads(grid(made(data)))["numeric"] for made in (pd.DataFrame, pl.DataFrame)] == [
        [True, True, False]
    ] * 2


def test_a_table_with_nothing_in_it_is_a_table():
    assert json.loads(grid(pd.DataFrame()))["of"] == [0, 0]
