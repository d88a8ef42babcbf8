"""What an answer compares is green only where the compared rows bear it out."""

import pytest

from llmos_nb.process.evidence import Computed, Seen, mark, proven

YEARS = Seen(
    "r1.0",
    "sales.groupby('year').revenue.sum()",
    "year\n2018    90\n2019   140\n2020   120\n2021   155\nName: revenue, dtype: int64",
)
MASS = Seen(
    "r1.0",
    "df.groupby('species').mass_g.mean()",
    "species\nAdelie       3700.66\nChinstrap    3733.09\nGentoo       5076.02\nName: mass_g, dtype: float64",
)
ONE = Seen("r1.0", "df[df.species == 'Adelie'].groupby('species').mass_g.mean()", "species\nAdelie    3700.66")
TOP = Seen("r1.0", "df.groupby('species').mass_g.mean().nlargest(1)", "species\nGentoo    5076.02")
NORTH = Seen(
    "r1.0", "t.loc[['North', 'South']]", "        2019  2020\nregion\nNorth    100   120\nSouth     90    70"
)
TOPS = Seen("r1.0", "df.groupby('species').mass_g.max()", MASS.result)
CHANGE = Seen("r1.0", "t.change", "region\nNorth     12.5\nSouth     -4.0\nName: change_pct, dtype: float64")
LEVEL = Seen("r1.0", "sales[sales.year == 2020].revenue.sum()", "120")


def green(answer, *seen, goal="", computed=()):
    return proven(mark(answer, goal, seen, computed=computed))


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("Gentoo is the heaviest with 5076.02 g.", MASS),
        ("Adelie weighs 3700.66 g, the least of all.", MASS),
        ("The second heaviest is Chinstrap (3733.09 g).", MASS),
        ("The highest mean is 5076.02 g.", MASS),
        ("Gentoo is the heaviest with 5076.02 g.", TOP),
        ("Gentoo is heavier than Adelie.", MASS),
        ("In 2020 it was 120, less than in 2019.", YEARS),
        ("The revenue of 2021 was 155, more than in 2020.", YEARS),
        ("Revenue rose to 155 in 2021.", YEARS),
        ("Revenue fell from 140 in 2019 to 120 in 2020.", YEARS),
        ("Revenue fell to 120 in 2020.", YEARS),
        ("2021 was the best year with 155.", YEARS),
        ("North grew from 100 in 2019 to 120 in 2020.", NORTH),
        ("North grew by 12.5 %.", CHANGE),
        ("South fell by 4.0 %.", CHANGE),
        ("South lost 4.0 %.", CHANGE),
        ("Der Umsatz stieg 2021 auf 155.", YEARS),
        ("Adelie weighs at least 3700.66 g.", MASS),
        ("The highest mass is 5076.02 g.", TOPS),
        ("In 2020 it was 20 lower than in 2019.", YEARS),
        ("2021 was 35 higher than 2020.", YEARS),
    ],
)
def test_what_the_compared_rows_bear_out_is_green(answer, seen):
    assert green(answer, seen)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("In 2020 it was 20 higher than in 2019.", YEARS),
        ("2021 was 35 lower than 2020.", YEARS),
        ("Adelie is the heaviest with 3700.66 g.", ONE),  # nothing else was looked at
        ("The highest mean is 3733.09 g.", MASS),
        ("Chinstrap weighs 3733.09 g, the most of all.", MASS),
        ("Adelie weighs 3700.66 g, the most of all.", ONE),
        ("With 3700.66 g Adelie leads.", ONE),
        ("The second heaviest is Gentoo (5076.02 g).", MASS),
        ("Chinstrap is heavier than Gentoo.", MASS),
        ("Chinstrap, at 3733.09 g, weighs more than Gentoo.", MASS),
        ("In 2020 it was 120, more than in 2019.", YEARS),
        ("It was 120 in 2020, more than in 2017.", YEARS),
        ("Revenue grew to 120 in 2020.", YEARS),
        ("Revenue grew from 140 to 120 in 2020.", YEARS),
        ("Revenue was 120 in 2020: it grew.", YEARS),
        ("Revenue grew to 120.", LEVEL),  # from what?
        ("South grew by 4.0 %.", CHANGE),
        ("North fell by 12.5 %.", CHANGE),
        ("North lost 12.5 %.", CHANGE),
        ("South grew from 90 to 70.", NORTH),
        ("2019 was the best year with 140.", YEARS),
        ("Der Umsatz stieg 2020 auf 120.", YEARS),
        ("The highest value is 120.", LEVEL),
        ("120 is the highest value.", LEVEL),
        ("The highest mass is 3733.09 g.", TOPS),  # of one group
    ],
)
def test_a_comparison_that_nothing_bears_out_is_not_green(answer, seen):
    assert not green(answer, seen)


@pytest.mark.parametrize(
    ("answer", "code", "holds"),
    [
        ("The highest mass is 5076.02.", "means.max()", True),
        ("The highest mass is 5076.02.", "means['Gentoo']", False),
        ("The lowest mass is 5076.02.", "means.max()", False),
        ("Revenue grew by 5076.02.", "after - before", True),
        ("Revenue grew to 5076.02.", "after", False),
    ],
)
def test_a_computed_value_is_the_highest_only_where_its_expression_looks_for_it(answer, code, holds):
    start = answer.index("5076.02")
    assert green(answer, MASS, computed=[Computed(start, start + 7, code)]) is holds


def test_a_threshold_is_no_comparison_of_rows():
    found = {m.claim.text: m.mark for m in mark("Gentoo weighs 5076.02 g, more than 5,000 g.", "", [MASS])}
    assert (found["Gentoo"], found["5076.02"]) == ("row", "row")
