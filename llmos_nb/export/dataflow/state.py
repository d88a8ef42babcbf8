"""State that no name shows: in closures, in iterators, behind methods of the user's classes, in modules."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from llmos_nb.export.dataflow import effects
from llmos_nb.export.dataflow.flow import Flow, flow_of
from llmos_nb.export.dataflow.parsed import inside, once
from llmos_nb.policy.code import defaults

# What gives each item once, by the last name of the call that makes it.
_ITERATORS = frozenset((
    "iter", "map", "filter", "zip", "enumerate", "reversed", "open", "reader", "DictReader", "iterrows", "itertuples",
    "count", "cycle", "chain", "islice", "accumulate", "scandir", "iterdir", "finditer", "tee",
))  # fmt: skip


@dataclass
class Hidden:
    """What calling or reading a name may change, though nothing says so where it is done.

    Parameters
    ----------
    imported : set of str
        Names bound to modules and to what they hold.
    assigned : set of str
        Names that are bound to a value: where one is called, it may be a closure, or an object with state.
    once : set of str
        Names of iterators, which reading uses up.
    methods : set of str
        Methods of the user's classes that change their object, or keep what they gave.
    keeping : set of str
        Functions that may keep something from one call to the next: in a default that is no constant, or in what their
        decorators made of them.
    memo : set of str
        Functions that only keep what they gave, by what they were given: a call bears on no call that is another.
    """

    imported: set[str] = field(default_factory=set)
    assigned: set[str] = field(default_factory=set)
    once: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    keeping: set[str] = field(default_factory=set)
    memo: set[str] = field(default_factory=set)

    def changed(self, flow: Flow, functions: Container[str]) -> set[str]:
        """Return the names whose state a statement may change in this way."""
        given = {name for name, _ in (*flow.passes, *flow.hands)} & self.assigned
        called = {name for name in given if name not in functions and name not in self.imported}
        acted = {root for method, root in flow.methods if method in self.methods}
        return called | acted | (flow.reads & (self.once | self.keeping))


def hidden_state(nodes: Iterable[ast.stmt], flows: Iterable[Flow]) -> Hidden:
    """Read what statements make of it."""
    found = Hidden(imported=set[str]().union(*(flow.imports for flow in flows)))
    for node in nodes:
        own = _own_state(node)
        found.methods |= own.methods
        found.keeping |= own.keeping
        found.memo |= own.memo
        found.assigned |= own.assigned
        found.once |= own.once
    return found


@once
def _own_state(node: ast.stmt) -> Hidden:
    """Read what one statement makes of it."""
    found = Hidden(methods=set(_changing(node)))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        fixed = all(isinstance(d, ast.Constant) for d in defaults(node.args))
        memo = fixed and bool(node.decorator_list) and {*map(_last, node.decorator_list)} <= effects.MEMOIZES
        found.memo |= {node.name} if memo else set()
        found.keeping |= set() if memo or (fixed and not node.decorator_list) else {node.name}
    for inner in inside(node):
        if isinstance(inner, ast.Assign | ast.AnnAssign) and inner.value is not None:
            targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
            names = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            found.assigned |= names
            found.once |= names if _gives_once(inner.value) else set()
    return found


def _gives_once(value: ast.expr) -> bool:
    if isinstance(value, ast.GeneratorExp):
        return True
    last = getattr(value.func, "attr", getattr(value.func, "id", "")) if isinstance(value, ast.Call) else ""
    return last in _ITERATORS


def _changing(node: ast.stmt) -> list[str]:
    """Return the methods of classes in a statement that change the object they are called on."""
    found = []
    for inner in inside(node):
        if isinstance(inner, ast.ClassDef):
            for method in inner.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.args.args:
                    body = flow_of(method).late.get(method.name, Flow())
                    if f"*{method.args.args[0].arg}" in body.mutates or any(map(_keeps, method.decorator_list)):
                        found.append(method.name)
    return found


def _last(decorator: ast.expr) -> str:
    """Return the last name of a decorator: ``lru_cache`` of ``functools.lru_cache(maxsize=9)``."""
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return str(getattr(function, "attr", getattr(function, "id", "")))


def _keeps(decorator: ast.expr) -> bool:
    """Return whether a decorator of a method may keep what the method gave."""
    return _last(decorator) not in (
        "property",
        "classmethod",
        "staticmethod",
        "abstractmethod",
        "setter",
        "overload",
    )
