"""Eighty answers about tables that real steps made, judged by hand before anybody saw how they are marked.

Twenty are about a table that a step read from a file: electricity of Iowa (U.S. Energy Information Administration).
``[[spelled|raw]]`` stands in the result as raw, ``[[spelled]]`` in none; ``{{expression}}[[=a;b]]`` gives a and b, of which
``~`` says that it is typed, and ``?`` that it is seen; ``[[written→shown|raw]]`` is shown in another way. ⏎ is a line's end.
"""

import os
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from heldout_steps import STEPS
from turns import python

import llmos_nb as llmos
from llmos_nb.process import answers
from llmos_nb.views.panel.view import view

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
LINES = Path(__file__).with_name("heldout.txt").read_text("utf-8").splitlines()
_NOTE = re.compile(r"\[\[(?P<note>.*?)\]\]")
_KINDS = {"~": "typed", "?": "seen"}


def judged(annotated):
    """Return an answer as the model writes it, and each number that is then shown, with its kind and what stands in the result."""
    text, wanted, at = "", [], 0
    for m in _NOTE.finditer(annotated.replace("⏎", "\n")):
        text += annotated.replace("⏎", "\n")[at : m.start()]
        at = m.end()
        note = m["note"]
        if note[0] in "=~":
            parts = note.removeprefix("=").split(";")
            wanted += [
                (p.lstrip("~?"), _KINDS.get(p[0], "computed"), p.lstrip("~?") if p[0] == "?" else "") for p in parts
            ]
            continue
        spelled, _, raw = note.partition("|")
        written, _, shown = spelled.partition("→")
        text += written
        wanted.append((shown or written, "seen" if raw else "typed", raw))
    return text + annotated.replace("⏎", "\n")[at:], wanted


@pytest.mark.parametrize("line", LINES)
async def test_each_number_of_an_answer_is_known_as_it_was_judged_by_hand(script, line):
    of, _, annotated = line.partition(": ")
    answer, wanted = judged(annotated)
    shutil.copy(Path(__file__).with_name("iowa.csv"), "iowa.csv")
    model = script(python(STEPS[of].strip()), {"text": answer})
    proc = await llmos.run("Say it.", model=model, namespace={}, approve="auto")
    state = proc.run.state
    result = state.calls["r1.0"].result
    for _, _, raw in wanted:  # as it was judged, with nothing of the code under test
        assert not raw or re.search(rf"(?<![\w.]){re.escape(raw)}(?![\d]|\.\d)", result), raw
    found = answers.numbers(state)
    assert [(n.text, n.kind) for n in found] == [(text, kind) for text, kind, _ in wanted]
    assert (proc.reason, state.requests) == ("answered", 2)
    stretches = answers.prose(proc.answer)
    assert all(any(a <= n.start < b for a, b in stretches) for n in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
    drawn = view(state, proc.events)
    assert (drawn["tone"], drawn["glyph"]) == ("", "answered")
