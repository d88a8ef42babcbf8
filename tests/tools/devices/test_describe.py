"""Variables in words: right, bounded, silent about values and secrets, and without running anybody's code."""

import datetime
import functools
import linecache
import math
import pathlib
import sqlite3
import subprocess
import sys
import types
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, strategies as st
from matplotlib.figure import Figure

from llmos_nb.errors import UsageError
from llmos_nb.policy.secrets import secret_name, secret_text
from llmos_nb.tools import CallContext, invoke, validate
from llmos_nb.tools.devices.namespace import NamespaceDevice, card, visible
from llmos_nb.tools.devices.namespace.describe import describe

mpl.use("agg")

PENGUINS = pd.DataFrame(
    {
        "species": ["Adelie", "Gentoo", "Chinstrap"] * 114 + ["Adelie"] * 2,
        "body_mass_g": [2700.0, 6300.0, *[4000.0] * 340, math.nan, math.nan],
        "bill": np.linspace(32.123456789, 59.6, 344),
        "year": [2007, 2009] * 172,
        "seen": pd.date_range("2012-01-01", periods=344),
        "ok": [True, False] * 172,
        "id": [f"N{i}" for i in range(344)],
        "island": pd.Categorical(["Biscoe", "Dream"] * 172),
    }
)


def test_a_frame_with_values_is_the_card_that_small_models_know():
    assert describe("penguins", PENGUINS, True).splitlines() == [
        "penguins: DataFrame, 344 rows",
        "- species: text 'Adelie' / 'Gentoo' / 'Chinstrap'",
        "- body_mass_g: number 2700 to 6300, 2 missing",
        "- bill: number 32.1235 to 59.6",
        "- year: number 2007 to 2009",
        "- seen: date 2012-01-01 to 2012-12-09",
        "- ok: boolean True / False",
        "- id: text",
        "- island: text 'Biscoe' / 'Dream'",
    ]


def test_a_frame_without_values_tells_shape_types_and_missing_only():
    text = describe("penguins", PENGUINS)
    assert text.splitlines()[:3] == [
        "penguins: pandas DataFrame, 344 rows, 8 columns",
        f"- species: {PENGUINS.species.dtype}",
        "- body_mass_g: float64, 2 missing",
    ]
    for value in ("Adelie", "2700", "6300", "2012", "N1", "Biscoe", "2007"):
        assert value not in text


def test_polars_frames_say_the_same():
    frame = pl.DataFrame(
        {
            "s": ["a", "b", None],
            "n": [1, 5, 3],
            "d": [datetime.date(2020, 1, 1)] * 2 + [datetime.date(2021, 1, 1)],
            "b": [True] * 3,
        }
    )
    assert describe("f", frame, True).splitlines() == [
        "f: DataFrame, 3 rows",
        "- s: text 'a' / 'b', 1 missing",
        "- n: number 1 to 5",
        "- d: date 2020-01-01 to 2021-01-01",
        "- b: boolean True",
    ]
    assert describe("f", frame).splitlines()[:3] == [
        "f: polars DataFrame, 3 rows, 4 columns",
        "- s: String, 1 missing",
        "- n: Int64",
    ]
    assert describe("s", frame["n"], True) == "s: Series n, 3 rows, number 1 to 5"
    assert describe("l", frame.lazy()) == "l: polars LazyFrame, not computed yet"


def test_frames_of_unusual_shape_are_described():
    assert describe("e", pd.DataFrame()) == "e: pandas DataFrame, 0 rows, 0 columns"
    assert describe("e", pd.DataFrame({"a": []}), True).splitlines()[1].startswith("- a: ")
    twice = pd.DataFrame([[1, "x"]], columns=["a", "a"])
    assert describe("t", twice, True).splitlines()[1:] == ["- a: number 1 to 1", "- a: text 'x'"]
    nested = pd.DataFrame({"l": [[1], {2: 3}], "m": [1, "a"], "none": [None, None]})
    assert [line.split(":")[0] for line in describe("n", nested, True).splitlines()[1:]] == [
        "- l",
        "- m",
        "- none",
    ]
    indexed = PENGUINS.set_index("seen")[["year"]]
    assert describe("i", indexed, True).splitlines()[1] == "- index seen: date 2012-01-01 to 2012-12-09"
    wide = describe("w", pd.DataFrame(np.zeros((2, 500)), columns=[f"column_{i}" for i in range(500)]), True)
    assert len(wide.encode()) <= 1600 and "more" in wide


@pytest.mark.parametrize(
    "frame", [pd.DataFrame({False: range(24), True: range(24)}), pd.DataFrame([[1, 2]] * 9, columns=["a", "a"])]
)
def test_the_first_rows_of_a_frame_are_taken_by_place(frame):
    text = describe("t", frame, True, True)
    assert "not described" not in text and text.count("\n|") == 5


def test_a_column_with_the_name_of_a_method_is_described():
    text = describe("t", pd.DataFrame({"rows": [2, 3], "shape": [1, 2]}, index=["a", "b"]), True, True)
    assert "not described" not in text and text.endswith("|rows|shape|\n|---|---|\n|2|1|\n|3|2|")


def test_series_arrays_and_scalars_are_described():
    assert (
        describe("s", PENGUINS.body_mass_g, True) == "s: Series body_mass_g, 344 rows, number 2700 to 6300, 2 missing"
    )
    assert describe("a", np.array([1.5, math.nan, 3.0]), True) == "a: ndarray, shape (3,), float64, 1.5 to 3, 1 missing"
    assert describe("a", np.arange(6).reshape(2, 3)) == "a: ndarray, shape (2, 3), int64"
    assert describe("x", np.float64(2.5), True) == "x: float64 2.5"


def test_a_duration_in_the_first_rows_stands_as_it_prints():
    steps = pd.DataFrame({"step": pd.to_timedelta([1, 4], unit="h")})
    assert describe("t", steps, True, True).endswith("|0 days 01:00:00|\n|0 days 04:00:00|")


def test_a_tensor_is_known_by_its_name_alone():
    tensor = type("Tensor", (), {"__module__": "torch", "shape": (2, 3), "dtype": "torch.float32", "device": "cpu"})()
    assert describe("t", tensor) == "t: Tensor, shape (2, 3), float32, on cpu"


def test_estimators_and_figures_are_described():
    from sklearn.linear_model import (
        LinearRegression,
    )  # slow to import, and each process of the tests reads this file

    model = LinearRegression()
    assert describe("m", model) == "m: LinearRegression, not fitted"
    model.fit(PENGUINS[["year", "bill"]], PENGUINS["year"])
    assert describe("m", model) == "m: LinearRegression, fitted on 2 features: year, bill"
    assert "fit_intercept=True" in describe("m", model, True)
    figure = Figure()
    figure.add_subplot().bar(["a", "b", "c"], [1, 2, 3])
    figure.axes[0].set(xlabel="city", ylabel="total amount")
    assert describe("f", figure) == "f: figure: 3 bars, x label 'city', y label 'total amount'"
    assert describe("f", Figure()) == "f: figure: empty"
    assert describe("ax", figure.axes[0]) == f"ax: Axes of a {describe('f', figure)[3:]}"
    areas = Figure()
    ax = areas.add_subplot()
    ax.stackplot([1, 2, 3], [[1, 2, 3], [3, 2, 1]])
    ax.fill_between([1, 2], [0, 0], [1, 1])
    ax.scatter([1, 2], [1, 2])
    areas.add_subplot().pcolormesh([[1, 2], [3, 4]])
    assert describe("f", areas) == "f: figure: 3 areas, 2 points; 1 image"


@pytest.mark.parametrize(
    ("value", "without", "with_values"),
    [
        (3, "int", "int 3"),
        (True, "bool", "bool True"),
        (2.5, "float", "float 2.5"),
        (None, "None", "None"),
        ("hello", "text, 5 characters", "text 'hello'"),
        (b"abc", "bytes, 3 bytes", "bytes, 3 bytes"),
        ([1, 2], "list of int, 2 items", "list of int, 2 items: 1, 2"),
        ((), "tuple, 0 items", "tuple, 0 items"),
        ({"x"}, "set of str, 1 item", "set of str, 1 item: 'x'"),
        ([{"a": 1}], "list of dict, 1 item\n- first: 'a'", None),
        (
            {"a": 1, "b": [1]},
            "dict, 2 keys\n- 'a': int\n- 'b': list of int, 1 item",
            "dict, 2 keys\n- 'a': int 1\n- 'b': list of int, 1 item: 1",
        ),
        (pathlib.PurePosixPath("/home/me/x.csv"), "Path to a .csv file", "Path '/home/me/x.csv'"),
        (datetime.date(2024, 5, 1), "date", "date 2024-05-01"),
        (datetime.timedelta(hours=2), "timedelta", "timedelta 2:00:00"),
        (pd.Timestamp("2024-05-01 12:00"), "Timestamp", "Timestamp 2024-05-01 12:00:00"),
        (math, "module math", None),
        (sqlite3, "module sqlite3", None),
    ],
)
def test_plain_values_are_described(value, without, with_values):
    assert describe("v", value) == f"v: {without}"
    assert describe("v", value, True) == f"v: {without if with_values is None else with_values}"


def test_a_number_of_5000_digits_is_not_spelled():
    assert describe("v", 10**5000, True) == "v: int"
    assert describe("v", [10**5000], True) == "v: list of int, 1 item: int"


class Account:
    """Somebody's account."""

    def __init__(self):
        self.owner, self.api_key, self._hidden, self.rows = "Ann", "s3cr3t", 1, PENGUINS

    def close(self):
        """Close it."""


HIDDEN = "s3cr3t"


def fetch(n: int, url: str = "here", *, token=HIDDEN, back: Any = PENGUINS, **more) -> list[int]:
    """Fetch it.

    More.
    """


def test_functions_classes_and_instances_are_described():
    assert describe("fetch", fetch) == (
        "fetch: function fetch(n: int, url: str='here', token=…, back: Any=…, **more) -> list[int]: Fetch it."
    )
    assert describe("p", functools.partial(fetch, 1)).startswith("p: function")
    assert describe("f", len).startswith("f: function len(obj): Return the number of items")
    assert describe("Account", Account) == "Account: class Account: Somebody's account.\n- methods: close"
    text = describe("a", Account(), True)
    assert "- .owner: text 'Ann'" in text and "- .rows: DataFrame, 344 rows" in text
    assert "s3cr3t" not in text and "_hidden" not in text
    assert "Ann" not in describe("a", Account())


OWN = """\
class Purse:
    def put(self, n, into=[]):
        into.append(n)
        return sum(into)

def twice(n):
    return n + n

"""


def test_code_of_the_notebook_is_described_with_its_source_where_it_is_asked_for():
    linecache.cache["<cell 1>"] = (len(OWN), None, OWN.splitlines(keepends=True), "<cell 1>")
    made = {"__name__": "__main__"}
    exec(compile(OWN, "<cell 1>", "exec"), made)
    said = describe("Purse", made["Purse"], full=True)
    assert "- methods: put\n- source:\n    class Purse:\n        def put(self, n, into=[]):" in said
    assert describe("twice", made["twice"], full=True).endswith("    def twice(n):\n        return n + n")
    assert "source" not in describe("Purse", made["Purse"]) + describe("fetch", fetch, full=True)
    long = OWN.replace("into.append(n)", "into.append(n)\n" + "        n += 1\n" * 100)
    linecache.cache["<cell 2>"] = (len(long), None, long.splitlines(keepends=True), "<cell 2>")
    exec(compile(long, "<cell 2>", "exec"), made)
    said = describe("Purse", made["Purse"], full=True)
    assert said.count("            n += 1\n") == 100 and "…" not in said  # whole, up to 3 KB
    long = long.replace("n += 1", "n += 1  # and on it goes")
    linecache.cache["<cell 3>"] = (len(long), None, long.splitlines(keepends=True), "<cell 3>")
    exec(compile(long, "<cell 3>", "exec"), made)
    assert describe("Purse", made["Purse"], full=True).endswith("- source: 105 lines in a cell")


class Connection:
    def __init__(self):
        self.dsn = self.server = "postgres://ann:s3cr3t@host/db"


def test_descriptions_of_connections_hide_the_address():
    base = sqlite3.connect("file:s3cr3t.db?mode=memory", uri=True)
    try:
        for value in (base, Connection(), base.cursor()):
            for values in (False, True):
                text = describe("c", value, values)
                assert "not shown" in text and "s3cr3t" not in text
    finally:
        base.close()


SECRETS = [
    "api_key",
    "apiKey",
    "API_KEY",
    "token",
    "my_token",
    "password",
    "db_password",
    "dbPassword",
    "OPENAI_API_KEY",
    "secret",
    "pwd",
]
OPEN = [
    "monkey",
    "keyboard",
    "species",
    "donkeys",
    "turkey",
    "n_tokens",
    "max_tokens",
    "author",
    "spin",
    "path",
    "keynote",
    "tokenizer",
    "secretary",
]
ABOUT = ["pat_no", "pat_weight", "token_count", "key_year", "auth_level"]  # the last word says what it is
KEYISH = "q7Rk2Vx9Lm4Tz8Wd3Hn6Bc1Yf5"


@pytest.mark.parametrize("name", SECRETS)
def test_a_name_that_looks_like_a_secret_hides_its_value_everywhere(name):
    assert secret_name(name)
    holder = Account()
    setattr(holder, name, "s3cr3t")
    for value in (
        {name: "s3cr3t"},
        holder,
        {"deep": {name: "s3cr3t"}},
        pd.DataFrame({name: ["s3cr3t"] * 3, "x": 1}),
    ):
        assert "s3cr3t" not in describe("v", value, True)
    assert "s3cr3t" not in describe(name, "s3cr3t", True)
    assert "s3cr3t" not in card([name], {name: ["s3cr3t"]}, True)


@pytest.mark.parametrize("name", ABOUT)
@pytest.mark.parametrize("value", [3, "P-12"])
def test_a_name_that_only_speaks_of_a_secret_is_judged_by_its_value(name, value):
    assert str(value) in describe(name, value, True) and KEYISH not in describe(name, KEYISH, True)
    for make in (pd.DataFrame, pl.DataFrame):
        assert str(value) in describe("t", make({name: [value] * 3, "x": [1, 2, 3]}), True)
        assert KEYISH not in describe("t", make({name: [KEYISH] * 3, "x": [1, 2, 3]}), True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth_header", "Basic dXNlcjpwYXNz"),
        ("password_old", "abc"),
        ("pin", 1234),
        ("pin_code", "4711"),
        ("otp_token", 482913),
        ("api_token", 417),
    ],
)
def test_credentials_of_a_header_and_what_people_choose_are_hidden(name, value):
    assert str(value) not in describe(name, value, True)
    assert str(value) not in describe("t", pd.DataFrame({name: [value]}), True)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("values", [["P-12"] * 5000 + [KEYISH] + ["P-13"] * 5000, ["P-12"] * 9000 + [KEYISH]])
def test_a_key_far_down_in_a_column_is_hidden_too(make, values):
    assert KEYISH not in describe("t", make({"pat_no": values, "x": range(len(values))}), True)


@pytest.mark.parametrize("name", ["key", "customer_key", "tokens"])
def test_numbers_under_the_name_of_a_key_are_none_and_texts_are(name):
    assert "417" in describe("t", pd.DataFrame({name: [417, 418]}), True)
    assert "abc" not in describe("t", pd.DataFrame({name: ["abc", "abd"]}), True)


@pytest.mark.parametrize("name", OPEN)
def test_ordinary_names_are_shown(name):
    assert not secret_name(name)
    assert describe(name, 3, True) == f"{name}: int 3"


@pytest.mark.parametrize(
    "text",
    [
        "sk-abcdefghijklmnop1234",
        "ghp_abcdefghijklmnop1234",
        "AKIAABCDEFGHIJKLMNOP",
        "postgres://ann:pw@host/db",
        "password=hunter2",
        "eyJhbGciOiJI.eyJzdWIiOiIx.sig",
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_text_shaped_like_a_secret_is_not_shown(text):
    assert secret_text(text)
    for value in (text, [text], {"a": text}, pd.DataFrame({"a": [text]})):
        assert text not in describe("v", value, True) or isinstance(value, list)


def test_a_list_of_secrets_is_not_shown():
    assert "abcdefghijklmnop1234" not in describe("v", ["x", "sk-abcdefghijklmnop1234"], True)


class Trap:
    """Every way into it runs code."""

    def _sprung(self, *_):
        raise AssertionError("code of the user's class ran")

    __repr__ = __str__ = __len__ = __iter__ = __getattr__ = __bool__ = __eq__ = __getitem__ = __format__ = _sprung
    __hash__ = None


@pytest.mark.parametrize("values", [False, True])
def test_no_code_of_an_unknown_class_runs(values):
    class Items(list):
        __repr__ = __iter__ = __len__ = __getitem__ = Trap._sprung

    class Map(dict):
        __repr__ = __iter__ = __len__ = __getitem__ = items = keys = Trap._sprung

    class Text(str):
        __repr__ = __str__ = __len__ = __getitem__ = Trap._sprung

    class Number(int):
        __repr__ = __str__ = Trap._sprung

    for value in (Trap(), [Trap()], {"a": Trap()}, Items([Trap()]), Map(a=1), Text("x"), Number(3)):
        assert "not described" not in describe("v", value, values)


def test_failing_library_costs_only_the_description():
    class Broken(pd.DataFrame):
        @property
        def shape(self):
            raise RuntimeError

    assert describe("b", Broken({"a": [1]})) == "b: Broken, not described (RuntimeError)"


def test_a_card_is_bounded_and_names_the_rest():
    space = {f"frame_{i}": PENGUINS for i in range(50)}
    text = card(space, space, True)
    assert 2000 < len(text.encode()) <= 5000
    assert "more: " in text and "frame_40 (DataFrame)" in text
    assert card(["gone", "x"], {"x": 3}, True) == "x: int 3"
    assert card([], {}) == ""


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    ),
    st.booleans(),
)
def test_any_plain_value_is_described_in_bounded_clean_text(value, values):
    text = describe("v", value, values)
    assert text.startswith("v: ") and len(text.encode()) <= 1600


SPACE = {"df": 1, "df2": 2, "tmp_df": 3, "_hidden": 4, "In": [], "get_ipython": 5, "other": 6}


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ("", ["df", "df2", "tmp_df", "other"]),
        ("*", ["df", "df2", "tmp_df", "other"]),
        ("df*", ["df", "df2"]),
        ("*, -tmp*", ["df", "df2", "other"]),
        ("-tmp* -other", ["df", "df2"]),
        ("other df", ["df", "other"]),
        ("_hidden", ["_hidden"]),
        ("_*", ["_hidden"]),
        (["df?", "other"], ["df2", "other"]),
        ("In", ["In"]),
        ("zzz*", []),
        ("df,-df", []),
    ],
)
def test_names_take_globs_and_minus(patterns, names):
    assert visible(SPACE, patterns) == names


def test_a_name_that_is_not_there_is_told():
    with pytest.raises(UsageError, match=r"'dg'.*did you mean df"):
        visible(SPACE, "dg")


# the device


async def call(device, tool, **arguments):
    made = {t.name: t for t in device.tools}[tool]
    return await invoke(made, validate(made, arguments), CallContext("r1.0", "k", 5))


async def test_the_device_looks_at_the_live_namespace():
    space = {"df": PENGUINS, "n": 3}
    device = NamespaceDevice(space)
    assert {(t.name, t.effect, t.repeat) for t in device.tools} == {
        ("describe", "read", "pure"),
        ("names", "read", "pure"),
    }
    assert all(len(str(t.wire)) < 600 for t in device.tools)
    assert (await call(device, "names")).text == "df: DataFrame\nn: int"
    space["later"] = "x"
    assert (await call(device, "describe", name="later")).text == "later: text, 1 character"
    assert (await call(NamespaceDevice(space, values=True), "describe", name="n")).text == "n: int 3"
    missing = await call(device, "describe", name="ladder")
    assert not missing.ok and "did you mean later" in missing.text
    assert "no name fits 'x*'" in (await call(device, "names", pattern="x*")).text
    assert "did you mean df" in (await call(device, "names", pattern="dff")).text


async def test_names_outside_the_allowed_are_absent():
    device = NamespaceDevice({"df": 1, "salaries": 2}, values=True, allow="* -salaries")
    assert (await call(device, "names")).text == "df: int"
    assert not (await call(device, "describe", name="salaries")).ok
    assert "salaries" not in (await call(device, "describe", name="salary")).text.replace("'salary'", "")
    assert (await call(NamespaceDevice({"a": 1}, allow="not_yet"), "names")).text == "no name fits '*'"


async def test_device_calls_can_be_written_as_code(capsys):
    space = {"df": PENGUINS}
    tools = {t.name: t for t in NamespaceDevice(space).tools}
    for name, arguments in (("describe", {"name": "df"}), ("names", {"pattern": "d*"})):
        exec(tools[name].to_code(arguments), space)
    assert capsys.readouterr().out == "DataFrame (344, 8)\n['df']\n"
    compile(tools["describe"].to_code({"name": "df\nimport os"}), "x", "exec")
    assert "import" not in tools["describe"].to_code({"name": "df\nimport os"}).splitlines()[-1][:6]


def test_no_library_is_imported_to_describe():
    code = (
        "import sys\nfrom llmos_nb.tools.devices.namespace.describe import card\nfrom llmos_nb.tools.devices.namespace.device import NamespaceDevice\n"
        "card(['a', 'b'], {'a': 1, 'b': [object()]}, True)\n"
        "print([m for m in ('pandas', 'numpy', 'polars', 'torch', 'sklearn', 'matplotlib', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("held", [lambda parts: parts, lambda parts: types.SimpleNamespace(parts=parts)])
def test_of_a_value_within_a_value_only_the_first_line_is_made(held):
    """With all of its lines, each level takes twenty times as long: thirty, for ever."""
    value: Any = 1
    for _ in range(30):
        value = held({f"k{n}": value for n in range(20)})
    inner = {"tree": value}
    inner["itself"] = inner
    assert describe("d", inner, True).splitlines()[2] == "- 'itself': dict, 2 keys"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_that_begin_alike_and_are_the_same_stand_in_one_line(library):
    held = {
        "sales": [1.5, 2.0],
        **{f"color_{i:02}": [True, False] for i in range(24)},
        "day_a": [1, 2],
        "day_b": [1, 2],
    }
    frame = pd.DataFrame(held) if library == "pandas" else pl.DataFrame(held)
    said = card(["df"], {"df": frame}, True, True).splitlines()
    assert "- color_00 to color_23, 24 columns color_*: boolean True / False" in said
    columns = [line for line in said if line.startswith("- ")]
    assert [line.partition(":")[0][2:] for line in columns if "24 columns" not in line] == ["sales", "day_a", "day_b"]
    assert len(describe("df", frame, values=False).splitlines()) == 5
