"""The command line: help, errors of one line, journals, batches."""

import json

import pytest
from turns import call

import llmos_nb as llmos
from llmos_nb.app import cli
from llmos_nb.app.options import offered


def tell(n: int) -> int:
    """Give a number back."""
    return n


def test_help_lists_every_command(capsys):
    assert cli.main([]) == 0
    shown = capsys.readouterr().out
    names = [v.name for v in offered("llmos")]
    assert len(names) == 34 and all(f"  llmos {name} " in shown for name in names)
    for name in names:
        assert cli.main([name, "--help"]) == 0


@pytest.mark.out_of_process
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["demmo"], "did you mean demo"),
        (["log"], "the following arguments are required"),
        (["log", "no-such-file"], "no-such-file"),
        (["verify", "no-such.ipynb"], "no-such.ipynb"),
        (["run", "no-such.ipynb"], "no-such.ipynb"),
        (["model", "pull", "9b"], "9b"),
        (["log", "x", "--jsn"], "did you mean --json"),
    ],
)
def test_cli_prints_an_error_as_one_line(words, message, capsys):
    assert cli.main(words) != 0
    err = capsys.readouterr()
    assert message in err.err + err.out and "Traceback" not in err.err


async def test_log_shows_checks_and_names_a_tampered_line(script, capsys):
    proc = await llmos.run("go", model=script(call("tell", n=3), {"text": "3"}), tools=[tell], approve="auto")
    path = str(proc.journal.path)
    assert cli.main(["log", path]) == 0 and "call.started" in capsys.readouterr().out
    assert cli.main(["log", path, "--verify"]) == 0
    capsys.readouterr()
    assert cli.main(["log", path, "--json"]) == 0
    assert [json.loads(line)["n"] for line in capsys.readouterr().out.splitlines()] == list(range(len(proc.events)))
    assert cli.main(["log", path, "--decisions"]) == 0 and "r1.0 tell" in capsys.readouterr().out
    whole = proc.journal.path.read_text()
    proc.journal.path.write_text(whole.replace('"n":3', '"n":4', 1))
    assert cli.main(["log", path, "--verify"]) == 2
    assert "line 4" in capsys.readouterr().err
    proc.journal.path.write_text(whole)


@pytest.mark.out_of_process
def test_lab_passes_options_on_and_keeps_changed_notebooks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fake = tmp_path / "bin" / "jupyter-lab"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$@" > asked.txt\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    assert (
        cli.main(["lab"]) == 0 and (tmp_path / "asked.txt").read_text().split()[0] == "llmos-notebooks/00-start.ipynb"
    )
    (tmp_path / "llmos-notebooks" / "01-loop.ipynb").write_text("mine")
    (tmp_path / "llmos-notebooks" / "02-system-calls.ipynb").unlink()
    assert cli.main(["lab", "--", "--no-browser", "--port", "8899"]) == 0
    assert (tmp_path / "asked.txt").read_text().split()[2:] == ["--no-browser", "--port", "8899"]
    assert (tmp_path / "llmos-notebooks" / "01-loop.ipynb").read_text() == "mine"
    assert (tmp_path / "llmos-notebooks" / "02-system-calls.ipynb").exists()
