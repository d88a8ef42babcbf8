"""Tables as plain data, for people who look at a step."""

import json
from datetime import timedelta

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


@pytest.mark.parametrize("made", [pd.DataFrame, pl.DataFrame])
def test_a_duration_stands_as_a_person_reads_it(made):
    (row,) = json.loads(grid(made({"took": [timedelta(hours=4)]})))["rows"]
    assert "4:00:00" in row[1] and "P0D" not in row[1]


def test_a_row_of_several_levels_is_labelled_by_these():
    sizes = pd.DataFrame({"group": ["A", "B"], "device": ["mobile", "desktop"], "n": [3, 2]})
    rows = json.loads(grid(sizes.set_index(["group", "device"])))["rows"]
    assert rows == [["A, mobile", "3"], ["B, desktop", "2"]]
