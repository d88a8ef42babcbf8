"""The tables that a text of SQL names, read without a parser of it, which may not be installed."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|\"([^\"]+)\"|(\w+)|([(),;])", re.DOTALL)
# begin what gives rows, so that `from` names a table: not so in `extract(year from at)`
_QUERIES = frozenset("select with from values describe summarize".split())  # noqa: SIM905
# behind these a comma is none between tables
_BEHIND = frozenset(
    "select where group having window qualify order limit offset union intersect except set".split()  # noqa: SIM905
)


@dataclass
class _Level:
    """What stands between two brackets: whether it gives rows, whose definition it is, and where in it one is."""

    query: bool
    own: str = ""
    among: bool = False
    expects: bool = False
    fresh: bool = True


def tables(text: str) -> set[str]:
    """Return the names behind ``from`` and ``join``, without aliases, columns and common table expressions."""
    found, defined = set[str](), set[str]()
    levels, before = [_Level(True)], list[str]()
    for quoted, plain, sign in _TOKEN.findall(text):
        level, word = levels[-1], quoted or plain
        low = plain.lower()
        if sign == "(":
            own = _defines(before)
            defined.add(own)
            own = "" if "recursive" in before else own  # else its own name means the table there
            levels.append(_Level(False, own, expects=level.expects, among=level.expects))
            level.expects = False
        elif sign == ")":
            levels = levels[:-1] or [_Level(True)]
        elif sign == ";":
            levels, defined = [_Level(True)], set()
        elif sign == ",":
            level.expects = level.among
        elif word:
            level.query |= level.fresh and low in _QUERIES
            level.fresh = False
            if low == "join" or (low == "from" and level.query):
                level.among = level.expects = True
            elif low in _BEHIND or low in _QUERIES:
                level.among = level.expects = False
            elif level.expects and low not in ("lateral", "only"):
                level.expects = False
                if word.lower() not in defined or any(one.own == word.lower() for one in levels):
                    found.add(word)
        if sign or word:
            before.append(sign or low or word)
    return found


def _defines(before: list[str]) -> str:
    """Return the common table expression whose definition begins behind these words; empty for none."""
    known = ["", "", *(w for w in before[-4:] if w not in ("not", "materialized"))]
    return known[-2].lower() if known[-1] == "as" else ""
