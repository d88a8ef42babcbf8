"""What some Python code would read, write and do, told from its text alone. Pure: nothing runs, nothing is opened.

It is a guard against mistakes and not against hostility (law 10): it resolves imports and simple aliases, and knows
the functions of its tables; code that hides what it does gets past it.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from llmos_nb.policy.code.names import NameVisitor, Surroundings, tree_of
from llmos_nb.policy.code.risks import Risk, judge_attribute, judge_call, judge_command, literal, ordinary
from llmos_nb.policy.code.tables import (
    ASKS,
    HARMLESS,
    HARMLESS_METHODS,
    IN_MEMORY,
    MUTATORS,
    OUT_OF_MEMORY,
    PATHS,
    TEMPORARY,
    UNSEEN,
)  # fmt: skip

_LOOKS = "who", "whos", "who_ls", "pwd", "lsmagic", "matplotlib", "pinfo", "pinfo2", "psource", "pdoc", "pfile"
_TIMERS = ("time", "timeit", "prun", "capture")
OPAQUE = ("exec", "native")  # what may reach any variable
_OPTIONS = re.compile(r"(\s*-[A-Za-z]+\s*\d*(?=\s))*\s*")
_MAGICS = ("run_line_magic", "run_cell_magic", "magic")
_COMMANDS = ("system", "getoutput", "system_raw", "system_piped")


class Visitor(NameVisitor):
    """Collects what is to be known of some code; its parameters are those of `NameVisitor`."""

    def __init__(self, around: Surroundings, depth: int = 0) -> None:
        super().__init__(around, depth)
        self._passing: set[str] = set()  # names of what tempfile has made, of paths in it, of what writes to memory
        self.unseen: dict[Risk, None] = {}

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        super()._assign(target, value)
        if isinstance(target, ast.Name):
            change = self._passing.add if self._passes(value) else self._passing.discard
            change(target.id)

    def _passes(self, *given: ast.expr) -> bool:
        """Return whether expressions are about what tempfile has made in this same code, or a buffer in memory."""
        nodes = [n for g in given for n in ast.walk(g) if isinstance(n, ast.Name | ast.Call)]
        return any(
            (isinstance(n, ast.Name) and n.id in self._passing)
            or TEMPORARY.match(self.dotted(n))
            or IN_MEMORY.match(self.dotted(n))
            for n in nodes
        )

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note reflection, and attributes that are set."""
        self.risks |= {r: None for r in judge_attribute(node.attr, node.lineno)}
        self.visit(node.value)
        if not isinstance(node.ctx, ast.Load):
            self._changed(node, "sets an attribute")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Note items that are set."""
        self.visit(node.value)
        self.visit(node.slice)
        where = self.dotted(node.value)
        if not isinstance(node.ctx, ast.Load):
            if where in ("os.environ", "sys.modules"):
                named = literal(node.slice)
                if where == "sys.modules" or not ordinary(named):
                    self.risks[Risk("environment", where, node.lineno, named)] = None
            else:
                self._changed(node, "")

    def _changed(self, node: ast.Attribute | ast.Subscript, how: str) -> None:
        """Note that an object was changed in place."""
        root = _root(node)
        if root is None or self.is_local(root):
            return
        if how and root in self.modules:
            self.risks[Risk("not undoable", ast.unparse(node), node.lineno, "a module")] = None
        self.write(root)

    def visit_Call(self, node: ast.Call) -> None:
        """Note a call and what it may do."""
        dotted = self.dotted(node.func).replace("()", "")
        self.calls[dotted.removeprefix("?.")] = None
        self._magic(dotted, node) if dotted.startswith("get_ipython") else self._judge(dotted, node)
        self.lend(*ast.iter_child_nodes(node))
        self.generic_visit(node)

    def _judge(self, dotted: str, node: ast.Call) -> None:
        receiver = literal(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        risks = judge_call(dotted, node, receiver)
        if self._stays_in_memory(node):
            risks = [r for r in risks if r.kind not in ("file", "not undoable") or OUT_OF_MEMORY.match(r.target)]
        if self._asks(dotted, node):
            risks = [r for r in risks if r.kind != "foreign file"]
        if any(r.kind in ("file", "deletion") for r in risks) and self._passes(*self._places(node)):
            risks = [r for r in risks if r.kind not in ("file", "deletion")]
        self.risks |= {r: None for r in risks}
        if UNSEEN.match(dotted):
            self.unseen |= {r: None for r in risks if r.kind != "not undoable" or OUT_OF_MEMORY.match(r.target)}
        self.everything |= any(r.kind in OPAQUE for r in risks)
        name = dotted.rpartition(".")[2]
        given = next((k.value for k in node.keywords if k.arg == "inplace"), ast.Constant(False))
        inplace = not isinstance(given, ast.Constant) or bool(given.value)
        if (name in MUTATORS or inplace) and isinstance(node.func, ast.Attribute):
            root = _root(node.func)
            if root is not None and root not in self.modules and not self.is_local(root):
                self.write(root)
        known = dotted in HARMLESS or (isinstance(node.func, ast.Attribute) and name in HARMLESS_METHODS)
        self.harmless &= known and not inplace

    def _asks(self, dotted: str, node: ast.Call) -> bool:
        """Return whether a query goes to a connection from before the code: its label counts, as for any variable."""
        given = next((k.value for k in node.keywords if k.arg == "con"), node.args[1] if len(node.args) > 1 else None)
        if self.depth or not dotted.startswith("pandas.read_sql") or not isinstance(given, ast.Name):
            return False
        return given.id not in self._bound and given.id not in self.writes and not self.is_local(given.id)

    def _places(self, node: ast.Call) -> list[ast.expr]:
        """Return what a call may write to or delete: of two places, where it copies to; of others that move, none."""
        dotted = self.dotted(node.func)
        if dotted.startswith(("shutil.", "os.")) and len(node.args) > 1:
            return node.args[1:2] if dotted.startswith("shutil.copy") else []
        own = [node.func.value] if isinstance(node.func, ast.Attribute) and node.func.attr != "backup" else []
        return [*own, *node.args, *(k.value for k in node.keywords if k.arg in PATHS)]

    def _stays_in_memory(self, node: ast.Call) -> bool:
        """Return whether a call writes into a buffer or a database that this same code has made in memory."""
        given = [*node.args[:2], *(k.value for k in node.keywords)]
        if isinstance(node.func, ast.Attribute) and node.func.attr != "backup":  # which writes to what it is given
            given.append(node.func.value)
        return any(IN_MEMORY.match(self.dotted(g)) for g in given)

    def _magic(self, dotted: str, node: ast.Call) -> None:
        """Note a magic; what a timer times is looked at as code."""
        self.harmless = False
        method, name = dotted.rpartition(".")[2], literal(node.args[0]) if node.args else ""
        if method in _COMMANDS:
            self.risks |= {r: None for r in judge_command(name, node.lineno)}
        elif method in _MAGICS and name in _TIMERS:
            self._timed(name, [literal(a) for a in node.args[1:]], node.lineno)
        elif method in _MAGICS and name:
            if name not in _LOOKS:
                self.everything = True
                given = " ".join(map(literal, node.args[1:]))[:80]
                self.risks[Risk("magic", f"%{name}", node.lineno, given)] = None
        elif method != "get_ipython":
            self.everything = True
            self.risks[Risk("exec", f"get_ipython().{method}", node.lineno)] = None

    def _timed(self, name: str, texts: list[str], line: int) -> None:
        for text in texts:
            try:
                self._all(tree_of(_OPTIONS.sub("", text, count=1)).body)
            except SyntaxError:
                self.everything = True
                self.risks[Risk("magic", f"%{name}", line, text[:80])] = None


def _root(node: ast.expr) -> str | None:
    """Return the name at the root of ``a.b[0].c``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


Level = Literal["read", "namespace", "risky"]
NOTHING = Surroundings()


@dataclass(frozen=True)
class Inspection:
    """What code would do.

    Parameters
    ----------
    reads : tuple of str
        Names that it takes from outside.
    writes : tuple of str
        Names that it binds, deletes or changes in place.
    calls : tuple of str
        Dotted names of what it calls, resolved.
    risks : tuple of Risk
        In the order of the code.
    everything : bool
        It may reach any name (`exec`, `globals`, magics).
    harmless : bool
        Everything that it calls is known to change nothing.
    imports : tuple of (str, str)
        Of `writes`, those that only imports bind, with the dotted name of what is imported.
    unseen : tuple of Risk
        Of the risks, those of calls whose effects nothing tells when they happen.
    lent : tuple of str
        Of `reads`, names that are handed to a call, of which something is called, or that get another name: whether
        what they hold is changed the text does not tell.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    everything: bool = False
    harmless: bool = True
    imports: tuple[tuple[str, str], ...] = ()
    unseen: tuple[Risk, ...] = ()
    lent: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """Whether it only reads, changes the namespace, or does what a person may want to see first."""
        if any(r.kind in ASKS for r in self.risks):
            return "risky"
        return "read" if self.harmless and not self.writes and not self.everything else "namespace"


def inspect_code(code: str, around: Surroundings = NOTHING) -> Inspection:
    """Look at code without running it.

    Parameters
    ----------
    code : str
        Python, also with magics and ``!commands``.
    around : Surroundings, optional
        What is known of the names it may use.

    Returns
    -------
    Inspection
        Code that cannot be parsed has the one risk ``syntax``: it cannot run either. Code that is nested too deeply to
        be read can, from Python 3.12 on above all: it asks.
    """
    _, seen, fault = _seen(code, around)
    if seen is None:
        return Inspection(risks=(fault,), everything=True, unseen=(fault,) if fault.kind == "unread" else ())
    names = tuple(seen.reads), tuple(seen.writes), tuple(seen.calls)
    risks = tuple(sorted(seen.risks, key=lambda r: r.line))
    imports = tuple((name, origin) for name, origin in seen.writes.items() if origin)
    lent = tuple(n for n in seen.reads if n in seen.lent or seen.everything)
    return Inspection(*names, risks, seen.everything, seen.harmless, imports, tuple(seen.unseen), lent)


def code_names(code: str) -> frozenset[str] | None:
    """Return every name that code may reach by itself; None stands for all there are.

    Names that the user's own functions use are not followed here: `Snapshots` does that in the live namespace.
    """
    tree, seen, _ = _seen(code, NOTHING)
    if seen is None or seen.everything or any(r.kind in (*OPAQUE, "magic") for r in seen.risks):
        return None
    return frozenset((*_named(tree), *seen.reads, *seen.writes))


def parsed_code(code: str) -> ast.Module | None:
    """Return code as a tree, also with magics and ``!commands``; None for what cannot be parsed."""
    return _parsed(code)[0]


def _named(tree: ast.Module) -> Iterator[str]:
    """Yield the names in code, and the modules that it imports: what they hold it may reach, by whatever name."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name):
                yield name
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (module, *(f"{module}.{alias.name}" for alias in names))


def _seen(code: str, around: Surroundings) -> tuple[ast.Module, Visitor | None, Risk]:
    """Return code as a tree with what a walk through it collects; nothing of it, and why, where it cannot be walked."""
    tree, fault = _parsed(code)
    seen = Visitor(around)
    try:
        seen.visit(tree or ast.Module([], []))
    except RecursionError:
        tree, fault = None, Risk("unread", "code nested too deeply to be looked at", 1)
    return (tree, seen, fault) if tree is not None else (ast.Module([], []), None, fault)


def _parsed(code: str) -> tuple[ast.Module | None, Risk]:
    """Parse code as it is, or else as IPython would turn it into Python."""
    fault = Risk("syntax", "", 1)
    for read in (str, _as_python):  # plain code is not sent through IPython, which is slow to import
        try:
            return tree_of(read(code)), fault
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            fault = Risk("syntax", str(getattr(error, "msg", error)), getattr(error, "lineno", None) or 1)
    return None, fault


def _as_python(code: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager  # slow, and rarely needed

    with warnings.catch_warnings():  # about line ends that nobody types
        warnings.simplefilter("ignore")
        return str(TransformerManager().transform_cell(code))
