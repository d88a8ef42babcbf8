"""What `%agent export` says of the file: what it replaced, who signed it, where its crate is, and what it refuses."""

import subprocess

import pytest
from corpus.forgery import new_key

import llmos_nb
from llmos_nb.app.options import carry_out
from llmos_nb.errors import UsageError
from llmos_nb.export.cells import read
from llmos_nb.models.scripted import ScriptedModel

MODEL = [{"calls": [{"name": "python", "arguments": {"code": "x = 1\nprint(x)"}}]}, {"text": "Done."}]


@pytest.fixture
async def say(tmp_path, monkeypatch, capsys):
    """Carry out a command after a process has ended, and return what was said."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "own"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "own" / ".gitconfig"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    session = llmos_nb.Session({}, home=tmp_path / "home")
    await session.start("Make x.", name="par", model=ScriptedModel(MODEL))

    async def said(line):
        capsys.readouterr()
        await carry_out(session, line)
        return capsys.readouterr().out.strip()

    return said


async def test_a_text_in_which_nothing_runs_is_saved_and_not_written(say):
    assert await say("export 1 methods.md") == "saved: methods.md (a text: nothing in it runs)"


async def test_an_earlier_export_is_replaced_and_that_is_said(say):
    for file in ("x.ipynb", "x.py", "x.md"):
        assert "replaced" not in await say(f"export 1 {file} --no-run")
        assert (await say(f"export 1 {file} --no-run")).endswith(
            f"{file}; an earlier export stood there, and was replaced"
        )


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("mine.ipynb", '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'),
        ("mine.ipynb", "no notebook"),
        ("mine.py", "# %% [markdown]\n# My own\n\n# %%\nx = 1\n"),
        ("mine.md", "# My own\n"),
    ],
)
async def test_a_file_of_the_users_own_is_not_replaced_without_a_word(say, tmp_path, file, text):
    (tmp_path / file).write_text(text)
    with pytest.raises(UsageError, match=f"{file} is there already, and is no export: .*--force"):
        await say(f"export 1 {file} --no-run")
    assert (tmp_path / file).read_text() == text
    assert "replaced" in await say(f"export 1 {file} --no-run --force")
    assert (tmp_path / file).read_text() != text


async def test_a_signed_notebook_is_not_replaced_without_a_word(say, tmp_path):
    (folder := tmp_path / ("keys" * 20)).mkdir()  # a name is told whole, however long
    key = new_key(folder, "anna")
    said = await say(f"export 1 x.ipynb --no-run --sign {key} --crate kept")
    known = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True).stdout
    assert f"signed with {key}: valid, by a key nobody vouches for: ED25519 {known.split()[1]}" in said
    assert said.endswith("; its crate is kept") and (tmp_path / "kept" / "ro-crate-metadata.json").is_file()
    with pytest.raises(UsageError, match="x.ipynb is there already, and is signed"):
        await say("export 1 x.ipynb --no-run")
    assert "signature" in read(tmp_path / "x.ipynb")["metadata"]["llmos_nb"]
    said = await say("export 1 x.ipynb --no-run --force")
    assert "replaced" in said and "signed" not in said and "crate" not in said


async def test_a_signature_that_does_not_fit_the_file_is_not_said_to_be_one(say, tmp_path, monkeypatch):
    from llmos_nb.export.verify import signature

    key = new_key(tmp_path, "anna")
    monkeypatch.setattr(signature, "statement", lambda book: {"cells": [], "parts": {}, "journals": [], "around": ""})
    said = await say(f"export 1 x.ipynb --no-run --sign {key}")
    assert "valid" not in said and "not as the key" in said


async def test_several_processes_in_the_place_of_one_are_one_error_that_names_of(say):
    with pytest.raises(UsageError) as error:
        await say("export 1,2 both.ipynb")
    assert str(error.value) == "'1,2' names several processes: say %agent export both.ipynb --of 1,2"
