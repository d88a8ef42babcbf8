"""Random namespaces with aliases and cycles, random code: the change list is exact, undo and redo restore identity.

The oracle (`picture`) walks the heap by its own simple means and knows nothing of adapters.
"""

from __future__ import annotations

import array
import io
import threading
import types
import warnings
from collections import Counter, OrderedDict, defaultdict, deque
from functools import partial
from itertools import count

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, note, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from snapshot_tools import stored_bytes

from llmos_nb.errors import SnapshotConflict
from llmos_nb.heap import Snapshots
from llmos_nb.heap.adapters.containers import Lists
from llmos_nb.heap.adapters.tables import Tables
from llmos_nb.heap.walk import used_names

NAMES = [f"n{i}" for i in range(6)]
SETUP = """
import array, io, threading
import numpy as np, pandas as pd
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
log = []
Pair = namedtuple("Pair", "a b")
class Colour(Enum):
    RED = [1]
@dataclass
class Point:
    x: object = 1
    tags: list = field(default_factory=list)
    @property
    def first(self):
        return self.x
    @first.setter
    def first(self, x):
        self.x = x
class Obj:
    shared = []
    def __init__(self, item=None):
        self.item = item
    def push(self, x):
        self.item = [self.item, x]
        log.append(x)
class Slotted:
    __slots__ = ("left", "right")
    def __init__(self, left):
        self.left = left
def make(seed):
    held = [seed]
    def grow(x=None):
        nonlocal seed
        seed = x
        held.append(x)
    return grow
def touch(x):
    log.append(x)
    Obj.shared.append(len(log))
"""
FRESH = [
    "1",
    "'a'",
    "None",
    "[]",
    "[1, [2]]",
    "{}",
    "{'k': [1]}",
    "{1, 2}",
    "(1, [2])",
    "deque([1])",
    "bytearray(b'ab')",
    "Obj()",
    "Obj([1])",
    "Slotted([1])",
    "make([0])",
    "np.arange(6)",
    "np.arange(6)[1:4]",
    "np.array([[1], None], dtype=object)",
    "pd.DataFrame({'a': [2, 1], 'b': ['x', 'y']})",
    "pd.Series([2, 1], name='s')",
    "pd.Series([2, 1])",
    "OrderedDict(a=[1], b=2)",
    "Obj.push",
    "deque([1, 2], maxlen=2)",
    "defaultdict(list, k=[1])",
    "Counter('aab')",
    "array.array('i', [1, 2])",
    "memoryview(bytearray(b'ab'))",
    "Pair([1], 2)",
    "Colour.RED",
    "Point([1])",
    "Point",
    "partial(touch, [1])",
    "ValueError([1])",
    "np.zeros(2, dtype=[('a', 'i4')])",
    "np.arange(4).reshape(2, 2)",
    "np.array(['a', 'bb'], dtype='T')",
    "pd.DataFrame({'a': pd.Categorical(['u', 'v'])}, index=pd.date_range('2020', periods=2))",
    "pd.Series([1.5], index=pd.MultiIndex.from_tuples([(1, 'a')]))",
    "pd.Index(['a'])",
    "np.random.default_rng(1)",
]
OPAQUE = ["iter([1, 2])", "(i for i in [1, 2])", "threading.Lock()", "io.StringIO('ab')", "enumerate('ab')"]
OPAQUE_OPS = ["next({p}, None)", "list({p})", "{p}.acquire(blocking=False)", "{p}.close()"]  # fmt: skip
OPS: dict[type, list[str]] = {
    list: ["{p}.append({e})", "{p}.clear()", "{p}.insert(0, {e})", "{p}.pop()", "{p}[0] = {e}", "{p} += [{e}]", "{p}.reverse()", "{p}.append({p})"],
    dict: ["{p}['k'] = {e}", "{p}['z'] = {e}", "{p}.clear()", "{p}.pop('k')", "{p}.update(q={e})", "{p}['self'] = {p}", "{p}['k'] = {p}.pop('k')"],
    OrderedDict: ["{p}.move_to_end('a')", "{p}['c'] = {e}", "{p}.popitem()", "{p}.clear()"],
    set: ["{p}.add(3)", "{p}.add('x')", "{p}.clear()", "{p}.discard(1)"],
    deque: ["{p}.append({e})", "{p}.rotate()", "{p}.clear()", "{p}.__init__([{e}], maxlen=3)"],
    bytearray: ["{p}.append(7)", "{p}[:] = b'zz'", "{p}.reverse()"],
    types.FunctionType: ["{p}({e})", "{p}.note = {e}", "{p}.__defaults__ = ({e},)", "{p}.__code__ = (lambda x=0: x).__code__",
        "{p}.__kwdefaults__ = {{'x': {e}}}", "{p}.__annotations__['x'] = {e}", "{p}.__name__ = 'f'"],
    np.ndarray: ["{p}[0] = 9", "{p}.fill(3)", "{p}[:] = {p}[::-1].copy()", "{p}.sort()", "{p}.shape = (-1, 2)", "{p}.flags.writeable = False",
        "{p}.dtype = 'u8'", "{p}.dtype.names = ('b',)", "{p}['a'] = 5", "{p}.flags.writeable = True; {p}.resize(8, refcheck=False)"],
    np.random.Generator: ["{p}.random()", "{p}.spawn(1)"],
    pd.Index: ["{p}.name = 'i'"],
    Counter: ["{p}.update('b')", "{p}['a'] += 1", "{p}.clear()"],
    defaultdict: ["{p}['new']", "{p}.default_factory = int", "{p}['k'] = {e}"],
    array.array: ["{p}.append(3)", "{p}[0] = 9", "{p}.reverse()"],
    memoryview: ["{p}[0] = 7"],
    partial: ["{p}({e})", "{p}.keywords['x'] = {e}", "{p}.note = {e}"],
    ValueError: ["{p}.args = ({e},)", "{p}.note = {e}", "{p}.__cause__ = KeyError()", "{p}.add_note('n')"],
    type: ["{p}.shared = {e}", "{p}.__name__ = 'Renamed'", "del {p}.shared", "{p}.first = {e}"],
    pd.DataFrame: [
        "{p}.loc[0, 'a'] = 7", "{p}['c'] = 1", "{p}.pop('b')", "{p}.insert(0, 'z', 0)", "{p}.index.name = 'i'", "{p}.columns = list('pq')",
        "{p}.attrs['e'] = [1]", "{p}.iloc[0] = {p}.iloc[1]", "{p}['a'] *= 2", "{p}.drop(columns='a', inplace=True)",
        "{p}.sort_values('a', inplace=True)", "{p}.describe()", "{p}.columns.name = 'k'", "{p}.attrs = {{'k': 1}}", "{p}.index.freq = None",
        "{p}.flags.allows_duplicate_labels = False", "{p}['a'] = {p}['a'].cat.rename_categories({{'u': 'w'}})", "{p}['a'] = {p}['a'].cat.as_ordered()",
        "{p}.index = {p}.index.tz_localize('UTC')", "{p}['a'] = {p}['a'].astype(str)", "{p}.rename_axis('f', inplace=True)", "{p}.set_index('a', inplace=True)",
    ],
    pd.Series: ["{p}.index.names = ['q'] * {p}.index.nlevels", "{p}.flags.allows_duplicate_labels = False", "{p}.attrs['s'] = 1", "{p}[0] = 5", "{p}.name = 't'", "{p} *= 1", "{p}.sort_values(inplace=True)", "{p}.loc[9] = 1"],
}  # fmt: skip
ATTRIBUTES = [
    "{p}.item = {e}",
    "{p}.other = {e}",
    "del {p}.item",
    "{p}.push({e})",
    "{p}.x = {e}",
    "{p}.first = {e}",
    "{p}.tags.append({e})",
    "{p}.__class__.shared.append({e})",
    "{p}.__dict__.clear()",
]
SLOTS = ["{p}.left = {e}", "{p}.right = {e}", "del {p}.left"]

OPAQUE_KINDS = (types.GeneratorType, enumerate, io.StringIO, type(threading.Lock()), type(iter([])))


def picture(value: object, kept: list) -> dict[int, tuple]:
    """All objects reachable from a value, by id, each with its type, plain content and the ids it holds."""
    found: dict[int, tuple] = {}
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if id(item) not in found and not isinstance(item, int | str | types.NoneType | types.ModuleType):
            content, held = _look(item)
            found[id(item)] = (type(item), content, tuple(map(_key, held)))
            waiting += held
            kept.append(item)  # so that no other object gets its id
    return found


def _key(item: object) -> object:
    return item if isinstance(item, int | str | types.NoneType) else id(item)


def _look(item) -> tuple[object, list]:
    if isinstance(item, list | tuple | deque):
        return getattr(item, "maxlen", None), list(item)
    if isinstance(item, dict):
        return getattr(item, "default_factory", None), [x for pair in item.items() for x in pair]
    if isinstance(item, set):
        return repr(sorted(map(repr, item))), []
    if isinstance(item, bytearray):
        return bytes(item), []
    if isinstance(item, array.array | memoryview):
        return item.tobytes(), [item.obj] if isinstance(item, memoryview) else []
    if isinstance(item, np.ndarray):
        words = repr(item.tolist()) if item.dtype != object and item.base is None else ""  # a view's are its base's
        return (words, item.shape, item.strides, repr(item.dtype), item.flags.writeable), [
            item.base
        ] if item.base is not None else item.ravel().tolist() if item.dtype == object else []
    if isinstance(item, np.random.Generator):
        return repr((item.bit_generator.state, item.bit_generator.seed_seq)), []
    if isinstance(item, pd.Index | pd.DataFrame | pd.Series) and not vars(item):
        return "emptied", []  # whatever it is asked for, pandas looks for without end
    if isinstance(item, pd.Index):
        return repr((item.tolist(), item.dtype, item.names, getattr(item, "freq", None))), []
    if isinstance(item, pd.DataFrame | pd.Series):
        kinds = item.dtypes.tolist() if item.ndim == 2 else item.dtype
        about = [(a.dtype, a.names, getattr(a, "freq", None)) for a in item.axes]
        own = {k: v for k, v in vars(item).items() if not k.startswith("_")}  # pandas lets anybody set attributes
        plain = (item.to_dict(), item.axes, about, getattr(item, "name", 0), kinds, item.flags, list(own))
        return repr(plain), [item.attrs, *own.values()]
    if isinstance(item, types.FunctionType):
        cells = [c.cell_contents for c in item.__closure__ or ()]
        names = (item.__name__, item.__qualname__)
        return names, [
            *cells,
            item.__code__,
            item.__defaults__,
            item.__kwdefaults__,
            item.__annotations__,
            item.__dict__,
        ]
    if isinstance(item, partial):
        return None, [item.func, item.args, item.keywords, vars(item)]
    if isinstance(item, BaseException):
        return item.__suppress_context__, [item.args, item.__cause__, vars(item)]
    if isinstance(item, type):
        return item.__name__, [
            x for k, v in sorted(vars(item).items()) if not k.startswith("__") for x in (k, v)
        ] if item.__module__ == "__main__" else []
    if hasattr(item, "__slots__"):
        return None, [type(item), *(getattr(item, s, "no such attribute") for s in item.__slots__)]
    return None, [type(item), vars(item)] if hasattr(item, "__dict__") else []


def is_opaque(item: object) -> bool:
    """Whether Python cannot put an object's state back."""
    return type(item) in OPAQUE_KINDS


def _objects(shot: dict[str, tuple]) -> dict[int, tuple]:
    return {i: look for _, objects in shot.values() for i, look in objects.items()}


class Machine(RuleBasedStateMachine):
    """A notebook of six names, an agent whose steps are undone and redone, and a user beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.ns: dict = {"__name__": "__main__"}
        exec(SETUP, self.ns)
        self.snapshots = Snapshots(self.ns)
        self.calls = count(1)
        self.done: list[str] = []
        self.undone: list[str] = []
        self.shots: dict[str, tuple[dict, dict]] = {}
        self.reports: dict[str, dict] = {}
        self.kept: list = []

    @initialize(data=st.data())
    def fill(self, data) -> None:
        for name in NAMES[:4]:
            self.run(f"{name} = {self.fresh(data)}")

    def run(self, code: str) -> None:
        note(code)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                exec(compile(code, "<step>", "exec"), self.ns)
            except (
                TypeError,
                ValueError,
                AttributeError,
                KeyError,
                IndexError,
                NameError,
                ZeroDivisionError,
                NotImplementedError,
                BufferError,
            ):
                pass  # a step that fails half-way is a step too

    def shot(self) -> dict[str, tuple]:
        return {n: (_key(v), picture(v, self.kept)) for n, v in self.ns.items() if not n.startswith("__")}

    def stands(self, shot: dict) -> bool:
        """Whether the heap looks so now (a bare `==` in an assert would have pytest describe both heaps, for minutes)."""
        return self.shot() == shot

    def fresh(self, data) -> str:
        known = [n for n in NAMES if n in self.ns]
        new = data.draw(st.sampled_from(FRESH if data.draw(st.integers(0, 19)) else OPAQUE))
        if not known:
            return new
        old = data.draw(st.sampled_from(known))
        return data.draw(
            st.sampled_from([new, new, old, f"[{old}, {new}]", f"{{'k': {old}}}", f"Obj({old})", f"({old},)"])
        )

    def path(self, data, name: str) -> tuple[str, object]:
        path, value = name, self.ns[name]
        for _ in range(data.draw(st.integers(0, 2))):
            if isinstance(value, list | tuple) and value:
                path, value = f"{path}[0]", value[0]
            elif isinstance(value, dict) and "k" in value:
                path, value = f"{path}['k']", value["k"]
            elif isinstance(getattr(value, "item", None), list | dict) and not callable(value.item):
                path, value = f"{path}.item", value.item
            elif hasattr(value, "left"):
                path, value = f"{path}.left", value.left
        return path, value

    def code(self, data) -> str:
        name = data.draw(st.sampled_from(NAMES))
        kind = data.draw(st.sampled_from(["change", "change", "change", "bind", "delete", "call"]))
        if name not in self.ns or kind == "bind":
            return f"{name} = {self.fresh(data)}"
        if kind == "delete":
            return f"del {name}"
        if kind == "call":
            return f"touch({name})"
        path, value = self.path(data, name)
        ops = OPS.get(type(value)) or next(
            (o for k, o in OPS.items() if k is not type and isinstance(value, k)), ATTRIBUTES
        )
        if type(value).__name__ == "Slotted":
            ops = SLOTS
        if is_opaque(value):
            ops = OPAQUE_OPS
        return data.draw(st.sampled_from(ops)).format(p=path, e=self.fresh(data))

    @rule(data=st.data(), size=st.integers(1, 3), everything=st.booleans(), fails=st.booleans())
    def step(self, data, size, everything, fails) -> None:
        code = "\n".join([self.code(data) for _ in range(size)] + ["1 / 0"] * fails)
        call = f"r{next(self.calls)}.0"
        before = self.shot()
        noted = self.snapshots.begin(None if everything else used_names(compile(code, "<step>", "exec")))
        assert noted.opaque.keys() == self.true_opaque(before, noted.names)
        self.run(code)
        after = self.shot()
        self.reports[call] = self.snapshots.end(noted, call)
        assert self.said(call) == self.true_changes(before, after), code
        assert self.stands(after)
        if before == after:
            assert stored_bytes(self.snapshots, call) == 0
        self.shots[call] = before, after
        self.done.append(call)
        self.undone.clear()

    def said(self, call: str) -> dict[str, list[str]]:
        return {k: self.reports[call][k] for k in ("created", "rebound", "mutated", "deleted")}

    def true_opaque(self, before: dict, names: frozenset[str] | None) -> set[str]:
        """Give the names that the step may use and from which something can be reached that nobody can put back."""
        opaque = {i for i, look in _objects(before).items() if look[0] in OPAQUE_KINDS}
        used = before.keys() if names is None else before.keys() & names
        return {n for n in used if not opaque.isdisjoint(before[n][1])}

    def true_changes(self, before: dict, after: dict) -> dict[str, list[str]]:
        same = [n for n in before.keys() & after.keys() if before[n][0] == after[n][0]]
        return {
            "created": sorted(after.keys() - before.keys()),
            "rebound": sorted((before.keys() & after.keys()) - set(same)),
            "mutated": sorted(n for n in same if before[n] != after[n]),
            "deleted": sorted(before.keys() - after.keys()),
        }

    @precondition(lambda self: self.done)
    @rule()
    def undo(self) -> None:
        call = self.done[-1]
        if self.snapshots.can_undo(call) is not None:
            with pytest.raises(SnapshotConflict):
                self.snapshots.undo(call)
            self.done.clear()
            return
        prior = self.shot()
        self.snapshots.undo(self.done.pop())
        self.undone.append(call)
        self.check(call, prior, *self.shots[call])

    def check(self, call: str, prior: dict, wanted: dict, other: dict) -> None:
        """What the step changed is as it was on the wanted side; everything else is as it was before this undo or redo."""
        now = self.shot()
        bound = {n for kind in ("created", "rebound", "deleted") for n in self.said(call)[kind]}
        for name in now.keys() | prior.keys() | bound:
            source = wanted if name in bound else prior
            assert now.get(name, (None,))[0] == source.get(name, (None,))[0]
        objects, before, after, past = map(_objects, (now, wanted, other, prior))
        for i, look in objects.items():
            source = before if i in before and i in after and before[i] != after[i] else past
            same = source.get(i, look) == look
            assert same, look

    @precondition(lambda self: self.undone)
    @rule()
    def redo(self) -> None:
        call = self.undone[-1]
        if self.snapshots.can_redo(call) is not None:
            self.undone.clear()
            return
        prior = self.shot()
        self.snapshots.redo(self.undone.pop())
        self.done.append(call)
        self.check(call, prior, *reversed(self.shots[call]))

    @precondition(lambda self: len(self.done) > 1)
    @rule(data=st.data())
    def undo_out_of_order(self, data) -> None:
        call = data.draw(st.sampled_from(self.done[:-1]))
        if self.snapshots.can_undo(call) is None:
            prior = self.shot()
            self.snapshots.undo(call)
            self.done.remove(call)
            self.undone[:] = [call]
            self.check(call, prior, *self.shots[call])

    def named(self, call: str) -> set[str]:
        return {n for names in self.said(call).values() for n in names}

    @rule(data=st.data())
    def user(self, data) -> None:
        """A cell of the user: what it touches must not be overwritten."""
        self.run(self.code(data))
        after = self.shot()
        for call in self.done:
            if self.would_lose(call, after):
                assert self.snapshots.can_undo(call) is not None

    def would_lose(self, call: str, now: dict) -> bool:
        """Whether an undo would overwrite or drop what the user did since: a binding, or an object the step had changed."""
        (before, left), said = self.shots[call], self.said(call)
        names = self.named(call) - {n for n in said["mutated"] if n not in now}
        if any(left.get(n, (None,))[0] != now.get(n, (None,))[0] for n in names):
            return True
        old, new, present = (_objects(shot) for shot in (before, {n: left[n] for n in names & left.keys()}, now))
        return any(i in present and present[i] != look for i, look in new.items() if old.get(i) != look)

    @rule(data=st.data())
    def rollback(self, data) -> None:
        before = self.shot()
        noted = self.snapshots.begin(None)
        self.run("\n".join(self.code(data) for _ in range(2)))
        self.snapshots.rollback(noted)
        assert self.stands(before)


def machine_settings(examples: int, **more) -> settings:
    quick = {"deadline": None, "report_multiple_bugs": False, "suppress_health_check": list(HealthCheck)}
    return settings(max_examples=examples, stateful_step_count=12, **{**quick, **more})


def test_random_code_is_reported_undone_and_redone():
    run_state_machine_as_test(Machine, settings=machine_settings(40))


@pytest.mark.parametrize(
    ("adapter", "method", "broken"),
    [
        (Lists, "changed", lambda self, objects, saved: []),
        (Lists, "write", lambda self, item, state: None),
        (Tables, "same", lambda self, item, state: True),
    ],
)
def test_the_machine_finds_a_deliberate_fault(monkeypatch, adapter, method, broken):
    monkeypatch.setattr(adapter, method, broken)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(
            Machine,
            settings=machine_settings(200, database=None, derandomize=True, phases=[Phase.generate]),
        )
