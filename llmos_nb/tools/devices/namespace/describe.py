"""Variables in words for a model: bounded, values only when asked for, never of what looks like a secret."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Container, Iterable, Mapping
from fnmatch import fnmatchcase
from itertools import islice
from types import FunctionType
from typing import Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.policy.secrets import redact, secret_text, secret_under
from llmos_nb.tools.devices.namespace import frames
from llmos_nb.tools.devices.namespace.frames import HIDDEN, cut, short
from llmos_nb.tools.devices.namespace.source import source_of
from llmos_nb.tools.devices.python.display import describe as figure
from llmos_nb.tools.text import safe_text

MANY, LINE, _DEFAULT = 20, 120, 40


def function(value: Any, values: bool) -> list[str]:
    """Return signature and first line of the docstring."""
    name = getattr(value, "__name__", "function")
    doc = _first_line(getattr(value, "__doc__", None))
    return [f"function {name}{_signature(value)}{f': {doc}' if doc else ''}"]


def _first_line(doc: Any) -> str:
    return doc.strip().partition("\n")[0][:LINE] if isinstance(doc, str) else ""


def _signature(fn: Any) -> str:
    try:
        signature = inspect.signature(fn)
    except (ValueError, TypeError, NameError):
        return "(…)"
    back = _annotation(signature.return_annotation)
    return f"({', '.join(_parameter(p) for p in signature.parameters.values())}){f' -> {back}' if back else ''}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = ("", "", "*", "", "**")[parameter.kind]
    kind = _annotation(parameter.annotation)
    text = f"{stars}{parameter.name}{f': {kind}' if kind else ''}"
    default = parameter.default
    if default is parameter.empty:
        return text
    plain = type(default) in (int, float, bool, str, type(None)) and not secret_under(parameter.name, (default,))
    return f"{text}={repr(default)[:_DEFAULT] if plain else '…'}"


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, str | type):
        return annotation if isinstance(annotation, str) else annotation.__name__
    library = type(annotation).__module__ in ("typing", "types", "builtins")
    return inspect.formatannotation(annotation) if library else ""


def class_of(value: type, values: bool) -> list[str]:
    """Return bases, first line of the docstring and methods."""
    own = type.__getattribute__(value, "__dict__")
    bases = [b.__name__ for b in value.__mro__[1:-1][:2]]
    methods = [n for n, m in own.items() if isinstance(m, FunctionType) and not n.startswith("_")][:MANY]
    doc = _first_line(own.get("__doc__"))
    head = f"class {value.__name__}" + (f"({', '.join(bases)})" if bases else "") + (f": {doc}" if doc else "")
    return [head, *([f"- methods: {', '.join(methods)}"] if methods else [])]


Lines = Iterable[str]  # where values lie in values, made as they are asked for: of an inner one only the first is
_MANY, _TEXT, _BIG = 20, 120, 20_000_000
_CONNECTIONS = ("Connection", "Engine", "Client", "Session", "Cursor", "Pool", "Redis")


def lines_of(value: Any, values: bool) -> Lines:
    """Describe any object."""
    for cls in type(value).__mro__:
        root = cls.__module__.partition(".")[0]
        found = _DESCRIBERS.get((root, cls.__name__))
        if found is not None:
            return found(value, values)
        if cls is not object and cls.__name__.endswith(_CONNECTIONS):
            return [f"{root} {cls.__name__}, its address and credentials are not shown"]
    return _instance(value, values)


def brief(name: str, value: Any, values: bool) -> str:
    """Return the headline only; of a name that looks like a secret only the type."""
    if secret_under(name, (value,)):
        return f"{type(value).__name__}, {HIDDEN}"
    return next(iter(lines_of(value, values)))


def _text(value: str, values: bool) -> Lines:
    text = str.__str__(value)
    if not values:
        return [f"text, {len(text):,} character{'' if len(text) == 1 else 's'}"]
    if secret_text(text):
        return [f"text, {HIDDEN}"]
    size = f", {len(text):,} characters" if len(text) > _TEXT else ""
    return [f"text {cut(safe_text(redact(text)), _TEXT)!r}{size}"]


def _bytes(value: Any, values: bool) -> Lines:
    return [f"{type(value).__name__}, {len(value):,} bytes"]


def _number(value: Any, values: bool) -> Lines:
    kind = next(c for c in (bool, int, float) if isinstance(value, c))
    small = not isinstance(value, int) or value.bit_length() <= 8 * _TEXT
    return [f"{kind.__name__} {kind.__repr__(value)}" if values and small else kind.__name__]


def _moment(value: Any, values: bool) -> Lines:
    """Describe a date, time or span; of subclasses, none of whose code runs, pandas' alone show theirs."""
    known = type(value).__module__.partition(".")[0] in ("datetime", "pandas")
    return [f"{type(value).__name__} {value}" if values and known else type(value).__name__]


def _dict(value: dict[Any, Any], values: bool) -> Lines:
    size = dict.__len__(value)
    yield f"{type(value).__name__}, {size:,} key{'' if size == 1 else 's'}"
    for key, inner in islice(dict.items(value), _MANY):
        yield f"- {(said := _key(key))}: {brief(said, inner, values)}"
    if size > _MANY:
        yield f"- and {size - _MANY:,} more"


def _key(key: Any) -> str:
    if isinstance(key, str):
        text = str.__str__(key)
        return "a key that looks like a secret" if secret_text(text) else repr(cut(safe_text(redact(text)), _TEXT))
    return repr(key) if type(key) in (int, float, bool, type(None)) else f"a {type(key).__name__}"


def _items(value: Any, values: bool) -> Lines:
    base = next(c for c in (list, tuple, set, frozenset) if isinstance(value, c))
    size, first = base.__len__(value), list(islice(base.__iter__(value), _MANY))
    kinds = list(dict.fromkeys(type(v).__name__ for v in first))
    of = f" of {' / '.join(kinds[:4])}" if kinds else ""
    head = f"{type(value).__name__}{of}, {size:,} item{'' if size == 1 else 's'}"
    if first and isinstance(first[0], dict):
        return [head, f"- first: {', '.join(_key(k) for k in islice(dict.keys(first[0]), _MANY))}"]
    plain = values and all(type(v) in (str, int, float, bool, type(None)) for v in first)
    if not plain or not first:
        return [head]
    shown = ", ".join(_word(next(iter(lines_of(v, True)))) for v in first[:6])
    return [f"{head}: {shown}{', …' if size > len(first[:6]) else ''}"]


def _word(head: str) -> str:
    """Drop the type in front of a value."""
    return head.partition(" ")[2] or head


def _array(value: Any, values: bool) -> Lines:
    head = f"ndarray, shape {tuple(value.shape)}, {value.dtype}"
    if not values or value.dtype.kind not in "iufb" or not 0 < value.size <= _BIG:
        return [head]
    if value.dtype.kind != "f":
        return [f"{head}, {short(value.min())} to {short(value.max())}"]
    present = value[abs(value) < float("inf")]
    missing = value.size - present.size
    ends = f", {short(present.min())} to {short(present.max())}" if present.size else ""
    return [f"{head}{ends}{f', {missing:,} missing' if missing else ''}"]


def _scalar(value: Any, values: bool) -> Lines:
    return [f"{value.dtype} {short(value)}" if values and value.dtype.kind in "iufbM" else str(value.dtype)]


def _tensor(value: Any, values: bool) -> Lines:
    return [f"Tensor, shape {tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')}, on {value.device}"]


def _estimator(value: Any, values: bool) -> Lines:
    own = vars(value)
    fitted = any(k.endswith("_") and not k.startswith("_") for k in own)
    head = f"{type(value).__name__}, {'fitted' if fitted else 'not fitted'}"
    if "n_features_in_" in own:
        names = [str(n) for n in islice(own.get("feature_names_in_", ()), _MANY)]
        head += f" on {own['n_features_in_']} features{': ' + ', '.join(names) if names else ''}"
    steps = [str(s[0]) for s in own.get("steps", ()) if isinstance(s, tuple)]
    given = {k: v for k, v in own.items() if not (k.endswith("_") or k.startswith("_") or secret_under(k, (v,)))}
    shown = [f"{k}={v!r}" for k, v in given.items() if type(v) in (int, float, bool, str) and k != "steps"]
    parts = [f"- steps: {', '.join(steps)}"] if steps else []
    return [head, *parts, *([f"- {', '.join(shown)}"] if values and shown else [])]


def _path(value: Any, values: bool) -> Lines:
    if values and not secret_text(str(value)):
        return [f"Path {str(value)!r}"]
    return [f"Path to a {value.suffix} file" if value.suffix else "Path"]


def _module(value: Any, values: bool) -> Lines:
    version = vars(value).get("__version__")
    return [f"module {vars(value).get('__name__')}{f' {version}' if isinstance(version, str) else ''}"]


def _instance(value: Any, values: bool) -> Lines:
    """Describe an object of an unknown class by the attributes in its own dict."""
    try:
        own: Iterable[tuple[str, Any]] = object.__getattribute__(value, "__dict__").items()
    except AttributeError:
        own = ()
    yield f"{type(value).__module__}.{type(value).__name__} instance".removeprefix("__main__.")
    for name, inner in islice(((n, v) for n, v in islice(own, 2 * _MANY) if not n.startswith("_")), _MANY):
        yield f"- .{name}: {brief(name, inner, values) if _known(inner) else type(inner).__name__}"


def _known(value: Any) -> bool:
    return any((c.__module__.partition(".")[0], c.__name__) in _DESCRIBERS for c in type(value).__mro__)


_DESCRIBERS: dict[tuple[str, str], Callable[[Any, bool], Lines]] = {
    **dict.fromkeys((("pandas", "DataFrame"), ("polars", "DataFrame")), frames.frame),
    **dict.fromkeys((("pandas", "Series"), ("polars", "Series")), frames.series),
    **{("builtins", n): _items for n in ("list", "tuple", "set", "frozenset")},
    **{("builtins", n): _number for n in ("bool", "int", "float")},
    **{("datetime", n): _moment for n in ("date", "time", "timedelta")},
    **{("builtins", n): _bytes for n in ("bytes", "bytearray")},
    **{("builtins", n): function for n in ("function", "method", "builtin_function_or_method")},
    ("polars", "LazyFrame"): frames.lazy,
    ("numpy", "ndarray"): _array,
    ("numpy", "generic"): _scalar,
    ("functools", "partial"): function,
    ("torch", "Tensor"): _tensor,
    ("sklearn", "BaseEstimator"): _estimator,
    ("matplotlib", "Figure"): lambda value, values: [figure(value, values)],
    ("matplotlib", "Axes"): lambda value, values: [f"Axes of a {figure(value.figure, values)}"],
    ("pathlib", "PurePath"): _path,
    ("builtins", "str"): _text,
    ("builtins", "dict"): _dict,
    ("builtins", "NoneType"): lambda value, values: ["None"],
    ("builtins", "module"): _module,
    ("builtins", "type"): class_of,
}

ONE, FULL, CARD, _LINE = 1_500, 2_500, 4_000, 400
GLOB = re.compile(r"[*?\[]")
_NOT_VARIABLES = frozenset(("In", "Out", "exit", "quit", "get_ipython", "open"))  # IPython puts them there


def describe(name: str, value: Any, values: bool = False, full: bool = False) -> str:
    """Describe one variable in at most about 1.5 KB; where `full` asks for more in 2.5 KB, and code with its source.

    Parameters
    ----------
    name : str
        Its name; one that looks like a secret keeps its value to itself.
    value : object
        Anything. Its own code does not run, but for the tables and arrays that are known.
    values : bool
        Ranges, categories and short values may be shown.
    """
    if secret_under(name, (value,)):
        return f"{name}: {type(value).__name__}, {HIDDEN}"
    try:
        head, *lines = _lines(value, values, full)
        source = source_of(value) if full else []
    except Exception as error:  # a subclass or a library that misbehaves; the name and the type are still true
        head, lines = f"{type(value).__name__}, not described ({type(error).__name__})", []
        source = []
    return "\n".join([_fitted([f"{name}: {head}", *lines], FULL if full else ONE), *map(safe_text, source)])


def _lines(value: Any, values: bool, full: bool) -> Lines:
    """Describe a table in full where that is asked for, all else as always."""
    table = full and frames.frame in (
        _DESCRIBERS.get((c.__module__.partition(".")[0], c.__name__)) for c in type(value).__mro__
    )
    return frames.frame(value, values, True) if table else lines_of(value, values)


def card(
    names: Iterable[str],
    namespace: Mapping[str, Any],
    values: bool = False,
    full: bool = False,
    private: Container[str] = (),
) -> str:
    """Describe several variables in at most about 4 KB; those that no longer fit are only named.

    Parameters
    ----------
    names : iterable of str
        Which; one that is not there is left out.
    namespace : mapping
        Where they are.
    values : bool
        Ranges, categories and short values may be shown.
    full : bool
        Of tables, types and first rows, too.
    private : container of str
        Names of which no value is shown.
    """
    room, cards, named = CARD, [], []
    for name in (n for n in names if n in namespace):
        text = describe(name, namespace[name], values and name not in private, full) if room > 0 else ""
        if text and (size := len(text.encode())) <= room:
            cards.append(text)
            room -= size + 1
        else:
            named.append(f"{name} ({type(namespace[name]).__name__})")
    more = f"and {len(named)} more: {', '.join(named)}" if named else ""  # as `NAMED_ONLY` has it
    return "\n".join([*cards, *([_cut(more, 2 * _LINE)] if more else [])])


NAMED_ONLY = re.compile(r"^and \d+ more: .*", re.MULTILINE)
"""The line of a card with variables of which it says no more than name and type."""


def visible(namespace: Mapping[str, Any], patterns: str | Iterable[str]) -> list[str]:
    """Return the names that patterns let through, in the namespace's order.

    Parameters
    ----------
    namespace : mapping
        Name to anything.
    patterns : str or iterable of str
        Names and globs, separated by commas or spaces; one with ``-`` in front leaves out. Only such ones: all
        but these. Names with an underscore in front need a pattern with one.

    Raises
    ------
    UsageError
        A plain name is not there.
    """
    words = re.split(r"[,\s]+", patterns) if isinstance(patterns, str) else list(patterns)
    wanted = [w for w in words if w and not w.startswith("-")]
    unwanted = [w.removeprefix("-") for w in words if w.startswith("-")]
    for word in wanted:
        if not GLOB.search(word) and word not in namespace:
            raise UsageError(f"{word!r}: no such name in the namespace{nearest(word, namespace)}")
    chosen = (n for n in namespace if any(_matches(n, w) for w in wanted or ["*"]))
    return [n for n in chosen if not any(fnmatchcase(n, w) for w in unwanted)]


def _matches(name: str, pattern: str) -> bool:
    if name == pattern:
        return True
    hidden = name in _NOT_VARIABLES or (name.startswith("_") and not pattern.startswith("_"))
    return not hidden and fnmatchcase(name, pattern)


def _fitted(lines: list[str], limit: int) -> str:
    """Keep the lines that fit, each bounded, and say how many did not."""
    kept: list[str] = []
    room = limit
    for i, line in enumerate(lines):
        text = _cut(safe_text(line), _LINE)
        room -= len(text.encode()) + 1
        if room < 0:
            return "\n".join([*kept, f"- … {len(lines) - i} more lines"])
        kept.append(text)
    return "\n".join(kept)


def _cut(text: str, limit: int) -> str:
    raw = text.encode()
    return text if len(raw) <= limit else raw[: limit - 3].decode("utf-8", "ignore") + "…"
