"""Settings: each is declared once, and every place where it may be set reaches it; the organisation's hold."""

import pytest

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.policy import budget
from llmos_nb.session import config
from llmos_nb.session.config import SETTINGS

# a value other than the default, as it is written in each place
TOML = {
    "model": ("[model]\nname = 'x'", "x"),
    "images": ("[model]\nimages = true", "yes"),
    "prompts": ("[prompts]\ncut = 'Shorter.'", {"cut": "Shorter."}),
    "base_url": ("[model]\nbase_url = 'http://x'", "http://x"),
    "approve": ("approve = 'step'", "step"),
    "plan": ("plan = 'none'", "none"),
    "context": ("context = '60k'", "60k"),
    "budget": ("[budget]\nsteps = 3\n'$' = 0.5", "3 steps, $0.5"),
    "call_timeout": ("call_timeout = 7.0", 7.0),
    "show_values": ("show_values = false", False),
    "tools": ("[tools.f]\neffect = 'read'", {"f": {"effect": "read"}}),
    "acts": ("[commit]\nacts = ['pay(to=\"x\")']", ('pay(to="x")',)),
    "delegate": ("[commit]\ndelegate = 'allow'", "allow"),
    "prices": ("[prices]\nm = [1, 2]", {"m": (1.0, 2.0)}),
    "labels": ("[labels]\nmail = 'untrusted'", {"mail": "untrusted"}),
    "quarantine": ("[labels]\nquarantine = true", True),
    "untrusted": ("[labels]\npython = 'child'", "child"),
    "child": ("[child]\nmemory = '1 GB'", None),
    "other_approver": ("other_approver = true", True),
    "approval": ("[approval]\napprovers = ['ann']", None),
    "scheduler": ("scheduler = 'rr'", "rr"),
    "slots": ("[model]\nslots = 2", 2),
    "patience": ("[model]\npatience = 90", 90),
    "requests_per_minute": ("[scheduler]\nrequests_per_minute = 9", 9),
    "rules": ("[[policy.rules]]\ntool = 'f'\ndo = 'deny'", None),
    "stored_value_mb": ("stored_value_mb = 2", 2),
    "stored_run_mb": ("stored_run_mb = 0.5", 0.5),
    "mcp": ("[mcp.time]\ncommand = ['t']", {"time": {"command": ["t"]}}),
    "retention": ("[retention]\nruns_days = 3", None),
    "record": ("record = false", False),
    "trace": ("trace = true", True),
}
ENVIRON = {
    "stored_value_mb": "0",
    "stored_run_mb": "8",
    "model": "x", "approve": "plan", "plan": "only", "budget": "2 steps", "context": "60k", "call_timeout": "9", "show_values": "no",
    "home": "/h", "scheduler": "fcfs", "slots": "3", "patience": "60", "requests_per_minute": "4", "record": "no", "trace": "1", "untrusted": "child",
}  # fmt: skip


def test_each_setting_has_a_help_and_a_place():
    assert all(s.help and s.places and s.name == n for n, s in SETTINGS.items())
    assert set(TOML) == {n for n, s in SETTINGS.items() if s.toml}
    assert set(ENVIRON) == {n for n, s in SETTINGS.items() if s.environ}


@pytest.mark.parametrize("name", TOML)
def test_a_setting_is_read_from_the_file(name, tmp_path):
    text, wanted = TOML[name]
    (tmp_path / "llmos.toml").write_text(text)
    found = getattr(config.load(environ={}, folder=tmp_path), name)
    assert found != SETTINGS[name].default and (wanted is None or found == wanted)


@pytest.mark.parametrize("name", ENVIRON)
def test_a_setting_is_read_from_the_environment(name, tmp_path):
    found = config.load(environ={SETTINGS[name].variable: ENVIRON[name]}, folder=tmp_path)
    assert getattr(found, name) != SETTINGS[name].default


def test_the_call_goes_before_config_environment_and_file(tmp_path):
    (tmp_path / "llmos.toml").write_text("plan = 'a'\nbudget = '1 step'\ncall_timeout = 1\nshow_values = false")
    environ = {"LLMOS_PLAN": "b", "LLMOS_BUDGET": "2 steps", "LLMOS_CALL_TIMEOUT": "2"}
    found = config.load({"plan": "d"}, {"plan": "c", "budget": "3 steps"}, environ, tmp_path)
    assert (found.plan, found.budget, found.call_timeout, found.show_values) == ("d", "3 steps", 2.0, False)


ORG = """
approve = "plan"
budget = "5 steps, $1"
other_approver = true
[labels]
quarantine = true
python = "child"
[retention]
runs_days = 30
"""


@pytest.fixture
def org(tmp_path):
    path = tmp_path / "org.toml"
    path.write_text(ORG)
    return {"LLMOS_ORG_CONFIG": str(path)}


def test_an_organisation_is_never_loosened(org, tmp_path):
    loose = {
        "approve": "auto", "budget": "50 steps, $9, 3 min", "other_approver": False, "quarantine": False,
        "untrusted": "ask",
    }  # fmt: skip
    found = config.load(loose, {}, org, tmp_path)
    assert (found.approve, found.other_approver, found.quarantine, found.untrusted) == (
        "plan",
        True,
        True,
        "child",
    )
    assert budget.parse(found.budget) == budget.parse("5 steps, $1, 3 min")
    assert found.retention.runs_days == 30


def test_an_organisation_may_be_tightened(org, tmp_path):
    found = config.load({"approve": "never", "budget": "2 steps, $1"}, {}, org, tmp_path)
    assert found.approve == "never" and "2 steps" in found.budget


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("aprove = 'step'", "did you mean approve"),
        ("[model]\nslot = 1", "did you mean slots"),
        ("=", "llmos.toml"),
    ],
)
def test_a_file_that_is_wrong_is_named(text, said, tmp_path):
    (tmp_path / "llmos.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        config.load(environ={}, folder=tmp_path)


@pytest.mark.parametrize(
    ("given", "environ", "said"),
    [
        ({"modle": "x"}, {}, "did you mean model"),
        ({"plan": "two words"}, {}, "^plan 'two words'"),
        ({"call_timeout": -1}, {}, "more than 0 seconds"),
        ({"slots": 0.5}, {}, "slots 0.5"),
        ({}, {"LLMOS_SLOTS": "many"}, "LLMOS_SLOTS='many': must be a number of requests at once"),
        ({}, {"LLMOS_APPROVE": "riskey"}, "unknown mode"),
    ],
)
def test_a_value_that_is_wrong_is_named(given, environ, said, tmp_path):
    with pytest.raises((UsageError, ConfigError), match=said):
        config.load(given, {}, environ, tmp_path)
