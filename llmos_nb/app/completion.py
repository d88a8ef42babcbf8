"""TAB on our lines: verbs, processes, options and their values; in the goal of a `%%agent` cell, what it may name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmos_nb.app.options import cell_flags, find, offered
from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.models import catalogue
from llmos_nb.policy import MODES
from llmos_nb.process import briefing
from llmos_nb.session import Flag, Form
from llmos_nb.tools.devices import device_names

_LINE = re.compile(r"\s*(?:[\w.]+\s*=\s*)?(%%?)agent\s+(.*)", re.DOTALL)
_CELL = re.compile(r"(?:\s*(?:#.*)?\n)*%%agent\b[^\n]*\n")
_SPAN = re.compile(r"([&!]?)`(\w*)$")


@dataclass(frozen=True)
class AtHand:
    """What there is to be named.

    Parameters
    ----------
    processes : callable
        Returns pids and names of the processes that are at hand.
    namespace : mapping, optional
        The notebook's variables.
    calls : callable, optional
        Returns the calls that wait in a process, by its pid or name.
    """

    processes: Callable[[], Iterable[str]]
    namespace: Mapping[str, Any] | None = None
    calls: Callable[[str], Iterable[str]] = lambda _: ()

    @property
    def variables(self) -> list[str]:
        """Their names, without functions and modules."""
        return briefing.user_names(self.namespace or {})

    @property
    def functions(self) -> list[str]:
        """The names of the user's functions."""
        return [n for n, v in (self.namespace or {}).items() if callable(v) and n not in _OWN and n[0] != "_"]


def _nothing(_: AtHand) -> tuple[str, ...]:
    return ()


_OWN = ("exit", "quit", "get_ipython", "open")
_VALUES: dict[str, Callable[[AtHand], Iterable[str]]] = {
    "model": lambda _: catalogue.specs(),
    "approve": lambda _: MODES,
    "plan": lambda _: ("auto", "only", "none"),
    "untrusted": lambda _: ("ask", "child"),
    "tools": lambda hand: (*device_names(), *hand.functions),
    "vars": lambda hand: hand.variables,
    "bind": lambda hand: hand.variables,
    "allow NAME": lambda hand: (*device_names(), *hand.functions),
    "deny NAME": lambda hand: (*device_names(), *hand.functions),
    "secret NAME": lambda hand: hand.variables,
    "private NAME": lambda hand: hand.variables,
}
_SEVERAL = ("tools", "vars", "bind")


def complete(text: str, hand: AtHand) -> tuple[str, list[str]] | None:
    """Return what may stand at the end of a text.

    Parameters
    ----------
    text : str
        The cell up to the cursor.
    hand : AtHand
        What there is to be named.

    Returns
    -------
    (str, list of str), optional
        The unfinished word, and the words that begin with it; None where the place is none of ours.
    """
    if goal := _CELL.match(text):
        return _in_goal(text[goal.end() :], hand)
    line = _LINE.match(text.rpartition("\n")[2])
    if line is None:
        return None
    *before, word = re.split(r"\s+", line[2])
    found = _words(line[1], before, word, hand)
    if found is None:  # several names in one word, of which the last is unfinished
        word = re.split(r"[,'\"]-?", word)[-1].removeprefix("-")
        found = _VALUES[_awaited(line[1], before)](hand)
    return word, sorted({c for c in found if c.startswith(word)})


def _in_goal(body: str, hand: AtHand) -> tuple[str, list[str]] | None:
    """Complete a name in backticks: a variable, or after ``&`` a function; files are IPython's own."""
    here = body.rpartition("\n")[2]
    span = _SPAN.search(here)
    if span is None or not here.count("`") % 2 or span[1] == "!":
        return None
    return span[2], sorted(n for n in (hand.functions if span[1] else hand.variables) if n.startswith(span[2]))


def _words(percents: str, before: list[str], word: str, hand: AtHand) -> Iterable[str] | None:
    """Return what may stand next, whether it begins like the word or not; None where a list of names may."""
    if awaited := _awaited(percents, before):
        return None if awaited in _SEVERAL else _choices(percents, before, awaited, hand)
    if percents == "%%":
        short = word.startswith("-") and not word.startswith("--")
        flags = (f for flag in cell_flags() for f in flag.names if f.startswith("--") or (short and f[0] == "-"))
        return [f for f in flags if f not in before]
    return _command(before, word, hand)


def _flags(percents: str, before: list[str]) -> Iterable[Flag]:
    if percents == "%%":
        return cell_flags()
    try:
        return find(before[0], "agent").flags if before else ()
    except UsageError:
        return ()


def _awaiting(percents: str, before: list[str]) -> Flag | None:
    """Return the option whose value comes next."""
    asked = (f for f in _flags(percents, before) if before[-1:] and before[-1] in f.names)
    return next((f for f in asked if f.names[0][0] == "-" and f.how.get("action", "append") == "append"), None)


def _awaited(percents: str, before: list[str]) -> str:
    """Return for what the value that comes next stands; an empty text where none is awaited."""
    flag = _awaiting(percents, before)
    return flag.how.get("dest") or flag.names[-1].lstrip("-") if flag else ""


def _choices(percents: str, before: list[str], awaited: str, hand: AtHand) -> Iterable[str]:
    flag = _awaiting(percents, before)
    given: Iterable[str] = (flag.how.get("choices") if flag else None) or ()
    return given or _VALUES.get(awaited, _nothing)(hand)


def _command(before: list[str], word: str, hand: AtHand) -> Iterator[str]:
    if not before:
        yield from ("--help", *(v.name for v in offered("agent")))
        return
    if before == ["help"]:
        yield from (v.name for v in offered("agent"))
    try:
        form = find(before[0], "agent")
    except UsageError:
        return
    if not word.startswith("-"):
        yield from _places(form, before, hand)
    yield from (f for flag in form.flags for f in flag.names if f not in before)


def _places(form: Form, before: list[str], hand: AtHand) -> Iterator[str]:
    """Yield what may stand at a place, by the usage: a process where it says P or Q, or one of several acts."""
    at, usage = len(before) - 1, form.words.strip("[]").split(" | ")
    place = [*usage[0].split(), *[""] * at][at : at + 1]
    for word in re.split(r"[\[\]|]", "".join(place)):
        if word in ("P", "Q"):
            yield from hand.processes()
        elif word == "CALL":
            yield from _calls(before, hand)
        elif word in ("all", "plan"):
            yield word
        yield from _VALUES.get(f"{before[0]} {word}", _nothing)(hand)
    if at == 0:
        yield from (act for act in (way.split()[0] for way in usage if way) if re.fullmatch("[a-z]+", act))


def _calls(before: list[str], hand: AtHand) -> Iterable[str]:
    try:
        return hand.calls(before[1])
    except LlmosError:
        return ()
