"""What is shown of an answer while it is written."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process.ask import Unevaluated

ANSWERS = {
    "The sum is {{sum(x)}} of {{len(x)}}.": "The sum is … of ….",
    "{{x:.2f}}": "…",
    "{{ {'a': 1}['a'] }} one": "… one",
    "write `{{x}}` for it": "write `{{x}}` for it",
    "`a` and `b` {{x}} `c`": "`a` and `b` … `c`",
    "a { b } c {": "a { b } c {",
    "it's {{": "it's {{",
    "left {{open to the end": "left {{open to the end",
    "{{" + "x" * 500: "{{" + "x" * 500,
    "```python\nf(1)\n```\nso {{x}}": "```python\nf(1)\n```\nso …",
}


def shown(pieces):
    out = []
    stream = Unevaluated(out.append)
    for piece in pieces:
        stream(piece)
    stream.end()
    return "".join(out)


@pytest.mark.parametrize("text", ANSWERS)
def test_an_expression_is_shown_as_a_gap_until_it_is_evaluated(text):
    assert shown([text]) == ANSWERS[text]


@pytest.mark.parametrize("text", ANSWERS)
@given(cuts=st.sets(st.integers(0, 60)))
def test_it_does_not_matter_in_which_pieces_an_answer_comes(text, cuts):
    at = [0, *sorted(c for c in cuts if c < len(text)), len(text)]
    assert shown(text[a:b] for a, b in pairwise(at)) == ANSWERS[text]


@given(st.text(alphabet="ab` \n.'", max_size=80))
def test_text_without_braces_is_shown_as_it_is(text):
    assert shown([text]) == text


async def test_the_answer_holds_the_value():
    model = ScriptedModel([{"text": "It is {{sum(x)}}."}])
    proc = await llmos.run("Sum.", model=model, namespace={"x": [1, 2]}, approve="auto")
    assert proc.answer == "It is 3."
