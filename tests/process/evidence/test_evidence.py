"""What is claimed is marked by how it is known; no mark of trust stands where there is no proof."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from llmos_nb.process.evidence import GREEN, Computed, Seen, headline, mark, proven

HERE = Path(__file__).parent
SETS = {name: json.loads((HERE / f"claims_{name}.json").read_text(encoding="utf-8")) for name in "abc"}
# of each set: how many marks are right at least, and how many wrong claims may look proven
RIGHT, FALSE_GREEN = {"a": 360, "b": 345, "c": 380}, {"a": 0, "b": 2, "c": 3}
SPECIES = Seen(
    "r1.0",
    "df.groupby('species').mass_g.mean()",
    "species\nAdelie       3700.66\nChinstrap    3733.09\nGentoo       5076.02\nName: mass_g, dtype: float64",
)


def marks(answer, *seen, goal="", **options):
    return {m.claim.text: m.mark for m in mark(answer, goal, seen, **options)}


def marked(case):
    return mark(case["answer"], case["goal"], [Seen(c["id"], c["code"], c["result"]) for c in case["calls"]])


def found(case):
    """Give each claim of a case with the marks that are right, and the mark that it was given."""
    left = marked(case)
    for claim in case["claims"]:
        text = claim["text"].strip('`*"±~ ')
        same = [m for m in left if m.claim.text.strip("±~ ") == text]
        near = same or [m for m in left if m.claim.text.strip("% ") in text or text in m.claim.text]
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
        ("The mean of `mass_g` was taken.", {"mass_g": "given"}),
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


def test_a_formula_says_how_a_number_follows():
    found = {m.claim.text: m.how for m in mark("Gentoo is 1375.36 g heavier than Adelie.", "", [SPECIES])}
    assert found["1375.36"] == "5076.02 - 3700.66"


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
