"""Whether a cell holds the code that a step ran, and what an export adds to it, and nothing that acts besides."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeGuard

from llmos_nb.export.assertions import VALUE_NAME
from llmos_nb.export.dataflow.taint import NETWORK, reaches
from llmos_nb.export.gather import DEFINES
from llmos_nb.export.plainly import former, lines
from llmos_nb.export.source import latest
from llmos_nb.export.steps import REPEAT
from llmos_nb.tools import Call


def same_code(cell: str, ran: str, moved: set[str]) -> bool:
    """Compare code by statements; the last expression may be bound, literals may stand in the parameters' cell.

    Parameters
    ----------
    cell : str
        The source of the cell.
    ran : str
        What the journal says that ran.
    moved : set of str
        Names that the parameters' cell binds.
    """
    try:
        body, there = ast.parse(cell).body, list(ast.parse(ran).body)
    except SyntaxError:
        return False
    waiting = [node for node in body if _guarded(node)]
    known = {n.id for n in ast.walk(ast.parse(ran)) if isinstance(n, ast.Name)}
    if waiting and not (reaches(ran) == NETWORK and all(_reads_data(n, known) for w in waiting for n in w.orelse)):
        return False
    here = flat(_without_repeats(body, there))
    for node in there:
        while here and not _alike(here[0], node) and _idle(here[0]):
            here.pop(0)
        if here and _alike(here[0], node):
            here.pop(0)
        elif not (isinstance(node, ast.Assign) and bound([node]) & moved):
            return False
    return all(map(_idle, here))


def _guarded(node: ast.stmt) -> TypeGuard[ast.If]:
    """Return whether a statement is one that waits for `REPEAT_EFFECTS`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == REPEAT


_READERS = ("pandas", "polars", "numpy", "json", "ast", "Path", "_datetime")
# The words of `literals.hold`.
_READING = {
    "read_csv", "read_parquet", "load", "loads", "read_text", "literal_eval", "iloc", "rename", "astype", "set_axis",
    "rename_axis", "pipe", "index", "to_datetime", "date", "datetime", "timedelta", "timezone", "utc",
}  # fmt: skip


def _reads_data(node: ast.stmt, known: set[str]) -> bool:
    """Return whether what stands for a step that went to the network only reads what was kept for its names."""
    if isinstance(node, ast.Import):
        return all(a.name in (*_READERS, "datetime") for a in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module == "pathlib"
    if not isinstance(node, ast.Assign):
        return isinstance(node, ast.Pass)
    if not all(isinstance(target, ast.Name) and target.id in known for target in node.targets):
        return False
    inner = list(ast.walk(node.value))
    names = {n.id for n in inner if isinstance(n, ast.Name)} - {"t", "float", "set"}
    attributes = {n.attr for n in inner if isinstance(n, ast.Attribute)}
    given = [a for n in inner if isinstance(n, ast.Call) for a in (*n.args, *(k.value for k in n.keywords))]
    switched_on = any(isinstance(a, ast.Constant) and a.value is True for a in given)  # such as `allow_pickle`
    return names <= set(_READERS) and attributes <= _READING and not switched_on


def _without_repeats(body: Sequence[ast.stmt], ran: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """Leave out the imports and definitions of a step that stand before it waits for `REPEAT_EFFECTS`, once more."""
    first = next((n for n, node in enumerate(body) if _guarded(node)), 0)
    known = {ast.dump(node) for node in ran if isinstance(node, DEFINES)}
    return [node for node in body[:first] if ast.dump(node) not in known] + list(body[first:])


def flat(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return statements with those that wait for `REPEAT_EFFECTS` among them: they are what ran."""
    return [n for node in body for n in (node.body if _guarded(node) else [node])]


def _idle(node: ast.stmt) -> bool:
    """Return whether a statement that the journal does not have is one that an export adds: it changes nothing."""
    return bool(asserted(node)) or isinstance(node, ast.Pass) or is_name(node)


def _alike(one: ast.stmt, other: ast.stmt) -> bool:
    if isinstance(one, ast.Assign) and isinstance(other, ast.Expr) and all(n[0] == "_" for n in bound([one])):
        return ast.dump(one.value) == ast.dump(other.value)
    return ast.dump(one) == ast.dump(other)


def asserted(node: ast.stmt) -> str:
    """Return the name that an assertion of an export is over; empty where it is none of an export."""
    match node:
        case ast.Assert(
            test=ast.Compare(
                left=ast.Call(func=ast.Name("_content"), args=[ast.Name(name)], keywords=[])
                | ast.Attribute(
                    value=ast.Call(func=ast.Name("type"), args=[ast.Name(name)], keywords=[]), attr="__name__"
                ),
                ops=[ast.Eq()],
                comparators=[ast.Constant()],
            ),
            msg=None | ast.Call(func=ast.Name("_content"), args=[ast.Name()], keywords=[]),
        ):
            return str(name)
    return ""


def parsed(source: str) -> list[ast.stmt]:
    """Return the statements of code; none where it does not parse."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def is_name(node: ast.stmt) -> bool:
    """Return whether a statement only shows a variable."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Name)


def bound(nodes: Sequence[ast.stmt]) -> set[str]:
    """Return the names that assignments bind."""
    targets = (t for n in nodes if isinstance(n, ast.Assign) for t in n.targets)
    return {t.id for t in targets if isinstance(t, ast.Name)}


def words_of(call: Call, name: str) -> set[str]:
    """Return the words that the journal has for a name; the last expression's value stands under no name."""
    known = latest(call).facts.get("content")
    said = str(known[name]) if isinstance(known, dict) and name in known else ""
    return {said, said[6:-1]} if said.startswith("SList(") else {said} - {""}  # of `name = !command`


def assertions_of(call: Call, ran: Sequence[ast.stmt], own: bool) -> set[str]:
    """Return the assertions over a call's values that the journal gives, those of older exports among them."""
    last = ast.unparse(ran[-1]) if ran and is_name(ran[-1]) else VALUE_NAME
    content = latest(call).facts.get("content")
    names = [(name or last, w) for name in (content if isinstance(content, dict) else ()) for w in words_of(call, name)]
    if not own:  # there the last value was bound to the name that the cell showed
        names += [(VALUE_NAME, w) for w in words_of(call, "")]
    said = [x for n, words in names for x in (*lines(n, words), *former(n, words), _FORMER.format(n, words))]
    made = [node for line in said for node in parsed(line) if isinstance(node, ast.Assert)]
    return {ast.dump(n) for node in made for n in (node, ast.Assert(node.test))}  # those of older exports say nothing


_FORMER = "assert _content({0}) == {1!r}, _content({0})"
