"""What a person calls private: no model is shown its values, nor those of what is made of it."""

import pandas as pd
import pytest
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.models.scripted import ScriptedModel

DONE = {"text": "Done."}
SECRET = "Qx77Zy"
DESCRIBE = {"calls": [{"name": "describe", "arguments": {"name": "pay"}}]}


@pytest.fixture
def session():
    found = llmos.Session({"pay": pd.DataFrame({"who": [SECRET, "Bo"], "sum": [98_765, 2]}), "other": [1, 2]})
    found.hide("pay")
    return found


async def ran(session, *turns, **options):
    options = {"approve": "auto", "plan": "none", **options}
    one = session.start("Look at `pay` and `other`.", model=ScriptedModel([*turns]), **options)
    await one
    assert one.reason == "answered" and same_as_folded(one), one.detail
    return one


def seen(process):
    """Return all that the model was shown."""
    return "\n".join(m.text for m in process.run.state.context.messages())


@pytest.mark.parametrize(
    "code",
    [
        "pay",
        "print(pay.who.tolist())",
        "alias = pay\nalias",
        "float(pay['who'][0])",
        "raise ValueError(pay.who[0])",
        "def f():\n    return pay\nf().iloc[0].tolist()",
        "globals()['pay']",
    ],
)
async def test_no_value_of_private_data_reaches_the_model(session, code):
    one = await ran(session, python(code), DESCRIBE, call("recall", query="who"), DONE)
    assert SECRET not in seen(one) and "98765" not in seen(one) and "98,765" not in seen(one)
    assert "- who: " in seen(one) and "pay: pandas DataFrame, 2 rows" in seen(one), "its columns are known"
    assert SECRET in str([c.result for c in one.run.state.calls.values()]) or "alias" not in code, "the person sees it"


async def test_what_is_made_of_private_data_is_private_too(session):
    one = await ran(session, python("top = pay['sum'].max()"), python("top"), python("[top, 1]"), DONE)
    assert "98765" not in seen(one) and one.run.state.labels["top"] == "private"
    assert "*" not in one.run.state.labels, "the context has seen nothing of it"


async def test_other_data_is_shown_as_ever(session):
    one = await ran(session, python("other + [3]"), DONE)
    assert "[1, 2, 3]" in seen(one) and "other: list of int, 2 items: 1, 2" in seen(one)


async def test_the_answer_may_hold_private_values_for_the_person(session):
    one = await ran(session, {"text": "The most is {{pay['sum'].max()}}."})
    assert one.answer == "The most is 98765." and "98765" not in seen(one)


async def test_an_expression_that_fails_says_nothing_of_private_data(session):
    one = await ran(session, {"text": "It is {{float(pay['who'][0])}}."}, DONE)
    assert "ValueError" in seen(one) and SECRET not in seen(one)


async def test_labels_in_the_settings_make_private_too(tmp_path):
    (tmp_path / "llmos.toml").write_text("[labels]\npay = 'private'\n")
    one = await ran(llmos.Session({"pay": [98_765], "other": [1, 2]}), python("pay"), DONE)
    assert "98765" not in seen(one) and "98,765" not in seen(one)


async def test_without_the_label_values_are_shown():
    one = await ran(llmos.Session({"pay": [98_765], "other": [1, 2]}), python("pay"), DONE)
    assert "pay: list of int, 1 item: 98765" in seen(one)


def test_only_a_variable_that_is_there_can_be_private():
    with pytest.raises(UsageError, match="no such variable; did you mean pay"):
        llmos.Session({"pay": 1}).hide("pya")
