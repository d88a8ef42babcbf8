"""The source code behind a callable, so that an approval notices code that changed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from hashlib import sha256
from types import CodeType
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import canonical
from llmos_nb.messages import ToolResult
from llmos_nb.policy.authority import Power, parse_power
from llmos_nb.tools.declare import POWER, Effect, Repeat, Source, checked, declared, unknown_arguments
from llmos_nb.tools.outcome import (
    Guard,
    Outcome,
    awaited,
    captured,
    failed,
    in_thread,
    shown,
    unguarded,
    unless_stopped,
)
from llmos_nb.tools.schema.signature import Signature, name_of, read_signature


def source_of(fn: Any) -> str:
    """Return the source code of a callable and of what it wraps, or its bytecode where there is no source."""
    if isinstance(fn, partial):
        held = [*map(plain_repr, fn.args), *(f"{k}={plain_repr(v)}" for k, v in fn.keywords.items())]
        return f"{source_of(fn.func)}\n# with {', '.join(held)}"
    layer = fn if inspect.isroutine(fn) or isinstance(fn, type) else type(fn).__call__
    code = getattr(getattr(layer, "__func__", layer), "__code__", None)
    text = _layer_source(layer) if code is None else _code_source(code)
    wrapped = getattr(fn, "__wrapped__", None)
    return text if wrapped is None else f"{text}\n{source_of(wrapped)}"


@lru_cache(maxsize=512)
def _code_source(code: CodeType) -> str:
    """Read it once; code that was changed is another code."""
    return _layer_source(code)


def _layer_source(layer: Any) -> str:
    try:
        return inspect.getsource(layer)
    except (OSError, TypeError):
        if isinstance(layer, CodeType):
            return _bytecode(layer)
        return f"{getattr(layer, '__module__', '')}.{getattr(layer, '__qualname__', '')}"


def _bytecode(code: CodeType) -> str:
    inner = [_bytecode(c) if isinstance(c, CodeType) else plain_repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {inner}"


def plain_repr(value: object) -> str:
    """Spell a plain value; of any other only its type, since a repr may run code or hold an address."""
    if isinstance(value, tuple | frozenset):
        return f"({', '.join(sorted(map(plain_repr, value)))})"
    return (
        repr(value) if isinstance(value, str | bytes | int | float | bool | None) else type(value).__qualname__
    )


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a tool may know of the call it serves.

    Parameters
    ----------
    call : str
        The call's id in its process, ``r2.0``.
    key : str
        Idempotency key: the same for every attempt of this call, different for every other call.
    deadline_s : float
        Seconds it may take.
    on_output : callable
        Takes text as the tool prints it, for showing only.
    """

    call: str
    key: str
    deadline_s: float
    on_output: Callable[[str], None] = lambda text: None


current_call: ContextVar[CallContext | None] = ContextVar("current_call", default=None)


@dataclass(frozen=True)
class Tool:
    """Something a model may call.

    Parameters
    ----------
    name, description : str
        As the model sees them.
    schema : dict
        JSON schema of the arguments, an object with `properties`, `required` and `additionalProperties`.
    fn : callable
        The function behind it; called with the validated arguments as keywords. May be async.
    effect : {"read", "namespace", "write", "external"}
        What it does: reads only, changes the live namespace (undoable), writes files, or acts outside.
    repeat : {"pure", "idempotent", "once"}
        Whether it may run again after a crash.
    sinks : tuple of str
        Arguments that carry authority (who, where, how much).
    source : {"trusted", "untrusted", "own"}
        Where its results come from.
    power : Power, optional
        How the user's words name what it does, and what its arguments mean.
    thread : bool
        A sync function that may run off the main thread, beside others.
    undo, reconcile : callable, optional
        Compensation; and ``reconcile(key) -> bool | None``, which says whether a call in doubt was done.
    digest : str
        Hash over name, schema, declared keys and source, to which approvals are bound.
    runner : callable, optional
        A device's own way to run: ``await runner(arguments, context) -> ToolResult``.
    code : callable, optional
        ``code(arguments) -> str``: the call as Python code for the exported notebook.
    inspect : callable, optional
        ``inspect(arguments) -> Inspection`` (see `policy`): what this very call would do.
    """

    name: str
    description: str
    schema: dict[str, Any]
    fn: Callable[..., Any]
    effect: Effect = "external"
    repeat: Repeat = "once"
    sinks: tuple[str, ...] = ()
    source: Source = "trusted"
    power: Power | None = None
    thread: bool = False
    undo: Callable[..., Any] | None = None
    reconcile: Callable[[str], bool | None] | None = None
    digest: str = ""
    runner: Callable[[Mapping[str, Any], CallContext], Awaitable[ToolResult]] | None = None
    code: Callable[[Mapping[str, Any]], str] | None = None
    inspect: Callable[[Mapping[str, Any]], Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def independent(self) -> bool:
        """Whether its calls only read, wait for nobody and may be made again: such calls may run side by side."""
        return self.effect == "read" and self.repeat in ("pure", "idempotent") and "asks" not in self.extra

    @property
    def wire(self) -> dict[str, Any]:
        """The tool in the form of Chat Completions."""
        function = {"name": self.name, "description": self.description, "parameters": self.schema}
        return {"type": "function", "function": function}

    def to_code(self, arguments: Mapping[str, Any]) -> str:
        """Return the call as Python code."""
        if self.code is not None:
            return self.code(arguments)
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"


_SLACK_S = 1.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def as_tool(fn: Callable[..., Any], **manifest: Any) -> Tool:
    """Make a tool of a callable.

    Parameters
    ----------
    fn : callable
        A function, method, partial, builtin or object with ``__call__``; sync or async.
    **manifest
        The decorator's keys, and `name` and `description`; they win over the decorator. With neither, the tool
        acts outside and runs once.

    Raises
    ------
    UsageError
        It has no name or no signature, or a key is wrong.
    """
    name = str(manifest.get("name") or name_of(fn))
    if not callable(fn) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{fn!r:.80} cannot be a tool under the name {name!r}; give a function with a plain name"
        )
    checked(manifest, f"tools.{name}")
    options = {**declared(fn), **manifest, "name": name}
    signature = read_signature(fn)
    power = {k: options.pop(k) for k in POWER if k in options}
    about = options.pop("description", "") or signature.description or f"Call the function {name}."
    made = Tool(
        description=about, schema=signature.schema, fn=fn, code=partial(signature.code, name_of(fn) or name),
        power=parse_power(name, power) if power else None,
        extra={"signature": signature}, **{**options, "sinks": tuple(options.get("sinks", ()))},
    )  # fmt: skip
    unknown_arguments(made.name, made.schema, made.sinks, made.power)
    return replace(made, digest=digest_of(made))


def digest_of(made: Tool) -> str:
    """Hash what an approval of a tool rests on: name, schema, declared keys and source code."""
    said: list[Any] = [made.effect, made.repeat, list(made.sinks), made.source, made.thread]
    if made.power is not None:
        said.append(asdict(made.power))
    behind = [source_of(f) for f in (made.fn, made.undo, made.reconcile) if f is not None]
    plain = [made.name, made.description, made.schema, said, behind]
    return sha256(canonical(plain).encode()).hexdigest()


async def invoke(
    tool: Tool, arguments: Mapping[str, Any], context: CallContext, guard: Guard | None = None
) -> ToolResult:
    """Run one call; whatever the tool raises becomes a result that says so.

    Parameters
    ----------
    tool : Tool
        What to run. A sync function runs on the calling thread, or beside it with ``thread=True``.
    arguments : mapping
        Validated, plain; the function gets what it annotated.
    context : CallContext
        The call's id, key and deadline; code inside finds it in `current_call`.
    guard : callable, optional
        ``guard(seconds)`` gives a context manager that raises on the main thread at the deadline, and a
        `Stopped`, which goes on up, on the user's Stop.

    Returns
    -------
    ToolResult
        `facts` may hold ``size`` (true size of a text that was bounded), ``traceback`` and ``in_doubt``.
    """
    token = current_call.set(context)
    try:
        outcome = await value_of(tool, arguments, context, guard or unguarded)
    finally:
        current_call.reset(token)
    if type(outcome.value) is ToolResult:
        return outcome.value
    return failed(outcome) if outcome.error is not None else shown(outcome.value, guard or unguarded)


async def value_of(tool: Tool, arguments: Mapping[str, Any], context: CallContext, guard: Guard) -> Outcome:
    """Run one call and give what it gave, as it is."""
    deadline = context.deadline_s
    if tool.runner is not None:  # a device keeps its deadline itself; this one is the last resort
        return unless_stopped(await awaited(tool.runner(arguments, context), deadline + _SLACK_S))
    work = partial(_call, tool, arguments, context.key)
    outcome = await in_thread(work, deadline) if tool.thread else captured(work, deadline, guard)
    if hasattr(type(outcome.value), "__await__"):
        outcome = await awaited(outcome.value, deadline)
    return unless_stopped(outcome)


def _call(tool: Tool, arguments: Mapping[str, Any], key: str) -> Any:
    signature: Signature | None = tool.extra.get("signature")
    args, named = signature.bind(arguments, key) if signature else ([], dict(arguments))
    return tool.fn(*args, **named)
