"""Who comes next: every policy serves all, in its own order, and starves nobody."""

import itertools

import pytest
from hypothesis import given, settings, strategies as st

from llmos_nb.errors import UsageError
from llmos_nb.process.scheduling import Limits, checked, read_limits
from llmos_nb.process.scheduling.queue import AGE_S, POLICIES, WINDOW_S, Claim, Pace, Queue

policies = st.sampled_from(sorted(POLICIES))
claims = st.lists(
    st.builds(
        Claim,
        pid=st.integers(1, 5),
        ticket=st.just(0),
        since=st.floats(0, 100),
        nice=st.integers(-20, 19),
        served=st.floats(0, 1000),
        turn=st.integers(0, 50),
    ),
    max_size=20,
)


def drained(queue):
    return list(iter(queue.pop, None))


@given(policies, claims)
def test_every_claim_is_served_once_in_key_order(policy, given):
    queue = Queue(policy)
    put = [queue.add(c) for c in given]
    out = drained(queue)
    assert out == sorted(put, key=POLICIES[policy]) and not len(queue)


@given(policies, claims, st.data())
def test_withdrawn_claims_are_skipped_and_changed_ones_reordered(policy, given, data):
    queue = Queue(policy)
    kept = {c.ticket: c for c in map(queue.add, given)}
    for ticket in data.draw(st.lists(st.integers(1, 20), max_size=5)):
        queue.remove(ticket)
        kept.pop(ticket, None)
    for ticket in data.draw(st.lists(st.sampled_from(sorted(kept)), max_size=5)) if kept else ():
        nice = data.draw(st.integers(-20, 19))
        queue.change(ticket, nice=nice, served=float(nice + 20), turn=nice + 20)
        kept[ticket] = Claim(kept[ticket].pid, ticket, kept[ticket].since, nice, float(nice + 20), nice + 20)
    assert [queue.before(c.ticket) for c in sorted(kept.values(), key=POLICIES[policy])] == list(range(len(kept)))
    assert drained(queue) == sorted(kept.values(), key=POLICIES[policy])


@given(policies, policies, claims)
def test_a_queue_goes_on_under_another_policy(one, other, given):
    queue = Queue(one)
    put = [queue.add(c) for c in given]
    queue.reorder(other)
    assert drained(queue) == sorted(put, key=POLICIES[other])


@pytest.mark.parametrize("policy", sorted(POLICIES))
@settings(max_examples=20)
@given(nice=st.integers(-20, 19), served=st.floats(0, 20))
def test_no_claim_starves(policy, nice, served):
    """One who waits, against newcomers without end that are served a second each: its turn comes."""
    queue = Queue(policy)
    old = queue.add(Claim(1, 0, 0.0, nice, served, turn=0))
    for second in itertools.count():
        queue.add(Claim(100 + second, 0, float(second), -20, 0.0, turn=second))
        if queue.pop() == old:
            break
        assert second < 100_000, "it waited for ever"


def test_check_fails_for_a_policy_without_ageing(monkeypatch):
    """Strict priority starves; the property above runs into its bound there."""
    monkeypatch.setitem(POLICIES, "strict", lambda c: (c.nice, c.ticket))
    queue = Queue("strict")
    old = queue.add(Claim(1, 0, nice=0))
    for second in range(10_000):
        queue.add(Claim(2 + second, 0, float(second), -20))
        assert queue.pop() != old


def order(policy, *given):
    queue = Queue(policy)
    for c in given:
        queue.add(c)
    return [c.pid for c in drained(queue)]


def test_each_policy_orders_as_documented():
    first = (
        Claim(1, 0, 0.0, served=9.0, turn=5),
        Claim(2, 0, 1.0, served=0.0, turn=3),
        Claim(3, 0, 2.0, turn=4),
    )
    assert order("fcfs", *first) == [1, 2, 3]
    assert order("priority", *first) == [1, 2, 3], "among equals, first come, first served"
    assert order("rr", *first) == [2, 3, 1]
    assert order("las", *first) == [2, 3, 1]
    assert order("priority", Claim(1, 0, 0.0), Claim(2, 0, 1.0, nice=-1)) == [2, 1]
    assert order("priority", Claim(1, 0, 0.0), Claim(2, 0, AGE_S + 1, nice=-1)) == [1, 2], "it waited long enough"
    assert order("las", Claim(1, 0, nice=10, served=1.0), Claim(2, 0, served=2.0)) == [2, 1], "nice weighs service"


@given(
    st.integers(1, 30),
    st.lists(st.floats(0, 20), min_size=1, max_size=150),
    st.lists(st.tuples(st.integers(0, 149), st.floats(0, 50)), max_size=3),
)
def test_a_pace_is_never_exceeded_and_never_idle(most, gaps, holds):
    pace, now, begun, held = Pace(most), 0.0, [], 0.0
    for i, gap in enumerate(gaps):
        now += gap
        for _, seconds in (h for h in holds if h[0] == i):
            pace.hold(now + seconds)
            held = max(held, now + seconds)
        opens = pace.opens(now)
        recent = [t for t in begun if t > now - WINDOW_S]
        if now >= held and len(recent) < most:
            assert opens <= now, "nothing stands against it"
        now = max(now, opens)
        pace.began(now)
        begun.append(now)
        assert now >= held
    for i, began in enumerate(begun):
        assert sum(began - WINDOW_S + 1e-6 < t <= began for t in begun[: i + 1]) <= most


def test_limits_are_read_and_checked():
    table = {"policy": "las", "slots": 4, "requests_per_minute": 30}
    assert read_limits(table, "x") == {"scheduler": "las", "slots": 4, "requests_per_minute": 30}
    with pytest.raises(UsageError, match=r"no key 'slot'; did you mean slots"):
        read_limits({"slot": 1}, "llmos.toml: [scheduler]")
    with pytest.raises(UsageError, match=r"scheduler 'fcsf'.*did you mean fcfs"):
        checked(Limits(0, "fcsf", 0))
    for wrong in (-1, 0.5, True, "2"):
        with pytest.raises(UsageError, match="1 or more"):
            checked(Limits(wrong, "rr", 0))
