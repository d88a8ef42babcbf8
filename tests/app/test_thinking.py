"""While a model thinks, the text says for how long, and the panel since when; when it speaks, the text says so no more."""

from __future__ import annotations

import asyncio
import threading

import pytest
from waits import until_async

import llmos_nb as llmos
from llmos_nb.app.present.panel import PanelShown
from llmos_nb.app.present.text import TextShown
from llmos_nb.messages import Response
from llmos_nb.models import Traits
from llmos_nb.views.text.view import TextView


class Slow:
    """Answers once something was seen, after a first word where there is one."""

    traits = Traits("slow")

    def __init__(self, until: threading.Event, word: str = "") -> None:
        self.until, self.word = until, word

    async def respond(self, request, on_text):
        if self.word:
            on_text(self.word)
        assert await asyncio.to_thread(self.until.wait, 30)
        return Response(f"{self.word}done")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(TextShown, "pause_s", lambda self, waited: 0.01)


def shown_as_text(process, write):
    shown = TextShown(process, "plain", None)
    shown.view = TextView(write=write)
    shown.open()
    return shown


async def test_text_says_how_long_the_model_thinks_until_it_answers(quick):
    seen, said = threading.Event(), []

    def write(text: str) -> None:
        said.append(text)
        if "thinking" in text:
            seen.set()

    process = llmos.Session({}).create("go", model=Slow(seen))
    shown_as_text(process, write)
    process.start()
    await process
    assert process.reason == "answered" and any("… thinking 0.0 s" in line or "… thinking 0 s" in line for line in said)
    assert "thinking" not in said[-1]


async def test_text_says_nothing_of_thinking_while_the_model_speaks(quick):
    beats, go_on, said = [], threading.Event(), []
    process = llmos.Session({}).create("go", model=Slow(go_on, "It is "))
    shown = shown_as_text(process, said.append)
    thinks = shown.thinks

    def counted(seconds: float) -> None:
        thinks(seconds)
        beats.append(seconds)
        if len(beats) == 3:
            go_on.set()

    shown.thinks = counted
    process.start()
    await process
    assert len(beats) >= 3 and not any("thinking" in text for text in said)


async def test_text_is_not_streamed_any_more_once_nobody_prints_what_it_becomes():
    said = []
    process = llmos.Session({}).create("go", model=Slow(threading.Event()))
    shown = shown_as_text(process, said.append)
    process.run.on_text("heard")
    shown.close()
    process.run.on_text("and {{half an ")
    assert "heard" in "".join(said) and "half" not in "".join(said)


async def test_text_stops_at_an_expression_and_goes_on_once_it_has_the_values(script):
    said = []
    answer = "By month: {{sum(x)}}\n\n{{x}}\n\nand {{len(x)}} of them."
    process = llmos.Session({"x": [1, 2]}).create("Sum.", model=script({"text": answer}))
    shown_as_text(process, said.append)
    process.start()
    await process
    lines = [line.strip() for line in "".join(said).splitlines()]
    assert lines.count("By month: 3") == 1 and lines.count("and 2 of them.") == 1
    assert "".join(said).count("By month") == 1 and "…" not in "".join(said)


async def test_a_panel_is_told_once_since_when_the_model_thinks():
    go_on = threading.Event()
    process = llmos.Session({}).create("go", model=Slow(go_on))
    shown, views = PanelShown(process), []
    shown.panel.show_latest = lambda make, live: views.append(make())
    before = len(process.events)
    process.dispatch.ask(shown._follow)
    process.start()
    await until_async(lambda: process.events[-1].k == "model.requested")
    asked = process.events[-1].at
    go_on.set()
    await process
    assert next(v["clock"] for v in views if v.get("clock")) == {"since": asked, "say": "thinking {}"}
    drawn = 1 + len(process.events) - before  # as it is shown first, and at each event; no clock asks for more
    assert len(views) in (drawn, drawn + 1)  # its last view may be drawn by now


@pytest.mark.parametrize(("waited", "then"), [(0.0, 10.0), (10.0, 30.0), (30.0, 60.0), (60.0, 120.0), (180.01, 240.0)])
def test_lines_come_less_often_the_longer_it_takes(waited, then):
    assert waited + TextShown.pause_s(None, waited) == pytest.approx(then)
