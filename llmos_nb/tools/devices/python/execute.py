"""Running compiled code in a namespace: guarded, sealed, sliced at its awaits."""

from __future__ import annotations
import __future__

import ast
import asyncio
import builtins
import ctypes
import inspect
import io
import linecache
import socket
import sys
import textwrap
import time
import types
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, groupby
from types import CodeType, TracebackType
from typing import Any, NoReturn, TypeVar

from llmos_nb.errors import CallDenied, ToolTimeout
from llmos_nb.policy.code import Surroundings, tree_of
from llmos_nb.tools.devices.python.guard import check_stop, interruptible, waited_s
from llmos_nb.tools.effects import temporary
from llmos_nb.tools.outcome import GRACE_S, Outcome, Stopped, awaited, captured, unless_stopped
from llmos_nb.tools.protocol import current_call

T = TypeVar("T")
_ABSENT = object()
CANCELS, CLOSE_S, CLEANING_S = 3, 0.2, 0.3


class Sealed:
    """Refuses, while code runs, what nobody can answer or what would end the session."""

    def __init__(self, ip: Any) -> None:
        self._ip, self._kept = ip, list[tuple[Any, str, Any]]()

    def __enter__(self) -> None:
        self._put(builtins, "input", _no_input)
        self._put(sys.modules.get("getpass"), "getpass", _no_input)
        if hasattr(self._ip, "ask_exit"):
            self._put(self._ip, "ask_exit", _no_exit)

    def _put(self, owner: Any, name: str, value: Any) -> None:
        if owner is not None:
            self._kept.append((owner, name, vars(owner).get(name, _ABSENT)))
            setattr(owner, name, value)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for owner, name, value in self._kept:
            if value is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


def _no_input(*_: object, **__: object) -> NoReturn:
    raise CallDenied("nobody answers input() inside a step; to ask the person, use the tool ask(question)")


def _no_exit(*_: object) -> NoReturn:
    raise CallDenied("a step cannot end the session")


class Runner:
    """Runs the parts of one step, all within one deadline.

    Parameters
    ----------
    namespace : dict
        Global names.
    deadline_s : float
        Seconds for all of it.
    ip : InteractiveShell, optional
        IPython's.
    """

    def __init__(self, namespace: dict[str, Any], deadline_s: float, ip: Any = None) -> None:
        self.namespace, self._ip = namespace, ip
        self._seconds, self._until = deadline_s, time.monotonic() + deadline_s

    @property
    def left(self) -> float:
        """Seconds that are left."""
        context = current_call.get()
        waited = waited_s(context.key) if context is not None else 0.0
        return max(self._until + waited - time.monotonic(), 0.0)

    def guarded(self, fn: Callable[[], T]) -> T:
        """Call synchronous code."""
        with Sealed(self._ip), interruptible(self.left):
            check_stop()
            return fn()

    def ending(self, fn: Callable[[], T], seconds: float) -> T:
        """Call synchronous code of a step that was stopped and cleans up, for so long at most.

        Raises
        ------
        CancelledError
            It took longer.
        """
        try:
            with Sealed(self._ip), interruptible(seconds, ending=True):
                return fn()
        except ToolTimeout:
            raise asyncio.CancelledError from None

    def call(self, fn: Callable[[], Any]) -> Outcome:
        """Call synchronous code; what it raises is its outcome, but Stop goes on up."""
        return self._told(captured(lambda: self.guarded(fn)))

    async def run(self, code: CodeType) -> Outcome:
        """Run compiled code, on this task where it does not await."""
        if not code.co_flags & inspect.CO_COROUTINE:
            return self.call(lambda: eval(code, self.namespace))  # noqa: S307 - running code is the device's work
        coroutine = eval(code, self.namespace)  # noqa: S307 - which begins nothing yet
        return self._told(await awaited(_Sliced(coroutine, self), self.left))

    def _told(self, outcome: Outcome) -> Outcome:
        """Let Stop go on up, and say the deadline of the whole step rather than what was left of it."""
        error = unless_stopped(outcome).error
        if not isinstance(error, ToolTimeout) or self.left:
            return outcome
        how = "was ended" if outcome.ended else "cannot be ended and may still run"
        late = ToolTimeout(f"it passed its deadline of {self._seconds:g} s and {how}")
        late.__context__ = error.__context__
        return Outcome(error=late, ended=outcome.ended)


class _Sliced:
    """Awaits a coroutine so that what it does between two awaits is guarded.

    Once it is cancelled, it has a moment to clean up, and may await for that. Code that swallows its cancellation is
    cancelled again, and then left where it stands.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], runner: Runner) -> None:
        self._coroutine, self._runner, self._cancelled = coroutine, runner, 0
        self._again: asyncio.TimerHandle | None = None
        self._until = self._first = 0.0  # of the time for cleaning up: its end, and its beginning on the loop's clock

    def __await__(self) -> Generator[Any, Any, Any]:
        step, sent = self._coroutine.send, None
        try:
            while True:
                try:
                    awaited = self._run(lambda: step(sent))  # noqa: B023 - called at once
                except StopIteration as stop:
                    return stop.value
                try:
                    step, sent = self._coroutine.send, (yield awaited)
                except BaseException as error:
                    self._insist(error)
                    step, sent = self._coroutine.throw, error
        finally:
            if self._again is not None:
                self._again.cancel()
            self._close()

    def _run(self, fn: Callable[[], T]) -> T:
        if not self._until:
            return self._runner.guarded(fn)
        return self._runner.ending(fn, max(self._until - time.monotonic(), 0.0))

    def _close(self) -> None:
        """End what is left of the code, or see to it that nothing ever runs it again, not even its destruction."""
        if (
            inspect.getcoroutinestate(self._coroutine) == inspect.CORO_CLOSED
        ):  # it has ended: a Stop now is not about its end
            return
        try:
            with interruptible(CLOSE_S):
                self._coroutine.close()
        except (RuntimeError, ToolTimeout, Stopped):  # it ignores that it is closed
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._coroutine))

    def _insist(self, error: BaseException) -> None:
        """Cancel again in a moment; in the end, do not go on."""
        task = asyncio.current_task()
        if not isinstance(error, asyncio.CancelledError) or task is None or not task.cancelling():
            return
        self._cancelled += 1
        if self._cancelled > CANCELS:
            raise error
        loop = asyncio.get_running_loop()
        if self._cancelled == 1:
            self._until, self._first = time.monotonic() + GRACE_S, loop.time()
        more = (self._cancelled - 1) * (GRACE_S - CLEANING_S) / (CANCELS + 1)
        self._again = loop.call_at(self._first + CLEANING_S + more, task.cancel)  # a late one makes no later one late


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a step that runs in one go.

    Parameters
    ----------
    code : code
        Compiled; running it gives a coroutine where it awaits.
    shows : bool
        Its value is to be shown.
    names : tuple of str
        Names that it assigns and whose values are to be shown.
    columns : tuple of (str, str)
        Table and column that it assigns and whose first values are to be shown.
    last : bool
        It is the step's last expression, whose value a cell shows.
    """

    code: CodeType
    shows: bool = False
    names: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    last: bool = False


def filename_of(source: str, code: str, name: str, ip: Any) -> str:
    """Return the file name under which tracebacks find the lines of `source`."""
    if ip is not None:
        return str(ip.compile.cache(source, ip.execution_count, raw_code=code))
    linecache.cache[f"<step {name}>"] = (len(source), None, source.splitlines(keepends=True), f"<step {name}>")
    return f"<step {name}>"


def compile_step(source: str, filename: str, ip: Any = None, every: bool = False) -> list[Chunk]:
    """Compile a step.

    Parameters
    ----------
    source : str
        Python code.
    filename : str
        Its name in tracebacks.
    ip : InteractiveShell, optional
        Whose compiler flags (`__future__` imports of earlier cells) count.
    every : bool
        Show each expression and each assigned name instead of the last expression only.

    Raises
    ------
    SyntaxError
        It is no Python.
    """
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | (ip.compile.flags if ip is not None else 0)
    tree = tree_of(source, filename, flags)
    futures = (s.names for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__")
    for future in chain.from_iterable(futures):
        flags |= getattr(__future__, future.name).compiler_flag
    quiet = source.rstrip().endswith(";")
    ends = bool(tree.body) and isinstance(tree.body[-1], ast.Expr)
    alike = getattr(ip, "ast_node_interactivity", "") == "all"  # so each cell of this notebook shows
    if every or alike:
        silent = [quiet and (alike or s is tree.body[-1]) for s in tree.body]
        chunks = [_chunk([s], filename, flags, every, q) for s, q in zip(tree.body, silent, strict=True)]
        return [*chunks[:-1], replace(chunks[-1], last=True)] if ends else chunks
    if ends:
        # also a head of one expression shows nothing, as in a cell
        head = _apart(tree.body[:-1]) if len(tree.body) > 1 else []
        chunks = [_chunk(part, filename, flags, quiet=True) for part in head]
        return [*chunks, replace(_chunk(tree.body[-1:], filename, flags, quiet=quiet), last=True)]
    return [_chunk(part, filename, flags, quiet=True) for part in _apart(tree.body) or [[]]]


def _apart(body: list[ast.stmt]) -> list[list[ast.stmt]]:
    """Return statements in parts, each one that imports by itself.

    Beside its import, Python compiles a call of a module's function in another way than apart from it, as in a cell,
    whose statements are compiled one by one; and functions are compared by what they are compiled to.
    """
    return [
        part for imports, found in groupby(body, _imports) for part in (([s] for s in found) if imports else [[*found]])
    ]


def _imports(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(statement))


def _chunk(body: list[ast.stmt], filename: str, flags: int, assigned: bool = False, quiet: bool = False) -> Chunk:
    """Compile some statements; a single expression keeps its value."""
    if len(body) == 1 and isinstance(body[0], ast.Expr):
        code = compile(ast.Expression(body[0].value), filename, "eval", flags, dont_inherit=True)
        return Chunk(code, shows=not quiet)
    code = compile(ast.Module(body, []), filename, "exec", flags, dont_inherit=True)
    return Chunk(code, False, *_assigned(body[0])) if assigned and not quiet else Chunk(code)


def _assigned(statement: ast.stmt) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the names, and the columns of tables, that a statement assigns."""
    if isinstance(statement, _DEFINITIONS):
        return (), ()
    targets: list[ast.expr] = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Assign):
            targets += node.targets
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            targets.append(node.target)
    inside = [n for t in targets for n in ast.walk(t)]
    stored = [n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    columns: list[tuple[str, str]] = []
    for target in targets:
        match target:
            case ast.Subscript(value=ast.Name(id=table), slice=ast.Constant(value=str(column))):
                columns.append((table, column))
    return tuple(dict.fromkeys(stored)), tuple(dict.fromkeys(columns))


SOURCE_CHARS = 20_000
_METHODS = (types.MethodType, types.BuiltinMethodType)
_FRAGILE: tuple[tuple[tuple[type, ...], str], ...] = (
    ((types.GeneratorType, types.AsyncGeneratorType, map, filter, zip), "it gives each item once"),
    ((io.IOBase,), "it is an open file"),
    ((types.CoroutineType,), "it can be awaited once"),
)


def look_around(namespace: Mapping[str, Any], names: Iterable[str] | None) -> Surroundings:
    """Gather the facts on some names and on what the user's own functions use.

    Parameters
    ----------
    namespace : mapping
        The live names.
    names : iterable of str, optional
        Those that the code spells; None stands for all.

    Returns
    -------
    Surroundings
        Nothing in it is live.
    """
    origins: dict[str, str] = {}
    sources: dict[str, str] = {}
    fragile: dict[str, str] = {}
    due, seen = list(namespace if names is None else names), set[str]()
    while due:
        name = due.pop()
        if name in seen or name not in namespace or name.startswith("_"):
            continue
        seen.add(name)
        value = namespace[name]
        if stands_in(name, value):
            continue
        if origin := "tempfile.mkdtemp()" if temporary(value) else _origin(value):
            origins[name] = origin
        if isinstance(value, types.FunctionType) and (source := _source(value)):
            sources[name] = source
            due += value.__code__.co_names
        in_memory = isinstance(value, io.BytesIO | io.StringIO)
        if why := next((w for kinds, w in _FRAGILE if isinstance(value, kinds) and not in_memory), ""):
            fragile[name] = why
    return Surroundings(origins, sources, fragile)


def stands_in(name: str, value: object) -> bool:
    """Return whether a name is a builtin that IPython wraps, such as its `open`: no variable of the user's."""
    made_in = value.__globals__.get("__name__") if isinstance(value, types.FunctionType) else None
    return str(made_in).startswith("IPython.") and hasattr(builtins, name)


def _origin(value: Any) -> str:
    """Return where a value comes from, as a dotted name; nothing for the user's own and for plain data."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    bound = getattr(value, "__self__", None) if isinstance(value, _METHODS) else None
    if issubclass(type(bound), socket.socket):  # a method that was looked up before; one of C tells nothing
        return f"{'_' if isinstance(value, types.BuiltinMethodType) else ''}socket.socket.{value.__name__}"
    named = isinstance(value, type | types.FunctionType | types.BuiltinFunctionType)
    owner = value if named else type(value)
    home = getattr(owner, "__module__", None) or ""
    if not isinstance(home, str) or home == "__main__":
        return ""
    if home == "builtins" and (not named or getattr(builtins, owner.__name__, None) is not owner):
        return ""  # plain data; or made in a namespace that has no name
    if home.startswith("pathlib"):
        return "pathlib.Path"
    home = {"posix": "os", "nt": "os"}.get(home, home)
    return f"{home}.{owner.__qualname__}".removeprefix("builtins.")


def _source(function: types.FunctionType) -> str:
    """Return the source of a function that the user wrote; nothing for those of libraries."""
    if function.__module__ not in ("__main__", "builtins", None):
        return ""
    try:
        return textwrap.dedent(inspect.getsource(function))[:SOURCE_CHARS]
    except (OSError, TypeError):
        return ""
