"""Values as plain data: what comes back has the same digest, and what is no value is refused."""

import datetime
import decimal
import fractions
import json
import math
import pathlib
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, strategies as st

from llmos_nb.heap.digest import digest
from llmos_nb.heap.plain import decode, encode

DAY = datetime.datetime(2024, 3, 31, 2, 30, 15, 7, fold=1)
FRAME = pd.DataFrame(
    {
        "n": [1, 2, 3],
        "x": [1.5, math.nan, -0.0],
        "s": ["a", None, "ü"],
        "b": [True, False, True],
        "o": pd.Series(["a", 2, None], dtype="object"),
        "i": pd.array([1, None, 3], dtype="Int64"),
        "c": pd.Categorical(["lo", "hi", "lo"], categories=["lo", "hi"], ordered=True),
        "t": pd.to_datetime(["2024-01-01", "2024-02-01", None]),
        "z": pd.to_datetime(["2024-01-01", "2024-02-01", None]).tz_localize("Europe/Berlin"),
        "d": pd.to_timedelta([1, 2, 3], unit="s"),
    }
)
ALL = {
    "none": None,
    "int": 3,
    "large": -(10**40),
    "floats": [0.1, -0.0, math.inf, -math.inf, math.nan],
    "surrogate": "a\ud800",
    "nested": {"a": [1, {"b": [None, True, "x"]}], "c": {}},
    "keys": {1: "a", (1, 2): {3}, None: frozenset({4})},
    "tuple": (1, [2, (3,)]),
    "bytes": [b"\x00\xff", bytearray(b"ab")],
    "complex": 1 - 2j,
    "deque": deque([1, (2,)], maxlen=5),
    "ordered": OrderedDict(b=1, a=2),
    "counter": Counter("abca"),
    "default": defaultdict(list, {"a": [1]}),
    "range": range(1, 10, 3),
    "times": [DAY, DAY.date(), DAY.time(), datetime.timedelta(-1, 3, 5)],
    "zones": [
        DAY.replace(tzinfo=datetime.UTC),
        DAY.replace(tzinfo=ZoneInfo("Europe/Berlin")),
        DAY.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))),
        DAY.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=1), "here")),
    ],
    "numbers": [decimal.Decimal("1.10"), fractions.Fraction(2, 3), uuid.UUID(int=7)],
    "path": pathlib.Path("a/b"),
    "scalar": np.float64(3.5),
    "array": np.arange(6.0).reshape(2, 3),
    "texts": np.array(["a", "bcd"]),
    "many": [np.arange(1000), {"a": np.arange(2000.0)}, np.array([b"a", b"\xff"])],
    "stamps": np.array(["2024-01-01", "NaT"], dtype="M8[D]"),
    "frame": FRAME,
    "by names": FRAME.set_index(["s", "n"]),
    "series": pd.Series([1.0, 2.0], index=["a", "b"], name=("x", 1)),
    "days": pd.Series(range(3), index=pd.date_range("2024-01-01", periods=3, freq="D")),
    "stamp": [pd.Timestamp("2024-01-01 10:00:00.123456789"), pd.Timedelta("1 day 3 s")],
    "polars": pl.DataFrame(
        {
            "n": [1, None, 3],
            "x": [1.5, None, math.nan],
            "s": ["a", None, ""],
            "b": [True, None, False],
            "d": [datetime.date(2024, 1, 1), None, datetime.date(1960, 2, 3)],
            "t": [DAY.replace(fold=0), None, DAY.replace(fold=0)],
        }
    ),
    "column": pl.Series("x", [1, 2], dtype=pl.UInt8),
}


@pytest.mark.parametrize("name", ALL)
def test_what_comes_back_has_the_same_digest(name):
    back = decode(encode(ALL[name]))
    assert type(back) is type(ALL[name]) and digest(back) == digest(ALL[name])


def test_frequency_of_an_index_comes_back():
    assert decode(encode(ALL["days"])).index.freqstr == "D"


ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes() | st.decimals()
)
TREES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(TREES)
def test_any_tree_comes_back(value):
    assert digest(decode(encode(value))) == digest(value)


class Own:
    """A class that a step wrote."""


@pytest.mark.parametrize(
    "value",
    [
        Own(),
        Own,
        len,
        lambda: 1,
        iter([1]),
        [Own()],
        {"a": {"b": Own()}},
        np.array([Own()], dtype=object),
        np.ma.array([1], mask=[True])[()].astype("V8"),
        pd.DataFrame({"p": pd.period_range("2024-01", periods=2, freq="M")}),
        defaultdict(lambda: 1),
        type("Text", (str,), {})("a"),
        json.loads("[" * 60 + "]" * 60),
    ],
    ids=lambda v: type(v).__name__,
)
def test_other_kinds_stay_where_they_are(value):
    with pytest.raises(TypeError, match="come back|nested"):
        encode(value)


def test_what_is_larger_than_its_bound_is_refused_before_it_is_written():
    with pytest.raises(ValueError, match="more than come back"):
        encode(np.zeros(1000), 1000)
    with pytest.raises(ValueError, match="come back"):
        encode(list(range(1000)), 1000)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[1]",
        b'{"call": "os.system"}',
        b'{"array": ["O", [1], "AAAA"]}',
        b'{"array": ["<f8", [10], "AAAA"]}',
        b'{"items": [[], "category"]}',
        b'{"array": ["<f8", [2], {"raw": [0, 900]}]}\n1234',
        b'{"defaultdict": ["eval", []]}',
        b'{"datetime": ["2024-01-01", 0, "../../etc/passwd"]}',
        b'{"polars": ["DataFrame", [["a", "Object", [null, null], {}, {}]]]}',
        b'{"Fraction": "1/0"}',
        b'{"list": ' * 400 + b"[]" + b"}" * 400,
    ],
)
def test_what_is_no_value_is_refused(raw):
    with pytest.raises(ValueError, match=r"\w+"):
        decode(raw)
