"""SQL on a real PostgreSQL server, begun for the tests where its programs and a driver are there."""

import getpass
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import sqlalchemy

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

PLACES = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.get_exec_path())]
PROGRAMS = next((p for p in PLACES if (p / "initdb").exists() and (p / "pg_ctl").exists()), None)
MADE = [
    "create table customers (id int primary key, name text not null)",
    "create table orders (id int primary key, customer int references customers(id), eur numeric(10,2), extra jsonb)",
    "insert into customers select i, 'c' || i from generate_series(1, 3) i",
    "insert into orders select i, 1 + i % 3, i * 1.5, jsonb_build_object('k', i) from generate_series(1, 9) i",
    "create materialized view daily as select customer, sum(eur) as eur from orders group by customer",
]
pytest.importorskip("psycopg")
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL server is installed")


@pytest.fixture(scope="module")
def db():
    # A short path, as its socket wants, and one that its user may enter: a person's folder for temporary files may be
    # their own.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        user = "postgres" if os.getuid() == 0 else getpass.getuser()  # it does not run as root
        shutil.chown(folder, user)
        data = f"{folder}/data"

        def do(*words):
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run([PROGRAMS / words[0], *words[1:]], check=True, user=user, cwd=folder, **quiet)

        do("initdb", "-D", data, "-A", "trust", "-U", "postgres")
        do("pg_ctl", "-D", data, "-w", "-o", f"-k {folder} -c listen_addresses=''", "start")
        try:
            engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@/postgres?host={folder}")
            with engine.begin() as connection:
                for statement in MADE:
                    connection.exec_driver_sql(statement.replace("%", "%%"))
            yield engine
            engine.dispose()
        finally:
            do("pg_ctl", "-D", data, "-m", "immediate", "stop")


async def asked(db, *queries):
    """Return what the model is shown of each query."""
    calls = [{"name": "sql", "arguments": {"query": q, "database": "db"}} for q in queries]
    model = ScriptedModel([{"calls": calls}, {"text": "Seen."}])
    process = await llmos.run("Look at `db`.", model=model, namespace={"db": db}, tools=["sql"], approve="auto")
    return [c.result for c in process.run.state.calls.values()]


async def test_materialized_view_is_listed_described_and_read(db):
    shown, described, read = await asked(db, "SHOW TABLES", "DESCRIBE daily", "select * from daily order by 1")
    assert [line.split()[0] for line in shown.split("\n")] == ["customers", "orders", "daily"]
    assert "\ndaily (customer: INTEGER; eur: NUMERIC)" in shown and described == "customer: INTEGER\neur: NUMERIC"
    assert "3 rows" in read


async def test_describe_tells_types_and_keys(db):
    (described,) = await asked(db, "DESCRIBE orders")
    assert described.split("\n") == [
        "id: INTEGER, not null, key", "customer: INTEGER, refers to customers.id", "eur: NUMERIC(10, 2)", "extra: JSONB"
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN (ANALYZE, BUFFERS, FORMAT TEXT)"])
async def test_explain_shows_the_plan_of_what_only_reads(db, how):
    (plan,) = await asked(db, f"{how} select * from orders where eur > 3")
    assert "Seq Scan on orders" in plan and ("actual time" in plan) == ("ANALYZE" in how)


@pytest.mark.parametrize(
    "query",
    [
        "EXPLAIN ANALYZE delete from orders", "EXPLAIN (ANALYZE) delete from orders", "EXPLAIN (ANALYZE, GENERIC_PLAN) select 1",
        "EXPLAIN (ANALYZE) select pg_read_file('/etc/passwd')", "select * from pg_ls_dir('/')", "refresh materialized view daily",
    ],
)  # fmt: skip
async def test_what_does_more_than_read_is_refused(db, query):
    (said,) = await asked(db, query)
    assert said.startswith("UsageError: ") and "actual time" not in said
    assert "9" in (await asked(db, "select count(*) as n from orders"))[0]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("select g from generate_series(1, 3) as g", 3),
        ("select d from generate_series('2026-01-01'::timestamp, '2026-01-02', '1 day') d", 2),
        ("select o.id, k.key from orders o, jsonb_each(o.extra) k", 9),
        ('select x.a from json_to_recordset(\'[{"a": 1}, {"a": 2}]\') as x(a int)', 2),
        ("select w from regexp_split_to_table('a b c', ' ') w", 3),
    ],
)
async def test_function_that_only_computes_rows_stands_for_a_table(db, query, rows):
    assert f"{rows} rows" in (await asked(db, query))[0]
