"""Test runs over what is not committed, in a jail that needs no question; what a commit's card says of them."""

import json
import os
import sys
from pathlib import Path

import pytest
from turns import call, same_as_folded

import llmos_nb as llmos
from llmos_nb.errors import ConfigError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import CONTEXT
from llmos_nb.tools.devices.files.folder import Store
from llmos_nb.tools.devices.files.tested import concerns_tests, verdict
from llmos_nb.tools.devices.files.tree import tree_of
from llmos_nb.tools.devices.programs import pytest as runner
from llmos_nb.tools.devices.workspace import Workspace

pytestmark = pytest.mark.out_of_process

FIX = {"name": "edit_file", "arguments": {"path": "calc.py", "old": "(len(xs) + 1)", "new": "len(xs)"}}
RUN, COMMIT = ({"name": name, "arguments": {}} for name in ("run_tests", "commit_files"))
jailed = pytest.mark.skipif(bool(runner.unheld()), reason="a jail does not hold on this machine")


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "calc.py").write_text("def mean(xs):\n    return sum(xs) / (len(xs) + 1)\n")
    (folder / "test_calc.py").write_text(
        "from calc import mean\n\n\ndef test_mean():\n    assert mean([1, 2, 3]) == 2\n\n\ndef test_one():\n    assert 1\n"
    )
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the many plugins of this suite are slow to load
    (folder / "llmos.toml").write_text('[tools.tests]\nenv = ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]\n')
    return folder


def together(*calls):
    return {"calls": list(calls)}


async def working(*turns, approve="risky", tools=("files", "tests"), **more):
    model = ScriptedModel([*turns, {"text": "Done."}])
    return await llmos.run("Mend it.", model=model, namespace={}, tools=tools, approve=approve, **more)


def results(process):
    return [c.result for c in process.run.state.calls.values()]


def asked(process):
    (question,) = process.run.state.questions.values()
    return question["title"], question["shows"]


# a run


@jailed
async def test_tests_run_over_what_is_not_committed_and_ask_nothing(project):
    before = (project / "calc.py").read_text()
    p = await working(
        call("run_tests"),
        together(FIX, RUN),
        call("write_file", path="test_new.py", text="x ="),
        call("run_tests"),
    )
    assert p.reason == "answered" and (project / "calc.py").read_text() == before
    first, _, second, _, third = results(p)
    assert first.startswith("1 passed, 1 failed") and "assert 1.5 == 2" in first and second == "2 passed"
    assert "SyntaxError" in third and p.run.state.calls["r4.0"].status == "failed"
    assert not any(e.k == "question.asked" for e in p.events) and same_as_folded(p)


@jailed
async def test_run_in_the_jail_reaches_nothing_and_leaves_nothing(project, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("none of its business")
    (project / ".git").mkdir()
    (project / ".git" / "config").write_text("closed")
    probe = f"""
import os, pathlib, socket, pytest

def test_reads():
    with pytest.raises(OSError):
        open({str(secret)!r}).read()
    assert not pathlib.Path(".git").exists()

def test_network():
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", 9), 1)

def test_signals():
    with pytest.raises(OSError):
        os.kill({os.getpid()}, 0)

def test_writes_its_own_copy():
    pathlib.Path("calc.py").write_text("x = 1")
    pathlib.Path("left.txt").write_text("x")
"""
    before = {p.name for p in project.iterdir()}
    p = await working(call("write_file", path="test_probe.py", text=probe), call("run_tests", path="test_probe.py"))
    assert results(p)[1] == "4 passed", results(p)[1]
    assert {p.name for p in project.iterdir()} - {".llmos"} == before and "len(xs) + 1" in Path("calc.py").read_text()


async def test_run_without_the_jail_asks_and_reaches_what_the_user_reaches(project, tmp_path):
    (project / "llmos.toml").write_text('[tools.tests]\njail = false\nenv = ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]\n')
    secret = tmp_path / "secret.txt"
    secret.write_text("open")
    probe = f"def test_reads():\n    assert open({str(secret)!r}).read() == 'open'\n"
    p = await working(call("write_file", path="test_probe.py", text=probe), call("run_tests", path="test_probe.py"))
    (question,) = p.run.state.questions.values()
    assert question["title"] == "run the tests" and "the settings do without the jail" in question["text"]
    await p.approve("all")
    assert results(p)[1] == "1 passed" and not (project / "test_probe.py").exists()


async def test_run_asks_where_a_protection_does_not_hold(project, monkeypatch):
    monkeypatch.setattr(runner, "unheld", lambda: "reads and writes all of your files: only Linux can")
    p = await working(call("run_tests"))
    (question,) = p.run.state.questions.values()
    assert "reads and writes all of your files" in question["text"] and p.state == "waiting"


@jailed
async def test_nothing_runs_where_a_protection_fails_after_all(project, monkeypatch):
    """The process that shuts itself in looks again at what holds, whatever was found before."""
    broken = "from llmos_nb.tools.devices.child.sandbox import seccomp\n" \
             "def no(**_): raise OSError(1, 'no filter')\nseccomp.refuse = no\n" \
             "from llmos_nb.tools.devices.programs.jailed import main; main()"  # fmt: skip
    monkeypatch.setattr(runner, "_command", lambda asked: [sys.executable, "-P", "-c", broken, json.dumps(asked)])
    p = await working(call("run_tests"))
    assert (
        p.run.state.calls["r1.0"].status == "failed"
        and "no filter" in results(p)[0]
        and "[exit code 78]" in results(p)[0]
    )


@jailed
async def test_run_imports_the_edited_module_whatever_the_path_of_the_notebook(project, monkeypatch):
    monkeypatch.syspath_prepend(project)
    assert (await working(together(FIX, RUN))).run.state.calls["r1.1"].result == "2 passed"


@jailed
async def test_file_too_large_to_copy_is_read_where_it_is(project):
    (project / "data.csv").write_text("x\n" * (1 << 20))
    probe = "def test_data():\n    assert len(open('data.csv').read()) == 2 << 20\n"
    p = await working(call("write_file", path="test_data.py", text=probe), call("run_tests", path="test_data.py"))
    assert results(p)[1] == "1 passed"


@jailed
async def test_more_linked_files_than_a_command_line_holds(project, monkeypatch):
    monkeypatch.setattr("llmos_nb.tools.devices.files.tree.LINKED_FROM", 0)
    for n in range(1_000):
        (project / f"{n}-{'x' * 200}.txt").write_text("1")
    p = await working(together(FIX, RUN))
    assert results(p)[1] == "2 passed"


def test_settings_of_the_runner_are_checked(project):
    from llmos_nb.tools.devices.context import Site

    with pytest.raises(ConfigError, match="jail = 'no' must be true or false"):
        runner.tests_tools(Site(settings={"tests": {"jail": "no"}}))


# the card


@jailed
async def test_one_approval_commits_the_diff_with_the_green_test_result(project):
    p = await working(together(FIX, RUN, COMMIT))
    title, shows = asked(p)
    assert title == "commit 1 file to the folder: 2 tests passed"
    assert shows.startswith("Tests over exactly these files: 2 passed (r1.1).\n\n--- a/calc.py")
    await p.approve("all")
    assert p.reason == "answered" and "/ len(xs)" in (project / "calc.py").read_text()
    assert results(p)[2].endswith("Tests over exactly these files: 2 passed (r1.1).")
    assert sum(e.k == "question.asked" for e in p.events) == 1
    assert "# Tests over exactly these files" in p.run.tools["commit_files"].as_code(p.run.state.calls["r1.2"])


WRONG = {**FIX, "arguments": {**FIX["arguments"], "new": "len(xs) / 2"}}


@jailed
@pytest.mark.parametrize("mode", ["risky", "auto"])
async def test_commit_beside_a_test_that_fails_goes_back_to_the_model_which_mends_it(project, mode):
    mended = {**FIX, "arguments": {**FIX["arguments"], "old": "len(xs) / 2", "new": "len(xs)"}}
    p = await working(together(WRONG, RUN, COMMIT), together(mended, RUN, COMMIT), approve=mode)
    told = results(p)[2]
    assert told.startswith("Error: not committed, since tests of these files fail: 1 passed, 1 failed: ")
    assert "test_calc::test_mean (r1.1). Mend them" in told and "the user decides" in told
    if mode == "risky":
        assert asked(p)[0] == "commit 1 file to the folder: 2 tests passed"
        await p.approve("all")
    kinds = [e.k for e in p.events]
    assert p.reason == "answered" and kinds.count("question.asked") == (mode == "risky") and same_as_folded(p)
    assert (project / "calc.py").read_text().endswith("/ len(xs)\n")


@jailed
async def test_rule_that_allows_commits_is_not_overruled_by_a_test_that_fails(project):
    settings = (project / "llmos.toml").read_text()
    (project / "llmos.toml").write_text(f'{settings}[[policy.rules]]\ntool = "commit_files"\ndo = "allow"\n')
    p = await working(together(WRONG, RUN, COMMIT))
    assert p.run.state.calls["r1.2"].status == "done" and "len(xs) / 2" in (project / "calc.py").read_text()


@jailed
async def test_red_result_is_said_on_the_card_of_what_is_committed_all_the_same(project):
    p = await working(together(WRONG, RUN, COMMIT), call("commit_files"))
    title, shows = asked(p)
    assert title.endswith(": 1 of 2 tests failed") and "1 passed, 1 failed: test_calc::test_mean (r1.1)" in shows


@jailed
async def test_commit_without_a_run_over_its_files_is_not_called_tested(project):
    p = await working(together(FIX, COMMIT))
    assert asked(p)[0].endswith(": not tested") and asked(p)[1].startswith("No test was run over these files.")
    await p.reject("all", "test it")
    more = call("write_file", path="notes.txt", text="later\n")
    p = await working(together(FIX, RUN), together(more["calls"][0], COMMIT))
    title, shows = asked(p)
    assert title == "commit 2 files to the folder: not tested since notes.txt changed" and "tests passed" not in shows
    assert "The last run, r1.1, was before that: 2 passed." in shows


@jailed
async def test_change_by_somebody_else_after_the_run_takes_the_seal_away(project):
    p = await working(together(FIX, RUN), call("ask", question="Go on?"), call("commit_files"))
    (project / "helper.py").write_text("x = 1\n")
    await p.reply("yes")
    assert asked(p)[0].endswith("not tested since helper.py changed")


@jailed
async def test_change_elsewhere_after_the_question_asks_not_again_and_is_on_the_record(project):
    p = await working(together(FIX, RUN, COMMIT))
    (project / "helper.py").write_text("x = 1\n")
    await p.approve("all")
    assert p.reason == "answered" and "since helper.py changed" in results(p)[2] and "exactly" not in results(p)[2]


@jailed
async def test_notebook_that_was_saved_meanwhile_is_named_and_asks_only_once(project):
    (project / "work.ipynb").write_text("{}")
    p = await working(together(FIX, RUN), call("ask", question="Go on?"), call("commit_files"))
    (project / "work.ipynb").write_text("{} ")
    await p.reply("yes")
    assert asked(p)[0].endswith(": 2 tests passed") and asked(p)[1].startswith(
        "Tests over these files, but for work.ipynb: 2 passed"
    )
    (project / "work.ipynb").write_text("{}  ")
    await p.approve("all")
    assert p.reason == "answered"


@jailed
async def test_run_of_a_part_and_changed_tests_are_said(project):
    edit = call("edit_file", path="test_calc.py", old="== 2", new="== 1.5")["calls"][0]
    p = await working(together(edit), call("run_tests", select="mean"), call("commit_files"))
    title, shows = asked(p)
    assert title.endswith(": 1 test passed in -k mean alone")
    assert "Tests are changed by the same diff: test_calc.py." in shows


@jailed
async def test_tests_that_do_not_run_to_their_end_are_no_pass(project):
    ends = call("write_file", path="test_end.py", text="import os\n\ndef test_end():\n    os._exit(0)\n")["calls"][0]
    p = await working(together(ends, RUN, COMMIT), call("commit_files"))
    assert "it did not run to its end (r1.1)" in results(p)[2]
    assert (
        asked(p)[0].endswith(": the tests did not run to their end") and "passed" not in asked(p)[1].partition("\n")[0]
    )


@pytest.mark.parametrize(
    ("path", "concerns"),
    [("test_a.py", True), ("a_test.py", True), ("tests/data.csv", True), ("src/conftest.py", True),
     ("pyproject.toml", True), ("src/a.py", False), ("contest.py", False)],
)  # fmt: skip
def test_what_a_change_of_tests_is(path, concerns):
    assert concerns_tests(path) is concerns


def test_runs_that_skipped_everything_or_whose_files_are_gone_prove_nothing(project, tmp_path):
    from llmos_nb.tools import Call
    from llmos_nb.tools.devices.files.tree import keep_versions

    store, workspace = Store(tmp_path / "store"), Workspace(project)
    tree = tree_of(workspace, store, {})
    none = {"passed": 0, "skipped": 2, "failed": 0, "errors": 0, "first": [], "code": 0}
    call = Call("r1.0", "run_tests", {}, status="done", facts={**none, "over": keep_versions(store, tree)})
    assert verdict([call], tree, store, []).short == "not tested"
    call.facts |= {"passed": 2}
    assert verdict([call], tree, store, []).short == "2 tests passed"
    call.facts |= {"over": "0" * 64}
    assert verdict([call], tree, store, []).short == "not tested"


@jailed
async def test_commit_in_a_folder_too_large_to_compare_is_not_called_tested(project, monkeypatch):
    p = await working(together(FIX, RUN), call("ask", question="Go on?"), call("commit_files"))
    monkeypatch.setattr("llmos_nb.tools.devices.files.tree.MOST_FILES", 1)
    await p.reply("yes")
    assert asked(p)[0].endswith(": not tested") and "start in the project's own folder" in asked(p)[1]


@jailed
@pytest.mark.parametrize(("label", "after"), [("untrusted", "untrusted"), ("trusted", "trusted")])
async def test_what_tests_show_is_untrusted_where_somebody_else_wrote_a_file_of_the_folder(project, label, after):
    (project / "notes.txt").write_text("from elsewhere")
    settings = (project / "llmos.toml").read_text()
    (project / "llmos.toml").write_text(f'{settings}\n[labels]\n"file:notes.txt" = "{label}"\n')
    p = await working(together(FIX, RUN))
    assert results(p)[1] == "2 passed" and p.run.state.labels.get(CONTEXT, "trusted") == after


# a whole task, as it was played


def edit(path, old, new):
    return {"name": "edit_file", "arguments": {"path": path, "old": old, "new": new}}


@jailed
async def test_bug_hunt_over_three_files_takes_four_requests_and_one_question(project):
    files = {
        "shop/__init__.py": "",
        "shop/cart.py": "from shop.money import cents\nfrom shop.stock import reserve\n\n\nclass Cart:\n"
        "    def __init__(self, items=[]):\n        self.items = items\n\n    def put(self, name, price):\n"
        "        reserve(name)\n        self.items.append(cents(price))\n",
        "shop/money.py": "def cents(amount):\n    return int(amount * 100)\n",
        "shop/stock.py": "LEFT = {'tea': 1}\n\n\ndef reserve(name):\n    if LEFT[name] <= 1:\n        raise ValueError\n",
        "tests/test_cart.py": "from shop.cart import Cart\n\n\ndef test_put():\n    cart = Cart()\n"
        "    cart.put('tea', 4.35)\n    assert cart.items == [435] and Cart().items == []\n",
    }
    for name, text in files.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    (project / "test_calc.py").unlink()
    turns = [
        together({"name": "list_files", "arguments": {"pattern": "*.py"}}, RUN),
        together(*({"name": "read_file", "arguments": {"path": f"shop/{n}.py"}} for n in ("cart", "money", "stock"))),
        together(
            edit("shop/cart.py", "items=[]):\n        self.items = items", "items=()):\n        self.items = list(items)"),
            edit("shop/money.py", "int(", "round("), edit("shop/stock.py", "<= 1", "< 1"), RUN, COMMIT,
        ),
    ]  # fmt: skip
    p = await working(*turns)
    assert asked(p)[0] == "commit 3 files to the folder: 1 test passed"
    await p.approve("all")
    kinds = [e.k for e in p.events]
    assert p.reason == "answered" and kinds.count("model.requested") == 4 and kinds.count("question.asked") == 1
    assert "round(" in (project / "shop" / "money.py").read_text()
