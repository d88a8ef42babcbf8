"""Who decides: the table of the design, row by row, and rules."""

import pytest

from llmos_nb.errors import UsageError
from llmos_nb.policy import MODES, Act, Rule, call_digest, envelope, judge, judge_plan, parse_mode, parse_rule

AT = "2026-01-01T00:00:00.000+00:00"


def verdict(mode, level, rules=(), tool="f", arguments=None, granted=None, spent=None, used=None):
    act = Act(tool, arguments or {}, level)
    return judge(act, mode, rules, used or {}, granted or {}, spent or {}, AT).what


@pytest.mark.parametrize(
    ("mode", "read", "namespace", "risky"),
    [
        ("risky", "allow", "allow", "ask"),
        ("plan", "allow", "allow", "ask"),
        ("step", "ask", "ask", "ask"),
        ("auto", "allow", "allow", "allow"),
        ("never", "allow", "allow", "deny"),
    ],
)
def test_modes_decide_as_tabled(mode, read, namespace, risky):
    assert [verdict(mode, level) for level in ("read", "namespace", "risky")] == [read, namespace, risky]


@pytest.mark.parametrize("mode", MODES)
def test_deny_refuses_and_allow_lets_through_in_every_mode(mode):
    assert verdict(mode, "read", [Rule("f", "deny")]) == "deny"
    assert verdict(mode, "risky", [Rule("f", "allow")]) == "allow"
    assert verdict(mode, "read", [Rule("f", "ask")]) == ("deny" if mode == "never" else "ask")


def test_the_first_rule_that_matches_speaks_and_names_match_exactly():
    rules = [Rule("send_mail", "allow", {"to": "a@x.org"}), Rule("send*", "deny")]
    assert verdict("risky", "risky", rules, "send_mail", {"to": "a@x.org"}) == "allow"
    assert verdict("risky", "risky", rules, "send_mail", {"to": "b@x.org"}) == "deny"
    assert verdict("risky", "read", rules, "Send_mail") == "allow"
    assert verdict("auto", "risky", [Rule("f", "deny", {"n": 1})], arguments={"n": True}) == "allow"


def test_rules_expire_and_are_used_up():
    assert verdict("risky", "risky", [Rule("f", "allow", until="2025-01-01")]) == "ask"
    assert verdict("risky", "risky", [Rule("f", "allow", count=2)], used={0: 2}) == "ask"


def test_approved_plan_covers_exactly_the_named_calls():
    steps = [{"title": "load"}, {"title": "call send_mail to tell them"}]
    granted = envelope(steps, ["python", "send_mail", "pay"])
    assert granted == {"python": 1, "send_mail": 1}
    assert verdict("plan", "risky", tool="send_mail", granted=granted) == "allow"
    assert verdict("plan", "risky", tool="send_mail", granted=granted, spent={"send_mail": 1}) == "ask"
    assert verdict("plan", "risky", tool="pay", granted=granted) == "ask"
    assert verdict("risky", "risky", tool="send_mail", granted=granted) == "ask"


@pytest.mark.parametrize(
    ("mode", "one", "many"),
    [
        ("risky", "allow", "ask"),
        ("plan", "ask", "ask"),
        ("step", "ask", "ask"),
        ("auto", "allow", "allow"),
        ("never", "allow", "allow"),
    ],
)
def test_plan_decision_follows_mode_and_length(mode, one, many):
    assert (judge_plan(1, mode).what, judge_plan(3, mode).what) == (one, many)


def test_a_digest_binds_everything():
    base = call_digest("r1.0", "f", "d", {"a": 1}, {"x": "1"})
    others = [
        call_digest("r1.1", "f", "d", {"a": 1}, {"x": "1"}),
        call_digest("r1.0", "g", "d", {"a": 1}, {"x": "1"}),
        call_digest("r1.0", "f", "e", {"a": 1}, {"x": "1"}),
        call_digest("r1.0", "f", "d", {"a": 2}, {"x": "1"}),
        call_digest("r1.0", "f", "d", {"a": 1}, {"x": "2"}),
    ]
    assert base not in others and len(set(others)) == 5


def test_bad_rules_and_modes_are_named():
    with pytest.raises(UsageError, match="unknown key 'tol'; did you mean tool"):
        parse_rule({"tol": "f", "do": "ask"})
    with pytest.raises(UsageError, match="must be allow, ask or deny"):
        parse_rule({"tool": "f", "do": "maybe"})
    with pytest.raises(UsageError, match="^approve 'riskey': unknown mode .* did you mean risky"):
        parse_mode("riskey")


@pytest.mark.parametrize(
    ("where", "arguments", "speaks"),
    [
        ({"to": "ann@x.org"}, {"to": "ann@x.org", "cc": "eve"}, True),
        ({"to": "*@x.org"}, {"to": "ann@x.org"}, True),
        ({"to": "*@x.org"}, {"to": "ann@x.org.evil"}, False),
        ({"to": "*@x.org"}, {"to": ["ann@x.org"]}, False),
        ({"n": 1}, {"n": 1.0}, True),
        ({"n": 1}, {"n": True}, False),
        ({"n": [1]}, {"n": [True]}, False),
        ({"n": {"a": 1}}, {"n": {"a": 1}}, True),
        ({"n": None}, {}, False),
    ],
)
def test_rule_may_have_a_condition_on_arguments(where, arguments, speaks):
    rule = parse_rule({"tool": "f", "do": "deny", "where": where})
    assert (verdict("auto", "risky", [rule], arguments=arguments) == "deny") is speaks


@pytest.mark.parametrize(
    ("arguments", "speaks"),
    [({"q": "a * b"}, True), ({"q": "a evil b"}, False), ({"q": "a * b", "more": 1}, False), ({}, False)],
)
def test_exact_rule_matches_its_arguments_and_no_others(arguments, speaks):
    rule = parse_rule({"tool": "f", "do": "allow", "where": {"q": "a * b"}, "exact": True})
    assert (verdict("risky", "risky", [rule], arguments=arguments) == "allow") is speaks
    assert parse_rule(rule.plain()) == rule


@pytest.mark.parametrize(
    ("until", "speaks"),
    [
        ("2026-01-01T00:00:01", True),
        ("2025-12-31T23:59:59", False),
        ("2026-01-01T01:00:01+01:00", True),
        ("2026-01-01T00:30:00+01:00", False),
        ("2026-01-02", True),
    ],
)
def test_a_time_is_compared_in_its_zone(until, speaks):
    rule = parse_rule({"tool": "f", "do": "allow", "until": until})
    assert (verdict("risky", "risky", [rule]) == "allow") is speaks


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("until", "tomorrow", "until = 'tomorrow' must be a time"),
        ("count", -1, "count = -1 must be a whole number"),
        ("count", "3", "count = '3' must be a whole number"),
        ("where", ["to"], "must be a table of arguments"),
        ("tool", "", "tool must be a name"),
        ("wher", {}, "unknown key 'wher'"),
    ],
)
def test_wrong_rule_error_says_what_is_wrong(key, value, said):
    with pytest.raises(UsageError, match=said):
        parse_rule({"tool": "f", "do": "allow", key: value})


@pytest.mark.parametrize(
    ("bounds", "value", "speaks"),
    [
        ({"above": 1000}, 1000, False), ({"above": 1000}, 1000.01, True), ({"at_most": 1000}, 1000, True),
        ({"at_least": 1, "below": 5}, 5, False), ({"at_least": 1, "below": 5}, 1, True),
        ({"above": 0}, True, False), ({"above": 0}, "5", False),
    ],
)  # fmt: skip
def test_a_rule_may_bound_a_number(bounds, value, speaks):
    rule = parse_rule({"tool": "pay", "do": "ask", "where": {"amount": bounds}})
    assert rule.matches(Act("pay", {"amount": value}, "risky"), "", 0) == speaks


@pytest.mark.parametrize("bounds", [{"above": "1000"}, {"above": 1, "over": 2}, {"above": True}])
def test_meaningless_bounds_are_refused(bounds):
    with pytest.raises(UsageError, match=r"where\.amount"):
        parse_rule({"tool": "pay", "do": "ask", "where": {"amount": bounds}})
