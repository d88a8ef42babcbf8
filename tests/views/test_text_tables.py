"""Tables, logs and differences for commands."""

import re

from fixtures_journals import STATES
from fixtures_writer import Writer
from hypothesis import given, strategies as st

from llmos_nb.views import audit
from llmos_nb.views.text import diff, table
from llmos_nb.views.text.lines import table as laid_out, wrap
from llmos_nb.views.text.tables import logged, told
from llmos_nb.views.wording import visible


def test_a_table_is_aligned_and_fits():
    lines = table([[3, "penguins", "x " * 90], [12, "b", "y"]], ["pid", "name", "goal"], width=60).splitlines()
    assert lines[0].startswith("pid  name      goal") and max(map(len, lines)) <= 60
    assert lines[1].index("penguins") == lines[-1].index("b")


@given(st.lists(st.lists(st.text(max_size=30), min_size=1, max_size=4), max_size=4), st.integers(20, 90))
def test_table_loses_no_cell(rows, width):
    said = re.sub(r"\s", "", "".join(laid_out(rows, width=width)))
    assert len(said) == sum(len(re.sub(r"\s", "", visible(c))) for row in rows for c in row)


@given(st.text(max_size=200), st.integers(20, 90))
def test_wrapped_lines_fit(words, width):
    assert all(len(line) <= width for line in wrap(words, "  ", width))


def test_the_log_has_a_line_an_event():
    w = STATES["finished"]()
    lines = logged(told(w.events)).splitlines()
    assert len(lines) == len(w.events) and re.match(r" +0  09:00:00\.100  run\.started +Which island", lines[0])


def test_the_log_of_a_long_run_shows_its_end_and_how_the_rest_is_seen(tmp_path):
    w = STATES["many"](30, 28)
    assert len(w.events) > audit.SHOWN

    def lines(**options):
        told = audit.of_one(audit.Wanted(**options), tmp_path / "journal.jsonl", w.events)
        return "\n".join(map(audit.text, told)).splitlines()

    whole = logged(told(w.events)).splitlines()
    away = len(w.events) - audit.SHOWN
    assert lines() == [f"… {away} earlier events: --since 0 shows all {len(w.events)}", *whole[away:]]
    assert lines(since=0) == whole and lines(since=17) == whole[17:] and lines(since=10**6) == []
    assert len(lines(json=True)) == len(w.events) and len(lines(json=True, since=17)) == len(w.events) - 17


def test_a_diff_says_where_two_runs_part():
    one, two = Writer().two_steps(), Writer().planned().step(1, created=["birds"]).step(2, "Dream only")
    said = diff(one.events, two.events)
    assert "events the same" in said.splitlines()[0]
    assert any(line.startswith("- call.finished") and "Biscoe" in line for line in said.splitlines())
    assert any(line.startswith("+ call.finished") and "Dream only" in line for line in said.splitlines())
    assert diff(one.events, one.events).splitlines() == [f"  {kept(one)} events the same"]


def kept(w):
    return sum(not e.k.startswith("budget.") for e in w.events)
