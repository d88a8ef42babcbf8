"""What code would do, told from its text: names, risks, levels, and the words for people."""

import ast
import sys
import types

import pytest
from hypothesis import given, strategies as st

from llmos_nb.policy.code import KINDS, Surroundings, code_names, inspect_code, plain
from llmos_nb.policy.code.inspection import Inspection
from llmos_nb.policy.code.report import describe_risks
from llmos_nb.policy.code.risks import Risk
from llmos_nb.policy.code.tables import ASKS
from llmos_nb.tools.devices.python.execute import look_around


def kinds(code, **around):
    return [r.kind for r in inspect_code(code, Surroundings(**around)).risks]


@pytest.mark.parametrize(
    ("code", "reads", "writes"),
    [
        ("x = 1", (), ("x",)),
        ("x = 1\ny = x + z", ("z",), ("x", "y")),
        ("x += 1", ("x",), ("x",)),
        ("del x", (), ("x",)),
        ("df['c'] = df['a']", ("df",), ("df",)),
        ("df.loc[0, 'a'] = 1", ("df",), ("df",)),
        ("items.append(1)", ("items",), ("items",)),
        ("df.drop(columns='a', inplace=True)", ("df",), ("df",)),
        ("df.drop(columns='a', inplace=False)", ("df",), ()),
        ("import pandas as pd\npd.DataFrame(rows)", ("rows",), ("pd",)),
        ("def f(a, b=c):\n    d = a + e\n    return d", ("c", "e"), ("f",)),
        ("def f():\n    global g\n    g = 1", (), ("f", "g")),
        ("[x * k for x in xs]", ("k", "xs"), ()),
        ("sorted(xs, key=lambda x: x.n + m)", ("xs", "m"), ()),
        ("for i in n:\n    total = i", ("n",), ("i", "total")),
        ("with a as b: b", ("a",), ("b",)),
        ("(y := x)", ("x",), ("y",)),
        ("a, (b, *c) = d", ("d",), ("a", "b", "c")),
        ("class A(B):\n    n = m", ("B", "m"), ("A",)),
        ("try:\n    x\nexcept E as e:\n    print(e)", ("x", "E", "e"), ()),
        ("f'{x} {y!r}'", ("x", "y"), ()),
        (
            "match x:\n    case [a, *b]: pass\n    case {'k': k, **d}: pass\n    case C(y) as c: pass",
            ("x", "C"),
            ("a", "b", "d", "k", "c", "y"),
        ),
        ("%time y = x", ("x",), ("y",)),
    ],
)
def test_names_read_and_written_are_found(code, reads, writes):
    seen = inspect_code(code)
    assert (seen.reads, seen.writes) == (reads, writes)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('a.csv')", ["foreign file"]),
        ("open('a.csv', 'w')", ["file"]),
        ("open('a.csv', mode='ab')", ["file"]),
        ("import scipy as sp\nsp.sparse.save_npz('a.npz', m)", ["file"]),
        ("pd.io.stata.StataWriter117('a.dta', df).write_file()", ["file"]),
        ("archive.extractall('there')", ["file"]),
        ("s.str.extractall('(a)')", []),
        ("from scipy.optimize import differential_evolution as de\nde(f, b, workers=-1)", ["process"]),
        ("from scipy.optimize import differential_evolution as de\nde(f, b, workers=1)", []),
        ("import scipy\nscipy.fft.fft(x, workers=2)", []),
        ("open('a.csv', m)", ["file"]),
        ("f = open\nf('a', 'w')", ["file"]),
        ("from pathlib import Path\nPath('a').open('w')", ["file"]),
        ("Path('a').write_text('x')", ["file"]),
        ("df.to_csv('out.csv')", ["file"]),
        ("df.to_csv(path_or_buf=p)", ["file"]),
        ("df.to_csv()", []),
        ("df.to_csv(None)", []),
        ("plt.savefig('a.png')", ["file"]),
        ("df.to_sql('t', con)", ["file"]),
        ("df.replace('a', 'b').rename(columns={})", []),
        ("import os\nos.rename('a', 'b')", ["file", "file"]),
        ("from pathlib import Path\np = Path('a')\np.rename('b')", ["file", "file"]),
        ("import os as o\no.remove('a')", ["deletion"]),
        ("from os import remove as r\nr('a')", ["deletion"]),
        ("import os\nf = os.remove\nf('a')", ["deletion"]),
        ("import shutil; shutil.rmtree('d')", ["deletion"]),
        ("Path('a').unlink()", ["deletion"]),
        ("con.execute('DROP TABLE t')", ["deletion"]),
        ("con.execute('-- gone\\n delete from t')", ["deletion"]),
        ("con.execute('update t set a = 1')", ["not undoable"]),
        ("con.execute('select 1')", []),
        ("import subprocess\nsubprocess.run(['ls'])", ["process"]),
        ("import os; os.system('ls')", ["process"]),
        ("import os; os.execvp('ls', [])", ["process"]),
        ("import sys; sys.exit()", ["process"]),
        ("exit()", ["process"]),
        ("!ls", ["process"]),
        ("!rm -r x", ["deletion", "process"]),
        ("x = !ls", ["process"]),
        ("import requests\nrequests.get(u)", ["network"]),
        ("import requests\ns = requests.Session()\ns.post(u)", ["network"]),
        ("import urllib.request\nurllib.request.urlopen(u)", ["network"]),
        ("import pandas as pd\npd.read_csv('https://x.org/a.csv')", ["network"]),
        ("import pandas as pd\npd.read_csv('a.csv')", ["foreign file"]),
        # a connection from before the code has its own label; of one that the code makes, nothing is known
        ("import pandas as pd\npd.read_sql(f'select * from {t}', db)", []),
        ("import pandas as pd\n{t: pd.read_sql(f'select * from {t}', con=db) for t in tables}", []),
        ("import pandas as pd\n[pd.read_sql(q, db) for db in connections]", ["foreign file"]),
        ("import pandas as pd\nfor db in connections: pd.read_sql(q, db)", ["foreign file"]),
        ("import pandas as pd\ndb = connect()\npd.read_sql(q, db)", ["foreign file"]),
        ("import pandas as pd\npd.read_sql(q, 'sqlite:///a.db')", ["foreign file"]),
        ("import numpy as np\nnp.load('a.npy', allow_pickle=True)", ["exec"]),
        ("import pickle\npickle.load(f)", ["exec"]),
        ("exec(code)", ["exec"]),
        ("eval('1')", ["exec"]),
        ("__import__('os').remove('x')", ["exec", "exec"]),
        ("import importlib\nimportlib.import_module(m)", ["exec"]),
        ("getattr(x, '__class__')", ["exec"]),
        ("getattr(x, name)", ["exec"]),
        ("getattr(x, 'name')", []),
        ("().__class__.__mro__[1].__subclasses__()", ["native", "exec"]),
        ("globals()['x'] = 1", ["exec"]),
        ("vars()", ["exec"]),
        ("vars(x)", []),
        ("import ctypes; ctypes.CDLL('x')", ["native"]),
        ("import os; os.environ['A'] = 'b'", []),
        ("import os; os.environ['OMP_NUM_THREADS'] = '2'; os.environ.setdefault('TF_LEVEL', '3')", []),
        ("import os; os.environ.update(A='b'); os.environ.pop('A')", []),
        ("import os; os.environ['PATH'] = 'b'", ["environment"]),
        ("import os; os.environ['LD_PRELOAD'] = 'b'; del os.environ['PYTHONPATH']", ["environment"] * 2),
        (
            "import os; os.environ['https_proxy'] = u; os.environ.setdefault('OPENAI_BASE_URL', u)",
            ["environment"] * 2,
        ),
        ("import os; os.environ[name] = 'b'", ["environment"]),
        ("import os; os.environ.update(given)", ["environment"]),
        ("import os; os.environ.update(A='b', PYTHONSTARTUP='x')", ["environment"]),
        ("import os; os.environ.clear()", ["environment"]),
        ("import sys; sys.path.insert(0, 'src'); sys.path.append('lib')", []),
        ("import sys; sys.modules['x'] = y", ["environment"]),
        (
            "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as p: list(p.map(f, x))",
            [],
        ),
        ("import asyncio\nawait asyncio.to_thread(f)", []),
        ("import os; os.chdir('x')", ["environment"]),
        ("import signal; signal.signal(2, h)", ["environment"]),
        ("import threading; threading.Thread(target=f).start()", []),
        ("import pandas as pd\npd.DataFrame.mean = None", ["not undoable"]),
        ("%run other.py", ["magic"]),
        ("%%bash\nls", ["magic"]),
        ("%matplotlib inline", []),
        ("%time 1 + 1", []),
        ("%timeit -n 2 open('a', 'w')", ["file"]),
        ("%%time\nimport os\nos.remove('x')", ["deletion"]),
        ("x?", []),
        ("get_ipython().run_cell('1')", ["exec"]),
        ("from os import *", ["import"]),
        ("def f():\n    open('a', 'w')", ["file"]),
        ("await client.get(u)", []),
        # what the same code has made in memory is no file, and nothing that Undo has to reach
        ("import io\nb = io.BytesIO()\nfig.savefig(b)", []),
        ("from io import BytesIO\nwith BytesIO() as b:\n    df.to_excel(b)", []),
        ("import io\nb = io.BytesIO()\nb = name\nfig.savefig(b)", ["file"]),
        ("import io\nb = io.BytesIO()\nfig.savefig('b.png')", ["file"]),
        ("import sqlite3\nc = sqlite3.connect(':memory:')\ndf.to_sql('t', c)\nc.commit()", []),
        (
            "import sqlite3\nc = sqlite3.connect('a.db')\ndf.to_sql('t', c)\nc.commit()",
            ["file", "not undoable"],
        ),
        ("import sqlite3\nc = sqlite3.connect(':memory:')\nc.backup(d)", ["file"]),
        ("import tempfile\nwith tempfile.NamedTemporaryFile('w') as f:\n    f.write('x')", []),
        ("import tempfile, pathlib\nwith tempfile.TemporaryDirectory() as d: pathlib.Path(d, 'a').touch()", []),
        (
            "import tempfile, os\nd = tempfile.mkdtemp()\np = os.path.join(d, 'a')\ndf.to_csv(p)\nos.remove(p)",
            [],
        ),
        ("import tempfile\nwith tempfile.NamedTemporaryFile() as f: fig.savefig(f.name)", []),
        ("import tempfile, shutil\nd = tempfile.mkdtemp()\nshutil.copy('a.csv', d)\nshutil.rmtree(d)", []),
        ("import tempfile, shutil\nd = tempfile.mkdtemp()\nshutil.copy(d + '/a', 'a.csv')", ["file"]),
        ("import tempfile\nd = tempfile.mkdtemp()\nd = name\ndf.to_csv(d)", ["file"]),
        ("import tempfile, shutil\nd = tempfile.mkdtemp()\nshutil.move('a.csv', d)", ["file", "file"]),
        ("c.execute('create temp table t(a)')", []),
        ("c.execute('insert into temp.t values (1)')", []),
        ("c.execute('create table temporary(a)')", ["not undoable"]),
        ("c.execute('insert into temperatures values (1)')", ["not undoable"]),
        ("import socket\nsocket.gethostname()", []),
        ("import socket\nsocket.create_connection(a)", ["network"]),
        # native code, which no hook sees, by name
        ("import duckdb\nduckdb.sql('select 1').df()", []),
        ("import duckdb\nduckdb.sql(f\"copy (select 1) to '{t}'\")", ["not undoable"]),
        ("import duckdb\nduckdb.connect('a.duckdb')", ["file"]),
        (
            "import duckdb\nc = duckdb.connect('a.duckdb', read_only=True)\nc.execute('select 1')",
            ["foreign file"],
        ),
        ("import duckdb\nc = duckdb.connect()\nc.execute('create table t(a int)')", []),
        ("import duckdb\nc = duckdb.connect('a.db')\nc.execute('create table t(a int)')", ["file", "not undoable"]),
        (
            "import duckdb\nc = duckdb.connect()\nc.execute(\"attach 'a.db'\")\nc.execute(f\"copy t to '{x}'\")",
            ["not undoable", "not undoable"],
        ),
        ("from multiprocessing.pool import ThreadPool\nwith ThreadPool(2) as p: p.map(abs, [1])", []),
        ("from multiprocessing import Pool\nwith Pool(2) as p: p.map(abs, [1])", ["process", "process"]),
        ("import requests\nrequests.Request('GET', u).prepare()", []),
        ("import duckdb\nc = duckdb.connect(':memory:')\nc.execute(f\"copy t to '{x}'\")", ["not undoable"]),
        ("import zmq\nzmq.Context().socket(zmq.PUSH)", ["network"]),
        ("import os\nos.mkfifo('x')", ["file"]),
        ("import asyncio\nasyncio.get_running_loop().call_later(1, f)", []),
        ("x" + "[0]" * 800, ["unread"]),  # it can run, and cannot be walked
        ("x = (", ["syntax"]),
        ("\0", ["syntax"]),
    ],
)
def test_risks_of_code_are_found(code, expected):
    assert kinds(code) == expected


def test_risk_names_its_line_and_literal_arguments():
    (risk,) = inspect_code("x = 1\n\ndf.to_csv('results/islands.csv')").risks
    assert risk == Risk("file", "to_csv", 3, "results/islands.csv")


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("a + 1", "read"),
        ("df.groupby('a')['b'].mean().sort_values()", "read"),
        ("len(df), df.head()", "read"),
        ("print(x)", "read"),
        ("pd.read_csv('a.csv').head()", "namespace"),
        ("x = 1", "namespace"),
        ("xs.sort()", "namespace"),
        ("unknown(x)", "namespace"),
        ("df.drop(columns='a', inplace=True)", "namespace"),
        ("import os", "namespace"),
        ("from os import *", "namespace"),
        ("df.to_csv('a.csv')", "risky"),
        ("!ls", "risky"),
    ],
)
def test_risk_levels_follow_from_the_code(code, level):
    assert inspect_code(code).level == level


def test_objects_in_the_namespace_count():
    assert kinds("o.remove('x')", origins={"o": "os"}) == ["deletion"]
    assert kinds("r('x')", origins={"r": "os.remove"}) == ["deletion"]
    assert kinds("s.get(u)", origins={"s": "requests.sessions.Session"}) == ["network"]
    assert kinds("next(rows)", fragile={"rows": "it gives each item once"}) == ["not undoable"]
    assert kinds("o = []\no.remove('x')", origins={"o": "os"}) == []
    assert kinds("[o.remove(1) for o in xs]", origins={"o": "os"}) == []


def test_user_functions_are_inspected():
    sources = {"clean": "def clean(x):\n    wipe(x, base)", "wipe": "def wipe(x, b):\n    os.remove(x)"}
    seen = inspect_code("y = 1\nclean('a')", Surroundings({"os": "os"}, sources))
    assert seen.risks == (Risk("deletion", "os.remove", 2),)
    assert set(seen.reads) == {"clean", "wipe", "base", "os"}
    assert kinds("def clean(): pass\nclean()", sources=sources, origins={"os": "os"}) == []


def test_inspection_of_a_recursive_function_ends():
    assert (
        inspect_code("f()", Surroundings(sources={"f": "def f(): return g()", "g": "def g(): return f()"})).level
        == "namespace"
    )


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = y", {"x", "y"}),
        ("def f(a):\n    return b", {"f", "a", "b"} - {"a"}),
        ("import os as o", {"o"}),
        ("exec('x')", None),
        ("globals()", None),
        ("%run a.py", None),
        ("from os import *", None),
        ("x = (", None),
        ("%time x", {"x"}),
        ("!ls", set()),
    ],
)
def test_code_names_lists_names_in_code(code, names):
    found = code_names(code)
    assert found is None if names is None else names <= (found or frozenset())


# the live namespace


def make(source, **names):
    import linecache

    linecache.cache["<made>"] = (len(source), None, source.splitlines(True), "<made>")
    namespace = {"__name__": "__main__", **names}
    exec(compile(source, "<made>", "exec"), namespace)
    return namespace


def test_builtin_that_ipython_wraps_is_no_variable_of_the_users():
    import IPython.core.interactiveshell as ipython

    ours = types.FunctionType((lambda: None).__code__, ipython.__dict__, "open")
    assert look_around({"open": ours}, ["open"]) == Surroundings()
    assert "open" in look_around({"open": lambda: None}, ["open"]).origins


def test_look_around_finds_origins_sources_and_fragile_values(tmp_path):
    import sqlite3

    (tmp_path / "x").touch()
    with (tmp_path / "x").open() as handle, sqlite3.connect(":memory:") as con:
        source = "import os as o\nfrom os import remove\ndef f(): return g()\ndef g(): return remove\ndef h(): pass\n"
        namespace = make(source, con=con, handle=handle, n=1, path=tmp_path, rows=(i for i in "ab"))
        around = look_around(namespace, ["o", "remove", "f", "con", "handle", "rows", "n", "path", "absent"])
    con.close()
    assert {k: around.origins[k] for k in ("o", "remove", "con", "path")} == {
        "o": "os", "remove": "os.remove", "con": "sqlite3.Connection", "path": "pathlib.Path",
    }  # fmt: skip
    assert set(around.sources) == {"f", "g"} and "n" not in around.origins
    assert set(around.fragile) == {"handle", "rows"}


# words


def test_writing_an_existing_file_is_a_replacement(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results/islands.csv").touch()
    (words,) = describe_risks(inspect_code("df.to_csv('results/islands.csv')"), tmp_path)
    assert words.title == "replace a file"
    assert words.why == (
        "It asks because `to_csv` overwrites `results/islands.csv`, and Undo cannot bring an overwritten file back."
    )


@pytest.mark.parametrize(
    ("code", "title", "part"),
    [
        ("df.to_csv('new.csv')", "write a file", "writes `new.csv`"),
        ("df.to_csv(p)", "write a file", "whose name is only known when it runs"),
        ("open('log', 'a')", "add to a file", "adds to `log`"),
        ("df.to_sql('t', con)", "write a database table", "the table `t`"),
        ("import os; os.remove('a')", "delete a", "`os.remove` `a` deletes"),
        ("!rm x", "delete something", "`!rm x`"),
        ("import requests; requests.get('https://x.org')", "use the network", "`requests` `https://x.org`"),
        ("con.execute('update t set a=1')", "change what cannot be put back", "`execute` changes"),
        ("x = (", "run code that is no Python", "never closed"),
    ],
)
def test_risks_are_described_in_words(code, title, part, tmp_path):
    words = describe_risks(inspect_code(code), tmp_path)[0]
    assert words.title == title and part in words.sentence


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_risk_is_described(kind, tmp_path):
    (words,) = describe_risks(Inspection(risks=(Risk(kind, "f", 1),)), tmp_path)
    assert words.title and words.sentence and not words.sentence.endswith(".") and words.asks == (kind in ASKS)


def test_reasons_to_ask_come_first_and_only_they_ask(tmp_path):
    seen = plain(inspect_code("x = open('a').read()\nopen('b', 'w')"), tmp_path)
    assert [r[0] for r in seen["risks"]] == ["file", "foreign file"] and seen["why"].startswith(
        "It asks because `open` writes `b`"
    )
    assert (seen["level"], seen["title"], seen["writes"]) == ("risky", "write a file", ["x"])
    assert plain(inspect_code("open('a')"), tmp_path)["why"] == ""


# properties

NAMES = st.sampled_from(["a", "b", "c"])
EXPRESSIONS = st.recursive(
    NAMES | st.integers(0, 9).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    max_leaves=6,
)


@given(st.lists(st.tuples(NAMES, EXPRESSIONS), max_size=6))
def test_reads_are_exactly_the_names_missing_at_run_time(lines):
    code = "\n".join(f"{name} = {value}" for name, value in lines)
    seen = inspect_code(code)
    exec(code, dict.fromkeys(seen.reads, 1))
    for name in seen.reads:
        with pytest.raises(NameError):
            exec(code, {n: 1 for n in seen.reads if n != name})
    assert set(seen.writes) == {name for name, _ in lines}


@given(st.text(max_size=80))
def test_any_text_is_inspected(text):
    seen = inspect_code(text)
    assert seen.level in ("read", "namespace", "risky") and all(r.kind in KINDS for r in seen.risks)
    code_names(text)


def test_devices_of_the_package_can_be_inspected():
    from pathlib import Path

    import llmos_nb

    for path in (Path(llmos_nb.__file__).parent / "tools" / "devices").rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        assert set(inspect_code(code).writes) >= {
            n.name for n in ast.parse(code).body if isinstance(n, ast.FunctionDef)
        }


def test_code_is_read_again_where_the_interpreter_mixed_up_two_readers(monkeypatch):
    failing = [SystemError("AST constructor recursion depth mismatch")] * 2

    def mixed_up(*args, **kwargs):
        if failing:
            raise failing.pop()
        return compile(*args, **kwargs)

    monkeypatch.setattr("llmos_nb.policy.code.names.compile", mixed_up, raising=False)
    assert "y" in inspect_code("x = y + 1").reads and not failing


@pytest.fixture
def deep():
    """A limit of recursion that some library has raised, as long as a test runs."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(before)


def calls_made(code):
    """How many functions were called to look at code."""
    made = []
    sys.setprofile(lambda frame, event, argument: made.append(event) if event == "call" else None)
    try:
        inspect_code(code)
    finally:
        sys.setprofile(None)
    return len(made)


@pytest.mark.usefixtures("deep")
@pytest.mark.parametrize("link", ["()", ".a()", ".a", "[0]", "(f)", " + f(f)", "[f(f)]"])
def test_work_grows_with_the_length_of_a_chain_and_not_with_its_square(link):
    assert calls_made("f" + link * 800) < 2.5 * calls_made("f" + link * 400)


@pytest.mark.usefixtures("deep")
def test_a_long_chain_is_not_read_and_so_asks():
    short, long = (inspect_code(f"con{'.a()' * n}", Surroundings({"con": "h5py.File"})) for n in (40, 200))
    assert "unread" not in [r.kind for r in (*short.risks, *short.unseen)]
    assert [r.kind for r in long.risks] == [r.kind for r in long.unseen] == ["unread"] and long.everything


def test_what_a_call_within_a_call_is_given_is_lent():
    assert inspect_code("f(g(h(rows)), k(other))").lent == ("f", "g", "h", "rows", "k", "other")
