"""Lesson 02, system calls: a tool is a gate."""

from __future__ import annotations

from typing import Any, Literal

from llmos_nb.errors import BadArguments
from llmos_nb.lessons.core import Wrong, callable_or_wrong, wrong_if
from llmos_nb.lessons.models import call, decisions, settle
from llmos_nb.tools import Tool, as_tool, tool, validate

FAULTS = ("missing", "expected", "unexpected")
VALUES: tuple[Any, ...] = (3, "3", " 3 ", 3.0, -7, "-7", 3.5, "3.5", "three", True, None, [3], "", "0x3")


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


def passes(value: Any) -> tuple[bool, str]:
    """Say whether the gate takes a value for `count`, and as what or why not."""
    try:
        return True, repr(validate(as_tool(buy), {"count": value})["count"])
    except BadArguments as error:
        return False, str(error)


def _fault(why: str) -> str:
    """Name the fault that the gate found: the words after the argument's name."""
    said = why.split(": ", maxsplit=2)[-1]
    return next((f for f in ("missing", "unexpected", "expected") if said.startswith(f)), said)


def judge_breaks(attempt: Any, seed: int) -> str:
    """Send three calls that must fail in three ways, and look at what the model was told."""
    given = list(attempt)
    if len(given) != 3 or not all(isinstance(a, dict) for a in given):
        raise Wrong("three dicts of arguments for buy(count, size) are wanted", 1)
    turns = [*(call("buy", **a) for a in given), {"text": "I give up."}]
    process = settle("Buy cups.", turns, tools=[buy])
    calls = [c for c in process.run.state.calls.values() if c.name == "buy"]
    for arguments, made in zip(given, calls, strict=False):
        wrong_if(made.by != "schema", f"{arguments} is not refused by the schema: the call is {made.status}", 1)
    found = [_fault(c.why) for c in calls]
    wrong_if(len(set(found)) < 3, f"they fail as {', '.join(found)}; three different faults are wanted", 2)
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
            raise Wrong(f"{value!r} is no integer without a loss or a guess, and yours gives {mine}", 3)
    return "what loses nothing passes, everything else goes back to the model"


def judge_convert(attempt: Any, seed: int) -> str:
    """Try a tool: what the model sees of it, and whether it passes the gate with nobody there."""
    made = as_tool(callable_or_wrong(attempt, "convert(amount, currency)"))
    _described(made)
    told = f"it counts as effect={made.effect!r}, repeat={made.repeat!r}: a person is asked each time"
    wrong_if(made.effect != "read" or made.repeat == "once", told, 3)
    given: tuple[tuple[Any, str], ...] = (("ten", "NOK"), (10, "XXX"), (10 * seed, "NOK"))
    turns = [*(call(made.name, amount=a, currency=c) for a, c in given), {"text": "Done."}]
    process = settle("Convert.", turns, tools=[attempt], approve="risky")
    what = [w for w, _ in decisions(process, made.name)]
    if what != ["reject", "reject", "approve"]:
        raise Wrong(f"amount='ten', currency='XXX' and a good call were decided as {', '.join(what)}", 2)
    last = list(process.run.state.calls.values())[-1]
    wrong_if(last.status != "done", f"the good call ended {last.status}: {last.result}", 1)
    try:
        float(last.result)
    except ValueError:
        raise Wrong(f"it gave {last.result!r}; an amount is wanted", 1) from None
    return f"two bad calls went back to the model, and 10 × {seed} NOK is {last.result}; nobody had to be asked"


def _described(made: Tool) -> None:
    """Look at what the model is shown of a tool."""
    known = made.schema["properties"]
    if set(known) != {"amount", "currency"}:
        raise Wrong(f"its arguments are {', '.join(known) or 'none'}; amount and currency are wanted", 1)
    if known["amount"].get("type") != "number":
        raise Wrong("amount has no type that the gate could hold a call to; annotate it", 1)
    if "NOK" not in known["currency"].get("enum", ()):
        raise Wrong('currency takes any text, also "XXX"; say which ones there are, NOK among them', 2)
    if made.description.startswith("Call the function"):
        raise Wrong("it has no docstring, so that the model must guess what it is for", 2)
