"""What a stranger types first: nothing, a wrong word, a goal where none belongs, a model that is not there."""

import json
import os
import re
import signal
import subprocess
import sys
from importlib.metadata import version
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pandas as pd
import pytest
from notebook_driver import Notebook
from turns import python
from waits import until

from llmos_nb.app import cli, demo, options
from llmos_nb.app.completion import AtHand, complete
from llmos_nb.errors import ModelRefused, ModelUnavailable, UsageError
from llmos_nb.models import Traits, resolve
from llmos_nb.models.openai.errors import Endpoint, classify
from llmos_nb.models.openai.network import from_exception
from llmos_nb.policy import budget
from llmos_nb.process import briefing

PLAN = {"plan": [{"title": "make x"}, {"title": "make y"}]}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    with Notebook(tmp_path_factory.mktemp("first")) as found:
        yield found


def likely(book):
    """Return what `%agent` alone offers to be typed."""
    return re.findall(r"^  (%%?agent.*?)  ", book.run("%agent").text.partition("likely next:")[2], re.M)


def test_agent_alone_says_what_goes_on_and_what_is_likely_next(book):
    assert "no process in this notebook yet" in book.run("%agent").text
    assert likely(book)[-1] == "%agent ps --all" and 2 <= len(likely(book)) <= 3
    book.run(f"%%agent done -m {book.script({'text': 'hello'})}\nSay hello.")
    assert likely(book) == ['%agent send 1 "…"', "%agent export 1 done.ipynb", "%agent show 1"]
    spec = book.script(PLAN, python("x = 1"), {"text": "x is 1"}, name="plan.json")
    assert "ApprovalNeeded" in book.run(f"%%agent asks -m {spec}\nMake x.").error
    assert likely(book) == ["%agent approve 2", '%agent reject 2 plan:1 "why"', "%agent show 2"]
    said = book.run("%agent").text
    assert "1 done  ended, answered  “Say hello.”" in said and "2 asks  waiting" in said


def test_what_agent_alone_offers_is_understood(book):
    for typed in likely(book):
        assert options.parse_command(typed.removeprefix("%agent ")).words
    assert options.parse_command("") == options.parse_command("now") == options.Command("now", [], {})


def test_help_of_one_command_has_its_example_and_a_wrong_word_the_nearest(book):
    for line in ("help undo", "undo --help"):
        said = book.run(f"%agent {line}").text
        assert said.startswith("usage: %agent undo P") and said.rstrip().endswith("example: %agent undo 1 --to 2")
        assert "%agent approve" not in said
    assert "'udno': unknown command; did you mean undo" in book.run("%agent help udno").error


def test_a_goal_on_the_line_is_said_to_belong_below():
    with pytest.raises(UsageError, match=r"unexpected word 'is'; .* the goal goes below, into the cell"):
        options.parse_cell("What is the mean?")
    with pytest.raises(UsageError, match=r"unknown option '--budgt'; did you mean --budget"):
        options.parse_cell("--budgt 3")


@pytest.mark.parametrize(("typed", "told"), [("20", "write '20 steps'"), ("20 stpes", "did you mean steps?")])
def test_a_budget_without_a_unit_or_with_a_wrong_one_says_how_it_is_written(typed, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        budget.parse(typed)


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"]])
def test_llmos_says_its_version(words, capsys):
    assert cli.main(words) == 0
    assert capsys.readouterr().out.startswith(f"llmos_nb {version('llmos_nb')}, Python 3.")


def test_llmos_helps_with_one_command_and_names_the_first_steps(capsys):
    assert cli.main(["help", "model"]) == 0
    assert "example: llmos model pull 0.5b" in capsys.readouterr().out
    assert cli.main([]) == 0 and "llmos lab opens a notebook" in capsys.readouterr().out
    assert cli.main(["frobnicate"]) == 2 and "llmos --help lists all" in capsys.readouterr().err


def status_of(address):
    try:
        with urlopen(address) as answer:
            return answer.status
    except HTTPError as error:
        raise AssertionError(address) from error
    except URLError:
        return 0


@pytest.mark.out_of_process
def test_options_of_jupyterlab_need_no_dashes_before_them(tmp_path, monkeypatch):
    fake = tmp_path / "bin" / "jupyter-lab"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$@" > asked.txt\n')
    fake.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    assert cli.main(["lab", "--no-browser", "--port=8899"]) == 0
    assert (tmp_path / "asked.txt").read_text().split()[2:] == ["--no-browser", "--port=8899"]


@pytest.mark.out_of_process
def test_the_address_that_llmos_lab_prints_leads_to_the_first_notebook(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    options = ["--no-browser", "--allow-root", "--port=0"]
    command = [sys.executable, "-m", "llmos_nb.app.cli", "lab", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **pipes) as server:
        try:
            printed = next(
                found for line in server.stdout if (found := re.search(r"(http://127\S+)/lab(\S*)\?(token=\w+)", line))
            )
            assert printed[2] == "/tree/00-start.ipynb"
            there = f"{printed[1]}/api/contents/00-start.ipynb?content=0&{printed[3]}"
            until(lambda: status_of(there) == 200, there)  # it says where it is before it listens
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def test_names_that_all_do_not_exist_are_said_though_nothing_is_like_them():
    assert briefing.misspelt("Average `penguins`.", {"x": 1}) == [
        "`penguins`: no such variable yet; has the cell run that makes it?"
    ]
    assert briefing.misspelt("Make `total` of `x`.", {"x": 1}) == []
    assert briefing.misspelt("Average it.", {}) == []


def test_a_package_beside_the_notebook_is_no_variable_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    assert briefing.misspelt("Mend the package `shop`.", {}) == []
    assert briefing.misspelt("Mend the package `shops`.", {})[0].startswith("`shops`: no such variable yet")


def test_names_that_are_no_variables_are_said_in_one_line():
    assert briefing.misspelt("Rename `net` to `gross`.", {}) == [
        "`net`, `gross`: no such variables yet; has the cell run that makes them?"
    ]


class Tank:
    log = []

    def __init__(self):
        self.level = 0

    def drain(self): ...


@pytest.mark.parametrize("word", ["log", "level", "drain", "sales_2024", "cleaned"])
def test_an_attribute_or_a_word_of_a_files_name_is_no_variable_that_is_missing(word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales_2024.cleaned.csv").touch()
    assert briefing.misspelt(f"Mend `{word}` and `other`.", {"north": Tank()}) == []


def test_a_kind_of_question_that_a_model_fails_is_said_before_it_is_asked():
    there = {"sales": pd.DataFrame({"n": [1]}), "prices": pd.DataFrame({"p": [1]}), "rows": [1]}
    weak, strong = Traits("local/x", joins=(1, 20)), Traits("local/y", joins=(15, 20))
    said = briefing.mostly_wrong("Sum n times p of sales and `prices`.", there, weak)
    assert said == ["`sales`, `prices`: local/x got 1 of 20 questions over two tables right; read its code"]
    for goal in ("Sum n of sales.", "Count rows of sales.", "Sum sales_prices of sales."):
        assert briefing.mostly_wrong(goal, there, weak) == []
    for traits in (strong, Traits("z")):
        assert briefing.mostly_wrong("Join sales and prices.", there, traits) == []


class ClientConnectorDNSError(OSError):
    pass


class ClientConnectorError(OSError):
    pass


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "url", "told"),
    [
        (
            caused(ClientConnectorError("Cannot connect to host localhost:1 ssl:default"), ConnectionRefusedError()),
            "http://localhost:1/v1",
            "no connection to http://localhost:1/v1 (connection refused); is the server running? Start it there, "
            "or name another model",
        ),
        (
            ClientConnectorDNSError("Cannot connect to host no.invalid:443 [Name or service not known]"),
            "https://no.invalid/v1",
            "no address is known for no.invalid; check the base URL and the network",
        ),
        (
            caused(
                ClientConnectorError("Cannot connect to host x.org:443 [Connect call failed]"),
                OSError(113, "x"),
            ),
            "https://x.org/v1",
            "no connection to https://x.org/v1 (Cannot connect to host x.org:443 [Connect call failed]); "
            "is the server running?",
        ),
    ],
)
def test_an_endpoint_that_does_not_answer_is_said_in_plain_words(error, url, told):
    found = from_exception(error, Endpoint("x", url, "the key"))
    assert isinstance(found, ModelUnavailable) and str(found) == told


@pytest.mark.parametrize(("given", "held"), [("", "auto"), ("never", "never")])
def test_the_demo_approves_by_itself_says_so_and_keeps_what_you_chose(given, held, tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setenv("LLMOS_APPROVE", given)
    monkeypatch.setenv("LLMOS_MODEL", "")
    monkeypatch.setattr(demo, "execute", lambda book, out: seen.append(os.environ["LLMOS_APPROVE"]) or 0)
    assert demo.demo(tmp_path / "here", "script:first") == 0 and seen == [held]
    assert ("nobody is asked here" in capsys.readouterr().out) == (not given)


def test_tab_completes_a_command_after_help():
    assert complete("%agent help und", AtHand(list)) == ("und", ["undo"])


def test_script_first_is_ours_unless_there_is_a_file_of_this_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(resolve("script:first").turns) == 4 and resolve("script:first").traits.name == "script:first"
    (tmp_path / "first").write_text(json.dumps({"version": 1, "turns": [{"text": "mine"}]}))
    assert len(resolve("script:first").turns) == 1
    with pytest.raises(UsageError, match="No such file"):
        resolve("script:second")


def test_weights_are_taken_from_a_file_as_the_message_of_a_failed_download_says(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LLMOS_MODELS", str(tmp_path / "weights"))
    assert cli.main(["model", "pull", "0.5b", "--from", str(tmp_path / "none.gguf")]) == 2
    assert "none.gguf: neither" in capsys.readouterr().err


def test_undo_says_which_file_stays(book):
    spec = book.script(python("left = 1\nopen('stays.txt', 'w').write('x')"), {"text": "done"}, name="file.json")
    assert book.run(f"%%agent files -m {spec} -a auto\nWrite it.").status == "ok"
    said = book.run("%agent undo files").text
    assert re.search(r"taken back: r1\.0 python \(`left`\); it wrote \S*stays\.txt: that stays as it is", said)
    spec = book.script(python("kept = 1"), {"text": "done"}, name="none.json")
    assert book.run(f"%%agent plain -m {spec}\nMake it.").status == "ok"
    assert book.run("%agent undo plain").text.strip() == "taken back: r1.0 python (`kept`)"


@pytest.mark.parametrize(
    ("before", "code", "stays"),
    [
        (
            "rows = (i for i in range(9))",
            "first = next(rows)",
            "rows is not put back, if it changed (a generator",
        ),
        (
            "import statistics",
            "statistics.mine = 5\nfirst = 1",
            "its code may have changed something that Undo does not",
        ),
        (
            "import sqlite3\ndb = sqlite3.connect(':memory:')\ndb.execute('create table t(n)')",
            "db.execute('insert into t values (1)')\nfirst = 1",
            "db is not put back, if it changed (a database connection)",
        ),
    ],
)
def test_undo_says_of_what_it_does_not_reach_that_it_stays(book, before, code, stays):
    assert book.run(before).status == "ok"
    spec = book.script(python(code), {"text": "done"}, name="stays.json")
    assert book.run(f"%%agent one -m {spec} -a auto\nDo it.").status == "ok"
    said = book.run("%agent undo one").text
    assert said.startswith("taken back: r1.0 python (") and stays in said
    shown = book.run("%agent show one").text
    assert stays in " ".join(shown.split())


@pytest.mark.parametrize(
    ("name", "meant"),
    [("gtp-4o-mini", "; did you mean gpt-4o-mini? Else check"), ("gpt-oss:20b", "; check"), ("o3", "; check")],
)
def test_a_model_that_the_endpoint_does_not_know_is_said_with_the_nearest_that_is_like_it(name, meant):
    found = classify(404, b'{"error": {"message": "no such model"}}', None, Endpoint(name, "https://x.org/v1", "K"))
    assert isinstance(found, ModelRefused) and f"no such model{meant} the model's name and the base URL" in str(found)


def test_a_process_that_a_cell_begins_before_any_command_is_one_of_the_notebook(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        spec = book.script(python("x = 1\nx"), {"text": "It is 1."})
        cell = (
            f"import llmos_nb\np = await llmos_nb.run('Make x.', model={spec!r}, namespace=globals(), approve='auto')"
        )
        assert book.run(cell).status == "ok"
        assert "Make x." in book.run("%agent ps").text
        assert "taken back" in book.run("%agent undo").text and book.value("'x' in globals()") == "False"
