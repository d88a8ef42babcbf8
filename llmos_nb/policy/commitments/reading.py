"""An act out of its text."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from llmos_nb.errors import ActError, nearest
from llmos_nb.policy.commitments.form import MOST_TIMES, TIMES, TYPES, Act, Signature, Signatures, Source
from llmos_nb.policy.commitments.syntax import Syntax, parse, spelling, wrong
from llmos_nb.policy.commitments.values import plain

_WORDS = 500  # characters of a `text()` that says no number
_MOST_WORDS, _SLOTS = 5_000, 12


def read(text: str, tools: Signatures) -> Act:
    """Return the act that a text writes.

    Parameters
    ----------
    text : str
        One Python expression.
    tools : mapping
        The signatures of the tools, by name.

    Raises
    ------
    ActError
        In one line: what, where, and what to write instead.
    """
    return _Reading(text, tools).act()


class _Reading:
    def __init__(self, text: str, tools: Signatures) -> None:
        self.text, self.tools, self.syntax = text, tools, Syntax(tools)
        self.times: int | None = None
        self.each: list[ast.comprehension] = []
        self.when: list[ast.expr] = []

    def act(self) -> Act:
        call = self.unwrapped(parse(self.text))
        self.syntax.named(call)
        loops = self.syntax.loops(self.each, ())
        tool = self.tools[call.func.id]  # type: ignore[attr-defined]
        names, arguments = set(loops), dict[str, Source]()
        for keyword in call.keywords:
            name = str(keyword.arg)
            try:
                arguments[name] = _typed(self.source(keyword.value, names), tool, name)
            except ActError as error:
                raise ActError(f"{tool.name}, {name}: {error}") from None
            names.add(spelling(name))
        for condition in self.when:
            self.syntax.check(condition, names)
        when = ast.BoolOp(ast.And(), self.when) if len(self.when) > 1 else next(iter(self.when), None)
        times = self.times or (TIMES if self.each else 1)
        return Act(self.text.strip(), tool, arguments, tuple(self.each), when, times)

    def unwrapped(self, node: ast.expr) -> ast.Call:
        """Return the call inside `at_most`, the loop and the condition, in whatever order these stand."""
        while not (isinstance(node, ast.Call) and not _called(node, "at_most")):
            if isinstance(node, ast.GeneratorExp | ast.ListComp) and not self.each:
                self.each, node = node.generators, node.elt
            elif isinstance(node, ast.IfExp):
                if not isinstance(node.orelse, ast.Constant) or node.orelse.value is not None:
                    raise wrong(node, "what holds otherwise is an act of its own", "write … if CONDITION else None")
                self.when.append(node.test)
                node = node.body
            elif isinstance(node, ast.Call) and self.times is None:
                self.times, node = self.counted(node)
            else:
                raise wrong(node, "is no call of a tool", "write tool(arg=source, …)")
        if not isinstance(node.func, ast.Name):
            raise wrong(node, "an act calls a tool by its name", "write tool(arg=source, …)")
        return node

    def counted(self, node: ast.Call) -> tuple[int, ast.expr]:
        times = _literal(node.args[0]) if len(node.args) == 2 and not node.keywords else None
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MOST_TIMES:
            raise wrong(node, f"the first is a number from 1 to {MOST_TIMES}", "write at_most(3, tool(…))")
        return times, node.args[1]

    def source(self, node: ast.expr, names: Collection[str]) -> Source:
        """Return the source that an expression is."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            special = getattr(self, f"_{node.func.id}", None)
            if special is not None and node.func.id in (
                "text",
                "quote",
                "among",
                "some",
                "any_of",
                "a",
                "maybe",
            ):
                return special(node, names)  # type: ignore[no-any-return]
        self.syntax.check(node, names)
        if (found := _literal(node, node)) is not node:
            return Source("literal", values=(plain(found),))
        return Source("value", node)

    def _text(self, node: ast.Call, names: Collection[str]) -> Source:
        options = _options(node, ("most", "links", "like", "of"), 1)
        about = options.pop("of", None)
        if about is not None:
            self.syntax.check(about, names)
        most, links = _given(options, "most", _WORDS), _given(options, "links", False)
        like = _given(options, "like", "")
        if not isinstance(most, int) or isinstance(most, bool) or not 1 <= most <= _MOST_WORDS:
            raise wrong(node, f"the length is a number from 1 to {_MOST_WORDS}", "write text(300)")
        if not isinstance(links, bool) or not isinstance(like, str):
            raise wrong(node, "links is True or False, and like a text", 'write text(200, like="Stay at {}")')
        if "like" in options and not 0 < like.count("{}") <= _SLOTS:
            raise wrong(node, f"a template has 1 to {_SLOTS} slots {{}}", 'write text(200, like="Stay at {}")')
        return Source("text", about, most=most, links=links, like=like)

    def _quote(self, node: ast.Call, names: Collection[str]) -> Source:
        return Source("quote", self.only(node, names))

    def _among(self, node: ast.Call, names: Collection[str]) -> Source:
        return Source("among", self.only(node, names))

    def _some(self, node: ast.Call, names: Collection[str]) -> Source:
        return Source("some", self.only(node, names))

    def only(self, node: ast.Call, names: Collection[str]) -> ast.expr:
        if len(node.args) != 1 or node.keywords:
            raise wrong(node, "takes one expression over reads")
        self.syntax.check(node.args[0], names)
        return node.args[0]

    def _any_of(self, node: ast.Call, names: Collection[str]) -> Source:
        for argument in node.args:
            self.syntax.check(argument, names)
        values = [_literal(a, node) for a in node.args]
        if len(values) == 1 and isinstance(values[0], list | tuple):
            values = list(values[0])
        if not values or node.keywords or any(v is node for v in values):
            raise wrong(node, "takes literals", "for values of a read write among(…)")
        return Source("any_of", values=tuple(plain(v) for v in values))

    def _a(self, node: ast.Call, names: Collection[str]) -> Source:
        options = _options(node, ("type", "min", "max", "match"), 1)
        kind, match = _given(options, "type", ""), _given(options, "match", "")
        if not isinstance(kind, str) or kind not in TYPES:
            raise wrong(node, f"the type is one of {', '.join(TYPES)}{nearest(str(kind), TYPES)}", 'write a("date")')
        if not isinstance(match, str):
            raise wrong(node, "match is a text", 'write match="*@example.com"')
        for bound in ("min", "max"):
            if bound in options:
                self.syntax.check(options[bound], names)
        return Source("a", type=kind, low=options.get("min"), high=options.get("max"), match=match)

    def _maybe(self, node: ast.Call, names: Collection[str]) -> Source:
        if len(node.args) != 1 or node.keywords:
            raise wrong(node, "takes one source", "write maybe(text(100))")
        inner = self.source(node.args[0], names)
        return Source(**{**vars(inner), "optional": True})


def _typed(source: Source, tool: Signature, name: str) -> Source:
    """Return a source with its literals as a call of the tool has them.

    Raises
    ------
    ActError
        No call of the tool could have what it gives.
    """
    if source.kind in ("literal", "any_of"):
        each = [_fitted(v, tool, name) for v in source.values]
        if all(fault for _, fault in each):
            raise ActError(each[0][1])
        return replace(source, values=tuple(value for value, fault in each if not fault))
    wanted, written = tool.types.get(name, frozenset()), isinstance(source.node, ast.JoinedStr)
    text = source.kind in ("text", "quote") or (source.kind == "value" and written)
    number = source.type == "number"
    given = {"number", "integer"} if number else {"string"} if text or source.type else wanted
    if wanted and not wanted & given:
        raise ActError(f"it takes {' or '.join(sorted(wanted))}, and this is a {'number' if number else 'text'}")
    return source


def _fitted(value: Any, tool: Signature, name: str) -> tuple[Any, str]:
    """Return a literal as a call has it, and what is wrong with it; a list of one is as good as the one."""
    found, fault = tool.fitted(name, value)
    if fault and value not in (None, "", [], {}):  # what is empty may be left out
        one = isinstance(value, list) and len(value) == 1
        other, beside = tool.fitted(name, value[0] if one else [value])
        return (value, fault) if beside else (other, "")
    return (value if fault or found == value else found), ""


def _called(node: ast.Call, name: str) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id == name


def _options(node: ast.Call, known: tuple[str, ...], positional: int) -> dict[str, ast.expr]:
    """Return the arguments of a function of the form by name."""
    options = dict(zip(known, node.args, strict=False))
    if len(node.args) > positional:
        raise wrong(node, f"takes {', '.join(known)}, the last by name")
    for keyword in node.keywords:
        if keyword.arg not in known or keyword.arg in options:
            raise wrong(node, f"knows no second or other {keyword.arg}{nearest(str(keyword.arg), known)}")
        options[str(keyword.arg)] = keyword.value
    return options


def _given(options: dict[str, ast.expr], name: str, default: Any) -> Any:
    """Return what an option says; one that must be computed would not hold what it seems to."""
    if name not in options:
        return default
    if (value := _literal(options[name], options)) is options:
        raise wrong(options[name], f"{name} must be written out", "only of, min and max are computed")
    return value


def _literal(node: ast.expr, default: Any = None) -> Any:
    """Return the value that an expression writes, or the default where it writes none."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return default
