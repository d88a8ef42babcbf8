"""Lesson 02."""

from __future__ import annotations

import re
from typing import Any, Literal

from llmos_nb import tool
from llmos_nb.lessons.solutions import Cell

# exercise: breaks
breaks: list[dict[str, Any]] = [{}, {"count": "three"}, {"count": 1, "colour": "red"}]


# exercise: as_int
def as_int(value: Any) -> int:
    """Read an int as the gate does."""
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]+\s*", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError(f"{value!r} is not an integer")
    return int(value)


# exercise: convert
@tool(effect="read", repeat="pure")
def convert(amount: float, currency: Literal["NOK", "USD"]) -> float:
    """Convert an amount of money to euros.

    Parameters
    ----------
    amount : float
        How much.
    currency : str
        Its currency.
    """
    rates = {"NOK": 0.085, "USD": 0.92}
    return round(amount * rates[currency], 2)


# exercise: edit
edit = Cell("""\
cups = await here.process("cups")
cups.edit("r1.0", arguments={"count": 3})
cups = await here.process("cups")
cups.approve("r1.0")
""")
