"""The timeline on a plain page: real time, but for waits that would leave no room for what happened."""

import pytest
from fixtures_writer import Writer
from journeys import FINISHED

from llmos_nb.views.timeline import Timeline

pytestmark = pytest.mark.browser
WIDTHS = (
    """() => [...document.querySelectorAll('.gantt i')].map((bar) => [bar.className, parseFloat(bar.style.width)])"""
)
CUTS = "() => [...document.querySelectorAll('.gantt .cut')].map((cut) => cut.innerText)"


def lasting(*parts):
    """A view of which the time went so: who was at work, empty for nobody, and how many seconds."""
    events, stretches, at = [{"n": 0, "k": "run.started", "t": "", "s": 0}], [], 0
    for who, seconds in parts:
        stretches += [{"who": who, "begin": at, "end": at + seconds}] if who else []
        at += seconds
        events.append({"n": len(events), "k": "call.finished", "t": who, "s": at})
    return {**FINISHED, "events": events, "stretches": stretches, "begun": [], "at": len(events) - 1}


def drawn(plain, *parts):
    plain.show(lasting(*parts))
    return plain.page.evaluate(WIDTHS), plain.page.evaluate(CUTS)


def test_long_wait_takes_a_third_of_the_line_and_says_its_time(plain):
    bars, cuts = drawn(plain, ("model", 2), ("tool", 1), ("you", 11_400), ("model", 1))
    assert cuts == ["3 h 10 min"]
    assert [(who, round(wide, 1)) for who, wide in bars] == [
        ("model", 33.3),
        ("tool", 16.7),
        ("you", 33.3),
        ("model", 16.7),
    ]
    said = plain.page.locator(".gantt").get_attribute("aria-label")
    assert said == "model 3.0 s, tool 1.0 s, waiting for you 3 h 10 min, drawn short: 3 h 10 min"


def test_waits_that_leave_room_are_drawn_as_long_as_they_are(plain):
    bars, cuts = drawn(plain, ("model", 6), ("you", 2), ("tool", 4))
    assert cuts == [] and [round(wide, 1) for _, wide in bars] == [50, 16.7, 33.3]
    assert drawn(plain, ("you", 5))[1] == []  # there is nothing to make room for


def test_longest_waits_are_drawn_short_and_a_pause_is_a_wait(plain):
    _, cuts = drawn(plain, ("model", 6), ("you", 1), ("tool", 6), ("you", 90), ("", 200_000), ("model", 6))
    assert cuts == ["2 d 7 h"]  # the question and the pause behind it are one wait
    plain.show(lasting(("model", 6), ("", 300), ("tool", 6), ("you", 90), ("model", 6)))
    assert plain.page.evaluate(CUTS) == ["5 min", "1 min 30 s"]


def test_slider_goes_to_the_event_that_is_drawn_where_it_stands(plain):
    plain.show(lasting(("model", 2), ("you", 7200), ("tool", 2), ("model", 2)))
    slider = plain.page.get_by_role("slider")
    top = int(slider.get_attribute("max"))
    assert top == 9000 and slider.input_value() == "9000"
    slider.fill("4900")  # where the wait of two hours ends, less 0.1 s
    plain.page.wait_for_function("model.sent.length === 1")
    assert plain.sent == [{"verb": "seek", "at": 2}]
    plain.page.get_by_text("Event 3 of 5").wait_for()
    at = plain.page.locator(".track > .at").evaluate("(mark) => parseFloat(mark.style.left)")
    assert at == pytest.approx(500 / 9, abs=0.1)


def test_wait_of_a_real_run_is_drawn_short(plain):
    w = Writer().two_steps()
    call = w.call(code="x")
    w.ask(call)
    w.add("call.decided", after=3600, call=call, digest="9f3ce1aa", what="approve", by="you", why="")
    w.add("call.started", call=call, key="k", epoch=1)
    w.add("call.finished", call=call, ok=True, result="", size=0).end("answered", answer="42")
    shown = Timeline(w.events)
    view = {"events": shown.events, "stretches": shown.time.found, "at": len(shown.events) - 1, "begun": []}
    plain.show({**FINISHED, **view})
    assert [words for words in plain.page.evaluate(CUTS) if words.startswith("1 h")]
