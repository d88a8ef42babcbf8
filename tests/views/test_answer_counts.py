"""Every view of a real process counts the numbers of its answer alike, and ticks only what the user declared."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.export.notes import answer as exported
from llmos_nb.export.source import ExportSource
from llmos_nb.views import page
from llmos_nb.views.panel.view import view
from llmos_nb.views.text import form

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
FORMER = sorted((Path(__file__).parents[1] / "journal/former").glob("*/journal.jsonl"))
COUNTS = re.compile(r"Numbers of the answer: ([^.]+)\.")
EXPORTED = re.compile(
    r"(\d+) (?:was|were|stands?) (computed|in|typed)[^,(]*(\(\d+ of them from what was undone since\))?"
)
STEP = python("total = sum(xs)\nprint('rows 2264')")
TEXT = "The sum is {{total}}.\n\nOf **2,264** rows, 31 `9`.\n\n| a | n |\n|---|--:|\n| x | {{len(xs)}} |"
KNOWN = "2 computed, 1 seen, 1 typed by the model"


def views(proc):
    """Return what each view says of a process: the panel as data, its text, the page and the export."""
    state, events = proc.run.state, proc.events
    drawn = view(state, events)
    return [
        json.dumps(drawn, ensure_ascii=False),
        form.render(drawn),
        page.html(state, events),
        exported(ExportSource("", state=state, events=events)),
    ]


def counts(proc):
    """Return the counts that each view says, without repetition."""
    head = view(proc.run.state, proc.events)["what"].split("; ")[0]
    plain = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", said)) for said in views(proc)]
    found = [set(COUNTS.findall(said)) for said in plain[:-1]]
    found.append(_exported(plain[-1]))
    assert proc.reason != "answered" or not found[0] or found[0] == {head}
    return found


def _exported(said):
    """Return the counts of an export, which says them in a sentence, as the other views say them."""
    words = {"computed": "computed", "in": "seen", "typed": "typed by the model"}
    told = said.partition("How its values are known: ")[2].partition(".")[0]
    parts = [f"{n} {words[how]}{f' {gone}' if gone else ''}" for n, how, gone in EXPORTED.findall(told)]
    return {", ".join(parts).replace(" of them from", " from")} if parts else set()


def ticks(proc):
    """Return the tone and glyph of the head, and the glyphs of what is shown under it."""
    drawn = view(proc.run.state, proc.events)
    return drawn["tone"], [b["glyph"] for b in drawn["now"] if b.get("glyph")]


async def answered(script, *turns, **options):
    namespace = {"xs": [1, 2, 4]}
    return await llmos.run("How many?", model=script(*turns), namespace=namespace, approve="auto", **options)


async def test_all_views_say_the_same_counts_and_tick_nothing_where_nothing_was_declared(script):
    proc = await answered(script, STEP, {"text": TEXT})
    assert counts(proc) == [{KNOWN}] * 4 and ticks(proc) == ("", [])
    replayed = llmos.replay(proc.journal.path)
    assert counts(replayed) == [{KNOWN}] * 4 and views(replayed)[3] == views(proc)[3]
    assert same_as_folded(proc)


@pytest.mark.parametrize("declared", [{"check": "total == 7"}, {"out": "total: int"}])
async def test_what_the_user_declared_is_ticked_and_not_after_an_undo(script, declared):
    proc = await answered(script, STEP, {"text": TEXT}, **declared)
    assert ticks(proc) == ("ok", ["done"]) and counts(proc) == [{KNOWN}] * 4
    await proc.undo()
    assert ticks(proc) == ("", []) and "before something was undone" in form.render(view(proc.run.state, proc.events))
    assert counts(proc) == [{KNOWN.replace("computed", "computed (1 from what was undone since)")}] * 4
    await proc.redo()
    assert ticks(proc) == ("ok", ["done"]) and counts(proc) == [{KNOWN}] * 4


async def test_a_further_turn_has_its_own_counts_and_no_tick_of_the_one_before(script):
    proc = await answered(script, STEP, {"text": TEXT}, {"text": "Still 2264."}, check="total == 7")
    await proc.send("and now?")
    await proc
    assert proc.answer == "Still 2264." and counts(proc) == [{"1 seen"}] * 4


async def test_a_check_that_held_after_an_undo_says_nothing_of_it(script):
    proc = await answered(script, python("a = 1"), python("b = 2"), {"text": "1"}, {"text": "2"}, check="a == 1")
    await proc.undo()
    assert "before something was undone" in form.render(view(proc.run.state, proc.events))
    await proc.send("and now?")
    await proc
    assert ticks(proc) == ("ok", ["done"]) and "undone:" not in form.render(view(proc.run.state, proc.events))


async def test_each_declaration_that_does_not_hold_is_named(script):
    proc = await answered(script, STEP, *[{"text": "7"}] * 5, check="total == 7", out="total: str")
    said = form.render(view(proc.run.state, proc.events))
    assert proc.reason == "unverified" and "total: str" in said and "total == 7" not in said


async def test_what_a_failed_call_showed_is_seen(script):
    """The model is shown a traceback, and what was printed before it."""
    failing = python("print('there were 417 rows')\nassert xs[-1] == 48151\n")
    proc = await answered(script, failing, python("{}[8800 + 12]"), {"text": "8812 and 417, not 48151 or 31."})
    assert counts(proc)[0] == {"2 seen, 2 typed by the model"}  # of its own code nothing is seen


async def test_a_date_is_not_cut_where_the_first_sentence_seems_to_end(script):
    text = "Die letzte Zeile ist vom 5. März 2024 und zählt. Es sind {{len(xs)}}."
    proc = await answered(script, {"text": text})
    drawn = view(proc.run.state, proc.events)
    marks = [c for b in drawn["now"] for c in b.get("claims", ())]
    assert len(marks) == 2 and counts(proc)[0] == {"1 computed, 1 typed by the model"}


@pytest.mark.parametrize("path", FORMER, ids=lambda path: path.parent.name)
def test_a_former_journal_shows_no_tick_but_for_a_check(path, tmp_path):
    shutil.copytree(path.parents[1], tmp_path / "runs")
    proc = llmos.replay(tmp_path / "runs" / path.parent.name)
    said = counts(proc)
    assert all(said[0] == each for each in said if proc.answer)
    held = any(c["held"] for name, c in proc.run.state.checks.items() if name != "grounded")
    if proc.state == "ended" and not held:
        assert ticks(proc)[0] != "ok" and "done" not in ticks(proc)[1]
