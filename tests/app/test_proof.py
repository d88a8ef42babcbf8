"""Signing, crates and proofs from the command line: what is asked for is done, and exit codes say what was found."""

import json
import zipfile
from pathlib import Path

import pytest
from corpus.forgery import allowed, new_key
from turns import call

import llmos_nb as llmos
from llmos_nb.app import cli, proof
from llmos_nb.app.options import parse_command
from llmos_nb.export.cells import read, write


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    """No key, no settings of git's, and nothing known of a package index."""
    for name in ("HOME", "XDG_CACHE_HOME", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "own"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "own" / ".gitconfig"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
async def journal(script):
    """The journal of a run with a step."""
    turns = call("python", code="total = 10\nprint(total)"), {"text": "It is 10."}
    proc = await llmos.run("Add up", model=script(*turns), approve="auto", plan="none", namespace={})
    return str(proc.journal.path)


@pytest.fixture
def key(tmp_path):
    made = new_key(tmp_path, "anna")
    allowed(tmp_path / "signers", "anna@example.org", made)
    return str(made)


async def test_export_and_verify_from_the_command_line_sign_and_say_who(journal, key, capsys):
    words = ["export", journal, "x.ipynb", "--lock", "none", "--sign", key, "--crate", "x.zip"]
    assert cli.main(words) == 0 and "written: x.ipynb" in capsys.readouterr().out
    assert "ro-crate-metadata.json" in zipfile.ZipFile("x.zip").namelist()
    assert cli.main(["verify", "x.ipynb", "--level", "signed", "--allowed-signers", "signers", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["signature"]["principals"] == ["anna@example.org"]
    levels = {c["level"]: c for c in told["levels"]}
    assert levels["unchanged"]["counts"]["checksums"] and levels["journal"]["counts"]["decisions"] == 1
    assert cli.main(["verify", "x.ipynb", "--level", "signed"]) == 2
    assert "nobody vouches for" in capsys.readouterr().out


async def test_a_process_of_the_home_is_exported_by_its_number(journal, capsys, tmp_path):
    home = str(Path(journal).parents[2])
    assert cli.main(["export", "1", "x.ipynb", "--lock", "none", "--home", home, "--no-run"]) == 0
    assert any("total = 10" in c["source"] for c in read(tmp_path / "x.ipynb")["cells"])
    assert cli.main(["export", "7", "y.ipynb", "--home", home]) == 2
    assert "has none of this number" in capsys.readouterr().err


async def test_exit_codes_say_changed_nothing_to_compare_and_not_run(journal, key, capsys, tmp_path):
    assert cli.main(["export", journal, "x.ipynb", "--lock", "none"]) == 0
    assert cli.main(["verify", "x.ipynb", "--level", "unchanged"]) == 0
    assert cli.main(["verify", "x.ipynb", "--level", "signed"]) == 4
    assert cli.main(["verify", "x.ipynb", "--allowed-signers", "signers"]) == 4
    assert cli.main(["verify", "none.ipynb"]) == 3
    book = read(tmp_path / "x.ipynb")
    book["cells"][0]["source"] += "!"
    write(book, tmp_path / "x.ipynb")
    assert cli.main(["verify", "x.ipynb"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.out_of_process
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "JOURNAL", "x.ipynb", "--sign"], "there is no ssh key"),
        (["export", "JOURNAL", "x.ipynb", "--sign", "no-such-key"], "there is no such key"),
        (["export", "JOURNAL", "x.ipynb", "--lock", "some"], "--lock"),
        (["export", "JOURNAL", "x.py", "--crate", "crate"], "only a notebook can be a crate"),
        (["verify", "x.ipynb", "--allowed-signers", "none"], "there is no such file"),
        (["verify", "x.ipynb", "--levl", "same"], "did you mean --level"),
        (["verify", "x.ipynb", "--level", "untampered"], "there are opens, unchanged, signed"),
    ],
)
async def test_what_cannot_be_done_is_one_line_and_writes_nothing(words, said, journal, capsys, tmp_path):
    assert cli.main([journal if w == "JOURNAL" else w for w in words]) != 0
    found = capsys.readouterr()
    assert said in found.err + found.out and "Traceback" not in found.err
    assert not (tmp_path / "x.ipynb").exists() and not (tmp_path / "x.py").exists()


@pytest.mark.out_of_process
async def test_journal_that_is_named_is_compared(journal, capsys, tmp_path):
    assert cli.main(["export", journal, "x.ipynb", "--lock", "none"]) == 0
    assert cli.main(["verify", "x.ipynb", "--level", "unchanged", "--journal", journal]) == 0
    assert "as in the journal" in capsys.readouterr().out
    assert cli.main(["verify", "x.ipynb", "--level", "unchanged", "--journal", "none"]) == 2


def test_agent_commands_take_the_same_options():
    command = parse_command("export 1 x.ipynb --sign key --crate c --lock none --clean")
    assert proof.exporting(command.flags) == {
        "clean": True,
        "trace": False,
        "sign": "key",
        "crate": "c",
        "force": False,
        "lock": False,
    }
    assert proof.exporting(parse_command("export 1 x.ipynb --sign").flags)["sign"] is True
    assert proof.exporting(parse_command("export 1 x.ipynb").flags)["sign"] is False
    command = parse_command("verify x.ipynb --level same --fresh --trust --allowed-signers s --journal a --journal b")
    assert proof.proving(command.flags) == {
        "level": "same", "fresh": True, "trust": True, "allowed_signers": "s", "journal": ["a", "b"],
    }  # fmt: skip
    assert proof.proving(parse_command("verify x.ipynb").flags)["trust"] is None
