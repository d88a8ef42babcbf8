"""SQL as the exported notebook has it: the words of whoever asked where nothing of it was changed, else in lines."""

import ast

import duckdb
import pandas as pd
import pytest

from llmos_nb.tools.devices.context import Site
from llmos_nb.tools.devices.sql.query import Query, reading_code
from llmos_nb.tools.devices.sql.readable import literal, readable

SHORT = "select city, sum(n) as n from sales group by city order by n desc"
OWN = "with Late as (\n    select * from sales where n > 1  -- the late ones\n)\nselect count(*) from Late"
RAN = 'WITH "late__cte" AS (SELECT * FROM sales WHERE n > 1) SELECT COUNT(*) FROM "late__cte" AS Late'
WIDE = "select city, sum(n) as n, min(n) as least, max(n) as most, avg(n) as mean from sales group by city having sum(n) > 0 order by n"


@pytest.mark.parametrize(
    ("ran", "own", "said"),
    [
        (SHORT, f"{SHORT};\n", SHORT),
        (RAN, OWN, OWN),
        (RAN, "", "WITH late AS (SELECT * FROM sales WHERE n > 1) SELECT COUNT(*) FROM late"),
        ("SELECT n FROM (SELECT n FROM sales) AS sales", "select * from sales", "SELECT n FROM (SELECT n FROM sales) AS sales"),
        ('WITH "order__cte" AS (SELECT 1 AS a) SELECT a FROM "order__cte" AS "order"', "", 'WITH "order" AS (SELECT 1 AS a) SELECT a FROM "order"'),
        ("SELECT * FROM b__cte", "", "SELECT * FROM b__cte"),
        ("not sql at all (", "", "not sql at all ("),
    ],
)  # fmt: skip
def test_sql_stands_in_the_words_in_which_it_was_asked_where_it_is_the_same(ran, own, said):
    assert readable(ran, own, "duckdb") == said


def test_one_long_line_is_set_in_lines_and_gives_the_same():
    said = readable(WIDE, WIDE, "duckdb")
    assert max(map(len, said.splitlines())) < 60 and said.count("\n") > 5
    sales = pd.DataFrame({"city": ["Ulm", "Bonn", "Ulm"], "n": [1, 2, 5]})
    with duckdb.connect() as connection:
        connection.register("sales", sales)
        assert connection.execute(said).fetchall() == connection.execute(WIDE).fetchall()


@pytest.mark.parametrize("text", ["a 'x\ny' b", 'select "a\nb"', "a\\b\nc", 'a"""b\nc', 'it\'s\n"here"', "select 1"])
def test_a_literal_holds_the_text_and_no_blank_more_in_its_quotes(text):
    made = ast.literal_eval(literal(text, "    "))
    assert made == text or made.split() == text.split()
    assert made == text or "'x\ny'" not in text


def test_a_query_of_a_live_table_is_code_that_a_person_reads(tmp_path):
    sales = pd.DataFrame({"city": ["Ulm", "Bonn", "Ulm"], "n": [1, 2, 5]})
    query = Query(Site({"sales": sales}, folder=tmp_path), {})
    code = reading_code(query, {"query": OWN, "into": "late"})
    assert "late__cte" not in code and "-- the late ones" in code and "\\n" not in code
    space = {"sales": sales}
    exec(code, space)
    assert space["late"].iloc[0, 0] == 2
