"""One describer a kind of object: a headline and lines below it. Types are known by name, nothing is imported.

Unless values may be seen, no code of an unknown class runs: no repr, no property, no length of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from llmos_nb.devices import callables, frames
from llmos_nb.devices.frames import short
from llmos_nb.preview import safe_text
from llmos_nb.sensitive import secret_name, secret_text

Lines = list[str]
HIDDEN = "not shown, it looks like a secret"
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
    """Give the headline only; of a name that looks like a secret only the type."""
    if secret_name(name):
        return f"{type(value).__name__}, {HIDDEN}"
    return lines_of(value, values)[0]


def _text(value: str, values: bool) -> Lines:
    text = str.__str__(value)
    if not values:
        return [f"text, {len(text):,} character{'' if len(text) == 1 else 's'}"]
    if secret_text(text):
        return [f"text, {HIDDEN}"]
    cut = f", {len(text):,} characters" if len(text) > _TEXT else ""
    return [f"text {safe_text(text[:_TEXT])!r}{'…' if cut else ''}{cut}"]


def _bytes(value: Any, values: bool) -> Lines:
    return [f"{type(value).__name__}, {len(value):,} bytes"]


def _number(value: Any, values: bool) -> Lines:
    spell = (
        bool.__repr__ if isinstance(value, bool) else int.__repr__ if isinstance(value, int) else float.__repr__
    )
    small = not isinstance(value, int) or value.bit_length() <= 8 * _TEXT
    name = next(c for c in (bool, int, float) if isinstance(value, c)).__name__
    return [f"{name} {spell(value)}" if values and small else name]


def _dict(value: dict[Any, Any], values: bool) -> Lines:
    size, kind = dict.__len__(value), type(value).__name__
    lines = [f"- {_key(k)}: {brief(str(_key(k)), v, values)}" for k, v in islice(dict.items(value), _MANY)]
    more = [f"- and {size - _MANY:,} more"] if size > _MANY else []
    return [f"{kind}, {size:,} key{'' if size == 1 else 's'}", *lines, *more]


def _key(key: Any) -> str:
    if isinstance(key, str):
        text = str.__str__(key)
        return "a key that looks like a secret" if secret_text(text) else repr(safe_text(text[:_TEXT]))
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
    shown = ", ".join(_word(lines_of(v, True)[0]) for v in first[:6])
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
    given = {k: v for k, v in own.items() if not k.endswith("_") and not k.startswith("_") and k != "steps"}
    plain = [
        f"{k}={v!r}" for k, v in given.items() if type(v) in (int, float, bool, str) and not secret_name(k)
    ]
    return [
        head,
        *([f"- steps: {', '.join(steps)}"] if steps else []),
        *([f"- {', '.join(plain)}"] if values and plain else []),
    ]


def _figure(value: Any, values: bool) -> Lines:
    return ["figure: " + ("; ".join(_axes(a) for a in value.axes[:_MANY]) or "empty")]


def _axes(axes: Any) -> str:
    drawn = (
        (axes.patches, "bar"),
        (axes.lines, "line"),
        (axes.collections, "collection"),
        (axes.images, "image"),
    )
    parts = [f"{len(found)} {word}{'' if len(found) == 1 else 's'}" for found, word in drawn if len(found)]
    labels = (("x label", axes.get_xlabel()), ("y label", axes.get_ylabel()), ("title", axes.get_title()))
    return ", ".join(
        [*(parts or ["nothing drawn"]), *(f"{what} {text[:_TEXT]!r}" for what, text in labels if text)]
    )


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
    shown = [(n, v) for n, v in islice(own, 2 * _MANY) if not n.startswith("_")][:_MANY]
    lines = [
        f"- .{n}: {type(v).__name__ if not values and not _known(v) else brief(n, v, values)}" for n, v in shown
    ]
    return [f"{type(value).__module__}.{type(value).__name__} instance".removeprefix("__main__."), *lines]


def _known(value: Any) -> bool:
    return any((c.__module__.partition(".")[0], c.__name__) in _DESCRIBERS for c in type(value).__mro__)


_DESCRIBERS: dict[tuple[str, str], Callable[[Any, bool], Lines]] = {
    **dict.fromkeys((("pandas", "DataFrame"), ("polars", "DataFrame")), frames.frame),
    **dict.fromkeys((("pandas", "Series"), ("polars", "Series")), frames.series),
    **{("builtins", n): _items for n in ("list", "tuple", "set", "frozenset")},
    **{("builtins", n): _number for n in ("bool", "int", "float")},
    **{("builtins", n): _bytes for n in ("bytes", "bytearray")},
    **{
        ("builtins", n): callables.function
        for n in ("function", "method", "builtincallables.function_or_method")
    },
    ("polars", "LazyFrame"): frames.lazy,
    ("numpy", "ndarray"): _array,
    ("numpy", "generic"): _scalar,
    ("functools", "partial"): callables.function,
    ("torch", "Tensor"): _tensor,
    ("sklearn", "BaseEstimator"): _estimator,
    ("matplotlib", "Figure"): _figure,
    ("pathlib", "PurePath"): _path,
    ("builtins", "str"): _text,
    ("builtins", "dict"): _dict,
    ("builtins", "NoneType"): lambda value, values: ["None"],
    ("builtins", "module"): _module,
    ("builtins", "type"): callables.class_of,
}
