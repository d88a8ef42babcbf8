"""Lesson 02, system calls: a tool is a gate."""

from __future__ import annotations

import re
from typing import Any, Literal

from llmos_nb.errors import BadArguments
from llmos_nb.journal.events import SCHEMA, YOU, CallDecided
from llmos_nb.lessons.core import Wrong, callable_or_wrong, list_or_wrong, ours, wrong_if
from llmos_nb.lessons.models import arguments_of, call, decisions, settle, settled_or_wrong
from llmos_nb.tools import Tool, as_tool, tool, validate

CUPS = 3
FAULTS = {
    "missing": "something missing",
    "expected one of": "a value that is not on the list",
    "expected": "a wrong type",
    "unexpected": "something unknown",
}
VALUES: tuple[Any, ...] = (
    *(3, "3", " 3 ", 3.0, -7, "-7", 3.5, "3.5", "three", True, None, [3], "", "0x3"),
    *("3.0", "1_000", "1,000", "--3", "²", "٣"),
)


@tool(effect="read", repeat="pure")
def buy(count: int, size: Literal["s", "m"] = "s") -> str:
    """Say what so many cups cost.

    Parameters
    ----------
    count : int
        Number of cups.
    size : str
        Small or medium.
    """
    return f"{count} cups of size {size}: {count * (2 if size == 's' else 3)} euros"


@ours
def passes(value: Any) -> tuple[bool, str]:
    """Say whether the gate takes a value for `count`, and as what or why not."""
    try:
        return True, repr(validate(as_tool(buy), {"count": value})["count"])
    except BadArguments as error:
        return False, str(error)


def _fault(why: str) -> str:
    """Name the fault that the gate found: the words after the argument's name."""
    said = why.split(": ", maxsplit=2)[-1]
    return next((name for begins, name in FAULTS.items() if said.startswith(begins)), said)


def judge_breaks(attempt: Any, seed: int) -> str:
    """Send three calls that must fail in three ways, and look at what the model was told."""
    given = list_or_wrong(attempt, "three dicts")
    if len(given) != 3 or not all(isinstance(a, dict) for a in given):
        raise Wrong("three dicts of arguments for buy(count, size) are wanted", 1)
    if odd := [k for a in given for k in a if not isinstance(k, str)]:
        raise Wrong(f"the keys of the dicts are names of arguments, as texts; {odd[0]!r} is none", 1)
    turns = [*(call("buy", **a) for a in given), {"text": "I give up."}]
    process = settle("Buy cups.", turns, tools=[buy])
    calls = [c for c in process.run.state.calls.values() if c.name == "buy"]
    for arguments, made in zip(given, calls, strict=False):
        wrong_if(made.by != SCHEMA, f"{arguments} is not refused by the schema: the call is {made.status}", 1)
    found = [_fault(c.why) for c in calls]
    wrong_if(len(set(found)) < 3, f"each has {', '.join(found)}; three different faults are wanted", 2)
    return "each fault went back to the model as one line: " + "; ".join(c.why for c in calls)


def judge_as_int(attempt: Any, seed: int) -> str:
    """Compare with the gate, value by value."""
    as_int = callable_or_wrong(attempt, "as_int(value)")
    for value in VALUES:
        takes, how = passes(value)
        try:
            mine = repr(as_int(value))
        except (ValueError, TypeError):
            mine = ""
        what, hint = f"gives {mine}" if mine else "refuses it", 2 if isinstance(value, str) else 1
        wrong_if(takes and mine != how, f"{value!r} loses nothing as {how}, and yours {what}", hint)
        if not takes and mine:
            told = f"{value!r} is no integer without a loss or a guess, and yours gives {mine}"
            raise Wrong(told, 2 if isinstance(value, str) else 3)
    return "what loses nothing passes, everything else goes back to the model"


def judge_edit(attempt: Any, seed: int) -> str:
    """Look in the journal for an order that a person changed, and that ran as changed."""
    process = settled_or_wrong(attempt, "cups")
    orders = [c for c in process.run.state.calls.values() if c.name == "order"]
    wrong_if(not orders, "it proposed no order: hand in the process that the cell above started", 1)
    ran = [c for c in orders if c.status == "done"]
    counts = [arguments_of(c).get("count") for c in ran]
    wrong_if(not ran, "the order was refused, and nobody has cups: change it and let it run", 2)
    if counts != [CUPS]:
        raise Wrong(f"{', '.join(map(str, counts))} cups were ordered; the goal says {CUPS}", 2)
    told = [b for b in (e.body for e in process.events) if isinstance(b, CallDecided) and b.call == ran[0].id]
    wrong_if(("edit", YOU) not in [(b.what, b.by) for b in told], "nobody edited that call: who changed it?", 2)
    wrong_if((told[-1].what, told[-1].by) != ("approve", YOU), "it ran without your approval", 3)
    return f"the journal has both: what was proposed, and the {CUPS} that you typed and approved"


def judge_convert(attempt: Any, seed: int) -> str:
    """Try a tool: what the model sees of it, and whether it passes the gate with nobody there."""
    made = as_tool(callable_or_wrong(attempt, "convert(amount, currency)"))
    currency, *more = _described(made)
    told = f"it counts as effect={made.effect!r}, repeat={made.repeat!r}: a person is asked each time"
    wrong_if(made.effect != "read" or made.repeat == "once", told, 3)
    given: tuple[tuple[Any, str], ...] = (
        ("ten", currency),
        (10, "XXX"),
        (10 * seed, currency),
        (40 * seed, currency),
        *((10 * seed, other) for other in more),
    )
    turns = [*(call(made.name, amount=a, currency=c) for a, c in given), {"text": "Done."}]
    process = settle("Convert.", turns, tools=[attempt], approve="risky")
    what = [w for w, _ in decisions(process, made.name)]
    if what != ["reject", "reject", *["approve"] * (2 + len(more))]:
        said = f"amount='ten', currency='XXX' and {2 + len(more)} good calls were decided as {', '.join(what)}"
        raise Wrong(said, 2)
    one, four, *_ = (_amount(c) for c in list(process.run.state.calls.values())[2:])
    asked = f"{10 * seed} and {40 * seed} {currency} gave {one:g} and {four:g} euros"
    wrong_if(
        abs(four - 4 * one) > 0.05 or not one,
        f"{asked}: four times as much money is four times as many euros",
        1,
    )
    wrong_if(one == 10 * seed and currency != "EUR", f"{asked}: nothing was converted", 1)
    return f"two bad calls went back to the model, and 10 × {seed} {currency} is {one:g}; nobody had to be asked"


def _amount(made: Any) -> float:
    """Return the number that a call gave, also where words stand beside it."""
    currency = arguments_of(made)["currency"]
    wrong_if(made.status != "done", f"the good call in {currency} ended {made.status}: {made.result}", 1)
    if (found := re.search(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", made.result)) is None:
        raise Wrong(f"{currency} gave {made.result!r}; an amount is wanted", 1)
    return float(found[0])


def _described(made: Tool) -> list[str]:
    """Look at what the model is shown of a tool; return the currencies that it takes, ten at most, euros last."""
    known = made.schema["properties"]
    if set(known) != {"amount", "currency"}:
        raise Wrong(f"its arguments are {', '.join(known) or 'none'}; amount and currency are wanted", 1)
    kind = known["amount"].get("type")
    wrong_if(kind == "integer", "amount is an int, so that the gate refuses 12.50; annotate it as a float", 1)
    wrong_if(kind != "number", "amount has no type that the gate could hold a call to; annotate it", 1)
    taken = [str(c) for c in known["currency"].get("enum", ())]
    wrong_if(not taken, 'currency takes any text, also "XXX"; say which ones there are', 2)
    if made.description.startswith("Call the function"):
        raise Wrong("it has no docstring, so that the model must guess what it is for", 2)
    return sorted(taken, key=lambda c: (c == "EUR", c != "NOK"))[:10]
