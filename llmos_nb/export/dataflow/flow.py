"""What a piece of code does with global names: reads, binds, changes in place. Static, by the syntax tree alone.

Where the tree does not tell, the answer errs on the side of "it may have changed this", so that a slice holds more
than it needs rather than less.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llmos_nb.export.dataflow import effects, scopes
from llmos_nb.policy.code import bound_by, defaults, parameters, type_parameters

CWD, PATH = "$cwd", "$path"  # the working folder, and where modules are looked for


@dataclass
class Flow:
    """Names that a statement touches."""

    reads: set[str] = field(default_factory=set)  # global names whose value it uses
    binds: set[str] = field(default_factory=set)  # names it gives a value, perhaps only on one branch
    # those of `binds` that it surely rebinds, so that what stood there before is of no matter
    kills: set[str] = field(default_factory=set)
    mutates: set[str] = field(default_factory=set)  # names whose object it may change in place
    imports: set[str] = field(default_factory=set)  # names that it binds to modules or to what they hold
    # plain names handed to a function that may be the user's
    passes: list[tuple[str, set[str]]] = field(default_factory=list)
    # functions that are handed over to be called, as to `map`, each with the names that it may be given
    hands: list[tuple[str, set[str]]] = field(default_factory=list)
    # attributes, as methods that are called, each with the name at the root of their object
    methods: list[tuple[str, str]] = field(default_factory=list)
    # names whose attributes or items it sets; of a module that counts for everybody who uses it
    patches: set[str] = field(default_factory=set)
    late: dict[str, Flow] = field(default_factory=dict)  # by function or class: what its body will do when it is called
    # names that may stand for the same object from here on
    aliases: list[tuple[str, str]] = field(default_factory=list)
    parameters: set[str] = field(default_factory=set)
    # words of texts that a library may look up: tables in SQL, ``@name`` in a query of pandas
    mentions: set[str] = field(default_factory=set)
    whole: bool = False  # it may touch every name (`exec`, `globals`, a star import)

    def add(self, other: Flow) -> None:
        """Take in what another piece of code does."""
        for name in ("reads", "binds", "mutates", "imports", "patches", "mentions"):
            getattr(self, name).update(getattr(other, name))
        self.passes += other.passes
        self.hands += other.hands
        self.methods += other.methods
        self.aliases += other.aliases
        self.late.update(other.late)
        self.whole |= other.whole


class Visitor(ast.NodeVisitor):
    """Walks one statement with the scopes of its functions."""

    def __init__(self, scopes: Sequence[set[str]] = ()) -> None:
        self.flow, self.scopes = Flow(), list(scopes)
        self.declared: set[str] = set()
        # names that a loop or `with` of this statement has bound before they are read
        self.met: set[str] = set()

    def _visit(self, *nodes: ast.AST) -> None:
        for node in nodes:
            self.visit(node)

    def _free(self, name: str) -> bool:
        return bool(name) and (name in self.declared or not any(name in s for s in self.scopes))

    def _bind(self, name: str) -> None:
        if not self.scopes or name in self.declared:
            self.flow.binds.add(name)

    def _mutate(self, name: str) -> None:
        if self._free(name):
            self.flow.mutates.add(name)
            if name not in self.met:
                self.flow.reads.add(name)
        elif name in self.flow.parameters:
            self.flow.mutates.add(f"*{name}")

    def visit_Name(self, node: ast.Name) -> None:
        """A name that is read, bound or deleted."""
        if not isinstance(node.ctx, ast.Load):
            self._bind(node.id)
        elif self._free(node.id) and node.id not in self.met:
            self.flow.reads.add(node.id)
            self.flow.whole |= node.id in effects.DYNAMIC

    def visit_Global(self, node: ast.Global) -> None:
        """Names of a function that are the module's."""
        self.declared |= set(node.names)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Names bound to modules and to what they hold."""
        self.flow.reads.add(PATH)
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            self.flow.whole |= name == "*"
            self._bind(name)
            self.flow.imports.add(name)
            module = getattr(node, "module", "") or ""
            state = effects.STATE_OF.get(module)
            if state and not effects.makes_generator(alias.name):  # it draws, under a name of its own
                self.flow.late[name] = Flow(reads={state}, mutates={state})

    visit_ImportFrom = visit_Import

    def visit_Attribute(self, node: ast.Attribute | ast.Subscript) -> None:
        """An attribute or item that is set changes its object; one that is read may be a method, or computed once."""
        root = scopes.chain_root(node)
        if isinstance(node, ast.Attribute) and self._free(root):
            self.flow.methods.append((node.attr, root))
        if not isinstance(node.ctx, ast.Load):
            self._mutate(root)
            self.flow.mutates |= _import_path(node)
            self.flow.patches |= {root} if self._free(root) else set()
        self.generic_visit(node)

    visit_Subscript = visit_Attribute

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """``x += 1`` may change a list in place."""
        self._mutate(scopes.root_of(node.target))
        self.flow.mutates |= _import_path(node.target)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Names bound, and what they may be other names of."""
        names = _named(*node.targets)
        self._alias(names, scopes.chain_root(node.value))
        for held in scopes.methods_held(node.value, effects.MUTATORS):
            self._alias(names, held)
        self.generic_visit(node)
        if isinstance(node.value, ast.Lambda):
            self.flow.late |= {name: self._body(node.value) for name in names}

    def _alias(self, names: list[str], source: str) -> None:
        first, *others = [n for n in [*names, source] if self._free(n)] or [""]
        self.flow.aliases += [(first, other) for other in others]

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """The loop's variable is a part of what is looped over."""
        names = _named(node.target)
        self._alias(names, scopes.chain_root(node.iter))
        self._visit(node.iter, node.target)
        self.met |= set(names)
        self._block([*node.body, *node.orelse])

    visit_AsyncFor = visit_For

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        """Its body surely runs."""
        self._visit(*node.items)
        self._block(node.body)

    visit_AsyncWith = visit_With

    def visit_If(self, node: ast.If) -> None:
        """What both branches bind is bound."""
        self.visit(node.test)
        before = set(self.met)
        self._block(node.body)
        first, self.met = self.met, before
        self._block(node.orelse)
        self.met &= first

    def _block(self, statements: list[ast.stmt]) -> None:
        """Visit statements that follow one another: what one binds, the next reads."""
        for statement in statements:
            self.visit(statement)
            self.met |= scopes.surely_bound(statement)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """The name of a caught error stands for it in the handler."""
        if node.name:
            self._bind(node.name)
            self.met.add(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        """The names that a pattern binds."""
        for name in bound_by(node):
            self._bind(name)
            self.met.add(name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchMapping = visit_MatchAs

    def visit_withitem(self, node: ast.withitem) -> None:
        """The name after ``as`` may be the object that was entered."""
        self.visit(node.context_expr)
        if node.optional_vars is not None:
            names = _named(node.optional_vars)
            self._alias(names, scopes.chain_root(node.context_expr))
            self.visit(node.optional_vars)
            self.met |= set(names)

    def visit_Expr(self, node: ast.Expr) -> None:
        """A bare call is there for what it does: it may change its object and its arguments."""
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(value, ast.Call) and not effects.random_state(value):
            method = value.func.attr if isinstance(value.func, ast.Attribute) else ""
            if not isinstance(value.func, ast.Name) and method not in effects.LOOKS:
                self._mutate(scopes.chain_root(value.func))
            if method not in effects.LOOKS and getattr(value.func, "id", "") not in effects.HARMLESS:
                for argument in scopes.names_given(value):
                    self._mutate(argument)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Methods that change their object, and functions that change an argument."""
        self._call_by_name(node)
        if effects.last(node.func) in effects.LOOKS_UP:
            texts = (n.value for a in node.args for n in ast.walk(a) if isinstance(n, ast.Constant))
            self.flow.mentions |= {w for t in texts if isinstance(t, str) for w in effects.looked_up(t)}
        for argument in node.args:  # a method handed over, which somebody else calls
            if isinstance(argument, ast.Attribute) and argument.attr in effects.MUTATORS:
                self._mutate(scopes.chain_root(argument))
        named = isinstance(node.func, ast.Attribute)
        changes = named and (effects.last(node.func) in effects.MUTATORS or scopes.in_place(node))
        if changes and not effects.random_state(node):
            self._mutate(scopes.chain_root(node.func))
        self._resources(node)
        self.generic_visit(node)

    def _call_by_name(self, node: ast.Call) -> None:
        last = effects.last(node.func)
        if last in effects.CHANGES_FIRST and node.args:
            self._mutate(scopes.chain_root(node.args[0]))
            self.flow.patches |= {scopes.chain_root(node.args[0])} if last in ("setattr", "delattr") else set()
        if isinstance(node.func, ast.Name) and last not in effects.HARMLESS:
            given = {n for n in scopes.names_given(node) if self._free(n)}
            self.flow.passes.append((last, given))
        if last in effects.CALLS_FIRST and node.args and isinstance(first := node.args[0], ast.Name | ast.Lambda):
            given = {n for n in scopes.names_given(node) if self._free(n)} - {getattr(first, "id", "")}
            if isinstance(first, ast.Name):
                self.flow.hands.append((first.id, given))
            elif any(m.startswith("*") for m in self._body(first).mutates):
                for argument in given:
                    self._mutate(argument)

    def _resources(self, node: ast.Call) -> None:
        """Note the use of what has no name of its own: random state and the working folder."""
        states, name = set(effects.random_state(node)), effects.last(node.func)
        if name in effects.SETS_SEED:
            self.flow.binds |= states
        else:
            self.flow.reads |= states
            self.flow.mutates |= states
        self.flow.mutates |= _import_path(node.func)
        if name == "chdir":
            self.flow.binds.add(CWD)
        elif name.startswith(effects.READS_FILES):
            self.flow.reads.add(CWD)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """The name now, the body when it is called."""
        self._bind(node.name)
        self._visit(*node.decorator_list, *defaults(node.args))
        self._typed(node, *scopes.annotations_of(node))
        body = self._body(node)
        if self.scopes:
            self.flow.add(body)
        else:
            self.flow.late[node.name] = body

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Its body is read as if it ran at once."""
        self._visit(*defaults(node.args))
        self.flow.add(self._body(node))

    def _body(self, node: scopes.Function) -> Flow:
        """Read a function's body in a scope of its own."""
        given = {a.arg for a in parameters(node.args)}
        own = {p.name for p in type_parameters(node)} | scopes.local_names(node)
        inner = Visitor([*self.scopes, given | own])
        inner.flow.parameters = given
        inner._visit(*([node.body] if isinstance(node, ast.Lambda) else node.body))
        return inner.flow

    def _typed(self, node: ast.AST, *nodes: ast.AST) -> None:
        """Read what stands where the type parameters of a definition are known, and what they are bound to."""
        typed = type_parameters(node)
        kept = self.scopes
        self.scopes = [*kept, {p.name for p in typed}] if typed else kept
        self._visit(*typed, *nodes)
        self.scopes = kept

    def visit_TypeAlias(self, node: Any) -> None:
        """An alias of a type, as from Python 3.12 on; it may name itself."""
        self._visit(node.name)
        self.met.add(node.name.id)
        self._typed(node, node.value)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Bases now, methods when they are called."""
        self._bind(node.name)
        self._visit(*node.decorator_list)
        self._typed(node, *node.bases, *(k.value for k in node.keywords))
        own = {p.name for p in type_parameters(node)}
        inner = Visitor([*self.scopes, own | scopes.stored(node.body)])
        inner._visit(*node.body)
        self.flow.reads |= inner.flow.reads
        self.flow.late[node.name] = inner.flow

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.scopes.append(set(_named(*(g.target for g in node.generators))))
        self.generic_visit(node)
        self.scopes.pop()

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension


def _named(*targets: ast.expr) -> list[str]:
    return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]


def _import_path(node: ast.expr) -> set[str]:
    """Return the name of the import path where an expression is a part of it, or what adds to it."""
    while isinstance(node, ast.Subscript):
        node = node.value
    path = f"{effects.dotted(node)}."
    return {PATH} if path.startswith(("sys.path.", "site.addsitedir.")) else set()


def flow_of(statement: ast.stmt) -> Flow:
    """Read one top-level statement."""
    visitor = Visitor()
    visitor.visit(statement)
    flow = visitor.flow
    if isinstance(statement, (*scopes.SURE, ast.Expr)):
        # a walrus may stand where it is not reached, as in `a and (b := 1)`
        walrus = {n.target.id for n in ast.walk(statement) if isinstance(n, ast.NamedExpr)}
        flow.kills = flow.binds - walrus - {CWD}
    elif isinstance(statement, ast.If | ast.With | ast.AsyncWith):
        flow.kills = flow.binds & visitor.met
    return flow


def flow_of_code(source: str) -> Flow:
    """Read a whole piece of code; names that it binds before it reads them are not among its reads."""
    total = Flow()
    bound: set[str] = set()
    for statement in ast.parse(source).body:
        one = flow_of(statement)
        one.reads -= bound
        total.add(one)
        bound |= one.kills
    total.kills = bound
    return total
