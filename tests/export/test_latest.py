"""A call that ran again when its process was resumed: the export has what is known of that run, and of no other."""

import pytest

from llmos_nb.export.assertions import expected_of
from llmos_nb.export.shown import recorded
from llmos_nb.export.source import NOT_KEPT, ExportSource, latest
from llmos_nb.export.steps import step_units
from llmos_nb.process.state import State
from llmos_nb.tools import Call
from llmos_nb.tools.call import Changes

FIRST = {
    "content": {"y": "2", "": "2"},
    "outputs": [["value", 2]],
    "random": {"random": "first"},
    "outside": {"files": [{"path": "a.txt"}]},
    "quiet": True,
    "effects": [],
    "size": 1,
}


def call(**facts):
    """Return a call whose first run made 2."""
    changes = Changes(created=["y"], digests={"y": "of 2"})
    return Call(
        "r1.0", "python", {"code": "y = x + 1\ny"}, status="done", ok=True, result="2", size=1,
        changes=changes, facts={**FIRST, **facts},
    )  # fmt: skip


def source_of(one):
    return ExportSource("Do it", state=State(calls={one.id: one}, effects=[one.id]))


def test_a_call_that_ran_once_is_left_as_it_is():
    one = call()
    assert latest(one) is one
    outputs, why = recorded(one, source_of(one))
    assert (outputs[0]["data"], why) == ({"text/plain": "2"}, "")


def test_a_call_that_ran_again_has_the_facts_and_digests_of_that_run_alone():
    again = {"content": {"y": "6", "": "6"}, "digests": {"y": "of 6"}, "random": {"random": "second"}}
    one = latest(call(again=again))
    facts = {k: v for k, v in one.facts.items() if k != "again"}
    assert facts == {
        "content": {"y": "6", "": "6"}, "outputs": None, "random": {"random": "second"}, "effects": [], "size": 1,
    }  # fmt: skip
    assert one.changes.digests == {"y": "of 6"} and latest(one) == one


def test_the_cell_of_a_call_that_ran_again_asserts_what_that_run_gave():
    one = call(again={"content": {"y": "6", "": "6"}, "digests": {"y": "of 6"}})
    [unit] = step_units(source_of(one))
    gives = expected_of(unit, {}, "")
    assert (gives.names, gives.value, gives.shows) == ({"y": "6"}, "6", True)


def test_of_a_call_that_ran_again_in_an_older_journal_nothing_is_asserted():
    one = call(again={})
    [unit] = step_units(source_of(one))
    gives = expected_of(unit, {}, "")
    assert (gives.names, gives.value, gives.count) == ({}, "", 0) and unit.call.changes.digests == {}


@pytest.mark.parametrize(("again", "why"), [({}, NOT_KEPT), ({"content": {"y": "6"}}, NOT_KEPT), ({"outputs": []}, "")])
def test_what_a_first_run_showed_never_stands_for_what_a_later_one_did(again, why):
    one = call(again=again)
    assert recorded(one, source_of(one)) == recorded(latest(one), source_of(one)) == ([], why)
