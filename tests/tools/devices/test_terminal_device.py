"""Commands, git and tests as devices: asked each time, bounded, nothing left behind; a whole development task."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from turns import call, same_as_folded
from waits import approve_all, until_async

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.tools import CallContext, current_call
from llmos_nb.tools.devices.programs import run
from llmos_nb.views.panel.card import card as card_of

pytestmark = pytest.mark.out_of_process

GIT = ["git", "-c", "user.name=T", "-c", "user.email=t@example.org"]


async def working(*turns, tools=("terminal",), approve="risky", **options):
    model = ScriptedModel([*turns, {"text": "Done."}])
    return await llmos.run("Work.", model=model, namespace={}, tools=tools, approve=approve, **options)


def branch(name):
    return {"calls": [{"name": "git_branch", "arguments": {"name": name}}]}


def ran(command, folder, seconds):
    """Run a program as for a call that may take so many seconds."""
    current_call.set(CallContext("r1.0", "key", seconds))
    return run.run(command, folder, run.environment())


def results(process):
    return [c.result for c in process.run.state.calls.values()]


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Tess")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "tess@example.org")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "calc.py").write_text("def mean(xs):\n    return sum(xs) / (len(xs) + 1)\n")
    (folder / "test_calc.py").write_text(
        "from calc import mean\n\n\ndef test_mean():\n    assert mean([1, 2, 3]) == 2\n"
    )
    (folder / ".gitignore").write_text("__pycache__/\n.llmos/\nllmos.toml\n")
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*GIT, *words], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the many plugins of this suite are slow to load
    (folder / "llmos.toml").write_text('[tools.tests]\nenv = ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]\n')
    return folder


def log(folder):
    return subprocess.run(
        [*GIT, "log", "--format=%s"], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.split("\n")[:-1]


@pytest.mark.parametrize("mode", ["risky", "plan", "step", "auto"])
async def test_a_command_is_asked_each_time_with_its_text_in_every_mode(mode, tmp_path):
    (tmp_path / "llmos.toml").write_text('[[policy.rules]]\ntool = "terminal"\ndo = "allow"\n')
    p = await working(call("terminal", command="echo one"), call("terminal", command="echo two"), approve=mode)
    card = card_of(p.run.state)
    asked = await approve_all(p)
    asked = [q for q in asked if q["kind"] == "approval"]
    assert [f"echo {w}" in q["text"] for q, w in zip(asked, ("one", "two"), strict=True)] == [True, True]
    assert results(p) == ["one", "two"] and p.reason == "answered"
    assert [b["label"] for b in card["buttons"]] == ["Approve", "Edit", "Reject", "Skip"]  # no "always"


async def test_command_is_refused_where_nobody_can_be_asked():
    p = await working(call("terminal", command="touch x"), approve="never")
    assert p.run.state.calls["r1.0"].status == "rejected" and not Path("x").exists()


async def test_a_command_gets_no_secret_and_says_how_it_ended(monkeypatch, tmp_path):
    monkeypatch.setenv("DEPLOY_TOKEN", "t0psecret-value-123")
    monkeypatch.setenv("PLAIN", "plain-value")
    (tmp_path / "llmos.toml").write_text('[tools.terminal]\nenv = ["PLAIN"]\n')
    p = await working(call("terminal", command="env; exit 3"))
    await approve_all(p)
    assert "t0psecret" not in results(p)[0] and "PLAIN=plain-value" in results(p)[0]
    assert results(p)[0].endswith("[exit code 3]") and p.run.state.calls["r1.0"].status == "failed"


def mine(seconds):
    """Return a duration that no other run of the tests on this machine has: the processes of a step are found by it."""
    return f"{seconds}{os.getpid():08}"


def alive(mark):
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in entry.read_bytes() and int(entry.parent.name) != os.getpid():
                found.append(entry.parent.name)
        except OSError:
            pass
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
async def test_no_descendant_outlives_a_deadline_even_outside_the_group():
    mark = mine("313.1")
    p = await working(call("terminal", command=f"setsid sleep {mark} & sleep {mark}"), call_timeout=0.5)
    await approve_all(p)
    assert "deadline of 0.5 s and was ended" in results(p)[0]
    await until_async(lambda: not alive(mark))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
async def test_stop_ends_the_command_and_leaves_it_in_doubt():
    mark = mine("313.2")
    model = ScriptedModel([call("terminal", command=f"sleep {mark}"), {"text": "Done."}])
    p = await llmos.run("Work.", model=model, namespace={}, tools=["terminal"])
    p.approve("all")
    await until_async(lambda: alive(mark))
    await p.stop()
    assert p.state in ("paused", "waiting") and p.run.state.calls["r1.0"].status == "in_doubt"
    await until_async(lambda: not alive(mark))
    p.kill()


async def test_the_check_for_leftovers_fails_where_groups_are_not_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "_end", lambda pid, mark: None)
    mark = mine("313.3")
    task = asyncio.create_task(ran(["sleep", mark], tmp_path, 0.2))
    ended = await task
    assert ended.code is None and (alive(mark) or not sys.platform.startswith("linux"))
    for pid in alive(mark):
        os.kill(int(pid), 9)


async def test_output_of_any_length_is_bounded(tmp_path):
    ended = await ran(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; echo end"], tmp_path, 20)
    assert ended.code == 0 and ended.size == 3_000_004 and len(ended.text) <= 32_768 and ended.text.endswith("end\n")


async def test_a_background_process_does_not_hold_a_call(tmp_path):
    ended = await ran(["sh", "-c", "sleep 300 & echo started"], tmp_path, 20)
    assert ended.code == 0 and ended.text == "started\n"


# git


async def test_git_reads_ask_nothing_and_run_no_code_of_the_repository(repository):
    evil = repository / "evil.sh"
    evil.write_text("#!/bin/sh\ntouch ran\n")
    evil.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "core.pager", "gpg.program"):
        subprocess.run([*GIT, "config", key, str(evil)], check=True)
    subprocess.run([*GIT, "config", "log.showSignature", "true"], check=True)
    (repository / "calc.py").write_text("x = 1\n")
    p = await working(
        call("git_status"), call("git_diff", path="calc.py"), call("git_log"), call("git_branch"), tools=["git"]
    )
    assert (
        p.reason == "answered"
        and " M calc.py" in results(p)[0]
        and "+x = 1" in results(p)[1]
        and "Tess: Begin" not in results(p)[0]
    )
    assert "Begin" in results(p)[2] and "main" in results(p)[3] and not (repository / "ran").exists()


def program(repository, path):
    """A program of the repository's that says that it ran."""
    file = repository / path
    file.write_text(f"#!/bin/sh\ntouch {repository.parent}/ran\n")
    file.chmod(0o755)
    return file


async def test_git_asks_where_the_repository_itself_names_filters(repository):
    evil = program(repository, "evil.sh")
    (repository / ".gitattributes").write_text("*.py filter=evil\n")
    subprocess.run([*GIT, "config", "filter.evil.clean", str(evil)], check=True)
    calc = repository / "calc.py"
    calc.write_text(calc.read_text().replace("+ 1", "+ 2"))  # of one size: git looks into it, by the filter
    p = await working(call("git_status"), tools=["git"])
    (question,) = p.run.state.questions.values()
    assert str(evil) in question["text"] and not (repository.parent / "ran").exists()
    await p.approve("all")
    await p
    assert (repository.parent / "ran").exists()  # which is why it asked


async def test_git_asks_nothing_for_filters_of_the_user(repository, monkeypatch):
    settings = repository.parent / "gitconfig"
    settings.write_text('[filter "mine"]\nclean = cat\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    p = await working(call("git_status"), tools=["git"])
    assert p.reason == "answered"


async def test_hooks_run_at_a_commit_alone_which_names_them(repository):
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-commit"):
        program(repository, f".git/hooks/{hook}")
    (repository / "calc.py").write_text("x = 1\n")
    commit = call("git_commit", message="Change")
    p = await working(branch("new"), call("git_add", paths=["calc.py"]), commit, tools=["git"])
    (question,) = p.run.state.questions.values()
    assert "pre-commit" in question["text"] and not (repository.parent / "ran").exists()
    await p.approve("all")
    await p
    assert log(repository) == ["Change", "Begin"] and (repository.parent / "ran").exists()


async def test_arguments_from_a_model_are_never_options(repository):
    p = await working(
        call("git_diff", path="--output=stolen"), branch("--force"), call("git_add", paths=["../outside"]),
        call("git_add", paths=[".git/config"]), call("git_diff", path=":(top)*"), tools=["git"],
    )  # fmt: skip
    assert [c.status for c in p.run.state.calls.values()][1:4] == ["failed"] * 3
    assert not (repository / "stolen").exists()


async def test_interrupted_commit_is_recognised_and_not_repeated(repository):
    (repository / "calc.py").write_text("x = 1\n")
    turns = [call("git_add", paths=["calc.py"]), call("git_commit", message="Change"), {"text": "Done."}]
    p = await llmos.run("Work.", model=ScriptedModel(turns), namespace={}, tools=["git"])
    (asked,) = await approve_all(p)
    assert "+x = 1" in asked["shows"] and log(repository) == ["Change", "Begin"]
    lines = p.journal.path.read_bytes().splitlines(keepends=True)
    started = next(i for i, line in enumerate(lines) if b'"k":"call.started"' in line and b'"r2.0"' in line)
    torn = repository / ".llmos" / "torn" / "journal.jsonl"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"".join(lines[: started + 1]))
    q = llmos.load(torn, model=ScriptedModel(turns), namespace={})
    await q.resume()
    await q
    assert q.reason == "answered" and log(repository) == ["Change", "Begin"]


# tests


async def test_test_run_result_is_typed(repository):
    (repository / "test_more.py").write_text(
        "import pytest\n\n\ndef test_ok():\n    pass\n\n\n@pytest.mark.skip\ndef test_skip():\n    pass\n"
    )
    p = await working(
        call("run_tests"),
        call("run_tests", path="nowhere.py"),
        tools=["tests"],
    )
    await approve_all(p)
    facts = p.run.state.calls["r1.0"].facts
    assert (facts["passed"], facts["failed"], facts["skipped"]) == (1, 1, 1)
    assert facts["first"][0][0] == "test_calc::test_mean" and "assert 1.5 == 2" in results(p)[0]
    assert p.run.state.calls["r2.0"].status == "failed"


async def test_commit_to_git_beside_a_test_that_fails_goes_back_to_the_model(repository):
    (repository / "calc.py").write_text("def mean(xs):\n    return 0\n")
    turns = [call("git_add", paths=["calc.py"]), call("run_tests"), call("git_commit", message="Change")]
    p = await working(*turns, call("git_commit", message="Change"), tools=["git", "tests"])
    asked = await approve_all(p)
    assert results(p)[2].startswith(
        "Error: not committed, since tests of these files fail: 1 failed: test_calc::test_mean"
    )
    assert asked[-1]["title"] == "commit to git: 1 of 1 tests failed" and "(r2.0)" in asked[-1]["shows"]
    assert log(repository) == ["Change", "Begin"]


# the whole task


async def test_a_development_task_change_test_review_commit(repository):
    turns = [
        call("list_files", pattern="*.py"),
        call("read_file", path="calc.py"),
        call("edit_file", path="calc.py", old="(len(xs) + 1)", new="len(xs)"),
        call("run_tests"),
        call("commit_files"),
        branch("mean"),
        call("git_add", paths=["calc.py"]),
        call("git_diff", staged=True),
        call("git_commit", message="mean divides by the number of values"),
        call("git_log"),
        {"text": "The mean was wrong by one in the divisor; fixed, tested and committed on the branch mean."},
    ]
    p = await llmos.run(
        "Fix `mean`.", model=ScriptedModel(turns), namespace={"mean": 0}, tools=["files", "git", "tests"]
    )
    asked = await approve_all(p)
    assert p.reason == "answered", p.detail
    titles = [q["title"] for q in asked]
    assert titles == ["commit 1 file to the folder: 1 test passed", "commit to git: 1 test passed"]
    assert "-    return sum(xs) / (len(xs) + 1)\n+    return sum(xs) / len(xs)" in asked[0]["shows"]
    assert results(p)[3] == "1 passed" and log(repository) == ["mean divides by the number of values", "Begin"]
    assert subprocess.run([*GIT, "status", "--porcelain"], check=True, capture_output=True, text=True).stdout == ""
    assert same_as_folded(p)
