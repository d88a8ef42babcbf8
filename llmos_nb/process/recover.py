"""After a crash: settle what was under way, and tell whether the namespace is as it was left."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

from llmos_nb.heap import can_change, is_owned, is_written, reachable_names
from llmos_nb.journal import Acts
from llmos_nb.journal.events import CallInDoubt, CallResolved, Decider
from llmos_nb.process.run import Run
from llmos_nb.process.state.rebuild import last_digests
from llmos_nb.tools import Call, Tool

_MAGIC = re.compile(r"^(\s*)[%!].*", re.MULTILINE)


def may_change(code: str, seen: Mapping[str, Any], namespace: dict[str, Any]) -> list[str]:
    """Return the variables that what some code calls can change: by what it is given, or by the globals it uses.

    What libraries are given they leave as it is, unless code of the user's is among it.

    Parameters
    ----------
    code : str
        Python.
    seen : mapping
        What is known of it: the names that it ``reads`` and ``writes``, and its ``imports``. Of what it reads and is
        not there nothing is known.
    namespace : dict
        The live names, before it runs.
    """
    given, called, walked = set[str](), set[str](), set[FunctionType]()
    imports = dict(seen.get("imports", ()))
    known = {n for n in seen["writes"] if n not in imports or _is_library(imports[n])}
    due = [(_tree(_MAGIC.sub(r"\1pass", code)), set[str](), known)]
    while due:
        tree, local, known = due.pop()
        known -= _made(tree, namespace)
        for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
            names = _names(call) - local
            theirs = {n for n in names if _is_theirs(namespace.get(n))}
            if not theirs and not _is_unknown(call.func, namespace, known):
                continue
            given |= names
            called |= {call.func.id} if isinstance(call.func, ast.Name) else set()
            for name in theirs:
                function = namespace[name]
                if isinstance(function, FunctionType) and (inner := _tree(_source(function))).body:
                    given.discard(name)  # its text names what it changes, but for what it calls in turn
                    own = {*function.__code__.co_varnames}
                    due += [(inner, own, {*own})] if function not in walked else []
                    walked.add(function)
    there = [n for n in reachable_names(given, namespace) if not n.startswith("_") and can_change(namespace[n])]
    return sorted({*there, *(given.intersection(seen["reads"]) - namespace.keys() - called)})


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _made(tree: ast.Module, namespace: Mapping[str, Any]) -> set[str]:
    """Return the names that code binds to code of its own, or to what code of the user's gives."""
    found = set[str]()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets, value=value):
                if isinstance(value, ast.Lambda) or any(_is_theirs(namespace.get(n)) for n in _names(value)):
                    found.update(*map(_names, targets))
    return found


def _is_theirs(value: object) -> bool:
    """Return whether a value is code of the user's: a function, a class, a module, or an object of such a class."""
    if isinstance(value, partial | MethodType):
        return _is_theirs(value.func if isinstance(value, partial) else value.__func__)
    if isinstance(value, FunctionType):
        return is_owned(value.__module__ or "")
    if isinstance(value, ModuleType):
        return is_owned(value.__name__)
    return is_written(value if isinstance(value, type) else type(value))


def _is_unknown(called: ast.expr, namespace: Mapping[str, Any], known: set[str]) -> bool:
    """Return whether nobody knows whose code is called: nothing by that name is there, or it is looked up."""
    while isinstance(called, ast.Attribute):
        called = called.value
    if isinstance(called, ast.Name):
        return not (called.id in known or called.id in namespace or hasattr(builtins, called.id))
    return isinstance(called, ast.Subscript)


def _is_library(origin: str) -> bool:
    root = origin.partition(".")[0]
    return root in sys.stdlib_module_names or (root in sys.modules and not is_owned(root))


def _source(function: FunctionType) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return ""


def _tree(code: str) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return ast.Module([], [])


def unfinished(run: Run) -> list[str]:
    """Return the ids of the calls that were under way when the process broke off; ask before it goes on."""
    return [c.id for c in run.state.open_calls if c.status == "running"]


async def settle_unfinished(run: Run, broken: Sequence[str]) -> None:
    """Look at every call that was under way when the process broke off.

    Those that are `pure` or `idempotent` may run again with the same key; of a `once` call the tool's `reconcile`,
    or a person, must say whether it took effect.

    Parameters
    ----------
    run : Run
        It may be at work again by now.
    broken : sequence of str
        Ids of those calls.
    """
    for call in map(run.state.calls.__getitem__, broken):
        tool = run.tools.get(call.name)
        if tool is not None and (tool.repeat != "once" or only_namespace(run, tool, call)):
            run.append(CallResolved(call=call.id, done=False, by=Decider("check", "journal")))
            continue
        done = await run.visit(partial(_reconciled, tool, call))
        if done is None:
            run.append(CallInDoubt(call=call.id, **_cut_off(run, tool, call)))
        else:
            run.append(CallResolved(call=call.id, done=done, by=Decider("check", "reconcile")))


def only_namespace(run: Run, tool: Tool, call: Call) -> bool:
    """Whether nothing of the call can have outlived the kernel: it had not begun to act, nor would by its code."""
    if (
        tool.effect != "namespace"
        or not call.facts.get("watched")
        or Acts(run.journal.path.parent).noted(call.key) is not None
    ):
        return False
    if not isinstance(call.arguments, dict):
        return True
    found = dict(tool.inspect(call.arguments)) if tool.inspect is not None else {}
    hidden = any(kind == "exec" for kind, _ in found.get("risks", ()))  # native code is not seen as it acts
    return found.get("level") != "risky" and not hidden


def _cut_off(run: Run, tool: Tool | None, call: Call) -> dict[str, Any]:
    """Return what is known of code that was cut off: what it had done outside, and which variables are or may be lost.

    None of those is whose changes are on record: they came back with the rebuild, or were asked about there.
    """
    if tool is None or tool.effect != "namespace":
        return {}
    seen: dict[str, Any] = {}
    if tool.inspect is not None and isinstance(call.arguments, dict) and not call.changes.names:
        seen = dict(tool.inspect(call.arguments))
    imported = {name for name, _ in seen.get("imports", ())}
    lost = [n for n in seen.get("writes", ()) if n not in imported]
    may = [] if not (seen and call.code) else may_change(call.code, seen, run.namespace or {})
    may = [n for n in may if n not in lost and n not in imported]
    return {"did": Acts(run.journal.path.parent).noted(call.key) or [], "lost": lost + may, "may": may}


async def _reconciled(tool: Tool | None, call: Call) -> bool | None:
    if tool is None or tool.reconcile is None:
        return None
    found: Any = tool.reconcile(call.key)
    found = await found if inspect.isawaitable(found) else found
    return None if found is None else bool(found)


def standing(run: Run) -> list[Call]:
    """Return the surviving calls, and those that had ended and broke off before that was on record.

    What these changed is known, and comes back as of a call that is done; it is taken back where they run again.
    """
    broke = [c for c in run.state.open_calls if c.status in ("running", "in_doubt") and c.changes.names]
    ended = [c for c in broke if (t := run.tools.get(c.name)) is not None and not only_namespace(run, t, c)]
    return [*run.state.surviving, *ended]


def is_warm(run: Run) -> bool:
    """Whether the namespace already holds what the surviving steps made."""
    worker = next((t.worker for t in run.tools.values() if t.worker is not None), None)
    if worker is not None:
        return worker.alive
    if run.state.again:
        return False
    wanted = last_digests(standing(run), run.state.lost)
    if run.namespace is None or not wanted:
        return True
    present = [n for n in wanted if n in run.namespace]
    return len(present) == len(wanted) and run.fingerprint(present) == {n: wanted[n] for n in present}


def missing_inputs(run: Run) -> list[str]:
    """Name what the surviving steps read and neither they nor the namespace have: the user's own cells made it."""
    have = set(run.namespace or {})
    missing: list[str] = []
    for call in run.state.surviving:
        tool = run.tools.get(call.name)
        if tool is None or tool.effect != "namespace" or not isinstance(call.arguments, dict):
            continue
        seen = dict(tool.inspect(call.arguments)) if tool.inspect else {}
        have |= set(call.changes.created)
        if set(written := call.changes.written) <= (call.changes.values or {}).keys():
            have |= set(written)  # as they are read back
        missing += [n for n in seen.get("reads", ()) if n not in have and not hasattr(builtins, n)]
    return list(dict.fromkeys(missing))
