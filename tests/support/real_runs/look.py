"""What names of a namespace stand for, as digests: the oracle's own way, run inside a kernel from this file's text.

It needs nothing but Python, changes nothing, and knows nothing of how the product compares.
"""

import hashlib
import json
import re
import sys

_SIMPLE = (
    "datetime", "date", "time", "timedelta", "timezone", "Decimal", "Fraction", "UUID", "Timestamp", "Timedelta", "Period", "complex",
    "range", "slice", "ellipsis", "NoneType", "bool", "int", "ZoneInfo", "Interval", "NaTType", "IPv4Address", "IPv4Network", "count",
)  # fmt: skip
_DEEP = 14


def look(space, names):
    """Return JSON: by name its digest and whether that covers more than the type; nothing for a name that is not there."""
    found = {}
    for name in names:
        if name in space:
            seen = Seeing()
            try:
                text = json.dumps(seen.see(space[name], 0), sort_keys=True, default=str)
            except Exception as error:  # an object whose own attributes raise
                seen.opaque, text = True, json.dumps([type(space[name]).__name__, type(error).__name__])
            found[name] = [hashlib.sha256(text.encode()).hexdigest(), not seen.opaque, text[:200]]
    return json.dumps(found)


class Seeing:
    """One look at a value; `opaque` where its top is known by its type alone."""

    def __init__(self):
        self.opaque = False
        self.inside = []

    def see(self, value, deep):
        """Return a value as plain data."""
        if deep > _DEEP or any(value is v for v in self.inside):
            return "..."
        self.inside.append(value)
        try:
            return self._see(value, deep + 1)
        finally:
            self.inside.pop()

    def _see(self, value, deep):
        kind = type(value).__name__
        for form in (self._number, self._collection, self._library, self._code):
            said = form(value, kind, deep)
            if said is not None:
                return said
        return self._object(value, kind, deep)

    def _number(self, value, kind, deep):
        if isinstance(value, float) or kind in ("float64", "float32", "float16"):
            return ["float", format(float(value), ".10g")]
        if isinstance(value, str):
            return ["str", str(value)] if kind in ("str", "str_") else [kind, str(value)]
        if isinstance(value, (bytes, bytearray, memoryview)):
            return [kind, hashlib.sha256(bytes(value)).hexdigest()]
        if kind in _SIMPLE or (kind.startswith(("int", "uint")) and not isinstance(value, (list, dict))):
            return [kind, repr(value)]
        return None

    def _collection(self, value, kind, deep):
        if isinstance(value, dict):
            pairs = [[self.see(k, deep), self.see(v, deep)] for k, v in value.items()]
            factory = getattr(getattr(value, "default_factory", None), "__name__", "")
            return [kind, factory, pairs if kind == "OrderedDict" else sorted(pairs, key=json.dumps)]
        if isinstance(value, (set, frozenset)) or kind in ("dict_keys", "dict_items"):
            return [kind, sorted((self.see(v, deep) for v in value), key=json.dumps)]
        if isinstance(value, (list, tuple)) or kind in ("deque", "array", "dict_values", "mappingproxy"):
            return [kind, [self.see(v, deep) for v in value]]
        return None

    def _library(self, value, kind, deep):
        home = type(value).__module__.partition(".")[0]
        return getattr(self, f"_{home}", lambda *_: None)(value, kind, deep)

    def _numpy(self, value, kind, deep):
        if kind == "Generator":
            return [kind, self.see(value.bit_generator.state, deep)]
        if kind == "RandomState":
            return [kind, self.see(value.get_state(legacy=False), deep)]
        if hasattr(value, "dtype") and hasattr(value, "tolist"):
            mask = self.see(value.mask.tolist(), deep) if kind == "MaskedArray" and hasattr(value.mask, "tolist") else 0
            return [kind, str(value.dtype), list(value.shape), self.see(value.tolist(), deep), mask]
        return None

    def _pandas(self, value, kind, deep):
        if kind == "DataFrame":
            columns = [self._pandas(value.iloc[:, i], "Series", deep) for i in range(value.shape[1])]
            return [kind, self.see(value.columns, deep), self.see(value.index, deep), columns]
        if kind == "Series":
            return [
                kind,
                str(value.dtype),
                str(value.name),
                self.see(value.index, deep),
                self.see(value.tolist(), deep),
            ]
        if kind == "Categorical" or kind.endswith(("Index", "Array")):
            names = [str(n) for n in getattr(value, "names", ())]
            return [kind, str(getattr(value, "dtype", "")), names, self.see(list(value), deep)]
        return None

    def _polars(self, value, kind, deep):
        if kind == "DataFrame":
            return [kind, str(value.schema), self.see(value.to_dict(as_series=False), deep)]
        if kind == "Series":
            return [kind, str(value.dtype), self.see(value.to_list(), deep)]
        return None

    def _scipy(self, value, kind, deep):
        if hasattr(value, "toarray"):
            return [kind, self.see(value.toarray(), deep)]
        return None

    def _PIL(self, value, kind, deep):
        if hasattr(value, "tobytes") and hasattr(value, "mode"):
            return [kind, value.mode, list(value.size), hashlib.sha256(value.tobytes()).hexdigest()]
        return None

    def _matplotlib(self, value, kind, deep):
        if kind == "Figure":
            return [kind, [self._matplotlib(a, "Axes", deep) for a in value.axes]]
        if kind == "Axes":
            lines = [[self.see(list(map(float, d)), deep) for d in line.get_data()] for line in value.lines]
            return [kind, value.get_title(), value.get_xlabel(), value.get_ylabel(), lines, len(value.patches)]
        self.opaque = self.opaque or deep == 1
        return [kind]

    def _sqlite3(self, value, kind, deep):
        if kind == "Connection":
            try:
                return [kind, list(value.iterdump())]
            except Exception as error:
                return [kind, type(error).__name__]
        if kind == "Row":
            return [kind, self.see(tuple(value), deep)]
        return None

    def _random(self, value, kind, deep):
        return [kind, self.see(value.getstate(), deep)] if hasattr(value, "getstate") else None

    def _re(self, value, kind, deep):
        if kind == "Match":
            return [kind, value.group(), list(value.span()), self.see(value.groups(), deep)]
        return [kind, value.pattern, value.flags]

    def _pathlib(self, value, kind, deep):
        return [kind, str(value)]

    def _enum(self, value, kind, deep):
        return [kind, repr(value)]

    def _code(self, value, kind, deep):
        if kind == "module":
            return [kind, value.__name__]
        if isinstance(value, type):
            own = {k: v for k, v in vars(value).items() if not k.startswith("__") and k != "_abc_impl"}
            return [
                "class",
                value.__qualname__,
                self.see(own, deep) if value.__module__ == "__main__" else value.__module__,
            ]
        code = getattr(value, "__code__", None)
        if code is not None and kind == "function":
            constants = [repr(c) for c in code.co_consts if not hasattr(c, "co_code")]
            cells = [c.cell_contents for c in value.__closure__ or () if _filled(c)]
            inner = [self.see(v, deep) for v in (value.__defaults__, value.__kwdefaults__, cells)]
            return [kind, value.__qualname__, list(code.co_names), list(code.co_varnames), constants[1:], inner]
        if callable(value) and hasattr(value, "__self__") and not isinstance(value.__self__, type(sys)):
            return [kind, getattr(value, "__name__", ""), self.see(value.__self__, deep)]
        return None

    def _object(self, value, kind, deep):
        """Return an object by its attributes, or by its type alone."""
        if isinstance(value, BaseException):
            return [kind, self.see(value.args, deep)]
        if kind == "partial":
            return [kind, self.see([value.func, value.args, value.keywords], deep)]
        slots = [
            s for c in type(value).__mro__ for s in getattr(c, "__slots__", ()) if s not in ("__weakref__", "__dict__")
        ]
        held = {s: getattr(value, s) for s in slots if hasattr(value, s)} | dict(getattr(value, "__dict__", {}))
        held = {k: v for k, v in held.items() if not re.match(r"_*(cache|lock|loop|abc_|stop_words_id$)", str(k))}
        if held:
            return [kind, self.see(held, deep)]
        self.opaque = self.opaque or deep == 1
        return [kind]


def _filled(cell):
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
