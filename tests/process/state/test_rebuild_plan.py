"""What a rebuild decides, from what was recorded of the steps."""

import pytest

from llmos_nb.journal.events import Changes
from llmos_nb.process.state.rebuild import Made, did, harmless, plan, question
from llmos_nb.tools import Call


def made(call, written="", *, stored="", reads="", mutated="", deleted="", safe=True, around=False):
    sets = {k: frozenset(v.split()) for k, v in locals().items() if isinstance(v, str) and k != "call"}
    whole = sets["written"] - sets["mutated"]
    return Made(call, sets["written"], sets["deleted"], whole, sets["stored"], sets["reads"], around, safe)


def test_what_is_stored_is_read_and_the_rest_runs_again_where_it_may():
    steps = [made("a", "f"), made("b", "x", stored="x"), made("c", "g", safe=False)]
    assert plan(steps, {"f", "x", "g"}, ()) == ["rerun", "stored", "stored"]


def test_a_step_that_acted_or_was_not_watched_never_runs_again():
    for wanted in ({"x"}, {"x", "y"}):
        steps = [made("a", "x", safe=False), made("b", "y", reads="x")]
        assert plan(steps, wanted, ())[0] == "stored"


def test_a_step_whose_names_nobody_needs_is_left_out():
    assert plan([made("a", "x"), made("b", "x", stored="x")], {"x"}, ()) == ["skip", "stored"]
    assert plan([made("a", ""), made("b", "x")], {"x"}, ()) == ["skip", "rerun"]


def test_what_a_step_reads_to_run_again_is_needed_too():
    steps = [made("a", "f"), made("b", "x", stored="x", deleted="f"), made("c", "g", reads="f")]
    assert plan(steps, {"g"}, ())[0] == "rerun"


def test_what_a_step_only_changed_is_read_back_like_what_it_made():
    assert plan([made("a", "items", stored="items", mutated="items")], {"items"}, ()) == ["stored"]
    assert plan([made("a", "items", mutated="items")], {"items"}, ()) == ["rerun"]


def test_no_step_runs_again_that_would_change_what_is_right():
    steps = [made("a", "items junk", mutated="items")]
    assert plan(steps, {"items", "junk"}, {"items"}) == ["stored"]


def test_a_step_that_changed_more_than_variables_runs_again():
    assert plan([made("a", "x", stored="x", around=True)], {"x"}, ()) == ["rerun"]
    assert plan([made("a", "x", stored="x", around=True, safe=False)], {"x"}, ()) == ["stored"]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({}, False), ({"effects": None}, False), ({"effects": []}, True), ({"effects": ["write x"]}, False)],
)
def test_harmless_is_only_what_was_seen_to_be(facts, expected):
    assert harmless(Call("r1.0", "python", {}, facts=facts)) is expected


def test_one_question_for_all_that_is_missing():
    one = Call("r1.0", "python", {}, 3, facts={"effects": ["network crm.example:443"]}, changes=Changes())
    two = Call("r2.0", "python", {}, 0, facts={})
    text, title = question({"r1.0": one, "r2.0": two}, {"orders": "r1.0", "f": "r2.0"})
    assert text == (
        "Step 3 (r1.0) connected to crm.example:443 and made `orders` and call r2.0 was not watched and made `f`,"
        " which are gone: run them again, or go on without `orders` and `f`?"
    )
    assert title == "run them again, or go on without `orders` and `f`"


def test_what_is_as_the_users_cells_have_it_is_not_called_gone():
    call = Call("r1.0", "python", {}, 2, facts={"effects": ["handle insert", "write /a"]}, changes=Changes())
    text, title = question({"r1.0": call}, {"rows": "r1.0"}, {"rows"})
    assert text == (
        "Step 2 (r1.0) wrote /a and may have acted through `insert` and changed `rows`, which is as the user's own"
        " cells have it: run it again, or go on without that?"
    )
    assert title == "run it again, or go on without that"
    text, _ = question({"r1.0": call}, {"rows": "r1.0", "f": "r1.0"}, {"rows"})
    assert "made `f` and changed `rows`, `f` is gone and `rows` is as the user's own cells have it" in text


def test_what_a_step_did_is_said_in_words():
    assert did(["write /a", "process curl", "database /x.db"]) == "wrote /a, ran curl and opened the database /x.db"
    assert did(["file (by its code)"]) == "may have acted outside"
