"""Answers about what real programs printed, each number judged by hand: which stand in a result, and as what.

Sixty are about what an interpreter printed; sixty more (``daily.txt``) came later, by another hand.
"""

import re
from pathlib import Path

import pytest

from llmos_nb.process.answers import Source, marked, prose

_ANNOTATED = re.compile(r"\{([^{}=]+)(?:=([^{}]+))?\}")
ANSWERS: list[tuple[str, str]] = []
for _file in ("corpus.txt", "daily.txt"):
    _parts = re.split(r"(?m)^=== (\w+)\n", Path(__file__).with_name(_file).read_text("utf-8"))
    _results = dict(zip(_parts[1::2], _parts[2::2], strict=True))
    _lines = [line.split(": ", 1) for line in _results.pop("answers").splitlines()]
    ANSWERS += [(_results[of], answer) for of, answer in _lines]


def judged(annotated):
    """Return an answer without its annotations, and these: where, what stands there, and as what it stands in the result."""
    text, wanted = "", []
    at = 0
    for m in _ANNOTATED.finditer(annotated):
        text += annotated[at : m.start()]
        spelled = re.sub(r" ?%$|[k×]$| (thousand|million)$|M$|\$$|(?<=\d)(st|nd|rd|th)$", "", m[1])
        wanted.append((len(text), spelled, m[2] or ""))
        text += m[1]
        at = m.end()
    return (text + annotated[at:]).replace("⏎", "\n"), wanted


@pytest.mark.parametrize(("result", "annotated"), ANSWERS)
def test_numbers_are_seen_where_they_stand_and_typed_where_they_do_not(result, annotated):
    answer, wanted = judged(annotated)
    for _, _, raw in wanted:  # as it was judged by hand, with nothing of the code under test
        assert not raw or re.search(rf"(?<![\w.]){re.escape(raw)}(?![\w]|\.\d)", result), raw
    found = marked(answer, (Source("r1.0", result),))
    assert [(n.start, n.text, n.kind) for n in found] == [
        (at, spelled, "seen" if raw else "typed") for at, spelled, raw in wanted
    ]
    assert all(n.line in result for n in found)
    of_days = [n for n, (_, _, raw) in zip(found, wanted, strict=True) if raw not in n.line]
    assert all(re.fullmatch(r"\d{4}", n.text) for n in of_days)  # a year stands in each of its days


@pytest.mark.parametrize("annotated", [answer for _, answer in ANSWERS])
def test_nothing_is_seen_without_a_result_and_nothing_is_computed(annotated):
    answer, _ = judged(annotated)
    assert {n.kind for n in marked(answer, ())} <= {"typed"}
    assert all(any(a <= n.start and n.end <= b for a, b in prose(answer)) for n in marked(answer, ()))
