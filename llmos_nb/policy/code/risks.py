"""What a call may do, told from the dotted name of the function and from its arguments.

The tables are a guard against mistakes. They name the functions that people and models use, not all that exist, and
code that wants to hide what it does can (law 10).
"""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from llmos_nb.policy.code import tables


class Risk(NamedTuple):
    """Something in a step's code that a person may want to see before it runs.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    what : str
        The function, magic or construct, as a person would name it.
    line : int
        Line of the code, from 1.
    target : str
        The file, address, module or command, where the code spells it out.
    """

    kind: str
    what: str
    line: int
    target: str = ""


def literal(node: ast.expr | None) -> str:
    """Return a text that the code spells out; empty where it is only known when it runs."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return node.value if isinstance(node.value, str) else node.value.decode("utf-8", "replace")
    if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name | ast.Attribute):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        return literal(node.args[0]) if name in ("Path", "PurePath", "text") else ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        left, right = literal(node.left), literal(node.right)
        return f"{left.rstrip('/')}/{right}" if left and right else ""
    return ""


def begins(text: ast.expr | None) -> str:
    """Return what a text begins with, as far as the code spells it out: there stands what is done, and where."""
    if isinstance(text, ast.JoinedStr | getattr(ast, "TemplateStr", ast.JoinedStr)) and text.values:
        text = text.values[0]
    return literal(text)


def _argument(call: ast.Call, position: int, *names: str) -> ast.expr | None:
    found = next((k.value for k in call.keywords if k.arg in names), None)
    return found if found is not None else (call.args[position] if len(call.args) > position else None)


def _known(dotted: str) -> tuple[str, str]:
    """Return the kind of a function by the longest known beginning of its name, and that beginning."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        if name in tables.ROOTS:
            return tables.ROOTS[name], name
    return ("process", dotted) if tables.SPAWN.match(dotted) else ("", "")


def judge_call(dotted: str, call: ast.Call, receiver: str = "") -> list[Risk]:
    """Say what a call may do.

    Parameters
    ----------
    dotted : str
        The function's resolved name, such as ``os.remove`` or ``?.to_csv``.
    call : ast.Call
        The call.
    receiver : str
        What the code spells out as the object of a method: ``x`` in ``Path("x").unlink()``.

    Returns
    -------
    list of Risk
        Empty for a call of which nothing is known.
    """
    name, line = dotted.rpartition(".")[2], call.lineno
    kind, known = ("", "") if dotted in tables.SAFE else _known(dotted)
    first = literal(_argument(call, 0, *tables.PATHS, "url", "src"))
    if kind == "environment" and dotted.startswith("os.environ.") and _ordinary(name, call, first):
        return []
    if dotted in tables.COPIERS or dotted in tables.MOVERS:
        return _two_places(dotted, call, receiver)
    if kind:
        return [Risk(kind, known if kind == "network" else dotted, line, first)]
    for rule in (_open, _database, _pool, _writer, _reader, _sql, _reflection):
        if found := rule(dotted, name, call, receiver or first):
            return [found]
    on_texts = dotted.endswith(".str.extractall")  # of a table's column, and of no archive
    if name in tables.METHODS and "." in dotted and not on_texts:
        return [Risk(tables.METHODS[name], name, line, receiver or first)]
    return []


def _two_places(dotted: str, call: ast.Call, receiver: str) -> list[Risk]:
    """Say what is written that something is copied or moved to, and what is gone from where it was."""
    method = dotted.startswith("pathlib.")
    to = literal(_argument(call, 0 if method else 1, "dst", "target", "extract_dir"))
    gone = receiver if method else literal(_argument(call, 0, "src"))
    moved = [Risk("file", tables.MOVED, call.lineno, gone)] if dotted in tables.MOVERS else []
    return [Risk("file", dotted, call.lineno, to), *moved]


def ordinary(variable: str) -> bool:
    """Return whether a variable of the environment, as the code spells it, leads no program or library elsewhere."""
    return bool(variable) and not tables.LEADING.match(variable)


def _ordinary(name: str, call: ast.Call, first: str) -> bool:
    if name != "update":
        return ordinary(first)
    return not call.args and bool(call.keywords) and all(ordinary(k.arg or "") for k in call.keywords)


def _open(dotted: str, name: str, call: ast.Call, target: str) -> Risk | None:
    method = name == "open" and dotted not in tables.OPENERS and "." in dotted
    if dotted not in tables.OPENERS and not method:
        return None
    given = _argument(call, 0 if method else 1, "mode")
    mode = literal(given) if given is not None else "r"
    if given is not None and not mode:
        return Risk("file", "open", call.lineno, target)
    how = "append" if "a" in mode else "open"
    return Risk("file" if set(mode) & set("wax+") else "foreign file", how, call.lineno, target)


def in_memory(call: ast.Call) -> bool:
    """Return whether a database is opened that is in memory, as the code spells it; one without a name is."""
    name = _argument(call, 0, "database")
    return literal(name) == ":memory:" or (name is None and not call.keywords)


def _database(dotted: str, name: str, call: ast.Call, target: str) -> Risk | None:
    """Judge what opens a database with native code, which no hook sees; SQLite tells by itself what it writes."""
    if name == "blobopen":
        return Risk("file", name, call.lineno)
    if dotted.startswith("duckdb.") and dotted != "duckdb.connect":
        text = begins(_argument(call, 0, "query"))
        if tables.OUT_OF_MEMORY.match(text):
            return Risk("not undoable", name, call.lineno, " ".join(text.split())[:80])
        if re.search(r"(https?|s3|gcs|hf)://", text):
            return Risk("network", dotted, call.lineno)
    if dotted != "duckdb.connect" or in_memory(call):
        return None
    only = _argument(call, 1, "read_only")
    reading = isinstance(only, ast.Constant) and only.value is True
    return Risk("foreign file" if reading else "file", dotted, call.lineno, target)


def _pool(dotted: str, name: str, call: ast.Call, target: str) -> Risk | None:
    workers = next((k.value for k in call.keywords if k.arg == "workers"), None)
    alone = workers is None or (isinstance(workers, ast.Constant) and workers.value in (None, 1))
    return None if alone or not tables.POOLS.match(dotted) else Risk("process", dotted, call.lineno)


def _writer(dotted: str, name: str, call: ast.Call, target: str) -> Risk | None:
    if name not in tables.WRITERS or not (call.args or any(k.arg in tables.PATHS for k in call.keywords)):
        return None
    path = _argument(call, 0, *tables.PATHS)
    nowhere = isinstance(path, ast.Constant) and path.value is None  # it gives a text instead
    return None if nowhere else Risk("file", name, call.lineno, literal(path))


def _reader(dotted: str, name: str, call: ast.Call, target: str) -> Risk | None:
    if dotted == "numpy.load":
        pickled = _argument(call, 2, "allow_pickle")
        unsafe = isinstance(pickled, ast.Constant) and bool(pickled.value)
        return Risk("exec" if unsafe else "foreign file", dotted, call.lineno, target)
    if not tables.READERS.match(name) or (name == "read_sql" and tables.SQL.match(target)):
        return None
    remote = re.match(r"(https?|ftp|s3|gs)://", target or begins(_argument(call, 0, "source")))
    return Risk("network" if remote else "foreign file", name, call.lineno, target)


def _sql(dotted: str, name: str, call: ast.Call, target: str) -> Risk | None:
    statement = begins(call.args[0] if call.args else None)
    found = tables.SQL.match(statement) if name in tables.SQL_METHODS else None
    if found is None:
        return None
    deletes = found[1].lower() in tables.DELETES
    return Risk("deletion" if deletes else "not undoable", name, call.lineno, " ".join(statement.split())[:80])


def _reflection(dotted: str, name: str, call: ast.Call, target: str) -> Risk | None:
    if dotted in ("getattr", "setattr", "delattr"):
        spelled = literal(_argument(call, 1))
        return None if spelled and not spelled.startswith("__") else Risk("exec", dotted, call.lineno, spelled)
    everything = dotted in ("globals", "locals") or (dotted == "vars" and not call.args)
    return Risk("exec", dotted, call.lineno) if everything else None


def judge_attribute(name: str, line: int) -> list[Risk]:
    """Say what reaching for an attribute may mean."""
    if name in tables.INTO_CLASSES:
        return [Risk("exec", name, line)]
    return [Risk("native", name, line)] if name in tables.REFLECTION else []


def judge_command(command: str, line: int) -> list[Risk]:
    """Say what a ``!command`` may do."""
    kinds = ("deletion", "process") if tables.DELETING_COMMANDS.search(command) else ("process",)
    return [Risk(kind, "!", line, command[:80]) for kind in kinds]
