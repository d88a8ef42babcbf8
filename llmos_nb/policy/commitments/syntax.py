"""Which expressions the form has: what is not listed here is refused before anything is computed."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from keyword import iskeyword

from llmos_nb.errors import ActError, nearest
from llmos_nb.policy.commitments.form import LENGTH, Signatures
from llmos_nb.policy.commitments.functions import FUNCTIONS, METHODS

DEEP, LARGEST = 40, 10**15
SOURCES = ("text", "quote", "among", "some", "any_of", "a", "maybe", "at_most")
_PLAIN = (ast.List, ast.Tuple, ast.Set, ast.BoolOp, ast.IfExp, ast.JoinedStr, ast.Slice, ast.Subscript)
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
_COMPARED = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot)
_SPEC = re.compile(r"[<>^]?0?\d{0,2},?(?:\.\d{1,2})?[dfs%]?", re.ASCII)
_INSTEAD = {
    "Pow": "multiply",
    "NamedExpr": "write the expression where it is used",
    "Starred": "name each argument",
    "DictComp": "use a list: [x for x in …]",
    "Lambda": "only key=lambda x: … of max, min and sorted takes one",
}
Names = Collection[str]


def piece(node: ast.AST, most: int = 60) -> str:
    """Return the text of a part of an act, in one line."""
    try:
        text = re.sub(r"\s+", " ", ast.unparse(node))
    except ValueError:  # an f-string that cannot be written again
        text = type(node).__name__
    text = "".join(c if c.isprintable() else "?" for c in text)
    return f"`{text if len(text) <= most else text[: most - 1] + '…'}`"


def wrong(node: ast.AST, what: str, instead: str = "") -> ActError:
    """Return the error of a part of an act: where, what, and what to write instead."""
    return ActError(f"{piece(node)}: {what}{'; ' if instead else ''}{instead}")


def parse(text: object) -> ast.expr:
    """Return the expression that a text is; it is neither long nor deep."""
    if not isinstance(text, str) or not text.strip():
        raise ActError('an act is the text of one call, such as send(to="Alice", body=text(300))')
    if len(text) > LENGTH:
        raise ActError(f"an act has at most {LENGTH} characters, and this one {len(text)}; split it into several")
    if any(escape[1:] not in ("n", "t", "'", '"', "\\") for escape in re.findall(r"\\.?", text, re.DOTALL)):
        raise ActError(r"a text in an act knows only the escapes \n, \t, \', \" and \\")
    try:
        try:
            tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError:  # a loop, or several lines, with no brackets around
            tree = ast.parse(f"({text.strip()})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        why = re.sub(r"\s+", " ", str(getattr(error, "msg", "") or error))[:80] or "it is too deep"
        shown = re.sub(r"\s+", " ", ascii(text.strip())[1:-1])[:60]
        raise ActError(f"`{shown}` is not one Python expression ({why}); write tool(arg=source, …)") from None
    _bounded(tree)
    return tree


def _bounded(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(DEEP):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise ActError("the expression is too deep; split it into several acts")


class Syntax:
    """Checks an expression of an act, and gives arguments of reads that stand by position their names.

    Parameters
    ----------
    tools : mapping
        The signatures of the tools.
    """

    def __init__(self, tools: Signatures) -> None:
        self.tools = tools

    def check(self, node: ast.AST, names: Names, key: bool = False) -> None:
        """Refuse whatever the form does not have.

        Raises
        ------
        ActError
            What, where, and what to write instead.
        """
        check = getattr(self, f"_{type(node).__name__.lower()}", None)
        if check is not None:
            check(node, names, key) if isinstance(node, ast.Lambda) else check(node, names)
        elif isinstance(node, _PLAIN):
            self._children(node, names)
        else:
            kind = type(node).__name__
            raise wrong(node, "is not part of the form", _INSTEAD.get(kind, ""))

    def _children(self, node: ast.AST, names: Names) -> None:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr_context | ast.operator | ast.unaryop | ast.boolop | ast.cmpop):
                self.check(child, names)

    def _constant(self, node: ast.Constant, names: Names) -> None:
        value = node.value
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" or c == "\0" for c in value):
            raise wrong(node, "holds what is no character")
        if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:
            raise wrong(node, "is too large a number")
        if not isinstance(value, str | int | float | bool) and value is not None:
            raise wrong(node, "is no text, number, True, False or None")

    def _name(self, node: ast.Name, names: Names) -> None:
        if node.id in names:
            return
        if node.id in self.tools or node.id in FUNCTIONS:
            raise wrong(node, "is a function", f"call it: {node.id}(…)")
        if node.id in ("today", "now", "datetime", "timedelta"):
            raise wrong(node, "there is no clock", 'write the date, "2024-05-15", and plus(start, days=1)')
        known = [*names, *self.tools, *FUNCTIONS]
        raise wrong(node, f"nothing is known by this name here{nearest(node.id, known)}")

    def _dict(self, node: ast.Dict, names: Names) -> None:
        if any(not isinstance(k, ast.Constant) or not isinstance(k.value, str) for k in node.keys):
            raise wrong(node, "the keys must be texts")
        self._children(node, names)

    def _binop(self, node: ast.BinOp, names: Names) -> None:
        if not isinstance(node.op, _OPERATORS):
            raise wrong(node, "this operator is not part of the form", _INSTEAD.get(type(node.op).__name__, ""))
        self._children(node, names)

    def _unaryop(self, node: ast.UnaryOp, names: Names) -> None:
        if isinstance(node.op, ast.Invert):
            raise wrong(node, "this operator is not part of the form", "write not …")
        self._children(node, names)

    def _compare(self, node: ast.Compare, names: Names) -> None:
        for op, right in zip(node.ops, node.comparators, strict=True):
            if not isinstance(op, _COMPARED):
                raise wrong(node, "this comparison is not part of the form")
            if isinstance(op, ast.Is | ast.IsNot) and not (isinstance(right, ast.Constant) and right.value is None):
                raise wrong(node, "`is` compares with None alone", "write ==")
        self._children(node, names)

    def _formattedvalue(self, node: ast.FormattedValue, names: Names) -> None:
        spec = node.format_spec
        parts = spec.values if isinstance(spec, ast.JoinedStr) else []
        written = "".join(str(p.value) if isinstance(p, ast.Constant) else "{" for p in parts)
        if node.conversion not in (-1, 115) or not _SPEC.fullmatch(written):
            raise wrong(node.value, f"cannot be written in the form {written!r}", "write {x} or {x:.2f}")
        self.check(node.value, names)

    def _attribute(self, node: ast.Attribute, names: Names) -> None:
        if node.attr.startswith("_"):
            raise wrong(node, "names of fields do not begin with _")
        if isinstance(node.value, ast.Name) and node.value.id in self.tools and node.value.id not in names:
            raise wrong(node, "is a function", f"call it: {node.value.id}(…).{node.attr}")
        self.check(node.value, names)

    def _lambda(self, node: ast.Lambda, names: Names, key: bool) -> None:
        a = node.args
        if not key or len(a.args) != 1 or a.posonlyargs or a.kwonlyargs or a.vararg or a.kwarg or a.defaults:
            raise wrong(node, "is not allowed here", _INSTEAD["Lambda"])
        self.check(node.body, {*names, a.args[0].arg})

    def _comprehension_of(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, names: Names) -> None:
        self.check(node.elt, self.loops(node.generators, names))

    _listcomp = _setcomp = _generatorexp = _comprehension_of

    def loops(self, generators: list[ast.comprehension], names: Names) -> set[str]:
        """Check loops, and return the names that are known inside them."""
        inside = set(names)
        for loop in generators:
            if loop.is_async:
                raise wrong(loop.iter, "async is not part of the form")
            self.check(loop.iter, inside)
            inside |= set(targets(loop.target))
            for condition in loop.ifs:
                self.check(condition, inside)
        return inside

    def _call(self, node: ast.Call, names: Names) -> None:
        func = node.func
        if isinstance(func, ast.Attribute):
            self._method(node, func, names)
        elif not isinstance(func, ast.Name):
            raise wrong(node, "only functions that have a name can be called")
        elif func.id in FUNCTIONS:
            self._function(node, func.id, names)
        elif func.id in SOURCES:
            raise wrong(
                node,
                f"{func.id}(…) must be the whole source of an argument",
                'for a form: text(200, like="Hi {}")',
            )
        else:
            self.named(node, names)

    def _method(self, node: ast.Call, func: ast.Attribute, names: Names) -> None:
        if func.attr not in METHODS:
            raise wrong(node, f".{func.attr}() is not part of the form{nearest(func.attr, METHODS)}")
        _, _, least, most = METHODS[func.attr]
        if node.keywords or not least <= len(node.args) <= most:
            raise wrong(node, f".{func.attr}() takes {_range(least, most)} values by position")
        self.check(func.value, names)
        for argument in node.args:
            self.check(argument, names)

    def _function(self, node: ast.Call, name: str, names: Names) -> None:
        function = FUNCTIONS[name]
        if not function.least <= len(node.args) <= function.most:
            raise wrong(node, f"{name}() takes {_range(function.least, function.most)} values by position")
        for argument in node.args:
            self.check(argument, names)
        for keyword in node.keywords:
            if keyword.arg not in function.keywords:
                raise wrong(node, f"{name}() knows no {keyword.arg}{nearest(str(keyword.arg), function.keywords)}")
            if keyword.arg == "key" and not isinstance(keyword.value, ast.Lambda):
                raise wrong(node, "key must be a lambda", f"{name}(…, key=lambda x: x.size)")
            self.check(keyword.value, names, key=keyword.arg == "key")
        given = [k.arg for k in node.keywords]
        if len(set(given)) < len(given):
            raise wrong(node, "an argument stands twice")

    def named(self, node: ast.Call, names: Names | None = None) -> None:
        """Check the call of a tool, and write arguments that stand by position with their names.

        Parameters
        ----------
        node : ast.Call
            The call; its function is a name.
        names : collection of str, optional
            What is known where it stands; None leaves the values of its arguments unchecked.
        """
        func = node.func
        spelt = func.id if isinstance(func, ast.Name) else ""
        name = spelt if spelt in self.tools else next((n for n in self.tools if spelling(n) == spelt), "")
        if not isinstance(func, ast.Name) or not name:
            kind = "no tool has this name" if names is None else "no read or function has this name"
            raise wrong(node, f"{kind}{nearest(spelt, [*self.tools, *(FUNCTIONS if names is not None else ())])}")
        func.id, tool = name, self.tools[name]
        if len(node.args) > len(tool.parameters) or any(isinstance(a, ast.Starred) for a in node.args):
            raise wrong(node, f"{name} takes {', '.join(tool.parameters) or 'no arguments'}")
        placed = [ast.keyword(p, v) for p, v in zip(tool.parameters, node.args, strict=False)]
        node.args, node.keywords = [], [*placed, *node.keywords]
        for keyword in node.keywords:
            if keyword.arg not in tool.parameters:
                keyword.arg = next((p for p in tool.parameters if spelling(p) == keyword.arg), keyword.arg)
        given = [str(k.arg) for k in node.keywords]
        if unknown := next((g for g in given if g not in tool.parameters), ""):
            takes = nearest(unknown, tool.parameters) or f"; it takes {', '.join(tool.parameters) or 'none'}"
            raise wrong(node, f"{name} has no argument {'**' if unknown == 'None' else unknown}{takes}")
        if len(set(given)) < len(given):
            raise wrong(node, "an argument stands twice")
        looked_up = names is not None and tool.outward  # an earlier act is known by some of its arguments
        if missing := [] if looked_up else sorted(tool.required.difference(given)):
            raise wrong(node, f"{name} needs {', '.join(missing)}")
        for keyword in node.keywords if names is not None else ():
            self.check(keyword.value, names or ())


def spelling(name: str) -> str:
    """Return how a name is written in an act: with _ for other characters, and behind what is a word of Python."""
    return f"{name}_" if iskeyword(name) else re.sub(r"\W", "_", name)


def targets(node: ast.expr) -> Iterator[str]:
    """Return the names that a loop binds."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Tuple | ast.List):
        for inner in node.elts:
            yield from targets(inner)
    else:
        raise wrong(node, "a loop binds names alone")


def _range(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"
