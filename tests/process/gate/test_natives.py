"""What DuckDB and polars do by themselves is judged where it happens, however the call is written."""

import pytest
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import CONTEXT
from llmos_nb.policy.code import inspect_code, plain
from llmos_nb.tools.effects import unwatch

duckdb = pytest.importorskip("duckdb")
polars = pytest.importorskip("polars")

DONE = {"text": "done"}
COPY = "copy (select 1) to '{there}'"


class Report:
    """A helper of the user's, whose code is not the step's."""

    def save(self, path):
        polars.DataFrame({"a": [1]}).write_csv(path)

    def keep(self, path):
        duckdb.sql(COPY.format(there=path))


WRITES = {
    "helper": "report.save({there!r})",
    "helper with SQL": "report.keep({there!r})",
    "getattr": "import polars as pl\ngetattr(pl.DataFrame({{'a': [1]}}), 'write_' + 'parquet')({there!r})",
    "sink": "import polars as pl\ngetattr(pl.LazyFrame({{'a': [1]}}), 'sink_' + 'csv')(path={there!r})",
    "map": "import polars as pl\nlist(map(pl.DataFrame({{'a': [1]}}).write_json, [{there!r}]))",
    "statement": "import duckdb\nlist(map(duckdb.sql, [chr(99) + 'opy (select 1) to ' + repr({there!r})]))",
    "second statement": "import duckdb\nduckdb.sql('select 1; copy (select 1) to ' + repr({there!r}))",
    "connection": "import duckdb\nrun = duckdb.connect().execute\nrun(chr(99) + 'opy (select 1) to ' + repr({there!r}))",
    "relation": "import duckdb\ngetattr(duckdb.sql('select 1 a'), 'write_' + 'csv')({there!r})",
    "database": "import duckdb\nlist(map(duckdb.connect, [{there!r}]))[0].close()",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for folder in (tmp_path, tmp_path / "work"):
        (folder / "in.csv").write_text("a\n1\n")
    monkeypatch.setattr("llmos_nb.process.gate.effects.places", lambda: (str(tmp_path / "temporary"), ()))
    return tmp_path


async def ran(place, *codes, approve="auto", **names):
    model = ScriptedModel([*map(python, codes), DONE])
    space = {"report": Report(), **names}
    process = await llmos.run(
        "Try it.", model=model, namespace=space, approve=approve, plan="none", home=place / "home"
    )
    assert same_as_folded(process)
    return process.run.state


@pytest.mark.parametrize("mode", ["risky", "never", "auto"])
@pytest.mark.parametrize("way", WRITES)
async def test_native_library_writes_only_where_it_may(place, way, mode):
    """In `auto` with nothing read before, it does, and that is noted: a gate that stops everything would fail."""
    state = await ran(place, WRITES[way].format(there=str(place / "out")), approve=mode)
    call = state.calls["r1.0"]
    assert (place / "out").exists() == (mode == "auto"), call.result
    assert any("out" in words for words in call.facts["effects"]) if mode == "auto" else call.status != "done"


@pytest.mark.parametrize("way", WRITES)
async def test_native_library_writes_nothing_elsewhere_after_others_words_were_read(place, way):
    state = await ran(
        place,
        f"with open({str(place / 'in.csv')!r}) as f: text = f.read()",
        WRITES[way].format(there=str(place / "out")),
    )
    assert state.labels[CONTEXT] == "untrusted" and not (place / "out").exists()


@pytest.mark.parametrize("deep", ["z = 0{0}", "z = f{1}", "z = [f(f{1})]"])
async def test_code_that_is_nested_too_deeply_to_be_read_does_not_run_unasked(place, deep):
    """What a library does from C would be heard nowhere."""
    pytest.importorskip("cffi")
    code = "import cffi\nffi = cffi.FFI()\nffi.cdef('int creat(const char *, int);')\n"
    code += f"ffi.dlopen(None).creat({str(place / 'out').encode()!r}, 0o600)"
    code = f"f = len\n{deep.format('+0' * 700, '.real' * 110)}\n{code}"
    call = (await ran(place, code)).calls["r1.0"]
    assert call.status == "rejected" and not (place / "out").exists()
    words = "run code that is nested too deeply to be looked at beforehand"
    assert f"the step wants to {words}" in f"{call.why} {call.result}"
    call = (await ran(place, code, approve="risky")).calls["r1.0"]
    assert call.status == "asked" and plain(inspect_code(code))["title"] == words and "native" not in call.why


READS = {
    "SQL": "import duckdb\ny = duckdb.sql(f\"select * from '{where}/in.csv'\").fetchall()",
    "pattern": "import duckdb\ny = duckdb.connect().execute(f\"select * from read_csv('{where}/*.csv')\").fetchall()",
    "polars": "import polars as pl\ny = getattr(pl, 'read_' + 'csv')(where + '/in.csv')",
    "lazily": "import polars as pl\ny = getattr(pl, 'scan_' + 'csv')(where + '/in.csv').collect()",
}


@pytest.mark.parametrize("way", READS)
async def test_what_a_native_library_reads_is_known_by_the_file(place, way):
    assert (await ran(place, READS[way], where=str(place))).labels["y"] == "untrusted"
    assert (await ran(place, READS[way], where=str(place / "work"))).labels == {}


SOURCES = {
    "join": "select * from frame join '{there}' using (a)",
    "in double quotes": 'select * from "{there}"',
    "subquery": "select * from frame where a in (select a from '{there}')",
    "several files": "select * from read_csv(['{there}', '{there}'])",
    "text of another statement": "select * from query('from ''{there}''')",
    "made into a table": "create table made as from '{there}'; select * from made",
    "summary": "summarize '{there}'",
    "first": "from '{there}' select a",
}
WORDS = {
    "compared": "select * from frame where name = '{there}'",
    "given": "select '{there}' as name",
    "in a list": "select * from frame where name in ('x', '{there}')",
    "remark": "select 1 -- not '{there}'",
    "function of a value": "select length('{there}') n, replace(name, '{there}', '') from frame",
}


@pytest.mark.parametrize("way", [*SOURCES, *WORDS])
async def test_statement_has_read_the_file_that_stands_for_a_table_and_no_other_word(place, way):
    pytest.importorskip("sqlglot")
    text = (SOURCES | WORDS)[way].format(there=place / "in.csv")
    code = (
        "import duckdb, pandas as pd\nframe = pd.DataFrame({'a': [1], 'name': ['x']})\n"
        f"y = duckdb.sql({text!r}).fetchall()"
    )
    state = await ran(place, code)
    assert state.calls["r1.0"].status == "done", state.calls["r1.0"].result
    assert state.labels.get("y") == ("untrusted" if way in SOURCES else None)


@pytest.mark.parametrize("given", ["[where]", "(where,)", "parameters=[where]"])
async def test_file_that_is_handed_over_for_a_placeholder_has_been_read(place, given):
    code = f"import duckdb\ny = duckdb.execute('select * from read_csv(?)', {given}).fetchall()"
    assert (await ran(place, code, where=str(place / "in.csv"))).labels["y"] == "untrusted"
    code = f"import duckdb\ny = duckdb.execute('select ? as name', {given}).fetchall()"
    assert (await ran(place, code, where=str(place / "in.csv"))).labels == {}


KEYS = {
    "DuckDB": "import duckdb\ny = list(map(duckdb.sql, [f\"select * from read_csv('{where}/.ssh/id')\"]))[0].fetchall()",
    "polars": "import polars as pl\ny = getattr(pl, 'read_' + 'csv')(where + '/.ssh/id')",
}


@pytest.mark.parametrize("way", KEYS)
async def test_native_library_reads_no_file_of_keys(place, way):
    (place / "work" / ".ssh").mkdir()
    (place / "work" / ".ssh" / "id").write_text("a\n1\n")
    call = (await ran(place, KEYS[way], where=str(place / "work"))).calls["r1.0"]
    assert call.status == "failed" and "keys or passwords" in call.result


async def test_work_in_memory_is_no_effect(place):
    state = await ran(
        place,
        "import duckdb, polars as pl, pandas as pd, io\nframe = pl.DataFrame({'a': [1]})\nframe.write_csv(separator=';')\n"
        "frame.write_parquet(io.BytesIO())\nshelf = pd.DataFrame({'a': [1]})\n"
        "con = duckdb.connect()\nrows = con.execute('select ?', ['copy x to y']).fetchall()\ncon.close()",
        "def found():\n    mine = pd.DataFrame({'b': [2]})\n    return duckdb.execute('select * from mine, shelf').fetchall()\n"
        "print(duckdb.sql('select * from shelf').fetchall(), found())",
        approve="never",
    )
    assert [c.status for c in state.calls.values()] == ["done", "done"], state.calls["r2.0"].result
    assert all(c.facts["effects"] == [] for c in state.calls.values())
    assert "[(1,)] [(2, 1)]" in state.calls["r2.0"].result


async def test_functions_are_put_back(place):
    await ran(place, "import duckdb, polars")
    assert polars.DataFrame.write_csv.llmos
    assert not unwatch() or not hasattr(polars.DataFrame.write_csv, "llmos")
