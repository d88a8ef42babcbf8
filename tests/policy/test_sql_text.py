"""Tables and files that a text of SQL names, with a parser and without: then all that may be one counts."""

import sys

import pytest

from llmos_nb.export.dataflow.parsed import reading
from llmos_nb.export.dataflow.slice import Piece, cut
from llmos_nb.policy.code.sql import sources, tables_of

TEXT = "with k as (select a from rides) select k.a from k join 'in/b.csv' as b on b.c = 'word'"


@pytest.fixture(params=[True, False], ids=["parser", "none"])
def parser(request, monkeypatch):
    if request.param:
        pytest.importorskip("sqlglot")
    else:
        monkeypatch.setitem(sys.modules, "sqlglot", None)  # its import raises ImportError
    return request.param


def test_without_a_parser_all_that_stands_in_quotes_may_be_read_and_each_word_may_be_a_table(parser):
    assert sources(TEXT) == (["in/b.csv"] if parser else ["in/b.csv", "word"])
    assert tables_of(TEXT) >= {"rides"} and ("k" in tables_of(TEXT)) is not parser


def test_without_a_parser_an_export_keeps_what_a_query_may_read(parser):
    pieces = [Piece("rides, word = 1, 2"), Piece("k = 3"), Piece(f"out = duckdb.sql({TEXT!r})", kept=True)]
    with reading():
        kept, missing = cut(pieces)
    assert kept[0] and bool(kept[1]) is not parser and missing == {"duckdb"}


@pytest.mark.parametrize("text", ["", "this is no SQL", "select 'it''s'"])
def test_what_is_no_query_is_read_the_same_with_and_without_a_parser(text, parser):
    assert sources(text) == (["it's"] if "it" in text and not parser else [])
