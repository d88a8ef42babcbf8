"""Effects that a step is about to have: what an approval covers, and what the modes say of the rest."""

import pytest

from llmos_nb.policy import Effect, covered, rule_on

FOLDERS = ("/home/ada", "/tmp")


@pytest.mark.parametrize(
    ("kind", "target", "predicted", "holds"),
    [
        ("write", "/home/ada/a.csv", [("file", "a.csv")], True),
        ("write", "/home/ada/b.csv", [("file", "a.csv")], False),
        ("write", "/home/ada/a.csv", [("file", "")], True),  # the person was told that it is known when it runs
        ("write", "/home/ada/a.csv.tmp123", [("file", "a.csv")], True),
        ("write", "/home/ada/out", [("file", "out/a.csv")], True),  # a folder that is made for it
        ("write", "/etc/a.csv", [("file", "a.csv")], False),
        ("delete", "/home/ada/a.csv", [("file", "a.csv")], False),
        ("delete", "/home/ada/d/x", [("deletion", "d")], True),
        ("network", "crm.example:443", [("network", "https://crm.example/api")], True),
        ("network", "evil.example:443", [("network", "https://crm.example/api")], False),
        ("network", "crm.example.evil.example:443", [("network", "https://crm.example/api")], False),
        ("network", "evil.example:443", [("file", "")], False),
        ("process", "rm", [("process", "ls")], True),  # the code that was approved starts it
        ("process", "rm", [("exec", "")], False),  # code that nobody could read covers nothing
        ("network", "evil.example:443", [("exec", "")], False),
        ("native", "", [("native", "")], True),
        ("unread", "", [("unread", "")], True),
        ("unread", "", [("native", "")], False),
        ("write", "/home/ada/a", [("unread", "")], False),  # nobody was told of it
        ("call", "pay(to='EVIL')", [("magic", "")], False),
        ("database", "/home/ada/a.db", [("not undoable", "insert into t")], True),
        ("database", "/home/ada/a.db", [("network", "")], False),
    ],
)
def test_approval_covers_what_was_predicted_and_nothing_else(kind, target, predicted, holds):
    assert covered(Effect(kind, target), predicted, "/home/ada") is holds


@pytest.mark.parametrize(
    ("mode", "kind", "target", "exposed", "what"),
    [
        ("risky", "write", "/home/ada/a", False, "ask"),
        ("step", "write", "/home/ada/a", False, "ask"),
        ("plan", "network", "a:1", False, "ask"),
        ("never", "write", "/home/ada/a", False, "deny"),
        ("auto", "write", "/home/ada/a", False, "allow"),
        ("auto", "network", "a:1", False, "allow"),
        ("auto", "native", "", False, "ask"),
        ("auto", "unread", "", False, "ask"),
        ("auto", "network", "a:1", True, "ask"),
        ("auto", "write", "/home/u/.bashrc", True, "ask"),
        ("auto", "write", "/home/ada/a", True, "allow"),  # what it writes there keeps its label
        ("auto", "process", "sh", True, "ask"),
    ],
)
def test_mode_rules_on_what_nothing_covers(mode, kind, target, exposed, what):
    def ruled(covers=False, alone=False):
        effect = Effect(kind, target)
        return rule_on(effect, mode, covers=covers, exposed=exposed, folders=FOLDERS, alone=alone).what

    assert ruled() == what
    assert ruled(alone=True) == ("deny" if what == "ask" else what)
    assert ruled(covers=True) == "allow"
