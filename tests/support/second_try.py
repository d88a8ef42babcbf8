"""A second try for tests that failed: a machine that was busy must not cost a day, and a race must not be waved through.

``pytest --second-try --lf --lfnf=none -n 0`` runs what failed in the run before, alone. It runs nothing where more than
`MOST` tests failed, or one that bears the marker ``first_try``: what these claim must hold on any machine at any time.
"""

from functools import cache
from pathlib import Path

import pytest

MOST = 5
TESTS = Path(__file__).parent.parent
# Files and folders whose tests bear the marker: crash, effects, journal, policy, children, resume, approvals.
FIRST = (
    "app/test_clicks.py",
    "app/test_clicks_in_series.py",
    "app/test_unfinished.py",
    "journal",
    "policy",
    "process/gate",
    "process/test_crash.py",
    "process/test_effects_once.py",
    "process/test_faults.py",
    "process/test_rebuild.py",
    "process/test_recovery.py",
    "process/test_resume_effects.py",
    "process/test_saved.py",
    "process/test_undo.py",
    "process/test_values.py",
    "session/test_children.py",
    "session/test_commands.py",
    "session/test_home_kills.py",
    "session/test_mail_in_a_home.py",
    "session/test_mailboxes.py",
    "session/test_resume_in_kernels.py",
    "session/test_service.py",
    "session/test_strangers_folder.py",
    "tools/test_effects.py",
    "tools/test_reads.py",
    "tools/test_reentry.py",
)


@cache
def must_pass_at_once(path):
    """Whether the tests of a file may not be tried again."""
    return any(path == (place := TESTS / name) or place in path.parents for name in FIRST)


def refusal(items, failed):
    """Say why nothing is tried again; an empty text where it may be.

    Parameters
    ----------
    items : list of pytest.Item
        The tests that would run.
    failed : collection of str
        What failed in the run before, by node id.
    """
    if len(items) != len(failed):
        return f"{len(failed)} failed, and {len(items)} of them were found as tests"
    if len(items) > MOST:
        return f"{len(items)} tests failed, and at most {MOST} are tried again"
    first = [item.nodeid for item in items if item.get_closest_marker("first_try")]
    return f"what must pass at the first try did not: {', '.join(first)}" if first else ""


def pytest_addoption(parser):
    parser.addoption("--second-try", action="store_true", help="run what failed in the run before, alone")


def pytest_itemcollected(item):
    if must_pass_at_once(item.path):
        item.add_marker(pytest.mark.first_try)


def pytest_collection_finish(session):
    if session.config.getoption("second_try"):
        why = refusal(session.items, session.config.cache.get("cache/lastfailed", {}))
        if why:
            pytest.exit(f"no second try: {why}", returncode=1)


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("second_try"):
        for report in terminalreporter.stats.get("passed", []):
            terminalreporter.write_line(f"passed at the second try: {report.nodeid}", yellow=True)
