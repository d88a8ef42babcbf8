"""What of a step is compared with nothing: only what cannot come out the same, and never without a word."""

import ast
import ipaddress
import json
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from process_runs import ProcessRun
from turns import call, python

import llmos_nb as llmos
from llmos_nb.errors import ExportDoesNotRun
from llmos_nb.export import export, ran
from llmos_nb.export.assertions import BY_TYPE
from llmos_nb.export.cells import read, write
from llmos_nb.export.dataflow.slice import Piece, cut
from llmos_nb.export.dataflow.taint import TEMPORARY, holds_after_all, tainted
from llmos_nb.export.dataflow.texts import KEY, WHY
from llmos_nb.export.files import files_recorded
from llmos_nb.export.inputs import digest_file, files_read
from llmos_nb.export.magics import readings, shows
from llmos_nb.export.plainly import lines
from llmos_nb.export.shown import IN_ANOTHER_FORM, READ
from llmos_nb.export.source import ExportSource
from llmos_nb.export.steps import Unit
from llmos_nb.export.verify import verify
from llmos_nb.export.verify.compare import assertions, difference, shown
from llmos_nb.export.verify.report import Report, not_compared
from llmos_nb.export.verify.seal import seal
from llmos_nb.heap.content import code_for, content
from llmos_nb.journal.events import CellRan


@pytest.fixture(autouse=True)
def own_jupyter(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MPLBACKEND", "agg")


def exported(folder, *steps, before=(), **how):
    """Export a run of some steps after some cells of the user's."""
    r = ProcessRun("Do a thing", folder, **how)
    for cell in before:
        r.user(cell)
    r.begin()
    for step in steps:
        r.step(step)
    r.end("done")
    return export(r.source(), folder / "out" / "x.ipynb", lock=False)


def steps_of(path):
    """What the metadata of each step's cell says, by its name."""
    cells = [c for c in read(path)["cells"] if c["cell_type"] == "code"]
    return {c["id"]: c["metadata"]["llmos_nb"] for c in cells if c["metadata"]["llmos_nb"]["role"] == "step"}


# what loops leave behind


@pytest.mark.parametrize(
    ("code", "then", "asserted"),
    [
        ("total = 0\nfor k in [1, 2]:\n    total += k", "", {"total"}),
        (
            "rows = [[1, 2]]\nfor i, k in enumerate(rows):\n    for one in k:\n        print(i, one)",
            "",
            {"rows"},
        ),
        ("for k in [1, 2]:\n    last = k", "", {"last"}),
        ("for k in [1, 2]:\n    pass\nk", "", {"k"}),
        ("for k in [1, 2]:\n    pass", "m = k + 1", {"k", "m"}),
        ("k = 0\nfor k in [1, 2]:\n    pass", "", {"k"}),
        ("for k in [1, 2]:\n    k = k + 1", "", {"k"}),
        ("for k in [1, 2]:\n    pass", "for k in [3]:\n    print(k)", set()),
        ("for k in [1, 2]:\n    pass", "k = 3", {"k"}),
    ],
)
def test_what_a_loop_leaves_in_its_variable_is_asserted_only_where_something_reads_it(tmp_path, code, then, asserted):
    path = exported(tmp_path, *filter(None, [code, then]))
    book = read(path)
    checks = "\n".join(c["source"] for c in book["cells"] if c["metadata"]["llmos_nb"]["role"] in ("check", "evidence"))
    names = {n.id for n in ast.walk(ast.parse(checks)) if isinstance(n, ast.Name)} - {"_given", "Out", "max"}
    assert names == asserted
    assert not book["metadata"]["llmos_nb"]["unchecked"]


# readings of the clock

TIMED = "CPU times: user 3 μs, sys: 0 ns, total: 3 μs\nWall time: 5.2 μs\n"
LOOP = "2.26 μs ± 0 ns per loop (mean ± std. dev. of 1 run, 1 loop each)\n"


@pytest.mark.parametrize(
    ("source", "text", "rest", "said"),
    [
        ("%time x = f()\nx", f"{TIMED}3\n", "3\n", 2),
        ("%%time\nprint(1)", f"1\n{TIMED}", "1\n", 2),
        ("%timeit -n 1 f()\nprint(2)", f"{LOOP}2\n", "2\n", 1),
        ("y = %time f()", TIMED, "", 2),
        ("print('Wall time: 3')", "Wall time: 3\n", "Wall time: 3\n", 0),
        ("x = '''\n%time a\n'''\nprint(x)", TIMED, TIMED, 0),
        ("%prun f()", TIMED, TIMED, 0),
    ],
)
def test_only_what_a_timing_magic_printed_is_a_reading_of_the_clock(source, text, rest, said):
    found, lines = readings(source, text)
    assert (found, len(lines)) == (rest, said) and all(line in text for line in lines)


@pytest.mark.parametrize(
    ("source", "magic"),
    [("%time x", ""), ("%cd -q a", ""), ("%cd a", "%cd"), ("%%capture a\nx", ""), ("%prun x", "%prun")],
)
def test_what_a_magic_shows_is_lost_only_where_nothing_says_it(source, magic):
    assert shows(source) == magic


# the words for it


def test_verify_says_what_it_did_not_compare_by_reason_and_cell(tmp_path):
    path = exported(tmp_path, "import time\nx = time.time()\ny = 2\ny", "z = y + 1\nz", "import os\nos.getpid()")
    assert steps_of(path)["r1-0"]["left"] == {"x": "it rests on the time"}
    assert "left" not in steps_of(path)["r2-0"]
    report = verify(path, "same")
    assert report.ok and "; 3 not compared, as said below" in report.text()
    assert (
        "holds: same; not compared: 3; " in report.text()
        and ran.spared(path) == " (not compared: 3, which its notes name)"
    )
    assert "note: nothing to compare in cell r3-0\n" in report.text()
    assert "note: not compared: x in cell r1-0: it rests on the time\n" in report.text()
    assert "note: not compared: its output, its value in cell r3-0: it rests on the machine\n" in report.text()
    assert {"cell": "r1-0", "what": "x", "why": "it rests on the time"} in json.loads(json.dumps(report.plain()))[
        "left"
    ]


def test_verify_says_nothing_of_that_where_all_was_compared(tmp_path):
    report = verify(path := exported(tmp_path, "x = [1]\nx"), "same")
    assert ran.spared(path) == ""
    assert report.ok and report.left == [] and "not compared" not in report.text() and "nothing to" not in report.text()


def test_many_places_are_counted():
    left = [{"cell": f"r{n}-0", "what": "x", "why": "it rests on the time"} for n in range(12)]
    (line,) = not_compared(left)
    assert line.endswith("x in cell r7-0 and 4 cells more: it rests on the time")
    assert line in Report("a", left=left).text()


# draws


def test_a_step_that_may_draw_and_did_not_is_compared(tmp_path):
    pytest.importorskip("sklearn")
    step = "from sklearn.decomposition import PCA\nflat = PCA(n_components=1).fit_transform(X).round(6)\nflat.shape"
    path = exported(tmp_path, step, before=["import numpy as np\nX = np.eye(4)[:, :3]"], record_random=False)
    assert "flat" in steps_of(path)["r1-0"]["values"] and "flat" not in steps_of(path)["r1-0"].get("left", {})


def test_a_step_that_drew_from_a_state_nobody_recorded_is_not(tmp_path):
    step = "x = np.random.permutation(5)\nx"
    path = exported(tmp_path, step, before=["import numpy as np"], record_random=False)
    left = steps_of(path)["r1-0"].get("left", {})
    assert "a draw" in left.get("x", "") or "random-state" in json.dumps(read(path)["cells"])


def test_nothing_is_said_not_to_draw_before_numpy_is_watched(tmp_path):
    path = exported(tmp_path, "import numpy as np\nrng = np.random.default_rng()\nx = rng.integers(9)\nx")
    assert "a draw" in steps_of(path)["r1-0"]["left"]["x"]


# names, files and modules


@pytest.mark.parametrize(
    ("why", "words", "holds"),
    [
        (TEMPORARY, "'hello'", True),
        (TEMPORARY, "'/tmp/tmpab12cd_9/x'", False),
        (TEMPORARY, "list of 900: 0123456789abcdef", False),
        (TEMPORARY, "<ZipFile>", False),
        ("the time", "'hello'", False),
    ],
)
def test_what_was_read_from_a_temporary_file_is_compared_where_its_name_is_not_in_it(why, words, holds):
    assert holds_after_all(why, words, Path("/home/ines/tides")) is holds


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("from urllib.parse import urlsplit\nx = urlsplit('a')", ""),
        ("import urllib.parse\nx = urllib.parse.quote('a b')", ""),
        ("import urllib.request\nx = urllib.request.urlopen('a')", "the network"),
        ("from urllib.parse import urlsplit\nx = urlsplit('https://a.org/b?c=1').netloc", ""),
        ("x = text.replace('https://a.org', 'here')", ""),
        ("x = text.replace(fetch('https://a.org'), 'here')", "the network"),
        ("x = session.get('https://a.org').text.strip()", "the network"),
        ("import uuid\nx = uuid.uuid5(uuid.NAMESPACE_URL, 'https://a.org')", ""),
        ("from requests import Request\nx = Request('GET', 'https://a.org').prepare()", ""),
        ("import httpx\nx = httpx.URL('https://a.org').host", ""),
        ("import requests\nx = requests.Session().get(y)", "the network"),
        ("import uuid\nx = uuid.uuid1()", "the machine"),
        ("x = series.resample('W').sum()", ""),
        ("from sklearn.utils import resample\nx = resample(y)", "a draw whose random state was not recorded"),
        ("import tempfile\nx = tempfile.mkdtemp()", TEMPORARY),
    ],
)
def test_only_what_cannot_be_repeated_is_called_so(code, why):
    assert tainted([Piece(code, kept=True)]).get("x", "") == why


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.datetime64("2024-03-06"), np.datetime64("2024-03-07")),
        (np.datetime64("2024-03-06T10:00:01"), np.datetime64("2024-03-06T10:00:02")),
        (np.timedelta64(5, "D"), np.timedelta64(6, "D")),
        (np.datetime64("2024-03-06T10", "ns"), np.datetime64("NaT")),
        (httpx.URL("https://a.org/b"), httpx.URL("https://a.org/c")),
        (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("10.0.0.0/16")),
    ],
)
def test_days_spans_and_addresses_are_compared_by_what_they_are(one, other):
    assert not content(one).startswith("<") and content(one) != content(other)


def test_modules_and_models_are_no_values_that_a_digest_compares(tmp_path):
    pytest.importorskip("sklearn")
    fit = "from sklearn.linear_model import LinearRegression\nimport json\nm = LinearRegression().fit([[1], [2]], [1, 2])\nn = 3"
    path = exported(tmp_path, fit)
    step = steps_of(path)["r1-0"]
    assert set(step["values"]) == {"n"} and assertions(read(path)) == {"r1-0": 1}
    assert step["contents"]["m"].startswith("LinearRegression (5 fitted): ")  # the model by what fitting gave


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("out = duckdb.sql('select k from rides group by k').df()", True),
        ("out = duckdb.sql('select k from a join rides using (k)')", True),
        ("out = t.query('v > @rides')", True),
        ("out = duckdb.sql('select rides from k')", False),
        ("out = duckdb.sql('select k.a, rides.b from k rides')", False),
        ("out = duckdb.sql('select a, rides from k order by a, rides')", False),
        ("out = duckdb.sql('with rides as (select 1) select a from k, rides')", False),
        ("out = duckdb.sql('select extract(year from rides) from k')", False),
        ("out = duckdb.sql('with rides as (select a from rides) select a from rides')", True),
        ("out = duckdb.sql('select a from (select 1) x, rides y where 1')", True),
        ("out = duckdb.sql('select a from (k join rides using (b))')", True),
        ("out = duckdb.sql('select a from k join \"rides\" r on 1 = 1')", True),
        ("out = duckdb.sql('from k x, rides')", True),
        ("out = say('a word from rides')", False),
    ],
)
def test_names_in_sql_are_read_where_a_line_before_made_them(code, kept):
    sources, missing = cut([Piece("rides = 1"), Piece(code, kept=True)])
    assert sources[0] == ("rides = 1" if kept else "") and "k" not in missing and "a" not in missing


@pytest.mark.out_of_process
def test_file_that_changed_is_named_with_its_reader_and_may_stand_beside_the_export(tmp_path):
    (tmp_path / "v.txt").write_text("41")
    path = exported(
        tmp_path,
        "n = int(Path('v.txt').read_text())\nsize = Path('v.txt').write_text(str(n + 1))\nn",
        before=["from pathlib import Path"],
    )
    with pytest.raises(
        ExportDoesNotRun, match=r"v\.txt was changed after it was read \(by call r1\.0.*\), and what it held"
    ):
        ran.run(path)
    (path.parent / "v.txt").write_text("41")
    ran.run(path)
    (path.parent / "v.txt").write_text("40")
    with pytest.raises(ExportDoesNotRun, match="changed after it was read"):
        ran.run(path)


@pytest.mark.parametrize(
    ("start", "path"), [("/old", "v.txt"), ("/old/deep", "deep/v.txt"), ("/other", "../other/v.txt")]
)
def test_relative_names_start_where_the_notebook_began_wherever_it_stands_now(start, path, tmp_path):
    (tmp_path / "deep").mkdir()
    for file in (tmp_path / "v.txt", tmp_path / "deep" / "v.txt"):
        file.write_text("1")
    read_file = {"path": "v.txt", "bytes": 1, "sha256": digest_file(tmp_path / "v.txt"), "from": start}
    cell = CellRan(place=1, source="x", count=4, reads={"files": [read_file]})
    (one,) = files_recorded([Unit("user", "x", (1, 0, 0))], {1: cell}, tmp_path, Path("/old"))
    assert one.path == path
    gone = {"since": "removed after it was read", "reader": "your cell [4]"}
    assert one.about == (gone if start == "/other" else {})


async def test_calls_that_bound_names_are_code_from_the_journal_too(tmp_path, script, monkeypatch):
    pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    space = {"sales": pytest.importorskip("pandas").DataFrame({"city": ["Ulm", "Bonn"], "n": [1, 2]})}
    query = {"query": "select city from sales where n > 1", "into": "far"}
    model = script({"calls": [{"name": "sql", "arguments": query}]}, {"text": "done"})
    proc = await llmos.run("x", model=model, namespace=space, approve="auto", plan="none", tools=["sql"])
    live = proc.export(tmp_path / "live.ipynb", run=False)
    later = llmos.replay(proc.journal.path).export(tmp_path / "later.ipynb", run=False)
    code = [next(c["source"] for c in read(p)["cells"] if c["id"] == "r1-0") for p in (live, later)]
    assert code[0] == code[1] and "_duckdb.execute" in code[1] and "REPEAT_EFFECTS" not in code[1]


# content


def told(*figures):
    space = {}
    exec(code_for(), space)
    return [space["_content"](f) for f in figures]


def test_figures_are_compared_by_their_texts_and_data():
    plt = pytest.importorskip("matplotlib.pyplot")

    def drawn(title="a", last=3, height=2):
        figure, (left, right) = plt.subplots(1, 2)
        left.plot([1, 2, last])
        left.set_title(title)
        right.bar(["x", "y"], [1, height])
        plt.close(figure)
        return figure

    one = content(drawn())
    assert one == content(drawn()) and one.startswith("Figure (2 axes): ") and not one.startswith("<")
    assert len({one, content(drawn(title="b")), content(drawn(last=4)), content(drawn(height=5))}) == 4
    assert content(drawn().axes[0]) != content(drawn(last=4).axes[0])
    figure = drawn()
    assert told(figure, figure.axes[0]) == [content(figure), content(figure.axes[0])]


def test_areas_and_meshes_are_compared_by_their_data():
    plt = pytest.importorskip("matplotlib.pyplot")

    def drawn(top, low=1.0):
        figure, (left, right) = plt.subplots(1, 2)
        left.fill_between([1, 2], [0, 1], [2, top])
        right.pcolormesh(np.eye(3) * low)
        plt.close(figure)
        return content(figure)

    assert drawn(3) == drawn(3) and not drawn(3).startswith("<")
    assert len({drawn(3), drawn(4), drawn(3, low=2.0)}) == 3


def test_images_are_compared_by_size_mode_and_points():
    image = pytest.importorskip("PIL.Image")
    one, *others = (
        image.new(m, s, c) for m, s, c in (("L", (4, 3), 1), ("L", (4, 3), 2), ("L", (3, 4), 1), ("1", (4, 3), 1))
    )
    assert content(one) == content(one.copy()) and len({content(i) for i in (one, *others)}) == 4
    assert told(one) == [content(one)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("random.Random(1)", "random.Random(2)"),
        ("re.search('b', 'abc')", "re.search('c', 'abc')"),
        ("deque([1, 2])", "deque([2, 1])"),
        ("{1: 2}.values()", "{1: 3}.values()"),
        ("re.compile('a')", "re.compile('b')"),
    ],
)
def test_matches_queues_and_views_are_compared_by_content(one, other):
    import collections
    import random
    import re

    space = {"re": re, "deque": collections.deque, "random": random}
    first, second = content(eval(one, space)), content(eval(other, space))
    assert first != second and first == content(eval(one, space)) and not first.startswith("<")


def test_lines_that_were_overwritten_are_compared_as_the_journal_has_them():
    def stream(text):
        return shown([{"output_type": "stream", "name": "stdout", "text": text}])

    near = {"rel": 1e-6, "abs": 1e-9}
    live = stream("\r1/3\r2/3\r3/3\ndone\n")
    assert not difference(stream("\n1/3\n2/3\n3/3\ndone\n"), live, near) and not difference(
        stream("3/3\ndone\n"), live, near
    )
    assert difference(stream("\n1/3\n2/4\n3/3\ndone\n"), live, near) and difference(stream("3/4\ndone\n"), live, near)


def test_what_is_known_by_its_type_alone_is_said(tmp_path):
    assert steps_of(exported(tmp_path, "import threading\nlock = threading.Lock()"))["r1-0"]["left"] == {
        "lock": BY_TYPE
    }


def test_openings_of_files_that_could_not_be_noted_are_said_in_notebook_report_and_supplement(tmp_path):
    r = ProcessRun("Do a thing", tmp_path)
    r.begin()
    r.step("x = 1")
    r.end("done")
    source = r.source()
    whole = export(source, tmp_path / "whole.md").read_text()
    source.state.calls["r1.0"].facts["outside"] = {"missed": 3}
    path = export(source, tmp_path / "x.ipynb", lock=False)
    said = "3 openings of files could not be noted when it ran"
    assert steps_of(path)["r1-0"]["left"] == {"the files it read": said}
    assert said in verify(path, "same").text()
    text = export(source, tmp_path / "x.md").read_text()
    assert f"- The files that call r1.0 of process 1 read: {said}" in text and "openings of files" not in whole
    assert "by itself is not seen" in text and "by itself is not seen" in whole


@pytest.mark.parametrize(
    ("before", "changes", "step"),
    [
        (
            "from functools import cache\nrate = [2]\n@cache\ndef price(n):\n    return n * rate[0]",
            "first = price(10)\nrate[0] = 3",
            "got = price(10)",
        ),
        (
            "def keep(x, seen=[]):\n    seen.append(x)\n    return list(seen)",
            "keep('user')",
            "got = keep('step')",
        ),
        (
            "import threading\nfound = []\ndef work(n):\n    found.append(n * n)",
            "ts = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
            "for t in ts:\n    t.start()\nfor t in ts:\n    t.join()",
            "got = sorted(found)",
        ),
        ("d = {'a': 1, 'b': 2}\npop = d.pop", "pop('a')", "got = sorted(d)"),
        ("d = {'a': 1, 'b': 2}", "taken = list(map(d.pop, ['a']))", "got = sorted(d)"),
        ("d = {'a': 1, 'b': 2}\nheld = [d.pop]", "held[0]('a')", "got = sorted(d)"),
        ("seen = set()\nadd = seen.add", "any(map(add, [1, 2]))", "got = sorted(seen)"),
        (
            "from functools import partial\nd = {'a': 1, 'b': 2}\ntake = partial(d.pop, 'a')",
            "take()",
            "got = sorted(d)",
        ),
        (
            "from functools import partial\nout = []\ndef work(n):\n    out.append(n)\np = partial(work, 1)",
            "p()",
            "got = list(out)",
        ),
        (
            "out = []\ndef work(n):\n    out.append(n)\nlazy = map(work, [1, 2])",
            "list(lazy)",
            "got = list(out)",
        ),
        ("rows = [{}]", "list(map(lambda r: r.update(x=1), rows))", "got = rows[0]['x']"),
        ("rows = [{}]\ndef fix(r):\n    r['x'] = 1", "done = list(map(fix, rows))", "got = rows[0]['x']"),
        (
            "import threading\nout = []\nclass W(threading.Thread):\n    def run(self):\n        out.append(3)",
            "w = W()\nw.start()\nw.join()",
            "got = list(out)",
        ),
        (
            "from functools import cached_property\nclass Shop:\n    rate = 2\n"
            "    @cached_property\n    def price(self):\n        return self.rate * 10\nshop = Shop()",
            "shop.price\nshop.rate = 3",
            "got = shop.price",
        ),
    ],
)
def test_state_that_no_name_of_the_step_shows_is_carried_along(before, changes, step):
    live, again = {}, {}
    for code in (before, changes, step):
        exec(code, live)
    sources, missing = cut([Piece(before), Piece(changes), Piece(step, kept=True)])
    exec("\n".join(sources), again)
    assert not missing and again["got"] == live["got"]


def test_modules_of_a_folder_that_a_cell_puts_on_the_import_path_come_along(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "lib/mine_a.py": "from mine_b import two\nfour = two * two",
        "lib/mine_b.py": "two = 2",
        "mine_p/__init__.py": "from .inner import three",
        "mine_p/inner.py": "three = 3",
        "lib/unused.py": "one = 1",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    cell = "import sys\nimport os\nsys.path.insert(0, os.path.abspath('lib'))\nother = 1"
    step = "import mine_a\nimport mine_p\nx = mine_a.four + mine_p.three"
    sources, _ = cut([Piece(cell), Piece(step, kept=True)])
    assert "sys.path.insert" in sources[0] and "other" not in sources[0]
    found = files_read([cell, step], [ExportSource("g", cwd=tmp_path)])
    names = {one.path for one in found if one.kind == "module"}
    assert names == {"lib/mine_a.py", "lib/mine_b.py", "mine_p/__init__.py", "mine_p/inner.py"}


@pytest.mark.out_of_process
def test_a_table_is_compared_as_one_where_what_is_drawn_is_asserted_besides(tmp_path):
    r = ProcessRun("Do a thing", tmp_path)
    r.begin()
    r.step("import pandas as pd\ntable = pd.DataFrame({'n': [1, 2]})")
    r.step("import random\ndrawn = random.random()")
    r.end("done")
    source = r.source()
    for one in source.state.calls.values():  # as journals have it that were written before outputs were recorded
        one.facts = {k: v for k, v in one.facts.items() if k not in ("outputs", "content", "random")}
    path = export(source, tmp_path / "out" / "x.ipynb", lock=False, observe=True)
    (cell,) = [c for c in read(path)["cells"] if c["metadata"]["llmos_nb"]["role"] == "evidence"]
    assert "table['n'].tolist() == [1, 2]" in cell["source"] and "abs(drawn - 0.8" in cell["source"]
    assert set(cell["metadata"]["llmos_nb"]["contents"]) == {"table", "drawn"}
    assert ran.run(path) == ""


@pytest.mark.out_of_process
async def test_a_query_before_a_step_of_plain_python_is_compared_as_a_table(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    query = "select city, sum(n) as n from sales group by city order by city"
    model = script(call("sql", query=query, into="by_city"), python("answer = 40 + 2\nanswer"), {"text": "Done."})
    sales = pd.DataFrame({"city": ["A", "B", "A"], "n": [1, 2, 3]})
    proc = await llmos.run("Sum it", model=model, namespace={"sales": sales}, approve="auto", tools=["sql"])
    path = proc.export(tmp_path / "out" / "x.ipynb")  # which runs it
    cells = {c["id"]: c for c in read(path)["cells"]}
    assert cells["r1-0-check"]["source"].splitlines()[1].startswith("assert by_city['city'].tolist() == ['A', 'B'], ")
    [output] = cells["r1-0"]["outputs"]
    assert output["output_type"] == "execute_result"
    assert output["data"]["text/plain"] == repr(pd.DataFrame({"city": ["A", "B"], "n": [4, 2]}))
    report = verify(path)
    assert report.ok and next(c for c in report.checks if c.level == "same").counts["outputs"] == 2
    changed = read(path)
    for one in changed["cells"]:
        one["source"] = one["source"].replace("sum(n)", "sum(n + 1)")
    for process in changed["metadata"]["llmos_nb"]["processes"]:
        process["journal"].pop("path")
    seal(changed)
    assert "`by_city` is DataFrame 2 x 2 str, int64 " in verify(write(changed, path)).text()


@pytest.mark.out_of_process
async def test_rows_that_no_query_orders_are_shown_and_not_compared(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    queries = ["select n from sales", "select count(*) as c from sales", "select random() as r"]
    model = script(*(call("sql", query=query) for query in queries), {"text": "Done."})
    space = {"sales": pd.DataFrame({"n": [1, 2]})}
    proc = await llmos.run("Look", model=model, namespace=space, approve="auto", tools=["sql"])
    path = proc.export(tmp_path / "out" / "x.ipynb", run=False)
    steps = steps_of(path)
    cells = {c["id"]: c for c in read(path)["cells"]}
    assert all(cells[name]["outputs"] for name in steps) and len(steps) == 3
    assert ["volatile" in one for one in steps.values()] == [True, False, True]
    assert "- Not checked: its output: it rests on rows in no order" in cells["r1-0-note"]["source"]
    assert verify(path).ok


# why an export does not run


def with_code(path, call, source):
    """Put other code into the cell of a step."""
    book = read(path)
    (cell,) = [c for c in book["cells"] if c["id"] == call]
    cell["source"] = source
    write(book, path)


@pytest.mark.out_of_process
@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "x = 30\nx + 1",
            "cell r1-0: `x` is 30, and was 2 in the run; its value is 31, and was 3 in the run: what made it so",
        ),
        (
            "x = 2\nx + 28",
            "cell r1-0: its value is 30, and was 3 in the run",
        ),
        (
            f"x = [1]\n{lines('x', '<Box>')[0]}",
            "cell r1-0: `type(x).__name__` is 'list', and was 'Box' in the run: what made it so",
        ),
        ("x = 1\nassert x > 2, 0", "cell r1-0: AssertionError: 0 (at `assert x > 2, 0`)"),
        ("x = len(cap.stdout)", "NameError: name 'cap' is not defined (at `x = len(cap.stdout)`)"),
        (
            "x = 7 ** 6000\nx",
            "integer string conversion; use sys.set_int_max_str_digits() to increase the limit (at `x`)",
        ),
    ],
)
def test_an_export_that_does_not_run_says_what_and_where(source, why, tmp_path):
    path = exported(tmp_path, "x = 2\nx + 1")
    with_code(path, "r1-0", source)
    with pytest.raises(ExportDoesNotRun) as failed:
        ran.run(path)
    assert why in str(failed.value)


@pytest.mark.out_of_process
def test_a_script_that_does_not_run_says_where(tmp_path):
    path = export(_small(tmp_path), tmp_path / "out" / "x.py")
    path.write_text(path.read_text().replace("x = 2", "x = 30"))
    with pytest.raises(ExportDoesNotRun, match="`x` is 30, and was 2 in the run"):
        ran.run(path)


def _small(folder):
    r = ProcessRun("Do a thing", folder)
    r.begin()
    r.step("x = 2")
    r.end("done")
    return r.source()


@pytest.mark.out_of_process
@pytest.mark.parametrize(
    "steps",
    [
        ("import os\nfrom pathlib import Path\nos.chdir('sub')\ntext = Path('in.txt').read_text()\nos.chdir('..')",),
        (
            "import os\nfrom pathlib import Path\nos.chdir('sub')",
            "text = Path('in.txt').read_text()",
            "os.chdir('..')",
        ),
        (
            "from pathlib import Path\ntop = Path('in.txt').read_text()\nimport os\nos.chdir('sub')\ntext = Path('in.txt').read_text()\nos.chdir('..')",
        ),
    ],
)
def test_a_file_that_is_read_in_another_folder_comes_along_as_it_was(steps, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("in.txt", "sub/in.txt"):
        (tmp_path / name).write_text(name)
    path = exported(tmp_path, *steps)
    found = {i["path"]: i for i in read(path)["metadata"]["llmos_nb"]["inputs"]}
    assert found["sub/in.txt"]["sha256"] == digest_file(tmp_path / "sub" / "in.txt")
    assert not any("since" in one for one in found.values()) and ran.run(path) == ""


# what the model read


@pytest.mark.parametrize(
    ("code", "otherwise"),
    [
        ("import pandas as pd\npd.DataFrame({'n': range(200)})", True),
        ("import polars as pl\npl.DataFrame({'n': range(200)})", True),
        ("import polars as pl\npl.DataFrame({'n': [1] * 30})", True),
        ("import polars as pl\npl.DataFrame({'n': [1, 2]})", False),
        ("import pandas as pd\npd.DataFrame({'n': range(9)})", False),
    ],
)
def test_a_cell_that_shows_a_value_otherwise_than_the_model_read_it_says_so(tmp_path, code, otherwise):
    left = steps_of(exported(tmp_path, code))["r1-0"].get("left", {})
    assert (left.get(READ) == IN_ANOTHER_FORM) == otherwise == bool(left)


# whose text is another one each time

KINDS = "kinds = set('grain mill'.split())"
GROUPS = "from collections import defaultdict\ngroups = defaultdict(set)\ngroups['a'] |= {'x', 'y'}"
BOX = "class Box:\n    def __init__(self, n):\n        self.n = n\n    def __repr__(self):\n        return f'Box {id(self)}'\n"
BOXES = f"{BOX}boxes = [Box(1), Box(2)]"
LATER = "import dask\n@dask.delayed\ndef more(x):\n    return x + 1\nlater = more(more(1))"
MACHINE = "the machine"


@pytest.mark.parametrize(
    ("before", "code", "why"),
    [
        (KINDS, "text = str(kinds)", WHY),
        (KINDS, "text = f'{kinds}'", WHY),
        (KINDS, "text = '%s of %s' % (1, kinds)", WHY),
        (KINDS, "text = '{}'.format(kinds)", WHY),
        (KINDS, "print(f'of {kinds}')", WHY),
        (KINDS, "print([kinds])", WHY),
        (KINDS, "rows = []\nrows.append(('a', kinds))\nprint(rows)", WHY),
        (KINDS, "found = {}\nfound['a'] = kinds\nprint(found)", WHY),
        (GROUPS, "print(dict(groups))", WHY),
        (GROUPS, "for key, group in groups.items():\n    print(key, group)", WHY),
        (BOXES, "boxes", MACHINE),
        (BOXES, "print('; '.join(f'{box}' for box in boxes))", MACHINE),
        (BOXES, "large = [box for box in boxes if box.n > 1]\nprint(large)", MACHINE),
        (BOXES, "def made(n):\n    return Box(n)\nmade(3)", MACHINE),
        (BOXES, "class Small(Box):\n    pass\nSmall(1)", MACHINE),
        (LATER, "later", KEY),
        (KINDS, "print(sorted(kinds), [len(kinds)])", ""),
        (KINDS, "kinds = sorted(kinds)\nprint(kinds)", ""),
        (KINDS, "[kinds]", ""),  # which a cell shows in order
        (GROUPS, "for key, group in groups.items():\n    print(key, sorted(group))", ""),
        (GROUPS, "print({key: sorted(group) for key, group in groups.items()})", ""),
        (BOXES, "total = sum(box.n for box in boxes)\ntotal", ""),
        (BOXES, "for box in boxes:\n    print(box.n)", ""),
        (BOXES, "boxes\nlen(boxes)", ""),
        (BOXES, "class Named(Box):\n    def __repr__(self):\n        return 'one'\nNamed(1)", ""),
        (LATER, "later.compute()", ""),
    ],
)
def test_what_is_another_text_each_time_is_said_where_a_step_shows_or_takes_that_alone(tmp_path, before, code, why):
    left = steps_of(exported(tmp_path, before, code))["r2-0"].get("left", {})
    whys = {one.removeprefix("it rests on ") for one in left.values()} - {BY_TYPE}
    assert whys == ({why} if why else set())
