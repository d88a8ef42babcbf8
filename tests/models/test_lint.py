"""What is held back of a small model's code, and what is not."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, strategies as st

from llmos_nb.models.local.lint import Seen, complain, made, trim

CARD = """\
penguins: DataFrame, 344 rows
- species: text 'Adelie' / 'Gentoo'
- body_mass_g: number 2700 to 6300, 2 missing
- sex: text 'male' / 'female'
- date: date 2012-01-01 to 2015-12-31"""


def seen(question: str, results: str = "") -> Seen:
    columns = frozenset(("species", "body_mass_g", "sex", "date"))
    return Seen(question, results, frozenset(("penguins",)), columns, CARD)


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("penguins['x'].mean()}", "penguins['x'].mean()"),
        ("penguins['x'].mean()}\"'])", "penguins['x'].mean()"),
        ("a = 1\nprint(a))", "a = 1\nprint(a)"),
        ("(a, b)", "(a, b)"),
        ("penguins.groupby(", "penguins.groupby("),
        ("for", "for"),
        ("", ""),
    ],
)
def test_trim_drops_only_debris(code: str, kept: str) -> None:
    assert trim(code) == kept


def test_trim_gives_up_after_fifteen() -> None:
    assert trim("a" + "}" * 15) == "a"
    assert trim("a" + "}" * 16) == "a" + "}" * 16


@given(st.text(alphabet="ab()[]{}'\"=1+ \n", max_size=40))
def test_trim_gives_a_prefix_that_parses_or_the_code_itself(code: str) -> None:
    kept = trim(code)
    assert code.startswith(kept)
    if kept != code:
        ast.parse(kept)


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("How many are there?", "len(penguins)"),
        ("How many female ones?", "len(penguins[penguins['sex'] == 'female'])"),
        ("Which sex is heavier?", "penguins[penguins['sex'] == 'male']['body_mass_g'].mean()"),
        ("How many weigh over 4,000 g?", "(penguins['body_mass_g'] > 4000).sum()"),
        ("How many are above minus five?", "(penguins['body_mass_g'] > -1 * 5).sum()"),
        ("How many in July?", "(penguins['date'].dt.month == 7).sum()"),
        ("How many in 2013?", "(penguins['date'] >= '2013-01-01').sum()"),
        ("How many days?", "len(penguins[penguins['date'] <= '2015-12-31'])"),
        ("Which has the largest?", "penguins[penguins['body_mass_g'] == 6300]"),
        ("How many are missing?", "(penguins.isna() == True).sum()"),
        ("On how many rainy days?", "(penguins['species'] == 'rain').sum()"),
        ("Make a table", "pd.DataFrame({'mean': penguins['body_mass_g'].mean()}, index=[0])"),
        ("Make a table", "m = penguins['body_mass_g'].mean()\npd.Series([m])"),
    ],
)
def test_honest_code_passes(question: str, code: str) -> None:
    assert complain(code, seen(question)) == ""


@pytest.mark.parametrize(
    ("question", "code", "why"),
    [
        (
            "What is the mean mass?",
            "penguins[penguins['species'] == 'Adelie']['body_mass_g'].mean()",
            "'Adelie'",
        ),
        ("How many?", "penguins[penguins['species'].isin(['Gentoo', 'Adelie'])]", "'Gentoo'"),
        ("How many are heavy?", "(penguins['body_mass_g'] > 4200).sum()", "4200"),
        ("How many are heavy?", "penguins['body_mass_g'].between(3000, 3100).sum()", "3000"),
        ("How many days?", "(penguins['date'] > '2014-02-03').sum()", "2014-02-03"),
        ("How many females?", "(penguins.species == 'male').sum()", "'male'"),
        ("How many?", "pd.read_csv('x.csv')", "read_csv"),
        ("How many?", "open('x').read()", "open"),
        ("How many?", "eval('len(penguins)')", "eval"),
        ("How many?", "penguins = pd.DataFrame({'a': [1, 2]})\nlen(penguins)", "DataFrame"),
        ("How many?", "df = pd.Series([1, 2])\nlen(penguins), df.mean()", "Series"),
        ("How many?", "print('Biscoe')", "none of the variables"),
        ("How many?", "penguins['a", "parse"),
    ],
)
def test_bad_habits_are_named(question: str, code: str, why: str) -> None:
    assert why in complain(code, seen(question))


def test_results_free_their_values() -> None:
    code = "penguins[penguins['species'] == 'Gentoo']['body_mass_g'].mean()"
    assert complain(code, seen("Which is most common, and how heavy is it?")) != ""
    assert complain(code, seen("Which is most common, and how heavy is it?", "Gentoo 124")) == ""


def test_without_a_card_names_are_not_judged() -> None:
    assert complain("print(6 * 7)", Seen("What is six times seven?")) == ""


def test_made_returns_assigned_names() -> None:
    assert made("a, b = 1, 2\nc += 1\nfor d in e: pass") == {"a", "b", "c", "d"}
    assert made("a =") == set()
