"""What SQL would do, told by its tree: a corpus, and closed columns that never come out, however they are asked for."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest
from corpus.statements import ROWS
from hypothesis import given, settings, strategies as st

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.tools.devices.sql.classify import statements, worst
from llmos_nb.tools.devices.sql.duckdb import Duck
from llmos_nb.tools.devices.sql.query import bound
from llmos_nb.tools.devices.sql.rules import Known, Rules, applied, parse_rules
from llmos_nb.tools.devices.workspace import Workspace

SECRET = "48151623"


def kind(text, dialect):
    found = worst(statements(text, dialect)).kind
    return "refused" if found in ("dangerous", "unknown") else found


def test_corpus_is_classified_as_labelled_by_hand():
    assert len(ROWS) >= 150
    wrong = [(d, k, t, kind(t, d)) for d, k, t in ROWS if kind(t, d) != k]
    assert wrong == []


def test_writing_statement_stays_a_write_in_any_combination():
    for dialect, was, text in ROWS:
        if was in ("write", "ddl") and "--" not in text:
            assert kind(f"select 1; {text}", dialect) != "read"
            assert kind(f"{text}; select 1", dialect) != "read"


@settings(max_examples=150)
@given(st.text(max_size=60))
def test_any_text_is_classified(text):
    assert worst(statements(text)).kind in ("read", "write", "ddl", "dangerous", "unknown")


PLAIN = [
    t
    for d, k, t in ROWS
    if d == "duckdb" and "--" not in t and "/*" not in t and t.count("'") % 2 == 0 and t.strip(" ;")
]


@settings(max_examples=100)
@given(st.lists(st.sampled_from(PLAIN), min_size=2, max_size=3))
def test_several_statements_are_a_read_only_where_each_is(texts):
    joined = ";\n".join(texts)
    if kind(joined, "duckdb") == "read":
        assert all(kind(t, "duckdb") == "read" for t in texts)


# closed columns

PEOPLE = {"people": pd.DataFrame({"name": ["Ada", "Bo"], "salary": [int(SECRET), 1], "Team": ["x", "y"]})}
PEOPLE["teams"] = pd.DataFrame({"Team": ["x", "y"], "salary_band": [1, 2]})
ASKS = [
    "select * from people", "from people", "table people", "select p.* from people p", "select people from people",
    "select salary from people", "select p.salary from people as p", "select SALARY from PEOPLE",
    'select "salary" from "people"', "select count(salary) from people", "select max(salary) from people",
    "select * exclude (name) from people", "select * replace (salary as name) from people",
    "select columns('.*') from people", "select columns(c -> c like 'sal%') from people",
    "with p as (select * from people) select * from p", "with people as (select * from people) select * from people",
    "with p as (from people) select salary from p", "select * from (select * from people) q",
    "select (select max(salary) from people)", "select * from people where salary > 1",
    "select name from people order by salary", "select name from people group by name, salary",
    "select * from people natural join teams", "select * from people join teams using (Team)",
    "select * from teams, lateral (select * from people) l", "select * from people union all select * from people",
    "select row(people.*) from people", "select to_json(people) from people", "select struct_pack(p := people) from people",
    "select unnest(people) from people", "select list(people) from people", "select hash(people) from people",
    "pivot people on name using sum(salary)", "pivot people on name using count(*)", "unpivot people on columns(*) into name k value v",
    "summarize people", "select * from query('select * from people')", "select * from query_table('people')",
    "select * from main.people", "select * from memory.main.people", "select * from people positional join teams",
    "select case when salary > 1 then 1 end from people", "select * from people tablesample 100%",
    "explain analyze select * from people", "select a.salary from people a, people b", "from people select people::varchar",
    "with recursive r as (select * from people union all select * from r where false) select * from r",
    "select * from people as p(a, b, c)", "select * from people order by all", "select string_agg(people::varchar, ',') from people",
    "select any_value(people) from people", "select distinct on (name) * from people", "values ((select max(salary) from people))",
    "select * from people where exists (select 1 from people q where q.salary = people.salary)",
]  # fmt: skip


def answers(text, rules, frames=PEOPLE):
    """Give all that a query gives, as one text; empty where it is refused."""
    duck = Duck(frames, Workspace(Path()))
    found = statements(text)
    assert [s.kind for s in found] == ["read"], text
    try:
        sql, values = bound(applied(found[0], rules, duck), "duckdb", {}, False)
        frame = duck.run(found[0].before + sql, values, 100, {})
    except (UsageError, duckdb.Error):
        return ""
    return frame.to_string() + str(frame.to_dict())


@pytest.mark.parametrize("text", ASKS)
def test_a_closed_column_does_not_come_out(text):
    rules = parse_rules({"columns": ["people.salary"]})
    assert SECRET not in answers(text, rules) and "48.15" not in answers(text, rules)


def test_check_fails_without_the_rule():
    assert sum(SECRET in answers(text, Rules()) for text in ASKS[::4]) >= 8


def test_check_fails_where_tables_are_not_replaced(monkeypatch):
    monkeypatch.setattr("llmos_nb.tools.devices.sql.rules._project", lambda *_: None)
    rules = parse_rules({"columns": ["people.salary"]})
    assert sum(SECRET in answers(text, rules) for text in ASKS[::4]) >= 8


def test_open_columns_are_still_returned():
    rules = parse_rules({"columns": ["-people.sal*"]})
    for text in (
        "select * from people",
        "with people as (select * from people) select * from people",
        "summarize people",
    ):
        assert "Ada" in answers(text, rules), text
    assert "Ada" in answers("select t.salary_band, p.name from people p join teams t using (Team)", rules)


def test_closed_table_is_absent():
    rules = parse_rules({"tables": ["*", "-people"]})
    assert answers("select * from people", rules) == "" and answers("select 1 where exists (from people)", rules) == ""
    assert "salary_band" in answers("select * from teams", rules)


def test_a_table_expression_cannot_stand_for_a_closed_table():
    rules = parse_rules({"tables": ["teams"]})
    assert answers("with teams as (select * from people) select * from teams", rules) == ""
    assert answers("select * from (with people as (select 1) select * from people) a, people", rules) == ""


def test_functions_that_act_are_refused():
    class Any:
        dialect = "postgres"

        def resolve(self, table):
            return Known(table.name, ("a",))

    for call in (
        "nextval('s')",
        "pg_read_file('a')",
        "my_function(a)",
        "pg_catalog.pg_terminate_backend(1)",
        "s.lower(a)",
    ):
        with pytest.raises(UsageError, match="only compute"):
            applied(statements(f"select {call} from t", "postgres")[0], Rules(), Any())
    opened = parse_rules({"functions": ["my_function"]})
    assert applied(statements("select my_function(a), upper(a) from t", "postgres")[0], opened, Any())


@pytest.mark.parametrize("raw", [{"tables": "people"}, {"columns": ["salary"]}, {"functions": [1]}])
def test_a_wrong_rule_is_named(raw):
    with pytest.raises(ConfigError, match=r"tools\.sql"):
        parse_rules(raw)
