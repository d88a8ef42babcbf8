"""A right number said of the wrong thing is no proof: of another unit, line, side of a table, name or share."""

import json
from pathlib import Path

import pytest
from swapped import swaps

from llmos_nb.process.evidence import GREEN, Seen, mark, proven

SIZES = Seen(
    "r1.0",
    "cars.nlargest(2, 'weight')",
    "        power  weight  length\nCrown   210.0  1860.0   489.0\nTrail   180.0  1790.0   402.0",
)
MONTHLY = Seen(
    "r1.0",
    "temps.groupby('month').temp.mean()",
    "month\nApril    51.6\nJune     61.4\nMay      57.1\nName: temp, dtype: float64",
)
TREES = Seen(
    "r1.0",
    "for depth in range(2, 5): print(...)",
    "depth=2  recall=0.612  leaves=18\ndepth=3  recall=0.731  leaves=34\ndepth=4  recall=0.707  leaves=61",
)
LOGS = Seen("r1.0", "print(...)", "north.log  entries=7 failed=3\nsouth.log  entries=9 failed=0")
EXTREMES = Seen("r1.0", "print('warmest', hi, 'coldest', lo)", "warmest (1947, 268) coldest (1963, 117)")
SHAPE = Seen("r1.0", "print(penguins.shape)", "(344, 8)")
LETTERS = Seen("r1.0", "print(len(letters))\nCounter(letters).most_common(2)", "29\n[('e', 6), ('t', 4)]")
ERRORS = Seen(
    "r1.0", "print(fit)", "{'slope': 3.182, 'shift': 0.0471}\n{'se_slope': 0.216, 'se_shift': 0.0052}"
)
MODES = Seen("r1.0", "trips.groupby('by').size()", "by\nboat     40\nplane    75\nrail     85\ndtype: int64")
TASKS = Seen("r1.0", "print(...)", "task-11: runs=52, failed=4\ntask-12: runs=31, failed=9")
WEEKS = Seen(
    "r1.0",
    "con.execute('select week, cases, share from flu order by cases desc').fetchall()",
    "[('2019-01-21', 950, 4.4), ('2019-01-14', 930, 5.1), ('2019-02-04', 905, 4.9)]",
)
ENGINES = Seen(
    "r1.0",
    "cars.groupby('gears')['price'].agg(['count', 'mean'])",
    "       count    mean\ngears               \n4         31  1873.1\n5         48  2214.6\n6         19  2936.4",
)
MEANS = Seen("r1.0", "print(...)", "t = -3.106, p = 0.0018\nmeans 1.75 4.33")
GRID = Seen(
    "r1.0",
    "print(t)",
    "         X          Y      \n      mean   std mean   std\nkey                        \nA      8.0  3.12  7.5  2.13\nB      9.0  3.32  4.5  2.03",
)
SPLIT = Seen("r1.0", "print(confusion)", "f1 0.811\n[[61 9]\n [12 68]]")
SALES = Seen(
    "r1.0",
    "con.execute('select day, sold from sales order by sold desc').fetchall()",
    "[('2021-03-31', 912), ('2021-02-28', 880), ('2021-04-30', 861)]",
)


@pytest.mark.parametrize(
    ("seen", "goal", "answer", "wrong"),
    [
        (SIZES, "Which are heaviest? (weight in kg, length in cm)", "The Crown has a length of 489 kg.", "489"),
        (MONTHLY, "The mean temperature by month, in Fahrenheit?", "In June it was 61.4 °C.", "61.4"),
        (TREES, "Which depth suits?", "depth = 3 has a recall of 0.707 and 34 leaves.", "0.707"),
        (TREES, "Which depth suits?", "At depth 4 the recall is 0.731.", "0.731"),
        (LOGS, "Look through the logs.", "south.log has 9 failed entries.", "9"),
        (EXTREMES, "Which were the warmest and coldest years?", "In 1963 it reached 268.", "268"),
        (SHAPE, "How large is `penguins`?", "It has 344 columns.", "344"),
        (SHAPE, "How large is `penguins`?", "It has 8 rows.", "8"),
        (LETTERS, "Count the letters.", 'The letter "e" occurs 29 times.', "29"),
        (ERRORS, "Fit it.", "`shift` is 0.0471, with a standard error of 0.216; `slope` is 3.182.", "0.216"),
        (MODES, "How do they travel?", "Plane and rail are most of it; the boat alone has half.", "half"),
        (SALES, "When was most sold?", "The peak was reached in February 2021 with 912.", "February 2021"),
        (ENGINES, "What do cars cost?", "| gears | mean price |\n|---|---|\n| 5 | 1873.1 |", "1873.1"),
        (ENGINES, "What do cars cost?", "Those with 4 speeds cost 2,936.4 on average.", "2,936.4"),
        (SPLIT, "Judge it.", "The precision is 81.1 %.", "81.1 %"),
        (MEANS, "Do they differ?", "They differ: the means are 4.33 and 4.33.", "4.33"),
        (ENGINES, "What do cars cost?", "Those with 4 gears cost 48 on average.", "48"),
        (ENGINES, "What do cars cost?", "| gears | typical price | count |\n|---|---|---|\n| 5 | 48 | 48 |", "48"),
        (MODES, "How do they travel?", "35 of the 40 went by boat.", "35"),
        (TREES, "Which depth suits?", "The best has a recall of 0.731 (leaves = 0.707).", "0.707"),
        (ENGINES, "What do cars cost?", "Those with 4 gears weigh 31 kg.", "31"),
        (MODES, "How do they travel?", "By boat go 21, four times as many as by plane (75), together 300.", "21"),
        (GRID, "Describe it.", "In B the mean of X is 4.5.", "4.5"),
        (MODES, "How do they travel?", "Most go by rail with 85, followed by boat (45) and plane (40).", "45"),
        (WEEKS, "When were most ill?", "The peak was 4 February 2019 with 950 cases.", "4 February 2019"),
        (TASKS, "How did the tasks go?", "The task-13 (9 failed) had 31 runs.", "31"),
    ],
)  # fmt: skip
def test_right_value_of_another_thing_is_not_proven(seen, goal, answer, wrong):
    found = mark(answer, goal, [seen])
    assert next(m.mark for m in found if m.claim.text == wrong) not in GREEN and not proven(found)


@pytest.mark.parametrize(
    ("seen", "goal", "answer", "right"),
    [
        (SIZES, "Which are heaviest? (weight in kg, length in cm)", "The Crown has a length of 489 cm.", "489"),
        (MONTHLY, "The mean temperature by month, in Fahrenheit?", "In June it was 61.4 °F.", "61.4"),
        (TREES, "Which depth suits?", "depth = 3 has a recall of 0.731 and 34 leaves.", "0.731"),
        (TREES, "Which depth suits?", "At depth 4 the recall is 0.707.", "0.707"),
        (LOGS, "Look through the logs.", "north.log has 3 failed entries.", "3"),
        (LOGS, "Look through the logs.", "south.log has 9 entries.", "9"),
        (EXTREMES, "Which were the warmest and coldest years?", "In 1947 it reached 268.", "268"),
        (SHAPE, "How large is `penguins`?", "It has 344 rows and 8 columns.", "8"),
        (SHAPE, "How large is `penguins`?", "It has 344 rows and 8 columns.", "344"),
        (LETTERS, "Count the letters.", 'The letter "e" occurs 6 times.', "6"),
        (LETTERS, "Count the letters.", "There are 29 letters.", "29"),
        (ERRORS, "Fit it.", "`slope` is 3.182, with a standard error of 0.216; `shift` is 0.0471.", "3.182"),
        (MODES, "How do they travel?", "Plane and rail are most of it; the boat alone has a fifth.", "a fifth"),
        (MODES, "How do they travel?", "Plane and rail carry 160 together, more than half of the 200.", "160"),
        (SALES, "When was most sold?", "The peak was reached in March 2021 with 912.", "March 2021"),
        (ENGINES, "What do cars cost?", "| gears | mean price |\n|---|---|\n| 5 | 2214.6 |", "2214.6"),
        (ENGINES, "What do cars cost?", "| gears | mean price |\n|---|---|\n| 5 | 2214.6 |", "5"),
        (ENGINES, "What do cars cost?", "Those with 4 speeds cost 1,873.1 on average.", "1,873.1"),
        (SPLIT, "Judge it.", "The f1 is 81.1 %.", "81.1 %"),
        (GRID, "Describe it.", "In B the mean of Y is 4.5.", "4.5"),
        (WEEKS, "When were most ill?", "The peak was 21 January 2019 with 950 cases.", "21 January 2019"),
        (TASKS, "How did the tasks go?", "The task-12 (9 failed) had 31 runs.", "31"),
    ],
)  # fmt: skip
def test_the_same_said_of_the_thing_itself_is_proven(seen, goal, answer, right):
    found = mark(answer, goal, [seen])
    assert next(m.mark for m in found if m.claim.text == right) in GREEN


@pytest.mark.parametrize(("name", "most"), [("a", 9), ("b", 7), ("c", 13)])
def test_numbers_swapped_for_others_of_their_table_are_doubted_but_for_a_few(name, most):
    cases = json.loads((Path(__file__).parent / f"claims_{name}.json").read_text(encoding="utf-8"))
    found = [(answer, put, green) for case in cases for answer, put, green in swaps(case)]
    green = [(put, answer) for answer, put, is_green in found if is_green]
    assert len(found) > 80 and len(green) <= most, green


COUNTS = Seen("r1.0", "print(...)", "{'states': 17, 'executions': 74}")


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        ("There were 74 executions in 17 states.", ["row", "row"]),
        ("There were 17 executions in 17 states.", ["same", "same"]),
        ("There were 74 executions in 74 states.", ["same", "same"]),
    ],
)
def test_one_cell_proves_one_number_of_a_sentence(answer, kinds):
    assert [m.mark for m in mark(answer, "", [COUNTS]) if m.claim.kind == "number"] == kinds


def test_the_only_number_of_a_result_may_be_said_twice():
    found = mark("It is 342, and 342 again.", "", [Seen("r1.0", "", "n = 342")])
    assert [m.mark for m in found] == ["row", "row"]


KINDS = Seen(
    "r1.0", "p.groupby('species').mass.mean()", "species\nAdelie    3700.7\nGentoo    5076.0\nName: mass"
)
SEXES = "sex\nFemale    3862.3\nMale      4545.7\nName: mass, dtype: float64"


@pytest.mark.parametrize(
    ("code", "answer", "kind"),
    [
        ("p.groupby('sex').mass.mean()", "The males weigh 4545.7 g.", "row"),
        ("p.groupby('sex').mass.mean()", "The males of Gentoo weigh 4545.7 g.", "same"),
        ("p[p.species == 'Gentoo'].groupby('sex').mass.mean()", "The males of Gentoo weigh 4545.7 g.", "row"),
    ],
)
def test_number_beside_a_name_that_its_call_neither_ran_nor_showed_is_not_proven(code, answer, kind):
    found = mark(answer, "", [KINDS, Seen("r2.0", code, SEXES)])
    assert [m.mark for m in found if m.claim.text == "4545.7"] == [kind]
