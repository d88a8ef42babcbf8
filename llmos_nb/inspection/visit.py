"""What code does to things: calls, attributes and items that are set, magics, and the risks of each."""

from __future__ import annotations

import ast
import re

from llmos_nb.inspection.names import NameVisitor
from llmos_nb.inspection.rules import Risk, judge_attribute, judge_call, judge_command, literal
from llmos_nb.inspection.tables import HARMLESS, HARMLESS_METHODS, MUTATORS

_LOOKS = frozenset(
    ("who", "whos", "who_ls", "pwd", "lsmagic", "matplotlib", "pinfo", "pinfo2", "psource", "pdoc", "pfile")
)
_TIMERS = frozenset(("time", "timeit", "prun", "capture"))
_OPTIONS = re.compile(r"(\s*-[A-Za-z]+\s*\d*(?=\s))*\s*")
_MAGICS = ("run_line_magic", "run_cell_magic", "magic")
_COMMANDS = ("system", "getoutput", "system_raw", "system_piped")


class Visitor(NameVisitor):
    """Collects what is to be known of some code; its parameters are those of `NameVisitor`."""

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
                self.risks[Risk("environment", where, node.lineno, literal(node.slice))] = None
            else:
                self._changed(node, "")

    def _changed(self, node: ast.Attribute | ast.Subscript, how: str) -> None:
        """Note that an object was changed in place."""
        root = _root(node)
        if root is None or self.is_local(root):
            return
        if how and root in self.modules:
            self.risks[Risk("not undoable", ast.unparse(node), node.lineno, "a module")] = None
        self.writes[root] = None

    def visit_Call(self, node: ast.Call) -> None:
        """Note a call and what it may do."""
        dotted = self.dotted(node.func).replace("()", "")
        self.calls[dotted.removeprefix("?.")] = None
        if dotted.startswith("get_ipython"):
            self._magic(dotted, node)
        else:
            self._judge(dotted, node)
        self.generic_visit(node)

    def _judge(self, dotted: str, node: ast.Call) -> None:
        receiver = literal(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        risks = judge_call(dotted, node, receiver)
        self.risks |= {r: None for r in risks}
        self.everything |= any(r.kind == "exec" for r in risks)
        name = dotted.rpartition(".")[2]
        inplace = any(k.arg == "inplace" and not _is_false(k.value) for k in node.keywords)
        if (name in MUTATORS or inplace) and isinstance(node.func, ast.Attribute):
            root = _root(node.func)
            if root is not None and root not in self.modules and not self.is_local(root):
                self.writes[root] = None
        known = dotted in HARMLESS or (isinstance(node.func, ast.Attribute) and name in HARMLESS_METHODS)
        self.harmless &= known and not inplace

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
                self._all(ast.parse(_OPTIONS.sub("", text, count=1)).body)
            except SyntaxError:
                self.everything = True
                self.risks[Risk("magic", f"%{name}", line, text[:80])] = None


def _root(node: ast.expr) -> str | None:
    """Give the name at the root of ``a.b[0].c``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value
