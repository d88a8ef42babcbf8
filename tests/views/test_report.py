"""Reports of commands: tables and pictures from one set of numbers, escaped, with words for who cannot see them."""

import base64
import re
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate
from xml.etree import ElementTree

import pytest
from fixtures_journals import STATES, hostile
from fixtures_writer import Writer
from hypothesis import given, strategies as st

from llmos_nb.messages import Message
from llmos_nb.process.state.context import Group
from llmos_nb.views import page as page_of, report
from llmos_nb.views.activity import Stretches, activities, worked
from llmos_nb.views.report import Grid, Note, Report, Told, bundle, words
from llmos_nb.views.report.model import Column, Columns, Curve, Lane, Lanes, Part
from llmos_nb.views.report.scale import axis, groups, ticks, time_ticks
from llmos_nb.views.report.svg import draw, fitting, wide
from llmos_nb.views.report.trace import coarse
from llmos_nb.views.report.turns import spending
from llmos_nb.views.wording import phrase, since

PRICE = (0.15, 0.6)
SVG = "{http://www.w3.org/2000/svg}"


def reports(w):
    """Give every report on one process."""
    spans = [("invoke_agent", 1.0, 10, ""), ("└ chat", 0.5, 10, "timeout")]
    return {
        "cost": report.cost(w.state, w.events),
        "context": report.context(w.state, w.events, 2_400, PRICE),
        "trace": report.trace(w.state, w.events, spans),
        "run": report.run(w.state, w.events),
    }


def page(made):
    """Parse a report's HTML, which is well-formed."""
    return ElementTree.fromstring(bundle(made)["text/html"])


def pictures(root):
    return {i.get("alt"): base64.b64decode(i.get("src").partition(",")[2]).decode() for i in root.iter("img")}


def long(turns):
    """A run of many turns, most of them read from the cache."""
    w = Writer().planned()
    for i in range(turns):
        w.request(4_000 + 400 * i)
        usage = {"prompt": 1_000 + 100 * i, "completion": 50, "cached": 800 + 80 * i}
        settled = {"tokens": 1_000.0, "$": 0.001}
        calls = [{"name": "python", "arguments": {"code": f"x = {i}"}}]
        w.add(
            "model.responded",
            after=1,
            request=w.requests,
            text="",
            calls=calls,
            finish="stop",
            usage=usage,
            settled=settled,
        )
        call = f"r{w.state.responses}.0"
        w.allow(call).run(call, f"result {i}", ok=i % 7 != 3, seconds=0.5)
    return w


# both writers


GRID = Grid(
    "Birds",
    ("island", "n", "share"),
    [["Biscoe", 167, Told("49%", "ok", 0.49)], ["Dream", 124, Told("36%", share=0.36)]],
    frozenset({"n"}),
)


def test_a_table_in_text_has_its_bars_and_alone_no_caption():
    assert words(Report("", [GRID])).splitlines() == [
        "island  n    share",
        "Biscoe  167  49% ██████████",
        "Dream   124  36% ███████",
    ]
    assert "Birds\nisland" in words(Report("Title", [GRID, GRID]))


def test_a_table_in_a_page_is_one_for_who_hears_it():
    root = page(Report("", [GRID]))
    (table,) = root.iter("table")
    assert table.find("caption").text == "Birds"
    assert [h.text for h in table.iter("th") if h.get("scope") == "col"] == ["island", "n", "share"]
    assert [h.text for h in table.iter("th") if h.get("scope") == "row"] == ["Biscoe", "Dream"]
    bars = [s for s in root.iter("span") if "bar" in (s.get("class") or "")]
    assert len(bars) == 2 and all(s.get("aria-hidden") == "true" for s in bars)


def test_a_report_without_rows_says_so():
    none = Report("", [Grid("Birds", ("a", "b"), [], none="no birds")])
    assert words(none) == "no birds" and "no birds" in "".join(page(none).itertext())


def test_charts_are_drawn_with_characters_in_a_terminal():
    lanes = Lanes(
        "Time",
        "alt",
        [Lane("one", [Part("model", 0, 5), Part("tool", 5, 10)], "10 s")],
        10,
        [(0, "0"), (5, "5 s")],
        key={"model": "model", "tool": "tool"},
    )
    said = words(Report("", [lanes])).splitlines()
    assert said[1] == "one " + "▒" * 30 + "█" * 30 + "  10 s" and said[-1] == "▒ model  █ tool"
    assert said[2] == "    0" + " " * 29 + "5 s"
    columns = Columns(
        "Tokens",
        "alt",
        [Column("1", {"new": 30.0}, "30"), Column("2", {"new": 60.0}, "60")],
        {"new": "new"},
        [(0, "0")],
    )
    assert words(Report("", [columns])).splitlines()[1:3] == ["1  30 " + "▒" * 30, "2  60 " + "▒" * 60]
    curve = Curve("Money", "alt", [(0, 0), (5, 1)], 10, 1, [(0, "0")], [(0, "$0"), (1, "$1")])
    rows = words(Report("", [curve])).splitlines()[1:9]
    assert all(len(row.rstrip()) - row.index("█") == 31 for row in rows)  # from the second half on


@pytest.mark.parametrize("name", ["starting", "planning", "waiting", "finished", "failed"])
def test_every_state_has_its_reports(name):
    w = STATES[name]()
    for made in reports(w).values():
        root, said = page(made), words(made)
        assert said.strip() and all(i.get("alt") for i in root.iter("img"))
        assert max(map(len, said.splitlines())) <= 160
        for drawn in pictures(root).values():
            ElementTree.fromstring(drawn)


NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><b>",
    "\u202e${}`",
    "]]>&amp;",
    "\x00\x1b[31m",
]
TAGS = set(
    [
        "div",
        "style",
        "p",
        "b",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "span",
        "figure",
        "figcaption",
        "img",
        "details",
        "summary",
        "code",
        "pre",
    ]
)


@pytest.mark.parametrize("text", NASTY)
def test_words_of_a_run_never_become_markup(text):
    for w in hostile(text):
        state = replace(w.state, name=text)
        for name, made in reports(Writer(w.events, state)).items():
            root = page(made)
            assert {e.tag for e in root.iter()} <= TAGS, name
            assert not any(a.startswith("on") or a == "href" for e in root.iter() for a in e.attrib)
            assert all(i.get("src").startswith("data:image/svg+xml;base64,") for i in root.iter("img"))
            for drawn in pictures(root).values():
                shapes = {e.tag.removeprefix(SVG) for e in ElementTree.fromstring(drawn).iter()}
                assert shapes <= {
                    "svg",
                    "g",
                    "rect",
                    "path",
                    "text",
                    "defs",
                    "pattern",
                    "polygon",
                    "polyline",
                    "ellipse",
                }
            assert "\x1b" not in words(made) and "\u202e" not in words(made)


def test_a_long_run_is_drawn_in_bounded_size():
    small, w = reports(long(40)), long(400)
    assert len(w.events) > 2_000
    for name, made in reports(w).items():
        html, most = bundle(made)["text/html"], len(bundle(small[name])["text/html"])
        assert len(html) < 400_000 and len(html) < 5 * most, name
        assert len(words(made).splitlines()) < 1_200
        for drawn in pictures(page(made)).values():
            assert float(ElementTree.fromstring(drawn).get("height")) < 2_500


# the numbers


def test_what_is_spent_adds_up_over_time_and_by_turn():
    w = long(12)
    found = spending(w.events)
    for unit in ("$", "tokens"):
        assert found.curve(unit)[-1][1] == pytest.approx(w.state.spent[unit])
    assert [t.n for t in found.turns] == list(range(1, w.state.responses + 1))
    last = found.turns[-1]
    assert (last.new, last.cached, last.charged) == (420, pytest.approx(168.0), 420 + 168 + 50)


def test_money_spent_by_children_counts_over_time():
    w = long(2)
    w.add("budget.reserved", request=0, child=9, amounts={"$": 0.1}).add(
        "budget.settled", request=0, child=9, amounts={"$": 0.07}
    )
    assert spending(w.events).curve("$")[-1][1] == pytest.approx(w.state.spent["$"])
    assert len(spending(w.events).turns) == w.state.responses


def test_the_same_numbers_stand_in_text_table_and_alt():
    w = long(9)
    made = report.cost(w.state, w.events)
    root, said = page(made), words(made)
    curve = next(a for a in pictures(root) if a.startswith("Money over time"))
    total = re.search(r"Money over time, (\$\S+) of", said)[1]
    assert total in curve and "the budget ends at $0.50" in curve and "the budget ends at $0.50" in said
    shares = re.search(r"(\d+)% of all prompts were cached", said)[1]
    turns = spending(w.events).turns
    assert int(shares) == round(100 * sum(t.usage.cached for t in turns) / sum(t.usage.prompt for t in turns))


def test_an_endpoint_that_counts_nothing_is_not_said_to_have_cached_nothing():
    w = Writer().start().request()
    w.add("model.responded", request=1, text="Done.", calls=[], finish="stop", usage={})
    said = words(report.cost(w.state, w.events))
    assert "cached" not in said and "counts no tokens" in said
    assert "What the next turn costs" not in words(report.context(w.state, w.events, 100))
    assert "taken as four bytes" in words(report.context(w.state, w.events, 100))


def test_a_budget_far_above_what_is_spent_does_not_press_the_curve_flat():
    def top(limit):
        w = long(3)
        w.state.budget = replace(w.state.budget, limits={"$": limit})
        return next(p for p in report.cost(w.state, w.events).parts if isinstance(p, Curve))

    assert top(0.5).top < 0.01 and not top(0.5).limit
    assert top(0.01).limit == 0.01 and top(0.01).top >= 0.01


def test_the_map_of_the_prompt_says_what_is_cached_and_what_left_it():
    w = long(4)
    told = (Message("user", "x" * 400),)
    w.state.context.pages.append((Group(told, 1, 2),))
    w.state.context.ledger.append("page 1: r1")
    w.state.context.add(told, 3, 4)
    made = report.context(w.state, w.events, 2_400, PRICE)
    chart = next(p for p in made.parts if isinstance(p, Lanes))
    assert [p.look for p in chart.lanes[0].parts] == ["head", "tools", "notes", "window", "free"]
    assert chart.brackets[0][2] == "cached in the last turn: 1,040" and chart.brackets[0][1] <= chart.end
    assert chart.below[0][1].startswith("paged out: ") and "kept in the journal" in chart.alt
    assert chart.lanes[0].parts[-1].end == chart.end


def test_a_prompt_that_was_not_cached_is_not_said_to_be():
    w = STATES["finished"]()
    assert "cached in the last turn" not in words(report.context(w.state, w.events, 2_400))
    assert "cached in the last turn" in words(report.context(long(2).state, long(2).events, 2_400))


def test_nothing_is_said_to_be_paged_out_before_work_left_the_prompt():
    w = long(3)
    assert "paged out" not in words(report.context(w.state, w.events, 2_400))


def test_a_child_is_not_said_to_have_ended_before_it_is_settled():
    w = Writer().start()
    w.request().respond(("start_process", {"goal": "Read the <b>shore</b>.", "name": "helper"}))
    call = "r1.0"
    w.allow(call).add("budget.reserved", request=0, child=9, amounts={"steps": 5}, call=call)
    for form in (page_of.html, page_of.plain):
        assert "has not ended" in form(w.state, w.events) and "9 helper" in form(w.state, w.events)
    w.add("budget.settled", request=0, child=9, amounts={"steps": 2, "tokens": 1200})
    w.run(call, "process 9 has started")
    said = page_of.html(w.state, w.events)
    assert "has ended" in said and "2 steps, 1200 tokens" in said and "Read the &lt;b&gt;shore" in said
    assert "Processes that it started" in page_of.plain(w.state, w.events)
    waits = STATES["waiting"]()
    waits.add("budget.reserved", request=0, child=9, amounts={"steps": 5})
    assert waits.state.waiting and "has not ended" in page_of.html(waits.state, waits.events), "beside the card, too"
    assert "Processes that it started" not in page_of.html(STATES["finished"]().state, STATES["finished"]().events)


def test_each_step_has_a_lane_and_an_error_is_said_in_words():
    w = STATES["finished"]()
    made = report.trace(w.state, w.events)
    lanes = {lane.name: lane for lane in made.parts[0].lanes}
    assert list(lanes)[:3] == ["all", "plan", "1 Keep the birds that have a body mass"]
    (bad,) = [lane for lane in lanes.values() if lane.bad]
    assert bad.name.startswith("4 ") and bad.says.endswith("an error")
    assert {p.look for p in lanes["3 Save the table by island"].parts} == {"model", "tool", "you"}
    assert "waiting for you" in made.title and {m.kind for m in made.parts[0].marks} == {"h", "e"}


def test_a_run_without_an_error_or_a_question_says_neither():
    w = Writer().start()
    call = w.call(code="1")
    w.allow(call).run(call, "1")
    made = report.trace(w.state, w.events)
    assert "error" not in words(made) and "waiting" not in made.title and "h" not in made.parts[0].key


def test_a_tick_stands_only_where_an_expectation_was_evaluated():
    w = Writer().planned().step(1)
    said = words(report.run(w.state, w.events))
    assert "step 1 ran" in said and "✓" not in said
    w.add("step.integrated", step=1, met=True, evidence="342", compared="len(out) == 342")
    assert "✓ step 1 as expected" in words(report.run(w.state, w.events))


def test_many_parts_of_a_lane_are_drawn_as_what_takes_most_of_each_place():
    parts = [Part(("model", "tool")[i % 4 == 3], i, i + 1) for i in range(10_000)]
    found = coarse(parts, 10_000)
    assert [p.look for p in found] == ["model"] and (found[0].start, found[0].end) == (0, 10_000)
    assert coarse(parts[:9], 10_000) == parts[:9]
    apart = [Part("model", i, i + 0.1) for i in range(0, 10_000, 100)] * 4
    assert len(coarse(apart, 10_000)) <= 600


def test_the_sign_of_a_person_stands_only_where_a_person_decided():
    def said(by):
        w = Writer().start().propose().approve_plan(by)
        return words(report.run(w.state, w.events))

    assert "◇ plan approved by you" in said("you") and "◇ plan approved by ann" in said("ann")
    assert "plan approved by the mode auto" in said("mode:auto") and "◇" not in said("mode:auto")


# times


def test_activities_and_stretches_agree():
    for make in STATES.values():
        w = make()
        found = activities(w.events)
        assert all(0 <= a.start <= a.end for a in found)
        whole = sum(s["end"] - s["begin"] for s in Stretches(w.events).found if s["who"] != "you")
        assert worked(found) >= whole - 1e-6


def test_what_broke_off_ends_with_the_event_before():
    w = Writer().start().request()
    w.clock += timedelta(hours=5)
    w.add("run.resumed", epoch=2)
    (one,) = activities(w.events)
    assert one.end < 1 and one.who == "model"


def test_time_in_which_nothing_lived_is_nobodys_in_the_whole_either():
    w = Writer().start().request()
    w.clock += timedelta(hours=5)
    w.add("run.resumed", epoch=2)
    w.requests = 0
    w.request().respond(text="Done.")
    found = Stretches(w.events).found
    assert [s["who"] for s in found] == ["model", "model"] and sum(s["end"] - s["begin"] for s in found) < 10


def test_a_question_stays_open_over_a_pause_and_a_pause_is_nobodys():
    w = STATES["waiting"]()
    asked = w.events[-1].body.question
    begun = since(w.events[0].at, w.events[-1].at)
    w.add("run.paused", after=5, why="you paused it")
    w.add("run.resumed", after=100, epoch=0)
    w.add("call.decided", after=7, call=asked, digest="9f3ce1aa", what="approve", by="you", why="")
    mine = [(a.start, a.end) for a in activities(w.events) if a.what == asked]
    whole = [(s["begin"], s["end"]) for s in Stretches(w.events).found if s["who"] == "you" and s["begin"] >= begun]
    wanted = [(begun, begun + 5), (begun + 105, begun + 112)]
    assert mine == [pytest.approx(w) for w in wanted] and whole == [pytest.approx(w) for w in wanted]


def test_what_is_decided_during_a_pause_is_not_waited_for_after_it():
    w = STATES["waiting"]()
    asked = w.events[-1].body.question
    w.add("run.paused", why="you paused it").add(
        "call.decided", call=asked, digest="9f3ce1aa", what="approve", by="you", why=""
    )
    w.add("run.resumed", after=100, epoch=0).run(asked, "done", seconds=3)
    assert sum(a.what == asked and a.who == "you" for a in activities(w.events)) == 1
    assert [s["who"] for s in Stretches(w.events).found][-2:] == ["you", "tool"]


def test_what_goes_on_reaches_until_now():
    w = STATES["running"]()
    now = (w.clock + timedelta(seconds=30)).isoformat()
    assert max(a.end for a in activities(w.events, now)) == pytest.approx(max(a.end for a in activities(w.events)) + 30)
    assert words(report.trace(w.state, w.events, now=now)) != words(report.trace(w.state, w.events))


# pieces


@pytest.mark.parametrize("top", [0.0004, 0.31, 7, 99, 12_345, 1e7])
def test_ticks_begin_at_nothing_and_reach_the_top(top):
    found = [v for v, _ in ticks(top, str)]
    assert found[0] == 0 and found[-1] >= top * (1 - 1e-9) and found[-2] < top and 2 <= len(found) <= 6


@pytest.mark.parametrize("end", [0.05, 3, 59, 61, 4_000, 200_000, 10**7])
def test_times_on_an_axis_are_few(end):
    assert 1 <= len(time_ticks(end)) <= 8 and time_ticks(end)[-1][0] <= end


def test_groups_keep_everything_in_order():
    assert [list(g) for g in groups(range(7), 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [list(g) for g in groups(range(2), 3)] == [[0], [1]] and not list(groups([], 3))


def test_a_phrase_ends_with_a_whole_word():
    assert phrase("as it is") == "as it is"
    cut = phrase("the model local (http://127.0.0.1:8899/v1, 15 s at most)", 50)
    assert cut == "the model local (http://127.0.0.1:8899/v1, 15 s …"
    assert len(phrase("x" * 300, 50)) <= 52


def test_labels_in_pictures_fit_their_room():
    assert fitting("Average body mass on each island", 120).endswith("…")
    assert wide(fitting("Average body mass on each island", 120)) <= 126 and fitting("one", 120) == "one"


def test_text_in_a_picture_is_text():
    lane = Lane("<b>&", [Part("window", 0, 100, "<i>\n1")])
    root = ElementTree.fromstring(draw(Lanes("c", "a", [lane], 100, key={"window": "</text>"}, tall=True)))
    said = "".join(root.itertext())
    assert "<b>&" in said and "<i>" in said and "</text>" in said


def test_a_note_may_keep_its_lines():
    assert words(Report("", [Note("a\n  b", verbatim=True)])) == "a\n  b"


def test_a_long_wait_is_drawn_short_and_says_how_long_it_was():
    w = Writer().planned().step(1)
    w.ask(w.call(code="1"))
    w.clock += timedelta(hours=8)
    w.allow("r3.0", by="you").run("r3.0", "1", seconds=5)
    made = report.trace(w.state, w.events)
    chart = made.parts[0]
    assert chart.end < 60 < 8 * 3_600 < since(w.events[0].at, w.events[-1].at)
    assert "Long waits are drawn short: 8:00:00." in chart.alt and "8:00:00 ≈" in words(made)
    assert "waiting for you 8:00:00" in made.title, "what is said is the time as it was"
    assert chart.ticks[-1][1].startswith("8:00:")
    cost = report.cost(w.state, w.events)
    assert "8:00:00" in words(cost) and next(p for p in cost.parts if isinstance(p, Curve)).end < 60


def test_how_long_a_wait_was_stands_over_the_decisions_and_not_on_them():
    w = Writer().planned().step(1)
    for _ in range(3):
        w.ask(call := w.call(code="1"))
        w.clock += timedelta(hours=8)
        w.allow(call, by="you").run(call, "1", seconds=5)
    chart = report.trace(w.state, w.events).parts[0]
    root = ElementTree.fromstring(draw(chart))
    said = {float(t.get("y")) for t in root.iter(f"{SVG}text") if "≈" in (t.text or "")}
    decided = [p.get("d") for p in root.iter(f"{SVG}path") if (p.get("d") or "").endswith("l5,5l-5,5l-5,-5z")]
    tops = {float(d.partition(",")[2].partition("l")[0]) for d in decided}
    assert len(said) == 1 and len(decided) > 1 and max(said) < min(tops)


def test_what_was_not_long_is_drawn_as_it_was():
    w = STATES["finished"]()
    made = report.trace(w.state, w.events)
    assert "drawn short" not in words(made) and made.parts[0].end == pytest.approx(
        since(w.events[0].at, w.events[-1].at)
    )


@given(st.lists(st.floats(0.1, 4_000), min_size=1, max_size=12), st.floats(0, 1))
def test_places_on_the_axis_keep_the_order_of_moments(lengths, part):
    ends = list(accumulate(lengths))
    found = [
        {"who": ("model", "you")[i % 2], "begin": e - n, "end": e}
        for i, (n, e) in enumerate(zip(lengths, ends, strict=True))
    ]
    line = axis(found, ends[-1])
    moments = sorted([0.0, part * ends[-1], *ends])
    places = [line.at(m) for m in moments]
    assert places == sorted(places) and line.end <= line.seconds + 1e-6
    assert [line.when(p) for p in places] == pytest.approx(moments, abs=1e-3)


COST = """\
What penguins has spent

Spent, of the budget
unit    spent          of             used
steps   5 steps        20 steps       25% █████
calls   5 calls        no bound
tokens  12,000 tokens  50,000 tokens  24% █████
$       $0.0040        $0.50          1% █
s       21.3 s         3 min          12% ██

Money over time, $0.0040 of $0.50
$0.0040 │                                                           █
$0.0030 │                                                   █████████
        │                                            ████████████████
$0.0020 │                                     ███████████████████████
        │                             ███████████████████████████████
$0.0010 │                     ███████████████████████████████████████
        │             ███████████████████████████████████████████████
  $0.00 │      ██████████████████████████████████████████████████████
         0             5.0 s         10 s          15 s          20 s
the budget ends at $0.50
"""
TRACE = """\
penguins: 22 s; the model 17 s, tools 800 ms, waiting for you 200 ms

Time by step: model, tools, waiting for you
                                               ◇                     ◇        x
all                                    ▒▒▒▒▒▒▒╱▒▒▒▒▒▒█▒▒▒▒▒▒▒█▒▒▒▒▒▒╱█▒▒▒▒▒▒▒█▒▒▒▒▒▒ ▒▒▒▒▒▒█▒▒▒▒▒▒▒  22 s
plan                                   ▒▒▒▒▒▒▒╱                               ▒▒▒▒▒▒                 4.2 s
1 Keep the birds that have a body mass         ▒▒▒▒▒▒█                                               2.3 s
"""


def test_cost_and_trace_in_a_terminal():
    w = STATES["finished"]()
    assert words(report.cost(w.state, w.events)).startswith(COST)
    assert words(report.trace(w.state, w.events)).startswith(TRACE)


def test_a_plan_that_was_edited_before_it_was_approved_waits_no_longer_than_till_then():
    w = Writer().start().propose()
    for version in (1, 2):
        w.add("question.asked", question=f"plan:{version}", kind="plan", text="It asks.")
        w.clock += timedelta(minutes=1)
        w.add("plan.edited", version=version + 1, steps=w.state.plan.plain(), by="you")
    w.approve_plan()
    decided = since(w.events[0].at, w.events[-1].at)
    w.step(1)
    asked = [a for a in activities(w.events) if a.who == "you"]
    assert [a.what for a in asked] == ["plan"] and asked[0].end == pytest.approx(decided)
    assert decided > 120 and Stretches(w.events).found[-1]["who"] != "you"


def test_a_call_in_doubt_is_waiting_for_a_person_until_it_is_resolved():
    w = STATES["doubt"]()
    w.clock += timedelta(minutes=2)
    w.add("call.resolved", call="r4.0", done=True, by="you")
    waited = [a.end - a.start for a in activities(w.events) if (a.who, a.what) == ("you", "r4.0")]
    assert (
        waited
        and max(waited) >= 120
        and any(s["who"] == "you" and s["end"] - s["begin"] >= 120 for s in Stretches(w.events).found)
    )
