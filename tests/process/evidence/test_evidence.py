"""What is claimed is marked by how it is known; no mark of trust stands where there is no proof."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from llmos_nb.process.evidence import GREEN, Computed, Seen, headline, mark, proven

HERE = Path(__file__).parent
SETS = {name: json.loads((HERE / f"claims_{name}.json").read_text(encoding="utf-8")) for name in "abcd"}
# of each set: how many marks are right at least, and how many wrong claims may look proven
RIGHT = {"a": 366, "b": 371, "c": 438, "d": 86}
FALSE_GREEN = {"a": 0, "b": 0, "c": 0, "d": 0}
SPECIES = Seen(
    "r1.0",
    "df.groupby('species').mass_g.mean()",
    "species\nAdelie       3700.66\nChinstrap    3733.09\nGentoo       5076.02\nName: mass_g, dtype: float64",
)


def marks(answer, *seen, goal="", **options):
    return {m.claim.text: m.mark for m in mark(answer, goal, seen, **options)}


def marked(case):
    return mark(case["answer"], case["goal"], [Seen(c["id"], c["code"], c["result"]) for c in case["calls"]])


def is_near(found, text, wanted):
    """Whether a claim that was found is the one meant: "2 MB" is found as "2"; a term of the goal or of the code is not."""
    if "given" in wanted and not any(c.isdigit() for c in text.split()[0]):
        return False
    return found.strip("% ") in text or text in found


def found(case):
    """Give each claim of a case with the marks that are right, and the mark that it was given."""
    left = marked(case)
    for claim in case["claims"]:
        text = claim["text"].strip('`*"±~ ')
        same = [m for m in left if m.claim.text.strip("±~ ") == text]
        near = same or [m for m in left if is_near(m.claim.text, text, claim["mark"])]
        if near:
            left.remove(near[0])
        yield (
            claim,
            {*([claim["mark"]] if isinstance(claim["mark"], str) else claim["mark"])},
            near[0].mark if near else "",
        )


@pytest.mark.parametrize("name", SETS)
def test_claims_over_real_tables_are_marked_as_reviewers_mark_them(name):
    pairs = [pair for case in SETS[name] for pair in found(case)]
    right = [got in wanted or (not got and "given" in wanted) for _, wanted, got in pairs]
    false = [claim["why"] for claim, wanted, got in pairs if got in GREEN and not wanted & {*GREEN}]
    assert sum(right) >= RIGHT[name] and len(false) <= FALSE_GREEN[name], false


def test_a_false_answer_is_doubted_wherever_it_is_false():
    case = next(c for c in SETS["a"] if c["id"] == "a08")
    doubted = [m.claim.text for m in marked(case) if m.mark in ("same", "absent")]
    assert doubted == ["390,500", "463,500", "125 %", "94", "65", "4,100"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Gentoo weighs 5076.02 g.", {"Gentoo": "row", "5076.02": "row"}),
        ("Gentoo weighs 5,076 g.", {"Gentoo": "row", "5,076": "derived"}),
        ("Gentoo weighs 5.08 kg.", {"Gentoo": "row", "5.08": "derived"}),
        ("Gentoo wiegt im Mittel 5.076,02 g und ist die schwerste Art.", {"Gentoo": "row", "5.076,02": "row"}),
        ("Gentoo and Adelie weigh 5076.02 and 3700.66 g.", {"5076.02": "row", "3700.66": "row"}),
        ("Gentoo is 1375.36 g heavier than Adelie.", {"1375.36": "derived"}),
        ("The three species differ.", {"three": "derived"}),
    ],
)
def test_what_results_show_is_known(answer, found):
    assert {k: v for k, v in marks(answer, SPECIES).items() if k in found} == found


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Gentoo weighs 3733.09 g.", {"3733.09": "same"}),
        ("Gentoo and Adelie weigh 3700.66 and 5076.02 g.", {"3700.66": "same", "5076.02": "same"}),
        ("Gentoo weighs 5076.02 kg.", {"5076.02": "same"}),
        ("Gentoo weighs −5076.02 g.", {"−5076.02": "absent"}),
        ("Gentoo weighs 6076 g.", {"6076": "absent"}),
        ("Adelie is the heaviest.", {"Adelie": "same"}),
        ("Gentoo is lighter than Adelie.", {"Gentoo": "same"}),
        ("The “Emperor” weighs 5076.02 g.", {"Emperor": "absent", "5076.02": "same"}),
        ("The four species differ.", {"four": "absent"}),
    ],
)
def test_a_mark_of_trust_does_not_stand_over_what_is_wrong(answer, found):
    assert {k: v for k, v in marks(answer, SPECIES).items() if k in found} == found


@pytest.mark.parametrize(
    ("answer", "said", "green"),
    [
        ("Gentoo weighs 5076.02 g.", "2 from results", True),
        ("Gentoo weighs 5,076 g.", "1 from results, 1 derived", True),
        ("Gentoo weighs 3733.09 g.", "1 from results, 1 same number only", False),
        ("It is done.", "nothing to check", False),
        ("", "nothing to check", False),
    ],
)
def test_the_headline_counts_and_is_green_only_where_all_is_proven(answer, said, green):
    found = mark(answer, "", [SPECIES])
    assert (headline(found), proven(found)) == (said, green)


def test_what_the_goal_or_the_code_gives_is_no_proof():
    seen = Seen("r1.0", "model = Forest(n_estimators=300)", "accuracy 0.93")
    found = mark("With 300 trees the accuracy is 0.93.", "Train a forest.", [seen])
    assert [(m.claim.text, m.mark) for m in found] == [("300", "given"), ("0.93", "row")] and not proven(found)


def test_a_computed_stretch_is_one_claim_whatever_it_holds():
    found = mark("The mean is 4,207.1 g.", "", [], computed=[Computed(12, 19, "df.mass_g.mean():,.1f")])
    assert [(m.claim.text, m.mark, m.how) for m in found] == [("4,207.1", "computed", "df.mass_g.mean():,.1f")]


def test_full_hour_that_an_expression_gave_is_no_second_number():
    hours = Seen("r1.0", "hourly.idxmax()", "station\nBridge     17\nHarbour    16")
    for said, names in (("It peaks at 17:00.", ["17"]), ("It peaks at 17:30.", ["17", "30"])):
        at = said.index("17")
        found = mark(said, "", [hours], computed=[Computed(at, at + 2, "hourly.idxmax().Bridge")])
        assert [m.claim.text for m in found] == names


@pytest.mark.parametrize(
    "words",
    ["`mass_g`", "`df.groupby('species').mass_g.mean()`", "`groupby`", "**mean mass**", "`head(5)`", "`while a <= b`", "`dropna`"],
)  # fmt: skip
def test_code_in_backticks_and_bold_terms_are_no_claims(words):
    found = mark(f"With {words} it follows: Gentoo weighs 5076.02 g.", "Use df.", [SPECIES])
    assert [(m.claim.text, m.mark) for m in found] == [("Gentoo", "row"), ("5076.02", "row")]
    assert proven(found)
    assert marks(f"{words} was used.", SPECIES) == {}


def test_a_bold_heading_is_no_claim_and_numbers_in_it_are():
    assert marks("**Key findings**\n\nIt is done.\n\n**Result:** done.", SPECIES) == {}
    assert marks("**Gentoo weighs 5076.02 g**", SPECIES) == {"Gentoo": "row", "5076.02": "row"}
    assert marks("**Gentoo weighs 5099 g**", SPECIES) == {"Gentoo": "row", "5099": "absent"}


@pytest.mark.parametrize(
    ("answer", "claim"),
    [
        ("The heaviest is the **Emperor**.", "Emperor"),
        ("The heaviest is the `Emperor` with 5076.02 g.", "Emperor"),
        ("`emperor` weighs 5076.02 g.", "emperor"),
        ("The species is 'emperor'.", "emperor"),
    ],
)
def test_a_category_in_bold_or_backticks_that_nothing_shows_is_not_found(answer, claim):
    assert marks(answer, SPECIES)[claim] == "absent"


def test_a_formula_says_how_a_number_follows():
    found = {m.claim.text: m.how for m in mark("Gentoo is 1375.36 g heavier than Adelie.", "", [SPECIES])}
    assert found["1375.36"] == "5076.02 - 3700.66"


STATES = Seen(
    "r1.0",
    "print(crime.murder.describe())\ncrime[['murder', 'poverty', 'urban']].head(4)",
    """count    51.000000
mean      4.900000
min       0.900000
max      24.200000
Name: murder, dtype: float64
                      murder  poverty   urban
state
District of Columbia    24.2     18.4  100.00
Louisiana               12.3     17.3   61.33
New Mexico              10.0     18.0   53.75
Iowa                     1.3     10.7   41.67""",
)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("The District of Columbia has a murder rate of 24.2.", {"District of Columbia": "row", "24.2": "row"}),
        ("New Mexico: poverty 18 %, urban 53.75 %.", {"18 %": "row", "53.75 %": "row"}),
        ("The murder rate of Louisiana is half that of the District of Columbia.", {"half": "derived"}),
        ("The lowest murder rate is 0.9, the mean 4.9.", {"0.9": "row", "4.9": "row"}),
    ],
)
def test_a_label_of_several_words_is_one_name_and_its_row_is_read(answer, found):
    assert {k: v for k, v in marks(answer, STATES).items() if k in found} == found


@pytest.mark.parametrize(
    ("answer", "claim"),
    [
        ("The lowest murder rate is that of Iowa, 0.9.", "0.9"),  # of the statistics of all, not of Iowa
        ("The rate of the District of Columbia is 20 times that of Iowa.", "20"),
        ("Louisiana has 46 times the poverty of Iowa.", "46"),
        ("A quarter of the states are below 5.", "A quarter"),
    ],
)
def test_a_number_of_other_rows_is_no_proof(answer, claim):
    assert marks(answer, STATES)[claim] in ("same", "absent")


@pytest.mark.parametrize(
    ("answer", "claim"),
    [
        ("The margin of North was 590, of West 88. There are 4 rows for North.", "4"),
        ("It is 590.25 and 88.0. There are 4 rows for North.", "4"),
        ("| region | rows |\n|---|---|\n| North | 4 |", "4"),
        ("| region | margin |\n|---|---|\n| North | 60 % |", "60 %"),  # its share of the rows
    ],
)
def test_nothing_is_added_up_of_rows_that_the_sentence_does_not_name(answer, claim):
    rows = Seen(
        "r1.0",
        "",
        "        rows  margin\nregion\nNorth      3  590.25\nSouth      1  800.00\nWest       1   88.00",
    )
    assert marks(answer, rows)[claim] in ("same", "absent")


ORDERS = Seen(
    "r1.0",
    "",
    "        orders  returns\nregion\nNorth      7        3\nSouth     12        8\nWest      20        5",
)
PAIR = Seen("r1.0", "", "{'bolts': 7, 'nuts': 3}")


@pytest.mark.parametrize(
    ("answer", "seen", "claim"),
    [
        ("North has four managers.", ORDERS, "four"),  # 7 - 3
        ("North has 4 managers.", ORDERS, "4"),
        ("North has 7 orders, four of them late.", ORDERS, "four"),
        ("South and North have nine doors.", ORDERS, "nine"),  # 12 - 3
        ("There were four mistakes.", PAIR, "four"),
        ("There were ten mistakes.", PAIR, "ten"),  # 7 + 3
        ("The bolts took four days.", PAIR, "four"),
        ("The bolts took 10 days.", PAIR, "10"),
    ],
)
def test_a_few_are_not_derived_from_numbers_that_the_sentence_does_not_name(answer, seen, claim):
    assert marks(answer, seen)[claim] in ("absent", "same")


@pytest.mark.parametrize(
    ("answer", "seen", "claim"),
    [
        ("South has five more orders than North.", ORDERS, "five"),
        ("There are four bolts more than nuts.", PAIR, "four"),
        ("There are ten: the bolts and the nuts.", PAIR, "ten"),
        ("North had 7 orders and 3 returns, four more.", ORDERS, "four"),
    ],
)
def test_a_few_are_derived_from_numbers_that_the_sentence_names(answer, seen, claim):
    assert marks(answer, seen)[claim] == "derived"


PUNISH = Seen(
    "r1.0",
    "punish.set_index('STATE')[['EXECUTIONS', 'PERPOVERTY', 'DEGREE']]",
    """                EXECUTIONS  PERPOVERTY  DEGREE
STATE
South_Carolina           2        14.9    0.21
Maryland                 1         9.3    0.29
Arkansas                 4        18.4    0.16""",
)
ALL = Seen("r1.0", "", "executions in all: 74\nstates: 17")
ENDS = Seen("r1.0", "", "1951: 3173.0, 1975: 7157.2")
MEN = Seen("r1.0", "", "20 men; 11 of them did more than 10 chin-ups")


@pytest.mark.parametrize(
    ("answer", "seen", "found"),
    [
        ("South Carolina executed 2.", PUNISH, {"South Carolina": "row", "2": "row"}),
        ("The poverty rate of Maryland is 9.3 %.", PUNISH, {"9.3 %": "row"}),
        ("74 people were executed in 17 states, 4.35 on average.", ALL, {"74": "row", "4.35": "derived"}),
        ("It more than doubled, from 3173.0 to 7157.2.", ENDS, {"doubled": "derived"}),
        ("11 of the 20 men (55 %) did more.", MEN, {"11": "row", "20": "row", "55 %": "derived"}),
    ],
)
def test_names_with_underscores_stems_of_words_and_loose_multiples_are_read(answer, seen, found):
    assert {k: v for k, v in marks(answer, seen).items() if k in found} == found


@pytest.mark.parametrize(
    ("answer", "seen", "claim"),
    [
        ("The poverty rate of Maryland is 18.4 %.", PUNISH, "18.4 %"),
        ("74 people were executed in 17 states, 4.53 on average.", ALL, "4.53"),
        ("It more than tripled, from 3173.0 to 7157.2.", ENDS, "tripled"),
        ("It more than halved by half, from 7157.2 to 3173.0, a tenth.", ENDS, "a tenth"),
        ("11 of the 20 men (45 %) did more.", MEN, "45 %"),
    ],
)
def test_a_stem_and_a_loose_multiple_prove_nothing_else(answer, seen, claim):
    assert marks(answer, seen)[claim] not in GREEN


WEATHER = (
    Seen(
        "r1.0",
        "print(len(berg) - len(b), b.temp_C.isna().sum())\nb.groupby('site').agg(regen=('rain_mm', 'sum'), wind=('wind_kmh', 'max'))",
        "2 0\n         temp  regen  wind\nsite\nGipfel -10.64   10.1    67\nHütte   -4.76   38.2    64\nTal      6.26   16.3    58",
    ),
    Seen(
        "r1.1",
        "b.loc[b.groupby('site').temp_C.idxmin(), ['site', 'date', 'temp_C']]",
        "      site       date  temp_C\n2   Gipfel 2026-02-01   -15.3\n27   Hütte 2026-02-10   -13.0\n25     Tal 2026-02-09     2.7",
    ),
    Seen(
        "r1.2",
        "b.groupby('date').temp_C.mean()",
        "date\n2026-02-02   -8.0\n2026-02-12   -6.3\nName: temp_C, dtype: float64",
    ),
)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (
            "Auf dem Gipfel war der 1. Februar 2026 mit −15,3 °C am kältesten.",
            {"1. Februar 2026": "row", "−15,3": "row"},
        ),
        (
            "Im Tal war der 9. Februar mit 2,7 °C am kältesten, auf dem Gipfel der 1. Februar mit −15,3 °C.",
            {"9. Februar": "row"},
        ),
        ("Der 2. Februar war mit −8 °C am kältesten.", {"2. Februar": "row", "−8": "row"}),
        ("The peak was at -10.64, with a wind of 67 km/h on Gipfel.", {"67": "row"}),
    ],
)
def test_days_and_columns_are_read_as_they_are_meant(answer, found):
    assert {k: v for k, v in marks(answer, *WEATHER).items() if k in found} == found


@pytest.mark.parametrize(
    ("answer", "claim"),
    [
        (
            "Im Tal war der 10. Februar 2026 mit 2,7 °C am kältesten, auf der Hütte war es der 9. Februar 2026.",
            "9. Februar 2026",
        ),
        ("Auf dem Gipfel war der 9. Februar 2026 am kältesten, nicht im Tal.", "9. Februar 2026"),
        ("Die Hütte hatte −13,0 °C, kalt am 9. Februar 2026; das Tal hatte 2,7 °C.", "9. Februar 2026"),
        ("Es sind 2 Grad auf der Hütte und im Tal.", "2"),  # 6.26 - 4.76 is 1.5
        ("Die Hütte hat 64,3 im Tal.", "64,3"),  # 58 + 6.26
        ("Im Tal regnete es doppelt so viel wie auf dem Gipfel.", "doppelt"),
    ],
)
def test_a_day_of_another_row_and_a_loose_sum_are_no_proof(answer, claim):
    assert marks(answer, *WEATHER)[claim] not in GREEN


RATINGS = Seen(
    "r1.0",
    "g = fair.groupby('rate_marriage').agg(share=('any', 'mean'), age=('age', 'mean'), n=('any', 'size'))\ng",
    """                  share        age     n
rate_marriage
1.0            0.747475  33.823232    99
2.0            0.635057  30.471264   348
3.0            0.550856  30.008056   993
4.0            0.322926  28.856601  2242
5.0            0.181446  28.574702  2684""",
)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (
            "The share is 74.7 % at rating 1 and 18.1 % at rating 5.",
            {"74.7 %": "derived", "18.1 %": "derived", "1": "row"},
        ),
        ("Rating 4 has 2,242 women.", {"4": "row", "2,242": "row"}),
        ("Women with a rating of 3 are 30.01 years old.", {"3": "row", "30.01": "derived"}),
    ],
)
def test_whole_numbers_of_an_index_that_is_shown_as_floats_name_its_rows(answer, found):
    assert {k: v for k, v in marks(answer, RATINGS).items() if k in found} == found


@pytest.mark.parametrize(
    ("answer", "claim"),
    [
        ("The youngest group is rating 4 with 28.6 years.", "28.6"),  # that is rating 5
        ("Women with a rating of 3 are 28.9 years old.", "28.9"),
        ("There are 2 of all.", "2"),  # the sum of the shares is 2.4
    ],
)
def test_a_number_of_another_rating_and_a_rough_sum_are_no_proof(answer, claim):
    assert marks(answer, RATINGS)[claim] not in GREEN


def test_an_expression_about_another_row_than_the_sentence_names_is_no_proof():
    code = "df[df.species == 'Adelie'].mass_g.mean():.2f"
    at = [Computed(14, 21, code)]
    assert marks("Gentoo weighs 3700.66 g.", SPECIES, computed=at)["3700.66"] == "same"
    assert marks("Adelie weighs 3700.66 g.", SPECIES, computed=at)["3700.66"] == "computed"
    assert marks("They do weigh 3700.66 g.", SPECIES, computed=at)["3700.66"] == "computed"


def test_an_expression_about_a_row_contradicts_no_statistic_that_the_sentence_names():
    head = Seen("r1.0", "air", "station  pm10\nMitte    29.5\nHafen    30.6\nRing     39.0")
    whole = Seen(
        "r2.0",
        "wide.describe()",
        "           low      high\nmean     31.013793  21.801149\nmax      45.1  36.7",
    )
    at = [Computed(14, 18, "wide['Mitte'].mean():.1f")]
    for said, wanted in (("The means are 21.8 there.", "computed"), ("Hafen now has 21.8 there.", "same")):
        assert marks(said, head, whole, computed=at)["21.8"] == wanted


def test_what_stands_twice_is_no_value_but_what_is_twice_as_large_is_one():
    shown = Seen("r1.0", "who", "M007 Ayla north\nM007 Chen south")
    assert "twice" not in marks("M007 stands twice in members.csv.", shown)
    assert marks("M007 is twice as large as M008.", shown)["twice"] == "absent"


def test_possessive_of_a_name_is_that_name():
    found = marks("After that, B's share fell and Carl's rose.", SPECIES, goal="Did B do it?")
    assert "B's" not in found and found["Carl"] == "absent"


def test_date_that_code_makes_of_numbers_is_the_date_that_the_answer_says():
    seen = Seen("r1.0", "now = dt.date(2025, 6, 1)", "ok")
    assert marks("It takes a fixed day, 2025-06-01.", seen)["2025-06-01"] == "given"
    assert marks("It takes a fixed day, 2025-06-02.", seen)["2025-06-02"] == "absent"


def test_one_whole_number_beside_a_share_is_what_is_counted():
    seen = Seen("r1.0", "len(above), above.mean()", "(22, np.float64(0.43137254901960786))")
    assert marks("22 states are above 5.", seen)["22"] == "row"
    assert marks("22 states are above 5.", Seen("r1.0", "", "(22, 9, 0.43)"))["22"] != "row"


@pytest.mark.parametrize(
    "answer", ["Gentoo used 5076.02 GWh.", "Gentoo has 5076.02 Hz. Second is Adelie.", "It is `5076.02`."]
)
def test_units_places_and_empty_quotes_are_no_names(answer):
    start = answer.find("5076.02")
    at = [Computed(start, start + 7, "top")] if "`" in answer else []
    found = marks(answer, SPECIES, goal="Which is the second?", computed=at)
    assert not {"GWh", "Hz", "Second", ""} & {*found} and found["5076.02"] != "absent"


@pytest.mark.parametrize("name", ["(np.int32(2009), year_n", "a)b", "x[0", "c++", "*", "\\\\d"])
def test_signs_in_the_name_of_an_index_are_only_signs(name):
    shown = f"{name}\n2001    40651\n2017    56476\ndtype: int64"
    assert marks("In 2001 it was 40651.", Seen("r1.0", "", shown))["40651"] == "row"


TEXTS = st.text(alphabet=st.sampled_from("ab Z.,:;%±−-+()[]{}|\"'`*\n0123456789e│┆=<>/_ü"), max_size=120)


@given(TEXTS, TEXTS, TEXTS)
def test_any_text_is_marked_without_an_error_and_claims_do_not_overlap(answer, goal, result):
    found = [m.claim for m in mark(answer, goal, [Seen("r1.0", goal, result)])]
    assert all(answer[c.start : c.end] == c.text for c in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=5), st.integers(0, 3))
def test_a_rounded_value_of_the_row_that_is_named_is_known(values, digits):
    names = [f"name{'abcde'[i]}" for i in range(len(values))]
    shown = "\n".join(f"{n}    {v!r}" for n, v in zip(names, values, strict=True)) + "\ndtype: float64"
    said = f"{names[0]} has {values[0]:.{digits}f}."
    assert proven([m for m in mark(said, "", [Seen("r1.0", "", shown)]) if m.claim.kind == "number"])
