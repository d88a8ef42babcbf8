"""24 questions on two real data sets, with their answers computed by pandas.

The texts name columns by placeholders, so that the same questions can be asked of a frame whose columns were
renamed and whose values were shuffled: an answer that was known by heart is then wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from llmos_nb.lessons.datasets import path

# column -> (words for it, another name, words for that)
PENGUINS = {
    "species": ("species", "breed", "breed"),
    "island": ("island", "site", "site"),
    "bill_length_mm": ("bill length", "beak_reach_mm", "beak reach"),
    "bill_depth_mm": ("bill depth", "beak_height_mm", "beak height"),
    "flipper_length_mm": ("flipper length", "wing_span_mm", "wing span"),
    "body_mass_g": ("body mass", "weight_g", "weight"),
    "sex": ("sex", "gender", "gender"),
    "year": ("year", "season", "season"),
}
WEATHER = {
    "date": ("date", "day", "day"),
    "precipitation": ("precipitation", "rainfall", "rainfall"),
    "temp_max": ("temp_max", "high_c", "high_c"),
    "temp_min": ("temp_min", "low_c", "low_c"),
    "wind": ("wind", "breeze", "breeze"),
    "weather": ("weather", "sky", "sky"),
}
SETS = {"penguins": PENGUINS, "weather": WEATHER}


@dataclass(frozen=True)
class Expected:
    """What a right answer holds: numbers, the one right name of a column's, a new column, what is drawn."""

    numbers: tuple[float, ...] = ()
    name: str = ""
    others: tuple[str, ...] = ()
    column: tuple[str, Any] | None = None
    drawn: str = ""


@dataclass(frozen=True)
class Question:
    """One question; `truth` computes the answer from the frame with its usual column names."""

    kind: str
    data: str
    text: str
    truth: Callable[[Any], Expected]


def number(*values: Any) -> Expected:
    return Expected(tuple(float(v) for v in values))


def top(series: Any, *more: Any) -> Expected:
    """The first of a series and its value; no other name of the series may stand in the answer."""
    best = series.sort_values(ascending=False)
    return Expected((float(best.iloc[0]), *map(float, more)), str(best.index[0]), tuple(map(str, best.index[1:])))


def by(d: Any, value: str, group: str) -> Any:
    return d.groupby(group)[value].mean()


def longest_flippers(d: Any) -> Expected:
    means = by(d, "flipper_length_mm", "species")
    return top(means, (d["species"] == means.idxmax()).sum())


def smallest_island(d: Any) -> Expected:
    counts = d["island"].value_counts()
    island = counts.idxmin()
    others = tuple(n for n in counts.index if n != island)
    return Expected((float(d.loc[d["island"] == island, "body_mass_g"].mean()),), island, others)


def long_gentoo_bills(d: Any) -> Expected:
    bills = d.loc[d["species"] == "Gentoo", "bill_length_mm"]
    return number(bills.mean(), (bills > bills.mean()).sum())


def mass_difference(d: Any) -> Expected:
    means = by(d, "body_mass_g", "sex")
    return number(abs(means["male"] - means["female"]))


def wettest_day(d: Any) -> Expected:
    row = d.loc[d["precipitation"].idxmax()]
    return Expected((float(row["temp_max"]),), row["date"].strftime("%Y-%m-%d"))


def rainiest_month(d: Any) -> Expected:
    month = d["date"].dt.month[d["weather"] == "rain"].value_counts().index[0]
    return number(month, d.loc[d["date"].dt.month == month, "precipitation"].mean())


def sun_over_rain(d: Any) -> Expected:
    means = by(d, "temp_max", "weather")
    return number(abs(means["sun"] - means["rain"]))


def added(name: str, values: Any, figure: str) -> Expected:
    """A new column, and one figure of it."""
    return Expected((float(getattr(values, figure)()),), column=(name, values))


def bars(d: Any, column: str) -> Expected:
    return Expected(drawn=f"{d[column].nunique()} bars")


QUESTIONS = (
    Question(
        "single",
        "penguins",
        "Which {species} has the most penguins, and how many?",
        lambda d: top(d["species"].value_counts()),
    ),
    Question(
        "single",
        "penguins",
        "Which {species} has the highest mean {body_mass_g}, and what is it?",
        lambda d: top(by(d, "body_mass_g", "species")),
    ),
    Question(
        "single",
        "penguins",
        "What is the median {flipper_length_mm}?",
        lambda d: number(d["flipper_length_mm"].median()),
    ),
    Question(
        "single",
        "penguins",
        "How many female penguins live on Dream?",
        lambda d: number(((d["sex"] == "female") & (d["island"] == "Dream")).sum()),
    ),
    Question("single", "penguins", "How many values of {sex} are missing?", lambda d: number(d["sex"].isna().sum())),
    Question("single", "weather", "What is the highest {temp_max}?", lambda d: number(d["temp_max"].max())),
    Question(
        "single",
        "weather",
        "Which {weather} has the highest mean {wind}, and what is it?",
        lambda d: top(by(d, "wind", "weather")),
    ),
    Question(
        "single",
        "weather",
        "How many days have snow as {weather}?",
        lambda d: number((d["weather"] == "snow").sum()),
    ),
    Question("single", "weather", "What is the total {precipitation}?", lambda d: number(d["precipitation"].sum())),
    Question(
        "single",
        "weather",
        "On how many days is {temp_min} below 0?",
        lambda d: number((d["temp_min"] < 0).sum()),
    ),
    Question(
        "two-step",
        "penguins",
        "Which {species} has the longest mean {flipper_length_mm}, and how many penguins of it are there?",
        longest_flippers,
    ),
    Question(
        "two-step",
        "penguins",
        "Which {island} has the fewest penguins, and what is the mean {body_mass_g} there?",
        smallest_island,
    ),
    Question(
        "two-step",
        "penguins",
        "What is the mean {bill_length_mm} of the Gentoo penguins, and how many of them are longer than that?",
        long_gentoo_bills,
    ),
    Question(
        "two-step",
        "penguins",
        "What is the difference between the mean {body_mass_g} of male and of female penguins?",
        mass_difference,
    ),
    Question(
        "two-step",
        "weather",
        "On which {date} did most {precipitation} fall, and what was {temp_max} on it?",
        wettest_day,
    ),
    Question(
        "two-step",
        "weather",
        "Which month (1 to 12) has most days of rain as {weather}, and what is its mean {precipitation}?",
        rainiest_month,
    ),
    Question(
        "two-step",
        "weather",
        "What is the mean {wind}, and on how many days is {wind} above it?",
        lambda d: number(d["wind"].mean(), (d["wind"] > d["wind"].mean()).sum()),
    ),
    Question(
        "two-step",
        "weather",
        "By how much is the mean {temp_max} of days with sun as {weather} above that of days with rain?",
        sun_over_rain,
    ),
    Question(
        "new column",
        "penguins",
        "Add a column bill_ratio that is {bill_length_mm} divided by {bill_depth_mm}. What is its mean?",
        lambda d: added("bill_ratio", d["bill_length_mm"] / d["bill_depth_mm"], "mean"),
    ),
    Question(
        "new column",
        "penguins",
        "Add a column mass_kg that is {body_mass_g} in kilograms. What is its largest value?",
        lambda d: added("mass_kg", d["body_mass_g"] / 1000, "max"),
    ),
    Question(
        "new column",
        "weather",
        "Add a column temp_range that is {temp_max} minus {temp_min}. What is its largest value?",
        lambda d: added("temp_range", d["temp_max"] - d["temp_min"], "max"),
    ),
    Question(
        "new column",
        "weather",
        "Add a column wet that is true where {precipitation} is above 0. How many days are wet?",
        lambda d: added("wet", d["precipitation"] > 0, "sum"),
    ),
    Question(
        "plot",
        "penguins",
        "Draw a bar chart of the number of penguins by {island}.",
        lambda d: bars(d, "island"),
    ),
    Question("plot", "weather", "Draw a bar chart of the mean {temp_max} by {weather}.", lambda d: bars(d, "weather")),
)


def load(name: str) -> Any:
    """Load a data set with its dates as dates."""
    if name == "penguins":
        return pd.read_csv(path("penguins"))
    return pd.read_csv(path("seattle_weather"), parse_dates=["date"])


def shuffled(frame: Any, seed: int) -> Any:
    """Drop a tenth of the rows and put the values of each column in another order, each on its own."""
    random = np.random.default_rng(seed)
    kept = frame.iloc[np.sort(random.permutation(len(frame))[: len(frame) * 9 // 10])].reset_index(drop=True)
    return kept.assign(**{c: kept[c].to_numpy(copy=True)[random.permutation(len(kept))] for c in kept.columns})


def renamed(frame: Any, name: str) -> Any:
    """Give the frame with other column names."""
    return frame.rename(columns={c: other for c, (_, other, _) in SETS[name].items()})


def asked(question: Question, other_names: bool) -> str:
    """Give the question's text for the frame as it is or with renamed columns."""
    return question.text.format(**{c: w[2] if other_names else w[0] for c, w in SETS[question.data].items()})


_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?!\w)")


def right(expected: Expected, answer: str, observed: str, frame: Any) -> bool:
    """Judge an answer against pandas: its numbers, its one name, the new column, what was drawn."""
    if expected.drawn:
        return "figure" in observed and expected.drawn in observed
    if expected.column is not None and not _same_column(frame, *expected.column):
        return False
    said = answer.casefold()
    named = expected.name.casefold() in said and not any(
        re.search(rf"\b{re.escape(o.casefold())}\b", said) for o in expected.others
    )
    return named and all(_has(n, answer) for n in expected.numbers)


def _has(wanted: float, answer: str) -> bool:
    """Find a number at the answer's own precision, whole numbers exactly."""
    for found in _NUMBER.findall(answer):
        text = found.rstrip(",").replace(",", "")
        digits = len(text.partition(".")[2])
        slack = 0.5 * 10.0**-digits if digits or wanted != int(wanted) else 0.0
        if abs(float(text) - wanted) <= slack + 1e-9:
            return True
    return False


def _same_column(frame: Any, name: str, values: Any) -> bool:
    if name not in frame.columns or len(frame) != len(values):
        return False
    return bool(np.allclose(frame[name].astype(float), values.astype(float), equal_nan=True))
