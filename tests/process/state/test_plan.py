"""Plans: reading, editing, and what must never happen to one."""

import pytest
from hypothesis import given, strategies as st

from llmos_nb.errors import BadArguments, UsageError
from llmos_nb.process.state import Plan, parse_steps

WIRE = [
    {"title": "one", "expect": "a"},
    {"title": "two", "depends_on": [1]},
    {"title": "three", "depends_on": [1, 2]},
]


def plan():
    return Plan(parse_steps(WIRE), 1)


def test_steps_are_read_with_their_dependencies():
    steps = parse_steps(WIRE)
    assert [s.n for s in steps] == [1, 2, 3] and steps[2].depends_on == (1, 2)
    assert [s.n for s in plan().ready()] == [1]
    assert [s.n for s in plan().put(1, status="done").ready()] == [2]


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ([], "at least one"),
        ("text", "must be a list"),
        ([{"expect": "x"}], "step 1: title"),
        ([{"title": "a", "depends_on": [2]}], "step 1: depends_on 2"),
        ([{"title": "a", "depends_on": ["x"]}], "depends_on 'x'"),
        ([{"title": "a"}] * 51, "at most 50"),
    ],
)
def test_bad_steps_are_named(wire, message):
    with pytest.raises(BadArguments, match=message):
        parse_steps(wire)


def test_every_edit_gives_a_new_version_and_leaves_the_old_plan():
    old = plan()
    new = old.edit(2, title="other").add("four", after=1).move(3, 4).skip(3)
    assert old.plain() == plan().plain() and new.version == old.version + 4
    assert [s.n for s in new.steps] == [1, 4, 2, 3]
    assert new.step(2).title == "other" and new.step(3).status == "skipped"


def test_a_step_cannot_be_moved_before_what_it_needs():
    with pytest.raises(UsageError, match="depends on step 1"):
        plan().move(2, 1)
    with pytest.raises(UsageError, match="step 2 depends on step 1"):
        plan().move(1, 3)


@pytest.mark.parametrize(
    ("act", "status"), [("edit", "done"), ("skip", "done"), ("retry", "pending"), ("move", "done")]
)
def test_nonsensical_edits_are_refused(act, status):
    changed = plan().put(2, status=status)
    with pytest.raises(UsageError, match="step 2 is"):
        getattr(changed, act)(2, *([1] if act == "move" else []))


def test_a_replan_replaces_what_is_open_and_keeps_numbers():
    replanned = (
        plan()
        .put(1, status="done")
        .put(2, status="failed")
        .replace_rest([{"title": "x"}, {"title": "y", "depends_on": [1]}])
    )
    assert [(s.n, s.status) for s in replanned.steps] == [
        (1, "done"),
        (2, "replaced"),
        (3, "replaced"),
        (4, "pending"),
        (5, "pending"),
    ]


def test_a_number_that_a_replan_took_away_means_a_place_in_its_own_list():
    wire = [{"title": "x", "depends_on": [1]}, {"title": "y"}, {"title": "z", "depends_on": [2, 1]}]
    found = plan().put(1, status="done").put(2, status="failed").replace_rest(wire)
    assert [s.depends_on for s in found.steps[3:]] == [(1,), (), (5, 1)]
    with pytest.raises(BadArguments, match="step 1: depends_on 3"):
        plan().put(1, status="done").replace_rest([{"title": "x", "depends_on": [3]}])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "skip", "move", "edit", "retry", "replan"]),
            st.integers(1, 6),
            st.integers(1, 6),
        ),
        max_size=12,
    )
)
def test_numbers_stay_unique_and_dependencies_stand_before(edits):
    found = plan()
    for act, n, to in edits:
        try:
            found = {
                "add": lambda p, n, to: p.add("new", after=n),
                "skip": lambda p, n, to: p.skip(n),
                "move": lambda p, n, to: p.move(n, to),
                "edit": lambda p, n, to: p.edit(n, title="t"),
                "retry": lambda p, n, to: p.retry(n, "hint"),
                "replan": lambda p, n, to: p.replace_rest([{"title": "r"}]),
            }[act](found, n, to)
        except UsageError:
            continue
    numbers = [s.n for s in found.steps]
    assert len(set(numbers)) == len(numbers)
    for i, step in enumerate(found.steps):
        assert all(d in numbers[:i] for d in step.depends_on)
