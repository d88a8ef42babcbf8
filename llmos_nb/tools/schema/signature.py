"""A Python function as a strict JSON schema, and plain arguments as a call of that function."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from inspect import Parameter
from types import CodeType, FunctionType
from typing import Any, Union

import docstring_parser

from llmos_nb.errors import BadArguments, UsageError
from llmos_nb.tools.schema.conform import accepts
from llmos_nb.tools.schema.records import annotations_of, hints_of
from llmos_nb.tools.schema.types import ANY, Kind, Need, kind_of, unchanged

KEY = "idempotency_key"
_ABOUT, _FIELD, _DEFAULT = 1000, 300, 100
_MANY = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Signature:
    """What a function takes, as a model and as Python see it.

    Parameters
    ----------
    description : str
        From the docstring, bounded.
    schema : dict
        Strict JSON schema of the arguments.
    parameters : tuple of inspect.Parameter
        All, in order.
    kinds : dict
        What each annotation means, by parameter.
    """

    description: str
    schema: dict[str, Any]
    parameters: tuple[Parameter, ...]
    kinds: Mapping[str, Kind]

    def bind(self, arguments: Mapping[str, Any], key: str) -> tuple[list[Any], dict[str, Any]]:
        """Make of plain arguments the positional and keyword arguments of the call.

        Parameters
        ----------
        arguments : dict
            Plain data that fits the schema.
        key : str
            What a parameter `idempotency_key` gets.

        Raises
        ------
        BadArguments
            A value cannot become what was annotated, such as a model whose own validator refuses it.
        """
        if self.plain:
            return [], dict(arguments)
        built = {name: self._built(name, value) for name, value in arguments.items()}
        if any(p.name == KEY for p in self.parameters):
            built[KEY] = key
        return self._placed(built)

    @functools.cached_property
    def plain(self) -> bool:
        """Whether every value is handed over by name, as it is."""
        by_name = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        return all(
            p.kind in by_name and p.name != KEY and self._kind(p.name).build is unchanged for p in self.parameters
        )

    def code(self, call: str, arguments: Mapping[str, Any]) -> str:
        """Return a call as Python code, with the imports that it needs in front."""
        need: Need = set()
        spelled: dict[str, Any] = {n: self._kind(n).code(value, need) for n, value in arguments.items()}
        for p in self.parameters:
            if p.kind is Parameter.VAR_POSITIONAL and p.name in arguments:
                spelled[p.name] = [self.kinds[p.name].code([v], need)[1:-1] for v in arguments[p.name]]
        args, kwargs = self._placed(spelled, repr)
        inside = [*map(str, args), *(f"{k}={v}" for k, v in kwargs.items())]
        imports = "".join(f"import {module}\n" for module in sorted(need))
        return f"{imports}{call}({', '.join(inside)})"

    def _kind(self, name: str) -> Kind:
        rest = next((p.name for p in self.parameters if p.kind is Parameter.VAR_KEYWORD), "")
        return self.kinds.get(name) or self.kinds.get(rest, ANY)

    def _built(self, name: str, value: Any) -> Any:
        try:
            build = self._kind(name).build
            return value if build is unchanged else build(value)
        except Exception as error:  # the class that was annotated refuses the value
            first = " ".join(str(error).split())[:300]
            raise BadArguments(f"{name}: {type(error).__name__}: {first}") from error

    def _placed(
        self, values: Mapping[str, Any], default: Callable[[Any], Any] = lambda value: value
    ) -> tuple[list[Any], dict[str, Any]]:
        """Sort values into positional and keyword ones; positional only where there is no other way."""
        many = any(p.kind is Parameter.VAR_POSITIONAL and values.get(p.name) for p in self.parameters)
        args: list[Any] = []
        named = dict(values)
        for p in self.parameters:
            if p.kind is Parameter.VAR_POSITIONAL:
                args += named.pop(p.name, ())
            elif p.kind is Parameter.POSITIONAL_ONLY or (many and p.kind is Parameter.POSITIONAL_OR_KEYWORD):
                args.append(named.pop(p.name) if p.name in named else default(p.default))
        return args, named


def behind(code: CodeType) -> CodeType:
    """Return the code behind one that asks, which may have been put back after its step."""
    return next((c.own for c in code.co_consts if hasattr(c, "own")), code)


def _as_written(fn: Any) -> Any:
    """Return a function with the arguments that it was written with, also while a step holds it."""
    if not isinstance(fn, FunctionType) or (own := behind(fn.__code__)) is fn.__code__:
        return fn
    found = FunctionType(own, fn.__globals__, fn.__name__, fn.__defaults__, fn.__closure__)
    found.__kwdefaults__, found.__annotations__ = fn.__kwdefaults__, annotations_of(fn)
    return found


def _signature(fn: Any) -> inspect.Signature:
    """Return a signature whose annotations may name what is not there, as Python 3.14 would not by itself."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(fn, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(fn)


def read_signature(fn: Callable[..., Any]) -> Signature:
    """Read what a function takes.

    Parameters
    ----------
    fn : callable
        A function, method, partial, builtin or object with ``__call__``; sync or async.

    Raises
    ------
    UsageError
        Nothing says what it takes (some builtins).
    """
    try:
        parameters = tuple(_signature(_as_written(fn)).parameters.values())
    except (ValueError, TypeError) as error:
        why = "Python knows no signature for it; wrap it in a function"
        raise UsageError(f"{name_of(fn) or fn!r}: {why}") from error
    inner = function_of(fn)
    inner = vars(inner).get("__init__", inner) if isinstance(inner, type) else inner
    given = {p.name: p.annotation for p in parameters if p.annotation is not Parameter.empty}
    raw = {name: hint for name, hint in given.items() if not isinstance(hint, str)}
    hints = {**raw, **hints_of(inner, getattr(inner, "__globals__", None))}
    about, fields = _docstring(fn)
    shown = [p for p in parameters if p.name != KEY]
    kinds = {p.name: _kind(p, hints.get(p.name, Any)) for p in shown}
    named = [p for p in shown if p.kind != Parameter.VAR_KEYWORD]
    properties = {p.name: _property(p, kinds[p.name], fields.get(p.name, "")) for p in named}
    required = [p.name for p in shown if p.default is Parameter.empty and p.kind not in _MANY]
    rest = next((kinds[p.name].schema or True for p in shown if p.kind is Parameter.VAR_KEYWORD), False)
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": rest}
    return Signature(about, schema, parameters, kinds)


def name_of(fn: Any) -> str:
    """Return the name that a callable goes by; empty for a lambda."""
    inner = fn.func if isinstance(fn, functools.partial) else fn
    return str(getattr(inner, "__name__", None) or type(inner).__name__).replace("<lambda>", "")


def function_of(fn: Any) -> Any:
    """Return the plain function inside a partial, method, wrapper or callable object."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    if not inspect.isroutine(fn) and not isinstance(fn, type):
        fn = type(fn).__call__
    return inspect.unwrap(getattr(fn, "__func__", fn))


def _kind(parameter: Parameter, hint: Any) -> Kind:
    """Read an annotation; a default of None means Optional, one of another type widens nothing."""
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return kind_of(list[hint])
    kind = kind_of(hint)
    if parameter.default is None and kind.schema and not accepts(kind.schema, None):
        return kind_of(Union[hint, None])  # noqa: UP007 - a hint may be of no type that knows |
    return kind


def _property(parameter: Parameter, kind: Kind, about: str) -> dict[str, Any]:
    default = parameter.default
    shown = {"default": default} if default is not Parameter.empty and _small_plain(default) else {}
    return {**kind.schema, **({"description": about} if about else {}), **shown}


def _small_plain(value: Any) -> bool:
    with suppress(TypeError, ValueError, RecursionError):
        plain = type(value) in (str, int, float, bool, list, dict)
        return plain and len(json.dumps(value, allow_nan=False)) <= _DEFAULT
    return False


def _docstring(fn: Any) -> tuple[str, Mapping[str, str]]:
    """Return the description and one line a field out of any of the usual styles."""
    inner = fn.func if isinstance(fn, functools.partial) else fn
    plain = inspect.isroutine(inner) or isinstance(inner, type)
    return _told(inspect.getdoc(inner) or ("" if plain else inspect.getdoc(type(inner).__call__)) or "")


@functools.lru_cache(maxsize=256)
def _told(text: str) -> tuple[str, Mapping[str, str]]:
    """Return what a docstring says; functions are handed over again and again."""
    try:
        doc = docstring_parser.parse(text)
    except docstring_parser.ParseError:
        return _short(text, _ABOUT), {}
    about = "\n".join(part for part in (doc.short_description, doc.long_description) if part)
    if doc.returns is not None and doc.returns.description:
        about += f"\nReturns {_line(doc.returns.description)[:_FIELD]}"
    named = [(name, p.description) for p in doc.params for name in p.arg_name.split(", ") if p.description]
    return _short(about.strip(), _ABOUT), {n.lstrip("*"): _short(_line(text), _FIELD) for n, text in named}


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
