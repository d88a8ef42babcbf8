"""Marks of answers that were played by hand: right claims that were doubted, and claims that something else proved."""

import pytest

from llmos_nb.process.evidence import GREEN, Seen, mark
from llmos_nb.process.evidence.marks import Computed

MONTHS = "month\n2025-01    93\n2025-02    68\n2025-03    79\nName: loans, dtype: int64"
BRANCHES = "|branch|members|loans|per_member|\n|---|---|---|---|\n|Hafen|15|134|8.93|\n|Nordpark|27|224|8.3|\n3 rows; the whole result is in `b`"
ALPINE = "process 2 ended: answered\nAlpine, 102 birds: mean mass 17.64, mean wing 73.64, correlation -0.041."
COAST = "process 3 ended: answered\nCoast, 106 birds: mean mass 17.67, mean wing 73.16, correlation -0.067."
OPENED = (
    "        opened   km\ncity               \nLondon    1863  402\nParis     1900  226\nBerlin    1902  155"
)
PEAKS = "           day  orders\n76  2025-03-18      62\n135 2025-05-16      12"


def marks(answer, *results, code="", goal="What is there?", computed=()):
    seen = [Seen(f"r{i}.0", code, text) for i, text in enumerate(results, 1)]
    spans = [Computed(answer.index(text), answer.index(text) + len(text), how) for text, how in computed]
    return [(m.claim.text, m.mark) for m in mark(answer, goal, seen, computed=spans)]


@pytest.mark.parametrize(
    ("answer", "results", "claims"),
    [
        ("| month | loans |\n|---|---|\n| January | 93 |\n| March | 79 |", [MONTHS], {"93", "79"}),
        ("In February there were 68 loans.", [MONTHS], {"68"}),
        ("On 18 March 62 orders came in.", [PEAKS], {"18 March"}),
        ("Hafen has 8.93 loans a member.", [BRANCHES], {"8.93"}),
        ("| site | birds | mean mass |\n|---|---|---|\n| alpine | 102 | 17.64 |\n| coast | 106 | 17.67 |", [ALPINE, COAST],
         {"102", "17.64", "106", "17.67"}),
        ("London opened first, in 1863.", [OPENED], {"1863"}),
    ],
)  # fmt: skip
def test_a_right_claim_is_green(answer, results, claims):
    assert {text for text, kind in marks(answer, *results) if kind in GREEN} >= claims


@pytest.mark.parametrize(
    ("answer", "results", "claim"),
    [
        ("| month | loans |\n|---|---|\n| January | 79 |", [MONTHS], "79"),
        ("| site | birds | mean wing |\n|---|---|---|\n| alpine | 102 | 17.64 |", [ALPINE, COAST], "17.64"),
        ("| site | birds | mean mass |\n|---|---|---|\n| coast | 102 | 17.64 |", [ALPINE, COAST], "17.64"),
        ("Berlin opened in 1900.", [OPENED], "1900"),
        ("Paris is farther along than London.", [OPENED], "Paris"),
        ("All was committed, 4 files in all.", ['LINES = [("mug", 2, 8.4), ("tea", 1, 3.99)]'], "4"),
        ("On average it lasted until 9 h.", ["{'weekday': 14, 'weekend': 15} {'weekday': 2, 'weekend': 2}"], "9"),
        ("That is 33 % of all loans.", ["|n|\n|---|\n|85|\n1 row; the whole result is in `a`", BRANCHES], "33 %"),
    ],
)  # fmt: skip
def test_a_claim_that_nothing_proves_is_not_green(answer, results, claim):
    found = dict(marks(answer, *results))
    assert found[claim] not in GREEN


def test_a_period_and_a_number_within_a_name_claim_nothing():
    assert marks("The first half of the year, in utf-8, was the second quarter.", "1  2\n3  6") == []


def test_a_rate_that_the_code_has_as_a_factor_is_given():
    code = 'RATES = {"DE": 0.19, "CH": 1.081}'
    found = dict(marks("The rates are 19 % and 8.1 %, not 7 %.", "done", code=code))
    assert found == {"19 %": "given", "8.1 %": "given", "7 %": "absent"}


def test_an_expression_rests_on_the_code_that_made_its_variable():
    shown = "     month    total\n0  2024-01  2116.26\n1  2024-02  1956.06"
    answer = "The dearest month was 2024-01 with 2,116.26 EUR."
    said = (("2024-01", "dear['month']"), ("2,116.26", "dear['total']:,.2f"))
    code = "dear = budget.loc[budget['total'].idxmax()]\nbudget"
    assert {kind for _, kind in marks(answer, shown, code=code, computed=said)} == {"computed"}
    other = code.replace("idxmax", "idxmin").replace("dear =", "cheap =")
    assert "same" in {kind for _, kind in marks(answer, shown, code=other, computed=said)}


def test_a_change_between_two_expressions_is_compared_by_their_values():
    shown = "source   coal   wind\nyear\n2015    159.7   80.9\n2024     74.6  159.0"
    said = (("159.7", "wide.loc[2015, 'coal']"), ("74.6", "wide.loc[2024, 'coal']"))
    assert dict(marks("Here coal fell from 159.7 to 74.6 TWh.", shown, computed=said))["coal"] == "row"
    assert dict(marks("Here coal rose from 159.7 to 74.6 TWh.", shown, computed=said))["coal"] == "same"
