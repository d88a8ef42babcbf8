"""Checks of a small model's code before it becomes a call: debris, loading, made-up data, unasked filters.

This guards against a weak model's habits, not against hostility. It knows no question and no data set: it
compares the code with the words of the question, the variables' card and the results so far.
"""

from __future__ import annotations

import ast
import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_DEBRIS = 15
_DEBRIS = "}\"'])"
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_DATE = re.compile(r"((?:19|20)\d\d)[-/]\d")
_FREE = (None, True, False, 0, 1)
_MONTHS = [m.casefold() for m in calendar.month_name[1:]]
_COUNTS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_FILTERS = {"isin", "eq", "ne", "gt", "ge", "lt", "le", "between"}
_LOADS = {"open", "input", "exec", "eval", "__import__"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What the code may take its names and values from.

    Parameters
    ----------
    question : str
        The user's words.
    results : str
        All results so far.
    names : frozenset of str
        Variables: those of the card and those that earlier code made; empty where there is no card.
    columns : frozenset of str
        Columns of the card.
    card : str
        The card's words; an end of one of its ranges is no filter.
    """

    question: str
    results: str = ""
    names: frozenset[str] = field(default=frozenset())
    columns: frozenset[str] = field(default=frozenset())
    card: str = ""


def trim(code: str) -> str:
    """Drop closing debris from code that does not parse; other code comes back as it is."""
    cut = code.rstrip()
    for _ in range(MAX_DEBRIS + 1):
        if parse(cut) is not None:
            return code if cut == code.rstrip() else cut
        if not cut or cut[-1] not in _DEBRIS:
            return code
        cut = cut[:-1].rstrip()
    return code


def parse(code: str) -> ast.Module | None:
    """Return the syntax tree, or None."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError):
        return None


def made(code: str) -> set[str]:
    """Return the names that code assigns."""
    tree = parse(code)
    nodes = ast.walk(tree) if tree else ()
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def complain(code: str, seen: Seen) -> str:
    """Return why code is rejected; an empty text means that it is not.

    Parameters
    ----------
    code : str
        One block of Python.
    seen : Seen
        Question, card and results.
    """
    if (tree := parse(code)) is None:
        return "it does not parse"
    if why := _loads(tree, seen):
        return why
    loaded = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    if seen.names and not loaded & seen.names:  # what it prints would be no evidence
        return f"it uses none of the variables ({', '.join(sorted(seen.names))})"
    for subject, constant in _comparisons(tree):
        if not _free(constant, seen) and not any(_asked(c, seen.question) for c in _columns(subject, seen)):
            return f"it compares with {constant!r}, which nobody asked for"
    return ""


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _loads(tree: ast.Module, seen: Seen) -> str:
    """Find code that loads files, runs text, or builds its own data."""
    real = _rooted(tree, seen)
    for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
        name = _called(call)
        if name.startswith("read_") or name in _LOADS:
            return f"it calls {name}(); the data is already loaded"
        given = [*call.args, *(k.value for k in call.keywords)]
        if name in ("DataFrame", "Series") and not any(_names(g) & real for g in given):
            return f"it makes up data with {name}()"
    return ""


def _rooted(tree: ast.Module, seen: Seen) -> set[str]:
    """Return the names whose values come from the user's variables, following assignments in order."""
    real = set(seen.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.For | ast.comprehension):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else node.iter
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if value is not None and _names(value) & real:
                real |= {n for t in targets for n in _names(t)}
    return real


def _comparisons(tree: ast.AST) -> Iterator[tuple[ast.AST, object]]:
    """Return each constant that something is compared with, beside what is compared."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                yield from ((node, c) for c in _constants(side))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _FILTERS:
            yield from ((node.func.value, c) for a in node.args for c in _constants(a))


def _constants(node: ast.AST) -> Iterator[object]:
    """Return the constants of one side: itself, a sign before it, or the elements of a list."""
    if isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        yield -value if isinstance(node.op, ast.USub) and isinstance(value, int | float) else value
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for element in node.elts:
            yield from _constants(element)
    elif isinstance(node, ast.Call) and _called(node) in ("Timestamp", "to_datetime"):
        for argument in node.args:
            yield from _constants(argument)


def _free(value: object, seen: Seen) -> bool:
    """Say whether a constant was given by the question or a result, or means nothing by itself."""
    if any(value is f or (type(value) is type(f) and value == f) for f in _FREE):
        return True
    text = f"{seen.question}\n{seen.results}".casefold()
    if isinstance(value, int | float):
        return value in _numbers(f"{text}\n{seen.card}")
    word = str(value).casefold().strip()
    if date := _DATE.match(word):
        return date.group(1) in text or word.replace("/", "-") in seen.card
    # "rain" is asked for by "rainy", "drizzle" by "drizzly"; short words must stand there whole
    stem = word[:-1] if len(word) > len("drizz") else word
    return bool(re.search(rf"\b{re.escape(stem)}", text))


def _numbers(text: str) -> set[float]:
    """Return the numbers that a text names, in digits or words; a month is its number."""
    found = {float(n) for n in _NUMBER.findall(text.replace(",", ""))}
    words = set(re.findall(r"[a-z]+", text))
    found |= {float(i) for i, w in enumerate(_COUNTS) if w in words}
    return found | {float(i) for i, w in enumerate(_MONTHS, 1) if w in words}


def _columns(node: ast.AST, seen: Seen) -> set[str]:
    """Return the columns that an expression names, as ``df['c']`` or ``df.c``."""
    text = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    text |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    return text & seen.columns


def _asked(column: str, question: str) -> bool:
    """Say whether the question names a column: each of its words, units aside."""
    words = [w for w in re.split(r"[\W_]+", column.casefold()) if len(w) > len("mm")]
    return bool(words) and all(w in question.casefold() for w in words)
