"""The command line: help, errors of one line, journals, batches."""

import json

import pytest
from turns import call

import llmos_nb as llmos
from llmos_nb import cli


def tell(n: int) -> int:
    """Give a number back."""
    return n


def test_help_lists_every_command(capsys):
    assert cli.main([]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in cli.COMMANDS)
    for name in cli.COMMANDS:
        assert cli.main([name, "--help"]) == 0


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
def test_errors_are_one_line(words, message, capsys):
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
    assert [json.loads(line)["n"] for line in capsys.readouterr().out.splitlines()] == list(
        range(len(proc.events))
    )
    assert cli.main(["log", path, "--approvals"]) == 0 and "call.decided" in capsys.readouterr().out
    whole = proc.journal.path.read_text()
    proc.journal.path.write_text(whole.replace('"n":3', '"n":4', 1))
    assert cli.main(["log", path, "--verify"]) == 2
    assert "line 4" in capsys.readouterr().err
    proc.journal.path.write_text(whole)


def test_a_batch_runs_every_spec_and_says_which_failed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.json").write_text(
        json.dumps({"version": 1, "turns": [call("tell", n=7), {"text": "it is 7"}]})
    )
    specs = [
        {
            "id": f"run-{i}",
            "goal": "tell",
            "model": "script:s.json",
            "approve": "auto",
            "tools": ["test_cli:tell"],
        }
        for i in range(5)
    ]
    specs.append({"id": "bad", "goal": "tell", "model": "script:none.json"})
    (tmp_path / "specs.jsonl").write_text("\n".join(json.dumps(s) for s in specs))
    assert cli.main(["run-batch", "specs.jsonl", "-o", "out.jsonl"]) == 1
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [f["reason"] for f in found] == ["answered"] * 5 + ["failed"]
    assert (
        cli.main(["run-batch", "specs.jsonl", "-o", "again.jsonl"]) == 1
    )  # those that ended are not run again


def test_a_bad_spec_is_named(tmp_path, capsys):
    (tmp_path / "specs.jsonl").write_text('{"id": "a", "gaol": "x"}')
    assert cli.main(["run-batch", str(tmp_path / "specs.jsonl")]) == 2
    assert "spec 1: unknown key 'gaol'; did you mean goal" in capsys.readouterr().err
