"""40 questions on four real data sets that nothing here was made on, with their answers computed by pandas.

The data come from the package ``vega_datasets`` (``pip install vega_datasets``), which carries them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_questions import Expected, Question, added, by, number, top


def least(series: Any) -> Expected:
    """The last of a series and its value."""
    key = series.idxmin()
    others = tuple(str(k) for k in series.index if k != key)
    return Expected((float(series[key]),), str(key), others)


def ask(data: str, kind: str, text: str, truth: Callable[[Any], Expected]) -> Question:
    """Make a question whose text has no placeholders."""
    return Question(kind, data, text, truth)


def _barley() -> list[Question]:
    def best_variety(d: Any) -> Expected:
        means = by(d, "yield", "variety")
        return top(means, (d["variety"] == means.idxmax()).sum())

    def gap(d: Any) -> Expected:
        means = by(d, "yield", "year")
        return number(means[1931] - means[1932])

    def over(d: Any) -> Expected:
        return number(d["yield"].mean(), (d["yield"] > d["yield"].mean()).sum())

    return [
        ask("barley", "single", "What is the mean yield?", lambda d: number(d["yield"].mean())),
        ask("barley", "single", "How many varieties are there?", lambda d: number(d["variety"].nunique())),
        ask(
            "barley",
            "single",
            "Which site has the highest mean yield, and what is it?",
            lambda d: top(by(d, "yield", "site")),
        ),
        ask(
            "barley",
            "single",
            "Which site has the lowest mean yield, and what is it?",
            lambda d: least(by(d, "yield", "site")),
        ),
        ask(
            "barley",
            "single",
            "How many rows have a yield above 40?",
            lambda d: number((d["yield"] > 40).sum()),
        ),
        ask(
            "barley",
            "single",
            "What was the highest yield in 1932?",
            lambda d: number(d.loc[d["year"] == 1932, "yield"].max()),
        ),
        ask(
            "barley",
            "two-step",
            "Which variety has the highest mean yield, and how many rows of it are there?",
            best_variety,
        ),
        ask(
            "barley",
            "two-step",
            "By how much is the mean yield of 1931 above that of 1932?",
            gap,
        ),
        ask("barley", "two-step", "What is the mean yield, and how many rows are above it?", over),
        ask(
            "barley",
            "new column",
            "Add a column double that is twice the yield. What is its largest value?",
            lambda d: added("double", d["yield"] * 2, "max"),
        ),
    ]


def _driving() -> list[Question]:
    def dearest(d: Any) -> Expected:
        row = d.loc[d["gas"].idxmax()]
        return number(row["year"], row["gas"])

    def most_driven(d: Any) -> Expected:
        row = d.loc[d["miles"].idxmax()]
        return number(row["year"], row["gas"])

    def rise(d: Any) -> Expected:
        miles = d.set_index("year")["miles"]
        return number(miles[2010] - miles[1956])

    return [
        ask("driving", "single", "In which year was gas the highest, and how high was it?", dearest),
        ask("driving", "single", "What is the median of miles?", lambda d: number(d["miles"].median())),
        ask("driving", "single", "What was gas in 1973?", lambda d: number(_of_year(d, 1973, "gas"))),
        ask("driving", "single", "In how many years was gas below 2?", lambda d: number((d["gas"] < 2).sum())),
        ask(
            "driving",
            "single",
            "What is the mean of gas from 1980 on?",
            lambda d: number(d.loc[d["year"] >= 1980, "gas"].mean()),
        ),
        ask("driving", "single", "What is the lowest value of miles?", lambda d: number(d["miles"].min())),
        ask(
            "driving",
            "two-step",
            "What was gas in the year with the most miles, and which year was it?",
            most_driven,
        ),
        ask("driving", "two-step", "By how much did miles grow from 1956 to 2010?", rise),
        ask(
            "driving",
            "two-step",
            "What is the correlation between miles and gas?",
            lambda d: number(d["miles"].corr(d["gas"])),
        ),
        ask(
            "driving",
            "new column",
            "Add a column decade that is the year rounded down to a multiple of 10. How many rows are in the 1970s?",
            lambda d: Expected(
                (float(((d["year"] // 10 * 10) == 1970).sum()),), column=("decade", d["year"] // 10 * 10)
            ),
        ),
    ]


def _of_year(d: Any, year: int, column: str) -> float:
    return float(d.loc[d["year"] == year, column].iloc[0])


def _burtin() -> list[Question]:
    def weakest(d: Any) -> Expected:
        row = d.loc[d["Penicillin"].idxmax()]
        others = tuple(str(b) for b in d["Bacteria"] if b != row["Bacteria"])
        return Expected((float(row["Penicillin"]),), str(row["Bacteria"]), others)

    def beaten(d: Any) -> Expected:
        return number((d["Neomycin"] < d["Penicillin"]).sum())

    def share(d: Any) -> Expected:
        return number((d["Gram_Staining"] == "positive").mean())

    return [
        ask(
            "burtin",
            "single",
            "How many bacteria have negative Gram_Staining?",
            lambda d: number((d["Gram_Staining"] == "negative").sum()),
        ),
        ask("burtin", "single", "What is the mean of Neomycin?", lambda d: number(d["Neomycin"].mean())),
        ask("burtin", "single", "Which Bacteria has the highest Penicillin, and what is it?", weakest),
        ask(
            "burtin",
            "single",
            "Which Genus has the most bacteria, and how many?",
            lambda d: top(d["Genus"].value_counts()),
        ),
        ask(
            "burtin",
            "single",
            "What is the median of Streptomycin?",
            lambda d: number(d["Streptomycin"].median()),
        ),
        ask(
            "burtin",
            "single",
            "For how many bacteria is Penicillin above 1?",
            lambda d: number((d["Penicillin"] > 1).sum()),
        ),
        ask("burtin", "two-step", "For how many bacteria is Neomycin lower than Penicillin?", beaten),
        ask("burtin", "two-step", "What share of the bacteria has positive Gram_Staining?", share),
        ask(
            "burtin",
            "two-step",
            "What is the mean Penicillin of the bacteria with positive Gram_Staining?",
            lambda d: number(d.loc[d["Gram_Staining"] == "positive", "Penicillin"].mean()),
        ),
        ask(
            "burtin",
            "new column",
            "Add a column best that is the smallest of Penicillin, Streptomycin and Neomycin in each row. What is its mean?",
            lambda d: added("best", d[["Penicillin", "Streptomycin", "Neomycin"]].min(axis=1), "mean"),
        ),
    ]


def _crimea() -> list[Question]:
    def worst(d: Any) -> Expected:
        row = d.loc[d["disease"].idxmax()]
        return Expected((float(row["disease"]),), row["date"].strftime("%Y-%m"))

    def share(d: Any) -> Expected:
        whole = d[["wounds", "other", "disease"]].to_numpy().sum()
        return number(d["disease"].sum() / whole)

    return [
        ask("crimea", "single", "How many died of disease in total?", lambda d: number(d["disease"].sum())),
        ask("crimea", "single", "On which date was disease the highest, and how high was it?", worst),
        ask("crimea", "single", "What is the mean of wounds?", lambda d: number(d["wounds"].mean())),
        ask("crimea", "single", "In how many months was wounds 0?", lambda d: number((d["wounds"] == 0).sum())),
        ask("crimea", "single", "What is the largest value of other?", lambda d: number(d["other"].max())),
        ask(
            "crimea",
            "single",
            "How many rows have disease above 500?",
            lambda d: number((d["disease"] > 500).sum()),
        ),
        ask(
            "crimea",
            "two-step",
            "What is the total of disease in 1855?",
            lambda d: number(d.loc[d["date"].dt.year == 1855, "disease"].sum()),
        ),
        ask("crimea", "two-step", "What share of all deaths (wounds, other and disease) is disease?", share),
        ask(
            "crimea",
            "two-step",
            "In how many months did more die of wounds than of other?",
            lambda d: number((d["wounds"] > d["other"]).sum()),
        ),
        ask(
            "crimea",
            "new column",
            "Add a column total that is wounds plus other plus disease. What is its largest value?",
            lambda d: added("total", d["wounds"] + d["other"] + d["disease"], "max"),
        ),
    ]


HELD_OUT = (*_barley(), *_driving(), *_burtin(), *_crimea())


def load(name: str) -> Any:
    """Load a data set."""
    from vega_datasets import data

    return data(name)
