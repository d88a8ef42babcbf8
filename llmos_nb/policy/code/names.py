"""Names in a syntax tree: which ones code takes from outside, which ones it binds, and what they stand for."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from llmos_nb.policy.code.risks import Risk, in_memory

_KNOWN = frozenset(dir(builtins)) | {"get_ipython"}
_DEPTH = 4
_LINKS = 100
_DATABASES = ("sqlite3.connect", "duckdb.connect")
_MAKES = (ast.Compare, ast.UnaryOp, ast.JoinedStr, ast.Slice)  # give an object of their own, and hand none on
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class Surroundings:
    """What is known of the names that code may use.

    Parameters
    ----------
    origins : mapping
        Dotted origin by name, of modules, functions and objects: ``{"o": "os", "con": "sqlite3.Connection"}``.
    sources : mapping
        Source code of the user's own functions, by name.
    fragile : mapping
        Why what a name holds cannot be put back, by name: ``{"rows": "a generator gives each item once"}``.
    """

    origins: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    fragile: Mapping[str, str] = field(default_factory=dict)


class NameVisitor(ast.NodeVisitor):
    """Follows names through scopes and assignments, and into the user's own functions.

    Parameters
    ----------
    around : Surroundings
        What is known of the names; sources are walked where the code uses them.
    depth : int
        How deep we are in functions of functions.
    """

    def __init__(self, around: Surroundings, depth: int = 0) -> None:
        self.aliases, self.around, self.depth = dict(around.origins), around, depth
        self.reads: dict[str, None] = {}
        self.writes: dict[str, str] = {}  # with what is imported, where that alone binds the name
        self.calls: dict[str, None] = {}
        self.lent: dict[str, None] = {}  # what a call or another name may change, unseen here
        self.risks: dict[Risk, None] = {}
        self.harmless, self.everything = True, False
        self.modules = {name for name, origin in around.origins.items() if "." not in origin}
        self._bound: set[str] = set()
        self._locals: list[set[str]] = []
        self._seen: set[str] = set()

    # names

    def visit_Name(self, node: ast.Name) -> None:
        """Note a name as read, bound or deleted."""
        if self.is_local(node.id):
            return
        if not isinstance(node.ctx, ast.Load):
            self.write(node.id)
            self._bound.add(node.id)
        elif node.id not in self._bound:
            if node.id not in _KNOWN or node.id in self.aliases:
                self.reads[node.id] = None
            self._use(node.id, node.lineno)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        """Note what a pattern binds."""
        for name in bound_by(node):
            self.visit_Name(ast.copy_location(ast.Name(name, ast.Store()), node))
        self.generic_visit(node)

    visit_MatchStar = visit_MatchMapping = visit_MatchAs

    def is_local(self, name: str) -> bool:
        """Return whether a name belongs to a function or comprehension that is being walked."""
        return any(name in names for names in self._locals)

    def _use(self, name: str, line: int) -> None:
        """Look at what a name of the namespace stands for."""
        fragile, sources = self.around.fragile, self.around.sources
        if name in fragile:
            self.risks[Risk("not undoable", name, line, fragile[name])] = None
        if name not in sources or name in self._seen or self.depth >= _DEPTH:
            return
        self._seen.add(name)
        others = {k: v for k, v in sources.items() if k != name}
        inner = type(self)(Surroundings(self.aliases, others, fragile), self.depth + 1)
        try:
            inner.visit(tree_of(sources[name]))
        except SyntaxError:
            return
        self.risks |= {Risk(r.kind, r.what, line, r.target): None for r in inner.risks}
        self.everything |= inner.everything
        self.harmless = False
        self.reads |= {n: None for n in inner.reads if n != name}
        self.lent |= {n: None for n in inner.lent if n != name}
        for written, origin in inner.writes.items():
            if written != name:
                self.write(written, origin)

    def lend(self, *given: ast.AST) -> None:
        """Note the names of which expressions may hold an object that is there already: it can be changed by these.

        What a call in them is given is noted where that call is visited.
        """
        for node in given:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                if not self.is_local(node.id) and node.id not in self.modules:
                    self.lent[node.id] = None
            elif not isinstance(node, (*_MAKES, ast.Call)):
                self.lend(*ast.iter_child_nodes(node))

    def write(self, name: str, origin: str = "") -> None:
        """Note a name as bound, deleted or changed; with `origin` by the import of that."""
        self.writes[name] = origin if self.writes.get(name, origin) == origin else ""

    def _bind(self, name: str, origin: str) -> None:
        if not self._locals:
            self.write(name, origin)
            self._bound.add(name)
        self.aliases[name] = origin
        self.modules.add(name)

    def visit_Import(self, node: ast.Import) -> None:
        """Note names that stand for modules."""
        for a in node.names:
            root = a.name.partition(".")[0]
            self._bind(a.asname or root, a.name if a.asname else root)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note names that stand for what is in a module."""
        for a in node.names:
            if a.name == "*":
                self.everything = True
                self.risks[Risk("import", "*", node.lineno, node.module or ".")] = None
            elif node.module != "__future__":
                self._bind(a.asname or a.name, f"{node.module or ''}.{a.name}")

    def visit_Assign(self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> None:
        """Note what is assigned, and what it stands for."""
        if isinstance(node, ast.AnnAssign):
            self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.lend(node.value)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._assign(target, node.value)

    visit_AnnAssign = visit_NamedExpr = visit_Assign

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Note what is read and written."""
        self.visit(node.value)
        self.lend(node.value)
        if isinstance(node.target, ast.Name):
            self.visit_Name(ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target))
        self.visit(node.target)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        """Note what the managers are bound to."""
        for item in node.items:
            self.visit(item.context_expr)
            self.lend(item.context_expr)
            if item.optional_vars is not None:
                self._assign(item.optional_vars, item.context_expr)
        self._all(node.body)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """Read what is gone through before its names are bound."""
        self.visit(node.iter)
        self.lend(node.iter)
        self.visit(node.target)
        self._all([*node.body, *node.orelse])

    visit_AsyncWith, visit_AsyncFor = visit_With, visit_For

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        self.visit(target)
        if isinstance(target, ast.Name):
            origin = self.dotted(value)
            if origin and not origin.startswith("?"):
                self.aliases[target.id] = origin
            else:
                self.aliases.pop(target.id, None)
            self.modules.discard(target.id)

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def visit_Return(self, node: ast.Return | ast.Yield | ast.YieldFrom) -> None:
        """Note what somebody else gets."""
        self.generic_visit(node)
        self.lend(*ast.iter_child_nodes(node))

    visit_Yield = visit_YieldFrom = visit_Return

    def visit_Match(self, node: ast.Match) -> None:
        """Note what patterns take apart."""
        self.generic_visit(node)
        self.lend(node.subject)

    # scopes

    def visit_FunctionDef(self, node: _Function) -> None:
        """Walk a function: its own names are nobody else's."""
        outside = defaults(node.args)
        if not isinstance(node, ast.Lambda):
            self._all([*node.decorator_list, *outside])
            self.lend(*node.decorator_list, *outside)
            self.visit_Name(ast.copy_location(ast.Name(node.name, ast.Store()), node))
            own = {a.arg for a in parameters(node.args)} | {p.name for p in type_parameters(node)}
            self._scoped([*type_parameters(node), *node.body], own | _assigned(node.body))
        else:
            self._all(outside)
            self._scoped([node.body], {a.arg for a in parameters(node.args)}, lent=(node.body,))

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Walk a class."""
        typed = type_parameters(node)
        own = {p.name for p in typed}
        self._all(node.decorator_list)
        self._scoped([*typed, *node.bases, *node.keywords], own)
        self.visit_Name(ast.copy_location(ast.Name(node.name, ast.Store()), node))
        self._scoped(node.body, own | _assigned(node.body))

    def visit_TypeAlias(self, node: Any) -> None:
        """Walk an alias of a type, as from Python 3.12 on; its value is read when it is asked for."""
        self.visit(node.name)
        self._scoped([*node.type_params, node.value], {p.name for p in node.type_params})

    def _scoped(self, body: Iterable[ast.AST], names: set[str], lent: Iterable[ast.AST] = ()) -> None:
        kept = {n: self.aliases.pop(n) for n in names if n in self.aliases}
        self._locals.append(names)
        self._all(body)
        self.lend(*lent)
        self._locals.pop()
        self.aliases |= kept

    def visit_ListComp(self, node: _Comprehension) -> None:
        """Walk a comprehension: its variables are its own."""
        targets = [n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)]
        self._scoped(ast.iter_child_nodes(node), set(targets), lent=[g.iter for g in node.generators])

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def dotted(self, node: Any, links: int = _LINKS) -> str:
        """Resolve what an expression stands for: ``os.remove``, ``requests.Session()``, ``?.to_csv`` or nothing.

        A chain of more than `links` attributes and calls is nested too deeply to be read (RecursionError).
        """
        if not links:
            raise RecursionError(node)
        if isinstance(node, ast.Name):
            local = self.is_local(node.id)
            return self.aliases.get(node.id, "?" if local or node.id not in _KNOWN else node.id)
        if isinstance(node, ast.Attribute):
            return f"{self.dotted(node.value, links - 1) or '?'}.{node.attr}"
        if isinstance(node, ast.Await):
            return self.dotted(node.value, links - 1)
        if not isinstance(node, ast.Call):
            return "?"
        name = self.dotted(node.func, links - 1)
        return f"{name}.memory()" if name in _DATABASES and in_memory(node) else f"{name}()"


def parameters(args: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a function."""
    named = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return [a for a in named if a is not None]


def type_parameters(node: ast.AST) -> list[Any]:
    """Return the type parameters of a function, a class or an alias, as from Python 3.12 on."""
    return list(getattr(node, "type_params", ()))


def defaults(args: ast.arguments) -> list[ast.expr]:
    """Return all default values of a function."""
    return [*args.defaults, *(d for d in args.kw_defaults if d is not None)]


def bound_by(node: ast.AST) -> Iterable[str]:
    """Return the names that one node binds or deletes, without what stands inside it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.ExceptHandler(name=str(name)):
            return [name]
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return [a.asname or a.name.partition(".")[0] for a in names]
    return ()


def _assigned(body: Iterable[ast.AST]) -> set[str]:
    """Return the names that a scope's own statements bind, without those it declares as somebody else's."""
    nodes = [n for statement in body for n in ast.walk(statement)]
    foreign = {name for n in nodes if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
    return {name for n in nodes for name in bound_by(n)} - foreign


_TRIES = 5


def tree_of(source: str, filename: str = "<unknown>", flags: int = 0) -> ast.Module:
    """Parse code, again where another thread was at it, too.

    CPython 3.11 counts the depth of all trees that are in the making in one place (its issue 106905).

    Parameters
    ----------
    source : str
        Python code.
    filename : str
        Its name in tracebacks.
    flags : int
        Of the compiler, as for `compile`.

    Raises
    ------
    SyntaxError
        It is no Python.
    """
    flags |= ast.PyCF_ONLY_AST
    for _ in range(_TRIES):
        with suppress(SystemError):
            return cast("ast.Module", compile(source, filename, "exec", flags, dont_inherit=True))
    return cast("ast.Module", compile(source, filename, "exec", flags, dont_inherit=True))
