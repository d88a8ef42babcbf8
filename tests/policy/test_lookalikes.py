"""Characters that cannot be seen, or are taken for others, are named; words of any one script are left alone."""

import pytest
from turns import call, same_as_folded

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy.lookalikes import MOST, lookalikes

ODD = {
    "p\u0430ypal.com": "U+0430 (cyrillic small letter a)",
    "\u0430\u0440\u0440\u04cf\u0435.com": "U+0430",
    "DE\u200b89": "U+200B (zero width space) cannot be seen",
    "invoice\u202efdp.exe": "U+202E (right-to-left override) cannot be seen",
    "an\u00adna@bank.example": "U+00AD (soft hyphen) cannot be seen",
    "\uff45vil.example": "U+FF45",
    "\U0001d41eve": "U+1D41E",
    "B\u039fB": "U+039F (greek capital letter omicron)",
    "\ufeffBOB": "U+FEFF",
    "BOB\u2066": "U+2066",
}
PLAIN = [
    "Überweisung an Jürgen Groß, 50 €", "наша встреча завтра", "Москва.", "Ελλάδα και νερό", "東京都", "مرحبا بالعالم",
    "naïve café", "👩‍👧 done", "5 µm ± 2 °C", "x² + y²", "“quoted” — text…", "Łódź", "שלום", "हिन्दी",
]  # fmt: skip


@pytest.mark.parametrize("word", ODD)
def test_odd_character_is_named_with_its_argument_and_word(word):
    (said,) = lookalikes({"to": [f"pay {word} today"]})
    assert ODD[word] in said and said.startswith("`to` holds '") and said.isascii()


@pytest.mark.parametrize("text", PLAIN)
def test_text_of_one_script_is_left_alone(text):
    """The counter-example: a check that marks all but ASCII would pass the tests above."""
    assert lookalikes({"text": text, "n": 5, "more": {"deep": [text, None]}}) == []


def test_what_is_said_is_bounded():
    assert len(lookalikes({"to": " ".join(f"a\u200b{n}" for n in range(100))})) == MOST


@pytest.mark.parametrize(("to", "told"), [("p\u0430ypal.com", True), ("paypal.com", False)])
async def test_card_says_that_a_recipient_looks_like_another(tmp_path, to, told):
    def send(to: str) -> str:
        """Send."""
        return "sent"

    model = ScriptedModel([call("send", to=to), {"text": "done"}])
    process = await llmos.run("Send it.", model=model, tools=[send], home=tmp_path, plan="none")
    assert process.state == "waiting" and same_as_folded(process)
    kinds = [kind for kind, _ in process.run.state.questions["r1.0"]["risks"]]
    assert ("look-alike" in kinds) is told
