"""The database device in whole processes: live tables, files, databases, rules, deadlines, exports."""

import sqlite3

import nbformat
import pandas as pd
import polars as pl
import pytest
import sqlalchemy as sa
from notebook_driver import Notebook
from turns import call

import llmos_nb as llmos
from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import toolbox
from llmos_nb.tools.devices import registry
from llmos_nb.views import page


async def asked(namespace, *turns, approve="auto", tools=("sql",), **options):
    """Run a process over some calls and give it."""
    model = ScriptedModel([*turns, {"text": "Done."}])
    return await llmos.run(
        options.pop("goal", "Look."), model=model, namespace=namespace, tools=tools, approve=approve, **options
    )


def results(process):
    return [c.result for c in process.run.state.calls.values()]


@pytest.fixture
def shop(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/shop.db")
    with engine.begin() as c:
        c.execute(sa.text("create table orders (id int, city text, total real)"))
        c.execute(sa.text("insert into orders values (1, 'Oslo', 5), (2, 'a:b', 7)"))
        c.execute(sa.text("create view dear as select * from orders where total > 6"))
    yield engine
    engine.dispose()


def count(engine):
    with engine.connect() as c:
        return c.execute(sa.text("select count(*) from orders")).scalar()


async def test_live_tables_and_files_are_read_by_name(tmp_path):
    (tmp_path / "cities.csv").write_text("city,people\nOslo,700\nRome,2800\n")
    names = {
        "sales": pd.DataFrame({"city": ["Oslo", "Rome"], "n": [1, 2]}),
        "more": pl.DataFrame({"city": ["Oslo"]}),
    }
    p = await asked(
        names,
        call(
            "sql",
            query="select n, people from sales join 'cities.csv' using (city) where n > :least",
            parameters={"least": 1},
        ),
        call("sql", query="select * from more natural join sales", into="both"),
        call("sql", query="show tables"),
        call("sql", query="describe sales"),
        approve="risky",
    )
    assert p.reason == "answered" and "2800" in results(p)[0] and "1 row" in results(p)[0]
    assert names["both"].to_dict("list") == {"city": ["Oslo"], "n": [1]}
    kind = names["sales"].city.dtype
    told = f"sales (city: {kind}; n: int64)\nmore (city: String)\nboth (city: {names['both'].city.dtype}; n: int64)"
    assert results(p)[2:] == [told, f"city: {kind}\nn: int64"]
    p.undo()
    assert "both" not in names


async def test_a_long_result_is_shown_in_part_and_kept_whole():
    names = {"t": pd.DataFrame({"a": range(5_000)})}
    p = await asked(names, call("sql", query="select * from t order by a", into="whole"), context="9k")
    assert "5,000 rows, 20 shown; the whole result is in `whole`" in results(p)[0]
    assert len(names["whole"]) == 5_000 and len(results(p)[0]) < 1_000


async def test_a_model_with_room_sees_60_rows():
    p = await asked({"t": pd.DataFrame({"a": range(60)})}, call("sql", query="select * from t order by a"))
    shown = ["|a|", "|---|", *(f"|{n}|" for n in range(60))]
    assert results(p)[0].split()[:62] == shown and "shown" not in results(p)[0]


async def test_describe_tells_types_keys_and_references(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path}/keys.db")
    with engine.begin() as c:
        c.execute(sa.text("create table people (id integer primary key, name text not null)"))
        c.execute(sa.text("create table pets (id integer, owner integer references people(id), 'odd ' real)"))
    p = await asked(
        {"db": engine},
        call("sql", query="describe people", database="db"),
        call("sql", query="describe pets", database="db"),
    )
    assert results(p)[0].splitlines() == ["id: INTEGER, key", "name: TEXT, not null"]
    assert results(p)[1].splitlines() == ["id: INTEGER", "owner: INTEGER, refers to people.id", "'odd ': REAL"]
    engine.dispose()


CATALOGUES = (
    "SHOW TABLES",
    "select name, sql from sqlite_master where type = 'table'",
    "select table_name from information_schema.tables",
    "select m.name, c.name from sqlite_schema m join pragma_table_info(m.name) c",
)


@pytest.mark.parametrize("query", CATALOGUES)
async def test_whoever_asks_which_tables_there_are_is_told_their_columns_too(query, shop):
    p = await asked({"shop": shop}, call("sql", query=query, database="shop"))
    columns = "(id: INTEGER; city: TEXT; total: REAL)"
    assert results(p)[0].split("\n")[-2:] == [f"orders {columns}", f"dear {columns}"]
    assert ("The catalogue itself is closed" in results(p)[0]) is (query != "SHOW TABLES")


@pytest.mark.parametrize("query", [CATALOGUES[0], CATALOGUES[1]])
async def test_closed_tables_and_columns_are_not_told(query, tmp_path, shop):
    (tmp_path / "llmos.toml").write_text('[tools.sql]\ncolumns = ["orders.total"]\ntables = ["*", "-dear"]\n')
    p = await asked({"shop": shop}, call("sql", query=query, database="shop"))
    assert results(p)[0].endswith("orders (id: INTEGER; city: TEXT)") and "dear" not in results(p)[0]


async def test_a_live_table_may_be_named_as_a_catalogue_is():
    names = {"sqlite_master": pd.DataFrame({"a": [31]})}
    p = await asked(names, call("sql", query="select * from sqlite_master"))
    assert "31" in results(p)[0] and "catalogue" not in results(p)[0]


async def test_tables_too_many_to_be_shown_with_columns_are_told_by_name():
    names = {f"t{n}": pd.DataFrame({f"column_{i}": [1] for i in range(20)}) for n in range(40)}
    p = await asked(names, call("sql", query="show tables"), context="9k")
    *named, last = results(p)[0].split("\n")
    assert named == list(names) and last == "DESCRIBE name tells the columns of one"


async def test_where_there_is_no_table_the_variables_that_hold_databases_are_named(shop):
    p = await asked({"shop": shop, "n": 1}, call("sql", query="show tables"), call("sql", query="pragma table_info(a)"))
    assert results(p)[0] == "there are no tables; shop may hold some: name one as `database`"
    assert results(p)[1].endswith("SHOW TABLES tells tables and columns")


async def test_a_table_that_is_in_a_database_is_told_how_to_name_it(shop):
    p = await asked(
        {"shop": shop, "sale": pd.DataFrame()},
        *(call("sql", query=f"select * from {t}") for t in ("orders", "sales")),
    )
    assert "for one of a database name its variable as `database`" in results(p)[0]
    assert results(p)[1].endswith("did you mean sale?")


async def test_a_query_leaves_a_variable_only_where_it_is_asked_for():
    names = {"t": pd.DataFrame({"a": range(5_000)})}
    p = await asked(names, call("sql", query="select * from t order by a"), context="9k")
    assert list(names) == ["t"] and "5,000 rows, 20 shown; into='NAME' keeps them all" in results(p)[0]


async def test_a_result_is_bounded_in_rows(tmp_path):
    (tmp_path / "llmos.toml").write_text("[tools.sql]\nmost_rows = 10\nrows = 3\n")
    names = {}
    p = await asked(names, call("sql", query="select * from range(1000000)", into="r"))
    assert "more than 10 rows" in results(p)[0] and len(names["r"]) == 10


async def test_query_reaches_nothing_outside(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "secret.csv").write_text("a\n31415926\n")
    (tmp_path / "work" / "link.csv").symlink_to(tmp_path / "secret.csv")
    monkeypatch.chdir(tmp_path / "work")
    asks = ["'../secret.csv'", f"'{tmp_path}/secret.csv'", "'link.csv'", "read_text('link.csv')", "read_csv('*/../../secret.csv')",
            "read_csv('ftp' || 'x.csv')", "'http://127.0.0.1/a.csv'", "glob('*')", "'.llmos/a.csv'", "sniff_csv('link.csv')"]  # fmt: skip
    p = await asked({}, *(call("sql", query=f"select * from {a}") for a in asks))
    assert [c.status for c in p.run.state.calls.values()] == ["failed"] * len(asks)
    assert not any("31415926" in r for r in results(p))


async def test_tables_outside_the_allowed_names_are_absent():
    names = {"seen": pd.DataFrame({"a": [1]}), "hidden": pd.DataFrame({"a": [99]})}
    p = await asked(
        names,
        call("sql", query="select * from hidden"),
        call("sql", query="select * from seen"),
        variables="seen",
    )
    first, second = p.run.state.calls.values()
    assert first.status == "failed" and "no table 'hidden'" in first.result and second.status == "done"


async def test_a_database_is_only_read(shop):
    p = await asked(
        {"shop": shop},
        call(
            "sql",
            query="select * from orders where city = :c or city = 'a:b'",
            parameters={"c": "Oslo"},
            database="shop",
        ),
        call("sql", query="delete from orders", database="shop"),
        call("sql", query="select 1; drop table orders", database="shop"),
        call("sql", query="with x as (select 1) insert into orders select 1, 'a', 2", database="shop"),
        call("sql", query="select * from sqlite_master, orders", database="shop"),
        call("sql", query="select load_extension('x') from orders", database="shop"),
    )
    done, *refused = p.run.state.calls.values()
    assert done.status == "done" and "2 rows" in done.result and count(shop) == 2
    assert all(c.status == "failed" for c in refused)


async def test_the_database_itself_refuses_writes_too(shop, monkeypatch):
    from llmos_nb.tools.devices.sql import query

    monkeypatch.setattr(
        query,
        "statements",
        lambda text, dialect: [query.Statement("read", "X", __import__("sqlglot").parse_one(text))],
    )
    p = await asked({"shop": shop}, call("sql", query="delete from orders", database="shop"))
    assert "readonly" in results(p)[0] and count(shop) == 2


async def test_a_write_is_asked_and_runs_once(shop):
    write = call("sql_write", statement="update orders set total = 0 where id = :i; insert into orders values (3, 'x', 1)",
                 parameters={"i": 1}, database="shop")  # fmt: skip
    p = await asked({"shop": shop}, write, tools=("sql", "sql_write"), approve="risky")
    card = page.plain(p.run.state, p.events).partition("── It wants to change the database shop")[2]
    assert p.state == "waiting" and card.count("update orders set total = 0") == 1
    assert count(shop) == 2
    await p.approve("all")
    assert p.reason == "answered" and results(p) == ["1 row; 1 row"] and count(shop) == 3
    assert p.run.tools["sql_write"].repeat == "once" and p.run.tools["sql_write"].effect == "external"


async def test_failed_write_leaves_no_change(shop):
    write = call("sql_write", statement="delete from orders; insert into nowhere values (1)", database="shop")
    p = await asked({"shop": shop}, write, tools=("sql_write",))
    assert "nowhere" in results(p)[0] and count(shop) == 2


async def test_connections_and_addresses_work_too(tmp_path, shop):
    raw, memory = sqlite3.connect(":memory:"), sa.create_engine("sqlite://")
    raw.execute("create table t (a)")
    raw.execute("insert into t values (1)")
    with memory.begin() as c:
        c.execute(sa.text("create table t (a)"))
    with shop.connect() as connection:
        connection.execute(sa.text("insert into orders values (9, 'mine', 1)"))  # the user's own, not committed yet
        names = {
            "raw": raw,
            "memory": memory,
            "connection": connection,
            "address": f"sqlite:///{tmp_path}/shop.db",
            "n": 3,
        }
        p = await asked(
            names,
            call("sql", query="select count(*) from t", database="raw"),
            call("sql", query="select count(*) from t", database="memory"),
            call("sql", query="select count(*) as c from orders", database="connection"),
            call("sql", query="select count(*) as c from orders", database="address"),
            call("sql", query="select 1", database="n"),
            call("sql", query="select 1", database="nobody"),
        )
        connection.commit()
    found = [c.status for c in p.run.state.calls.values()]
    assert found == ["failed", "done", "done", "done", "failed", "failed"]
    assert "transaction open" in results(p)[0] and "3" in results(p)[2] and "2" in results(p)[3]
    assert count(shop) == 3  # what the user had not committed was neither lost nor hurried
    raw.commit()
    q = await asked({"raw": raw}, call("sql", query="select count(*) from t", database="raw"))
    assert q.run.state.calls["r1.0"].status == "done"
    raw.close()
    memory.dispose()


async def test_a_connection_of_sqlite_is_exported_as_plain_sqlite(tmp_path):
    raw = sqlite3.connect(":memory:")
    raw.execute("create table t (a, b)")
    raw.executemany("insert into t values (?, ?)", [(1, "x:y"), (2, "z")])
    raw.commit()
    write = {"statement": "insert into t values (3, 'u:v')", "database": "raw"}
    p = await asked(
        {"raw": raw},
        call("sql", query="select a from t where b = 'x:y' or a = :n", parameters={"n": 2}, database="raw", into="few"),
        call("sql_write", **write),
        tools=("sql", "sql_write"),
    )
    read, written = (p.run.tools[c.name].as_code(c) if c.name == "sql" else p.run.tools[c.name].to_code(c.arguments)
                     for c in p.run.state.calls.values())  # fmt: skip
    assert "sqlalchemy" not in read + written
    space = {"raw": raw}
    exec(f"{read}\n{written}", space)
    assert space["few"]["a"].tolist() == [1, 2] and raw.execute(
        "select count(*) from t where b = 'u:v'"
    ).fetchone() == (2,)
    assert not raw.in_transaction
    raw.close()


ENDLESS = "with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t"


@pytest.mark.parametrize("where", ["", "shop", "memory"])
async def test_a_query_ends_at_its_deadline(where, shop):
    memory = sa.create_engine("sqlite://")
    names = {"shop": shop, "memory": memory}
    query = ENDLESS if where else "select count(*) from range(1000000) a, range(1000000) b, range(1000) c"
    p = await asked(names, call("sql", query=query, database=where), call_timeout=0.4)
    assert "deadline of 0.4 s and was ended" in results(p)[0] and p.reason == "answered"
    memory.dispose()


async def test_rules_hold_in_databases_and_through_views(tmp_path, shop):
    (tmp_path / "llmos.toml").write_text('[tools.sql]\ncolumns = ["orders.total"]\ntables = ["*", "-hidden"]\n')
    p = await asked(
        {"shop": shop},
        call("sql", query="select * from orders", database="shop"),
        call("sql", query="select * from dear", database="shop"),
        call("sql", query="select o.total from orders o", database="shop"),
        call("sql", query="describe orders", database="shop"),
        call("sql_write", statement="delete from orders where total > 5", database="shop"),
        tools=("sql", "sql_write"),
    )
    first, view, named, told, write = p.run.state.calls.values()
    assert first.status == "done" and "total" not in first.result and "Oslo" in first.result
    assert "is a view" in view.result and named.status == "failed" and told.result == "id: INTEGER\ncity: TEXT"
    assert "closed to this process" in write.result and count(shop) == 2


async def test_database_is_told_the_caller(shop, monkeypatch):
    monkeypatch.setenv("LLMOS_USER", "ada*/;")
    heard = []
    sa.event.listen(shop, "before_cursor_execute", lambda *a: heard.append(a[2]))
    p = await asked(
        {"shop": shop},
        call("sql", query="select 1", database="shop"),
        call("sql", query="select getvariable('llmos_user') as who"),
    )
    assert heard[-1] == f"SELECT 1 /* llmos pid={p.pid}, user=ada, call=r1.0 */" and "ada*/;" in results(p)[1]


async def test_label_of_a_file_applies_to_rows_read_from_it(tmp_path):
    (tmp_path / "llmos.toml").write_text('[tools.sql]\nsource = "untrusted"\n')
    names = {"t": pd.DataFrame({"a": [1]})}
    p = await asked(names, call("sql", query="select * from t", into="x"))
    assert p.run.state.labels["x"] == "untrusted"


async def test_wrong_setting_or_missing_library_is_named_before_the_start(tmp_path, monkeypatch):
    (tmp_path / "llmos.toml").write_text("[tools.sql]\ntable = []\n")
    with pytest.raises(ConfigError, match=r"tools\.sql: unknown key 'table'; did you mean tables"):
        await asked({}, call("sql", query="select 1"))
    monkeypatch.setitem(registry.OFFERED, "sql", ("nowhere", "f", ("sql", "no_such_library")))
    with pytest.raises(UsageError, match=r'sql: no_such_library is not installed; pip install "llmos_nb\[sql\]"'):
        await asked({}, call("sql", query="select 1"))
    with pytest.raises(UsageError, match="^tools 'sqll': no such function or device; did you mean sql"):
        toolbox.functions({}, "sqll")
    with pytest.raises(UsageError, match="^tools 'spawn': no such function or device; there are .*process.*sql.*files"):
        toolbox.functions({}, "spawn")


async def test_an_exported_query_runs_with_neither_model_nor_package(tmp_path, shop):
    (tmp_path / "llmos.toml").write_text('[tools.sql]\ncolumns = ["sales.cost", "c.csv.b"]\n')
    (tmp_path / "c.csv").write_text("a,b\n1,2\n")
    names = {"sales": pd.DataFrame({"n": [1, 2], "cost": [8, 9]}), "shop": shop}
    p = await asked(
        names,
        call("sql", query="select * from sales where n = :n", parameters={"n": 2}, into="x"),
        call("sql", query="select * from 'c.csv'", into="y"),
        call(
            "sql",
            query="select * from orders where city = 'a:b' and id = :i",
            parameters={"i": 2},
            database="shop",
            into="z",
        ),
        call("sql", query="show tables"),
    )
    again = {"sales": names["sales"], "shop": shop}
    for c in p.run.state.surviving:
        exec(p.run.tools[c.name].to_code(c.arguments), again)
    for name in "xyz":
        assert again[name].to_dict("list") == names[name].to_dict("list") and len(names[name])
    assert list(again["x"]) == ["n"] and list(again["y"]) == ["a"]


@pytest.mark.out_of_process
async def test_exported_notebook_declares_files_and_omits_writes(tmp_path, shop):
    (tmp_path / "c.csv").write_text("a,b\n1,2\n")
    write = call("sql_write", statement="delete from orders", database="shop")
    p = await asked(
        {"shop": shop}, call("sql", query="select * from 'c.csv'", into="c"), write, tools=("sql", "sql_write")
    )
    p.export("out/out.ipynb")
    book = nbformat.read("out/out.ipynb", 4)
    assert [i["path"] for i in book.metadata["llmos_nb"]["inputs"]] == ["c.csv"] and (tmp_path / "out/c.csv").exists()
    (cell,) = [c.source for c in book.cells if "DELETE FROM orders" in c.source and c.cell_type == "code"]
    assert "if REPEAT_EFFECTS:\n    import pandas" in cell


async def test_reloaded_process_has_its_devices_and_results():
    names = {"t": pd.DataFrame({"a": [1, 2]})}
    turns = [
        call("sql", query="select sum(a) as s from t", into="s"),
        call("ask", question="Go on?"),
        {"text": "Done."},
    ]
    p = await llmos.run("Look.", model=ScriptedModel(turns), namespace=names, tools=["sql"], approve="auto")
    assert p.state == "waiting"
    fresh = {"t": names["t"]}
    q = llmos.load(p.journal.path, model=ScriptedModel(turns), namespace=fresh)
    await q.resume()
    q.reply("yes")
    await q
    assert q.reason == "answered" and fresh["s"].to_dict("list") == {"s": [3]} and "sql" in q.run.tools


async def test_an_isolated_process_keeps_nothing_in_the_session():
    names = {"t": pd.DataFrame({"a": [1]})}
    p = await asked(names, call("sql", query="select * from t", into="x"), isolate=True)
    assert "1 row" in results(p)[0] and "x" not in names
    assert "nothing is kept" in p.run.tools["sql"].description


async def test_a_name_outside_bind_is_not_written():
    names = {"t": pd.DataFrame({"a": [1]})}
    p = await asked(
        names,
        call("sql", query="select * from t", into="x"),
        call("sql", query="select * from t", into="out_1"),
        bind="out_*",
    )
    first, second = p.run.state.calls.values()
    assert first.status == "failed" and second.status == "done" and "x" not in names and "out_1" in names


async def test_label_of_a_table_applies_to_names_made_from_it(tmp_path):
    (tmp_path / "llmos.toml").write_text('[labels]\nmail = "untrusted"\n')
    names = {"mail": pd.DataFrame({"a": [1]}), "mine": pd.DataFrame({"a": [1]})}
    first = call("sql", query="select * from mine", into="clean")
    join = call("sql", query="select m.a from mine join mail m using (a)", into="made")
    p = await asked(names, first, join, goal="Look at `mine`.")
    assert "clean" not in p.run.state.labels and p.run.state.labels["made"] == "untrusted"


@pytest.mark.out_of_process
async def test_sums_of_whole_numbers_are_whole_also_in_the_export(tmp_path):
    names = {"t": pd.DataFrame({"k": ["a", "b", "a"], "v": [3_000, 2, 95]})}
    sums = "select k, sum(v) as pieces, sum(v) / 2 as half from t group by k order by k"
    p = await asked(names, call("sql", query=sums, into="q"), call("sql", query=sums), goal="Sum `t`.")
    assert names["q"].pieces.tolist() == [3_095, 2] and names["q"].pieces.dtype == "int64"
    assert names["q"].half.tolist() == [1_547.5, 1] and "|3095|" in results(p)[1]
    path = p.export(tmp_path / "x.ipynb", run=False)
    assert llmos.verify(path).ok


@pytest.mark.parametrize("value", ["9007199254740993", "null"])
async def test_a_sum_that_a_float_cannot_hold_or_that_is_missing_stays_as_it_came(value):
    names = {"t": pd.DataFrame({"k": [1]})}
    await asked(names, call("sql", query=f"select cast({value} as hugeint) as n from t", into="q"), goal="`t`")
    assert str(names["q"].n.dtype).startswith("float")


@pytest.mark.parametrize(
    "query",
    [
        "select mail.a from mine mail",
        "with mail as (select a from mine) select a from mail",
        "select a as mail from mine where a <> :mail",
        "select a from mine where 'mail' <> ''",
    ],
)
async def test_a_word_of_sql_that_is_no_table_reads_no_variable_of_that_name(tmp_path, query):
    (tmp_path / "llmos.toml").write_text('[labels]\nmail = "untrusted"\n')
    names = {"mail": "words of others", "mine": pd.DataFrame({"a": [1]})}
    look = call("sql", query=query, into="made", parameters={"mail": 2})
    p = await asked(names, look, goal="Look at `mine`.")
    assert len(names["made"]) == 1 and not p.run.state.untrusted_since
    assert "made" not in p.run.state.labels


async def test_names_that_differ_in_case_only_are_not_mixed_up():
    names = {"df": pd.DataFrame({"a": [1]}), "DF": pd.DataFrame({"a": [2]})}
    p = await asked(
        names, call("sql", query="select a from df", into="one"), call("sql", query="select a from DF", into="two"),
        call("sql", query="select * from Df"), call("sql", query="select * from df, DF"),
    )  # fmt: skip
    assert (names["one"]["a"][0], names["two"]["a"][0]) == (1, 2)
    assert ["differ only in case" in r for r in results(p)] == [False, False, True, True]


async def test_a_preview_reads_and_keeps_nothing():
    names = {"t": pd.DataFrame({"a": [7]})}
    p = await asked(names, call("sql", query="select * from t", into="x"), preview=True)
    assert "7" in results(p)[0] and "1 row" in results(p)[0] and "x" not in names


def test_a_connection_of_the_main_thread_is_used_by_it_alone_and_its_query_stays_as_code(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        book.run("import sqlite3\ncon = sqlite3.connect('loans.db')\n_ = con.execute('create table loan (n int)')")
        query = call("sql", query="select count(*) as n from loan", database="con", into="counted")
        ran = book.run(f"%%agent -m {book.script(query, {'text': 'None.'})} -t sql\nHow many?")
        assert ran.status == "ok" and "Exception" not in ran.text and "thread" not in ran.text
        book.run("%agent export 1 run.ipynb")
        code = "".join(c.source for c in nbformat.read(tmp_path / "run.ipynb", 4).cells)
        assert "counted = pd.read_sql_query(" in code


async def test_a_file_of_sqlite_is_read_by_its_name_and_never_written(shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.db").write_text("no database")
    p = await asked(
        {},
        call("sql", query="select * from orders"),
        call("sql", query="select city from orders order by id", database="shop.db", into="cities"),
        call("sql", query="select 1", database="notes.db"),
        call("sql_write", statement="delete from orders", database="shop.db"),
        tools=("sql", "sql_write"),
    )
    said = results(p)
    assert "or its file, such as 'shop.db'" in said[0] and "Oslo" in said[1] and count(shop) == 2
    assert "nor a file of SQLite" in said[2] and "name its variable" in said[3]
    code = p.run.state.calls["r2.0"].facts["code"]
    assert "sqlite:///file:shop.db?mode=ro" in code and str(tmp_path) not in code
    namespace = {}
    exec(code, namespace)
    assert [*namespace["cities"].city] == ["Oslo", "a:b"]
