"""Acts in plain words: the line of a card for a person, and the answer that a model gets to its plan."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from llmos_nb.errors import ActError
from llmos_nb.policy.commitments.classes import Verdict, judged
from llmos_nb.policy.commitments.form import LENGTH, TIMES, Act, Signatures, Source
from llmos_nb.policy.commitments.functions import FUNCTIONS
from llmos_nb.policy.commitments.syntax import piece
from llmos_nb.policy.commitments.values import leaves, written
from llmos_nb.policy.commitments.words import said
from llmos_nb.policy.texts import tell

_ONE = {
    "email": "the one e-mail address in",
    "url": "the one web address in",
    "iban": "the one account number in",
    "phone": "the one telephone number in",
    "date": "the one date in",
    "number": "the one number in",
    "emails": "the e-mail addresses in",
    "urls": "the web addresses in",
    "ibans": "the account numbers in",
    "phones": "the telephone numbers in",
    "dates": "the dates in",
    "numbers": "the numbers in",
    "lines": "the lines of",
    "len": "how many",
    "sum": "the sum of",
    "one": "the one of",
    "max": "the largest of",
    "min": "the smallest of",
}
_OPERATORS: dict[type, str] = {
    ast.Eq: "is",
    ast.NotEq: "is not",
    ast.Lt: "is below",
    ast.LtE: "is at most",
    ast.Gt: "is above",
    ast.GtE: "is at least",
    ast.In: "is in",
    ast.NotIn: "is not in",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.And: "and",
    ast.Or: "or",
}
_SIGNS: dict[type, str] = {ast.Add: "+", ast.Sub: "−", ast.Mult: "×", ast.Div: "÷"}
_METHODS = {"startswith": "begins with", "endswith": "ends with"}


def sentence(act: Act, tools: Signatures, words: str) -> str:
    """Return the line of a card: what is called, who and where, and what with.

    Parameters
    ----------
    act : Act
        The act.
    tools : mapping
        The signatures of the tools.
    words : str
        Everything that the user said; a literal of theirs is marked as their word.
    """
    sinks = {n: _source(s, words) for n, s in act.arguments.items() if act.tool.is_sink(n)}
    others = {n: _source(s, words) for n, s in act.arguments.items() if n not in sinks}
    name = _spoken(act.tool.name)
    line = f"{name} {_named(sinks, name)}".strip()
    if others:
        line += f": {_named(others)}"
    line += "".join(_loop(loop) for loop in act.each)
    if act.when is not None:
        line += f", if {say(act.when)}"
    if act.times != (TIMES if act.each else 1):
        line += ", at most once" if act.times == 1 else f", at most {act.times} times"
    return line


def reply(found: Sequence[Act | ActError], tools: Signatures, words: str, delegate: str = "ask") -> str:
    """Return what the plan's author is told at once: of each act whether it could be read, and its class.

    Parameters
    ----------
    found : sequence of Act or ActError
        The acts in their order; an error where one could not be read.
    tools : mapping
        The signatures of the tools.
    words : str
        Everything that the user said.
    delegate : {"ask", "allow"}
        What is done with an act whose sinks others choose.
    """
    lines = []
    for place, act in enumerate(found, 1):
        if isinstance(act, ActError):
            lines.append(tell("act_unread", place=place, why=act))
        else:
            verdict = judged(act, tools, words)
            told = {"verdict": _class(verdict, delegate), "advice": _advice(verdict, tools)}
            lines.append(tell("act_read", place=place, **told))
    return "\n".join(lines)


def _class(verdict: Verdict, delegate: str) -> str:
    if verdict.kind == "bound":
        return verdict.why or tell("act_bound", choice=f" ({verdict.choice})" if verdict.choice else "")
    if verdict.kind == "delegated":
        return tell("act_runs" if delegate == "allow" else "act_delegated", why=verdict.why)
    return tell("act_waits", kind=verdict.kind.upper(), why=verdict.why)


def _advice(verdict: Verdict, tools: Signatures) -> str:
    """Say how an act would be bound."""
    if verdict.kind == "invented":
        return tell("act_invented")
    known = ""
    if set(verdict.offered) != set(verdict.arguments):
        facts = [f"{t}: {', '.join(sorted(tools[t].facts or ()))}" for t in verdict.by if tools[t].facts]
        known = tell("act_fields", fields="; ".join(facts)) if facts else ""
    if verdict.offered:
        known += tell("act_which", which=" and ".join(verdict.offered))
    if verdict.kind == "open":
        return tell("act_open", more=known)
    return f".{known}" if known else ""


def _named(sources: dict[str, str], after: str = "") -> str:
    """Join arguments in words; one alone needs no name, nor a first that the words before it say."""
    if len(sources) == 1:
        return next(iter(sources.values()))
    first = next(iter(sources), "")
    bare = first if f" {after}".endswith(f" {_spoken(first)}") else ""
    return ", ".join(text if name == bare else f"{_spoken(name)} {text}" for name, text in sources.items())


def _spoken(name: str) -> str:
    return name.replace("_", " ").strip()


def _source(source: Source, words: str) -> str:
    text = _plainly(source, words)
    return f"{text} (or nothing)" if source.optional else text


def _plainly(source: Source, words: str) -> str:
    node = say(source.node) if source.node is not None else ""
    match source.kind:
        case "literal":
            text = _literal(source.values[0], words)
        case "any_of":
            text = f"one of {', '.join(_literal(v, words) for v in source.values)}"
        case "among":
            text = f"any of {node}"
        case "some":
            text = f"one or more of {node}"
        case "quote":
            text = f"a piece, word for word, of {node}"
        case "a":
            text = _choice(source)
        case "text":
            form = f"my own words in the form “{source.like}”" if source.like else "my own words"
            about = f" about {node}" if node else ""
            links = "links allowed" if source.links else "no links"
            text = f"{form}{about}, at most {source.most} characters, {links}"
        case _:
            text = node
    return text


def _choice(source: Source) -> str:
    bounds = [(source.low, "from"), (source.high, "to")]
    limits = "".join(f" {word} {say(bound)}" for bound, word in bounds if bound is not None)
    article = "an" if source.type[0] in "aei" else "a"
    return f"{article} {source.type} of the model's choice{limits}{f' like {source.match}' if source.match else ''}"


def _literal(value: Any, words: str) -> str:
    values = list(leaves(value))
    if values and said(value, words) and not any(isinstance(v, bool) for v in values):
        return f"{', '.join(map(written, values))} (as you said)"
    return ", ".join(f"“{v}”" if isinstance(v, str) else written(v) for v in values) if values else "nothing"


def _loop(loop: ast.comprehension) -> str:
    return f", for each {say(loop.target)} of {say(loop.iter)}{_where(loop.ifs)}"


def _where(conditions: Iterable[ast.expr]) -> str:
    said_if = [say(c) for c in conditions]
    return f" where {' and '.join(said_if)}" if said_if else ""


def say(node: ast.AST) -> str:
    """Return an expression in words; as it is written where there are none for it."""
    words = _SAID.get(type(node))
    return words(node) if words else _code(node)


def _code(node: ast.AST) -> str:
    return piece(node, LENGTH)  # whole: what a card leaves out nobody approves


def _constant(node: ast.Constant) -> str:
    return f"“{node.value}”" if isinstance(node.value, str) else written(node.value)


def _listed(node: ast.Tuple | ast.List) -> str:
    return ", ".join(say(e) for e in node.elts) or "nothing"


def _negated(node: ast.UnaryOp) -> str:
    return f"not ({say(node.operand)})" if isinstance(node.op, ast.Not) else _code(node)


def _compared(node: ast.Compare) -> str:
    pairs = zip(node.ops, node.comparators, strict=True)
    return say(node.left) + "".join(f" {_OPERATORS[type(op)]} {say(right)}" for op, right in pairs)


def _comprehension(node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> str:
    loops = ", ".join(f"each {say(g.target)} of {say(g.iter)}{_where(g.ifs)}" for g in node.generators)
    first = node.generators[0]
    if isinstance(node.elt, ast.Name) and isinstance(first.target, ast.Name) and node.elt.id == first.target.id:
        return loops
    return f"{say(node.elt)} for {loops}"


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        known = node.func.attr in _METHODS and len(node.args) == 1
        return f"{say(node.func.value)} {_METHODS[node.func.attr]} {say(node.args[0])}" if known else _code(node)
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in FUNCTIONS:
        return _function(name, node)
    given = ", ".join(say(k.value) for k in node.keywords)
    return f"{_spoken(name)} ({given})" if given else _spoken(name)


def _function(name: str, node: ast.Call) -> str:
    """Return the words of a function of the form."""
    key = next((k.value for k in node.keywords if isinstance(k.value, ast.Lambda)), None)
    if name in ("max", "min") and key is not None:
        own = key.body.attr if isinstance(key.body, ast.Attribute) and isinstance(key.body.value, ast.Name) else ""
        rank = "largest" if name == "max" else "smallest"
        return f"the one with the {rank} {_spoken(own) or say(key.body)} of {say(node.args[0])}"
    if name == "mentions":
        return f"{say(node.args[0])} mentions {say(node.args[1])}"
    if name == "plus":
        return f"{say(node.args[0])} plus {', '.join(map(_amount, node.keywords))}"
    if name == "number" and node.keywords:
        return f"the number behind {say(node.keywords[0].value)} in {say(node.args[0])}"
    if name == "one" and isinstance(node.args[0], ast.ListComp | ast.GeneratorExp):
        return _only(node.args[0])
    simple = name in _ONE and len(node.args) == 1 and not node.keywords
    return f"{_ONE[name]} {say(node.args[0])}" if simple else _code(node)


def _amount(given: ast.keyword) -> str:
    count = say(given.value)
    return f"{count} {str(given.arg).removesuffix('s') if count == '1' else given.arg}"


def _picked(node: ast.Subscript) -> str:
    place = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if isinstance(place, str):
        return f"the {_spoken(place)} of {say(node.value)}"
    last = ast.unparse(node.slice) == "-1"
    return f"the {'last' if last else 'first'} of {say(node.value)}" if last or place == 0 else _code(node)


def _either(node: ast.IfExp) -> str:
    return f"{say(node.body)} if {say(node.test)}, else {say(node.orelse)}"


def _calculated(node: ast.BinOp) -> str:
    sign = _SIGNS.get(type(node.op))
    return f"({say(node.left)} {sign} {say(node.right)})" if sign else _code(node)


def _written(node: ast.JoinedStr) -> str:
    parts = (p.value if isinstance(p, ast.Constant) else f"[{say(getattr(p, 'value', p))}]" for p in node.values)
    return f"“{''.join(map(str, parts))}”"


def _only(node: ast.ListComp | ast.GeneratorExp) -> str:
    """Return the words of the one that a comprehension finds: what of it, and which it is."""
    loops = " and ".join(f"the one {say(g.target)} of {say(g.iter)}{_where(g.ifs)}" for g in node.generators)
    if isinstance(node.elt, ast.Attribute) and isinstance(node.elt.value, ast.Name):
        return f"the {_spoken(node.elt.attr)} of {loops}"
    return loops if isinstance(node.elt, ast.Name) else f"{say(node.elt)} for {loops}"


_SAID: dict[type, Callable[[Any], str]] = {
    ast.Constant: _constant,
    ast.Name: lambda node: str(node.id),
    ast.Attribute: lambda node: f"the {_spoken(node.attr)} of {say(node.value)}",
    ast.Tuple: _listed,
    ast.List: _listed,
    ast.BoolOp: lambda node: f" {_OPERATORS[type(node.op)]} ".join(say(v) for v in node.values),
    ast.UnaryOp: _negated,
    ast.Compare: _compared,
    ast.ListComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.SetComp: _comprehension,
    ast.Call: _called,
    ast.Subscript: _picked,
    ast.IfExp: _either,
    ast.BinOp: _calculated,
    ast.JoinedStr: _written,
}
