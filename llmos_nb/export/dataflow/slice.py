"""The user's own code that later code needs: a backward slice of what was executed, statement by statement."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from llmos_nb.export.dataflow import effects
from llmos_nb.export.dataflow.flow import Flow, flow_of
from llmos_nb.export.dataflow.parsed import inside, once, parsed
from llmos_nb.policy.code import defaults

# What gives each item once, by the last name of the call that makes it.
_ITERATORS = frozenset((
    "iter", "map", "filter", "zip", "enumerate", "reversed", "open", "reader", "DictReader", "iterrows", "itertuples",
    "count", "cycle", "chain", "islice", "accumulate", "scandir", "iterdir", "finditer", "tee",
))  # fmt: skip


@dataclass
class Hidden:
    """What calling or reading a name may change, though nothing says so where it is done."""

    imported: set[str] = field(default_factory=set)  # names bound to modules and to what they hold
    # names that are bound to a value: where one is called, it may be a closure, or an object with state
    assigned: set[str] = field(default_factory=set)
    once: set[str] = field(default_factory=set)  # names of iterators, which reading uses up
    # methods of the user's classes that change their object, or keep what they gave
    methods: set[str] = field(default_factory=set)
    # functions that may keep something between calls: in a default that is no constant, or by decorators
    keeping: set[str] = field(default_factory=set)
    # functions that only keep what they gave, by what they were given: a call bears on no call that is another
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
    return isinstance(value, ast.Call) and effects.last(value.func) in _ITERATORS


def _changing(node: ast.stmt) -> list[str]:
    """Return the methods of classes in a statement that change the object they are called on."""
    found = []
    for inner in inside(node):
        if isinstance(inner, ast.ClassDef):
            for method in inner.body:
                if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.args.args:
                    body = flow_of(method).late.get(method.name, Flow())
                    if f"*{method.args.args[0].arg}" in body.mutates or {*map(_last, method.decorator_list)} - {
                        *_PLAIN
                    }:
                        found.append(method.name)
    return found


def _last(decorator: ast.expr) -> str:
    """Return the last name of a decorator: ``lru_cache`` of ``functools.lru_cache(maxsize=9)``."""
    return effects.last(decorator.func if isinstance(decorator, ast.Call) else decorator)


# decorators of a method that do not keep what it gave
_PLAIN = ("property", "classmethod", "staticmethod", "abstractmethod", "setter", "overload")
# Names that IPython defines in every notebook.
GIVEN = {*dir(builtins), "display", "get_ipython", "__name__", "__file__", "__doc__"} - {"_"}
NOTHING: Mapping[str, Flow] = {}


@dataclass
class Piece:
    """A piece of code that was executed."""

    source: str
    kept: bool = False  # it stands in the notebook whole, whatever else needs it
    # when it ran, neither Python's nor numpy's own random state moved: nothing of it was drawn from these
    still: bool = False


@dataclass
class Line:
    """One statement of a piece, with what it does."""

    piece: int
    node: ast.stmt
    flow: Flow
    keep: bool = False
    patches: bool = False  # it sets something in a module
    touched: set[str] = field(default_factory=set)  # the names that it may change in any way
    # also those that it changes by what it started, as a thread, or of which it fills a cache
    reached: set[str] = field(default_factory=set)

    def reads(self, late: Mapping[str, Flow]) -> set[str]:
        """Return the names whose value it uses, also through the functions that it uses."""
        return self.flow.reads.union(*(late[n].reads for n in self.flow.reads & late.keys()))


def cut(pieces: Sequence[Piece], given: Collection[str] = ()) -> tuple[list[str], set[str]]:
    """Keep of each piece what the kept pieces need; return what is left of each, and the names that none of them makes.

    A piece that does not parse, and is not kept, never ran. For names that are `given` by other means nothing is kept.
    """
    lines, late = read(pieces)
    missing = _walk_back(lines, late, given)
    return [_left(i, piece, lines) for i, piece in enumerate(pieces)], missing - GIVEN


def read(pieces: Sequence[Piece]) -> tuple[list[Line], dict[str, Flow]]:
    """Read all statements, in order, and by name what calling each function of theirs may do."""
    lines = [Line(i, *found, piece.kept) for i, piece in enumerate(pieces) for found in statements(piece.source)]
    _look_up(lines)
    late = _late(lines)
    families, wide = _families(lines), _families(lines, late)
    hidden = hidden_state((line.node for line in lines), (line.flow for line in lines))
    for line in lines:
        line.touched = _touched(line.flow, late, families, hidden)
        line.reached = _touched(line.flow, late, wide, hidden) | (line.flow.reads & hidden.memo)
        line.patches = bool(line.flow.patches & hidden.imported)
    return lines, late


def _look_up(lines: Sequence[Line]) -> None:
    """Take the words of SQL for names that are read, where they are names that a line before has made."""
    bound: set[str] = set()
    for line in lines:
        if named := line.flow.mentions & bound:
            line.flow = replace(line.flow, reads=line.flow.reads | named)
        bound |= line.flow.binds


@once
def statements(source: str) -> tuple[tuple[ast.stmt, Flow], ...]:
    """Return the top-level statements of a piece of code, each with what it does; nothing where it does not parse."""
    return tuple((node, flow_of(node)) for node in parsed(source))


def _late(lines: Iterable[Line]) -> dict[str, Flow]:
    """Put together, by name, what calling each function or class may do, through all that it calls itself."""
    late: dict[str, Flow] = {}
    for line in lines:
        for name, flow in line.flow.late.items():
            late.setdefault(name, Flow()).add(flow)
            late[name].parameters |= flow.parameters
    changed = True
    while changed:
        changed = False
        for name, flow in late.items():
            for other in (flow.reads & late.keys()) - {name}:
                before = len(flow.reads) + len(flow.mutates) + len(flow.binds)
                flow.reads |= late[other].reads
                flow.mutates |= {m for m in late[other].mutates if not m.startswith("*")}
                flow.binds |= late[other].binds
                changed |= before != len(flow.reads) + len(flow.mutates) + len(flow.binds)
    return late


def _families(lines: Sequence[Line], late: Mapping[str, Flow] = NOTHING) -> dict[str, set[str]]:
    """Group names that may be aliases of one object; modules are in no group.

    With `late`, what calling each function may do, a name is grouped also with what it may change when it is used.
    """
    apart = GIVEN.union(*(line.flow.imports for line in lines))
    classes = {line.node.name for line in lines if isinstance(line.node, ast.ClassDef)}
    family: dict[str, set[str]] = {}
    for line in lines:
        for one, other in (*line.flow.aliases, *_through(line.flow, late, classes)):
            if not {one, other} & apart and not {one, other} & line.flow.late.keys():
                joined = family.get(one, {one}) | family.get(other, {other})
                family.update(dict.fromkeys(joined, joined))
    return family


def _through(flow: Flow, late: Mapping[str, Flow], classes: Container[str]) -> Iterator[tuple[str, str]]:
    """Return each name that is bound to what may call a function later, as a thread, with what that function changes.

    That is what was handed it, and an object of a class, whose methods it is.
    """
    called = {name for name, _ in flow.passes if name not in classes}
    handed = (flow.reads & late.keys()) - called
    for changed in {m for n in handed for m in late[n].mutates if not m.startswith(("*", "$"))}:
        yield from ((name, changed) for name in flow.binds if name != changed and name not in late)


def _touched(flow: Flow, late: dict[str, Flow], families: dict[str, set[str]], hidden: Hidden) -> set[str]:
    """Return every name that a statement may give another value or change, also through the functions it uses."""
    changed, bound = flow.mutates | hidden.changed(flow, late), set(flow.binds)
    for name in flow.reads & late.keys():
        changed |= {m for m in late[name].mutates if not m.startswith("*")}
        bound |= late[name].binds
    for name, given in (*flow.passes, *flow.hands):
        if name in late and any(m.startswith("*") for m in late[name].mutates):
            changed |= given
    return bound | changed | {n for c in changed for n in families.get(c, ())}


def _walk_back(lines: Sequence[Line], late: dict[str, Flow], given: Collection[str]) -> set[str]:
    """Mark what is needed, from the last statement to the first, and return the names that no statement made."""
    needed: set[str] = set()
    perhaps: set[str] = set()  # bound by a branch or loop before they are read
    everything = any_kept = False
    for line in reversed(lines):
        line.keep |= everything or bool(line.reached & needed) or (line.flow.whole and bool(needed))
        line.keep |= line.patches and any_kept  # whoever uses the module finds it so
        any_kept |= line.keep
        if line.keep:
            reads = line.reads(late)
            perhaps = (perhaps | (line.flow.binds - line.flow.kills)) - reads
            needed = ((needed - line.flow.kills) | reads) - set(given)
            everything |= line.flow.whole and "*" not in line.flow.binds
    return {n for n in needed - perhaps if not n.startswith("$")}


def _left(index: int, piece: Piece, lines: Iterable[Line]) -> str:
    """Return the text of the statements that stay, with the comments right above them."""
    if piece.kept:
        return piece.source
    text = piece.source.splitlines()
    keep: set[int] = set()
    for line in lines:
        if line.piece == index and line.keep:
            first = first_line(line.node)
            while first > 1 and text[first - 2].lstrip().startswith("#"):
                first -= 1
            keep |= set(range(first, (line.node.end_lineno or first) + 1))
    return "\n".join(text[n - 1] for n in sorted(keep))


def first_line(node: ast.stmt) -> int:
    """Return a statement's first line, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])
